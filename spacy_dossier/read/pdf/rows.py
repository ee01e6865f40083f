"""The lines of a column as paragraphs and tables see them, and what they are made into."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ..document import Kind
from .lines import Line, line_text
from .words import RIGHT_TO_LEFT, TABLE

BULLET = re.compile(r"[•▪◦‣●■□❑➢➤➔►✓✔○◆◇⁃∙\ufffd·]+(?=\s|\Z)|[-–—*o](?=\s)")
SURE_BULLET = re.compile(r"[•▪◦‣●■□❑➢➤➔►✓✔○◆◇⁃∙]")
NUMBERED = re.compile(r"(?:\(?\d{1,3}[.)]|\[\d{1,3}\]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)])\s+(?=\S)")
TERMINAL = re.compile(r"[.!?:;…。！？؟۔।][)\]\"'”’»›]*\Z")
WIDEST_PITCH = 2.6  # of the font size: how far apart lines of a paragraph are at most; double spacing is 2.3
LEADER = re.compile(r"\s*(?:[.·…]\s?){4,}\s*(?=\S{1,8}\Z)")


@dataclass
class Part:
    """What is to be a block.

    lines (list[str]): Its lines in order.
    keeps (bool): Its lines stay lines.
    room (float): Points that its last line leaves free; negative where it reaches over the edge.
    first (float): Width of its first word.
    full (bool): Its last line reaches just as far as others do.
    begins_inside (bool): Its first line is not set apart as a paragraph's beginning is.
    left, right (float): How far it reaches.
    font (str): Of all its lines; empty where they differ.
    """

    kind: Kind
    lines: list[str]
    size: float
    bold: bool = False
    font: str = ""
    left: float = 0.0
    right: float = 0.0
    keeps: bool = False
    room: float = 1e9
    first: float = 0.0
    full: bool = False
    begins_inside: bool = False
    level: int | None = None
    page: int = 0
    pages: list[tuple[int, int]] = field(default_factory=list)  # (line, page) where each page begins


@dataclass(slots=True)
class Row:
    """A line as paragraphs see it; x runs in the direction of reading.

    first (float): Width of its first word.
    """

    line: Line
    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool
    mono: bool
    font: str
    first: float
    note: bool  # begins with a raised number or sign
    grid: bool  # stands for a table between drawn lines


def as_rows(lines: list[Line]) -> list[Row]:
    """RETURNS (list[Row]): Lines of a column; where most letters go from right to left, so do the rows' x."""
    letters = "".join(w.text for line in lines for w in line.words)
    mirrored = len(RIGHT_TO_LEFT.findall(letters)) > len(letters) / 2
    made = []
    for line in lines:
        first = line.words[-1] if mirrored else line.words[0]
        x0, x1 = (-line.x1, -line.x0) if mirrored else (line.x0, line.x1)
        note = first.size < 0.85 * line.size and bool(re.match(r"\d{1,3}\Z|[*†‡§¶]+\Z", first.text))
        grid = line.words[0].style is TABLE
        looks = line.bold, line.mono, line.font
        made.append(
            Row(
                line,
                line_text(line.words, mirrored),
                x0,
                x1,
                line.y,
                line.size,
                *looks,
                first.x1 - first.x0,
                note,
                grid,
            )
        )
    return made


class Width:
    """How far the lines of a column reach, and how far one stands below the other.

    reach (float): How far they could reach. Short lines that do not run on end before the column does.
    """

    def __init__(self, rows: list[Row], reach: float) -> None:
        self.left = common(sorted(row.x0 for row in rows))
        self.right = far(sorted((row.x1 for row in rows), reverse=True))
        short = self.right - self.left < 0.6 * (reach - self.left)
        if short and not runs_on(rows):
            self.right = reach
        pitches: dict[float, list[float]] = {}
        for a, b in pairwise(rows):
            alike = abs(a.size - b.size) < 0.05 * a.size and b.y - a.y < WIDEST_PITCH * a.size
            if alike and not forced(a, b, self.right):
                pitches.setdefault(round(a.size), []).append(b.y - a.y)
        self.pitch = {size: median(values) for size, values in pitches.items()}

    def usual(self, row: Row) -> float:
        """RETURNS (float): The distance of lines within a paragraph, in points."""
        return self.pitch.get(round(row.size), 1.25 * row.size)


def runs_on(rows: list[Row]) -> bool:
    """RETURNS (bool): Lines begin in the middle of sentences, as those of running text do."""
    inner = sum(small(b.text) and not ended(a.text) for a, b in pairwise(rows))
    return inner > 0 and inner >= 0.25 * (len(rows) - 1)


def common(values: list[float]) -> float:
    """RETURNS (float): The most frequent value, within a point; of those the least."""
    counts = Counter(round(v) for v in values)
    best = max(counts.values())
    place = min(v for v, n in counts.items() if n == best)
    return next(v for v in values if round(v) == place)


def far(descending: list[float]) -> float:
    """RETURNS (float): How far lines reach, but for the few that reach over the edge."""
    return descending[min(len(descending) // 12, len(descending) - 1)]


def forced(a: Row, b: Row, right: float) -> bool:
    """RETURNS (bool): The first word of `b` would have fitted on line `a`: its author broke it there."""
    return b.first + 0.35 * a.size < right - a.x1


def small(text: str) -> bool:
    return text[:1].islower()


def ended(text: str) -> bool:
    return bool(TERMINAL.search(text))


def marker(row: Row) -> str | None:
    """RETURNS (str | None): What marks a line as the beginning of a list item."""
    match = BULLET.match(row.text) or NUMBERED.match(row.text)
    return match.group() if match else None


def make_part(kind: Kind, rows: list[Row], lines: list[str], keeps: bool = False) -> Part:
    fonts = {row.font for row in rows}
    font = fonts.pop() if len(fonts) == 1 else ""
    left, right = min(r.line.x0 for r in rows), max(r.line.x1 for r in rows)
    return Part(kind, lines, rows[0].size, all(r.bold for r in rows), font, left, right, keeps)


def tidy(text: str) -> str:
    """RETURNS (str): A line with the dots that lead to a page's number as one tab."""
    return LEADER.sub("\t", text).strip() if "..." in text or ". ." in text or "…" in text else text
