"""How `dossier process --engine ray` scales: words a second with one worker, two and so on, over the same input.

python benchmarks/ray_scaling.py INPUT… --pipeline en_dossier --workers 1 --workers 2 --shard-size 16

Every worker has its pipeline before the clock starts. An input should have many more shards than there are workers.
"""

import tempfile
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spacy_dossier.process.options import Options
from spacy_dossier.process.ray.engine import RayRun


def main(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs.")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p")] = "en_dossier",
    workers: Annotated[
        list[int] | None, typer.Option(help="Actors that hold the pipeline; again for each run.")
    ] = None,
    shard_size: Annotated[int, typer.Option(help="Files or rows of a shard.")] = 16,
    device: str = "auto",
    folder: Annotated[str | None, typer.Option(help="Shared by all nodes, for outputs, which are removed.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="Without it a cluster is started on this machine.")] = None,
) -> None:
    """Process the same documents with different numbers of workers."""
    table = Table("workers", "device", "words", "seconds", "words/s", "factor")
    first = 0.0
    for count in workers or [1, 2]:
        with tempfile.TemporaryDirectory(prefix="dossier-", dir=folder) as output:
            options = Options(workers=count, shard_size=shard_size, device=device)
            run = RayRun(inputs, output, pipeline, options, address=ray_address, warm=True)
            for _ in run.shards():
                pass
            assert run.loaded is not None
            seconds = run.summary.seconds - (run.loaded - run.started)
        rate = run.progress.words / seconds
        first = first or rate
        row = (run.processes, run.device, run.progress.words, f"{seconds:.1f}", f"{rate:,.0f}", f"{rate / first:.2f}")
        table.add_row(*map(str, row))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
