"""The record: one row a document. One typed model makes the JSONL, the Parquet schema and docs/records.md."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_serializer

from ..read.document import PlacedBlock
from ..read.failures import MEANINGS

SCHEMA_VERSION = 2


class FoundEntity(NamedTuple):
    """An entity: its characters, its label, and what is known of it."""

    start: int
    end: int
    label: str
    confidence: float | None = None
    kb_id: str | None = None


class FoundSentence(NamedTuple):
    """A sentence of the summary: its characters and its score."""

    start: int
    end: int
    score: float | None = None


class FoundSpan(NamedTuple):
    """A span of one of the other span groups: the group's name, its characters, and what is known of it."""

    group: str
    start: int
    end: int
    label: str
    score: float | None = None
    kb_id: str | None = None


class FoundRelation(NamedTuple):
    """A relation between two entities, by their positions among all that were found."""

    head: int
    tail: int
    label: str
    confidence: float | None = None


@dataclass
class Findings:
    """What a pipeline found in a text, by offsets in it.

    cats (dict[str, float]): Score of each class.
    language (str | None): What a component set as `doc._.language`.
    extensions (dict[str, Any]): Values of the extension attributes asked for, by name.
    docs (list[str]): The Docs as base64 of `Doc.to_bytes`, where they are kept; several of a long text.
    unrelated (int): Relations that were left out, since their head or tail is no entity.
    """

    n_tokens: int
    entities: list[FoundEntity] = field(default_factory=list)
    sentences: list[FoundSentence] = field(default_factory=list)
    spans: list[FoundSpan] = field(default_factory=list)
    relations: list[FoundRelation] = field(default_factory=list)
    cats: dict[str, float] = field(default_factory=dict)
    language: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    docs: list[str] = field(default_factory=list)
    unrelated: int = 0

    def pack(self) -> bytes:
        """RETURNS (bytes): As the ledger keeps it."""
        return zlib.compress(json.dumps(asdict(self)).encode(), 6)

    @classmethod
    def unpack(cls, data: bytes) -> Findings:
        values = json.loads(zlib.decompress(data))
        for name, kind in FOUND.items():
            values[name] = [kind(*row) for row in values[name]]
        return cls(**values)


FOUND: dict[str, type[FoundEntity | FoundSentence | FoundSpan | FoundRelation]] = {
    "entities": FoundEntity,
    "sentences": FoundSentence,
    "spans": FoundSpan,
    "relations": FoundRelation,
}


class BadOffsets(ValueError):
    """A pipeline's offsets do not lie inside the text."""


class RecordModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entity(RecordModel):
    text: str = Field(description="The entity as it stands in the text.")
    label: str = Field(description="Its label, as the pipeline names it.")
    start: int = Field(ge=0, description="First character, in Unicode code points from the start of the text.")
    end: int = Field(description="One past the last character.")
    confidence: float | None = Field(
        default=None,
        description="Probability in [0, 1] that span and label are right; null where the pipeline gives none.",
    )
    page: int | None = Field(default=None, description="Page or slide it starts on, from 1; null without pages.")
    section: str | None = Field(default=None, description="Heading it stands under; null before the first.")
    kb_id: str | None = Field(
        default=None, description="Its entry in a knowledge base; null where the pipeline links none."
    )


class LabelledSpan(RecordModel):
    group: str = Field(description="Name of its span group.")
    text: str = Field(description="The span as it stands in the text.")
    label: str = Field(description="Its label; an empty string where it has none.")
    start: int = Field(ge=0, description="First character, in Unicode code points from the start of the text.")
    end: int = Field(description="One past the last character.")
    score: float | None = Field(default=None, description="Score from the group's `scores`; null where it has none.")
    page: int | None = Field(default=None, description="Page or slide it starts on, from 1; null without pages.")
    section: str | None = Field(default=None, description="Heading it stands under; null before the first.")
    kb_id: str | None = Field(
        default=None, description="Its entry in a knowledge base; null where the pipeline links none."
    )


class Relation(RecordModel):
    head: int = Field(ge=0, description="Position of its head in `entities`, from 0.")
    tail: int = Field(ge=0, description="Position of its tail in `entities`, from 0.")
    label: str = Field(description="What the head is to the tail, as the pipeline names it.")
    confidence: float | None = Field(
        default=None, description="Probability in [0, 1] that it is right; null where the pipeline gives none."
    )


class SummarySentence(RecordModel):
    text: str = Field(description="The sentence, verbatim.")
    start: int = Field(ge=0, description="First character, in Unicode code points from the start of the text.")
    end: int = Field(description="One past the last character.")
    score: float | None = Field(default=None, description="Salience in [0, 1]; null where the pipeline gives none.")
    page: int | None = Field(default=None, description="Page or slide it starts on, from 1; null without pages.")
    section: str | None = Field(default=None, description="Heading it stands under; null before the first.")


