"""Scores of classes, against scikit-learn, and their calibration."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from sklearn import metrics
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.calibrate import find_components
from spacy_dossier.evaluate.calibration import ece
from spacy_dossier.evaluate.classes.calibrate import calibrate_classes, find_temperature, heated
from spacy_dossier.evaluate.classes.scores import Classified, classified, score_classes, score_whole, worst_classes
from spacy_dossier.evaluate.corpus import PredictedDoc, ScoredEntity
from spacy_dossier.evaluate.entities import Pair
from spacy_dossier.evaluate.evaluate import evaluate

LABELS = ["a", "b", "c", "d"]
NLP = spacy.blank("xx")


def random_scores(rng: np.random.Generator, n: int, heat: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Softmax scores of four classes, of which the last is rare, and classes drawn by them.

    heat (float): The logits are multiplied by it after the draw: above 1, the scores are too sure.
    """
    logits = rng.normal(size=(n, 4)) * 2 - [0, 0, 0, 4]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = np.array([rng.choice(4, p=row) for row in p])
    hot = np.exp(logits * heat)
    return hot / hot.sum(axis=1, keepdims=True), gold


def as_docs(gold: np.ndarray) -> list[Doc]:
    """gold (ndarray): 1.0, 0.0 or NaN; of shape (documents, labels)."""
    docs = []
    for number, row in enumerate(gold):
        doc = Doc(Vocab(), words=["text", str(number)])
        doc.cats = {label: float(value) for label, value in zip(LABELS, row, strict=True) if not np.isnan(value)}
        docs.append(doc)
    return docs


def as_predictions(scores: np.ndarray) -> list[PredictedDoc]:
    return [PredictedDoc([], None, dict(zip(LABELS, row.tolist(), strict=True))) for row in scores]


def close(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}
    return all(abs(ours[name] - theirs[their]) < 1e-12 for name, their in names.items())


@pytest.mark.parametrize("n", [1, 7, 500])
def test_classes_that_exclude_each_other_equal_scikit_learn(n: int) -> None:
    """Each class, averages, accuracy and confusion, rare classes and all."""
    scores, gold = random_scores(np.random.default_rng(n), n)
    found = classified(as_docs(np.eye(4)[gold]), as_predictions(scores))
    assert found is not None and found.exclusive
    ours = score_classes(found, NLP)
    predicted = scores.argmax(axis=1)
    theirs = metrics.classification_report(gold, predicted, output_dict=True, zero_division=0)
    assert sorted(ours["labels"]) == [LABELS[i] for i in sorted({*gold.tolist(), *predicted.tolist()})]
    for label, row in ours["labels"].items():
        assert close(row, theirs[str(LABELS.index(label))])
    assert close(ours["macro"], theirs["macro avg"])
    assert close(ours["weighted"], theirs["weighted avg"])
    assert ours["micro"]["f1"] == ours["accuracy"]["value"] == pytest.approx(theirs["accuracy"], abs=1e-12)
    assert ours["confusion"]["matrix"] == metrics.confusion_matrix(gold, predicted).tolist()
    top = scores.max(axis=1)
    assert ours["calibration"]["brier"] == pytest.approx(np.mean((top - (gold == predicted)) ** 2), abs=1e-12)
    assert ours["calibration"]["ece"] == pytest.approx(ece(top, gold == predicted), abs=1e-12)
    assert ("interval" in ours["accuracy"]) is (n > 1)


def test_several_classes_to_a_text_equal_scikit_learn() -> None:
    """Above a threshold each class counts by itself; documents with none and with all are among them."""
    rng = np.random.default_rng(0)
    gold = (rng.random((300, 4)) < [0.5, 0.3, 0.2, 0.02]).astype(float)
    scores = np.clip(0.5 + 0.4 * (gold - 0.5) + rng.normal(size=gold.shape) * 0.3, 0, 1)
    found = classified(as_docs(gold), as_predictions(scores), threshold=0.4)
    assert found is not None and not found.exclusive
    ours = score_classes(found, NLP)
    theirs = metrics.classification_report(gold, scores >= 0.4, output_dict=True, zero_division=0, target_names=LABELS)
    for label in LABELS:
        assert close(ours["labels"][label], theirs[label])
    for average in ("micro", "macro", "weighted"):
        assert close(ours[average], theirs[f"{average} avg"])
    assert ours["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(gold, scores >= 0.4), abs=1e-12)
    assert ours["calibration"]["brier"] == pytest.approx(np.mean((scores - gold) ** 2), abs=1e-12)
    assert "confusion" not in ours


def test_what_the_annotation_does_not_say_is_not_scored() -> None:
    """A class that a document does not mention is neither right nor wrong; a document without classes is left out."""
    gold = np.array([[1, np.nan, 0, 0], [np.nan] * 4, [0, 1, np.nan, 0]])
    scores = np.array([[0.9, 0.9, 0.1, 0.1], [0.9, 0.9, 0.9, 0.9], [0.1, 0.2, 0.9, 0.1]])
    found = classified(as_docs(gold), as_predictions(scores))
    assert found is not None and found.rows == [0, 2]
    ours = score_classes(found, NLP)
    assert ours["micro"] | {"interval": None} == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
        "predicted": 1,
        "correct": 1,
        "interval": None,
    }
    assert ours["accuracy"]["value"] == 0.5
    assert ours["calibration"]["support"] == 6


