"""A PDF → its blocks: what runs over a page's end, what stands on every page, what is a heading."""

from __future__ import annotations

import ctypes
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import pypdfium2.raw as pdfium

from ..document import Block, Document, Kind, Unreadable
from ..reflow import Words, joint
from .chars import Page, page_words
from .layout import Line, columns_of, rows
from .paragraphs import Part, ended, parts, small

EDGE = 0.12  # share of a page's height at its top and bottom where running headers and footers stand
EDGE_LINES = 3
AROUND = 2  # pages before and after that a running line is looked for on: left and right pages may differ
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|p\.|seite|s\.|página|pagina|side|sida)\s*)?(?:#+|[ivxlc]+)"
    r"(?:\s*(?:of|/|von|de|di|av|sur)\s*#+)?[\W_]*",
    re.I,
)
FLOATS: frozenset[Kind] = frozenset(("footnote", "caption", "table", "page_header", "page_footer"))
HEADING_SIZE = 1.12  # of the text's size
HEADING_LENGTH = 200


@dataclass
class Sheet:
    """A page's lines: those of the main direction, and those of the others."""

    page: Page
    lines: list[Line]
    others: list[list[Line]] = field(default_factory=list)
    head: list[Line] = field(default_factory=list)
    foot: list[Line] = field(default_factory=list)


@dataclass
class Seen:
    """What all pages together hold, for telling why there is no text."""

    letters: int = 0
    unmapped: int = 0
    pictures: bool = False
    pages: int = 0


def read_pdf(data: bytes, name: str) -> Document:
    """Read a PDF.

    RETURNS (Document): Its blocks, each with the pages that it is on.
    RAISES (Unreadable): PasswordProtected, Corrupt, NoText (a scan), NoUnicode (letters of which nothing says which).
    """
    seen = Seen()
    found: list[Part] = []
    for sheet in running_lines(sheets(data, seen)):
        add_page(found, sheet)
    blocks = as_blocks(found)
    if not any(block.text.strip("\ufffd \n\t") for block in blocks):
        raise nothing(seen)
    if seen.unmapped > 0.5 * seen.letters:
        raise no_unicode()
    return Document(blocks, {"pages": seen.pages})


def nothing(seen: Seen) -> Unreadable:
    """RETURNS (Unreadable): Why a PDF gave no text."""
    if seen.unmapped:
        return no_unicode()
    if seen.pictures:
        return Unreadable("NoText", "no text in it, only pictures: a scan? --ocr reads those (needs Tesseract)")
    return Unreadable("NoText", "no text in it")


def no_unicode() -> Unreadable:
    return Unreadable("NoUnicode", "its fonts do not say which letters they show; --ocr reads it (needs Tesseract)")


@lru_cache(maxsize=1)
def start_pdfium() -> None:
    """Start PDFium once in this process: it bears no second start, and no threads."""
    pdfium.FPDF_InitLibrary()


def sheets(data: bytes, seen: Seen) -> Iterator[Sheet]:
    """Open a PDF and read its pages, one at a time. RAISES (Unreadable): PasswordProtected, Corrupt."""
    start_pdfium()
    buffer = ctypes.c_char_p(data)
    document = pdfium.FPDF_LoadMemDocument64(buffer, len(data), None)
    if not document:
        code = pdfium.FPDF_GetLastError()
        if code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unreadable("PasswordProtected", "the document is protected by a password")
        raise Unreadable("Corrupt", "not a PDF that can be opened")
    try:
        seen.pages = pdfium.FPDF_GetPageCount(document)
        for number in range(1, seen.pages + 1):
            page = page_words(document, number)
            seen.letters += page.letters
            seen.unmapped += page.unmapped
            seen.pictures = seen.pictures or page.pictures
            main, *others = [rows(words) for words in page.groups] or [[]]
            yield Sheet(page, main, others)
    finally:
        pdfium.FPDF_CloseDocument(document)


# Running headers and footers


def running_lines(pages: Iterator[Sheet]) -> Iterator[Sheet]:
    """Take headers, footers and page numbers out of the lines of each page."""
    window: deque[Margins] = deque()
    at = 0  # the page of the window that is next to be given
    for sheet in pages:
        window.append(Margins(sheet, edges(sheet, top=True), edges(sheet, top=False)))
        if len(window) - at > AROUND:
            yield strip_running(window, at)
            at += 1
        if at > AROUND:
            window.popleft()
            at -= 1
    while at < len(window):
        yield strip_running(window, at)
        at += 1


