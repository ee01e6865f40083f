"""`--check` finds what would spoil a training run."""

import json
from pathlib import Path

from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.columns.lint import Lint, lint


def check(tmp_path: Path, *texts: str, **options: int) -> Lint:
    files = []
    for i, text in enumerate(texts):
        path = tmp_path / f"split{i}.tsv"
        path.write_text(text)
        files.append(str(path))
    return lint(files, ColumnOptions(), **options)


CLEAN = "Anna\tB-PER\nmet\tO\nOslo\tB-LOC\n\nAnna\tB-PER\nleft\tO\nOslo\tB-LOC\n\n"


def test_a_clean_file_has_no_findings(tmp_path: Path) -> None:
    """Nothing is suspicious, and the tokenizer finds every token again."""
    result = check(tmp_path, CLEAN)
    assert result.findings == []
    assert result.errors == 0
    (report,) = result.reports.values()
    assert (report.sents, report.tokens, report.ents) == (2, 6, 4)
    assert list(result.retokenized.values()) == [1.0]


def test_rows_and_tags(tmp_path: Path) -> None:
    """Bad rows and scheme violations are errors, with their line."""
    result = check(tmp_path, CLEAN + "bad\n\n" + "in\tO\nOslo\tI-LOC\n\n")
    found = [(finding.check, finding.line, finding.level) for finding in result.findings]
    assert found == [("bad row", 9, "error"), ("scheme violation", 12, "error")]
    assert result.errors == 2


def test_labels(tmp_path: Path) -> None:
    """Labels seen once, and labels that differ by case only."""
    result = check(tmp_path, CLEAN + "Kyiv\tB-Loc\n\nX\tB-MISC\n\n")
    found = {(finding.check, finding.value) for finding in result.findings}
    assert found == {("labels differ by case", "Loc"), ("label seen once", "Loc"), ("label seen once", "MISC")}


def test_one_form_with_several_labels(tmp_path: Path) -> None:
    """The rare label of a form is shown with its place."""
    result = check(tmp_path, CLEAN + "Anna\tB-LOC\nsleeps\tO\n\n")
    (finding,) = result.findings
    assert (finding.check, finding.value, finding.line, finding.message) == (
        "form with several labels",
        "Anna",
        9,
        "PER (2), LOC (1)",
    )


def test_leaks_between_splits(tmp_path: Path) -> None:
    """A sentence that stands in two files is a leak; twice in one file is not."""
    sentence = "Anna\tB-PER\nmet\tO\nOslo\tB-LOC\n\n"
    assert check(tmp_path, sentence * 2).findings == []
    (finding,) = check(tmp_path, sentence * 2, sentence.replace("met", "saw") * 2 + sentence).findings
    assert (finding.check, finding.line) == ("sentence in two splits", 9)
    assert finding.message == f"also at {tmp_path / 'split0.tsv'}:1"


def test_long_sentences(tmp_path: Path) -> None:
    """The limit is the user's."""
    assert [f.check for f in check(tmp_path, CLEAN, max_sentence=2).findings] == ["long sentence"] * 2


def test_spans_over_a_sentence_end(tmp_path: Path) -> None:
    """An inner tag at the start that goes on with the label before the break: the break is in the wrong place."""
    result = check(tmp_path, CLEAN + "in\tO\nNew\tB-LOC\n\nYork\tI-LOC\nnow\tO\n\n")
    assert {finding.check for finding in result.findings} == {"span crosses sentence end", "scheme violation"}


def test_documents_against_single_sentences(tmp_path: Path) -> None:
    """A model trained on documents is not measured on sentences without context."""
    documents = "-DOCSTART-\tO\n\n" + CLEAN
    (finding,) = check(tmp_path, documents, CLEAN.replace("met", "saw").replace("left", "got")).findings
    assert (finding.check, finding.file) == ("documents and single sentences", str(tmp_path / "split1.tsv"))


def test_command(tmp_path: Path) -> None:
    """A table for people, JSON for programs, nothing converted; errors give exit code 3."""
    path = tmp_path / "a.tsv"
    path.write_text(CLEAN)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["convert", "--check", str(path), str(out)])
    assert (result.exit_code, "Nothing suspicious found" in result.stdout) == (0, True)
    assert not out.exists()
    path.write_text(CLEAN + "bad\n")
    result = CliRunner().invoke(app, ["convert", "--check", str(path), "--report", "-"])
    assert result.exit_code == 3
    data = json.loads(result.stdout)
    assert data["counts"]["bad row"] == 1
    assert data["files"][str(path)]["retokenized"] == 1.0
    assert data["findings"][0]["line"] == 9
    result = CliRunner().invoke(app, ["convert", "--check", str(path)])
    assert "bad row" in result.stdout
