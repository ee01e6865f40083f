"""`dossier average`: the mean of the weights of trained pipelines."""

from pathlib import Path
from typing import Annotated

import typer


def average_cli(
    pipelines: Annotated[
        list[str], typer.Argument(help="Two trained pipelines or more, of which one goes on from the other.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pipeline with the mean.")],
) -> None:
    """Average the weights of pipelines that go on from the same training.

    The mean is often better than each of them, and as fast. Calibrate it afterwards.
    """
    from ..evaluate.average import average

    for name, cosine in average(pipelines, output).items():
        typer.echo(f"{name}: least cosine of a layer {cosine:.4f}")
    typer.echo(f"Wrote {output}")
