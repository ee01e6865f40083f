"""Files that were joined, folded to lower case or passed through tools that leave traces."""

from pathlib import Path

import pytest
from spacy.tokens import Doc

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.docbin import DocBinWriter
from spacy_dossier.convert.export import export

MARK = "\ufeff"
BODY = "Anna NNP B-PER\nBerg NNP I-PER\nleft VBD O\n\nOslo NNP B-LOC\n. . O\n\n"
ENTITIES = [("PER", "Anna Berg"), ("LOC", "Oslo")]


def read(path: Path, text: str) -> list[Doc]:
    path.write_bytes(text.encode())
    columns = ColumnFile(path, ColumnOptions(sentences_per_doc=0))
    docs = list(columns.docs())
    assert columns.report.skipped == 0
    with DocBinWriter(path.with_suffix(".spacy"), docs[0].vocab) as writer:
        for doc in docs:
            writer.add(doc)
    export([path.with_suffix(".spacy")], path.with_suffix(".back"))
    assert path.with_suffix(".back").read_bytes() == text.encode()
    return docs


def entities(docs: list[Doc]) -> list[tuple[str, str]]:
    return [(ent.label_, " ".join(token.text for token in ent)) for doc in docs for ent in doc.ents]


@pytest.mark.parametrize("mark", ["-DOCSTART- -X- O", "-docstart- -x- o", "DOCSTART X O", "-DocStart- -X- O"])
def test_marks_of_documents_in_any_case(tmp_path: Path, mark: str) -> None:
    """A copy in lower case has the same documents, and the mark is no token."""
    docs = read(tmp_path / "a.txt", f"{mark}\n\n{BODY}" * 2)
    assert [len(doc) for doc in docs] == [5, 5]
    assert entities(docs) == ENTITIES * 2


@pytest.mark.parametrize("head", ["-DOCSTART- -X- O\n\n", "", "# newdoc id = 1\n"])
def test_byte_order_marks_inside(tmp_path: Path, head: str) -> None:
    """The mark at the beginning of each joined file is no part of a token or a comment."""
    docs = read(tmp_path / "a.txt", f"{MARK}{head}{BODY}" * 3)
    assert entities(docs) == ENTITIES * 3
    assert len(docs) == (3 if head else 1)


def test_byte_order_marks_inside_json_lines(tmp_path: Path) -> None:
    """No row is lost."""
    row = '{"tokens": ["Oslo", "is"], "tags": ["B-LOC", "O"]}\n'
    assert entities(read(tmp_path / "a.jsonl", f"{MARK}{row}{row}" * 2)) == [("LOC", "Oslo")] * 4


def test_a_mark_inside_a_sentence_is_a_token(tmp_path: Path) -> None:
    """Where no file begins, it is text."""
    (doc,) = read(tmp_path / "a.tsv", f"Oslo\tB-LOC\n{MARK}\tO\n{MARK}x\tO\n\n{MARK}\tO\n")
    assert [token.text for token in doc] == ["Oslo", MARK, f"{MARK}x", MARK]


@pytest.mark.parametrize("odd", ["\u200b", "\ufeff", "\u00a0", "\u2060"])
@pytest.mark.parametrize("form", ["{}", "{}-B"])
def test_invisible_characters_in_tags(tmp_path: Path, odd: str, form: str) -> None:
    """Labels that look the same are the same."""
    tags = ["B-PER", "I-PER", "O", "B-LOC", "O"] if form == "{}" else ["PER-B", "PER-I", "O", "LOC-B", "O"]
    row = "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags)) + "\n"
    docs = read(tmp_path / "a.tsv", row * 2 + row.replace("PER", f"PER{odd}").replace("O\n", f"O{odd}\n"))
    assert [label for label, _ in entities(docs)] == ["PER", "LOC"] * 3
