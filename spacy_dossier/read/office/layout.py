"""What the walkers of all office formats share: the white space of a block, escapes, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..document import Block

SOFT_HYPHEN = "\u00ad"
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
CONTROLS = dict.fromkeys((*range(9), *range(14, 32), 127)) | {11: "\n", 12: "\n", 13: "\n"}


def tidy(text: str) -> str:
    """RETURNS (str): Text as a block holds it: no soft hyphens, no white space around it, no empty line."""
    lines = (line.rstrip() for line in text.replace(SOFT_HYPHEN, "").split("\n"))
    return "\n".join(line for line in lines if line).strip()


def unescape(text: str) -> str:
    """RETURNS (str): Text whose control characters stand as "_x000D_" in the file (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" in text:
        text = join_surrogates(ESCAPE.sub(lambda match: chr(int(match[1], 16)), text))
    return text.replace("\r\n", "\n").translate(CONTROLS)


def join_surrogates(text: str) -> str:
    """RETURNS (str): Text in which a sign of two UTF-16 units is one, and a half of one is U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def one_cell(texts: Iterable[str]) -> str:
    """RETURNS (str): The paragraphs of a cell on one line, since a line break is a row and a tab a cell."""
    return " ".join(" ".join(text.replace("\t", " ").split("\n")) for text in map(tidy, texts) if text)


def make_table(rows: Iterable[Sequence[str]]) -> Block:
    """RETURNS (Block): A table: rows by line breaks, cells by tabs. Rows without text are left out."""
    lines = ("\t".join(row).rstrip() for row in rows)
    return Block("table", "\n".join(line for line in lines if line.strip()))


def arrange(rows: Sequence[Sequence[list[Block]]]) -> list[Block]:
    """Make blocks of a table whose cells are blocks.

    rows (Sequence[Sequence[list[Block]]]): The blocks of each cell; none for what a merged cell covers.
    RETURNS (list[Block]): A table and the notes in it; where the table only places parts of a page (it has one column,
        or headings or tables in its cells) these parts, row by row.
    """
    blocks = [block for row in rows for cell in row for block in cell]
    if all(len(row) < 2 for row in rows) or any(block.kind in ("title", "heading", "table") for block in blocks):
        return blocks
    table = make_table([one_cell(b.text for b in cell if b.kind != "footnote") for cell in row] for row in rows)
    return [block for block in (table, *blocks) if block.text and block.kind in ("table", "footnote")]


@dataclass
class Shape:
    """Something on a slide, with its place in any unit."""

    blocks: list[Block]
    top: float = 0
    left: float = 0
    height: float = 0


def reading_order(shapes: Iterable[Shape]) -> list[Block]:
    """RETURNS (list[Block]): From top to bottom; shapes that begin above the middle of the highest are beside it."""
    left = sorted(shapes, key=lambda shape: shape.top)
    blocks: list[Block] = []
    while left:
        middle = left[0].top + left[0].height / 2
        beside = [shape for shape in left if shape.top <= middle]
        left = left[len(beside) :]
        blocks += (block for shape in sorted(beside, key=lambda shape: shape.left) for block in shape.blocks)
    return blocks


def join_code(blocks: Iterable[Block]) -> list[Block]:
    """RETURNS (list[Block]): Code of one paragraph a line as one block."""
    joined: list[Block] = []
    for block in blocks:
        if block.kind == "code" and joined and joined[-1].kind == "code":
            joined[-1].text += f"\n{block.text}"
        else:
            joined.append(block)
    return joined
