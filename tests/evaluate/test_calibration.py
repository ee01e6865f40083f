"""Measures of calibration agree with scikit-learn and plain loops; fitted maps repair what is broken, only that."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from spacy_dossier.evaluate.calibration import (
    BINS,
    FAMILIES,
    Calibration,
    at_threshold,
    brier,
    calibration_table,
    cross_validated,
    ece,
    fit,
    fit_family,
    make_folds,
    nll,
    threshold_for_precision,
)


def overconfident(
    rng: np.random.Generator, n: int, sharpness: float = 2.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences whose log-odds are too large by a factor. RETURNS: confidence, outcome, true probability."""
    true = rng.beta(6, 1.2, n)
    odds = sharpness * np.log(true / (1 - true))
    return 1 / (1 + np.exp(-odds)), rng.random(n) < true, true


def test_ece_equals_a_plain_loop() -> None:
    """The expected calibration error is the gap of each bin, weighted by its size."""
    p, y, _ = overconfident(np.random.default_rng(0), 800)
    gaps = []
    for i in range(BINS):
        inside = [j for j in range(len(p)) if i / BINS < p[j] <= (i + 1) / BINS]
        if inside:
            gaps.append((len(inside) / len(p), abs(np.mean(p[inside]) - np.mean(y[inside]))))
    assert ece(p, y) == pytest.approx(sum(weight * gap for weight, gap in gaps), abs=1e-12)
    table = calibration_table(p, y, np.arange(len(p)) // 4, 200, 900)
    assert table["ece"] == pytest.approx(ece(p, y), abs=1e-15)
    assert table["mce"] == pytest.approx(max(gap for _, gap in gaps), abs=1e-12)
    assert table["interval"]["ece"]["low"] <= table["ece"] <= table["interval"]["ece"]["high"]
    assert sum(row["count"] for row in table["reliability"]) == len(p)


def test_measures_equal_scikit_learn() -> None:
    """Brier score, log loss and the reliability curve are scikit-learn's."""
    p, y, _ = overconfident(np.random.default_rng(1), 800)
    assert brier(p, y) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    inner = np.clip(p, 1e-6, 1 - 1e-6)
    assert nll(p, y) == pytest.approx(log_loss(y, inner), abs=1e-9)
    precision, confidence = calibration_curve(y, p, n_bins=BINS)
    filled = [row for row in calibration_table(p, y, np.zeros(len(p), int), 1, 9)["reliability"] if row["count"]]
    assert [row["precision"] for row in filled] == pytest.approx(precision.tolist(), abs=1e-12)
    assert [row["confidence"] for row in filled] == pytest.approx(confidence.tolist(), abs=1e-12)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1 / BINS, 7 / BINS])
def test_edges_fall_into_one_bin(confidence: float) -> None:
    """Confidences of exactly 0, 1 and on the border of two bins are counted once."""
    table = calibration_table(np.array([confidence]), np.array([True]), np.zeros(1, int), 1, 1)
    assert [row["count"] for row in table["reliability"]].count(1) == 1
    assert table["ece"] == pytest.approx(1 - confidence)


def test_logistic_map_equals_scikit_learn() -> None:
    """Platt's map is the logistic regression on the log-odds, but for the weak prior."""
    p, y, _ = overconfident(np.random.default_rng(2), 5000)
    ours = fit_family(p, y, "logistic")
    theirs = LogisticRegression(C=np.inf).fit(np.log(p / (1 - p))[:, None], y)
    assert ours.a == ours.b == pytest.approx(theirs.coef_[0, 0], rel=0.02)
    assert ours.c == pytest.approx(theirs.intercept_[0], abs=0.03)


def test_known_temperature_is_found() -> None:
    """Confidences made too sharp by 2.5 get the inverse slope back, and the true probabilities with it."""
    p, y, true = overconfident(np.random.default_rng(3), 20_000)
    found = fit(p, y)
    assert fit_family(p, y, "temperature").a == pytest.approx(1 / 2.5, rel=0.05)
    assert np.abs(found.apply(p) - true).mean() < 0.01
    assert ece(p, y) > 0.05
    assert ece(found.apply(p), y) < 0.012


def test_asymmetric_distortion_needs_beta() -> None:
    """A distortion that differs near 0 and near 1 is mended by the beta map, and cross-validation chooses it."""
    rng = np.random.default_rng(4)
    p = rng.uniform(0, 1, 20_000)
    z = 0.4 * np.log(p) - 1.6 * np.log1p(-p) - 0.7
    y = rng.random(len(p)) < 1 / (1 + np.exp(-z))
    found = fit(p, y)
    assert found.method == "beta"
    assert (found.a, found.b, found.c) == pytest.approx((0.4, 1.6, -0.7), abs=0.1)


