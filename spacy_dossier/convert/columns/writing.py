"""What every format needs to write a document: its sentences with their tags, checked and counted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from spacy.tokens import Doc, Span

from ...errors import DossierError
from .schemes import MISSING_TAG, entities_to_tags

Entity = tuple[int, int, str]
LINE_END_OR_TAB = re.compile(r"[\r\n\t]")
SPACE = re.compile(r"[ \t]")
WHITE_SPACE = re.compile(r"\s")


@dataclass
class Counts:
    """What was written: documents, sentences, tokens, entities; and entities that the form could not hold.

    cut (int): Entities that crossed the end of a sentence and were cut there.
    merged (int): Entities that IO or bare labels cannot part from the one before.
    nested (int): Entities that overlap another, where the form has one layer.
    relations (int): Relations that were written.
    unrelated (int): Relations that the form could not hold.
    unsaid (int): Tokens without annotation, where the form cannot tell them from those outside of entities.
    """

    docs: int = 0
    sents: int = 0
    tokens: int = 0
    ents: int = 0
    cut: int = 0
    merged: int = 0
    nested: int = 0
    relations: int = 0
    unrelated: int = 0
    unsaid: int = 0


def annotation(doc: Doc, start: int, end: int, counts: Counts) -> tuple[list[Entity], set[int]]:
    """RETURNS (tuple[list[Entity], set[int]]): Entities and unannotated tokens of a sentence."""
    entities: list[Entity] = []
    missing: set[int] = set()
    for i, token in enumerate(doc[start:end]):
        iob = token.ent_iob_
        if iob == "B" or (iob == "I" and not entities) or (iob == "I" and entities[-1][1] != i):
            counts.cut += iob == "I"
            entities.append((i, i + 1, token.ent_type_))
        elif iob == "I":
            entities[-1] = (entities[-1][0], i + 1, entities[-1][2])
        elif iob == "":
            missing.add(i)
    counts.sents += 1
    counts.tokens += end - start
    counts.ents += len(entities)
    return entities, missing


def make_tags(entities: list[Entity], missing: set[int], length: int, scheme: str, counts: Counts) -> list[str]:
    """RETURNS (list[str]): The tags of a sentence."""
    tags = entities_to_tags(entities, length, scheme)
    if scheme in ("io", "bare"):
        counts.merged += sum(a[1] == b[0] and a[2] == b[2] for a, b in pairwise(entities))
    for i in missing:
        tags[i] = "-" if scheme == "brackets" else MISSING_TAG
    return tags


def tagged_sentences(doc: Doc, scheme: str, counts: Counts, *, spaces: bool) -> Iterator[tuple[Span, list[str]]]:
    """Part a document into sentences.

    doc (Doc): The document.
    scheme (str): The scheme of the tags.
    counts (Counts): What was written, counted on the way.
    spaces (bool): Whether spaces part the columns.
    YIELDS (tuple[Span, list[str]]): Each sentence and its tags.
    RAISES (DossierError): If a token holds what parts columns or rows.
    """
    sentences = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]] if len(doc) else []
    for sentence in sentences:
        for token in sentence:
            if LINE_END_OR_TAB.search(token.text) or (spaces and (not token.text or SPACE.search(token.text))):
                raise DossierError(
                    "a token holds white space that the format cannot hold",
                    value=token.text,
                    remedy="Choose a format with TABs, as --format tsv." if spaces else None,
                )
        entities, missing = annotation(doc, sentence.start, sentence.end, counts)
        yield sentence, make_tags(entities, missing, len(sentence), scheme, counts)


def or_missing(value: str) -> str:
    """RETURNS (str): A cell: an underscore for nothing, and for white space in it."""
    return WHITE_SPACE.sub("_", value) or MISSING_TAG


def new_document(doc: Doc) -> str:
    """RETURNS (str): The comment of Universal Dependencies that begins a document."""
    return f"# newdoc id = {doc.user_data['id']}\n" if doc.user_data.get("id") else "# newdoc\n"
