"""Presentations (.pptx, .pptm, .ppsx, .potx): what the show shows, each slide a page, then its notes.

Slides keep the numbers that PowerPoint gives them; hidden slides have a number and are not read. Left out: hidden
shapes, comments, what stands on every slide by its design, alternative texts of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..document import Block, Document
from .drawing import DGM, MC, A, C, chart_blocks, diagram_blocks, paragraph_text
from .layout import Shape, make_table, one_cell, reading_order
from .package import Element, Package

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
TITLES = ("title", "ctrTitle")
EDGES = ("ftr", "dt", "sldNum", "hdr")  # header, footer, date and number
LISTS = ("body", "obj")  # placeholders whose paragraphs are items of a list where nothing else is said
BULLETS = (A + "buChar", A + "buAutoNum", A + "buBlip")


def read_pptx(data: bytes, name: str) -> Document:
    """Read a presentation. RAISES (Unreadable): Encrypted, broken or too large."""
    package = Package(data)
    relations = package.relations(package.main)
    blocks: list[Block] = []
    for number, entry in enumerate(package.xml(package.main).iterfind(f"{P}sldIdLst/{P}sldId"), start=1):
        relation = relations.get(entry.get(R + "id", ""))
        if relation is None or relation.part not in package:
            continue
        for block in Slide(package, relation.part).blocks():
            block.pages = [(0, number)]
            blocks.append(block)
    return Document(blocks)


def children(element: Element) -> Iterator[Element]:
    """YIELDS (Element): The children, the first of two alternatives."""
    for child in element.iterchildren("*"):
        if child.tag != MC + "AlternateContent":
            yield child
            continue
        chosen = child.find(MC + "Choice")
        chosen = child.find(MC + "Fallback") if chosen is None else chosen
        if chosen is not None:
            yield from children(chosen)


def placeholder(shape: Element) -> Element | None:
    """RETURNS (Element | None): What says which placeholder of the layout a shape fills."""
    return shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")


class Slide:
    """A slide, its layout and the master of that, from which it inherits."""

    def __init__(self, package: Package, part: str) -> None:
        self.package = package
        self.part = part
        self.root = package.xml(part)
        self.models: list[Element] = []  # the layout, then the master
        for kind in ("slideLayout", "slideMaster"):
            model = package.related(part, kind)
            if model is None:
                break
            part = model
            self.models.append(package.xml(part))

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): The title, the other shapes as they stand, the notes; none of a hidden slide."""
        tree = self.root.find(f"{P}cSld/{P}spTree")
        if tree is None or self.root.get("show") in ("0", "false"):
            return []
        shapes = list(self._shapes(tree))
        titles = [block for shape in shapes for block in shape.blocks if block.kind == "heading"]
        others = [block for block in reading_order(shapes) if block.kind != "heading"]
        return [block for block in (*titles, *others, *self._notes()) if block.text]

    def _notes(self) -> list[Block]:
        part = self.package.related(self.part, "notesSlide")
        if part is None:
            return []
        shapes = self.package.xml(part).iter(P + "sp")
        bodies = (shape for shape in shapes if (ph := placeholder(shape)) is not None and ph.get("type") == "body")
        return [Block("paragraph", paragraph_text(p)) for body in bodies for p in body.iterfind(f"{P}txBody/{A}p")]

    def _shapes(self, tree: Element) -> Iterator[Shape]:
        """YIELDS (Shape): What stands on the slide, groups as one."""
        for element in children(tree):
            about = element.find(f"*/{P}cNvPr")
            if about is not None and about.get("hidden") in ("1", "true"):
                continue
            if element.tag == P + "grpSp":
                blocks = reading_order(self._shapes(element))
            elif element.tag == P + "sp":
                blocks = self._texts(element)
            elif element.tag == P + "graphicFrame":
                blocks = self._graphic(element)
            else:
                continue
            yield self._placed(element, blocks)

    def _placed(self, element: Element, blocks: list[Block]) -> Shape:
        for shape in (element, *self._inherited(element)):
            for frame in (*shape.iterfind(f"{P}xfrm"), *shape.iterfind(f"*/{A}xfrm")):
                offset, size = frame.find(A + "off"), frame.find(A + "ext")
                if offset is not None and size is not None:
                    return Shape(blocks, float(offset.get("y", 0)), float(offset.get("x", 0)), float(size.get("cy", 0)))
        return Shape(blocks)

    def _inherited(self, shape: Element) -> Iterator[Element]:
        """YIELDS (Element): The shape of the layout, by number, and of the master, by type, that this one fills."""
        wanted = placeholder(shape)
        for model, key, default in zip(self.models, ("idx", "type"), ("0", "body"), strict=False):
            for candidate in model.iterfind(f"{P}cSld/{P}spTree/{P}sp") if wanted is not None else ():
                found = placeholder(candidate)
                if found is not None and wanted is not None and found.get(key, default) == wanted.get(key, default):
                    wanted = found
                    yield candidate
                    break

    def _texts(self, shape: Element) -> list[Block]:
        """RETURNS (list[Block]): A title, the paragraphs or list items of a shape, or the footer."""
        own = placeholder(shape)
        kind = own.get("type", "obj") if own is not None else ""
        paragraphs = shape.findall(f"{P}txBody/{A}p")
        if kind in TITLES:
            return [Block("heading", "\n".join(filter(None, map(paragraph_text, paragraphs))), 1)]
        styles = [shape, *self._inherited(shape)]
        blocks = []
        for paragraph in paragraphs:
            properties = paragraph.find(A + "pPr")
            level = int(properties.get("lvl", 0)) if properties is not None else 0
            if kind in EDGES:
                blocks.append(Block("page_header" if kind == "hdr" else "page_footer", paragraph_text(paragraph)))
            elif _has_bullet(properties, styles, level, kind in LISTS):
                blocks.append(Block("list_item", paragraph_text(paragraph), level + 1))
            else:
                blocks.append(Block("paragraph", paragraph_text(paragraph)))
        return blocks

    def _graphic(self, frame: Element) -> list[Block]:
        """RETURNS (list[Block]): A table, a diagram or a chart."""
        relations = self.package.relations(self.part)
        for element in frame.iter(A + "tbl", DGM + "relIds", C + "chart"):
            if element.tag == A + "tbl":
                return [make_table(_cells(row) for row in element.iterchildren(A + "tr"))]
            relation: Any = relations.get(element.get(R + "dm") or element.get(R + "id", ""))
            if relation and relation.part in self.package:
                root = self.package.xml(relation.part)
                return chart_blocks(root) if element.tag == C + "chart" else diagram_blocks(root)
        return []


def _has_bullet(properties: Element | None, styles: list[Element], level: int, default: bool) -> bool:
    """RETURNS (bool): Is a paragraph an item of a list: by itself, its shape or what that inherits?"""
    inherited = (shape.find(f"{P}txBody/{A}lstStyle/{A}lvl{level + 1}pPr") for shape in styles)
    for found in (properties, *inherited):
        if found is None:
            continue
        if found.find(A + "buNone") is not None:
            return False
        if any(found.find(bullet) is not None for bullet in BULLETS):
            return True
    return default


def _cells(row: Element) -> list[str]:
    """RETURNS (list[str]): The cells of a row; those that a merged one covers are empty."""
    texts = []
    for cell in row.iterchildren(A + "tc"):
        covered = any(cell.get(name) in ("1", "true") for name in ("hMerge", "vMerge"))
        texts.append("" if covered else one_cell(paragraph_text(p) for p in cell.iterfind(f"{A}txBody/{A}p")))
    return texts