@dataclass
class Edge:
    """A line at the top or bottom of a page.

    place (float): Its distance from that edge in points.
    keys (list[str]): Its parts between wide gaps, each number as #.
    """

    line: Line
    place: float
    keys: list[str]


@dataclass
class Margins:
    """A page and its lines at the top and at the bottom, both from the outside."""

    sheet: Sheet
    top: list[Edge]
    bottom: list[Edge]


def edges(sheet: Sheet, *, top: bool) -> list[Edge]:
    """RETURNS (list[Edge]): Lines in the margin at one edge, from the outside."""
    height = sheet.page.height
    lines = sheet.lines[:EDGE_LINES] if top else sheet.lines[: -EDGE_LINES - 1 : -1]
    found = []
    for line in lines:
        place = line.y if top else height - line.y
        if place > EDGE * height:
            break
        found.append(Edge(line, place, line_keys(line)))
    return found


def line_keys(line: Line) -> list[str]:
    pieces = [[line.words[0]]]
    for word in line.words[1:]:
        if word.x0 - pieces[-1][-1].x1 > 1.5 * line.size:
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return [re.sub(r"\d+", "#", " ".join(w.text for w in piece)).casefold() for piece in pieces]


def strip_running(window: deque[Margins], at: int) -> Sheet:
    """RETURNS (Sheet): A page of the window without the lines that pages near it have too."""
    here = window[at]
    near = [window[i] for i in range(max(0, at - AROUND), min(len(window), at + AROUND + 1)) if i != at]
    head = running(here.top, [edge for other in near for edge in other.top], here.sheet)
    foot = running(here.bottom, [edge for other in near for edge in other.bottom], here.sheet)
    sheet = here.sheet
    if len(sheet.lines) - len(head) - len(foot) >= 2:
        sheet.head, sheet.foot = head, foot[::-1]
        gone = {id(line) for line in head + foot}
        sheet.lines = [line for line in sheet.lines if id(line) not in gone]
    return sheet


def running(edges: list[Edge], others: list[Edge], sheet: Sheet) -> list[Line]:
    """RETURNS (list[Line]): Lines from the edge inwards, up to the first that no page near has at the same height."""
    lines = []
    for edge in edges:
        level = [other for other in others if abs(other.place - edge.place) < 4]
        repeated = any(key in other.keys for key in edge.keys for other in level if re.search(r"\w", key))
        if not repeated and not is_own_number(edge, sheet):
            break
        lines.append(edge.line)
    return lines


def is_own_number(edge: Edge, sheet: Sheet) -> bool:
    """RETURNS (bool): The line says the page's number and nothing else."""
    if len(edge.keys) != 1 or not PAGE_NUMBER.fullmatch(edge.keys[0]):
        return False
    return str(sheet.page.number) in re.findall(r"\d+", edge.line.text)


# Pages one after the other


def add_page(found: list[Part], sheet: Sheet) -> None:
    """Add what stands on a page to what stood on those before it."""
    number = sheet.page.number
    found += [edge_part("page_header", line, number) for line in sheet.head]
    words = [w for line in sheet.lines for w in line.words]
    mono = sum(w.mono for w in words) > 0.5 * len(words)
    for lines in (sheet.lines, *sheet.others):
        for column in columns_of(lines):
            here = parts(column.lines, mono)
            for part in here:
                part.page = number
                part.pages = [(0, number)]
            continue_paragraph(found, here)
            found += here
    found += [edge_part("page_footer", line, number) for line in sheet.foot]


def edge_part(kind: Kind, line: Line, page: int) -> Part:
    return Part(kind, [line.text], line.size, keeps=True, page=page, pages=[(0, page)])


def continue_paragraph(found: list[Part], here: list[Part]) -> None:
    """Join the paragraph that a column or page cut with its rest, which is taken out of `here`."""
    open_part = next((p for p in reversed(found) if p.kind not in FLOATS), None)
    rest_at = next((i for i, p in enumerate(here) if p.kind not in FLOATS), None)
    if open_part is None or rest_at is None:
        return
    rest = here[rest_at]
    if not goes_on(open_part, rest, beside=rest_at == 0):
        return
    del here[rest_at]
    open_part.pages += [(len(open_part.lines) + line, page) for line, page in rest.pages]
    open_part.lines += rest.lines
    open_part.goes_on, open_part.full = rest.goes_on, rest.full


