"""Files of any format in, `.spacy` files and a report of each out."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import DossierError
from ..text.docbin import read_docbin
from .annotations.convert import AnnotationFile, AnnotationReport
from .annotations.docs import annotated_of
from .annotations.document import Annotated
from .annotations.formats.base import AnnotationFormat
from .annotations.formats.registry import ANNOTATION_FORMATS, sniff_annotation
from .annotations.hf import is_dataset, unpack_dataset
from .annotations.join import JoinReport, join
from .columns.convert import ColumnFile, ColumnOptions
from .columns.formats.registry import AUTO, FORMATS
from .columns.report import ColumnReport
from .docbin import DocBinWriter
from .language import blank
from .rows import wrapped_rows
from .source import Input, TextFile, find_inputs, open_text, spooled

Report = ColumnReport | AnnotationReport
BINARY = ".spacy"


def convert(
    inputs: Iterable[str],
    output_dir: Path,
    options: ColumnOptions,
    *,
    alignment: str = "strict",
    max_docs: int | None = None,
    on_file: Callable[[str], None] = lambda name: None,
    on_doc: Callable[[], None] = lambda: None,
) -> dict[str, Report]:
    """Convert column files and exports of annotation tools to `.spacy` files.

    inputs (Iterable[str]): Files, folders, globs, or `-` for standard input.
    output_dir (Path): Where `<stem>.spacy` goes for each.
    options (ColumnOptions): How to read column files; of the others its `format`, `lang`, `encoding` and `strict`.
    alignment (str): What happens to spans that begin or end inside tokens; see `annotations.docs.make_doc`.
    max_docs (int | None): Documents to a shard; `None` writes one file for each input.
    on_file (Callable[[str], None]): Called with the name of each file before it is read.
    on_doc (Callable[[], None]): Called after each document.
    RETURNS (dict[str, Report]): A report for each file, by its name.
    RAISES (DossierError): If a file that is no stray one in a folder cannot be read at all, or no file can; with
        `strict`, at the first bad row or file.
    """
    if options.format not in (AUTO, *FORMATS, *ANNOTATION_FORMATS):
        raise DossierError("unknown format", value=options.format, remedy="dossier convert --formats lists them.")
    reports: dict[str, Report] = {}
    for source in find_inputs(inputs):
        on_file(source.name)
        try:
            with ExitStack() as stack:
                opened = _open(source, options, alignment, stack)
                reports[source.name] = _write(opened, output_dir / source.target, max_docs, on_doc)
        except DossierError as error:
            if not source.from_folder or options.strict:
                raise
            reports[source.name] = ColumnReport(error=str(error))
    if all(report.error for report in reports.values()):
        raise DossierError(next(iter(reports.values())).error)
    return reports


def join_into(
    corpus: Path, inputs: Iterable[str], output: Path, options: ColumnOptions, *, alignment: str = "strict"
) -> tuple[JoinReport, dict[str, Report]]:
    """Join what annotators made of texts into a corpus: by their ids, the later file the more it counts.

    corpus (Path): A `.spacy` file.
    inputs (Iterable[str]): Column files and exports of annotation tools.
    output (Path): The `.spacy` file to write; it may be the corpus.
    options, alignment: As in `convert`.
    RETURNS (tuple[JoinReport, dict[str, Report]]): What became of the corpus, and a report for each file, by its name.
    RAISES (DossierError): If a file cannot be read; with `strict`, at the first thing that cannot be joined.
    """
    nlp = blank(options.lang)
    docs = list(read_docbin(corpus, nlp.vocab))
    answers: list[tuple[str, Annotated]] = []
    reports: dict[str, Report] = {}
    for source in find_inputs(inputs):
        with ExitStack() as stack:
            opened = _open(source, options, alignment, stack)
            if isinstance(opened, ColumnFile):
                texts = [annotated_of(doc) for doc in opened.docs(nlp.vocab)]
            else:
                texts = opened.texts()
            answers += [(source.name, text) for text in texts]
            reports[source.name] = opened.report
    joined, report = join(docs, answers, nlp, mode=alignment)
    if options.strict and (wrong := [*report.conflicts, *report.inside]):
        raise DossierError(wrong[0], file=corpus)
    with DocBinWriter(output, nlp.vocab) as writer:
        for doc in joined:
            writer.add(doc)
    return report, reports


def _open(source: Input, options: ColumnOptions, alignment: str, stack: ExitStack) -> ColumnFile | AnnotationFile:
    """RETURNS (ColumnFile | AnnotationFile): A file, opened as what it is."""
    path = stack.enter_context(spooled(source))
    if is_dataset(path):
        return ColumnFile(unpack_dataset(path, _folder(stack), source.name), options, name=source.name)
    binary = path.suffix.lower() == BINARY
    file = (
        TextFile(path, source.name, "utf-8")
        if binary
        else open_text(path, name=source.name, encoding=options.encoding, lang=options.lang)
    )
    if (format := _annotation_format(file, options.format)) is not None:
        return AnnotationFile(file, format, lang=options.lang, mode=alignment, strict=options.strict)
    if options.format in (AUTO, "json") and (rows := wrapped_rows(file)) is not None:
        path = _folder(stack) / f"{path.stem}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    return ColumnFile(path, options, name=source.name)


def _annotation_format(file: TextFile, asked: str) -> AnnotationFormat | None:
    """RETURNS (AnnotationFormat | None): The format of an annotation tool that is meant or found."""
    return sniff_annotation(file) if asked == AUTO else ANNOTATION_FORMATS.get(asked)


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory()))


def _write(
    opened: ColumnFile | AnnotationFile, target: Path, max_docs: int | None, on_doc: Callable[[], None]
) -> Report:
    """Write the documents of a file. RETURNS (Report): What was read."""
    vocab = Vocab() if isinstance(opened, ColumnFile) else opened.nlp.vocab
    docs: Iterator[Doc] = opened.docs(vocab) if isinstance(opened, ColumnFile) else opened.docs()
    with DocBinWriter(target, vocab, max_docs=max_docs) as writer:
        for doc in docs:
            writer.add(doc)
            on_doc()
        if isinstance(opened, ColumnFile) and not opened.report.sents and opened.report.problems:
            problem = opened.report.problems[0]
            raise DossierError(
                f"no sentence can be read: expected {problem['expected']}",
                file=opened.file.name,
                line=problem["line"],
                value=problem["row"],
            )
    opened.report.outputs = [str(path) for path in writer.paths]
    return opened.report
