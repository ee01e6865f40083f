"""How memory and time grow, and what starting costs.

python benchmarks/measure_scaling.py memory metrics/memory.json                          # a small rule-based pipeline
python benchmarks/measure_scaling.py memory metrics/memory.json -p PIPELINE -n 300 -n 3000
python benchmarks/measure_scaling.py length metrics/length.json -p PIPELINE [--text LONG.txt]
python benchmarks/measure_scaling.py startup metrics/startup.json -p PIPELINE
"""

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from rich.console import Console
from rich.table import Table

from spacy_dossier.process.infer import analyze, load
from spacy_dossier.process.sections import Wanted

POLL_SECONDS = 0.1
DOSSIER = [sys.executable, "-c", "from spacy_dossier.cli.app import app; app()"]
VERBS = ("met", "wrote to", "paid", "left", "followed", "sued")
THINGS = ("a report", "the contract", "two letters", "the harbour", "nothing new", "the old mill")

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False)
console = Console(highlight=False)
Output = Annotated[Path, typer.Argument(help="JSON file to write.")]


def sentences(seed: int) -> Iterator[str]:
    """YIELDS (str): Made-up sentences without end. New words keep coming, as they do in real texts."""
    rng = random.Random(seed)

    def name() -> str:
        return "".join(rng.choice(("ka", "lo", "mi", "ren", "sta", "vu", "dor", "ne")) for _ in range(3)).title()

    while True:
        yield (
            f"{name()} {name()} {rng.choice(VERBS)} {name()} about {rng.choice(THINGS)} in {name()}, "
            f"on day {rng.randrange(10**6)} of the {rng.choice(THINGS).split()[-1]}. "
        )


def text_of(seed: int, n_chars: int) -> str:
    """RETURNS (str): A made-up text of so many characters."""
    parts: list[str] = []
    length = 0
    for sentence in sentences(seed):
        parts.append(sentence)
        length += len(sentence)
        if length >= n_chars:
            return "".join(parts)[:n_chars]
    raise AssertionError("sentences never end")


def rule_based(folder: Path) -> Path:
    """RETURNS (Path): A pipeline without a model: sentences by punctuation, entities by patterns."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": [{"IS_TITLE": True}, {"IS_TITLE": True}]}])
    nlp.to_disk(folder)
    return folder


class Watch(threading.Thread):
    """Polls the memory of a process and all below it, by what they do. Linux only.

    peak (int): Most bytes of all together; pages that processes share count once (PSS).
    peaks (dict[str, int]): Most bytes that one process of a kind held (its own high-water mark, RSS).
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.peaks: dict[str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(POLL_SECONDS):
            total = 0
            for pid in self.family():
                try:
                    total += self.bytes_of(pid, "smaps_rollup", "Pss:")
                    kind = self.kind(pid)
                    self.peaks[kind] = max(self.peaks.get(kind, 0), self.bytes_of(pid, "status", "VmHWM:"))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it ended meanwhile
            self.peak = max(self.peak, total)

    def family(self) -> list[int]:
        """RETURNS (list[int]): The process and its descendants."""
        children: dict[int, list[int]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def kind(self, pid: int) -> str:
        if pid == self.pid:
            return "coordinator"
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return "worker" if b"spacy_dossier.process.local.worker" in command else "reader"

    @staticmethod
    def bytes_of(pid: int, file: str, field: str) -> int:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


@app.command()
def memory(
    output: Output,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", help="A pipeline; a rule-based one by default.")
    ] = None,
    sizes: Annotated[list[int] | None, typer.Option("--size", "-n", help="Documents; repeatable.")] = None,
    chars: Annotated[int, typer.Option(help="Characters of a document.")] = 400,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes, the same for all sizes.")] = 2,
    rows: Annotated[bool, typer.Option("--rows", help="As rows of one JSONL file, not as files.")] = False,
) -> None:
    """Peak memory of `dossier process`, of all processes together and of each, by number of documents."""
    table = Table("documents", "peak MB", "coordinator", "worker", "reader", "seconds", "docs/s")
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="dossier-scaling-") as name:
        folder = Path(name)
        chosen = pipeline or str(rule_based(folder / "pipeline"))
        for size in sizes or [1_000, 10_000, 100_000]:
            source = write_documents(folder / f"in-{size}", size, chars, rows=rows)
            start = time.perf_counter()
            command = [*DOSSIER, "process", str(source), "-o", str(folder / "out"), "-p", chosen]
            process = subprocess.Popen([*command, "--workers", str(workers)])
            watch = Watch(process.pid)
            watch.start()
            if process.wait():
                raise typer.Exit(process.returncode)
            watch.ended.set()
            watch.join()
            seconds = time.perf_counter() - start
            done = json.loads((folder / "out" / "run.json").read_text())
            assert done["counts"]["records"] == size, done["counts"]
            assert done["this_run"]["processes"] == workers, "too few documents for so many workers"
            shutil.rmtree(folder / "out")  # the next run is not to take over results
            each = {kind: watch.peaks.get(kind, 0) for kind in ("coordinator", "worker", "reader")}
            results.append({"documents": size, "peak": watch.peak, "each": each, "seconds": seconds})
            megabytes = [f"{value / 1e6:,.0f}" for value in (watch.peak, *each.values())]
            table.add_row(f"{size:,}", *megabytes, f"{seconds:,.0f}", f"{size / seconds:,.0f}")
    growth = round(results[-1]["peak"] / results[0]["peak"], 3)
    form = "rows" if rows else "files"
    write(output, {"bytes": results, "growth": growth, "form": form, "chars": chars, "workers": workers})
    console.print(table)
    console.print(f"Peak of all, most documents over fewest: {growth:.2f} times")


