"""Texts made of documents of one sentence."""

from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.training.corpus import build_corpus
from spacy_dossier.training.joined import is_one_sentence, join_sentences, joined_texts, open_starts


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("en")


def one(nlp: Language, text: str) -> Doc:
    words = text.split()
    tags = ["B-PER" if word == "Anna" else "O" for word in words]
    return Doc(nlp.vocab, words=words, ents=tags, sent_starts=[i == 0 for i in range(len(words))])


def test_a_boundary_is_a_final_mark_or_a_new_line(nlp: Language) -> None:
    """And where one "sentence" is several, as a tweet is, what is inside is left open."""
    docs = [one(nlp, text) for text in ("Anna left .", "no mark here", "It rained . Nobody came !", "Mr. Bo did .")]
    text = join_sentences(docs)
    assert text.text == "Anna left . no mark here\n\nIt rained . Nobody came ! Mr. Bo did ."
    assert [token.text for token in text if token.is_sent_start] == ["Anna", "no", "It", "Mr."]
    assert [text.text[i:].split()[0] for i in sorted(open_starts(text))] == ["Nobody"]
    assert not text.has_annotation("ENT_IOB")


def test_articles_get_boundaries_by_rule_where_the_corpus_has_none(nlp: Language, tmp_path: Path) -> None:
    """Beside documents of several annotated sentences they stay as they are."""
    article = nlp.make_doc("Mr. Bo left. It rained.")
    two = Doc(nlp.vocab, words=["One", ".", "Two", "."], sent_starts=[True, False, True, False])
    for others, starts in (([one(nlp, "Anna left .")], ["Mr.", "It"]), ([two], None)):
        DocBin(docs=[*others, article]).to_disk(tmp_path / "a.spacy")
        *_, example = build_corpus({"a": tmp_path / "a.spacy"}, rules=True)(nlp)
        assert example.reference.has_annotation("SENT_START") == bool(starts)
        assert not starts or [token.text for token in example.reference if token.is_sent_start] == starts


def test_documents_of_one_sentence_are_told_from_others(nlp: Language) -> None:
    """A document without annotation says nothing; one token is one sentence."""
    two = Doc(nlp.vocab, words=["One", ".", "Two", "."], sent_starts=[True, False, True, False])
    silent = nlp.make_doc("Nobody knows.")
    assert [is_one_sentence(doc) for doc in (one(nlp, "Anna left ."), one(nlp, "Hm"), two, silent)] == [1, 1, 0, 0]
    texts = joined_texts([one(nlp, "Anna left ."), two, *(one(nlp, f"It is {i} .") for i in range(14)), silent])
    assert [len(list(doc.sents)) for doc in texts if doc.has_annotation("SENT_START")] == [2, 10, 5]
    assert texts[1].text == silent.text


def test_sentences_teach_entities_alone_and_boundaries_together(nlp: Language, tmp_path: Path) -> None:
    """From a column file without document marks on: no text of several sentences has entities."""
    rows = "".join("Anna\tB-PER\nleft\tO\n.\tO\n\nIt\tO\nrained\tO\n.\tO\n\n" for _ in range(10))
    (tmp_path / "a.tsv").write_text(rows, encoding="utf-8")
    docs = list(ColumnFile(tmp_path / "a.tsv", ColumnOptions()).docs())
    assert len(docs) == 20
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    for tokens, layouts in (("gold", 0.0), ("both", 1.0)):
        read = build_corpus({"a": tmp_path / "a.spacy"}, tokens=tokens, layouts=layouts, joined=1.0)
        examples = list(read(nlp))
        alone = [eg for eg in examples if eg.reference.has_annotation("ENT_IOB")]
        texts = [eg for eg in examples if not eg.reference.has_annotation("ENT_IOB")]
        assert sum(len(eg.reference.ents) for eg in alone) == 10 and len(alone) == 20
        assert not any(eg.reference.has_annotation("SENT_START") for eg in alone)
        assert [len(list(eg.reference.sents)) for eg in texts] == [10, 10]
    assert len(list(build_corpus({"a": tmp_path / "a.spacy"}, joined=0.0)(nlp))) == 20
