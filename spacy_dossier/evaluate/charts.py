"""Small inline SVG charts for the evaluation page. Colours come from its style sheet."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .cells import span_of


def reliability(rows: Sequence[dict[str, Any]]) -> str:
    """The reliability diagram (DeGroot & Fienberg 1983): precision of each bin against its mean confidence, and below
    it how many entities the bin holds.

    rows (Sequence[dict]): `reliability` of scores.json.
    """
    size, left, top, strip = 280, 44, 12, 64
    height = top + size + strip + 62
    parts = [start(left + size + 14, height, "Reliability diagram")]
    for i in range(6):
        at = size * i / 5
        parts.append(line(left, top + at, left + size, top + at, "grid"))
        parts.append(text(left - 6, top + size - at + 4, f"{i / 5:.1f}", "end"))
        parts.append(text(left + at, top + size + strip + 26, f"{i / 5:.1f}", "middle"))
    most = max((row["count"] for row in rows), default=0) or 1
    for row in rows:
        x, width = left + size * row["low"], size * (row["high"] - row["low"])
        if row["count"]:
            tip = (
                f"{row['low']:.2f}–{row['high']:.2f}: {row['count']:,} entities, "
                f"confidence {row['confidence']:.3f}, precision {row['precision']:.3f}"
            )
            y, ideal = top + size * (1 - row["precision"]), top + size * (1 - row["confidence"])
            parts.append(f"<g><title>{escape(tip)}</title>")
            parts.append(rect(x + 1, y, width - 2, size * row["precision"], "bar"))
            parts.append(rect(x + 1, min(y, ideal), width - 2, abs(y - ideal), "gap"))
            # Square roots keep the small bins visible beside the one that holds most.
            tall = max(1.0, strip * (row["count"] / most) ** 0.5)
            parts.append(rect(x + 1, top + size + 10 + strip - tall, width - 2, tall, "count"))
            parts.append("</g>")
    parts.append(line(left, top + size, left + size, top, "ideal"))
    parts.append(text(left + size / 2, height - 6, "confidence", "middle"))
    parts.append(text(12, top + size / 2, "precision", "middle", turn=True))
    parts.append(text(12, top + size + 10 + strip / 2, "entities", "middle", turn=True))
    return "".join(parts) + "</svg>"


def thresholds(rows: Sequence[dict[str, Any]]) -> str:
    """Precision, recall and the share of entities kept, when only confident entities are kept.

    rows (Sequence[dict]): `thresholds` of scores.json.
    """
    width, size, left, top = 330, 280, 44, 12
    step = width / max(1, len(rows) - 1)
    parts = [start(left + width + 80, top + size + 62, "Precision and recall by threshold")]
    lowest = min(row[name] for row in rows for name in ("precision", "recall"))
    base = min(0.9, int(lowest * 10) / 10)
    for i in range(6):
        at = size * i / 5
        parts.append(line(left, top + at, left + width, top + at, "grid"))
        parts.append(text(left - 6, top + size - at + 4, f"{base + (1 - base) * i / 5:.2f}", "end"))
    for i, row in enumerate(rows):
        parts.append(text(left + step * i, top + size + 18, f"{row['threshold']:g}", "middle"))
    ends: list[float] = []
    for name in ("precision", "recall"):
        points = [(left + step * i, top + size * (1 - (row[name] - base) / (1 - base))) for i, row in enumerate(rows)]
        parts.append(f'<polyline class="line {name}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        for (x, y), row in zip(points, rows, strict=True):
            tip = f"from {row['threshold']:g}: {name} {row[name]:.3f}, {row['kept']:,} kept"
            dot = f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
            parts.append(f"{dot}<title>{escape(tip)}</title></circle>")
        y = points[-1][1] + 4
        ends.append(y + 14 if ends and abs(y - ends[0]) < 14 else y)
        parts.append(text(left + width + 8, ends[-1], name, "start"))
    parts.append(text(left + width / 2, top + size + 50, "keep entities with at least this confidence", "middle"))
    return "".join(parts) + "</svg>"


def calibration(part: dict[str, Any], things: str, value: str, counted: str) -> str:
    """How far a value says how often something is right: the measures, and two charts.

    part (dict): A calibration table of scores.json.
    things, value, counted (str): What is right or not, as "relations"; what it has, as "confidence"; what is counted.
    """
    ends = f" ({span_of(part['interval']['ece'])})" if "interval" in part else ""
    return (
        f"<h3>Calibration</h3><p>Of the {things} with a {value} of 0.9, nine in ten should be right. "
        f"ECE {part['ece']:.4f}{ends}, MCE {part['mce']:.4f}, Brier {part['brier']:.4f}, NLL {part['nll']:.4f}; "
        f"mean {value} {part['mean_confidence']:.4f}, right {part['precision']:.4f} of {part['support']:,}.</p>"
        f'<div class="charts"><figure>{reliability(part["reliability"])}<figcaption>Bars below the diagonal: '
        f"too sure. Lower bars: number of {counted}, on a square-root scale.</figcaption></figure>"
        f"<figure>{thresholds(part['thresholds'])}<figcaption>What is left when unsure {things} are dropped."
        "</figcaption></figure></div>"
    )


def whisker(low: float | None, value: float, high: float | None, base: float = 0.0) -> str:
    """A point with its interval on an axis from `base` to 1."""
    width, height = 150, 16

    def x(score: float) -> float:
        return 4 + (width - 8) * (max(score, base) - base) / (1 - base)

    parts = [start(width, height, f"{value:.3f}"), line(4, 8, width - 4, 8, "grid")]
    if low is not None and high is not None:
        parts.append(line(x(low), 8, x(high), 8, "interval"))
    parts.append(f'<circle class="point" cx="{x(value):.1f}" cy="8" r="3.5"/></svg>')
    return "".join(parts)


def stacked(parts: Iterable[tuple[str, int, str]]) -> str:
    """One bar cut into parts, each a name, a number and a CSS class."""
    parts = [part for part in parts if part[1]]
    total = sum(number for _, number, _ in parts) or 1
    width, height, x = 760.0, 30, 0.0
    drawn = [start(width, height, "Errors by kind").replace(">", ' preserveAspectRatio="none">')]
    for name, number, css in parts:
        share = width * number / total
        drawn.append(f"<g><title>{escape(name)}: {number:,}</title>{rect(x, 0, max(share - 1, 0.5), height, css)}</g>")
        x += share
    return "".join(drawn) + "</svg>"


def start(width: float, height: float, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rect(x: float, y: float, width: float, height: float, css: str) -> str:
    return f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def text(x: float, y: float, words: str, anchor: str, *, turn: bool = False) -> str:
    rotated = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{rotated}>{escape(words)}</text>'
