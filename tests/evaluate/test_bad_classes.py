"""Development and test sets from which little, or nothing, can be learnt about a classifier."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.calibrate import write_calibrated
from spacy_dossier.evaluate.classes.calibrate import calibrate_classes
from spacy_dossier.evaluate.classes.stored import temperature_of, thresholds_of
from spacy_dossier.evaluate.evaluate import evaluate

from .test_classes import WORDS, make_corpus, reduced, train_classifier


@pytest.fixture
def classifier() -> Language:
    return train_classifier("textcat", reduced(True))


def renamed(docs: list[Doc], names: dict[str, str]) -> list[Doc]:
    for doc in docs:
        doc.cats = {names.get(label, label): value for label, value in doc.cats.items()}
    return docs


@pytest.mark.parametrize("kind", ["other", "one other", "none", "empty"])
def test_documents_that_cannot_judge_are_refused(classifier: Language, kind: str, tmp_path: Path) -> None:
    """Of other classes, of none, without words: one line, and nothing is written."""
    docs = make_corpus(60, seed=1)
    if kind == "other":
        docs, message = renamed(docs, {"sport": "games", "money": "trade"}), "predicts classes that the development"
    elif kind == "one other":
        docs, message = (
            renamed(docs, {"money": "trade"}),
            r"\(sport, trade\) does not have, found 'money'",
        )
    elif kind == "none":
        for doc in docs:
            doc.cats = dict.fromkeys(doc.cats, 0.0)
        message = "no document of the development set is of any class"
    else:
        empty = Doc(Vocab())
        empty.cats = {"sport": 1.0, "money": 0.0}
        docs, message = [empty] * 5, "no document of the development set has words and classes"
    with pytest.raises(DossierError, match=message):
        calibrate_classes(classifier, docs)
    classifier.to_disk(tmp_path / "model")
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    command = ["calibrate", str(tmp_path / "model"), str(tmp_path / "dev.spacy"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and len(result.stderr.strip().splitlines()) == 1, result.output
    assert not (tmp_path / "out").exists()


def test_what_little_says_is_said(classifier: Language) -> None:
    """A few documents, of one class, and some without words among them."""
    docs = [doc for doc in make_corpus(32, seed=1) if doc.cats["sport"]]
    empty = Doc(Vocab())
    empty.cats = dict(docs[0].cats)
    report = calibrate_classes(classifier, [empty, *docs, empty])
    assert report["documents"] == len(docs) == 16
    said = " ".join(report["notes"])
    assert "16 documents are too few to fit scores on" in said
    assert "All documents are of one class, sport" in said


def test_a_pipeline_that_is_always_wrong_is_said_to_be(classifier: Language) -> None:
    """It may be trained too little; that its scores come down is right."""
    docs = make_corpus(60, seed=1)
    for doc, guess in zip(docs, classifier.pipe(doc.text for doc in docs), strict=True):
        doc.cats = {label: float(score < 0.5) for label, score in guess.cats.items()}
    report = calibrate_classes(classifier, docs)
    assert "60 of 60 documents are wrong" in " ".join(report["notes"])
    assert report["after"]["nll"] < report["before"]["nll"]


def test_a_temperature_that_does_not_help_is_not_used() -> None:
    """Of 16 documents by classifiers whose scores are right, most need none; their scores stay what they were."""
    nlp = train_classifier("textcat", reduced(True))
    kept = 0
    for seed in range(10):
        report = calibrate_classes(nlp, make_corpus(16, seed=seed))
        if report["temperature"] == 1.0:
            kept += 1
            assert report["before"] == report["after"]
            assert "no better than none" in " ".join(report["notes"])
        else:
            assert report["after"]["nll"] < report["before"]["nll"]
    assert kept < 10  # its logits are five times too large


def test_training_further_forgets_the_calibration(classifier: Language, tmp_path: Path) -> None:
    """The pipe is spaCy's own, and keeps its `cfg`; what is in it holds for the weights it was made for."""
    dev = make_corpus(300, seed=1)
    calibrate_classes(classifier, dev, precision=0.6)
    classifier.to_disk(tmp_path / "model")
    classifier = spacy.load(tmp_path / "model")
    pipe = classifier.get_pipe("textcat")
    temperature = temperature_of(pipe)
    assert temperature > 1.5 and thresholds_of(pipe)
    assert evaluate(classifier, dev)["classes"]["calibration"]["chosen_thresholds"]
    examples = [Example(classifier.make_doc(doc.text), doc) for doc in make_corpus(40, seed=0)]
    classifier.update(examples, sgd=classifier.resume_training())
    assert pipe.cfg["temperature"] == temperature  # left by spaCy
    assert temperature_of(pipe) == 1.0 and thresholds_of(pipe) is None
    assert "chosen_thresholds" not in evaluate(classifier, dev)["classes"]["calibration"]
    before = [doc.cats for doc in classifier.pipe(doc.text for doc in dev[:5])]
    report = calibrate_classes(classifier, dev)
    after = [doc.cats for doc in classifier.pipe(doc.text for doc in dev[:5])]
    for old, new in zip(before, after, strict=True):
        odds = [np.log(cats["sport"]) - np.log(cats["money"]) for cats in (old, new)]
        assert odds[0] == pytest.approx(odds[1] * report["temperature"], rel=1e-2)


KILLED = """
import sys, time
from pathlib import Path
import spacy
from spacy_dossier.evaluate.calibrate import write_calibrated

nlp = spacy.load(sys.argv[1])
slow = nlp.get_pipe("textcat").to_disk

def to_disk(path, exclude):
    slow(path, exclude=exclude)
    (path / "cfg").write_text("{")
    print("half", flush=True)
    time.sleep(60)

nlp.get_pipe("textcat").to_disk = to_disk
write_calibrated(nlp, ["textcat"], Path(sys.argv[2]), overwrite=True)
"""


@pytest.mark.parametrize("before", [False, True])
def test_killed_while_it_writes(classifier: Language, tmp_path: Path, before: bool) -> None:
    """Nothing, or the pipeline from before, stands under the name, never half of one; the next time all is well."""
    classifier.to_disk(tmp_path / "model")
    nlp, output = spacy.load(tmp_path / "model"), tmp_path / "final"
    if before:
        write_calibrated(nlp, ["textcat"], output)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "model"), str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "half\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert output.exists() is before
    if before:
        spacy.load(output)
    write_calibrated(nlp, ["textcat"], output)
    spacy.load(output)


def test_long_and_empty_texts_have_classes(classifier: Language) -> None:
    """A million characters, and none, beside others, in use, calibration and evaluation."""
    docs = make_corpus(40, seed=1)
    words = [token.text for token in docs[0]] * 36_000
    long, empty = Doc(Vocab(), words=words), Doc(Vocab())
    assert len(long.text) > 900_000
    long.cats, empty.cats = dict(docs[0].cats), dict(docs[0].cats)
    classifier.max_length = 2_000_000
    found = list(classifier.pipe([long.text, "", docs[0].text]))
    assert set(found[1].cats) == set(WORDS)
    assert found[0].cats == pytest.approx(found[2].cats, abs=0.05)
    assert calibrate_classes(classifier, [long, empty, *docs])["documents"] == 41
    assert evaluate(classifier, [long, empty, *docs])["classes"]["accuracy"]["support"] == 41
