"""OpenDocument texts, spreadsheets, presentations and drawings (.odt, .ods, .odp, .odg, .fodt): what is shown of them.

Values of cells are those that the file holds as text. Left out: deleted and hidden text, comments, readings above a
word (ruby), the numbers of lists and headings, alternative texts and contents of pictures, hidden slides and sheets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree

from ..document import Block, Document, Unreadable
from .layout import Shape, arrange, join_code, reading_order, tidy
from .odf_styles import NAMES, OFFICE, PRESENTATION, STYLE, TABLE, TEXT, Styles
from .package import Element, Package, parse_xml
from .sheet import Sheet
from .symbols import translate

DRAW, SVG, CHART = (f"{{{NAMES}{name}:1.0}}" for name in ("drawing", "svg-compatible", "chart"))
MATH = "{http://www.w3.org/1998/Math/MathML}"
FAMILY = f"{{{NAMES}xsl-fo-compatible:1.0}}font-family"
PRIVATE_CODE = re.compile("[\uf000-\uf0ff]")  # of the symbol fonts
HREF = "{http://www.w3.org/1999/xlink}href"
# White space that an element stands for; the file's own runs of white space are one blank each.
SPACE, TAB, BREAK = "\0", "\1", "\2"
KEPT = str.maketrans({SPACE: " ", TAB: "\t", BREAK: "\n"})
WHITE = re.compile(r"[ \t\r\n]+")
UNITS = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}
LENGTH = re.compile(r"(-?[\d.]+)(cm|mm|in|pt|pc|px)")
MAX_CELLS = 1_000_000  # of a sheet, with those that stand for many
MAX_COLUMNS = 100  # of a table in a text that one cell stands for
MAX_SPACES = 100  # that one element stands for
GONE = frozenset(
    {TEXT + name for name in ("note-citation", "ruby-text", "tracked-changes", "number", "script")}
    | {OFFICE + name for name in ("annotation", "forms", "event-listeners")}
    | {SVG + "title", SVG + "desc"}
)
GROUPS = frozenset(
    {TEXT + name for name in ("index-body", "index-title", "table-of-content", "alphabetical-index", "bibliography")}
    | {
        TEXT + name
        for name in ("illustration-index", "object-index", "table-index", "user-index", "numbered-paragraph")
    }
)
ROW_GROUPS = tuple(TABLE + name for name in ("table-header-rows", "table-rows", "table-row-group"))
EDGE_CLASSES = ("header", "footer", "date-time", "page-number")


def read_odf(data: bytes, name: str) -> Document:
    """Read an OpenDocument file. RAISES (Unreadable): Encrypted, broken, too large, or of another kind."""
    if not data.startswith(b"PK"):
        root = parse_xml(data)
        return Document(OpenDocument(root, root, None).blocks())
    package = Package(data)
    if "META-INF/manifest.xml" in package and b"encryption-data" in package.read("META-INF/manifest.xml"):
        raise Unreadable("PasswordProtected", "the document is protected by a password")
    styles = package.xml("styles.xml") if "styles.xml" in package else None
    return Document(OpenDocument(package.xml("content.xml"), styles, package).blocks())


class OpenDocument:
    """A document.

    content, styles (Element): Roots of content.xml and styles.xml; the same for a flat file.
    package (Package | None): Where the objects inside it are.
    """

    def __init__(self, content: Element, styles: Element | None, package: Package | None) -> None:
        self.content = content
        self.styles = styles
        self.package = package
        common = self._parts(styles, "styles") if styles is not None else []
        self.used = Styles([*common, *self._parts(content, "automatic-styles")])
        self.of_pages = Styles([*common, *self._parts(styles, "automatic-styles")]) if styles is not None else self.used

    @staticmethod
    def _parts(root: Element, name: str) -> list[Element]:
        return list(root.iterchildren(OFFICE + name))

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): Page headers, the text with its footnotes, endnotes, page footers."""
        body = next((part for found in self._parts(self.content, "body") for part in found.iterchildren("*")), None)
        kind = etree.QName(body).localname if body is not None else "nothing"
        walker = Walker(self, self.used)
        if body is not None and kind == "text":
            found = [*walker.blocks(body), *walker.endnotes]
        elif body is not None and kind == "spreadsheet":
            found = list(walker.sheets(body))
        elif body is not None and kind in ("presentation", "drawing"):
            return list(walker.slides(body))
        else:
            raise Unreadable("Unsupported", f"an OpenDocument file of {kind}, which is no text")
        return [*self._edges("header"), *found, *self._edges("footer")]

    def _edges(self, kind: str) -> list[Block]:
        """RETURNS (list[Block]): Headers or footers of the page styles that are used, each text once."""
        if self.styles is None:
            return []
        used = {"Standard", "Default"} | {
            value for e in self.content.iter(STYLE + "style") if (value := e.get(STYLE + "master-page-name"))
        }
        pages = self.styles.findall(f"{OFFICE}master-styles/{STYLE}master-page")
        following = {page.get(STYLE + "next-style-name") for page in pages if page.get(STYLE + "name") in used}
        found: dict[str, Block] = {}
        for page in pages:
            for suffix in ("", "-first", "-left") if page.get(STYLE + "name") in used | following else ():
                for edge in page.iterchildren(f"{STYLE}{kind}{suffix}"):
                    if edge.get(STYLE + "display") != "false":
                        for block in Walker(self, self.of_pages).blocks(edge):
                            found.setdefault(block.text, block)
        for block in found.values():
            block.kind, block.level = "page_header" if kind == "header" else "page_footer", None
        return list(found.values())


