"""JSON: an object a line, or an array of them, with a list of tokens and a list of as many tags."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeGuard

from spacy.tokens import Doc

from ....errors import DossierError
from ....pipeline.extensions import RELATION_LABELS
from ..detect.evidence import ROLE_NAMES
from ..detect.roles import Family
from ..detect.sample import Head
from ..layout import Layout
from ..marks import BYTE_ORDER_MARK
from ..relations import RelationRow, checked, numbered, related_within
from ..schemes import OUTSIDE, tags_to_entities
from ..sentence import Problem, Related, Sentence, Span
from ..tags import number_error
from ..writing import Counts, Entity, annotation, tagged_sentences
from .lines import LineFormat

REMEDY = "A row holds a list of tokens and a list of as many tags."
TAG_WORDS = ("ner", "label", "ent")  # in the name of a list of tags
SPACE_KEYS = ("trailing_whitespace", "space_after", "spaces", "ws", "whitespace")  # whether a space follows each token
TEXT_KEYS = ("full_text", "text", "sentence", "raw_text", "sent")
SPAN_KEY, RELATION_KEY, SPERT_ID = "entities", "relations", "orig_id"  # as SpERT calls them
NO_SPACE = "SpaceAfter=No"


class JsonLists(LineFormat):
    """Objects that hold a list of tokens and a list of as many tags."""

    family = Family(headed=False, ordered=False)
    states_spaces = True
    name = "json"
    about = "JSON lines, or one array, of objects with a list of tokens and a list of tags"
    example = '{"tokens": ["Anna", "Berg", "left"], "ner_tags": ["B-PER", "I-PER", "O"]}\n'

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether the first line begins an object."""
        return bool(head.lines) and head.lines[0].lstrip().startswith('{"')

    def find(self, head: Head) -> Layout | None:
        """RETURNS (Layout | None): The names of the lists."""
        rows = _objects(head.lines)
        lists = [name for name in _names(rows) if _most(_is_strings(row.get(name)) for row in rows)]
        relations = _list_of(rows, RELATION_KEY, _is_relation)
        spans = _list_of(rows, SPAN_KEY, _is_span)
        columns = max(([b for b in lists if _as_long(rows, a, b)] for a in lists), key=len, default=[])
        if columns and spans:
            columns = [*columns, spans]
        if len(columns) > 1:
            flags = [name for name in SPACE_KEYS if _most(_is_flags(row.get(name)) for row in rows)]
            columns = [*columns, *flags[:1]]
            return Layout(
                self.name,
                width=len(columns),
                names=tuple(columns),
                misc=len(columns) - 1 if flags else None,
                text_key=next((key for key in TEXT_KEYS if _most(isinstance(r.get(key), str) for r in rows)), ""),
                document_key=_document_key(rows, spert=bool(relations or spans)),
                relations=relations,
                spans=spans,
            )
        if lists and (numbered := _numbered(rows, lists[0])):
            raise number_error(head.file, f"{numbered}: {rows[0][numbered][:10]}", "Write their names in their place.")
        there = ", ".join(rows[0]) if rows else "".join(head.lines[:1])[:60].rstrip()
        raise DossierError("JSON without lists of tokens and tags", file=head.file, value=there, remedy=REMEDY)

    def unfold(self, line: str, layout: Layout) -> list[list[str]]:
        """RETURNS (list[list[str]]): The columns of each token."""
        try:
            row = json.loads(line.lstrip(BYTE_ORDER_MARK))
        except ValueError:
            raise ValueError("a JSON object") from None
        found = [row.get(name) if isinstance(row, dict) else None for name in layout.names]
        if layout.spans and _is_strings(found[0]):
            found[layout.names.index(layout.spans)] = tags_of_spans(row.get(layout.spans), len(found[0]))
        found = [["_" if flag else NO_SPACE for flag in cells] if _is_flags(cells) else cells for cells in found]
        columns = [column for column in found if _is_strings(column)]
        if len(columns) < len(found):
            raise ValueError(f"lists of strings named {' and '.join(layout.names)}")
        return turned(columns)

    def context(self, line: str, layout: Layout) -> tuple[str | None, str | None]:
        """RETURNS (tuple[str | None, str | None]): The document of a sentence, and the sentence as it was written."""
        if not layout.document_key and not layout.text_key:
            return None, None
        row = json.loads(line.lstrip(BYTE_ORDER_MARK))
        document, text = row.get(layout.document_key), row.get(layout.text_key)
        return None if document is None else str(document), text if isinstance(text, str) else None

    def relations(self, sentence: Sentence, layout: Layout) -> Iterator[Related | Problem]:
        """YIELDS (Related | Problem): Each relation between two entities, which it has by their numbers."""
        if not layout.relations and not layout.spans:
            return
        row = json.loads(sentence.row_of(0).lstrip(BYTE_ORDER_MARK))
        kept = tags_to_entities(sentence.tags, bare=layout.bare)
        entities: list[Span | None] = [(start, end) for start, end, _ in kept]
        if layout.spans:  # numbered as they stand in their list
            entities = []
            for span in row[layout.spans]:
                is_kept = (span["start"], span["end"], span["type"]) in kept
                entities.append((span["start"], span["end"]) if is_kept else None)
                if not is_kept:
                    yield Problem(sentence.line, json.dumps(span, ensure_ascii=False), "entities that do not overlap")
        found = row.get(layout.relations) or []
        if not isinstance(found, list):
            found = [found]
        yield from checked(sentence, (_relation_row(entities, relation) for relation in found))

    def refold(self, line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
        """RETURNS (str): A line with other cells in a column."""
        end = line[len(line.rstrip("\r\n")) :]
        row = json.loads(line.lstrip(BYTE_ORDER_MARK))
        if layout.names[column] == layout.spans:
            entities = tags_to_entities(cells)
            row[layout.spans] = [{"type": label, "start": start, "end": end} for start, end, label in entities]
            return json.dumps(row, ensure_ascii=False) + end
        return json.dumps({**row, layout.names[column]: list(cells)}, ensure_ascii=False) + end

    def fold(self, tokens: Sequence[str], tags: Sequence[str]) -> str:
        """RETURNS (str): A sentence as a line."""
        return json.dumps({"tokens": list(tokens), "ner_tags": list(tags)}, ensure_ascii=False)

    def relate(
        self, sentence: Sentence, layout: Layout, entities: Sequence[Entity], relations: Sequence[Related]
    ) -> None:
        """Put other relations into the object of a sentence."""
        place = sentence.places[0]
        line = sentence.source[place]
        row = json.loads(line.lstrip(BYTE_ORDER_MARK))
        row[layout.relations] = _by_number(entities, relations)
        end = line[len(line.rstrip("\r\n")) :]
        sentence.source[place] = json.dumps(row, ensure_ascii=False) + end

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): A line for each sentence; documents have no marks."""
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=False):
            row: dict[str, Any] = {"tokens": [token.text for token in sentence], "ner_tags": list(tags)}
            if RELATION_LABELS in doc.user_data:
                entities, _ = annotation(doc, sentence.start, sentence.end, Counts())
                row[RELATION_KEY] = _by_number(entities, related_within(sentence, counts))
                if doc.user_data.get("id"):
                    row["document_id"] = doc.user_data["id"]
            yield json.dumps(row, ensure_ascii=False) + "\n"


def turned(columns: Sequence[Sequence[str]]) -> list[list[str]]:
    """RETURNS (list[list[str]]): Rows out of columns.

    RAISES (ValueError): If they are not of one length.
    """
    if len({len(column) for column in columns}) != 1:
        raise ValueError("as many tags as tokens")
    return [list(row) for row in zip(*columns, strict=True)]


def tags_of_spans(spans: Any, length: int) -> list[str] | None:
    """RETURNS (list[str] | None): IOB2 tags out of entities as SpERT has them; `None` if they are no such list.

    Of those that overlap the longest counts.
    RAISES (ValueError): If one lies outside of the tokens.
    """
    if not isinstance(spans, list) or not all(map(_is_span, spans)):
        return None
    tags = [OUTSIDE] * length
    for span in sorted(spans, key=lambda span: (span["start"] - span["end"], span["start"])):
        start, end = span["start"], span["end"]
        if not 0 <= start < end <= length:
            raise ValueError(f"entities inside the {length} tokens")
        if set(tags[start:end]) == {OUTSIDE}:
            tags[start:end] = [f"B-{span['type']}", *[f"I-{span['type']}"] * (end - start - 1)]
    return tags


def _by_number(entities: Sequence[Entity], relations: Sequence[Related]) -> list[dict[str, Any]]:
    """RETURNS (list[dict[str, Any]]): Relations as SpERT has them, their entities by number."""
    numbers = {(start, end): number for number, (start, end, _) in enumerate(entities)}
    return [{"head": numbers[head], "tail": numbers[tail], "type": label} for head, tail, label in relations]


def _relation_row(entities: Sequence[Span | None], relation: Any) -> RelationRow:
    said = relation if isinstance(relation, dict) else {}
    head, tail = (numbered(entities, said.get(end)) for end in ("head", "tail"))
    return RelationRow(head, tail, said.get("type"), 0, json.dumps(relation, ensure_ascii=False))


def _is_span(value: Any) -> bool:
    """Whether a value is an entity as SpERT has it."""
    if not isinstance(value, dict):
        return False
    kinds = (("type", str), ("start", int), ("end", int))
    return all(isinstance(value.get(name), kind) for name, kind in kinds) and bool(value["type"].strip())


def _is_relation(value: Any) -> bool:
    """Whether a value is a relation as SpERT has it."""
    return isinstance(value, dict) and {"head", "tail", "type"} <= value.keys()


def _list_of(rows: Sequence[dict[str, Any]], name: str, is_one: Callable[[Any], bool]) -> str:
    """RETURNS (str): The name, if most rows have a list under it, and half of all in them are such; else empty."""
    lists = [found for row in rows if isinstance(found := row.get(name), list)]
    things = [thing for found in lists for thing in found]
    return name if things and 5 * len(lists) >= 4 * len(rows) and 2 * sum(map(is_one, things)) >= len(things) else ""


def _objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # is named when the file is read
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """RETURNS (list[str]): What lists are called in the first row."""
    return [name for name, value in rows[0].items() if isinstance(value, list)] if rows else []


def _most(good: Iterable[bool]) -> bool:
    verdicts = list(good)
    return 5 * sum(verdicts) >= 4 * len(verdicts)


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_flags(value: Any) -> TypeGuard[list[bool | int]]:
    return isinstance(value, list) and all(part in (0, 1) for part in value)


def _document_key(rows: Sequence[dict[str, Any]], *, spert: bool) -> str:
    """RETURNS (str): The name of the document of each row; `id` only where rows that follow each other share one."""
    repeated = any("id" in a and a["id"] == b.get("id") for a, b in pairwise(rows))
    names = (*ROLE_NAMES["document"], *(("id",) if repeated else ()), *((SPERT_ID,) if spert else ()))
    return next((name for name in names if _most(isinstance(row.get(name), (str, int)) for row in rows)), "")


def _as_long(rows: Sequence[dict[str, Any]], a: str, b: str) -> bool:
    """Whether two names lead to lists of one length in most rows."""
    return _most(isinstance(row.get(b), list) and len(row[b]) == len(row.get(a) or ()) for row in rows)


def _numbered(rows: Sequence[dict[str, Any]], tokens: str) -> str:
    """RETURNS (str): The name of a list of as many numbers as tokens, the most likely one for tags; empty if none."""
    found = [
        name
        for name in _names(rows)
        if rows[0][name] and _as_long(rows, tokens, name) and all(isinstance(value, int) for value in rows[0][name])
    ]
    return next((name for name in found if any(word in name for word in TAG_WORDS)), "".join(found[:1]))
