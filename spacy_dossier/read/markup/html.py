"""Web pages → their main text, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from ..document import Document, Unreadable
from ..plain import decode_text
from ..prose import text_blocks
from .main_text import main_pieces
from .tree import parse_html
from .walker import Piece, entitle, walk

PLAIN = 0.9  # share of a page that is `pre` when the page only frames a plain text


def read_html(data: bytes, name: str) -> Document:
    """Read the main text of a web page: no menus, no teasers of other pages, no comments of readers.

    RAISES (Unreadable): There is no text.
    """
    return main_text(decode_text(data, declared=True))


def read_whole_page(data: bytes, name: str) -> Document:
    """Read all that a web page shows. RAISES (Unreadable): There is no text."""
    return whole_page(decode_text(data, declared=True))


def main_text(source: str) -> Document:
    root = parse_page(source)
    return document(root, main_pieces(root, walk(root)))


def whole_page(source: str) -> Document:
    root = parse_page(source)
    return document(root, walk(root))


def document(root: etree._Element, pieces: Sequence[Piece]) -> Document:
    """Make the document of a page. One that is hardly more than `pre` is a plain text in a frame, such as a mail in an
    archive of them: its lines are told apart as those of a text file are."""
    listings = {piece.element: None for piece in pieces if piece.block.kind == "code"}  # in order, each once
    size = sum(len(piece.block.text) for piece in pieces if piece.block.kind == "code")
    if size > PLAIN * sum(len(piece.block.text) for piece in pieces):
        return Document(text_blocks("\n\n".join("".join(pre.itertext()) for pre in listings)), page_meta(root))
    return Document(entitle([piece.block for piece in pieces]), page_meta(root))


def parse_page(source: str) -> etree._Element:
    root = parse_html(source)
    if root is None:
        raise Unreadable("NoText", "no text found in it")
    return root


def page_meta(root: etree._Element) -> dict[str, Any]:
    title = page_title(root)
    return {"title": title} if title else {}


def page_title(root: etree._Element) -> str:
    """RETURNS (str): What the head of a page says that it is called."""
    element = root.find("head/title")
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
