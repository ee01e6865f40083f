"""Texts with marks to spaCy Docs and back."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import groupby
from math import inf

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ...pipeline.extensions import (
    RELATION_LABELS,
    Relation,
    clear_confidences,
    entity_confidences,
    get_relations,
    prune_relations,
    set_relations,
)
from .document import Annotated, Link, Mark

NESTED = "nested"  # doc.spans: entities that overlap one of doc.ents


@dataclass
class Aligned:
    """A Doc, and what could not be put into it.

    doc (Doc): The Doc.
    inside (list[tuple[Mark, str]]): Marks that begin or end inside a token, each with the nearest span of tokens.
    overlapping (int): Entities that overlap a longer one; they are in `doc.spans["nested"]`.
    unrelated (list[Link]): Relations of what is none of `doc.ents`.
    """

    doc: Doc
    inside: list[tuple[Mark, str]] = field(default_factory=list)
    overlapping: int = 0
    unrelated: list[Link] = field(default_factory=list)


def make_doc(nlp: Language, text: Annotated, *, mode: str = "strict") -> Aligned:
    """Make a Doc.

    nlp (Language): A pipeline whose tokenizer finds tokens where the text has none.
    text (Annotated): The text and its marks; its tokens stand in order.
    mode (str): What happens to marks that begin or end inside a token, as in `Doc.char_span`: `strict` leaves them out,
        `expand` and `contract` move them; they are listed in any case.
    RETURNS (Aligned): The Doc, with entities, and sentences where the file says so; in `user_data` its `id`.
    """
    doc = _tokens_of(nlp, text) if text.tokens else nlp.tokenizer(text.text)
    if text.id:
        doc.user_data["id"] = text.id
    if text.sentences:
        starts = [*sorted(text.sentences), len(text.text)]
        for token in doc:
            following = starts[bisect_left(starts, token.idx)]
            token.is_sent_start = token.i == 0 or following < token.idx + len(token)
    return align(doc, text, mode=mode)


def align(doc: Doc, text: Annotated, *, mode: str = "strict") -> Aligned:
    """Make the marks of a text the entities of its Doc.

    doc (Doc): The Doc.
    text (Annotated): The text and its marks.
    mode (str): See `make_doc`.
    RETURNS (Aligned): The Doc, and what could not be put into it.
    """
    clear_confidences(doc)
    doc.spans.pop(NESTED, None)
    aligned = Aligned(doc)
    spans: list[Span] = []
    places: dict[Mark, Span] = {}
    for mark in dict.fromkeys(text.marks):
        span = doc.char_span(mark.start, mark.end, label=mark.label)
        if span is None:
            nearest = doc.char_span(mark.start, mark.end, label=mark.label, alignment_mode="expand")
            aligned.inside.append((mark, nearest.text if nearest is not None else ""))
            span = doc.char_span(mark.start, mark.end, label=mark.label, alignment_mode=mode)
        if span is not None and len(span):
            spans.append(span)
            places[mark] = span
    chosen = filter_spans(spans)  # the longest, and of those the first
    kept = set(chosen)
    nested = [span for span in spans if span not in kept]
    inside = {i for span in chosen for i in range(span.start, span.end)}
    missing = [doc[t.i : t.i + 1] for t in doc if t.i not in inside and _is_in(t.idx, text.missing)]
    doc.set_ents(chosen, missing=missing, default="outside")
    if nested:
        doc.spans[NESTED] = nested
    aligned.overlapping = len(nested)
    _relate(aligned, text, {mark: span for mark, span in places.items() if span in kept})
    return aligned


def _is_in(place: int, stretches: list[tuple[int, int]]) -> bool:
    """stretches (list[tuple[int, int]]): In order, none over another."""
    i = bisect_right(stretches, (place, inf)) - 1
    return i >= 0 and place < stretches[i][1]


def _relate(aligned: Aligned, text: Annotated, places: dict[Mark, Span]) -> None:
    """Give a Doc the relations of a text; of one that has none annotated it keeps those whose entities are there."""
    doc = aligned.doc
    if not text.links and text.relation_labels is None:
        prune_relations(doc)
        return
    if text.relation_labels is not None:
        doc.user_data[RELATION_LABELS] = list(text.relation_labels)
    relations = []
    for link in text.links:
        if link.head in places and link.tail in places:
            relations.append(Relation(places[link.head], places[link.tail], link.label, link.score))
        else:
            aligned.unrelated.append(link)
    set_relations(doc, relations)


def _tokens_of(nlp: Language, text: Annotated) -> Doc:
    """RETURNS (Doc): The tokens that the file names; what stands between them, but for one space, is a token too."""
    words: list[str] = []
    spaces: list[bool] = []
    place = 0
    for start, end in [*text.tokens, (len(text.text), len(text.text))]:
        if gap := text.text[place:start]:
            if words and gap[0] == " ":
                spaces[-1], gap = True, gap[1:]
            if gap:
                words.append(gap)
                spaces.append(False)
        if end > start:
            words.append(text.text[start:end])
            spaces.append(False)
        place = end
    return Doc(nlp.vocab, words=words, spaces=spaces)


def annotated_of(doc: Doc, id: str = "") -> Annotated:
    """RETURNS (Annotated): A Doc as a text with marks, its confidences as scores, its tokens and sentences."""
    marks = [
        Mark(ent.start_char, ent.end_char, ent.label_, score)
        for ent, score in zip(doc.ents, entity_confidences(doc), strict=True)
    ]
    marks += [Mark(span.start_char, span.end_char, span.label_) for span in doc.spans.get(NESTED, ())]
    sentences = [sent.start_char for sent in doc.sents] if doc.has_annotation("SENT_START") else []
    tokens = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
    found = Annotated(str(doc.user_data.get("id") or id), doc.text, marks, tokens, sentences)
    entities = {(ent.start, ent.end): mark for ent, mark in zip(doc.ents, marks, strict=False)}
    for relation in get_relations(doc):
        head, tail = (entities.get((span.start, span.end)) for span in (relation.head, relation.tail))
        if head is not None and tail is not None:
            found.links.append(Link(head, tail, relation.label, relation.confidence))
    labels = doc.user_data.get(RELATION_LABELS)
    found.relation_labels = None if labels is None else list(labels)
    for is_missing, run in groupby(doc, key=lambda token: token.ent_iob == 0):
        if is_missing:
            stretch = list(run)
            found.missing.append((stretch[0].idx, stretch[-1].idx + len(stretch[-1])))
    return found
