"""How salient each sentence is by the trained ranker, and which signals speak for it."""

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
    vectors = [features.vectors for features in filled]
    found = iter(map(inclusion, logits_of(ranker, vectors, [signals(f, frequency_of(ranker)) for f in filled])))
    return [next(found) if len(features) else np.zeros(0, dtype=np.float32) for features in documents]


def explain_trained(ranker: Model, features: SentenceFeatures) -> list[dict[str, float]]:
    """How much lower each sentence's logit would be were it average for its document in one group of signals.

    RETURNS (list[dict[str, float]]): For each sentence the groups that speak for it most.
    """
    if not len(features):
        return []
    vectors = features.vectors.astype(np.float32)
    own = signals(features, frequency_of(ranker))
    plain = {group: own.copy() for group in GROUPS}
    for group, columns in GROUPS.items():
        plain[group][:, columns] = own[:, columns].mean(axis=0)
    average = vectors.mean(axis=0, keepdims=True).repeat(len(vectors), axis=0)
    # All of them are documents of one batch of the ranker's.
    logits, *others = logits_of(ranker, [vectors, *[vectors] * len(plain), average], [own, *plain.values(), own])
    return leading({name: logits - other for name, other in zip([*plain, "content"], others, strict=True)})


def frequency_of(ranker: Model) -> DocumentFrequency:
    """How common words are in the articles of the training data; saved with the model."""
    return ranker.attrs["frequency"]


def logits_of(
    ranker: Model, vectors: list[NDArray[np.floating]], all_signals: list[NDArray[np.float32]]
) -> list[Floats]:
    """RETURNS (list[Floats]): The calibrated logit of each sentence of each document, (n,)."""
    if not vectors:
        return []
    ops = ranker.ops
    ends = np.cumsum([len(v) for v in vectors])[:-1].tolist()
    flat = ops.asarray2f(np.concatenate(vectors).astype(np.float32))
    logits = ranker.predict((ops.xp.split(flat, ends), all_signals))
    return np.split(ops.to_numpy(ops.xp.concatenate(logits))[:, -1], ends)


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
