"""Word documents (.docx, .docm, .dotx, Strict too): what Word shows, with tracked changes accepted.

Left out: what is deleted or hidden, comments, the numbers that Word gives list items and headings by itself, readings
above a word (ruby), alternative texts and contents of pictures and embedded objects. There are no page numbers: where
a page ends only Word knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..document import Block, Document, Unreadable
from .chunks import read_chunk
from .drawing import MC, chart_blocks, diagram_blocks, math_text
from .layout import arrange, join_code, tidy
from .package import Element, Package
from .symbols import from_font, translate
from .word_styles import BODY_LEVEL, Style, Styles, W, switched, value

R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
V = "{urn:schemas-microsoft-com:vml}"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"

# Elements that stand for their children: controls, links, fields, tracked insertions.
TRANSPARENT = frozenset(
    W + name
    for name in (
        *("sdt", "sdtContent", "customXml", "smartTag", "hyperlink", "fldSimple", "bdo", "dir"),
        *("ins", "moveTo", "ruby", "rubyBase"),
    )
)
GONE = frozenset(W + name for name in ("del", "moveFrom", "rt", "pPr", "rPr", "sdtPr", "tblPr", "trPr", "tcPr"))
SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
SIGNS = {W + name: sign for name, sign in SIGNS.items()}
NOTES = {W + "footnoteReference": "footnotes", W + "endnoteReference": "endnotes"}
MAX_WIDTH = 63  # columns that a table of Word can have
MAX_CHUNKS = 100  # documents put in whole (altChunk), over all levels


def read_docx(data: bytes, name: str) -> Document:
    """Read a Word document. RAISES (Unreadable): Encrypted, broken or too large."""
    return Document(Word(Package(data)).blocks())


def children(element: Element) -> Iterator[Element]:
    """YIELDS (Element): The children as Word shows them: no deletions, one of two alternatives, no wrappers."""
    for child in element.iterchildren("*"):
        if child.tag in GONE:
            continue
        if child.tag in TRANSPARENT:
            yield from children(child)
        elif child.tag == MC + "AlternateContent":
            chosen = child.find(MC + "Choice")
            chosen = child.find(MC + "Fallback") if chosen is None else chosen
            if chosen is not None:
                yield from children(chosen)
        else:
            yield child


class Word:
    """A document and the parts it refers to.

    chunks (list[str]): Documents inside this one that were read, over all levels.
    """

    def __init__(self, package: Package, chunks: list[str] | None = None) -> None:
        self.package = package
        self.chunks = [] if chunks is None else chunks
        styles = package.related(package.main, "styles")
        self.styles = Styles(package.xml(styles) if styles else None)
        self.endnotes: list[Block] = []
        self.notes = {kind: self._notes(kind) for kind in NOTES.values()}

    def _notes(self, kind: str) -> dict[str, tuple[str, Element]]:
        part = self.package.related(self.package.main, kind)
        if part is None:
            return {}
        notes = (note for note in self.package.xml(part).iterchildren("*"))
        return {n.get(W + "id"): (part, n) for n in notes if n.get(W + "type", "normal") == "normal"}

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): Page headers, the text with its footnotes, endnotes, page footers."""
        main = self.package.main
        body = self.package.xml(main).find(W + "body")
        if body is None:
            raise Unreadable("Corrupt", "the document has no body")
        headers, footers = self._edges(main, body, "header"), self._edges(main, body, "footer")
        return [*headers, *Story(self, main, body).blocks(), *self.endnotes, *footers]

    def _edges(self, main: str, body: Element, kind: str) -> list[Block]:
        """RETURNS (list[Block]): Headers or footers that some page shows, each text once."""
        settings = self.package.related(main, "settings")
        even = switched(self.package.xml(settings), "evenAndOddHeaders") if settings else False
        relations = self.package.relations(main)
        found: dict[str, Block] = {}
        read: set[str] = set()
        parts: dict[str, str] = {}  # by page type; a section has those of the one before it unless it names its own
        for section in body.iter(W + "sectPr"):
            if section.getparent().tag == W + "sectPrChange":
                continue
            for reference in section.iterchildren(f"{W}{kind}Reference"):
                relation = relations.get(reference.get(R + "id"))
                if relation and relation.part in self.package:
                    parts[reference.get(W + "type", "default")] = relation.part
            shown = {"default": True, "first": switched(section, "titlePg"), "even": even}
            for part in [part for page, part in parts.items() if shown.get(page) and part not in read]:
                read.add(part)
                for block in Story(self, part, self.package.xml(part)).blocks():
                    found.setdefault(block.text, block)
        for block in found.values():
            block.kind, block.level = "page_header" if kind == "header" else "page_footer", None
        return list(found.values())

    def note(self, kind: str, number: str | None) -> list[Block]:
        """RETURNS (list[Block]): The note of a number; a note that is referred to twice is given once."""
        part, note = self.notes[kind].pop(number or "", (None, None))
        if part is None:
            return []
        blocks = Story(self, part, note).blocks()
        for block in blocks:
            if block.kind != "table":
                block.kind, block.level = "footnote", None
        return blocks


