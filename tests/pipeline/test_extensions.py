"""`Span._.confidence` and what becomes of it."""

from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.tokens.underscore import Underscore

from spacy_dossier.evaluate import corpus
from spacy_dossier.pipeline.extensions import (
    Relation,
    clear_confidences,
    get_relations,
    register_confidence,
    register_relations,
    set_confidence,
    set_relations,
)
from spacy_dossier.process import sections


@pytest.fixture
def doc() -> Doc:
    """Two entities, with a confidence each."""
    register_confidence()
    nlp: Language = spacy.blank("en")
    doc = nlp("Nobody knows. Anna Kovacs flew to Lisbon.")
    doc.ents = [Span(doc, 3, 5, label="PER"), Span(doc, 7, 8, label="LOC")]
    for ent, confidence in zip(doc.ents, (0.75, 0.5), strict=True):
        set_confidence(doc, ent.start_char, ent.end_char, ent.label_, confidence)
    return doc


def confidences(doc: Doc) -> list[tuple[str, float | None]]:
    return [(ent.text, ent._.confidence) for ent in doc.ents]


EXPECTED = [("Anna Kovacs", 0.75), ("Lisbon", 0.5)]


def test_a_confidence_belongs_to_a_span_and_its_label(doc: Doc) -> None:
    """Another label, another span: None."""
    assert confidences(doc) == EXPECTED
    assert Span(doc, 3, 5, label="ORG")._.confidence is None
    assert Span(doc, 3, 4, label="PER")._.confidence is None
    assert Span(doc, 3, 5)._.confidence is None
    assert Span(doc, 3, 5, label="PER")._.confidence == 0.75


def test_a_confidence_survives_bytes_and_docbin(doc: Doc) -> None:
    """As spaCy stores documents."""
    assert confidences(Doc(doc.vocab).from_bytes(doc.to_bytes())) == EXPECTED
    bin_ = DocBin(store_user_data=True, docs=[doc])
    assert [confidences(d) for d in DocBin().from_bytes(bin_.to_bytes()).get_docs(doc.vocab)] == [EXPECTED]


def test_a_confidence_goes_with_its_words_into_another_document(doc: Doc) -> None:
    """Joined documents, and a span that becomes a document: the characters are counted anew."""
    assert confidences(Doc.from_docs([doc, doc])) == EXPECTED * 2
    assert confidences(doc[3:9].as_doc(copy_user_data=True)) == EXPECTED
    assert confidences(doc.copy()) == EXPECTED


def test_confidences_can_be_cleared_and_nothing_else_is(doc: Doc) -> None:
    """The rest of the user data stays."""
    doc.user_data["mine"] = 1
    clear_confidences(doc)
    assert confidences(doc) == [("Anna Kovacs", None), ("Lisbon", None)]
    assert doc.user_data == {"mine": 1}


def test_registering_twice_is_no_problem() -> None:
    """Every pipe does it."""
    register_confidence()
    register_confidence()


def read_by_all(doc: Doc) -> list[float | None]:
    """RETURNS (list[float | None]): The confidences that a record has, which are those that are scored."""
    found = [entity.confidence for entity in sections.entities_of(doc)]
    assert [entity.confidence for entity in corpus.entities_of(doc)] == found
    return found


@pytest.mark.parametrize("value", [0.9, "high", None])
def test_records_and_scores_take_ours_whoever_owns_the_name(
    doc: Doc, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beside an entity that has none of ours: numbers of two origins do not compare."""
    monkeypatch.setitem(Underscore.span_extensions, "confidence", (value, None, None, None))
    assert read_by_all(doc) == [0.75, 0.5]
    doc.ents = [*doc.ents, Span(doc, 0, 1, label="PER")]
    assert read_by_all(doc) == [None, 0.75, 0.5]


@pytest.mark.parametrize(
    ("value", "read"),
    [(0.9, 0.9), (np.float32(0.5), 0.5), (1, 1.0), ("high", None), (87.5, None), (float("nan"), None), (True, None)],
)
def test_a_foreign_confidence_counts_where_it_is_a_probability(
    doc: Doc, value: Any, read: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a pipeline without ours; a word, a percentage or a flag under that name is none, and breaks nothing."""
    monkeypatch.setitem(Underscore.span_extensions, "confidence", (value, None, None, None))
    clear_confidences(doc)
    assert read_by_all(doc) == [read, read]


@pytest.fixture
def related(doc: Doc) -> Doc:
    """A relation forwards, one backwards, and two between the same entities."""
    register_relations()
    anna, lisbon = doc.ents
    relations = [
        Relation(lisbon, anna, "visited_by", 0.5),
        Relation(anna, lisbon, "flew_to", 0.75),
        Relation(anna, lisbon, "lives_in"),
    ]
    set_relations(doc, relations)
    return doc


def relations(doc: Doc) -> list[tuple[str, str, str, str, str, float | None]]:
    return [(r.head.text, r.head.label_, r.label, r.tail.text, r.tail.label_, r.confidence) for r in doc._.relations]


FACTS = [
    ("Anna Kovacs", "PER", "flew_to", "Lisbon", "LOC", 0.75),
    ("Anna Kovacs", "PER", "lives_in", "Lisbon", "LOC", None),
    ("Lisbon", "LOC", "visited_by", "Anna Kovacs", "PER", 0.5),
]


def test_relations_survive_bytes_and_docbin_and_go_into_other_documents(related: Doc) -> None:
    """As spaCy stores, copies, joins and divides documents."""
    assert relations(related) == FACTS
    assert relations(Doc(related.vocab).from_bytes(related.to_bytes())) == FACTS
    bin_ = DocBin(store_user_data=True, docs=[related])
    assert [relations(d) for d in DocBin().from_bytes(bin_.to_bytes()).get_docs(related.vocab)] == [FACTS]
    assert relations(related.copy()) == FACTS
    joined = Doc.from_docs([related, related])
    assert relations(joined) == FACTS * 2
    assert [r.head.start for r in joined._.relations] == [3, 3, 7, 12, 12, 16]
    assert relations(related[3:9].as_doc(copy_user_data=True)) == FACTS


def test_a_relation_out_of_the_part_that_is_kept_is_left_out(related: Doc) -> None:
    """Its other end is not there."""
    assert relations(related[3:6].as_doc(copy_user_data=True)) == []
    assert relations(related[6:9].as_doc(copy_user_data=True)) == []


def test_relations_are_set_anew(related: Doc) -> None:
    """The others are gone, and nothing else."""
    before = confidences(related)
    set_relations(related, get_relations(related)[:1])
    assert relations(related) == FACTS[:1]
    set_relations(related, [])
    assert relations(related) == []
    assert confidences(related) == before
