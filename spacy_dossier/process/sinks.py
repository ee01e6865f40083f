"""Records of a shard → files: JSONL, Parquet, DocBin and CSV tables of entities, classes and relations."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from ..errors import DossierError
from .record import Record
from .shard import FileFacts

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

JSON_COLUMNS = ("meta", "extensions")  # of Parquet: they differ from row to row
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), in full width too. The apostrophe
# is there so that taking one off gives the text again, whatever it was.
FORMULA = tuple("=+-@\t\r\n'＝＋－＠")


class Sink(ABC):
    """Makes the file of a shard in one format. The bytes are a function of the records alone.

    pattern (str): The file's name, with the shard's number in it.
    optional (bool): A file without rows is not written.
    """

    pattern: ClassVar[str]
    optional: ClassVar[bool] = False

    def __init__(self) -> None:
        self.rows: list[Any] = []

    @classmethod
    def file_name(cls, number: int) -> str:
        """RETURNS (str): Name of a shard's file."""
        return cls.pattern.format(number)

    @abstractmethod
    def prepare(self, record: Record, docs: Sequence[str]) -> Any:
        """Turn a document into what `add` takes: all that can fail for the document's sake.

        docs (Sequence[str]): Its Docs as base64 of `Doc.to_bytes`, where they are asked for.
        """

    def add(self, row: Any) -> None:
        """Put what `prepare` made into the file."""
        self.rows.append(row)

    @abstractmethod
    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The file."""


class JsonlSink(Sink):
    """One record a line."""

    pattern = "records-{:05d}.jsonl"

    def prepare(self, record: Record, docs: Sequence[str]) -> bytes:
        return record.to_json().encode() + b"\n"

    def to_bytes(self) -> bytes:
        return b"".join(self.rows)


class CsvSink(Sink):
    """Several rows a document; a text that a spreadsheet would run has an apostrophe before it."""

    columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def cells(self, record: Record) -> Iterable[Sequence[Any]]:
        """YIELDS (Sequence): The cells of each row, but for the first, the id."""

    def prepare(self, record: Record, docs: Sequence[str]) -> str:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        for row in self.cells(record):
            writer.writerow([neutral(cell) if isinstance(cell, str) else cell for cell in (record.id, *row)])
        return buffer.getvalue()

    def to_bytes(self) -> bytes:
        return "".join((",".join(self.columns) + "\n", *self.rows)).encode()


class EntitySink(CsvSink):
    """One entity a row."""

    pattern = "entities-{:05d}.csv"
    columns = ("id", "text", "label", "start", "end", "confidence", "page", "kb_id")

    def cells(self, record: Record) -> Iterable[Sequence[Any]]:
        for ent in record.entities:
            yield ent.text, ent.label, ent.start, ent.end, ent.confidence, ent.page, ent.kb_id


class ClassSink(CsvSink):
    """One class of a document a row."""

    pattern = "classes-{:05d}.csv"
    columns = ("id", "label", "score")
    optional = True

    def cells(self, record: Record) -> Iterable[Sequence[Any]]:
        return record.cats.items()


class RelationSink(CsvSink):
    """One relation a row, with the texts and the places of its entities."""

    pattern = "relations-{:05d}.csv"
    columns = ("id", "label", "confidence", "head", "head_start", "head_end", "tail", "tail_start", "tail_end")
    optional = True

    def cells(self, record: Record) -> Iterable[Sequence[Any]]:
        for relation in record.relations:
            ends = (record.entities[relation.head], record.entities[relation.tail])
            places = (cell for ent in ends for cell in (ent.text, ent.start, ent.end))
            yield relation.label, relation.confidence, *places


class ParquetSink(Sink):
    """One record a row."""

    pattern = "records-{:05d}.parquet"

    def prepare(self, record: Record, docs: Sequence[str]) -> Any:
        import pyarrow as pa

        row = record.model_dump()
        for name in JSON_COLUMNS:
            row[name] = json.dumps(row[name], ensure_ascii=False)
        return pa.Table.from_pylist([row], schema=arrow_schema())

    def to_bytes(self) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = io.BytesIO()
        table = pa.concat_tables(self.rows) if self.rows else arrow_schema().empty_table()
        pq.write_table(table.combine_chunks(), target)
        return target.getvalue()


class DocBinSink(Sink):
    """The processed Docs, with user data; `doc.user_data["id"]` is the record's id.

    load (Callable): Gives the pipeline, whose vocabulary reads the Docs.
    """

    pattern = "docs-{:05d}.spacy"

    def __init__(self, load: Callable[[], Language]) -> None:
        super().__init__()
        self.load = load

    def prepare(self, record: Record, docs: Sequence[str]) -> Any:
        from spacy.tokens import Doc, DocBin

        from .sections import strip

        sections = [Doc(self.load().vocab).from_bytes(base64.b64decode(part)) for part in docs]
        doc = sections[0] if len(sections) == 1 else join(sections, record)
        doc.user_data["id"] = record.id
        strip(doc)
        packed = DocBin(store_user_data=True)
        packed.add(doc)
        return packed

    def to_bytes(self) -> bytes:
        from spacy.tokens import DocBin

        packed = DocBin(store_user_data=True)
        for each in self.rows:
            packed.merge(each)
        return packed.to_bytes()


SINKS: dict[str, tuple[type[Sink], ...]] = {
    "jsonl": (JsonlSink,),
    "parquet": (ParquetSink,),
    "docbin": (DocBinSink,),
    "csv": (EntitySink, ClassSink, RelationSink),
}
ALL_SINKS = [sink for sinks in SINKS.values() for sink in sinks]


def make_sinks(formats: Sequence[str], load: Callable[[], Language]) -> list[Sink]:
    """RETURNS (list[Sink]): New ones for the formats. load (Callable): Gives the pipeline."""
    kinds = [kind for name in formats for kind in SINKS[name]]
    return [kind(load) if issubclass(kind, DocBinSink) else kind() for kind in kinds]


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """RETURNS (tuple[str, ...]): The formats, each once. RAISES (DossierError): An unknown one."""
    for name in formats:
        if name not in SINKS:
            raise DossierError("unknown format", value=name, remedy=f"Choose from {', '.join(SINKS)}")
    return tuple(dict.fromkeys(formats))


def is_ours(name: str) -> bool:
    """RETURNS (bool): Is it a shard's file, and not one the user put there under a like name?"""
    digits = "".join(char for char in name if char.isdigit())
    return bool(digits) and any(sink.file_name(int(digits)) == name for sink in ALL_SINKS)


