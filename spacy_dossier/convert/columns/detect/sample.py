"""The first lines of a column file, and the rows they fall into before anything is known about their columns."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from ...rows import EXCEL_DELIMITER
from ..layout import DELIMITERS, WORD_ID, Layout, is_wrapped, split_tabs, split_wrapped, splitter
from ..marks import (
    BYTE_ORDER_MARK,
    MARKUP,
    SENTENCE_END,
    document_mark,
    is_docstart,
    without_mark,
)
from ..tags import find_form, find_outside
from .evidence import is_header, is_index

ENOUGH = 1000  # lines that tell whether each is a sentence
LEAST_DOUBLED = 8  # rows that tell whether an empty line stands after each
WRAPPED_OR_NUMBER = re.compile(r'".*"|-?\d+(?:\.\d+)?', re.DOTALL)
COLUMNS_LINE = re.compile(r"#\s*global\.columns\s*=\s*(\S.*)?")
KEY_VALUE = re.compile(r"#+\s*[\w.:-]+\s*=(\s|$)|#+ (?:id|newdoc|newpar|sent_id)\b")
HASHES = re.compile(r"#+\s")


def _neighbours(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """YIELDS (tuple[str, str]): Each cell, after the cell above it."""
    return (pair for above, row in pairwise(rows) for pair in zip(above, row, strict=False))


class Head:
    """The first lines of a file.

    texts (Sequence[str]): The lines.
    outside (str | None): What stands for tokens outside entities, when the user knows it.
    file (str): What messages call the file.
    delimiter (str): What parts the columns, when the user or a first line for Excel says it; else empty.
    """

    def __init__(self, texts: Sequence[str], outside: str | None = None, file: str = "", delimiter: str = "") -> None:
        said = EXCEL_DELIMITER.fullmatch(texts[0]) if texts else None
        texts = texts[1:] if said else texts
        self.delimiter = delimiter or (said[1] if said else "")
        before = ("", *texts)
        self.texts = [
            without_mark(line, begins=not last.strip() or line[1:2] == "{") if line[0] == BYTE_ORDER_MARK else line
            for last, line in zip(before, texts, strict=False)
        ]
        self.outside, self.file = outside, file

    @cached_property
    def lines(self) -> list[str]:
        """RETURNS (list[str]): Lines that can hold a sentence each."""
        return [line for line in self.texts if line.strip() and not is_docstart(line)][:ENOUGH]

    @cached_property
    def sample(self) -> "Sample":
        """RETURNS (Sample): The rows, with the delimiter that fits best."""
        return part_rows(self, self.delimiter or f"\t {DELIMITERS}")


class Sample:
    """Rows of a file, by sentence and by column.

    sentences (list[list[list[str]]]): The columns of each token of each sentence.
    delimiter, quoted, width, names, header: As in `Layout`.
    parted (bool): Whether anything stands between sentences.
    outside (str | None): What stands for tokens outside entities, when the user knows it.
    """

    def __init__(
        self,
        sentences: list[list[list[str]]],
        delimiter: str,
        *,
        quoted: bool = False,
        width: int | None = None,
        names: tuple[str, ...] = (),
        header: bool = False,
        parted: bool = False,
        outside: str | None = None,
    ) -> None:
        self.sentences, self.delimiter, self.quoted, self.width = sentences, delimiter, quoted, width
        self.names, self.header, self.parted, self.outside = names, header, parted, outside
        self.marked = False  # whether comments of a known kind occur
        self.hashes = 0  # lines that begin with # and cannot be rows
        self.doubled = False  # whether a single empty line ends no sentence
        self.wrapped = False  # whether all cells but numbers are in quotation marks
        self.blanks = 0  # empty lines up to here

    @cached_property
    def rows(self) -> list[list[str]]:
        """RETURNS (list[list[str]]): The columns of each token."""
        return [row for sentence in self.sentences for row in sentence]

    @cached_property
    def columns(self) -> list[list[str]]:
        """RETURNS (list[list[str]]): The cells of each column."""
        return [list(column) for column in zip(*self.rows, strict=False)]

    def forget(self) -> None:
        """Count rows and columns again, for a row was taken away."""
        self.__dict__.pop("rows", None)
        self.__dict__.pop("columns", None)

    def add(self, line: str, columns: list[str], blank: str) -> None:
        """Take a line.

        line (str): The line.
        columns (list[str]): What it falls into.
        blank (str): The characters of a line without cells.
        """
        fits = len(columns) == self.width or (self.width is None and len(columns) > 2)
        empty = not line.strip() or not line.strip(blank)
        self.blanks = self.blanks + 1 if empty else 0
        if empty and self.doubled and self.blanks == 1:
            return
        if empty or is_docstart(line) or columns == [SENTENCE_END]:
            self.parted |= bool(self.sentences[-1])
            self.sentences.append([])
        elif match := COLUMNS_LINE.match(line):
            self.names, self.marked = tuple((match[1] or "").split()), True
        elif line.startswith("#") and self._is_comment(line, fits):
            self.hashes += 1
        elif not any(self.sentences) and not self.names and is_header(columns):
            # R writes no name over the names of rows.
            self.names, self.header = (("",) if len(columns) + 1 == self.width else ()) + tuple(columns), True
        elif self.header and tuple(columns) in (self.names, self.names[1:]):
            pass  # files that were joined
        elif fits:
            self.sentences[-1].append(columns)
        else:
            self.parted |= line.startswith("<")

    def _is_comment(self, line: str, fits: bool) -> bool:
        known = document_mark(line) is not None or KEY_VALUE.match(line) is not None
        self.marked |= known
        return known or not fits

    def looks_doubled(self) -> bool:
        """RETURNS (bool): Whether an empty line stands after each row: entities go on over them, or stops are alone."""
        rows = [sentence[0] for sentence in self.sentences]
        if len(rows) < LEAST_DOUBLED or any(len(sentence) > 1 for sentence in self.sentences):
            return False
        going_on = any(cell[:2] in ("I-", "i-", "E-") and cell[2:] in before[1:] for before, cell in _neighbours(rows))
        return going_on or sum("." in row for row in rows) > 1

    def close(self) -> None:
        """Drop empty sentences, and comments with as many columns as rows: those of GermEval and KLUE."""
        self.sentences = [sentence for sentence in self.sentences if sentence]
        odd = [row for s in self.sentences for row in s if row[0].startswith("#") and not WORD_ID.fullmatch(row[0])]
        rest = [[row for row in s if not row[0].startswith("#")] for s in self.sentences]
        first = sum(HASHES.match(sentence[0][0]) is not None for sentence in self.sentences)
        headed = len(self.sentences) > 2 and 10 * first >= 9 * len(self.sentences)
        if odd and (headed or is_index(rest, 0)):
            self.hashes += len(odd)
            self.sentences = [sentence for sentence in rest if sentence]
            self.marked = True


def part_rows(head: Head, delimiters: str) -> Sample:
    """Part the first lines of a file into rows.

    head (Head): The lines.
    delimiters (str): The delimiters that are possible.
    RETURNS (Sample): The rows.
    """
    body = [line for line in head.texts if line.strip() and not is_docstart(line)]
    plain = [line for line in body if not line.startswith("#") and not MARKUP.fullmatch(line)] or body
    delimiter, quoted = _find_delimiter(plain, head.outside, delimiters)
    wrapped = delimiter == "\t" and _are_wrapped(plain)
    split = split_wrapped if wrapped else splitter(delimiter, quoted=quoted)
    width = _find_width(head.texts, [split(line) for line in plain])
    blank = Layout(delimiter=delimiter).blank

    def parted(*, doubled: bool) -> Sample:
        sample = Sample([[]], delimiter, quoted=quoted, width=width, outside=head.outside)
        sample.doubled, sample.wrapped = doubled, wrapped
        for line in head.texts:
            sample.add(line, split(line), blank)
        sample.close()
        return sample

    sample = parted(doubled=False)
    return parted(doubled=True) if sample.looks_doubled() else sample


def _are_wrapped(lines: Sequence[str]) -> bool:
    """Whether all cells but numbers are in quotation marks, those of words as well as those of punctuation."""
    cells = [cell for line in lines for cell in split_tabs(line)]
    return 2 * sum(map(is_wrapped, cells)) > len(cells) and all(map(WRAPPED_OR_NUMBER.fullmatch, cells))


def _find_width(texts: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """RETURNS (int | None): Columns of most rows; `None` where a sentence has as many as it has verbs, and more."""
    widths = Counter(map(len, rows))
    starred = sum("*" in row for row in rows)
    begins_document = any(line.startswith("#begin document") for line in texts)
    if begins_document or (len(widths) > 1 and 10 * starred >= 9 * len(rows)):
        return None
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _find_delimiter(lines: Sequence[str], outside: str | None, possible: str) -> tuple[str, bool]:
    """RETURNS (tuple[str, bool]): The delimiter, and whether cells are quoted as in CSV."""
    tabs = 2 * sum("\t" in line.strip() for line in lines) > len(lines)
    tried = [delimiter for delimiter in (f"\t{DELIMITERS} " if tabs else DELIMITERS) if delimiter in possible]
    often = [each for each in tried if lines and 2 * sum(each in line for line in lines) >= len(lines)]
    for delimiter in often:
        for quoted in (True, False) if delimiter in DELIMITERS else (False,):
            if _parts_well(lines, delimiter, quoted, outside):
                return delimiter, quoted
    rest = "\t" if tabs else " "
    if rest not in possible:
        rest = max(possible, key="".join(lines).count)
    return rest, rest in DELIMITERS


def _parts_well(lines: Sequence[str], delimiter: str, quoted: bool, outside: str | None) -> bool:
    """Whether a delimiter gives columns of which one can hold tags."""
    rows = [splitter(delimiter, quoted=quoted)(line) for line in lines]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == width]
    if width < 2 or (delimiter != "\t" and 20 * len(rows) < 19 * len(lines)):
        return False
    body = rows[1:] if is_header(rows[0]) else rows
    columns = (Counter(cell.strip() for cell in column) for column in zip(*body, strict=True))
    return any(
        find_form(counts, outside) is not None
        or (len(counts) <= max(8, counts.total() / 10) and 5 * counts[find_outside(counts, outside)] > counts.total())
        for counts in columns
    )
