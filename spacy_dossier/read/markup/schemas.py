"""XML of books → blocks: FictionBook and DocBook, whose elements are those of HTML under other names; OPML."""

from __future__ import annotations

from lxml import etree

from ...text.words import word_set
from ..document import Block, Document
from ..plain import decode_text
from .walker import blocks_of, plain_line
from .xml import local, parse_xml

# HTML elements by what other schemas call them. What is in no table is part of the text it stands in.
FICTION_BOOK = {
    **dict.fromkeys(("body", "section", "poem", "stanza"), "div"),
    **dict.fromkeys(("p", "subtitle", "text-author", "date"), "p"),
    **dict.fromkeys(("cite", "epigraph", "annotation"), "blockquote"),
    **dict.fromkeys(("description", "binary", "stylesheet", "image"), "template"),
    **{name: name for name in ("table", "tr", "td", "th", "code")},
    "empty-line": "hr",
}
DOC_BOOK = {
    **dict.fromkeys(("para", "simpara", "formalpara", "attribution", "remark", "author", "date", "copyright"), "p"),
    **dict.fromkeys(("itemizedlist", "orderedlist", "simplelist", "procedure", "substeps", "calloutlist"), "ul"),
    **dict.fromkeys(("listitem", "step", "member", "callout"), "li"),
    **dict.fromkeys(("programlisting", "screen", "literallayout", "synopsis", "address"), "pre"),
    **dict.fromkeys(("blockquote", "epigraph"), "blockquote"),
    **dict.fromkeys(("table", "informaltable"), "table"),
    **dict.fromkeys(("book", "article", "part", "chapter", "appendix", "preface", "section", "figure"), "div"),
    **dict.fromkeys(("sect1", "sect2", "sect3", "sect4", "sect5", "info", "articleinfo", "bookinfo"), "div"),
    **dict.fromkeys(("note", "tip", "warning", "caution", "important", "sidebar", "example", "abstract"), "div"),
    **dict.fromkeys(("bibliography", "glossary", "bibliomixed", "biblioentry", "glossentry", "varlistentry"), "div"),
    **dict.fromkeys(("colspec", "imagedata", "videodata", "audiodata", "indexterm", "textobject"), "template"),
    **{"row": "tr", "entry": "td", "variablelist": "dl", "term": "dt", "caption": "figcaption", "subtitle": "p"},
    **{"tgroup": "tbody", "thead": "thead", "tbody": "tbody", "tfoot": "tfoot"},
}
DOC_BOOK_SECTIONS = word_set(
    "section book article part chapter appendix preface sect1 sect2 sect3 sect4 sect5 bibliography glossary"
)
CAPTIONED = word_set("figure table example informaltable")
NOTES = word_set("notes footnotes comments")
SPANS = ("colspan", "rowspan")


def read_fiction_book(data: bytes, name: str) -> Document:
    """Read a FictionBook; its notes are footnotes. RAISES (Unreadable): It is not well-formed."""
    root = parse_xml(decode_text(data, declared=True))
    title = root.find("{*}description/{*}title-info/{*}book-title")
    meta = {"title": plain_line(title.text)} if title is not None and title.text else {}
    for element, tag, level, above in outline(root, word_set("body section")):
        if tag == "title" and not is_note(element):
            become(element, f"h{min(level, 6)}")
        elif above == "title":
            become(element, "span")
            element.tail = " "  # its lines are one heading
        elif tag == "v":
            become(element, "span")
            element.addnext(etree.Element("br"))
        elif tag == "a" and element.get("type") == "note":
            become(element, "a", role="doc-noteref")
        elif tag == "body" and element.get("name") in NOTES:
            become(element, "section", role="doc-endnotes")
        else:
            become(element, "template" if tag == "title" else FICTION_BOOK.get(tag, "span"))
    return Document(blocks_of(root), meta)


def is_note(element: etree._Element) -> bool:
    return any(above.get("role") == "doc-endnotes" for above in element.iterancestors("section"))


def read_doc_book(data: bytes, name: str) -> Document:
    """Read DocBook 4 or 5; a footnote follows its paragraph. RAISES (Unreadable): It is not well-formed."""
    root = parse_xml(decode_text(data, declared=True))
    notes = list(root.iter("{*}footnote"))
    for element, tag, level, above in outline(root, DOC_BOOK_SECTIONS):
        if tag == "title":
            caption = "caption" if above == "table" else "figcaption"
            become(element, caption if above in CAPTIONED else f"h{min(level, 6) or 1}")
        elif tag == "footnote":
            become(element, "aside", role="doc-footnote")
        else:
            become(element, DOC_BOOK.get(tag, "span"))
    for note in reversed(notes):
        put_after_paragraph(note)
    return Document(blocks_of(root))


def outline(root: etree._Element, sections: frozenset[str]) -> list[tuple[etree._Element, str, int, str]]:
    """RETURNS (list): Each element, its name without namespace, how many sections it stands in, and its parent's."""
    found = []
    level = 0
    names = [""]
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local(element)
        level += (name in sections) * (1 if event == "start" else -1)
        if event == "start":
            found.append((element, name, level, names[-1]))
            names.append(name)
        else:
            names.pop()
    return found


def become(element: etree._Element, tag: str, *, role: str | None = None) -> None:
    """Make an element one of HTML."""
    spans = {name: element.get(name) for name in SPANS if element.get(name)}
    element.tag = tag
    element.attrib.clear()
    element.attrib.update(spans)
    if role:
        element.set("role", role)


def put_after_paragraph(note: etree._Element) -> None:
    """Move a note out of the sentence that it stands in."""
    paragraph = next(note.iterancestors("p", "td", "li"), None)
    if paragraph is None:
        return
    before, parent = note.getprevious(), note.getparent()
    if before is not None:
        before.tail = (before.tail or "") + (note.tail or "")
    else:
        parent.text = (parent.text or "") + (note.tail or "")
    note.tail = None
    if paragraph.tag == "p":
        paragraph.addnext(note)
    else:
        paragraph.append(note)


def read_opml(data: bytes, name: str) -> Document:
    """Read an outline: its title, and its entries as a list. RAISES (Unreadable): It is not well-formed."""
    root = parse_xml(decode_text(data, declared=True))
    blocks = [Block("title", plain_line(title)) for title in (root.findtext("{*}head/{*}title"),) if title]
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end"), tag="{*}outline"):
        depth += 1 if event == "start" else -1
        text = plain_line(element.get("text") or element.get("title") or "")
        if event == "start" and text:
            blocks.append(Block("list_item", text, depth))
    return Document(blocks)
