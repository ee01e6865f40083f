"""Where a Doc keeps its sentences' salience, vectors and reasons, and the extension attributes that read them.

Each sentence has one entry where spaCy keeps span attributes, keyed by its characters, so that `Span.as_doc`,
`Doc.from_docs`, `to_bytes` and DocBin carry it along.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

from ...errors import DossierError
from ..extensions import register, register_store
from .budget import SummaryBudget
from .features import SentenceFeatures, sentence_features
from .names import SUMMARY_GROUP
from .select import entity_bonus, select_rows

STORE = "summarizer_sentence"
FULL_LENGTH = 25  # words of a sentence that counts fully where a budget is in words or characters; measured on news


def store_sentences(doc: Doc, features: SentenceFeatures, salience: NDArray[np.floating]) -> None:
    """Write the sentences' entries, in place of any from before.

    doc (Doc): The document.
    features (SentenceFeatures): Its sentences.
    salience (NDArray): In [0, 1], (n,).
    """
    for key in stored_keys(doc):
        del doc.user_data[key]
    for i, (start, end) in enumerate(zip(features.starts.tolist(), features.ends.tolist(), strict=True)):
        doc.user_data["._.", STORE, start, end] = {
            "salience": float(salience[i]),
            "vector": features.vectors[i].tobytes(),
        }


def store_reasons(doc: Doc, reasons: list[dict[str, float]]) -> None:
    """Write the reasons beside the entries that are there.

    reasons (list[dict[str, float]]): The leading signals of each sentence with their weight.
    """
    for key, reason in zip(stored_keys(doc), reasons, strict=True):
        doc.user_data[key]["reason"] = reason


def stored_keys(doc: Doc) -> list[tuple[str, str, int, int]]:
    return sorted(key for key in doc.user_data if isinstance(key, tuple) and key[:2] == ("._.", STORE))


def load_sentences(doc: Doc) -> tuple[SentenceFeatures, NDArray[np.float32]] | None:
    """Read the sentences' features and salience back.

    doc (Doc): The document.
    RETURNS (tuple | None): Features, and salience (n,); None if no summarizer has been over the document.
    """
    keys = stored_keys(doc)
    if not keys:
        return None
    entries = [doc.user_data[key] for key in keys]
    spans = [doc.char_span(key[2], key[3], alignment_mode="expand") for key in keys]
    bounds = np.array([(span.start, span.end) for span in spans], dtype=np.int64)
    vectors = np.stack([np.frombuffer(entry["vector"], dtype=np.float16) for entry in entries])
    features = sentence_features(doc, bounds, vectors.astype(np.float32))
    return features, np.array([entry["salience"] for entry in entries], dtype=np.float32)


def sentence_entry(span: Span) -> dict[str, Any] | None:
    """The entry of a sentence, with or without the white space at its ends."""
    doc, start, end = span.doc, span.start, span.end
    entry = doc.user_data.get(("._.", STORE, span.start_char, span.end_char))
    if entry is not None:
        return entry
    while start < end and doc[start].is_space:
        start += 1
    while start < end and doc[end - 1].is_space:
        end -= 1
    if start == end:
        return None
    return doc.user_data.get(("._.", STORE, doc[start].idx, doc[end - 1].idx + len(doc[end - 1])))


def get_salience(span: Span) -> float | None:
    entry = sentence_entry(span)
    return None if entry is None else entry["salience"]


def get_reason(span: Span) -> dict[str, float] | None:
    """RETURNS (dict[str, float] | None): What `Summarizer.explain` found; None before it was asked."""
    entry = sentence_entry(span)
    return None if entry is None else entry.get("reason")


def get_summary(doc: Doc) -> str:
    group = doc.spans.get(SUMMARY_GROUP)
    if group is None:
        return ""
    # By characters: a Doc that was stored, and whose tokens were merged since, has a group of tokens that are gone.
    bounds = group.attrs.get("characters")
    if bounds is None or len(bounds) != len(group):  # somebody else's group, or one that was changed by hand
        bounds = [(span.start_char, span.end_char) for span in group]
    return " ".join(doc.text[start:end] for start, end in bounds)


class SentenceGroup(SpanGroup):
    """A span group that survives retokenizing. spaCy keeps spans by their tokens, and leaves them as they are where
    tokens are merged or split; these are found again by their characters, which are among the group's attributes.
    """

    def __getitem__(self, i: int) -> Span:
        bounds = self.attrs["characters"]
        if i < 0:
            i += len(self)
        if i >= len(bounds):  # appended by hand
            return super().__getitem__(i)
        return self.doc.char_span(*bounds[i], alignment_mode="expand")

    def to_bytes(self) -> bytes:
        return SpanGroup(self.doc, name=self.name, attrs=self.attrs, spans=list(self)).to_bytes()


def summarize_doc(
    doc: Doc,
    *,
    sentences: int | None = None,
    words: int | None = None,
    characters: int | None = None,
    ratio: float | None = None,
    redundancy: float | None = None,
    cover_entities: bool | None = None,
) -> list[Span]:
    """`doc._.summarize(…)`: a summary of another length from the stored salience and vectors, without the model.

    doc (Doc): A document that a summarizer has been over.
    sentences, words, characters, ratio: The budget, see `SummaryBudget`.
    redundancy (float | None): Weight of the similarity to what is already chosen; None takes the pipeline's.
    cover_entities (bool | None): Name the salient entities if the budget allows; None takes the pipeline's.
    RETURNS (list[Span]): The sentences in document order; empty if no summarizer has been over the document.
    RAISES (DossierError): Without any budget, or with one that no summary can keep; or the Doc was stored without its
        user data.
    """
    budget = SummaryBudget(sentences, words, characters, ratio).required()
    loaded = load_sentences(doc)
    if loaded is None:
        if doc.spans.get(SUMMARY_GROUP):
            raise DossierError(
                "this Doc has a summary, but its sentences' scores are not stored with it",
                remedy="Store it with its user data: DocBin(store_user_data=True), or Doc.to_bytes",
            )
        return []
    features, salience = loaded
    attrs = doc.spans[SUMMARY_GROUP].attrs if SUMMARY_GROUP in doc.spans else {}
    if redundancy is None:
        redundancy = attrs.get("redundancy", 0.0)
    if cover_entities is None:
        cover_entities = attrs.get("cover_entities", False)
    rows = select_features(features, salience, budget, redundancy, cover_entities)
    return [row_span(doc, features, row) for row in rows]


def select_features(
    features: SentenceFeatures,
    scores: NDArray[np.floating],
    budget: SummaryBudget,
    redundancy: float,
    cover_entities: bool,
) -> list[int]:
    """Choose sentences, fragments only where a document has nothing else."""
    whole = ~features.fragments()
    if not budget.in_sentences:
        # Where words are short, a sentence of few must not take the place of one that says more.
        scores = scores * np.minimum(features.n_words, FULL_LENGTH)
    # Salience is small in long documents; redundancy weighs against the highest.
    scaled = scores / max(float(scores.max(initial=0)), 1e-9)
    eligible = np.where(whole, scaled, -np.inf) if whole.any() else scaled
    return select_rows(
        eligible,
        features.n_words,
        features.ends - features.starts,
        budget,
        vectors=features.vectors,
        redundancy=redundancy,
        bonus=entity_bonus(features.entities, features.entity_counts) if cover_entities else None,
    )


def row_span(doc: Doc, features: SentenceFeatures, row: int) -> Span:
    return doc.char_span(int(features.starts[row]), int(features.ends[row]), alignment_mode="expand")


def register_extensions() -> None:
    """Register what the summarizer adds to Doc and Span."""
    register_store(STORE)
    register(Span, "salience", getter=get_salience)
    register(Span, "salience_reason", getter=get_reason)
    register(Doc, "summary", getter=get_summary)
    register(Doc, "summarize", method=summarize_doc)
