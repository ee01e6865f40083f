"""Words of a page → its lines, each with its text as it is said. Pure functions of places."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from .words import BLANK, RIGHT_TO_LEFT, Word

PAIRS = {sign: pair for pair in ("()", "[]", "{}") for sign in pair}
BRACKETS = re.compile(r"[(){}\[\]]")


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
        return all(w.style.bold for w in self.words)

    @property
    def mono(self) -> bool:
        return all(w.style.mono for w in self.words)

    @property
    def font(self) -> str:
        """Name of the font of all words; empty where they differ."""
        font = self.words[0].style.font
        return font if all(w.style.font == font for w in self.words) else ""

    @property
    def text(self) -> str:
        return line_text(self.words)


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
        if other.x1 <= word.x0 or word.x1 <= other.x0:
            continue
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
                reach = (0.25 if len(line.words) > 1 else 0.6) * other.size
                if any(w.size > word.size * 1.1 and w.x0 - reach < word.x1 and word.x0 < w.x1 + reach for w in beside):
                    line.words.remove(word)
                    other.words.insert(at, word)
                    changed.add(i)
                    break
    return [line for i, line in enumerate(lines) if line.words]


NARROW = 0.6  # of the font size: a gap below it is a blank that is not stretched
APART = 2.0  # a gap above it in a line that has narrow ones too parts what stands side by side


def line_text(words: list[Word], mirrored: bool = False) -> str:
    """RETURNS (str): Words from left to right as text, in the order in which they are said.

    mirrored (bool): They are of a right-to-left text, whatever most of them are.
    """
    gaps = [(word.x0 - before.x1) / max(word.size, before.size) for before, word in pairwise(words)]
    blanks = [gap for gap in gaps if gap > BLANK]
    # Not where all gaps are wide, as in a line of few words that is stretched to the width of its column
    parted = bool(blanks) and min(blanks) < NARROW
    parts = [word.text for word in words[:1]]
    for word, gap in zip(words[1:], gaps, strict=True):
        if gap > BLANK or (word.blank and gap > -0.1):
            parts.append("\t" if parted and gap > APART else " ")
        parts.append(word.text)
    text = "".join(parts)
    return as_said(text, mirrored) if RIGHT_TO_LEFT.search(text) else text


def as_said(text: str, mirrored: bool) -> str:
    """Turn a line with right-to-left letters from the order of the page into the order of reading.

    A short form of the Unicode bidirectional algorithm (UAX #9) backwards: the line has the direction of its text or
    else of most of its letters; runs of the other direction, numbers among them, keep theirs.
    """
    letters: list[str] = []
    for char in text:
        if letters and unicodedata.combining(char):
            letters[-1] += char
        else:
            letters.append(char)
    kinds = [direction(c) for c in letters]
    base = "R" if mirrored or kinds.count("R") > kinds.count("L") else "L"
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
    return BRACKETS.sub(facing, "".join(letters))


def facing(match: re.Match[str]) -> str:
    """Turn brackets by the blanks beside them: files differ in whether a right-to-left one is written as it looks."""
    bracket = match.group()
    text, at = match.string, match.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    opens = not before.strip() and bool(after.strip())
    closes = bool(before.strip()) and not after.strip(" .,;:!?")
    pair = PAIRS[bracket]
    return pair[0] if opens and not closes else pair[1] if closes and not opens else bracket


def direction(letter: str) -> str:
    """RETURNS (str): "R" or "L" for letters of either direction, "N" for digits, "" for what follows its neighbours."""
    kind = unicodedata.bidirectional(letter[0])
    return {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}.get(kind, "")
