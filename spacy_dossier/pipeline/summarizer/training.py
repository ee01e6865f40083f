"""What the summarizer learns from: pairs of article and summary, met in the training loop and kept in mind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.training import Example

from .features import sentence_bounds
from .labels import Target, expected_rouge
from .salience import inclusion

LABEL_WEIGHT = 0.3  # of the labels beside the expected ROUGE
REWARD_SCALE = 0.02  # of ROUGE, so that a gain of 2 points counts as 1


@dataclass
class Lesson:
    """What the ranker learns from one document: unit vectors (n, width), signals (n, F), the reference."""

    vectors: Any
    signals: NDArray[np.float32]
    target: Target


class Memory:
    """Documents seen in training, to be ranked again without the encoder, which is nearly all of the cost.

    size (int): Most documents; the oldest goes first.
    """

    def __init__(self, size: int = 4096) -> None:
        self.size = size
        self.lessons: dict[int, Lesson] = {}
        self.rng = np.random.default_rng(0)

    def keep(self, key: int, lesson: Lesson, to_numpy: Callable) -> None:
        self.lessons.pop(key, None)
        self.lessons[key] = Lesson(to_numpy(lesson.vectors).astype(np.float16), lesson.signals, lesson.target)
        if len(self.lessons) > self.size:
            del self.lessons[next(iter(self.lessons))]

    def draw(self, n: int) -> list[Lesson]:
        """RETURNS (list[Lesson]): At most n, without repetition."""
        known = list(self.lessons.values())
        chosen = self.rng.permutation(len(known))[: max(n, 0)]
        return [known[i] for i in chosen]


def extract_loss(
    logits: NDArray[np.floating], target: Target, rng: np.random.Generator
) -> tuple[float, NDArray[np.floating]]:
    """The members of the ensemble learn what ROUGE-1 their extracts may expect, and which sentences belong to good
    extracts; the calibrated logit learns the latter alone.

    Salience and label both sum to the number of sentences in an extract, so that their difference is the gradient of
    the log-likelihood of extracts.

    logits (NDArray): Of one document's sentences, (n, members + 1).
    target (Target): What its reference summary says.
    rng (Generator): For `expected_rouge`.
    RETURNS (tuple[float, NDArray]): Loss and gradient.
    """
    logits = logits.astype(np.float64)
    y = target.labels[:, None]
    p = inclusion(logits)
    gradient = p - y
    expected, by_logit = expected_rouge(logits[:, :-1], target, rng)
    gradient[:, :-1] = LABEL_WEIGHT * gradient[:, :-1] - by_logit / REWARD_SCALE
    cross_entropy = -float((y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))[:, -1].sum())
    return LABEL_WEIGHT * cross_entropy - expected / REWARD_SCALE, gradient


def has_summary(eg: Example) -> bool:
    """Whether the reference has a summary and a text to summarize."""
    return bool(eg.reference.user_data.get("summary_reference")) and len(eg.predicted) > 0


def training_bounds(eg: Example) -> Any:
    """The reference's sentences on the tokens of the prediction, (n, 2); see `sentence_bounds`."""
    bounds = sentence_bounds(eg.reference)
    if np.array_equal(eg.reference.to_array(ORTH), eg.predicted.to_array(ORTH)):
        return bounds
    alignment = eg.alignment.y2x
    rows = [np.asarray(alignment[int(start) : int(end)]) for start, end in bounds]
    spans = [(int(row.min()), int(row.max()) + 1) for row in rows if len(row)]
    # A token of the prediction that lies across two reference sentences belongs to the first.
    last = 0
    kept = []
    for start, end in spans:
        if max(start, last) < end:
            kept.append((max(start, last), end))
            last = end
    return np.array(kept, dtype=np.int64).reshape(-1, 2)
