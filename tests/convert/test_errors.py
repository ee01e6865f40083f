"""What cannot be read is named by file, line and row; nothing else is lost."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError

GOOD = "Oslo\tB-LOC\n.\tO\n\n"


def read_bin(path: Path) -> list:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_bad_sentence_is_left_out_counted_and_listed(tmp_path: Path) -> None:
    """The exit code is 3, the report names line, row and what was expected."""
    path = tmp_path / "a.tsv"
    path.write_text(GOOD + "Paris\tB-LOC\nis\n\n" + GOOD)
    code, _, err = run("convert", path, tmp_path / "out", "--report", tmp_path / "report.json")
    assert code == 3
    assert f"{path}:5: expected 2 columns, not 1, found 'is'" in err
    (report,) = json.loads((tmp_path / "report.json").read_text()).values()
    assert report["problems"] == [{"line": 5, "row": "is", "expected": "2 columns, not 1"}]
    assert (report["skipped"], report["sents"], report["tokens"]) == (1, 2, 4)
    assert [[token.text for token in doc] for doc in read_bin(tmp_path / "out" / "a.spacy")] == [["Oslo", "."]] * 2


def test_strict_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    """The error names file, line and row; the exit code is 1 and nothing is written."""
    path = tmp_path / "a.tsv"
    path.write_text(GOOD + "Paris\tB-LOC\tx\n\n" + "is\n\n")
    with pytest.raises(DossierError, match=r"a\.tsv:4: expected 2 columns, not 3, found 'Paris\\tB-LOC\\tx'"):
        convert([str(path)], tmp_path / "out", ColumnOptions(strict=True))
    assert list((tmp_path / "out").iterdir()) == []
    assert run("convert", "--strict", path, tmp_path / "out")[0] == 1


def test_an_empty_token_is_a_bad_row(tmp_path: Path) -> None:
    """A tag alone in its row belongs to no token."""
    path = tmp_path / "a.tsv"
    path.write_text(GOOD + "\tO\nParis\tB-LOC\n\n")
    columns = ColumnFile(path, ColumnOptions())
    assert [len(doc) for doc in columns.docs()] == [2]
    assert columns.report.problems == [{"line": 4, "row": "\tO", "expected": "a token"}]


def test_a_mark_outlives_the_sentence_that_is_left_out(tmp_path: Path) -> None:
    """A document whose first sentence is bad is still a document of its own."""
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\nOslo B-LOC\n\n-DOCSTART- O\n\nbad\n\nBonn B-LOC\n\n")
    columns = ColumnFile(path, ColumnOptions())
    assert [doc.text for doc in columns.docs()] == ["Oslo", "Bonn"]
    assert (columns.report.docs, columns.report.skipped) == (2, 1)


def test_ragged_rows_in_a_bracket_file(tmp_path: Path) -> None:
    """Sentences of CoNLL-2012 may differ in width, rows of one may not; brackets must match."""
    row = "d 0 {} w NN * - - - - {} {}-\n"
    text = "#begin document (d); part 000\n" + row.format(0, "(A)", "") + "\n"
    text += row.format(0, "*", "") + row.format(1, "*", "* ") + "\n" + row.format(0, "(A*", "") + "\n#end document\n"
    path = tmp_path / "a.conll"
    path.write_text(text)
    columns = ColumnFile(path, ColumnOptions())
    assert [len(doc) for doc in columns.docs()] == [1]
    assert [(p["line"], p["expected"]) for p in columns.report.problems] == [
        (5, "12 columns as in the row before, not 13"),
        (7, "matching brackets in the tag column"),
    ]


def test_an_index_that_is_no_number(tmp_path: Path) -> None:
    """In a numbered file every row has its number."""
    path = tmp_path / "a.iob2"
    path.write_text("# sent_id = 1\n1\tOslo\tB-LOC\t-\t-\n\n# sent_id = 2\n1\tx\tO\t-\t-\n\n" * 6 + "x\ty\tO\t-\t-\n")
    columns = ColumnFile(path, ColumnOptions())
    list(columns.docs())
    assert columns.report.problems == [
        {"line": 37, "row": "x\ty\tO\t-\t-", "expected": "the number of the token in column 1"}
    ]


def test_inputs_that_are_not_there(tmp_path: Path) -> None:
    """Files, folders and globs without a match are errors, and so is text that is none."""
    with pytest.raises(DossierError, match=r"nothing\*: no such file"):
        convert([str(tmp_path / "nothing*")], tmp_path, ColumnOptions())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DossierError, match="holds no file"):
        convert([str(tmp_path / "empty")], tmp_path, ColumnOptions())
    (tmp_path / "a.bin.conll").write_bytes(bytes(range(256)))
    with pytest.raises(DossierError, match="not a text file"):
        convert([str(tmp_path / "a.bin.conll")], tmp_path, ColumnOptions())
    assert run("convert", tmp_path)[0] == 1
    with pytest.raises(DossierError, match="no such language, found 'zz'"):
        list(ColumnFile(_write(tmp_path / "b.tsv", GOOD), ColumnOptions(lang="zz")).docs())
    with pytest.raises(DossierError, match="unknown format"):
        ColumnFile(tmp_path / "b.tsv", ColumnOptions(format="x"))
    with pytest.raises(DossierError, match="unknown spacing"):
        list(ColumnFile(tmp_path / "b.tsv", ColumnOptions(spacing="x")).docs())


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_names_of_outputs(tmp_path: Path) -> None:
    """The suffix goes, unless it is all that tells two inputs apart; equal names are refused."""
    for name in ("eng.train", "eng.testa", "b.iob", "sub/b.iob"):
        _write(tmp_path / "in" / name, GOOD)
    out = tmp_path / "out"
    convert([str(tmp_path / "in" / "eng.train")], out, ColumnOptions())
    assert sorted(path.name for path in out.iterdir()) == ["eng.spacy"]
    convert([str(tmp_path / "in" / "eng.*"), str(tmp_path / "in" / "b.iob")], out, ColumnOptions())
    assert sorted(path.name for path in out.iterdir()) == [
        "b.spacy",
        "eng.spacy",
        "eng.testa.spacy",
        "eng.train.spacy",
    ]
    convert([str(tmp_path / "in")], tmp_path / "all", ColumnOptions())
    assert (tmp_path / "all" / "sub" / "b.spacy").is_file()
    with pytest.raises(DossierError, match=r"would both be written to b\.iob\.spacy"):
        convert([str(tmp_path / "in" / "b.iob"), str(tmp_path / "in" / "sub" / "b.iob")], out, ColumnOptions())


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads a pipe, which cannot be read twice."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    reports = convert(["-"], tmp_path, ColumnOptions())
    assert reports["-"].ents == 1
    assert [doc.text for doc in read_bin(tmp_path / "stdin.spacy")] == ["Oslo."]


def test_shards(tmp_path: Path) -> None:
    """`--max-docs-per-file` makes numbered files that hold all documents in order."""
    path = _write(tmp_path / "a.tsv", "".join(f"w{i}\tO\n\n" for i in range(7)))
    code, *_ = run("convert", path, tmp_path / "out", "-n", 1, "--max-docs-per-file", 3)
    assert code == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["a-0001.spacy", "a-0002.spacy", "a-0003.spacy"]
    assert [doc.text for file in files for doc in read_bin(file)] == [f"w{i}" for i in range(7)]


def test_sentences_per_doc(tmp_path: Path) -> None:
    """Files without marks are grouped; every token has a sentence start set."""
    path = _write(tmp_path / "a.tsv", "w\tO\nx\tO\n\n" * 25)
    for size, lengths in ((10, [20, 20, 10]), (1, [2] * 25), (0, [50])):
        docs = list(ColumnFile(path, ColumnOptions(sentences_per_doc=size)).docs())
        assert [len(doc) for doc in docs] == lengths
        assert all(token.is_sent_start is (token.i % 2 == 0) for doc in docs for token in doc)


MEMORY = """
import resource, sys
from pathlib import Path
from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.files import convert
convert([sys.argv[1]], Path(sys.argv[2]), ColumnOptions())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_large_file_is_converted_in_flat_memory(tmp_path: Path) -> None:
    """Ten times the rows, two million of them, take less than 30 MB more."""
    used = []
    for repeats in (5_000, 50_000):
        sentence = "".join(f"word{i}\tO\n" for i in range(40)) + "\n"
        path = _write(tmp_path / f"{repeats}.tsv", sentence * repeats)
        command = [sys.executable, "-c", MEMORY, str(path), str(tmp_path / "out")]
        used.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert used[1] - used[0] < 30


