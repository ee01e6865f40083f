"""Fit the confidences of relations on a development set, and store the map in the pipe."""

from collections.abc import Callable, Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ...errors import DossierError
from ...pipeline.relations.annotation import is_annotated
from ..calibration import at_threshold, confidences_of, cross_validated, fit, quality, threshold_for_precision
from ..corpus import predict_gold_tokens
from .scores import relations_of

NOTHING = "the pipeline finds no relation in the development set"
FEW = 100  # predicted relations; fewer say little about a map of three parameters


def calibrate_relations(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    component: str = "relation_extractor",
    precision: float = 0.97,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Any]:
    """Fit a map from raw to calibrated confidence (Kull, Silva Filho & Flach 2017), and store it in the pipe's `cfg`,
    with the lowest confidence for a wanted precision. A relation is right where its entities are, so it is fitted on
    those that the pipeline itself finds. An earlier calibration is forgotten first. Which relations are found does not
    change.

    nlp (Language): The pipeline; its pipe is changed in place.
    docs (Sequence[Doc]): Documents annotated with entities and relations that the pipeline was not trained on.
    RETURNS (dict[str, Any]): `method` and its parameters, `relations`, `errors`, `threshold`, `notes`; under `before`
        and `after` ece, brier and nll, the latter by cross-validation over documents.
    RAISES (DossierError): No document is annotated with relations, or none is found or right.
    """
    pipe = nlp.get_pipe(component)
    docs = [doc for doc in docs if len(doc) and is_annotated(doc)]
    if not docs:
        raise DossierError("no document of the development set is annotated with relations")
    pipe.cfg.update(calibration=None, threshold_for_precision=None)
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(component) + 1]):
        found = [prediction.relations for prediction in predict_gold_tokens(nlp, docs, advance).predictions]
    sides = [(relations_of(doc, pipe.symmetric), relations) for doc, relations in zip(docs, found, strict=True)]
    raw, correct, documents = confidences_of(sides)
    if not correct.any():
        raise DossierError(
            "no relation that the pipeline finds in the development set is right" if len(raw) else NOTHING,
            remedy="Train it first, or give documents annotated as those it was trained on.",
        )
    calibration = fit(raw, correct, documents)
    calibrated = calibration.apply(raw)
    threshold = threshold_for_precision(calibrated, correct, precision)
    pipe.cfg["calibration"] = calibration.to_dict()
    pipe.cfg["threshold_for_precision"] = {"precision": precision, "threshold": threshold}
    support = sum(len(gold) for gold, _ in sides)
    return {
        **calibration.to_dict(),
        "documents": len(docs),
        "relations": len(raw),
        "errors": int((~correct).sum()),
        "before": quality(raw, correct),
        "after": quality(cross_validated(raw, correct, documents), correct),
        "precision": precision,
        "threshold": None if threshold is None else at_threshold(calibrated, correct, threshold, support),
        "notes": [f"{len(raw)} relations are too few to fit confidences on: they are rough."] if len(raw) < FEW else [],
    }
