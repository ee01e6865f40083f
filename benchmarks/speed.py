"""Words a second of the whole job beside those of its peers, in one run on the CPU: medians and ratios.

    python benchmarks/speed.py PIPELINE INPUT… -o metrics/benchmark --runtime torch --runtime bf16

Ours is `dossier process` from text files to records with entities, confidences, sentences and summaries; the peers
recognise entities only, and find their texts in memory. Loading counts for none. Texts that are there twice are timed
once.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import spacy
import torch
import typer
from peers import System, runtime_config
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from systems import beside, choose, default_systems

from spacy_dossier.cli.console import progress, stderr
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.corpus import load_pipeline
from spacy_dossier.models.settings import check_runtime
from spacy_dossier.process.discover import Rules, Source, discover, require
from spacy_dossier.process.engine import usable_cores
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import RunInputs, local_run
from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.extract import extract
from spacy_dossier.read.tables.rows import NoTextField, has_text, kind_of, read_rows

VERSIONS = ("spacy-dossier", "spacy", "spacy-transformers", "thinc", "torch", "transformers", "onnxruntime")


def benchmark(
    pipeline: str,
    texts: Sequence[str],
    *,
    encoder: str | None = None,
    runtimes: Sequence[str] = ("torch", "bf16"),
    others: Mapping[str, str] | None = None,
    rounds: int = 3,
    advance: Callable[[int, str], None] = lambda n, note: None,
) -> dict[str, Any]:
    """Time the systems in turn, round after round.

    pipeline (str): A trained pipeline: folder or package.
    texts (Sequence[str]): The documents, no two the same.
    encoder (str | None): Folder of the encoder, for the peers; the one the pipeline was trained from by default.
    runtimes (Sequence[str]): What ours is timed in; the first is the one that `ratios` are of.
    others (Mapping[str, str] | None): The other systems by name, each with the interpreter of its environment; all
        that this environment has by default.
    advance (Callable): Called after each run of a system, with 1 and what came out.
    RETURNS (dict): What benchmark.json holds: `words_per_second`, `ratios` (ours over theirs), and more.
    RAISES (DossierError): Pipeline, encoder or texts do not serve.
    """
    if len(set(texts)) < len(texts):
        raise DossierError(
            "some texts are there twice: `dossier process` computes each text once, its peers do not",
            value=len(texts) - len(set(texts)),
            remedy="Leave out the duplicates",
        )
    settings = encoder_settings(load_pipeline(pipeline))
    words = sum(len(text.split()) for text in texts)
    with tempfile.TemporaryDirectory(prefix="dossier-benchmark-") as folder:
        files = Path(folder, "texts")
        files.mkdir()
        for number, text in enumerate(texts):
            (files / f"{number:06}.txt").write_text(text, encoding="utf-8")
        systems = [ours(pipeline, runtime, files, Path(folder), first=runtime == runtimes[0]) for runtime in runtimes]
        systems += beside(encoder or settings["name"], pipeline, texts, default_systems() if others is None else others)
        seconds = time_in_turn(systems, rounds, lambda name, taken: advance(1, f"{name}: {words / taken:,.0f} words/s"))
    return {
        "words": words,
        "documents": len(texts),
        "rounds": rounds,
        **compare(seconds, words),
        "seconds": {name: [round(value, 6) for value in values] for name, values in seconds.items()},
        "systems": {system.name: system.label for system in systems},
        "machine": {
            "processor": processor(),
            "cores": usable_cores(),
            "threads": torch.get_num_threads(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version(), **{n: v for n in VERSIONS if (v := installed(n))}},
    }


def time_in_turn(
    systems: Sequence[System], rounds: int, report: Callable[[str, float], None]
) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): Seconds of each system in each round; a round before them warms up."""
    seconds: dict[str, list[float]] = {system.name: [] for system in systems}
    for number in range(rounds + 1):
        # Forwards and backwards in turn, so that a machine that slows down or warms up does so for all.
        for system in systems if number % 2 else systems[::-1]:
            taken = system.run()
            if number:
                seconds[system.name].append(taken)
            report(system.name, taken)
    return seconds