def test_whole_texts_and_worst_errors() -> None:
    """Classes and entities must be right; the surest error comes first, with its text cut."""
    gold = np.eye(4)[[0, 1, 2, 0]]
    scores = np.array([[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0], [0.99, 0, 0.01, 0], [0.8, 0.2, 0, 0]])
    docs = as_docs(gold)
    docs[2] = Doc(Vocab(), words=["long"] * 400)
    docs[2].cats = {"a": 0.0, "b": 0.0, "c": 1.0, "d": 0.0}
    docs[2].user_data["id"] = "file#3"
    found = classified(docs, as_predictions(scores))
    assert found is not None
    one, two = ScoredEntity(0, 4, "X"), ScoredEntity(0, 4, "Y", 0.9)
    sides = [([one], [one._replace(confidence=0.7)]), ([], []), ([], []), ([one], [two])]
    pairs = [Pair(doc, *side) for doc, side in zip(docs, sides, strict=True)]
    assert score_whole(found, pairs)["value"] == 0.25
    worst = worst_classes(found, docs)
    assert [(error["document"], error["id"]) for error in worst] == [(2, "file#3"), (1, None)]
    assert worst[0]["gold"] == {"c": pytest.approx(0.01)} and worst[0]["predicted"] == {"a": pytest.approx(0.99)}
    assert worst[0]["text"].endswith(" …") and len(worst[0]["text"]) == 602


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_the_heat(heat: float) -> None:
    """Of scores that are too sure, or not sure enough, by a known factor."""
    scores, gold = random_scores(np.random.default_rng(1), 20_000, heat)
    found = Classified(list(range(len(gold))), LABELS, np.eye(4)[gold], scores, True)
    assert find_temperature(found) == pytest.approx(heat, rel=0.05)
    right, correct, _ = heated(found, find_temperature(found)).decisions()
    assert ece(right, correct) < 0.01
    logits = np.random.default_rng(2).normal(size=(20_000, 4)) * 2
    several = (np.random.default_rng(3).random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    found = Classified(list(range(20_000)), LABELS, several, 1 / (1 + np.exp(-logits * heat)), False)
    assert find_temperature(found) == pytest.approx(heat, rel=0.05)


WORDS = {"sport": ["goal", "match", "team", "won"], "money": ["bank", "price", "share", "won"]}


def make_corpus(n: int, seed: int) -> list[Doc]:
    """Documents of words that tell their class, but for every fifth one, which has words of the other."""
    rng = np.random.default_rng(seed)
    docs = []
    for i in range(n):
        label = ("sport", "money")[i % 2]
        told_by = ("money", "sport")[i % 2] if rng.random() < 0.2 else label
        doc = Doc(Vocab(), words=[str(word) for word in rng.choice(WORDS[told_by], size=6)])
        doc.cats = {name: float(name == label) for name in WORDS}
        docs.append(doc)
    return docs


def reduced(exclusive: bool) -> dict[str, Any]:
    """RETURNS (dict): The [model] of a small classifier."""
    return {
        "@architectures": "spacy.TextCatReduce.v1",
        "exclusive_classes": exclusive,
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": False,
        "use_reduce_mean": True,
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": 32,
            "depth": 1,
            "embed_size": 200,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": False,
        },
    }


def train_classifier(factory: str, architecture: dict[str, Any]) -> Language:
    """A classifier whose logits are five times what it learned, so that it is too sure."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe(factory, name="textcat", config={"model": architecture})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in make_corpus(40, seed=0)]
    sgd = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=sgd)
    layer = next(node for node in nlp.get_pipe("textcat").model.walk() if node.name in ("softmax", "linear"))
    for name in ("W", "b"):
        layer.set_param(name, layer.get_param(name) * 5)
    return nlp


@pytest.fixture(scope="module", params=[("textcat", True), ("textcat_multilabel", False), ("textcat_multilabel", True)])
def classifier(request: pytest.FixtureRequest) -> Language:
    factory, exclusive = request.param
    return train_classifier(factory, reduced(exclusive))


def test_calibration_of_a_classifier(classifier: Language, tmp_path: Path) -> None:
    """It is less sure than before, better calibrated, decides as before, and is still spaCy's own when loaded."""
    dev, test = make_corpus(300, seed=1), make_corpus(300, seed=2)
    before = list(classifier.pipe(doc.text for doc in test))
    report = calibrate_classes(classifier, dev, precision=0.7)
    assert report["temperature"] > 1.5
    assert report["after"]["ece"] < report["before"]["ece"]
    assert report["after"]["nll"] < report["before"]["nll"]
    after = list(classifier.pipe(doc.text for doc in test))
    for old, new in zip(before, after, strict=True):
        assert max(old.cats, key=old.cats.__getitem__) == max(new.cats, key=new.cats.__getitem__)
    again = calibrate_classes(classifier, dev, precision=0.7)
    assert again["temperature"] == pytest.approx(report["temperature"], rel=1e-3)
    assert again["before"] == pytest.approx(report["before"], rel=1e-3)
    classifier.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for doc, new in zip(test, after, strict=True):
        assert loaded(doc.text).cats == pytest.approx(new.cats, abs=1e-5)
    kept = loaded.get_pipe("textcat").cfg["threshold_by_label"]
    assert kept["precision"] == pytest.approx(0.7) and set(kept["labels"]) == set(WORDS)
    scores = evaluate(loaded, test)
    assert "entities" not in scores
    for row in scores["classes"]["calibration"]["chosen_thresholds"]:
        assert row["precision"] > 0.65
    assert scores["classes"]["calibration"]["ece"] < 0.1


def test_a_model_without_a_last_linear_layer_is_refused() -> None:
    """Its scores would not be those of the temperature."""
    ensemble = {  # its "output layer" is that of the words alone
        "@architectures": "spacy.TextCatEnsemble.v2",
        "linear_model": {
            "@architectures": "spacy.TextCatBOW.v3",
            "exclusive_classes": True,
            "length": 1000,
            "ngram_size": 1,
            "no_output_layer": False,
        },
        "tok2vec": reduced(True)["tok2vec"],
    }
    nlp = train_classifier("textcat", ensemble)
    with pytest.raises(DossierError, match="do not follow from a last linear layer"):
        calibrate_classes(nlp, make_corpus(20, seed=1))


def test_commands(tmp_path: Path) -> None:
    """`calibrate` finds what it can calibrate; `evaluate` scores classes alone, and of another corpus."""
    nlp = train_classifier("textcat", reduced(True))
    nlp.to_disk(tmp_path / "model")
    dev = tmp_path / "dev.spacy"
    DocBin(docs=make_corpus(100, seed=1), store_user_data=True).to_disk(dev)
    assert find_components(nlp, make_corpus(3, seed=1)) == ["textcat"]
    with pytest.raises(DossierError, match="no component can be calibrated on these documents, found 'textcat'"):
        find_components(nlp, [nlp.make_doc("no classes")])
    run = CliRunner()
    result = run.invoke(
        app, ["calibrate", str(tmp_path / "model"), str(dev), "-o", str(tmp_path / "final"), "-p", "0.6"]
    )
    assert result.exit_code == 0, result.output
    assert "Scores of the classes of 100 documents" in result.stdout
    assert "Temperature: " in result.stdout and "Thresholds for a precision of 60.00%: " in result.stdout
    result = run.invoke(app, ["evaluate", str(tmp_path / "final"), str(dev), "-o", str(tmp_path / "scores")])
    assert result.exit_code == 0, result.output
    assert "All classes right in " in result.stdout
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert set(scores["classes"]["labels"]) == {"sport", "money"}
    page = (tmp_path / "scores" / "index.html").read_text()
    assert '<section id="classes">' in page and '<section id="entities">' not in page
    assert "Worst classes" in page
    other = tmp_path / "entities.spacy"
    DocBin(docs=[Doc(Vocab(), words=["Ada", "left"], ents=["B-PER", "O"])]).to_disk(other)
    both = ["evaluate", str(tmp_path / "final"), str(other), "--classes", str(dev), "-o", str(tmp_path / "both")]
    assert run.invoke(app, both).exit_code == 0
    scores = json.loads((tmp_path / "both" / "scores.json").read_text())
    assert scores["classes"]["accuracy"]["support"] == 100 and scores["corpus"]["documents"] == 1
    result = run.invoke(app, ["evaluate", str(tmp_path / "final"), str(other), "--classes", str(other), "-o", "x"])
    assert result.exit_code == 1 and "no document has classes" in result.stderr
    spacy.blank("xx").to_disk(tmp_path / "blank")
    without = ["evaluate", str(tmp_path / "blank"), str(other), "--classes", str(dev), "-o", str(tmp_path / "none")]
    assert "The corpus has classes, but the pipeline gives none." in run.invoke(app, without).stdout
