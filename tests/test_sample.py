"""The committed sample corpus, and the script that vouches for it."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from spacy_dossier.errors import DossierError


@pytest.fixture(scope="module")
def script(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_sample", root / "scripts" / "check_sample.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    for part in ("ner", "pairs"):
        shutil.copytree(root / "corpus" / "sample" / part, tmp_path / part)
    return tmp_path


def edit(path: Path, line: int, change: Callable[[str], str]) -> None:
    """Change one line, counted from 1."""
    lines = path.read_text(encoding="utf8").split("\n")
    lines[line - 1] = change(lines[line - 1])
    path.write_text("\n".join(lines), encoding="utf8")


def edit_pair(path: Path, line: int, **values: object) -> None:
    edit(path, line, lambda row: json.dumps({**json.loads(row), **values}))


def find(path: Path, row: str) -> int:
    """Number of the first line that is `row`."""
    return path.read_text(encoding="utf8").split("\n").index(row) + 1


def test_the_sample_is_sound_and_large_enough(script: ModuleType, root: Path) -> None:
    """The committed corpus passes, and holds what the project promises."""
    counts = script.check_sample(root / "corpus" / "sample")
    assert counts["all"]["documents"] >= 100
    assert counts["all"]["tokens"] >= 25_000
    assert {split: counts[split]["documents"] for split in script.SPLITS} == {"train": 113, "dev": 16, "test": 16}
    for names in (script.SPLITS, script.KINDS):
        assert sum(counts[name]["tokens"] for name in names) == counts["all"]["tokens"]


def test_every_kind_is_in_every_split(root: Path) -> None:
    """Dev and test are drawn from all five kinds of text."""
    for split in ("train", "dev", "test"):
        rows = (root / "corpus" / "sample" / "pairs" / f"{split}.jsonl").read_text(encoding="utf8").splitlines()
        kinds = {json.loads(row)["id"].partition("-")[0] for row in rows}
        assert kinds == {"news", "report", "minutes", "ticket", "letter"}


def test_tokens_are_those_of_the_english_tokenizer(script: ModuleType, root: Path) -> None:
    """A model that tokenizes the text itself sees the annotated tokens."""
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    for split in script.SPLITS:
        documents = script.read_columns(root / "corpus" / "sample" / "ner" / f"{split}.iob")
        pairs = script.read_pairs(root / "corpus" / "sample" / "pairs" / f"{split}.jsonl")
        for document, pair in zip(documents, pairs, strict=True):
            expected = [token.text for token in nlp(pair.text) if not token.is_space]
            assert [token.form for sentence in document for token in sentence] == expected, pair.id


def test_the_readme_shows_the_counts(script: ModuleType, root: Path) -> None:
    """The table of corpus/sample/README.md is the one that the script prints."""
    table = "\n".join(script.table(script.check_sample(root / "corpus" / "sample")))
    assert table in (root / "corpus" / "sample" / "README.md").read_text(encoding="utf8")


def test_documents_come_in_six_formats(root: Path) -> None:
    """The files to process cover the formats people have, and none of them is in a split."""
    files = sorted((root / "corpus" / "sample" / "documents").iterdir())
    assert len(files) >= 12
    assert {file.suffix for file in files} == {".txt", ".md", ".html", ".docx", ".pdf", ".eml"}
    texts = [
        json.loads(row)["text"]
        for split in ("train", "dev", "test")
        for row in (root / "corpus" / "sample" / "pairs" / f"{split}.jsonl").read_text(encoding="utf8").splitlines()
    ]
    for file in files:
        if file.suffix in (".txt", ".md"):
            lines = [line for line in file.read_text(encoding="utf8").splitlines() if len(line) > 60]
            assert lines and not any(line in text for line in lines for text in texts), file.name


def test_summaries_are_short_and_of_their_own_words(script: ModuleType, root: Path) -> None:
    """A summary has two or three sentences and repeats no sentence of the text."""
    for split in script.SPLITS:
        for pair in script.read_pairs(root / "corpus" / "sample" / "pairs" / f"{split}.jsonl"):
            assert 25 <= len(pair.summary.split()) <= 65, pair.id
            assert pair.summary.endswith("."), pair.id


def test_command_prints_the_table_and_writes_the_counts(root: Path, tmp_path: Path) -> None:
    """The command exits 0, prints one row a split and kind, and writes the same numbers as JSON."""
    output = tmp_path / "metrics" / "sample.json"
    command = [sys.executable, "scripts/check_sample.py", "corpus/sample", "--output", str(output)]
    run = subprocess.run(command, cwd=root, capture_output=True, encoding="utf8", check=False)
    assert run.returncode == 0, run.stderr
    rows = [line.split("|")[1].strip() for line in run.stdout.splitlines()]
    assert rows[2:] == ["train", "dev", "test", "news", "report", "minutes", "ticket", "letter", "all"]
    assert f"{json.loads(output.read_text())['all']['tokens']:,}" in run.stdout


def test_command_fails_in_one_line(root: Path, copy: Path) -> None:
    """The command exits 1 and names the file and the line."""
    edit(copy / "ner" / "dev.iob", 3, lambda row: row.partition("\t")[0])
    command = [sys.executable, "scripts/check_sample.py", str(copy)]
    run = subprocess.run(command, cwd=root, capture_output=True, encoding="utf8", check=False)
    assert run.returncode == 1
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert f"{copy / 'ner' / 'dev.iob'}:3: a line must be a token, a tab and a tag" in run.stderr


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("B-GPE", "a tag must be O, B- or I-"),
        ("E-LOC", "a tag must be O, B- or I-"),
        ("b-LOC", "a tag must be O, B- or I-"),
        ("", "a tag must be O, B- or I-"),
        ("I-LOC", "I-LOC must follow B-LOC or I-LOC, found 'O'"),
    ],
)
def test_wrong_tags_are_found(script: ModuleType, copy: Path, tag: str, message: str) -> None:
    """A tag outside IOB2 with the four labels is an error, also an I- that opens an entity."""
    path = copy / "ner" / "train.iob"
    edit(path, 3, lambda row: row.partition("\t")[0] + "\t" + tag)
    with pytest.raises(DossierError, match=message) as caught:
        script.check_sample(copy)
    assert (caught.value.file, caught.value.line) == (path, 3)


def test_an_inside_tag_may_not_change_label(script: ModuleType, copy: Path) -> None:
    """I-ORG after B-LOC is an error, although both are valid tags."""
    path = copy / "ner" / "train.iob"
    line = find(path, "Lake\tB-LOC") + 1
    edit(path, line, lambda row: row.replace("I-LOC", "I-ORG"))
    with pytest.raises(DossierError, match="I-ORG must follow B-ORG or I-ORG, found 'B-LOC'") as caught:
        script.check_sample(copy)
    assert caught.value.line == line


def test_a_token_that_is_not_in_the_text_is_found(script: ModuleType, copy: Path) -> None:
    """Column file and text must agree in every character."""
    path = copy / "ner" / "test.iob"
    edit(path, 8, lambda row: "x" + row)
    with pytest.raises(DossierError, match=r"has .* here") as caught:
        script.check_sample(copy)
    assert (caught.value.file, caught.value.line) == (path, 8)


def test_a_missing_token_at_the_end_is_found(script: ModuleType, copy: Path) -> None:
    """A text may not go on after the last token."""
    path = copy / "ner" / "test.iob"
    lines = path.read_text(encoding="utf8").rstrip("\n").split("\n")
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf8")
    with pytest.raises(DossierError, match="goes on after its last token") as caught:
        script.check_sample(copy)
    assert caught.value.line == len(lines) - 1


def test_documents_in_another_order_are_found(script: ModuleType, copy: Path) -> None:
    """The two files must hold the same documents in the same order."""
    path = copy / "pairs" / "dev.jsonl"
    first, second, *rest = path.read_text(encoding="utf8").splitlines()
    path.write_text("\n".join([second, first, *rest]) + "\n", encoding="utf8")
    with pytest.raises(DossierError, match=r"has .* here") as caught:
        script.check_sample(copy)
    assert caught.value.file == copy / "ner" / "dev.iob"


def test_a_missing_document_is_found(script: ModuleType, copy: Path) -> None:
    """A document in one file only is an error."""
    path = copy / "pairs" / "dev.jsonl"
    path.write_text("".join(path.read_text(encoding="utf8").splitlines(keepends=True)[:-1]), encoding="utf8")
    with pytest.raises(DossierError, match=r"dev\.jsonl has 15 documents"):
        script.check_sample(copy)


def test_a_document_in_two_splits_is_found(script: ModuleType, copy: Path) -> None:
    """Splits are disjoint by document."""
    for folder, suffix in (("ner", "iob"), ("pairs", "jsonl")):
        shutil.copy(copy / folder / f"train.{suffix}", copy / folder / f"test.{suffix}")
    with pytest.raises(DossierError, match=r"id used before, at .*train\.jsonl:1") as caught:
        script.check_sample(copy)
    assert (caught.value.file, caught.value.line) == (copy / "pairs" / "test.jsonl", 1)


def test_the_same_text_under_another_id_is_found(script: ModuleType, copy: Path) -> None:
    """A copied document is found by its text when its id was changed."""
    for folder, suffix in (("ner", "iob"), ("pairs", "jsonl")):
        shutil.copy(copy / folder / f"train.{suffix}", copy / folder / f"test.{suffix}")
    edit_pair(copy / "pairs" / "test.jsonl", 1, id="news-99")
    with pytest.raises(DossierError, match="text used before"):
        script.check_sample(copy)


def test_a_sentence_in_two_splits_is_found(script: ModuleType, copy: Path) -> None:
    """A long sentence that leaked from train into test is found, although the documents differ."""
    sentence = script.read_columns(copy / "ner" / "train.iob")[0][0]
    block = "".join(f"{token.form}\t{token.tag}\n" for token in sentence)
    pair = script.read_pairs(copy / "pairs" / "train.jsonl")[0]
    text = script.sentence_texts([sentence], pair._replace(text=pair.text.split("\n")[0]), Path())[0]
    target = script.read_pairs(copy / "pairs" / "test.jsonl")[-1]
    with (copy / "ner" / "test.iob").open("a", encoding="utf8") as file:
        file.write("\n" + block)
    edit_pair(copy / "pairs" / "test.jsonl", target.line, text=f"{target.text}\n\n{text}")
    with pytest.raises(DossierError, match=r"sentence used before, at .*train\.iob:3"):
        script.check_sample(copy)


def test_sentence_breaks_must_agree_with_the_text(script: ModuleType, copy: Path) -> None:
    """A sentence that runs over a line break of the text, or that begins within a word, is an error."""
    path = copy / "ner" / "train.iob"
    pair = script.read_pairs(copy / "pairs" / "train.jsonl")[0]
    document = script.read_columns(path)[0]
    joined = [document[0] + document[1], *document[2:]]
    with pytest.raises(DossierError, match="line break within this sentence"):
        script.sentence_texts(joined, pair, path)
    within = [document[0][:-1], document[0][-1:], *document[1:]]
    with pytest.raises(DossierError, match="begins within a word"):
        script.sentence_texts(within, pair, path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "not JSON"),
        ("[]", "an object with id, label, text and summary"),
        ('{"id": "news-90", "text": "A."}', "an object with id, label, text and summary"),
        ('{"id": "news-90", "label": "news", "text": "A.", "summary": ""}', "summary must be a string"),
        ('{"id": "news-90", "label": "news", "text": 3, "summary": "B."}', "text must be a string"),
        ('{"id": "poem-90", "label": "poem", "text": "A.", "summary": "B."}', "an id must begin with one of"),
        ('{"id": "news-90", "label": "report", "text": "A.", "summary": "B."}', "the label must be what the id begins"),
        ("", "not JSON"),
    ],
)
def test_broken_pairs_are_found(script: ModuleType, copy: Path, row: str, message: str) -> None:
    """Each line is an object with three strings, the id naming the kind of text."""
    path = copy / "pairs" / "dev.jsonl"
    edit(path, 2, lambda _: row)
    with pytest.raises(DossierError, match=message) as caught:
        script.check_sample(copy)
    assert (caught.value.file, caught.value.line) == (path, 2)


def test_a_summary_may_not_quote_its_text(script: ModuleType, copy: Path) -> None:
    """Abstracts are written in their own words."""
    path = copy / "pairs" / "dev.jsonl"
    pair = script.read_pairs(path)[0]
    document = script.read_columns(copy / "ner" / "dev.iob")[0]
    sentence = max(script.sentence_texts(document, pair, path), key=len)
    edit_pair(path, 1, summary=f"{sentence} More follows.")
    with pytest.raises(DossierError, match="the summary quotes its text"):
        script.check_sample(copy)


def test_files_that_are_missing_or_not_utf8_are_named(script: ModuleType, copy: Path) -> None:
    """A lost or wrongly encoded file gives a message, not a traceback."""
    path = copy / "pairs" / "test.jsonl"
    path.write_bytes("café".encode("latin-1"))
    with pytest.raises(DossierError, match="not UTF-8 at byte 3") as caught:
        script.check_sample(copy)
    assert caught.value.file == path
    path.unlink()
    with pytest.raises(DossierError, match="lacks this file"):
        script.check_sample(copy)
    (copy / "ner" / "train.iob").write_text("Lake\tB-LOC\n", encoding="utf8")
    with pytest.raises(DossierError, match="must begin with -DOCSTART-"):
        script.check_sample(copy)


def test_a_sample_that_shrank_is_an_error(script: ModuleType, copy: Path) -> None:
    """Fewer documents than promised is an error, however sound they are."""
    for split in script.SPLITS:
        columns = copy / "ner" / f"{split}.iob"
        head = columns.read_text(encoding="utf8").split("-DOCSTART-\tO\n")[:2]
        columns.write_text("-DOCSTART-\tO\n".join(head), encoding="utf8")
        pairs = copy / "pairs" / f"{split}.jsonl"
        pairs.write_text(pairs.read_text(encoding="utf8").splitlines(keepends=True)[0], encoding="utf8")
    with pytest.raises(DossierError, match="must have 100 documents or more, found 3"):
        script.check_sample(copy)
