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
    ends = f" ({cells.span_of(part['interval']['ece'])})" if "interval" in part else ""
    chosen = part.get("chosen_threshold")
    kept = (
        f"<p>Those with at least {chosen['threshold']:.4f}, chosen for a precision of {chosen['target']:.2%}: "
        f"precision {chosen['precision']:.2%}, recall {chosen['recall']:.2%}.</p>"
        if chosen
        else ""
    )
    return (
        "<h3>Calibration</h3><p>Of the relations with a confidence of 0.9, nine in ten should be right. "
        f"ECE {part['ece']:.4f}{ends}, MCE {part['mce']:.4f}, Brier {part['brier']:.4f}, NLL {part['nll']:.4f}; mean "
        f"confidence {part['mean_confidence']:.4f}, right {part['precision']:.4f} of {part['support']:,}.</p>"
        f'<div class="charts"><figure>{charts.reliability(part["reliability"])}<figcaption>Bars below the diagonal: '
        "too sure. Lower bars: number of relations, on a square-root scale.</figcaption></figure>"
        f"<figure>{charts.thresholds(part['thresholds'])}<figcaption>What is left when unsure relations are dropped."
        f"</figcaption></figure></div>{kept}"
    )
