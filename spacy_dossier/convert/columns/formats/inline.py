"""`token/TAG token/TAG`, as in WikiNER: a sentence a line, tags joined to their tokens."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ....errors import DossierError
from ..detect.sample import Head
from ..layout import Layout, split_spaces
from ..tags import are_numbers, find_form, find_outside
from .lines import LineFormat

SEPARATORS = ("|", "/", "_", "\\", "###", "@@")
PIECE = re.compile(r"[^ \t\r\n]+")
WRITTEN = "/"


class Inline(LineFormat):
    """Tokens with their tags joined to them."""

    name = "inline"
    about = "a sentence a line: token/TAG token/TAG, or token|POS|TAG"
    example = "Anna/B-PER Berg/I-PER left/O\n"

    def find(self, head: Head) -> Layout | None:
        """RETURNS (Layout | None): The separator that each piece of each line holds, with a tag last."""
        pieces = [piece for line in head.lines for piece in split_spaces(line)]
        if not pieces or (len(pieces) < 3 * len(head.lines) and len(pieces) < 2 * len(head.lines) + 2):
            return None
        for separator in SEPARATORS:
            parts = Counter(piece.count(separator) + 1 for piece in pieces)
            width = max(parts, key=lambda n: (parts[n], -n))
            if width < 2 or 100 * sum(n for size, n in parts.items() if size >= width) < 95 * len(pieces):
                continue
            if _are_tags(Counter(piece.rsplit(separator, 1)[-1] for piece in pieces)):
                return Layout(self.name, separator, width)
        return None

    def unfold(self, line: str, layout: Layout) -> list[list[str]]:
        """RETURNS (list[list[str]]): The columns of each token."""
        rows = [cell.rsplit(layout.delimiter, (layout.width or 2) - 1) for cell in split_spaces(line)]
        if any(len(row) != layout.width for row in rows):
            raise ValueError(f"{layout.width} parts joined by {layout.delimiter!r} in each token")
        return rows

    def refold(self, line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
        """RETURNS (str): A line with other cells in a column."""
        new: Iterator[str] = iter(cells)

        def put(match: re.Match[str]) -> str:
            parts = match[0].rsplit(layout.delimiter, (layout.width or 2) - 1)
            parts[column] = next(new)
            return layout.delimiter.join(parts)

        return PIECE.sub(put, line)

    def fold(self, tokens: Sequence[str], tags: Sequence[str]) -> str:
        """RETURNS (str): A sentence as a line.

        RAISES (DossierError): If a label holds the separator.
        """
        for tag in tags:
            if WRITTEN in tag:
                raise DossierError("a label holds a slash", value=tag, remedy="Choose a layout with columns.")
        return " ".join(f"{token}{WRITTEN}{tag}" for token, tag in zip(tokens, tags, strict=True))


def _are_tags(counts: Counter[str]) -> bool:
    """Whether these are tags, or labels without a prefix: those are few, and most tokens have none."""
    few = len(counts) <= max(8, counts.total() / 10)
    bare = few and 2 * counts[find_outside(counts)] > counts.total() and not are_numbers(counts)
    return bare or find_form(counts) is not None
