"""Rows of tables, JSON lines and Parquet files, each with its fields by name."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DossierError
from .source import TextFile

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = b"PAR1"


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read."""

    row: int
    problem: str


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
    """YIELDS (Row | BadRow): The objects of JSON lines, or of one array."""
    for number, line in enumerate(file.lines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield BadRow(number, f"not JSON: {error}")
            continue
        yield Row(number, row) if isinstance(row, dict) else BadRow(number, "expected a JSON object")


def table_rows(file: TextFile, suffix: str, *, header: bool = True) -> Iterator[Row | BadRow]:
    """Read a table; the delimiter is that of the suffix, or the one its first line has most of.

    header (bool): Whether the first row names the columns; else they are named by their numbers, from 1.
    YIELDS (Row | BadRow): The rows that are not empty.
    RAISES (DossierError): If the quotes of the table are broken.
    """
    csv.field_size_limit(2**31 - 1)
    head = next(file.lines(), "")
    delimiter = DELIMITERS.get(suffix, ",")
    if delimiter not in head:
        delimiter = max(",;\t|", key=head.count)
    quoting: Any = csv.QUOTE_MINIMAL if delimiter != "\t" or _is_quoted(file) else csv.QUOTE_NONE
    # NUL and lone carriage returns inside quoted fields are legal for the reader as long as lines are not translated.
    reader = csv.reader(file.lines(), delimiter=delimiter, quoting=quoting)
    names: list[str] | None = None
    try:
        for columns in reader:
            if names is None:
                names = columns if header else [str(number) for number in range(1, len(columns) + 1)]
                if header:
                    continue
            if not columns:
                continue
            if len(columns) != len(names):
                yield BadRow(reader.line_num, f"expected {len(names)} columns, not {len(columns)}")
            else:
                yield Row(reader.line_num, dict(zip(names, columns, strict=True)))
    except csv.Error as error:
        raise DossierError(str(error), file=file.name, line=reader.line_num) from None


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