def test_no_data_gives_the_identity() -> None:
    """Without a development set confidences stay as they are."""
    found = fit(np.zeros(0), np.zeros(0, bool))
    assert found == Calibration()
    p = np.array([0.0, 0.3, 1.0])
    assert (found.apply(p) == p).all()


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("right", [0.0, 0.9, 1.0])
def test_tiny_development_sets_give_sane_maps(n: int, right: float) -> None:
    """A handful of entities, all right or all wrong, neither break the fit nor drive confidences to the ends."""
    rng = np.random.default_rng(n)
    p = rng.uniform(0.8, 1.0, n)
    found = fit(p, np.arange(n) < round(right * n))
    mapped = found.apply(np.array([0.5, 0.99]))
    assert np.isfinite(mapped).all()
    assert 0.002 < mapped[0] < mapped[1] < 0.9999


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.sampled_from(sorted(FAMILIES)),
)
def test_maps_keep_the_order(data: list[tuple[float, bool]], method: str) -> None:
    """Whatever a map was fitted on, a higher confidence never becomes a lower one, and all stay in [0, 1]."""
    confidences, correct = zip(*data, strict=True)
    found = fit_family(np.array(confidences), np.array(correct), method)
    mapped = found.apply(np.linspace(0, 1, 501))
    assert (np.diff(mapped) >= 0).all()
    assert mapped[0] >= 0 and mapped[-1] <= 1


def test_maps_survive_json() -> None:
    """A map read back from JSON is the same map."""
    found = Calibration("beta", 0.1, 2.5, -1 / 3)
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_map_keeps_the_shape() -> None:
    """Arrays of any shape, single numbers and float32 are mapped."""
    found = Calibration("beta", 0.5, 0.7, 0.1)
    assert found.apply(np.array(0.5)).shape == ()
    assert found.apply(np.full((2, 3), 0.9, dtype=np.float32)).shape == (2, 3)


def test_documents_are_never_split_over_folds() -> None:
    """All entities of a document are in one fold, and no fold is empty."""
    groups = np.random.default_rng(0).integers(0, 30, 500)
    folds = make_folds(len(groups), groups)
    assert set(folds) == set(range(10))
    assert all(len(set(folds[groups == group])) == 1 for group in range(30))


def test_cross_validation_is_no_self_deception() -> None:
    """On well calibrated confidences the cross-validated error is no better than the raw one by more than noise."""
    rng = np.random.default_rng(5)
    p = rng.beta(6, 1, 600)
    y = rng.random(len(p)) < p
    held_out = cross_validated(p, y, np.arange(len(p)) // 5)
    assert nll(held_out, y) >= nll(p, y) - 0.005


def test_weights_count_as_repetition_and_as_scikit_learns() -> None:
    """An entity of weight three is as good as three of them; measures agree with scikit-learn's."""
    rng = np.random.default_rng(8)
    p, y, _ = overconfident(rng, 400)
    weights = rng.integers(1, 4, len(p))
    repeated = np.repeat(p, weights), np.repeat(y, weights)
    for family in FAMILIES:
        weighted, plain = fit_family(p, y, family, weights), fit_family(*repeated, family)
        assert (weighted.a, weighted.b, weighted.c) == pytest.approx((plain.a, plain.b, plain.c), abs=1e-6)
    assert ece(p, y, weights=weights) == pytest.approx(ece(*repeated), abs=1e-12)
    assert brier(p, y, weights) == pytest.approx(brier_score_loss(y, p, sample_weight=weights), abs=1e-12)
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    assert nll(p, y, weights) == pytest.approx(log_loss(y, clipped, sample_weight=weights), abs=1e-9)
    assert threshold_for_precision(p, y, 0.9, np.ones(len(p))) == threshold_for_precision(p, y, 0.9)
    # Uneven weights leave less evidence than as many entities of weight one.
    assert (threshold_for_precision(p, y, 0.9, weights) or 1.0) >= (threshold_for_precision(*repeated, 0.9) or 1.0)


def test_threshold_is_the_lowest_that_can_be_promised() -> None:
    """Every lower threshold fails the lower end of Wilson's interval, as statsmodels' formula is usually written."""
    p, y, _ = overconfident(np.random.default_rng(6), 1500)
    threshold = threshold_for_precision(p, y, 0.9)
    assert threshold is not None

    def promised(at: float) -> float:
        n, k = int((p >= at).sum()), int(y[p >= at].sum())
        z = 1.6448536269514722
        return (k + z * z / 2) / (n + z * z) - z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)

    assert promised(threshold) >= 0.9
    assert all(promised(lower) < 0.9 for lower in np.unique(p[p < threshold]))


def test_few_entities_promise_nothing() -> None:
    """Some right entities are no evidence for a high precision, a hundred are; ties stand and fall together."""
    assert threshold_for_precision(np.full(20, 0.99), np.ones(20, bool), 0.97) is None
    assert threshold_for_precision(np.full(100, 0.99), np.ones(100, bool), 0.97) == 0.99
    tied = np.repeat([0.9, 0.8], [100, 200])
    assert threshold_for_precision(tied, np.r_[np.ones(200, bool), np.zeros(100, bool)], 0.9) == 0.9
    assert threshold_for_precision(np.zeros(0), np.zeros(0, bool), 0.9) is None


def test_what_a_threshold_keeps() -> None:
    """Precision is over what is kept, recall over what is annotated."""
    p = np.array([0.99, 0.95, 0.9, 0.9, 0.8, 0.7])
    kept = at_threshold(p, np.array([True, True, True, False, True, True]), 0.9, support=10)
    assert (kept["kept"], kept["precision"], kept["recall"]) == (4, 0.75, 0.3)
