"""What is suspicious about column files, before anything is trained on them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spacy.language import Language
from spacy.vocab import Vocab

from ...errors import DossierError
from ..language import blank
from ..source import find_inputs, spooled
from .convert import ColumnFile, ColumnOptions, ColumnReport
from .documents import DocMaker
from .schemes import OPENERS, Scheme, split_tag, tags_to_entities
from .sentence import Sentence

LEVELS = {
    "unreadable file": "error",
    "bad row": "error",
    "scheme violation": "error",
    "span crosses sentence end": "error",
    "bad relation": "error",
    "sentence in two splits": "warning",
    "label seen once": "warning",
    "labels differ by case": "warning",
    "form with several labels": "note",
    "long sentence": "warning",
    "documents and single sentences": "warning",
}
MAX_LISTED = 200  # findings listed for one check; all are counted


@dataclass(frozen=True)
class Finding:
    """One suspicious thing.

    check (str): A key of `LEVELS`.
    file, line (str, int): Where it is; no file if it concerns all, line 0 if it concerns the whole file.
    value (str): What was found.
    message (str): Why it matters, in a few words.
    """

    check: str
    file: str
    line: int
    value: str
    message: str

    @property
    def level(self) -> str:
        return LEVELS[self.check]

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "level": self.level}


@dataclass
class Lint:
    """All findings of a run.

    findings (list[Finding]): The first `MAX_LISTED` of each check.
    counts (dict[str, int]): How many there are of each.
    reports (dict[str, ColumnReport]): What each file holds.
    retokenized (dict[str, float | None]): Share of each file's tokens that the tokenizer of the language finds in the
        restored text; `None` where its tokenizer is not installed.
    """

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reports: dict[str, ColumnReport] = field(default_factory=dict)
    retokenized: dict[str, float | None] = field(default_factory=dict)

    def add(self, check: str, file: str, line: int, value: str, message: str) -> None:
        self.counts[check] += 1
        if self.counts[check] <= MAX_LISTED:
            self.findings.append(Finding(check, file, line, value, message))

    @property
    def errors(self) -> int:
        return sum(n for check, n in self.counts.items() if LEVELS[check] == "error")

    def as_dict(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): Files, counts and findings as plain data."""
        files = {
            name: {**report.as_dict(), "retokenized": self.retokenized[name]} for name, report in self.reports.items()
        }
        return {
            "files": files,
            "counts": {check: self.counts[check] for check in LEVELS},
            "findings": [finding.as_dict() for finding in self.findings],
        }


def lint(inputs: Iterable[str], options: ColumnOptions, *, max_sentence: int = 200) -> Lint:
    """Check column files; each file is taken for one split of a corpus.

    inputs (Iterable[str]): Files, folders, globs, or `-` for standard input.
    options (ColumnOptions): How to read them; `strict` does not stop a check.
    max_sentence (int): Tokens above which a sentence is reported.
    RETURNS (Lint): What was found.
    RAISES (DossierError): If a file cannot be read at all.
    """
    result = Lint()
    linter = _Linter(result, max_sentence)
    options = replace(options, strict=False)
    try:
        nlp: Language | None = blank(options.lang)
    except DossierError:  # the tokenizers of some languages are packages of their own
        nlp = None
    for source in find_inputs(inputs):
        try:
            with spooled(source) as path:
                linter.read(ColumnFile(path, options, name=source.name), source.name, nlp)
        except DossierError as error:
            if not source.from_folder:
                raise
            result.add("unreadable file", source.name, 0, "", str(error))
    if not result.reports:
        raise DossierError("no file can be read", value=result.findings[0].message)
    linter.compare()
    return result


