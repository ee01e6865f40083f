"""Fit the scores of a text classifier on a development set: a temperature, and a threshold for each class."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokens import Doc

from ...errors import DossierError
from ..calibration import PRIOR, brier, ece, make_folds, nll, threshold_for_precision
from ..corpus import predict_gold_tokens
from .scores import Classified, classified, decisions_of

LOG_TEMPERATURES = (-3.0, 3.0)  # where the logarithm of the temperature is looked for
GOLDEN = (5**0.5 - 1) / 2
STEPS = 40  # of the search: GOLDEN**40 of the range is 3e-8
CHECKED = 8  # documents on which the temperature is checked in the pipe
CLOSE = 0.05  # how far their scores may be off: in bfloat16 they depend on the batch
TINY = 1e-12  # scores are kept this far from 0 and 1


def calibrate_classes(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    component: str = "textcat",
    precision: float = 0.97,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Any]:
    """Fit a temperature for a text classifier (Guo et al. 2017), and put it into the weights of its output layer, which
    are divided by it: the pipe stays spaCy's own and needs nothing of this package. The temperature is noted in its
    `cfg`, with the lowest score of each class for a wanted precision as `cfg["threshold_by_label"]`.

    An earlier temperature is taken out of the weights first. Which class is the likeliest does not change.

    nlp (Language): The pipeline; its pipe is changed in place.
    docs (Sequence[Doc]): Documents with classes that the pipeline was not trained on.
    component (str): Name of spaCy's `textcat` or `textcat_multilabel`.
    precision (float): The precision that thresholds are chosen for.
    RETURNS (dict[str, Any]): `component`, `temperature`, `documents`, `decisions`, `errors`; `thresholds` by label
        (None where the precision is out of reach); under `before` and `after` ece, brier and nll, the latter by
        ten-fold cross-validation.
    RAISES (DossierError): No document has classes, or the model has no output layer that a temperature can be put into.
    """
    pipe = nlp.get_pipe(component)
    docs = [doc for doc in docs if doc.cats and len(doc)]
    if not docs:
        raise DossierError("no document of the development set has classes", remedy="Make some with `dossier classes`.")
    set_temperature(pipe, 1.0)
    pipe.cfg["threshold_by_label"] = None
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(component) + 1]):
        found = _predict(nlp, docs, pipe, advance)
        temperature = find_temperature(found)
        set_temperature(pipe, temperature)
        _check(_predict(nlp, docs[:CHECKED], pipe, lambda steps: None), heated(found, temperature), pipe)
    calibrated = heated(found, temperature)
    thresholds = {label: threshold_for_precision(*decisions_of(calibrated, label), precision) for label in pipe.labels}
    pipe.cfg["threshold_by_label"] = {"precision": precision, "labels": thresholds}
    score, correct, documents = found.decisions()
    held_out = score.copy()
    folds = make_folds(len(found.rows), None)
    for fold in np.unique(folds):
        held = folds[documents] == fold
        tried = heated(found, find_temperature(_select(found, folds != fold)))
        held_out[held] = tried.decisions()[0][held]
    return {
        "component": component,
        "temperature": temperature,
        "documents": len(docs),
        "decisions": len(score),
        "errors": int((~found.right).sum()),
        "before": quality(score, correct),
        "after": quality(held_out, correct),
        "precision": precision,
        "thresholds": thresholds,
    }


def _predict(nlp: Language, docs: Sequence[Doc], pipe: TextCategorizer, advance: Callable[[int], None]) -> Classified:
    predictions = predict_gold_tokens(nlp, docs, advance).predictions
    found = classified(docs, predictions)
    assert found is not None  # the pipe sets a score for each of its labels
    exclusive = not pipe.model.attrs.get("multi_label", True)
    return Classified(
        found.rows, found.labels, np.nan_to_num(found.gold) if exclusive else found.gold, found.scores, exclusive
    )


def _select(found: Classified, chosen: np.ndarray) -> Classified:
    rows = [row for row, is_chosen in zip(found.rows, chosen, strict=True) if is_chosen]
    return Classified(rows, found.labels, found.gold[chosen], found.scores[chosen], found.exclusive)


def heated(found: Classified, temperature: float) -> Classified:
    """RETURNS (Classified): The same documents, with the scores that the temperature gives."""
    p = np.clip(found.scores, TINY, 1 - TINY)
    if found.exclusive:
        logits = np.log(p) / temperature
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    else:
        scores = 1 / (1 + np.exp((np.log1p(-p) - np.log(p)) / temperature))
    scores[found.scores == 0] = 0.0  # of a class that the pipeline does not know
    return Classified(found.rows, found.labels, found.gold, scores, found.exclusive, found.threshold)


def find_temperature(found: Classified) -> float:
    """The temperature under which the decisions are likeliest, with a Gaussian prior around 1 on its logarithm, which
    decides where a development set has a few dozen documents or no error at all. By golden-section search.
    """
    correct, n = found.decisions()[1], len(found.decisions()[1])

    def loss(log_temperature: float) -> float:
        scores = heated(found, float(np.exp(log_temperature))).decisions()[0]
        return n * nll(scores, correct) + 0.5 * (log_temperature / PRIOR) ** 2

    low, high = LOG_TEMPERATURES
    for _ in range(STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def set_temperature(pipe: TextCategorizer, temperature: float) -> None:
    """Divide the weights of the output layer by a temperature, in the place of the one they are divided by.

    RAISES (DossierError): The model has no such layer.
    """
    layer = pipe.model.get_ref("output_layer") if pipe.model.has_ref("output_layer") else None
    if layer is None or not (layer.has_param("W") and layer.has_param("b")):
        raise _no_output_layer(pipe.name)
    factor = pipe.cfg.get("temperature", 1.0) / temperature
    for name in ("W", "b"):
        layer.set_param(name, layer.get_param(name) * factor)
    pipe.cfg["temperature"] = temperature


def _check(found: Classified, expected: Classified, pipe: TextCategorizer) -> None:
    """RAISES (DossierError): What the pipe gives is not what its temperature should make of its scores."""
    given, wanted = (side.scores[:, [side.labels.index(label) for label in pipe.labels]] for side in (found, expected))
    if np.abs(given - wanted[: len(given)]).max() > CLOSE:
        raise _no_output_layer(pipe.name)


def _no_output_layer(name: str) -> DossierError:
    return DossierError(
        "the scores of this model do not follow from a last linear layer, so a temperature cannot be put into it",
        value=name,
        remedy="Train one with spacy.TextCatReduce.v1 or spacy.TextCatParametricAttention.v1.",
    )


def quality(scores: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    return {"ece": ece(scores, correct), "brier": brier(scores, correct), "nll": nll(scores, correct)}
