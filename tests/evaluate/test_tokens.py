"""The token table is scikit-learn's classification_report over IOB2 tags."""

import numpy as np
import pytest
from sklearn.metrics import classification_report
from spacy.tokens import Span

from spacy_dossier.evaluate.corpus import PredictedDoc, ScoredEntity
from spacy_dossier.evaluate.entities import pair
from spacy_dossier.evaluate.tokens import iob2, token_table

from .conftest import Sample
from .pipelines import make_doc


def test_table_equals_scikit_learn(sample: Sample) -> None:
    """Classes, accuracy, macro and weighted averages are scikit-learn's, O included, to 1e-12."""
    truth, guess = ([tag for doc in tags for tag in doc] for tags in (sample.gold_tags, sample.predicted_tags))
    report = classification_report(truth, guess, output_dict=True, zero_division=0)
    ours = token_table(sample.pairs)
    accuracy = report.pop("accuracy")
    for measure in ("precision", "recall", "f1"):
        assert ours["micro"][measure] == pytest.approx(accuracy, abs=1e-12)
    rows = {"macro avg": ours["macro"], "weighted avg": ours["weighted"]} | ours["labels"]
    assert set(rows) == set(report)
    for name, row in rows.items():
        for measure, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert row[measure] == pytest.approx(report[name][theirs], abs=1e-12)
        assert row["support"] == report[name]["support"]


def test_averages_without_o_equal_scikit_learn(sample: Sample) -> None:
    """The averages over entity classes are scikit-learn's with O left out of the labels."""
    truth, guess = ([tag for doc in tags for tag in doc] for tags in (sample.gold_tags, sample.predicted_tags))
    labels = sorted({*truth, *guess} - {"O"})
    report = classification_report(truth, guess, labels=labels, output_dict=True, zero_division=0)
    ours = token_table(sample.pairs)["entity_classes"]
    for name in ("micro", "macro", "weighted"):
        for measure, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert ours[name][measure] == pytest.approx(report[f"{name} avg"][theirs], abs=1e-12)


def test_unaligned_entities_take_the_tokens_they_touch() -> None:
    """A raw-text entity inside a token tags it; of two in one token the first counts."""
    offsets = np.array([[0, 10], [11, 14]])
    assert iob2(offsets, [ScoredEntity(5, 10, "LOC")]) == ["B-LOC", "O"]
    assert iob2(offsets, [ScoredEntity(0, 4, "LOC"), ScoredEntity(5, 14, "ORG")]) == ["B-LOC", "B-ORG"]
    assert iob2(offsets, []) == ["O", "O"]


def test_tokens_without_annotation_are_not_counted() -> None:
    """Missing annotation takes tokens out of the support."""
    doc = make_doc("Ada met Bo in Chad")
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[2:4]], default="outside")
    scores = token_table([pair(doc, PredictedDoc([ScoredEntity(0, 3, "PER"), ScoredEntity(14, 18, "LOC")], None))])
    assert scores["micro"]["support"] == 3
    assert scores["micro"]["f1"] == pytest.approx(2 / 3)
