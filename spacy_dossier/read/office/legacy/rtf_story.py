"""Paragraphs and tables of RTF → blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...document import Block, Kind
from ..layout import arrange, join_surrogates, tidy
from ..word_styles import BODY_LEVEL, CONTENTS, HEADING, KINDS

Merge = tuple[bool, bool]
"""Of a cell: it is the rest of a merged one before it, or above it."""


@dataclass
class Style:
    """A paragraph style. outline (int): Outline level from 0; 9 for text."""

    name: str = ""
    based_on: int | None = None
    outline: int = BODY_LEVEL


@dataclass
class Paragraph:
    """What is set for a paragraph.

    style (int): Number of its style. outline (int | None): Its own outline level.
    depth (int | None): How deep in a list it is, from 0; None outside of lists.
    table (int): How many tables it is in.
    """

    style: int = 0
    outline: int | None = None
    depth: int | None = None
    table: int = 0


@dataclass
class Table:
    """A table that is being read.

    rows (list[list[list[Block]]]): The rows that are complete: the blocks of each cell.
    cells (list[list[Block]]): The cells of the row that is not complete.
    cell (list[Block]): The blocks of the cell that is not complete.
    """

    rows: list[list[list[Block]]] = field(default_factory=list)
    cells: list[list[Block]] = field(default_factory=list)
    cell: list[Block] = field(default_factory=list)

    def end_row(self, merges: list[Merge]) -> None:
        if self.cell:
            self.cells.append(self.cell)
            self.cell = []
        for cell, merge in zip(self.cells, merges, strict=False):
            if any(merge):
                cell.clear()
        self.rows.append(self.cells)
        self.cells = []

    def blocks(self) -> list[Block]:
        if self.cell or self.cells:
            self.end_row([])
        return arrange(self.rows)


class Story:
    """A run of text: the body, a header, a note, a box.

    styles (dict[int, Style]): The paragraph styles, by number.
    """

    def __init__(self, styles: dict[int, Style]) -> None:
        self.styles = styles
        self.texts: list[str] = []
        self.after: list[Block] = []  # notes and boxes of the paragraph that is not complete
        self.done: list[Block] = []
        self.tables: list[Table] = []  # those that are open, the outermost first

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): All of it; tables that are open are completed."""
        self._at_level(0)
        return self.done

    def end_paragraph(self, about: Paragraph) -> None:
        text = join_surrogates("".join(self.texts))
        kind, level = self._kind(about)
        where = self._at_level(about.table)
        where += [block for block in (Block(kind, tidy(text), level), *self.after) if block.text]
        self.texts, self.after = [], []

    def end_cell(self, about: Paragraph, level: int) -> None:
        self.end_paragraph(replace(about, table=max(about.table, level)))
        self._at_level(level)
        table = self.tables[level - 1]
        table.cells.append(table.cell)
        table.cell = []

    def end_row(self, level: int, merges: list[Merge]) -> None:
        self._at_level(level)
        self.tables[level - 1].end_row(merges)

    def _at_level(self, level: int) -> list[Block]:
        """RETURNS (list[Block]): Where a paragraph goes that is in so many tables; deeper ones are complete."""
        while len(self.tables) > level:
            found = self.tables.pop().blocks()
            (self.tables[-1].cell if self.tables else self.done).extend(found)
        while len(self.tables) < level:
            self.tables.append(Table())
        return self.tables[-1].cell if self.tables else self.done

    def _kind(self, about: Paragraph) -> tuple[Kind, int | None]:
        outline = about.outline
        number: int | None = about.style
        seen: set[int] = set()
        while number is not None and number not in seen and (style := self.styles.get(number)) is not None:
            seen.add(number)
            number, name = style.based_on, style.name.lower()
            heading, contents = HEADING.fullmatch(name), CONTENTS.fullmatch(name)
            if name in KINDS:
                return KINDS[name], None
            if contents:
                return "list_item", int(contents[1])
            if outline is None and (heading or style.outline < BODY_LEVEL):
                outline = int(heading[1]) - 1 if heading else style.outline
        if outline is not None and outline < BODY_LEVEL:
            return "heading", outline + 1
        return ("paragraph", None) if about.depth is None else ("list_item", about.depth + 1)
