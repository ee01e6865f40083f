"""Workbooks of Excel 2 to 2003 (.xls): what Excel shows of each sheet, as of .xlsx.

Left out besides what .xlsx leaves out: text boxes and charts, which xlrd does not read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import xlrd
from xlrd.compdoc import CompDocError

from ...document import Block, Document, Unreadable
from ..layout import tidy
from ..number_format import BUILT_IN, show_number, show_text
from ..sheet import Sheet

SYSTEM_FORMATS = (14, 22)  # dates that each machine writes in its own way


def read_xls(data: bytes, name: str) -> Document:
    """Read a workbook. RAISES (Unreadable): Encrypted or broken."""
    try:
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, logfile=io.StringIO())
        return Document(list(_blocks(book)))
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise Unreadable("PasswordProtected", "the document is protected by a password") from None
        raise Unreadable("Corrupt", " ".join(str(error).split())) from None
    except (CompDocError, AssertionError, LookupError, ValueError, struct.error) as error:
        # what xlrd meets in records that are not as they should be
        raise Unreadable("Corrupt", f"broken workbook: {' '.join(str(error).split())}") from None


def _blocks(book: xlrd.Book) -> Iterator[Block]:
    for sheet in book.sheets():
        tables = [] if sheet.visibility else list(_cells(book, sheet).tables())
        if tables:
            yield Block("heading", tidy(sheet.name), 1)
            yield from tables


def _cells(book: xlrd.Book, sheet: xlrd.sheet.Sheet) -> Sheet:
    found = Sheet(
        covered=[(top + 1, left + 1, bottom, right) for top, bottom, left, right in sheet.merged_cells],
        hidden=[(column + 1, column + 1) for column, about in sheet.colinfo_map.items() if about.hidden],
    )
    for number in range(sheet.nrows):
        about = sheet.rowinfo_map.get(number)
        if about is None or not about.hidden:
            found.rows[number + 1] = {c + 1: _shown(book, cell) for c, cell in enumerate(sheet.row(number))}
    return found


def _shown(book: xlrd.Book, cell: xlrd.sheet.Cell) -> str:
    """RETURNS (str): What is shown of a cell."""
    key = book.xf_list[cell.xf_index].format_key if cell.xf_index is not None else 0
    code = BUILT_IN[key] if key in SYSTEM_FORMATS else book.format_map[key].format_str if key in book.format_map else ""
    if cell.ctype == xlrd.XL_CELL_TEXT:
        return show_text(cell.value, code)
    if cell.ctype in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
        return show_number(repr(cell.value), code or "General", since_1904=book.datemode == 1)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#N/A"))
    return ""
