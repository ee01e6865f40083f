"""Label Studio: an array of tasks with their annotations, or its short form (JSON_MIN)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ....text.files import write_file
from ..document import Annotated, Mark, Unread, points_to_utf16
from .base import JsonLines

FROM_NAME, TO_NAME = "label", "text"  # what the configuration in Label Studio has to call the labels and the text


class LabelStudio(JsonLines):
    """Tasks; offsets are those of JavaScript, and are verified by the text of each span."""

    name = "label-studio"
    about = "Label Studio: its JSON or JSON_MIN, not its CoNLL, which drops labels"
    links = True
    example = (
        '[{"id": 1, "data": {"text": "Anna Berg left"}, "annotations": [{"result": [{"type": "labels", '
        '"value": {"start": 0, "end": 9, "text": "Anna Berg", "labels": ["PER"]}}]}]}]\n'
    )

    def fits(self, row: dict[str, Any]) -> bool:
        """RETURNS (bool): Whether this is a task, or the short form of one."""
        if isinstance(row.get("data"), dict) and ("annotations" in row or "predictions" in row or "completions" in row):
            return True
        return any(_is_result(value) for value in row.values()) or {"annotator", "lead_time"} <= row.keys()

    def of_row(self, number: int, row: dict[str, Any]) -> Annotated | Unread:
        """RETURNS (Annotated | Unread): The text of a task, with its last annotation that was not cancelled."""
        if isinstance(row.get("data"), dict):
            data = row["data"]
            done = row.get("annotations", row.get("completions")) or []
            done = [one for one in done if isinstance(one, dict) and not one.get("was_cancelled")]
            if not done:
                return Unread(number, "not annotated yet")
            results = done[-1].get("result") or []
        else:
            data = {key: value for key, value in row.items() if isinstance(value, str)}
            spans: list[dict[str, Any]] = next((value for value in row.values() if _is_result(value)), [])
            results = [{"value": value, "type": "labels"} for value in spans]
        text = next((data[key] for key in ("text", *data) if isinstance(data.get(key), str)), None)
        if text is None:
            return Unread(number, "expected a text in its data")
        found = Annotated(str(data.get("id") or row.get("id", "")), text)
        marks: dict[Any, Mark] = {}
        for result in results:
            if result.get("type") != "relation":
                before = len(found.marks)
                _take(found, result.get("value") or {}, result.get("type"))
                marks |= {result.get("id"): mark for mark in found.marks[before:][:1]}
        for result in results:
            if result.get("type") == "relation":
                _relate(found, result, marks)
        return found

    def to_row(self, text: Annotated) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): A text as a task: predictions if any span has a score, else an annotation."""
        results = [
            {
                "id": f"e{i}",
                "type": "labels",
                "from_name": FROM_NAME,
                "to_name": TO_NAME,
                "value": {
                    "start": points_to_utf16(text.text, mark.start),
                    "end": points_to_utf16(text.text, mark.end),
                    "text": text.text[mark.start : mark.end],
                    "labels": [mark.label],
                },
                **({} if mark.score is None else {"score": mark.score}),
            }
            for i, mark in enumerate(text.marks)
        ]
        numbers = {mark: f"e{i}" for i, mark in enumerate(text.marks)}
        results += [
            {
                "type": "relation",
                "from_id": numbers[head],
                "to_id": numbers[tail],
                "direction": "right",
                "labels": [label],
                **({} if score is None else {"score": score}),
            }
            for head, tail, label, score in text.links
        ]
        scores = [mark.score for mark in text.marks if mark.score is not None]
        task: dict[str, Any] = {"data": {"text": text.text, "id": text.id}}
        if scores:
            mean = sum(scores) / len(scores)
            task["predictions"] = [{"model_version": "spacy-dossier", "score": mean, "result": results}]
        else:
            task["annotations"] = [{"result": results}]
        return task

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write one array of tasks."""
        write_file(output, json.dumps([self.to_row(text) for text in texts], ensure_ascii=False, indent=1) + "\n")


def _is_result(value: Any) -> bool:
    """Whether a value is a list of spans as the short form has them."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, dict) and "labels" in v and "start" in v for v in value)
    )


def _relate(found: Annotated, result: dict[str, Any], marks: dict[Any, Mark]) -> None:
    """Take a relation, which has several labels, or none; one in both directions is two."""
    ends = [marks.get(result.get(name)) for name in ("from_id", "to_id")]
    direction = result.get("direction", "right")
    ways = {"left": [ends[::-1]], "bi": [ends, ends[::-1]]}.get(direction, [ends])
    for label in result.get("labels") or [None]:
        for head, tail in ways:
            found.link(head, tail, label, result)


def _take(found: Annotated, value: dict[str, Any], kind: str | None) -> None:
    """Take a result: a span with one label, or several on the same characters."""
    if kind not in ("labels", "hypertextlabels"):
        found.unread.append(f"a result of type {kind}")
        return
    labels = value.get(kind) or value.get("labels")
    for label in labels if isinstance(labels, list) and labels else [labels]:
        found.mark(value.get("start"), value.get("end"), label, value.get("text"))
