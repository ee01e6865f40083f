"""`dossier process --engine ray`: the same work on a Ray cluster.

Ray Data plans nothing and resumes nothing here that the local engine would not: the planner's shards are its rows,
tasks read and extract them, a pool of actors holds the pipeline, and write tasks put records and failures into a
folder or an object store. What an actor or a node that ends had in hand, Ray gives to another.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from .analyst import Analyst, Extraction, Job, Piece, failure, text_hash
from .extract import Extracted
from .ledger import Ledger, Shard
from .options import Options, digest, find_pipeline
from .plan import Planner
from .record import Record
from .run import run_json
from .sinks import NAMES, WRITERS, check_formats

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

SHARD_UNITS = 32  # files or rows that one reading task takes
BATCH_DOCS = 64  # documents that an actor takes at once
RETRIES = 3  # of what an ended actor had in hand, before the run ends


def process_on_ray(
    inputs: Sequence[str | Path],
    output: str,
    pipeline: str | Path,
    options: Options,
    *,
    address: str | None = None,
    text: str | None = None,
) -> dict[str, int]:
    """Process documents on a Ray cluster, and write records, failures.jsonl and run.json.

    inputs (Sequence[str | Path]): Files, folders, globs, on a file system that all nodes share.
    output (str): A folder that all nodes share, or the URL of one that pyarrow writes to: s3://…, gs://….
    pipeline (str | Path): Name of a pipeline installed on all nodes, or its folder where all nodes find it.
    address (str | None): Of the cluster, host:port or auto; None starts one on this machine.
    RETURNS (dict[str, int]): Counts: documents, records, failures, tokens, characters.
    RAISES (DossierError): Inputs, pipeline, output, Ray missing or not to be reached, or a document that ends every
        process that takes it.
    """
    options.check()
    formats = check_formats(options.formats)
    if "docbin" in formats:
        raise DossierError("the Ray engine writes no DocBin", value="docbin", remedy="Choose jsonl, parquet or csv")
    found = find_pipeline(pipeline)
    filesystem, folder = open_output(output)
    begun, started = datetime.now(timezone.utc), time.monotonic()
    with cluster(address) as ray:
        cores = int(ray.cluster_resources().get("CPU", 1))
        gpus = int(ray.cluster_resources().get("GPU", 0))
        on_gpu = options.device.startswith("cuda") or (options.device == "auto" and gpus > 0)
        if on_gpu and not gpus:
            raise DossierError("the cluster has no GPU", value=options.device, remedy="Choose --device cpu")
        device = "cuda:0" if on_gpu else "cpu"  # Ray shows each actor its own GPU only
        actors = options.workers or (gpus if on_gpu else max(1, cores - 1))
        # Actors hold their share of the CPUs to the end: some must be left for the tasks that read and write.
        share = min(1.0, int(max(cores - 1, 0.5) / actors * 100) / 100)
        job = Job(found, options, device)
        shards = plan(inputs, text, options, digest(options.space(found), options.shape()))
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = os.isatty(2)
        context.log_internal_stack_trace_to_stdout = False
        # A shard's rows in a block of their own, so that the tasks that read them share them out.
        rows = ray.data.from_items(shards, override_num_blocks=max(1, len(shards)))
        pieces = rows.map_batches(read, batch_size=1, fn_kwargs={"job": job}, num_cpus=0.25, zero_copy_batch=False)
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")  # no other way bounds the retries
        records = pieces.map_batches(
            Predictor,
            fn_constructor_args=(job,),
            batch_size=BATCH_DOCS,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=0 if on_gpu else share,
            num_gpus=1 if on_gpu else 0,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
        sink = make_sink(filesystem, folder, formats)
        try:
            if shards:
                records.write_datasink(sink, ray_remote_args={"num_cpus": 0.25})
        except DossierError:
            raise
        except Exception as error:  # Ray wraps whatever happened on the cluster
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise DossierError(
                f"the cluster could not finish ({reason})",
                value=output,
                remedy="Without run.json the output is not whole: empty it, and run again",
            ) from error
    counts = dict.fromkeys(("documents", "records", "failures", "tokens", "characters"), 0) | dict(sink.counts)
    seconds = time.monotonic() - started
    summary = run_json(
        "complete",
        found,
        inputs,
        text,
        options,
        counts,
        {
            "started": begun.isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "documents_computed": counts["records"],
            "words_computed": counts["tokens"],
            "words_per_second": round(counts["tokens"] / seconds),
            "device": device,
            "processes": actors,
        },
        sorted(sink.names),
    )
    write(filesystem, f"{folder}/failures.jsonl", b"".join(sink.failures))
    write(filesystem, f"{folder}/run.json", summary)
    return counts


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
        try:
            ray.init(
                address=address or "local", log_to_driver=False, include_dashboard=False if address is None else None
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise DossierError(
                f"no Ray cluster answers ({str(error).splitlines()[0]})",
                value=address,
                remedy="Start one with `ray start --head`, and give its address",
            ) from None
    try:
        yield ray
    finally:
        if not was_there:
            ray.shutdown()


def plan(inputs: Sequence[str | Path], text: str | None, options: Options, fixed: str) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): The planner's shards: names of files and ranges of rows, not their contents."""
    with (
        tempfile.TemporaryDirectory(prefix="dossier-") as folder,
        contextlib.closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
    ):
        sized = replace(options, shard_size=options.shard_size or SHARD_UNITS)
        shards = Planner(ledger, sized, fixed).shards(inputs, text, None)
        return [{"shard": shard.number, "members": json.dumps(shard.members)} for shard in shards]