def compare(seconds: Mapping[str, Sequence[float]], words: int) -> dict[str, Any]:
    """Rates and ratios.

    seconds (Mapping[str, Sequence[float]]): Of each system, in each round.
    RETURNS (dict): `words_per_second` by system, medians over the rounds; `ratios`, ours over each peer at its best,
        medians of the rounds' ratios, for within a round the machine is the same; `ratios_by_runtime`.
    """
    rates = {name: round(words / statistics.median(values), 1) for name, values in seconds.items()}
    against = {}
    for peer in ("spacy_baseline", "huggingface", "edsnlp", "flair", "bare_encoder"):
        if kinds := [name for name in rates if name.startswith(peer)]:
            against[peer] = max(kinds, key=lambda name: rates[name])

    def ratios(own: str) -> dict[str, float]:
        pairs = {name: zip(seconds[own], seconds[peer], strict=True) for name, peer in against.items()}
        return {
            name: round(statistics.median(theirs / ours for ours, theirs in both), 3) for name, both in pairs.items()
        }

    return {
        "words_per_second": rates,
        "ratios": ratios("ours"),
        "ratios_by_runtime": {name: ratios(name) for name in rates if name.startswith("ours")},
    }


def read_texts(
    inputs: Sequence[str], leave_out: Callable[[str, str], None], *, text_field: str = "text"
) -> Iterator[str]:
    """The texts of files, folders, globs and tables, each once.

    leave_out (Callable): Told what is left out, a file or a row of one, and why.
    YIELDS (str): Texts that are not empty.
    """
    seen = set()
    for name, text, error in _read(inputs, text_field):
        if error or not text.strip():
            leave_out(name, error or "empty")
        elif text in seen:
            leave_out(name, "a text that came before")
        else:
            seen.add(text)
            yield text


def _read(inputs: Sequence[str], text_field: str) -> Iterator[tuple[str, str, str]]:
    """YIELDS (tuple[str, str, str]): Name, text, and what is wrong with it."""
    for source in discover(inputs, Rules(), skip=None):
        if source.error:
            yield source.id, "", ": ".join(source.error)
        elif kind_of(source.path) and is_table(source, text_field):
            try:
                for number, row in enumerate(read_rows(source.path, text_field), start=1):
                    yield f"{source.id}#{number}", row.text, ": ".join(row.error or ())
            except (OSError, ValueError, NoTextField, Unreadable) as error:
                yield source.id, "", f"broken table: {error}"
        else:
            for read in extract(source.path):
                yield source.id + read.name, read.text, ": ".join(read.error or ())


def is_table(source: Source, text_field: str) -> bool:
    """RETURNS (bool): Whether a file is a table of texts. RAISES (DossierError): A named one without the column."""
    try:
        return has_text(source.path, text_field, named=source.named)
    except NoTextField as error:
        columns = ", ".join(error.columns)
        raise DossierError(f"no column or field {text_field!r}", file=source.path, value=columns) from None


def encoder_settings(nlp: Language) -> dict[str, Any]:
    """RETURNS (dict): The settings of the encoder's model, its runtime among them. RAISES (DossierError): No such."""
    settings = nlp.config.interpolate()["components"].get("transformer", {}).get("model", {})
    if "runtime" not in settings:
        raise DossierError(
            "the pipeline has no component `transformer` with spacy-dossier.TransformerModel.v1, so no encoder to "
            "compare by",
            value=", ".join(nlp.pipe_names),
            remedy="Train one with configs/default.cfg",
        )
    return settings


