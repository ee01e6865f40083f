"""The trials: each returns its figures, which are counted by another way than the one that made them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import DocBin

from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.columns.lint import lint
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError
from spacy_dossier.read.failures import KINDS

from ..toy import failures, records, tree
from .mutants import mutants, write_mutants

START = [sys.executable, "-c", "from spacy_dossier.cli.app import app; app()", "process"]
TIME_LIMIT, MEMORY_LIMIT = 10, 800  # seconds and megabytes of a reading
LONGEST = 120.0  # seconds of a column file


@dataclass
class Figures:
    """What a trial found.

    tried (int): Files, or kills.
    wrong (list[str]): What breaks a promise, a line each.
    counts (Counter[str]): How many of what there was.
    """

    tried: int
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak: int = 0

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.most_common())
        peak = f", {self.peak / 1e6:,.0f} MB at the most" if self.peak else ""
        lines = [f"{self.tried:,} tried, {len(self.wrong)} wrong: {counts}; {self.seconds:,.0f} s{peak}"]
        return "\n".join([*lines, *(f"  WRONG {line}" for line in self.wrong)])


def make_pipeline(folder: Path) -> str:
    """RETURNS (str): A folder with a pipeline by rules."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Acme Corp"}, {"label": "GPE", "pattern": [{"LOWER": "paris"}]}])
    nlp.to_disk(folder)
    return str(folder)


def command(inputs: Path, output: Path, pipeline: str, *options: str) -> list[str]:
    return [*START, str(inputs), "-o", str(output), "-p", pipeline, "--device", "cpu", *options]


def try_process(files: list[Path], count: int, seed: int, folder: Path) -> Figures:
    """Run `dossier process` over mutants of files: each is told of once, and what is said of it is so."""
    inputs, output = folder / "in", folder / "out"
    write_mutants(files, count, seed, inputs)
    figures = Figures(count)
    limits = ("--time-limit", str(TIME_LIMIT), "--memory-limit", str(MEMORY_LIMIT))
    line = command(inputs, output, make_pipeline(folder / "pipeline"), *limits, "--with-text", "--attachments")
    began = time.monotonic()
    done, figures.peak = watched(line)
    figures.seconds = time.monotonic() - began
    if done.returncode not in (0, 2) or b"Traceback" in done.stderr:
        figures.wrong.append(f"exit code {done.returncode}: {done.stderr[-300:]!r}")
        return figures
    check_output(figures, inputs, output)
    again, _ = watched(line)
    if json.loads((output / "run.json").read_text())["this_run"]["documents_computed"]:
        figures.wrong.append("the second run computed documents again")
    if again.returncode != done.returncode:
        figures.wrong.append(f"exit code of the second run: {again.returncode}")
    return figures


def check_output(figures: Figures, inputs: Path, output: Path) -> None:
    """Look for what is lost, doubled, or wrong in an output."""
    made, failed = records(output), failures(output)
    figures.counts["records"] = len(made)
    figures.counts.update(f"{row['error']} rows" for row in failed)
    ids = [record["id"] for record in made] + [row["source"] for row in failed]
    figures.wrong += [f"told of twice: {name}" for name, times in Counter(ids).items() if times > 1]
    told = {name[len(f"{inputs}/") :].partition("!")[0].partition("#")[0] for name in ids}
    figures.wrong += [f"lost: {path.name}" for path in sorted(inputs.iterdir()) if path.name not in told]
    figures.wrong += [f"no kind of failure: {row}" for row in failed if row["error"] not in KINDS]
    figures.wrong += [f"more than a line: {row}" for row in failed if "\n" in row["message"]]
    for record in made:
        quoted = [*record["entities"], *record["summary_sentences"]]
        if any(record["text"][each["start"] : each["end"]] != each["text"] for each in quoted):
            figures.wrong.append(f"wrong offsets: {record['id']}")


