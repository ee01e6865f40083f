"""Precision, recall and F1 from counts by document and label, with bootstrap intervals over documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
MEASURES = ("precision", "recall", "f1")
CHUNK = 4_000_000  # weights of resampled documents held at once


@dataclass
class Counts:
    """What each document has of each label.

    labels (list[str]): Names of the columns.
    correct, predicted, gold (ndarray): int64 of shape (documents, labels).
    """

    labels: list[str]
    correct: np.ndarray
    predicted: np.ndarray
    gold: np.ndarray

    def select(self, labels: Sequence[str]) -> "Counts":
        """RETURNS (Counts): The columns of these labels."""
        columns = [self.labels.index(label) for label in labels]
        return Counts(list(labels), self.correct[:, columns], self.predicted[:, columns], self.gold[:, columns])


def ratio(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """Divide, with 0 where there is nothing to divide by (the convention of conlleval, seqeval and scikit-learn)."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    return np.divide(numerator, denominator, out=np.zeros(np.broadcast(numerator, denominator).shape),
                     where=denominator > 0)  # fmt: skip


def prf(correct: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Precision, recall and F1 in a new last axis of size 3."""
    return np.stack([ratio(correct, predicted), ratio(correct, gold), ratio(2 * correct, predicted + gold)], axis=-1)


def averages(correct: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> dict[str, np.ndarray]:
    """The scores over all labels, and their averages.

    Macro is the mean over the labels that occur, in gold or prediction; weighted is the mean by gold support.

    correct, predicted, gold (ndarray): Counts of shape (..., labels).
    RETURNS (dict[str, ndarray]): `micro`, `macro` and `weighted` of shape (..., 3), `labels` of shape (..., labels, 3).
    """
    each = prf(correct, predicted, gold)
    occurs = (predicted + gold) > 0
    return {
        "micro": prf(correct.sum(-1), predicted.sum(-1), gold.sum(-1)),
        "macro": ratio((each * occurs[..., None]).sum(-2), occurs.sum(-1)[..., None]),
        "weighted": ratio((each * gold[..., None]).sum(-2), gold.sum(-1)[..., None]),
        "labels": each,
    }


def resample(values: np.ndarray, *, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Draw as many documents as there are, with replacement, many times over, and sum their values.

    The draws depend on the seed and the number of documents alone, so that two calls over the same documents are
    paired, and so is the difference of what is computed from them (Efron & Tibshirani 1993; for NLP: Koehn 2004).

    values (ndarray): Of shape (documents, k).
    RETURNS (ndarray): Of shape (resamples, k).
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    values = values.astype(float)
    step = max(1, CHUNK // max(n, 1))
    sums = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        sums[start : start + size] = rng.multinomial(n, np.full(n, 1 / n), size=size).astype(float) @ values
    return sums


def interval(replicates: np.ndarray) -> dict[str, float]:
    """The percentile interval of bootstrap replicates. RETURNS (dict[str, float]): `low` and `high`."""
    return intervals(replicates[:, None])[0]


def intervals(replicates: np.ndarray) -> list[dict[str, float]]:
    """The percentile interval of each column of replicates, of shape (resamples, k)."""
    ends = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [{"low": float(low), "high": float(high)} for low, high in ends.T]


def replicate_averages(counts: Counts) -> dict[str, np.ndarray]:
    """`averages` of each bootstrap resample: the same shapes with the resamples as first axis."""
    stacked = np.concatenate([counts.correct, counts.predicted, counts.gold], axis=1)
    return averages(*np.split(resample(stacked), 3, axis=1))


def table(counts: Counts) -> dict[str, Any]:
    """Scores as they stand in scores.json: micro, macro, weighted and by label, with support and intervals.

    Intervals need two documents at least and are left out below that.
    """
    correct, predicted, gold = counts.correct.sum(0), counts.predicted.sum(0), counts.gold.sum(0)
    points = averages(correct, predicted, gold)
    replicates = replicate_averages(counts) if len(counts.correct) > 1 else None

    def row(name: str, columns: Any, *which: int) -> dict[str, Any]:
        entry: dict[str, Any] = dict(zip(MEASURES, points[name][which].tolist(), strict=True))
        entry["support"] = int(gold[columns].sum())
        entry["predicted"] = int(predicted[columns].sum())
        entry["correct"] = int(correct[columns].sum())
        if replicates is not None:
            drawn = replicates[name]
            for i in which:
                drawn = drawn[:, i]
            entry["interval"] = dict(zip(MEASURES, intervals(drawn), strict=True))
        return entry

    scores: dict[str, Any] = {name: row(name, slice(None)) for name in ("micro", "macro", "weighted")}
    scores["labels"] = {label: row("labels", i, i) for i, label in enumerate(counts.labels)}
    return scores


def difference(ours: Counts, other: Counts) -> dict[str, dict[str, float]]:
    """How far the micro scores of two runs over the same documents lie apart, with the paired interval."""
    point, drawn = [], []
    for counts in (ours, other):
        point.append(averages(counts.correct.sum(0), counts.predicted.sum(0), counts.gold.sum(0))["micro"])
        drawn.append(replicate_averages(counts)["micro"] if len(counts.correct) > 1 else None)
    entry = {name: {"difference": float(point[0][m] - point[1][m])} for m, name in enumerate(MEASURES)}
    if drawn[0] is not None and drawn[1] is not None:
        for name, ends in zip(MEASURES, intervals(drawn[0] - drawn[1]), strict=True):
            entry[name] |= ends
    return entry
