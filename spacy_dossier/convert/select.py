"""Which texts are worth annotating: those where a pipeline expects to be wrong, and that differ from each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from spacy.tokens import Doc

from ..pipeline.extensions import entity_confidences

ALIKE = 0.8  # share of words in common (Jaccard) from which two texts are near duplicates; Broder 1997 has 0.5 to 0.95


@dataclass
class Selection:
    """What was chosen.

    docs (list[Doc]): The documents, the most promising first.
    expected (float): Errors that their confidences expect in them.
    alike (int): Documents passed over because one like them was chosen.
    unscored (int): Documents whose entities have no confidence.
    """

    docs: list[Doc] = field(default_factory=list)
    expected: float = 0.0
    alike: int = 0
    unscored: int = 0


def expected_errors(doc: Doc, label: str | None = None) -> float:
    """RETURNS (float): The sum of 1 − confidence over the entities of a document, or over those of one label."""
    confidences = zip(doc.ents, entity_confidences(doc), strict=True)
    return sum(1 - c for ent, c in confidences if c is not None and label in (None, ent.label_))


def select(docs: Sequence[Doc], n: int, *, by_label: bool = False) -> Selection:
    """Choose documents.

    docs (Sequence[Doc]): Processed documents, with confidences.
    n (int): How many to choose.
    by_label (bool): Whether to take in turn the best of each label, so that rare ones get their share.
    RETURNS (Selection): Those with most expected errors to a word, without near duplicates.
    """
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents}) if by_label else [None]
    ranks = [_ranked(docs, label) for label in labels]
    result = Selection(unscored=sum(bool(doc.ents) and all(c is None for c in entity_confidences(doc)) for doc in docs))
    seen: set[int] = set()
    chosen: list[frozenset[str]] = []
    for i in (i for row in zip_longest(*ranks) for i in row if i is not None):
        if len(result.docs) >= n:
            break
        if i in seen:
            continue
        seen.add(i)
        words = frozenset(token.lower_ for token in docs[i] if not token.is_space)
        if any(len(words & other) > ALIKE * len(words | other) for other in chosen):
            result.alike += 1
            continue
        chosen.append(words)
        result.docs.append(docs[i])
        result.expected += expected_errors(docs[i])
    return result


def _ranked(docs: Sequence[Doc], label: str | None) -> list[int]:
    """RETURNS (list[int]): Documents in which errors are expected, most to a word first."""
    shares = {i: expected_errors(doc, label) / len(doc) for i, doc in enumerate(docs) if len(doc)}
    return [i for i in sorted(shares, key=lambda i: (-shares[i], i)) if shares[i] > 0]
