"""The relations' part of the evaluation page."""

from html import escape
from typing import Any

from .. import cells, charts

AVERAGES = {"micro": "All", "macro": "Macro"}
WHOLE = {
    "boundaries": "Boundaries only: types of the entities do not count",
    "gold_entities": "Given the annotated entities",
    "raw_text": "From raw text",
}


def relations(scores: dict[str, Any]) -> str:
    """RETURNS (str): HTML; empty without relations."""
    if "relations" not in scores:
        return ""
    part = scores["relations"]
    strict = part["strict"]
    head = ["", "Precision", "Recall", "F1", "95 %", "Annotated", "Predicted"]
    distances = [
        [distance(row), *cells.prf(row), f"{row['support']:,}", f"{row['predicted']:,}"] for row in part["by_distance"]
    ]
    parts = [
        f"<p>Of {part['documents']:,} documents. A relation is right where its label and both of its entities are, "
        "with their boundaries and types. Intervals are bootstrapped over documents.</p>",
        cells.table(
            head,
            [[escape(label), *_cells(row)] for label, row in strict["labels"].items()],
            foot=[[name, *_cells(strict[key])] for key, name in AVERAGES.items()],
        ),
        "<h3>Otherwise</h3>",
        cells.table(head, [[name, *_cells(part[key])] for key, name in WHOLE.items()]),
        "<h3>By distance</h3><p>Tokens between the two entities.</p>",
        cells.table(["Tokens", "Precision", "Recall", "F1", "Annotated", "Predicted"], distances),
    ]
    return "".join((*parts, _calibration(part["calibration"]) if "calibration" in part else ""))


def distance(row: dict[str, Any]) -> str:
    return f"{row['low']} and more" if row["high"] is None else f"{row['low']} to {row['high'] - 1}"


def _cells(row: dict[str, Any]) -> list[str]:
    return [*cells.prf(row), cells.span(row), f"{row['support']:,}", f"{row['predicted']:,}"]


def _calibration(part: dict[str, Any]) -> str:
    chosen = part.get("chosen_threshold")
    kept = (
        f"<p>Those with at least {chosen['threshold']:.4f}, chosen for a precision of {chosen['target']:.2%}: "
        f"precision {chosen['precision']:.2%}, recall {chosen['recall']:.2%}.</p>"
        if chosen
        else ""
    )
    return charts.calibration(part, "relations", "confidence", "relations") + kept
