"""The token-level table of IOB2 classes: what scikit-learn's classification_report gives over B-, I- and O tags."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .corpus import ScoredEntity, annotated_tokens, token_offsets
from .entities import Pair
from .metrics import Counts, table

OUTSIDE = "O"


def iob2(offsets: np.ndarray, entities: Sequence[ScoredEntity]) -> list[str]:
    """Project entities onto tokens as IOB2 tags.

    A token belongs to an entity when they share a character, and to the first one when several do. With entities that
    end where tokens end these are the usual tags.

    offsets (ndarray): Start and end character of each token, of shape (tokens, 2).
    """
    tags = [OUTSIDE] * len(offsets)
    firsts = np.searchsorted(offsets[:, 1], [entity.start for entity in entities], side="right")
    lasts = np.searchsorted(offsets[:, 0], [entity.end for entity in entities], side="left")
    for entity, first, last in zip(entities, firsts.tolist(), lasts.tolist(), strict=True):
        prefix = "B-"
        for i in range(first, last):
            if tags[i] == OUTSIDE:
                tags[i] = prefix + entity.label
                prefix = "I-"
    return tags


def tag_counts(pairs: Sequence[Pair]) -> Counts:
    """Count the tags of annotated tokens by document; tokens without annotation are not counted."""
    tagged = []
    for pair in pairs:
        offsets, annotated = token_offsets(pair.doc), annotated_tokens(pair.doc)
        tagged.append([np.array(iob2(offsets, side), dtype=object)[annotated] for side in (pair.gold, pair.predicted)])
    labels = sorted({tag for sides in tagged for side in sides for tag in side})
    index = {label: i for i, label in enumerate(labels)}
    correct, predicted, gold = (np.zeros((len(pairs), len(labels)), dtype=np.int64) for _ in range(3))
    for row, sides in enumerate(tagged):
        truth, guess = (np.array([index[tag] for tag in side], dtype=np.int64) for side in sides)
        gold[row] = np.bincount(truth, minlength=len(labels))
        predicted[row] = np.bincount(guess, minlength=len(labels))
        correct[row] = np.bincount(truth[truth == guess], minlength=len(labels))
    return Counts(labels, correct, predicted, gold)


def token_table(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Score the tags of all annotated tokens.

    RETURNS (dict[str, Any]): `micro` (the accuracy), `macro`, `weighted` and `labels` over all classes, O among them,
        and under `entity_classes` the three averages without O.
    """
    counts = tag_counts(pairs)
    scores = table(counts)
    inside = table(counts.select([label for label in counts.labels if label != OUTSIDE]))
    scores["entity_classes"] = {name: inside[name] for name in ("micro", "macro", "weighted")}
    return scores
