"""Everything that is known about how well a pipeline does on an annotated corpus, as one dictionary."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import get_current_ops

from ..errors import DossierError
from ..pipeline.relations.annotation import is_annotated
from ..pipeline.relations.pipe import RelationExtractor
from ..training.joined import SENTENCES, is_one_sentence, joined_texts, open_starts
from .calibration import at_threshold, calibration_table, confidences_of
from .classes.scores import classified, score_classes, score_whole, threshold_of, worst_classes
from .corpus import (
    Advance,
    PredictedDoc,
    Predictions,
    annotated_tokens,
    has_entities,
    has_sentences,
    predict_by_sentence,
    predict_gold_tokens,
    predict_raw_text,
    sentences_of,
    with_entities_of,
)
from .entities import (
    Pair,
    by_surface,
    confusion,
    error_kinds,
    labels_of,
    lenient,
    matches,
    pair,
    sides_of,
    strict_counts,
    surface_forms,
)
from .examples import worst_errors
from .metrics import LEVEL, RESAMPLES, SEED, Counts, difference, table
from .relations.scores import ScoredRelation, find_on_gold_entities, relations_of, score_relations
from .tokens import token_table

Progress = Callable[[str, int], AbstractContextManager[Advance]]

NO_CLASSES = "The corpus has classes, but the pipeline gives none."
WARM_UP = "A short text before the clock starts."
FEW_DOCUMENTS = 20  # below this a bootstrap over documents says little


def no_progress(description: str, total: int) -> AbstractContextManager[Advance]:
    """Show nothing."""
    return nullcontext(lambda steps: None)


def evaluate(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    train: Iterable[Doc] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Score a pipeline's entities, their confidences, its sentences and its classes on annotated documents.

    Keys and their meaning stand in docs/evaluation.md.

    nlp (Language): Any pipeline that sets `doc.ents` or `doc.cats`.
    docs (Sequence[Doc]): The annotated documents. Tokens without entity annotation are not scored, nor are classes of
        documents without any.
    train (Iterable[Doc] | None): The training corpus, which tells seen from unseen surface forms.
    progress (Progress): Called with a description and a number of documents, gives what to call at each step.
    RETURNS (dict[str, Any]): The scores, as JSON can hold them; under `worst` and `worst_classes` errors with their
        text, for the page.
    RAISES (DossierError): No document has entities or classes annotated.
    """
    if not any(has_entities(doc) or doc.cats for doc in docs):
        raise DossierError(
            "no document of the corpus has entities or classes annotated",
            remedy="Evaluate on documents made with `dossier convert` or `dossier classes`.",
        )
    docs = [doc for doc in docs if len(doc)]
    runs = predict_all(nlp, docs, progress)
    pairs = {name: [pair(doc, p) for doc, p in zip(docs, run.predictions, strict=True)] for name, run in runs.items()}

    scores: dict[str, Any] = {
        "pipeline": describe_pipeline(nlp),
        "corpus": describe_corpus(docs, pairs["gold_tokens"]),
        "method": {"resamples": RESAMPLES, "level": LEVEL, "seed": SEED},
    }
    with_entities = any(map(has_entities, docs))
    if with_entities:
        scores |= score_spans(nlp, pairs, train)
    sentences = score_sentences(nlp, docs, runs)
    if sentences:
        scores["sents"] = sentences
    scores |= score_cats(nlp, docs, runs["gold_tokens"].predictions, pairs["gold_tokens"] if with_entities else None)
    scores |= score_facts(nlp, docs, runs)
    scores["speed"] = {name: speed(run, docs) for name, run in runs.items()}
    scores["notes"] = notes(nlp, docs, pairs, scores)
    return scores


def evaluate_classes(nlp: Language, docs: Sequence[Doc], progress: Progress = no_progress) -> dict[str, Any]:
    """Score the classes alone.

    RETURNS (dict[str, Any]): `classes` and `worst_classes`, as in `evaluate`; empty where the pipeline gives none.
    RAISES (DossierError): No document has classes.
    """
    docs = [doc for doc in docs if doc.cats and len(doc)]
    if not docs:
        raise DossierError("no document has classes", remedy="Make some with `dossier classes`.")
    with progress("Classes", len(docs)) as advance:
        return score_cats(nlp, docs, predict_gold_tokens(nlp, docs, advance).predictions, None)


