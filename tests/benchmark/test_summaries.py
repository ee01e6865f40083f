"""The scripts that measure summaries and sentence splitters."""

from pathlib import Path
from typing import Any

import compare_splitters
import crossvalidate_summaries
import numpy as np
import pytest
import spacy
import srsly
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer import Typer
from typer.testing import CliRunner

TOPICS = ("bridge", "harbour", "library", "market", "railway", "theatre")


@pytest.fixture
def pipeline(tiny_encoder: Path) -> Language:
    """A transformer with random weights and sentences by rule."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(tiny_encoder), "window": 40}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.add_pipe("sentencizer")
    nlp.initialize()
    return nlp


def make_pairs(nlp: Language) -> list[Doc]:
    """Articles whose summary retells the second sentence."""
    pairs = []
    for topic in TOPICS:
        doc = nlp.make_doc(
            f"It was a quiet morning. The council closed the old {topic} on Monday. Birds sang. Nobody was hurt there. "
            f"The mayor spoke."
        )
        doc.user_data["summary_reference"] = f"The council closed the old {topic}."
        pairs.append(doc)
    return pairs


def settings(root: Path, **training: Any) -> util.Config:
    config = util.load_config(root / "configs" / "summarizer.cfg", interpolate=False)
    config["training"].update(training)
    return config.interpolate()


def test_every_pair_is_scored_by_a_summarizer_that_never_saw_it(
    root: Path, pipeline: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold's summarizer learns from all others; each fold has one of its own."""
    module = crossvalidate_summaries
    pairs = make_pairs(pipeline)
    seen: dict[int, set[str]] = {}
    scored: list[str] = []
    train, score = module.train, module.score_extracts

    def watched_train(alone: Language, config: util.Config, examples: list) -> Any:
        summarizer = train(alone, config, examples)
        seen[id(summarizer)] = {eg.reference.text for eg in examples}
        kept.append(summarizer)
        return summarizer

    def watched_score(summarizer: Any, doc: Doc, *rest: Any) -> Any:
        assert doc.text not in seen[id(summarizer)]
        assert len(seen[id(summarizer)]) == 4
        scored.append(doc.text)
        return score(summarizer, doc, *rest)

    kept: list[Any] = []
    monkeypatch.setattr(module, "train", watched_train)
    monkeypatch.setattr(module, "score_extracts", watched_score)
    config = settings(root, max_steps=3, eval_frequency=2)
    scores = module.crossvalidate(pipeline, pairs, config, k=3)
    assert sorted(scored) == sorted(pair.text for pair in pairs)
    assert len(scores) == len(TOPICS)
    assert len(kept) == 3


def test_the_summarizer_learns_from_the_vectors_of_the_frozen_encoder(
    root: Path, pipeline: Language, tmp_path: Path
) -> None:
    """From the command line, with a config of more steps: the sentence that summaries retell is found, the same scores
    come out of a second run, and the JSON has the keys of `dossier evaluate`."""
    module = crossvalidate_summaries
    pipeline.to_disk(tmp_path / "pipeline")
    DocBin(docs=make_pairs(pipeline), store_user_data=True).to_disk(tmp_path / "pairs.spacy")
    config = util.load_config(root / "configs" / "summarizer.cfg", interpolate=False)
    config["training"].update(max_steps=20, eval_frequency=10)
    config.to_disk(tmp_path / "summarizer.cfg")
    app = Typer()
    app.command()(module.main)
    command = [str(tmp_path / "pipeline"), str(tmp_path / "pairs.spacy"), "-k", "2"]
    command += ["--config", str(tmp_path / "summarizer.cfg")]
    for name in ("one.json", "two.json"):
        done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / name)], catch_exceptions=False)
        assert "| lead3 |" in done.output
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    summaries = srsly.read_json(tmp_path / "one.json")["summaries"]
    assert summaries["pairs"] == len(TOPICS)
    assert set(summaries["ours_vs_lead3"]["rouge1"]) == {"difference", "low", "high"}
    assert summaries["oracle"]["rouge1"] >= summaries["ours"]["rouge1"] > 0


def test_splitters_are_scored_by_characters(tmp_path: Path) -> None:
    """A splitter that knows no abbreviation has one boundary too many; behind final marks a heading does not count."""
    module = compare_splitters
    nlp = spacy.blank("en")
    text = "Weather\n\nSee vol. 3 there. She left! Then"
    doc = nlp.make_doc(text)
    firsts = [text.index(word) for word in ("Weather", "See", "She", "Then")]
    for token in doc:
        token.is_sent_start = token.idx in firsts
    naive = module.of_pipeline(_sentencizer())
    plain = module.compare([doc], naive, False)
    assert (plain["annotated"], plain["found"]) == (4, 4)
    assert np.isclose(plain["precision"], 0.5)
    behind = module.compare([doc], naive, True)
    assert (behind["annotated"], behind["found"]) == (2, 3)
    assert behind["recall"] == 1
    rules = module.compare([doc], module.by_rule(nlp), False)
    assert rules["f1"] == 1
    assert module.compare([doc], module.by_pysbd("en"), True)["recall"] == 1


def _sentencizer() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp
