"""The text of a document as HTML: entities and summary sentences marked where they stand, however they overlap."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

BLANK_LINES = re.compile(r"[^\S\n]*\n(?:[^\S\n]*\n)+\s*|\s*\f\s*")
LONG_PARAGRAPH = 8_000  # characters; a longer one is divided, so that a browser lays out one piece at a time
SECTION = 20_000  # characters of text in a <section>; a browser skips those out of view

NOTHING = Markup()
# Control characters, which HTML may not hold, as the signs that picture them: ␀, ␛. As many characters as before.
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\v\f\r"}


def visible(value: str) -> str:
    """RETURNS (str): A text that may stand in HTML; markup stays markup."""
    return value.translate(PICTURES)


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the text to be marked.

    start (int): First character.
    end (int): One past the last.
    tag (str): HTML element.
    attrs (Markup): Attributes of every fragment; a mark that crosses another or a paragraph's end has several.
    first (Markup): Attributes of its first fragment only, such as its id.
    tail (Markup): What follows the text inside its last fragment.
    """

    start: int
    end: int
    tag: str
    attrs: Markup
    first: Markup = NOTHING
    tail: Markup = NOTHING


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Divide a text at blank lines and form feeds, and what is still too long at a line end or a space.

    YIELDS (tuple[int, int]): First character and one past the last; only blanks stand between two paragraphs.
    """
    start = 0
    for gap in [*BLANK_LINES.finditer(text), None]:
        stop = len(text) if gap is None else gap.start()
        while stop - start > LONG_PARAGRAPH:
            limit = start + LONG_PARAGRAPH
            cut = text.rfind("\n", start, limit) + 1
            if cut <= start:
                cut = text.rfind(" ", start, limit) + 1
            if cut <= start:
                cut = limit
            if text[start:cut].strip():
                yield start, cut
            start = cut
        if text[start:stop].strip():
            yield start, stop
        start = stop if gap is None else gap.end()


def render(text: str, marks: Sequence[Mark]) -> Markup:
    """Write a text as paragraphs with its marks nested.

    Marks may nest, touch and cross: one that crosses another, or a paragraph's end, is closed and opened again, so
    that the HTML is well formed and every character stands in it once.

    text (str): The text.
    marks (Sequence[Mark]): Marks within it; of two with the same offsets, the first goes outside.
    RETURNS (Markup): The HTML: a <section> for every so many characters, a <p> for each paragraph.
    """
    return Markup("".join(_pieces(text, marks)))


def _pieces(text: str, marks: Sequence[Mark]) -> Iterator[str]:
    queue = sorted(filter(None, (_strip(text, mark) for mark in marks)), key=lambda m: (m.start, -m.end))
    upcoming = 0
    opened: list[Mark] = []  # the marks that hold the current character, outermost first
    size = 0
    for start, stop in paragraphs(text):
        if size == 0:
            yield "<section>"
        yield '<p dir="auto">'
        for mark in opened:
            yield _open(mark)
        at = start
        while True:
            while upcoming < len(queue) and queue[upcoming].start == at:
                opened.append(queue[upcoming])
                yield _open(queue[upcoming], fresh=True)
                upcoming += 1
            to = min([stop, *(m.end for m in opened), *(m.start for m in queue[upcoming : upcoming + 1])])
            yield escape(visible(text[at:to]))
            at = to
            if at == stop:
                break
            yield from _close(opened, at)
        for mark in reversed(opened):
            yield _shut(mark, at)
        opened = [m for m in opened if m.end > at]
        yield "</p>\n"
        size += stop - start
        if size > SECTION:
            yield "</section>\n"
            size = 0
    if size:
        yield "</section>\n"


def _strip(text: str, mark: Mark) -> Mark | None:
    """Take blanks off a mark's ends, so that it neither begins nor ends between two paragraphs."""
    words = text[mark.start : mark.end]
    body = words.strip()
    if not body:
        return None
    start = mark.start + words.index(body)
    return replace(mark, start=start, end=start + len(body))


def _close(opened: list[Mark], at: int) -> Iterator[str]:
    """Close the marks that end here; those inside them that go on are closed too, and opened again."""
    outer = next((i for i, m in enumerate(opened) if m.end == at), None)
    if outer is None:
        return
    for mark in reversed(opened[outer:]):
        yield _shut(mark, at)
    opened[outer:] = [m for m in opened[outer:] if m.end > at]
    for mark in opened[outer:]:
        yield _open(mark)


def _open(mark: Mark, *, fresh: bool = False) -> str:
    return f"<{mark.tag}{mark.attrs}{mark.first if fresh else ''}>"


def _shut(mark: Mark, at: int) -> str:
    return f"{mark.tail if mark.end == at else ''}</{mark.tag}>"
