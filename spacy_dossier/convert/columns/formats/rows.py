"""Formats with a token a line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

from ....errors import DossierError
from ..detect.evidence import is_index, is_sentence_number
from ..detect.roles import find_annotation, named_roles
from ..detect.sample import Head, Sample, part_rows
from ..layout import DELIMITERS, Layout, is_wrapped
from ..reader import read_rows
from ..sentence import Problem, Sentence
from .base import Format

CELL = re.compile(r"[^ \t]+")
LONGEST = 300  # tokens of a sentence; those of the public corpora in docs/convert.md have 144 at most


class RowFormat(Format):
    """A format with a token a line.

    columns (tuple[str, ...]): Names of the columns of the format, where files do not give them.
    fixed (bool): Whether no file has others.
    least (int): Columns that each file has.
    delimiters (str): What parts the columns, where that tells the format.
    commented (bool): Whether lines that begin with `#` and are no rows are comments.
    """

    rows = True
    columns: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[bool] = False
    least: ClassVar[int] = 1
    delimiters: ClassVar[str] = ""
    commented: ClassVar[bool] = False

    def look(self, head: Head, *, forced: bool = False) -> tuple[Sample, Layout]:
        """RETURNS (tuple[Sample, Layout]): The rows, and what names and numbers of the columns say."""
        sample = part_rows(head, self.delimiters) if forced and self.delimiters and not head.delimiter else head.sample
        if not sample.rows:
            raise DossierError("no rows", file=head.file, remedy="A column file has one token a line.")
        wanted, there = len(self.columns), len(sample.columns)
        if (self.columns and (forced or self.fixed) and there != wanted) or there < self.least:
            raise DossierError(
                f"expected {wanted or self.least} columns as in {self.name}, not {there}",
                file=head.file,
                value=" ".join(sample.rows[0])[:80],
            )
        if self.columns and (forced or self.fixed):
            sample.names = self.columns if self.fixed else sample.names or self.columns
        return sample, _parted(sample, self.layout(sample))

    def roles(self, sample: Sample) -> dict[str, int]:
        """RETURNS (dict[str, int]): Columns by their role, as their names say."""
        return named_roles([name.lower() for name in sample.names[: len(sample.columns)]])

    def layout(self, sample: Sample) -> Layout:
        """RETURNS (Layout): What names and numbers of the columns say."""
        columns = sample.columns
        hashes = sample.hashes if len(columns) > 2 else 0
        comments = sample.marked or self.commented or (hashes > 0 and hashes * 3 >= len(sample.sentences))
        layout = Layout(
            self.name,
            sample.delimiter,
            sample.width,
            quoted=sample.quoted,
            doubled=sample.doubled,
            wrapped=sample.wrapped,
            names=sample.names,
            header=sample.header,
            comments=comments or (hashes > 0 and is_index(sample.sentences, 0)),
            **self.roles(sample),  # type: ignore[arg-type]
        )
        if layout.index is None and len(columns) > 2:
            index = next((i for i in range(min(3, len(columns) - 1)) if is_index(sample.sentences, i)), None)
            layout = replace(layout, index=index)
        return layout

    def annotated(self, sample: Sample, layout: Layout) -> Layout:
        """RETURNS (Layout): The layout with part of speech, lemma and offsets, if its columns have no names."""
        return layout if layout.names else find_annotation(sample, layout)

    def read(self, lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
        """YIELDS (Sentence | Problem): A sentence, or the first row that spoils one."""
        return read_rows(lines, layout)

    def put(self, sentence: Sentence, layout: Layout, column: int, cells: Sequence[str]) -> None:
        """Put other cells into a column of a sentence's rows."""
        for place, cell in zip(sentence.places, cells, strict=True):
            sentence.source[place] = put_cell(sentence.source[place], layout, column, cell)


def _parted(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout with what parts the sentences: a column goes over empty lines, if it parts more."""
    column, least = layout.sentence, 1
    if sample.parted and not sample.doubled:
        least = len(sample.sentences) * (1 if column is not None else 2)  # a column without a name must say much more
    if column is None and len(sample.columns) > 2:
        column = next((i for i, cells in enumerate(sample.columns) if is_sentence_number(cells)), None)
    if column is not None and sum(a[column] != b[column] for a, b in pairwise(sample.rows)) + 1 < least:
        column = None
    layout = replace(layout, sentence=column)
    return layout if sample.parted and column is None else _parted_by_numbers(sample, layout)


def _parted_by_numbers(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout of a file whose empty lines part nothing."""
    if layout.index == layout.sentence:
        layout = replace(layout, index=None)
    if layout.sentence is None and layout.index is not None and not layout.ends:
        numbers = sample.columns[layout.index]
        layout = replace(layout, restarts=numbers.count(numbers[0]) > 1)
    told = layout.sentence is not None or layout.restarts or layout.ends
    return replace(layout, ruled=not told and max(map(len, sample.sentences)) > LONGEST)


def put_cell(line: str, layout: Layout, column: int, cell: str) -> str:
    """RETURNS (str): A row with another cell in a column."""
    body = line.rstrip("\r\n")
    start, stop = cell_spans(body, layout.delimiter, quoted=layout.quoted)[column]
    if layout.key and column == layout.tag:
        cell = _put_value(body[start:stop], layout.key, cell)
    if layout.wrapped and is_wrapped(body[start:stop]):
        cell = f'"{cell}"'
    return body[:start] + cell + body[stop:] + line[len(body) :]


def _put_value(cell: str, key: str, value: str) -> str:
    """RETURNS (str): A cell of `key=value` pairs with another value for a key."""
    fields = [] if cell == "_" else cell.split("|")
    kept = [part for part in fields if part.partition("=")[0] != key]
    where = next((i for i, part in enumerate(fields) if part.partition("=")[0] == key), len(kept))
    return "|".join((*kept[:where], f"{key}={value}", *kept[where:]))


def cell_spans(body: str, delimiter: str, *, quoted: bool) -> list[tuple[int, int]]:
    """Find the cells of a row. Those between TABs or commas may be empty, those between spaces may not.

    body (str): The row without its line end.
    delimiter (str): A delimiter of `Layout`.
    quoted (bool): Whether a delimiter within quotation marks parts nothing.
    RETURNS (list[tuple[int, int]]): Begin and end of each.
    """
    if delimiter == " ":
        return [match.span() for match in CELL.finditer(body)]
    spans, start = [], 0
    while start <= len(body):
        stop = _closing_quote(body, start, delimiter) if quoted and delimiter in DELIMITERS else 0
        stop = stop or body.find(delimiter, start)
        stop = len(body) if stop < 0 else stop
        spans.append((start, stop))
        start = stop + 1
    return spans


def _closing_quote(body: str, start: int, delimiter: str) -> int:
    """RETURNS (int): The end of a cell in quotation marks that begins here; 0 if none does."""
    if not body.startswith('"', start):
        return 0
    place = body.find('"', start + 1)
    while place > 0 and body.startswith('""', place):
        place = body.find('"', place + 2)
    closed = place > 0 and (place + 1 == len(body) or body[place + 1] == delimiter)
    return place + 1 if closed else 0
