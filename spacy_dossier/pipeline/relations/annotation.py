"""The relations that an example is annotated with, on the tokens of the pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc, Span
from spacy.training import Example

from ...models.arrays import Ints
from ..extensions import RELATION_LABELS, get_relations
from .candidates import Entity


@dataclass
class Annotation:
    """What an example says.

    entities (list[Entity]): Those that align with the pipeline's tokens, in the order of the text.
    relations (list[tuple[int, int, str]]): Head and tail as numbers of the entities, and label.
    total (int): Relations, those that do not align too.
    labels (set[str] | None): The labels that the corpus annotates; None where it says nothing of relations.
    sentence (Ints | None): The number of the sentence of each token.
    """

    entities: list[Entity]
    relations: list[tuple[int, int, str]]
    total: int
    labels: set[str] | None
    sentence: Ints | None

    def with_found(self, found: Iterable[Entity]) -> list[Entity]:
        """RETURNS (list[Entity]): The annotated entities, and beside them those that were found and are others."""
        return sorted({*self.entities, *found}, key=lambda entity: (entity.start, entity.end, entity.label))


def is_annotated(doc: Doc) -> bool:
    """Whether the corpus says which relations are in a document, be it none."""
    return doc.user_data.get(RELATION_LABELS) is not None or bool(get_relations(doc))


def annotated(eg: Example) -> Annotation:
    """RETURNS (Annotation): What an example says of relations."""
    if not is_annotated(eg.reference):
        return Annotation([], [], 0, None, None)
    relations = get_relations(eg.reference)
    place: dict[tuple[int, int], int] = {}
    entities: list[Entity] = []
    for ent in eg.reference.ents:
        if aligned := eg.get_aligned_spans_y2x([ent]):
            place[ent.start, ent.end] = len(entities)
            entities.append(Entity(aligned[0].start, aligned[0].end, ent.label_))
    found = [
        (place[bounds(head)], place[bounds(tail)], label)
        for head, tail, label, _ in relations
        if bounds(head) in place and bounds(tail) in place
    ]
    known = {label for *_, label in found} | set(eg.reference.user_data.get(RELATION_LABELS) or ())
    return Annotation(entities, found, len(relations), known, sentence_numbers(eg))


def bounds(span: Span) -> tuple[int, int]:
    return span.start, span.end


def sentence_numbers(eg: Example) -> Ints | None:
    """RETURNS (Ints | None): The number of the sentence of each token of the prediction; None without annotation."""
    if not eg.reference.has_annotation("SENT_START"):
        return None
    starts = eg.get_aligned_sent_starts()
    return np.cumsum(np.array([start == 1 for start in starts], dtype=np.int64))