def watched(line: list[str]) -> tuple[subprocess.CompletedProcess[bytes], int]:
    """RETURNS (tuple): What a command did, and the most bytes that it and all below it had resident at a time."""
    peak = 0
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as run:

        def watch() -> None:
            nonlocal peak
            while run.poll() is None:
                peak = max(peak, resident(run.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, said = run.communicate()
        watcher.join()
    return subprocess.CompletedProcess(line, run.returncode, None, said), peak


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def resident(pid: int) -> int:
    """RETURNS (int): Resident bytes of a process and all below it."""
    below = descendants(pid)
    total = 0
    for one in [pid, *below]:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue  # it has ended
    return total


def descendants(pid: int) -> list[int]:
    """RETURNS (list[int]): The processes below one."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [pid]
    while todo:
        todo += (below := children.get(todo.pop(), []))
        found += below
    return found


def try_kills(files: list[Path], kills: int, seed: int, folder: Path) -> Figures:
    """Kill runs, workers and readers at any moment: the same command goes on, to the bytes of a run left alone."""
    rng = random.Random(seed)
    inputs = folder / "in"
    write_mutants(files, 60, seed, inputs)
    pipeline = make_pipeline(folder / "pipeline")
    figures = Figures(kills)
    began = time.monotonic()
    options = ("--shard-size", "10", "--with-text")
    whole = folder / "whole"
    watched(command(inputs, whole, pipeline, *options))
    usual = time.monotonic() - began
    for number in range(kills):
        output = folder / f"out{number}"
        whom = rng.choice(("the run", "a worker", "a reader"))
        line = command(inputs, output, pipeline, *options)
        run = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        time.sleep(rng.random() * usual * 0.8)
        killed = run.pid if whom == "the run" else chosen(run.pid, whom, rng)
        if killed is not None:
            os.kill(killed, signal.SIGKILL)
        _, said = run.communicate()
        figures.counts[f"kills of {whom}" if killed is not None else f"times {whom} was not there"] += 1
        if b"Traceback" in said or (whom != "the run" and run.returncode not in (0, 2)):
            figures.wrong.append(f"{whom} killed: exit code {run.returncode}: {said[-300:]!r}")
        subprocess.run(line, capture_output=True, env=environment(), check=False)
        if tree(output) != tree(whole):
            figures.wrong.append(f"{whom} killed: another output")
        shutil.rmtree(output)
    figures.seconds = time.monotonic() - began
    return figures


def chosen(pid: int, whom: str, rng: random.Random) -> int | None:
    """RETURNS (int | None): One of the workers or readers below a run."""
    module = "local.worker" if whom == "a worker" else "read.sandbox"
    found = []
    for one in descendants(pid):
        try:
            if module in Path(f"/proc/{one}/cmdline").read_text():
                found.append(one)
        except OSError:
            continue
    return rng.choice(found) if found else None


def try_columns(files: list[Path], count: int, seed: int, folder: Path) -> Figures:
    """Convert and check mutants of column files: each gives documents, or one line that says why not."""
    figures = Figures(count)
    began = time.monotonic()
    folder.mkdir(parents=True)
    for name, data in mutants(files, count, seed):
        path = folder / name
        path.write_bytes(data)
        for doing in (convert_one, check_one):
            try:
                figures.counts[within(lambda doing=doing, path=path: doing(path, folder / "out"))] += 1
            except Exception as error:  # which is what is looked for
                figures.wrong.append(f"{doing.__name__} {name} (seed {seed}): {type(error).__name__}: {error}"[:300])
        path.unlink()
        shutil.rmtree(folder / "out", ignore_errors=True)
    figures.seconds = time.monotonic() - began
    return figures


def convert_one(path: Path, output: Path) -> str:
    try:
        convert([str(path)], output, ColumnOptions())
    except DossierError as error:
        assert "\n" not in str(error), "more than a line"
        return "not converted"
    for written in output.glob("*.spacy"):
        for doc in DocBin().from_disk(written).get_docs(spacy.blank("xx").vocab):
            assert all(ent.text == doc.text[ent.start_char : ent.end_char] for ent in doc.ents)
    return "converted"


def check_one(path: Path, output: Path) -> str:
    try:
        lint([str(path)], ColumnOptions())
    except DossierError as error:
        assert "\n" not in str(error), "more than a line"
        return "not checked"
    return "checked"


def within(work: Callable[[], str]) -> str:
    """RETURNS (str): What something returns. RAISES (TimeoutError): It takes too long."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"not done within {LONGEST:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
