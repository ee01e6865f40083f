"""A page of a PDF → its words with their places, from the characters that PDFium gives.

PDFium is asked for characters and boxes only. Its own blanks, line breaks and order are left aside: they are those of
the order in which a page was drawn. Coordinates here are points, x to the right and y downwards, as a reader holds the
page.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from .notes import NOTE_SIZE, Note, draw_notes
from .ocr import Scans, scan_words
from .words import Letters, Style, Word, to_words, written_downwards

BOLD = re.compile(r"bold|black|heavy|semib|demi(?!x)|medi\b|[.-]b\b|cmbx|cmssbx|cmb\d", re.I)
MONO = re.compile(r"courier|mono|consol|typewriter|cmtt|fixed|menlo", re.I)
UNMAPPED = "\ufffd"
# Accents that TeX draws over a letter, and the combining marks that mean the same
ACCENTS = {
    "`": "\u0300", "´": "\u0301", "^": "\u0302", "ˆ": "\u0302", "˜": "\u0303", "~": "\u0303", "¨": "\u0308",
    "¯": "\u0304", "ˉ": "\u0304", "˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "˝": "\u030b", "ˇ": "\u030c",
    "¸": "\u0327", "˛": "\u0328",
}  # fmt: skip


@dataclass
class Page:
    """Words of a page.

    groups (list[list[Word]]): Words by the direction that they are written in, the main one first. Each in a frame of
        its own, turned so that it reads from left to right.
    width, height (float): Of the page, in the frame of the main group.
    letters, unmapped, guessed (int): Characters on it, those of them that have no Unicode, and those of which PDFium
        only guesses it.
    pictures (bool): An image is on it.
    """

    number: int
    width: float
    height: float
    groups: list[list[Word]] = field(default_factory=list)
    letters: int = 0
    unmapped: int = 0
    guessed: int = 0
    pictures: bool = False

    @property
    def scanned(self) -> bool:
        """Nothing but a picture is on it."""
        return self.pictures and not self.letters


def native(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """RETURNS (Callable): A function of PDFium that takes plain addresses, so that it can fill arrays of numpy."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.CFUNCTYPE(result, *arguments)(address)


POINTER, INT = ctypes.c_void_p, ctypes.c_int
loose_box = native(pdfium.FPDFText_GetLooseCharBox, INT, POINTER, INT, POINTER)
origin = native(pdfium.FPDFText_GetCharOrigin, INT, POINTER, INT, POINTER, POINTER)
text_object = native(pdfium.FPDFText_GetTextObject, POINTER, POINTER, INT)
text_matrix = native(pdfium.FPDFText_GetMatrix, INT, POINTER, INT, POINTER)
font_size = native(pdfium.FPDFText_GetFontSize, ctypes.c_double, POINTER, INT)
object_font = native(pdfium.FPDFTextObj_GetFont, POINTER, POINTER)
font_flags = native(pdfium.FPDFFont_GetFlags, INT, POINTER)
font_weight = native(pdfium.FPDFFont_GetWeight, INT, POINTER)
font_name = native(pdfium.FPDFFont_GetBaseFontName, ctypes.c_size_t, POINTER, POINTER, ctypes.c_size_t)
unicode_of = native(pdfium.FPDFText_GetUnicode, ctypes.c_uint, POINTER, INT)


