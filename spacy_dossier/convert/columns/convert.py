"""Column files in, Docs and a report out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ...errors import DossierError
from ..report import MAX_LISTED
from ..source import TextFile, open_text
from .detect.find import Asked, find_layout
from .documents import DocMaker, group_sentences, template_of
from .formats.registry import FORMATS
from .layout import Layout
from .reader import Survey, survey
from .report import ColumnReport
from .schemes import MISSING, OUTSIDE, opens, split_tag
from .sentence import Problem, Related, Sentence

SENTENCES_PER_DOC = 1  # what stands beside what in a file without marks may be by chance
KEPT_BYTES = 8 << 20  # largest file that is kept in memory
DELIMITER_NAMES = {"\t": "TAB", " ": "spaces", ",": "comma", ";": "semicolon", "|": "bar"}
OUTSIDE_ONLY = frozenset((OUTSIDE,))
ROLES = ("tag", "label", "nested", "index", "sentence", "document", "start", "lemma", "upos", "xpos", "feats", "misc")


@dataclass(frozen=True)
class ColumnOptions(Asked):
    """How column files are read. See `dossier convert --help`."""

    lang: str = "en"
    encoding: str | None = None
    nested: bool = False
    spacing: str = "restore"
    sentences_per_doc: int = SENTENCES_PER_DOC
    strict: bool = False
    template: bool = True
    merge_subtokens: bool = False


class ColumnFile:
    """One column file, opened: its layout and scheme are known, its documents can be read.

    path (Path): The file.
    options (ColumnOptions): How to read it.
    name (str | None): What to call it, if not by its path.
    RAISES (DossierError): If no layout fits.
    """

    def __init__(self, path: Path, options: ColumnOptions, *, name: str | None = None) -> None:
        self.options = options
        self.file: TextFile = open_text(path, name=name, encoding=options.encoding, lang=options.lang)
        self.layout: Layout = find_layout(self.file.lines(), options, file=self.file.name)
        self.layout = replace(self.layout, merged=options.merge_subtokens)
        self.format = FORMATS[self.layout.format]
        if options.nested and self.layout.nested is None:
            raise DossierError(
                "no column holds a second layer of tags", file=self.file.name, remedy="Name it with --nested-column."
            )
        # A small file is read once and kept; a large one is read twice, so that memory stays flat.
        self._kept: list[Sentence | Problem] | None = None
        if path.stat().st_size <= KEPT_BYTES:
            self._kept = list(self._read())
        self.survey: Survey = survey(self._read(), bare=self.layout.bare)
        self.report = self._new_report()
        self._verdicts: dict[tuple[str, str], tuple[str, str | None]] = {}  # of neighbouring tags

    def _read(self) -> Iterable[Sentence | Problem]:
        return self._with_relations() if self._kept is None else self._kept

    def _with_relations(self) -> Iterator[Sentence | Problem]:
        for sentence in self.format.read(self.file.lines(), self.layout):
            if isinstance(sentence, Sentence) and sentence.tokens:
                for found in self.format.relations(sentence, self.layout):
                    if isinstance(found, Related):
                        sentence.relations.append(found)
                    else:
                        sentence.unrelated.append(found)
            yield sentence

    def _new_report(self) -> ColumnReport:
        layout, scheme = self.layout, self.survey.scheme
        columns: dict[str, int | str] = {"token": layout.token + 1}
        for role in ROLES:
            if (column := getattr(layout, role)) is not None:
                columns[role] = column + 1
        if layout.key:
            columns["key"] = layout.key
        if layout.form.example() != "B-X" and not layout.bare:
            columns["form"] = layout.form.example()
        if layout.form.outside != OUTSIDE:
            columns["outside"] = layout.form.outside
        if layout.prefix:
            columns["prefix"] = layout.prefix
        return ColumnReport(
            format=layout.format,
            guessed=self.options.encoding is None and not self.file.encoding.startswith("utf"),
            delimiter=DELIMITER_NAMES.get(layout.delimiter, layout.delimiter) if self.format.rows else "",
            names=list(layout.names),
            further=[column + 1 for column in layout.further],
            sentence_ends=self._sentence_ends(),
            document_mark=self._document_mark(),
            scheme="brackets" if layout.brackets else scheme.name,
            scheme_by_label=scheme.labels,
            encoding=("utf-8-sig" if self.file.encoding == "utf-8" and self.file.mark else self.file.encoding),
            columns=columns,
        )

    def _sentence_ends(self) -> str:
        """RETURNS (str): What ends sentences, if it is not one empty line."""
        layout = self.layout
        if layout.sentence is not None:
            return f"column {layout.sentence + 1}"
        if layout.restarts:
            return "the numbers of tokens"
        return "rule" if layout.ruled else "two empty lines" if layout.doubled else ""

    def _document_mark(self) -> str:
        """RETURNS (str): What tells documents."""
        if self.layout.document is not None:
            return f"column {self.layout.document + 1}"
        return self.layout.document_key or self.survey.mark

    def sentences(self) -> Iterator[Sentence]:
        """Read the file and count what is in it.

        YIELDS (Sentence): Its sentences; last, without tokens, the lines that follow them.
        RAISES (DossierError): With `strict`, at the first row that cannot be read or breaks the scheme.
        """
        self.report = report = self._new_report()
        labels: Counter[str] = Counter()
        relations: Counter[str] = Counter()
        docs = 0
        for item in self._read():
            if isinstance(item, Problem):
                self._leave_out(item)
                continue
            if item.tokens:
                docs += item.mark is not None or report.sents == 0
                report.sents += 1
                report.tokens += len(item.tokens)
                report.longest = max(report.longest, len(item.tokens))
                report.widened += item.widened
                self._count_relations(item, relations)
                if not OUTSIDE_ONLY.issuperset(item.tags):
                    self._check(item, labels)
            yield item
        report.docs = docs if self.survey.marked else 0
        report.labels = dict(labels.most_common())
        report.ents = sum(labels.values())
        if self.layout.has_relations:
            report.relations = dict(relations.most_common())

    def _count_relations(self, sentence: Sentence, labels: Counter[str]) -> None:
        """Count the relations of a sentence, and what is left out of it."""
        labels.update(related.label for related in sentence.relations)
        for problem in sentence.unrelated:
            if self.options.strict:
                raise problem.error(self.file.name)
            self.report.unrelated += 1
            self.report.list_problem(line=problem.line, row=problem.row, expected=problem.expected, relation=True)

    def _leave_out(self, problem: Problem) -> None:
        if self.options.strict:
            raise problem.error(self.file.name)
        self.report.skipped += 1
        self.report.list_problem(line=problem.line, row=problem.row, expected=problem.expected)

    def _check(self, sentence: Sentence, labels: Counter[str]) -> None:
        """Count the entities of a sentence, and what breaks the scheme in it."""
        tags = sentence.tags
        for i, pair in enumerate(zip((OUTSIDE, *tags), (*tags, OUTSIDE), strict=True)):
            if pair == (OUTSIDE, OUTSIDE):
                continue
            if pair not in self._verdicts:
                self._verdicts[pair] = self._judge(pair)
            label, kind = self._verdicts[pair]
            if label:
                labels[label] += 1
            if kind:
                self._violation(sentence, i, kind)
        self.report.missing += sum(map(tags.count, MISSING))

    def _judge(self, pair: tuple[str, str]) -> tuple[str, str | None]:
        """RETURNS (tuple[str, str | None]): Label of the entity that begins at the second tag, and what is wrong."""
        previous, current = (split_tag(tag, bare=self.layout.bare) for tag in pair)
        label = current[1] if opens(previous, current) else ""
        return label, self.survey.scheme.violates(previous, current)

    def _violation(self, sentence: Sentence, i: int, kind: str) -> None:
        place = i if kind == "orphan" else i - 1
        line, row = sentence.line_of(place), sentence.row_of(place)
        expected = (
            f"a tag that begins an entity ({self.survey.scheme.name})"
            if kind == "orphan"
            else f"a tag that ends the entity ({self.survey.scheme.name})"
        )
        if self.options.strict:
            raise DossierError(f"expected {expected}", file=self.file.name, line=line, value=row)
        if kind == "orphan":
            self.report.orphans += 1
        else:
            self.report.unclosed += 1
        if len(self.report.violations) < MAX_LISTED:
            self.report.violations.append({"line": line, "row": row, "kind": kind})

    def docs(self, vocab: Vocab | None = None) -> Iterator[Doc]:
        """Read the documents.

        vocab (Vocab | None): The vocab to use; a new one if `None`.
        YIELDS (Doc): The documents.
        """
        # An array has no lines to write back, and merged words have more rows than tokens.
        rows = self.options.template and not self.file.array and not self.options.merge_subtokens
        template = template_of(self.file, self.layout, self.report.scheme) if rows else None
        make = DocMaker(
            vocab if vocab is not None else Vocab(),
            self.options.lang,
            self.layout,
            spacing=self.options.spacing,
            nested=self.options.nested,
            template=template,
            relation_labels=self.survey.relations if self.layout.has_relations else None,
        )
        marked = self.survey.marked
        for document in group_sentences(self.sentences(), marked=marked, size=self.options.sentences_per_doc):
            yield make(document)
            self.report.written += 1
        self.report.spaces = dict(make.spaces_by.most_common())


def read_docs(path: Path | str, **options: Any) -> Iterator[Doc]:
    """Read the documents of a column file.

    path (Path | str): The file.
    **options: As in `ColumnOptions`.
    YIELDS (Doc): The documents.
    """
    yield from ColumnFile(Path(path), ColumnOptions(**options)).docs()
