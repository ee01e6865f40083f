"""The public corpora: counts, oracles, and the way back."""

import json
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_dossier.convert.columns.convert import ColumnOptions, read_docs
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert
from spacy_dossier.convert.pairs.convert import PairOptions, pairs

pytestmark = pytest.mark.realdata

FILES = [
    "conll2003/eng.train",
    "conll2003/eng.testa",
    "conll2003/eng.testb",
    "conll2003_2col/devel_ner.txt",
    "wnut17/wnut17train.conll",
    "wnut17/emerging.dev.conll",
    "wikigold/wikigold.conll.txt",
    "germeval2014/NER-de-dev.tsv",
    "conll2002/ned.testa",
    "conll2002/esp.testa",
    "uner/en_ewt-ud-dev.iob2",
    "ncbi/devel.iob.tsv",
    "ncbi/devel.iobes.tsv",
    "nerkor/rapid_9.conllup",
    "norne/no_bokmaal-ud-dev.conllu",
]


@pytest.mark.parametrize("name", FILES)
def test_counts_and_the_way_back(shared_data: Path, tmp_path: Path, name: str) -> None:
    """Report and documents hold what the corpus holds; export gives the bytes of the file."""
    path = shared_data / "ner" / name
    expected = json.loads((shared_data / "ner" / "expected_counts.json").read_text())[name]
    (report,) = convert([str(path)], tmp_path, ColumnOptions()).values()
    assert {key: value for key, value in report.as_dict().items() if key in expected} == expected
    assert (report.skipped, report.problems) == (0, [])
    (output,) = map(Path, report.outputs)
    docs = list(DocBin().from_disk(output).get_docs(Vocab()))
    if expected.get("docs"):
        assert len(docs) == expected["docs"]
    assert sum(len(doc) for doc in docs) == expected["tokens"]
    assert sum(len(doc.ents) for doc in docs) == expected["ents"]
    assert sum(len(list(doc.sents)) for doc in docs) == expected["sents"]
    assert not any(token.text == "-DOCSTART-" for doc in docs for token in doc)
    export([output], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("one", "other"),
    [("conll2003/eng.testa", "conll2003_2col/devel_ner.txt"), ("ncbi/devel.iob.tsv", "ncbi/devel.iobes.tsv")],
)
def test_two_files_of_one_corpus_give_equal_spans(shared_data: Path, one: str, other: str) -> None:
    """IOB1 in four columns against IOB2 in two, and IOB2 against IOBES."""

    def content(name: str) -> list[object]:
        docs = read_docs(shared_data / "ner" / name, template=False)
        return [
            ([t.text for t in doc], [t.is_sent_start for t in doc], [(e.start, e.end, e.label_) for e in doc.ents])
            for doc in docs
        ]

    assert content(one) == content(other)


def test_pairs_keep_their_text(shared_data: Path, tmp_path: Path) -> None:
    """Articles come back character by character, with their highlights and ids."""
    path = shared_data / "summaries" / "cnndm_dev.jsonl"
    rows = [json.loads(line) for line in path.read_text().split("\n") if line][:20]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs([str(tmp_path / "some.jsonl")], tmp_path, PairOptions())
    docs = list(DocBin().from_disk(tmp_path / "some.spacy").get_docs(Vocab()))
    assert [doc.text for doc in docs] == [row["text"] for row in rows]
    assert [doc.user_data["summary_reference"] for doc in docs] == [row["summary"] for row in rows]
    assert [doc.user_data["id"] for doc in docs] == [row["id"] for row in rows]
