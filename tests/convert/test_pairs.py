"""Articles and summaries in every form they come in."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.pairs.convert import PairOptions, PairReport, pairs
from spacy_dossier.errors import DossierError

ROWS = [
    {"id": "a", "text": "Snö föll.\n\nDr. Berg came home. He slept.", "summary": "Snow fell.\nBerg slept."},
    {"id": "b", "text": ' Rain, "only" rain.  It\'s wet; \tvery. ', "summary": "It rained."},
]


def read_bin(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def convert_one(path: Path, **options: object) -> tuple[list[Doc], PairReport]:
    out = path.parent / "out"
    (report,) = pairs([str(path)], out, PairOptions(**options)).values()  # type: ignore[arg-type]
    return [doc for output in report.outputs for doc in read_bin(Path(output))], report


def contents(docs: list[Doc]) -> list[dict[str, str]]:
    return [
        {"id": doc.user_data["id"], "text": doc.text, "summary": doc.user_data["summary_reference"]} for doc in docs
    ]


def jsonl(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_what_a_doc_carries(tmp_path: Path) -> None:
    """The text as given, summary and id beside it; rule-made sentences apart from annotated ones."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl(ROWS))
    docs, report = convert_one(path)
    assert contents(docs) == ROWS
    assert [span.text for span in docs[0].spans["sentences"]] == ["Snö föll.", "Dr. Berg came home.", "He slept."]
    for doc in docs:
        assert not doc.has_annotation("ENT_IOB")
        assert not doc.has_annotation("SENT_START")
        assert all(token.is_sent_start is None for token in doc[1:])
    assert (report.pairs, report.written, report.sents) == (2, 2, 5)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv"])
def test_text_forms_and_encodings(tmp_path: Path, suffix: str, encoding: str) -> None:
    """JSON lines, a JSON array and tables, quoted fields with line breaks among them."""
    path = tmp_path / f"a{suffix}"
    if suffix in (".csv", ".tsv"):
        with path.open("w", encoding=encoding, newline="") as file_:
            table = csv.DictWriter(file_, ["id", "text", "summary"], delimiter="," if suffix == ".csv" else "\t")
            table.writeheader()
            table.writerows(ROWS)
    else:
        text = jsonl(ROWS) if suffix == ".jsonl" else json.dumps(ROWS, ensure_ascii=False, indent=1)
        path.write_text(text, encoding=encoding)
    docs, _ = convert_one(path)
    assert contents(docs) == ROWS


