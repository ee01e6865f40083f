"""What the corpus reader does to documents, and their relations in the result."""

import random
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training.augment import create_lower_casing_augmenter

from spacy_dossier.pipeline.extensions import Relation, get_relations, set_relations
from spacy_dossier.training.augment import create_entity_replacement, replace_entities
from spacy_dossier.training.corpus import add_annotation, build_corpus
from spacy_dossier.training.layout import Layout, lay_out

FOUND = [("Anna Berg", "works_for", "Nordwind AG"), ("Nordwind AG", "based_in", "Oslo")]


def annotated(nlp: spacy.language.Language) -> Doc:
    words = ["It", "rained", ".", "Anna", "Berg", "works", "for", "Nordwind", "AG", "in", "Oslo", "."]
    tags = ["O"] * 3 + ["B-PER", "I-PER", "O", "O", "B-ORG", "I-ORG", "O", "B-LOC", "O"]
    doc = Doc(nlp.vocab, words=words, ents=tags, sent_starts=[i in (0, 3) for i in range(12)])
    doc.user_data["relation_labels"] = ["based_in", "works_for"]
    anna, nordwind, oslo = doc.ents
    set_relations(doc, [Relation(anna, nordwind, "works_for"), Relation(nordwind, oslo, "based_in")])
    return doc


def facts(doc: Doc) -> list[tuple[str, str, str]]:
    return [(" ".join(r.head.text.split()), r.label, " ".join(r.tail.text.split())) for r in get_relations(doc)]


def test_laid_out_documents_keep_relations() -> None:
    """Also where a line's end divides an entity, and behind items of a list."""
    doc = annotated(spacy.blank("en"))
    for seed in range(30):
        layout = Layout(width=8, paragraphs=0.5, items=1.0, newline="\r\n")
        made = lay_out(doc, layout, random.Random(seed))
        assert facts(made) == FOUND and len(made) > len(doc)
        assert {(r.head.label_, r.tail.label_) for r in get_relations(made)} == {("PER", "ORG"), ("ORG", "LOC")}
        assert made.user_data["relation_labels"] == ["based_in", "works_for"]


def test_replaced_entities_keep_relations() -> None:
    """They hold between the words that stand there now, whether there are more or fewer of them."""
    doc = annotated(spacy.blank("en"))
    anna, nordwind, oslo = doc.ents
    made = replace_entities(doc, [(anna, (["Bo"], [True])), (oslo, (["Rio", "de", "Janeiro"], [True] * 3))])
    assert facts(made) == [("Bo", "works_for", "Nordwind AG"), ("Nordwind AG", "based_in", "Rio de Janeiro")]


@pytest.mark.parametrize(
    "options",
    [
        {"tokens": "text", "layouts": 1.0},
        {"tokens": "text", "joined": 1.0},
        {"augmenter": create_entity_replacement(1.0)},
        {"augmenter": create_lower_casing_augmenter(1.0)},
    ],
    ids=["layouts", "joined", "replacement", "lower case"],
)
def test_reader_keeps_relations(tmp_path: Path, options: dict[str, Any]) -> None:
    nlp = spacy.blank("en")
    DocBin(docs=[annotated(nlp)], store_user_data=True).to_disk(tmp_path / "a.spacy")
    (example,) = build_corpus({"a": tmp_path / "a.spacy"}, **options)(nlp)
    assert [tuple(part.lower() for part in fact) for fact in facts(example.reference)] == [
        tuple(part.lower() for part in fact) for fact in FOUND
    ]
    assert list(example.reference.user_data["relation_labels"]) == ["based_in", "works_for"]


def test_sentences_joined_without_entities_are_not_annotated_with_relations(tmp_path: Path) -> None:
    """Their sentences are no sentences without relations."""
    nlp = spacy.blank("en")
    DocBin(docs=[annotated(nlp)[3:].as_doc()] * 2, store_user_data=True).to_disk(tmp_path / "a.spacy")
    docs = [example.reference for example in build_corpus({"a": tmp_path / "a.spacy"}, joined=1.0)(nlp)]
    assert "relation_labels" not in docs[-1].user_data and not get_relations(docs[-1])


def test_span_groups_keep_ids_and_scores() -> None:
    """Those that one file has of another's text."""
    nlp = spacy.blank("en")
    doc, other = (Doc(nlp.vocab, words=["Anna", "left"]) for _ in range(2))
    span = Span(other, 0, 1, label="PER", kb_id="Q1", span_id="first")
    other.spans["found"] = SpanGroup(other, name="found", attrs={"scores": [0.5]}, spans=[span])
    assert add_annotation(doc, other)
    (copied,) = doc.spans["found"]
    assert (copied.label_, copied.kb_id_, copied.id_) == ("PER", "Q1", "first")
    assert doc.spans["found"].attrs == {"scores": [0.5]}
