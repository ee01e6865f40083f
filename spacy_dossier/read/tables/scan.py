"""What a reader process says of a table: which rows it has, and a range of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from .rows import TableRow, read_rows

PART_ROWS, PART_SECONDS = 1024, 1.0  # after which a part is given, so that who waits sees that it goes on


class RowFacts(NamedTuple):
    """What a plan has to know of a row.

    size (int): Its characters.
    text (str | None): SHA-256 of its text; None for a broken one.
    digest (str): Of all that it says.
    """

    size: int
    text: str | None
    digest: str


@dataclass
class RowRange:
    """Rows of a table that stand one after the other.

    content (str): Of all that they say, as `chain` makes it.
    """

    rows: list[TableRow] = field(default_factory=list)
    content: str = ""


def facts(row: TableRow) -> RowFacts:
    text = None if row.error else hashlib.sha256(row.text.encode()).hexdigest()
    rest = json.dumps([text, row.meta, row.error], sort_keys=True)
    return RowFacts(len(row.text) + len(rest), text, hashlib.sha256(rest.encode()).hexdigest())


def chain(content: str, digest: str) -> str:
    """RETURNS (str): What stands for some rows and the one after them. content (str): For the rows before, or ""."""
    return hashlib.sha256(f"{content}{digest}".encode()).hexdigest()


def scan(path: str, text_field: str, first: int) -> Iterator[list[RowFacts]]:
    """Go over a table.

    first (int): Row (from 0) to begin with.
    YIELDS (list[RowFacts]): Facts of the rows from there on, in parts.
    RAISES: As `read_rows`, once what was read before has been given.
    """
    part: list[RowFacts] = []
    given = time.monotonic()
    rows = read_rows(path, text_field)
    try:
        for number, row in enumerate(rows):
            if number >= first:
                part.append(facts(row))
            if number % PART_ROWS == PART_ROWS - 1 or time.monotonic() - given > PART_SECONDS:
                yield part
                part, given = [], time.monotonic()
    except Exception:
        yield part
        raise
    yield part


class Cursor:
    """Reads rows n to m of a table; going forward does not start again.

    Shards of a table come to a reader in order, so that it reads the file once.
    """

    def __init__(self) -> None:
        self.key: tuple[str, str] | None = None
        self.position = 0
        self.rows: Iterator[TableRow] = iter(())

    def skip(self, path: str, text_field: str, first: int) -> Iterator[None]:
        """Go to row `first` (from 0). YIELDS: Now and then, so that who waits sees that it goes on."""
        if self.key != (path, text_field) or self.position > first:
            self.key, self.position = (path, text_field), 0
            self.rows = read_rows(path, text_field)
        while self.position < first:
            count = min(PART_ROWS, first - self.position)
            if len(self._take(count)) < count:
                return
            yield

    def read(self, path: str, text_field: str, first: int, count: int) -> RowRange:
        """RETURNS (RowRange): `count` rows from row `first` (from 0); fewer when the file has become shorter."""
        for _ in self.skip(path, text_field, first):
            pass
        found = RowRange(self._take(count))
        for row in found.rows:
            found.content = chain(found.content, facts(row).digest)
        return found

    def _take(self, count: int) -> list[TableRow]:
        try:
            rows = list(islice(self.rows, count))
        except BaseException:
            self.key = None  # a generator that raised ends, as if the file did
            raise
        self.position += len(rows)
        return rows
