"""Classes on the evaluation page: scores, confusion, reliability, and the worst errors."""

from collections.abc import Iterator
from html import escape
from typing import Any

from .. import cells, charts
from ..errors import confusion_table

AVERAGES = {"micro": "Micro", "macro": "Macro", "weighted": "Weighted"}
HEAD = ["", "Precision", "Recall", "F1", "95 %", "Support", "Predicted"]


def classes(scores: dict[str, Any]) -> str:
    if "classes" not in scores:
        return ""
    part = scores["classes"]
    said = "the class with the highest score counts" if part["exclusive"] else "a document can have several"
    parts = [
        f"<p>{escape(shares(part))}; {said}. Intervals are bootstrapped over documents.</p>",
        cells.table(
            HEAD,
            [[escape(label), *_cells(row)] for label, row in part["labels"].items()],
            foot=[[name, *_cells(part[key])] for key, name in AVERAGES.items()],
        ),
    ]
    if "confusion" in part:
        labels, matrix = part["confusion"]["labels"], part["confusion"]["matrix"]
        parts += [
            "<h3>Confusion</h3><p>Rows are annotated classes, columns predicted ones.</p>",
            confusion_table(labels, labels, matrix),
        ]
    return "".join((*parts, *_calibration(part["calibration"])))


def shares(part: dict[str, Any]) -> str:
    """RETURNS (str): How many documents are right, in one line."""
    named = {"All classes right": part["accuracy"], "all classes and entities right": part.get("whole")}
    return ", ".join(
        f"{name} in {row['value']:.2%}" + (f" ({cells.span_of(row['interval'])})" if "interval" in row else "")
        for name, row in named.items()
        if row is not None
    ) + f" of {part['accuracy']['support']:,} documents"  # fmt: skip


def _cells(row: dict[str, Any]) -> list[str]:
    return [*cells.prf(row), cells.span(row), f"{row['support']:,}", f"{row['predicted']:,}"]


def _calibration(part: dict[str, Any]) -> Iterator[str]:
    yield charts.calibration(part, "classes", "score", "decisions")
    if "chosen_thresholds" in part:
        rows = [
            [
                escape(row["label"]),
                f"{row['target']:.2%}",
                f"{row['threshold']:.4f}",
                f"{row['precision']:.2%}",
                f"{row['recall']:.2%}",
                f"{row['kept']:,}",
            ]
            for row in part["chosen_thresholds"]
        ]
        yield "<h3>The thresholds that calibration chose</h3>"
        yield cells.table(["", "Wanted precision", "Threshold", "Precision here", "Recall", "Kept"], rows)


def worst(scores: dict[str, Any]) -> str:
    """RETURNS (str): The wrong classes that the pipeline was surest of, each with its text."""
    found = scores.get("worst_classes")
    if not found:
        return ""
    cards = []
    for error in found:
        sides = "".join(
            f"<dt>{name}</dt><dd>{_named(error[key])}</dd>"
            for name, key in (("Annotated", "gold"), ("Predicted", "predicted"))
        )
        where = error["id"] or f"document {error['document'] + 1}"
        cards.append(
            f"<article><h4><small>{escape(str(where))}</small></h4><p>{escape(error['text'])}</p>"
            f"<dl>{sides}</dl></article>"
        )
    return f"<p>Those that the pipeline was surest of come first.</p>{''.join(cards)}"


def _named(labels: dict[str, float]) -> str:
    return ", ".join(f"<b>{escape(label)}</b> {score:.3f}" for label, score in labels.items()) or "none"
