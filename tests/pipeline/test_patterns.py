"""No regular expression of these rooms explodes."""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import spacy_dossier.models
import spacy_dossier.pipeline
import spacy_dossier.training

SIZE = 50_000
HOSTILE = [
    "a" * SIZE,
    " " * SIZE,
    "_" * SIZE,
    ".layer." * SIZE,
    ".layer.1" * SIZE,
    ".layers." + "1" * SIZE,
    "a_" * SIZE,
    "(" * SIZE + ")" * SIZE,
    "\n \t" * SIZE,
    "é1-" * SIZE,
]


def patterns() -> Iterator[re.Pattern]:
    for room in (spacy_dossier.models, spacy_dossier.pipeline, spacy_dossier.training):
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            module = importlib.import_module(found.name)
            yield from (value for value in vars(module).values() if isinstance(value, re.Pattern))


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: pattern.pattern)
def test_hostile_text_takes_linear_time(pattern: re.Pattern) -> None:
    """Half a million characters take a moment; what is quadratic would take minutes."""
    begun = time.process_time()
    for text in HOSTILE:
        pattern.search(text)
        pattern.findall(text)
        pattern.sub("", text)
    assert time.process_time() - begun < 30
