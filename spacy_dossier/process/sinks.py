"""Records of a shard → files: JSONL, Parquet, DocBin and a CSV table of entities."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from ..errors import DossierError
from .record import Record

# Format → name of a shard's file
NAMES = {
    "jsonl": "records-{:05d}.jsonl",
    "parquet": "records-{:05d}.parquet",
    "docbin": "docs-{:05d}.spacy",
    "csv": "entities-{:05d}.csv",
}
PATTERNS = [name.replace("{:05d}", "*") for name in NAMES.values()]
ENTITY_COLUMNS = ("id", "text", "label", "start", "end", "confidence", "page")


def check_formats(formats: Sequence[str]) -> list[str]:
    """RETURNS (list[str]): The formats, each once. RAISES (DossierError): An unknown one."""
    for name in formats:
        if name not in NAMES:
            raise DossierError("unknown format", value=name, remedy=f"Choose from {', '.join(NAMES)}")
    return list(dict.fromkeys(formats))


def is_ours(name: str) -> bool:
    """RETURNS (bool): Is it a shard's file, and not one the user put there under a like name?"""
    digits = "".join(char for char in name if char.isdigit())
    return bool(digits) and any(pattern.format(int(digits)) == name for pattern in NAMES.values())


def write_shard(
    write: Callable[[str, bytes], None],
    number: int,
    records: Sequence[Record],
    formats: Sequence[str],
    docs: Callable[[], bytes],
) -> dict[str, dict[str, Any]]:
    """Write a shard's files.

    write (Callable): Called with the name and the bytes of each.
    docs (Callable): Makes the bytes of the DocBin, when it is asked for.
    RETURNS (dict): Final name → bytes and sha256. The bytes are a function of the records alone.
    """
    outputs = {}
    for name in formats:
        data = docs() if name == "docbin" else WRITERS[name](records)
        final = NAMES[name].format(number)
        write(final, data)
        outputs[final] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return outputs


def to_jsonl(records: Sequence[Record]) -> bytes:
    return "".join(record.to_json() + "\n" for record in records).encode()


def to_csv(records: Sequence[Record]) -> bytes:
    """One row an entity."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(ENTITY_COLUMNS)
    for record in records:
        for ent in record.entities:
            writer.writerow((record.id, ent.text, ent.label, ent.start, ent.end, ent.confidence, ent.page))
    return buffer.getvalue().encode()


def to_parquet(records: Sequence[Record]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([parquet_row(r) for r in records], schema=arrow_schema()), sink)
    return sink.getvalue()


def parquet_row(record: Record) -> dict[str, Any]:
    """RETURNS (dict): A record as a row of `arrow_schema`."""
    return {**record.model_dump(), "meta": json.dumps(record.meta, ensure_ascii=False)}


def arrow_schema() -> Any:
    """RETURNS (pyarrow.Schema): The record's schema; `meta`, which differs from row to row, as a JSON string."""
    import pyarrow as pa

    return pa.schema([field_of(name, info.annotation) for name, info in _hints(Record)])


def _hints(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return list(model.model_fields.items())


def field_of(name: str, annotation: Any) -> Any:
    import pyarrow as pa

    nullable = False
    if isinstance(annotation, types.UnionType):
        (annotation,) = (a for a in typing.get_args(annotation) if a is not type(None))
        nullable = True
    return pa.field(name, arrow_type(annotation), nullable=nullable)


def arrow_type(annotation: Any) -> Any:
    import pyarrow as pa

    if typing.get_origin(annotation) is list:
        return pa.list_(arrow_type(typing.get_args(annotation)[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct([field_of(name, info.annotation) for name, info in _hints(annotation)])
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}.get(annotation, pa.string())


WRITERS: dict[str, Callable[[Sequence[Record]], bytes]] = {"jsonl": to_jsonl, "parquet": to_parquet, "csv": to_csv}
