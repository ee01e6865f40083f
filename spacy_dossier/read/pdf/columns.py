"""Words of a page → its columns in reading order, each a list of lines.

Pure functions of places. Columns are found by the white space between them (Breuel, "Two geometric algorithms for
layout analysis", 2002: empty rectangles that are high and have text on both sides), and are read in the order of the
same author's rule: what stands above comes first, then what stands to the left, unless something that spans both
stands between.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple
from unicodedata import category

from .lines import Line, settle
from .words import RIGHT_TO_LEFT, Word

GUTTER = 0.9  # of the font size: the narrowest white space between two columns
PROSE_WIDTH = 9.0  # of the font size: the narrowest column of running text
PROSE_FILL = 0.55  # share of a column's width that its middle line fills when it is running text
INFINITE = 1e9


@dataclass(slots=True)
class Gutter:
    """White space between two columns: x from left to right, y from top to bottom."""

    left: float
    right: float
    top: float
    bottom: float


class Space(NamedTuple):
    """A space without words: x from left to right, through the lines from first to last."""

    left: float
    right: float
    first: int
    last: int


@dataclass
class Column:
    """Lines that stand one below the other.

    lane (frozenset[tuple[int, bool]]): The gutters beside it, and whether it is on their right.
    reach (float): How far its lines could reach: up to what stands on its right, or as far as the page's lines do.
    """

    lane: frozenset[tuple[int, bool]]
    lines: list[Line] = field(default_factory=list)
    reach: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return (
            min(line.x0 for line in self.lines),
            self.lines[0].y - self.lines[0].size,
            max(line.x1 for line in self.lines),
            self.lines[-1].y,
        )


def columns_of(lines: list[Line], between: list[Gutter]) -> list[Column]:
    """RETURNS (list[Column]): The columns of a page in the order in which they are read.

    between (list[Gutter]): What parts them.
    """
    found = in_order(cut(lines, between))
    boxes = [column.box for column in found]
    for column, (_, top, right, bottom) in zip(found, boxes, strict=True):
        beside = [b[0] for b in boxes if b[0] >= right and b[1] < bottom and top < b[3]]
        column.reach = min(beside, default=max(b[2] for b in boxes))
    return found


def gutters(lines: list[Line], before: list[Gutter]) -> list[Gutter]:
    """RETURNS (list[Gutter]): White spaces that part columns of text, not the cells of a table.

    before (list[Gutter]): Those of the page before, which a last page with few lines goes on with.
    """
    active: dict[tuple[float, float], int] = {}  # left and right of a space that is open yet → its first line
    spaces: list[Space] = []
    for number, line in enumerate(lines):
        free = free_spaces(line)
        following: dict[tuple[float, float], int] = {}
        for (left, right), first in active.items():
            survives = False
            for a, b in free:
                low, high = (a if a > left else left), (b if b < right else right)
                if high - low >= GUTTER * line.size:
                    following[low, high] = min(first, following.get((low, high), first))
                    survives = survives or (low == left and high == right)
            if not survives:
                spaces.append(Space(left, right, first, number - 1))
        for space in free:
            following.setdefault(space, number)
        active = widest(following)
    spaces += [Space(left, right, first, len(lines) - 1) for (left, right), first in active.items()]
    return part_columns(lines, spaces, before)


def widest(spaces: dict[tuple[float, float], int]) -> dict[tuple[float, float], int]:
    """RETURNS (dict): Spaces that lie in no other one that is as high."""
    kept: dict[tuple[float, float], int] = {}
    for (left, right), first in sorted(spaces.items(), key=lambda s: (s[1], s[0][0] - s[0][1])):
        for a, b in kept:
            if a <= left and b >= right:
                break
        else:
            kept[left, right] = first
    return kept


def part_columns(lines: list[Line], spaces: list[Space], before: list[Gutter]) -> list[Gutter]:
    """RETURNS (list[Gutter]): Of the spaces that part columns and lie over each other the highest."""
    kept: list[Gutter] = []
    inner = [s for s in spaces if s.left > -INFINITE and s.right < INFINITE]
    starts = [[w.x0 for w in line.words] for line in lines]
    for space in sorted(inner, key=lambda s: (s.first - s.last, s.left - s.right)):
        over = [g for g in kept if g.left < space.right and space.left < g.right]
        if any(g.top <= lines[space.first].y and lines[space.last].y <= g.bottom for g in over):
            continue
        known = any(abs(g.right - space.right) < 2 and space.left <= g.left + 2 for g in before + kept)
        if space.last - space.first < 2 and not known:
            continue
        gutter = as_gutter(lines, starts, space, known=known)
        if gutter is not None and not any(g.top <= gutter.bottom and gutter.top <= g.bottom for g in over):
            kept.append(gutter)
    return kept


def free_spaces(line: Line) -> list[tuple[float, float]]:
    """RETURNS (list): Where a line holds no word: before it, after it and its wide gaps."""
    spaces = []
    at = -INFINITE
    for word in line.words:
        if word.x0 - at >= GUTTER * line.size:
            spaces.append((at, word.x0))
        at = max(at, word.x1)
    spaces.append((at, INFINITE))
    return spaces


def as_gutter(lines: list[Line], starts: list[list[float]], space: Space, *, known: bool) -> Gutter | None:
    """Look whether a space parts columns: running text stands on both sides, or lines that are not level.

    starts (list[list[float]]): Where the words of each line begin.
    known (bool): It did so on the page before.
    RETURNS (Gutter | None): The space as high as text stands on both sides of it.
    """
    before: dict[int, list[Word]] = {}
    after: dict[int, list[Word]] = {}
    for number in range(space.first, space.last + 1):
        words = lines[number].words
        at = bisect_left(starts[number], space.right - 0.01)
        if at:
            before[number] = words[:at]
        if at < len(words):
            after[number] = words[at:]
    if min(len(before), len(after)) < (1 if known else 3):
        return None
    both = before.keys() & after.keys()
    start, end = max(min(before), min(after)), min(max(before), max(after))
    if both:
        start, end = min(start, min(both)), max(end, max(both))
    inside = range(start, end + 1)
    left = [words for n, words in before.items() if n in inside]
    right = [words for n, words in after.items() if n in inside]
    few = min(len(left), len(right))
    if few < (1 if known else 2):
        return None
    size = median(lines[n].size for n in inside)
    starts_at = median(abs(words[0].x0 - space.right) for words in right)
    ends_at = median(abs(words[-1].x1 - space.left) for words in left)
    if min(starts_at, ends_at if RIGHT_TO_LEFT.search(right[0][0].text) else starts_at) > 1.5 * size:
        return None  # what stands on its far side is another column's
    if known:
        return Gutter(space.left, space.right, lines[start].y - lines[start].size, lines[end].y)
    prose = [
        is_prose([nearest(words, size, last=True) for words in left], size),
        is_prose([nearest(words, size, last=False) for words in right], size),
    ]
    # Rows of a table are level to the point; beside running text, lines that are only about as high are no rows.
    level = [n for n in both if not any(prose) or abs(before[n][-1].y - after[n][0].y) < 0.06 * size]
    if not all(prose) and (len(level) >= 0.5 * few or few < 3):
        return None
    return Gutter(space.left, space.right, lines[start].y - lines[start].size, lines[end].y)


def nearest(words: list[Word], size: float, *, last: bool) -> list[Word]:
    """RETURNS (list[Word]): The words next to a white space, up to the next wide gap."""
    if last:
        for i in range(len(words) - 1, 0, -1):
            if words[i].x0 - words[i - 1].x1 > 2 * size:
                return words[i:]
        return words
    for i in range(1, len(words)):
        if words[i].x0 - words[i - 1].x1 > 2 * size:
            return words[:i]
    return words


def is_prose(segments: list[list[Word]], size: float) -> bool:
    """RETURNS (bool): Lines fill their column and go on from one to the next, as running text does."""
    widths = [max(w.x1 for w in s[-2:]) - s[0].x0 for s in segments]
    full = PROSE_FILL * max(widths)
    if max(widths) < PROSE_WIDTH * size or sum(w for w in widths if w >= full) < 0.6 * sum(widths):
        return False
    wide = [s for s, width in zip(segments, widths, strict=True) if width >= full]
    begins = [word.text[0] for segment in wide for word in segment]
    going_on = sum(category(s[0].text[0]) in ("Ll", "Lo") for s in wide[1:])
    return going_on >= 0.2 * (len(wide) - 1) and sum(c.isalpha() for c in begins) > 0.6 * len(begins)


def cut(lines: list[Line], between: list[Gutter]) -> list[Column]:
    """Cut lines at the white spaces that they cross, and put the pieces below one another together."""
    found: list[Column] = []
    for line in lines:
        here = [(i, g) for i, g in enumerate(between) if g.top <= line.y <= g.bottom]
        pieces: dict[frozenset[tuple[int, bool]], list[Word]] = {}
        for word in line.words:
            middle = (word.x0 + word.x1) / 2
            lane = frozenset((i, middle > (g.left + g.right) / 2) for i, g in here)
            pieces.setdefault(lane, []).append(word)
        for lane, words in pieces.items():
            piece = Line(words, line.y, line.size)
            if len(pieces) > 1:
                settle(piece)
            place(found, piece, lane)
    return found


def place(found: list[Column], piece: Line, lane: frozenset[tuple[int, bool]]) -> None:
    """Put a line at the end of its column, or begin one."""
    x0, x1 = piece.x0, piece.x1
    for column in reversed(found):
        last = column.lines[-1]
        if column.lane == lane:
            column.lines.append(piece)
            return
        if any(x0 < line.x1 and line.x0 < x1 for line in column.lines[-3:]) and last.y <= piece.y:
            break
    found.append(Column(lane, [piece]))


def in_order(found: list[Column]) -> list[Column]:
    """RETURNS (list[Column]): Columns in reading order; those that continue one another directly made one."""
    boxes = [c.box for c in found]
    n = len(found)
    before: list[set[int]] = [set() for _ in range(n)]  # what is read before each
    for a in range(n):
        for b in range(n):
            if a == b:
                continue
            (al, at, ar, ab), (bl, bt, br, bb) = boxes[a], boxes[b]
            if al < br and bl < ar:
                if ab <= bt or (at < bt and ab < bb):
                    before[b].add(a)
            elif ar <= bl and not any(
                c not in (a, b)
                and (boxes[c][0] < ar and al < boxes[c][2])
                and (boxes[c][0] < br and bl < boxes[c][2])
                and min(ab, bb) <= boxes[c][3]
                and boxes[c][1] <= max(at, bt)
                for c in range(n)
            ):
                before[b].add(a)
    order: list[int] = []
    left = set(range(n))
    while left:
        ready = [i for i in left if not before[i] & left] or list(left)
        chosen = min(ready, key=lambda i: (boxes[i][1], boxes[i][0]))
        if order:  # go on in the column that was read last where that is possible
            bl, _, br, bb = boxes[order[-1]]
            below = [i for i in ready if boxes[i][0] < br and bl < boxes[i][2] and boxes[i][1] >= bb]
            chosen = min(below, key=lambda i: boxes[i][1], default=chosen)
        order.append(chosen)
        left.remove(chosen)
    result: list[Column] = []
    for i in order:
        column = found[i]
        if result and continues(result[-1], column):
            result[-1].lines.extend(column.lines)
        else:
            result.append(column)
    return result


def continues(column: Column, other: Column) -> bool:
    """RETURNS (bool): The second column goes on directly below the first."""
    last, first = column.lines[-1], other.lines[0]
    (left, _, right, _), (low, _, high, _) = column.box, other.box
    aligned = abs(left - low) < 1.5
    return (
        0 < first.y - last.y < (4 if aligned else 2) * max(first.size, last.size)
        and abs(first.size - last.size) < 0.1 * last.size
        and (abs(left - low) < 3 * first.size)
        and (abs(right - high) < 3 * first.size or len(column.lines) == 1 or len(other.lines) == 1)
    )
