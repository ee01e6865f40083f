"""Classified texts in, `.spacy` files and a report out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ...errors import DossierError
from ..columns.schemes import OUTSIDE, opens, split_tag
from ..docbin import DocBinWriter
from ..language import blank
from ..report import Report
from ..rows import BadRow
from .read import ClassifiedText, ClassOptions, SourceReader
from .sources import find_sources

TRAIN, DEV = "train", "dev"


@dataclass
class ClassReport(Report):
    """What was read from one part of a corpus.

    part (str): Its name in the corpus: train, dev …
    rows, written (int): Rows read, and Docs written.
    empty_text, empty_label (int): Rows left out because there is no text, or no class.
    repeated, contradicting (int): Texts that an earlier row of the part has, and those with another class than there;
        case and white space do not count.
    also_in (dict[str, int]): For each part before this one, how many texts it has too.
    skipped (int): Rows left out because they cannot be read.
    several (bool): Whether a text can have any number of classes.
    classes (dict[str, int]): Texts by class, the most frequent first.
    held_out (int): Docs that were written to `dev.spacy` instead.
    ents, tokens (int): Slots and tokens.
    problems (list[dict]): File, row and what is wrong, for each row left out.
    """

    part: str
    rows: int = 0
    written: int = 0
    empty_text: int = 0
    empty_label: int = 0
    repeated: int = 0
    contradicting: int = 0
    also_in: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    several: bool = False
    classes: dict[str, int] = field(default_factory=dict)
    held_out: int = 0
    ents: int = 0
    tokens: int = 0
    encoding: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)

    def note(self, file: str, row: int, problem: str) -> None:
        self.list_problem(file=file, row=row, problem=problem)


@dataclass
class Survey:
    """What is known of a corpus before it is written.

    reports (dict[str, ClassReport]): Of each part, by its name.
    labels (list[str]): All classes, sorted.
    spellings (list[list[str]]): Classes that differ by case or white space only.
    """

    reports: dict[str, ClassReport]
    labels: list[str]
    spellings: list[list[str]]


def classes(
    inputs: Iterable[str],
    output_dir: Path,
    options: ClassOptions,
    *,
    hold_out: float = 0.0,
    on_doc: Callable[[str], None] = lambda name: None,
) -> Survey:
    """Convert classified texts to `.spacy` files with `doc.cats`; slots become entities.

    Every Doc has all classes of the corpus, each with 1.0 or 0.0.

    inputs (Iterable[str]): CSV, TSV, JSONL, JSON or Parquet files; folders, as `find_sources` reads them; globs; `-`.
    output_dir (Path): Where `<stem>.spacy` goes for each part.
    options (ClassOptions): How to read them.
    hold_out (float): Share of the texts of the part `train` that goes to `dev.spacy` instead; equal texts stay
        together, and which texts they are depends on the texts alone.
    on_doc (Callable[[str], None]): Called with the part's name after each document.
    RETURNS (Survey): What was found.
    RAISES (DossierError): If an input cannot be read at all or, with `strict`, at the first bad row; or if there are
        not two classes.
    """
    nlp = blank(options.lang)
    sources = find_sources(inputs)
    readers = {source.input.name: SourceReader(source, options) for source in sources}
    targets = {source.input.name: output_dir / source.input.target for source in sources}
    if hold_out:
        _check_hold_out(hold_out, list(targets.values()))
    survey = look_through(readers, options)
    several = any(report.several for report in survey.reports.values())
    for name, reader in readers.items():
        report = survey.reports[name]
        with ExitStack() as stack:
            writer = stack.enter_context(DocBinWriter(targets[name], nlp.vocab))
            writers = {False: writer}
            if hold_out and targets[name].stem == TRAIN:
                held = targets[name].with_name(f"{DEV}.spacy")
                writers[True] = stack.enter_context(DocBinWriter(held, nlp.vocab))
            for text in usable(reader.read(), several):
                doc = make_class_doc(nlp, text, survey.labels)
                is_held = len(writers) > 1 and _place(text.text) < hold_out
                writers[is_held].add(doc)
                report.held_out += is_held
                report.written += not is_held
                report.tokens += len(doc)
                report.ents += len(doc.ents)
                on_doc(name)
        report.outputs = [str(path) for written in writers.values() for path in written.paths]
    return survey


def _check_hold_out(share: float, targets: list[Path]) -> None:
    if not 0 < share < 1:
        raise DossierError("the share to hold out is above 0 and below 1", value=share)
    stems = [target.stem for target in targets]
    if TRAIN not in stems or DEV in stems:
        raise DossierError(
            f"texts are held out of a part '{TRAIN}', for a part '{DEV}' that is not there yet",
            value=", ".join(stems),
            remedy="Leave out --hold-out, or rename the files.",
        )


def look_through(readers: dict[str, SourceReader], options: ClassOptions) -> Survey:
    """Read all parts once: count, compare, and find the classes.

    RAISES (DossierError): With `strict`, at the first bad row; or if there are not two classes.
    """
    reports: dict[str, ClassReport] = {}
    labels: Counter[str] = Counter()
    seen: dict[str, dict[bytes, tuple[str, ...]]] = {}  # by part: the classes of each text, by the text's hash
    for name, reader in readers.items():
        report = reports[name] = ClassReport(reader.source.input.target.stem)
        counts: Counter[str] = Counter()
        texts = seen[name] = {}
        for item in reader.read():
            report.rows += 1
            if isinstance(item, BadRow):
                if options.strict:
                    raise DossierError(item.problem, file=reader.name, line=item.row)
                report.skipped += item.rows
                report.note(reader.name, item.row, item.problem)
                continue
            report.several |= item.several
            if not item.text.strip():
                report.empty_text += 1
                report.note(item.name, item.number, "empty text")
            elif not item.labels and not item.several:
                report.empty_label += 1
                report.note(item.name, item.number, "no class")
            else:
                counts.update(item.labels)
                key = _digest(item.text)
                report.repeated += key in texts
                report.contradicting += texts.get(key, item.labels) != item.labels
                texts.setdefault(key, item.labels)
        report.classes = dict(counts.most_common())
        report.also_in = {
            other: shared for other in reports if other != name and (shared := len(texts.keys() & seen[other].keys()))
        }
        report.columns, report.encoding = reader.columns, reader.encoding
        labels.update(counts)
    if len(labels) < 2:
        raise DossierError(
            "texts are told apart by two classes at least",
            value=", ".join(labels) or "none",
            remedy="See --label-column",
        )
    spelled: dict[str, list[str]] = {}
    for label in sorted(labels):
        spelled.setdefault(" ".join(label.lower().split()), []).append(label)
    return Survey(reports, sorted(labels), [same for same in spelled.values() if len(same) > 1])


def usable(items: Iterable[ClassifiedText | BadRow], several: bool) -> Iterator[ClassifiedText]:
    """YIELDS (ClassifiedText): Those with a text and, where a text has just one class, with that."""
    for item in items:
        if isinstance(item, ClassifiedText) and item.text.strip() and (item.labels or several):
            yield item


def make_class_doc(nlp: Language, text: ClassifiedText, labels: Iterable[str]) -> Doc:
    """Make the Doc of one text.

    nlp (Language): A pipeline whose tokenizer to use where the words are not given.
    labels (Iterable[str]): All classes.
    RETURNS (Doc): With `cats`, with entities if there are slots, and with its file and row as `user_data["id"]`.
    """
    if text.tags is None:
        doc = nlp.tokenizer(text.text)  # make_doc would refuse long texts for the sake of a parser
    else:
        words = text.text.split()
        pairs = [split_tag(tag) for tag in text.tags]
        tags = [
            f"{'B' if opens(before, current) else 'I'}-{current[1]}" if current[1] else current[0]
            for before, current in zip([(OUTSIDE, ""), *pairs], pairs, strict=False)
        ]
        doc = Doc(nlp.vocab, words=words, spaces=[*[True] * (len(words) - 1), False], ents=tags)
    doc.cats = {label: float(label in text.labels) for label in labels}
    doc.user_data["id"] = f"{Path(text.name).name}#{text.number}"
    return doc


def _digest(text: str) -> bytes:
    """A text's hash, whatever its case and white space; in less memory than the text."""
    return sha256(" ".join(text.lower().split()).encode()).digest()[:12]


def _place(text: str) -> float:
    """RETURNS (float): A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(_digest(text)[:6], "big") / 2**48