class Story:
    """Reads one run of text: the body, a header, a note.

    part (str): The member it is in, whose relations it uses.
    """

    def __init__(self, word: Word, part: str, root: Element) -> None:
        self.word = word
        self.part = part
        self.root = root
        self.fields: list[str] = []  # of each field that is open: "code" or "result"
        kinds = [mark.get(W + "fldCharType") for mark in root.iter(W + "fldChar")]
        self.fields_close = kinds.count("begin") == kinds.count("end")  # else all text is read, for some would be lost
        self.inline: dict[str, Callable[[Element, list[Block]], str]] = {
            W + "sym": self._symbol,
            W + "footnoteReference": self._note,
            W + "endnoteReference": self._note,
            W + "drawing": self._drawing,
            W + "pict": self._drawing,
            W + "object": self._drawing,
            M + "oMath": lambda element, after: math_text(element),
            M + "oMathPara": lambda element, after: math_text(element),
        }

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): All of it, in order."""
        return self._blocks(self.root)

    def _blocks(self, container: Element) -> list[Block]:
        blocks: list[Block] = []
        after: list[Block] = []
        joined = ""  # of paragraphs whose mark is deleted or hidden: they run on in the next
        for child in children(container):
            if child.tag == W + "p":
                text = joined + self._text(child, self._style(child), after)
                if _runs_on(child):
                    joined = text
                    continue
                blocks.append(self._paragraph(child, text))
                blocks += after
                joined, after = "", []
            elif child.tag == W + "tbl":
                blocks += self._table(child)
            elif child.tag == W + "altChunk":
                blocks += self._chunk(child)
        blocks += [Block("paragraph", tidy(joined)), *after]
        return join_code(block for block in blocks if block.text)

    def _style(self, paragraph: Element) -> Style:
        named = value(paragraph, "pPr/pStyle")
        return self.word.styles.get(named if named in self.word.styles.elements else self.word.styles.default)

    def _paragraph(self, paragraph: Element, text: str) -> Block:
        style = self._style(paragraph)
        outline = int(value(paragraph, "pPr/outlineLvl") or (BODY_LEVEL if style.outline is None else style.outline))
        number = value(paragraph, "pPr/numPr/numId") or style.number or "0"
        depth = int(value(paragraph, "pPr/numPr/ilvl") or style.depth)
        kind, level = style.kind or "paragraph", None
        if kind == "paragraph" and outline < BODY_LEVEL:
            kind, level = "heading", outline + 1
        elif kind == "paragraph" and style.contents:
            kind, level = "list_item", style.contents
        elif kind == "paragraph" and number != "0":
            kind, level = "list_item", depth + 1
        return Block(kind, tidy(text), level)

    def _text(self, element: Element, style: Style, after: list[Block]) -> str:
        """RETURNS (str): The text of a paragraph or what is inside it; notes and boxes go to `after`."""
        texts: list[str] = []
        for child in children(element):
            tag = child.tag
            if tag == W + "r":
                texts.append(self._run(child, style, after))
            elif tag in self.inline:
                texts.append(self.inline[tag](child, after))
        return "".join(texts)

    def _run(self, run: Element, style: Style, after: list[Block]) -> str:
        properties = run.find(W + "rPr")
        if self._hidden(properties, style):
            return ""
        font = properties.find(W + "rFonts") if properties is not None else None
        letters = font.get(W + "ascii") if font is not None else None
        texts: list[str] = []
        for child in children(run):
            tag = child.tag
            if tag == W + "fldChar":
                texts.append(self._field(child))
            elif self.fields_close and "code" in self.fields:
                continue
            elif tag == W + "t":
                texts.append(translate((child.text or "").replace("\n", " ").replace("\r", " "), letters))
            elif tag in SIGNS:
                texts.append(SIGNS[tag])
            elif tag in self.inline:
                texts.append(self.inline[tag](child, after))
            elif tag == W + "r":  # inside a ruby
                texts.append(self._run(child, style, after))
        return "".join(texts)

    def _hidden(self, properties: Element | None, style: Style) -> bool:
        hidden = switched(properties, "vanish")
        if hidden is None:
            hidden = self.word.styles.get(value(properties, "rStyle")).hidden
        return bool(style.hidden if hidden is None else hidden)

    def _symbol(self, element: Element, after: list[Block]) -> str:
        try:
            return from_font(int(element.get(W + "char", ""), 16), element.get(W + "font"))
        except (ValueError, OverflowError):
            raise Unreadable("Corrupt", f"a symbol has the code {element.get(W + 'char')!r}") from None

    def _field(self, mark: Element) -> str:
        """Note where a field's code and result begin and end. RETURNS (str): What a form control shows."""
        kind = mark.get(W + "fldCharType")
        if kind == "begin":
            self.fields.append("code")
            return _control_text(mark)
        if kind == "separate" and self.fields:
            self.fields[-1] = "result"
        elif kind == "end" and self.fields:
            self.fields.pop()
        return ""

    def _note(self, reference: Element, after: list[Block]) -> str:
        kind = NOTES[reference.tag]
        blocks = self.word.note(kind, reference.get(W + "id"))
        (after if kind == "footnotes" else self.word.endnotes).extend(blocks)
        return ""

    def _drawing(self, element: Element, after: list[Block]) -> str:
        """Read text boxes, diagrams and charts into `after`, wherever in the drawing they are."""
        for child in children(element):
            if child.tag == W + "txbxContent":
                after += self._blocks(child)
            elif child.tag == V + "textpath":
                after.append(Block("paragraph", tidy(child.get("string", ""))))
            elif child.tag in (DIAGRAM, CHART):
                relation = self.word.package.relations(self.part).get(child.get(R + "dm") or child.get(R + "id"))
                if relation and relation.part in self.word.package:
                    root = self.word.package.xml(relation.part)
                    after += chart_blocks(root) if child.tag == CHART else diagram_blocks(root)
            else:
                self._drawing(child, after)
        return ""

    def _table(self, table: Element) -> list[Block]:
        rows: list[list[list[Block]]] = []
        for row in children(table):
            properties = row.find(W + "trPr")
            if row.tag != W + "tr" or switched(properties, "del") or switched(properties, "hidden"):
                continue
            cells: list[list[Block]] = [[] for _ in range(_width(properties, "gridBefore", 0))]
            for cell in children(row):
                about = cell.find(W + "tcPr")
                if cell.tag == W + "tc" and not switched(about, "cellDel"):
                    cells.append([] if _is_continued(about) else self._blocks(cell))
                    cells += [[] for _ in range(_width(about, "gridSpan", 1) - 1)]
            rows.append(cells)
        return arrange(rows)

    def _chunk(self, element: Element) -> list[Block]:
        """RETURNS (list[Block]): A document of another format that is put in whole."""
        package, chunks = self.word.package, self.word.chunks
        relation = package.relations(self.part).get(element.get(R + "id"))
        if relation is None or relation.part not in package:
            return []
        chunks.append(relation.part)
        if len(chunks) > MAX_CHUNKS:
            raise Unreadable("TooLarge", f"more than {MAX_CHUNKS} documents inside one another")
        data, media_type = package.read(relation.part), package.media_type(relation.part)
        if "wordprocessingml" in media_type:
            return Word(Package(data), chunks).blocks()
        return read_chunk(data, media_type)