def goes_on(part: Part, rest: Part, *, beside: bool) -> bool:
    """RETURNS (bool): A part that a column's end cut goes on with another.

    beside (bool): Nothing but captions, tables and notes stands between.
    """
    if part.keeps or rest.keeps or rest.kind != "paragraph" or part.kind not in ("paragraph", "list_item"):
        return False
    if abs(part.size - rest.size) > 0.06 * part.size or part.bold != rest.bold or not part.goes_on:
        return False
    last, first = part.lines[-1], rest.lines[0]
    if small(first) and not ended(last):
        return True
    return beside and rest.begins_inside and (part.full if ended(last) else True)


# Blocks


def as_blocks(found: list[Part]) -> list[Block]:
    """RETURNS (list[Block]): The parts as blocks, headings told from text."""
    body = body_size(found)
    name_headings(found, body)
    words = Words(line for part in found if part.kind not in ("table", "code") for line in part.lines)
    blocks = []
    for part in found:
        if part.kind == "footnote" and part.size > 0.95 * body:
            part.kind = "paragraph"
        text, pages = part_text(part, words)
        if text:
            blocks.append(Block(part.kind, text, part.level, pages))
    return blocks


def part_text(part: Part, words: Words) -> tuple[str, list[tuple[int, int]]]:
    """RETURNS (tuple): The text of a part, and (character, page) where each page begins in it."""
    pages = dict(part.pages)
    pieces: list[str] = []
    length = 0
    starts: list[tuple[int, int]] = []
    for i, line in enumerate(part.lines):
        if i and part.keeps:
            pieces.append("\n")
            length += 1
        elif i:
            cut, between = joint(pieces[-1], line, words)
            if cut:
                pieces[-1] = pieces[-1][:-cut]
            pieces.append(between)
            length += len(between) - cut
        if i in pages and (not starts or starts[-1][1] != pages[i]):
            starts.append((length, pages[i]))
        pieces.append(line)
        length += len(line)
    return "".join(pieces).replace("\xad", ""), starts


def body_size(found: list[Part]) -> float:
    """RETURNS (float): The font size of most of the text."""
    sizes: Counter[float] = Counter()
    for part in found:
        if part.kind not in ("page_header", "page_footer", "table"):
            sizes[round(part.size * 2) / 2] += sum(map(len, part.lines))
    return max(sizes, key=lambda s: (sizes[s], -s), default=0.0)


def name_headings(found: list[Part], body: float) -> None:
    """Find headings by size and weight, and their levels by the same."""
    text = [p for p in found if p.kind == "paragraph"]
    bold_text = sum(len(line) for p in text if p.bold for line in p.lines)
    bold_counts = bold_text < 0.3 * sum(len(line) for p in text for line in p.lines)
    headings = [p for p in found if is_heading(p, body, bold_counts)]
    looks = sorted({(round(p.size * 2) / 2, p.bold) for p in headings}, reverse=True)
    first = next((p for p in found if p.kind not in ("page_header", "page_footer")), None)
    largest = looks[0][0] if looks else 0.0
    for part in headings:
        look = (round(part.size * 2) / 2, part.bold)
        if (
            part.page == (first.page if first else 1)
            and look[0] == largest > HEADING_SIZE * body
            and not any(p is not part and round(p.size * 2) / 2 == largest for p in headings)
        ):
            part.kind = "title"
            looks = [one for one in looks if one != look]
        else:
            part.kind = "heading"
    for part in headings:
        part.keeps = False
        if part.kind == "heading":
            part.level = min(6, 1 + looks.index((round(part.size * 2) / 2, part.bold)))


def is_heading(part: Part, body: float, bold_counts: bool) -> bool:
    if part.kind not in ("paragraph", "list_item") or len(part.lines) > 3:
        return False
    text = " ".join(part.lines)
    if len(text) > HEADING_LENGTH or not re.search(r"[^\W\d_]{3}|[\u3040-\u9fff]", text):
        return False
    if sum(c.isalpha() or c == " " for c in text) < 0.6 * len(text):
        return False
    if part.size >= HEADING_SIZE * body:
        return part.size >= 1.5 * body or not re.search(r"[.!?;,]\Z", text)
    return part.bold and bold_counts and part.size > 0.9 * body and not re.search(r"[.!?;,:]\Z", text)
