"""Does a confidence mean what it says? Measures of calibration, and monotone maps that repair it.

A map is fitted on the confidences of predicted entities in a development set and on whether each of them was right.
All maps are special cases of beta calibration (Kull, Silva Filho & Flach 2017)

    logit(q) = a · ln(p) − b · ln(1 − p) + c,    a, b > 0

with a = b, c = 0 for temperature scaling (Guo et al. 2017) and a = b for Platt's logistic calibration. They keep the
order of confidences, so that they change no decision made by comparing them.

Entities may have weights, as importance weighting under covariate shift has them (Shimodaira 2000): what is fitted is
then for a population in which each kind of entity has the share that its weights give it. None means one for each.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..models.calibration import EPSILON, Calibration, log_odds_parts, sigmoid
from .metrics import interval, ratio, resample

BINS = 15
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
# Free parameters (log a, log b, c) of each map, as columns over which the parameters of the map spread. In order of
# their number: of equally good maps the first is taken.
FAMILIES: dict[str, np.ndarray] = {
    "identity": np.zeros((3, 0)),
    "temperature": np.array([[1.0], [1.0], [0.0]]),
    "logistic": np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "beta": np.eye(3),
}
# Standard deviation of the Gaussian prior around the identity map, for log a, log b and c. It decides where a
# development set has a few dozen entities or no error at all, and is without effect from some hundred errors on.
PRIOR = 0.5
ONE_SIDED_95 = 1.6448536269514722  # quantile of the standard normal distribution


def fit(
    confidences: np.ndarray | Sequence[float],
    correct: np.ndarray | Sequence[bool],
    groups: np.ndarray | Sequence[int] | None = None,
    weights: np.ndarray | None = None,
) -> Calibration:
    """Fit the map that predicts best in cross-validation.

    confidences (ndarray): Raw probabilities of predicted entities, of shape (n,).
    correct (ndarray): Whether each prediction was right, of shape (n,).
    groups (ndarray | None): The document of each entity, of shape (n,): a document is never in two folds.
    weights (ndarray | None): Of each entity, of shape (n,), one on average.
    RETURNS (Calibration): The map, fitted on everything; the identity when there is nothing to learn from.
    """
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    if not len(p):
        return Calibration()
    losses = held_out_losses(p, y, groups, weights)
    return fit_family(p, y, min(losses, key=lambda method: losses[method]), weights)


def held_out_losses(
    confidences: np.ndarray,
    correct: np.ndarray,
    groups: np.ndarray | Sequence[int] | None = None,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """RETURNS (dict[str, float]): The `nll` of each family in five-fold cross-validation."""
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    folds = make_folds(len(p), groups, folds=5)
    return {method: nll(_held_out(p, y, folds, method, weights), y, weights) for method in FAMILIES}


def fit_family(
    confidences: np.ndarray, correct: np.ndarray, method: str, weights: np.ndarray | None = None
) -> Calibration:
    """Fit one family by maximum a posteriori likelihood: Fisher scoring with Levenberg's damping.

    confidences, correct (ndarray): Of shape (n,).
    method (str): One of the names in `FAMILIES`.
    """
    spread = FAMILIES[method]
    y = np.asarray(correct, dtype=float)
    w = _weights(y, weights)
    log_p, log_q = log_odds_parts(np.asarray(confidences, dtype=float))

    def logits(theta: np.ndarray) -> np.ndarray:
        return np.exp(theta[0]) * log_p - np.exp(theta[1]) * log_q + theta[2]

    def loss(phi: np.ndarray) -> float:
        z = logits(spread @ phi)
        return float(np.sum(w * (np.logaddexp(0, z) - y * z)) + 0.5 * np.sum((phi / PRIOR) ** 2))

    phi = np.zeros(spread.shape[1])
    current, damping = loss(phi), 1e-3
    for _ in range(200 if phi.size else 0):
        theta = spread @ phi
        q = sigmoid(logits(theta))
        jacobian = np.stack([np.exp(theta[0]) * log_p, -np.exp(theta[1]) * log_q, np.ones_like(q)], axis=1) @ spread
        gradient = jacobian.T @ (w * (q - y)) + phi / PRIOR**2
        fisher = (jacobian * (w * q * (1 - q))[:, None]).T @ jacobian + np.eye(phi.size) / PRIOR**2
        step = np.linalg.solve(fisher + damping * np.diag(np.diag(fisher)), gradient)
        trial = loss(phi - step)
        if trial > current:
            damping *= 10
            if damping > 1e12:
                break
            continue
        converged = current - trial < 1e-10
        phi, current, damping = phi - step, trial, max(damping / 10, 1e-12)
        if converged:
            break
    a, b, c = np.exp((spread @ phi)[0]), np.exp((spread @ phi)[1]), (spread @ phi)[2]
    return Calibration(method, float(a), float(b), float(c))


def make_folds(n: int, groups: np.ndarray | Sequence[int] | None = None, *, folds: int = 10) -> np.ndarray:
    """Share out n entities over at most `folds` folds, whole documents at a time where there are two or more.

    RETURNS (ndarray): The fold of each entity, of shape (n,); all zero when one group is all there is.
    """
    units = np.arange(n) if groups is None or len(np.unique(groups)) < 2 else np.unique(groups, return_inverse=True)[1]
    count = int(units.max()) + 1 if n else 0
    order = np.random.default_rng(0).permutation(count)
    return order[units] % max(1, min(folds, count))


def cross_validated(
    confidences: np.ndarray,
    correct: np.ndarray,
    groups: np.ndarray | Sequence[int] | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Calibrate each entity by a map fitted, and its family chosen, on the other folds.

    RETURNS (ndarray): Confidences as they come out on documents the map has not seen, of shape (n,).
    """
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    outer = make_folds(len(p), groups)
    grouping = None if groups is None else np.asarray(groups)
    w = _weights(y, weights)
    calibrated = p.copy()
    for fold in np.unique(outer):
        held = outer == fold
        rest = None if grouping is None else grouping[~held]
        calibrated[held] = fit(p[~held], y[~held], rest, w[~held]).apply(p[held])
    return calibrated


