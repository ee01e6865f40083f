"""`spacy-dossier.trim_memory.v1`: keeps the memory of a long training flat."""

import ctypes
from collections.abc import Callable
from typing import Any

from spacy.language import Language

from ..errors import DossierError


def create_trim_memory(every: int = 25) -> Callable[[Language, dict[str, Any]], None]:
    """Give freed memory back to the operating system now and then; for [training.before_update].

    Batches differ in size, so the C library's heap fragments and grows by some 20 MB a step on a CPU, although all of
    it is free. Does nothing where the C library is not glibc.

    every (int): Steps from one time to the next.
    """
    if every < 1:
        raise DossierError("trim_memory needs a number of steps of one at least", value=every)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def trim_memory(nlp: Language, info: dict[str, Any]) -> None:
        if trim is not None and info["step"] % every == 0:
            trim(0)

    return trim_memory
