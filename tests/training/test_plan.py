"""How long a training is."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_dossier.errors import DossierError
from spacy_dossier.training.plan import create_plan_training


def pipeline(corpus: Path, **training: Any) -> Language:
    nlp = spacy.blank("en")
    config = nlp.config
    config["corpora"] = {"train": {"@readers": "spacy-dossier.Corpus.v1", "paths": {"a": str(corpus)}}}
    batcher = {"@batchers": "spacy.batch_by_words.v1", "size": 100, "discard_oversize": False, "tolerance": 0.0}
    config["training"].update(train_corpus="corpora.train", batcher=batcher, **training)
    nlp.config = config
    return nlp


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A thousand words in fifty documents: ten batches of a hundred."""
    vocab = spacy.blank("en").vocab
    DocBin(docs=[Doc(vocab, words=["word"] * 20) for _ in range(50)]).to_disk(tmp_path / "a.spacy")
    return tmp_path / "a.spacy"


@pytest.mark.parametrize(
    ("given", "planned"),
    [
        ({"max_steps": 0, "eval_frequency": 0, "patience": 0}, (40, 5, 15)),
        ({"max_steps": 16, "eval_frequency": 0, "patience": 0}, (16, 2, 0)),
        ({"max_steps": 0, "eval_frequency": 7, "patience": 9}, (40, 7, 9)),
        ({"max_steps": 0, "max_epochs": 3, "eval_frequency": 7, "patience": 0}, (30, 7, 0)),
        ({"max_steps": 0, "max_epochs": 3, "eval_frequency": 0, "patience": 0}, (30, 4, 0)),
        ({"max_steps": 16, "max_epochs": -1, "eval_frequency": 0, "patience": 0}, (16, 2, 0)),
    ],
)
def test_what_is_zero_is_planned(corpus: Path, given: dict[str, int], planned: tuple[int, ...]) -> None:
    """By the corpus; what is given stays."""
    nlp = create_plan_training(epochs=4, least_steps=20)(pipeline(corpus, **given))
    assert tuple(nlp.config["training"][name] for name in ("max_steps", "eval_frequency", "patience")) == planned


def test_a_small_corpus_and_a_missing_one_have_the_least_steps(corpus: Path) -> None:
    """The latter where `nlp.initialize` is given examples made by hand."""
    for path, least in ((corpus, 50), (corpus.with_name("no.spacy"), 30)):
        nlp = create_plan_training(epochs=4, least_steps=least)(pipeline(path, max_steps=0, eval_frequency=0))
        assert nlp.config["training"]["max_steps"] == least


def test_a_plan_must_plan_something() -> None:
    with pytest.raises(DossierError, match="epochs above 0"):
        create_plan_training(epochs=0)


def test_a_stream_needs_its_steps_said(corpus: Path) -> None:
    """It may have no end. With no steps at all its learning rate would be 0, and it would learn nothing."""
    with pytest.raises(DossierError, match=r"streamed \(max_epochs = -1\).*Set training.max_steps"):
        create_plan_training()(pipeline(corpus, max_steps=0, max_epochs=-1))
