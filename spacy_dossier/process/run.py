"""A run: a folder of anything in, records out. Killed at any instant, the same call goes on."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from .discover import Rules, display, require
from .engine import STATE, Advanced, Engine, Event, Finished, Loaded, Standing
from .ledger import Ledger, ledger_fault
from .options import PipelineRef, RunOptions, digest, find_pipeline
from .plan import Planner
from .record import SCHEMA_VERSION, Failure, Record
from .shard import DocumentCounts, Shard
from .sinks import JsonlSink, not_written

if TYPE_CHECKING:
    from spacy.language import Language


@dataclass
class Progress:
    """How far a run is.

    total, done (int): Files and rows.
    earlier (int): Files and rows that were done before this run.
    documents, failures, words (int): Documents finished, failures among them, words that went through the pipeline.
    computed (int): Texts that went through the pipeline.
    links_left (int): Links that were not followed.
    loaded (float | None): When the last process had its pipeline; on the clock of time.monotonic, as `working`.
    working (float | None): When the engine was set to work.
    """

    total: int = 0
    done: int = 0
    earlier: int = 0
    documents: int = 0
    failures: int = 0
    words: int = 0
    computed: int = 0
    links_left: int = 0
    seconds: float = 0.0
    working: float | None = None
    loaded: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None before there is one."""
        done = self.done - self.earlier
        return (self.total - self.done) * self.seconds / done if done else None

    @property
    def seconds_loading(self) -> float:
        """From the start of the engine until the last process had its pipeline; 0 where none had to."""
        return 0.0 if self.loaded is None or self.working is None else self.loaded - self.working


@dataclass
class RunSummary:
    """What a run did: the gist of run.json."""

    status: str = "planned"
    counts: DocumentCounts = field(default_factory=DocumentCounts)
    seconds: float = 0.0
    outputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunInputs:
    """What a run reads.

    paths (Sequence[str | Path]): Files, folders, globs.
    text (str | None): A document given as text.
    """

    paths: Sequence[str | Path]
    text: str | None = None


class Run:
    """One run on an output: plan, process, finish.

    engine (Engine): Does the work, with the same pipeline and options.
    report (Callable): Called with the Progress now and then.
    """

    def __init__(
        self,
        inputs: RunInputs,
        pipeline: PipelineRef,
        options: RunOptions,
        engine: Engine,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        for entry in inputs.paths:
            require(os.fspath(entry))
        self.inputs = inputs
        self.pipeline = pipeline
        self.options = options
        self.engine = engine
        self.report = report
        self.progress = Progress()
        self.summary = RunSummary()
        self.started = time.monotonic()
        self.begun = datetime.now(timezone.utc)

    def shards(self) -> Iterator[int]:
        """Do the run.

        YIELDS (int): Each shard, in input order, once its files stand in the output.
        RAISES (DossierError): Inputs, pipeline, output, or another run on it.
        """
        with full_disk(self.engine.output), self.engine.hold():
            # A run that does not get beyond its plan leaves the last one's run.json.
            standing = self.engine.plan(self.plan)
            status = "interrupted"
            try:
                self.write_summary(status)  # what is true if this process is killed
                yield from self.work(standing)
                self.engine.finish()
                status = "complete"
            except DossierError:
                status = "failed"
                raise
            finally:
                with contextlib.suppress(OSError):  # a full disk has its own error already
                    self.write_summary(status)

    def plan(self, ledger: Ledger) -> Iterator[Shard]:
        fixed = digest(self.options.space(self.pipeline), self.options.shape())
        planner = Planner(ledger, self.options, fixed)
        yield from planner.shards(self.inputs.paths, self.inputs.text, Path(self.engine.output))
        self.progress.links_left = planner.links_left

    def work(self, standing: Standing) -> Iterator[int]:
        progress, counts = self.progress, self.engine.counts()
        progress.total = standing.units
        progress.earlier = progress.done = standing.units_done
        progress.documents, progress.failures = counts.documents, counts.failures
        self.report(progress)
        todo = set(standing.pending)
        following = 0
        if todo:
            progress.working = time.monotonic()
            for event in self.engine.work(standing.pending):
                self.advance(event)
                if isinstance(event, Finished):
                    todo.discard(event.shard)
                    while following < standing.shards and following not in todo:
                        yield following
                        following += 1
        yield from range(following, standing.shards)

    def advance(self, event: Event) -> None:
        progress = self.progress
        if isinstance(event, Loaded):
            progress.loaded = time.monotonic() - event.ago
        elif isinstance(event, Advanced):
            progress.words += event.words
        else:
            progress.done += event.units
            progress.documents += event.counts.documents
            progress.failures += event.counts.failures
            progress.computed += event.counts.computed
        progress.seconds = time.monotonic() - self.started
        self.report(progress)

    def write_summary(self, status: str) -> None:
        """Write run.json."""
        seconds = time.monotonic() - self.started
        self.summary = RunSummary(status, self.engine.counts(), seconds, sorted(self.engine.outputs()))
        self.engine.write("run.json", json.dumps(self.content(), indent=2).encode() + b"\n")

    def content(self) -> dict[str, Any]:
        """RETURNS (dict): What run.json says."""
        summary, progress, pipeline = self.summary, self.progress, self.pipeline
        return {
            "schema_version": SCHEMA_VERSION,
            "status": summary.status,
            "pipeline": {"name": pipeline.name, "version": pipeline.version, "sha256": pipeline.sha256},
            "inputs": [display(os.fspath(entry)) for entry in self.inputs.paths]
            + (["-"] if self.inputs.text is not None else []),
            "links_left": progress.links_left,
            "options": asdict(self.options),
            "counts": asdict(summary.counts),
            "this_run": {
                "started": self.begun.isoformat(timespec="seconds"),
                "seconds": round(summary.seconds, 1),
                "seconds_loading": round(progress.seconds_loading, 1),
                "documents_computed": progress.computed,
                "words_computed": progress.words,
                "words_per_second": round(progress.words / summary.seconds) if summary.seconds else 0,
                "device": self.engine.device,
                "processes": self.engine.processes,
                "encoder": self.engine.encoder,
            },
            "outputs": summary.outputs,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("spacy-dossier", "spacy", "pypdfium2")},
            },
        }