def write_documents(place: Path, size: int, chars: int, *, rows: bool) -> Path:
    """RETURNS (Path): A folder of text files, a hundred a folder, or one JSONL file."""
    if rows:
        place = place.with_suffix(".jsonl")
        with place.open("w") as file:
            file.writelines(json.dumps({"text": text_of(number, chars)}) + "\n" for number in range(size))
        return place
    for number in range(size):
        folder = place / f"{number // 100:04}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number % 100:02}.txt").write_text(text_of(number, chars))
    return place


@app.command()
def length(
    output: Output,
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="A pipeline.")],
    text: Annotated[Path | None, typer.Option(help="A long text to take the beginning of; made up by default.")] = None,
    sizes: Annotated[list[int] | None, typer.Option("--size", "-n", help="Characters; repeatable.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Times each is run, the median counts; once from 10 s on.")] = 3,
) -> None:
    """Time for one document by its length, as a worker of `dossier process` runs it, and the exponent."""
    sizes = sorted(sizes or [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000])
    whole = text_of(0, sizes[-1]) if text is None else text.read_text(encoding="utf-8", errors="replace")
    if len(whole) < sizes[-1]:
        raise typer.BadParameter(f"the text has {len(whole):,} characters, not {sizes[-1]:,}")
    nlp = load(pipeline, "cpu")
    list(analyze(nlp, [whole[:2_000]], Wanted()))  # warms up
    table = Table("characters", "words", "seconds", "words/s", "exponent", "peak MB")
    results: list[dict[str, Any]] = []
    for size in sizes:
        taken: list[float] = []
        while len(taken) < repeats and sum(taken) < 10:
            start = time.perf_counter()
            ((_, result),) = analyze(nlp, [whole[:size]], Wanted())
            taken.append(time.perf_counter() - start)
        if isinstance(result, Exception):
            raise result
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        words = len(whole[:size].split())
        results.append({"chars": size, "words": words, "seconds": statistics.median(taken), "peak": peak})
    slopes = [None, *(exponent(pair) for pair in pairwise(results))]
    for row, slope in zip(results, slopes, strict=True):
        rate, shown = row["words"] / row["seconds"], "" if slope is None else f"{slope:.2f}"
        numbers = (f"{row['chars']:,}", f"{row['words']:,}", f"{row['seconds']:.2f}", f"{rate:,.0f}", shown)
        table.add_row(*numbers, f"{row['peak'] / 1e6:,.0f}")
    # What every document costs, however short, makes the exponent of short ones look better than it is.
    fits = {"all": exponent(results), "from 10,000 characters": exponent([r for r in results if r["chars"] >= 10_000])}
    write(output, {"documents": results, "exponents": fits})
    console.print(table)
    for name, fit in fits.items():
        if fit is not None:
            console.print(f"Exponent of time over words, {name}: {fit:.3f}")


def exponent(rows: Sequence[dict[str, Any]]) -> float | None:
    """RETURNS (float | None): Slope of log seconds over log words, by least squares."""
    if len(rows) < 2:
        return None
    words, seconds = (np.log([row[name] for row in rows]) for name in ("words", "seconds"))
    return round(float(np.polyfit(words, seconds, 1)[0]), 4)


@app.command()
def startup(
    output: Output,
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="A pipeline.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one that warms the disk's cache.")] = 5,
) -> None:
    """Seconds until `dossier --help` has answered and until `spacy.load` has returned, in fresh processes."""
    python = [sys.executable, "-c"]
    commands = {
        "python alone": [*python, "pass"],
        "dossier --help": [*DOSSIER, "--help"],
        "import spacy": [*python, "import spacy"],
        "import spacy, spacy_transformers": [*python, "import spacy, spacy_transformers"],
        f"spacy.load({Path(pipeline).name!r})": [*python, f"import spacy; spacy.load({pipeline!r})"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number:
                seconds[name].append(time.perf_counter() - start)
    write(output, {"seconds": seconds, "medians": {k: round(statistics.median(v), 3) for k, v in seconds.items()}})
    table = Table("", "seconds", "least", "most")
    for name, taken in seconds.items():
        table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(taken), min(taken), max(taken))))
    console.print(table)


def write(output: Path, result: dict[str, Any]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({**result, "cores": os.cpu_count()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
