"""The bulk engine: a folder of anything in, records out. Killed at any instant, the same call goes on."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from ..text.files import UNFINISHED, move_file, write_file
from ..text.lock import Lock
from .analyst import Job
from .discover import Rules, display, require
from .ledger import Ledger
from .local.pool import Pool
from .options import Options, Pipeline, digest, find_pipeline, hash_file
from .plan import Planner
from .record import SCHEMA_VERSION, Failure, Record
from .sinks import NAMES, PATTERNS, check_formats, is_ours

if TYPE_CHECKING:
    from spacy.language import Language

STATE = ".dossier"  # folder of ledger, lock and unfinished files inside the output folder
WORKER_BYTES = 1_500_000_000  # memory a worker with an encoder may come to need


@dataclass
class Progress:
    """How far a run is.

    total, done (int): Files and rows.
    documents, failures, words (int): Documents finished, failures among them, words that went through the pipeline.
    """

    total: int = 0
    done: int = 0
    documents: int = 0
    failures: int = 0
    words: int = 0
    seconds: float = 0.0
    earlier: int = 0  # files and rows that were done before this run

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None before there is one."""
        done = self.done - self.earlier
        return (self.total - self.done) * self.seconds / done if done else None


@dataclass
class Summary:
    """What a run did: the gist of run.json."""

    status: str
    counts: dict[str, int]
    seconds: float
    outputs: list[str]

    @property
    def failures(self) -> int:
        return self.counts.get("failures", 0)


