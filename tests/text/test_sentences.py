"""Sentences by rule: one line of the expected text for each."""

import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_dossier.text.sentences import rule_sentences

from ..hostile import ends

VOCAB = Vocab()


def split(text: str, lang: str = "en") -> list[str]:
    doc = spacy.blank(lang)(text)
    return [doc[start:end].text for start, end in rule_sentences(doc)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Mr. Smith met Dr. J. R. Jones at 5 p.m. on Friday.", "They left."],
        ["The U.S. Senate voted in the U.S.", "The next day it rained."],
        ["George W. Bush won.", "J. Edgar Hoover did not."],
        ["It cost $3.50, or 2.75 in May.", "Pay 1,000.", "Now."],
        ["She works at Acme Inc. in St. Louis.", "Acme Inc. said so.", "He joined Acme Inc.", "The firm grew."],
        ['"What is it?" he asked.', '"Nothing."', "She left."],
        ["“Stop!” he cried.", "“Why?”", "No one answered."],
        ['He said: "I came.', 'I saw."', "Then he slept."],
        ["Wait... what?", "Yes!", "Then it ended...", "Nobody moved."],
        ["Was it Yahoo! or Bing?", "Who knows?!", "Not me."],
        ["He left (it was late.)", "She stayed."],
        ["iPhone sales rose.", "eBay fell."],
        ["See Fig. 3 and Sec. 4.2 for details.", "No. 10 is small."],
        ["So do I.", "Plan B.", "The end."],
    ],
)
def test_english(sentences: list[str]) -> None:
    """Abbreviations, initials, numbers, quotations and ellipses do not mislead."""
    assert split(" ".join(sentences)) == sentences


def test_line_breaks() -> None:
    """Headings and list items end with their line; white space belongs to no sentence."""
    assert split("  A heading\nText follows. More\n\n\nEnd  \n") == ["A heading", "Text follows.", "More", "End"]
    assert split("1. First thing\n2. Second thing\r\n- third") == ["1. First thing", "2. Second thing", "- third"]


def test_wrapped_lines() -> None:
    """In text wrapped at a fixed width only blank and short lines end a sentence."""
    lines = [
        "The rain that fell over the hills in",
        "the night had filled the river, and",
        "in the morning it stood as high as",
        "the old bridge. Nobody crossed.",
        "",
        "Then it",
        "fell.",
    ]
    assert [" ".join(s.split()) for s in split("\n".join(lines))] == [
        "The rain that fell over the hills in the night had filled the river, and in the morning it stood as high as "
        "the old bridge.",
        "Nobody crossed.",
        "Then it fell.",
    ]


def test_missing_space() -> None:
    """A sentence may be glued to the next."""
    assert split("He came home.The dog barked. See amazon.com now.") == [
        "He came home.",
        "The dog barked.",
        "See amazon.com now.",
    ]


@pytest.mark.parametrize(
    ("lang", "sentences", "glue"),
    [
        ("de", ["Am 3. Oktober kam Dr. Berg.", "Er blieb z.B. bis Mai.", "Dann ging er."], " "),
        ("zh", ["他在北京工作。", "她不在吗？", "“在！”"], ""),
        ("ar", ["هل هذا صحيح؟", "نعم.", "هو هنا."], " "),
        ("hi", ["वह गया।", "मैं नहीं गया।"], " "),
        ("es", ["¿Vino el Sr. López?", "No.", "¡Qué pena!"], " "),
        ("xx", ["Один ушёл.", "Другой остался."], " "),
    ],
)
def test_other_languages(lang: str, sentences: list[str], glue: str) -> None:
    """Marks of other scripts end sentences; ordinals and abbreviations of the language do not."""
    assert split(glue.join(sentences), lang) == sentences


def test_every_word_is_in_one_sentence() -> None:
    """Spans are in order, do not overlap, and leave out white space only."""
    doc = spacy.blank("en")(" \n A. B! \"C?\" ...\n\n(D.)  e.g. F; 'G.' \t H \u2028 I.J. K")
    spans = rule_sentences(doc)
    covered = [i for start, end in spans for i in range(start, end)]
    assert covered == sorted(set(covered))
    assert {token.i for token in doc if not token.is_space} <= set(covered)
    assert not any(doc[start].is_space or doc[end - 1].is_space for start, end in spans)
    assert rule_sentences(spacy.blank("en")("")) == rule_sentences(spacy.blank("en")(" \n ")) == []


HOSTILE = [
    *('"', ".", ")", "(", '. "', ". )", "A .", "1 .", "... .", '" ( .', ". \n"),
    *("a . )", "' .", '? ! " )', "– .", "Mr. ."),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_words_come_to_an_end(unit: str) -> None:
    """No rule looks at the same words again and again: a hundred thousand of them take what they take."""
    words = unit.split(" ") * (100_000 // len(unit.split(" ")))
    doc = Doc(VOCAB, words=words, spaces=[False] * len(words))
    sentences = ends(rule_sentences, doc)
    assert [start for start, _ in sentences[1:]] == [end for _, end in sentences[:-1]]
