"""Words of scanned pages, by Tesseract where it is installed."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

import pypdfium2.raw as pdfium

from ..child import die_with_parent
from ..document import Unreadable
from .words import Style, Word

DOTS = 300  # an inch, what Tesseract is made for
MOST_PIXELS = 40_000_000  # of a page; a larger one is drawn coarser
PAGE_SECONDS = 120.0
WORD_LEVEL, LINE_LEVEL = 5, 4  # of Tesseract's table
LEAST_CONFIDENCE = 0.0  # of 100; Tesseract gives less to what is no word
ALIKE = 0.25  # heights of lines that differ by a smaller share are of one font size


@dataclass
class Scans:
    """What Tesseract has read of a document.

    languages (str): Its names of them, joined by +, as eng+deu.
    confidences (list[float]): Of each word, in [0, 1], as Tesseract says.
    """

    languages: str
    pages: list[int] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)

    def meta(self) -> dict[str, Any]:
        """RETURNS (dict): What a record says about it."""
        confidence = round(mean(self.confidences), 4) if self.confidences else None
        return {"ocr": {"languages": self.languages, "pages": self.pages, "confidence": confidence}}


def scan_words(page: Any, number: int, scans: Scans) -> list[Word]:
    """Read the picture of a page.

    page (FPDF_PAGE): An open page.
    RETURNS (list[Word]): Its words, in points from the upper left corner of the page as a reader holds it.
    RAISES (Unreadable): Tesseract is not installed or fails.
    """
    picture, scale = draw(page)
    table = tesseract(picture, scans.languages)
    words = to_words(table, scale, scans)
    if words:
        scans.pages.append(number)
    return words


def draw(page: Any) -> tuple[bytes, float]:
    """RETURNS (tuple): A page as a grey picture (PGM), and how many points one of its pixels is."""
    width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    scale = min(DOTS / 72, (MOST_PIXELS / max(1.0, width * height)) ** 0.5)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    bitmap = pdfium.FPDFBitmap_CreateEx(columns, rows, pdfium.FPDFBitmap_Gray, None, 0)
    if not bitmap:
        raise Unreadable("TooLarge", f"a page of {width:.0f} by {height:.0f} points cannot be drawn")
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, columns, rows, 0xFFFFFFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, columns, rows, 0, pdfium.FPDF_ANNOT | pdfium.FPDF_GRAYSCALE)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        pixels = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * rows)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    lines = (pixels[i * stride : i * stride + columns] for i in range(rows))
    return b"P5 %d %d 255\n" % (columns, rows) + b"".join(lines), 1 / scale


def tesseract(picture: bytes, languages: str) -> str:
    """RETURNS (str): Tesseract's table of what is in a picture. RAISES (Unreadable): It is missing or fails."""
    program = shutil.which("tesseract")
    if program is None:
        raise Unreadable("NoText", "a scan, and Tesseract, which --ocr reads scans by, is not installed")
    with tempfile.TemporaryDirectory() as folder:  # its own, for whatever it writes
        try:
            run = subprocess.run(
                [program, "-", "-", "-l", languages, "--dpi", str(DOTS), "tsv"],
                input=picture,
                capture_output=True,
                timeout=PAGE_SECONDS,
                check=False,
                cwd=folder,
                env={**os.environ, "TMPDIR": folder, "OMP_THREAD_LIMIT": "1"},
                preexec_fn=die_with_parent,
            )
        except subprocess.TimeoutExpired:
            raise Unreadable("Timeout", f"Tesseract took more than {PAGE_SECONDS:g} s for a page") from None
    if run.returncode:
        said = " ".join(run.stderr.decode("utf-8", "replace").split())
        raise Unreadable("OcrFailed", f"Tesseract: {said[:200] or f'exit status {run.returncode}'}")
    return run.stdout.decode("utf-8", "replace")


def to_words(table: str, scale: float, scans: Scans) -> list[Word]:
    """Take the words out of Tesseract's table; all words of a line stand on one baseline and have one size.

    table (str): With a head line; level, page, block, paragraph, line, word, left, top, width, height, confidence and
        text of each part, parted by tabs.
    scale (float): Points of a pixel.
    """
    lines: dict[tuple[str, ...], tuple[float, float]] = {}  # bottom and height of each line
    found: list[tuple[tuple[str, ...], float, float, str]] = []
    for row in table.splitlines()[1:]:
        cells = row.split("\t", 11)
        if len(cells) < 12:
            continue
        key = tuple(cells[1:5])
        left, top, width, height = (float(c) * scale for c in cells[6:10])
        if int(cells[0]) == LINE_LEVEL:
            lines[key] = top + height, height
        elif int(cells[0]) == WORD_LEVEL and cells[11].strip() and float(cells[10]) >= LEAST_CONFIDENCE:
            found.append((key, left, left + width, cells[11].strip()))
            scans.confidences.append(float(cells[10]) / 100)
    if not found:
        return []
    usual = median(lines[key][1] for key, *_ in found)
    words = []
    for key, left, right, text in found:
        bottom, height = lines[key]
        size = usual if abs(height - usual) < ALIKE * usual else height
        words.append(Word(text, left, right, bottom - 0.2 * size, size, Style(size), True))
    return words
