"""A page of a PDF → its words with their places, as a reader holds the page."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from .glyphs import Glyphs, clusters
from .grids import Shapes, shapes_of
from .notes import NOTE_SIZE, Note, draw_notes
from .ocr import Scans, scan_words
from .words import Letters, Style, Word, to_words, written_downwards


@dataclass
class Page:
    """Words of a page.

    groups (list[list[Word]]): Words by the direction that they are written in, the main one first. Each in a frame of
        its own, turned so that it reads from left to right.
    width, height (float): Of the page, in the frame of the main group.
    letters, unmapped, guessed (int): Characters on it, those of them that have no Unicode, and those of which PDFium
        only guesses it.
    pictures (bool): An image is on it.
    shapes (Shapes): What is drawn on it, in the frame of the main group.
    """

    number: int
    width: float
    height: float
    groups: list[list[Word]] = field(default_factory=list)
    letters: int = 0
    unmapped: int = 0
    guessed: int = 0
    pictures: bool = False
    shapes: Shapes = field(default_factory=Shapes)

    @property
    def scanned(self) -> bool:
        """Nothing but a picture is on it."""
        return self.pictures and not self.letters


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
                main = fill_page(read, glyphs, (frame.left, frame.bottom, frame.right, frame.top), turned, bare)
                read.shapes = shapes_of(page, main.place)
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
) -> Frame:
    """Make words of the characters that stand on the page, and of the notes that could not be drawn on it.

    turned (int): Degrees by which a viewer turns the page.
    RETURNS (Frame): In which the main group of words is.
    """
    text, at, blank, likely, page.unmapped = clusters(glyphs, edges)
    page.letters, page.guessed = len(text), glyphs.guesses(at)
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
    return main


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
