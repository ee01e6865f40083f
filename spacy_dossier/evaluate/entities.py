"""Entity scores: strict, partial, by type, seen and unseen forms, and what kind of error each error is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from nervaluate import Evaluator
from spacy.tokens import Doc

from .corpus import PredictedDoc, ScoredEntity, annotated_tokens, entities_of, overlap_groups, token_offsets
from .metrics import Counts

# Kinds of error, after the same boundaries and label ("correct") have been taken out.
KINDS = ("correct", "type", "boundary", "type_and_boundary", "missed", "spurious")
GROUP_SIZE = 16  # entities given to nervaluate at once: it compares each with each


@dataclass
class Pair:
    """The entities of one document as annotated and as predicted.

    doc (Doc): The annotated document.
    gold, predicted (list[ScoredEntity]): By position. Predictions that touch a token without annotation are left out.
    ignored (int): How many those are.
    """

    doc: Doc
    gold: list[ScoredEntity]
    predicted: list[ScoredEntity]
    ignored: int = 0


class Match(NamedTuple):
    """One annotated entity, one prediction, or the two of them together, and how they agree."""

    kind: str
    gold: ScoredEntity | None
    predicted: ScoredEntity | None


def pair(doc: Doc, prediction: PredictedDoc) -> Pair:
    """Set a prediction beside the annotation of its document.

    A token without annotation (spaCy's missing value) says nothing, so a prediction that touches one is neither right
    nor wrong and is left out, as in spaCy's own scorer.
    """
    predicted = sorted(prediction.entities)
    annotated = annotated_tokens(doc)
    if annotated.all():
        return Pair(doc, entities_of(doc), predicted)
    silent = token_offsets(doc)[~annotated]
    kept = [
        entity
        for entity in predicted
        # The first silent token that ends after the entity's start must not begin before the entity's end.
        if (i := np.searchsorted(silent[:, 1], entity.start, side="right")) == len(silent) or silent[i, 0] >= entity.end
    ]
    return Pair(doc, entities_of(doc), kept, len(predicted) - len(kept))


def sides_of(pair: Pair) -> tuple[list[ScoredEntity], list[ScoredEntity]]:
    """RETURNS (tuple): What is annotated, and what is predicted."""
    return pair.gold, pair.predicted


def labels_of(pairs: Iterable[Pair]) -> list[str]:
    """RETURNS (list[str]): The labels in annotation or prediction, sorted."""
    return sorted({entity.label for pair in pairs for entity in (*pair.gold, *pair.predicted)})


def strict_counts(pairs: Sequence[Pair], labels: Sequence[str] | None = None) -> Counts:
    """Count strict matches: the same boundaries and the same label.

    labels (Sequence[str] | None): Columns of the counts; by default the labels that occur.
    """
    labels = labels_of(pairs) if labels is None else list(labels)
    column = {label: i for i, label in enumerate(labels)}
    correct, predicted, gold = (np.zeros((len(pairs), len(labels)), dtype=np.int64) for _ in range(3))
    for row, pair in enumerate(pairs):
        annotated = {entity.key for entity in pair.gold}
        for entity in pair.gold:
            gold[row, column[entity.label]] += 1
        for entity in pair.predicted:
            predicted[row, column[entity.label]] += 1
            correct[row, column[entity.label]] += entity.key in annotated
    return Counts(labels, correct, predicted, gold)


def lenient(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The lenient measures of SemEval 2013 task 9.1, as nervaluate computes them.

    `exact`: same boundaries, whatever the label. `partial`: as exact, and half a point for an overlap.
    `type`: same label and an overlap.

    RETURNS (dict[str, Any]): For each measure precision, recall, f1, support and nervaluate's counts, and the same by
        label (where only entities of that label are compared with each other).
    """
    labels = labels_of(pairs)
    gold: list[list[dict[str, Any]]] = [[]]
    predicted: list[list[dict[str, Any]]] = [[]]
    for pair in pairs:
        # nervaluate only ever matches what overlaps, so cutting between groups leaves its counts as they are.
        for annotated, found in overlap_groups(pair.gold, pair.predicted):
            gold[-1] += map(_for_nervaluate, annotated)
            predicted[-1] += map(_for_nervaluate, found)
            if max(len(gold[-1]), len(predicted[-1])) >= GROUP_SIZE:
                gold.append([])
                predicted.append([])
        gold.append([])
        predicted.append([])
    results = Evaluator(gold, predicted, tags=labels, loader="dict").evaluate()
    return {
        name: {
            **_from_nervaluate(results["overall"][key]),
            "labels": {label: _from_nervaluate(results["entities"][label][key]) for label in labels},
        }
        for name, key in (("exact", "exact"), ("partial", "partial"), ("type", "ent_type"))
    }


def _for_nervaluate(entity: ScoredEntity) -> dict[str, Any]:
    return {"label": entity.label, "start": entity.start, "end": entity.end - 1}  # its ends are inclusive


def _from_nervaluate(result: Any) -> dict[str, Any]:
    names = ("correct", "incorrect", "partial", "missed", "spurious")
    return {
        "precision": float(result.precision),
        "recall": float(result.recall),
        "f1": float(result.f1),
        "support": int(result.possible),
        "predicted": int(result.actual),
        **{name: int(getattr(result, name)) for name in names},
    }


def surface(text: str) -> str:
    """RETURNS (str): A surface form with its white space normalised; case is kept."""
    return " ".join(text.split())


def surface_forms(docs: Iterable[Doc]) -> set[str]:
    """RETURNS (set[str]): The surface forms of all entities of a training corpus."""
    return {surface(ent.text) for doc in docs for ent in doc.ents}


def by_surface(pairs: Sequence[Pair], forms: set[str]) -> dict[str, list[Pair]]:
    """Split annotation and prediction into forms seen in training and forms that are new.

    RETURNS (dict[str, list[Pair]]): `seen` and `unseen`, each a list of all documents.
    """
    split: dict[str, list[Pair]] = {"seen": [], "unseen": []}
    for pair in pairs:
        text = pair.doc.text
        for name, wanted in (("seen", True), ("unseen", False)):
            gold, predicted = (
                [entity for entity in side if (surface(text[entity.start : entity.end]) in forms) is wanted]
                for side in (pair.gold, pair.predicted)
            )
            split[name].append(Pair(pair.doc, gold, predicted))
    return split


def matches(pair: Pair) -> list[Match]:
    """Pair every annotated entity with at most one prediction, the best first, and name what is wrong with each.

    Same boundaries go together before all else (`correct`, or `type` when the label differs). Of what is left and
    overlaps, the same label goes first (`boundary`), then another label (`type_and_boundary`), each by the number of
    shared characters. The rest is `missed` or `spurious`.
    """
    found: list[Match] = []
    for gold, predicted in overlap_groups(pair.gold, pair.predicted):
        candidates = sorted(
            (
                (
                    annotated[:2] != guess[:2],
                    annotated.label != guess.label,
                    -(min(annotated.end, guess.end) - max(annotated.start, guess.start)),
                    i,
                    j,
                )
                for i, annotated in enumerate(gold)
                for j, guess in enumerate(predicted)
                if annotated.start < guess.end and guess.start < annotated.end
            ),
        )
        free_gold, free_predicted = set(range(len(gold))), set(range(len(predicted)))
        for other_boundaries, other_label, _, i, j in candidates:
            if i in free_gold and j in free_predicted:
                free_gold.remove(i)
                free_predicted.remove(j)
                kind = ("correct", "type", "boundary", "type_and_boundary")[2 * other_boundaries + other_label]
                found.append(Match(kind, gold[i], predicted[j]))
        found += [Match("missed", gold[i], None) for i in sorted(free_gold)]
        found += [Match("spurious", None, predicted[j]) for j in sorted(free_predicted)]
    return sorted(found, key=lambda match: (match.gold or match.predicted or ScoredEntity(0, 0, "")).start)


def error_kinds(found: Iterable[Match]) -> dict[str, int]:
    """RETURNS (dict[str, int]): How many matches there are of each kind."""
    counted = Counter(match.kind for match in found)
    return {kind: counted[kind] for kind in KINDS}


def confusion(found: Sequence[Match]) -> dict[str, Any]:
    """The confusion matrix of entities: a row for each annotated label and one for spurious predictions, a column for
    each predicted label and one for missed entities. Boundaries are not looked at: overlapping pairs count.

    RETURNS (dict[str, Any]): `labels`, `rows` and `columns` (their names), and `matrix`.
    """
    labels = sorted({entity.label for match in found for entity in (match.gold, match.predicted) if entity})
    index = {label: i for i, label in enumerate(labels)}
    matrix = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    for match in found:
        row = index[match.gold.label] if match.gold else -1
        matrix[row, index[match.predicted.label] if match.predicted else -1] += 1
    return {
        "labels": labels,
        "rows": [*labels, "spurious"],
        "columns": [*labels, "missed"],
        "matrix": matrix.tolist(),
    }
