"""Sheets of spreadsheets → tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..document import Block
from .layout import make_table, one_cell, tidy

GAPS = 20  # empty cells a cell with text, above which a table is written without them: then it is no table of columns


@dataclass
class Sheet:
    """The cells of a sheet as they are shown, of any format.

    rows (dict[int, dict[int, str]]): Texts by row and column from 1.
    covered (list[tuple[int, int, int, int]]): First row, first column, last row, last column of merged cells.
    hidden (list[tuple[int, int]]): First and last column of those that are not shown.
    headers, footers (list[str]): Of the printed page.
    """

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    covered: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: list[tuple[int, int]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    footers: list[str] = field(default_factory=list)

    def tables(self) -> Iterator[Block]:
        """YIELDS (Block): Tables, parted by empty rows; a cell alone is a paragraph."""
        for top, left, bottom, right in self.covered:
            for row in range(top, min(bottom, max(self.rows, default=0)) + 1):
                cells = self.rows.get(row, {})
                for column in [c for c in cells if left <= c <= right and (row, c) != (top, left)]:
                    del cells[column]
        table: list[dict[int, str]] = []
        last = 0
        for row in sorted(self.rows):
            cells = {
                column: text
                for column, text in sorted(self.rows[row].items())
                if text.strip() and not any(first <= column <= end for first, end in self.hidden)
            }
            if not cells:
                continue
            if table and row > last + 1:
                yield _table(table)
                table = []
            table.append(cells)
            last = row
        if table:
            yield _table(table)


def _table(rows: list[dict[int, str]]) -> Block:
    columns = sorted({column for row in rows for column in row})
    count = sum(map(len, rows))
    if count == 1:
        return Block("paragraph", tidy(rows[0][columns[0]]))
    if len(rows) * len(columns) > GAPS * count:
        return make_table([one_cell([text]) for text in row.values()] for row in rows)
    return make_table([one_cell([row.get(column, "")]) for column in columns] for row in rows)
