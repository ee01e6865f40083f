"""Lines of plain text → blocks: lines that only the width of the page made are joined, all others stay.

A line goes on in the next one if that one's first word would not have fitted on it. So the width at which a text was
wrapped is the one that explains most of its line ends; a text that no width explains has lines that its author made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .document import Block, Kind
from .reflow import Words, first_half, join_lines

BREAKS = {"\f": "\n\n", "\v": "\n", "\x1c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n\n"}
NARROW, WIDE = 40, 130  # columns between which texts are wrapped
TYPICAL = 55  # columns that a line has which is wrapped, where there are too few to tell
EXPLAINED = 0.5  # of the line ends that a width must explain
VERSE = 60  # columns below which lines that begin with capitals are verse, an address or a list
ITEM = re.compile(r"\s{0,40}(?:[-*•▪◦‣·+]|\(?\d{1,3}[.)]|\(?[A-Za-z]\)|\(?[ivxIVX]{1,5}\))[ \t]{1,9}(?=\S)")
SENTENCE_END = re.compile(r"[.!?…:;。！？؟][\"'”’»)\]]{0,3}\Z")
UNDERLINE = re.compile(r"\s{0,40}([=\-~^*#_])\1{2,}\s*\Z")
NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s{1,4}[^\W\d_]")
GAP = re.compile(r"(?<=[^\s.!?:;,])(?: {2,}|[ ]?\t[\t ]*)(?=\S)")
CELLS = re.compile(r" {2,}|[ ]?\t[\t ]*")
TWO_BLANKS = re.compile(r"  |\t")
FIGURE = re.compile(r"\s{2,40}[-+(]?[$€£]?\d[\d.,' %)]{0,30}\Z")
STATEMENT = re.compile(r"\s*(?:def|class|import|from|return|if|for|while|#include|//|/\*|\$|>>>)\b")
OPERATOR = re.compile(r"[=!<>]=|=>|->")
LOGGED = re.compile(r"\W{0,3}(?:\d{2,4}[-/.:]\d{2}[-/.:]\d{2}|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d)")
INSIDE = re.compile(
    r"[a-z\d)\]][.!?][\"')”’]? {1,2}[A-Z\"'“‘(]"
)  # a sentence's end and another's beginning in one line


def text_blocks(text: str, words: Words | None = None) -> list[Block]:
    """Cut a plain text into blocks.

    words (Words | None): Of the document that the text is a part of; None for a text that is one.
    """
    for sign, lines_end in BREAKS.items():  # many times faster than str.translate
        text = text.replace(sign, lines_end)
    lines = [line.rstrip() for line in text.split("\n")]
    words = words or Words(lines)
    width = page_width(lines)
    blocks: list[Block] = []
    for chunk in chunks(lines):
        blocks += Chunk(chunk, width, words).blocks()
    return blocks


def chunks(lines: Sequence[str]) -> Iterator[list[str]]:
    """YIELDS (list[str]): Lines that follow one another without an empty one."""
    chunk: list[str] = []
    for line in lines:
        if line.strip():
            chunk.append(line)
        elif chunk:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def page_width(lines: Sequence[str]) -> int | None:
    """Find the width that explains most line ends: the line fits into it, and with the next line's first word does not.

    RETURNS (int | None): Columns; None where no width explains enough of them.
    """
    changes: Counter[int] = Counter()
    total = 0
    longest = 0
    for before, after in pairwise(lines):
        if before.strip() and after.strip() and not ITEM.match(after):
            total += 1
            length = columns(before)
            longest = max(longest, length)
            changes[length] += 1
            changes[length + len(first_word(after)) + 1] -= 1
    if not total:
        return None
    if total < 3:
        return longest if TYPICAL <= longest <= WIDE else None
    explained = best = width = 0
    for column in sorted(changes):
        explained += changes[column]
        if explained > best and NARROW <= column <= WIDE:
            best, width = explained, column
    return width if best >= EXPLAINED * total else None


def columns(line: str) -> int:
    return len(line.expandtabs()) if "\t" in line else len(line)


def first_word(line: str) -> str:
    return line.split(None, 1)[0]


class Chunk:
    """Lines without an empty one between them.

    width (int | None): Columns at which the document is wrapped.
    """

    def __init__(self, lines: list[str], width: int | None, words: Words) -> None:
        self.lines = lines
        self.words = words
        own = page_width(lines) if len(lines) >= 4 else None
        self.width = own or width
        longest = max(map(len, lines))
        capitals = sum(not line.lstrip()[0].islower() for line in lines[1:])
        # Running text whose lines are of uneven length, as it comes out of other programs
        self.sentences = ends(lines[-1]) and any(INSIDE.search(line) for line in lines)
        listed = capitals == len(lines) - 1 and not any(map(ends, lines))  # headlines, names
        self.verse = len(lines) > 2 and (listed or (longest < VERSE and capitals >= 0.75 * (len(lines) - 1)))

    def blocks(self) -> list[Block]:
        lines = self.lines
        if len(lines) == 2 and (rule := UNDERLINE.match(lines[1])) and not UNDERLINE.match(lines[0]):
            return [Block("heading", lines[0].strip(), 1 if rule.group(1) in "=#*" else 2)]
        if is_table(lines):
            return [Block("table", "\n".join("\t".join(CELLS.split(line.strip())) for line in lines))]
        if is_code(lines):
            margin = min(indent(line) for line in lines)
            return [Block("code", "\n".join(line.expandtabs()[margin:] for line in lines).strip())]
        if len(lines) == 1 and (level := heading_level(lines[0].strip())):
            return [Block("heading", lines[0].strip(), level)]
        return list(self.prose())

    def prose(self) -> Iterator[Block]:
        """YIELDS (Block): Paragraphs and list items; a line break stands where the author made one."""
        kind: Kind = "paragraph"
        done: list[str] = []  # lines of the block
        line: list[str] = []  # what makes the next of them
        items = ITEM.match(self.lines[0]) is not None
        for index, after in enumerate(self.lines):
            before = self.lines[index - 1] if index else None
            starts_item = ITEM.match(after) is not None and (before is None or items or not self.is_full(before, after))
            if before is not None and not starts_item and self.goes_on(before, after, kind):
                line.append(after)
                continue
            if line:
                done.append(join_lines(line, self.words))
            if done and (starts_item or kind == "list_item" or self.is_whole(done[-1], len(line))):
                yield self.block(kind, done)
                done = []
            if not done:
                kind = "list_item" if starts_item else "paragraph"
            line = [after]
        yield self.block(kind, [*done, join_lines(line, self.words)])

    def block(self, kind: Kind, lines: list[str]) -> Block:
        return Block(kind, "\n".join(lines), 1 if kind == "list_item" else None)

    def is_whole(self, line: str, count: int) -> bool:
        """RETURNS (bool): Whether a line, joined of so many, is a paragraph, so that the next begins another."""
        if not ends(line):
            return False
        return count > 1 or len(line) > NARROW or (self.width is None and not self.verse and len(line.split()) > 2)

    def is_full(self, before: str, after: str) -> bool:
        """RETURNS (bool): Whether the next line's first word would not have fitted on this one."""
        return self.width is not None and columns(before) + 1 + len(first_word(after)) > self.width

    def goes_on(self, before: str, after: str, kind: Kind) -> bool:
        """RETURNS (bool): Whether a line's end is the page's, not the author's."""
        if UNDERLINE.match(before) or UNDERLINE.match(after) or LOGGED.match(after):
            return False
        deeper = indent(after) - indent(before)
        if deeper >= 2 and kind != "list_item" and ends(before):
            return False  # a first line that is indented
        if self.verse:
            return False
        if self.is_full(before, after):
            return True
        open_end = not ends(before) and after.lstrip()[0].islower()
        if kind == "list_item" and deeper >= 2 and open_end:
            return True
        if self.sentences and not ends(before) and len(before.strip()) >= VERSE:
            return True
        return open_end and (len(before.strip()) > (self.width or 2 * NARROW) / 2 or first_half(before) is not None)


