"""Cells and tables of the evaluation page. Texts that are not the page's own must be escaped before they come here."""

from collections.abc import Iterable, Sequence
from typing import Any


def prf(row: dict[str, Any]) -> list[str]:
    return [score(row[name]) for name in ("precision", "recall", "f1")]


def score(value: float) -> str:
    return f"{value:.4f}"


def span(row: dict[str, Any]) -> str:
    return span_of(row["interval"]["f1"]) if "interval" in row else "–"


def span_of(ends: dict[str, float], sign: str = "") -> str:
    return f"{ends['low']:{sign}.3f} to {ends['high']:{sign}.3f}" if "low" in ends else "–"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    foot: Iterable[Sequence[str]] = (),
    text_columns: int = 1,
) -> str:
    """Cells are markup already: names are escaped by the caller."""

    def line(cells: Sequence[str]) -> str:
        return "<tr>" + "".join(
            f"<th>{cell}</th>" if i < text_columns else f"<td>{cell}</td>" for i, cell in enumerate(cells)
        ) + "</tr>"  # fmt: skip

    first = "".join(f"<th{' class=name' if i < text_columns else ''}>{name}</th>" for i, name in enumerate(head))
    last = "".join(map(line, foot))
    return (
        f'<div class="scroll"><table><thead><tr>{first}</tr></thead><tbody>{"".join(map(line, rows))}</tbody>'
        f"<tfoot>{last}</tfoot></table></div>"
    )


def number(value: float | None) -> str:
    """Shares with four decimals, larger numbers with one."""
    if value is None:
        return "–"
    return score(value) if abs(value) <= 1 else f"{value:,.1f}"