class Run:
    """One run on an output folder: plan, process, commit.

    inputs (Sequence[str | Path]): Files, folders, globs.
    output (Path): The folder.
    text (str | None): A document given as text.
    report (Callable): Called with a Progress now and then.
    warm (bool): Let every worker load and warm up before any gets work, so that the work can be timed by itself.
    """

    def __init__(
        self,
        inputs: Sequence[str | Path],
        output: Path,
        pipeline: str | Path,
        options: Options,
        *,
        text: str | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        warm: bool = False,
    ) -> None:
        options.check()
        for entry in inputs:
            require(os.fspath(entry))
        self.inputs = inputs
        self.output = output
        self.options = replace(options, formats=tuple(check_formats(options.formats)))
        self.pipeline: Pipeline = find_pipeline(pipeline)
        self.text = text
        self.report = report
        self.warm = warm
        self.progress = Progress()
        self.started = time.monotonic()
        self.begun = datetime.now(timezone.utc)
        self.launched: float | None = None  # when the workers were started
        self.loaded: float | None = None  # when the last one had its pipeline
        self.computed = 0
        self.device = "cpu"
        self.processes = 0
        self.summary = Summary("planned", {}, 0.0, [])

    def shards(self) -> Iterator[int]:
        """Do the run.

        YIELDS (int): Each shard, in input order, once its files stand in the output folder.
        RAISES (DossierError): Inputs, pipeline, disk, or another run on this output.
        """
        state = self.output / STATE
        with full_disk(self.output):
            state.mkdir(parents=True, exist_ok=True)
            with Lock(state / "lock"), contextlib.closing(Ledger(state / "ledger.sqlite")) as ledger:
                for left in state.glob("work-*"):  # by a killed run
                    shutil.rmtree(left, ignore_errors=True)
                for unfinished in state.glob(f".*{UNFINISHED}"):
                    unfinished.unlink()
                # A name of its own, for a worker of a killed run may live a moment longer and write.
                work = Path(tempfile.mkdtemp(prefix="work-", dir=state))
                status = "interrupted"
                total = None
                try:
                    total = self.plan(ledger)
                    yield from self.process(ledger, work, total)
                    self.finish(ledger)
                    status = "complete"
                except DossierError:
                    status = "failed"
                    raise
                finally:
                    shutil.rmtree(work, ignore_errors=True)
                    # A run that did not get beyond its plan leaves the last one's run.json; a full disk has its own
                    # error already.
                    if total is not None:
                        with contextlib.suppress(OSError):
                            self.write_summary(ledger, status)

    def plan(self, ledger: Ledger) -> int:
        """RETURNS (int): Number of shards."""
        space = self.options.space(self.pipeline)
        planner = Planner(ledger, self.options, digest(space, self.options.shape()))
        ledger.replace_plan(planner.shards(self.inputs, self.text, self.output), space=space)
        for number, outputs in ledger.done().items():
            if not all(self.intact(name, facts) for name, facts in outputs.items()):
                ledger.reopen(number)
        total, self.progress.total, _ = ledger.totals()
        return total

    def intact(self, name: str, facts: dict[str, Any]) -> bool:
        path = self.output / name
        try:
            return path.stat().st_size == facts["bytes"] and hash_file(path) == facts["sha256"]
        except OSError:
            return False

    def process(self, ledger: Ledger, work: Path, total: int) -> Iterator[int]:
        pending = ledger.pending()
        units = dict(pending)
        todo = set(units)
        counts = ledger.counts()
        self.progress.done = self.progress.total - sum(units.values())
        self.progress.earlier = self.progress.done
        self.progress.documents = counts.get("documents", 0)
        self.progress.failures = counts.get("failures", 0)
        self.report(self.progress)
        following = 0
        if todo:
            self.device = find_device(self.options.device)
            size, threads, extractors = self.layout(len(todo))
            self.processes = size
            self.launched = time.monotonic()
            pool = Pool(self.job(ledger, work, extractors), size, threads)
            try:
                for message in pool.run(list(units), lambda m, folder: self.commit(ledger, m, folder)):
                    self.advance(message, units)
                    if message["type"] == "done":
                        todo.discard(message["shard"])
                        while following < total and following not in todo:
                            yield following
                            following += 1
            finally:
                pool.stop()
        yield from range(following, total)

    def layout(self, shards: int) -> tuple[int, int, int]:
        """RETURNS (tuple[int, int, int]): Worker processes, threads of each, extraction processes of each."""
        cores = usable_cores()
        if self.device != "cpu":  # one process owns the GPU; the other cores read for it
            return 1, max(1, cores // 2), max(1, min(8, cores - 1))
        size = self.options.workers or max(1, min(cores, free_memory() // WORKER_BYTES))
        size = min(size, shards)
        return size, max(1, cores // size), 1

    def job(self, ledger: Ledger, work: Path, extractors: int) -> Job:
        return Job(
            self.pipeline,
            self.options,
            self.device,
            extractors,
            ledger=str(ledger.path.absolute()),
            generation=ledger.generation,
            folder=str(work.absolute()),
            warm=self.warm,
        )

    def commit(self, ledger: Ledger, message: dict[str, Any], folder: Path) -> None:
        """Name a shard's files, then commit. Killed in between, the shard is done again, to the same bytes."""
        for name in message["outputs"]:
            move_file(folder / name, self.output / name)
        cache = Path(message["results"])
        ledger.commit(
            message["shard"],
            outputs=message["outputs"],
            counts=message["counts"],
            failures=message["failures"],
            results=read_results(cache),
        )
        cache.unlink()

    def advance(self, message: dict[str, Any], units: dict[int, int]) -> None:
        progress = self.progress
        if message["type"] == ("warm" if self.warm else "loaded"):
            self.loaded = time.monotonic()
        elif message["type"] == "progress":
            progress.words += message["words"]
        elif message["type"] == "done":
            progress.done += units[message["shard"]]
            progress.documents += message["counts"]["documents"]
            progress.failures += message["counts"]["failures"]
            self.computed += message["counts"]["computed"]
        progress.seconds = time.monotonic() - self.started
        self.report(progress)

    @property
    def seconds_loading(self) -> float:
        """From the start of the workers until the last had loaded its pipeline; 0 where none had to."""
        return 0.0 if self.loaded is None or self.launched is None else self.loaded - self.launched

    def finish(self, ledger: Ledger) -> None:
        """Write failures.jsonl and remove the files of shards that are no more."""
        wanted = {name for outputs in ledger.done().values() for name in outputs}
        for pattern in PATTERNS:
            for path in self.output.glob(pattern):
                if path.name not in wanted and is_ours(path.name):
                    path.unlink()
        data = "".join(line + "\n" for line in ledger.failures()).encode()
        write_file(self.output / "failures.jsonl", data, self.output / STATE)

    def write_summary(self, ledger: Ledger, status: str) -> None:
        content = self.summarize(status, ledger.counts(), [name for names in ledger.done().values() for name in names])
        write_file(self.output / "run.json", content, self.output / STATE)

    def summarize(self, status: str, counts: dict[str, int], outputs: Iterable[str]) -> bytes:
        """Set the summary.

        counts (dict[str, int]): Of all that is done.
        outputs (Iterable[str]): Names of the files of records.
        RETURNS (bytes): run.json.
        """
        seconds = time.monotonic() - self.started
        counts = {**dict.fromkeys(("documents", "records", "failures", "tokens", "characters"), 0), **counts}
        words = self.progress.words
        self.summary = Summary(status, counts, seconds, sorted(outputs))
        return run_json(
            status,
            self.pipeline,
            self.inputs,
            self.text,
            self.options,
            counts,
            {
                "started": self.begun.isoformat(timespec="seconds"),
                "seconds": round(seconds, 1),
                "seconds_loading": round(self.seconds_loading, 1),
                "documents_computed": self.computed,
                "words_computed": words,
                "words_per_second": round(words / seconds) if seconds else 0,
                "device": self.device,
                "processes": self.processes,
            },
            self.summary.outputs,
        )


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_json(
    status: str,
    pipeline: Pipeline,
    inputs: Sequence[str | Path],
    text: str | None,
    options: Options,
    counts: dict[str, int],
    this_run: dict[str, Any],
    outputs: list[str],
) -> bytes:
    """RETURNS (bytes): What run.json says."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "pipeline": {"name": pipeline.name, "version": pipeline.version, "sha256": pipeline.sha256},
        "inputs": [display(os.fspath(entry)) for entry in inputs] + (["-"] if text is not None else []),
        "options": asdict(options),
        "counts": counts,
        "this_run": this_run,
        "outputs": outputs,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("spacy-dossier", "spacy", "kreuzberg")},
        },
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def read_results(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """YIELDS (tuple[bytes, bytes]): Key and packed result, as a worker wrote them."""
    with path.open(encoding="ascii") as file:
        for line in file:
            key, blob = json.loads(line)
            yield bytes.fromhex(key), base64.b64decode(blob)


@contextlib.contextmanager
def full_disk(output: Path | str) -> Iterator[None]:
    """Turns what SQLite and the system say when the output cannot be written into a DossierError."""
    try:
        yield
    except OSError as error:
        lasting = isinstance(error, FileExistsError | FileNotFoundError | NotADirectoryError | PermissionError)
        raise DossierError(
            f"the output cannot be written: {error.strerror or error}",
            file=error.filename or output,
            remedy="Choose another folder with -o" if lasting else "Nothing done is lost: the same command goes on",
        ) from None
    except sqlite3.OperationalError as error:
        raise DossierError(
            f"the ledger cannot be written: {error}",
            file=Path(output, STATE, "ledger.sqlite"),
            remedy="Nothing done is lost: the same command goes on",
        ) from None


def find_device(device: str) -> str:
    """RETURNS (str): "cpu" or "cuda:N". RAISES (DossierError): A GPU asked for and not there."""
    if device == "cpu":
        return "cpu"
    if device == "auto" and not Path("/dev/nvidiactl").exists():
        return "cpu"  # and torch, which takes seconds to import, need not be asked
    if gpu_usable():
        return device if device.startswith("cuda:") else "cuda:0"
    if device == "auto":
        return "cpu"
    raise DossierError("no usable GPU: it needs a CUDA device and the package cupy", value=device)


def gpu_usable() -> bool:
    """RETURNS (bool): Is there a GPU that spaCy can use?"""
    import torch

    return torch.cuda.is_available() and importlib.util.find_spec("cupy") is not None


def free_memory() -> int:
    """RETURNS (int): Bytes of memory that are free; plenty where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 40


def process_documents(
    inputs: str | Path | Iterable[str | Path],
    pipeline: str | Path | Language,
    *,
    output: str | Path | None = None,
    on_failure: Callable[[Failure], None] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    follow_links: bool = False,
    **options: Any,
) -> Iterator[Record]:
    """Process documents and yield their records, in input order: the engine behind `dossier process`.

    inputs (str | Path | Iterable): Files, folders, globs.
    pipeline (str | Path | Language): Name of an installed pipeline, its folder, or a loaded one.
    output (str | Path | None): Folder to keep records, failures and the ledger in; a second call on it goes on where
        the first one ended. Without it nothing is kept.
    on_failure (Callable | None): Called with the Failure of each document that could not be processed, at the end.
    include, exclude, hidden, follow_links: See `discover.Rules`.
    options: Fields of `options.Options`: formats, sentences, words, min_confidence, with_text, attachments, text_field,
        limit, shard_size, device, workers, time_limit, memory_limit.
    YIELDS (Record): The records. Those of a shard come when the shard is done.
    RAISES (DossierError): As `Run.shards`.
    """
    rules = Rules(tuple(include), tuple(exclude), hidden, follow_links)
    formats = tuple(options.pop("formats", ("jsonl",)))
    chosen = Options(formats=tuple(dict.fromkeys((*formats, "jsonl"))), rules=rules, **options)
    entries = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    with contextlib.ExitStack() as stack:
        if not isinstance(pipeline, str | Path):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dossier-pipeline-"))
            pipeline.to_disk(folder)
            pipeline = folder
        if output is None:
            output = stack.enter_context(tempfile.TemporaryDirectory(prefix="dossier-"))
        run = Run(entries, Path(output), pipeline, chosen)
        for line in lines(run):
            yield Record.model_validate_json(line)
        if on_failure is not None:
            with (Path(output) / "failures.jsonl").open(encoding="utf-8") as file:
                for row in file:
                    on_failure(Failure.model_validate_json(row))


def lines(run: Run) -> Iterator[str]:
    """YIELDS (str): The records of a run as JSON, in input order, each line with its break."""
    for shard in run.shards():
        with (run.output / NAMES["jsonl"].format(shard)).open(encoding="utf-8", newline="\n") as file:
            yield from file