class Walker:
    """Walks elements.

    styles (Styles): Those that the elements use.
    """

    def __init__(self, document: OpenDocument, styles: Styles) -> None:
        self.document = document
        self.styles = styles
        self.endnotes: list[Block] = []

    def blocks(self, container: Element, depth: int = 0) -> list[Block]:
        """RETURNS (list[Block]): All of a container. depth (int): Of the list it is an item of."""
        found: list[Block] = []
        for child in container.iterchildren("*"):
            tag = child.tag
            if tag in (TEXT + "p", TEXT + "h"):
                found += self._paragraph(child, depth)
            elif tag == TEXT + "list":
                for item in child.iterchildren(TEXT + "list-item", TEXT + "list-header"):
                    found += self.blocks(item, depth + 1)
            elif tag == TABLE + "table":
                found += self._table(child)
            elif tag == TEXT + "section":
                if child.get(TEXT + "display") != "none" and child.get(TEXT + "is-hidden") != "true":
                    found += self.blocks(child, depth)
            elif tag in GROUPS or tag.startswith(STYLE + "region-"):
                found += self.blocks(child, depth)
            elif tag.startswith(DRAW):
                found += self._drawn(child)
        return join_code(block for block in found if block.text)

    def _paragraph(self, paragraph: Element, depth: int) -> list[Block]:
        """RETURNS (list[Block]): A paragraph or heading, then its notes and boxes."""
        name = paragraph.get(TEXT + "style-name")
        hidden = any(mark.get(TEXT + "is-hidden") == "true" for mark in paragraph.iter(TEXT + "hidden-paragraph"))
        if hidden or self.styles.hides("paragraph", name):
            return []
        after: list[Block] = []
        text = WHITE.sub(" ", "".join(self._inline(paragraph, after))).strip(" ").translate(KEPT)
        kind, level = self.styles.kind(name)
        if paragraph.tag == TEXT + "h":
            outline = paragraph.get(TEXT + "outline-level", "1")
            kind, level = "heading", int(outline) if outline.isdigit() else 1
        elif kind == "paragraph" and depth:
            kind, level = "list_item", depth
        return [Block(kind, tidy(text), level), *after]

    def _inline(self, element: Element, after: list[Block]) -> Iterator[str]:
        """YIELDS (str): Pieces of text; notes, boxes and objects go to `after`."""
        yield self._letters(element.text, element)
        for child in element.iterchildren("*"):
            tag = child.tag
            if tag == TEXT + "s":
                count = child.get(TEXT + "c", "1")
                yield SPACE * min(int(count) if count.isdigit() else 1, MAX_SPACES)
            elif tag in (TEXT + "tab", TEXT + "line-break"):
                yield TAB if tag == TEXT + "tab" else BREAK
            elif tag == TEXT + "note":
                self._note(child, after)
            elif tag.startswith(DRAW) and tag != DRAW + "a":
                root = self._object(child)
                if root is not None and root.tag == MATH + "math":
                    yield _formula(root)
                else:
                    after += self._drawn(child)
            elif tag not in GONE and not self._is_hidden(child):
                yield from self._inline(child, after)
            yield self._letters(child.tail, element)

    def _letters(self, text: str | None, element: Element) -> str:
        """RETURNS (str): Text as letters where it is in the codes of a symbol font."""
        if not text or not PRIVATE_CODE.search(text):
            return text or ""
        family = "paragraph" if element.tag in (TEXT + "p", TEXT + "h") else "text"
        name = element.get(TEXT + "style-name")
        fonts = (self.styles.says(family, name, "text-properties", key) for key in (STYLE + "font-name", FAMILY))
        return translate(text, next((font.strip("'") for font in fonts if font), None))

    def _is_hidden(self, element: Element) -> bool:
        if element.tag == TEXT + "hidden-text":
            return bool(element.get(TEXT + "is-hidden") == "true")
        return element.tag == TEXT + "span" and self.styles.hides("text", element.get(TEXT + "style-name"))

    def _note(self, note: Element, after: list[Block]) -> None:
        blocks = [block for body in note.iterchildren(TEXT + "note-body") for block in self.blocks(body)]
        for block in blocks:
            if block.kind != "table":
                block.kind, block.level = "footnote", None
        (self.endnotes if note.get(TEXT + "note-class") == "endnote" else after).extend(blocks)

    def _object(self, frame: Element) -> Element | None:
        """RETURNS (Element | None): Root of the object (a formula, a chart) that a frame holds."""
        package = self.document.package
        for held in frame.iterchildren(DRAW + "object"):
            if len(held):
                return held[0]
            part = held.get(HREF, "").removeprefix("./") + "/content.xml"
            if package is not None and part in package:
                return package.xml(part)
        return None

    def _drawn(self, element: Element) -> list[Block]:
        """RETURNS (list[Block]): The text of a shape, a box, a group, a chart."""
        root = self._object(element)
        if root is not None and root.tag == MATH + "math":
            return [Block("paragraph", _formula(root))]
        if root is not None:
            return self._chart(root)
        if element.tag == DRAW + "g":
            return reading_order(self._shapes(element))
        return self.blocks(element)

    def _chart(self, root: Element) -> list[Block]:
        titles = root.iter(*(CHART + name for name in ("title", "subtitle")))
        blocks = [Block("caption", block.text) for title in titles for block in self.blocks(title)]
        return [*blocks, *(block for table in root.iter(TABLE + "table") for block in self._table(table))]

    def _table(self, table: Element) -> list[Block]:
        rows: list[list[list[Block]]] = []
        size = 0
        for row, count, shown in _rows(table):
            cells: list[list[Block]] = []
            for cell, repeated in _cells(row) if shown else ():
                covered = cell.tag == TABLE + "covered-table-cell"
                cells += [[] if covered else self.blocks(cell) for _ in range(min(repeated, MAX_COLUMNS))]
            if any(cells):
                size += count * sum(map(len, cells))
                if size > MAX_CELLS:
                    raise Unreadable("TooLarge", f"a table has more than {MAX_CELLS:,} paragraphs")
                rows += [cells] * count
        return arrange(rows)

    def sheets(self, body: Element) -> Iterator[Block]:
        """YIELDS (Block): Of each sheet that is shown its name, its tables, the texts drawn on it."""
        for table in body.iterchildren(TABLE + "table"):
            name = table.get(TABLE + "style-name")
            if self.styles.says("table", name, "table-properties", TABLE + "display") == "false":
                continue
            drawn: list[Block] = []
            found = [*self._sheet(table, drawn).tables(), *drawn]
            if found:
                yield Block("heading", tidy(table.get(TABLE + "name", "")), 1)
                yield from found

    def _sheet(self, table: Element, drawn: list[Block]) -> Sheet:
        sheet = Sheet(hidden=list(_hidden_columns(table)))
        total = number = 0
        for row, count, shown in _rows(table):
            cells: dict[int, str] = {}
            column = 0
            for cell, repeated in _cells(row):
                text = self._shown(cell, drawn) if cell.tag == TABLE + "table-cell" else ""
                if text:
                    total += repeated * count
                    if total > MAX_CELLS:
                        raise Unreadable("TooLarge", f"a sheet has more than {MAX_CELLS:,} cells with text")
                    cells.update(dict.fromkeys(range(column + 1, column + repeated + 1), text))
                column += repeated
            if cells and shown:
                sheet.rows.update((number + offset, cells) for offset in range(1, count + 1))
            number += count
        for shapes in table.iterchildren(TABLE + "shapes"):
            drawn += self.blocks(shapes)
        return sheet

    def _shown(self, cell: Element, drawn: list[Block]) -> str:
        """RETURNS (str): What is shown of a cell; where the file does not say, its value."""
        after: list[Block] = []
        lines = []
        for child in cell.iterchildren("*"):
            if child.tag in (TEXT + "p", TEXT + "h"):
                first, *rest = self._paragraph(child, 0) or [Block("paragraph", "")]
                lines.append(first.text)
                after += rest
            elif child.tag not in GONE:
                after += self.blocks(cell) if child.tag == TEXT + "list" else self._drawn(child)
        drawn += [block for block in after if block.kind != "table"]
        values = (
            cell.get(OFFICE + name) for name in ("string-value", "value", "date-value", "time-value", "boolean-value")
        )
        return "\n".join(filter(None, lines)) if lines else next(filter(None, values), "")

    def slides(self, body: Element) -> Iterator[Block]:
        """YIELDS (Block): Of each slide that is shown the title, the other shapes, the notes."""
        for number, page in enumerate(body.iterchildren(DRAW + "page"), start=1):
            style = page.get(DRAW + "style-name")
            visibility = PRESENTATION + "visibility"
            if self.styles.says("drawing-page", style, "drawing-page-properties", visibility) == "hidden":
                continue
            shapes = list(self._shapes(page))
            titles = [block for shape in shapes for block in shape.blocks if block.kind == "heading"]
            others = [block for block in reading_order(shapes) if block.kind != "heading"]
            notes = [b for n in page.iterchildren(PRESENTATION + "notes") for s in self._shapes(n) for b in s.blocks]
            for block in (*titles, *others, *notes):
                block.pages = [(0, number)]
                yield block

    def _shapes(self, page: Element) -> Iterator[Shape]:
        """YIELDS (Shape): What stands on a slide or in a group."""
        for element in page.iterchildren("*"):
            if not element.tag.startswith(DRAW) or element.get(PRESENTATION + "placeholder") == "true":
                continue
            if element.tag == DRAW + "g":
                inner = list(self._shapes(element))
                top = min((shape.top for shape in inner), default=0.0)
                bottom = max((shape.top + shape.height for shape in inner), default=0.0)
                left = min((shape.left for shape in inner), default=0.0)
                yield Shape(reading_order(inner), top, left, bottom - top)
                continue
            blocks = self._drawn(element)
            role = element.get(PRESENTATION + "class")
            if role == "title" and blocks:
                blocks = [Block("heading", "\n".join(block.text for block in blocks), 1)]
            for block in blocks if role in EDGE_CLASSES else ():
                block.kind, block.level = "page_header" if role == "header" else "page_footer", None
            yield Shape(blocks, *(_length(element.get(SVG + name)) for name in ("y", "x", "height")))


