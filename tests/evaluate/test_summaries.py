"""Summaries beside their baselines."""

import json
from pathlib import Path

import numpy as np
import pytest
import spacy
from rouge_score.rouge_scorer import RougeScorer

from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.summaries import evaluate_summaries, rouge, textrank_rows

from ..pipeline.summaries import BRIDGE, BRIDGE_SUMMARY, PAIRS, reference, untrained

SYSTEMS = ("ours", "lead3", "textrank", "random", "oracle", "ours_equal_sentences", "ours_equal_words")


def test_rouge_is_that_of_rouge_score() -> None:
    """Stemmed, the sentences of the candidate a line each."""
    sentences = [sentence + "." for sentence in BRIDGE.rstrip(".").split(". ")][:3]
    scorer = RougeScorer(["rouge1", "rouge2", "rougeLsum"], use_stemmer=True)
    expected = scorer.score(BRIDGE_SUMMARY, "\n".join(sentences))
    scores = rouge(sentences, [BRIDGE_SUMMARY])
    assert scores == {
        "rouge1": expected["rouge1"].fmeasure,
        "rouge2": expected["rouge2"].fmeasure,
        "rougeL": expected["rougeLsum"].fmeasure,
    }
    assert rouge(sentences, ["Nothing of it.", BRIDGE_SUMMARY]) == scores  # the best counts
    assert rouge([], [BRIDGE_SUMMARY]) == {"rouge1": 0, "rouge2": 0, "rougeL": 0}


def test_the_table_has_every_system_and_paired_intervals() -> None:
    """LEAD by our component is the baseline exactly; the oracle is best; documents without a summary are left out."""
    nlp = untrained("lead")
    docs = [reference(nlp, *pair) for pair in PAIRS] + [nlp.make_doc("No summary here.")]
    table = evaluate_summaries(nlp, docs)
    assert table["pairs"] == 2
    assert all(0 <= table[name]["rouge1"] <= 1 for name in SYSTEMS)
    assert table["ours"] == table["lead3"]
    assert table["oracle"]["rouge1"] == max(table[name]["rouge1"] for name in SYSTEMS)
    assert table["ours_vs_lead3"]["rouge1"] == {"difference": 0, "low": 0, "high": 0}
    against_random = table["ours_vs_random"]["rouge1"]
    assert against_random["low"] <= against_random["difference"] <= against_random["high"]
    assert against_random["difference"] == pytest.approx(table["ours"]["rouge1"] - table["random"]["rouge1"])
    assert table["ours_equal_words"]["words"] <= table["lead3"]["words"]
    assert table["ours"]["entity_coverage"] is None


def test_entity_coverage_is_the_share_of_salient_entities_named() -> None:
    """With one entity in the first sentence and one in the last, LEAD names half."""
    nlp = untrained("lead")
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "ORG", "pattern": "town council"}, {"label": "PER", "pattern": "mayor"}])
    table = evaluate_summaries(nlp, [reference(nlp, *PAIRS[0])])
    assert table["lead3"]["entity_coverage"] == 0.5


def test_the_number_of_sentences_names_the_lead() -> None:
    """At two sentences the baseline is LEAD-2."""
    nlp = untrained("lead")
    table = evaluate_summaries(nlp, [reference(nlp, *PAIRS[0])], sentences=2)
    assert table["ours_equal_sentences_vs_lead2"]["rouge1"]["difference"] == 0
    assert table["ours"]["words"] > table["ours_equal_sentences"]["words"] == table["lead2"]["words"]


def test_what_cannot_be_evaluated_is_refused() -> None:
    """A corpus without summaries, a pipeline without a summarizer."""
    nlp = untrained("lead")
    with pytest.raises(DossierError, match="dossier pairs"):
        evaluate_summaries(nlp, [nlp.make_doc("No summary.")])
    with pytest.raises(DossierError, match="no summarizer"):
        evaluate_summaries(spacy.blank("en"), [reference(nlp, *PAIRS[0])])


def test_textrank_prefers_the_sentence_that_others_resemble() -> None:
    """The hub of a star comes first, an outlier last."""
    vectors = np.array([[0, 0, 1], [1, 0.1, 0], [1, 0, 0], [1, -0.1, 0]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert textrank_rows(vectors.astype(np.float16), 1) == [2]
    assert 0 not in textrank_rows(vectors.astype(np.float16), 3)
    assert textrank_rows(vectors.astype(np.float16), 9) == [0, 1, 2, 3]


@pytest.mark.realdata
def test_baselines_on_news_are_where_they_are_known_to_be(shared_data: Path) -> None:
    """LEAD-3, random and the greedy oracle on a hundred CNN articles score as they do on others of the same kind."""
    nlp = untrained("lead")
    lines = (shared_data / "summaries" / "cnndm_dev.jsonl").read_text("utf8").splitlines()
    docs = []
    for pair in map(json.loads, lines):
        doc = nlp.make_doc(pair["text"])
        doc.user_data["summary_reference"] = pair["summary"]
        docs.append(doc)
    table = evaluate_summaries(nlp, docs)
    assert table["pairs"] == 100
    assert table["lead3"]["rouge1"] == pytest.approx(0.282, abs=0.03)
    assert table["random"]["rouge1"] == pytest.approx(0.222, abs=0.03)
    assert table["oracle"]["rouge1"] == pytest.approx(0.497, abs=0.03)
