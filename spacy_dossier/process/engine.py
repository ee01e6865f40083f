"""What an engine is: it does the shards of a plan and keeps what is done. And what a machine has for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .ledger import Ledger
from .shard import DocumentCounts, Shard

STATE = ".dossier"  # folder of ledger or manifests, lock and unfinished files inside the output
WORKER_BYTES = 1_500_000_000  # memory a worker with an encoder may come to need
# Of a card: with the default encoder a process took 2.7 GB of an H200, of which CUDA itself has 0.5; a base one has
# 0.6 GB of weights and vectors of twice the size.
CARD_BYTES = 4_000_000_000

MakeShards = Callable[[Ledger], Iterator[Shard]]


@dataclass(frozen=True)
class Finished:
    """A shard is done: its files stand in the output."""

    shard: int
    units: int
    counts: DocumentCounts


@dataclass(frozen=True)
class Advanced:
    """So many more words went through the pipeline."""

    words: int


@dataclass(frozen=True)
class Loaded:
    """One more process has its pipeline. ago (float): Seconds since it has."""

    ago: float = 0.0


Event = Finished | Advanced | Loaded


@dataclass(frozen=True)
class Standing:
    """How far a plan is when a run begins.

    shards, units (int): Shards, and files and rows, of the plan.
    pending (list[int]): Shards to do, in order.
    units_done (int): Files and rows of the others.
    """

    shards: int
    units: int
    pending: list[int]
    units_done: int


class Engine(Protocol):
    """Does the shards of a plan. Whoever is killed when, what is done stays done, and only that.

    output (str): Folder or URL that the files go to.
    device (str): Where the pipelines run: "cpu" or "cuda:N".
    processes (int): How many processes hold one; 0 as long as none had to be started.
    encoder (str | None): What the encoder of the pipeline computes in, once a process has it.
    """

    output: str
    device: str
    processes: int
    encoder: str | None

    def hold(self) -> AbstractContextManager[None]:
        """Take the output. RAISES (DossierError): Another run is at work on it, or it holds something else."""

    def plan(self, make: MakeShards) -> Standing:
        """Make the plan, and find what of it is done. make (MakeShards): Given a ledger that knows files' hashes."""

    def work(self, pending: list[int]) -> Iterator[Event]:
        """Do shards. YIELDS (Event): What happens; in no fixed order."""

    def finish(self) -> None:
        """Write failures.jsonl, and remove the files of shards that are no more."""

    def counts(self) -> DocumentCounts:
        """RETURNS (DocumentCounts): Sums over all that is done."""

    def outputs(self) -> list[str]:
        """RETURNS (list[str]): Names of the files of all that is done."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file into the output, whole."""


def usable_cores() -> int:
    """RETURNS (int): Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """RETURNS (int): Bytes of memory that are free; plenty where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 40
