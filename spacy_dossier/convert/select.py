"""Which texts are worth annotating: those where a pipeline expects to be wrong, and that differ from each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from spacy.tokens import Doc

from ..pipeline.extensions import entity_confidences, get_missed

ALIKE = 0.8  # share of words in common (Jaccard) from which two texts are near duplicates; Broder 1997 has 0.5 to 0.95


@dataclass
class Selection:
    """What was chosen.

    docs (list[Doc]): The documents, the most promising first.
    expected (float): Errors that are expected in them.
    alike (int): Documents passed over because one like them was chosen.
    unscored (int): Documents whose entities have no confidence.
    unknown (int): Documents that do not say what is expected to be missed in them; only their entities count.
    """

    docs: list[Doc] = field(default_factory=list)
    expected: float = 0.0
    alike: int = 0
    unscored: int = 0
    unknown: int = 0


def expected_errors(doc: Doc, label: str | None = None) -> float:
    """How many corrections a document is expected to need, by how sure a pipeline is.

    doc (Doc): The document.
    label (str | None): The label whose entities count; `None` for all.
    RETURNS (float): Entities that are wrong, the sum of 1 − confidence over those found, and entities that are missed.
    """
    confidences = zip(doc.ents, entity_confidences(doc), strict=True)
    wrong = sum(1 - c for ent, c in confidences if c is not None and label in (None, ent.label_))
    missed = get_missed(doc) or {}
    return wrong + (sum(missed.values()) if label is None else missed.get(label, 0.0))


def select(docs: Sequence[Doc], n: int, *, words: bool = False, by_label: bool = False) -> Selection:
    """Choose documents.

    docs (Sequence[Doc]): Processed documents, with confidences.
    n (int): How many to choose.
    words (bool): Whether `n` is a number of words, white space apart, and not of documents.
    by_label (bool): Whether to take in turn the best of each label, so that rare ones get their share.
    RETURNS (Selection): Those with most expected errors for what they count, without near duplicates. The last document
        may go beyond `n` words.
    """
    sizes = [sum(not token.is_space for token in doc) if words else 1 for doc in docs]
    labels: list[str | None] = [None]
    if by_label:
        labels = sorted(
            {label for doc in docs for label in (*(ent.label_ for ent in doc.ents), *(get_missed(doc) or ()))}
        )
    ranks = [_ranked(docs, sizes, label) for label in labels]
    result = Selection(
        unscored=sum(bool(doc.ents) and all(c is None for c in entity_confidences(doc)) for doc in docs),
        unknown=sum(get_missed(doc) is None for doc in docs),
    )
    seen: set[int] = set()
    chosen: list[frozenset[str]] = []
    left = n
    for i in (i for row in zip_longest(*ranks) for i in row if i is not None):
        if left <= 0:
            break
        if i in seen:
            continue
        seen.add(i)
        forms = frozenset(token.lower_ for token in docs[i] if not token.is_space)
        if any(len(forms & other) > ALIKE * len(forms | other) for other in chosen):
            result.alike += 1
            continue
        chosen.append(forms)
        left -= sizes[i]
        result.docs.append(docs[i])
        result.expected += expected_errors(docs[i])
    return result


def _ranked(docs: Sequence[Doc], sizes: Sequence[int], label: str | None) -> list[int]:
    """RETURNS (list[int]): Documents in which errors are expected, most for their size first."""
    shares = {
        i: expected_errors(doc, label) / size for i, (doc, size) in enumerate(zip(docs, sizes, strict=True)) if size
    }
    return [i for i in sorted(shares, key=lambda i: (-shares[i], i)) if shares[i] > 0]