class _Linter:
    def __init__(self, result: Lint, max_sentence: int) -> None:
        self.result, self.max_sentence = result, max_sentence
        self.labels: Counter[str] = Counter()
        self.label_places: dict[str, tuple[str, int]] = {}
        self.forms: dict[str, Counter[str]] = {}
        self.form_places: dict[tuple[str, str], tuple[str, int]] = {}
        # Hashes, not sentences, so that memory does not hold the corpus.
        self.sentences: dict[int, tuple[str, int]] = {}

    def read(self, columns: ColumnFile, name: str, nlp: Language | None) -> None:
        make = DocMaker(Vocab(), columns.options.lang, columns.layout, spacing=columns.options.spacing)
        found = total = 0
        seen_here: dict[int, tuple[str, int]] = {}
        before: Sentence | None = None
        for sentence in columns.sentences():
            if not sentence.tokens:
                continue
            self._sentence(sentence, name, columns, seen_here)
            if before is not None and sentence.mark is None and _crosses(before, sentence, columns.survey.scheme):
                tag = sentence.tags[0]
                self.result.add("span crosses sentence end", name, sentence.line, tag, "continues the sentence before")
            before = sentence
            if nlp is not None:
                found += found_again(sentence.tokens, make.spaces(sentence), nlp)
                total += len(sentence.tokens)
        self.sentences = {**seen_here, **self.sentences}
        self.result.reports[name] = report = columns.report
        self.result.retokenized[name] = found / total if total else None
        for problem in report.problems:
            if not problem.get("relation"):
                self.result.add("bad row", name, problem["line"], problem["row"], f"expected {problem['expected']}")
        for violation in report.violations:
            message = {"orphan": "nothing begins this entity", "unclosed": "nothing ends this entity"}
            self.result.add("scheme violation", name, violation["line"], violation["row"], message[violation["kind"]])

    def _sentence(
        self, sentence: Sentence, name: str, columns: ColumnFile, seen_here: dict[int, tuple[str, int]]
    ) -> None:
        tokens = sentence.tokens
        if len(tokens) > self.max_sentence:
            shown = " ".join(tokens[:8])
            self.result.add("long sentence", name, sentence.line, shown, f"{len(tokens)} tokens")
        key = hash("".join(tokens))  # wherever its tokens are parted
        if key in self.sentences:
            file, line = self.sentences[key]
            self.result.add("sentence in two splits", name, sentence.line, " ".join(tokens), f"also at {file}:{line}")
        seen_here.setdefault(key, (name, sentence.line))
        for problem in sentence.unrelated:
            self.result.add("bad relation", name, problem.line, problem.row, f"expected {problem.expected}")
        for start, end, label in tags_to_entities(sentence.tags, bare=columns.layout.bare):
            line = sentence.line_of(start)
            form = " ".join(tokens[start:end])
            self.labels[label] += 1
            self.label_places.setdefault(label, (name, line))
            self.forms.setdefault(form, Counter())[label] += 1
            self.form_places.setdefault((form, label), (name, line))

    def compare(self) -> None:
        """Look at what only all files together show."""
        self._compare_labels()
        self._compare_forms()
        self._compare_documents()

    def _compare_labels(self) -> None:
        folded: dict[str, list[str]] = {}
        for label, n in self.labels.items():
            folded.setdefault(label.casefold(), []).append(label)
            if n == 1:
                message = "too rare to learn, or a misspelling"
                self.result.add("label seen once", *self.label_places[label], label, message)
        for spellings in folded.values():
            if len(spellings) > 1:
                rare = min(spellings, key=lambda label: self.labels[label])
                counts = ", ".join(f"{label} ({self.labels[label]:,})" for label in spellings)
                self.result.add("labels differ by case", *self.label_places[rare], rare, counts)

    def _compare_forms(self) -> None:
        several = [(form, labels) for form, labels in self.forms.items() if len(labels) > 1]
        # A form that is mostly one thing and once another is more likely an error than one that is evenly both.
        several.sort(key=lambda item: (-sum(item[1].values()) / min(item[1].values()), item[0]))
        for form, labels in several:
            rare = min(labels, key=lambda label: labels[label])
            counts = ", ".join(f"{label} ({n:,})" for label, n in labels.most_common())
            self.result.add("form with several labels", *self.form_places[form, rare], form, counts)

    def _compare_documents(self) -> None:
        """Compare how long documents are in each file."""
        reports, check = self.result.reports, "documents and single sentences"
        marked = {name for name, report in reports.items() if report.docs}
        for name in reports.keys() - marked if marked else ():
            message = "no document marks, but " + ", ".join(sorted(marked)) + " has them"
            self.result.add(check, name, 0, f"{reports[name].sents:,} sentences", message)
        lengths = {name: reports[name].sents / reports[name].docs for name in marked}
        # Single sentences in one file, and documents of three or more in another
        if len(lengths) > 1 and min(lengths.values()) < 1.5 <= 3 <= max(lengths.values()):
            name = min(lengths, key=lambda name: lengths[name])
            message = "; ".join(f"{other}: {n:.1f} sentences a document" for other, n in lengths.items())
            self.result.add(check, name, 0, f"{lengths[name]:.1f} sentences a document", message)


def _crosses(before: Sentence, after: Sentence, scheme: Scheme) -> bool:
    """Whether the first tag of a sentence goes on with the entity that ends the one before."""
    last, first = (split_tag(tag, bare=scheme.name == "bare") for tag in (before.tags[-1], after.tags[0]))
    return (
        last[1] != ""
        and last[1] == first[1]
        and first[0] not in OPENERS
        and last[0] not in "ELSUW"
        and scheme.of(first[1]) not in ("io", "iob1", "bare")
    )


def found_again(tokens: Sequence[str], spaces: Sequence[bool], nlp: Language) -> int:
    """Tokenize a sentence's restored text again.

    tokens (Sequence[str]): Its tokens.
    spaces (Sequence[bool]): Whether a space follows each.
    nlp (Language): A pipeline with the tokenizer.
    RETURNS (int): How many of the tokens it finds, at the same place.
    """
    gold, place = set(), 0
    for token, space in zip(tokens, spaces, strict=True):
        gold.add((place, place + len(token)))
        place += len(token) + space
    text = "".join(token + " " * space for token, space in zip(tokens, spaces, strict=True))
    return sum((token.idx, token.idx + len(token)) in gold for token in nlp.tokenizer(text) if not token.is_space)
