"""A PDF → its blocks: what runs over a page's end, what stands on every page, what is a heading."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pypdfium2.raw as pdfium

from ..document import Block, Document, Kind, Unreadable
from ..reflow import Words, joint
from .columns import Gutter, columns_of, gutters
from .grids import with_shapes
from .headings import body_size, name_headings
from .lines import Line, rows
from .mend import has_layers, has_named_letters, with_named_letters, without_hidden_layers
from .ocr import Scans
from .pages import page_words
from .paragraphs import parts
from .rows import Part, ended, small
from .running import Sheet, running_lines

FLOATS: frozenset[Kind] = frozenset(("footnote", "caption", "table", "page_header", "page_footer"))


@dataclass
class Seen:
    """What all pages together hold.

    letters, unmapped, guessed (int): As of a page.
    scanned (list[int]): Pages that are only pictures and were not read.
    """

    letters: int = 0
    unmapped: int = 0
    guessed: int = 0
    scanned: list[int] = field(default_factory=list)
    pages: int = 0


def read_pdf(data: bytes, name: str, *, ocr: str | None = None) -> Document:
    """Read a PDF.

    ocr (str | None): Languages, as eng+deu, in which Tesseract reads pages that are pictures; None leaves them out.
    RETURNS (Document): Its blocks, each with the pages that it is on.
    RAISES (Unreadable): PasswordProtected, Corrupt, NoText (a scan), NoUnicode (letters of which nothing says which).
    """
    if has_layers(data):
        data = mended(data, without_hidden_layers)
    scans = Scans(ocr) if ocr else None
    found, seen = read_parts(data, scans)
    if seen.guessed and has_named_letters(data) and (named := mended(data, with_named_letters)) is not data:
        found, seen = read_parts(named, scans)
    blocks = as_blocks(found)
    if not any(block.text.strip("\ufffd \n\t") for block in blocks):
        raise nothing(seen)
    if seen.unmapped > 0.5 * seen.letters:
        raise no_unicode()
    meta: dict[str, Any] = {"pages": seen.pages}
    if seen.scanned:
        meta["pages_not_read"] = seen.scanned
    return Document(blocks, meta | (scans.meta() if scans is not None and scans.pages else {}))


def mended(data: bytes, mend: Callable[[bytes], bytes]) -> bytes:
    """RETURNS (bytes): A PDF with a change made to it; the same bytes where that is not needed or cannot be done."""
    try:
        return mend(data)
    except Exception:  # a broken or encrypted file that PDFium reads all the same
        return data


def read_parts(data: bytes, scans: Scans | None) -> tuple[list[Part], Seen]:
    """RETURNS (tuple): The parts of a document in reading order, and what its pages hold."""
    seen = Seen()
    found: list[Part] = []
    between: list[Gutter] = []
    for sheet in running_lines(sheets(data, seen, scans)):
        between = gutters(sheet.lines, between)
        add_page(found, sheet, between)
    return found, seen


def nothing(seen: Seen) -> Unreadable:
    """RETURNS (Unreadable): Why a PDF gave no text."""
    if seen.unmapped:
        return no_unicode()
    if seen.scanned:
        return Unreadable("NoText", "no text in it, only pictures: a scan? --ocr reads those (needs Tesseract)")
    return Unreadable("NoText", "no text in it")


def no_unicode() -> Unreadable:
    return Unreadable("NoUnicode", "its fonts do not say which letters they show; --ocr reads it (needs Tesseract)")


@lru_cache(maxsize=1)
def start_pdfium() -> None:
    """Start PDFium once in this process: it bears no second start, and no threads."""
    pdfium.FPDF_InitLibrary()


def sheets(data: bytes, seen: Seen, scans: Scans | None) -> Iterator[Sheet]:
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
        fields_to_draw = b"/NeedAppearances true" in data
        for number in range(1, seen.pages + 1):
            page = page_words(document, number, fields_to_draw=fields_to_draw, scans=scans)
            seen.letters += page.letters
            seen.unmapped += page.unmapped
            seen.guessed += page.guessed
            if page.scanned:
                seen.scanned.append(number)
            main, *others = [rows(words) for words in page.groups] or [[]]
            yield Sheet(page, with_shapes(main, page.shapes), others)
    finally:
        pdfium.FPDF_CloseDocument(document)


def add_page(found: list[Part], sheet: Sheet, between: list[Gutter]) -> None:
    """Add what stands on a page to what stood on those before it.

    between (list[Gutter]): What parts its columns.
    """
    number = sheet.page.number
    found += [edge_part("page_header", line, number) for line in sheet.head]
    words = [w for line in sheet.lines for w in line.words]
    mono = sum(w.style.mono for w in words) > 0.5 * len(words)
    for lines in (sheet.lines, *sheet.others):
        for column in columns_of(lines, between if lines is sheet.lines else gutters(lines, [])):
            here = parts(column.lines, column.reach, mono)
            for part in here:
                part.page = number
                part.pages = [(0, number)]
            if lines is sheet.lines:
                continue_paragraph(found, here)
            found += here
    found += [edge_part("page_footer", line, number) for line in sheet.foot]


def edge_part(kind: Kind, line: Line, page: int) -> Part:
    """RETURNS (Part): A line that stands at the edge of the page."""
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
    open_part.room, open_part.full = rest.room, rest.full
    open_part.left, open_part.right = rest.left, rest.right


def goes_on(part: Part, rest: Part, *, beside: bool) -> bool:
    """RETURNS (bool): A part that a column's end cut goes on with another.

    beside (bool): Nothing but captions, tables and notes stands between.
    """
    if part.keeps or rest.keeps or rest.kind != "paragraph" or part.kind not in ("paragraph", "list_item"):
        return False
    last, first = part.lines[-1], rest.lines[0]
    cut = small(first) and last[-1] == "-"  # a word, if of another size for the small capitals on its line
    if abs(part.size - rest.size) > (0.35 if cut else 0.06) * part.size or part.bold != rest.bold:
        return False
    if small(first) and not ended(last):
        return cut or part.room < 0.3 * (part.right - part.left)
    if rest.first + 0.35 * part.size < part.room:
        return False  # its first word would have fitted on the last line
    if part.pages[-1][1] == rest.page and part.left < rest.right and rest.left < part.right:
        return False  # it stands below, further down than a paragraph's lines do
    return beside and rest.begins_inside and (part.full if ended(last) else True)


def as_blocks(found: list[Part]) -> list[Block]:
    """RETURNS (list[Block]): The parts as blocks, headings told from text."""
    body = body_size(found)
    found = name_headings(found, body)
    words = Words([line for part in found if part.kind not in ("table", "code") for line in part.lines])
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
    return "".join(pieces).strip(), starts