def page_words(document: Any, number: int, *, fields_to_draw: bool = False, scans: Scans | None = None) -> Page:
    """Read the words of a page, those of filled-in forms and of notes printed on it too.

    document (FPDF_DOCUMENT): An open document.
    number (int): The page, from 1.
    fields_to_draw (bool): The document asks its reader to draw the values of its fields.
    scans (Scans | None): Where pages without text, or with letters that cannot be told, are read by Tesseract.
    RAISES (Unreadable): Tesseract is not installed or fails.
    """
    page = pdfium.FPDF_LoadPage(document, number - 1)
    if not page:
        return Page(number, 0, 0)
    bare: list[Note] = []
    try:
        if pdfium.FPDFPage_GetAnnotCount(page) > 0:
            changed, bare = draw_notes(page, fields_to_draw=fields_to_draw)
            if changed:
                pdfium.FPDF_ClosePage(page)
                page = pdfium.FPDF_LoadPage(document, number - 1)
        frame = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(page, frame)
        text_page = pdfium.FPDFText_LoadPage(page)
        read = Page(number, abs(frame.right - frame.left), abs(frame.top - frame.bottom))
        read.pictures = has_picture(page)
        if text_page:
            try:
                glyphs = Glyphs(ctypes.cast(text_page, ctypes.c_void_p).value or 0, text_page)
                turned = pdfium.FPDFPage_GetRotation(page) * 90
                fill_page(read, glyphs, (frame.left, frame.bottom, frame.right, frame.top), turned, bare)
            finally:
                pdfium.FPDFText_ClosePage(text_page)
        if scans is not None and (read.scanned or read.unmapped > 0.5 * read.letters):
            read.groups = [scan_words(page, number, scans)]
            read.width, read.height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
            read.letters, read.unmapped = sum(len(word.text) for word in read.groups[0]), 0
        return read
    finally:
        pdfium.FPDF_ClosePage(page)


def has_picture(page: Any) -> bool:
    for i in range(min(pdfium.FPDFPage_CountObjects(page), 200)):
        if pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, i)) in (
            pdfium.FPDF_PAGEOBJ_IMAGE,
            pdfium.FPDF_PAGEOBJ_FORM,
        ):
            return True
    return False


class Glyphs:
    """The characters of a page in the order they were drawn.

    text (list[str]): Of each, one or more letters (a ligature, a letter with its accents).
    box (ndarray): (n, 4) left, top, right, bottom in the page's own coordinates, y upwards.
    origin (ndarray): (n, 2) where each stands on its baseline.
    style (ndarray): (n,) position in `styles`.
    styles (list[Style]): Of each text object.
    """

    def __init__(self, address: int, text_page: Any) -> None:
        n = max(0, pdfium.FPDFText_CountChars(text_page))
        self.text_page = text_page
        self.guesses: dict[tuple[str, int], bool] = {}
        self.box = np.empty((n, 4), np.float32)
        self.origin = np.empty((n, 2))
        boxes, origins = self.box.ctypes.data, self.origin.ctypes.data
        for i in range(n):
            loose_box(address, i, boxes + 16 * i)
            origin(address, i, origins + 16 * i, origins + 16 * i + 8)
        self.codes = self._codes(address, text_page, n)
        self.styles: list[Style] = []
        self.style = self._styles(address, n)

    def is_guess(self, i: int) -> bool:
        """RETURNS (bool): The font does not say what a character means. Asked once for each of its characters."""
        key = self.styles[self.style[i]].font, self.codes[i]
        if key not in self.guesses:
            self.guesses[key] = pdfium.FPDFText_HasUnicodeMapError(self.text_page, i) == 1
        return self.guesses[key]

    def _codes(self, address: int, text_page: Any, n: int) -> list[int]:
        units = (ctypes.c_ushort * (n + 1))()
        if pdfium.FPDFText_GetText(text_page, 0, n, units) == n + 1:
            return list(units[:n])
        return [unicode_of(address, i) for i in range(n)]

    def _styles(self, address: int, n: int) -> np.ndarray:
        known: dict[int | None, int] = {}
        fonts: dict[int | None, tuple[str, bool, bool, bool]] = {}
        style = np.zeros(n, np.int32)
        matrix = (ctypes.c_float * 6)()
        for i in range(n):
            thing = text_object(address, i)
            at = known.get(thing)
            if at is None:
                text_matrix(address, i, ctypes.addressof(matrix))
                a, b, c, d = matrix[0], matrix[1], matrix[2], matrix[3]
                size = abs(font_size(address, i)) * (math.hypot(c, d) or 1.0)
                font = object_font(thing) if thing else None
                if font not in fonts:
                    fonts[font] = font_looks(font) if font else ("", False, False, False)
                at = known[thing] = len(self.styles)
                self.styles.append(Style(size, round(math.degrees(math.atan2(b, a))) % 360, *fonts[font]))
            style[i] = at
        return style


