"""`dossier export`: `.spacy` files and records as column files or for annotation tools."""

from pathlib import Path
from typing import Annotated

import typer


def export_cli(
    corpora: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS...",
            help=".spacy files, or records of dossier process --with-text; they go into one output.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The file to write, or the folder where a format has a file for each text."),
    ],
    format: Annotated[
        str,
        typer.Option(
            "--to",
            "--format",
            "-f",
            help="source (the rows the documents came from), hf (Hugging Face datasets), or a name that convert "
            "--formats lists, as label-studio or conll. auto: source where the rows were kept, else tsv.",
        ),
    ] = "auto",
    scheme: Annotated[
        str,
        typer.Option(
            "--scheme",
            help="iob1, iob2, io, bioes, biluo, bmewo, bmes, brackets or bare. auto: as in the rows, else iob2.",
        ),
    ] = "auto",
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of records: its rules find their tokens.")] = "en",
    least: Annotated[
        float,
        typer.Option(
            "--least",
            min=0,
            max=1,
            help="Leave entities and relations of less confidence out. Such entities become missing annotation, of "
            "which spacy, hf and column files can tell: training learns nothing from it.",
        ),
    ] = 0.0,
) -> None:
    """Write documents as a column file or for an annotation tool, confidences as scores.

    Unchanged documents that came from a column file come out as the bytes they were made of.
    """
    from ..convert.export import export

    report = export(corpora, output, format=format, scheme=scheme, lang=lang, least=least)
    typer.echo(
        f"{output}: {report.docs:,} documents, {report.sents:,} sentences, {report.tokens:,} tokens, "
        f"{report.ents:,} entities" + (f", {report.relations:,} relations" if report.relations else "")
    )
    if report.unrelated:
        typer.echo(f"{output}: {report.unrelated:,} relations cannot be held in this format", err=True)
    if report.unsaid:
        typer.echo(f"{output}: {report.unsaid:,} tokens without annotation are as if outside of entities", err=True)
    if report.cut:
        typer.echo(f"{output}: {report.cut:,} entities cross the end of a sentence and were cut there", err=True)
    if report.nested:
        typer.echo(f"{output}: {report.nested:,} entities overlap another and were left out", err=True)
    if report.merged:
        typer.echo(f"{output}: {report.merged:,} entities cannot be told from the one before in {scheme}", err=True)