def ends(line: str) -> bool:
    """RETURNS (bool): Whether a sentence ends with the line."""
    return SENTENCE_END.search(line[-9:]) is not None


def indent(line: str) -> int:
    wide = line.expandtabs()
    return len(wide) - len(wide.lstrip())


def is_table(lines: Sequence[str]) -> bool:
    """Are most lines cut by gaps at the same columns, or do they end with figures after a gap?"""
    if len(lines) < 2:
        return False
    if not any(TWO_BLANKS.search(line.lstrip()) for line in lines):
        return False
    wide = [line.expandtabs() for line in lines]
    gaps = [{place for gap in GAP.finditer(line) for place in (-gap.start(), gap.end())} for line in wide]
    shared = Counter(column for places in gaps for column in places)
    often = {column for column, count in shared.items() if 2 * count >= len(lines) and count > 1}
    aligned = sum(bool(places & often) for places in gaps)
    figures = sum(FIGURE.search(line) is not None and GAP.search(line) is not None for line in wide)
    tabs = sum("\t" in line.strip() for line in lines)
    return 3 * max(aligned, figures, tabs) >= 2 * len(lines)


def is_code(lines: Sequence[str]) -> bool:
    """Do most lines look like lines of a program?"""
    return len(lines) > 1 and 2 * sum(map(is_statement, lines)) > len(lines)


def is_statement(line: str) -> bool:
    return line.endswith(("{", "}", ";", "()")) or bool(STATEMENT.match(line) or OPERATOR.search(line))


def heading_level(line: str) -> int | None:
    """RETURNS (int | None): The level of a line that stands alone in capitals or with a number before it."""
    if len(line) > 80 or line[-1] in ".,;:!?":
        return None
    if numbered := NUMBERED.match(line):
        return numbered.group(1).count(".") + 1 if len(line) <= VERSE else None
    return 1 if line.isupper() and sum(map(str.isalpha, line)) > 3 else None
