"""Words of a page → its columns in reading order, each a list of lines.

Pure functions of places. Columns are found by the white space between them (Breuel, "Two geometric algorithms for
layout analysis", 2002: empty rectangles that are high and have text on both sides), and are read in the order of the
same author's rule: what stands above comes first, then what stands to the left, unless something that spans both
stands between.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from dataclasses import dataclass, field
from statistics import median

from .chars import BLANK, Word, is_right_to_left

GUTTER = 0.9  # of the font size: the narrowest white space between two columns
PROSE_WIDTH = 9.0  # of the font size: the narrowest column of running text
PROSE_FILL = 0.55  # share of a column's width that its middle line fills when it is running text
INFINITE = 1e9


@dataclass(slots=True)
class Line:
    """Words on one baseline within one column, from left to right."""

    words: list[Word]
    y: float
    size: float

    @property
    def x0(self) -> float:
        return self.words[0].x0

    @property
    def x1(self) -> float:
        return max(w.x1 for w in self.words[-2:])

    @property
    def bold(self) -> bool:
        return all(w.bold for w in self.words)

    @property
    def mono(self) -> bool:
        return all(w.mono for w in self.words)

    @property
    def text(self) -> str:
        return line_text(self.words)


@dataclass(slots=True)
class Gutter:
    """White space between two columns: x from left to right, y from top to bottom."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass
class Column:
    """Lines that stand one below the other."""

    lane: frozenset[tuple[int, bool]]
    lines: list[Line] = field(default_factory=list)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return (
            min(line.x0 for line in self.lines),
            self.lines[0].y - self.lines[0].size,
            max(line.x1 for line in self.lines),
            self.lines[-1].y,
        )


def columns_of(lines: list[Line]) -> list[Column]:
    """RETURNS (list[Column]): The columns of a page in the order in which they are read."""
    return in_order(cut(lines, gutters(lines)))


def rows(words: list[Word]) -> list[Line]:
    """Put words on one baseline together, small raised and lowered ones with the word that they stand beside."""
    found: list[Line] = []
    for word in sorted(words, key=lambda w: w.y):
        for line in reversed(found[-4:]):
            if abs(word.y - line.y) <= 0.25 * min(word.size, line.size) and word.size > 0.4 * line.size:
                over = covered(word, line)
                if over is None:
                    line.words.append(word)
                elif over.text != word.text:  # two lines printed over each other, or the shadow of a word
                    continue
                break
        else:
            found.append(Line([word], word.y, word.size))
    for line in found:
        line.words.sort(key=lambda w: w.x0)
        settle(line)
    return side_by_side(attach_small(found))


def side_by_side(lines: list[Line]) -> list[Line]:
    """Put a few words that stand about as high as a line, but apart from it, on that line: the value of a field."""
    made: list[Line] = []
    for line in lines:
        last = made[-1] if made else None
        if (
            last is not None
            and line.y - last.y <= 0.5 * min(line.size, last.size)
            and min(len(line.words), len(last.words)) <= 4
            and not any(a.x0 - b.x1 < b.size and b.x0 - a.x1 < b.size for a in line.words for b in last.words)
        ):
            last.words = sorted(last.words + line.words, key=lambda w: w.x0)
            settle(last)
        else:
            made.append(line)
    return made


def covered(word: Word, line: Line) -> Word | None:
    """RETURNS (Word | None): A word of the line that the other stands on."""
    for other in line.words:
        over = min(word.x1, other.x1) - max(word.x0, other.x0)
        if over > 0.4 * min(word.x1 - word.x0, other.x1 - other.x0) and over > 0.25 * word.size:
            return other
    return None


def settle(line: Line) -> None:
    """Give a line the size and the baseline of most of its letters."""
    by_size: dict[float, int] = {}
    for word in line.words:
        key = round(word.size, 1)
        by_size[key] = by_size.get(key, 0) + len(word.text)
    line.size = max(by_size, key=lambda s: (by_size[s], s))
    line.y = median(w.y for w in line.words if round(w.size, 1) == line.size)


def attach_small(lines: list[Line]) -> list[Line]:
    """Move raised and lowered words (notes' numbers, powers, indices) to the line of the word that they touch."""
    changed: set[int] = set()
    for i, line in enumerate(lines):
        around = lines[max(0, i - 4) : i] + lines[i + 1 : i + 5]
        for word in list(line.words):
            for other in around:
                if word.size > 0.85 * other.size:
                    continue
                if not -0.65 * other.size <= word.y - other.y <= 0.4 * other.size:
                    continue
                at = bisect_left([w.x0 for w in other.words], word.x0)
                beside = other.words[max(0, at - 1) : at + 1]
                reach = 0.25 * other.size
                if any(w.size > word.size * 1.1 and w.x0 - reach < word.x1 and word.x0 < w.x1 + reach for w in beside):
                    line.words.remove(word)
                    other.words.insert(at, word)
                    changed.add(i)
                    break
    return [line for i, line in enumerate(lines) if line.words]


