"""What stands at the top or bottom of page after page: headers, footers, page numbers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from .lines import Line
from .pages import Page

EDGE = 0.12  # share of a page's height at its top and bottom where running headers and footers stand
FAR_EDGE = 0.3  # the same for the outermost line, when pages near have it at the very same height
EDGE_LINES = 3
AROUND = 2  # pages before and after that a running line is looked for on: left and right pages may differ
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|p\.|seite|s\.|página|pagina|side|sida)\s*)?(?:#+|[ivxlc]+)"
    r"(?:\s*(?:of|/|von|de|di|av|sur)\s*#+)?[\W_]*",
    re.I,
)


@dataclass
class Sheet:
    """A page's lines: those of the main direction, and those of the others."""

    page: Page
    lines: list[Line]
    others: list[list[Line]] = field(default_factory=list)
    head: list[Line] = field(default_factory=list)
    foot: list[Line] = field(default_factory=list)


def running_lines(pages: Iterator[Sheet]) -> Iterator[Sheet]:
    """Take headers, footers and page numbers out of the lines of each page."""
    window: deque[Margins] = deque()
    at = 0  # the page of the window that is next to be given
    for sheet in pages:
        window.append(Margins(sheet, edges(sheet, top=True), edges(sheet, top=False)))
        if len(window) - at > AROUND:
            yield strip_running(window, at)
            at += 1
        if at > AROUND:
            window.popleft()
            at -= 1
    while at < len(window):
        yield strip_running(window, at)
        at += 1


@dataclass
class Edge:
    """A line at the top or bottom of a page.

    place (float): Its distance from that edge in points.
    keys (list[str]): Its parts between wide gaps, each number as #.
    """

    line: Line
    place: float
    keys: list[str]


@dataclass
class Margins:
    """A page and its lines at the top and at the bottom, both from the outside."""

    sheet: Sheet
    top: list[Edge]
    bottom: list[Edge]


def edges(sheet: Sheet, *, top: bool) -> list[Edge]:
    """RETURNS (list[Edge]): Lines in the margin at one edge, from the outside."""
    height = sheet.page.height
    lines = sheet.lines[:EDGE_LINES] if top else sheet.lines[: -EDGE_LINES - 1 : -1]
    found: list[Edge] = []
    for line in lines:
        place = line.y if top else height - line.y
        if place > (EDGE if found else FAR_EDGE) * height:
            break
        found.append(Edge(line, place, line_keys(line)))
    return found


def line_keys(line: Line) -> list[str]:
    pieces = [[line.words[0]]]
    for word in line.words[1:]:
        if word.x0 - pieces[-1][-1].x1 > 1.5 * line.size:
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return [re.sub(r"\d+", "#", " ".join(w.text for w in piece)).casefold() for piece in pieces]


def strip_running(window: deque[Margins], at: int) -> Sheet:
    """RETURNS (Sheet): A page of the window without the lines that pages near it have too."""
    here = window[at]
    near = [window[i] for i in range(max(0, at - AROUND), min(len(window), at + AROUND + 1)) if i != at]
    head = running(here.top, [edge for other in near for edge in other.top], here.sheet)
    foot = running(here.bottom, [edge for other in near for edge in other.bottom], here.sheet)
    sheet = here.sheet
    if len(sheet.lines) - len(head) - len(foot) >= 2:
        sheet.head, sheet.foot = head, foot[::-1]
        gone = {id(line) for line in head + foot}
        sheet.lines = [line for line in sheet.lines if id(line) not in gone]
    return sheet


def running(edges: list[Edge], others: list[Edge], sheet: Sheet) -> list[Line]:
    """RETURNS (list[Line]): Lines from the edge inwards, up to the first that no page near has at the same height."""
    lines = []
    for edge in edges:
        near = edge.place <= EDGE * sheet.page.height
        level = [other for other in others if abs(other.place - edge.place) < (4 if near else 1)]
        repeated = any(key in other.keys for key in edge.keys for other in level if re.search(r"\w", key))
        numbered = near and is_number(edge) and any(is_number(other) for other in others)
        if not (repeated or numbered or (near and is_own_number(edge, sheet))):
            break
        lines.append(edge.line)
    return lines


def is_number(edge: Edge) -> bool:
    return len(edge.keys) == 1 and PAGE_NUMBER.fullmatch(edge.keys[0]) is not None


def is_own_number(edge: Edge, sheet: Sheet) -> bool:
    """RETURNS (bool): The line says the page's number and nothing else."""
    return is_number(edge) and str(sheet.page.number) in re.findall(r"\d+", edge.line.text)
