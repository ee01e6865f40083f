"""Which document ended the process it was in."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_BLAMELESS = 3  # ends of one shard's process with no document to blame, before the run gives up


@dataclass(frozen=True)
class Order:
    """How a shard is to be done.

    careful (bool): One document at a time, each announced before each stage.
    quarantined (dict[str, str]): Documents known to end their process, by id, and the stage at which they do.
    late (list[str]): Those of them whose time was up.
    """

    careful: bool = False
    quarantined: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)


@dataclass
class _History:
    ends: int = 0
    blameless: int = 0
    at: tuple[str, str] | None = None
    quarantined: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)


class Crashes:
    """Attributes the ends of processes to documents.

    A shard whose process ended is done again, for the cause may lie outside it; the second time one document at a time,
    and at once where it ended because a time was up.
    The document that was announced when the process ends then is quarantined: it becomes a failure row and is not tried
    again. What is announced is an id and a stage (read, pipeline, record), or nothing.
    """

    def __init__(self) -> None:
        self._shards: dict[int, _History] = {}

    def order(self, shard: int) -> Order:
        """RETURNS (Order): How to do a shard now."""
        history = self._shards.get(shard, _History())
        return Order(careful=history.ends > 1, quarantined=dict(history.quarantined), late=list(history.late))

    def reached(self, shard: int, document: str | None, stage: str = "") -> None:
        """A careful shard comes to a document, or has left the last one (None)."""
        self._shards[shard].at = None if document is None else (document, stage)

    def ended(self, shard: int, *, late: bool = False) -> bool:
        """The process that had a shard in hand ended.

        late (bool): It was ended because its time was up.
        RETURNS (bool): Is there a point in doing it again? Not when it keeps ending with no document to blame.
        """
        history = self._shards.setdefault(shard, _History())
        history.ends = max(history.ends + 1, 2 if late else 0)
        if history.at is None:
            history.blameless += 1
        else:
            document, stage = history.at
            history.quarantined[document] = stage
            if late:
                history.late.append(document)
        history.at = None
        return history.blameless <= MOST_BLAMELESS

    def done(self, shard: int) -> None:
        """A shard is done; what was known of it is forgotten."""
        self._shards.pop(shard, None)
