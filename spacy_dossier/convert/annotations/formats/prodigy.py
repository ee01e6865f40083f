"""Prodigy: JSON lines with `text`, `tokens`, `spans` and `answer`."""

from typing import Any

from ..document import Annotated, Mark, Unread
from .base import JsonLines

ACCEPT = "accept"


class Prodigy(JsonLines):
    """A task a line; only accepted ones are read."""

    name = "prodigy"
    about = "Prodigy: a task a line, with spans, tokens and answer"
    links = True
    example = (
        '{"text": "Anna Berg left", "spans": [{"start": 0, "end": 9, "label": "PER"}], "answer": "accept", '
        '"meta": {"id": "1"}}\n'
    )

    def fits(self, row: dict[str, Any]) -> bool:
        """RETURNS (bool): Whether there is a text with spans, or with an answer."""
        return isinstance(row.get("text"), str) and (isinstance(row.get("spans"), list) or "answer" in row)

    def of_row(self, number: int, row: dict[str, Any]) -> Annotated | Unread:
        """RETURNS (Annotated | Unread): The text of a row."""
        text, answer = row.get("text"), row.get("answer", ACCEPT)
        if not isinstance(text, str):
            return Unread(number, "expected a text")
        if answer != ACCEPT:
            return Unread(number, f"answer {answer}")
        found = Annotated(str((row.get("meta") or {}).get("id", "")), text)
        found.tokens = [(token["start"], token["end"]) for token in row.get("tokens") or []]
        for span in row.get("spans") or []:
            found.mark(span.get("start"), span.get("end"), span.get("label"), span.get("text"))
        for relation in row.get("relations") or []:
            head, tail = (_end(found, relation, name) for name in ("head", "child"))
            found.link(head, tail, relation.get("label"), relation)
        return found

    def to_row(self, text: Annotated) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): A text as a task, with its tokens."""
        tokens = [
            {"text": text.text[start:end], "start": start, "end": end, "id": i, "ws": text.text[end : end + 1] == " "}
            for i, (start, end) in enumerate(text.tokens)
        ]
        starts = {start: i for i, (start, _) in enumerate(text.tokens)}
        ends = {end: i for i, (_, end) in enumerate(text.tokens)}
        spans: list[dict[str, Any]] = []
        for mark in text.marks:
            span: dict[str, Any] = {"start": mark.start, "end": mark.end, "label": mark.label}
            if mark.start in starts and mark.end in ends:
                span |= {"token_start": starts[mark.start], "token_end": ends[mark.end]}
            spans.append(span | ({} if mark.score is None else {"score": mark.score}))
        row = {"text": text.text, "tokens": tokens, "spans": spans, "meta": {"id": text.id}}
        if text.links or text.relation_labels is not None:
            of = dict(zip(text.marks, spans, strict=True))
            row["relations"] = [
                {
                    **{name: of[mark].get("token_end") for name, mark in (("head", head), ("child", tail))},
                    **{f"{name}_span": of[mark] for name, mark in (("head", head), ("child", tail))},
                    "label": label,
                    **({} if score is None else {"score": score}),
                }
                for head, tail, label, score in text.links
            ]
        return row


def _end(found: Annotated, relation: dict[str, Any], name: str) -> Mark | None:
    """RETURNS (Mark | None): The end of a relation: its span, or the one whose last token it names."""
    span, token = relation.get(f"{name}_span"), relation.get(name)
    if isinstance(span, dict):
        said = (span.get("start"), span.get("end"), span.get("label"))
        return next((m for m in found.marks if said in ((m.start, m.end, m.label), (m.start, m.end, None))), None)
    if not isinstance(token, int) or not 0 <= token < len(found.tokens):
        return None
    return next((mark for mark in found.marks if mark.end == found.tokens[token][1]), None)
