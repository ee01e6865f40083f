"""What is planned and what becomes of it: members, shards, outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, TypedDict

from ..read.failures import FailureKind


@dataclass
class ShardMember:
    """A part of a shard: a file, a range of the rows of one, a text given as such, or what cannot be read at all.

    id, root, source (str): As in a record; of rows, the id of their file.
    path (str): The file, as os.fsdecode gives it; empty for a text.
    rows (tuple[int, int] | None): First row (from 0) and number of rows, for a table.
    text (str | None): The text itself, where it is no file's.
    error (tuple[FailureKind, str] | None): Kind and message of what keeps it from being read.
    content (str): SHA-256 of the file, or what `scan.chain` makes of the rows, when it was planned.
    """

    id: str
    root: str
    source: str
    path: str = ""
    rows: tuple[int, int] | None = None
    text: str | None = None
    error: tuple[FailureKind, str] | None = None
    content: str = ""

    @property
    def is_file(self) -> bool:
        """Is it a file that a reader has to open?"""
        return self.error is None and self.text is None and self.rows is None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ShardMember:
        """RETURNS (ShardMember): From what `asdict` and JSON made of one."""
        rows, error = values.pop("rows"), values.pop("error")
        return cls(rows=tuple(rows) if rows else None, error=tuple(error) if error else None, **values)


@dataclass(frozen=True)
class Shard:
    """A unit of commit: its members in input order.

    digest (str): Hash of all that decides what its files say.
    after (list[int]): Earlier shards that compute texts which this one has too.
    units (int): Files and rows.
    size (int): Their bytes.
    """

    number: int
    digest: str
    members: list[ShardMember]
    after: list[int]
    units: int
    size: int

    def to_json(self) -> str:
        """RETURNS (str): One line; names of any bytes survive in it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Shard:
        values = json.loads(line)
        return cls(members=[ShardMember.from_dict(member) for member in values.pop("members")], **values)


@dataclass
class DocumentCounts:
    """Sums over documents.

    tokens, characters (int): Of the records.
    computed, tokens_computed (int): Texts, and tokens of texts, that went through the pipeline for it.
    unrelated (int): Relations left out of records, since their head or tail is no entity.
    """

    documents: int = 0
    records: int = 0
    failures: int = 0
    tokens: int = 0
    characters: int = 0
    computed: int = 0
    tokens_computed: int = 0
    unrelated: int = 0

    @classmethod
    def total(cls, counts: Iterable[DocumentCounts]) -> DocumentCounts:
        """RETURNS (DocumentCounts): The sum of all."""
        result = cls()
        for each in counts:
            for field in fields(cls):
                setattr(result, field.name, getattr(result, field.name) + getattr(each, field.name))
        return result


class FileFacts(TypedDict):
    """What a finished file is known by."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Outcome:
    """What became of a shard.

    outputs (dict[str, FileFacts]): Its files by name.
    failures (list[str]): Rows of failures.jsonl.
    settled (bool): It is what was planned. Otherwise a file was changed when it was read, or something failed for a
        reason that may pass, and the next run does the shard again.
    """

    outputs: dict[str, FileFacts]
    counts: DocumentCounts
    failures: list[str]
    settled: bool = True

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Outcome:
        """RETURNS (Outcome): From what `asdict` and JSON made of one."""
        return cls(**{**values, "counts": DocumentCounts(**values["counts"])})