def read(batch: dict[str, Any], job: Job) -> dict[str, list[Any]]:
    """A reading task: shards → their documents, in input order. Texts in rows of tables come with their row."""
    pieces = [
        piece
        for number, members in zip(batch["shard"].tolist(), batch["members"].tolist(), strict=True)
        for piece in extraction(job.to_json()).pieces(Shard(number, "", json.loads(members), {}, 0, 0))
    ]
    return {"piece": [json.dumps(asdict(piece), default=str) for piece in pieces]}


@functools.lru_cache(maxsize=1)
def extraction(job: str) -> Extraction:
    """One for each process that Ray runs tasks in: a sandbox takes a second to start."""
    return Extraction(Job.from_json(job))


class Predictor:
    """The actor that holds the pipeline."""

    def __init__(self, job: Job) -> None:
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        self.analyst = Analyst(job, say=lambda **message: None)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        pieces = [to_piece(line) for line in batch["piece"].tolist()]
        todo: dict[bytes, Piece] = {}
        for piece in pieces:
            if piece.read.error:
                piece.failure = failure(piece, piece.read.stage, *piece.read.error)
            else:
                piece.key = text_hash(piece.read.text).encode()
                todo.setdefault(piece.key, piece)
        results: dict[bytes, Any] = {}
        self.analyst.run_pipeline(list(todo.values()), results)
        records: list[str | None] = []
        failures: list[str | None] = []
        for piece in pieces:
            record = self.analyst.record(piece, results) if piece.failure is None else None
            records.append(record.model_dump_json() if record else None)
            failures.append(piece.failure.to_json() if piece.failure else None)
        return {"record": records, "failure": failures}


def to_piece(line: str) -> Piece:
    data = json.loads(line)
    read_ = data.pop("read")
    read_["pages"] = [tuple(page) for page in read_["pages"]]
    read_["error"] = tuple(read_["error"]) if read_["error"] else None
    return Piece(data["id"], data["root"], data["source"], data["unit"], Extracted(**read_))


def make_sink(filesystem: FileSystem, folder: str, formats: Sequence[str]) -> Any:
    """RETURNS (ray.data.Datasink): Writes each block of records under the number of its task, so that a task done
    again overwrites what it wrote."""
    from ray.data import Datasink

    class Sink(Datasink):
        def __init__(self) -> None:
            self.counts: Counter[str] = Counter()
            self.names: list[str] = []
            self.failures: list[bytes] = []

        def write(self, blocks: Iterable[pa.Table], ctx: Any) -> dict[str, Any]:
            from ray.data.block import BlockAccessor

            rows = [row for block in blocks for row in BlockAccessor.for_block(block).to_arrow().to_pylist()]
            records = [Record.model_validate_json(row["record"]) for row in rows if row["record"]]
            names = [NAMES[name].format(ctx.task_idx) for name in formats]
            for format_, name in zip(formats, names, strict=True):
                write(filesystem, f"{folder}/{name}", WRITERS[format_](records))
            counts = {
                "documents": len(rows),
                "records": len(records),
                "failures": len(rows) - len(records),
                "tokens": sum(record.n_tokens for record in records),
                "characters": sum(record.n_chars for record in records),
            }
            failures = "".join(row["failure"] + "\n" for row in rows if row["failure"]).encode()
            return {"task": ctx.task_idx, "counts": counts, "names": names, "failures": failures}

        def on_write_complete(self, write_result: Any) -> None:
            returns = sorted(write_result.write_returns, key=lambda r: r["task"])
            self.counts = sum((Counter(r["counts"]) for r in returns), Counter())
            self.names = [name for r in returns for name in r["names"]]
            self.failures = [r["failures"] for r in returns]

    return Sink()


def open_output(output: str) -> tuple[FileSystem, str]:
    """RETURNS (tuple[FileSystem, str]): Where to write, and the folder there. RAISES (DossierError): Not empty."""
    import pyarrow as pa
    from pyarrow.fs import FileSelector, FileSystem

    try:
        filesystem, folder = FileSystem.from_uri(output if "://" in output else str(Path(output).absolute()))
        filesystem.create_dir(folder, recursive=True)
        taken = filesystem.get_file_info(FileSelector(folder))
    except (OSError, pa.ArrowInvalid) as error:
        raise DossierError(f"the output cannot be written ({error})", value=output) from None
    if taken:
        raise DossierError(
            "the output is not empty, and a run on a cluster does not go on where another ended",
            file=taken[0].path,
            remedy="Give a new folder",
        )
    return filesystem, folder


def write(filesystem: FileSystem, path: str, data: bytes) -> None:
    """Write a file whole: on a local file system under another name first, while object stores never show a part."""
    from pyarrow.fs import LocalFileSystem

    if isinstance(filesystem, LocalFileSystem):
        from .sinks import replace_synced, write_synced

        target = Path(path)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        write_synced(unfinished, data)
        replace_synced(unfinished, target)
    else:
        with filesystem.open_output_stream(path) as stream:
            stream.write(data)
