"""What is read of old workbooks is what Excel shows of them."""

import datetime
import io

import pytest
import xlwt

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.extract import extract_bytes
from spacy_dossier.read.office.legacy.xls import read_xls

from .office_samples import TEXTS, kinds


def saved(book: xlwt.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_texts_and_values_stand_as_they_are_shown() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("R & D")
    for row, text in enumerate(TEXTS):
        sheet.write(row, 0, text)
        sheet.write(row, 1, row)
    values = [(0.125, "0.0%"), (1200.5, '#,##0.00 "kr"'), (datetime.time(14, 30), "h:mm"), (1.25, "[h]:mm")]
    values += [(datetime.date(2023, 3, 7), "M/D/YY"), (712, "00000"), (datetime.date(2023, 3, 7), "d mmm yyyy")]
    for column, (value, code) in enumerate(values):
        sheet.write(10, column, value, xlwt.easyxf(num_format_str=code))
    sheet.write(11, 0, True)
    sheet.write(11, 1, 0.1 + 0.2)
    assert kinds(read_xls(saved(book), "x.xls")) == [
        ("heading", "R & D"),
        ("table", "\n".join(f"{text}\t{row}" for row, text in enumerate(TEXTS))),
        ("table", "12.5%\t1,200.50 kr\t14:30\t30:00\t2023-03-07\t00712\t7 Mar 2023\nTRUE\t0.3"),
    ]


def test_hidden_and_merged_cells() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("S")
    sheet.write_merge(0, 0, 0, 2, "Budget")
    for row in (1, 2):
        for column, text in enumerate("abc"):
            sheet.write(row, column, f"{text}{row}")
    sheet.row(1).hidden = True
    sheet.col(1).hidden = True
    book.add_sheet("Secret").write(0, 0, "x")
    book.get_sheet("Secret").visibility = 1
    assert kinds(read_xls(saved(book), "x.xls")) == [("heading", "S"), ("paragraph", "Budget"), ("table", "a2\tc2")]


def test_a_workbook_is_told_by_what_it_holds() -> None:
    book = xlwt.Workbook()
    book.add_sheet("S").write(0, 0, "Paid by Pia.")
    for name in ("x.xls", "x"):
        (piece,) = extract_bytes(saved(book), name)
        assert (piece.text, piece.media_type) == ("S\n\nPaid by Pia.", "application/vnd.ms-excel")


@pytest.mark.parametrize("cut", [100, 600, 3000])
def test_broken_workbooks_are_refused_in_one_line(cut: int) -> None:
    book = xlwt.Workbook()
    book.add_sheet("S").write(0, 0, "x")
    with pytest.raises(Unreadable) as caught:
        read_xls(saved(book)[:cut], "x.xls")
    assert caught.value.kind == "Corrupt"
    assert "\n" not in str(caught.value)
