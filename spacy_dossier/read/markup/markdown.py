"""Markdown → blocks: CommonMark with tables, footnotes, definition lists and front matter, rendered and then read."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from ..document import Block, Document
from ..plain import decode_text
from .tree import parse_html
from .walker import blocks_of

KEYS = ("title", "subtitle", "author", "date", "lang", "language", "description")
FIELD = re.compile(rf"(?m)^({'|'.join(KEYS)}):[ \t]+(\S.*?)[ \t]*$")
SETTING = re.compile(rf"(?m)^({'|'.join(KEYS)})[ \t]*=[ \t]*([\"'])(.+)\2[ \t]*$")
TOML = re.compile(r"\+\+\+[ \t]*\n(.*?\n)\+\+\+[ \t]*(?:\n|\Z)", re.S)
NESTING = 100  # of lists and quotations; markdown-it leaves out what lies deeper, and calls itself for each


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"maxNesting": NESTING}).enable(["table", "strikethrough"])
    return made.use(front_matter_plugin).use(footnote_plugin).use(deflist_plugin)


def read_markdown(data: bytes, name: str) -> Document:
    """Read a Markdown file. Its front matter is no text, but a title in it is the document's.

    RAISES (Unreadable): No encoding fits.
    """
    source = decode_text(data)
    meta = front_matter(source)
    if header := TOML.match(source):
        meta = {key: value for key, _, value in SETTING.findall(header[1])}
        source = source[header.end() :]
    blocks = markdown_blocks(source)
    if "title" in meta and not any(block.kind == "title" for block in blocks):
        blocks.insert(0, Block("title", meta["title"]))
    return Document(blocks, meta)


def markdown_blocks(source: str) -> list[Block]:
    return blocks_of(parse_html(parser().render(source)))


def front_matter(source: str) -> dict[str, Any]:
    """RETURNS (dict): What a YAML header says of the document in single lines; {} without a header."""
    tokens = parser().parse(source.partition("\n---")[0] + "\n---\n") if source.startswith("---") else []
    header = tokens[0].content if tokens and tokens[0].type == "front_matter" else ""
    return {key: value.strip("\"'") for key, value in FIELD.findall(header) if value not in ("|", ">", "|-", ">-")}