def font_looks(font: int) -> tuple[str, bool, bool, bool]:
    """RETURNS (tuple): A font's name, and whether it is bold, of fixed width, made of symbols."""
    buffer = ctypes.create_string_buffer(256)
    font_name(font, ctypes.addressof(buffer), 256)
    name = buffer.value.decode("utf-8", "replace").partition("+")[2] or buffer.value.decode("utf-8", "replace")
    flags = font_flags(font)
    bold = bool(BOLD.search(name)) or font_weight(font) >= 700
    mono = bool(MONO.search(name)) or (flags >= 0 and bool(flags & 1))
    return name, bold, mono, bool(re.search(r"symbol|ding", name, re.I))


def letter(code: int, symbols: bool, soft: str) -> str:
    """RETURNS (str): What a character of PDFium stands for; UNMAPPED where nothing says it."""
    if code in (0x02, 0xFFFE):  # what PDFium calls a hyphen at a line's end
        return "-"
    if code == 0xAD:
        return soft
    if 0xF000 <= code <= 0xF0FF:  # a font with an encoding of its own, at the place that Windows gives to it
        return "•" if symbols else chr(code - 0xF000)
    if code < 0x20 or 0x7F <= code < 0xA0 or code == 0xFFFD or 0xE000 <= code < 0xF900:
        return UNMAPPED
    return chr(code)


class Frame:
    """A page turned so that text of one direction reads from left to right.

    edges (tuple): Left, bottom, right, top of the page in its own coordinates, y upwards.
    angle (int): Direction of the text.
    """

    def __init__(self, edges: tuple[float, float, float, float], angle: int) -> None:
        turn = math.radians(angle)
        self.cos, self.sin = round(math.cos(turn), 9), round(math.sin(turn), 9)
        self.x = self.y = 0.0
        left, bottom, right, top = edges
        corners = [self.place(x, y) for x in (left, right) for y in (bottom, top)]
        self.x, self.y = min(x for x, _ in corners), min(y for _, y in corners)
        self.width, self.height = max(x for x, _ in corners) - self.x, max(y for _, y in corners) - self.y

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        """RETURNS (tuple): Where a point, or an array of points, is on the turned page, y downwards."""
        return x * self.cos + y * self.sin - self.x, x * self.sin - y * self.cos - self.y


def fill_page(
    page: Page, glyphs: Glyphs, edges: tuple[float, float, float, float], turned: int, notes: list[Note]
) -> None:
    """Make words of the characters that stand on the page, and of the notes that could not be drawn on it.

    turned (int): Degrees by which a viewer turns the page.
    """
    text, at, blank, likely = clusters(glyphs, edges, page)
    main = Frame(edges, turned)
    if text:
        style = glyphs.style[at]
        angles = directions(text, glyphs, at)
        values, counts = np.unique(angles, return_counts=True)
        for _, angle in sorted(zip((-counts).tolist(), values.tolist(), strict=True)):
            frame = Frame(edges, angle)
            chosen = np.flatnonzero(angles == angle)
            index = at[chosen]
            box, origin = glyphs.box[index].astype(float), glyphs.origin[index]
            xs = np.stack([frame.place(box[:, i], box[:, j])[0] for i in (0, 2) for j in (1, 3)])
            y = frame.place(origin[:, 0], origin[:, 1])[1]
            marks = style[chosen], blank[chosen], likely[chosen]
            letters = Letters([text[i] for i in chosen], xs.min(0), xs.max(0), y, *marks)
            main = main if page.groups else frame
            page.groups.append(to_words(letters, glyphs.styles))
    page.width, page.height = main.width, main.height
    if notes:
        page.groups = page.groups or [[]]
        page.groups[0] += [word for note in notes for word in note_words(note, *main.place(note.left, note.top))]


