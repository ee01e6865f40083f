"""From the ranker's logits to salience, and to the signals that speak for a sentence."""

import numpy as np
from numpy.typing import NDArray

from .labels import EXTRACT


def inclusion(logits: NDArray[np.floating], size: int = EXTRACT) -> NDArray[np.floating]:
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


def leading(drops: dict[str, NDArray[np.floating]], top: int = 3) -> list[dict[str, float]]:
    """RETURNS (list[dict[str, float]]): For each sentence the groups of signals that raise its logit most, and by how
    much, the strongest first."""
    names = list(drops)
    table = np.stack([drops[name] for name in names], axis=1)  # (n, groups)
    order = np.argsort(-table, axis=1)[:, :top]
    return [
        {names[k]: round(float(row[k]), 3) for k in best if row[k] > 0} for row, best in zip(table, order, strict=True)
    ]
