"""`dossier export`: `.spacy` files back to column files."""

from pathlib import Path
from typing import Annotated

import typer


def export_cli(
    corpora: Annotated[
        list[Path], typer.Argument(metavar="CORPUS...", help=".spacy files; shards go into one output.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The column file to write.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="source (the rows the documents came from) or a name that dossier convert --formats lists. "
            "auto: source where the rows were kept, else tsv.",
        ),
    ] = "auto",
    scheme: Annotated[
        str,
        typer.Option(
            "--scheme",
            help="iob1, iob2, io, bioes, biluo, bmewo, bmes, brackets or bare. auto: as in the rows, else iob2.",
        ),
    ] = "auto",
) -> None:
    """Write .spacy files as a column file; unchanged documents come out as the bytes they were made of."""
    from ..convert.columns.export import export

    report = export(corpora, output, format=format, scheme=scheme)
    typer.echo(
        f"{output}: {report.docs:,} documents, {report.sents:,} sentences, {report.tokens:,} tokens, "
        f"{report.ents:,} entities"
    )
    if report.cut:
        typer.echo(f"{output}: {report.cut:,} entities cross the end of a sentence and were cut there", err=True)
    if report.merged:
        typer.echo(f"{output}: {report.merged:,} entities cannot be told from the one before in {scheme}", err=True)
