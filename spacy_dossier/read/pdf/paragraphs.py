"""Lines of a column → what their author made of them: paragraphs, list items, tables, code, lines that stay lines.

The one question asked again and again is whether a line ended because the page did: if the first word of the next line
had still fitted, its author broke it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ..document import Kind
from .chars import Word, is_right_to_left
from .layout import Line, line_text

BULLET = re.compile(r"[•▪◦‣●■□❑➢➤➔►✓✔○◆◇⁃∙\ufffd·]+(?=\s|\Z)|[-–—*o](?=\s)")
SURE_BULLET = re.compile(r"[•▪◦‣●■□❑➢➤➔►✓✔○◆◇⁃∙]")
NUMBERED = re.compile(r"(?:\(?\d{1,3}[.)]|\[\d{1,3}\]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)])\s+(?=\S)")
TERMINAL = re.compile(r"[.!?:;…。！？؟۔।][)\]\"'”’»›]*\Z")
CAPTION = re.compile(
    r"(?:figure|fig\.|table|tab\.|scheme|plate|abbildung|abb\.|tabelle|figura|tabla|tableau|schéma|tabella|figuur)"
    r"\s*(?:\d+|[IVX]+\b|[A-Z]\.?\d+)(?:\.\d+)*\s*[.:–—-]",
    re.I,
)
LEADER = re.compile(r"\s*(?:[.·…]\s?){4,}\s*")
CELL = 1.2  # of the font size: the narrowest gap between two cells of a table
NEW_PARAGRAPH = 1.3  # of the usual distance of lines: what parts paragraphs; Word's smallest default is 1.4
INDENT = 0.7  # of the font size: the smallest indent of a first line


@dataclass
class Part:
    """What is to be a block.

    lines (list[str]): Its lines in order.
    keeps (bool): Its lines stay lines.
    goes_on, full (bool): Its last line may have ended because the column did; it reaches just as far as others do.
    begins_inside (bool): Its first line is not set apart as a paragraph's beginning is.
    box (tuple): Left, top, right, bottom.
    """

    kind: Kind
    lines: list[str]
    size: float
    bold: bool = False
    keeps: bool = False
    goes_on: bool = False
    full: bool = False
    begins_inside: bool = False
    level: int | None = None
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
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
    first: float
    note: bool  # begins with a raised number or sign


def parts(lines: list[Line], mono_page: bool) -> list[Part]:
    """RETURNS (list[Part]): What the lines of a column are.

    mono_page (bool): The page is typewritten, so a font of fixed width does not mean code.
    """
    rows = as_rows(lines)
    if not rows:
        return []
    found: list[Part] = []
    text: list[Row] = []
    width = Width(rows)
    for table, run in table_runs(rows):
        if table:
            found += text_parts(text, width, mono_page)
            text = []
            found.append(table_part(run))
        else:
            text += run
    return found + text_parts(text, width, mono_page)


def as_rows(lines: list[Line]) -> list[Row]:
    letters = "".join(w.text for line in lines for w in line.words)
    mirrored = sum(is_right_to_left(c) for c in letters) > len(letters) / 2
    made = []
    for line in lines:
        first = line.words[-1] if mirrored else line.words[0]
        x0, x1 = (-line.x1, -line.x0) if mirrored else (line.x0, line.x1)
        note = first.size < 0.85 * line.size and bool(re.match(r"\d{1,3}\Z|[*†‡§¶]+\Z", first.text))
        made.append(Row(line, line.text, x0, x1, line.y, line.size, line.bold, line.mono, first.x1 - first.x0, note))
    return made


class Width:
    """How far the lines of a column reach, and how far one stands below the other."""

    def __init__(self, rows: list[Row]) -> None:
        self.left = common(sorted(row.x0 for row in rows))
        self.right = far(sorted((row.x1 for row in rows), reverse=True))
        pitches: dict[float, list[float]] = {}
        for a, b in pairwise(rows):
            if abs(a.size - b.size) < 0.05 * a.size and not forced(a, b, self.right):
                pitches.setdefault(round(a.size), []).append(b.y - a.y)
        self.pitch = {size: median(values) for size, values in pitches.items()}

    def usual(self, row: Row) -> float:
        """RETURNS (float): The distance of lines within a paragraph, in points."""
        return self.pitch.get(round(row.size), 1.25 * row.size)


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


# Tables


def cells(row: Row) -> list[list[Word]]:
    """RETURNS (list[list[Word]]): The words of a line, cut at gaps much wider than its blanks."""
    words = row.line.words
    gaps = [b.x0 - a.x1 for a, b in pairwise(words)]
    limit = CELL * row.size
    if len(gaps) >= 3:
        limit = max(limit, 2.2 * median(gaps)) if median(gaps) < 1.5 * row.size else limit
    made = [[words[0]]]
    for gap, word in zip(gaps, words[1:], strict=True):
        if gap > limit:
            made.append([word])
        else:
            made[-1].append(word)
    if len(made) == 2:
        head = line_text(made[0])
        if len(made[0]) == 1 and (BULLET.match(head + " ") or NUMBERED.match(head + " x")):
            return [words]
    return made


def aligned(a: list[list[Word]], b: list[list[Word]], size: float) -> bool:
    """RETURNS (bool): A cell after the first begins, ends or has its middle where one of the other line does."""
    reach = 0.6 * size
    for one in a[1:]:
        l0, r0 = one[0].x0, one[-1].x1
        for two in b[1:]:
            l1, r1 = two[0].x0, two[-1].x1
            if abs(l0 - l1) < reach or abs(r0 - r1) < reach or abs(l0 + r0 - l1 - r1) < 2 * reach:
                return True
    return False


def table_runs(rows: list[Row]) -> list[tuple[bool, list[Row]]]:
    """Find lines that together make tables. RETURNS (list): (is a table, lines) in order."""
    split = [cells(row) for row in rows]
    inside = [False] * len(rows)
    last: int | None = None  # the last line with several cells
    for i, row in enumerate(rows):
        if len(split[i]) < 2:
            continue
        if last is not None and row.y - rows[last].y < 4.5 * row.size and aligned(split[last], split[i], row.size):
            between = rows[last + 1 : i]
            if all(r.x1 - r.x0 < 0.6 * (max(r.x1 for r in rows) - min(r.x0 for r in rows)) for r in between):
                for k in range(last, i + 1):
                    inside[k] = True
        last = i
    for i in range(1, len(rows)):  # what goes on in a cell of a table's last line
        if not inside[i] and inside[i - 1] and len(split[i]) == 1 and cell_below(rows, split, i) is not None:
            inside[i] = True
    runs: list[tuple[bool, list[Row]]] = []
    for row, table in zip(rows, inside, strict=True):
        if runs and runs[-1][0] == table:
            runs[-1][1].append(row)
        else:
            runs.append((table, [row]))
    return runs


def cell_below(rows: list[Row], split: list[list[list[Word]]], i: int) -> int | None:
    """RETURNS (int | None): The cell of the line above that a line with one cell goes on with."""
    row, above = rows[i], rows[i - 1]
    if row.y - above.y > 1.5 * row.size or len(split[i - 1]) < 2:
        return None
    for k, cell in enumerate(split[i - 1]):
        if abs(cell[0].x0 - row.line.x0) < 0.6 * row.size:
            return k if k > 0 or small(row.text) else None
    return None


def table_part(rows: list[Row]) -> Part:
    """RETURNS (Part): A table: a row a line, cells parted by tabs."""
    split = [cells(row) for row in rows]
    made: list[list[str]] = []
    for i, row in enumerate(rows):
        mirrored = row.x1 <= 0 and row.line.x0 >= 0
        at = cell_below(rows, split, i) if i and len(split[i]) == 1 else None
        if at is not None and at < len(made[-1]):
            made[-1][at] += " " + row.text
            split[i] = split[i - 1]
            continue
        texts = [tidy(line_text(cell)) for cell in split[i]]
        made.append(texts[::-1] if mirrored else texts)
    return part("table", rows, ["\t".join(c for c in texts if c) for texts in made], keeps=True)


# Running text


def text_parts(rows: list[Row], width: Width, mono_page: bool) -> list[Part]:
    """RETURNS (list[Part]): The paragraphs, list items, code and kept lines of a column without its tables."""
    found: list[Part] = []
    for group in groups(rows, width):
        if (
            not mono_page
            and all(r.mono for r in group)
            and (len(group) > 1 or group[0].x0 > width.left + group[0].size)
        ):
            found.append(code_part(group))
            continue
        right = edge(group, width)
        if keeps_lines(group, right):
            found.append(part("paragraph", group, [tidy(r.text) for r in group], keeps=True))
            continue
        for piece in paragraphs(group, right):
            found.append(paragraph_part(piece, right, min(r.x0 for r in group)))
    return found


def groups(rows: list[Row], width: Width) -> list[list[Row]]:
    """RETURNS (list[list[Row]]): Lines that no gap and no change of size or weight parts."""
    made: list[list[Row]] = []
    for row in rows:
        if made and not parted(made[-1][-1], row, width):
            made[-1].append(row)
        else:
            made.append([row])
    return made


def parted(a: Row, b: Row, width: Width) -> bool:
    size = max(a.size, b.size)
    if b.y <= a.y or abs(a.size - b.size) > 0.12 * size or a.mono != b.mono:
        return True
    goes_on = small(b.text) and not ended(a.text) and not forced(a, b, width.right)
    pitch = (b.y - a.y) / width.usual(b)
    if pitch > (1.75 if goes_on else NEW_PARAGRAPH):
        return True
    return a.bold != b.bold and (forced(a, b, width.right) or (a.bold and not goes_on))


def edge(group: list[Row], width: Width) -> float:
    """RETURNS (float): How far the lines of a group could have reached."""
    ends = sorted((row.x1 for row in group), reverse=True)
    left = min(row.x0 for row in group)
    if len(group) >= 4:
        reach = far(ends)
        narrow = reach - left < 0.7 * (width.right - width.left)
        running = sum(small(row.text) for row in group[1:]) >= 0.25 * (len(group) - 1)
        return width.right if narrow and not running else reach
    if len(group) >= 3 and ends[0] - ends[1] < 1.5:  # set justified
        return ends[0]
    inset = max(0.0, left - width.left)
    return max(ends[0], width.right - inset)


def breaks(group: list[Row], right: float) -> list[bool]:
    """RETURNS (list[bool]): For each line but the first, whether its author began it."""
    found = []
    for a, b in pairwise(group):
        goes_on = small(b.text) and not ended(a.text) and right - a.x1 < 0.4 * (right - a.x0)
        found.append(forced(a, b, right) and not goes_on and a.text[-1] != "-")
    return found


def keeps_lines(group: list[Row], right: float) -> bool:
    """RETURNS (bool): An address, verse, a list of short lines: most lines end before the width of the page."""
    if len(group) < 2 or centred(group):
        return False
    made = breaks(group, right)
    open_ends = [b and not ended(a.text) for b, a in zip(made, group, strict=False)]
    marked = sum(marker(row) is not None for row in group)
    return sum(made) >= 0.6 * len(made) and sum(open_ends) > 0.5 * sum(made) and marked < 2


def centred(group: list[Row]) -> bool:
    middles = [r.x0 + r.x1 for r in group]
    return max(middles) - min(middles) < 4 and max(r.x0 for r in group) - min(r.x0 for r in group) > 4


def marker(row: Row) -> str | None:
    """RETURNS (str | None): What marks a line as the beginning of a list item."""
    match = BULLET.match(row.text) or NUMBERED.match(row.text)
    return match.group() if match else None


def paragraphs(group: list[Row], right: float) -> list[list[Row]]:
    """Cut a group of lines into paragraphs and list items."""
    made = breaks(group, right)
    left = min(row.x0 for row in group)
    hanging = hangs(group, made, left)
    items = [marker(row) for row in group]
    found = [[group[0]]]
    for i, row in enumerate(group[1:], start=1):
        before = group[i - 1]
        begun = made[i - 1]
        item = items[i]
        if item and not begun:
            sure = bool(SURE_BULLET.match(item))
            begins_item = items[0] is not None and abs(row.x0 - found[0][0].x0) < 2
            begun = sure or begins_item or (ended(before.text) and row.x0 > before.x0 + 1)
        begun = begun or row.note
        if not begun and not item and items[group.index(found[-1][0])] is None:
            deep = row.x0 - left > INDENT * row.size
            above = before.x0 - left > INDENT * row.size
            begun = (above and not deep) if hanging else (deep and not above)
        if begun:
            found.append([row])
        else:
            found[-1].append(row)
    return found


def hangs(group: list[Row], made: list[bool], left: float) -> bool:
    """RETURNS (bool): First lines stand further out than the others, as in lists of references."""
    score = 0
    for (a, b), begun in zip(pairwise(group), made, strict=True):
        out, inner = a.x0 - left < INDENT * a.size, b.x0 - left > INDENT * b.size
        if out and inner:
            score += -1 if begun else 1
        elif not out and not inner:
            score += 1 if begun else -1
    return score > 0


def paragraph_part(rows: list[Row], right: float, left: float) -> Part:
    """RETURNS (Part): A paragraph, a list item or a caption."""
    lines = [tidy(r.text) for r in rows]
    mark = marker(rows[0])
    kind: Kind = "paragraph"
    if mark and lines[0][len(mark) :].strip():
        kind = "list_item"
        if BULLET.fullmatch(mark):
            lines[0] = lines[0][len(mark) :].strip()
    elif CAPTION.match(lines[0]):
        kind = "caption"
    elif rows[0].note:
        kind = "footnote"
    made = part(kind, rows, lines)
    last = rows[-1]
    made.goes_on = right - last.x1 < max(4 * last.size, 0.12 * (right - left))
    made.full = len(rows) > 1 and any(abs(r.x1 - last.x1) < 1 for r in rows[:-1]) and right - last.x1 < 2
    made.begins_inside = rows[0].x0 - left <= INDENT * rows[0].size
    return made


def code_part(rows: list[Row]) -> Part:
    """RETURNS (Part): Code, each line with its indent."""
    left = min(r.x0 for r in rows)
    letter = max(0.1, median((w.x1 - w.x0) / len(w.text) for r in rows for w in r.line.words))
    lines = []
    for row in rows:
        line, at = "", left
        for word in row.line.words:
            line += " " * max(bool(line), round((word.x0 - at) / letter)) + word.text
            at = word.x1
        lines.append(line.rstrip())
    return part("code", rows, lines, keeps=True)


def part(kind: Kind, rows: list[Row], lines: list[str], keeps: bool = False) -> Part:
    box = (
        min(r.line.x0 for r in rows),
        rows[0].y - rows[0].size,
        max(r.line.x1 for r in rows),
        rows[-1].y,
    )
    return Part(kind, lines, rows[0].size, all(r.bold for r in rows), keeps, box=box)


def tidy(text: str) -> str:
    """RETURNS (str): A line with the dots that lead to a page's number as one tab."""
    return LEADER.sub("\t", text).strip() if "..." in text or ". ." in text or "…" in text else text
