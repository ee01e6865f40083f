"""Each format knows its own files, can be forced, and is listed with an example."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.annotations.formats.registry import ANNOTATION_FORMATS
from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.columns.formats.registry import FORMATS, ORDER
from spacy_dossier.errors import DossierError


def opened(path: Path, text: str, **options: object) -> ColumnFile:
    path.write_text(text)
    return ColumnFile(path, ColumnOptions(**({"sentences_per_doc": 0} | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_of_a_format_is_of_the_format(tmp_path: Path, name: str) -> None:
    """It is found by itself, holds Anna, a person, and comes to the same when the format is forced."""
    found = opened(tmp_path / "a", FORMATS[name].example)
    assert found.report.format == name
    (doc,) = found.docs()
    assert doc.ents[0].label_ in ("PER", "PERSON")
    assert doc[0].text == "Anna"
    (forced,) = opened(tmp_path / "a", FORMATS[name].example, format=name).docs()
    assert forced.to_json() == doc.to_json()


def test_the_list(tmp_path: Path) -> None:
    """`--formats` lists names in the order in which they are tried, with rows; no input is needed."""
    result = CliRunner().invoke(app, ["convert", "--formats"])
    assert result.exit_code == 0
    names = [line.partition(":")[0] for line in result.stdout.splitlines() if line[0] != " "]
    assert names == [*(format.name for format in ORDER), *ANNOTATION_FORMATS]
    assert all(line in result.stdout for format in ORDER for line in format.example.split("\n"))
    assert CliRunner().invoke(app, ["convert"]).exit_code == 1


def test_a_forced_delimiter(tmp_path: Path) -> None:
    """A file whose delimiter is not found can be read by its format."""
    text = "token,label\n" + "".join(f"w{i},{label}\n" for i, label in enumerate(["alpha", "beta", "gamma"] * 5))
    with pytest.raises(DossierError, match="no column holds entity tags"):
        opened(tmp_path / "a", text)
    (doc,) = opened(tmp_path / "a", text, format="csv", tag_column="label", bare=True, sentences_per_doc=0).docs()
    assert [(token.text, token.ent_type_) for token in doc][:2] == [("w0", "alpha"), ("w1", "beta")]


def test_named_columns_of_a_forced_format(tmp_path: Path) -> None:
    """The columns of CoNLL-2003 are where the shared task has them, whatever they look like."""
    text = "Oslo NNP B-LOC O\nis VBZ O B-X\n\n" * 2
    assert opened(tmp_path / "a", text).report.columns["tag"] == 3
    assert opened(tmp_path / "a", text, format="conll2003").report.columns["tag"] == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conllu", "expected 10 columns as in conllu, not 2, found 'Anna B-PER'"),
        ("json", "JSON without lists of tokens and tags"),
        ("inline", "not in the format inline, found 'Anna"),
        ("unknown", "unknown format, found 'unknown'. Choose one of auto, json, "),
    ],
)
def test_a_file_that_is_not_of_the_forced_format(tmp_path: Path, name: str, message: str) -> None:
    """One line says what the format demands."""
    with pytest.raises(DossierError, match=message) as error:
        opened(tmp_path / "a", "Anna\tB-PER\nleft\tO\n", format=name)
    assert "\n" not in str(error.value)


def test_a_header_above_sentences_in_lines(tmp_path: Path) -> None:
    """The names of the cells are no sentence, and the rows of later documents have no such line."""
    from spacy_dossier.convert.docbin import DocBinWriter
    from spacy_dossier.convert.export import export

    text = "words\ttags\n" + "Anna left .\tB-PER O O\n" * 25
    docs = list(opened(tmp_path / "a", text, sentences_per_doc=10).docs())
    assert [len(list(doc.sents)) for doc in docs] == [10, 10, 5]
    with DocBinWriter(tmp_path / "a.spacy", docs[0].vocab) as writer:
        for doc in docs:
            writer.add(doc)
    export([tmp_path / "a.spacy"], tmp_path / "back")
    assert (tmp_path / "back").read_text() == text
