"""The characters of a page, as PDFium gives them.

PDFium is asked for characters and boxes only. Its own blanks, line breaks and order are left aside: they are those of
the order in which a page was drawn.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium

from .words import Style

BOLD = re.compile(r"bold|black|heavy|semib|demi(?!x)|medi\b|[.-]b\b|cmbx|cmssbx|cmb\d", re.I)
MONO = re.compile(r"courier|mono|consol|typewriter|cmtt|fixed|menlo", re.I)
UNMAPPED = "\ufffd"
# Accents that TeX draws over a letter, and the combining marks that mean the same
ACCENTS = {
    "`": "\u0300", "´": "\u0301", "^": "\u0302", "ˆ": "\u0302", "˜": "\u0303", "~": "\u0303", "¨": "\u0308",
    "¯": "\u0304", "ˉ": "\u0304", "˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "˝": "\u030b", "ˇ": "\u030c",
    "¸": "\u0327", "˛": "\u0328",
}  # fmt: skip

ACCENT_CODES = np.array([ord(accent) for accent in ACCENTS])
BLANKS = np.array([0x20, 0xA0, 0x3000, *range(0x2000, 0x200C), 0x0A, 0x0D, 0x09])
COMBINING = np.array([code for code in range(0x10000) if unicodedata.combining(chr(code))])


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
        self.box = np.empty((n, 4), np.float32)
        self.origin = np.empty((n, 2))
        boxes, origins = self.box.ctypes.data, self.origin.ctypes.data
        for i in range(n):
            loose_box(address, i, boxes + 16 * i)
            origin(address, i, origins + 16 * i, origins + 16 * i + 8)
        self.codes = self._codes(address, text_page, n)
        self.styles: list[Style] = []
        self.style = self._styles(address, n)

    def guesses(self, at: np.ndarray) -> int:
        """RETURNS (int): Characters whose font does not say which letter they are, each counted once a font."""
        fonts = {name: i for i, name in enumerate(dict.fromkeys(style.font for style in self.styles))}
        font = np.array([fonts[style.font] for style in self.styles] or [0])[self.style[at]]
        _, first = np.unique((font << 16) + self.codes[at], return_index=True)
        return sum(pdfium.FPDFText_HasUnicodeMapError(self.text_page, i) == 1 for i in at[first].tolist())

    def _codes(self, address: int, text_page: Any, n: int) -> np.ndarray:
        units = (ctypes.c_ushort * (n + 1))()
        if pdfium.FPDFText_GetText(text_page, 0, n, units) == n + 1:
            return np.array(units[:n], int)
        codes = np.array([unicode_of(address, i) & 0xFFFF for i in range(n)], int)
        for i in np.flatnonzero(codes == 0x02).tolist():
            if pdfium.FPDFText_IsHyphen(text_page, i) == 1:
                codes[i] = 0xFFFE
        return codes

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
    if code == 0xFFFE:  # what PDFium calls a hyphen at a line's end
        return "-"
    if code == 0xAD:
        return soft
    if 0xF000 <= code <= 0xF0FF:  # a font with an encoding of its own, at the place that Windows gives to it
        return "•" if symbols else chr(code - 0xF000)
    if code < 0x20 or 0x7F <= code < 0xA0 or code == 0xFFFD or 0xE000 <= code < 0xF900:
        return UNMAPPED
    return chr(code)


class Clusters(NamedTuple):
    """Characters that are seen; those that share a place are one.

    at (ndarray): (n,) the first character of each in `Glyphs`.
    blank, likely (ndarray): (n,) a blank was written before it; PDFium sees one there that was not written.
    unmapped (int): Of how many nothing says which letter they are.
    """

    text: list[str]
    at: np.ndarray
    blank: np.ndarray
    likely: np.ndarray
    unmapped: int


def clusters(glyphs: Glyphs, edges: tuple[float, float, float, float]) -> Clusters:
    """Put letters that share a place together, and leave out what is not seen.

    edges (tuple): Left, bottom, right, top of the page.
    """
    box, codes = glyphs.box, glyphs.codes
    middle_x, middle_y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    left, bottom, right, top = edges
    shown = (middle_x > left) & (middle_x < right) & (middle_y > bottom) & (middle_y < top)
    generated = (box[:, 0] == box[:, 2]) & (box[:, 1] == box[:, 3])
    blank = np.isin(codes, BLANKS)
    at = np.flatnonzero(shown & ~generated & ~blank)
    written, likely = (np.diff(np.cumsum(b)[at], prepend=0) > 0 for b in (blank & ~generated, blank & generated))
    same = np.zeros(len(codes), bool)
    same[1:] = (box[1:] == box[:-1]).all(1) & (glyphs.style[1:] == glyphs.style[:-1])
    here = codes[at]
    special = same[at] | np.isin(here, ACCENT_CODES) | (here == 0xAD) | (here >= 0xD800)
    special |= (here < 0x20) | ((here >= 0x7F) & (here < 0xA0)) | np.isin(here, COMBINING)
    text = [chr(code) for code in here.tolist()]
    gone = join_pieces(text, at, np.flatnonzero(special).tolist(), same, written, glyphs)
    unmapped = sum(text[k] == UNMAPPED for k in np.flatnonzero(special).tolist())
    if gone:
        kept = np.array([k for k in range(len(text)) if k not in gone], int)
        text, at, written, likely = [text[k] for k in kept], at[kept], written[kept], likely[kept]
    return Clusters(text, at, written, likely, unmapped)


def join_pieces(
    text: list[str], at: np.ndarray, special: list[int], same: np.ndarray, blank: np.ndarray, glyphs: Glyphs
) -> set[int]:
    """Join ligatures, accents and letters beyond the basic plane, each in the place of its first piece.

    text (list[str]): Letters of the page; changed in place.
    at (ndarray): Where each is in `glyphs`.
    special (list[int]): Those that may have to be joined or replaced.
    RETURNS (set[int]): Letters that are now part of another.
    """
    gone: set[int] = set()
    soft = "" if 0x2D in glyphs.codes else "-"
    box = glyphs.box
    for k in special:
        if k in gone:
            continue
        code = int(glyphs.codes[at[k]])
        before = next((j for j in range(k - 1, -1, -1) if j not in gone), None)
        if 0xD800 <= code < 0xDC00 and k + 1 < len(text) and "\udc00" <= text[k + 1] <= "\udfff":
            text[k] = chr(0x10000 + ((code - 0xD800) << 10) + ord(text[k + 1]) - 0xDC00)
            gone.add(k + 1)
            continue
        text[k] = letter(code, glyphs.styles[glyphs.style[at[k]]].symbols, soft)
        joins = same[at[k]] or (text[k] and unicodedata.combining(text[k]))
        if not text[k]:
            gone.add(k)
        elif joins and before is not None and not blank[k]:
            text[before] = unicodedata.normalize("NFC", text[before] + text[k]).replace("ſt", "st")
            gone.add(k)
        elif text[k] in ACCENTS:
            after = k + 1 if k + 1 < len(text) else None
            for other in (before, after):
                whole = accented(text[k], text[other], box[at[k]], box[at[other]]) if other is not None else None
                if other is not None and whole:
                    text[other] = whole
                    gone.add(k)
                    break
    return gone


def accented(accent: str, base: str, over: np.ndarray, under: np.ndarray) -> str | None:
    """RETURNS (str | None): A letter and the accent that is drawn over it as one letter; None where that is not so."""
    middle = (over[0] + over[2]) / 2
    if len(base) != 1 or not base.isalpha() or not under[0] < middle < under[2] or not over[3] < under[1]:
        return None
    whole = unicodedata.normalize("NFC", {"ı": "i", "ȷ": "j"}.get(base, base) + ACCENTS[accent])
    return whole if len(whole) == 1 else None
