"""Documents of any length through a pipeline: cut at safe boundaries, analysed piece by piece, merged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup

from ..pipeline.extensions import entity_confidences, get_relations
from ..pipeline.summarizer.budget import SummaryBudget
from ..pipeline.summarizer.names import SUMMARY_GROUP
from ..pipeline.summarizer.select import select_rows
from ..read.tables.rows import clean_value
from .record import Findings, FoundEntity, FoundRelation, FoundSentence, FoundSpan

SECTION_CHARS = 100_000  # about 20,000 words: encoder output of one section is a few tens of megabytes
# Where a cut does least harm, best first; searched in the last tenth of a section.
BOUNDARIES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"""[.!?…。！？]["'”’)\]]*\s+|[。！？]"""),
    re.compile(r"\s+"),
)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a pipeline.

    budget (SummaryBudget): Of the summary.
    extensions (tuple[str, ...]): Names of extension attributes of the Doc to keep.
    seconds (float | None): That SECTION_CHARS characters may take, and each further as many; None for any time.
    """

    budget: SummaryBudget = field(default_factory=SummaryBudget)
    extensions: tuple[str, ...] = ()
    seconds: float | None = None


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


def analyze_doc(nlp: Language, doc: Doc, wanted: Wanted) -> Findings:
    """RETURNS (Findings): What a record needs of a processed Doc; offsets in characters."""
    budget = wanted.budget
    summarizer = long_summarizer(nlp) if budget.given else None
    found = found_in(doc, wanted)
    if summarizer is not None:
        found.sentences = plain(summarizer.select(summarizer.features(doc), **budget.given))
    else:
        found.sentences = summary_spans(doc, budget)
    return found


def found_in(doc: Doc, wanted: Wanted) -> Findings:
    """RETURNS (Findings): All but the summary."""
    relations, unrelated = relations_of(doc)
    return Findings(
        len(doc),
        entities_of(doc),
        spans=spans_of(doc),
        relations=relations,
        unrelated=unrelated,
        cats={label: float(score) for label, score in doc.cats.items()},
        language=language_of(doc),
        extensions={name: extension_of(doc, name) for name in wanted.extensions},
    )


def check_text(doc: Doc, text: str) -> None:
    """RAISES (ValueError): A tokenizer that changes the text, so that offsets would point elsewhere."""
    if doc.text != text:
        raise ValueError("the pipeline's tokenizer does not keep the text as it is")


def analyze_long(
    nlp: Language, text: str, wanted: Wanted, limit: int = SECTION_CHARS, docs: list[Doc] | None = None
) -> Findings:
    """Run a pipeline over a text section by section, so that its token vectors are never all in memory.

    docs (list[Doc] | None): Where the sections' Docs are put, for sinks that write Docs.
    RETURNS (Findings): As `analyze_doc`, for the whole text.
    """
    bounds = cut(text, limit)
    summarizer = long_summarizer(nlp)
    parts: list[Findings] = []
    features = []
    for start, end in bounds:
        doc = nlp(text[start:end])
        check_text(doc, text[start:end])
        found = found_in(doc, wanted)
        if summarizer is not None:
            features.append(summarizer.features(doc))
        else:
            found.sentences = summary_spans(doc, wanted.budget)
        parts.append(found)
        strip(doc)
        if docs is not None:
            docs.append(doc)
    whole = merge(parts, [start for start, _ in bounds])
    if summarizer is not None:
        merged = type(features[0]).concat(features, [start for start, _ in bounds])
        whole.sentences = plain(summarizer.select(merged, **wanted.budget.given))
    elif len(bounds) > 1:
        whole.sentences = best_sections(text, whole.sentences, len(bounds), wanted.budget)
    return whole


def merge(parts: list[Findings], offsets: list[int]) -> Findings:
    """Join what was found in the sections of a text.

    offsets (list[int]): First character of each section.
    RETURNS (Findings): Scores of classes are the sections' means, weighted by tokens; the language is the one of most
        tokens; of an extension attribute there is a list, a value a section, where there is more than one.
    """
    whole = Findings(sum(part.n_tokens for part in parts))
    languages: Counter[str] = Counter()
    for part, offset in zip(parts, offsets, strict=True):
        first = len(whole.entities)
        whole.unrelated += part.unrelated
        whole.relations += [r._replace(head=r.head + first, tail=r.tail + first) for r in part.relations]
        whole.entities += [ent._replace(start=ent.start + offset, end=ent.end + offset) for ent in part.entities]
        whole.sentences += [sent._replace(start=sent.start + offset, end=sent.end + offset) for sent in part.sentences]
        whole.spans += [span._replace(start=span.start + offset, end=span.end + offset) for span in part.spans]
        for label, score in part.cats.items():
            whole.cats[label] = whole.cats.get(label, 0.0) + score * part.n_tokens / max(1, whole.n_tokens)
        if part.language is not None:
            languages[part.language] += part.n_tokens
    whole.spans.sort(key=lambda span: span.group)
    whole.language = languages.most_common(1)[0][0] if languages else None
    for name, value in parts[0].extensions.items():
        whole.extensions[name] = value if len(parts) == 1 else [part.extensions[name] for part in parts]
    return whole


def best_sections(
    text: str, sentences: list[FoundSentence], sections: int, budget: SummaryBudget
) -> list[FoundSentence]:
    """Without a summarizer that can rank the whole: the best scored of the sections' sentences, in text order.

    RETURNS (list[FoundSentence]): As many as the budget allows, or else as a section gave on average.
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


