"""Tables and JSON of which public reports say that pairs are read wrongly from them."""

import json
import os
import threading
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.pairs.convert import PairOptions, PairReport, pairs
from spacy_dossier.errors import DossierError

ROWS = [("Rain fell. It was wet.", "Rain."), ("Sun shone. It was dry.", "Sun."), ("Snow fell. It was cold.", "Snow.")]


def read(path: Path, text: str, **options: str) -> tuple[list[tuple[str, str]], PairReport]:
    path.write_text(text)
    (report,) = pairs([str(path)], path.parent / "out", PairOptions(**options)).values()  # type: ignore[arg-type]
    docs = list(DocBin().from_disk(report.outputs[0]).get_docs(spacy.blank("en").vocab))
    return [(doc.text, doc.user_data["summary_reference"]) for doc in docs], report


def test_an_unclosed_quotation_mark_spoils_its_row(tmp_path: Path) -> None:
    """With the number of lines it takes in; rows before it are kept."""
    quote = '"'
    text = "id,text,summary\n" + "".join(
        f"{i},{quote if i == 1 else ''}{text},{summary}\n" for i, (text, summary) in enumerate([*ROWS, *ROWS])
    )
    found, report = read(tmp_path / "a.csv", text)
    assert (found, report.skipped) == (ROWS[:1], 5)
    assert "never closed takes in 4 lines" in report.problems[0]["problem"]
    closed = text + '7,"A quoted, text. It ends.",Late\n'
    found, report = read(tmp_path / "b.csv", closed)
    assert found == ROWS[:1] and report.skipped
    quoted = 'id,text,summary\n1,"Rain fell.\nIt was, wet, or so.\nThe end.",Rain\n'
    assert read(tmp_path / "c.csv", quoted)[0] == [("Rain fell.\nIt was, wet, or so.\nThe end.", "Rain")]


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", r"\N", "N/A", "<NA>", " "])
def test_words_for_nothing_are_empty(tmp_path: Path, word: str) -> None:
    """On either side; as part of a text they are words."""
    rows = [*ROWS, ("Wind blew.", word), (word, "Wind."), ("None of it.", "Nan is a bread.")]
    found, report = read(tmp_path / "a.jsonl", "".join(json.dumps({"text": t, "summary": s}) + "\n" for t, s in rows))
    assert found == [*ROWS, rows[-1]]
    assert (report.empty_summary, report.empty_text) == (1, 1)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_by_columns_or_wrapped(tmp_path: Path, indent: int | None) -> None:
    """Lists of one length under one object are rows, and so is one array of objects."""
    by_column = {"text": [text for text, _ in ROWS], "summary": [summary for _, summary in ROWS]}
    rows = [{"text": text, "summary": summary} for text, summary in ROWS]
    for value in (by_column, {"version": 1, "data": rows}, rows):
        assert read(tmp_path / "a.json", json.dumps(value, indent=indent))[0] == ROWS
    with pytest.raises(DossierError, match="several arrays of rows, found 'train, dev'"):
        read(tmp_path / "a.json", json.dumps({"train": rows, "dev": rows}, indent=indent))
    with pytest.raises(DossierError, match="without named fields"):
        read(tmp_path / "a.json", json.dumps([["a", "b"], ["c", "d"]], indent=indent))


def test_lists_of_sentences_in_a_line_stay_one_pair(tmp_path: Path) -> None:
    """JSON lines hold a pair each, even a single one whose lists are of one length."""
    row = {"text": ["Rain fell.", "It was wet."], "summary": ["Rain.", "Wet."]}
    assert read(tmp_path / "a.jsonl", json.dumps(row))[0] == [("Rain fell.\nIt was wet.", "Rain.\nWet.")]


def test_several_references_are_kept(tmp_path: Path) -> None:
    """A field named so holds several summaries, not sentences of one."""
    row = {"source": ["Rain fell.", "It was wet."], "target": ["It rained.", "Rain.", "Wet weather."]}
    found, report = read(tmp_path / "a.jsonl", json.dumps(row) + "\n")
    assert (found, report.several) == ([("Rain fell.\nIt was wet.", "It rained.")], 1)
    (doc,) = DocBin().from_disk(report.outputs[0]).get_docs(spacy.blank("en").vocab)
    assert doc.user_data["summary_references"] == tuple(row["target"])


def test_one_name_for_two_columns_is_an_error(tmp_path: Path) -> None:
    """Which of them is meant is not said."""
    with pytest.raises(DossierError, match="two columns have one name, found 'text'"):
        read(tmp_path / "a.csv", "text,text,summary\na b.,c d.,e\n")


def test_a_first_line_for_excel(tmp_path: Path) -> None:
    """`sep=;` is no header."""
    assert read(tmp_path / "a.csv", "sep=;\ntext;summary\nRain, or so.;Rain.\n")[0] == [("Rain, or so.", "Rain.")]


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", ""), ("a.csv", "text,summary\n"), ("a.jsonl", ""), ("a.jsonl", "x\n")]
)
def test_no_pair_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    """In one short line, and nothing is written."""
    with pytest.raises(DossierError, match="no pair"):
        read(tmp_path / name, text)
    assert not list((tmp_path / "out").glob("*"))


def test_a_stray_file_and_a_pipe(tmp_path: Path) -> None:
    """The one is left out and said, the other read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps({"text": "Rain fell.", "summary": "Rain."}) + "\n")
    (tmp_path / "in" / "notes.txt").write_text("to do\n")
    result = CliRunner().invoke(app, ["pairs", str(tmp_path / "in"), str(tmp_path / "out")])
    assert result.exit_code == 3
    assert "notes.txt" in result.output and (tmp_path / "out" / "a.spacy").is_file()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=((tmp_path / "in" / "a.jsonl").read_text(),))
    writer.start()
    result = CliRunner().invoke(app, ["pairs", str(fifo), str(tmp_path / "out2")])
    writer.join()
    assert result.exit_code == 0, result.output
