"""Annotated corpora in, predictions of a pipeline out: the two sides that every score compares.

All positions are character offsets into the text of the document, so that predictions over gold tokens, over raw text
and over single sentences are compared in the same way.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab

from ..errors import DossierError
from ..pipeline.extensions import entity_confidences
from ..text.docbin import read_docbin
from .relations.scores import ScoredRelation, relations_of

Advance = Callable[[int], None]


class ScoredEntity(NamedTuple):
    """An entity: character offsets, label and, for a prediction, its confidence."""

    start: int
    end: int
    label: str
    confidence: float | None = None

    @property
    def key(self) -> tuple[int, int, str]:
        """What must agree for a strict match."""
        return self.start, self.end, self.label


@dataclass
class PredictedDoc:
    """What a pipeline found in one document.

    entities (list[ScoredEntity]): Sorted by position.
    sentences (list[tuple[int, int]] | None): Character offsets without surrounding white space; None where the
        pipeline set no sentence boundaries.
    cats (dict[str, float]): The score of each class.
    relations (list[ScoredRelation]): Between the entities.
    """

    entities: list[ScoredEntity]
    sentences: list[tuple[int, int]] | None
    cats: dict[str, float] = field(default_factory=dict)
    relations: list[ScoredRelation] = field(default_factory=list)


@dataclass
class Predictions:
    """The predictions of one pass over a corpus, in the corpus' order, and the time it took."""

    predictions: list[PredictedDoc]
    seconds: float


def read_docs(path: Path | str) -> list[Doc]:
    """Read the documents of a .spacy file, or of all .spacy files of a folder in the order of their names.

    RAISES (DossierError): The path does not exist, is no DocBin, or holds no document.
    """
    path = Path(path)
    if not path.exists():
        raise DossierError("no such file", file=path, remedy="Make it with `dossier convert`.")
    vocab = Vocab()
    docs: list[Doc] = []
    for file in sorted(walk_corpus(path, ".spacy")) if path.is_dir() else [path]:
        docs.extend(read_docbin(file, vocab))
    if not docs:
        raise DossierError("the corpus holds no document", file=path)
    return docs


def load_pipeline(pipeline: Path | str) -> Language:
    """Load a pipeline by path or package name.

    RAISES (DossierError): It is not there, or it needs something that is not installed.
    """
    try:
        return spacy.load(pipeline)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).split("\n")[0]
        raise DossierError(f"the pipeline cannot be loaded: {reason}", value=str(pipeline)) from error


def has_entities(doc: Doc) -> bool:
    """Whether any token of the document says that it is, or is not, part of an entity."""
    return bool(len(doc)) and doc.has_annotation("ENT_IOB")


def has_sentences(docs: Iterable[Doc]) -> bool:
    """Whether every document that could be split has sentence boundaries, and one at least has."""
    several = [doc for doc in docs if len(doc) > 1]
    return bool(several) and all(doc.has_annotation("SENT_START") for doc in several)


def token_offsets(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): Start and end character of each token, int64 of shape (tokens, 2)."""
    array = doc.to_array(["IDX", "LENGTH"]).astype(np.int64).reshape(len(doc), 2)
    array[:, 1] += array[:, 0]
    return array


def annotated_tokens(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): For each token, whether its entity annotation is present; bool of shape (tokens,)."""
    return doc.to_array("ENT_IOB").reshape(len(doc)) != 0


def entities_of(doc: Doc, offset: int = 0) -> list[ScoredEntity]:
    """The entities of a document, each with its confidence where the pipeline gives one.

    offset (int): Is added to the positions: where the document starts in a larger text.
    """
    return [
        ScoredEntity(ent.start_char + offset, ent.end_char + offset, ent.label_, confidence)
        for ent, confidence in zip(doc.ents, entity_confidences(doc), strict=True)
    ]


def sentences_of(doc: Doc) -> list[tuple[int, int]]:
    """Character offsets of the sentences, without the white space around them; blank ones are left out."""
    spans = doc.sents if len(doc) > 1 else (doc[:] for _ in range(len(doc)))
    found = []
    for sent in spans:
        text = sent.text
        start = sent.start_char + len(text) - len(text.lstrip())
        end = sent.end_char - (len(text) - len(text.rstrip()))
        if start < end:
            found.append((start, end))
    return found