def score_spans(nlp: Language, pairs: dict[str, list[Pair]], train: Iterable[Doc] | None) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): `entities`, `tokens`, `worst`, and `calibration` where there are confidences."""
    entities = score_entities(pairs)
    if train is not None:
        entities["surface_forms"] = score_forms(pairs["gold_tokens"], surface_forms(train))
    tokens = token_table(pairs["gold_tokens"])
    tokens |= {name: token_table(side) for name, side in pairs.items() if name != "gold_tokens"}
    calibration = score_calibration(nlp, pairs)
    scores = {"entities": entities, "tokens": tokens, "worst": worst_errors(pairs["gold_tokens"])}
    return scores if calibration is None else {**scores, "calibration": calibration}


def score_cats(
    nlp: Language, docs: Sequence[Doc], predictions: Sequence[PredictedDoc], pairs: Sequence[Pair] | None
) -> dict[str, Any]:
    """Score classes where there are any.

    pairs (Sequence[Pair] | None): The entities of the same documents, for the share of which all is right.
    RETURNS (dict[str, Any]): `classes` and `worst_classes`; empty where annotation or prediction has none.
    """
    found = classified(docs, predictions, threshold=threshold_of(nlp))
    if found is None:
        return {}
    classes = score_classes(found, nlp)
    if pairs is not None:
        classes["whole"] = score_whole(found, pairs)
    return {"classes": classes, "worst_classes": worst_classes(found, docs)}


def score_facts(nlp: Language, docs: Sequence[Doc], runs: dict[str, Predictions]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): `relations`; empty where annotation or pipeline has none."""
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, RelationExtractor)]
    places = [number for number, doc in enumerate(docs) if is_annotated(doc)]
    if not pipes or not places:
        return {}
    symmetric = {label for pipe in pipes for label in pipe.symmetric}
    gold = [relations_of(docs[number], symmetric) for number in places]

    def beside(name: str) -> list[tuple[list[ScoredRelation], list[ScoredRelation]]]:
        return [(one, runs[name].predictions[number].relations) for one, number in zip(gold, places, strict=True)]

    given = [with_entities_of(nlp.vocab, docs[number]) for number in places]
    on_gold = list(zip(gold, find_on_gold_entities(nlp, given), strict=True))
    chosen = stored_threshold(pipes)
    return {"relations": score_relations(beside("gold_tokens"), on_gold, beside("raw_text"), chosen)}


def predict_all(nlp: Language, docs: Sequence[Doc], progress: Progress) -> dict[str, Predictions]:
    """RETURNS (dict[str, Predictions]): From gold tokens, from raw text, and by sentence where there are any."""
    list(nlp.pipe([WARM_UP]))
    runs = {}
    with progress("Gold tokens", len(docs)) as advance:
        runs["gold_tokens"] = predict_gold_tokens(nlp, docs, advance)
    with progress("Raw text", len(docs)) as advance:
        runs["raw_text"] = predict_raw_text(nlp, docs, advance)
    if has_sentences(docs):
        with progress("Sentence by sentence", len(docs)) as advance:
            runs["by_sentence"] = predict_by_sentence(nlp, docs, advance)
    return runs


def score_entities(pairs: dict[str, list[Pair]]) -> dict[str, Any]:
    """Strict and lenient scores of each run, how the runs differ, and what kind of error each error is."""
    labels = sorted({label for side in pairs.values() for label in labels_of(side)})
    counts = {name: strict_counts(side, labels) for name, side in pairs.items()}
    entities: dict[str, Any] = {}
    for name, side in pairs.items():
        entities[name] = {**table(counts[name].select(labels_of(side))), **lenient(side)}
        entities[name]["ignored"] = sum(pair.ignored for pair in side)
    entities["differences"] = {
        f"{name}_minus_gold_tokens": difference(counts[name], counts["gold_tokens"])
        for name in pairs
        if name != "gold_tokens"
    }
    found = [match for pair in pairs["gold_tokens"] for match in matches(pair)]
    entities["errors"] = error_kinds(found)
    entities["confusion"] = confusion(found)
    return entities


