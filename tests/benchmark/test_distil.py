"""Texts annotated by a teacher."""

import spacy
from distil import annotated
from spacy.tokens import Span
from spacy.training import Example

from spacy_dossier.pipeline.extensions import set_confidence


def test_entities_that_the_teacher_is_unsure_of_are_missing_annotation() -> None:
    """What it is sure of is kept with its label, and all tokens outside its entities are outside."""
    nlp = spacy.blank("en")
    doc = nlp("John Smith went to Paris in  May.")
    doc.set_ents([Span(doc, 0, 2, label="PER"), Span(doc, 4, 5, label="LOC")])
    for ent, confidence in zip(doc.ents, (0.9, 0.89), strict=True):
        set_confidence(doc, ent.start_char, ent.end_char, ent.label_, confidence)
    copy = annotated(doc, 0.9)
    assert copy.text == doc.text
    assert Example(nlp.make_doc(doc.text), copy).get_aligned_ner() == ["B-PER", "L-PER", "O", "O", None, *["O"] * 4]
