"""`dossier process --engine ray`: the same work on a Ray cluster.

The planner's shards are the rows of a Ray dataset: a task reads and extracts one, an actor runs the pipeline over it
and writes its files, then its manifest. What was in hand when an actor or a node ended, Ray gives to another; what was
done when the whole run ended, the next run finds by the manifests.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import pickle
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import DossierError
from ...read.extract import one_line
from ..analyst import Analyst, Extraction, Job, Piece
from ..ledger import Ledger, Shard
from ..local.pool import Trouble
from ..options import Options, digest
from ..plan import Planner
from ..run import WORKER_BYTES, Progress, Run, full_disk, gpu_usable
from .store import Store

# What Ray counts for a task that reads and for an actor that holds the pipeline: each core has one of both.
READING, HOLDING = 0.25, 0.75


class RayRun(Run):
    """One run on a Ray cluster.

    inputs (Sequence[str | Path]): Files, folders, globs, on a file system that all nodes share.
    output (str): A folder that all nodes share, or the URL of one that pyarrow writes to: s3://…, gs://….
    pipeline (str | Path): Name of a pipeline installed on all nodes, or its folder where all nodes find it.
    address (str | None): Of the cluster, host:port or auto; None starts one on this machine.
    notice (Callable): Called with what the user should know, a line each.
    """

    def __init__(
        self,
        inputs: Sequence[str | Path],
        output: str,
        pipeline: str | Path,
        options: Options,
        *,
        address: str | None = None,
        text: str | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        notice: Callable[[str], None] = lambda line: None,
        warm: bool = False,
    ) -> None:
        super().__init__(inputs, Path(output), pipeline, options, text=text, report=report, warm=warm)
        self.store = Store(output)
        self.address = address
        self.notice = notice

    def shards(self) -> Iterator[int]:
        """Do the run.

        YIELDS (int): Each shard once its files stand in the output, in no fixed order.
        RAISES (DossierError): Inputs, pipeline, output, or Ray missing, out of reach or at its end.
        """
        with full_disk(self.store.output), self.store.hold():
            shards = self.planned()
            done = self.store.done(shards)
            status = "interrupted"
            try:
                self.store.write("run.json", self.state(status, done))  # until there is something better to say
                yield from done
                yield from self.computed_by_ray([shard for shard in shards if shard.number not in done], done)
                self.store.finish([done[number] for number in sorted(done)])
                status = "complete"
            except DossierError:
                status = "failed"
                raise
            finally:
                with contextlib.suppress(OSError):  # a full disk has its own error already
                    self.store.write("run.json", self.state(status, done))

    def planned(self) -> list[Shard]:
        """RETURNS (list[Shard]): The local engine's plan: names of files and ranges of rows, not their contents."""
        fixed = digest(self.options.space(self.pipeline), self.options.shape())
        with (
            tempfile.TemporaryDirectory(prefix="dossier-") as folder,
            contextlib.closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
        ):
            return list(Planner(ledger, self.options, fixed).shards(self.inputs, self.text, self.output))

    def state(self, status: str, done: dict[int, dict[str, Any]]) -> bytes:
        """RETURNS (bytes): run.json."""
        counts: Counter[str] = Counter()
        for manifest in done.values():
            counts.update(manifest["counts"])
        return self.summarize(
            status, dict(counts), [name for manifest in done.values() for name in manifest["outputs"]]
        )

    def computed_by_ray(self, todo: list[Shard], done: dict[int, dict[str, Any]]) -> Iterator[int]:
        """Compute shards. done (dict): Where their manifests are put. YIELDS (int): Each that is done."""
        progress = self.progress
        progress.earlier = progress.done = sum(manifest["units"] for manifest in done.values())
        progress.total = progress.done + sum(shard.units for shard in todo)
        progress.documents = sum(manifest["counts"]["documents"] for manifest in done.values())
        progress.failures = sum(manifest["counts"]["failures"] for manifest in done.values())
        self.report(progress)
        if not todo:
            return
        with cluster(self.address) as ray:
            self.device, self.processes, resources = self.resources(ray, len(todo))
            foreman = (
                ray.remote(Foreman)
                .options(num_cpus=0, scheduling_strategy=on_node(ray.get_runtime_context().get_node_id(), soft=True))
                .remote(self.processes if self.warm else 0)
            )
            job = Job(self.pipeline, self.options, self.device, warm=self.warm)
            self.launched = time.monotonic()
            rows = [{"shard": json.dumps(asdict(shard))} for shard in todo]
            manifests = (
                ray.data.from_items(rows, override_num_blocks=len(rows))  # so that reading them is shared out
                .map(
                    read,
                    fn_kwargs={"job": job.to_json()},
                    num_cpus=READING,
                    concurrency=max(1, min(len(rows), int(ray.cluster_resources().get("CPU", 1)))),
                )
                .map(
                    Predictor,
                    fn_constructor_args=(job, self.store, foreman),
                    # One in the pipeline, and one there when that is done.
                    compute=ray.data.ActorPoolStrategy(size=self.processes, max_tasks_in_flight_per_actor=2),
                    **resources,
                )
            )
            try:
                for row in manifests.iter_rows():
                    if row["error"]:
                        raise DossierError(row["error"])
                    shard, manifest = int(row["shard"]), json.loads(row["manifest"])
                    done[shard] = manifest
                    progress.words += manifest["counts"]["tokens_computed"]
                    message = {"type": "done", "shard": shard, "counts": manifest["counts"]}
                    self.advance(message, {shard: manifest["units"]})
                    yield shard
                if (ago := ray.get(foreman.since.remote())) is not None:
                    self.loaded = time.monotonic() - ago
            except DossierError:
                raise
            except Exception as error:  # Ray wraps whatever happened on the cluster
                reason = one_line((str(error).strip() or type(error).__name__).splitlines()[-1])
                raise DossierError(
                    f"the cluster could not finish ({reason})",
                    value=self.address,
                    remedy="Nothing done is lost: the same command goes on",
                ) from error

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
        check = ray.remote(gpu_usable)
        with_gpu = [node["NodeID"] for node in nodes if node["Resources"].get("GPU", 0) >= 1]
        answers = ray.get(
            [check.options(num_cpus=0, num_gpus=0.01, scheduling_strategy=on_node(node)).remote() for node in with_gpu]
        )
        if all(answers) and answers:
            return True
        reason = "a GPU of the cluster cannot be used" if answers else "the cluster has no GPU"
        remedy = "Install CUDA's driver and the package cupy on all GPU nodes"
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


