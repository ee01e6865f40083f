"""Headings: told from text by size, weight and font, over the whole document."""

from __future__ import annotations

import re
from collections import Counter

from .rows import Part, small

LARGER = 1.12  # of the text's size
LONGEST = 200  # characters
LONGEST_BY_FONT = 80  # the same where only another font tells
CLOSED = re.compile(r"[.!?;,:][)\]\"'”’»›]*\Z")

Look = tuple[float, bool]


def look(part: Part) -> Look:
    return round(part.size * 2) / 2, part.bold


def name_headings(found: list[Part], body: float) -> list[Part]:
    """Find the title and the headings; headings that look alike have one level, larger and bolder ones come first.

    body (float): Font size of the text.
    RETURNS (list[Part]): The parts; lines of the title are one.
    """
    text = [p for p in found if p.kind == "paragraph" and abs(p.size - body) < 0.05 * body]
    fonts: Counter[str] = Counter()
    weights: Counter[bool] = Counter()
    for part in text:
        length = sum(map(len, part.lines))
        fonts[part.font] += length
        weights[part.bold] += length
    font = max((f for f in fonts if f), key=lambda f: fonts[f], default="")
    bold_counts = weights[True] < 0.3 * weights.total()
    headings = [part for part in found if is_heading(part, body, bold_counts)]
    for part in headings:
        part.kind, part.keeps = "heading", False
    for part, after in zip(found[-2::-1], found[:0:-1], strict=True):  # backwards: a heading may stand above another
        if is_lead(part, after, body, font):
            part.kind = "heading"
    headings = [part for part in found if part.kind == "heading"]
    found = name_title(found, headings)
    looks = sorted({look(p) for p in headings if p.kind == "heading"}, reverse=True)
    for part in headings:
        if part.kind == "heading":
            part.level = min(6, 1 + looks.index(look(part)))
    return found


def is_heading(part: Part, body: float, bold_counts: bool) -> bool:
    """RETURNS (bool): Some words that are larger or bolder than the text."""
    if part.kind not in ("paragraph", "list_item") or len(part.lines) > 3 or not says_something(part, LONGEST):
        return False
    closed = CLOSED.search(part.lines[-1]) is not None
    if part.size >= LARGER * body:
        return part.size >= 1.5 * body or not closed
    return part.bold and bold_counts and part.size > 0.9 * body and not closed


def is_lead(part: Part, after: Part, body: float, font: str) -> bool:
    """RETURNS (bool): One line in another font than the text, above a paragraph of text or a heading."""
    text = after.kind == "paragraph" and len(after.lines) > 1 and after.font in ("", font)
    return (
        part.kind == "paragraph"
        and len(part.lines) == 1
        and part.font not in ("", font)
        and part.size > 0.85 * body
        and (text or after.kind == "heading")
        and abs(part.left - after.left) < 3 * body
        and says_something(part, LONGEST_BY_FONT)
        and not CLOSED.search(part.lines[0])
        and not small(part.lines[0])
        and not small(after.lines[0])
    )


def says_something(part: Part, longest: int) -> bool:
    """RETURNS (bool): A few words, not a formula."""
    text = " ".join(part.lines)
    return (
        len(text) <= longest
        and re.search(r"[^\W\d_]{3}|[\u3040-\u9fff]", text) is not None
        and sum(c.isalpha() or c == " " for c in text) >= 0.6 * len(text)
    )


def name_title(found: list[Part], headings: list[Part]) -> list[Part]:
    """Make the first headings of the document its title, when no other one looks like them.

    RETURNS (list[Part]): The parts, with the lines of the title as one of them.
    """
    first = next((i for i, p in enumerate(found) if p.kind not in ("page_header", "page_footer")), None)
    if first is None or found[first].kind != "heading":
        return found
    title = found[first]
    end = first + 1
    while end < len(found) and found[end].kind == "heading" and look(found[end]) == look(title):
        end += 1
    if end - first > 4 or sum(look(p) == look(title) for p in headings) > end - first:
        return found
    title.kind = "title"
    for part in found[first + 1 : end]:
        title.lines += part.lines
        headings.remove(part)
    return found[: first + 1] + found[end:]


def body_size(found: list[Part]) -> float:
    """RETURNS (float): The font size of most of the text."""
    sizes: Counter[float] = Counter()
    for part in found:
        if part.kind not in ("page_header", "page_footer", "table"):
            sizes[look(part)[0]] += sum(map(len, part.lines))
    return max(sizes, key=lambda s: (sizes[s], -s), default=0.0)
