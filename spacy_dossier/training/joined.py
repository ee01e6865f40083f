"""Texts made of documents of one sentence, on which a splitter can be trained and scored.

Column files without document marks give such documents. What stands beside what in them says nothing about entities, so
each stays a document of its own for those; but a document of one sentence has no boundary to learn from.
"""

import random
from collections.abc import Iterable, Sequence

import numpy as np
from spacy.attrs import SENT_START
from spacy.tokens import Doc

from ..text.sentences import rule_sentences
from .layout import Layout, lay_out

SENTENCES = 10  # of a joined text: some 200 words, a window of the encoder
PLAIN = Layout(paragraphs=0.0)  # a line ends where no final mark shows the boundary, and nowhere else


def is_one_sentence(doc: Doc) -> bool:
    """Whether a document is annotated as one sentence."""
    if len(doc) < 2:
        return len(doc) == 1
    return doc.has_annotation("SENT_START") and int((doc.to_array([SENT_START]).ravel() == 1).sum()) == 1


def has_several_sentences(doc: Doc) -> bool:
    """Whether a document is annotated as several sentences."""
    return len(doc) > 1 and doc.has_annotation("SENT_START") and not is_one_sentence(doc)


def set_rule_sentences(doc: Doc) -> None:
    """Let sentences begin where the rules for plain text say so."""
    starts = {start for start, _ in rule_sentences(doc)}
    for token in doc:
        token.is_sent_start = token.i in starts


def join_sentences(docs: Sequence[Doc], layout: Layout = PLAIN, rng: random.Random | None = None) -> Doc:
    """One text of documents of one sentence, without entities: a new line where no final mark shows the boundary.

    Such a sentence may itself be several, as a tweet is: where the rules for plain text see a boundary inside, the
    annotation is left open.

    docs (Sequence[Doc]): The sentences; one at least.
    layout (Layout): How the text is laid out.
    rng (Random | None): For what the layout leaves to chance.
    RETURNS (Doc): With sentence starts.
    """
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[bool | None] = []
    for doc in docs:
        inner: list[bool | None] = [False] * len(doc)
        for start, _ in rule_sentences(doc):
            inner[start] = None
        words += [token.text for token in doc]
        spaces += [*(bool(token.whitespace_) for token in doc[:-1]), True]
        starts += [True, *inner[1:]]
    spaces[-1] = False
    return lay_out(Doc(docs[0].vocab, words=words, spaces=spaces, sent_starts=starts), layout, rng or random.Random(0))


def joined_texts(docs: Iterable[Doc]) -> list[Doc]:
    """RETURNS (list[Doc]): The documents of several sentences as they are, and those of one joined to texts."""
    several: list[Doc] = []
    alone: list[Doc] = []
    for doc in docs:
        (alone if is_one_sentence(doc) else several).append(doc)
    return several + [join_sentences(alone[i : i + SENTENCES]) for i in range(0, len(alone), SENTENCES)]


def open_starts(doc: Doc) -> set[int]:
    """RETURNS (set[int]): The characters at which the annotation does not say whether a sentence begins."""
    starts = doc.to_array([SENT_START]).ravel()
    return {doc[int(i)].idx for i in np.flatnonzero(starts == 0)}


def without_sentences(doc: Doc) -> Doc:
    """RETURNS (Doc): A copy that does not say where sentences begin."""
    copy = doc.copy()
    # As an array: a token of a parsed document refuses it.
    copy.from_array([SENT_START], np.zeros((len(doc), 1), dtype=np.uint64))
    return copy
