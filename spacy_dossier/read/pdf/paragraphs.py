"""Lines of a column → what their author made of them: paragraphs, list items, tables, code, lines that stay lines.

The one question asked again and again is whether a line ended because the page did: if the first word of the next line
had still fitted, its author broke it.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from statistics import median

from ..document import Kind
from .lines import Line
from .rows import (
    BULLET,
    SURE_BULLET,
    Part,
    Row,
    Width,
    as_rows,
    ended,
    far,
    forced,
    make_part,
    marker,
    runs_on,
    small,
    tidy,
)
from .tables import table_part, table_runs

CAPTION = re.compile(
    r"(?:figure|fig\.|table|tab\.|scheme|plate|abbildung|abb\.|tabelle|figura|tabla|tableau|schéma|tabella|figuur)"
    r"\s*(?:\d+|[IVX]+\b|[A-Z]\.?\d+)(?:\.\d+)*\s*(?:[.:–—-]|\Z)",
    re.I,
)
NEW_PARAGRAPH = 1.3  # of the usual distance of lines: what parts paragraphs; Word's smallest default is 1.4
INDENT = 0.7  # of the font size: the smallest indent of a first line


def parts(lines: list[Line], reach: float, mono_page: bool) -> list[Part]:
    """RETURNS (list[Part]): What the lines of a column are.

    reach (float): How far they could reach.
    mono_page (bool): The page is typewritten, so a font of fixed width does not mean code.
    """
    rows = as_rows(lines)
    plain = [row for row in rows if not row.grid]
    if not plain:
        return [grid_part(row) for row in rows]
    mirrored = plain[0].x1 < plain[0].line.x1
    width = Width(plain, max(r.x1 for r in plain) if mirrored else reach)
    found: list[Part] = []
    for grid, run in groupby(rows, key=lambda row: row.grid):
        if grid:
            found += [grid_part(row) for row in run]
            continue
        text: list[Row] = []
        for table, inner in table_runs(list(run)):
            if table:
                found += text_parts(text, width, mono_page)
                text = []
                found.append(table_part(inner))
            else:
                text += inner
        found += text_parts(text, width, mono_page)
    return found


def grid_part(row: Row) -> Part:
    """RETURNS (Part): A table between drawn lines."""
    return make_part("table", [row], row.line.words[0].text.split("\n"), keeps=True)


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
            found.append(make_part("paragraph", group, [tidy(r.text) for r in group], keeps=True))
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
    """RETURNS (bool): Two lines belong to different groups."""
    size = max(a.size, b.size)
    if b.y <= a.y or abs(a.size - b.size) > 0.12 * size or a.mono != b.mono:
        return True
    goes_on = small(b.text) and (a.text[-1] == "-" or not (ended(a.text) or forced(a, b, width.right)))
    pitch = (b.y - a.y) / width.usual(b)
    if pitch > (1.6 if goes_on else NEW_PARAGRAPH):
        return True
    if CAPTION.match(b.text) and (ended(a.text) or forced(a, b, width.right)):
        return True
    other_font = a.font != b.font and bool(a.font) and bool(b.font)
    return (a.bold != b.bold and a.bold and not goes_on) or (
        (a.bold != b.bold or other_font) and forced(a, b, width.right)
    )


def edge(group: list[Row], width: Width) -> float:
    """RETURNS (float): How far the lines of a group could have reached."""
    ends = sorted((row.x1 for row in group), reverse=True)
    left = min(row.x0 for row in group)
    if len(group) >= 4:
        reach = far(ends)
        narrow = reach - left < 0.7 * (width.right - width.left)
        return width.right if narrow and not runs_on(group) else reach
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
    made = make_part(kind, rows, lines)
    last = rows[-1]
    made.room, made.first = right - last.x1, rows[0].first
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
    return make_part("code", rows, lines, keeps=True)
