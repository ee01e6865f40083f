"""Documents as people lay them out."""

import random

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_dossier.training.layout import BULLETS, Layout, draw_layout, lay_out

NLP = spacy.blank("en")
WORDS = ["Harbour", "news", "Anna", "Kovacs", "left", "Lisbon", ".", "Nobody", "waved", "."]
TAGS = ["O", "O", "B-PER", "I-PER", "O", "B-LOC", *"OOOO"]
STARTS = (0, 2, 7)


def make(words: list[str] = WORDS, tags: list[str] | None = TAGS, starts: tuple[int, ...] = STARTS) -> Doc:
    spaces = [not (i + 1 < len(words) and words[i + 1] == ".") for i in range(len(words))]
    marks = [i in starts for i in range(len(words))]
    return Doc(NLP.vocab, words=words, spaces=spaces, ents=tags, sent_starts=marks)


def sentences(doc: Doc) -> list[str]:
    return [" ".join(sent.text.split()) for sent in doc.sents]


def test_headings_and_paragraphs() -> None:
    """A sentence without a final mark ends its line; the others end a paragraph by their share."""
    flowing = lay_out(make(), Layout(paragraphs=0), random.Random(0))
    assert flowing.text.strip() == "Harbour news\n\nAnna Kovacs left Lisbon. Nobody waved."
    parted = lay_out(make(), Layout(gap=1, newline="\r\n", paragraphs=1), random.Random(0))
    assert parted.text.strip() == "Harbour news\r\nAnna Kovacs left Lisbon.\r\nNobody waved."
    assert sentences(parted) == ["Harbour news", "Anna Kovacs left Lisbon.", "Nobody waved."]


def test_lines_are_wrapped_and_an_entity_over_a_line_is_one() -> None:
    """No line is wider than the layout says, unless a word is."""
    doc = lay_out(make(), Layout(width=12, paragraphs=0), random.Random(0))
    assert doc.text.strip() == "Harbour news\n\nAnna Kovacs\nleft Lisbon.\nNobody\nwaved."
    assert sentences(doc) == ["Harbour news", "Anna Kovacs left Lisbon.", "Nobody waved."]
    narrow = lay_out(make(), Layout(width=5, paragraphs=0), random.Random(0))
    assert "Anna\nKovacs" in narrow.text
    assert [(ent.text, ent.label_) for ent in narrow.ents] == [("Anna\nKovacs", "PER"), ("Lisbon", "LOC")]


def test_items_of_a_list_begin_with_their_mark() -> None:
    """The mark is outside of entities and begins the sentence."""
    doc = lay_out(make(), Layout(items=1, paragraphs=0), random.Random(0))
    lines = doc.text.strip().split("\n")
    assert len(lines) == 3 and all(line[0] in BULLETS and line[1] == " " for line in lines)
    assert sentences(doc) == lines
    assert [ent.text for ent in doc.ents] == ["Anna Kovacs", "Lisbon"]


def test_missing_annotation_stays_missing() -> None:
    """No token is said to be outside of entities where nobody said so."""
    doc = lay_out(make(tags=None), Layout(width=10, paragraphs=1, items=0.5), random.Random(1))
    assert not doc.has_annotation("ENT_IOB")


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_words_entities_and_sentences_are_those_of_the_document(data: st.DataObject, seed: int) -> None:
    """Whatever the layout: but for white space and marks of items, what is read is what was there, and what the
    tokenizer makes of the text can be aligned with it."""
    words = data.draw(st.lists(st.sampled_from(["Anna", "Kovacs", "left", "Lisbon", "a-b", "."]), min_size=1, max_size=60))
    tags = ["B-PER" if word == "Anna" else "I-PER" if i and words[i - 1 : i + 1] == ["Anna", "Kovacs"] else "O"
            for i, word in enumerate(words)]  # fmt: skip
    starts = tuple(i for i in range(len(words)) if i == 0 or (words[i - 1] == "." and tags[i] != "I-PER"))
    doc = make(words, tags, starts)
    rng = random.Random(seed)
    copy = lay_out(doc, draw_layout(rng), rng)
    assert [token.text for token in copy if not token.is_space and token.text not in BULLETS] == words
    assert [" ".join(ent.text.split()) for ent in copy.ents] == [ent.text for ent in doc.ents]
    found = [" ".join(word for word in sent.split() if word not in BULLETS) for sent in sentences(copy)]
    assert found == sentences(doc)
    again = NLP.make_doc(copy.text)
    assert "".join(token.text_with_ws for token in again) == copy.text


@pytest.mark.parametrize("seed", range(5))
def test_layouts_differ(seed: int) -> None:
    """Wrapped and not, with empty lines and without, CRLF too."""
    rng = random.Random(seed)
    drawn = [draw_layout(rng) for _ in range(200)]
    assert {layout.gap for layout in drawn} == {1, 2} and {layout.newline for layout in drawn} == {"\n", "\r\n"}
    assert 60 <= sum(layout.width is None for layout in drawn) <= 140
