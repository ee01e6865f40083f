"""The relations of a document, as the report shows them: with the sentence behind each."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import spacy
from spacy.language import Language

from ..process.record import Record
from ..text.sentences import rule_sentences
from .index import name_of

AROUND = 400  # characters on either side in which the ends of a sentence are looked for
LONGEST = 600  # characters of a sentence, or of several, that are quoted
GAP = "\n\n"  # what parts paragraphs


class End(NamedTuple):
    """The head or the tail of a relation: the entity, and the number of the mention in the record."""

    name: str
    label: str
    mention: int


@dataclass(frozen=True)
class Fact:
    """A relation of a document; its sentence is empty where there is no text."""

    head: End
    label: str
    tail: End
    confidence: float | None
    sentence: str


def facts_of(record: Record, text: str | None, lang: str) -> list[Fact]:
    """RETURNS (list[Fact]): The relations of a record, by their heads."""
    found = []
    for relation in sorted(record.relations, key=lambda r: (r.head, r.tail)):
        ends = [record.entities[number] for number in (relation.head, relation.tail)]
        start, end = min(e.start for e in ends), max(e.end for e in ends)
        head, tail = (End(name_of(e), e.label, n) for e, n in zip(ends, (relation.head, relation.tail), strict=True))
        sentence = "" if text is None else sentence_around(text, start, end, lang)
        found.append(Fact(head, relation.label, tail, relation.confidence, sentence))
    return found


def sentence_around(text: str, start: int, end: int, lang: str) -> str:
    """The sentence that holds a stretch of a text, or the sentences; without line breaks.

    RETURNS (str): At most LONGEST characters; of more the middle is left out.
    """
    first = max(text.rfind(GAP, 0, start) + 1, start - AROUND, 0)
    stop = text.find(GAP, end, end + AROUND)
    after = min(end + AROUND, len(text)) if stop < 0 else stop
    doc = blank(lang).tokenizer(text[first:after])
    spans = [(doc[a].idx, doc[b - 1].idx + len(doc[b - 1])) for a, b in rule_sentences(doc)]
    held = [(a, b) for a, b in spans if b > start - first and a < end - first] or [(start - first, end - first)]
    words = " ".join(doc.text[held[0][0] : held[-1][1]].split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST // 2]} … {words[-LONGEST // 2 :]}"


@cache
def blank(lang: str) -> Language:
    """RETURNS (Language): The tokenizer of a language; a plain one where spaCy has none for it."""
    try:
        return spacy.blank(lang or "xx")
    except ImportError:
        return spacy.blank("xx")
