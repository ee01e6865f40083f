"""Plain text."""

from __future__ import annotations

import re
from functools import lru_cache

from ..text.encoding import Decoded, Undecodable, decode
from .document import Document, Unreadable
from .prose import text_blocks

EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n)+")


@lru_cache(maxsize=1)  # the format is told by the text, which its reader then wants too
def decode_file(data: bytes, *, declared: bool = False) -> Decoded:
    """Decode a file for a reader; line ends become "\\n".

    declared (bool): The format lets a file name its own encoding.
    RAISES (Unreadable): No encoding fits.
    """
    try:
        return decode(data, declared=declared)
    except Undecodable as error:
        raise Unreadable("Unsupported", f"{error}: no format known to the extractor") from None


def decode_text(data: bytes, *, declared: bool = False) -> str:
    """RETURNS (str): The text of `decode_file`."""
    return decode_file(data, declared=declared).text


def read_plain(data: bytes, name: str) -> Document:
    """Read a text file. RAISES (Unreadable): No encoding fits."""
    return Document(text_blocks(decode_text(data)))
