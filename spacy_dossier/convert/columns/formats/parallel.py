"""Rows with the tokens of a sentence in one cell and as many tags in another."""

import ast
from collections import Counter
from collections.abc import Sequence

from ....errors import DossierError
from ..detect.sample import Head
from ..layout import Layout, split_spaces, split_tabs, splitter
from ..schemes import is_tag
from ..tags import find_form
from .json_lists import turned
from .lines import LineFormat


class Parallel(LineFormat):
    """Cells with as many pieces each."""

    name = "parallel"
    about = "a sentence a row: one cell with the tokens, one with as many tags; TABs or commas"
    example = "Anna Berg left\tB-PER I-PER O\n"

    def find(self, head: Head) -> Layout | None:
        """RETURNS (Layout | None): Which cells have as many pieces in each line, of which one holds tags."""
        lines = head.lines
        for delimiter in ("\t", ",") if lines else ():
            split = splitter(delimiter, quoted=delimiter == ",")
            rows = [split(line) for line in lines]
            width = Counter(map(len, rows)).most_common(1)[0][0]
            if width > 1 and 10 * sum(len(row) == width for row in rows) >= 9 * len(lines):
                pieces = [[_pieces(cell) for cell in row] for row in rows if len(row) == width]
                tags, cells = _parallel_cells(pieces, width)
                if cells:
                    header = len(rows[0]) == width and not all(map(is_tag, _pieces(rows[0][tags])))
                    return Layout(self.name, delimiter, len(cells), cells=cells, header=header)
        return None

    def unfold(self, line: str, layout: Layout) -> list[list[str]]:
        """RETURNS (list[list[str]]): The columns of each token."""
        cells = splitter(layout.delimiter, quoted=layout.delimiter == ",")(line)
        return turned([_pieces(cells[i]) if i < len(cells) else [] for i in layout.cells])

    def is_header(self, line: str, layout: Layout) -> bool:
        """RETURNS (bool): Whether the cell of the tags holds something else."""
        cells = splitter(layout.delimiter, quoted=layout.delimiter == ",")(line)
        place = layout.cells[layout.tag or 0]
        return len(cells) <= place or not all(map(is_tag, layout.form.read(_pieces(cells[place]))))

    def refold(self, line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
        """RETURNS (str): A line with other cells in a column.

        RAISES (DossierError): If it is one of a CSV file.
        """
        if layout.delimiter == ",":
            raise DossierError("other entities cannot be written into a CSV row", remedy="Choose another --format.")
        parts = split_tabs(line)
        parts[layout.cells[column]] = " ".join(cells)
        return "\t".join(parts) + line[len(line.rstrip("\r\n")) :]

    def fold(self, tokens: Sequence[str], tags: Sequence[str]) -> str:
        """RETURNS (str): A sentence as a line."""
        return f"{' '.join(tokens)}\t{' '.join(tags)}"


def _parallel_cells(pieces: Sequence[Sequence[Sequence[str]]], width: int) -> tuple[int, tuple[int, ...]]:
    """RETURNS (tuple[int, tuple[int, ...]]): The cell of the tags, and all that have as many pieces; none if empty."""
    for i in range(width):
        counts = Counter(piece for row in pieces for piece in row[i])
        if counts.total() >= 2 * len(pieces) and find_form(counts) is not None:
            same = [j for j in range(width) if 10 * sum(len(r[i]) == len(r[j]) for r in pieces) >= 9 * len(pieces)]
            if len(same) > 1:
                return i, tuple(same)
    return 0, ()


def _pieces(cell: str) -> list[str]:
    """RETURNS (list[str]): Pieces of a cell as `O O B-PER` or `['O', 'O', 'B-PER']`."""
    if cell.startswith(("['", '["')):
        try:
            return [str(piece) for piece in ast.literal_eval(cell)]
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return []
    return split_spaces(cell)