def score_forms(pairs: Sequence[Pair], forms: set[str]) -> dict[str, Any]:
    """Strict scores of entities whose surface form training had, and of those it had not."""
    sides = {name: table(strict_counts(side)) for name, side in by_surface(pairs, forms).items()}
    return {"in_training": len(forms), **sides}


def score_calibration(nlp: Language, pairs: dict[str, list[Pair]]) -> dict[str, Any] | None:
    """Calibration from gold tokens, and the same from raw text; None when no entity has a confidence."""
    tables = {}
    for name in ("gold_tokens", "raw_text"):
        side = pairs[name]
        confidences, correct, documents = confidences_of(map(sides_of, side))
        if not len(confidences):
            continue
        support = sum(len(pair.gold) for pair in side)
        tables[name] = calibration_table(confidences, correct, documents, len(side), support)
        tables[name]["without_confidence"] = sum(len(pair.predicted) for pair in side) - len(confidences)
        chosen = stored_threshold(pipe for _, pipe in nlp.pipeline if not isinstance(pipe, RelationExtractor))
        if chosen is not None:
            kept = at_threshold(confidences, correct, chosen["threshold"], support)
            tables[name]["chosen_threshold"] = {"target": chosen["precision"], **kept}
    if "gold_tokens" not in tables:
        return None
    return {**tables.pop("gold_tokens"), **tables}


def stored_threshold(pipes: Iterable[Any]) -> dict[str, float] | None:
    """RETURNS (dict[str, float] | None): `precision` and `threshold` that `dossier calibrate` left in one of them."""
    for pipe in pipes:
        cfg = getattr(pipe, "cfg", None)
        chosen = cfg.get("threshold_for_precision") if isinstance(cfg, dict) else None
        if isinstance(chosen, dict) and chosen.get("threshold") is not None:
            return chosen
    return None


def score_sentences(nlp: Language, docs: Sequence[Doc], runs: dict[str, Predictions]) -> dict[str, Any]:
    """Precision, recall and F1 of sentences with the same first and last character, for runs that have sentences.

    A corpus of documents of one sentence has no boundary to find: they are joined to texts first.
    """
    if not has_sentences(docs):
        return {}
    if mostly_single_sentences(docs):
        docs = joined_texts(docs)
        runs = {"gold_tokens": predict_gold_tokens(nlp, docs), "raw_text": predict_raw_text(nlp, docs)}
    gold = [sentences_of(doc) for doc in docs]
    undecided = [open_starts(doc) for doc in docs]
    scores = {}
    for name in ("gold_tokens", "raw_text"):
        predictions = runs[name].predictions
        if any(prediction.sentences is not None for prediction in predictions):
            found = [merge_at(p.sentences or [], places) for p, places in zip(predictions, undecided, strict=True)]
            scores[name] = table(_sentence_counts(gold, found))["micro"]
    return scores


def mostly_single_sentences(docs: Sequence[Doc]) -> bool:
    """Whether most of the documents are one sentence, as those of column files without document marks are."""
    return 2 * sum(map(is_one_sentence, docs)) > len(docs)


def merge_at(sentences: list[tuple[int, int]], places: set[int]) -> list[tuple[int, int]]:
    """RETURNS (list): The sentences, those that begin at one of the places joined to the one before."""
    merged: list[tuple[int, int]] = []
    for start, end in sentences:
        if merged and start in places:
            start, _ = merged.pop()
        merged.append((start, end))
    return merged


def _sentence_counts(gold: Sequence[list[tuple[int, int]]], found: Sequence[list[tuple[int, int]]]) -> Counts:
    correct = [len(set(truth) & set(guess)) for truth, guess in zip(gold, found, strict=True)]
    columns = (correct, [len(guess) for guess in found], [len(truth) for truth in gold])
    return Counts(["sentence"], *(np.array(column, dtype=np.int64)[:, None] for column in columns))


def speed(run: Predictions, docs: Sequence[Doc]) -> dict[str, float]:
    """RETURNS (dict[str, float]): Seconds, and words (tokens of the corpus) a second, of the whole pipeline."""
    words = sum(map(len, docs))
    return {"seconds": run.seconds, "words_per_second": words / run.seconds if run.seconds else 0.0}


