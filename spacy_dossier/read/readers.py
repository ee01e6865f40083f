"""Which function reads which media type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from .document import Document

Reader = Callable[[bytes, str], Document]
"""The bytes of a file and its name, a hint → its blocks. Raises Unreadable; any other exception counts as Corrupt."""

# Module below this room and function. A module is imported when a file needs it, for a process that reads mails only
# has no use for a PDF library.
READERS: dict[str, str] = {
    "application/pdf": "pdf.reader:read_pdf",
    "text/plain": "plain:read_plain",
    "application/x-subrip": "subtitles:read_subtitles",
    "text/vtt": "subtitles:read_subtitles",
    "application/json": "tables.data:read_json",
    "text/csv": "tables.data:read_csv",
    "text/tab-separated-values": "tables.data:read_csv",
    "text/html": "markup.html:read_html",
    "multipart/related": "markup.mht:read_mht",
    "text/markdown": "markup.markdown:read_markdown",
    "application/x-ipynb+json": "markup.ipynb:read_ipynb",
    "application/epub+zip": "markup.epub:read_epub",
    "application/x-latex": "markup.latex:read_latex",
    "text/x-rst": "markup.rst:read_rst",
    "application/xml": "markup.xml:read_xml",
    "image/svg+xml": "markup.xml:read_xml",
    "application/x-fictionbook+xml": "markup.schemas:read_fiction_book",
    "application/docbook+xml": "markup.schemas:read_doc_book",
    "application/x-opml+xml": "markup.schemas:read_opml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "office.docx:read_docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "office.xlsx:read_xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "office.pptx:read_pptx",
    "application/rtf": "office.legacy.rtf:read_rtf",
    "application/vnd.ms-excel": "office.legacy.xls:read_xls",
    "application/msword": "office.legacy.doc:read_doc",
    **{
        f"application/vnd.oasis.opendocument.{kind}": "office.odf:read_odf"
        for name in ("text", "spreadsheet", "presentation", "graphics")
        for kind in (name, f"{name}-template")
    },
    "application/vnd.oasis.opendocument.text-master": "office.odf:read_odf",
    "application/vnd.oasis.opendocument.text-web": "office.odf:read_odf",
}

# What to do about formats that no reader here reads as they were written.
CONVERTED = "is not read; convert it first, for example by `soffice --headless --convert-to {} FILE`"
REMEDIES = {
    "application/vnd.ms-powerpoint": "PowerPoint 97 to 2003 " + CONVERTED.format("pptx"),
    "application/x-hwp": "Hangul " + CONVERTED.format("odt"),
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": "the binary workbook " + CONVERTED.format("xlsx"),
    "text/x-org": "Org is not read; convert it first, for example by `pandoc -t gfm FILE -o FILE.md`",
    "application/x-typst": "Typst is not read; convert it first, for example by `pandoc -t gfm FILE -o FILE.md`",
    "application/x-iwork": "iWork is not read; export it as .docx, .xlsx or .pptx",
}

# Likewise, where all of a web page is asked for
WHOLE_PAGES = {
    "text/html": "markup.html:read_whole_page",
    "multipart/related": "markup.mht:read_whole_mht",
}


def find_reader(media_type: str, *, whole_page: bool = False, ocr: str | None = None) -> Reader | None:
    """Find the reader of a media type.

    whole_page (bool): Of web pages one that leaves out nothing, in place of that of the main text.
    ocr (str | None): Languages in which the reader of PDFs has Tesseract read scanned pages.
    RETURNS (Reader | None): None where there is none.
    """
    place = (WHOLE_PAGES if whole_page else READERS).get(media_type) or READERS.get(media_type)
    if place is None:
        return None
    module, _, function = place.partition(":")
    reader: Callable[..., Document] = getattr(import_module(f"{__package__}.{module}"), function)
    return partial(reader, ocr=ocr) if ocr and media_type == "application/pdf" else reader
