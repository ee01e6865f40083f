"""`dossier benchmark`: words a second beside those of its peers."""

from pathlib import Path
from typing import Annotated

import typer


def benchmark_cli(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Documents, as `dossier process` takes them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for benchmark.json and benchmark.svg.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder", "-e", help="Folder of the encoder, for the peers; by default the one the pipeline began with."
        ),
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(help="torch, bf16, onnx or int8; repeatable. Ratios are of the first; torch and bf16 by default."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one that warms up.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many documents.")] = None,
    text_field: Annotated[str, typer.Option(help="Column or field that holds the text of tables.")] = "text",
) -> None:
    """Time the whole job against spaCy, Hugging Face's pipeline and the bare encoder, in one run, on the CPU.

    Ours is `dossier process` from text files to records with entities, confidences, sentences and summaries; the peers
    recognise entities only, and find their texts in memory. Loading counts for none. Texts that are there twice are
    timed once.
    """
    import json
    from itertools import islice

    from rich.console import Console
    from rich.table import Table

    from ..benchmark.speed import bars, benchmark, read_texts
    from ..errors import DossierError
    from ..models.runtime import check_runtime
    from ..process.discover import require
    from .console import progress, stderr

    runtimes = list(dict.fromkeys(check_runtime(name) for name in runtime or ["torch", "bf16"]))
    for entry in inputs:
        require(entry)
    left_out: list[str] = []
    found = read_texts(inputs, lambda name, why: left_out.append(f"{name}: {why}"), text_field=text_field)
    texts = list(islice(found, limit))
    if left_out:
        stderr.print(f"Left out {len(left_out):,}, the first {left_out[0]}", markup=False)
    if not texts:
        raise DossierError("no texts to time", value=", ".join(inputs))
    with progress("Timing", unit="runs") as advance:
        result = benchmark(
            pipeline,
            texts,
            encoder=encoder,
            runtimes=runtimes,
            rounds=rounds,
            advance=lambda n, note: advance(n, note=note),
        )
    output.mkdir(parents=True, exist_ok=True)
    (output / "benchmark.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (output / "benchmark.svg").write_text(bars(result), encoding="utf-8")

    table = Table(title=f"{result['words']:,} words, median of {rounds}")
    for column in ("", "words/s", "ours ×"):
        table.add_column(column, justify="left" if not column else "right")
    own = result["words_per_second"]["ours"]
    for name, rate in sorted(result["words_per_second"].items(), key=lambda item: -item[1]):
        table.add_row(result["systems"][name], f"{rate:,.0f}", f"{own / rate:.2f}")
    console = Console(highlight=False)
    console.print(table)
    for name, value in result["ratios"].items():
        console.print(f"{name}: {value:.2f} times")
    console.print(f"Wrote {output / 'benchmark.json'} and {output / 'benchmark.svg'}", soft_wrap=True)
