"""HTML source → a tree, whatever its author left out."""

from __future__ import annotations

import re
from typing import Any

import lxml.html
from lxml import etree

ROOT = re.compile(r"<[A-Za-z_:]")
DOCTYPE_END = re.compile(r"\]\s*>")
DEPTH = 400  # of a tree that is cut; real pages stay below 100, and libxml2 stops at 2,048


class ShallowBuilder:
    """Builds a tree whose elements beyond a depth lie in the last one above it: no text is lost."""

    def __init__(self) -> None:
        self.builder = etree.TreeBuilder(element_factory=lxml.html.html_parser.makeelement)
        self.depth = 0

    def start(self, tag: str, attributes: Any) -> None:
        self.depth += 1
        if self.depth <= DEPTH:
            self.builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        if self.depth <= DEPTH:
            self.builder.end(tag)
        self.depth -= 1

    def data(self, text: str) -> None:
        self.builder.data(text)

    def close(self) -> etree._Element:
        return self.builder.close()


def parse_html(source: str) -> etree._Element | None:
    """Parse a page, whole or not, well-formed or not, XHTML too, in time proportional to its length.

    Its document type is left out: an HTML parser ends it at the first >, and takes declarations in it for text.

    RETURNS (etree._Element | None): Its root; None where there is neither text nor element.
    """
    _, source = part_doctype(source)
    data = without_cdata(source).encode("utf-8", "replace")
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root: etree._Element = lxml.html.document_fromstring(data, parser=parser)
    except etree.ParserError:  # how it says that a document is empty
        return None
    if any(error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log):
        return etree.fromstring(data, etree.HTMLParser(encoding="utf-8", huge_tree=True, target=ShallowBuilder()))
    out_of_head(root)
    return root


def out_of_head(root: etree._Element) -> None:
    """Begin the body where a page that leaves out its tag begins it.

    libxml2 ends the head before elements of HTML 4 only, and would keep <article> and all in it there.
    """
    head = root.find("head")
    if head is None:
        return
    first = next((place for place, child in enumerate(head) if child.tag not in OF_HEAD), len(head))
    if first < len(head):
        body = root.find("body")
        if body is None:
            body = etree.SubElement(root, "body")
        shown = head[first:]
        body[:0] = shown
        if body.text and body.text.strip():
            shown[-1].tail = (shown[-1].tail or "") + body.text
            body.text = None


OF_HEAD = {"title", "meta", "link", "base", "style", "script", "noscript", "template", "object", "bgsound"}


def without_cdata(source: str) -> str:
    """RETURNS (str): XHTML whose CDATA sections are escaped text, for they mean nothing to an HTML parser."""
    first, *sections = source.split("<![CDATA[")
    if not sections:
        return source
    parts = [first]
    for section in sections:
        text, end, rest = section.partition("]]>")
        parts += [text.replace("&", "&amp;").replace("<", "&lt;"), rest] if end else ["<![CDATA[", section]
    return "".join(parts)


def part_doctype(source: str) -> tuple[str, str]:
    """RETURNS (tuple): The declarations of types and entities, which no parser is to see, and the XML without them."""
    head, mark, rest = source.partition("<!DOCTYPE")
    if not mark or ROOT.search(head):
        return "", source
    declaration, end, body = rest.partition(">")
    if "[" in declaration:
        found = DOCTYPE_END.search(rest)
        end, body = (found.group(), rest[found.end() :]) if found else ("", "")
    return (rest[: len(rest) - len(body)], head + body) if end else ("", source)