@contextlib.contextmanager
def full_disk(output: Path | str) -> Iterator[None]:
    """Turns what SQLite and the system say when the output cannot be written into a DossierError."""
    try:
        yield
    except OSError as error:
        raise not_written(error, output) from None
    except sqlite3.OperationalError as error:
        raise ledger_fault(error, Path(output, STATE, "ledger.sqlite")) from None


def local_run(
    inputs: RunInputs,
    output: Path,
    pipeline: str | Path,
    options: RunOptions,
    report: Callable[[Progress], None] = lambda progress: None,
    *,
    notice: Callable[[str], None] = lambda line: None,
    warm: bool = False,
) -> Run:
    """RETURNS (Run): A run on this machine, into a folder.

    notice (Callable): Called with what the user should know, a line each.
    warm (bool): Let every worker load and warm up before any gets work, so that the work can be timed by itself.
    RAISES (DossierError): Options, inputs or pipeline.
    """
    from .local.engine import LocalEngine

    found = find_pipeline(pipeline)
    checked = options.checked()
    return Run(inputs, found, checked, LocalEngine(output, found, checked, notice=notice, warm=warm), report)


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
    options: Other fields of `options.RunOptions`.
    YIELDS (Record): The records. Those of a shard come when the shard is done.
    RAISES (DossierError): As `Run.shards`.
    """
    rules = Rules(tuple(include), tuple(exclude), hidden, follow_links)
    chosen = RunOptions(formats=(*options.pop("formats", ()), "jsonl"), rules=rules, **options)
    entries = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    with contextlib.ExitStack() as stack:
        if not isinstance(pipeline, str | Path):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dossier-pipeline-"))
            pipeline.to_disk(folder)
            pipeline = folder
        if output is None:
            output = stack.enter_context(tempfile.TemporaryDirectory(prefix="dossier-"))
        run = local_run(RunInputs(entries), Path(output), pipeline, chosen, notice=warnings.warn)
        for line in lines(run):
            yield Record.model_validate_json(line)
        if on_failure is not None:
            with Path(output, "failures.jsonl").open(encoding="utf-8") as file:
                for row in file:
                    on_failure(Failure.model_validate_json(row))


def lines(run: Run) -> Iterator[str]:
    """YIELDS (str): The records of a run into a folder as JSON, in input order, each line with its break."""
    for shard in run.shards():
        with Path(run.engine.output, JsonlSink.file_name(shard)).open(encoding="utf-8", newline="\n") as file:
            yield from file
