"""What every reader gives: the blocks of a document in reading order, and the text that they make together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .failures import FailureKind

Kind = Literal[
    "title",
    "heading",
    "paragraph",
    "list_item",
    "table",
    "caption",
    "code",
    "quotation",
    "reply",
    "signature",
    "footnote",
    "page_header",
    "page_footer",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
OUTSIDE: frozenset[Kind] = frozenset(("reply", "page_header", "page_footer"))  # blocks that are no part of the text
GAP = "\n\n"  # what parts two blocks in the text


class Unreadable(Exception):
    """A document that cannot be read.

    kind (FailureKind): What is wrong.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass
class Block:
    """A part of a document as its author made it.

    kind (Kind): What it is.
    text (str): Its text without white space around it. A line break stands only where the author made one: rows of a
        table (cells parted by tabs, empty ones too: its first row may begin with a tab), lines of code, verse or an
        address. Never an empty line.
    level (int | None): Of a heading, from 1; of a list item, how deep its list is nested, from 1.
    pages (list[tuple[int, int]]): (character of this block's text, page number from 1) where each page begins; the
        first at 0. Empty for formats without pages.
    """

    kind: Kind
    text: str
    level: int | None = None
    pages: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class PlacedBlock:
    """A block and where it stands in the text.

    start, end (int | None): Code points into the text; None for a block outside it, which keeps its own text.
    page (int | None): Page it begins on.
    """

    kind: Kind
    start: int | None
    end: int | None
    level: int | None = None
    page: int | None = None
    text: str | None = None


@dataclass
class Document:
    """What a reader makes of a file.

    blocks (list[Block]): In reading order.
    meta (dict[str, Any]): What the file says of itself, such as a mail's header.
    """

    blocks: list[Block] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


def lay_out(
    blocks: Iterable[Block], outside: Collection[Kind] = OUTSIDE
) -> tuple[str, list[PlacedBlock], list[tuple[int, int]]]:
    """Make the text of a document: its blocks, parted by empty lines.

    outside (Collection[Kind]): Kinds that are no part of the text.
    RETURNS (tuple): The text, the blocks with their places, and (first character, page number) of each page.
    """
    parts: list[str] = []
    placed: list[PlacedBlock] = []
    pages: list[tuple[int, int]] = []
    position = 0
    for block in blocks:
        if not block.text:
            continue
        page = block.pages[0][1] if block.pages else None
        if block.kind in outside:
            placed.append(PlacedBlock(block.kind, None, None, block.level, page, block.text))
            continue
        if parts:
            parts.append(GAP)
            position += len(GAP)
        for offset, number in block.pages:
            if not pages or pages[-1][1] != number:
                pages.append((position + offset, number))
        end = position + len(block.text)
        placed.append(PlacedBlock(block.kind, position, end, block.level, page))
        parts.append(block.text)
        position = end
    return "".join(parts), placed, pages
