"""Letters of a page → words. Pure functions of places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BLANK = 0.17  # of the font size: a gap from which on two letters belong to two words. TeX shrinks blanks to 0.22.
LIKELY_BLANK = 0.11  # the same where PDFium sees a blank: letters such as f reach over their own width
TOLD_BLANK = 0.26  # the same between right-to-left letters of which the order tells that none was written
TRACKED = 0.06  # of the font size: a median gap above it is letter spacing
SAME_LINE = 0.08  # of the font size: how far baselines of neighbours in a word may differ
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufefc]")
EAST_ASIAN = re.compile("[\u3000-\u9fff\uff00-\uff60]")


class Style(NamedTuple):
    """How the letters of a text object look.

    size (float): Font size as seen on the page, in points.
    angle (int): Degrees from the page's own x axis, against the clock.
    font (str): Name of the font.
    mono (bool): All its letters have one width.
    symbols (bool): It has signs in place of letters.
    """

    size: float
    angle: int = 0
    font: str = ""
    bold: bool = False
    mono: bool = False
    symbols: bool = False


TABLE = Style(0.0, font="table")  # of the one word that stands for a table among the lines of a page


@dataclass(slots=True)
class Word:
    """Letters that stand together, from left to right.

    x0, x1 (float): Where their advance boxes begin and end.
    y (float): Baseline, downwards.
    blank (bool): A blank stands before it, whatever the gap.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    style: Style
    blank: bool = False


@dataclass
class Letters:
    """Letters of one direction, in drawing order.

    x0, x1, y (ndarray): (n,) where they begin and end, and their baselines.
    style (ndarray): (n,) position in the styles of the page.
    blank, likely (ndarray): (n,) a blank was written before them; PDFium sees one.
    """

    text: list[str]
    x0: np.ndarray
    x1: np.ndarray
    y: np.ndarray
    style: np.ndarray
    blank: np.ndarray
    likely: np.ndarray

    def sorted(self, order: np.ndarray) -> Letters:
        arrays = (self.x0, self.x1, self.y, self.style, self.blank, self.likely)
        return Letters([self.text[i] for i in order], *(array[order] for array in arrays))


def to_words(letters: Letters, styles: list[Style]) -> list[Word]:
    """Cut the letters of one direction into words."""
    sizes = np.array([max(s.size, 0.1) for s in styles])
    apart = other_line(letters.y, sizes[letters.style])
    told = np.zeros(len(apart), bool)
    if RIGHT_TO_LEFT.search("".join(letters.text)):
        right_to_left = np.array([RIGHT_TO_LEFT.match(t) is not None for t in letters.text])
        line = np.cumsum(apart)
        order = np.lexsort((letters.x0 + letters.x1, line))
        told = turn(letters, order, np.isin(line, line[right_to_left]))
        letters = letters.sorted(order)
    text, x0, x1, y, style, blank = letters.text, letters.x0, letters.x1, letters.y, letters.style, letters.blank
    size = sizes[style]
    gap = np.zeros(len(text))
    gap[1:] = (x0[1:] - x1[:-1]) / size[1:]
    limit = np.where(told, TOLD_BLANK, np.where(letters.likely, LIKELY_BLANK, BLANK)) + tracking(gap, apart, blank)
    begins = apart | blank | (gap > limit) | (gap < -0.35)
    begins[1:] |= np.abs(size[1:] - size[:-1]) > 0.15 * size[1:]
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(text))
    right = np.maximum.reduceat(x1, starts)
    spaced = (blank | (~apart & (gap > limit)))[starts]
    sides = zip(x0[starts].tolist(), right.tolist(), y[starts].tolist(), style[starts].tolist(), strict=True)
    return [
        Word("".join(text[a:b]), left, end, base, max(styles[look].size, 0.1), styles[look], before)
        for a, b, (left, end, base, look), before in zip(
            starts.tolist(), ends.tolist(), sides, spaced.tolist(), strict=True
        )
    ]


def turn(letters: Letters, order: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """Move blanks of lines with right-to-left letters to where they stand between letters in the order of the page.

    letters (Letters): In the order of reading; their blanks are changed in place.
    order (ndarray): (n,) the letters from left to right, line by line.
    mixed (ndarray): (n,) letters of such lines.
    RETURNS (ndarray): (n,) for each letter from left to right, whether no blank was written before it.
    """
    left, right = order[:-1], order[1:]
    told = np.zeros(len(order), bool)
    told[1:] = mixed[right] & (np.abs(left - right) == 1)
    for marks in (letters.blank, letters.likely):
        moved = np.zeros(len(order), bool)
        moved[1:] = told[1:] & marks[np.maximum(left, right)]
        marks[order] = np.where(mixed[order], moved, marks[order])
    return told & ~(letters.blank | letters.likely)[order]


def other_line(y: np.ndarray, size: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Which letters do not stand on the line of the letter before them."""
    apart = np.ones(len(y), bool)
    apart[1:] = np.abs(y[1:] - y[:-1]) > SAME_LINE * np.maximum(size[1:], size[:-1])
    return apart


def tracking(gap: np.ndarray, apart: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): The letter spacing of the line that each character is on, as a share of the font size."""
    spacing = np.zeros(len(gap))
    starts = np.flatnonzero(apart)
    inner = ~apart & ~blank
    count = np.add.reduceat(inner, starts)
    total = np.add.reduceat(np.where(inner, np.clip(gap, -1, 1), 0.0), starts)
    ends = np.append(starts[1:], len(gap))
    for k in np.flatnonzero((count >= 3) & (total > TRACKED * count)):
        here = slice(starts[k], ends[k])
        gaps = gap[here][inner[here]]
        middle = float(np.median(gaps))
        if TRACKED < middle < 0.7 and np.mean(np.abs(gaps - middle) < 0.05) > 0.5:
            spacing[here] = middle
    return spacing


def written_downwards(text: list[str], origin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Which letters belong to vertical lines of Chinese or Japanese, four letters or more."""
    down = np.zeros(len(text), bool)
    if not EAST_ASIAN.search("".join(text)):
        return down
    wide = np.array([EAST_ASIAN.match(t) is not None for t in text])
    step = origin[:-1] - origin[1:]
    below = (np.abs(step[:, 0]) < 0.15 * size[:-1]) & (np.abs(step[:, 1] - size[:-1]) < 0.3 * size[:-1])
    below &= wide[:-1] | wide[1:]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], below.astype(int), [0]])))
    for start, end in edges.reshape(-1, 2):
        if end - start >= 3:
            down[start : end + 1] = True
    return down
