"""JSON and tables without a column of texts: what a reader of the file sees, without its punctuation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ..document import Block, Document
from ..plain import decode_text
from ..prose import text_blocks
from .records import BrokenRow, read_table

SHORT = 120  # characters of a value that stands on a line with its name


def read_json(data: bytes, name: str) -> Document:
    """Read JSON: `name: value` for each short value, long texts as paragraphs; what is broken as plain text.

    RAISES (Unreadable): No encoding fits.
    """
    text = decode_text(data)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Document(text_blocks(text))
    return Document([block for block in values(value, "") if block.text])


def values(value: Any, name: str) -> Iterator[Block]:
    """YIELDS (Block): The values of an object or a list, in order."""
    stack = [(name, value)]
    lines: list[str] = []
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            stack += reversed([(f"{name} {key}".strip(), inner) for key, inner in value.items()])
        elif isinstance(value, list) and any(isinstance(inner, dict | list) or is_long(inner) for inner in value):
            stack += reversed([(name, inner) for inner in value])
        elif is_long(value):
            yield Block("paragraph", "\n".join(lines))
            lines = []
            yield from text_blocks(value)
        elif value is not None and value != [] and str(value).strip():
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
            lines.append(f"{name}: {text}" if name else text)
    yield Block("paragraph", "\n".join(lines))


def is_long(value: Any) -> bool:
    return isinstance(value, str) and (len(value) > SHORT or "\n" in value.strip())


def read_csv(data: bytes, name: str) -> Document:
    """Read a CSV or TSV file as one table; broken rows as they stand. RAISES (Unreadable): No encoding fits."""
    lines = decode_text(data).splitlines(keepends=True)
    columns, rows = read_table(iter(lines), "\t" if PurePosixPath(name).suffix.lower() == ".tsv" else None)
    table = [columns, *rows]
    if any(isinstance(row, BrokenRow) for row in table):
        return Document(text_blocks("".join(lines)))
    return Document(
        [Block("table", "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in table).strip())]
    )
