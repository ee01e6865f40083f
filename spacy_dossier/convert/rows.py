"""Rows of tables, JSON lines and Parquet files, each with its fields by name."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DossierError
from .source import TextFile

DELIMITERS = {".csv": ",", ".tsv": "\t"}
EXCEL_DELIMITER = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # a first line for Excel
PARQUET = b"PAR1"


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, or several that one fault takes in."""

    row: int
    problem: str
    rows: int = 1


@dataclass(frozen=True)
class Row:
    """One row: its number, counted from 1 (of the line, in a text file), and its fields."""

    number: int
    fields: dict[str, Any]


def is_parquet(path: Path) -> bool:
    """RETURNS (bool): Whether a file is Parquet, by its name or its first bytes."""
    if path.suffix.lower() == ".parquet":
        return True
    with path.open("rb") as file_:
        return file_.read(4) == PARQUET


def is_json(file: TextFile) -> bool:
    """RETURNS (bool): Whether a file holds JSON objects, in lines or an array."""
    return file.array or next((line for line in file.lines() if line.strip()), "").lstrip().startswith('{"')


def json_rows(file: TextFile) -> Iterator[Row | BadRow]:
    """Read JSON lines, one array of objects, or one object that holds an array or columns of one length.

    YIELDS (Row | BadRow): The objects.
    RAISES (DossierError): If one value over several lines holds no rows.
    """
    if (rows := wrapped_rows(file)) is not None:
        for number, fields in enumerate(rows, 1):
            yield Row(number, fields)
        return
    for number, line in enumerate(file.lines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield BadRow(number, f"not JSON: {error}")
            continue
        yield Row(number, row) if isinstance(row, dict) else BadRow(number, "expected a JSON object")


def _whole_json(file: TextFile) -> Any:
    """RETURNS (Any): What one JSON value holds that is not written a row a line; `None` where lines or objects are."""
    if file.array:
        return None
    lines = (line for line in file.lines() if line.strip())
    first, second = next(lines, "").strip(), next(lines, None)
    if not first.startswith(("{", "[")) or (second is not None and first.endswith(("}", "]"))):
        return None
    if second is None and first.startswith("{") and file.path.suffix.lower() in (".jsonl", ".ndjson"):
        return None
    try:
        return json.loads(file.read())
    except ValueError:  # lines of which the first is broken
        return None


def wrapped_rows(file: TextFile) -> list[dict[str, Any]] | None:
    """Read rows that one JSON value holds: an array over several lines, one in an object, or columns of one length.

    file (TextFile): The file.
    RETURNS (list[dict[str, Any]] | None): The rows; `None` for lines of JSON or an array of objects.
    RAISES (DossierError): If the value holds no rows.
    """
    value = _whole_json(file)
    return None if value is None else _rows_in(value, file.name)


def _rows_in(value: Any, file: str) -> list[dict[str, Any]]:
    """RETURNS (list[dict[str, Any]]): The rows that one JSON value holds."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return value
    lists = {name: part for name, part in value.items() if isinstance(part, list)} if isinstance(value, dict) else {}
    arrays = [part for part in lists.values() if part and all(isinstance(row, dict) for row in part)]
    if len(arrays) == 1:
        return arrays[0]
    if len(arrays) > 1:
        there = ", ".join(name for name, part in lists.items() if part in arrays)
        raise DossierError("several arrays of rows", file=file, value=there, remedy="Write each to a file of its own.")
    if len(lists) > 1 and len({len(part) for part in lists.values()}) == 1 and len(lists) == len(value):
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if isinstance(value, dict):
        return [value]
    raise DossierError("JSON without named fields", file=file, remedy="A row is an object with named fields.")


class _Lines:
    """The lines of a table, and those that its last row took.

    file (TextFile): The table.
    """

    def __init__(self, file: TextFile) -> None:
        self.lines, self.taken = file.lines(), list[str]()

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.taken.append(line)
            yield line

    def swallowed(self, width: int, delimiter: str) -> tuple[str, int]:
        """RETURNS (tuple[str, int]): What is wrong with a row over several lines, empty if a quoted cell may hold them;
        and how many rows they are if it is.
        """
        taken, self.taken = self.taken, []
        if len(taken) < 2:
            return "", 1
        if sum(line.count('"') for line in taken) % 2:
            problem = f"a quotation mark that is never closed takes in {len(taken) - 1} lines"
            return problem, sum(bool(line.strip()) for line in taken)
        inner = [line.count(delimiter) == width - 1 for line in taken[:-1]]
        if len(inner) > 1 and all(inner) and (width > 2 or len(inner) > 3):
            problem = f"a quotation mark that is not closed takes in {len(inner)} lines that are rows by themselves"
            return problem, len(taken)
        return "", 1


def table_rows(file: TextFile, suffix: str, *, header: bool = True) -> Iterator[Row | BadRow]:
    """Read a table; the delimiter is that of the suffix, or the one its first line has most of.

    header (bool): Whether the first row names the columns; else they are named by their numbers, from 1.
    YIELDS (Row | BadRow): The rows that are not empty.
    RAISES (DossierError): If the quotes of the table are broken, or two columns have one name.
    """
    csv.field_size_limit(2**31 - 1)
    head = next(file.lines(), "")
    said = EXCEL_DELIMITER.fullmatch(head)
    delimiter = said[1] if said else DELIMITERS.get(suffix, ",")
    if delimiter not in head:
        delimiter = max(",;\t|", key=head.count)
    quoting: Any = csv.QUOTE_MINIMAL if delimiter != "\t" or _is_quoted(file) else csv.QUOTE_NONE
    # NUL and lone carriage returns inside quoted fields are legal for the reader as long as lines are not translated.
    lines = _Lines(file)
    reader = csv.reader(iter(lines), delimiter=delimiter, quoting=quoting)
    names: list[str] | None = None
    if said:
        next(reader)
    try:
        for columns in reader:
            problem, rows = "", 1
            if quoting == csv.QUOTE_MINIMAL:
                problem, rows = lines.swallowed(len(names or columns), delimiter)
            if names is None:
                names = columns if header else [str(number) for number in range(1, len(columns) + 1)]
                if header:
                    _check_names(names, file.name)
                    continue
            if not columns:
                continue
            if problem:
                yield BadRow(reader.line_num, problem, rows)
            elif len(columns) != len(names):
                yield BadRow(reader.line_num, f"expected {len(names)} columns, not {len(columns)}")
            else:
                yield Row(reader.line_num, dict(zip(names, columns, strict=True)))
    except csv.Error as error:
        raise DossierError(str(error), file=file.name, line=reader.line_num) from None


def _check_names(names: list[str], file: str) -> None:
    """RAISES (DossierError): If two columns have one name."""
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise DossierError("two columns have one name", file=file, value=twice[0], remedy="Rename one of them.")


def _is_quoted(file: TextFile) -> bool:
    """Whether the quotes of a table with tabs are CSV's. In many corpora they are characters of the text, and a quote
    that opens a cell would swallow the rows up to the next one.
    """

    def broken(quoting: Any) -> int:
        rows = csv.reader(file.lines(), delimiter="\t", quoting=quoting)
        width = len(next(rows, []))
        return sum(len(row) not in (0, width) for row in rows)

    try:
        plain = broken(csv.QUOTE_NONE)
        if plain:
            return broken(csv.QUOTE_MINIMAL) < plain
    except csv.Error:
        return False
    opening = (cell for line in file.lines() for cell in line.rstrip("\r\n").split("\t") if cell.startswith('"'))
    return all(len(cell) > 1 and cell.endswith('"') for cell in opening)


def parquet_rows(path: Path, name: str) -> Iterator[Row]:
    """YIELDS (Row): The rows of a Parquet file. RAISES (DossierError): If it is none."""
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path)
        number = 0
        for batch in table.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield Row(number, row)
    except pyarrow.ArrowException as error:
        raise DossierError(f"not a Parquet file: {error}", file=name) from None
