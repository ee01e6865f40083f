"""Memory that training has freed goes back to the operating system."""

import sys

import psutil
import pytest
import spacy
import torch

from spacy_dossier.errors import DossierError
from spacy_dossier.training.memory import create_trim_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be asked to give memory back")
def test_freed_memory_is_given_back() -> None:
    """A fragmented heap shrinks at a step that the callback is due at."""
    process = psutil.Process()
    blocks = [torch.ones(25_000) for _ in range(4_000)]  # 100 kB each: below the threshold for mapping them singly
    pins = blocks[::2]
    full = process.memory_info().rss
    del blocks
    create_trim_memory(every=10)(spacy.blank("en"), {"step": 20})
    assert full - process.memory_info().rss > 100e6
    assert len(pins) == 2_000


def test_number_of_steps_is_checked() -> None:
    """Every zeroth step is a mistake."""
    with pytest.raises(DossierError, match="one at least"):
        create_trim_memory(every=0)