def gutters(lines: list[Line]) -> list[Gutter]:
    """RETURNS (list[Gutter]): White spaces that part columns of text, not the cells of a table."""
    active: list[tuple[float, float, int]] = []  # left, right, first line
    ended: list[tuple[float, float, int, int]] = []
    for number, line in enumerate(lines):
        free = free_spaces(line)
        following: dict[tuple[float, float], int] = {}
        for left, right, first in active:
            survives = False
            for a, b in free:
                low, high = max(a, left), min(b, right)
                if high - low >= GUTTER * line.size:
                    following[low, high] = min(first, following.get((low, high), first))
                    survives = survives or (low == left and high == right)
            if not survives:
                ended.append((left, right, first, number - 1))
        for space in free:
            following.setdefault(space, number)
        active = [(a, b, first) for (a, b), first in following.items()]
        active = [s for s in active if not any(covers(o, s) for o in active if o is not s)]
    ended += [(a, b, first, len(lines) - 1) for a, b, first in active]
    found = [g for e in ended if e[0] > -INFINITE and e[1] < INFINITE and (g := as_gutter(lines, *e)) is not None]
    found.sort(key=lambda g: (g.top - g.bottom, g.left - g.right))
    kept: list[Gutter] = []
    for gutter in found:  # of those that lie over each other the highest
        if not any(
            g.left < gutter.right and gutter.left < g.right and g.top <= gutter.bottom and gutter.top <= g.bottom
            for g in kept
        ):
            kept.append(gutter)
    return kept


def covers(other: tuple[float, float, int], space: tuple[float, float, int]) -> bool:
    return other[0] <= space[0] and other[1] >= space[1] and other[2] <= space[2] and other != space


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


def as_gutter(lines: list[Line], left: float, right: float, first: int, last: int) -> Gutter | None:
    """RETURNS (Gutter | None): The white space, from where text stands on both sides, when it parts columns."""
    before: list[tuple[int, list[Word]]] = []
    after: list[tuple[int, list[Word]]] = []
    for number in range(first, last + 1):
        words = lines[number].words
        at = bisect_left([w.x0 for w in words], right - 0.01)
        if at:
            before.append((number, words[:at]))
        if at < len(words):
            after.append((number, words[at:]))
    if len(before) < 3 or len(after) < 3:
        return None
    both = {n for n, _ in before} & {n for n, _ in after}
    start, end = max(before[0][0], after[0][0]), min(before[-1][0], after[-1][0])
    if both:
        start, end = min(start, min(both)), max(end, max(both))
    if start > end:
        return None
    before = [(n, w) for n, w in before if start <= n <= end]
    after = [(n, w) for n, w in after if start <= n <= end]
    if len(before) < 2 or len(after) < 2:
        return None
    size = median(lines[n].size for n in range(start, end + 1))
    aligned = len(both) / min(len(before), len(after))
    prose = is_prose([nearest(w, size, last=True) for _, w in before], size) and is_prose(
        [nearest(w, size, last=False) for _, w in after], size
    )
    if not prose and (aligned >= 0.5 or min(len(before), len(after)) < 3):
        return None
    return Gutter(left, right, lines[start].y - lines[start].size, lines[end].y)


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
    if len(segments) < 2:
        return False
    widths = [max(w.x1 for w in s[-2:]) - s[0].x0 for s in segments]
    widest = max(widths)
    wide = [s for s, width in zip(segments, widths, strict=True) if width >= PROSE_FILL * widest]
    if widest < PROSE_WIDTH * size or sum(w for w in widths if w >= PROSE_FILL * widest) < 0.6 * sum(widths):
        return False
    segments = wide
    going_on = sum(goes_on(s[0].text) for s in segments[1:])
    letters = sum(c.isalpha() for s in segments for w in s for c in w.text)
    signs = sum(len(w.text) for s in segments for w in s)
    return going_on >= 0.2 * (len(segments) - 1) and letters > 0.6 * signs


def goes_on(text: str) -> bool:
    """RETURNS (bool): A line that begins so may continue a sentence: a small letter, or one of a script without."""
    return unicodedata.category(text[0]) in ("Ll", "Lo")


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
    return (
        0 < first.y - last.y < 2 * max(first.size, last.size)
        and abs(first.size - last.size) < 0.1 * last.size
        and (abs(left - low) < 3 * first.size)
        and (abs(right - high) < 3 * first.size or len(column.lines) == 1 or len(other.lines) == 1)
    )


def line_text(words: list[Word]) -> str:
    """RETURNS (str): Words from left to right as text, in the order in which they are said."""
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        if before is not None:
            gap = word.x0 - before.x1
            size = max(word.size, before.size)
            if gap > BLANK * size or (word.blank and gap > -0.1 * size):
                parts.append(" ")
        parts.append(word.text)
        before = word
    text = "".join(parts)
    return as_said(text) if any(is_right_to_left(c) for c in text) else text


def as_said(text: str) -> str:
    """Turn a line with right-to-left letters from the order of the page into the order of reading.

    A short form of the Unicode bidirectional algorithm (UAX #9) backwards: the line has the direction of most of its
    letters; runs of the other direction, numbers among them, keep theirs.
    """
    letters: list[str] = []
    for char in text:
        if letters and unicodedata.combining(char):
            letters[-1] += char
        else:
            letters.append(char)
    kinds = [direction(c) for c in letters]
    base = "R" if kinds.count("R") > kinds.count("L") else "L"
    other = "L" if base == "R" else "R"
    strong = ("L", "N") if other == "L" else ("R",)
    if base == "R":
        letters.reverse()
        kinds.reverse()
    start = 0
    while start < len(letters):
        if kinds[start] not in strong:
            start += 1
            continue
        end = start + 1
        for i in range(start + 1, len(letters)):  # up to the last letter of this direction before one of the line's
            if kinds[i] in strong:
                end = i + 1
            elif kinds[i] == base:
                break
        letters[start:end] = letters[start:end][::-1]
        start = end
    return "".join(letters)


def direction(letter: str) -> str:
    """RETURNS (str): "R" or "L" for letters of either direction, "N" for digits, "" for what follows its neighbours."""
    kind = unicodedata.bidirectional(letter[0])
    return {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}.get(kind, "")
