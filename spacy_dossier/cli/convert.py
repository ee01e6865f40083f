"""`dossier convert`: column files and exports of annotation tools to `.spacy` files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import shortened

SKIPPED = 3  # exit code when sentences were left out
SHOWN, SHOWN_OF_CHECK = 10, 5  # problems printed; the report has them all


PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT... OUTPUT_DIR",
        help="Column files, folders, globs or - for standard input; last, the folder for the .spacy files. "
        "With --check there is no output folder.",
        show_default=False,
    ),
]
LangOption = Annotated[str, typer.Option("--lang", "-l", help="Language of the text: its rules restore spaces.")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write counts and problems of each file to this JSON file.")
]
FormatOption = Annotated[
    str,
    typer.Option("--format", "-f", help="A name that --formats lists; auto finds it."),
]
FormatsOption = Annotated[
    bool, typer.Option("--formats", help="List the formats in the order in which they are tried, each with rows.")
]
TokenColumnOption = Annotated[
    str | None,
    typer.Option("--token-column", help="The token's column: its number from 1 (-1 is the last) or its name."),
]
TagColumnOption = Annotated[
    str | None,
    typer.Option("--tag-column", help="The entity tag's column: a number, a name, or a key of the MISC column."),
]
NestedOption = Annotated[bool, typer.Option("--nested", help='Keep a second layer of entities as doc.spans["nested"].')]
NestedColumnOption = Annotated[
    str | None, typer.Option("--nested-column", help="The second layer's column, as in --tag-column.")
]
OutsideOption = Annotated[
    str | None,
    typer.Option("--outside", help="What stands for tokens outside entities, where it is not O; found as a rule."),
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of the files; found if it is not given.")
]
SpacingOption = Annotated[
    str,
    typer.Option(
        "--spacing",
        help="restore: spaces as the language writes them; keep: one after each token. "
        "What the file itself says about spaces comes first.",
    ),
]
SentencesPerDocOption = Annotated[
    int,
    typer.Option("--sentences-per-doc", "-n", min=0, help="Sentences to a document where the file marks none; 0: all."),
]
MaxDocsOption = Annotated[
    int | None,
    typer.Option("--max-docs-per-file", min=1, help="Write shards of at most this many documents."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at the first bad row or tag instead of leaving its sentence out.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Check the files and write none.")]
MaxSentenceOption = Annotated[
    int, typer.Option("--max-sentence", min=1, help="With --check: report sentences of more tokens than this.")
]
BareOption = Annotated[
    bool, typer.Option("--bare", help="Tags are labels without a prefix, whatever they look like; found as a rule.")
]
HeaderOption = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first row names the columns.", show_default="found"),
]
DelimiterOption = Annotated[
    str | None,
    typer.Option("--delimiter", help="What parts the columns: tab, space, a comma, semicolon or bar; found as a rule."),
]
MergeOption = Annotated[
    bool,
    typer.Option(
        "--merge-subtokens",
        "-T",
        help="Read a multi-word token of CoNLL-U as one token; without it, it is parted among its words.",
    ),
]
AlignmentOption = Annotated[
    str,
    typer.Option(
        "--alignment",
        help="Spans of annotation tools that begin or end inside a token: strict leaves them out, expand and contract "
        "move them; they are listed in any case.",
    ),
]
JoinOption = Annotated[
    Path | None,
    typer.Option(
        "--join",
        help="Put the entities of the inputs into this .spacy file, each text by its id (the last file counts), and "
        "write it under its name into OUTPUT_DIR.",
    ),
]
KeepRowsOption = Annotated[
    bool,
    typer.Option(
        "--keep-rows/--no-keep-rows", help="Keep the rows beside each document, so that export can write them back."
    ),
]


def convert_cli(
    paths: PathsArgument = None,
    lang: LangOption = "en",
    report: ReportOption = None,
    format: FormatOption = "auto",
    formats: FormatsOption = False,
    token_column: TokenColumnOption = None,
    tag_column: TagColumnOption = None,
    nested: NestedOption = False,
    nested_column: NestedColumnOption = None,
    outside: OutsideOption = None,
    bare: BareOption = False,
    header: HeaderOption = None,
    delimiter: DelimiterOption = None,
    merge_subtokens: MergeOption = False,
    alignment: AlignmentOption = "strict",
    join: JoinOption = None,
    encoding: EncodingOption = None,
    spacing: SpacingOption = "restore",
    sentences_per_doc: SentencesPerDocOption = 1,
    max_docs: MaxDocsOption = None,
    strict: StrictOption = False,
    check: CheckOption = False,
    max_sentence: MaxSentenceOption = 200,
    keep_rows: KeepRowsOption = True,
) -> None:
    """Convert column files (CoNLL, IOB, BIOES, CoNLL-U …) and exports of annotation tools to .spacy files.

    Every format is found by itself. Exits with 3 if something had to be left out; it is listed in the report.
    """
    from ..convert.columns.convert import ColumnOptions
    from ..errors import DossierError

    if formats:
        _list_formats()
        return
    if not paths:
        raise DossierError("no input", remedy="Say dossier convert INPUT... OUTPUT_DIR.")
    options = ColumnOptions(
        lang=lang,
        encoding=encoding,
        format=format,
        token_column=token_column,
        tag_column=tag_column,
        nested_column=nested_column,
        nested=nested or nested_column is not None,
        outside=outside,
        bare=bare,
        header=header,
        delimiter=delimiter,
        merge_subtokens=merge_subtokens,
        spacing=spacing,
        sentences_per_doc=sentences_per_doc,
        strict=strict,
        template=keep_rows,
    )
    if check:
        _check(paths, options, max_sentence, report)
        return
    if len(paths) < 2:
        raise DossierError("no output folder", remedy="Say dossier convert INPUT... OUTPUT_DIR.")
    if join is not None:
        _join(join, paths[:-1], Path(paths[-1]), options, alignment, report)
        return
    _convert(paths[:-1], Path(paths[-1]), options, alignment, max_docs, report)


def _list_formats() -> None:
    from ..convert.annotations.formats.registry import ORDER as ANNOTATIONS
    from ..convert.columns.formats.registry import ORDER

    listed = [(format.name, format.about, format.example) for format in ORDER]
    listed += [(format.name, format.about, format.example) for format in ANNOTATIONS]
    for name, about, example in listed:
        typer.echo(f"{name}: {about}")
        for line in example.splitlines():
            typer.echo(f"    {line}")


def _convert(
    inputs: list[str], output_dir: Path, options: Any, alignment: str, max_docs: int | None, report: Path | None
) -> None:
    from ..convert.files import convert
    from .console import progress

    with progress("Converting") as advance:
        name = ""

        def on_file(current: str) -> None:
            nonlocal name
            name = current

        reports = convert(
            inputs,
            output_dir,
            options,
            alignment=alignment,
            max_docs=max_docs,
            on_file=on_file,
            on_doc=lambda: advance(note=name),
        )
    if report is not None:
        write_json(report, {name: found.as_dict() for name, found in reports.items()})
    for name, found in reports.items():
        _print_report(name, found, options)
    if any(found.error or found.skipped or found.left for found in reports.values()):
        raise typer.Exit(SKIPPED)


def _join(corpus: Path, inputs: list[str], output_dir: Path, options: Any, alignment: str, report: Path | None) -> None:
    from ..convert.files import join_into

    target = output_dir / corpus.name
    found, reports = join_into(corpus, inputs, target, options, alignment=alignment)
    if report is not None:
        write_json(report, {name: each.as_dict() for name, each in reports.items()})
    typer.echo(
        f"{corpus}: {found.replaced:,} texts replaced, {found.added:,} added, {found.kept:,} kept as they were "
        f"-> {target}"
    )
    for name, each in reports.items():
        _print_problems(name, each, options)
    for conflict in found.conflicts:
        typer.echo(f"{corpus}: {conflict}", err=True)
    if found.inside:
        typer.echo(f"{corpus}: {len(found.inside):,} spans begin or end inside a token ({alignment})", err=True)
    for span in found.inside[:SHOWN]:
        typer.echo(f"{corpus}: {shortened(span)}", err=True)
    left = any(each.skipped or each.left for each in reports.values())
    if left or found.conflicts or (found.inside and alignment == "strict"):
        raise typer.Exit(SKIPPED)


def _print_report(name: str, found: Any, options: Any) -> None:
    if found.error:
        typer.echo(f"{found.error} (left out)", err=True)
        return
    typer.echo(f"{name}: {found.line()} -> {', '.join(found.outputs)}")
    _print_problems(name, found, options)


def _print_problems(name: str, found: Any, options: Any) -> None:
    for warning in found.warnings(options.lang, outside=options.outside):
        typer.echo(f"{name}{warning}", err=True)
    for problem in found.problems[:SHOWN]:
        row = shortened(repr(problem["row"]))
        typer.echo(f"{name}:{problem['line']}: expected {problem['expected']}, found {row}", err=True)
    if found.skipped:
        typer.echo(f"{name}: {found.skipped:,} {found.unit} left out", err=True)


def _check(paths: list[str], options: Any, max_sentence: int, report: Path | None) -> None:
    from ..convert.columns.lint import lint
    from ..convert.source import is_output_dir

    if len(paths) > 1 and is_output_dir(paths[-1]):
        paths = paths[:-1]  # the same command line without --check has one
    result = lint(paths, options, max_sentence=max_sentence)
    if report is not None:
        write_json(report, result.as_dict())
    if str(report) != "-":
        _print_lint(result)
    if result.errors or (options.strict and result.findings):
        raise typer.Exit(SKIPPED)


def _print_lint(result: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..convert.columns.lint import LEVELS

    console = Console(highlight=False, soft_wrap=False)
    files = Table("file", "layout", "scheme", "docs", "sents", "tokens", "entities", "found again")
    for name, found in result.reports.items():
        share = result.retokenized[name]
        counts = (f"{n:,}" for n in (found.docs, found.sents, found.tokens, found.ents))
        files.add_row(name, found.format, found.scheme, *counts, "" if share is None else f"{share:.1%}")
    console.print(files)
    findings = Table("level", "check", "count", "where", "found", "")
    for check, level in LEVELS.items():
        shown = [finding for finding in result.findings if finding.check == check][:SHOWN_OF_CHECK]
        for i, finding in enumerate(shown):
            where = f"{finding.file}:{finding.line}" if finding.line else finding.file
            head = (level, check, f"{result.counts[check]:,}") if i == 0 else ("", "", "")
            findings.add_row(*head, where, finding.value[:60], finding.message)
    console.print(findings if result.findings else "Nothing suspicious found.")


def write_json(path: Path, data: Any) -> None:
    """Write JSON; `-` is standard output."""
    import json

    from ..convert.source import make_folder
    from ..text.files import write_file

    text = json.dumps(data, ensure_ascii=False, indent=1)
    if str(path) == "-":
        typer.echo(text)
        return
    make_folder(path.parent)
    write_file(path, text + "\n")