def read(row: dict[str, Any], job: str) -> dict[str, Any]:
    """A reading task: a shard → its documents, in input order."""
    pieces = extraction(job).pieces(Shard(**json.loads(row["shard"])))
    return {**row, "pieces": pickle.dumps(pieces)}


@functools.lru_cache(maxsize=1)
def extraction(job: str) -> Extraction:
    """One for each process that Ray runs tasks in: a sandbox takes a second to start."""
    return Extraction(Job.from_json(job))


class Foreman:
    """The actor that knows where the others are: with a shard, and in it with a document when they go one by one.

    It stands beside the driver and outlives them, so that a shard that comes again tells that its process ended.

    crew (int): Actors that are to have their pipeline before any begins; 0 to begin at once.
    """

    def __init__(self, crew: int) -> None:
        self.crew = crew
        self.latest: float | None = None
        self.at: dict[int, str | None] = {}
        self.trouble: dict[int, Trouble] = {}

    def begin(self, shard: int) -> Trouble:
        trouble = self.trouble.setdefault(shard, Trouble())
        if shard in self.at:
            trouble.blame(self.at[shard])
        self.at[shard] = None
        return trouble

    def reach(self, shard: int, document: str) -> None:
        self.at[shard] = document

    def end(self, shard: int) -> None:
        self.at.pop(shard, None)

    def loaded(self) -> None:
        self.crew -= 1
        self.latest = time.monotonic()

    def waits(self) -> bool:
        return self.crew > 0

    def since(self) -> float | None:
        """RETURNS (float | None): Seconds since the last actor had its pipeline."""
        return None if self.latest is None else time.monotonic() - self.latest


class Predictor:
    """The actor that holds the pipeline: documents of a shard → its files and its manifest."""

    def __init__(self, job: Job, store: Store, foreman: Any) -> None:
        import ray

        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        self.job = job
        self.store = store
        self.shard = -1
        self.analyst = Analyst(job, self.say)
        self.ask = lambda method, *args: ray.get(getattr(foreman, method).remote(*args))
        if job.warm:
            self.analyst.nlp("What is set up at the first text is set up now.")

    def say(self, type: str, **message: Any) -> None:
        if type == "doc":
            self.ask("reach", self.shard, message["id"])
        elif type == "loaded":
            self.ask("loaded")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        shard = Shard(**json.loads(row["shard"]))
        self.shard = shard.number
        try:
            manifest, error = self.do(shard, pickle.loads(row["pieces"])), ""
        except DossierError as reason:
            manifest, error = {}, str(reason)
        except OSError as reason:
            manifest, error = {}, one_line(f"the output cannot be written: {reason.strerror or reason}")
        return {"shard": shard.number, "manifest": json.dumps(manifest), "error": error}

    def do(self, shard: Shard, pieces: list[Piece]) -> dict[str, Any]:
        while self.job.warm and self.ask("waits"):
            time.sleep(0.1)
        trouble: Trouble = self.ask("begin", shard.number)
        if trouble.hopeless:
            raise DossierError("processes of the cluster keep ending", remedy="Fewer --workers take less memory")
        texts: dict[bytes, Piece] = {}
        for piece in self.analyst.live(pieces, trouble.poison):
            texts.setdefault(piece.key, piece)
        found: dict[bytes, Any] = {}
        self.analyst.run_pipeline(list(texts.values()), found, careful=trouble.careful)
        written = self.analyst.write(shard.number, pieces, found, found, self.store.write)
        manifest = self.store.commit(shard, written)
        self.ask("end", shard.number)
        return manifest