class TextBlock(RecordModel):
    """A part of a document; what is null is left out."""

    kind: str = Field(
        description="title, heading, paragraph, list_item, table (a row a line, cells parted by tabs), caption, code, "
        "quotation, reply, signature, footnote, page_header or page_footer."
    )
    start: int | None = Field(default=None, description="First character; absent for a block outside the text.")
    end: int | None = Field(default=None, description="One past the last character; absent for one outside the text.")
    level: int | None = Field(default=None, description="Of a heading, from 1; of a list item, how deep its list is.")
    page: int | None = Field(default=None, description="Page or slide it starts on, from 1; absent without pages.")
    text: str | None = Field(default=None, description="Its text, for a block outside the text only.")

    @model_serializer
    def serialize(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if value is not None}


class PipelineInfo(RecordModel):
    name: str = Field(description="Name of the spaCy pipeline, with its language: en_dossier.")
    version: str = Field(description="Its version.")


class Record(RecordModel):
    """One document: what was read, and what was found in it."""

    schema_version: int = Field(default=SCHEMA_VERSION, description="Version of this schema.")
    id: str = Field(
        description="Unique in the run: the path, `path#n` for row n (from 1) of a table, JSONL or .spacy file, "
        "`path!name` for an attachment or a member of an archive."
    )
    root: str = Field(description="The input it was found in, as it was given.")
    source: str = Field(
        description="Path relative to root; the file's name when root is the file itself. Bytes that are not UTF-8 "
        "are written as \\xNN."
    )
    meta: dict[str, Any] = Field(
        default_factory=dict, description="The input row's other columns, passed through; a JSON string in Parquet."
    )
    sha256: str = Field(description="SHA-256, in hex, of the input's bytes, or of the row's text.")
    media_type: str = Field(description="What the input was read as: text/plain, application/pdf …")
    language: str | None = Field(
        default=None, description="Language of the text, where a component of the pipeline sets `doc._.language`."
    )
    n_chars: int = Field(description="Length of the extracted text in Unicode code points.")
    n_tokens: int = Field(description="Tokens in it, as the pipeline counts.")
    entities: list[Entity] = Field(default_factory=list, description="Entities in text order.")
    spans: list[LabelledSpan] = Field(
        default_factory=list, description="Spans of the pipeline's other span groups, group by group."
    )
    cats: dict[str, float] = Field(default_factory=dict, description="Score in [0, 1] of each class.")
    relations: list[Relation] = Field(default_factory=list, description="Relations between entities.")
    summary: str = Field(default="", description="The summary: the sentences below, verbatim.")
    summary_sentences: list[SummarySentence] = Field(
        default_factory=list, description="Sentences of the summary in document order."
    )
    extensions: dict[str, Any] = Field(
        default_factory=dict,
        description="Values of the Doc's extension attributes asked for (--extension); a JSON string in Parquet.",
    )
    pipeline: PipelineInfo = Field(description="What computed it.")
    text: str | None = Field(default=None, description="The extracted text; absent unless asked for (--with-text).")
    blocks: list[TextBlock] | None = Field(
        default=None,
        description="Its parts in reading order, those outside the text too; absent unless asked for (--with-blocks).",
    )

    def to_json(self) -> str:
        """RETURNS (str): One line of JSON, without a line break at its end."""
        return self.model_dump_json(exclude={name for name in ("text", "blocks") if getattr(self, name) is None})


class Failure(RecordModel):
    """One document, file or row that could not be processed: a line of failures.jsonl."""

    source: str = Field(description="Id of what failed, as in a record.")
    stage: str = Field(description="Where: read, extract, pipeline, record or sink.")
    error: str = Field(description="What is wrong, in one of the words below.")
    message: str = Field(description="What happened, in one line.")

    def to_json(self) -> str:
        """RETURNS (str): One line of JSON, without a line break at its end."""
        return self.model_dump_json()


def page_of(pages: Sequence[tuple[int, int]], start: int) -> int | None:
    """Find the page a character is on.

    pages (Sequence[tuple[int, int]]): (first character, page number), in text order.
    start (int): The character's offset.
    RETURNS (int | None): The page number, None before the first page or without pages.
    """
    index = bisect_right(pages, start, key=lambda page: page[0]) - 1
    return pages[index][1] if index >= 0 else None


def section_of(headings: Sequence[tuple[int, str]], start: int) -> str | None:
    """Find the heading a character stands under.

    headings (Sequence[tuple[int, str]]): (first character, text), in text order.
    """
    index = bisect_right(headings, start, key=lambda heading: heading[0]) - 1
    return headings[index][1] if index >= 0 else None


