"""Web pages → their main text, or all of it."""

from __future__ import annotations

from typing import Any

from lxml import etree

from ..document import Document, Unreadable
from ..plain import decode_text
from .main_text import main_pieces
from .tree import parse_html
from .walker import blocks_of, entitle, walk


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
    return Document(entitle([piece.block for piece in main_pieces(root, walk(root))]), page_meta(root))


def whole_page(source: str) -> Document:
    root = parse_page(source)
    return Document(blocks_of(root), page_meta(root))


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
