"""Scores of classes: by label, averages, confusion, calibration, and the worst errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokens import Doc

from ..calibration import at_threshold, calibration_table
from ..corpus import PredictedDoc
from ..entities import Pair
from ..metrics import Counts, interval, ratio, resample, table
from .stored import thresholds_of

THRESHOLD = 0.5  # of a class where a text can have several, as in spaCy's `textcat_multilabel`
EXAMPLES = 60
SHOWN = 600  # characters of a text among the worst errors
TO_ONE = 1e-3  # how far scores of classes that exclude each other may be from a sum of one


@dataclass
class Classified:
    """The classes of documents as annotated and as predicted.

    rows (list[int]): Which documents of the corpus they are: those that say anything about classes.
    labels (list[str]): All classes of both sides.
    gold (ndarray): 1.0, 0.0, or NaN where the annotation does not say; of shape (documents, labels).
    scores (ndarray): Of the pipeline, 0.0 where it does not know the class; of the same shape.
    exclusive (bool): Whether each document has exactly one class, in annotation and prediction.
    threshold (float): From which score on a class is predicted, where they do not exclude each other.
    """

    rows: list[int]
    labels: list[str]
    gold: np.ndarray
    scores: np.ndarray
    exclusive: bool
    threshold: float = THRESHOLD

    @property
    def predicted(self) -> np.ndarray:
        """RETURNS (ndarray): Whether a class is predicted; bool of shape (documents, labels)."""
        if not self.exclusive:
            return self.scores >= self.threshold
        return np.arange(len(self.labels)) == self.scores.argmax(axis=1)[:, None]

    @property
    def right(self) -> np.ndarray:
        """RETURNS (ndarray): Whether all classes of a document are as annotated; bool of shape (documents,)."""
        return ((self.predicted == self.gold) | np.isnan(self.gold)).all(axis=1)

    def decisions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is calibrated: the score of the predicted class, or of each class where they do not exclude each other.

        RETURNS (tuple[ndarray, ndarray, ndarray]): Score, whether the class is right, and the document's place among
            `rows`; each of shape (decisions,).
        """
        if self.exclusive:
            return self.scores.max(axis=1), self.right, np.arange(len(self.rows))
        known = ~np.isnan(self.gold)
        return self.scores[known], self.gold[known] == 1, np.nonzero(known)[0]


def classified(
    docs: Sequence[Doc], predictions: Sequence[PredictedDoc], *, threshold: float = THRESHOLD
) -> Classified | None:
    """Set predicted classes beside the annotated ones.

    RETURNS (Classified | None): None where no document has annotated classes, or none got any.
    """
    rows = [i for i, doc in enumerate(docs) if doc.cats]
    labels = sorted({label for i in rows for label in (*docs[i].cats, *predictions[i].cats)})
    if not any(predictions[i].cats for i in rows):
        return None
    gold = np.array([[docs[i].cats.get(label, np.nan) for label in labels] for i in rows])
    scores = np.array([[predictions[i].cats.get(label, 0.0) for label in labels] for i in rows])
    exclusive = bool((np.nansum(gold, axis=1) == 1).all() and (abs(scores.sum(axis=1) - 1) < TO_ONE).all())
    return Classified(rows, labels, np.nan_to_num(gold) if exclusive else gold, scores, exclusive, threshold)


def threshold_of(nlp: Language) -> float:
    """RETURNS (float): The least score with which the pipeline's classifier gives a class to a text with several."""
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TextCategorizer)]
    return next((float(pipe.cfg["threshold"]) for pipe in pipes if pipe.cfg.get("threshold")), THRESHOLD)


def class_counts(found: Classified) -> Counts:
    """Count right, predicted and annotated classes; what the annotation does not say is not counted."""
    known, gold = ~np.isnan(found.gold), found.gold == 1
    predicted = found.predicted & known
    return Counts(found.labels, *(side.astype(np.int64) for side in (predicted & gold, predicted, gold)))


