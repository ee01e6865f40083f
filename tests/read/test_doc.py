"""What is read of Word documents of 1997 to 2003 equals what was written into them."""

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import docx
import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.extract import extract_bytes
from spacy_dossier.read.office.docx import read_docx
from spacy_dossier.read.office.legacy.doc import read_doc

from .office_samples import TEXTS, compound, kinds

HIDDEN, DELETED = struct.pack("<HB", 0x083C, 1), struct.pack("<HB", 0x0800, 1)
IN_TABLE, ROW_END = struct.pack("<HB", 0x2416, 1), struct.pack("<HB", 0x2417, 1)
LIST = struct.pack("<HH", 0x460B, 1) + struct.pack("<HB", 0x260A, 1)
HEADING, CAPTION, HIDDEN_STYLE = 1, 2, 3


def symbol(code: int) -> bytes:
    return struct.pack("<HHH", 0x6A09, 0, code)


@dataclass
class Par:
    """A paragraph: runs of text with the properties of their letters, its mark, style and properties."""

    runs: Sequence[tuple[str, bytes]]
    style: int = 0
    properties: bytes = b""
    mark: str = "\r"
    mark_letters: bytes = b""


@dataclass
class File:
    """A Word document as MS-DOC lays it out, in one piece and one page of each kind of property."""

    text: list[Par]
    footnotes: list[Par] = field(default_factory=list)
    headers: list[Par] = field(default_factory=list)
    endnotes: list[Par] = field(default_factory=list)
    boxes: list[Par] = field(default_factory=list)
    flags: int = 0x1200
    ident: int = 0xA5EC

    def data(self) -> bytes:
        stories = {"text": self.text, "footnotes": self.footnotes, "headers": self.headers, "macros": []}
        stories |= {"comments": [], "endnotes": self.endnotes, "boxes": self.boxes}
        bounds = {name: [0] for name in stories}
        for name, paragraphs in stories.items():
            for p in paragraphs:
                size = sum(len(text.encode("utf-16-le")) // 2 for text, _ in p.runs) + 1
                bounds[name].append(bounds[name][-1] + size)
        everything = [p for paragraphs in stories.values() for p in paragraphs] + [Par([])]
        letters, marks, text, at = [], [], b"", 1024
        for p in everything:
            for run, properties in [*p.runs, (p.mark, p.mark_letters)]:
                encoded = run.encode("utf-16-le")
                letters.append((at + len(text), properties))
                text += encoded
            marks.append((at + len(text), struct.pack("<H", p.style) + p.properties))
        end = at + len(text)
        pages = -(-end // 512)
        main = bytearray((pages + 2) * 512)
        struct.pack_into("<HHHHHH", main, 0, self.ident, 0xC1, 0, 0, 0, self.flags)
        struct.pack_into("<7i", main, 0x4C, *(bounds[name][-1] for name in stories))
        main[at:end] = text
        self.page(main, pages * 512, [start for start, _ in letters] + [end], [p for _, p in letters], 1)
        self.page(main, (pages + 1) * 512, [at] + [stop for stop, _ in marks], [p for _, p in marks], 13)
        places = {33: struct.pack("<BI2IHIH", 2, 16, 0, len(text) // 2, 0, at, 0)}
        places |= {12: struct.pack("<III", at, end, pages), 13: struct.pack("<III", at, end, pages + 1)}
        places |= {1: self.styles(), 15: self.fonts()}
        for name, mark, refs, texts in (("footnotes", "\2", 2, 3), ("endnotes", "\3", 46, 47)):
            notes = bounds[name]
            positions = [i for i in range(bounds["text"][-1]) if text[i * 2 : i * 2 + 2] == mark.encode("utf-16-le")]
            if len(notes) > 1:
                places[refs] = struct.pack(f"<{len(positions) + 1}I", *positions, 0) + bytes(2 * len(positions))
                places[texts] = struct.pack(f"<{len(notes) + 1}I", *notes, notes[-1])
        if self.headers:
            stops = [*[0] * 6, *bounds["headers"], bounds["headers"][-1]]
            places[11] = struct.pack(f"<{len(stops)}I", *stops)
        if self.boxes:
            stops = [*bounds["boxes"], bounds["boxes"][-1]]
            places[56] = struct.pack(f"<{len(stops)}I", *stops) + bytes(22 * (len(stops) - 1))
        table = b""
        for number, content in places.items():
            struct.pack_into("<II", main, 0x9A + number * 8, len(table), len(content))
            table += content
        return compound({"WordDocument": bytes(main), "1Table" if self.flags & 0x200 else "0Table": table})

    @staticmethod
    def page(main: bytearray, start: int, positions: list[int], properties: list[bytes], width: int) -> None:
        """Fill a page of properties from both ends."""
        main[start + 511] = len(properties)
        struct.pack_into(f"<{len(positions)}I", main, start, *positions)
        place = 510
        for index, found in enumerate(properties):
            if width == 13:
                found += bytes(len(found) % 2)
                found = bytes([0, len(found) // 2]) + found
            else:
                found = bytes([len(found)]) + found
            place = (place - len(found)) // 2 * 2
            main[start + place : start + place + len(found)] = found
            main[start + len(positions) * 4 + index * width] = place // 2

    @staticmethod
    def styles() -> bytes:
        """Normal, heading 2, caption by their numbers, and one whose letters are hidden."""
        found = struct.pack("<HHH", 4, 4, 10)
        for built_in, letters in ((0, b""), (2, b""), (34, b""), (0xFFE, HIDDEN)):
            head = struct.pack("<HHHHH", built_in, 1 | 0xFFF0, 2, 0, 0) + struct.pack("<HHH", 1, ord("N"), 0)
            style = head + struct.pack("<HH", 2, 0) + struct.pack("<H", len(letters)) + letters
            found += struct.pack("<H", len(style)) + style
        return found

    @staticmethod
    def fonts() -> bytes:
        name = "Symbol\0".encode("utf-16-le")
        return struct.pack("<HHB", 1, 0, 39 + len(name)) + bytes(39) + name


def read(*paragraphs: Par, **stories: list[Par]) -> list[tuple[str, str]]:
    return kinds(read_doc(File(list(paragraphs), **stories).data(), "x.doc"))


def p(text: str) -> Par:
    return Par([(text, b"")])


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_from_wherever_it_was_written(text: str) -> None:
    cell = Par([(text, b"")], 0, IN_TABLE, "\7")
    found = read(
        Par([(text, b"")], HEADING),
        p(text + "\2"),
        Par([(text, b"")], 0, LIST),
        Par([(text, b"")], CAPTION),
        cell,
        cell,
        Par([], 0, IN_TABLE + ROW_END, "\7"),
        footnotes=[p("\2 " + text)],
        headers=[p(text)],
        boxes=[p(text), Par([])],
    )
    assert found == [
        ("page_header", text),
        ("heading", text),
        ("paragraph", text),
        ("footnote", text),
        ("list_item", text),
        ("caption", text),
        ("table", f"{text}\t{text}"),
        ("paragraph", text),
    ]


def test_signs_fields_and_symbols() -> None:
    found = read(
        Par([("A\tB\x0bC Lars\x1eErik de\x1ffe\u00adats", b"")]),
        Par(
            [
                ("Dated \x13 DATE \x14", b""),
                ("7 March", b""),
                ("\x15 of \x13HYPERLINK \x13 X \x14no\x15\x14the link\x15.", b""),
            ]
        ),
        Par([("It was 5", b""), ("((", symbol(0xF0B0)), ("C.", b"")]),
    )
    assert [text for _, text in found] == ["A\tB\nC Lars‑Erik defeats", "Dated 7 March of the link.", "It was 5°°C."]


def test_hidden_and_deleted_letters_and_marks_are_not_read() -> None:
    found = read(
        Par([("Seen ", b""), ("not ", HIDDEN), ("old ", DELETED), ("too.", b"")]),
        Par([("First ", b"")], mark_letters=DELETED),
        p("and second."),
        Par([("hidden ", b""), ("shown", struct.pack("<HB", 0x083C, 0))], HIDDEN_STYLE),
    )
    assert [text for _, text in found] == ["Seen too.", "First and second.", "shown"]


def test_notes_follow_their_paragraph_or_the_text() -> None:
    found = read(p("Cla\2im\3 on."), p("Next\2."), footnotes=[p("\2 One."), p("\2 Two.")], endnotes=[p("\2 End.")])
    assert found == [
        ("paragraph", "Claim on."),
        ("footnote", "One."),
        ("paragraph", "Next."),
        ("footnote", "Two."),
        ("footnote", "End."),
    ]


def test_each_cell_of_a_merged_table_stands_once() -> None:
    def row(flags: list[int], *texts: str) -> list[Par]:
        shape = bytes([len(flags)]) + bytes(2 * (len(flags) + 1)) + b"".join(struct.pack("<H18x", f) for f in flags)
        cells = [Par([(text, b"")], 0, IN_TABLE, "\7") for text in texts]
        return [*cells, Par([], 0, IN_TABLE + ROW_END + struct.pack("<HH", 0xD608, len(shape) + 1) + shape, "\7")]

    first, above = 0b11 << 5, 0b01 << 5
    rows = [*row([2, 1], "Budget", "under"), *row([first, 0], "Aas", "x"), *row([above, 0], "under", "y"), p("After.")]
    assert read(*rows) == [("table", "Budget\nAas\tx\n\ty"), ("paragraph", "After.")]


def test_what_cannot_be_read_says_why_in_one_line() -> None:
    whole = File([p("Text.")])
    assert extract_bytes(whole.data(), "x")[0].text == "Text."
    for file, kind in (
        (File([p("x")], flags=0x1300), "PasswordProtected"),
        (File([p("x")], ident=0xA5DC), "Unsupported"),
        (File([p("x")], ident=0), "Corrupt"),
    ):
        with pytest.raises(Unreadable) as caught:
            read_doc(file.data(), "x.doc")
        assert caught.value.kind == kind
        assert "\n" not in str(caught.value)
    for cut in (100, 700, 2000):
        with pytest.raises(Unreadable) as caught:
            read_doc(whole.data()[:cut], "x.doc")
        assert caught.value.kind == "Corrupt"


@pytest.mark.slow
@pytest.mark.skipif(which("soffice") is None, reason="LibreOffice is not installed")
def test_what_libre_office_makes_of_a_word_document_reads_the_same(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Head & line", 1)
    for text in TEXTS:
        document.add_paragraph(text)
    document.add_paragraph("one", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("a", "b\nc", "ç", "東"), strict=True):
        cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    document.sections[0].header.paragraphs[0].text = "Header"
    document.save(str(tmp_path / "x.docx"))
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "doc"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "x.docx")], check=True, capture_output=True)
    ours = read_docx((tmp_path / "x.docx").read_bytes(), "x.docx").blocks
    theirs = read_doc((tmp_path / "x.doc").read_bytes(), "x.doc").blocks
    assert [(b.kind, b.text, b.level) for b in theirs] == [(b.kind, b.text, b.level) for b in ours]
