"""spaCy: what `Doc.to_json` gives, its training JSON of version 2, and lists of texts with entities."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.training.converters import json_to_docs

from ....errors import DossierError
from ....text.files import write_file
from ...source import TextFile
from ..docs import NESTED, annotated_of, make_doc
from ..document import Annotated, Unread
from .base import MISSHAPEN, AnnotationFormat


class SpacyJson(AnnotationFormat):
    """JSON of spaCy, in one value or a line each."""

    name = "spacy-json"
    about = "spaCy: Doc.to_json, JSON of version 2, or [text, {entities}]"
    example = '[{"text": "Anna Berg left", "ents": [{"start": 0, "end": 9, "label": "PER"}], "tokens": []}]\n'

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether the keys are those of spaCy."""
        start = head.lstrip("\ufeff")[:100_000].lstrip()
        if not start.startswith(("{", "[")):
            return False
        pairs = start.replace(" ", "").replace("\n", "")
        return (
            ('"ents"' in start and '"text"' in start)
            or ('"paragraphs"' in start and '"sentences"' in start)
            or (pairs.startswith(('[["', '["')) and '{"entities":[' in pairs)
        )

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The texts."""
        for number, row in enumerate(_rows(file), 1):
            try:
                yield from self._of_row(number, row)
            except MISSHAPEN as error:
                yield Unread(number, f"not as spaCy writes it ({type(error).__name__}: {str(error)[:60]})")

    def _of_row(self, number: int, row: Any) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The texts of a row."""
        if isinstance(row, dict) and "paragraphs" in row:
            for doc in json_to_docs(json.dumps([row]).encode()):
                yield annotated_of(doc, doc.user_data.get("id") or str(row.get("id", "")))
        elif isinstance(row, dict) and isinstance(row.get("text"), str):
            spans = [(span["start"], span["end"], span.get("label")) for span in row.get("ents", [])]
            tokens = [(token["start"], token["end"]) for token in row.get("tokens", [])]
            spans += [(span["start"], span["end"], span.get("label")) for span in row.get("spans", {}).get(NESTED, [])]
            found = _annotated(str(row.get("id", "")), row["text"], spans)
            found.tokens, found.sentences = tokens, [sent["start"] for sent in row.get("sents", [])]
            yield found
        elif isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], dict):
            yield _annotated("", row[0], [tuple(span) for span in row[1].get("entities", [])])
        else:
            yield Unread(number, "expected a text with its entities")

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write what `Doc.to_json` gives of each text, with its id."""
        nlp = spacy.blank("xx")
        rows = []
        for text in texts:
            row = make_doc(nlp, text).doc.to_json()
            named = {name: row.get(name) or [] for name in ("ents", "sents")}
            if nested := row.get("spans", {}).get(NESTED):
                named["spans"] = {NESTED: [{**_place(span), "kb_id": ""} for span in nested]}
            named["ents"] = [_place(ent) for ent in named["ents"]]
            tokens = [{name: token[name] for name in ("id", "start", "end")} for token in row["tokens"]]
            rows.append({"id": text.id, "text": text.text, **named, "tokens": tokens})
        write_file(output, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def _place(span: dict[str, Any]) -> dict[str, Any]:
    return {name: span[name] for name in ("start", "end", "label")}


def _rows(file: TextFile) -> list[Any]:
    text = file.read()
    try:
        value = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        except ValueError as error:
            raise DossierError(f"not JSON: {error}", file=file.name) from None
    rows = isinstance(value, list) and not (len(value) == 2 and isinstance(value[0], str))
    return value if rows else [value]


def _annotated(id: str, text: str, spans: list[tuple[Any, Any, Any]]) -> Annotated:
    found = Annotated(id, text)
    for start, end, label in spans:
        found.mark(start, end, label)
    return found
