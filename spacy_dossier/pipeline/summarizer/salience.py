"""How salient each sentence is by the trained ranker, and which signals speak for it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model

from ...models.signals import DocumentFrequency
from .features import SentenceFeatures
from .labels import EXTRACT
from .signals import GROUPS, signals

Floats = NDArray[np.floating]


def rank_trained(ranker: Model, documents: list[SentenceFeatures]) -> list[Floats]:
    """RETURNS (list[Floats]): Salience of each sentence of each document, in [0, 1], (n,)."""
    filled = [features for features in documents if len(features)]
    xp = ranker.ops.xp
    vectors = [xp.asarray(features.vectors, dtype="f") for features in filled]
    found = iter(map(inclusion, logits_of(ranker, vectors, [signals(f, frequency_of(ranker)) for f in filled])))
    return [next(found) if len(features) else np.zeros(0, dtype=np.float32) for features in documents]


def explain_trained(ranker: Model, features: SentenceFeatures) -> list[dict[str, float]]:
    """How much lower each sentence's logit would be were it average for its document in one group of signals.

    RETURNS (list[dict[str, float]]): For each sentence the groups that speak for it most.
    """
    if not len(features):
        return []
    vectors = ranker.ops.xp.asarray(features.vectors, dtype="f")
    own = signals(features, frequency_of(ranker))
    (logits,) = logits_of(ranker, [vectors], [own])
    drops: dict[str, Floats] = {}
    for group, columns in GROUPS.items():
        plain = own.copy()
        plain[:, columns] = plain[:, columns].mean(axis=0)
        drops[group] = logits - logits_of(ranker, [vectors], [plain])[0]
    average = vectors.mean(axis=0, keepdims=True).repeat(len(vectors), axis=0)
    drops["content"] = logits - logits_of(ranker, [average], [own])[0]
    return leading(drops)


def frequency_of(ranker: Model) -> DocumentFrequency:
    """How common words are in the articles of the training data; saved with the model."""
    return ranker.attrs["frequency"]


def logits_of(ranker: Model, vectors: list[Any], all_signals: list[NDArray[np.float32]]) -> list[Floats]:
    """RETURNS (list[Floats]): The calibrated logit of each sentence of each document, (n,)."""
    if not vectors:
        return []
    return [ranker.ops.to_numpy(logits)[:, -1] for logits in ranker.predict((vectors, all_signals))]


def inclusion(logits: Floats, size: int = EXTRACT) -> Floats:
    """Probability of being among `size` sentences: sigmoid of the logits, moved so that they sum to `size`.

    logits (NDArray): (n,) or (n, members).
    size (int): Sentences in an extract.
    RETURNS (NDArray): In [0, 1], of the same shape; all 1 if there are no more than `size` sentences.
    """
    if len(logits) <= size:
        return np.ones(logits.shape)
    low, high = logits.min(axis=0) - 20.0, logits.max(axis=0) + 20.0
    for _ in range(30):  # halves the interval to below 1e-6
        middle = (low + high) / 2
        above = (1 / (1 + np.exp(middle - logits))).sum(axis=0) > size
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return 1 / (1 + np.exp((low + high) / 2 - logits))


def leading(drops: dict[str, Floats], top: int = 3) -> list[dict[str, float]]:
    """RETURNS (list[dict[str, float]]): For each sentence the groups of signals that raise its logit most, and by how
    much, the strongest first."""
    names = list(drops)
    by_sentence = np.stack([drops[name] for name in names], axis=1)  # (n, groups)
    order = np.argsort(-by_sentence, axis=1)[:, :top]
    return [
        {names[k]: round(float(row[k]), 3) for k in best if row[k] > 0}
        for row, best in zip(by_sentence, order, strict=True)
    ]