def test_half_a_character_spoils_its_row_only(tmp_path: Path) -> None:
    """JSON can name halves of surrogate pairs, which no file can hold; a bad byte can be reported as JSON."""
    rows = ['{"tokens": ["Oslo", "is"], "tags": ["B-LOC", "O"]}', '{"tokens": ["\\ud83d", "x"], "tags": ["O", "O"]}']
    path = _write(tmp_path / "a.jsonl", "\n".join([rows[0], rows[1], rows[0]]))
    code, _, err = run("convert", path, tmp_path / "out", "--report", tmp_path / "report.json")
    assert (code, "halves of characters" in err) == (3, True)
    assert [doc.text for doc in read_bin(tmp_path / "out" / "a.spacy")] == ["Oslo is", "Oslo is"]
    pair = json.dumps({"text": "Rain fell.", "summary": "Rain."})
    bad = pair.replace("Rain.", r"Rain \udc00")
    assert run("pairs", _write(tmp_path / "b.jsonl", f"{bad}\n{pair}\n"), tmp_path / "out")[0] == 3
    assert [doc.text for doc in read_bin(tmp_path / "out" / "b.spacy")] == ["Rain fell."]
    (tmp_path / "c.tsv").write_bytes("é\tO\nO\tB-X\n\n".encode() * 20 + b"\xe9\tO\n")
    assert run("convert", tmp_path / "c.tsv", tmp_path / "out", "--report", tmp_path / "report.json")[0] == 3
    assert "udce9" in (tmp_path / "report.json").read_text()


