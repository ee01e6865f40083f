"""XML of any kind → its character data, an element a block."""

from __future__ import annotations

import re
from html import escape, unescape
from html.entities import html5

from lxml import etree

from ...text.words import word_set
from ..document import Block, Document, Unreadable
from ..plain import decode_text
from .tree import parse_html, part_doctype, without_cdata
from .walker import blocks_of, entitle, plain_line

ENTITY = re.compile(r"&(?!#)([\w.:-]+;)?")
DECLARED = re.compile(
    r"""<!ENTITY\s{1,9}([\w.:-]{1,99})\s{1,9}(["'])([^<&%"']{0,999}(?:&#\w{1,8};[^<&%"']{0,999}){0,99})\2"""
)
MOST_ADDED = 10_000_000  # characters that declared entities may add
OWN_ENTITIES = word_set("amp; lt; gt; quot; apos;")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[^<>]*>?", re.S)
WHOLE = 0.95  # share of the letters outside tags that a tree of broken XML has when nothing is lost
EMBEDDED = re.compile(r"</?(?:p|br|div|a|img|b|i|em|strong|span|ul|ol|li|table|h[1-6]|blockquote)\b[^<>]*>", re.I)
UNSEEN_IN_SVG = word_set("script style metadata")


def read_xml(data: bytes, name: str) -> Document:
    """Read the character data of an XML document; HTML inside it, as feeds have it, is read as such.

    An element that begins or ends in the midst of text is part of that text, not a block. An element `title` is a
    heading of the element it stands in.

    RAISES (Unreadable): It is not well-formed.
    """
    root = parse_xml(decode_text(data, declared=True))
    reader = CharacterData(UNSEEN_IN_SVG if local(root) == "svg" else frozenset())
    return Document(entitle(reader.read(root)))


def parse_xml(source: str) -> etree._Element:
    """Parse XML without its document type: entities of HTML and those that it declares as plain text are known, others
    stay as written, a bare & is text.

    What is not well-formed, such as a file that was cut off, is read as far as no text is lost.

    RAISES (Unreadable): Text would be lost, or it is nested more than 2,048 deep.
    """
    declaration, source = part_doctype(source)
    source = FORBIDDEN.sub("", ENTITY.sub(Entities(declaration), without_cdata(source))).strip()
    data = source.encode("utf-8", "replace")
    try:
        return etree.fromstring(data, xml_parser(recover=False))
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            raise Unreadable("Unsupported", "its XML is nested more than 2,048 deep") from None
        root = etree.fromstring(data, xml_parser(recover=True))
        if root is None or letters_in("".join(root.itertext())) < WHOLE * letters_in(unescape(TAG.sub(" ", source))):
            raise Unreadable("Corrupt", f"broken XML: {' '.join(str(error).split())}") from None
        return root


def xml_parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        **{"encoding": "utf-8", "resolve_entities": False, "no_network": True, "huge_tree": True},
        **{"remove_comments": True, "remove_pis": True, "recover": recover},
    )


def letters_in(text: str) -> int:
    return sum(map(len, text.split()))


class Entities:
    """What stands for the entities of a document.

    declaration (str): Its document type. Of the entities in it those that are plain text count, no files and none
        with others inside.
    """

    def __init__(self, declaration: str) -> None:
        self.own = {
            f"{name};": escape(unescape(value), quote=False) for name, _, value in DECLARED.findall(declaration)
        }
        self.left = MOST_ADDED

    def __call__(self, entity: re.Match[str]) -> str:
        """RETURNS (str): Itself if XML knows it, its text, a character, or its name as text."""
        name = entity.group(1) or ""
        if name in OWN_ENTITIES:
            return entity.group()
        if name in self.own and self.left > 0:
            self.left -= len(self.own[name])
            return self.own[name]
        return html5.get(name) or f"&amp;{name}"


def local(element: etree._Element) -> str:
    """RETURNS (str): An element's name without its namespace."""
    name: str = etree.QName(element).localname
    return name


class CharacterData:
    """Collects text until an element ends the block.

    unseen (frozenset[str]): Names of elements without text for people.
    """

    def __init__(self, unseen: frozenset[str]) -> None:
        self.unseen = unseen
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.level: int | None = None  # of the heading that the open block is
        self.inline: list[bool] = []  # of the open elements
        self.titled: list[bool] = []  # likewise: has it a title?
        self.ended = False  # was the last tag the end of a block?

    def read(self, root: etree._Element) -> list[Block]:
        events = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            if event == "start":
                self.start(element)
                if local(element) in self.unseen:
                    events.skip_subtree()
                else:
                    self.add(element.text)
            else:
                self.titled.pop()
                self.ended = not self.inline.pop() or self.ended
                self.add(element.tail if element is not root else None)
        self.flush()
        return self.blocks

    def start(self, element: etree._Element) -> None:
        self.inline.append(not self.ended and any(part.strip() for part in self.parts))
        if not self.inline[-1]:
            self.flush()
            if local(element) == "title" and self.titled:
                self.titled[-1] = True
                self.level = sum(self.titled)
        self.titled.append(False)

    def add(self, text: str | None) -> None:
        if text:
            self.ended = self.ended and not text.strip()
            self.parts.append(text)

    def flush(self) -> None:
        text, level = "".join(self.parts), self.level
        self.parts, self.ended, self.level = [], False, None
        if EMBEDDED.search(text):
            self.blocks += blocks_of(parse_html(text))
        elif text.strip():
            self.blocks.append(Block("heading" if level else "paragraph", plain_line(text), level))
