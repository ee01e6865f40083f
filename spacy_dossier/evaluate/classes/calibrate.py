"""Fit the scores of a text classifier on a development set: a temperature, and a threshold for each class."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokens import Doc

from ...errors import DossierError
from ..calibrate import FEW, FOREIGN, LEAST_GAIN
from ..calibration import PRIOR, make_folds, nll, quality, threshold_for_precision
from ..corpus import predict_gold_tokens
from .scores import Classified, classified, decisions_of
from .stored import no_output_layer, set_temperature

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

    An earlier temperature is taken out of the weights first. Which class is the likeliest does not change. Where a
    temperature is no better than none in cross-validation, as on a few documents, it stays 1.

    nlp (Language): The pipeline; its pipe is changed in place.
    docs (Sequence[Doc]): Documents with classes that the pipeline was not trained on.
    component (str): Name of spaCy's `textcat` or `textcat_multilabel`.
    precision (float): The precision that thresholds are chosen for.
    RETURNS (dict[str, Any]): `component`, `temperature`, `documents`, `decisions`, `errors`; `thresholds` by label
        (None where the precision is out of reach); `notes`; under `before` and `after` ece, brier and nll, the latter
        by ten-fold cross-validation.
    RAISES (DossierError): No document has classes, or those of the pipeline; or the model has no output layer that a
        temperature can be put into.
    """
    pipe = nlp.get_pipe(component)
    docs = [doc for doc in docs if doc.cats and len(doc)]
    if not docs:
        raise DossierError(
            "no document of the development set has words and classes", remedy="Make some with `dossier classes`."
        )
    set_temperature(pipe, 1.0)
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(component) + 1]):
        found = _predict(nlp, docs, pipe, advance)
        check_judged(found, docs)
        score, correct, documents = found.decisions()
        held_out = cross_validated(found, documents)
        helps = nll(held_out, correct) < nll(score, correct) - LEAST_GAIN
        temperature = find_temperature(found) if helps else 1.0
        set_temperature(pipe, temperature)
        _check(_predict(nlp, docs[:CHECKED], pipe, lambda steps: None), heated(found, temperature), pipe)
    calibrated = heated(found, temperature)
    thresholds = {label: threshold_for_precision(*decisions_of(calibrated, label), precision) for label in pipe.labels}
    pipe.cfg["threshold_by_label"] = {"precision": precision, "labels": thresholds}
    return {
        "component": component,
        "temperature": temperature,
        "documents": len(docs),
        "decisions": len(score),
        "errors": int((~found.right).sum()),
        "before": quality(score, correct),
        "after": quality(held_out if helps else score, correct),
        "precision": precision,
        "thresholds": thresholds,
        "notes": notes(found, helps),
    }


def cross_validated(found: Classified, documents: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): The score of each decision under a temperature that was fitted on other documents."""
    held_out = found.decisions()[0].copy()
    folds = make_folds(len(found.rows), None)
    for fold in np.unique(folds):
        held = folds[documents] == fold
        tried = heated(found, find_temperature(_select(found, folds != fold)))
        held_out[held] = tried.decisions()[0][held]
    return held_out


def check_judged(found: Classified, docs: Sequence[Doc]) -> None:
    """RAISES (DossierError): The annotation cannot judge the predictions: it has no classes, or others."""
    remedy = "Give documents with the classes that it was trained on."
    if not (found.gold == 1).any():
        raise DossierError("no document of the development set is of any class", remedy=remedy)
    annotated = {label for doc in docs for label in doc.cats}
    columns = [column for column, label in enumerate(found.labels) if label not in annotated]
    predicted = found.predicted.sum(axis=0)
    if predicted[columns].sum() > FOREIGN * predicted.sum():
        raise DossierError(
            f"the pipeline predicts classes that the development set ({', '.join(sorted(annotated))}) does not have",
            value=", ".join(found.labels[column] for column in columns if predicted[column]),
            remedy=remedy,
        )


def notes(found: Classified, helps: bool) -> list[str]:
    """RETURNS (list[str]): What must be known of the corpus and the fit, to trust the scores."""
    said = []
    if len(found.rows) < FEW:
        said.append(f"{len(found.rows)} documents are too few to fit scores on, or to measure them: they are rough.")
    if not helps:
        said.append("A temperature is no better than none in cross-validation: the scores stay as they are.")
    if found.right.mean() < 0.5:
        said.append(f"{(~found.right).sum():,} of {len(found.rows):,} documents are wrong: more training is needed.")
    present = [label for label, any_ in zip(found.labels, (found.gold == 1).any(axis=0), strict=True) if any_]
    if len(present) == 1 and len(found.labels) > 1:
        said.append(f"All documents are of one class, {present[0]}: this says nothing about the others.")
    return said


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


def _check(found: Classified, expected: Classified, pipe: TextCategorizer) -> None:
    """RAISES (DossierError): What the pipe gives is not what its temperature should make of its scores."""
    given, wanted = (side.scores[:, [side.labels.index(label) for label in pipe.labels]] for side in (found, expected))
    if np.abs(given - wanted[: len(given)]).max() > CLOSE:
        raise no_output_layer(pipe.name)