def test_where_no_output_can_be(tmp_path: Path) -> None:
    """One line, no traceback, nothing left behind."""
    a, b = (_write(tmp_path / "in" / f"{name}.tsv", GOOD) for name in "ab")
    pair = _write(tmp_path / "in" / "c.jsonl", json.dumps({"text": "Rain fell.", "summary": "Rain."}))
    for arguments in (("convert", a, b), ("convert", a, "/proc/x"), ("pairs", pair, pair)):
        code, _, err = run(*arguments)
        assert (code, err.count("\n"), err.startswith("dossier: ")) == (1, 1, True)
    convert([str(a)], tmp_path / "out", ColumnOptions())
    code, _, err = run("export", tmp_path / "out" / "a.spacy", tmp_path / "in")
    assert (code, "in: a folder. Name the file to write." in err) == (1, True)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.tsv", "b.tsv", "c.jsonl"]


@pytest.mark.parametrize("column", ["form", "lemma", "upos", "xpos", "feats", "misc", "comment"])
def test_a_byte_that_is_none_of_the_encoding_costs_its_sentence_at_most(tmp_path: Path, column: str) -> None:
    """Wherever it stands; where nothing of it comes into the document, it costs nothing."""
    row = {"form": "Oslo", "lemma": "Oslo", "upos": "PROPN", "xpos": "NNP", "feats": "Case=Nom", "misc": "Entity=B-LOC"}
    lines = []
    for number in range(6):
        cells = dict(row, comment=f"d{number}")
        if number == 3:
            cells[column] += "\udcef"
        lines.append(f"# newdoc id = {cells['comment']}")
        names = ("form", "lemma", "upos", "xpos", "feats")
        lines.append("\t".join(["1", *(cells[name] for name in names), "_", "_", "_", cells["misc"]]) + "\n")
    path = tmp_path / "a.conllu"
    path.write_bytes("".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape"))
    convert([str(path)], tmp_path / "out", ColumnOptions(encoding="utf-8"))
    docs = read_bin(tmp_path / "out" / "a.spacy")
    assert len(docs) == (6 if column == "comment" else 5)
    assert {doc.text for doc in docs} == {"Oslo"}


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-32-be"])
def test_an_encoding_of_several_bytes_that_breaks_off_is_one_line(tmp_path: Path, encoding: str) -> None:
    """After half a character nothing can be told from anything else."""
    path = tmp_path / "a.tsv"
    path.write_bytes("\ufeff".encode(encoding) + (GOOD * 20).encode(encoding)[:-1])
    for command in (["convert", path, tmp_path / "out"], ["convert", path, "--check"]):
        code, _, err = run(*command)
        assert code == 1
        assert f"{path}: its text is not {encoding} all through" in " ".join(err.split("\n"))


@pytest.mark.parametrize("numbers", ["2-1", "2-999999999", "99999999999-1"])
def test_a_multi_word_token_of_no_words_costs_its_sentence_at_most(tmp_path: Path, numbers: str) -> None:
    rest = "_\t" * 7 + "Entity=O\n"
    good = f"1\tAnna\t{rest}2\tleft\t{rest}\n"
    path = tmp_path / "a.conllu"
    path.write_text(good + f"1\tAnna\t{rest}{numbers}\tleft\t{rest}2\tleft\t{rest}\n" + good)
    convert([str(path)], tmp_path / "out", ColumnOptions(tag_column="Entity"))
    assert [doc.text for doc in read_bin(tmp_path / "out" / "a.spacy")] == ["Anna left", "Anna left"]
