"""Articles and their summaries in, `.spacy` files for the summarizer out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ...errors import DossierError, shortened
from ...pipeline.summarizer.names import REFERENCE, REFERENCES
from ...text.sentences import rule_sentences
from ...text.surrogates import has_surrogates
from ..docbin import DocBinWriter
from ..language import blank
from ..report import Report
from ..rows import DELIMITERS, BadRow, Row, is_json, is_parquet, json_rows, parquet_rows, table_rows
from ..source import STDIN, Input, find_inputs, open_text, spooled
from .text import alternatives, is_nothing, text_of
from .twins import find_twin, read_story, read_twins, twin_folders

SENTENCES = "sentences"  # span group: sentences found by rule
# Where the named field is absent, names that public corpora use for it.
ALIASES = {
    "id": "id guid article_id doc_id bill_id paper_id publication_number bbcid fname filename url",
    "text": """text article article_text document documents source content body dialogue dialog maintext full_text
        description report chapter story passage email_body selftext_without_tldr selftext input inputs""",
    "summary": """summary highlights abstract abstract_text target targets tldr summary_text summaries reference output
        subject_line headline""",
}


@dataclass(frozen=True)
class PairOptions:
    """How pairs are read. See `dossier pairs --help`."""

    lang: str = "en"
    encoding: str | None = None
    id_field: str | None = None
    text_field: str | None = None
    summary_field: str | None = None
    summaries: Path | None = None
    strict: bool = False


@dataclass
class PairReport(Report):
    """What was read from one input.

    pairs (int): Pairs read.
    written (int): Docs written.
    empty_text, empty_summary (int): Pairs left out because a side holds nothing but white space.
    repeated_ids, repeated_texts (int): Pairs whose id, or text, an earlier one has.
    longer_summary (int): Pairs whose summary is longer than the text.
    several (int): Pairs with several summaries, all of which are kept.
    skipped (int): Rows left out because they cannot be read.
    sents, tokens (int): Sentences (by rule) and tokens of the articles.
    problems (list[dict]): Row or line, id and what is wrong, for each pair left out or repeated.
    error (str): Why the file, one of a folder, was left out as a whole.
    """

    pairs: int = 0
    written: int = 0
    empty_text: int = 0
    empty_summary: int = 0
    repeated_ids: int = 0
    repeated_texts: int = 0
    longer_summary: int = 0
    several: int = 0
    skipped: int = 0
    sents: int = 0
    tokens: int = 0
    encoding: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    def note(self, row: int, id: str, problem: str) -> None:
        self.list_problem(row=row, id=id, problem=problem)


def pairs(
    inputs: Iterable[str],
    output_dir: Path,
    options: PairOptions,
    *,
    max_docs: int | None = None,
    on_doc: Callable[[str], None] = lambda name: None,
) -> dict[str, PairReport]:
    """Convert article/summary pairs to `.spacy` files.

    inputs (Iterable[str]): JSONL, JSON, CSV, TSV or Parquet files; text files or folders with a twin; globs; `-`.
    output_dir (Path): Where `<stem>.spacy` goes for each.
    options (PairOptions): How to read them.
    max_docs (int | None): Documents to a shard; `None` writes one file for each input.
    on_doc (Callable[[str], None]): Called with the input's name after each document.
    RETURNS (dict[str, PairReport]): A report for each input, by its name.
    RAISES (DossierError): If an input cannot be read at all or, with `strict`, at the first bad row.
    """
    nlp = blank(options.lang)
    reports: dict[str, PairReport] = {}
    for source in _find_pair_inputs(inputs, options):
        report = reports[source.name] = PairReport()
        # A fresh vocab for each output keeps memory flat over many inputs.
        try:
            with (
                spooled(source) as path,
                DocBinWriter(output_dir / source.target, nlp.vocab, max_docs=max_docs) as writer,
            ):
                for doc in read_pairs(path, nlp, options, report, name=source.name):
                    writer.add(doc)
                    on_doc(source.name)
                if not report.written:
                    raise _nothing(report, source.name)
            report.outputs = [str(path) for path in writer.paths]
        except DossierError as error:
            if not source.from_folder or options.strict:
                raise
            report.error = str(error)
    if all(report.error for report in reports.values()):
        raise DossierError(next(iter(reports.values())).error)
    return reports


def _nothing(report: PairReport, name: str) -> DossierError:
    """RETURNS (DossierError): What to say of an input without a pair."""
    if not report.problems:
        return DossierError("no pairs", file=name, remedy="A row holds a text and its summary.")
    first = report.problems[0]
    return DossierError(f"no pair can be read: {first['problem']}", file=name, line=first["row"])


def _find_pair_inputs(inputs: Iterable[str], options: PairOptions) -> list[Input]:
    found: list[Input] = []
    plain: list[str] = []
    for argument in inputs:
        path = Path(argument)
        if (path.is_dir() and (options.summaries is not None or twin_folders(path) is not None)) or (
            path.is_dir() and any(path.glob("*.story"))
        ):
            found.append(Input(path, argument, Path(f"{path.resolve().name}.spacy")))
        else:
            plain.append(argument)
    files = find_inputs(plain) if plain else []
    twins = {find_twin(source.path) for source in files}
    files = [source for source in files if source.path not in twins]
    targets = [source.target for source in (*found, *files)]
    for source in (*found, *files):
        if targets.count(source.target) > 1:
            raise DossierError(
                f"two inputs would be written to {source.target}", remedy="Convert them into different folders."
            )
    return [*found, *files]


def read_pairs(
    path: Path, nlp: Language, options: PairOptions, report: PairReport, *, name: str | None = None
) -> Iterator[Doc]:
    """Read pairs as the Docs that the summarizer trains on.

    `doc.text` is the article as given; the reference summary and the id are in `user_data`. Sentences found by rule
    are in `doc.spans["sentences"]`; `sent_start` and entities stay missing, so that nothing learns from them.

    path (Path): A file or folder.
    nlp (Language): A pipeline whose tokenizer to use.
    options (PairOptions): How to read it.
    report (PairReport): Filled in on the way.
    name (str | None): What messages call the input, if not by its path.
    YIELDS (Doc): The articles.
    RAISES (DossierError): If the file cannot be read or, with `strict`, at the first bad row.
    """
    yield from _PairReader(nlp, options, report, name or str(path)).read(path)


class _PairReader:
    """Makes Docs of the rows of one input, and reports what is wrong with them."""

    def __init__(self, nlp: Language, options: PairOptions, report: PairReport, name: str) -> None:
        self.nlp, self.options, self.report, self.name = nlp, options, report, name
        self.ids: set[str] = set()
        self.texts: set[int] = set()  # hashes, so that memory does not hold the corpus

    def read(self, path: Path) -> Iterator[Doc]:
        """YIELDS (Doc): The articles."""
        for row in _rows(path, self.options, self.report, self.name):
            if isinstance(row, BadRow):
                self._leave_out(row.row, "", row.problem, row.rows)
            elif (doc := self._make_doc(row)) is not None:
                yield doc

    def _leave_out(self, number: int, id: str, problem: str, rows: int = 1) -> None:
        if self.options.strict:
            raise DossierError(problem, file=self.name, line=number)
        self.report.skipped += rows
        self.report.note(number, id, problem)

    def _make_doc(self, row: Row) -> Doc | None:
        report = self.report
        if not report.fields:
            report.fields = _field_names(row.fields, self.options, self.name)
        names = report.fields
        report.pairs += 1
        given = row.fields.get(names["id"])
        id_ = f"{Path(self.name).name}#{row.number}" if given is None or given == "" else str(given)
        text, given = text_of(row.fields.get(names["text"]), "text"), row.fields.get(names["summary"])
        summaries = [text_of(one, "summary") for one in alternatives(names["summary"], given)]
        summary = next((one for one in summaries if one is None or not is_nothing(one)), summaries[0])
        if text is None or summary is None:
            self._leave_out(row.number, id_, f"no text in the field {names['text' if text is None else 'summary']}")
        elif has_surrogates(text + summary):
            self._leave_out(row.number, id_, "bytes that are not in the encoding of the file, or halves of characters")
        elif is_nothing(text):
            report.empty_text += 1
            report.note(row.number, id_, f"empty text{f': {text.strip()}' if text.strip() else ''}")
        elif is_nothing(summary):
            report.empty_summary += 1
            report.note(row.number, id_, f"empty summary{f': {summary.strip()}' if summary.strip() else ''}")
        else:
            self._compare(row.number, id_, text, summary)
            doc = make_pair_doc(self.nlp, text, summary, id_)
            if len(others := [one for one in summaries if one and not is_nothing(one)]) > 1:
                report.several += 1
                doc.user_data[REFERENCES] = others
            report.written += 1
            report.tokens += len(doc)
            report.sents += len(doc.spans[SENTENCES])
            return doc
        return None

    def _compare(self, number: int, id: str, text: str, summary: str) -> None:
        """Report what an earlier pair has too, and a summary that is none."""
        report = self.report
        repeated = {"id": id in self.ids, "text": hash(text) in self.texts}
        report.repeated_ids += repeated["id"]
        report.repeated_texts += repeated["text"]
        if any(repeated.values()):
            what = " and ".join(name for name, seen in repeated.items() if seen)
            report.note(number, id, f"an earlier pair has this {what}")
        if len(summary) > len(text):
            report.longer_summary += 1
            report.note(number, id, "the summary is longer than the text")
        self.ids.add(id)
        self.texts.add(hash(text))


def make_pair_doc(nlp: Language, text: str, summary: str, id: str) -> Doc:
    """Make the Doc of one pair.

    nlp (Language): A pipeline whose tokenizer to use.
    text (str): The article.
    summary (str): The reference summary.
    id (str): The id.
    RETURNS (Doc): As `read_pairs` describes.
    """
    doc = nlp.tokenizer(text)  # make_doc would refuse long articles for the sake of a parser
    doc.spans[SENTENCES] = [Span(doc, start, end) for start, end in rule_sentences(doc)]
    doc.user_data["id"] = id
    doc.user_data[REFERENCE] = summary
    return doc


def _field_names(fields: dict[str, Any], options: PairOptions, name: str) -> dict[str, str]:
    asked = {"id": options.id_field, "text": options.text_field, "summary": options.summary_field}
    names: dict[str, str] = {}
    for role, wanted in asked.items():
        if wanted is not None:
            if wanted not in fields:
                there = shortened(", ".join(fields))
                raise DossierError("no such field", file=name, value=wanted, remedy=f"The fields are {there}.")
            names[role] = wanted
            continue
        known = {field.lower().replace(" ", "_"): field for field in fields}
        free = known.keys() - {*names.values(), *filter(None, asked.values())}
        found = next((known[alias] for alias in ALIASES[role].split() if alias in free), None)
        if found is None and role != "id":
            there = shortened(", ".join(fields))
            raise DossierError(
                f"no field {role}", file=name, remedy=f"The fields are {there}; choose one with --{role}-field."
            )
        names[role] = found or "id"
    return names


def _rows(path: Path, options: PairOptions, report: PairReport, name: str) -> Iterator[Row | BadRow]:
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from _number(read_twins(path, options.summaries, encoding=options.encoding, lang=options.lang))
    elif is_parquet(path):
        report.encoding = "parquet"
        yield from parquet_rows(path, name)
    else:
        twin = options.summaries or (None if suffix in DELIMITERS else find_twin(path))
        if twin is not None:
            yield from _number(read_twins(path, twin, encoding=options.encoding, lang=options.lang))
            return
        file = open_text(path, name=name, encoding=options.encoding, lang=options.lang)
        report.encoding = file.encoding
        if suffix in DELIMITERS:
            yield from table_rows(file, suffix)
        elif suffix == ".story":
            yield Row(1, read_story(path, options.encoding, options.lang))
        elif suffix in (".jsonl", ".ndjson", ".json") or name == STDIN or is_json(file):
            yield from json_rows(file)
        else:
            raise DossierError(
                "not a file of pairs",
                file=name,
                remedy="Give JSONL, CSV, TSV or Parquet, or name the file or folder of the summaries with --summaries.",
            )


def _number(fields: Iterable[dict[str, Any]]) -> Iterator[Row]:
    return (Row(number, row) for number, row in enumerate(fields, 1))
