"""CSV and TSV → rows, one broken row at a time.

RFC 4180 is what most programs write; some write quotes as they stand, or with a backslash before them. RFC 4180 is
taken when it reads the first rows without a broken one; else the three are compared by the lines that broken rows cost,
never by the rows that come out: reading each line of a text as a row breaks none. A row without as many fields as the
header is a failure of its own: the next line begins a new one, whatever quote was left open.
"""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

DELIMITERS = ",;\t|"
NONE = "\x1f"  # stands for the delimiter of a table of one column
LOOK = 1000  # lines that tell how quotes are written
LONGEST_ROW = 32_000_000  # characters of a row of many lines: 32 times what spaCy takes as a text
FAR, FAR_LOOKS = 1000, 10  # so often, more lines than that are looked at for the end of a quote that has none
FEW = 0.1  # of the lines, which broken rows may cost before quotes are taken as they stand

csv.field_size_limit(sys.maxsize)


Quoting = dict[str, Any]  # how quotes are written, as csv.reader takes it
QUOTED: Quoting = {"strict": True}
ESCAPED: Quoting = {"strict": True, "escapechar": "\\", "doublequote": False}
AS_TEXT: Quoting = {"quoting": csv.QUOTE_NONE}
UNENDED = "unexpected end of data"  # what csv.reader says of a quote that is open at the end


class BrokenRow(NamedTuple):
    message: str


def read_table(lines: Iterator[str], delimiter: str | None) -> tuple[list[str], Iterator[list[str] | BrokenRow]]:
    """Read a table.

    lines (Iterator[str]): With their ends.
    delimiter (str | None): What parts fields; None to take what the header has most of.
    RETURNS (tuple): The names of its columns, and its rows with a field for each, or what is wrong with one.
    """
    lines = (line.replace("\0", "") for line in lines)
    head = list(islice(lines, LOOK))
    sampled = len(head)
    if delimiter is None:
        first = head[0] if head else ""
        delimiter = max(DELIMITERS, key=first.count)
        delimiter = delimiter if delimiter in first else NONE

    def cost(quoting: Quoting) -> int:
        rows = split(replay(head, lines), delimiter, quoting, sampled)
        return sum(isinstance(row, BrokenRow) for row in rows)

    quoting, lost = QUOTED, cost(QUOTED)
    if lost and any('\\"' in line for line in head) and (lost_escaped := cost(ESCAPED)) < lost:
        quoting, lost = ESCAPED, lost_escaped
    if lost > FEW * sampled and lost - cost(AS_TEXT) > FEW * sampled:
        quoting = AS_TEXT
    rows = split(chain(head, lines), delimiter, quoting)
    columns = next(rows, [])
    return ([] if isinstance(columns, BrokenRow) else [name.strip() for name in columns]), rows


def replay(head: list[str], lines: Iterator[str]) -> Iterator[str]:
    """YIELDS (str): The lines of `head`, then those after it, which are added to it."""
    yield from head
    for line in lines:
        head.append(line)
        yield line


def split(
    lines: Iterator[str], delimiter: str, quoting: Quoting, most: int = sys.maxsize
) -> Iterator[list[str] | BrokenRow]:
    """Part lines into rows.

    most (int): Of so many lines: a row that begins in them is read to its end.
    YIELDS (list[str] | BrokenRow): The header, and each row with as many fields; empty lines are none.
    """
    waiting: deque[str] = deque()  # lines that were looked at while a quote was open
    width: int | None = None
    seen, far_looks = 0, FAR_LOOKS
    while seen < most and (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        seen += 1
        if not line.strip():
            continue
        row, more = parse(line, delimiter, quoting), 0
        if row is None:
            row, more = parse_lines(line, waiting, lines, delimiter, quoting, sys.maxsize if far_looks else FAR)
            far_looks -= isinstance(row, BrokenRow) and more > FAR
        if isinstance(row, list) and width is not None and len(row) != width:
            row = BrokenRow(f"{len(row)} fields, and the header has {width}")
        if isinstance(row, list):
            seen += more
            for _ in range(more):
                waiting.popleft()
        width = width if width is not None else len(row) if isinstance(row, list) else 0
        yield row


def parse_lines(
    line: str, waiting: deque[str], lines: Iterator[str], delimiter: str, quoting: Quoting, most: int
) -> tuple[list[str] | BrokenRow, int]:
    """Parse a row with an open quote together with the lines after it.

    waiting (deque[str]): Takes what is looked at of them.
    most (int): Look at so many of them.
    RETURNS (tuple): The row, and how many of the lines after it were looked at.
    """
    looked: list[str] = []
    count = 0

    def follow() -> Iterator[str]:
        nonlocal count
        chars = len(line)
        yield line
        for following in islice(chain(waiting, replay(looked, lines)), most):
            count += 1
            chars += len(following)
            if chars > LONGEST_ROW:
                return
            yield following

    try:
        row: list[str] | BrokenRow = next(csv.reader(follow(), delimiter=delimiter, **quoting))
    except csv.Error as error:
        row = BrokenRow("a quote is open at its end" if str(error) == UNENDED else str(error))
    waiting.extend(looked)
    return row, count


def parse(text: str, delimiter: str, quoting: Quoting) -> list[str] | BrokenRow | None:
    """RETURNS (list[str] | BrokenRow | None): The fields; None when a quote is open at the end."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, **quoting))
    except csv.Error as error:
        return None if str(error) == UNENDED else BrokenRow(str(error))
    return rows[0] if len(rows) == 1 else BrokenRow("a line's end in its midst")
