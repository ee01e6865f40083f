"""A tree of HTML elements → blocks: of web pages, HTML mails, chapters of books and rendered Markdown alike.

What a browser shows is read, in the order of the source. Inline elements put no blank between letters; elements that
begin on a line of their own end a block, and so do two line breaks in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ...text.words import word_set
from ..document import Block, Kind
from ..reflow import NO_BLANKS
from .tables import is_layout, spread_rows

UNSEEN = word_set(
    """script style noscript template head iframe object embed audio video canvas svg select button textarea
    annotation annotation-xml noframes noembed datalist"""
)
BLOCKS = word_set(
    """address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup p plaintext pre
    search section summary table tbody td tfoot th thead tr ul xmp"""
)
LISTS = word_set("ul ol dl menu dir")
OWN_KIND: dict[str, Kind] = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("li", "dt", "dd"), "list_item"),
    **dict.fromkeys(("caption", "figcaption"), "caption"),
    **dict.fromkeys(("pre", "listing", "plaintext", "xmp"), "code"),
    "blockquote": "quotation",
    "table": "table",
}
LASTING: frozenset[Kind] = frozenset(("reply", "footnote"))  # all that lies in one of these is one
NOTES = word_set("doc-footnote doc-endnote doc-endnotes footnote footnotes endnote endnotes rearnote rearnotes")
NOTE_LINKS = word_set("doc-noteref doc-backlink noteref footnote-ref footnote-backref")
QUOTED_MAIL = word_set("gmail_quote moz-cite yahoo_quoted protonmail_quote")
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
KEPT_LINES = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.I)
WHITE = re.compile(r"[ \t\n\r\f\v]+")
# Between letters of a script without blanks a line's end in the source is none either.
LINE_END = re.compile(rf"(?<={NO_BLANKS.pattern})[ \t\r]*\n[ \t\r]*(?={NO_BLANKS.pattern})")
BLANKS = re.compile(r"[ \xa0]{2,}")
BREAK = "\v"  # a line break, which white space is not in HTML
SOFT_HYPHEN = "\xad"


@dataclass
class Piece:
    """A block and what tells whether it is the text of a page or its furniture.

    element (etree._Element): The innermost element on a line of its own that it stands in.
    linked (int): Characters of it that are links, white space left out.
    """

    block: Block
    element: etree._Element
    linked: int = 0


@dataclass
class Frame:
    """An open element that begins on a line of its own.

    kind (Kind): Of the blocks directly in it.
    depth (int): How many lists it stands in.
    """

    element: etree._Element
    kind: Kind
    level: int | None
    depth: int
    keeps_lines: bool


def walk(root: etree._Element, *, mail: bool = False) -> list[Piece]:
    """Cut a tree into blocks.

    mail (bool): It is a mail, where a quotation marked as such is the mail that is answered.
    RETURNS (list[Piece]): In the order of the source; none is empty.
    """
    return Walker(mail).walk(root)


def blocks_of(root: etree._Element | None, *, mail: bool = False) -> list[Block]:
    """RETURNS (list[Block]): All that a tree shows; its only first-level heading is the title."""
    if root is None:
        return []
    return entitle([piece.block for piece in walk(root, mail=mail)])


def code_blocks(source: str) -> Iterator[Block]:
    """RETURNS (Iterator[Block]): Code; an empty line ends a block, as in everything else."""
    return (Block("code", "\n".join(lines).strip()) for _, lines in paragraphs(source.replace("\n", BREAK), code=True))


def entitle(blocks: list[Block]) -> list[Block]:
    """Make the only heading of the first level the title of a document without one, where no other comes before it."""
    headings = [block for block in blocks if block.kind == "heading"]
    titled = any(block.kind == "title" for block in blocks)
    if headings and not titled and [block.level for block in headings].count(1) == 1 and headings[0].level == 1:
        headings[0].kind, headings[0].level = "title", None
    return blocks


class Walker:
    """Collects text until an element ends the block. `mail` as in `walk`."""

    def __init__(self, mail: bool) -> None:
        self.mail = mail
        self.pieces: list[Piece] = []
        self.parts: list[str] = []
        self.frames: list[Frame] = []
        self.links = 0  # open ones
        self.linked = [0]  # letters of links in each line of the block

    def walk(self, root: etree._Element) -> list[Piece]:
        self.frames = [Frame(root, "paragraph", None, 0, False)]
        events = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            if event == "end":
                self.end(element)
                self.add(element.tail if element is not root else None)
            elif (element is root or not is_hidden(element)) and self.start(element):
                self.add(element.text)
            else:
                events.skip_subtree()
        self.flush()
        return self.pieces

    def start(self, element: etree._Element) -> bool:
        """RETURNS (bool): Is what lies in the element still to be read?"""
        tag = element.tag
        if tag == "br":
            self.break_line()
        elif tag == "a":
            self.links += 1
        if tag in BLOCKS:
            self.flush()
            if tag == "table" and not is_layout(element):
                self.table(element)
                return False
            self.frames.append(self.frame(element, tag))
        return True

    def end(self, element: etree._Element) -> None:
        if element.tag == "a" and self.links:
            self.links -= 1
        if self.frames[-1].element is element and len(self.frames) > 1:
            self.flush()
            self.frames.pop()

    def frame(self, element: etree._Element, tag: str) -> Frame:
        outer = self.frames[-1]
        kind = OWN_KIND.get(tag, outer.kind) if tag != "table" else outer.kind
        level = outer.level if kind == outer.kind else None
        depth = outer.depth + (tag in LISTS)
        words = names(element)
        if words & NOTES:
            kind = "footnote"
        elif self.mail and (words & QUOTED_MAIL or element.get("type") == "cite"):
            kind = "reply"
        if outer.kind in LASTING:
            kind, level = outer.kind, None
        elif kind == "heading":
            level = int(tag[1]) if tag in OWN_KIND else outer.level
        elif kind == "list_item" and tag in OWN_KIND:
            level = max(1, depth)
        lines = KEPT_LINES.search(element.get("style", "")) is not None
        return Frame(element, kind, level, depth, lines or kind == "code" or outer.keeps_lines)

    def table(self, element: etree._Element) -> None:
        """Add a table of data: its caption, then its rows."""
        for caption in element.iterchildren("caption"):
            if not is_hidden(caption):
                self.pieces += Walker(self.mail).walk(caption)
                for piece in self.pieces[-1:]:
                    piece.block.kind = "caption"
        linked = 0

        def read(cell: etree._Element) -> str:
            nonlocal linked
            pieces = [] if is_hidden(cell) else Walker(self.mail).walk(cell)
            linked += sum(piece.linked for piece in pieces)
            return " ".join(piece.block.text.replace("\n", " ") for piece in pieces)

        rows = [row for row in element.iter("tr") if not is_hidden(row)]
        text = "\n".join("\t".join(row) for row in spread_rows(rows, read)).strip()
        if text:
            kind: Kind = self.frames[-1].kind if self.frames[-1].kind in LASTING else "table"
            self.pieces.append(Piece(Block(kind, text), element, linked))

    def add(self, text: str | None) -> None:
        if not text:
            return
        if self.frames[-1].keeps_lines:
            first, *lines = text.split("\n")
            self.add_line(first)
            for line in lines:
                self.break_line()
                self.add_line(line)
        else:
            self.add_line(WHITE.sub(" ", LINE_END.sub("", text)))

    def add_line(self, text: str) -> None:
        self.parts.append(text)
        if self.links:
            self.linked[-1] += sum(map(len, text.split()))

    def break_line(self) -> None:
        self.parts.append(BREAK)
        self.linked.append(0)

    def flush(self) -> None:
        """End the block; lines with an empty one between them are blocks of their own."""
        text = "".join(self.parts).replace(SOFT_HYPHEN, "")
        linked, self.linked, self.parts = self.linked, [0], []
        if not text.strip():
            return
        frame = self.frames[-1]
        for first, lines in paragraphs(text, frame.kind == "code"):
            block = Block(frame.kind, "\n".join(lines).strip(), frame.level)
            self.pieces.append(Piece(block, frame.element, sum(linked[first : first + len(lines)])))


def paragraphs(text: str, code: bool) -> Iterator[tuple[int, list[str]]]:
    """RETURNS (Iterator[tuple]): Lines that follow one another, and the number of the first; code keeps its blanks."""
    lines: list[str] = []
    number = 0
    for number, line in enumerate(text.split(BREAK)):
        line = line.rstrip() if code else BLANKS.sub(" ", line).strip()
        if line:
            lines.append(line)
        elif lines:
            yield number - len(lines), lines
            lines = []
    if lines:
        yield number + 1 - len(lines), lines


def plain_line(text: str) -> str:
    """RETURNS (str): A text as one line, as HTML sets it."""
    return BLANKS.sub(" ", WHITE.sub(" ", LINE_END.sub("", text))).replace(SOFT_HYPHEN, "").strip()


def names(element: etree._Element) -> set[str]:
    """RETURNS (set[str]): What an element says of its part in the document: role, epub:type and class."""
    attributes = element.attrib
    if not attributes:
        return set()
    words = (attributes.get("role"), attributes.get("epub:type"), attributes.get("class"))
    return {word for value in words if value for word in value.split()}


def is_hidden(element: etree._Element) -> bool:
    """RETURNS (bool): Is it something that no reader sees, or no part of the text: controls, marks of notes?"""
    if element.tag in UNSEEN or (element.tag == "dialog" and element.get("open") is None):
        return True
    attributes = element.attrib
    return bool(attributes) and (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or HIDDEN.search(attributes.get("style", "")) is not None
        or not names(element).isdisjoint(NOTE_LINKS)
    )
