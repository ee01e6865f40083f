"""Tables as input: JSONL, CSV, TSV, Parquet and .spacy files, a text a row, read as a stream."""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from ..errors import DossierError
from ..text.encoding import USUAL, decode, guess_encoding

MEDIA_TYPES = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".spacy": "application/x-spacy-docbin",
}
FIRST_ROWS = 100
SAMPLE = 200_000  # bytes from which a CSV file's encoding is told


@dataclass
class TableRow:
    """A row: its text and its other columns, or what is wrong with it."""

    text: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None


class NoTextField(Exception):
    """The table has no column of that name; it may be a document of its own."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        super().__init__(f"columns: {', '.join(columns) or 'none'}")


def kind_of(path: str) -> str:
    """RETURNS (str): The suffix of a table, in lower case, or an empty string."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if suffix in MEDIA_TYPES else ""


def read_rows(path: str, text_field: str) -> Iterator[TableRow]:
    """Stream the rows of a table.

    path (str): A file with one of the suffixes of MEDIA_TYPES.
    text_field (str): The column that holds the text.
    YIELDS (TableRow): Each row, a broken one with its error.
    RAISES (NoTextField): No such column. (OSError, ValueError): The file cannot be read or is broken as a whole.
    """
    suffix = kind_of(path)
    if suffix in (".csv", ".tsv"):
        return _csv(path, text_field, "\t" if suffix == ".tsv" else None)
    if suffix == ".parquet":
        return _parquet(path, text_field)
    if suffix == ".spacy":
        return _docbin(path)
    return _jsonl(path, text_field)


def has_text(path: str, text_field: str, *, named: bool) -> bool:
    """Decide whether a file is a table of texts or a document of its own, by its first rows.

    named (bool): The user named this file, so that a missing column is an error, not a document.
    RAISES (DossierError): A named file without the column.
    """
    try:
        rows = list(islice(read_rows(path, text_field), FIRST_ROWS))
        if kind_of(path) in (".jsonl", ".ndjson") and rows and all(row.error for row in rows):
            raise NoTextField(json_fields(path))
    except NoTextField as error:
        if named:
            raise DossierError(
                f"no column or field {text_field!r}",
                file=path,
                value=", ".join(error.columns),
                remedy="Name the one that holds the text with --text-field",
            ) from None
        return False
    except (OSError, ValueError):
        return named or kind_of(path) in (".parquet", ".spacy")  # nothing else can be made of these
    return True


def json_fields(path: str) -> list[str]:
    """RETURNS (list[str]): Fields of the first JSONL row that is an object."""
    with open_lines(path) as file:
        for line in islice(file, FIRST_ROWS):
            with contextlib.suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, dict):
                    return list(row)
    return []


def _jsonl(path: str, text_field: str) -> Iterator[TableRow]:
    with open_lines(path) as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield TableRow(error=("BadRow", f"not JSON: {error}"))
                continue
            text = row.get(text_field) if isinstance(row, dict) else None
            if not isinstance(text, str):
                yield TableRow(error=("BadRow", f"no text in field {text_field!r}"))
            else:
                yield TableRow(clean(text), {k: clean_value(v) for k, v in row.items() if k != text_field})


def open_lines(path: str) -> TextIO:
    """RETURNS (TextIO): A JSONL file, in whatever encoding; only "\\n" ends a line."""
    return Path(path).open(encoding=csv_encoding(path), errors="replace", newline="\n")


def _csv(path: str, text_field: str, delimiter: str | None) -> Iterator[TableRow]:
    csv.field_size_limit(sys.maxsize)
    encoding = csv_encoding(path)
    with Path(path).open(encoding=encoding, errors="replace", newline="") as file:
        head = file.read(SAMPLE)
        file.seek(0)
        if head.count("\0") > len(head) / 100:
            raise ValueError("not a table of text")
        if delimiter is None:
            first_line = head.partition("\n")[0]
            delimiter = max(",;\t|", key=first_line.count)
        reader = csv.DictReader((line.replace("\0", "") for line in file), delimiter=delimiter, restkey="")
        columns = reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        if text_field not in columns:
            raise NoTextField(columns)
        rows = iter(reader)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield TableRow(error=("BadRow", str(error)))
                continue
            text = row.pop(text_field)
            if text is None:
                yield TableRow(error=("BadRow", f"no text in column {text_field!r}"))
            else:
                yield TableRow(clean(text), {k: clean_value(v) for k, v in row.items() if k})


def csv_encoding(path: str) -> str:
    """RETURNS (str): An encoding that Python's open reads the beginning of a CSV or JSONL file with."""
    with Path(path).open("rb") as file:
        sample = file.read(SAMPLE)
    for bom, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(bom):
            return encoding
    cut = sample if b"\0" in sample else sample[: sample.rfind(b"\n") + 1] or sample
    text = decode(cut)
    guess = guess_encoding(cut) or "utf-8"
    for encoding in ("utf-8", USUAL.get(guess, guess), guess, "cp1252", "utf-16-le", "utf-16-be"):
        if decode_newlines(cut, encoding) == text:
            return encoding
    return "utf-8"


def decode_newlines(data: bytes, encoding: str) -> str:
    return data.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")


def _parquet(path: str, text_field: str) -> Iterator[TableRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from None
    with file:
        columns = file.schema_arrow.names
        if text_field not in columns:
            raise NoTextField(columns)
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                text = row.pop(text_field)
                if isinstance(text, bytes):  # strings of writers that do not mark them
                    text = text.decode("utf-8", "replace")
                if isinstance(text, str):
                    yield TableRow(clean(text), {k: clean_value(v) for k, v in row.items()})
                else:
                    yield TableRow(error=("BadRow", f"no text in column {text_field!r}"))


def _docbin(path: str) -> Iterator[TableRow]:
    import spacy
    from spacy.tokens import DocBin

    try:
        docs = DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
        for doc in docs:
            yield TableRow(clean(doc.text))
    except OSError:
        raise
    except Exception as error:  # msgpack and zlib raise their own types on a broken file
        raise ValueError(f"not a .spacy file: {error}") from None


def clean(text: str) -> str:
    """RETURNS (str): The text without lone surrogates, which no UTF-8 file can hold; as long as before."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if has_surrogates(text) else text


def has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def clean_value(value: Any) -> Any:
    """RETURNS (Any): A column's value as JSON can hold it; dates, decimals and bytes become strings."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {clean(str(k)): clean_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(v) for v in value]
    return clean(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


class Cursor:
    """Reads rows n to m of a table; going forward does not start again.

    Shards of a table come to a worker in order, so that it reads the file once.
    """

    def __init__(self) -> None:
        self.key: tuple[str, str] | None = None
        self.position = 0
        self.rows: Iterator[TableRow] = iter(())

    def read(self, path: str, text_field: str, first: int, count: int) -> list[TableRow]:
        """RETURNS (list[TableRow]): `count` rows from row `first` (from 0); fewer when the file has become shorter."""
        if self.key != (path, text_field) or self.position > first:
            self.key, self.position = (path, text_field), 0
            self.rows = read_rows(path, text_field)
        self.position += sum(1 for _ in islice(self.rows, first - self.position))
        rows = list(islice(self.rows, count))
        self.position += len(rows)
        return rows