def _count(element: Element, attribute: str) -> int:
    value = element.get(TABLE + attribute, "1")
    return int(value) if value.isdigit() and len(value) < 9 else 1


def _rows(table: Element, shown: bool = True) -> Iterator[tuple[Element, int, bool]]:
    """YIELDS (tuple[Element, int, bool]): The rows, how many each stands for, and whether they are shown."""
    for child in table.iterchildren("*"):
        if child.tag == TABLE + "table-row":
            visible = child.get(TABLE + "visibility", "visible") == "visible"
            yield child, _count(child, "number-rows-repeated"), shown and visible
        elif child.tag in ROW_GROUPS:
            yield from _rows(child, shown and child.get(TABLE + "display") != "false")


def _cells(row: Element) -> Iterable[tuple[Element, int]]:
    """RETURNS (Iterable[tuple[Element, int]]): The cells of a row, and how many each stands for."""
    cells = row.iterchildren(TABLE + "table-cell", TABLE + "covered-table-cell")
    return ((cell, _count(cell, "number-columns-repeated")) for cell in cells)


def _hidden_columns(table: Element) -> Iterator[tuple[int, int]]:
    """YIELDS (tuple[int, int]): First and last of columns that are not shown, from 1."""
    column = 0
    for element in table.iter(TABLE + "table-column"):
        count = _count(element, "number-columns-repeated")
        if element.get(TABLE + "visibility", "visible") != "visible":
            yield column + 1, column + count
        column += count


def _formula(root: Element) -> str:
    signs = (sign.text or "" for sign in root.iter(*(f"{MATH}m{name}" for name in ("i", "n", "o", "text", "s"))))
    return "".join(sign.strip() for sign in signs)


def _length(value: str | None) -> float:
    """RETURNS (float): A length in centimetres; 0 where there is none."""
    match = LENGTH.fullmatch(value or "")
    return float(match[1]) * UNITS[match[2]] if match else 0.0
