"""What stands on a page without being part of it: fields of forms, notes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

NOTE_SIZE = 10.0  # points, of a note that does not say how it is drawn
HIDDEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW


@dataclass
class Note:
    """A note that says what it says, but not how it is drawn.

    left, top (float): Its corner in the page's own coordinates, y upwards.
    """

    text: str
    left: float
    top: float


def draw_notes(page: Any, *, fields_to_draw: bool) -> tuple[bool, list[Note]]:
    """Draw onto a page what is printed of its forms and notes.

    fields_to_draw (bool): The document asks its reader to draw the values of its fields.
    RETURNS (tuple): Whether the page has changed, so that it must be loaded anew; the notes that could not be drawn.
    """
    bare: list[Note] = []
    for i in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, i)
        if not annotation:
            continue
        try:
            drawn = pdfium.FPDFAnnot_HasKey(annotation, b"AP")
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                fields_to_draw = fields_to_draw or not drawn
            elif kind == pdfium.FPDF_ANNOT_FREETEXT and not drawn:
                bare += note(annotation)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    if fields_to_draw:
        render_small(page)
    return pdfium.FPDFPage_Flatten(page, pdfium.FLAT_PRINT) == pdfium.FLATTEN_SUCCESS, bare


def note(annotation: Any) -> list[Note]:
    """RETURNS (list[Note]): The text of a note; empty for one that is hidden or says nothing."""
    if pdfium.FPDFAnnot_GetFlags(annotation) & HIDDEN:
        return []
    size = pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0)
    units = (ctypes.c_ushort * (size // 2 + 1))()
    pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", units, size)
    text = bytes(units).decode("utf-16-le", "replace").rstrip("\0")
    place = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(annotation, place)
    return [Note(text, place.left, max(place.top, place.bottom))] if text.strip() else []


def render_small(page: Any) -> None:
    """Let PDFium draw a page on a few pixels: it then makes the pictures of fields that have none."""
    bitmap = pdfium.FPDFBitmap_Create(8, 8, 0)
    if bitmap:
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, 8, 8, 0, pdfium.FPDF_ANNOT)
        pdfium.FPDFBitmap_Destroy(bitmap)
