"""ROUGE of summaries: in training, and against baselines with intervals in `dossier evaluate --summaries`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from spacy.tokens import Doc
from spacy.training import Example

from ..pipeline.summary_labels import WordTokenizer
from ..pipeline.summary_store import SUMMARY_KEY

ROUGE = {"rouge1": "rouge1", "rouge2": "rouge2", "rougeL": "rougeLsum"}


def make_summary_scorer() -> Callable[[Iterable[Example]], dict[str, Any]]:
    return score_summaries


def score_summaries(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """Mean ROUGE-1, -2 and -Lsum F (stemmed for English) of `doc.spans["summary"]` against the reference summaries.

    examples (Iterable[Example]): The examples; those whose reference has no `user_data["summary_reference"]` are left
        out.
    RETURNS (dict[str, Any]): "summary_rouge1", "summary_rouge2" and "summary_rougeL" in [0, 1]; None without any pair.
    """
    rows = []
    for eg in examples:
        reference = eg.reference.user_data.get("summary_reference")
        if reference:
            spans = eg.predicted.spans[SUMMARY_KEY] if SUMMARY_KEY in eg.predicted.spans else []
            rows.append(rouge([span.text for span in spans], reference, eg.predicted.vocab.lang))
    if not rows:
        return {f"summary_{name}": None for name in ROUGE}
    return {f"summary_{name}": float(np.mean([row[name] for row in rows])) for name in ROUGE}


def rouge(sentences: Sequence[str], reference: str, lang: str = "en") -> dict[str, float]:
    """ROUGE F of a summary.

    sentences (Sequence[str]): Its sentences.
    reference (str): The reference summary, one sentence a line.
    lang (str): Language code.
    RETURNS (dict[str, float]): "rouge1", "rouge2", "rougeL" (Lsum), in [0, 1].
    """
    scorer = RougeScorer(list(ROUGE.values()), tokenizer=WordTokenizer(lang))
    # A line of the candidate is a sentence to ROUGE-Lsum.
    candidate = "\n".join(" ".join(text.split()) for text in sentences)
    scores = scorer.score(reference, candidate)
    return {name: scores[key].fmeasure for name, key in ROUGE.items()}
