"""Tables as input: JSONL, CSV, TSV, Parquet and .spacy files, a text a row, read as a stream."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TextIO

from ...text.docbin import docs_of
from ...text.encoding import BLOCK, find_encoding
from ...text.surrogates import clean
from ..archive import PACKAGE_RATIO, Budget
from ..document import Unreadable
from ..failures import FailureKind
from .records import BrokenRow, read_table

MEDIA_TYPES = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".spacy": "application/x-spacy-docbin",
}
LINES = (".jsonl", ".ndjson", ".csv", ".tsv")  # tables that are text
TABLES_IN_FILES = {kind: MEDIA_TYPES[kind] for kind in (*LINES, ".parquet")}  # in archives and mails
OPENERS: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
LONGEST_LINE = 256_000_000  # bytes
FIRST_ROWS = 100
FEW_ROWS = 64  # of a Parquet file, in memory as Python has them
# Levels of lists and objects in each other that a column's value may have: readers of the records give up at 200.
MOST_LEVELS = 100


@dataclass
class TableRow:
    """A row: its text and its other columns, or what is wrong with it."""

    text: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    error: tuple[FailureKind, str] | None = None


@dataclass(frozen=True)
class Source:
    """A file, on disk or in memory, that can be opened more than once."""

    path: str
    data: bytes | None = None

    def open(self) -> BinaryIO:
        """RETURNS (BinaryIO): Its bytes, unpacked. RAISES (OSError): It cannot be read."""
        file: BinaryIO = Path(self.path).open("rb") if self.data is None else io.BytesIO(self.data)  # noqa: SIM115
        opener = OPENERS.get(PurePosixPath(self.path).suffix.lower())
        return file if opener is None else opener(file)

    def blocks(self) -> Iterator[bytes]:
        """YIELDS (bytes): Its bytes. RAISES (Unreadable): A line without end, which no memory holds, or a bomb."""
        length = total = 0
        most = max(Budget.MAX_BYTES, PACKAGE_RATIO * self.packed_bytes())
        with self.open() as file:
            while block := file.read(BLOCK):
                ends = block.rfind(b"\n")
                length = length + len(block) if ends < 0 else len(block) - ends
                if length > LONGEST_LINE:
                    raise Unreadable("TooLarge", f"a line of more than {LONGEST_LINE:,} bytes")
                total += len(block)
                if total > most:
                    raise Unreadable("TooLarge", f"it unpacks to more than {most:,} bytes")
                yield block

    def packed_bytes(self) -> int:
        return Path(self.path).stat().st_size if self.data is None else len(self.data)


class NoTextField(Exception):
    """The table has no column of that name; it may be a document of its own."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        super().__init__(f"columns: {', '.join(columns) or 'none'}")


def kind_of(path: str) -> str:
    """RETURNS (str): The suffix of a table, in lower case, or an empty string; `.csv` for `a.csv.gz` too."""
    name = PurePosixPath(path)
    suffix = name.suffix.lower()
    if suffix in OPENERS and PurePosixPath(name.stem).suffix.lower() in LINES:
        return PurePosixPath(name.stem).suffix.lower()
    return suffix if suffix in MEDIA_TYPES else ""


def read_rows(path: str, text_field: str, data: bytes | None = None) -> Iterator[TableRow]:
    """Stream the rows of a table.

    path (str): A file that `kind_of` knows.
    text_field (str): The column that holds the text.
    data (bytes | None): The file, if it is none on disk.
    YIELDS (TableRow): Each row, a broken one with its error.
    RAISES (NoTextField): No such column. (OSError, ValueError, Unreadable): The file cannot be read, is broken as a
        whole, or holds too much.
    """
    suffix = kind_of(path)
    source = Source(path, data)
    if suffix in (".csv", ".tsv"):
        return _csv(source, text_field, "\t" if suffix == ".tsv" else None)
    if suffix == ".parquet":
        return _parquet(source, text_field)
    if suffix == ".spacy":
        return _docbin(path)
    return _jsonl(source, text_field)


def has_text(path: str, text_field: str, *, named: bool) -> bool:
    """Decide whether a file is a table of texts or a document of its own, by its first rows.

    named (bool): The user named this file, so that a missing column is an error, not a document.
    RAISES (NoTextField): A named file without the column.
    """
    try:
        rows = list(islice(read_rows(path, text_field), FIRST_ROWS))
        if kind_of(path) in (".jsonl", ".ndjson") and rows and all(row.error for row in rows):
            raise NoTextField(json_fields(Source(path)))
    except NoTextField:
        if named:
            raise
        return False
    except Exception:  # libraries raise what they like on a broken file, and its rows will say what
        return named or kind_of(path) in (".parquet", ".spacy")  # nothing else can be made of these
    return True


