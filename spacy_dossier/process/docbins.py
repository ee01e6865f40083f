"""Docs of a shard → one DocBin."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from .record import Record
from .sections import strip


def to_docbin(nlp: Language, docs: Sequence[tuple[Record, list[str]]]) -> bytes:
    """Pack processed Docs, with user data; `doc.user_data["id"]` is the record's id.

    nlp (Language): Whose vocabulary reads them.
    docs (Sequence): Each record and its Docs as base64 of `Doc.to_bytes`; several for a long text, which are joined.
    RETURNS (bytes): The DocBin.
    """
    packed = DocBin(store_user_data=True)
    for record, parts in docs:
        sections = [Doc(nlp.vocab).from_bytes(base64.b64decode(part)) for part in parts]
        doc = sections[0] if len(sections) == 1 else join(sections, record)
        doc.user_data["id"] = record.id
        strip(doc)
        packed.add(doc)
    return packed.to_bytes()


def join(sections: list[Doc], record: Record) -> Doc:
    """RETURNS (Doc): The sections as one, with the summary of the whole instead of theirs."""
    doc = Doc.from_docs(sections, ensure_whitespace=False)
    assert doc is not None
    spans = [doc.char_span(s.start, s.end, alignment_mode="expand") for s in record.summary_sentences]
    doc.spans["summary"] = [span for span in spans if span is not None]
    doc.spans["summary"].attrs["scores"] = [s.score for s in record.summary_sentences]
    return doc
