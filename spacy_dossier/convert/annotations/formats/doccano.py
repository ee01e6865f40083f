"""doccano: JSON lines with `label`, `labels` or `entities`."""

from typing import Any

from ..document import Annotated, Mark, Unread
from .base import JsonLines

KEYS = ("label", "labels")


class Doccano(JsonLines):
    """A text a line; spans as lists of begin, end and label, or as objects beside relations."""

    name = "doccano"
    about = "doccano: a text a line, with label, labels or entities"
    links = True
    example = '{"id": 1, "text": "Anna Berg left", "label": [[0, 9, "PER"]]}\n'

    def fits(self, row: dict[str, Any]) -> bool:
        """RETURNS (bool): Whether there is a text with spans."""
        text, spans = row.get("text", row.get("data")), _spans(row)
        if not isinstance(text, str) or not isinstance(spans, list) or "tokens" in row:
            return False
        return all(isinstance(span, (list, tuple)) and len(span) == 3 for span in spans) or all(
            isinstance(span, dict) and "start_offset" in span for span in spans
        )

    def of_row(self, number: int, row: dict[str, Any]) -> Annotated | Unread:
        """RETURNS (Annotated | Unread): The text of a row."""
        text, spans = row.get("text", row.get("data")), _spans(row)
        if not isinstance(text, str) or not isinstance(spans, list):
            return Unread(number, "expected a text and a list of spans")
        found = Annotated(str(row.get("id", "")), text)
        marks: dict[Any, Mark] = {}
        for span in spans:
            id = span.get("id") if isinstance(span, dict) else None
            if isinstance(span, dict):
                span = [span.get("start_offset"), span.get("end_offset"), span.get("label")]
            start, end, label = span if isinstance(span, list) and len(span) == 3 else (None, None, None)
            if not isinstance(label, str):
                return Unread(number, f"expected begin, end and the name of a label, not {str(span)[:60]}")
            if found.mark(start, end, label) and id is not None:
                marks[id] = found.marks[-1]
        for relation in row.get("relations") or []:
            head, tail = (marks.get(relation.get(name)) for name in ("from_id", "to_id"))
            found.link(head, tail, relation.get("type"), relation)
        return found

    def to_row(self, text: Annotated) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): A text as a row; scores are kept beside it, as doccano keeps any other key."""
        row: dict[str, Any] = {"id": text.id, "text": text.text, "label": [list(mark[:3]) for mark in text.marks]}
        if text.links or text.relation_labels is not None:
            del row["label"]
            row["entities"] = [
                {"id": i, "label": mark.label, "start_offset": mark.start, "end_offset": mark.end}
                for i, mark in enumerate(text.marks)
            ]
            numbers = {mark: i for i, mark in enumerate(text.marks)}
            row["relations"] = [
                {"id": i, "from_id": numbers[link.head], "to_id": numbers[link.tail], "type": link.label}
                for i, link in enumerate(text.links)
            ]
            if any(link.score is not None for link in text.links):
                row["relation_scores"] = [link.score for link in text.links]
        if any(mark.score is not None for mark in text.marks):
            row["scores"] = [mark.score for mark in text.marks]
        return row


def _spans(row: dict[str, Any]) -> Any:
    return next((row[key] for key in ("entities", *KEYS) if key in row), None)