def score_classes(found: Classified, nlp: Language) -> dict[str, Any]:
    """Classes as they stand in scores.json.

    RETURNS (dict[str, Any]): `exclusive`; `accuracy`, the share of documents whose classes are all right; `micro`,
        `macro`, `weighted` and `labels`; `confusion` of classes that exclude each other; `calibration`.
    """
    counts = class_counts(found)
    kept = np.flatnonzero((counts.predicted + counts.gold).sum(0))
    scores = {
        "exclusive": found.exclusive,
        "accuracy": share(found.right),
        **table(counts.select([found.labels[i] for i in kept])),
    }
    if found.exclusive:
        size = len(found.labels)
        both = size * found.gold.argmax(axis=1) + found.scores.argmax(axis=1)
        matrix = np.bincount(both, minlength=size * size).reshape(size, size)[np.ix_(kept, kept)]
        scores["confusion"] = {"labels": [found.labels[i] for i in kept], "matrix": matrix.tolist()}
    score, correct, documents = found.decisions()
    support = int((found.gold == 1).sum())
    scores["calibration"] = calibration_table(score, correct, documents, len(found.rows), support)
    chosen = at_stored_thresholds(found, nlp)
    if chosen:
        scores["calibration"]["chosen_thresholds"] = chosen
    return scores


def share(right: np.ndarray) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): How many of the documents are right: `value`, `support`, and the `interval`."""
    value: dict[str, Any] = {"value": float(ratio(right.sum(), len(right))), "support": len(right)}
    if len(right) > 1:
        value["interval"] = interval(resample(right[:, None])[:, 0] / len(right))
    return value


def at_stored_thresholds(found: Classified, nlp: Language) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): What the thresholds that `dossier calibrate` left in a classifier give, by label."""
    found_in = (thresholds_of(pipe) for _, pipe in nlp.pipeline if isinstance(pipe, TextCategorizer))
    stored = next(filter(None, found_in), None)
    if stored is None:
        return []
    rows = []
    for label, threshold in stored["labels"].items():
        if threshold is not None and label in found.labels:
            scores, correct = decisions_of(found, label)
            support = int((found.gold[:, found.labels.index(label)] == 1).sum())
            rows.append(
                {"label": label, "target": stored["precision"], **at_threshold(scores, correct, threshold, support)}
            )
    return rows


def decisions_of(found: Classified, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The scores of one class: where it is predicted, or of all documents if classes do not exclude each other.

    RETURNS (tuple[ndarray, ndarray]): Scores, and whether the class is right; each of shape (decisions,).
    """
    column = found.labels.index(label)
    chosen = found.predicted[:, column] if found.exclusive else ~np.isnan(found.gold[:, column])
    return found.scores[chosen, column], found.gold[chosen, column] == 1


def score_whole(found: Classified, pairs: Sequence[Pair]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): `share` of the documents of which classes and entities are all right: the sentence
    accuracy of intents and slots (Goo et al. 2018)."""
    entities = [[{entity.key for entity in side} for side in (pairs[i].gold, pairs[i].predicted)] for i in found.rows]
    return share(found.right & np.array([gold == predicted for gold, predicted in entities]))


def worst_classes(found: Classified, docs: Sequence[Doc], limit: int = EXAMPLES) -> list[dict[str, Any]]:
    """The wrong classes that the pipeline was surest of.

    RETURNS (list[dict[str, Any]]): Of each the document's number and id, its text (cut after `SHOWN` characters), and
        the annotated and predicted classes with their scores.
    """
    off = np.abs(np.nan_to_num(found.gold, nan=0.5) - found.scores)
    off[found.gold != found.gold] = 0.0
    order = sorted(np.flatnonzero(~found.right).tolist(), key=lambda row: -off[row].max())
    chosen = []
    for row in order[:limit]:
        doc = docs[found.rows[row]]
        sides = {"gold": found.gold[row] == 1, "predicted": found.predicted[row]}
        named = {
            side: {found.labels[i]: float(found.scores[row, i]) for i in np.flatnonzero(which)}
            for side, which in sides.items()
        }
        text = doc.text if len(doc.text) <= SHOWN else f"{doc.text[:SHOWN]} …"
        chosen.append({"document": found.rows[row], "id": doc.user_data.get("id"), "text": text, **named})
    return chosen
