"""Lines drawn on a page → tables between them, and bullets that are drawn and not written."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

from .glyphs import INT, POINTER, native
from .lines import Line, rows
from .words import RIGHT_TO_LEFT, TABLE, Style, Word

MOST_OBJECTS = 10_000  # on a page, letters that are placed one by one among them
MOST_LINES = 600  # of a direction on a page whose tables are looked for
MOST_PATHS = 2000  # on a page; one with more is a drawing
RULE = 2.5  # points: a line is thinner
DOT = (1.5, 8.0)  # points: how wide a drawn bullet is
TOUCH = 2.5  # points: lines that are so near meet
LONGEST_CELL = 600  # characters; a page that is laid out by a table is no table

object_at = native(pdfium.FPDFPage_GetObject, POINTER, POINTER, INT)
object_type = native(pdfium.FPDFPageObj_GetType, INT, POINTER)
object_bounds = native(pdfium.FPDFPageObj_GetBounds, INT, POINTER, POINTER, POINTER, POINTER, POINTER)
path_segments = native(pdfium.FPDFPath_CountSegments, INT, POINTER)


@dataclass
class Shapes:
    """What is drawn on a page, in its turned frame.

    level (list): (y, from x, to x) of horizontal lines.
    upright (list): (x, from y, to y) of vertical ones.
    dots (list): (x, y) of the middle of small round or square things.
    """

    level: list[tuple[float, float, float]] = field(default_factory=list)
    upright: list[tuple[float, float, float]] = field(default_factory=list)
    dots: list[tuple[float, float]] = field(default_factory=list)

    def add(self, left: float, top: float, right: float, bottom: float) -> None:
        """Add a path by the box that it fills."""
        width, height = right - left, bottom - top
        if DOT[0] <= width <= DOT[1] and abs(width - height) < 0.25 * width:
            self.dots.append(((left + right) / 2, (top + bottom) / 2))
        elif height < RULE:
            self.level.append(((top + bottom) / 2, left, right))
        elif width < RULE:
            self.upright.append(((left + right) / 2, top, bottom))
        else:
            self.level += [(top, left, right), (bottom, left, right)]
            self.upright += [(left, top, bottom), (right, top, bottom)]


def shapes_of(page: Any, place: Any) -> Shapes:
    """RETURNS (Shapes): The lines, boxes and dots on a page.

    place (Callable): Turns a point of the page into one of the frame.
    """
    found = Shapes()
    address = ctypes.cast(page, ctypes.c_void_p).value
    count = pdfium.FPDFPage_CountObjects(page)
    things = [object_at(address, i) for i in range(count if count <= MOST_OBJECTS else 0)]
    paths = [thing for thing in things if object_type(thing) == pdfium.FPDF_PAGEOBJ_PATH]
    sides = (ctypes.c_float * 4)()
    at = [ctypes.addressof(sides) + 4 * i for i in range(4)]
    for path in paths if len(paths) <= MOST_PATHS else []:
        if not object_bounds(path, *at):
            continue
        left, bottom, right, top = sides
        large = min(right - left, top - bottom) >= RULE and max(right - left, top - bottom) > DOT[1]
        if large and path_segments(path) > 6:
            continue  # a drawing
        (x0, y0), (x1, y1) = place(left, bottom), place(right, top)
        found.add(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return found


def with_shapes(lines: list[Line], shapes: Shapes) -> list[Line]:
    """RETURNS (list[Line]): The lines, with one in place of each ruled table, and bullets before list items."""
    for grid in grids(shapes):
        inside = [w for line in lines for w in line.words if grid.holds(w)]
        text = grid.text(inside) if len(inside) > 3 else None
        if text is None:
            continue
        taken = {id(word) for word in inside}
        for line in lines:
            line.words = [w for w in line.words if id(w) not in taken]
        lines = [line for line in lines if line.words]
        size = inside[0].size
        word = Word(text, grid.xs[0], grid.xs[-1], grid.ys[-1], size, TABLE, True)
        lines.append(Line([word], grid.ys[-1], size))
        lines.sort(key=lambda line: line.y)
    for x, y in shapes.dots:
        for item in [line for line in lines if before(x, y, line)][:1]:
            item.words.insert(0, Word("•", x - 1, x + 1, item.y, item.size, Style(item.size)))
            item.words[1].blank = True
    return lines


def before(x: float, y: float, line: Line) -> bool:
    """RETURNS (bool): A dot stands where a line's bullet does."""
    gap = line.words[0].x0 - x
    return 0.2 * line.size < gap < 2.5 * line.size and 0 < line.y - y < 0.65 * line.size


