"""What the walkers of all office formats share: the white space of a block, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..document import Block

SOFT_HYPHEN = "\u00ad"


def tidy(text: str) -> str:
    """RETURNS (str): Text as a block holds it: no soft hyphens, no white space around it, no empty line."""
    lines = (line.rstrip() for line in text.replace(SOFT_HYPHEN, "").split("\n"))
    return "\n".join(line for line in lines if line).strip()


def one_cell(texts: Iterable[str]) -> str:
    """RETURNS (str): The paragraphs of a cell on one line, since a line break is a row and a tab a cell."""
    return " ".join(" ".join(text.replace("\t", " ").split("\n")) for text in map(tidy, texts) if text)


def make_table(rows: Iterable[Sequence[str]]) -> Block:
    """RETURNS (Block): A table: rows by line breaks, cells by tabs. Rows without text are left out."""
    lines = ("\t".join(row).rstrip() for row in rows)
    return Block("table", "\n".join(line for line in lines if line.strip()))


def join_code(blocks: Iterable[Block]) -> list[Block]:
    """RETURNS (list[Block]): Code of one paragraph a line as one block."""
    joined: list[Block] = []
    for block in blocks:
        if block.kind == "code" and joined and joined[-1].kind == "code":
            joined[-1].text += f"\n{block.text}"
        else:
            joined.append(block)
    return joined
