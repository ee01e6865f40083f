"""Mention replacement."""

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_dossier.errors import DossierError
from spacy_dossier.training.augment import create_entity_replacement

WORDS = ["Anna", "Kovacs", "left", "Lisbon", ".", "Okafor", "met", "Blue", "River", "Trust", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-PER", "O", "B-ORG", "I-ORG", "I-ORG", "O"]
NLP = spacy.blank("en")


def example(tags: list[str | None] | None = None) -> Example:
    starts = [i in (0, 5) for i in range(len(WORDS))]
    spaces = [word not in ("Lisbon", "Trust") for word in WORDS]
    reference = Doc(NLP.vocab, words=WORDS, spaces=spaces, ents=tags or TAGS, sent_starts=starts)
    return Example(Doc(NLP.vocab, words=WORDS, spaces=spaces), reference)


def test_entities_are_replaced_by_mentions_of_the_same_label() -> None:
    """Every entity of an augmented document was seen with its label, and the labels keep their order."""
    augment = create_entity_replacement(level=1.0, seed=3)
    seen = {("PER", "Anna Kovacs"), ("PER", "Okafor"), ("LOC", "Lisbon"), ("ORG", "Blue River Trust")}
    texts = set()
    for _ in range(20):
        (augmented,) = augment(NLP, example())
        ents = augmented.reference.ents
        assert [ent.label_ for ent in ents] == ["PER", "LOC", "PER", "ORG"]
        assert {(ent.label_, ent.text) for ent in ents} <= seen
        assert [t.text for t in augmented.predicted] == [t.text for t in augmented.reference]
        assert len(list(augmented.reference.sents)) == 2
        texts.add(augmented.reference.text.strip())
    assert "Okafor left Lisbon. Anna Kovacs met Blue River Trust." in texts


def test_level_zero_changes_nothing() -> None:
    """With nothing to replace, the example itself comes back."""
    given = example()
    assert list(create_entity_replacement(level=0.0)(NLP, given)) == [given]


def test_missing_annotation_stays_missing() -> None:
    """Tokens without entity annotation have none afterwards."""
    tags: list[str | None] = [*TAGS]
    tags[6] = None
    (augmented,) = create_entity_replacement(level=1.0)(NLP, example(tags))
    met = next(token for token in augmented.reference if token.text == "met")
    assert met.ent_iob == 0


def test_blocked_tokens_and_labels_of_any_form_do_no_harm() -> None:
    """What spaCy marks as no entity at all has no tag of its own."""
    given = example(["B-geo-loc" if tag == "B-LOC" else tag for tag in TAGS])
    doc = given.reference
    doc.set_ents([], blocked=[doc[2:3]], default="unmodified")
    (augmented,) = create_entity_replacement(level=1.0)(NLP, given)
    assert [ent.label_ for ent in augmented.reference.ents] == ["PER", "geo-loc", "PER", "ORG"]


def test_generated_names_are_made_of_what_names_of_the_label_are_made_of() -> None:
    """Every five characters of a name, its ends included, stand in a name of that label; not every name does."""
    people = ["Anna Kovacs", "Johanna Kovalenko", "Hannah Kowalski", "Marianna Kovac", "Anton Kovalev", "Anna-Lena Kova"]
    known = {f"\t{name}\n"[i : i + 5] for name in people for i in range(len(name))}
    docs = [NLP(f"{name} left.") for name in people]
    augment = create_entity_replacement(level=1.0, seed=0, generated=1.0)
    made = []
    for _ in range(20):
        for doc in docs:
            doc.set_ents([Span(doc, 0, len(doc) - 2, "PER")])
            (augmented,) = augment(NLP, Example(NLP.make_doc(doc.text), doc))
            (ent,) = augmented.reference.ents
            assert augmented.reference.text == f"{ent.text} left."
            made.append(ent)
    names = {ent.text for ent in made}
    assert all(f"\t{name}\n"[i : i + 5] in known for name in names for i in range(len(name)))
    assert names - set(people)
    assert any([token.text for token in ent[:3]] == ["Anna", "-", "Lena"] for ent in made)


@pytest.mark.parametrize("name", ["\n", "a\u00a0b", "".join(map(chr, range(0x4E00, 0x4E80)))])
def test_names_of_no_characters_to_speak_of_or_of_many_are_made_as_they_are(name: str) -> None:
    """White space, a token with a space in it, one too long to be made up: the mention stays."""
    words = [name, "left"]
    reference = Doc(NLP.vocab, words=words, spaces=[False, False], ents=["B-PER", "O"])
    augment = create_entity_replacement(level=1.0, generated=1.0)
    (augmented,) = augment(NLP, Example(Doc(NLP.vocab, words=words, spaces=[False, False]), reference))
    assert [token.text for token in augmented.reference] == words


@pytest.mark.parametrize("share", [{"level": 2}, {"generated": -0.1}, {"generated": float("nan")}])
def test_a_share_beyond_one_is_refused(share: dict[str, float]) -> None:
    """The shares of replaced entities and of generated names lie in [0, 1]."""
    with pytest.raises(DossierError, match="in \\[0, 1\\]"):
        create_entity_replacement(**share)
