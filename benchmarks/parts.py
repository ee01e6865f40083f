"""Where the time of `dossier process` goes: microseconds of processor time a word, part by part, on one core.

    python benchmarks/parts.py PIPELINE INPUT… -o metrics/parts.json --runtime bf16 --functions crf_ner

Each component runs over all documents in turn, in batches as `nlp.pipe` makes them; the least time of the
rounds counts. What the whole job takes beyond the components (finding, hashing and reading files, records, writing,
processes) is the processor time of a run over all the texts, less that of a run over the first, less the components.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import spacy
import torch
import typer
from peers import runtime_config
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from speed import gather, installed, processor

from spacy_dossier.cli.console import progress
from spacy_dossier.errors import DossierError
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import RunInputs, local_run

Seconds = dict[str, float]


def components(nlp: Language, texts: Sequence[str], profiles: dict[str, cProfile.Profile]) -> Seconds:
    """RETURNS (dict[str, float]): Processor time of the tokenizer and of each component over all the texts."""
    taken = dict.fromkeys(["tokenizer", *nlp.pipe_names], 0.0)
    for batch in minibatch(texts, nlp.batch_size):
        docs: list[Doc] = []
        start = time.process_time()
        docs = [nlp.make_doc(text) for text in batch]
        taken["tokenizer"] += time.process_time() - start
        for name, pipe in nlp.pipeline:
            profile = profiles.get(name)
            start = time.process_time()
            if profile:
                profile.enable()
            docs = list(pipe.pipe(docs, batch_size=len(docs))) if hasattr(pipe, "pipe") else list(map(pipe, docs))
            if profile:
                profile.disable()
            taken[name] += time.process_time() - start
    return taken


def whole_job(pipeline: Path, texts: Sequence[str]) -> float:
    """RETURNS (float): Processor time of a run and all of its processes."""
    with tempfile.TemporaryDirectory(prefix="dossier-parts-") as folder:
        files = Path(folder, "texts")
        files.mkdir()
        for number, text in enumerate(texts):
            (files / f"{number:06}.txt").write_text(text, encoding="utf-8")
        start = spent()
        job = local_run(RunInputs([files]), Path(folder, "out"), pipeline, RunOptions(device="cpu", workers=1))
        for _ in job.shards():
            pass
        if job.summary.counts.failures:
            raise DossierError("documents failed", value=job.summary.counts.failures)
        return spent() - start


def spent() -> float:
    """RETURNS (float): Processor time of this process and of those it has waited for."""
    of = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in of)


def measure(pipeline: str, texts: Sequence[str], runtime: str, rounds: int, functions: Sequence[str]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What the output holds. RAISES (DossierError): No such component, or failures."""
    torch.set_num_threads(1)
    nlp = spacy.load(pipeline, config=runtime_config(runtime))
    if unknown := set(functions) - set(nlp.pipe_names):
        raise DossierError("no such component", value=", ".join(unknown), remedy=", ".join(nlp.pipe_names))
    words = sum(len(text.split()) for text in texts)
    profiles = {name: cProfile.Profile(time.process_time) for name in functions}
    components(nlp, texts[:1], {})
    with progress("Timing", total=rounds, unit="rounds") as advance:
        runs = []
        for _ in range(rounds):
            runs.append(components(nlp, texts, {}))
            advance(1)
    parts = {name: min(run[name] for run in runs) / words * 1e6 for name in runs[0]}
    with tempfile.TemporaryDirectory(prefix="dossier-parts-") as folder:
        nlp.to_disk(folder)
        more = words - len(texts[0].split())
        whole = (whole_job(Path(folder), texts) - whole_job(Path(folder), texts[:1])) / more * 1e6
    if functions:
        components(nlp, texts, profiles)
    for name, profile in profiles.items():
        print(f"{name}:")
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return {
        "microseconds_a_word": {name: round(value, 2) for name, value in parts.items()}
        | {"around": round(whole - sum(parts.values()), 2), "whole": round(whole, 2)},
        "words": words,
        "runtime": runtime,
        "rounds": rounds,
        "processor": processor(),
        "versions": {name: installed(name) for name in ("spacy-dossier", "torch", "spacy", "transformers")},
    }


def main(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Documents, as `dossier process` takes them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file.")],
    runtime: Annotated[str, typer.Option(help="Runtime of the encoder.")] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="The least of so many counts.")] = 5,
    functions: Annotated[
        list[str] | None, typer.Option(help="Print the functions of this component by their time; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Take so many documents.")] = None,
) -> None:
    """Microseconds a word of each component and of what is around them."""
    try:
        texts = gather(inputs, limit, "text")
        if len(texts) < 2:
            raise DossierError("one text is too few: a run over the first is taken off", value=len(texts))
        result = measure(pipeline, texts, runtime, rounds, functions or [])
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    table = Table("", "µs a word", title=f"{result['words']:,} words, {runtime}")
    for name, value in result["microseconds_a_word"].items():
        table.add_row(name, f"{value:.1f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    typer.run(main)
