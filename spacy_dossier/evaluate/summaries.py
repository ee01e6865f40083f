"""ROUGE of summaries: in training, and beside baselines with paired intervals in `dossier evaluate --summaries`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import DossierError
from ..pipeline.summarizer.features import SentenceFeatures
from ..pipeline.summarizer.labels import WordTokenizer, oracle_rows
from ..pipeline.summarizer.names import REFERENCE, REFERENCES, SUMMARY_GROUP
from ..pipeline.summarizer.pipe import Summarizer
from ..pipeline.summarizer.select import salient_entities
from ..pipeline.summarizer.store import load_sentences
from .metrics import LEVEL, RESAMPLES, SEED, interval, resample

ROUGE = {"rouge1": "rouge1", "rouge2": "rouge2", "rougeL": "rougeLsum"}
MEASURES = (*ROUGE, "words", "entity_coverage")


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
        references = references_of(eg.reference)
        if references:
            spans = eg.predicted.spans.get(SUMMARY_GROUP, ())
            rows.append(rouge([span.text for span in spans], references, eg.predicted.vocab.lang))
    if not rows:
        return {f"summary_{name}": None for name in ROUGE}
    return {f"summary_{name}": float(np.mean([row[name] for row in rows])) for name in ROUGE}


def references_of(doc: Doc) -> list[str]:
    """RETURNS (list[str]): The reference summaries of a document."""
    reference = doc.user_data.get(REFERENCE)
    return list(doc.user_data.get(REFERENCES) or ([reference] if reference else []))


def rouge(sentences: Sequence[str], references: Sequence[str], lang: str = "en") -> dict[str, float]:
    """ROUGE F of a summary: of several references the best counts, each measure by itself.

    sentences (Sequence[str]): Its sentences.
    references (Sequence[str]): The reference summaries, one sentence a line.
    lang (str): Language code.
    RETURNS (dict[str, float]): "rouge1", "rouge2", "rougeL" (Lsum), in [0, 1].
    """
    from rouge_score.rouge_scorer import RougeScorer  # takes a second, which no use of a pipeline needs to spend

    scorer = RougeScorer(list(ROUGE.values()), tokenizer=WordTokenizer(lang))
    # A line of the candidate is a sentence to ROUGE-Lsum.
    candidate = "\n".join(" ".join(text.split()) for text in sentences)
    scores = scorer.score_multi(references, candidate)
    return {name: scores[key].fmeasure for name, key in ROUGE.items()}


@dataclass
class Article:
    """One pair, read by the pipeline: the sentences with their features, and the reference summaries."""

    texts: list[str]
    features: SentenceFeatures
    references: Sequence[str]
    lang: str

    def score(self, rows: Sequence[int]) -> list[float]:
        """RETURNS (list[float]): The `MEASURES` of an extract; entity coverage is NaN where there are no entities."""
        values = rouge([self.texts[row] for row in sorted(rows)], self.references, self.lang)
        return [*values.values(), float(self.features.n_words[list(rows)].sum()), self._entity_coverage(rows)]

    def _entity_coverage(self, rows: Sequence[int]) -> float:
        salient = salient_entities(self.features.entities)
        if not salient:
            return float("nan")
        ends = np.cumsum(self.features.entity_counts)
        named = {
            int(key)
            for row in rows
            for key in self.features.entities[ends[row] - self.features.entity_counts[row] : ends[row]]
        }
        return len(named & set(salient)) / len(salient)


def evaluate_summaries(
    nlp: Language,
    docs: Iterable[Doc],
    *,
    sentences: int = 3,
    advance: Callable[[int], Any] = lambda steps: None,
) -> dict[str, Any]:
    """Score a pipeline's summaries beside LEAD, TextRank, random sentences and the greedy oracle.

    All choose among the same sentences; "ours" as many as the pipeline does. `words` is the mean length of the
    summaries, `entity_coverage` the mean share of the five entities mentioned most that are named in the summary.

    nlp (Language): A pipeline with a summarizer.
    docs (Iterable[Doc]): Documents with `user_data["summary_reference"]`, made by `dossier pairs`; others are left out.
    sentences (int): Most sentences of LEAD and of what is compared at its length.
    advance (Callable[[int], Any]): Called with 1 after each document.
    RETURNS (dict[str, Any]): For "ours", "lead3" (named after the number of sentences), "textrank", "random", "oracle"
        and "ours_equal_sentences", "ours_equal_words" (as many as LEAD has): rouge1, rouge2, rougeL in [0, 1], words,
        entity_coverage. For "ours_vs_lead3", "ours_vs_textrank", "ours_vs_random", "ours_equal_sentences_vs_lead3" and
        "ours_equal_words_vs_lead3": for each ROUGE the `difference` of the means with `low` and `high` of its paired
        bootstrap interval.
    RAISES (DossierError): The pipeline has no summarizer, or no document has a reference summary.
    """
    pairs = [doc for doc in docs if doc.user_data.get(REFERENCE) and len(doc)]
    if not pairs:
        raise DossierError("no document has a reference summary", remedy="Make some with `dossier pairs`")
    summarizer = next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, Summarizer)), None)
    if summarizer is None:
        raise DossierError(
            "the pipeline has no summarizer", value=nlp.pipe_names, remedy="Train one with a component 'summarizer'"
        )
    scores = []
    rng = np.random.default_rng(SEED)
    for doc, reference in zip(nlp.pipe(doc.text for doc in pairs), pairs, strict=True):
        advance(1)
        scores.append(score_extracts(summarizer, doc, references_of(reference), rng, sentences))
    return comparison([row for row in scores if row], sentences=sentences, lang=nlp.lang)


def score_extracts(
    summarizer: Summarizer, doc: Doc, references: Sequence[str], rng: np.random.Generator, sentences: int = 3
) -> dict[str, list[float]]:
    """Score a document's extracts by the summarizer and by its rivals, all of which choose among the same sentences.

    summarizer (Summarizer): The component.
    doc (Doc): A document that it has been over.
    references (Sequence[str]): The reference summaries, one sentence a line; the oracle goes by the first.
    rng (Generator): For the random sentences.
    sentences (int): Most sentences of all but the summarizer's own.
    RETURNS (dict[str, list[float]]): The `MEASURES` of each; empty where the document has no sentences.
    """
    loaded = load_sentences(doc)
    if loaded is None:
        return {}
    features = loaded[0]
    lang = doc.vocab.lang
    texts = [doc.text[start:end] for start, end in zip(features.starts, features.ends, strict=True)]
    article = Article(texts, features, references, lang)
    first = list(range(min(sentences, len(texts))))
    words = int(features.n_words[first].sum())
    extracts = {
        "ours": rows_of(summarizer.summarize(doc), features),
        f"lead{sentences}": first,
        "textrank": textrank_rows(features.vectors, sentences),
        "random": rng.permutation(len(texts))[:sentences].tolist(),
        "oracle": oracle_rows(texts, references[0], WordTokenizer(lang), sentences),
        "ours_equal_sentences": rows_of(summarizer.summarize(doc, sentences=sentences), features),
        "ours_equal_words": rows_of(summarizer.summarize(doc, words=max(words, 1)), features),
    }
    return {name: article.score(rows) for name, rows in extracts.items()}


def comparison(scores: Sequence[dict[str, list[float]]], *, sentences: int = 3, lang: str = "en") -> dict[str, Any]:
    """The table that `evaluate_summaries` returns.

    scores (Sequence[dict[str, list[float]]]): What `score_extracts` says of each document.
    sentences (int): Most sentences of LEAD.
    lang (str): Language code.
    RETURNS (dict[str, Any]): Means and paired differences.
    RAISES (DossierError): There is no document.
    """
    if not scores:
        raise DossierError("the articles have no sentences")
    arrays = {name: np.array([row[name] for row in scores]) for name in scores[0]}  # (documents, measures)
    lead = f"lead{sentences}"
    table: dict[str, Any] = {"pairs": len(scores), "sentences": sentences}
    table["method"] = {"resamples": RESAMPLES, "level": LEVEL, "seed": SEED, "stemmed": lang == "en"}
    table |= {name: means(array) for name, array in arrays.items()}
    rivals = [("ours", other) for other in (lead, "textrank", "random")]
    for ours, other in (*rivals, ("ours_equal_sentences", lead), ("ours_equal_words", lead)):
        table[f"{ours}_vs_{other}"] = differences(arrays[ours], arrays[other])
    return table


def rows_of(spans: Sequence[Any], features: SentenceFeatures) -> list[int]:
    """RETURNS (list[int]): The rows of sentences given as spans."""
    return [int(np.searchsorted(features.starts, span.start_char)) for span in spans]


def means(array: NDArray[np.float64]) -> dict[str, float | None]:
    """RETURNS (dict[str, float | None]): Mean of each measure over the documents that have it."""
    known = [column[~np.isnan(column)] for column in array.T]
    return {name: float(column.mean()) if len(column) else None for name, column in zip(MEASURES, known, strict=True)}


def differences(ours: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """RETURNS (dict): Mean difference in each ROUGE over the same documents, with its percentile interval."""
    columns = (ours - other)[:, : len(ROUGE)]
    drawn = resample(columns) / len(columns)
    return {name: {"difference": float(columns[:, i].mean()), **interval(drawn[:, i])} for i, name in enumerate(ROUGE)}


def textrank_rows(
    vectors: NDArray[np.float16], sentences: int, damping: float = 0.85, iterations: int = 50
) -> list[int]:
    """TextRank (Mihalcea & Tarau 2004) over the cosine similarities of sentence vectors.

    vectors (NDArray[float16]): Unit vectors, (n, width).
    sentences (int): How many to choose.
    RETURNS (list[int]): The chosen rows in document order.
    """
    n = len(vectors)
    if n <= sentences:
        return list(range(n))
    dense = vectors.astype(np.float32)
    weights = np.maximum(dense @ dense.T, 0)
    np.fill_diagonal(weights, 0)
    weights /= np.maximum(weights.sum(axis=0), 1e-9)
    ranks = np.full(n, 1 / n)
    for _ in range(iterations):
        ranks = (1 - damping) / n + damping * (weights @ ranks)
    return sorted(np.argsort(-ranks, kind="stable")[:sentences].tolist())
