"""`dossier process --engine ray`: the same work on a Ray cluster.

The planner's shards are the rows of a Ray dataset: a task reads and extracts one, an actor runs the pipeline over it
and writes its files, then its manifest. What was in hand when an actor or a node ended, Ray gives to another; what was
done when the whole run ended, the next run finds by the manifests.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...devices import examine
from ...errors import DossierError
from ...read.extract import one_line
from ..engine import WORKER_BYTES, Advanced, Event, Finished, Loaded, MakeShards, Standing
from ..ledger import Ledger
from ..options import Job, PipelineRef, RunOptions
from ..shard import DocumentCounts, Shard
from .actors import RunnerActor, Watcher, read
from .store import Manifest, Store

# What Ray counts for a task that reads and for an actor that holds the pipeline: each core has one of both.
READING, HOLDING = 0.25, 0.75


class RayEngine:
    """Does shards on a Ray cluster and commits each by a manifest beside its files.

    output (str): A folder that all nodes share, or the URL of one that pyarrow writes to: s3://…, gs://….
    pipeline (PipelineRef): Installed on all nodes, or in a folder where all nodes find it.
    address (str | None): Of the cluster, host:port or auto; None starts one on this machine.
    notice (Callable): Called with what the user should know, a line each.
    warm (bool): Let every actor load and warm up before any gets work.
    """

    def __init__(
        self,
        output: str,
        pipeline: PipelineRef,
        options: RunOptions,
        *,
        address: str | None = None,
        notice: Callable[[str], None] = lambda line: None,
        warm: bool = False,
    ) -> None:
        self.output = output
        self.pipeline = pipeline
        self.options = options
        self.address = address
        self.notice = notice
        self.warm = warm
        self.store = Store(output)
        self.device = "cpu"
        self.processes = 0
        self.encoder: str | None = None
        self.shards: list[Shard] = []
        self.done: dict[int, Manifest] = {}

    def hold(self) -> contextlib.AbstractContextManager[None]:
        """See Engine."""
        return self.store.hold()

    def plan(self, make: MakeShards) -> Standing:
        """See Engine. The plan holds names of files and ranges of rows, not their contents."""
        with (
            tempfile.TemporaryDirectory(prefix="dossier-") as folder,
            contextlib.closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
        ):
            self.shards = list(make(ledger))
        self.done = self.store.done(self.shards)
        pending = [shard.number for shard in self.shards if shard.number not in self.done]
        units = sum(shard.units for shard in self.shards)
        return Standing(len(self.shards), units, pending, sum(manifest["units"] for manifest in self.done.values()))

    def work(self, pending: list[int]) -> Iterator[Event]:
        """See Engine. RAISES (DossierError): Ray is missing, out of reach or at its end, too."""
        with cluster(self.address) as ray:
            self.device, self.processes, resources = self.resources(ray, len(pending))
            watcher = (
                ray.remote(Watcher)
                .options(num_cpus=0, scheduling_strategy=on_node(ray.get_runtime_context().get_node_id(), soft=True))
                .remote(self.processes if self.warm else 0, self.options.pipeline_limit)
            )
            rows = self.manifests(ray, pending, watcher, resources)
            try:
                for row in rows.iter_rows():
                    if row["error"]:
                        raise DossierError(row["error"])
                    yield from self.finished(int(row["shard"]), json.loads(row["manifest"]))
                if (ago := ray.get(watcher.since.remote())) is not None:
                    self.encoder = ray.get(watcher.runs_in.remote())
                    yield Loaded(ago)
            except DossierError:
                raise
            except Exception as error:  # Ray wraps whatever happened on the cluster
                reason = one_line((str(error).strip() or type(error).__name__).splitlines()[-1])
                raise DossierError(
                    f"the cluster could not finish ({reason})",
                    value=self.address,
                    remedy="Nothing done is lost: the same command goes on",
                ) from error

    def manifests(self, ray: Any, pending: list[int], watcher: Any, resources: dict[str, Any]) -> Any:
        """RETURNS (ray.data.Dataset): A ManifestRow for each shard, computed as it is iterated over."""
        job = Job(self.pipeline, self.options, self.device, warm=self.warm)
        rows = [{"shard": self.shards[number].to_json()} for number in pending]
        return (
            ray.data.from_items(rows, override_num_blocks=len(rows))  # so that reading them is shared out
            .map(
                read,
                fn_kwargs={"job": job.to_json()},
                num_cpus=READING,
                concurrency=max(1, min(len(rows), int(ray.cluster_resources().get("CPU", 1)))),
            )
            .map(
                RunnerActor,
                fn_constructor_args=(job, self.store, watcher),
                # One in the pipeline, and one there when that is done.
                compute=ray.data.ActorPoolStrategy(size=self.processes, max_tasks_in_flight_per_actor=2),
                **resources,
            )
        )

    def finished(self, shard: int, manifest: Manifest) -> Iterator[Event]:
        self.done[shard] = manifest
        counts = DocumentCounts(**manifest["counts"])
        yield Advanced(counts.tokens_computed)
        yield Finished(shard, manifest["units"], counts)

    def finish(self) -> None:
        """See Engine."""
        self.store.finish([self.done[number] for number in sorted(self.done)])

    def counts(self) -> DocumentCounts:
        """See Engine."""
        return DocumentCounts.total(DocumentCounts(**manifest["counts"]) for manifest in self.done.values())

    def outputs(self) -> list[str]:
        """See Engine."""
        return [name for manifest in self.done.values() for name in manifest["outputs"]]

    def write(self, name: str, data: bytes) -> None:
        """See Engine."""
        self.store.write(name, data)

    def resources(self, ray: Any, shards: int) -> tuple[str, int, dict[str, Any]]:
        """RETURNS (tuple): Device, number of actors, and what Ray is to reserve for each."""
        nodes = [node for node in ray.nodes() if node["Alive"]]
        cores = sum(node["Resources"].get("CPU", 0) for node in nodes)
        gpus = int(sum(node["Resources"].get("GPU", 0) for node in nodes))
        if self.options.device != "cpu" and self.usable_gpus(ray, nodes):
            actors = min(self.options.workers or gpus, shards)
            return "cuda:0", actors, {"num_gpus": min(1.0, gpus / actors), "num_cpus": 0}  # each sees its own GPU only
        wanted = self.options.workers
        room = sum(int(min(node["Resources"].get("CPU", 0), memory_of(node) // WORKER_BYTES)) for node in nodes)
        actors = min(wanted or max(1, room), shards)
        share = min(HOLDING, int(HOLDING * cores / actors * 100) / 100)
        # So that no node gets more of them than its memory holds, unless the user knows better.
        memory = {"memory": WORKER_BYTES} if room and not wanted else {}
        return "cpu", actors, {"num_cpus": share, **memory}

    def usable_gpus(self, ray: Any, nodes: list[dict[str, Any]]) -> bool:
        """RETURNS (bool): Has the cluster GPUs, and can all its GPU nodes use them?

        RAISES (DossierError): GPUs asked for and not there.
        """
        check = ray.remote(examine)
        with_gpu = [node["NodeID"] for node in nodes if node["Resources"].get("GPU", 0) >= 1]
        answers = ray.get(
            [check.options(num_cpus=0, num_gpus=0.01, scheduling_strategy=on_node(node)).remote() for node in with_gpu]
        )
        broken = [cuda for cuda in answers if cuda.problem]
        if answers and not broken:
            return True
        reason = f"a GPU of the cluster cannot be used ({broken[0].problem})" if broken else "the cluster has no GPU"
        remedy = f"{broken[0].remedy} on all GPU nodes" if broken else "Start Ray with --num-gpus on the GPU nodes"
        if self.options.device != "auto":
            raise DossierError(reason, value=self.options.device, remedy=f"{remedy}, or choose --device cpu")
        if answers:
            self.notice(f"{reason}, so that the CPUs do the work. {remedy} to use it")
        return False


def memory_of(node: dict[str, Any]) -> float:
    """RETURNS (float): Bytes that Ray may give away on a node."""
    return node["Resources"].get("memory", 0.0)


def on_node(node: str, *, soft: bool = False) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=soft)


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Connect to a Ray cluster, or start one on this machine for as long as the run takes.

    YIELDS (module): ray, with ray.data.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise DossierError("--engine ray needs Ray", remedy='Install it: pip install "spacy-dossier[ray]"') from None
    if address and address.startswith("ray://"):
        raise DossierError(
            "Ray Data does not run over Ray Client",
            value=address,
            remedy="Run this on a node of the cluster, with host:6379 or auto as address",
        )
    was_there = ray.is_initialized()
    if not was_there:
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                address=address or "local",
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise DossierError(
                f"no Ray cluster answers ({one_line(str(error).splitlines()[0])})",
                value=address,
                remedy="Start one with `ray start --head`, and give its address",
            ) from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray takes it
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield ray
    finally:
        if not was_there:
            ray.shutdown()
