"""What is read of workbooks is what a spreadsheet program shows of them."""

import datetime
import io
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.workbook import Workbook as Written

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.office.xlsx import read_xlsx

from .office_samples import DRAWN, OFFICE, TEXTS, kinds, ooxml, rels, texts

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def saved(book: Written) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def sheet(rows: list[list[Any]], **formats: str) -> Written:
    """A workbook of one sheet; `formats` are number formats by cell."""
    book = Written()
    for row in rows:
        book.active.append(row)
    for cell, code in formats.items():
        book.active[cell].number_format = code
    return book


def workbook(data: str, *targets: str, strings: str = "", **members: str) -> bytes:
    """A package made by hand; `data` is what is in the sheet."""
    sheets = '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets>'
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": rels("worksheet:s.xml", "sharedStrings:strings.xml"),
        "xl/s.xml": f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">{data}</worksheet>',
        "xl/_rels/s.xml.rels": rels(*targets),
        "xl/strings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
    }
    return ooxml("xl/workbook.xml", {**parts, **{f"xl/{name}.xml": content for name, content in members.items()}})


def test_texts_come_back_as_they_were_written() -> None:
    rows = [[text, text] for text in TEXTS]
    assert kinds(read_xlsx(saved(sheet(rows)), "x.xlsx")) == [
        ("heading", "Sheet"),
        ("table", "\n".join(f"{text}\t{text}" for text in TEXTS)),
    ]


def test_values_stand_as_they_are_shown() -> None:
    rows: list[list[Any]] = [
        [0.125, 1200.5, datetime.time(14, 30), datetime.timedelta(hours=30)],
        [datetime.date(2023, 3, 7), 712, datetime.datetime(2023, 3, 7, 9, 5), True],
        ["00712", -5, 0.1 + 0.2, 1234567890123456],
    ]
    formats = {"A1": "0.0%", "B1": '#,##0.00 "kr"', "C1": "h:mm", "D1": "[h]:mm", "A2": "dd.mm.yyyy", "B2": "00000"}
    formats |= {"C2": "d mmm yyyy hh:mm", "B3": "0;(0)"}
    table = texts(read_xlsx(saved(sheet(rows, **formats)), "x.xlsx"))[1]
    assert table.split("\n") == [
        "12.5%\t1,200.50 kr\t14:30\t30:00",
        "07.03.2023\t00712\t7 Mar 2023 09:05\tTRUE",
        "00712\t(5)\t0.3\t1234567890123456",
    ]


def test_dates_that_count_from_1904() -> None:
    book = sheet([[datetime.date(2023, 3, 7)]])
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert texts(read_xlsx(saved(book), "x.xlsx")) == ["Sheet", "2023-03-07"]


def test_sheets_are_headings_in_the_order_of_their_tabs() -> None:
    book = sheet([["a", "b"]])
    book.create_sheet("R & D").append(["c", "d"])
    book.create_sheet("Empty")
    book.move_sheet("R & D", -1)
    found = [(block.kind, block.text, block.level) for block in read_xlsx(saved(book), "x.xlsx").blocks]
    assert found == [("heading", "R & D", 1), ("table", "c\td", None), ("heading", "Sheet", 1), ("table", "a\tb", None)]


