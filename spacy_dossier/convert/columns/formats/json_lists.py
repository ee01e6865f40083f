"""JSON: an object a line, or an array of them, with a list of tokens and a list of as many tags."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeGuard

from spacy.tokens import Doc

from ....errors import DossierError
from ..detect.evidence import ROLE_NAMES
from ..detect.roles import Family
from ..detect.sample import Head
from ..layout import Layout
from ..marks import BYTE_ORDER_MARK
from ..tags import number_error
from ..writing import Counts, tagged_sentences
from .lines import LineFormat

REMEDY = "A row holds a list of tokens and a list of as many tags."
TAG_WORDS = ("ner", "label", "ent")  # in the name of a list of tags
SPACE_KEYS = ("trailing_whitespace", "space_after", "spaces", "ws", "whitespace")  # whether a space follows each token
TEXT_KEYS = ("full_text", "text", "sentence", "raw_text", "sent")
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
        columns = max(([b for b in lists if _as_long(rows, a, b)] for a in lists), key=len, default=[])
        if len(columns) > 1:
            flags = [name for name in SPACE_KEYS if _most(_is_flags(row.get(name)) for row in rows)]
            columns = [*columns, *flags[:1]]
            return Layout(
                self.name,
                width=len(columns),
                names=tuple(columns),
                misc=len(columns) - 1 if flags else None,
                text_key=next((key for key in TEXT_KEYS if _most(isinstance(r.get(key), str) for r in rows)), ""),
                document_key=_document_key(rows),
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

    def refold(self, line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
        """RETURNS (str): A line with other cells in a column."""
        end = line[len(line.rstrip("\r\n")) :]
        row = json.loads(line.lstrip(BYTE_ORDER_MARK))
        return json.dumps({**row, layout.names[column]: list(cells)}, ensure_ascii=False) + end

    def fold(self, tokens: Sequence[str], tags: Sequence[str]) -> str:
        """RETURNS (str): A sentence as a line."""
        return json.dumps({"tokens": list(tokens), "ner_tags": list(tags)}, ensure_ascii=False)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): A line for each sentence; documents have no marks."""
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=False):
            yield self.fold([token.text for token in sentence], tags) + "\n"


def turned(columns: Sequence[Sequence[str]]) -> list[list[str]]:
    """RETURNS (list[list[str]]): Rows out of columns.

    RAISES (ValueError): If they are not of one length.
    """
    if len({len(column) for column in columns}) != 1:
        raise ValueError("as many tags as tokens")
    return [list(row) for row in zip(*columns, strict=True)]


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


def _document_key(rows: Sequence[dict[str, Any]]) -> str:
    """RETURNS (str): The name of the document of each row; `id` only where rows that follow each other share one."""
    repeated = any("id" in a and a["id"] == b.get("id") for a, b in pairwise(rows))
    names = (*ROLE_NAMES["document"], *(("id",) if repeated else ()))
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
