"""Scores of relations: in training, and in `dossier evaluate` by label and distance, with confidences."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from ...pipeline.extensions import get_relations
from ...pipeline.relations.annotation import is_annotated
from ..calibration import at_threshold, calibration_table, confidences_of
from ..metrics import Counts, prf, table

DISTANCES = (0, 5, 10, 20)  # tokens between head and tail: where the rows of a table begin

Place = tuple[int, int, str]


class Key(NamedTuple):
    """What must agree for a strict match: first character, the one after the last and type of both entities, and the
    label.
    """

    head: Place
    tail: Place
    label: str


class ScoredRelation(NamedTuple):
    """A relation, its confidence where it is predicted, and the tokens between its entities."""

    key: Key
    confidence: float | None
    distance: int


def relations_of(doc: Doc, symmetric: Collection[str] = ()) -> list[ScoredRelation]:
    """RETURNS (list[ScoredRelation]): The relations of a document, each once.

    symmetric (Collection[str]): Labels that say the same both ways: of these, whichever entity comes first is the head.
    """
    found: dict[Key, ScoredRelation] = {}
    for head, tail, label, confidence in get_relations(doc):
        first, second = sorted((head, tail), key=lambda span: span.start)
        if label in symmetric:
            head, tail = first, second
        key = Key((head.start_char, head.end_char, head.label_), (tail.start_char, tail.end_char, tail.label_), label)
        found.setdefault(key, ScoredRelation(key, confidence, second.start - first.end))
    return list(found.values())


def make_relation_scorer() -> Callable[[Iterable[Example]], dict[str, Any]]:
    return score_examples


def score_examples(examples: Iterable[Example], *, symmetric: Collection[str] = (), **kwargs: Any) -> dict[str, Any]:
    """Strict precision, recall and F1: as sets, with boundaries and types of both entities and the label (Eberts &
    Ulges 2020, section 4.2).

    examples (Iterable[Example]): The examples; those whose reference says nothing of relations are left out.
    symmetric (Collection[str]): Labels whose relations are the same both ways.
    RETURNS (dict[str, Any]): "rel_micro_p", "rel_micro_r", "rel_micro_f" and "rel_per_type", in [0, 1]; None without
        any annotation.
    """
    total = PRFScore()
    by_label: dict[str, PRFScore] = {}
    any_annotated = False
    for eg in examples:
        if not is_annotated(eg.reference):
            continue
        any_annotated = True
        gold, found = (
            {relation.key for relation in relations_of(doc, symmetric)} for doc in (eg.reference, eg.predicted)
        )
        total.score_set(found, gold)
        for label in {key.label for key in gold | found}:
            sides = ({key for key in side if key.label == label} for side in (found, gold))
            by_label.setdefault(label, PRFScore()).score_set(*sides)
    if not any_annotated:
        return {"rel_micro_p": None, "rel_micro_r": None, "rel_micro_f": None, "rel_per_type": None}
    return {
        "rel_micro_p": total.precision,
        "rel_micro_r": total.recall,
        "rel_micro_f": total.fscore,
        "rel_per_type": {label: part.to_dict() for label, part in sorted(by_label.items())},
    }


Sides = Sequence[tuple[Sequence[ScoredRelation], Sequence[ScoredRelation]]]


def score_relations(
    sides: Sides, on_gold_entities: Sides, raw: Sides, threshold: dict[str, float] | None
) -> dict[str, Any]:
    """The scores as they stand in scores.json.

    sides (Sides): Of each annotated document its annotated and its predicted relations, from gold tokens.
    on_gold_entities, raw (Sides): The same where the pipeline is given the entities, and from raw text.
    threshold (dict[str, float] | None): `precision` and `threshold` that `dossier calibrate` left in the pipe.
    RETURNS (dict[str, Any]): Tables `strict`, `boundaries` (types of the entities do not count), `gold_entities` and
        `raw_text`; `by_distance`; `calibration` where there are confidences.
    """
    labels = sorted({relation.key.label for gold, found in sides for relation in (*gold, *found)})
    scores: dict[str, Any] = {
        "documents": len(sides),
        "strict": table(count(sides, labels)),
        "boundaries": table(count(without_types(sides), labels))["micro"],
        "gold_entities": table(count(on_gold_entities, labels))["micro"],
        "raw_text": table(count(raw, labels))["micro"],
        "by_distance": list(by_distance(sides)),
    }
    confidences, correct, documents = confidences_of(sides)
    if len(confidences):
        support = sum(len(gold) for gold, _ in sides)
        scores["calibration"] = calibration_table(confidences, correct, documents, len(sides), support)
        if threshold is not None:
            kept = at_threshold(confidences, correct, threshold["threshold"], support)
            scores["calibration"]["chosen_threshold"] = {"target": threshold["precision"], **kept}
    return scores


def count(sides: Sides, labels: Sequence[str]) -> Counts:
    """RETURNS (Counts): Of each document and label."""
    counts = np.zeros((3, len(sides), len(labels)), dtype=np.int64)
    column = {label: number for number, label in enumerate(labels)}
    for row, (gold, found) in enumerate(sides):
        keys = [{relation.key for relation in side} for side in (gold, found)]
        for number, part in enumerate((keys[0] & keys[1], keys[1], keys[0])):
            for key in part:
                if key.label in column:
                    counts[number, row, column[key.label]] += 1
    return Counts(list(labels), *counts)


def without_types(sides: Sides) -> Sides:
    def untyped(relation: ScoredRelation) -> ScoredRelation:
        head, tail, label = relation.key
        return relation._replace(key=Key((*head[:2], ""), (*tail[:2], ""), label))

    return [(list(map(untyped, gold)), list(map(untyped, found))) for gold, found in sides]


def by_distance(sides: Sides) -> Iterable[dict[str, Any]]:
    """YIELDS (dict[str, Any]): Strict scores of the relations with so many tokens between their entities."""
    for low, high in zip(DISTANCES, (*DISTANCES[1:], None), strict=True):

        def within(relation: ScoredRelation, low: int = low, high: int | None = high) -> bool:
            return low <= relation.distance and (high is None or relation.distance < high)

        gold, found, right = 0, 0, 0
        for annotated, predicted in sides:
            keys = [{relation.key for relation in side if within(relation)} for side in (annotated, predicted)]
            gold, found, right = gold + len(keys[0]), found + len(keys[1]), right + len(keys[0] & keys[1])
        values = prf(np.array(right), np.array(found), np.array(gold)).tolist()
        names = ("precision", "recall", "f1")
        yield {"low": low, "high": high, **dict(zip(names, values, strict=True)), "support": gold, "predicted": found}


def find_on_gold_entities(nlp: Language, docs: Iterable[Doc]) -> list[list[ScoredRelation]]:
    """Run the pipeline over documents whose entities are given: what sets entities is left out.

    docs (Iterable[Doc]): With the vocabulary of the pipeline; their entities are kept.
    """
    setters = [name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns]
    with nlp.select_pipes(disable=setters):
        return [relations_of(doc) for doc in nlp.pipe(docs)]
