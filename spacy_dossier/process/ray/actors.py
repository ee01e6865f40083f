"""What runs on a cluster: tasks that read shards, actors that hold the pipeline, and the one that watches over them."""

from __future__ import annotations

import functools
import json
import os
import pickle
import time
from dataclasses import asdict
from typing import Any, TypedDict

from ...errors import DossierError
from ..crashes import Crashes, Order
from ..faults import CardLost
from ..options import Job
from ..reading import ShardDocument, ShardReader
from ..runner import Runner
from ..shard import Shard
from ..sinks import not_written
from .store import Manifest, Store


class ShardRow(TypedDict):
    """A row of the dataset of shards: the shard as JSON."""

    shard: str


class ReadRow(ShardRow):
    """A shard that has been read: how it is to be done, and its documents, pickled."""

    documents: bytes


class ManifestRow(TypedDict):
    """A shard that is done, with its manifest as JSON, or what keeps the run from going on."""

    shard: int
    manifest: str
    error: str


class Watcher:
    """The actor that knows which shards are in hand, and at which document those are that go one by one.

    It stands beside the driver and outlives the others, so that a shard that comes again tells that its process ended.

    expected (int): Actors that are to have their pipeline before any begins; 0 to begin at once.
    seconds (float): See `options.RunOptions.pipeline_limit`.
    """

    def __init__(self, expected: int, seconds: float) -> None:
        self.expected = expected
        self.seconds = seconds
        self.since_reached: dict[int, float] = {}  # when a careful shard came to a document in the pipeline
        self.latest: float | None = None
        self.encoder: str | None = None
        self.in_hand: set[int] = set()
        self.crashes = Crashes()

    def begin(self, shard: int) -> Order | None:
        """RETURNS (Order | None): How to do a shard; None when there is no point in it."""
        since = self.since_reached.pop(shard, None)  # Ray does not say by which signal a process ended
        late = since is not None and time.monotonic() - since >= self.seconds
        if shard in self.in_hand and not self.crashes.ended(shard, late=late):
            return None
        self.in_hand.add(shard)
        return self.crashes.order(shard)

    def reached(self, shard: int, document: str | None, stage: str) -> None:
        self.crashes.reached(shard, document, stage)
        self.since_reached.pop(shard, None)
        if document is not None and stage == "pipeline":
            self.since_reached[shard] = time.monotonic()

    def done(self, shard: int) -> None:
        self.in_hand.discard(shard)
        self.crashes.done(shard)

    def loaded(self, encoder: str | None) -> None:
        self.expected -= 1
        self.encoder = encoder
        self.latest = time.monotonic()

    def waits(self) -> bool:
        return self.expected > 0

    def runs_in(self) -> str | None:
        """RETURNS (str | None): What the encoder computes in."""
        return self.encoder

    def since(self) -> float | None:
        """RETURNS (float | None): Seconds since the last actor had its pipeline."""
        return None if self.latest is None else time.monotonic() - self.latest


def read(row: ShardRow, job: str) -> ReadRow:
    """A reading task: a shard → its documents, in input order."""
    documents = reader(job).read(Shard.from_json(row["shard"]), Order())
    return {"shard": row["shard"], "documents": pickle.dumps(documents)}


@functools.lru_cache(maxsize=1)
def reader(job: str) -> ShardReader:
    """One for each process that Ray runs tasks in: a sandbox takes a second to start."""
    return ShardReader(Job.from_json(job), lambda document, stage: None)


class RunnerActor:
    """The actor that holds the pipeline: documents of a shard → its files and its manifest."""

    def __init__(self, job: Job, store: Store, watcher: Any) -> None:
        import ray

        on_card = "false" if job.device == "cpu" else "true"  # cores have nothing better to do beside a card
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM=on_card)
        self.job = job
        self.store = store
        self.shard = -1
        self.ask = lambda method, *args: ray.get(getattr(watcher, method).remote(*args))
        self.runner = Runner(job, self)
        if job.warm:
            self.runner.warm_up()

    def loaded(self, encoder: str | None) -> None:
        """See Listener."""
        self.ask("loaded", encoder)

    def words(self, count: int) -> None:
        """See Listener. Words are counted by the manifests."""

    def reached(self, document: str | None, stage: str) -> None:
        """See Listener."""
        self.ask("reached", self.shard, document, stage)

    def __call__(self, row: ReadRow) -> ManifestRow:
        shard = Shard.from_json(row["shard"])
        self.shard = shard.number
        try:
            manifest, error = json.dumps(self.do(shard, pickle.loads(row["documents"]))), ""
        except CardLost:
            os._exit(1)  # as at any crash, so that the watcher finds the document
        except DossierError as reason:
            manifest, error = "", str(reason)
        except OSError as reason:
            manifest, error = "", str(not_written(reason, self.store.output))
        return {"shard": shard.number, "manifest": manifest, "error": error}

    def do(self, shard: Shard, documents: list[ShardDocument]) -> Manifest:
        while self.job.warm and self.ask("waits"):
            time.sleep(0.1)
        order: Order | None = self.ask("begin", shard.number)
        if order is None:
            raise DossierError("processes of the cluster keep ending", remedy="Fewer --workers take less memory")
        outcome, _ = self.runner.do(shard.number, order, documents, lambda key: None, self.store.write)
        manifest: Manifest = {
            "digest": shard.digest if outcome.settled else "",  # a plan has no such digest: the next run does it again
            "units": shard.units,
            "outputs": outcome.outputs,
            "counts": asdict(outcome.counts),
            "failures": outcome.failures,
        }
        self.store.commit(shard.number, manifest)
        self.ask("done", shard.number)
        return manifest
