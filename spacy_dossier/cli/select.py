"""`dossier select`: the texts that are worth annotating."""

from pathlib import Path
from typing import Annotated

import typer


def select_cli(
    corpora: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Records of dossier process --with-text, folders of them, .spacy files."),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many texts to choose, or words.")] = 100,
    words: Annotated[
        bool,
        typer.Option("--words", help="Count words in place of texts: those with most errors to a word come first."),
    ] = False,
    format: Annotated[
        str, typer.Option("--to", "--format", "-f", help="A format of dossier export, as prodigy or label-studio.")
    ] = "prodigy",
    by_label: Annotated[
        bool, typer.Option("--by-label", help="Take in turn the best of each label, so that rare ones get their share.")
    ] = False,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of records: its rules find their tokens.")] = "en",
) -> None:
    """Choose the texts in which a pipeline expects most errors, without near duplicates, for an annotation tool."""
    from ..convert.export import export_loaded, load_docs
    from ..convert.language import blank
    from ..convert.select import select
    from ..errors import DossierError

    nlp = blank(lang)
    docs = [doc for path in corpora for doc in load_docs(path, nlp)]
    found = select(docs, number, words=words, by_label=by_label)
    if not found.docs:
        raise DossierError("no errors are expected in any text", remedy="Process with a pipeline that has crf_ner.")
    export_loaded(found.docs, output, format=format)
    typer.echo(
        f"{output}: {len(found.docs):,} of {len(docs):,} texts, {found.expected:.1f} errors expected; "
        f"{found.alike:,} near duplicates passed over"
    )
    if found.unknown:
        typer.echo(
            f"{output}: {found.unknown:,} texts do not say what may be missed in them, and only the entities found "
            "count; process with --extension expected_missed",
            err=True,
        )
    if found.unscored:
        typer.echo(f"{output}: {found.unscored:,} texts have entities without a confidence", err=True)