def _control_text(mark: Element) -> str:
    """RETURNS (str): The entry chosen from a list, or a box with or without a cross; these controls have no result."""
    entries, box = mark.find(f"{W}ffData/{W}ddList"), mark.find(f"{W}ffData/{W}checkBox")
    if entries is not None:
        names = [entry.get(W + "val", "") for entry in entries.iterchildren(W + "listEntry")]
        chosen = int(value(entries, "result") or value(entries, "default") or 0)
        return names[chosen] if chosen < len(names) else ""
    if box is not None:
        checked = switched(box, "checked")
        return "☒" if (switched(box, "default") if checked is None else checked) else "☐"
    return ""


def _runs_on(paragraph: Element) -> bool:
    """RETURNS (bool): Is the mark of a paragraph deleted or hidden, or is it a big first letter?"""
    properties = paragraph.find(W + "pPr")
    if properties is None:
        return False
    frame, mark = properties.find(W + "framePr"), properties.find(W + "rPr")
    if frame is not None and frame.get(W + "dropCap", "none") != "none":
        return True
    gone = any(switched(mark, name) for name in ("del", "moveFrom", "vanish"))
    return gone and not switched(mark, "specVanish")  # that one sets a heading before its text on one line


def _width(properties: Element | None, name: str, default: int) -> int:
    return min(int(value(properties, name) or default), MAX_WIDTH)


def _is_continued(properties: Element | None) -> bool:
    """RETURNS (bool): Is a cell the rest of one that is merged, above or before it?"""
    for name in ("vMerge", "hMerge"):
        merge = properties.find(W + name) if properties is not None else None
        if merge is not None and merge.get(W + "val", "continue") == "continue":
            return True
    return False
