"""What the report reads: the records, failures and figures of a run, one row at a time, and the texts behind them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ..errors import DossierError
from ..process.record import Entity, Failure, Record, SummarySentence
from ..process.sinks import JSON_COLUMNS
from ..read.document import Kind, PlacedBlock
from ..read.extract import Extracted, ReadOptions
from ..read.sandbox import Sandbox
from ..read.tables.rows import MEDIA_TYPES
from .text import paragraphs

TIME_LIMIT = 60.0  # seconds for reading one file again
MEMORY_LIMIT = 2_000_000_000  # bytes

Row = TypeVar("Row", bound=BaseModel)


def record_files(out: Path) -> list[Path]:
    """Find the records of a run.

    out (Path): The folder `dossier process` wrote.
    RETURNS (list[Path]): Its records-* files, JSONL or else Parquet, in order.
    RAISES (DossierError): No such folder, or no records in it.
    """
    if not out.is_dir():
        raise DossierError("no such folder", file=out, remedy="Give the folder that `dossier process … -o OUT` wrote")
    for suffix in ("jsonl", "parquet"):
        files = sorted(out.glob(f"records-*.{suffix}"))
        if files:
            return files
    if (out / "failures.jsonl").is_file():
        return []
    raise DossierError(
        "no records-*.jsonl or records-*.parquet in it",
        file=out,
        remedy="Run `dossier process INPUT… -o OUT` first, with --format jsonl or parquet",
    )


def read_records(files: Iterable[Path]) -> Iterator[Record]:
    """YIELDS (Record): The records in files, in order. RAISES (DossierError): A row that is no record."""
    for path in files:
        yield from _read_jsonl(path, Record) if path.suffix == ".jsonl" else _read_parquet(path)


def read_failures(out: Path) -> Iterator[Failure]:
    """YIELDS (Failure): The failures of a run, none without failures.jsonl."""
    path = out / "failures.jsonl"
    if path.is_file():
        yield from _read_jsonl(path, Failure)


def read_run(out: Path) -> dict[str, Any]:
    """RETURNS (dict): run.json; empty while the run has not finished."""
    path = out / "run.json"
    if not path.is_file():
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DossierError(f"not JSON ({error})", file=path, remedy="Run the same `dossier process` again") from None
    return run if isinstance(run, dict) else {}


def _read_jsonl(path: Path, row: type[Row]) -> Iterator[Row]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _validated(row, line, path, number)


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=64):
            for row in batch.to_pylist(maps_as_pydicts="strict"):
                number += 1
                for name in JSON_COLUMNS:
                    row[name] = json.loads(row.get(name) or "{}")
                yield _validated(Record, json.dumps(row).encode(), path, number)


def _validated(row: type[Row], line: bytes, path: Path, number: int) -> Row:
    try:
        return row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DossierError(
            f"not a {row.__name__.lower()}: {where + ': ' if where else ''}{first['msg']}",
            file=path,
            line=number,
            remedy="Run the same `dossier process` again to write it anew",
        ) from None


@dataclass(frozen=True)
class SourceText:
    """The text behind a record.

    text (str | None): The text, with which the record agrees; None where it is not to be had.
    blocks (list[PlacedBlock]): Its blocks.
    why (str): Why there is no text.
    """

    text: str | None = None
    blocks: list[PlacedBlock] = field(default_factory=list)
    why: str = ""


class Texts:
    """Gives the text of a record: its own, or read again from the source when that has not changed.

    Sources are read in a sandbox with limits, as in the run. The pieces of the last file stay at hand, since the
    members of an archive follow one another.

    options (dict[str, Any]): Those of the run, as run.json has them.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        known = {f.name: options[f.name] for f in fields(ReadOptions) if f.name in options}
        self._options = replace(ReadOptions(**known), attachments=True)
        self._sandbox: Sandbox | None = None
        self._path: Path | None = None
        self._pieces: list[Extracted] = []

    def __enter__(self) -> Texts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._sandbox is not None:
            self._sandbox.close()

    def find(self, record: Record) -> SourceText:
        """RETURNS (SourceText): The text and its blocks, or the reason why there is none."""
        if record.text is not None:
            if agrees(record, record.text):
                return SourceText(record.text, blocks_of(record) or paragraphs(record.text))
            return SourceText(why="The text in the record does not agree with the offsets of its entities.")
        if record.media_type in MEDIA_TYPES.values() and re.search(r"#\d+\Z", record.id):
            return SourceText(why="The record holds no text, and rows of tables are not read again.")
        path = locate(record)
        if path is None:
            return SourceText(why="The record holds no text, and its source was not found where it was read.")
        for piece in self._read(path):
            if piece.sha256 == record.sha256 and record.id.endswith(piece.name) and agrees(record, piece.text):
                return SourceText(piece.text, piece.blocks or paragraphs(piece.text))
        return SourceText(why="The record holds no text, and its source has changed or does not read as it did.")

    def _read(self, path: Path) -> list[Extracted]:
        if path != self._path:
            if self._sandbox is None:
                self._sandbox = Sandbox(time_limit=TIME_LIMIT, memory_limit=MEMORY_LIMIT, options=self._options)
            self._pieces = self._sandbox.extract(str(path)).pieces
            self._path = path
        return self._pieces


def blocks_of(record: Record) -> list[PlacedBlock]:
    """RETURNS (list[PlacedBlock]): The blocks that a record holds; none unless the run was asked for them."""
    return [PlacedBlock(cast(Kind, b.kind), b.start, b.end, b.level, b.page, b.text) for b in record.blocks or []]


def agrees(record: Record, text: str) -> bool:
    """RETURNS (bool): Whether every entity and summary sentence stands in the text where the record says."""
    return len(text) == record.n_chars and all(text[span.start : span.end] == span.text for span in quotations(record))


def quotations(record: Record) -> list[Entity | SummarySentence]:
    """RETURNS (list): All that a record quotes from the text."""
    return [*record.entities, *record.summary_sentences]


def locate(record: Record) -> Path | None:
    """RETURNS (Path | None): The file a record was read from, None if it is not there."""
    root = Path(record.root)
    for source in (record.source, unescape(record.source)):
        # After the path comes what names a row, a member or an attachment: the file is the longest part that exists
        for end in (len(source), *reversed([mark.start() for mark in re.finditer("[!#]", source)])):
            for path in (root / source[:end], root):
                with contextlib.suppress(OSError, ValueError):  # no name of a file: too long, or with a NUL in it
                    if path.is_file() and (path != root or root.name == source[:end]):
                        return path
    return None


def unescape(source: str) -> str:
    r"""RETURNS (str): The path behind a source in which bytes that are not UTF-8 are written as \xNN."""
    return re.sub(r"\\x([89a-f][0-9a-f])", lambda m: chr(0xDC00 + int(m[1], 16)), source)
