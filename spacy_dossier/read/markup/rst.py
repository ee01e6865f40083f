"""reStructuredText → blocks. docutils parses, without reading other files.

Roles and directives of Sphinx, which most files use, are known by what they show of their text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from docutils import core, nodes
from docutils.parsers.rst import Directive, directives, roles

from ...text.words import word_set
from ..document import Block, Document, Kind, Unreadable
from ..plain import decode_text
from .walker import code_blocks, plain_line

SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,  # it prints what it finds wrong otherwise
    "halt_level": 6,
    "warning_stream": io.StringIO(),
    "doctitle_xform": True,
    "_disable_config": True,
    "line_length_limit": 1_000_000_000,
    "smart_quotes": False,
}
UNSEEN = (
    nodes.comment,
    nodes.substitution_definition,
    nodes.target,
    nodes.system_message,
    nodes.raw,
    nodes.pending,
    nodes.meta,
    nodes.label,
    nodes.footnote_reference,
    nodes.image,
)
LITERAL = (nodes.literal_block, nodes.doctest_block, nodes.math_block)
# What their paragraphs are
CONTAINERS: tuple[tuple[type[nodes.Node], Kind], ...] = (
    (nodes.list_item, "list_item"),
    (nodes.definition_list_item, "list_item"),
    (nodes.field, "list_item"),
    (nodes.option_list_item, "list_item"),
    (nodes.block_quote, "quotation"),
    (nodes.footnote, "footnote"),
    (nodes.citation, "footnote"),
)
LISTS = (nodes.bullet_list, nodes.enumerated_list, nodes.definition_list, nodes.field_list, nodes.option_list)

ROLES = word_set(
    """ref doc term any numref option envvar token keyword menuselection guilabel kbd file samp program command eq cite
    download class func meth attr mod obj exc data const py:class py:func py:meth py:attr py:mod py:obj py:exc py:data
    py:const c:func c:type c:macro c:member c:data cpp:class cpp:func js:func issue pull user confval setting"""
)
PASSAGES = word_set(
    """versionadded versionchanged deprecated seealso only centered glossary hlist function class method attribute
    module exception data staticmethod classmethod py:function py:class py:method py:attribute py:module py:exception
    py:data c:function c:type c:macro option program describe object confval tab tabs card grid grid-item dropdown"""
)
SILENT = word_set(
    """toctree index currentmodule py:currentmodule highlight automodule autoclass autofunction automethod autosummary
    autoexception autodata literalinclude graphviz digraph tabularcolumns codeauthor sectionauthor"""
)
EXPLICIT = re.compile(r"(.+?)\s*<[^<>]*>\Z", re.S)  # `text <target>`


class Passage(Directive):
    """A directive whose argument and content are text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: Any = type("AnyOption", (dict,), {"__missing__": lambda self, key: directives.unchanged})()

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = [nodes.paragraph("", text) for text in self.arguments]
        holder = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, holder)
        return [*found, *holder.children]


class Silent(Passage):
    """A directive that shows nothing of its own."""

    def run(self) -> list[nodes.Node]:
        return []


def shown(role: str, raw: str, text: str, *_: Any, **__: Any) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """A role of docutils' kind: its text, without the target."""
    explicit = EXPLICIT.match(text)
    return [nodes.inline(raw, explicit.group(1) if explicit else text.lstrip("~!"))], []


@lru_cache(maxsize=1)
def register_sphinx() -> None:
    for name in ROLES:
        roles.register_local_role(name, shown)
    for names, directive in ((PASSAGES, Passage), (SILENT, Silent)):
        for name in names:
            directives.register_directive(name, directive)


def read_rst(data: bytes, name: str) -> Document:
    """Read a reStructuredText file. Directives that are not known stay as they are written.

    RAISES (Unreadable): No encoding fits, or elements nested without end.
    """
    source = decode_text(data)
    register_sphinx()
    try:
        tree = core.publish_doctree(source, settings_overrides=SETTINGS)
        return Document(list(blocks_in(tree, "paragraph", 1, 0)))
    except RecursionError:
        raise Unreadable("Unsupported", "its elements are nested too deep") from None


def blocks_in(node: nodes.Node, kind: Kind, level: int, depth: int) -> Iterator[Block]:
    """Walk the parts of a node.

    kind (Kind): Of the paragraphs in it.
    level (int): Of the headings in it.
    depth (int): How many lists it stands in.
    """
    for child in node.children:
        if isinstance(child, UNSEEN):
            if isinstance(child, nodes.system_message):
                yield from unknown(child)
        elif isinstance(child, nodes.title | nodes.subtitle):
            document = isinstance(node, nodes.document)
            titled = document and isinstance(child, nodes.title)
            yield Block("title" if titled else "heading", line(child), None if titled else level)
        elif isinstance(child, LITERAL):
            yield from code_blocks(child.astext())
        elif isinstance(child, nodes.line_block):
            yield from [Block(kind, text) for text in ["\n".join(verses(child))] if text]
        elif isinstance(child, nodes.table):
            yield from table(child)
        elif isinstance(child, nodes.caption):
            yield Block("caption", line(child))
        elif isinstance(child, nodes.TextElement):
            text = line(child)
            if text:
                yield Block(kind, text, depth if kind == "list_item" else None)
        else:
            inner = next((own for container, own in CONTAINERS if isinstance(child, container)), kind)
            section = isinstance(child, nodes.section)
            deeper = level + (section and not isinstance(node, nodes.document))
            yield from blocks_in(child, inner, deeper, depth + isinstance(child, LISTS))


def unknown(message: nodes.system_message) -> Iterator[Block]:
    """RETURNS (Iterator[Block]): The source that docutils could not read, as it stands."""
    for literal in message.findall(nodes.literal_block):
        yield from code_blocks(literal.astext())


def line(node: nodes.Node) -> str:
    """RETURNS (str): Text of inline elements, without marks of notes."""
    parts = []
    for text in node.findall(nodes.Text):
        if not isinstance(text.parent, UNSEEN):
            parts.append(text.astext())
    return plain_line("".join(parts))


def verses(block: nodes.line_block) -> Iterator[str]:
    for child in block.children:
        if isinstance(child, nodes.line_block):
            yield from verses(child)
        elif text := line(child):
            yield text


def table(node: nodes.table) -> Iterator[Block]:
    """RETURNS (Iterator[Block]): The caption of a table, and its rows."""
    for title in node.findall(nodes.title):
        yield Block("caption", line(title))
    rows = [
        [" ".join(block.text.replace("\n", " ") for block in blocks_in(entry, "paragraph", 1, 0)) for entry in row]
        for row in node.findall(nodes.row)
    ]
    text = "\n".join("\t".join(row).rstrip() for row in rows if any(row)).strip()
    if text:
        yield Block("table", text)