def make_record(
    *,
    id: str,
    root: str,
    source: str,
    text: str,
    sha256: str,
    media_type: str,
    findings: Findings,
    pipeline: PipelineInfo,
    pages: Sequence[tuple[int, int]] = (),
    meta: dict[str, Any] | None = None,
    blocks: Sequence[PlacedBlock] = (),
    min_confidence: float = 0.0,
    with_text: bool = False,
    with_blocks: bool = False,
) -> Record:
    """Join what was read with what the pipeline found.

    text (str): The extracted text.
    findings (Findings): What the pipeline found in it.
    pages (Sequence[tuple[int, int]]): (first character, page number) of each page.
    blocks (Sequence[PlacedBlock]): Its parts.
    min_confidence (float): Entities and relations surely below it are left out, and relations of entities that are;
        what has no confidence stays.
    RETURNS (Record): The record; floats are rounded to four decimals.
    RAISES (BadOffsets): An offset outside the text.
    """
    place = Place(text, pages, blocks)
    kept = [number for number, ent in enumerate(findings.entities) if is_sure(ent.confidence, min_confidence)]
    sentences = [SummarySentence(**place(start, end), score=rounded(score)) for start, end, score in findings.sentences]
    return Record(
        id=id,
        root=root,
        source=source,
        meta=meta or {},
        sha256=sha256,
        media_type=media_type,
        language=findings.language,
        n_chars=len(text),
        n_tokens=findings.n_tokens,
        entities=[place.entity(findings.entities[number]) for number in kept],
        spans=[place.span(span) for span in findings.spans],
        cats={label: round(score, 4) for label, score in findings.cats.items()},
        relations=relations_between(kept, findings.relations, min_confidence),
        summary=" ".join(sentence.text.strip() for sentence in sentences),
        summary_sentences=sentences,
        extensions=findings.extensions,
        pipeline=pipeline,
        text=text if with_text else None,
        blocks=[TextBlock(**asdict(block)) for block in blocks] if with_blocks else None,
    )


class Place:
    """Quotes a text: offsets → what a record says of them.

    pages (Sequence[tuple[int, int]]): (first character, page number) of each page.
    blocks (Sequence[PlacedBlock]): Its parts, of which the headings count.
    """

    def __init__(self, text: str, pages: Sequence[tuple[int, int]], blocks: Sequence[PlacedBlock]) -> None:
        self.text = text
        self.pages = pages
        self.headings = [
            (block.start, " ".join(text[block.start : block.end].split()))
            for block in blocks
            if block.kind == "heading" and block.start is not None
        ]

    def __call__(self, start: int, end: int) -> dict[str, Any]:
        """RETURNS (dict): Text, start, end, page, section. RAISES (BadOffsets): They do not lie inside the text."""
        return {
            "text": quote(self.text, start, end),
            "start": start,
            "end": end,
            "page": page_of(self.pages, start),
            "section": section_of(self.headings, start),
        }

    def entity(self, ent: FoundEntity) -> Entity:
        where = self(ent.start, ent.end)
        return Entity(**where, label=ent.label, confidence=rounded(ent.confidence), kb_id=ent.kb_id)

    def span(self, span: FoundSpan) -> LabelledSpan:
        where = self(span.start, span.end)
        return LabelledSpan(**where, group=span.group, label=span.label, score=rounded(span.score), kb_id=span.kb_id)


def relations_between(kept: Sequence[int], found: Sequence[FoundRelation], min_confidence: float) -> list[Relation]:
    """RETURNS (list[Relation]): Those whose entities are kept, by their positions among the kept."""
    position = {number: place for place, number in enumerate(kept)}
    return [
        Relation(head=position[head], tail=position[tail], label=label, confidence=rounded(confidence))
        for head, tail, label, confidence in found
        if head in position and tail in position and is_sure(confidence, min_confidence)
    ]


def is_sure(confidence: float | None, least: float) -> bool:
    """RETURNS (bool): Is it not surely below the least?"""
    return confidence is None or confidence >= least


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def quote(text: str, start: int, end: int) -> str:
    """RETURNS (str): `text[start:end]`. RAISES (BadOffsets): Offsets that do not lie inside the text."""
    if not 0 <= start < end <= len(text):
        raise BadOffsets(f"offsets {start}:{end} do not lie inside a text of {len(text)} characters")
    return text[start:end]


def schema_markdown() -> str:
    """RETURNS (str): The tables of docs/records.md."""
    parts = []
    for model in (Record, Entity, LabelledSpan, Relation, SummarySentence, TextBlock, PipelineInfo, Failure):
        parts.append(f"### {model.__name__}\n\n| field | type | what it is |\n|---|---|---|")
        for name, info in model.model_fields.items():
            parts.append(f"| `{name}` | {_type_name(info.annotation)} | {info.description} |")
        parts.append("")
    parts.append("### Kinds of failure\n\n| `error` | what is wrong |\n|---|---|")
    parts += [f"| `{kind}` | {meaning} |" for kind, meaning in MEANINGS.items()]
    return "\n".join([*parts, ""])


def _type_name(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else None
    text = text or str(annotation).replace("typing.", "").replace(f"{__name__}.", "")
    names = {"str": "string", "int": "integer", "float": "number", "None": "null"}
    names |= {"dict[string, Any]": "object", "dict[string, number]": "object of numbers"}
    for old, new in names.items():
        text = text.replace(old, new)
    return text.replace("|", "or")


if __name__ == "__main__":
    print(schema_markdown())
