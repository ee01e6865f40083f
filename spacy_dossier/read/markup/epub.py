"""EPUB books → blocks of their chapters, in the order of reading."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from ..document import Block, Document, Unreadable
from ..office.package import Package
from ..plain import decode_text
from .tree import parse_html
from .walker import Piece, walk

CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
# Algorithms that scramble fonts only
FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "")
META = {"title": "title", "creator": "author", "language": "language", "date": "date", "publisher": "publisher"}


def read_epub(data: bytes, name: str) -> Document:
    """Read a book: its spine, without its table of contents.

    RAISES (Unreadable): No book, encrypted, or none of its chapters is there.
    """
    package = Package(data)
    if is_encrypted(package):
        raise Unreadable("PasswordProtected", "the book is encrypted (DRM)")
    place = package_place(package)
    root = package.xml(place)
    blocks: list[Block] = []
    missing = []
    for part, is_contents in chapters(root, posixpath.dirname(place)):
        if part not in package:
            missing.append(part)
            continue
        pieces = chapter_pieces(package.read(part))
        if not (is_contents and 2 * sum(piece.linked for piece in pieces) > size(pieces)):
            blocks += [piece.block for piece in pieces]
    if missing and not blocks:
        raise Unreadable("Corrupt", f"its part {missing[0]} is missing")
    meta: dict[str, Any] = book_meta(root)
    return Document(blocks, {**meta, "missing": missing} if missing else meta)


def is_encrypted(package: Package) -> bool:
    if ENCRYPTION not in package:
        return False
    methods = package.xml(ENCRYPTION).iter("{*}EncryptionMethod")
    return any(method.get("Algorithm") not in FONT_SCRAMBLING for method in methods)


def package_place(package: Package) -> str:
    """RETURNS (str): The part that lists the book's files. RAISES (Unreadable): There is none."""
    if CONTAINER in package:
        for entry in package.xml(CONTAINER).iter("{*}rootfile"):
            path = entry.get("full-path", "")
            place = next((p.lstrip("/") for p in (path, unquote(path)) if p.lstrip("/") in package), None)
            if place:
                return place
    for name in package.names:
        if name.endswith(".opf"):
            return name
    raise Unreadable("Corrupt", "the book names no package file (.opf)")


def chapters(root: etree._Element, folder: str) -> Iterator[tuple[str, bool]]:
    """RETURNS (Iterator[tuple[str, bool]]): Names of the parts with text, each once, in the order of the spine, and
    whether the package calls it a table of contents, which in small books may be all there is."""
    contents = {
        place(folder, entry.get("href", "")) for entry in root.iter("{*}reference") if entry.get("type") == "toc"
    }
    items = {item.get("id"): item for item in root.iter("{*}item")}
    spine = [items[entry.get("idref")] for entry in root.iter("{*}itemref") if entry.get("idref") in items]
    seen = set()
    for item in spine or items.values():
        part = place(folder, item.get("href", ""))
        if part not in seen and item.get("media-type", "") in PAGES:
            seen.add(part)
            yield part, part in contents or "nav" in item.get("properties", "").split()


def place(folder: str, href: str) -> str:
    """RETURNS (str): The part that a reference leads to."""
    path = unquote(href.partition("#")[0]).replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")


def chapter_pieces(data: bytes) -> list[Piece]:
    root = parse_html(decode_text(data, declared=True)) if data.strip() else None
    return [] if root is None else walk(root)


def size(pieces: Iterable[Piece]) -> int:
    """RETURNS (int): Characters, white space left out."""
    return sum(len(word) for piece in pieces for word in piece.block.text.split())


def book_meta(root: etree._Element) -> dict[str, str]:
    """RETURNS (dict[str, str]): What the package says of the book."""
    meta: dict[str, str] = {}
    for element in root.iter("{http://purl.org/dc/elements/1.1/}*"):
        key = META.get(etree.QName(element).localname)
        value = " ".join((element.text or "").split())
        if key and value:
            meta.setdefault(key, value)
    return meta