def describe_pipeline(nlp: Language) -> dict[str, Any]:
    """What was evaluated, and on what machine."""
    return {
        "name": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "path": None if nlp.path is None else str(nlp.path),
        "components": list(nlp.pipe_names),
        "spacy": spacy.__version__,
        "python": platform.python_version(),
        "device": get_current_ops().device_type,
    }


def describe_corpus(docs: Sequence[Doc], pairs: Sequence[Pair]) -> dict[str, Any]:
    """How much there is to score."""
    entities = Counter(entity.label for pair in pairs for entity in pair.gold)
    return {
        "documents": len(docs),
        "documents_without_entity_annotation": sum(not has_entities(doc) for doc in docs),
        "sentences": sum(len(sentences_of(doc)) for doc in docs) if has_sentences(docs) else None,
        "tokens": sum(map(len, docs)),
        "tokens_without_entity_annotation": sum(int((~annotated_tokens(doc)).sum()) for doc in docs),
        "entities": sum(entities.values()),
        "entities_by_label": dict(sorted(entities.items())),
    }


def notes(nlp: Language, docs: Sequence[Doc], pairs: dict[str, list[Pair]], scores: dict[str, Any]) -> list[str]:
    """Sentences on what a reader must know to read the numbers right."""
    found = []
    corpus = scores["corpus"]
    if corpus["documents"] == 1:
        found.append("The corpus is one document, so there are no bootstrap intervals.")
    elif corpus["documents"] < FEW_DOCUMENTS:
        found.append(f"Intervals come from {corpus['documents']} documents only: they are rough and too narrow.")
    if "entities" in scores:
        found += entity_notes(nlp, docs, pairs["gold_tokens"], scores)
    if any(doc.cats for doc in docs):
        found += class_notes(nlp, scores.get("classes"))
    return found


def class_notes(nlp: Language, classes: dict[str, Any] | None) -> list[str]:
    """Sentences on what a reader must know of the classes."""
    if classes is None:
        return [NO_CLASSES]
    known = {label for _, pipe in nlp.pipeline for label in getattr(pipe, "labels", ())}
    return [
        f"No component knows the class {label} ({row['support']:,} documents)."
        for label, row in classes["labels"].items()
        if row["support"] and label not in known
    ]


def entity_notes(nlp: Language, docs: Sequence[Doc], gold: Sequence[Pair], scores: dict[str, Any]) -> list[str]:
    """Sentences on what a reader must know of the entities."""
    found = []
    corpus, entities = scores["corpus"], scores["entities"]["gold_tokens"]
    if corpus["tokens_without_entity_annotation"]:
        found.append(
            f"{corpus['tokens_without_entity_annotation']:,} of {corpus['tokens']:,} tokens have no entity annotation "
            f"and are not scored; {entities['ignored']:,} predictions that touch them are left out."
        )
    if not any(pair.predicted for pair in gold):
        found.append("The pipeline predicts no entity at all.")
    known = {label for _, pipe in nlp.pipeline for label in getattr(pipe, "labels", ())}
    for label, row in entities["labels"].items():
        if row["support"] and not row["predicted"] and label not in known:
            found.append(f"No component knows the label {label} ({row['support']:,} entities, all missed).")
        elif row["predicted"] and not row["support"]:
            found.append(f"The label {label} is predicted {row['predicted']:,} times, but is not in the corpus.")
    if "by_sentence" not in scores["entities"]:
        found.append("Not all documents have sentence boundaries: there are no scores sentence by sentence.")
    elif mostly_single_sentences(docs):
        found.append(
            f"Most documents are one sentence: sentences are scored on texts of {SENTENCES} of them, set apart by "
            "a line where no final mark shows the boundary."
        )
    crossing = crossing_sentences(docs)
    if crossing:
        found.append(f"{crossing:,} annotated entities cross a sentence boundary: by sentence they can only be missed.")
    calibration = scores.get("calibration")
    if calibration is None:
        found.append("The pipeline gives no confidences: there is no calibration.")
    elif calibration["without_confidence"]:
        found.append(f"{calibration['without_confidence']:,} predictions have no confidence and are left out of it.")
    return found


def crossing_sentences(docs: Sequence[Doc]) -> int:
    """RETURNS (int): How many annotated entities begin in one annotated sentence and end in another."""
    if not has_sentences(docs):
        return 0
    return sum(any(token.is_sent_start for token in ent[1:]) for doc in docs for ent in doc.ents)