def json_fields(source: Source) -> list[str]:
    """RETURNS (list[str]): Fields of the first JSONL row that is an object."""
    with text_lines(source, "\n") as file:
        for line in islice(file, FIRST_ROWS):
            with contextlib.suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, dict):
                    return list(row)
    return []


def _jsonl(source: Source, text_field: str) -> Iterator[TableRow]:
    with text_lines(source, "\n") as file:  # only "\n" ends a line
        for line in file:
            if not line.strip():
                continue
            if BAD in line:
                yield TableRow(error=("BadRow", f"not {file.encoding}: it has bytes that cannot be decoded"))
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
                yield _row(text, {k: v for k, v in row.items() if k != text_field})


@contextlib.contextmanager
def text_lines(source: Source, newline: str) -> Iterator[TextIO]:
    """Open a JSONL or CSV file in whatever encoding; BAD stands for what cannot be decoded.

    newline (str): What ends a line, as `open` takes it.
    RAISES (OSError): It cannot be read. (ValueError): It is no text.
    """
    try:
        codec, mark = find_encoding(source.blocks())
        with source.open() as file, io.TextIOWrapper(file, codec, "dossier.bad", newline) as text:
            if mark:
                text.read(1)
            yield text
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"broken compression: {error}") from None


BAD = "\udfff"  # a lone surrogate, which no decoder gives
codecs.register_error("dossier.bad", lambda error: (BAD, error.end))  # type: ignore[attr-defined]


def _csv(source: Source, text_field: str, delimiter: str | None) -> Iterator[TableRow]:
    with text_lines(source, "") as file:
        columns, rows = read_table(file, delimiter)
        if text_field not in columns:
            raise NoTextField(columns)
        place = columns.index(text_field)
        for row in rows:
            if isinstance(row, BrokenRow):
                yield TableRow(error=("BadRow", row.message))
            elif any(BAD in cell for cell in row):
                yield TableRow(error=("BadRow", f"not {file.encoding}: it has bytes that cannot be decoded"))
            else:
                named = {name: cell for name, cell in zip(columns, row, strict=True) if name and name != text_field}
                yield _row(row[place], named)


def _parquet(source: Source, text_field: str) -> Iterator[TableRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.path if source.data is None else io.BytesIO(source.data))
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from None
    with file:
        columns = file.schema_arrow.names
        if text_field not in columns:
            raise NoTextField(columns)
        for number in range(file.num_row_groups):
            if (size := file.metadata.row_group(number).total_byte_size) > Budget.MAX_BYTES:
                message = f"row group {number} unpacks to {size:,} bytes, more than {Budget.MAX_BYTES:,}"
                raise Unreadable("TooLarge", message)
        for batch in file.iter_batches(batch_size=FEW_ROWS):
            for row in batch.to_pylist():
                text = row.pop(text_field)
                if isinstance(text, bytes):  # strings of writers that do not mark them
                    text = text.decode("utf-8", "replace")
                if isinstance(text, str):
                    yield _row(text, row)
                else:
                    yield TableRow(error=("BadRow", f"no text in column {text_field!r}"))


def _docbin(path: str) -> Iterator[TableRow]:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    packed = Path(path).read_bytes()
    if unpacks_to_more(packed, Budget.MAX_BYTES):
        raise Unreadable("TooLarge", f"it unpacks to more than {Budget.MAX_BYTES:,} bytes")
    try:
        for doc in docs_of(DocBin().from_bytes(packed), Vocab()):
            yield TableRow(clean(doc.text))
    except MemoryError:
        raise
    except Exception as error:  # msgpack and zlib raise their own types on a broken file
        raise ValueError(f"not a .spacy file: {error}") from None


def unpacks_to_more(packed: bytes, most: int) -> bool:
    unpacker = zlib.decompressobj()
    try:
        return len(unpacker.decompress(packed, most)) == most and not unpacker.eof
    except zlib.error:
        return False  # broken, which is for the reader to say


def _row(text: str, columns: dict[str, Any]) -> TableRow:
    try:
        return TableRow(clean(text), {clean(name): clean_value(value) for name, value in columns.items()})
    except TooDeep as error:
        return TableRow(error=("BadRow", str(error)))


class TooDeep(ValueError):
    """A value that no record can hold."""


def clean_value(value: Any, levels: int = MOST_LEVELS) -> Any:
    """RETURNS (Any): A column's value as JSON can hold it; dates, decimals and bytes become strings.

    RAISES (TooDeep): Lists and objects stand in each other more than so many levels deep.
    """
    if levels == 0 and isinstance(value, dict | list | tuple):
        raise TooDeep(f"lists and objects more than {MOST_LEVELS} levels deep")
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {clean(str(k)): clean_value(v, levels - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(v, levels - 1) for v in value]
    return clean(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
