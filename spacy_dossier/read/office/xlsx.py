"""Workbooks (.xlsx, .xlsm, .xltx): what a spreadsheet program shows of each sheet, a heading with its tables below.

Left out: sheets, rows and columns that are hidden, cells under a merged one, comments, formulas, and the guide lines
above a word (phonetic). Formulas give the value that the file holds. Rows without text part one table from the next.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from lxml import etree

from ..document import Block, Document, Unreadable
from .drawing import A, C, chart_titles, paragraph_text
from .layout import one_cell, tidy, unescape
from .number_format import BUILT_IN, show_number, show_text
from .package import STRICT, TRANSITIONAL, Element, Package
from .sheet import Sheet

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
# In the header of a page: fonts, sizes, colours, fields such as the page's number; "&&" is an ampersand.
HEADER_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|\d+|[A-Za-z])')


def read_xlsx(data: bytes, name: str) -> Document:
    """Read a workbook. RAISES (Unreadable): Encrypted, broken or too large."""
    return Document(list(Workbook(Package(data)).blocks()))


def place(reference: str) -> tuple[int, int] | None:
    """RETURNS (tuple[int, int] | None): Row and column from 1 of a cell such as "B3"."""
    match = CELL.fullmatch(reference)
    if match is None:
        return None
    column = 0
    for letter in match[1].upper():
        column = column * 26 + ord(letter) - 64
    return int(match[2]), column


def string_text(element: Element) -> str:
    """RETURNS (str): Text of a string of one or more runs, without its phonetic guide."""
    texts = element.iterfind(f"{S}t"), element.iterfind(f"{S}r/{S}t")
    return unescape("".join(t.text or "" for part in texts for t in part))


def parse_rows(data: bytes, *tags: str) -> Iterator[Element]:
    """Parse a sheet piece by piece, for its tree may take more memory than there is.

    YIELDS (Element): Each element of these tags; it is emptied afterwards.
    RAISES (Unreadable): Not well-formed, or it declares entities.
    """
    if b"<!ENTITY" in data:
        raise Unreadable("Corrupt", "its XML declares entities, which no office program writes")
    source = io.BytesIO(STRICT.sub(TRANSITIONAL, data))
    try:
        parser = etree.iterparse(
            source, tag=[S + tag for tag in tags], resolve_entities=False, no_network=True, remove_comments=True
        )
        for _, element in parser:
            yield element
            element.clear(keep_tail=False)
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise Unreadable("Corrupt", f"broken XML: {' '.join(str(error).split())}") from None


class Workbook:
    """A workbook and the parts it refers to."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.root = package.xml(package.main)
        properties = self.root.find(f"{S}workbookPr")
        self.since_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self.formats = self._formats()

    def _formats(self) -> list[str]:
        """RETURNS (list[str]): The number format of each cell style."""
        part = self.package.related(self.package.main, "styles")
        if part is None:
            return []
        root = self.package.xml(part)
        own = {f.get("numFmtId"): f.get("formatCode", "") for f in root.iterfind(f"{S}numFmts/{S}numFmt")}
        numbers = [xf.get("numFmtId", "0") for xf in root.iterfind(f"{S}cellXfs/{S}xf")]
        return [own.get(n) or BUILT_IN.get(int(n) if n.isdigit() else 0, "General") for n in numbers]

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells share."""
        part = self.package.related(self.package.main, "sharedStrings")
        return [string_text(item) for item in parse_rows(self.package.read(part), "si")] if part else []

    def blocks(self) -> Iterator[Block]:
        """YIELDS (Block): Of each sheet that is shown its name, its tables, the texts drawn on it, its headers."""
        relations = self.package.relations(self.package.main)
        for entry in self.root.iterfind(f"{S}sheets/{S}sheet"):
            relation = relations.get(entry.get(R + "id", ""))
            if entry.get("state", "visible") != "visible" or relation is None or relation.part not in self.package:
                continue
            sheet = self._sheet(relation.part)
            found = [block for block in (*sheet.tables(), *self._drawn(relation.part)) if block.text]
            if found:
                yield from (Block("page_header", text) for text in sheet.headers)
                yield Block("heading", tidy(unescape(entry.get("name", ""))), 1)
                yield from found
                yield from (Block("page_footer", text) for text in sheet.footers)

    def _sheet(self, part: str) -> Sheet:
        sheet = Sheet()
        row = 0
        for element in parse_rows(self.package.read(part), "row", "col", "mergeCell", "headerFooter"):
            tag = etree.QName(element).localname
            if tag == "row":
                number = element.get("r", "")
                row = int(number) if number.isdigit() else row + 1
                if element.get("hidden") not in ("1", "true"):
                    sheet.rows[row] = self._cells(element)
            elif tag == "col" and element.get("hidden") in ("1", "true"):
                sheet.hidden.append((int(element.get("min", 1)), int(element.get("max", 0))))
            elif tag == "mergeCell":
                corners = [place(corner) for corner in element.get("ref", "").split(":")]
                if len(corners) == 2 and corners[0] and corners[1]:
                    sheet.covered.append((*corners[0], *corners[1]))
            elif tag == "headerFooter":
                sheet.headers, sheet.footers = _page_texts(element, "Header"), _page_texts(element, "Footer")
        return sheet

    def _cells(self, row: Element) -> dict[int, str]:
        cells: dict[int, str] = {}
        column = 0
        for cell in row.iterchildren(f"{S}c"):
            at = place(cell.get("r", ""))
            column = at[1] if at else column + 1
            cells[column] = self._shown(cell)
        return cells

    def _shown(self, cell: Element) -> str:
        """RETURNS (str): What is shown of a cell."""
        kind, style = cell.get("t", "n"), cell.get("s", "0")
        code = self.formats[int(style)] if style.isdigit() and int(style) < len(self.formats) else "General"
        if kind == "inlineStr":
            inline = cell.find(f"{S}is")
            return show_text(string_text(inline), code) if inline is not None else ""
        value = cell.findtext(f"{S}v") or ""
        if kind == "s":
            if not value.isdigit() or int(value) >= len(self.strings):
                raise Unreadable("Corrupt", f"cell {cell.get('r')} refers to the text {value!r}, which is not there")
            return show_text(self.strings[int(value)], code)
        if kind == "str":
            return show_text(unescape(value), code)
        if kind == "b":
            return "TRUE" if value in ("1", "true") else "FALSE" if value else ""
        return show_number(value, code, since_1904=self.since_1904) if kind == "n" else value

    def _drawn(self, part: str) -> Iterator[Block]:
        """YIELDS (Block): Text boxes and charts that lie on a sheet."""
        drawing = self.package.related(part, "drawing")
        if drawing is None:
            return
        relations = self.package.relations(drawing)
        for element in self.package.xml(drawing).iter(f"{XDR}txBody", f"{C}chart"):
            if element.tag == f"{XDR}txBody":
                yield from (Block("paragraph", paragraph_text(p)) for p in element.iterchildren(A + "p"))
                continue
            relation: Any = relations.get(element.get(R + "id", ""))
            if relation and relation.part in self.package:
                yield from chart_titles(self.package.xml(relation.part))


def _page_texts(element: Element, kind: str) -> list[str]:
    """RETURNS (list[str]): The headers or footers that printed pages show, each once: left, middle and right."""
    shown = {
        "odd": True,
        "even": element.get("differentOddEven") in ("1", "true"),
        "first": element.get("differentFirst") in ("1", "true"),
    }
    texts = []
    for page, is_shown in shown.items():
        parts = re.split(r"&[LCR]", unescape(element.findtext(f"{S}{page}{kind}") or "").replace("&&", "\0"))
        text = "\t".join(one_cell([HEADER_CODE.sub("", part).replace("\0", "&")]) for part in parts if part)
        if is_shown and text.strip() and text not in texts:
            texts.append(text.strip())
    return texts