def nll(confidences: np.ndarray, correct: np.ndarray, weights: np.ndarray | None = None) -> float:
    """RETURNS (float): The mean negative log-likelihood in nats, 0.0 without data."""
    p, y = np.clip(confidences, EPSILON, 1 - EPSILON), np.asarray(correct, dtype=float)
    losses = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return float(np.average(losses, weights=weights)) if len(p) else 0.0


def brier(confidences: np.ndarray, correct: np.ndarray, weights: np.ndarray | None = None) -> float:
    """RETURNS (float): The mean squared difference of confidence and outcome, 0.0 without data (Brier 1950)."""
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    return float(np.average((p - y) ** 2, weights=weights)) if len(p) else 0.0


def confidences_of(sides: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The confidence of each predicted thing that has one, whether it is strictly right, and its document's number.

    sides (Iterable): Of each document what is annotated and what is predicted, each with a `key` and a `confidence`.
    RETURNS (tuple[ndarray, ndarray, ndarray]): float64, bool and int64, each of shape (things,).
    """
    rows = [
        (thing.confidence, thing.key in annotated, number)
        for number, (gold, found) in enumerate(sides)
        for annotated in [{thing.key for thing in gold}]
        for thing in found
        if thing.confidence is not None
    ]
    confidences, correct, documents = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(confidences, dtype=float), np.array(correct, dtype=bool), np.array(documents, dtype=np.int64)


def quality(confidences: np.ndarray, correct: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """RETURNS (dict[str, float]): `ece`, `brier` and `nll`."""
    return {
        "ece": ece(confidences, correct, weights=weights),
        "brier": brier(confidences, correct, weights),
        "nll": nll(confidences, correct, weights),
    }


def bin_sums(
    confidences: np.ndarray, correct: np.ndarray, bins: int = BINS, weights: np.ndarray | None = None
) -> np.ndarray:
    """Sum what falls into each of `bins` equal intervals (lower, upper] of [0, 1].

    RETURNS (ndarray): Number, sum of confidences and number correct, of shape (3, bins).
    """
    p = np.asarray(confidences, dtype=float)
    index = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    w = _weights(p, weights)
    summed = (w, w * p, w * np.asarray(correct, dtype=float))
    return np.stack([np.bincount(index, weights=values, minlength=bins) for values in summed])


def errors_from_bins(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The expected and the maximum calibration error (Naeini et al. 2015; Guo et al. 2017).

    sums (ndarray): Of shape (..., 3, bins), as `bin_sums` gives them.
    RETURNS (tuple[ndarray, ndarray]): ECE and MCE of shape (...).
    """
    count, confidence, right = sums[..., 0, :], sums[..., 1, :], sums[..., 2, :]
    gaps = np.abs(confidence - right)
    return ratio(gaps.sum(-1), count.sum(-1)), ratio(gaps, count).max(-1)


def ece(confidences: np.ndarray, correct: np.ndarray, bins: int = BINS, weights: np.ndarray | None = None) -> float:
    """RETURNS (float): The expected calibration error with equally wide bins."""
    return float(errors_from_bins(bin_sums(confidences, correct, bins, weights))[0])


def threshold_for_precision(
    confidences: np.ndarray, correct: np.ndarray, precision: float, weights: np.ndarray | None = None
) -> float | None:
    """The lowest confidence from which on the entities have at least this precision, with 95 % confidence.

    It is the lower end of Wilson's score interval (1927) that must reach the precision: what just reaches it on the
    documents at hand would miss it on half of all others, and a few right entities promise nothing. Weighted entities
    count as so many as have the same variance (Kish 1965).

    RETURNS (float | None): Keep entities with a confidence of at least this; None when no threshold reaches it.
    """
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    order = np.argsort(-p, kind="stable")
    p, y, w = p[order], y[order], _weights(y, weights)[order]
    share, z2 = ratio(np.cumsum(w * y), np.cumsum(w)), ONE_SIDED_95**2
    kept = ratio(np.cumsum(w) ** 2, np.cumsum(w**2))
    lowest = (share + z2 / (2 * kept) - np.sqrt(z2 * share * (1 - share) / kept + (z2 / (2 * kept)) ** 2)) / (
        1 + z2 / kept
    )
    last_of_ties = np.append(p[1:] < p[:-1], True) if len(p) else np.zeros(0, dtype=bool)
    allowed = np.flatnonzero((lowest >= precision) & last_of_ties)
    return float(p[allowed[-1]]) if len(allowed) else None


def at_threshold(confidences: np.ndarray, correct: np.ndarray, threshold: float, support: int) -> dict[str, Any]:
    """What is left when only entities with at least this confidence are kept.

    support (int): Number of annotated entities, for the recall.
    """
    kept = np.asarray(confidences, dtype=float) >= threshold
    right = int(np.sum(np.asarray(correct, dtype=bool) & kept))
    return {
        "threshold": threshold,
        "precision": float(ratio(right, kept.sum())),
        "recall": float(ratio(right, support)),
        "kept": int(kept.sum()),
        "kept_share": float(ratio(kept.sum(), len(kept))),
    }


def calibration_table(
    confidences: np.ndarray, correct: np.ndarray, documents: np.ndarray, n_documents: int, support: int
) -> dict[str, Any]:
    """Calibration as it stands in scores.json.

    confidences, correct, documents (ndarray): Of each predicted entity, of shape (n,); `documents` counts from 0.
    n_documents (int): Number of documents, for the intervals.
    support (int): Number of annotated entities.
    """
    p, y = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=bool)
    sums = bin_sums(p, y)
    expected, largest = errors_from_bins(sums)
    table: dict[str, Any] = {
        "ece": float(expected),
        "mce": float(largest),
        "brier": brier(p, y),
        "nll": nll(p, y),
        "bins": BINS,
        "support": len(p),
        "mean_confidence": float(ratio(p.sum(), len(p))),
        "precision": float(ratio(y.sum(), len(p))),
    }
    if n_documents > 1:
        by_document = np.zeros((n_documents, 3, BINS))
        for document in np.unique(documents):
            by_document[document] = bin_sums(p[documents == document], y[documents == document])
        drawn = resample(by_document.reshape(n_documents, -1)).reshape(-1, 3, BINS)
        table["interval"] = {"ece": interval(errors_from_bins(drawn)[0])}
    count, confidence, right = sums
    table["reliability"] = [
        {
            "low": i / BINS,
            "high": (i + 1) / BINS,
            "count": int(count[i]),
            "confidence": float(confidence[i] / count[i]) if count[i] else None,
            "precision": float(right[i] / count[i]) if count[i] else None,
        }
        for i in range(BINS)
    ]
    table["thresholds"] = [at_threshold(p, y, threshold, support) for threshold in THRESHOLDS]
    return table


def _held_out(
    p: np.ndarray, y: np.ndarray, folds: np.ndarray, method: str, weights: np.ndarray | None = None
) -> np.ndarray:
    calibrated, w = p.copy(), _weights(y, weights)
    if method != "identity":
        for fold in np.unique(folds):
            held = folds == fold
            calibrated[held] = fit_family(p[~held], y[~held], method, w[~held]).apply(p[held])
    return calibrated


def _weights(like: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.ones(len(like)) if weights is None else np.asarray(weights, dtype=float)
