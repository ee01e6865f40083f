"""The engine on one machine: a ledger, worker processes, a folder."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ...devices import Card, find_device
from ...text.files import UNFINISHED, move_file, write_file
from ...text.lock import Lock
from ..engine import (
    CARD_BYTES,
    STATE,
    WORKER_BYTES,
    Advanced,
    Event,
    Finished,
    Loaded,
    MakeShards,
    Standing,
    free_memory,
    usable_cores,
)
from ..ledger import Ledger
from ..options import Job, PipelineRef, RunOptions, hash_file
from ..shard import DocumentCounts, FileFacts, Outcome
from ..sinks import ALL_SINKS, is_ours
from .messages import DoneMessage
from .pool import Pool
from .schedule import Schedule


class LocalEngine:
    """Does shards in worker processes and commits them to a ledger.

    output (Path): The folder.
    notice (Callable): Called with what the user should know, a line each.
    warm (bool): Let every worker load and warm up before any gets work.
    """

    def __init__(
        self,
        output: Path,
        pipeline: PipelineRef,
        options: RunOptions,
        *,
        notice: Callable[[str], None] = lambda line: None,
        warm: bool = False,
    ) -> None:
        self.output = str(output)
        self.folder = output
        self.pipeline = pipeline
        self.options = options
        self.notice = notice
        self.warm = warm
        self.device = "cpu"
        self.processes = 0
        self.encoder: str | None = None
        self.ledger: Ledger
        self.scratch: Path  # for files that have no name yet

    @property
    def state(self) -> Path:
        """The folder of the ledger."""
        return self.folder / STATE

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """See Engine."""
        self.state.mkdir(parents=True, exist_ok=True)
        with Lock(self.state / "lock"), contextlib.closing(Ledger(self.state / "ledger.sqlite")) as self.ledger:
            for left in self.state.glob("work-*"):  # by a killed run
                shutil.rmtree(left, ignore_errors=True)
            for unfinished in self.state.glob(f".*{UNFINISHED}"):
                unfinished.unlink()
            # A name of its own, for a worker of a killed run may live a moment longer and write.
            self.scratch = Path(tempfile.mkdtemp(prefix="work-", dir=self.state))
            try:
                yield
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def plan(self, make: MakeShards) -> Standing:
        """See Engine. What is done is verified by the hashes of its files."""
        self.ledger.replace_plan(make(self.ledger), space=self.options.space(self.pipeline))
        for number, outputs in self.ledger.outputs().items():
            if not all(self.is_intact(name, facts) for name, facts in outputs.items()):
                self.ledger.reopen(number)
        shards, units = self.ledger.totals()
        pending = self.ledger.pending()
        return Standing(shards, units, [shard for shard, *_ in pending], units - sum(entry.units for entry in pending))

    def is_intact(self, name: str, facts: FileFacts) -> bool:
        path = self.folder / name
        try:
            return path.stat().st_size == facts["bytes"] and hash_file(path) == facts["sha256"]
        except OSError:
            return False

    def work(self, pending: list[int]) -> Iterator[Event]:
        """See Engine."""
        self.device, card = find_device(self.options.device, self.notice)
        self.processes, threads, extractors = self.layout(len(pending), card)
        todo = self.ledger.pending()
        units = {entry.shard: entry.units for entry in todo}
        pool = Pool(self.job(extractors), self.processes, threads)
        try:
            for message, folder in pool.run(Schedule(todo)):
                if message["type"] == "loaded":
                    self.encoder = message["encoder"]
                if message["type"] == ("warm" if self.warm else "loaded"):
                    yield Loaded()
                elif message["type"] == "words":
                    yield Advanced(message["count"])
                elif message["type"] == "done":
                    outcome = self.commit(message, folder)
                    yield Finished(message["shard"], units[message["shard"]], outcome.counts)
        finally:
            pool.stop()

    def layout(self, shards: int, card: Card | None) -> tuple[int, int, int]:
        """RETURNS (tuple[int, int, int]): Worker processes, threads of each, extraction processes of each."""
        cores = usable_cores()
        if card is None:
            room = min(cores, free_memory() // WORKER_BYTES)
        else:
            # A process keeps one core busy beside the card, and what reads files and cuts sub-words for it another.
            room = min(cores // 2, free_memory() // WORKER_BYTES, card.free // CARD_BYTES)
        size = min(self.options.workers or max(1, room), shards)
        threads = max(1, cores // size)
        return size, threads, 1 if card is None else threads

    def job(self, extractors: int) -> Job:
        return Job(
            self.pipeline,
            self.options,
            self.device,
            extractors,
            ledger=str(self.ledger.path.absolute()),
            generation=self.ledger.generation,
            folder=str(self.scratch.absolute()),
            warm=self.warm,
        )

    def commit(self, message: DoneMessage, folder: Path) -> Outcome:
        """Name a shard's files, then commit. Killed in between, the shard is done again, to the same bytes."""
        outcome = Outcome.from_dict(message["outcome"])
        for name in outcome.outputs:
            move_file(folder / name, self.folder / name)
        results = Path(message["results"])
        self.ledger.commit(message["shard"], outcome, read_results(results))
        results.unlink()
        return outcome

    def finish(self) -> None:
        """See Engine."""
        wanted = set(self.outputs())
        for sink in ALL_SINKS:
            for path in self.folder.glob(sink.pattern.replace("{:05d}", "*")):
                if path.name not in wanted and is_ours(path.name):
                    path.unlink()
        self.write("failures.jsonl", "".join(line + "\n" for line in self.ledger.failures()).encode())

    def counts(self) -> DocumentCounts:
        """See Engine."""
        return self.ledger.counts()

    def outputs(self) -> list[str]:
        """See Engine."""
        return [name for outputs in self.ledger.outputs().values() for name in outputs]

    def write(self, name: str, data: bytes) -> None:
        """See Engine."""
        write_file(self.folder / name, data, self.state)


def read_results(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """YIELDS (tuple[bytes, bytes]): Key and packed findings, as a worker wrote them."""
    with path.open(encoding="ascii") as file:
        for line in file:
            key, blob = json.loads(line)
            yield bytes.fromhex(key), base64.b64decode(blob)
