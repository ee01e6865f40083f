"""Lines whose words stand in columns → tables, a row a line."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from .lines import line_text
from .rows import BULLET, NUMBERED, Part, Row, make_part, small, tidy
from .words import Word

CELL = 1.2  # of the font size: the narrowest gap between two cells where nothing else tells
KNOWN_CELL = 0.45  # the same where other rows have a gap at this place
ROW_GAP = 4.5  # of the font size: rows further apart are of two tables


def cells(row: Row) -> list[list[Word]]:
    """RETURNS (list[list[Word]]): The words of a line, cut at gaps much wider than its blanks."""
    words = row.line.words
    gaps = [b.x0 - a.x1 for a, b in pairwise(words)]
    limit = CELL * row.size
    if len(gaps) >= 3 and median(gaps) < 1.5 * row.size:
        limit = max(limit, 2.2 * median(gaps))
    made = [[words[0]]]
    for gap, word in zip(gaps, words[1:], strict=True):
        if gap > limit:
            made.append([word])
        else:
            made[-1].append(word)
    if len(made) == 2 and len(made[0]) == 1:
        head = made[0][0].text
        if BULLET.match(head + " ") or NUMBERED.match(head + " x"):
            return [words]
    return made


def level(a: list[list[Word]], b: list[list[Word]], size: float) -> bool:
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
    width = max(r.x1 for r in rows) - min(r.x0 for r in rows)
    last: int | None = None  # the last line with several cells
    for i, row in enumerate(rows):
        if len(split[i]) < 2:
            continue
        if last is not None and row.y - rows[last].y < ROW_GAP * row.size and level(split[last], split[i], row.size):
            between = rows[last + 1 : i]
            if all(r.x1 - r.x0 < 0.6 * width for r in between):
                inside[last : i + 1] = [True] * (i + 1 - last)
        last = i
    for i in range(1, len(rows)):  # what goes on in a cell of a table's last line
        if not inside[i] and inside[i - 1] and len(split[i]) == 1 and below(split[i - 1], rows[i - 1], rows[i]):
            inside[i] = True
    for i in range(len(rows) - 2, -1, -1):  # a head whose cells stand closer together
        if not inside[i] and inside[i + 1] and len(rows[i].line.words) > 1:
            inside[i] = is_head(rows[i], rows[i + 1 :], inside[i + 1 :])
    runs: list[tuple[bool, list[Row]]] = []
    for row, table in zip(rows, inside, strict=True):
        if runs and runs[-1][0] == table:
            runs[-1][1].append(row)
        else:
            runs.append((table, [row]))
    return runs


def is_head(row: Row, rows: list[Row], inside: list[bool]) -> bool:
    """RETURNS (bool): The words of a line stand over the columns of the table below it."""
    table = rows[: inside.index(False)] if False in inside else rows
    if table[0].y - row.y > 2 * row.size or len(table) < 2:
        return False
    edges = boundaries([cells(r) for r in table], row.size)
    return len(edges) > 0 and len(columns(row, edges)) == len(edges) + 1


def below(above: list[list[Word]], upper: Row, row: Row) -> bool:
    """RETURNS (bool): A line with one cell goes on with a cell of the line above."""
    if row.y - upper.y > 1.5 * row.size or len(above) < 2:
        return False
    for k, cell in enumerate(above):
        if abs(cell[0].x0 - row.line.x0) < 0.6 * row.size:
            return k > 0 or small(row.text)
    return False


def boundaries(split: list[list[list[Word]]], size: float) -> list[float]:
    """RETURNS (list[float]): Where the columns of a table part, as places between gaps that its rows share."""
    gaps = [(a[-1].x1, b[0].x0) for row in split for a, b in pairwise(row)]
    shared: list[tuple[float, float]] = []
    for left, right in sorted(gaps, key=lambda gap: gap[1] - gap[0]):
        for i, (low, high) in enumerate(shared):
            if min(high, right) - max(low, left) > 0.3 * size:
                shared[i] = (max(low, left), min(high, right))
                break
        else:
            shared.append((left, right))
    return sorted((low + high) / 2 for low, high in shared)


def columns(row: Row, edges: list[float]) -> dict[int, list[Word]]:
    """RETURNS (dict): Words of a line by the column of a table that they stand in."""
    made: dict[int, list[Word]] = {}
    at = -1
    before: Word | None = None
    for word in row.line.words:
        here = sum(edge < (word.x0 + word.x1) / 2 for edge in edges)
        if here != at and (before is None or word.x0 - before.x1 > KNOWN_CELL * row.size):
            at = here
        made.setdefault(at, []).append(word)
        before = word
    return made


def table_part(rows: list[Row]) -> Part:
    """RETURNS (Part): A table: a row a line, cells parted by tabs, an empty cell where a column has none."""
    split = [cells(row) for row in rows]
    edges = boundaries([s for s in split if len(s) > 1], median(row.size for row in rows))
    mirrored = rows[0].x1 <= 0
    made: list[dict[int, str]] = []
    pitches = [b.y - a.y for a, b in pairwise(rows)]
    for i, row in enumerate(rows):
        texts = {at: tidy(line_text(words)) for at, words in columns(row, edges).items()}
        if i and continues_row(made[-1], texts, pitches[i - 1], median(pitches), row):
            for at, text in texts.items():
                made[-1][at] += " " + text
        else:
            made.append(texts)
    last = len(edges)
    order = range(last, -1, -1) if mirrored else range(last + 1)
    lines = ["\t".join(texts.get(at, "") for at in order).rstrip("\t") for texts in made]
    return make_part("table", rows, lines, keeps=True)


def continues_row(above: dict[int, str], texts: dict[int, str], pitch: float, usual: float, row: Row) -> bool:
    """RETURNS (bool): A line goes on with cells of the row above, rather than being a row."""
    if not texts.keys() <= above.keys() or pitch > 1.5 * row.size:
        return False
    closer = pitch < 0.85 * usual
    return closer or (len(texts) == 1 and (0 not in texts or small(row.text)))
