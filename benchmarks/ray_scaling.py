"""How `dossier process --engine ray` scales: words a second with one worker, two and so on, over the same input.

python benchmarks/ray_scaling.py INPUT… --pipeline en_dossier --workers 1 --workers 2 --shard-size 16

Every worker has its pipeline before the clock starts. An input should have many more shards than there are workers.
"""

import tempfile
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spacy_dossier.process.options import RunOptions, find_pipeline
from spacy_dossier.process.ray.engine import RayEngine
from spacy_dossier.process.run import Run, RunInputs


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
            options = RunOptions(workers=count, shard_size=shard_size, device=device).checked()
            engine = RayEngine(output, find_pipeline(pipeline), options, address=ray_address, warm=True)
            run = Run(RunInputs(inputs), engine.pipeline, options, engine)
            for _ in run.shards():
                pass
            assert run.progress.loaded is not None
            seconds = run.summary.seconds - (run.progress.loaded - run.started)
        rate = run.progress.words / seconds
        first = first or rate
        figures = (f"{seconds:.1f}", f"{rate:,.0f}", f"{rate / first:.2f}")
        table.add_row(str(engine.processes), engine.device, str(run.progress.words), *figures)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
