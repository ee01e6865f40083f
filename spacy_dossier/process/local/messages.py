"""What a coordinator and its worker processes tell each other: a line of JSON each."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class ShardOrder(TypedDict):
    """To a worker: do a shard. See `crashes.Order`."""

    shard: int
    careful: bool
    quarantined: dict[str, str]
    late: list[str]


class LoadedMessage(TypedDict):
    """The worker has its pipeline, whose encoder computes in that."""

    type: Literal["loaded"]
    encoder: str | None


class WarmMessage(TypedDict):
    """The worker has run a first text through its pipeline."""

    type: Literal["warm"]


class WordsMessage(TypedDict):
    """So many more words went through the pipeline."""

    type: Literal["words"]
    count: int


class ReachedMessage(TypedDict):
    """In a careful shard: the document and the stage that come next."""

    type: Literal["reached"]
    document: str | None
    stage: str


class DoneMessage(TypedDict):
    """A shard's files are written: outcome as `shard.Outcome`, results the file of what is new for the ledger."""

    type: Literal["done"]
    shard: int
    outcome: dict[str, Any]
    results: str


class FatalMessage(TypedDict):
    """The run cannot go on."""

    type: Literal["fatal"]
    message: str


Message = LoadedMessage | WarmMessage | WordsMessage | ReachedMessage | DoneMessage | FatalMessage
