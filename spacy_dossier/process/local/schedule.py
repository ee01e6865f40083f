"""Which shard comes next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ..ledger import Pending


class Schedule:
    """Gives out shards, the lowest first, but none before the shards whose results it takes over are committed.

    Those are lower ones only, so the lowest of all can always be given out.

    pending (Iterable[Pending]): Shards to do.
    """

    def __init__(self, pending: Iterable[Pending]) -> None:
        self._after = {shard: after for shard, _, after in pending}
        self._open = set(self._after)  # not committed yet
        self._todo = sorted(self._after)

    def __len__(self) -> int:
        """RETURNS (int): How many are still to be given out."""
        return len(self._todo)

    @property
    def is_done(self) -> bool:
        """Whether all are committed."""
        return not self._open

    def take(self) -> int | None:
        """RETURNS (int | None): A shard; None where all that is left comes after one that is in hand."""
        for position, shard in enumerate(self._todo):
            if not any(before in self._open for before in self._after[shard]):
                return self._todo.pop(position)
        return None

    def put_back(self, shards: Iterable[int]) -> None:
        """Shards that were given out are to be done again."""
        self._todo = list(heapq.merge(self._todo, sorted(shards)))

    def commit(self, shard: int) -> None:
        """A shard is committed: those that come after it may be given out."""
        self._open.discard(shard)
