"""Documents of any length through a pipeline: cut at safe boundaries, analysed piece by piece, merged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ..pipeline.summarizer.budget import SummaryBudget
from ..pipeline.summarizer.select import select_rows
from .record import Findings

ScoredSpan = tuple[int, int, float | None]  # start, end, score of a sentence
SECTION_CHARS = 100_000  # about 20,000 words: encoder output of one section is a few tens of megabytes
# Where a cut does least harm, best first; searched in the last tenth of a section.
BOUNDARIES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"""[.!?…。！？]["'”’)\]]*\s+|[。！？]"""),
    re.compile(r"\s+"),
)


def cut(text: str, limit: int = SECTION_CHARS) -> list[tuple[int, int]]:
    """Cut a long text into sections after a blank line, else a line break, a sentence, white space.

    text (str): The text.
    limit (int): Most characters a section may have.
    RETURNS (list[tuple[int, int]]): Start and end of each; together they cover the text.
    """
    sections = []
    start = 0
    while len(text) - start > limit:
        window = start + limit - limit // 10
        end = start + limit
        for boundary in BOUNDARIES:
            ends = [match.end() for match in boundary.finditer(text, window, end)]
            if ends:
                end = ends[-1]
                break
        sections.append((start, end))
        start = end
    sections.append((start, len(text)))
    return sections


def analyze_doc(nlp: Language, doc: Doc, budget: SummaryBudget) -> Findings:
    """RETURNS (Findings): What a record needs of a processed Doc; offsets in characters."""
    summarizer = long_summarizer(nlp) if budget.given else None
    if summarizer is not None:
        sentences = plain(summarizer.select(summarizer.features(doc), **budget.given))
    else:
        sentences = summary_spans(doc, budget)
    return Findings(len(doc), entities_of(doc), sentences)


def check_text(doc: Doc, text: str) -> None:
    """RAISES (ValueError): A tokenizer that changes the text, so that offsets would point elsewhere."""
    if doc.text != text:
        raise ValueError("the pipeline's tokenizer does not keep the text as it is")


def analyze_long(
    nlp: Language, text: str, budget: SummaryBudget, limit: int = SECTION_CHARS, docs: list[Doc] | None = None
) -> Findings:
    """Run a pipeline over a text section by section, so that its token vectors are never all in memory.

    docs (list[Doc] | None): Where the sections' Docs are put, for sinks that write Docs.
    RETURNS (Findings): As `analyze_doc`, for the whole text.
    """
    bounds = cut(text, limit)
    summarizer = long_summarizer(nlp)
    found = Findings(0, [], [])
    features = []
    for start, end in bounds:
        doc = nlp(text[start:end])
        check_text(doc, text[start:end])
        found.n_tokens += len(doc)
        found.entities += [(start + a, start + b, label, score) for a, b, label, score in entities_of(doc)]
        if summarizer is not None:
            features.append(summarizer.features(doc))
        else:
            found.sentences += [(start + a, start + b, score) for a, b, score in summary_spans(doc, budget)]
        strip(doc)
        if docs is not None:
            docs.append(doc)
    if summarizer is not None:
        merged = type(features[0]).concat(features, [start for start, _ in bounds])
        found.sentences = plain(summarizer.select(merged, **budget.given))
    elif len(bounds) > 1:
        found.sentences = best_sections(text, found.sentences, len(bounds), budget)
    return found


def best_sections(text: str, sentences: list[ScoredSpan], sections: int, budget: SummaryBudget) -> list[ScoredSpan]:
    """Without a summarizer that can rank the whole: the best scored of the sections' sentences, in text order.

    RETURNS (list[ScoredSpan]): As many as the budget allows, or else as a section gave on average.
    """
    if not budget.given:
        budget = SummaryBudget(sentences=max(1, round(len(sentences) / sections)))
    return within_budget(text, sentences, budget)


def long_summarizer(nlp: Language) -> Any:
    """RETURNS (Any): The pipe "summarizer" when it can select from the features of joined sections; else None."""
    if "summarizer" not in nlp.pipe_names:
        return None
    pipe = nlp.get_pipe("summarizer")
    return pipe if hasattr(pipe, "features") and hasattr(pipe, "select") else None


def entities_of(doc: Doc) -> list[tuple[int, int, str, float | None]]:
    has_confidence = bool(doc.ents) and doc.ents[0].has_extension("confidence")
    return [
        (ent.start_char, ent.end_char, ent.label_, as_float(ent._.confidence) if has_confidence else None)
        for ent in doc.ents
    ]


def summary_spans(doc: Doc, budget: SummaryBudget) -> list[ScoredSpan]:
    if "summary" not in doc.spans:
        return []
    group = doc.spans["summary"]
    scores = group.attrs.get("scores")
    scores = [None] * len(group) if scores is None else list(scores)
    found = [(s.start_char, s.end_char, as_float(x)) for s, x in zip(group, scores, strict=True) if s.text.strip()]
    return within_budget(doc.text, found, budget)


def within_budget(text: str, found: list[ScoredSpan], budget: SummaryBudget) -> list[ScoredSpan]:
    """RETURNS (list): The best scored of the sentences, as many as the budget allows, in text order."""
    if not budget.given or not found:
        return found
    lengths = [(len(text[start:end].split()), end - start) for start, end, _ in found]
    scores = np.array([score or 0.0 for *_, score in found])
    n_words, n_chars = np.array(lengths).T
    return [found[row] for row in select_rows(scores, n_words, n_chars, budget)]


def plain(sentences: Iterable[Iterable[Any]]) -> list[ScoredSpan]:
    """RETURNS (list[ScoredSpan]): The same with Python's own numbers, fit for JSON."""
    return [(int(start), int(end), as_float(score)) for start, end, score in sentences]


def as_float(value: Any) -> float | None:
    return None if value is None else float(value)


def strip(doc: Doc) -> None:
    """Drop what is large and of no use once a Doc is finished: the encoder's output and the tensor."""
    if doc.has_extension("trf_data"):
        doc._.trf_data = None
    if doc.tensor is not None:  # spaCy's doc_cleaner sets it to None
        doc.tensor = doc.tensor[:0]
