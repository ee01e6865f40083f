"""Headings: told from text by size and weight, over the whole document."""

from __future__ import annotations

import re
from collections import Counter

from .rows import Part

HEADING_SIZE = 1.12  # of the text's size
HEADING_LENGTH = 200


def body_size(found: list[Part]) -> float:
    """RETURNS (float): The font size of most of the text."""
    sizes: Counter[float] = Counter()
    for part in found:
        if part.kind not in ("page_header", "page_footer", "table"):
            sizes[round(part.size * 2) / 2] += sum(map(len, part.lines))
    return max(sizes, key=lambda s: (sizes[s], -s), default=0.0)


def name_headings(found: list[Part], body: float) -> None:
    """Find headings by size and weight, and their levels by the same."""
    text = [p for p in found if p.kind == "paragraph"]
    bold_text = sum(len(line) for p in text if p.bold for line in p.lines)
    bold_counts = bold_text < 0.3 * sum(len(line) for p in text for line in p.lines)
    headings = [p for p in found if is_heading(p, body, bold_counts)]
    looks = sorted({(round(p.size * 2) / 2, p.bold) for p in headings}, reverse=True)
    first = next((p for p in found if p.kind not in ("page_header", "page_footer")), None)
    largest = looks[0][0] if looks else 0.0
    for part in headings:
        look = (round(part.size * 2) / 2, part.bold)
        if (
            part.page == (first.page if first else 1)
            and look[0] == largest > HEADING_SIZE * body
            and not any(p is not part and round(p.size * 2) / 2 == largest for p in headings)
        ):
            part.kind = "title"
            looks = [one for one in looks if one != look]
        else:
            part.kind = "heading"
    for part in headings:
        part.keeps = False
        if part.kind == "heading":
            part.level = min(6, 1 + looks.index((round(part.size * 2) / 2, part.bold)))


def is_heading(part: Part, body: float, bold_counts: bool) -> bool:
    if part.kind not in ("paragraph", "list_item") or len(part.lines) > 3:
        return False
    text = " ".join(part.lines)
    if len(text) > HEADING_LENGTH or not re.search(r"[^\W\d_]{3}|[\u3040-\u9fff]", text):
        return False
    if sum(c.isalpha() or c == " " for c in text) < 0.6 * len(text):
        return False
    if part.size >= HEADING_SIZE * body:
        return part.size >= 1.5 * body or not re.search(r"[.!?;,]\Z", text)
    return part.bold and bold_counts and part.size > 0.9 * body and not re.search(r"[.!?;,:]\Z", text)