def file_facts(data: bytes) -> FileFacts:
    """RETURNS (FileFacts): What a file with these bytes is known by."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def not_written(error: OSError, output: Path | str) -> DossierError:
    """RETURNS (DossierError): What the system says when the output cannot be written."""
    lasting = isinstance(error, FileExistsError | FileNotFoundError | NotADirectoryError | PermissionError)
    return DossierError(
        f"the output cannot be written: {error.strerror or error}",
        file=error.filename or output,
        remedy="Choose another folder with -o" if lasting else "Nothing done is lost: the same command goes on",
    )


def neutral(text: str) -> str:
    """RETURNS (str): A cell that no spreadsheet takes for a formula; see FORMULA."""
    return f"'{text}" if text.startswith(FORMULA) else text


def join(sections: list[Doc], record: Record) -> Doc:
    """RETURNS (Doc): The sections of a long text as one, with the summary of the whole instead of theirs."""
    from spacy.tokens import Doc

    doc = Doc.from_docs(sections, ensure_whitespace=False)
    assert doc is not None
    spans = [doc.char_span(s.start, s.end, alignment_mode="expand") for s in record.summary_sentences]
    doc.spans["summary"] = [span for span in spans if span is not None]
    doc.spans["summary"].attrs["scores"] = [s.score for s in record.summary_sentences]
    return doc


def arrow_schema() -> Any:
    """RETURNS (pyarrow.Schema): The record's schema."""
    import pyarrow as pa

    return pa.schema([_arrow_field(name, info.annotation) for name, info in Record.model_fields.items()])


def _arrow_field(name: str, annotation: Any) -> Any:
    import pyarrow as pa

    nullable = False
    if isinstance(annotation, types.UnionType):
        (annotation,) = (a for a in typing.get_args(annotation) if a is not type(None))
        nullable = True
    return pa.field(name, _arrow_type(annotation), nullable=nullable)


def _arrow_type(annotation: Any) -> Any:
    import pyarrow as pa

    if typing.get_origin(annotation) is list:
        return pa.list_(_arrow_type(typing.get_args(annotation)[0]))
    if annotation == dict[str, float]:
        return pa.map_(pa.string(), pa.float64())
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct([_arrow_field(name, info.annotation) for name, info in annotation.model_fields.items()])
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}.get(annotation, pa.string())
