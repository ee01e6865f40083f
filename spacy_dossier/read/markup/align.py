"""Finds lines of an extracted text in the blocks that they come from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

WORDS = re.compile(r"\w+")
LINE_ENDS = re.compile(r"[\n\t]")
SHINGLE = 5  # words that are hardly ever the same by chance


def find_lines(lines: Iterable[str], blocks: Sequence[str]) -> set[int]:
    """Find the blocks that a text consists of.

    A line is looked for as a whole line or cell of a block; one that stands in several, in the first that follows the
    line before it; each is found once. Of lines that no block has so, runs of words are looked for: they count for a
    block when they are half of it. Takes time proportional to the length.

    lines (Iterable[str]): Of the text; some may be changed a little.
    RETURNS (set[int]): Positions of blocks.
    """
    owners: list[int] = []
    parts: list[str] = []
    for i, block in enumerate(blocks):
        for part in LINE_ENDS.split(block):
            owners.append(i)
            parts.append(part)
    places: dict[str, list[int]] = defaultdict(list)
    for k, part in enumerate(parts):
        places[letters(part)].append(k)
    places.pop("", None)
    taken: dict[str, int] = {}  # how many places of a line are used up
    found: set[int] = set()
    changed: list[str] = []
    last = -1
    for line in lines:
        key = letters(line)
        if key not in places:
            changed.append(line)
            continue
        free = places[key]
        k = taken.get(key, 0)
        while k < len(free) - 1 and free[k] <= last:
            k += 1
        if k < len(free):
            taken[key] = k + 1
            last = free[k]
            found.add(owners[last])
    return found | {owners[k] for k in find_shingles(changed, parts)}


def find_shingles(lines: Iterable[str], parts: Sequence[str]) -> set[int]:
    """RETURNS (set[int]): Positions of the parts that have half of their runs of words in the lines."""
    wanted = {shingle for line in lines for shingle in shingles(line)}
    if not wanted:
        return set()
    found: set[int] = set()
    for k, part in enumerate(parts):
        counts = Counter(shingle in wanted for shingle in shingles(part))
        if counts[True] and counts[True] >= counts[False]:
            found.add(k)
    return found


def shingles(text: str) -> Iterable[tuple[str, ...]]:
    words = WORDS.findall(text.lower())
    return (tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))


def letters(text: str) -> str:
    """RETURNS (str): Letters and digits alone, in lower case: what layout and signs do not change."""
    return "".join(WORDS.findall(text.lower()))
