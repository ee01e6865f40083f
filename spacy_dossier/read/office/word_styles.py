"""Styles of a Word document: which paragraphs are headings, lists, captions, and what is hidden."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..document import Kind
from .package import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# Word's own names of styles, which are the same in all its languages, and those of pandoc.
KINDS: dict[str, Kind] = {
    "title": "title",
    "caption": "caption",
    "table caption": "caption",
    "image caption": "caption",
    "quote": "quotation",
    "intense quote": "quotation",
    "block text": "quotation",
    "html preformatted": "code",
    "source code": "code",
    "macro text": "code",
}
HEADING = re.compile(r"heading ([1-9])")
CONTENTS = re.compile(r"toc ([1-9])")
BODY_LEVEL = 9  # the outline level of text that is no heading


def switched(properties: Element | None, name: str) -> bool | None:
    """RETURNS (bool | None): A property that is on or off; None where it is not given."""
    found = properties.find(W + name) if properties is not None else None
    return None if found is None else found.get(W + "val", "1") not in ("0", "false", "off")


def value(properties: Element | None, path: str) -> str | None:
    """RETURNS (str | None): The value of a property, such as "numPr/numId"."""
    found = properties.find("/".join(W + name for name in path.split("/"))) if properties is not None else None
    return None if found is None else found.get(W + "val")


@dataclass
class Style:
    """What a style says, with what it inherits.

    kind (Kind | None): Of its paragraphs, where its name tells.
    outline (int | None): Outline level from 0.
    contents (int | None): Level from 1 in a table of contents.
    number (str | None): Its list.
    depth (int): How deep in the list, from 0.
    hidden (bool | None): Its text is not shown.
    """

    kind: Kind | None = None
    outline: int | None = None
    contents: int | None = None
    number: str | None = None
    depth: int = 0
    hidden: bool | None = None


class Styles:
    """The styles by id.

    root (Element | None): Of styles.xml.
    """

    def __init__(self, root: Element | None) -> None:
        self.elements = {} if root is None else {e.get(W + "styleId"): e for e in root.iterchildren(W + "style")}
        defaults = (e for e in self.elements.values() if e.get(W + "default") in ("1", "true", "on"))
        self.default = next((e.get(W + "styleId") for e in defaults if e.get(W + "type") == "paragraph"), None)
        self.resolved: dict[str | None, Style] = {None: Style()}

    def get(self, name: str | None) -> Style:
        """RETURNS (Style): The style of an id, with what it inherits; an empty one where it is not known."""
        chain: list[str | None] = []
        while name not in self.resolved and name in self.elements and name not in chain:
            chain.append(name)
            name = value(self.elements[name], "basedOn")
        style = self.resolved.get(name, self.resolved[None])
        for name in reversed(chain):
            style = self.resolved[name] = _derive(self.elements[name], style)
        return style


def _derive(element: Element, parent: Style) -> Style:
    name = (value(element, "name") or "").lower()
    heading, contents = HEADING.fullmatch(name), CONTENTS.fullmatch(name)
    outline = value(element, "pPr/outlineLvl") or (str(int(heading[1]) - 1) if heading else None)
    number, depth = value(element, "pPr/numPr/numId"), value(element, "pPr/numPr/ilvl")
    hidden = switched(element.find(W + "rPr"), "vanish")
    return Style(
        kind=KINDS.get(name, parent.kind),
        outline=int(outline) if outline else parent.outline,
        contents=int(contents[1]) if contents else parent.contents,
        number=number or parent.number,
        depth=int(depth) if depth else parent.depth,
        hidden=parent.hidden if hidden is None else hidden,
    )
