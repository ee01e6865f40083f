"""Fit the calibration of a pipeline's entity confidences on a development set, and store it in the pipe."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokens import Doc

from ..errors import DossierError
from ..pipeline.relations.annotation import is_annotated
from ..pipeline.relations.pipe import RelationExtractor
from ..text.files import whole_folder
from .calibration import (
    at_threshold,
    confidences_of,
    cross_validated,
    fit,
    held_out_losses,
    quality,
    threshold_for_precision,
)
from .corpus import has_entities, predict_gold_tokens
from .entities import Pair, pair, sides_of, surface, surface_forms

TEMPERATURES = (1.5, 2.0, 2.5, 3.0, 4.0)
LEAST_GAIN = 1e-3  # nats; less than that is noise
FEW = 100  # predicted entities; fewer say little about a map of three parameters
FOREIGN = 0.2  # share of predictions whose label the corpus does not have, above which it is annotated with others
UNSEEN = 0.5  # share of entities whose form training did not have, in the text that a pipeline will meet


def calibrate(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    component: str = "crf_ner",
    precision: float = 0.97,
    train: Iterable[Doc] | None = None,
    unseen: float = UNSEEN,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Any]:
    """Fit a temperature and a map from raw to calibrated confidence, and store them in the pipe's `cfg`, with the
    lowest confidence for a wanted precision as `cfg["threshold_for_precision"]`.

    An earlier calibration of the pipe is forgotten first. Nothing else of the pipeline changes.

    nlp (Language): The pipeline; its pipe is changed in place.
    docs (Sequence[Doc]): Annotated documents the pipeline was not trained on.
    component (str): Name of the pipe whose confidences are calibrated.
    precision (float): The precision that the threshold is chosen for.
    train (Iterable[Doc] | None): What the pipeline was trained on. With it, all is fitted for text in which entities
        whose form training did not have are at least the share `unseen`: a development set of the same time and sources
        has fewer of them than the text of tomorrow, and they are wrong more often than a model admits.
    unseen (float): In [0, 1).
    RETURNS (dict[str, Any]): `temperature`, `method` and its parameters, `entities`, `errors`, `unseen` (the share that
        the development set has), `threshold` (None when the precision is out of reach), `notes`; under `before` and
        `after` ece, brier and nll, weighted like the fit, the latter by cross-validation over documents.
    RAISES (DossierError): No such pipe, nothing to learn from, or annotation that cannot judge what the pipe finds.
    """
    pipe = find_pipe(nlp, component)
    docs = [doc for doc in docs if has_entities(doc)]
    if not docs:
        raise DossierError("no document of the development set has entity annotation")
    pipe.cfg["calibration"] = None
    pipe.cfg["threshold_for_precision"] = None
    pipe.cfg["temperature"] = 1.0
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(component) + 1]):
        pairs = _predict(nlp, docs, advance)
        raw, correct, documents = confidences_of(map(sides_of, pairs))
        check_judged(pairs, len(raw), correct)
        weights, share = None, None
        if train is not None:
            weights, share = novelty_weights(pairs, surface_forms(train), unseen)

        def heated(temperature: float) -> np.ndarray:
            pipe.cfg["temperature"] = temperature
            return confidences_of(map(sides_of, _predict(nlp, docs, advance)))[0]

        temperature, confidences = find_temperature(raw, heated, correct, documents, weights)
    pipe.cfg["temperature"] = temperature
    calibration = fit(confidences, correct, documents, weights)
    calibrated = calibration.apply(confidences)
    threshold = threshold_for_precision(calibrated, correct, precision, weights)
    pipe.cfg["calibration"] = calibration.to_dict()
    pipe.cfg["threshold_for_precision"] = {"precision": precision, "threshold": threshold}
    held_out = cross_validated(confidences, correct, documents, weights)
    support = sum(len(pair.gold) for pair in pairs)
    return {
        **calibration.to_dict(),
        "temperature": temperature,
        "documents": len(docs),
        "entities": len(confidences),
        "errors": int((~correct).sum()),
        "unseen": share,
        "before": quality(raw, correct, weights),
        "after": quality(held_out, correct, weights),
        "precision": precision,
        "threshold": None if threshold is None else at_threshold(calibrated, correct, threshold, support),
        "notes": notes(correct, temperature),
    }


def check_judged(pairs: Sequence[Pair], n_confidences: int, correct: np.ndarray) -> None:
    """RAISES (DossierError): The annotation cannot judge the predictions: it has no entities, or others."""
    if not n_confidences:
        raise DossierError(
            "the pipeline predicts no entity with a confidence in the development set",
            remedy="Train it first, or give documents in which it finds something.",
        )
    remedy = "Give documents annotated as those it was trained on."
    annotated = {entity.label for pair in pairs for entity in pair.gold}
    if not annotated:
        raise DossierError("the development set has no entity", remedy=remedy)
    predicted = [entity.label for pair in pairs for entity in pair.predicted]
    foreign = sorted(set(predicted) - annotated)
    if sum(label in foreign for label in predicted) > FOREIGN * len(predicted):
        raise DossierError(
            f"the pipeline predicts labels that the development set ({', '.join(sorted(annotated))}) does not have",
            value=", ".join(foreign),
            remedy=remedy,
        )
    if not correct.any():
        raise DossierError("no entity that the pipeline finds in the development set is right", remedy=remedy)


def notes(correct: np.ndarray, temperature: float) -> list[str]:
    """RETURNS (list[str]): What must be known of the corpus and the fit, to trust the confidences."""
    found = []
    if len(correct) < FEW:
        found.append(f"{len(correct)} entities are too few to fit confidences on: they are rough.")
    if not correct.mean() > 0.5:
        found.append(
            f"{(~correct).sum():,} of the {len(correct):,} entities found are wrong: more training data is needed."
        )
    if temperature == max(TEMPERATURES):
        found.append(f"The temperature is the highest tried, {temperature:g}: the model is far too sure of itself.")
    return found


def find_temperature(
    raw: np.ndarray,
    heated: Callable[[float], np.ndarray],
    correct: np.ndarray,
    documents: np.ndarray,
    weights: np.ndarray | None,
) -> tuple[float, np.ndarray]:
    """Search the temperature of the CRF from which the best map can be had.

    A temperature inside the CRF changes which spans are unsure, so it cannot be had by mapping confidences; the
    entities stay the same. The loss has one minimum: the search ends when it rises.

    raw (ndarray): Confidences at a temperature of 1, of shape (n,).
    heated (Callable): Gives the confidences at another temperature.
    correct, documents, weights (ndarray): Of the same shape.
    RETURNS (tuple[float, ndarray]): The temperature, and the confidences at it.
    """
    temperature, confidences = 1.0, raw
    loss = min(held_out_losses(raw, correct, documents, weights).values())
    for hotter in TEMPERATURES:
        tried = heated(hotter)
        reached = min(held_out_losses(tried, correct, documents, weights).values())
        if reached > loss - LEAST_GAIN:
            break
        temperature, confidences, loss = hotter, tried, reached
    return temperature, confidences


def _predict(nlp: Language, docs: Sequence[Doc], advance: Callable[[int], None]) -> list[Pair]:
    run = predict_gold_tokens(nlp, docs, advance)
    return [pair(doc, prediction) for doc, prediction in zip(docs, run.predictions, strict=True)]


def find_pipe(nlp: Language, component: str) -> Any:
    """A pipe that can be calibrated: one of spaCy's text classifiers, a relation extractor, or one that gives entities
    a confidence, which holds a temperature in its `cfg`.

    RAISES (DossierError): There is no such pipe.
    """
    if component not in nlp.pipe_names:
        raise DossierError(
            f"the pipeline has no component {component!r}",
            value=", ".join(nlp.pipe_names) or "an empty pipeline",
            remedy="Name one that gives confidences with --component.",
        )
    if not can_be_calibrated(pipe := nlp.get_pipe(component)):
        raise DossierError(
            f"the component {component!r} gives no confidence that could be calibrated",
            value=nlp.get_pipe_meta(component).factory,
            remedy="Train a pipeline with `crf_ner`, `textcat` or `relation_extractor`.",
        )
    return pipe


def can_be_calibrated(pipe: Any) -> bool:
    cfg = getattr(pipe, "cfg", None)
    known = isinstance(pipe, TextCategorizer | RelationExtractor)
    return known or (isinstance(cfg, dict) and "temperature" in cfg)


def find_components(nlp: Language, docs: Sequence[Doc]) -> list[str]:
    """RETURNS (list[str]): The names of the pipes that can be calibrated on these documents, in their order.

    RAISES (DossierError): There is none.
    """

    def is_judged(pipe: Any) -> bool:
        if isinstance(pipe, TextCategorizer):
            return any(doc.cats for doc in docs)
        return any(map(is_annotated if isinstance(pipe, RelationExtractor) else has_entities, docs))

    found = [name for name, pipe in nlp.pipeline if can_be_calibrated(pipe) and is_judged(pipe)]
    if not found:
        raise DossierError(
            "no component can be calibrated on these documents",
            value=", ".join(nlp.pipe_names) or "an empty pipeline",
            remedy="It takes a `crf_ner` and annotated entities, a `textcat` and classes, or a `relation_extractor` "
            "and relations.",
        )
    return found


def novelty_weights(pairs: Sequence[Pair], forms: set[str], share: float) -> tuple[np.ndarray, float]:
    """Weights of the predicted entities that have a confidence, by which those of unseen form have at least a share.

    forms (set[str]): Surface forms of the training corpus.
    share (float): In [0, 1).
    RETURNS (tuple[ndarray, float]): Of shape (entities,), one on average; and the share that they have as it is.
    RAISES (DossierError): `share` is not a share.
    """
    if not 0 <= share < 1:
        raise DossierError("the share of unseen entities must be at least 0 and less than 1", value=share)
    is_new = np.array(
        [
            surface(text[entity.start : entity.end]) not in forms
            for pair in pairs
            for text in [pair.doc.text]  # put together from its tokens at every call
            for entity in pair.predicted
            if entity.confidence is not None
        ]
    )
    found = float(is_new.mean())
    if found in (0.0, 1.0) or found >= share:
        return np.ones(len(is_new)), found
    return np.where(is_new, share / found, (1 - share) / (1 - found)), found


def write_calibrated(nlp: Language, components: Iterable[str], output: Path, *, overwrite: bool = False) -> None:
    """Write the pipeline's folder with the calibrated pipes in it to `output`.

    Every other file is copied as it is.

    overwrite (bool): Allow the pipeline's own folder as output.
    RAISES (DossierError): `output` is the pipeline itself, or a folder that holds something else than a pipeline.
    """
    source = check_output(nlp, output, overwrite=overwrite)
    with whole_folder(output) as made:
        shutil.copytree(source, made, dirs_exist_ok=True)
        for component in components:
            nlp.get_pipe(component).to_disk(made / component, exclude=["vocab"])


def check_output(nlp: Language, output: Path, *, overwrite: bool = False) -> Path:
    """See to it, before any work, that a calibrated pipeline can be written to `output`.

    RETURNS (Path): The folder of the pipeline.
    RAISES (DossierError): It cannot.
    """
    if nlp.path is None:
        raise DossierError("the pipeline was not loaded from a folder")
    source, target = Path(nlp.path).resolve(), output.resolve()
    if target == source:
        if not overwrite:
            raise DossierError(
                "the output is the pipeline itself",
                file=output,
                remedy="Choose another folder, or give --overwrite to replace the pipeline.",
            )
    elif source in target.parents or target in source.parents:
        raise DossierError("the output and the pipeline lie in each other", file=output)
    if output.exists() and not (output / "config.cfg").is_file() and not _is_empty_folder(output):
        raise DossierError("the output exists and is not a pipeline", file=output, remedy="Choose another folder.")
    return source


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