def test_what_is_hidden_is_not_read() -> None:
    book = sheet([["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]], A3=";;;")
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.create_sheet("Secret").append(["x"])
    book["Secret"].sheet_state = "hidden"
    assert texts(read_xlsx(saved(book), "x.xlsx")) == ["Sheet", "a\tc", "i"]


def test_merged_cells_stand_once_and_columns_stay() -> None:
    book = sheet([["Budget", None, None], ["Aas", "x", None], [None, None, "y"]])
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("A2:A3")
    assert texts(read_xlsx(saved(book), "x.xlsx"))[1] == "Budget\nAas\tx\n\t\ty"
    under = '<sheetData><row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c><c r="C1"><v>3</v></c></row></sheetData>'
    under += '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'
    assert texts(read_xlsx(workbook(under), "x.xlsx")) == ["S", "1\t3"]


def test_empty_rows_part_tables_and_a_cell_alone_is_a_paragraph() -> None:
    book = sheet([["Title\nin two lines"], [], ["a", "b"], ["c\td", "e\nf"], [], []])
    book.active["XFD1048576"] = "far"
    assert kinds(read_xlsx(saved(book), "x.xlsx"))[1:] == [
        ("paragraph", "Title\nin two lines"),
        ("table", "a\tb\nc d\te f"),
        ("paragraph", "far"),
    ]


def test_scattered_cells_do_not_fill_the_memory() -> None:
    cells = "".join(
        f'<row r="{n}"><c r="{openpyxl.utils.get_column_letter(n)}{n}"><v>{n}</v></c></row>' for n in range(1, 3000)
    )
    assert len(texts(read_xlsx(workbook(f"<sheetData>{cells}</sheetData>"), "x.xlsx"))[1]) < 20_000


def test_rich_shared_and_inline_strings() -> None:
    bold = InlineFont(b=True)
    rich = CellRichText("Paid by ", TextBlock(bold, "Sunniva"), " Aas of Har", TextBlock(bold, "stad"))
    assert texts(read_xlsx(saved(sheet([[rich]])), "x.xlsx"))[1] == "Paid by Sunniva Aas of Harstad"
    strings = "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
    strings += "<si><r><t>a_x000D_\n</t></r><r><t>b_x005F_x</t></r></si>"
    strings += "<si><t>_xD83D__xDE0A_ _xD83D_</t></si>"
    cells = "".join(f'<c t="s"><v>{n}</v></c>' for n in range(3)) + '<c t="inlineStr"><is><t>in line</t></is></c>'
    data = f"<sheetData><row>{cells}</row></sheetData>"
    assert texts(read_xlsx(workbook(data, strings=strings), "x.xlsx"))[1] == "東京\ta b_x\t😊 �\tin line"


def test_formulas_give_the_value_that_is_shown() -> None:
    cells = (
        '<c><f>A2*2</f><v>4</v></c><c t="str"><f>A2</f><v>text</v></c><c t="e"><f>1/0</f><v>#DIV/0!</v></c>'
        "<c><f>1+1</f></c><c t='b'><v>0</v></c><c t='d'><v>2023-03-07</v></c>"
    )
    found = texts(read_xlsx(workbook(f"<sheetData><row>{cells}</row></sheetData>"), "x.xlsx"))
    assert found[1] == "4\ttext\t#DIV/0!\tFALSE\t2023-03-07"


def test_comments_are_not_in_the_text() -> None:
    book = sheet([["a", "b"]])
    book.active["A1"].comment = Comment("Is this so?", "Author")
    assert texts(read_xlsx(saved(book), "x.xlsx")) == ["Sheet", "a\tb"]


def test_headers_and_footers_of_printed_pages() -> None:
    book = sheet([["a", "b"]])
    book.active.oddHeader.left.text, book.active.oddHeader.right.text = "Vantor && Sons", "Page &P of &N"
    book.active.oddHeader.left.size, book.active.oddHeader.left.font = 14, "Arial,Bold"
    book.active.oddFooter.center.text = "Internal"
    book.active.evenFooter.center.text = "not shown"
    assert kinds(read_xlsx(saved(book), "x.xlsx")) == [
        ("page_header", "Vantor & Sons\tPage  of"),
        ("heading", "Sheet"),
        ("table", "a\tb"),
        ("page_footer", "Internal"),
    ]


def test_text_boxes_and_titles_of_charts() -> None:
    spaces = f'xmlns:a="{DRAWN}" xmlns:r="{OFFICE}" xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    box = "<a:p><a:r><a:t>Bo</a:t></a:r><a:r><a:t>xed &amp; kept</a:t></a:r><a:br/><a:r><a:t>line</a:t></a:r></a:p>"
    title = "<a:p><a:r><a:t>Sales</a:t></a:r></a:p>"
    drawing = (
        f'<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" {spaces}>'
        f'<xdr:sp><xdr:txBody>{box}</xdr:txBody></xdr:sp><c:chart r:id="rId1"/></xdr:wsDr>'
    )
    chart = f"<c:chartSpace {spaces}><c:title><c:tx><c:rich>{title}</c:rich></c:tx></c:title></c:chartSpace>"
    relations = {"xl/_rels/drawing.xml.rels": rels("chart:chart.xml")}
    data = workbook('<drawing r:id="rId1"/>', "drawing:drawing.xml", drawing=drawing, chart=chart)
    with openpyxl.reader.excel.ZipFile(buffer := io.BytesIO(data), "a") as archive:
        for name, content in relations.items():
            archive.writestr(name, content)
    found = kinds(read_xlsx(buffer.getvalue(), "x.xlsx"))
    assert found == [("heading", "S"), ("paragraph", "Boxed & kept\nline"), ("caption", "Sales")]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04", "Corrupt"),
        (saved(sheet([["a"]]))[:-300], "Corrupt"),
        (workbook("<sheetData><row></sheetData>"), "Corrupt"),
        (workbook('<sheetData><row><c t="s"><v>7</v></c></row></sheetData>'), "Corrupt"),
        (workbook("<sheetData>" + "<row>" * 300 + "</row>" * 300 + "</sheetData>"), "Corrupt"),
    ],
    ids=["no archive", "cut", "broken xml", "no such text", "too deep"],
)
def test_broken_workbooks_are_refused_in_one_line(data: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_xlsx(data, "x.xlsx")
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(which("soffice") is None, reason="LibreOffice is not installed")
def test_libre_office_shows_the_same_values(tmp_path: Path) -> None:
    codes = [
        "0.0%",
        "#,##0.00",
        "0.00E+00",
        "# ?/?",
        "0;(0)",
        '0.0,"k"',
        "00000",
        '"a"0.00"b"',
        "000-00",
        "[>9]0.0;0.00",
    ]
    dates = ["yyyy-mm-dd", "d mmm yyyy", "dddd", "h:mm AM/PM", "[h]:mm:ss", "mm:ss.0", "yy/m/d h:m:s", "mmmm"]
    numbers = [61, 61.5, 712, 1234.25, 9999.96875, 45678.9]  # the two count the days before March 1900 differently
    rows = [[number] * (len(codes) + len(dates)) for number in numbers]
    book = sheet(rows)
    for row in book.active.iter_rows():
        for cell, code in zip(row, codes + dates, strict=True):
            cell.number_format = code
    (tmp_path / "x.xlsx").write_bytes(saved(book))
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to"]
    tabs = "csv:Text - txt - csv (StarCalc):9,34,76,1,,1033,false,true"
    subprocess.run(
        [*command, tabs, "--outdir", str(tmp_path), str(tmp_path / "x.xlsx")], check=True, capture_output=True
    )
    theirs = (tmp_path / "x.csv").read_text("utf-8").splitlines()
    ours = texts(read_xlsx((tmp_path / "x.xlsx").read_bytes(), "x.xlsx"))[1].split("\n")
    assert [line.split("\t") for line in ours] == [
        [" ".join(cell.split()) for cell in line.split("\t")] for line in theirs
    ]