@dataclass
class Grid:
    """Lines that meet.

    xs, ys (list[float]): Where its columns and rows part, from the left and from the top, with its edges.
    """

    xs: list[float]
    ys: list[float]
    level: list[tuple[float, float, float]]
    upright: list[tuple[float, float, float]]

    def holds(self, word: Word) -> bool:
        x, y = (word.x0 + word.x1) / 2, word.y - 0.3 * word.size
        return self.xs[0] - 1 < x < self.xs[-1] + 1 and self.ys[0] - 1 < y < self.ys[-1] + 1

    def text(self, words: list[Word]) -> str | None:
        """RETURNS (str | None): The table, a row a line, cells parted by tabs; None where it is none."""
        cells: dict[tuple[int, int], list[Word]] = {}
        for word in words:
            row = sum(y < word.y - 0.3 * word.size for y in self.ys[1:-1])
            column = sum(x < (word.x0 + word.x1) / 2 for x in self.xs[1:-1])
            cells.setdefault((row, column), []).append(word)
        whole: dict[tuple[int, int], list[Word]] = {}
        for (row, column), inside in cells.items():
            while column and not self.parted(self.upright, self.xs[column], self.middle(self.ys, row)):
                column -= 1  # no line here: a cell over several columns
            while row and not self.parted(self.level, self.ys[row], self.middle(self.xs, column)):
                row -= 1
            whole.setdefault((row, column), []).extend(inside)
        texts = {place: cell_text(inside) for place, inside in whole.items()}
        filled = {row for row, _ in texts}, {column for _, column in texts}
        if min(map(len, filled)) < 2 or len(texts) < 4 or max(map(len, texts.values())) > LONGEST_CELL:
            return None
        letters = "".join(texts.values())
        order = list(range(max(filled[1]) + 1))
        if len(RIGHT_TO_LEFT.findall(letters)) > len(letters) / 2:
            order.reverse()
        return "\n".join(
            "\t".join(texts.get((row, column), "") for column in order).rstrip("\t") for row in sorted(filled[0])
        )

    @staticmethod
    def parted(lines: list[tuple[float, float, float]], at: float, across: float) -> bool:
        """RETURNS (bool): A line at this place is there at that height too."""
        return any(abs(place - at) < TOUCH and low - TOUCH < across < high + TOUCH for place, low, high in lines)

    @staticmethod
    def middle(places: list[float], i: int) -> float:
        return (places[i] + places[i + 1]) / 2


def cell_text(words: list[Word]) -> str:
    """RETURNS (str): The lines of a cell as one."""
    text = ""
    for line in rows(words):
        cut = text.endswith("-") and line.text[0].islower()
        text = text[:-1] + line.text if cut else f"{text} {line.text}".strip()
    return text


def grids(shapes: Shapes) -> list[Grid]:
    """RETURNS (list[Grid]): Lines that meet, where they make two rows and two columns at least."""
    found: list[Grid] = []
    left = list(range(len(shapes.upright)))
    if len(shapes.level) < 2 or not left or max(len(left), len(shapes.level)) > MOST_LINES:
        return found
    level = list(shapes.level)
    while left:
        upright = [shapes.upright[left.pop()]]
        across: list[tuple[float, float, float]] = []
        grown = True
        while grown:
            met = [h for h in level if any(meet(h, v) for v in upright)]
            level = [h for h in level if h not in met]
            across += met
            more = [i for i in left if any(meet(h, shapes.upright[i]) for h in met)]
            left = [i for i in left if i not in more]
            upright += [shapes.upright[i] for i in more]
            grown = bool(met)
        if across:
            xs = places([v[0] for v in upright] + [x for h in across for x in h[1:]])
            ys = places([h[0] for h in across] + [y for v in upright for y in v[1:]])
            if len(xs) > 2 and len(ys) > 2:
                found.append(Grid(xs, ys, across, upright))
    return found


def meet(level: tuple[float, float, float], upright: tuple[float, float, float]) -> bool:
    y, left, right = level
    x, top, bottom = upright
    return left - TOUCH <= x <= right + TOUCH and top - TOUCH <= y <= bottom + TOUCH


def places(values: list[float]) -> list[float]:
    """RETURNS (list[float]): Places that are further apart than lines are thick."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > 2 * TOUCH:
            found.append(value)
    return found
