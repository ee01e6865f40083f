"""Exports of annotation tools in, `.spacy` files and a report out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ...errors import DossierError
from ...pipeline.extensions import RELATION_LABELS, get_relations
from ...text.surrogates import clean, has_surrogates
from ..language import blank
from ..report import Report, labels_in_line, relations_in_line
from ..source import TextFile
from .docs import make_doc
from .document import Annotated, Unread
from .formats.base import AnnotationFormat

MODES = ("strict", "expand", "contract")


@dataclass
class AnnotationReport(Report):
    """What was read from one export.

    docs, sents, tokens, ents (int): Texts, sentences that the file states, tokens, entities.
    labels (dict[str, int]): Entities by label, the most frequent first.
    inside (int): Spans that begin or end inside a token.
    overlapping (int): Spans that overlap a longer one.
    unread (int): Spans and other things that could not be read.
    skipped (int): Texts left out.
    repeated (int): Texts left out because a later version of the same has the same id.
    shared_ids (int): Ids that several texts have.
    relations (dict[str, int] | None): Relations by label, the most frequent first; `None` where the file has none.
    unrelated (int): Relations of spans that were left out, or that overlap a longer one.
    problems (list[dict]): Text, and what is wrong, for each of these.
    """

    format: str
    encoding: str = ""
    lang: str = ""
    own_tokens: bool = False
    mode: str = "strict"
    docs: int = 0
    written: int = 0
    sents: int = 0
    tokens: int = 0
    ents: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    inside: int = 0
    overlapping: int = 0
    unread: int = 0
    skipped: int = 0
    repeated: int = 0
    shared_ids: int = 0
    relations: dict[str, int] | None = None
    unrelated: int = 0
    outputs: list[str] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    def note(self, place: int, row: str, expected: str) -> None:
        self.list_problem(line=place, row=row, expected=expected)

    unit = "texts"

    @property
    def left(self) -> int:
        """RETURNS (int): What is left out of documents."""
        return self.unread + self.unrelated + (self.inside if self.mode == "strict" else 0)

    def line(self) -> str:
        """RETURNS (str): What was found out and what was read, in one line."""
        tokens = "tokens of the file" if self.own_tokens else f"tokens by the rules of {self.lang}"
        return (
            f"{self.format}, {self.encoding}: {tokens}; {self.docs:,} documents, {self.tokens:,} tokens, "
            f"{self.ents:,} entities{labels_in_line(self.labels)}"
            + ("" if self.relations is None else relations_in_line(self.relations))
        )

    def warnings(self, lang: str, *, outside: str | None) -> Iterator[str]:
        """YIELDS (str): What may be wrong, to stand behind the name of the file."""
        if self.inside:
            what = "left out (see --alignment)" if self.mode == "strict" else f"moved ({self.mode})"
            yield f": {self.inside:,} spans begin or end inside a token and were {what}"
        if self.overlapping:
            yield f': {self.overlapping:,} spans overlap a longer one and are in doc.spans["nested"]'
        if self.unrelated:
            yield f": {self.unrelated:,} relations were left out with their spans"
        if self.unread:
            yield f": {self.unread:,} things could not be read"
        if self.repeated:
            yield f": {self.repeated:,} texts have a later version under the same id, which counts"
        if self.shared_ids:
            yield f": {self.shared_ids:,} ids stand for several texts, all of which are kept"


class AnnotationFile:
    """One export of an annotation tool, opened.

    file (TextFile): The file.
    format (AnnotationFormat): Its format.
    lang (str): The language whose tokenizer finds tokens where the file has none.
    mode (str): What happens to spans that begin or end inside tokens; see `make_doc`.
    strict (bool): Whether the first thing that cannot be read is an error.
    """

    def __init__(self, file: TextFile, format: AnnotationFormat, *, lang: str, mode: str, strict: bool) -> None:
        if mode not in MODES:
            raise DossierError("unknown alignment", value=mode, remedy=f"Choose {', '.join(MODES)}.")
        self.file, self.format, self.mode, self.strict = file, format, mode, strict
        self.nlp: Language = blank(lang)
        self.report = AnnotationReport(format.name, file.encoding, lang, mode=mode)

    def texts(self) -> list[Annotated]:
        """RETURNS (list[Annotated]): The texts; of one text under one id the last version."""
        texts: dict[tuple[str, str], Annotated] = {}
        for number, item in enumerate(self.format.read(self.file), 1):
            if isinstance(item, Unread):
                self._leave_out(item.place, item.why)
            elif has_surrogates("".join((item.text, item.id, *(mark.label for mark in item.marks)))):
                self._leave_out(number, "halves of characters, or bytes that are not in the encoding of the file")
            else:
                key = (item.id, item.text if item.id else str(number))
                self.report.repeated += key in texts
                texts[key] = item
                item.check()
                for what in item.unread:
                    self._note_unread(number, item, what)
        named = Counter(id for id, _ in texts if id)
        self.report.shared_ids = sum(n > 1 for n in named.values())
        labels = {link.label for text in texts.values() for link in text.links}
        if labels:  # the file is about relations, and a text without one has none
            for text in texts.values():
                text.relation_labels = text.relation_labels or sorted(labels)
        return list(texts.values())

    def _leave_out(self, place: int, why: str) -> None:
        if self.strict:
            raise DossierError(why, file=self.file.name, line=place)
        self.report.skipped += 1
        self.report.note(place, "", clean(why))

    def _note_unread(self, number: int, text: Annotated, what: str) -> None:
        if self.strict:
            raise DossierError(f"expected what can be read, not {clean(what)}", file=self.file.name, value=text.id)
        self.report.unread += 1
        self.report.note(number, text.id, f"what can be read, not {clean(what)}")

    def docs(self) -> Iterator[Doc]:
        """YIELDS (Doc): The documents; the report is filled in on the way."""
        report, labels, relations = self.report, Counter[str](), Counter[str]()
        for number, text in enumerate(self.texts(), 1):
            aligned = make_doc(self.nlp, text, mode=self.mode)
            for mark, nearest in aligned.inside:
                report.inside += 1
                quoted = text.text[mark.start : mark.end]
                report.note(number, quoted, f"{mark.label} at the bounds of tokens, the nearest {nearest!r}")
            for head, tail, label, _ in aligned.unrelated:
                report.unrelated += 1
                row = f"{text.text[head.start : head.end]} … {text.text[tail.start : tail.end]}"
                report.note(number, row, f"entities at both ends of {label}")
            if self.strict and aligned.inside:
                problem = report.problems[-1]
                raise DossierError(f"expected {problem['expected']}", file=self.file.name, value=problem["row"])
            report.overlapping += aligned.overlapping
            report.docs += 1
            report.written += 1
            report.own_tokens |= bool(text.tokens)
            report.tokens += len(aligned.doc)
            report.sents += len(text.sentences)
            labels.update(ent.label_ for ent in aligned.doc.ents)
            if RELATION_LABELS in aligned.doc.user_data:
                relations.update(relation.label for relation in get_relations(aligned.doc))
                report.relations = dict(relations.most_common())
            yield aligned.doc
        report.labels, report.ents = dict(labels.most_common()), labels.total()
        if not report.docs:
            why = f": {report.problems[0]['expected']}" if report.problems else ""
            raise DossierError(f"no text can be read{why}", file=self.file.name)