def ours(pipeline: str, runtime: str, files: Path, folder: Path, *, first: bool) -> System:
    """`dossier process` from text files to JSONL, in processes of its own, with all the pipeline has.

    Timed is the plan (finding and hashing the files) and then all from the moment when the last process is ready, its
    pipeline loaded and one short text through it, with nothing read before: reading, computing, writing, committing.
    The shards are as small as it takes for all workers to have work, as they have in a long run.
    """
    nlp = spacy.load(pipeline, config=runtime_config(runtime))
    if runtime in ("onnx", "int8"):
        nlp.get_pipe("transformer").model.shims[0].export()
    place = folder / f"pipeline-{runtime}"
    nlp.to_disk(place)
    shard_size = max(1, sum(1 for _ in files.iterdir()) // (2 * usable_cores()))

    def run() -> float:
        output = folder / "records"
        shutil.rmtree(output, ignore_errors=True)
        options = RunOptions(device="cpu", shard_size=shard_size)
        job = local_run(RunInputs([files]), output, place, options, warm=True)
        for _ in job.shards():
            pass
        if job.summary.counts.failures:
            raise DossierError("documents failed in the benchmark", value=job.summary.counts.failures)
        return job.summary.seconds - job.progress.seconds_loading

    name = "ours" if first else f"ours_{runtime}"
    return System(name, f"dossier process, {runtime}", run)


def processor() -> str:
    """RETURNS (str): Its name, as the system says it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def bars(result: dict[str, Any]) -> str:
    """RETURNS (str): The words a second of all systems as an SVG picture."""
    rates = sorted(result["words_per_second"].items(), key=lambda item: -item[1])
    left, wide, row, top = 220, 400, 30, 44
    width, height = left + wide + 90, top + row * len(rates) + 10
    scale = wide / rates[0][1]
    title = f"Words a second, over {result['words']:,} words (median of {result['rounds']})"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="14" fill="#222"><title>{title}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/><text x="14" y="26" font-weight="600">{title}</text>'
    ]
    for number, (name, rate) in enumerate(rates):
        y = top + row * number
        color = "#2563a8" if name.startswith("ours") else "#9aa5b1"
        parts.append(
            f'<text x="{left - 10}" y="{y + 19}" text-anchor="end">{escape(result["systems"][name])}</text>'
            f'<rect x="{left}" y="{y + 4}" width="{scale * rate:.1f}" height="{row - 8}" fill="{color}"/>'
            f'<text x="{left + scale * rate + 8:.1f}" y="{y + 19}">{rate:,.0f}</text>'
        )
    return "".join(parts) + "</svg>\n"


def main(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Documents, as `dossier process` takes them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for benchmark.json and benchmark.svg.")],
    encoder: Annotated[
        str | None,
        typer.Option("-e", "--encoder", help="The peers' encoder; by default the one the pipeline began with."),
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(help="torch, bf16, onnx or int8; repeatable. Ratios are of the first; torch and bf16 by default."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Time these systems beside ours, and no others; repeatable. All that are there by default."),
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option(help="edsnlp=PYTHON or flair=PYTHON: the interpreter of an environment that has it; repeatable."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one that warms up.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many documents.")] = None,
    text_field: Annotated[str, typer.Option(help="Column or field that holds the text of tables.")] = "text",
) -> None:
    """Time the whole job beside spaCy, Hugging Face's pipeline, EDS-NLP, Flair and the bare encoder."""
    try:
        runtimes = list(dict.fromkeys(check_runtime(name) for name in runtime or ["torch", "bf16"]))
        others = choose(peer, environment)
        texts = gather(inputs, limit, text_field)
        with progress("Timing", unit="runs") as advance:
            result = benchmark(
                pipeline,
                texts,
                encoder=encoder,
                runtimes=runtimes,
                others=others,
                rounds=rounds,
                advance=lambda n, note: advance(n, note=note),
            )
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    output.mkdir(parents=True, exist_ok=True)
    (output / "benchmark.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (output / "benchmark.svg").write_text(bars(result), encoding="utf-8")
    show(result)


def gather(inputs: Sequence[str], limit: int | None, text_field: str) -> list[str]:
    """RETURNS (list[str]): The texts to time. RAISES (DossierError): There are none."""
    for entry in inputs:
        require(entry)
    left_out: list[str] = []
    found = read_texts(inputs, lambda name, why: left_out.append(f"{name}: {why}"), text_field=text_field)
    texts = list(islice(found, limit))
    if left_out:
        stderr.print(f"Left out {len(left_out):,}, the first {left_out[0]}", markup=False)
    if not texts:
        raise DossierError("no texts to time", value=", ".join(inputs))
    return texts


def show(result: dict[str, Any]) -> None:
    table = Table("", "words/s", "ours ×", title=f"{result['words']:,} words, median of {result['rounds']}")
    own = result["words_per_second"]["ours"]
    for name, rate in sorted(result["words_per_second"].items(), key=lambda item: -item[1]):
        table.add_row(result["systems"][name], f"{rate:,.0f}", f"{own / rate:.2f}")
    console = Console(highlight=False)
    console.print(table)
    for name, value in result["ratios"].items():
        console.print(f"{name}: {value:.2f} times")


if __name__ == "__main__":
    typer.run(main)
