"""`dossier classes`: classified texts to `.spacy` files."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from .convert import SHOWN, SKIPPED, EncodingOption, write_json
from .pairs import FolderArgument, InputReportOption, StrictRowsOption, TextLangOption


def classes_cli(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="CSV, TSV, JSONL or Parquet files; folders of such files, of a folder for each class, or of the twin "
            "files seq.in, label and seq.out; globs; or - for JSONL on standard input.",
            show_default=False,
        ),
    ],
    output_dir: FolderArgument,
    lang: TextLangOption = "en",
    text_column: Annotated[
        str | None, typer.Option("--text-column", help="Column of the text.", show_default="text, sentence …")
    ] = None,
    label_column: Annotated[
        list[str] | None,
        typer.Option(
            "--label-column",
            help="Column of the class. Given several times: a column for each class, with 0 or 1.",
            show_default="label, class …",
        ),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option("--separator", help="What parts the classes in one column, where a text can have several."),
    ] = None,
    header: Annotated[
        bool,
        typer.Option("--header/--no-header", help="Without a header, columns are named by their numbers, from 1."),
    ] = True,
    hold_out: Annotated[
        float,
        typer.Option("--hold-out", min=0.0, max=0.9, help="Hold out this share of 'train' as 'dev', if there is none."),
    ] = 0.0,
    encoding: EncodingOption = None,
    report: InputReportOption = None,
    strict: StrictRowsOption = False,
) -> None:
    """Convert classified texts to .spacy files for a text classifier; slots become entities.

    Rows without a text or a class are left out and reported. Exits with 3 if rows could not be read.
    """
    from ..convert.classes.convert import classes
    from ..convert.classes.read import ClassOptions
    from .console import progress

    options = ClassOptions(lang, encoding, text_column, tuple(label_column or ()), separator, header, strict)
    with progress("Reading texts", unit="texts") as advance:
        survey = classes(inputs, output_dir, options, hold_out=hold_out, on_doc=lambda name: advance(note=name))
    if report is not None:
        write_json(report, {name: found.as_dict() for name, found in survey.reports.items()})
    for name, found in survey.reports.items():
        typer.echo(
            f"{name}: {found.written:,} of {found.rows:,} texts, {found.tokens:,} tokens, {len(found.classes):,} "
            f"classes{', several to a text' if found.several else ''} -> {', '.join(found.outputs)}"
        )
        typer.echo(f"{name}: {', '.join(f'{label} {count:,}' for label, count in found.classes.items())}")
        for warning in _warnings(found):
            typer.echo(f"{name}: {warning}", err=True)
        for problem in found.problems[:SHOWN]:
            typer.echo(f"{problem['file']}:{problem['row']}: {problem['problem']}", err=True)
    for line in _comparisons(survey):
        typer.echo(line, err=True)
    if any(found.skipped for found in survey.reports.values()):
        raise typer.Exit(SKIPPED)


def _warnings(found: Any) -> Iterator[str]:
    """YIELDS (str): What may be wrong with a part, to stand behind its name."""
    roles = [f"{role} from {column}" for role, column in found.columns.items() if role != column]
    if roles:
        yield ", ".join(roles)
    left = {"empty text": found.empty_text, "no class": found.empty_label, "unreadable": found.skipped}
    if counts := [f"{n:,} {what}" for what, n in left.items() if n]:
        yield f"left out: {', '.join(counts)}"
    if found.held_out:
        yield f"{found.held_out:,} texts held out"
    if found.repeated:
        yield f"{found.repeated:,} texts stand there before, {found.contradicting:,} of them with other classes"
    for other, shared in found.also_in.items():
        yield f"{shared:,} texts are in {other} too"


def _comparisons(survey: Any) -> Iterator[str]:
    """YIELDS (str): What is odd about the classes of the whole corpus."""
    for same in survey.spellings:
        yield f"classes that differ in case or white space only: {', '.join(map(repr, same))}"
    train = next((found for found in survey.reports.values() if found.part == "train"), None)
    for name, found in survey.reports.items():
        new = [label for label in found.classes if train is not None and label not in train.classes]
        if new:
            yield f"{name}: classes that train does not have: {', '.join(map(repr, new))}"
