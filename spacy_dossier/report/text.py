"""The text of a document as HTML: its blocks as what they are, entities and summary sentences marked in place."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup, escape

from ..read.document import GAP, PlacedBlock

LONG_PARAGRAPH = 8_000  # characters; a longer one is divided, so that a browser lays out one piece at a time
SECTION = 20_000  # characters of text in a <section>; a browser skips those out of view
DEEPEST = 4  # heading levels and list depths that look different

NOTHING = Markup()
# Control characters, which HTML may not hold, as the signs that picture them: ␀, ␛. As many characters as before.
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\v\f\r"}

# What each kind of block opens and closes around its text; lists and tables are built below.
TAGS = {
    "title": ('<h3 class="title" dir="auto">', "</h3>"),
    "paragraph": ('<p dir="auto">', "</p>"),
    "caption": ('<p class="caption" dir="auto">', "</p>"),
    "code": ("<pre>", "</pre>"),
    "quotation": ('<blockquote dir="auto">', "</blockquote>"),
    "reply": ('<blockquote dir="auto">', "</blockquote>"),
    "page_header": ('<p class="caption" dir="auto">', "</p>"),
    "page_footer": ('<p class="caption" dir="auto">', "</p>"),
    "signature": ('<p class="signature" dir="auto">', "</p>"),
    "footnote": ('<p class="footnote" dir="auto">', "</p>"),
}
# Blocks outside the text are shown folded, under these words.
FOLDED = {"reply": "Quoted reply", "page_header": "Page header", "page_footer": "Page footer"}


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


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text that no element crosses: a paragraph, an item, a cell.

    start, stop (int): First character and one past the last.
    before, after (str): HTML around it.
    whole (bool): A section may end after it: no list or table is open.
    """

    start: int
    stop: int
    before: str
    after: str
    whole: bool = True


def paragraphs(text: str) -> list[PlacedBlock]:
    """RETURNS (list[PlacedBlock]): The blocks of a text of which only the text is known: what empty lines part."""
    blocks = []
    start = 0
    for part in text.split(GAP):
        blocks.append(PlacedBlock("paragraph", start, start + len(part)))
        start += len(part) + len(GAP)
    return blocks


def segments(text: str, blocks: Iterable[PlacedBlock]) -> Iterator[Segment]:
    """YIELDS (Segment): The text in elements, in order; only white space stands between two of them."""
    at = 0
    for (kind, outside), group in groupby(blocks, key=lambda block: (block.kind, block.start is None)):
        if outside:
            yield Segment(at, at, _folded(kind, group), "")
            continue
        if kind == "list_item":
            yield from _wrapped(_items(group), "<ul>", "</ul>")
            continue
        for block in group:
            assert block.start is not None and block.end is not None
            at = block.end
            if kind == "table":
                yield from _wrapped(
                    _cells(text, block.start, block.end), '<div class="sheet"><table>', "</table></div>"
                )
            elif kind == "heading":
                level = min(block.level or 1, DEEPEST)
                yield Segment(block.start, at, f'<h{level + 2} dir="auto">', f"</h{level + 2}>")
            elif kind == "code":
                yield Segment(block.start, at, *TAGS[kind])
            else:
                yield from _pieces_of(text, block.start, block.end, *TAGS[kind])


def _folded(kind: str, blocks: Iterable[PlacedBlock]) -> str:
    """Neighbouring blocks outside the text, with their own texts."""
    words = "".join(f'<p dir="auto">{escape(visible(block.text or ""))}</p>' for block in blocks)
    return f'<details class="outside"><summary>{FOLDED[kind]}</summary>{words}</details>\n'


def _pieces_of(text: str, start: int, stop: int, before: str, after: str) -> Iterator[Segment]:
    """A paragraph; one that is too long is divided at a line end or a space."""
    while stop - start > LONG_PARAGRAPH:
        limit = start + LONG_PARAGRAPH
        cut = max(text.rfind("\n", start, limit), text.rfind(" ", start, limit)) + 1
        cut = cut if cut > start else limit
        yield Segment(start, cut, before, after)
        start = cut
    yield Segment(start, stop, before, after)


def _items(blocks: Iterable[PlacedBlock]) -> Iterator[Segment]:
    for block in blocks:
        if block.start is not None and block.end is not None:
            depth = min(block.level or 1, DEEPEST)
            yield Segment(block.start, block.end, f'<li class="d{depth}" dir="auto">', "</li>")


def _cells(text: str, start: int, end: int) -> Iterator[Segment]:
    """The cells of a table: rows are parted by line breaks, cells by tabs."""
    for row in text[start:end].split("\n"):
        cells = row.split("\t")
        for number, cell in enumerate(cells):
            before = ("<tr>" if number == 0 else "") + '<td dir="auto">'
            after = "</td>" + ("</tr>" if number == len(cells) - 1 else "")
            yield Segment(start, start + len(cell), before, after)
            start += len(cell) + 1


def _wrapped(inner: Iterable[Segment], opening: str, closing: str) -> Iterator[Segment]:
    """Put segments into an element around them; a long list or table is divided, so that a section can end."""
    size = 0
    held: Segment | None = None
    for segment in inner:
        if held is not None:
            ends = size > SECTION and not segment.before.startswith("<td")  # not in a row
            yield replace(held, after=held.after + closing * ends, whole=ends)
            if ends:
                size = 0
        held = replace(segment, before=opening * (size == 0) + segment.before)
        size += 1 + segment.stop - segment.start
    if held is not None:
        yield replace(held, after=held.after + closing)


def render(text: str, marks: Sequence[Mark], blocks: Sequence[PlacedBlock]) -> Markup:
    """Write a text as its blocks with its marks nested.

    Marks may nest, touch and cross: one that crosses another, or a paragraph's end, is closed and opened again, so
    that the HTML is well formed and every character stands in it once.

    text (str): The text.
    marks (Sequence[Mark]): Marks within it; of two with the same offsets, the first goes outside.
    blocks (Sequence[PlacedBlock]): Its blocks, in order.
    RETURNS (Markup): The HTML: a <section> for every so many characters, an element for each block.
    """
    return Markup("".join(_pieces(text, marks, blocks)))


def _pieces(text: str, marks: Sequence[Mark], blocks: Sequence[PlacedBlock]) -> Iterator[str]:
    queue = sorted(filter(None, (_strip(text, mark) for mark in marks)), key=lambda m: (m.start, -m.end))
    upcoming = 0
    opened: list[Mark] = []  # the marks that hold the current character, outermost first
    size = 0
    inside = False
    for segment in segments(text, blocks):
        if not inside:
            yield "<section>"
            inside = True
        yield segment.before
        opened = [m for m in opened if m.end > segment.start]
        at = segment.start
        while at < segment.stop:
            if at == segment.start:
                yield from map(_open, opened)
            while upcoming < len(queue) and queue[upcoming].start == at:
                opened.append(queue[upcoming])
                yield _open(queue[upcoming], fresh=True)
                upcoming += 1
            to = min([segment.stop, *(m.end for m in opened), *(m.start for m in queue[upcoming : upcoming + 1])])
            yield escape(visible(text[at:to]))
            at = to
            if at == segment.stop:
                yield from (_shut(mark, at) for mark in reversed(opened))
            else:
                yield from _close(opened, at)
        yield segment.after + "\n"
        size += segment.stop - segment.start
        if size > SECTION and segment.whole:
            yield "</section>\n"
            size, inside = 0, False
    if inside:
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
