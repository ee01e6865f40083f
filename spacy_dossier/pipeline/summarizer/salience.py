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
    logits = logits_of(ranker, vectors, [signals(f, frequency_of(ranker)) for f in filled])
    found = iter(inclusions(logits))
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


def inclusions(logits: list[Floats], size: int = EXTRACT) -> list[Floats]:
    """Probability of being among `size` sentences of their document: sigmoid of the logits, moved so that they sum to
    `size`.

    logits (list[NDArray]): Of the sentences of each document, one at least: (n,), or (n, members).
    size (int): Sentences in an extract.
    RETURNS (list[NDArray]): In [0, 1], of the same shapes; all 1 if there are no more than `size` sentences.
    """
    if not logits:
        return []
    counts = np.array([len(own) for own in logits])
    starts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    flat = np.concatenate(logits)
    low, high = np.minimum.reduceat(flat, starts) - 20.0, np.maximum.reduceat(flat, starts) + 20.0
    for _ in range(30):  # halves the interval to below 1e-6
        middle = (low + high) / 2
        above = np.add.reduceat(1 / (1 + np.exp(middle[owner] - flat)), starts) > size
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    found = 1 / (1 + np.exp(((low + high) / 2)[owner] - flat))
    found[np.repeat(counts <= size, counts)] = 1.0
    return np.split(found, starts[1:])


def inclusion(logits: Floats, size: int = EXTRACT) -> Floats:
    """The same of one document, of any number of sentences."""
    return inclusions([logits], size)[0] if len(logits) else np.ones(logits.shape)


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