def entities_of(doc: Doc) -> list[FoundEntity]:
    return [
        FoundEntity(ent.start_char, ent.end_char, ent.label_, confidence, ent.kb_id_ or None)
        for ent, confidence in zip(doc.ents, entity_confidences(doc), strict=True)
    ]


def spans_of(doc: Doc) -> list[FoundSpan]:
    """RETURNS (list[FoundSpan]): All span groups but the summary, by name; without empty spans, which quote nothing."""
    found = []
    for name in sorted(doc.spans):
        if name == SUMMARY_GROUP:
            continue
        group = doc.spans[name]
        for span, score in zip(group, scores_of(group), strict=True):
            if span.text:
                found.append(FoundSpan(name, span.start_char, span.end_char, span.label_, score, span.kb_id_ or None))
    return found


def scores_of(group: SpanGroup) -> list[float | None]:
    """RETURNS (list[float | None]): Score of each span, as spancat and the summarizer store them; else None."""
    scores = group.attrs.get("scores")
    return [None] * len(group) if scores is None else [as_float(score) for score in scores]


def relations_of(doc: Doc) -> tuple[list[FoundRelation], int]:
    """The relations of a finished document: ours or, where it has none, those of a foreign `doc._.relations`.

    RETURNS (tuple[list[FoundRelation], int]): Those between entities, and how many have a head or tail that is none,
        as where another component took it away.
    """
    relations: Iterable[Any] = get_relations(doc)
    if not relations and doc.has_extension("relations"):
        relations = doc._.relations or ()
    position = {(ent.start, ent.end): number for number, ent in enumerate(doc.ents)}
    found: list[FoundRelation] = []
    unrelated = 0
    for head, tail, label, confidence in relations:
        ends = [position.get((span.start, span.end)) for span in (head, tail)]
        if ends[0] is None or ends[1] is None:
            unrelated += 1
        else:
            found.append(FoundRelation(ends[0], ends[1], label, as_float(confidence)))
    return found, unrelated


def language_of(doc: Doc) -> str | None:
    """RETURNS (str | None): What a component found: `doc._.language` as a string, or as a dict with that key."""
    value = doc._.language if doc.has_extension("language") else None
    if isinstance(value, dict):
        value = value.get("language")
    return value if isinstance(value, str) else None


def extension_of(doc: Doc, name: str) -> Any:
    """RETURNS (Any): Its value, as JSON can hold it. RAISES (ValueError): The pipeline sets no such attribute."""
    if not doc.has_extension(name):
        raise ValueError(f"the pipeline sets no extension attribute {name!r}")
    return clean_value(doc._.get(name))


def summary_spans(doc: Doc, budget: SummaryBudget) -> list[FoundSentence]:
    if SUMMARY_GROUP not in doc.spans:
        return []
    group = doc.spans[SUMMARY_GROUP]
    scored = zip(group, scores_of(group), strict=True)
    found = [FoundSentence(sent.start_char, sent.end_char, score) for sent, score in scored if sent.text.strip()]
    return within_budget(doc.text, found, budget)


def within_budget(text: str, found: list[FoundSentence], budget: SummaryBudget) -> list[FoundSentence]:
    """RETURNS (list): The best scored of the sentences, as many as the budget allows, in text order."""
    if not budget.given or not found:
        return found
    lengths = [(len(text[start:end].split()), end - start) for start, end, _ in found]
    scores = np.array([score or 0.0 for *_, score in found])
    n_words, n_chars = np.array(lengths).T
    return [found[row] for row in select_rows(scores, n_words, n_chars, budget)]


def plain(sentences: Iterable[Iterable[Any]]) -> list[FoundSentence]:
    """RETURNS (list[FoundSentence]): The same with Python's own numbers, fit for JSON."""
    return [FoundSentence(int(start), int(end), as_float(score)) for start, end, score in sentences]


def as_float(value: Any) -> float | None:
    return None if value is None else float(value)


def strip(doc: Doc) -> None:
    """Drop what is large and of no use once a Doc is finished: the encoder's output and the tensor."""
    if doc.has_extension("trf_data"):
        doc._.trf_data = None
    if doc.tensor is not None:  # spaCy's doc_cleaner sets it to None
        doc.tensor = doc.tensor[:0]
