"""Classified texts in every form they come in."""

import gzip
import json
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.classes.convert import ClassReport, Survey, classes
from spacy_dossier.convert.classes.read import ClassOptions
from spacy_dossier.errors import DossierError

TEXTS = ["Snö föll.\n\nIt fell.", ' Rain, "only" rain. \tvery. ', "The match was won."]
LABELS = ["weather", "weather", "sport"]


def read_bin(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def convert(*paths: Path, hold_out: float = 0.0, **options: object) -> tuple[dict[str, list[Doc]], Survey]:
    """RETURNS: The Docs of each file that was written, by its stem, and what was found."""
    out = paths[0].parent / "out"
    survey = classes(list(map(str, paths)), out, ClassOptions(**options), hold_out=hold_out)  # type: ignore[arg-type]
    outputs = [output for report in survey.reports.values() for output in report.outputs]
    return {Path(output).stem: read_bin(Path(output)) for output in outputs}, survey


def chosen(doc: Doc) -> list[str]:
    return [label for label, value in doc.cats.items() if value == 1.0]


def only(survey: Survey) -> ClassReport:
    (report,) = survey.reports.values()
    return report


def write_table(path: Path, rows: list[dict[str, object]], encoding: str = "utf-8") -> Path:
    import pandas as pd

    frame = pd.DataFrame(rows)
    if path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",", encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_as_pandas_writes_them(tmp_path: Path, suffix: str, encoding: str) -> None:
    """Quoted cells with line breaks, tabs and quotes in them come back as they were, in any encoding."""
    rows = [{"label": label, "sentence": text} for text, label in zip(TEXTS, LABELS, strict=True)]
    docs, survey = convert(write_table(tmp_path / f"train{suffix}", rows, encoding))
    assert [doc.text for doc in docs["train"]] == TEXTS
    assert [doc.cats for doc in docs["train"]] == [
        {"sport": float(label == "sport"), "weather": float(label == "weather")} for label in LABELS
    ]
    assert only(survey).classes == {"weather": 2, "sport": 1}
    assert only(survey).columns == {"text": "sentence", "label": "label"}


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_json_lines_and_parquet(tmp_path: Path, suffix: str) -> None:
    """Numbers are classes, too."""
    rows: list[dict[str, object]] = [{"text": text, "label": i % 2} for i, text in enumerate(TEXTS)]
    docs, _ = convert(write_table(tmp_path / f"a{suffix}", rows))
    assert [(doc.text, chosen(doc)) for doc in docs["a"]] == [(TEXTS[0], ["0"]), (TEXTS[1], ["1"]), (TEXTS[2], ["0"])]


def test_a_quote_that_opens_a_cell_is_text_where_tabs_part_the_cells(tmp_path: Path) -> None:
    """CSV's rules would swallow the rows between two such quotes without a word."""
    path = tmp_path / "train.tsv"
    path.write_text('label\tsentence\n0\t" a film , they say\n1\tgood\n0\t" and another\n1\t"fine" but " odd\n')
    docs, survey = convert(path)
    assert [doc.text for doc in docs["train"]] == ['" a film , they say', "good", '" and another', '"fine" but " odd']
    assert only(survey).skipped == 0


def test_columns_by_name_and_by_number(tmp_path: Path) -> None:
    """A file without a header has numbers for names; one whose columns are not known lists them."""
    path = tmp_path / "train.csv"
    path.write_text("3,A title,The text\n1,Another,More text\n")
    docs, _ = convert(path, header=False, text_column="3", label_columns=("1",))
    assert [(doc.text, chosen(doc)) for doc in docs["train"]] == [("The text", ["3"]), ("More text", ["1"])]
    with pytest.raises(DossierError, match=r"no column that is known to hold the text.*'A title'.*--no-header"):
        convert(path)
    with pytest.raises(DossierError, match=r"no such column, found 'x'\. There are 3, A title, The text"):
        convert(path, text_column="x")


def test_several_classes_to_a_text(tmp_path: Path) -> None:
    """By a separator, in a list, and as columns of 0 and 1; a text may have none."""
    by_separator, by_list, by_columns = tmp_path / "a.csv", tmp_path / "b.jsonl", tmp_path / "c.csv"
    by_separator.write_text("text,label\none,red; blue\ntwo,\nthree,red\n")
    rows = [("one", ["red", "blue"]), ("two", []), ("three", ["red"])]
    by_list.write_text("".join(json.dumps({"text": text, "labels": labels}) + "\n" for text, labels in rows))
    by_columns.write_text("text,red,blue\none,1,1.0\ntwo,0,\nthree,true,no\n")
    made = [
        convert(by_separator, separator=";"),
        convert(by_list),
        convert(by_columns, label_columns=("red", "blue")),
    ]
    for docs, survey in made:
        (found,) = docs.values()
        assert [(doc.text, doc.cats) for doc in found] == [
            ("one", {"blue": 1.0, "red": 1.0}),
            ("two", {"blue": 0.0, "red": 0.0}),
            ("three", {"blue": 0.0, "red": 1.0}),
        ]
        assert only(survey).several
    by_columns.write_text("text,red,blue\none,1,maybe\ntwo,0,1\nthree,1,0\n")
    docs, survey = convert(by_columns, label_columns=("red", "blue"))
    assert len(docs["c"]) == 2
    assert only(survey).problems == [
        {"file": str(by_columns), "row": 2, "problem": "expected 0 or 1 in the column blue, not 'maybe'"}
    ]


@pytest.mark.parametrize("parts", [("train", "test"), ()])
def test_folders_a_class_each(tmp_path: Path, parts: tuple[str, ...]) -> None:
    """With or without a folder for each part; each file in its own encoding."""
    root = tmp_path / "reviews"
    for part in parts or ("",):
        for label, encoding in (("good", "utf-8"), ("bad", "utf-16")):
            folder = root / part / label
            folder.mkdir(parents=True)
            for i in range(2):
                (folder / f"{i}.txt").write_text(f"Très {label}, {i}.\n", encoding=encoding)
    docs, _ = convert(root)
    assert sorted(docs) == (sorted(parts) or ["reviews"])
    for found in docs.values():
        assert [(doc.text, chosen(doc)) for doc in found] == [
            (f"Très {label}, {i}.\n", [label]) for label in ("bad", "good") for i in range(2)
        ]


def write_twins(folder: Path, texts: list[str], slots: list[str], labels: list[str]) -> Path:
    folder.mkdir(parents=True)
    for name, lines in (("seq.in", texts), ("seq.out", slots), ("label", labels)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_twin_files(tmp_path: Path) -> None:
    """Words, slots and intents at once; an inner tag that follows another label opens a slot."""
    for part in ("train", "dev"):
        write_twins(
            tmp_path / "trips" / part,
            ["fly to new york on may 2", "which airlines"],
            ["O O B-city I-city O B-date I-date", "O I-kind"],
            ["flight", "airline"],
        )
    docs, survey = convert(tmp_path / "trips")
    assert sorted(docs) == ["dev", "train"]
    for first, second in docs.values():
        assert first.text == "fly to new york on may 2"
        assert [(ent.text, ent.label_) for ent in first.ents] == [("new york", "city"), ("may 2", "date")]
        assert [(ent.text, ent.label_) for ent in second.ents] == [("airlines", "kind")]
        assert (chosen(first), chosen(second)) == (["flight"], ["airline"])
    assert [report.also_in for report in survey.reports.values()] == [{}, {str(tmp_path / "trips" / "dev"): 2}]
    docs, _ = convert(tmp_path / "trips" / "dev")
    assert len(docs["dev"]) == 2


def test_twin_files_that_do_not_fit(tmp_path: Path) -> None:
    """A row with another number of tags is left out and named; files of other lengths are refused."""
    folder = write_twins(tmp_path / "a", ["to rome", "to oslo", "x y"], ["O B-city", "O", "O ?"], ["go", "go", "no"])
    with pytest.raises(DossierError, match="two classes at least, found 'go'"):
        convert(folder)
    (folder / "label").write_text("go\nno\nno\n")
    (folder / "seq.out").write_text("O B-city\nO\nO O\n")
    docs, survey = convert(folder)
    assert [doc.text for doc in docs["a"]] == ["to rome", "x y"]
    assert only(survey).problems == [{"file": str(folder), "row": 2, "problem": "2 words, but 1 slot tags"}]
    with pytest.raises(DossierError, match="a:2: 2 words, but 1 slot tags"):
        convert(folder, strict=True)
    (folder / "label").write_text("go\n")
    with pytest.raises(DossierError, match=r"label: 1 lines, but seq\.in has 3"):
        convert(folder)


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    """Empty rows, repeated texts, spellings, texts of two parts, and classes that training does not have."""
    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv.gz"
    train.write_text("text,label\ngood,pos\nGOOD,neg\n,pos\nbad,neg\nfine,\nfine,Pos\n")
    dev.write_bytes(gzip.compress(b"text,label\nbad,neg\nodd,mixed\n"))
    result = CliRunner().invoke(app, ["classes", str(train), str(dev), str(tmp_path / "out"), "--report", "-"])
    assert result.exit_code == 0, result.output
    assert f"{train}: 4 of 6 texts, 4 tokens, 3 classes -> {tmp_path / 'out' / 'train.spacy'}" in result.stdout
    assert f"{train}: neg 2, pos 1, Pos 1" in result.stdout
    assert f"{train}: left out: 1 empty text, 1 no class" in result.stderr
    assert f"{train}:4: empty text" in result.stderr
    assert f"{train}:6: no class" in result.stderr
    assert f"{train}: 1 texts stand there before, 1 of them with other classes" in result.stderr
    assert "classes that differ in case or white space only: 'Pos', 'pos'" in result.stderr
    assert f"{dev}: 1 texts are in {train} too" in result.stderr
    assert f"{dev}: classes that train does not have: 'mixed'" in result.stderr


def test_holding_out(tmp_path: Path) -> None:
    """A share of train goes to dev, the same each time; equal texts stay on one side."""
    rows: list[dict[str, object]] = [{"text": f"Text number {i // 2}", "label": i % 4 // 2} for i in range(800)]
    path = write_table(tmp_path / "train.csv", rows)
    docs, survey = convert(path, hold_out=0.25)
    assert 130 < len(docs["dev"]) < 270
    assert len(docs["train"]) + len(docs["dev"]) == 800
    assert not {doc.text for doc in docs["train"]} & {doc.text for doc in docs["dev"]}
    assert only(survey).held_out == len(docs["dev"])
    again, _ = convert(path, hold_out=0.25)
    assert [doc.text for doc in again["dev"]] == [doc.text for doc in docs["dev"]]
    with pytest.raises(DossierError, match="for a part 'dev' that is not there yet, found 'train, dev'"):
        convert(path, write_table(tmp_path / "dev.csv", rows), hold_out=0.25)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", "text,label\nx,a\ny,a\n", "two classes at least, found 'a'"),
        ("a.csv", "", "two classes at least, found 'none'"),
        ("a.jsonl", '{"text": "x", "label": "a"}\n{"text": 1, "label": "b"}\n', "found 'a'"),
        ("a.txt", "x\n", "not a file of classified texts"),
        ("a.csv", b"text,label\n\x00\xff\xfe\x01,a\n", "not a text file"),
    ],
)
def test_bad_files_give_one_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    """No traceback, and nothing is written."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    result = CliRunner().invoke(app, ["classes", str(path), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert message in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("dossier:")]) == 1
    assert not list((tmp_path / "out").glob("*.spacy"))


@pytest.mark.realdata
def test_public_corpora(shared_data: Path, tmp_path: Path) -> None:
    """SST-2 and ATIS have as many texts, and texts of each class, as their files have lines."""
    survey = classes([str(shared_data / "classification" / "sst2" / "dev.tsv")], tmp_path, ClassOptions())
    assert only(survey).classes == {"1": 444, "0": 428}
    atis = shared_data / "intents" / "atis"
    survey = classes([str(atis)], tmp_path, ClassOptions())
    assert {report.part: report.written for report in survey.reports.values()} == {
        "dev": 500,
        "test": 893,
        "train": 4478,
    }
    lines = (atis / "test" / "seq.out").read_text().split()
    assert survey.reports[str(atis / "test")].ents == sum(tag.startswith("B-") for tag in lines)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_what_is_missing_is_no_class(tmp_path: Path, suffix: str) -> None:
    """Nulls, empty names and NaN, alone and in lists; what is no name is left out and said."""
    labels: list[object] = [["a"], [None], ["", "a"], [" b ", "a", "b"], []]
    path = write_table(tmp_path / f"t{suffix}", [{"text": f"t{i}", "label": label} for i, label in enumerate(labels)])
    docs, survey = convert(path)
    assert survey.reports[str(path)].classes == {"a": 3, "b": 1}
    assert {doc.text: chosen(doc) for doc in docs["t"]} == {
        "t0": ["a"], "t1": [], "t2": ["a"], "t3": ["a", "b"], "t4": [],
    }  # fmt: skip
    single = tmp_path / f"s{suffix}"
    values = (1.0, 2.0, float("nan"), None)
    write_table(single, [{"text": f"t{value}", "label": value} for value in values])
    assert list(only(convert(single)[1]).classes) == ["1.0", "2.0"]
    if suffix == ".jsonl":
        rows = [["a"], ["b"], [["a"]], [{}]]
        path.write_text("".join(json.dumps({"text": f"t{row}", "label": row}) + "\n" for row in rows))
        assert only(convert(path)[1]).skipped == 2


def test_tables_of_a_folder_keep_their_place(tmp_path: Path) -> None:
    """Parts with files of one name; hidden ones are passed over."""
    for part in ("train", "test", "__MACOSX", ".cache"):
        (tmp_path / "in" / part).mkdir(parents=True)
        (tmp_path / "in" / part / "data.csv").write_text(f"text,label\n{part} x,a\n{part} y,b\n")
    _, survey = convert(tmp_path / "in")
    outputs = [output for report in survey.reports.values() for output in report.outputs]
    assert sorted(Path(output).relative_to(tmp_path / "out").as_posix() for output in outputs) == [
        "test/data.spacy", "train/data.spacy",
    ]  # fmt: skip


def test_a_stray_table_beside_folders_of_classes_is_no_guess(tmp_path: Path) -> None:
    """It is refused; without it the folders are the classes, and beside one folder of notes the table is read."""
    for name in ("pos", "neg"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "1.txt").write_text(f"{name} text")
    stray = tmp_path / "in" / "urls.csv"
    stray.write_text("text,label\nx,a\ny,b\n")
    with pytest.raises(DossierError, match="beside folders of text files"):
        convert(tmp_path / "in")
    stray.unlink()
    assert only(convert(tmp_path / "in")[1]).classes == {"neg": 1, "pos": 1}
    (tmp_path / "data" / "notes").mkdir(parents=True)
    (tmp_path / "data" / "notes" / "a.txt").write_text("made by hand")
    (tmp_path / "data" / "t.csv").write_text("text,label\nx,a\ny,b\n")
    assert only(convert(tmp_path / "data")[1]).classes == {"a": 1, "b": 1}