def directions(text: list[str], glyphs: Glyphs, at: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): (n,) the angle at which each letter is read."""
    style = glyphs.style[at]
    angles = np.array([s.angle for s in glyphs.styles])[style]
    near = (np.round(angles / 90.0) * 90) % 360  # a scan that lies a little askew still reads along the page
    angles = np.where(np.abs((angles - near + 180) % 360 - 180) <= 10, near, angles).astype(int)
    sizes = np.array([s.size for s in glyphs.styles])[style]
    angles[written_downwards(text, glyphs.origin[at], sizes) & (angles == 0)] = 270
    return angles


def note_words(note: Note, x: float, y: float) -> list[Word]:
    """RETURNS (list[Word]): The words of a note, from its upper left corner on."""
    words = []
    for line in note.text.splitlines():
        y, at = y + 1.2 * NOTE_SIZE, x
        for text in line.split():
            end = at + 0.5 * NOTE_SIZE * len(text)
            words.append(Word(text, at, end, y, NOTE_SIZE, Style(NOTE_SIZE), True))
            at = end + 0.3 * NOTE_SIZE
    return words


def clusters(
    glyphs: Glyphs, frame: tuple[float, float, float, float], page: Page
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Put letters that share a place together, and leave out what is not seen.

    RETURNS (tuple): Text of each cluster, its first character in `glyphs`, whether a blank was written before it,
        whether PDFium sees one there that was not written.
    """
    box = glyphs.box
    middle_x, middle_y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    left, bottom, right, top = frame
    inside = ((middle_x > left) & (middle_x < right) & (middle_y > bottom) & (middle_y < top)).tolist()
    generated = ((box[:, 0] == box[:, 2]) & (box[:, 1] == box[:, 3])).tolist()
    same = np.zeros(len(inside), bool)
    same[1:] = (box[1:] == box[:-1]).all(1) & (glyphs.style[1:] == glyphs.style[:-1])
    soft = "" if 0x2D in glyphs.codes else "-"
    style = glyphs.style.tolist()
    texts: list[str] = []
    at: list[int] = []
    blanks: list[bool] = []
    likely: list[bool] = []
    blank, guess, high = False, False, 0
    for i, (code, one, shown) in enumerate(zip(glyphs.codes, same.tolist(), inside, strict=True)):
        if code in (0x20, 0xA0, 0x3000) or 0x2000 <= code <= 0x200B or code in (0x0A, 0x0D, 0x09):
            blank, guess = blank or not generated[i], guess or generated[i]
            continue
        if not shown or generated[i]:
            continue
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00 if high else 0xFFFD
            high, one = 0, False
        char = letter(code, glyphs.styles[style[i]].symbols, soft)
        page.letters += 1
        page.unmapped += char == UNMAPPED
        page.guessed += glyphs.is_guess(i)
        if not char:
            continue
        if texts and not blank and (one or unicodedata.combining(char)):
            texts[-1] += char  # a piece of a ligature, an accent over its letter
            continue
        if texts and (joined := accented(texts[-1], char, box[at[-1]], box[i])):
            texts[-1] = joined
            at[-1] = i if texts[-1][0] not in ACCENTS and char not in ACCENTS else at[-1]
            continue
        texts.append(char)
        at.append(i)
        blanks.append(blank)
        likely.append(guess)
        blank = guess = False
    composed = [unicodedata.normalize("NFC", t) if len(t) > 1 else t for t in texts]
    return composed, np.array(at, int), np.array(blanks, bool), np.array(likely, bool)


def accented(before: str, char: str, box: np.ndarray, other: np.ndarray) -> str | None:
    """RETURNS (str | None): A letter and the accent that is drawn over it as one letter; None where that is not so."""
    if (before in ACCENTS) == (char in ACCENTS):
        return None
    accent, base = (before, char) if before in ACCENTS else (char, before)
    over, under = (box, other) if before in ACCENTS else (other, box)
    middle = (over[0] + over[2]) / 2
    if not base.isalpha() or not under[0] < middle < under[2] or not over[3] < under[1]:
        return None
    whole = unicodedata.normalize("NFC", {"ı": "i", "ȷ": "j"}.get(base, base) + ACCENTS[accent])
    return whole if len(whole) == 1 else None
