"""`dossier pairs`: article/summary pairs to `.spacy` files."""

from pathlib import Path
from typing import Annotated

import typer

from .convert import SHOWN, SKIPPED, EncodingOption, MaxDocsOption, write_json

# What `classes` has too
FolderArgument = Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the .spacy files.")]
TextLangOption = Annotated[str, typer.Option("--lang", "-l", help="Language of the text.")]
InputReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write counts and problems of each input to this JSON file.")
]
StrictRowsOption = Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be read.")]


def pairs_cli(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSONL, JSON, CSV, TSV or Parquet files, text files or folders with a twin, globs, "
            "or - for JSONL on standard input.",
            show_default=False,
        ),
    ],
    output_dir: FolderArgument,
    lang: TextLangOption = "en",
    id_field: Annotated[str | None, typer.Option("--id-field", help="Field of the id.", show_default="id")] = None,
    text_field: Annotated[
        str | None, typer.Option("--text-field", help="Field of the article.", show_default="text")
    ] = None,
    summary_field: Annotated[
        str | None, typer.Option("--summary-field", help="Field of the summary.", show_default="summary")
    ] = None,
    summaries: Annotated[
        Path | None,
        typer.Option(
            "--summaries",
            help="File or folder of the summaries, where articles and summaries are apart. "
            "Files of as many lines are read line by line.",
        ),
    ] = None,
    encoding: EncodingOption = None,
    report: InputReportOption = None,
    max_docs: MaxDocsOption = None,
    strict: StrictRowsOption = False,
) -> None:
    """Convert article/summary pairs to .spacy files for the summarizer.

    Pairs with an empty side are left out and reported. Exits with 3 if rows could not be read.
    """
    from ..convert.pairs.convert import PairOptions, pairs
    from .console import progress

    options = PairOptions(lang, encoding, id_field, text_field, summary_field, summaries, strict)
    with progress("Reading pairs", unit="pairs") as advance:
        reports = pairs(inputs, output_dir, options, max_docs=max_docs, on_doc=lambda name: advance(note=name))
    if report is not None:
        write_json(report, {name: found.as_dict() for name, found in reports.items()})
    for name, found in reports.items():
        if found.error:
            typer.echo(f"{found.error} (left out)", err=True)
            continue
        several = f", {found.several:,} with several summaries" if found.several else ""
        typer.echo(
            f"{name}: {found.written:,} of {found.pairs:,} pairs{several}, {found.sents:,} sentences, "
            f"{found.tokens:,} tokens -> {', '.join(found.outputs)}"
        )
        if named := [
            f"{role} from the field {field}" for role, field in found.fields.items() if role not in (field, "id")
        ]:
            typer.echo(f"{name}: {', '.join(named)}")
        for problem in found.problems[:SHOWN]:
            typer.echo(f"{name}:{problem['row']}: {problem['problem']}", err=True)
        left = {"empty text": found.empty_text, "empty summary": found.empty_summary, "unreadable": found.skipped}
        if counts := [f"{n:,} {what}" for what, n in left.items() if n]:
            typer.echo(f"{name}: left out: {', '.join(counts)}", err=True)
    if any(found.skipped or found.error for found in reports.values()):
        raise typer.Exit(SKIPPED)
