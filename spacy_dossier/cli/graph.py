"""`dossier graph`: the relations of a run as a graph for Gephi and Cytoscape."""

from pathlib import Path
from typing import Annotated

import typer


def graph_cli(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that `dossier process … -o OUT` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .graphml file to write.")],
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out relations with a lower confidence.")
    ] = 0.0,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Relations with this label only; give it again for more than one."),
    ] = None,
) -> None:
    """Write the relations between entities as a graph: entities are its nodes, with counts, confidence and places."""
    from ..report.graph import write_graph

    written = write_graph(out, output, min_confidence=min_confidence, labels=label or ())
    typer.echo(f"{output}: {written.nodes:,} entities, {written.edges:,} edges of {written.relations:,} relations")