def predict_gold_tokens(nlp: Language, docs: Sequence[Doc], advance: Advance = lambda steps: None) -> Predictions:
    """Run the pipeline's components over the corpus' own tokens."""
    return _run(nlp, docs, (with_tokens_of(nlp.vocab, doc[:]) for doc in docs), advance)


def predict_raw_text(nlp: Language, docs: Sequence[Doc], advance: Advance = lambda steps: None) -> Predictions:
    """Run the whole pipeline, tokenizer included, over the text of the documents."""
    before = nlp.max_length
    nlp.max_length = max(before, *(len(doc.text) + 1 for doc in docs), 1)
    try:
        return _run(nlp, docs, (doc.text for doc in docs), advance)
    finally:
        nlp.max_length = before


def predict_by_sentence(nlp: Language, docs: Sequence[Doc], advance: Advance = lambda steps: None) -> Predictions:
    """Run the pipeline's components over each annotated sentence as a document of its own, with the corpus' tokens."""
    units = [(i, sent) for i, doc in enumerate(docs) for sent in (doc.sents if len(doc) > 1 else [doc[:]])]
    found = [PredictedDoc([], None) for _ in docs]
    started = time.perf_counter()
    parts = nlp.pipe(with_tokens_of(nlp.vocab, sent) for _, sent in units)
    done = 0
    for (i, sent), doc in zip(units, parts, strict=True):
        found[i].entities.extend(entities_of(doc, offset=sent.start_char))
        advance(i - done)
        done = i
    advance(len(docs) - done)
    return Predictions(found, time.perf_counter() - started)


def _run(nlp: Language, gold: Sequence[Doc], inputs: Iterable[Doc] | Iterable[str], advance: Advance) -> Predictions:
    found = []
    split = False
    started = time.perf_counter()
    # Only what is scored is kept of a predicted document: tensors of the encoder would fill the memory.
    for doc in nlp.pipe(inputs):
        sets_sentences = len(doc) < 2 or doc.has_annotation("SENT_START")
        split = split or (len(doc) > 1 and sets_sentences)
        sentences = sentences_of(doc) if sets_sentences else None
        found.append(PredictedDoc(entities_of(doc), sentences, dict(doc.cats), relations_of(doc)))
        advance(1)
    seconds = time.perf_counter() - started
    if len(found) != len(gold):
        raise DossierError(
            "the pipeline did not return every document",
            value=f"{len(found)} of {len(gold)}",
            remedy="An error handler that drops documents must be off for an evaluation.",
        )
    if not split:
        for prediction in found:
            prediction.sentences = None
    return Predictions(found, seconds)


def with_tokens_of(vocab: Vocab, span: Doc | Span) -> Doc:
    """RETURNS (Doc): The same tokens, nothing annotated."""
    return Doc(vocab, words=[token.text for token in span], spaces=[bool(token.whitespace_) for token in span])


def with_entities_of(vocab: Vocab, doc: Doc) -> Doc:
    """RETURNS (Doc): The same tokens and entities, nothing else annotated."""
    copy = with_tokens_of(vocab, doc[:])
    copy.set_ents([Span(copy, ent.start, ent.end, label=ent.label_) for ent in doc.ents])
    return copy


def overlap_groups(*layers: Sequence[ScoredEntity]) -> Iterator[list[list[ScoredEntity]]]:
    """Split layers of entities over one text into groups that share no character with each other.

    YIELDS (list[list[ScoredEntity]]): The entities of each layer in the group, by position.
    """
    items = sorted((entity.start, entity.end, i, entity) for i, layer in enumerate(layers) for entity in layer)
    group: list[list[ScoredEntity]] = [[] for _ in layers]
    reach = 0
    for start, end, i, entity in items:
        if start >= reach and any(group):
            yield group
            group = [[] for _ in layers]
        group[i].append(entity)
        reach = max(reach, end)
    if any(group):
        yield group
