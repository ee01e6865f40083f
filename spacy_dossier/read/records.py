"""CSV and TSV → rows, one broken row at a time.

RFC 4180 is what most programs write; some write quotes as they stand, or with a backslash before them. Which of the
three a file is written in is told by the share of its first rows that then have as many fields as its header: their
number would favour the way that takes each line of a text for a row. A row that does not is a failure of its own: the
next line begins a new one, whatever quote was left open.
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
SPAN, SPAN_CHARS = 1000, 1_000_000  # lines and characters that a quoted field may go over
NEARLY = 0.9  # of the share that another way of writing quotes reads, RFC 4180 must read to be taken

csv.field_size_limit(sys.maxsize)


Quoting = dict[str, Any]  # how quotes are written, as csv.reader takes it
QUOTED: Quoting = {"strict": True}
ESCAPED: Quoting = {"strict": True, "escapechar": "\\", "doublequote": False}
AS_TEXT: Quoting = {"quoting": csv.QUOTE_NONE}


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
    if delimiter is None:
        first = head[0] if head else ""
        delimiter = max(DELIMITERS, key=first.count)
        delimiter = delimiter if delimiter in first else NONE
    choices = []
    has_escapes = any('\\"' in line for line in head)
    for quoting in (QUOTED, ESCAPED, AS_TEXT) if has_escapes else (QUOTED, AS_TEXT):
        rows = split(iter(head), delimiter, quoting)
        columns = next(rows, [])
        whole = [not isinstance(row, BrokenRow) for row in rows]
        choices.append((quoting, columns, sum(whole) / max(1, len(whole))))
    most = max(share for _, _, share in choices)
    quoting, columns, _ = next(choice for choice in choices if choice[2] >= NEARLY * most)
    rows = split(chain(head, lines), delimiter, quoting)
    next(rows, None)
    return ([] if isinstance(columns, BrokenRow) else [name.strip() for name in columns]), rows


def split(lines: Iterator[str], delimiter: str, quoting: Quoting) -> Iterator[list[str] | BrokenRow]:
    """YIELDS (list[str] | BrokenRow): The header, and each row with as many fields; empty lines are none."""
    waiting: deque[str] = deque()  # lines that were looked at while a quote was open
    width: int | None = None
    while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        if not line.strip():
            continue
        row = parse(line, delimiter, quoting)
        if row is None:
            row, more = parse_lines(line, waiting, lines, delimiter, quoting)
        else:
            more = 0
        if isinstance(row, list) and width is not None and len(row) != width:
            row = BrokenRow(f"{len(row)} fields, and the header has {width}")
        if isinstance(row, list):
            for _ in range(more):
                waiting.popleft()
        width = width if width is not None else len(row) if isinstance(row, list) else 0
        yield row


def parse_lines(
    line: str, waiting: deque[str], lines: Iterator[str], delimiter: str, quoting: Quoting
) -> tuple[list[str] | BrokenRow, int]:
    """Parse a row with an open quote together with the lines after it.

    waiting (deque[str]): Takes what is looked at of them.
    RETURNS (tuple): The row, and how many of the waiting lines are in it.
    """
    taken, quotes, chars = [line], count_quotes(line, quoting), len(line)
    while len(taken) <= SPAN and chars <= SPAN_CHARS:
        if len(taken) > len(waiting):
            following = next(lines, None)
            if following is None:
                break
            waiting.append(following)
        following = waiting[len(taken) - 1]
        taken.append(following)
        chars += len(following)
        quotes += count_quotes(following, quoting)
        if quotes % 2 == 0 and (row := parse("".join(taken), delimiter, quoting)) is not None:
            return row, len(taken) - 1
    return BrokenRow("a quote is open at its end"), 0


def count_quotes(line: str, quoting: Quoting) -> int:
    return line.count('"') - (line.count('\\"') if quoting is ESCAPED else 0)


def parse(text: str, delimiter: str, quoting: Quoting) -> list[str] | BrokenRow | None:
    """RETURNS (list[str] | BrokenRow | None): The fields; None when a quote is open at the end."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, **quoting))
    except csv.Error as error:
        return None if str(error) == "unexpected end of data" else BrokenRow(str(error))
    return rows[0] if len(rows) == 1 else BrokenRow("a line's end in its midst")
