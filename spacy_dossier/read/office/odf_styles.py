"""Styles of OpenDocument files: which paragraphs are titles and captions, and what is hidden."""

from __future__ import annotations

from collections.abc import Iterable

from ..document import Kind
from .package import Element

NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, STYLE, TEXT, TABLE = (f"{{{NAMES}{name}:1.0}}" for name in ("office", "style", "text", "table"))
PRESENTATION = f"{{{NAMES}presentation:1.0}}"
# The names that styles have in files whatever the language of the program.
KINDS: dict[str, Kind] = {
    "Title": "title",
    "Caption": "caption",
    "Quotations": "quotation",
    "Preformatted_20_Text": "code",
}
CONTENTS = "Contents_20_"


class Styles:
    """The styles that a part of a document uses.

    roots (Iterable[Element]): Parents of the styles; the last one that knows a name counts.
    """

    def __init__(self, roots: Iterable[Element]) -> None:
        self.elements = {
            (style.get(STYLE + "family"), style.get(STYLE + "name")): style
            for root in roots
            for style in root.iterchildren(STYLE + "style")
        }

    def chain(self, family: str, name: str | None) -> list[Element]:
        """RETURNS (list[Element]): A style and those that it inherits from."""
        chain: list[Element] = []
        while (style := self.elements.get((family, name))) is not None and style not in chain:
            chain.append(style)
            name = style.get(STYLE + "parent-style-name")
        return chain

    def kind(self, name: str | None) -> tuple[Kind, int | None]:
        """RETURNS (tuple): The kind of a paragraph of this style, and the level of a heading or list item."""
        chain = self.chain("paragraph", name)
        names = [name or "", *(style.get(STYLE + "name", "") for style in chain)]
        for one in names:
            if one in KINDS:
                return KINDS[one], None
            if one.startswith(CONTENTS) and one[len(CONTENTS) :].isdigit():
                return "list_item", int(one[len(CONTENTS) :])
        levels = (style.get(STYLE + "default-outline-level", "") for style in chain)
        level = next((int(level) for level in levels if level.isdigit()), None)
        return ("heading", level) if level else ("paragraph", None)

    def says(self, family: str, name: str | None, properties: str, attribute: str) -> str | None:
        """RETURNS (str | None): An attribute of a style's properties, from the first that has it."""
        for style in self.chain(family, name):
            for found in style.iterchildren(f"{STYLE}{properties}"):
                if attribute in found.attrib:
                    value: str = found.get(attribute)
                    return value
        return None

    def hides(self, family: str, name: str | None) -> bool:
        """RETURNS (bool): Is the text of a style not shown?"""
        return self.says(family, name, "text-properties", TEXT + "display") == "none"