def test_parquet(tmp_path: Path) -> None:
    """Column names of public corpora are known; lists of highlights become lines."""
    import pyarrow
    from pyarrow import parquet

    rows = [{"article": row["text"], "highlights": row["summary"].split("\n"), "id": i} for i, row in enumerate(ROWS)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    docs, report = convert_one(tmp_path / "a.parquet")
    assert contents(docs) == [{**row, "id": str(i)} for i, row in enumerate(ROWS)]
    assert report.fields == {"id": "id", "text": "article", "summary": "highlights"}


def test_fields_named_by_options(tmp_path: Path) -> None:
    """A field that is not there is an error that lists those that are."""
    path = tmp_path / "a.csv"
    path.write_text("key;body text;short\nx;Rain fell.;Rain.\n")
    docs, _ = convert_one(path, id_field="key", text_field="body text", summary_field="short")
    assert contents(docs) == [{"id": "x", "text": "Rain fell.", "summary": "Rain."}]
    with pytest.raises(DossierError, match=r"no field text\. The fields are key, body text, short.*--text-field"):
        convert_one(path)
    with pytest.raises(DossierError, match="no such field, found 'nope'"):
        convert_one(path, text_field="nope")


def test_twin_files(tmp_path: Path) -> None:
    """Files of as many lines go line by line; others hold one pair; the twin is found by its suffix or named."""
    (tmp_path / "a.source").write_text("Rain fell.\nSnow\u2028fell.\n")
    (tmp_path / "a.target").write_text("Rain.\nSnow.")
    docs, _ = convert_one(tmp_path / "a.source")
    assert [(d.text, d.user_data["summary_reference"]) for d in docs] == [
        ("Rain fell.", "Rain."),
        ("Snow\u2028fell.", "Snow."),
    ]
    (tmp_path / "b.txt").write_text("Rain fell.\nSnow fell.\nSun.\n")
    (tmp_path / "b.sum").write_text("Weather.\n")
    docs, _ = convert_one(tmp_path / "b.txt", summaries=tmp_path / "b.sum")
    assert [doc.text for doc in docs] == ["Rain fell.\nSnow fell.\nSun.\n"]
    (tmp_path / "a.target").write_text("Rain.\nSnow.\nSun.")
    with pytest.raises(DossierError, match=r"2 lines, but .*a.target has 3"):
        convert_one(tmp_path / "a.source")


def test_twin_folders(tmp_path: Path) -> None:
    """Files with one name belong together; a side without its twin is reported."""
    for name, text in (
        ("News Articles/x/1.txt", "Rain fell."),
        ("Summaries/x/1.txt", "Rain."),
        ("News Articles/2.txt", "S."),
    ):
        path = tmp_path / "bbc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    docs, report = convert_one(tmp_path / "bbc")
    assert contents(docs) == [{"id": "x/1", "text": "Rain fell.", "summary": "Rain."}]
    assert (report.pairs, report.empty_summary) == (2, 1)
    assert report.outputs == [str(tmp_path / "out" / "bbc.spacy")]


def test_stories(tmp_path: Path) -> None:
    """CNN/DailyMail stories hold their highlights at the end."""
    path = tmp_path / "a.story"
    path.write_text("Rain fell.\n\nMuch.\n\n@highlight\n\nRain\n\n@highlight\n\nMuch of it\n")
    docs, _ = convert_one(path)
    assert contents(docs) == [{"id": "a", "text": "Rain fell.\n\nMuch.", "summary": "Rain\nMuch of it"}]


def test_empty_sides_and_bad_rows(tmp_path: Path) -> None:
    """Empty sides are reported; rows that cannot be read are counted and change the exit code."""
    path = tmp_path / "a.jsonl"
    rows = [*ROWS, {"id": "c", "text": " \n", "summary": "x"}, {"id": "d", "text": "x", "summary": None}, ROWS[0]]
    path.write_text(jsonl(rows))
    command = ["pairs", str(path), str(tmp_path / "out"), "--report", str(tmp_path / "report.json")]
    assert CliRunner().invoke(app, command).exit_code == 0
    (report,) = json.loads((tmp_path / "report.json").read_text()).values()
    assert (report["written"], report["empty_text"], report["empty_summary"], report["repeated_ids"]) == (3, 1, 1, 1)
    assert [problem["row"] for problem in report["problems"]] == [3, 4, 5]
    path.write_text(jsonl(ROWS) + "{\n" + '{"id": 1, "text": 5, "summary": "x"}\n[]\n')
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 3
    (report,) = json.loads((tmp_path / "report.json").read_text()).values()
    assert (report["written"], report["skipped"]) == (2, 3)
    with pytest.raises(DossierError, match=r"a\.jsonl:3: not JSON"):
        convert_one(path, strict=True)


def test_other_files_and_equal_names(tmp_path: Path) -> None:
    """A text without a summary is no pair; two inputs never write one output."""
    (tmp_path / "a.txt").write_text("Rain.")
    with pytest.raises(DossierError, match=r"not a file of pairs.*--summaries"):
        convert_one(tmp_path / "a.txt")
    (tmp_path / "b").mkdir()
    for path in (tmp_path / "a.jsonl", tmp_path / "b" / "a.jsonl"):
        path.write_text(jsonl(ROWS))
    with pytest.raises(DossierError, match="would both be written"):
        pairs([str(tmp_path / "a.jsonl"), str(tmp_path / "b" / "a.jsonl")], tmp_path / "out", PairOptions())
    with pytest.raises(DossierError, match="no tokenizer for the language"):
        pairs([str(tmp_path / "a.jsonl")], tmp_path / "out", PairOptions(lang="zz"))


@pytest.mark.parametrize(
    ("text_field", "summary_field"),
    [
        ("article", "highlights"),
        ("document", "summary"),
        ("dialogue", "summary"),
        ("article_text", "abstract_text"),
        ("documents", "tldr"),
        ("description", "abstract"),
        ("content", "summary"),
        ("text", "headline"),
        ("source", "target"),
        ("Article", "Summary"),
    ],
)
def test_names_of_fields_of_public_corpora(tmp_path: Path, text_field: str, summary_field: str) -> None:
    """They are known whatever their case; the report says which were read."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl([{"title": "x", text_field: "Rain fell.", summary_field: "Rain."}]))
    docs, report = convert_one(path)
    assert [(d.text, d.user_data["summary_reference"]) for d in docs] == [("Rain fell.", "Rain.")]
    assert (report.fields["text"], report.fields["summary"]) == (text_field, summary_field)


def test_fields_that_may_mean_either_are_refused(tmp_path: Path) -> None:
    """A title is no summary unless the user says so."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl([{"text": "Rain fell.", "title": "Rain."}]))
    with pytest.raises(DossierError, match=r"no field summary.*--summary-field"):
        convert_one(path)
    assert len(convert_one(path, summary_field="title")[0]) == 1


def test_marks_of_public_corpora(tmp_path: Path) -> None:
    """Marks between documents, lines and sentences become empty lines and line ends."""
    path = tmp_path / "train.txt"
    rows = [
        {"document": "Rain fell. NEWLINE_CHAR Much. ||||| Snow. |||||", "summary": "– It fell."},
        {"document": ["Rain fell.", "Much."], "summary": ["<S> Rain fell . </S>", "<S> Much . </S>"]},
        {"document": "a ||| b < c", "summary": "<t> Rain . </t> <t> Snow . </t>"},
    ]
    path.write_text(jsonl(rows))  # JSON lines under another name
    docs, _ = convert_one(path)
    assert [(d.text, d.user_data["summary_reference"]) for d in docs] == [
        ("Rain fell.\nMuch.\n\nSnow.", "– It fell."),
        ("Rain fell.\nMuch.", "Rain fell .\nMuch ."),
        ("a ||| b < c", "Rain .\nSnow ."),
    ]


def test_a_mark_of_summaries_is_text_in_an_article(tmp_path: Path) -> None:
    """`<q>` parts the sentences of a summary; in an article, or closed as in HTML, it is a quotation."""
    path = tmp_path / "a.jsonl"
    quote = "He said <q>rain</q> and left. A lone <q> is text too."
    rows = [
        {"text": quote, "summary": "Rain fell.<q>Much <q> of it."},
        {"text": "Rain fell. It was wet.", "summary": "He said <q>rain</q>."},
        {"text": "<S> is a tag of HTML. It strikes out.", "summary": "<t> Rain . </t>"},
    ]
    path.write_text(jsonl(rows))
    docs, _ = convert_one(path)
    assert [(d.text, d.user_data["summary_reference"]) for d in docs] == [
        (quote, "Rain fell.\nMuch\nof it."),
        ("Rain fell. It was wet.", "He said <q>rain</q>."),
        ("<S> is a tag of HTML. It strikes out.", "Rain ."),
    ]


@pytest.mark.parametrize("names", [("train.src.txt", "train.tgt.txt"), ("train.article.txt", "train.title.txt")])
def test_twins_named_in_the_middle(tmp_path: Path, names: tuple[str, str]) -> None:
    """In a folder the summaries are no input of their own."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in zip(names, ("Rain fell.\nSnow fell.\n", "Rain.\nSnow.\n"), strict=True):
        (folder / name).write_text(text)
    (report,) = pairs([str(folder)], tmp_path / "out", PairOptions()).values()
    assert report.written == 2


def test_compressed_pairs_in_folders(tmp_path: Path) -> None:
    """BigPatent's parts have no suffix but that of their compression."""
    for part in "ab":
        path = tmp_path / "in" / part / "data-0.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(jsonl(ROWS).encode()))
    reports = pairs([str(tmp_path / "in")], tmp_path / "out", PairOptions())
    assert [report.written for report in reports.values()] == [2, 2]
    assert contents(read_bin(tmp_path / "out" / "a" / "data-0.spacy")) == ROWS


def test_repeats_and_long_summaries_are_reported(tmp_path: Path) -> None:
    """They are written, and named in the report."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl([*ROWS, {**ROWS[0], "id": "z"}, {"id": "y", "text": "Rain.", "summary": "Rain fell."}]))
    docs, report = convert_one(path)
    assert (len(docs), report.repeated_texts, report.longer_summary) == (4, 1, 1)
    assert [(problem["row"], problem["problem"]) for problem in report.problems] == [
        (3, "an earlier pair has this text"),
        (4, "the summary is longer than the text"),
    ]


def test_shards(tmp_path: Path) -> None:
    """Large corpora are cut."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl([{**ROWS[0], "id": str(i)} for i in range(5)]))
    (report,) = pairs([str(path)], tmp_path, PairOptions(), max_docs=2).values()
    assert [len(read_bin(Path(output))) for output in report.outputs] == [2, 2, 1]
