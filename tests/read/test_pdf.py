"""PDFs, each made here with what is asked of it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    RectangleObject,
    TextStringObject,
)
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from spacy_dossier.read.document import Block, Unreadable, lay_out
from spacy_dossier.read.extract import ReadOptions, extract_bytes
from spacy_dossier.read.pdf.reader import read_pdf

from . import samples

HEIGHT = A4[1]
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LOCK = StandardEncryption("secret")
STORY = """The harbour board of Narvik met on Monday to settle what should become of the old grain store. Its roof has
leaked for eleven winters, and the last tenant left in April. Ragna Solberg, who chairs the board, said that a buyer
from Kiruna had made an offer. The offer stands until the end of June, after which the store would be pulled down and
the quay widened for the ore trains that come twice.""".replace("\n", " ")
SECOND = """Nobody at the meeting spoke against the sale, but two members asked for the papers to be read again before
they vote. A retired pilot named Henning Dahl reminded them that the store had been paid for by the town itself, and
that its people should be asked before it goes to a stranger.""".replace("\n", " ")


def make(*pages: Callable[[Canvas], Any], **options: Any) -> bytes:
    """RETURNS (bytes): A PDF of pages that are drawn by functions."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    for draw in pages:
        canvas.setFont("Helvetica", 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def wrap(text: str, width: float, first: float = 0) -> list[str]:
    """RETURNS (list[str]): A text broken into lines of a width in points, as Helvetica of 11 points fills it."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    lines, line = [], ""
    for word in text.split():
        if stringWidth(f"{line} {word}", "Helvetica", 11) > width - (0 if lines else first):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def put(canvas: Canvas, lines: list[str], x: float, y: float, indent: float = 0, pitch: float = 14) -> float:
    """Draw lines one below the other, the first one indented. RETURNS (float): Where the next line would stand."""
    for i, line in enumerate(lines):
        canvas.drawString(x + (0 if i else indent), HEIGHT - y, line)
        y += pitch
    return y


def read(data: bytes) -> list[Block]:
    return read_pdf(data, "a.pdf").blocks


def texts(data: bytes, kind: str | None = None) -> list[str]:
    return [block.text for block in read(data) if kind in (None, block.kind)]


def test_paragraphs_parted_by_space() -> None:
    """Lines of a paragraph become one text; a wider space begins the next."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90)
        put(canvas, wrap(SECOND, 400), 70, y + 8)

    assert texts(make(page)) == [STORY, SECOND]


def test_paragraphs_parted_by_an_indent() -> None:
    """So does an indented first line where no space is left between paragraphs."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400, 16), 70, 90, indent=16)
        put(canvas, wrap(SECOND, 400, 16), 70, y, indent=16)

    assert texts(make(page)) == [STORY, SECOND]


def test_paragraphs_parted_by_a_short_line() -> None:
    """And a line that ends with a sentence long before the edge."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90)
        put(canvas, wrap(SECOND, 400), 70, y)

    assert texts(make(page)) == [STORY, SECOND]


def test_columns_are_read_one_after_the_other() -> None:
    """A paragraph that a column's end cuts is one; the title above both columns comes first."""

    def page(canvas: Canvas) -> None:
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(70, HEIGHT - 70, "The grain store of Narvik and its future")
        canvas.setFont("Helvetica", 11)
        lines = wrap(STORY + " " + SECOND, 210)
        half = len(lines) // 2
        for left, right, y in zip(lines[:half], lines[half:], range(100, 900, 14), strict=False):
            canvas.drawString(70, HEIGHT - y, left)
            canvas.drawString(310, HEIGHT - y, right)
        put(canvas, lines[2 * half :], 310, 100 + 14 * half)

    blocks = read(make(page))
    assert [(b.kind, b.text) for b in blocks] == [
        ("title", "The grain store of Narvik and its future"),
        ("paragraph", STORY + " " + SECOND),
    ]


def test_what_stands_side_by_side_in_a_line_is_parted() -> None:
    """Two names far apart are two; blanks that are stretched to the width of a column part nothing."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(70, HEIGHT - 70, "Sunniva Aas")
        canvas.drawString(200, HEIGHT - 70, "Tove Sandell")
        y = put(canvas, wrap(STORY, 400), 70, 120)
        for x, word in ((70, "Stretched"), (170, "words"), (260, "remain"), (350, "one"), (430, "line.")):
            canvas.drawString(x, HEIGHT - y - 30, word)

    assert texts(make(page)) == ["Sunniva Aas\tTove Sandell", STORY, "Stretched words remain one line."]


def test_order_of_drawing_does_not_count() -> None:
    """Lines drawn from the bottom up are read from the top down."""

    def page(canvas: Canvas) -> None:
        lines = wrap(STORY, 400)
        for i in reversed(range(len(lines))):
            canvas.drawString(70, HEIGHT - 90 - 14 * i, lines[i])

    assert texts(make(page)) == [STORY]


def test_words_cut_at_line_ends() -> None:
    """A hyphen that the line's end made goes, a compound's stays."""

    def page(canvas: Canvas) -> None:
        put(canvas, ["The coun-", "cil of Har-", "stad met a well-", "known guest."], 70, 90)

    assert texts(make(page)) == ["The council of Harstad met a well-known guest."]


def test_running_lines_and_page_numbers_stand_outside() -> None:
    """What stands on every page is a block of its own; a paragraph goes on over it, and says where its pages begin."""

    def page(number: int, lines: list[str]) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(70, HEIGHT - 40, "Report of the harbour board")
            canvas.drawString(290, 40, f"- {number} -")
            put(canvas, lines, 70, 90)

        return draw

    lines = wrap(STORY + " " + SECOND, 400)
    data = make(*(page(i + 1, lines[3 * i : 3 * i + 3]) for i in range(3)))
    text, placed, pages = lay_out(read(data))
    assert text == STORY + " " + SECOND
    assert [b.text for b in placed if b.kind == "page_header"] == ["Report of the harbour board"] * 3
    assert [b.text for b in placed if b.kind == "page_footer"] == ["- 1 -", "- 2 -", "- 3 -"]
    assert [(text[start:].startswith(lines[3 * (number - 1)]), number) for start, number in pages] == [
        (True, 1),
        (True, 2),
        (True, 3),
    ]


def test_tables_are_rows_with_tabs_once() -> None:
    """A row a line, cells parted by tabs; what goes on in a cell's next line belongs to the cell."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90) + 20
        rows = [("Name", "Town", "Paid"), ("Ragna Solberg", "Narvik", "1,200"), ("Henning Dahl", "Lund", "5")]
        for row in rows:
            for x, cell in zip((70, 200, 300), row, strict=True):
                canvas.drawString(x, HEIGHT - y, cell)
            y += 16
        put(canvas, wrap(SECOND, 400), 70, y + 20)

    blocks = read(make(page))
    assert [b.kind for b in blocks] == ["paragraph", "table", "paragraph"]
    assert blocks[1].text == "Name\tTown\tPaid\nRagna Solberg\tNarvik\t1,200\nHenning Dahl\tLund\t5"


def test_tables_between_lines() -> None:
    """Cells of several lines, close together, and one over two columns; a frame around a paragraph is no table."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90)
        canvas.rect(60, HEIGHT - y, 420, y - 70)
        top = HEIGHT - 250
        edges = (70, 150, 196, 420)
        heights = (0, 18, 50, 68)
        for height in heights:
            canvas.line(70, top - height, 420, top - height)
        for x in edges:
            canvas.line(x, top - (18 if x == 196 else 0), x, top - 68)
        for x, drop, text in (
            (74, 13, "Name"),
            (154, 13, "Paid, and what was said"),
            (74, 31, "Ragna Sol-"),
            (74, 45, "berg"),
            (154, 31, "1,200"),
            (200, 31, "The board would wait for the offer"),
            (200, 45, "from Kiruna"),
            (74, 63, "Henning Dahl"),
            (154, 63, "5"),
        ):
            canvas.drawString(x, top - drop, text)

    blocks = read(make(page))
    assert [(b.kind, b.text) for b in blocks] == [
        ("paragraph", STORY),
        (
            "table",
            "Name\tPaid, and what was said\n"
            "Ragna Solberg\t1,200\tThe board would wait for the offer from Kiruna\nHenning Dahl\t5",
        ),
    ]


def test_bullets_that_are_drawn() -> None:
    """A dot before a line is a bullet, though no letter."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90) + 8
        for text in (SECOND, "The keys of the store"):
            canvas.circle(84, HEIGHT - y + 4, 2, fill=1)
            y = put(canvas, wrap(text, 370), 95, y)

    assert texts(make(page), "list_item") == [SECOND, "The keys of the store"]


@pytest.mark.skipif(not Path(FONT).exists(), reason="needs a font with Hebrew letters")
def test_right_to_left_lines() -> None:
    """Words, numbers, brackets and Latin names in the order of reading, in lines that the page made."""
    pdfmetrics.registerFont(TTFont("DejaVu", FONT))

    def page(canvas: Canvas) -> None:
        canvas.setFont("DejaVu", 11)
        canvas.drawRightString(500, 700, "(1931 תנשב הנבנש) ןשיה ןסחמה לע לכה ורפיס")
        canvas.drawRightString(500, 686, ".בוש Ragna Solberg הרמא ךכ")

    assert texts(make(page)) == ["סיפרו הכל על המחסן הישן (שנבנה בשנת 1931) כך אמרה Ragna Solberg שוב."]


def test_headings_have_levels() -> None:
    """By size and weight; a bold line in the text's size is one too."""

    def page(canvas: Canvas) -> None:
        y = 90.0
        for size, font, head in ((15, "Helvetica-Bold", "Grain"), (11, "Helvetica-Bold", "The buyer from Kiruna")):
            canvas.setFont(font, size)
            canvas.drawString(70, HEIGHT - y, head)
            canvas.setFont("Helvetica", 11)
            y = put(canvas, wrap(STORY, 400), 70, y + 22) + 20
        canvas.setFont("Helvetica-Bold", 15)
        canvas.drawString(70, HEIGHT - y, "Timber")
        canvas.setFont("Helvetica", 11)
        put(canvas, wrap(SECOND, 400), 70, y + 22)

    heads = [(b.text, b.level) for b in read(make(page)) if b.kind == "heading"]
    assert heads == [("Grain", 1), ("The buyer from Kiruna", 2), ("Timber", 1)]


def test_list_items() -> None:
    """Items with bullets lose them, numbered ones keep their number; each is one block."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90) + 8
        for mark, text in (("•", SECOND), ("•", "The keys of the store"), ("2.", SECOND)):
            canvas.drawString(80, HEIGHT - y, mark)
            y = put(canvas, wrap(text, 370), 100, y)

    assert texts(make(page), "list_item") == [SECOND, "The keys of the store", "2. " + SECOND]


def test_captions_and_notes_stand_outside_sentences() -> None:
    """A note at the foot of a page and a caption are blocks, and the paragraph that they interrupt is one."""

    def first(canvas: Canvas) -> None:
        put(canvas, lines[:3], 70, 90)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(70, HEIGHT - 200, "Figure 1: The store as it stands today.")
        canvas.setFont("Helvetica", 5)
        canvas.drawString(70, HEIGHT - 697, "1")
        canvas.setFont("Helvetica", 8)
        canvas.drawString(73, HEIGHT - 700, "Minutes of the board, page 12.")

    lines = wrap(STORY, 400)
    blocks = read(make(first, lambda canvas: put(canvas, lines[3:], 70, 90)))
    assert [b.text for b in blocks if b.kind == "paragraph"] == [STORY]
    assert [b.text for b in blocks if b.kind == "caption"] == ["Figure 1: The store as it stands today."]
    assert [b.text for b in blocks if b.kind == "footnote"] == ["1Minutes of the board, page 12."]


def test_what_is_no_prose_keeps_its_lines() -> None:
    """An address and code; a code's lines keep their indents."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, ["Ragna Solberg", "Harbour Board", "Havnegata 12", "8514 Narvik"], 70, 90) + 16
        y = put(canvas, wrap(STORY, 400), 70, y) + 16
        canvas.setFont("Courier", 10)
        put(canvas, ["for ship in fleet:", "    ship.sail()", "    log(ship)"], 70, y, pitch=12)

    blocks = read(make(page))
    assert blocks[0].text == "Ragna Solberg\nHarbour Board\nHavnegata 12\n8514 Narvik"
    assert (blocks[-1].kind, blocks[-1].text) == ("code", "for ship in fleet:\n    ship.sail()\n    log(ship)")


def test_values_of_forms_and_printed_notes_are_read() -> None:
    """What a form's fields are filled in with stands beside their labels."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(70, HEIGHT - 100, "Name:")
        canvas.acroForm.textfield(
            name="name", value="Ragna Solberg", x=120, y=HEIGHT - 105, width=200, height=20, borderWidth=0
        )

    assert " ".join(" ".join(texts(make(page))).split()) == "Name: Ragna Solberg"


def changed(data: bytes, change: Callable[[PdfWriter], Any]) -> bytes:
    """RETURNS (bytes): A PDF after a change that its writer cannot make."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_fields_and_notes_that_nobody_drew() -> None:
    """Values that a program filled in without drawing them, and notes that only say what they say."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(70, HEIGHT - 100, "Name:")
        canvas.acroForm.textfield(name="name", value="Ragna Solberg", x=120, y=HEIGHT - 105, width=200, height=20)

    def undraw(writer: PdfWriter) -> None:
        del writer.pages[0]["/Annots"][0].get_object()["/AP"]
        writer.set_need_appearances_writer(True)
        writer.add_annotation(0, FreeText(text="Seen by Henning Dahl", rect=(70, 500, 300, 520)))

    assert texts(changed(make(page), undraw)) == ["Name: Ragna Solberg", "Seen by Henning Dahl"]


def test_layers_that_are_off_are_not_read() -> None:
    """Text, a whole form and a group of layers, each switched off; what stands on a layer that is on is read."""

    def page(canvas: Canvas) -> None:
        canvas.beginForm("stamp")
        canvas.drawString(70, HEIGHT - 300, "Stamp of the draft")
        canvas.endForm()
        canvas.drawString(70, HEIGHT - 100, "Seen by all.")
        canvas.doForm("stamp")

    def layer(writer: PdfWriter) -> None:
        def group(**entries: Any) -> Any:
            return writer._add_object(DictionaryObject({NameObject(f"/{k}"): v for k, v in entries.items()}))

        off, on = (group(Type=NameObject("/OCG"), Name=TextStringObject(name)) for name in ("Draft", "Final"))
        both = group(Type=NameObject("/OCMD"), OCGs=ArrayObject([off, on]), P=NameObject("/AllOn"))
        default = DictionaryObject({NameObject("/OFF"): ArrayObject([off])})
        properties = DictionaryObject({NameObject("/OCGs"): ArrayObject([off, on]), NameObject("/D"): default})
        writer.root_object[NameObject("/OCProperties")] = properties
        first = writer.pages[0]
        resources = first["/Resources"]
        names = {NameObject("/Off"): off, NameObject("/On"): on, NameObject("/Both"): both}
        resources[NameObject("/Properties")] = DictionaryObject(names)
        for form in resources["/XObject"].values():
            form.get_object()[NameObject("/OC")] = off
        stream = DecodedStreamObject()
        lines = (("Off", "Hidden Karl Munk", 600), ("Both", "Hidden Nils Aro", 580), ("On", "Shown Brita Moen", 560))
        marked = [f"/OC /{g} BDC BT /F1 11 Tf 70 {y} Td ({text}) Tj ET EMC" for g, text, y in lines]
        stream.set_data(first.get_contents().get_data() + "\n".join(["", *marked]).encode())
        first[NameObject("/Contents")] = writer._add_object(stream)

    assert texts(changed(make(page), layer)) == ["Seen by all.", "Shown Brita Moen"]


def test_what_lies_off_the_page_is_not_read() -> None:
    """Beside the sheet, or cut away by its crop box."""

    def page(canvas: Canvas) -> None:
        for x, y, text in ((70, 700, "Seen."), (-300, 650, "Left of it"), (70, 900, "Above it"), (70, 60, "Cropped")):
            canvas.drawString(x, y, text)

    def crop(writer: PdfWriter) -> None:
        writer.pages[0].cropbox = RectangleObject((0, 100, *A4))

    assert texts(changed(make(page), crop)) == ["Seen."]


def test_names_of_letters_that_stand_for_several() -> None:
    """A sign that a font calls f_f_i is three letters, whatever its code."""

    def rename(writer: PdfWriter) -> None:
        for font in writer.pages[0]["/Resources"]["/Font"].values():
            names = ArrayObject([NumberObject(ord("X")), NameObject("/f_f_i"), NameObject("/f_i")])
            entries = {NameObject("/Type"): NameObject("/Encoding"), NameObject("/Differences"): names}
            font.get_object()[NameObject("/Encoding")] = DictionaryObject(entries)

    data = make(lambda canvas: canvas.drawString(70, 700, "The oXce of GriYth"))
    assert texts(changed(data, rename)) == ["The office of Grifith"]


def test_letters_without_unicode_are_no_scan() -> None:
    """A font that numbers its signs in its own way is said to do so."""

    def rename(writer: PdfWriter) -> None:
        for font in writer.pages[0]["/Resources"]["/Font"].values():
            numbers = [NameObject(f"/g{code * 7 % 90}") for code in range(32, 127)]
            entries = {NameObject("/Differences"): ArrayObject([NumberObject(32), *numbers])}
            font.get_object()[NameObject("/Encoding")] = DictionaryObject(entries)

    with pytest.raises(Unreadable, match="which letters") as caught:
        read(changed(make(lambda canvas: put(canvas, wrap(STORY, 400), 70, 90)), rename))
    assert caught.value.kind == "NoUnicode"


def scan(data: bytes, folder: Path) -> bytes:
    """RETURNS (bytes): A PDF of pictures of the pages of another."""
    import pypdfium2
    from PIL.Image import Image

    images: list[Image] = [page.render(scale=300 / 72).to_pil() for page in pypdfium2.PdfDocument(data)]
    pages = []
    for i, image in enumerate(images):
        image.save(folder / f"{i}.png")
        pages.append(lambda canvas, i=i: canvas.drawImage(str(folder / f"{i}.png"), 0, 0, *A4))
    return make(*pages)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract")
def test_scans_are_read_on_request(tmp_path: Path) -> None:
    """Paragraphs of a picture are paragraphs; the record says how sure Tesseract is."""

    def page(canvas: Canvas) -> None:
        y = put(canvas, wrap(STORY, 400), 70, 90)
        put(canvas, wrap(SECOND, 400), 70, y + 10)

    document = read_pdf(scan(make(page), tmp_path), "a.pdf", ocr="eng")
    assert [block.text for block in document.blocks] == [STORY, SECOND]
    assert document.blocks[0].pages == [(0, 1)]
    assert document.meta["ocr"]["languages"] == "eng" and document.meta["ocr"]["pages"] == [1]
    assert 0.8 < document.meta["ocr"]["confidence"] <= 1


def test_pages_that_are_pictures_are_named(tmp_path: Path) -> None:
    """A document with text on some of its pages says which it was not read on."""
    picture = PdfReader(io.BytesIO(scan(make(lambda c: put(c, ["A scan"], 70, 90)), tmp_path)))
    data = changed(make(lambda c: put(c, wrap(STORY, 400), 70, 90)), lambda writer: writer.append(picture))
    assert read_pdf(data, "a.pdf").meta == {"pages": 2, "pages_not_read": [2]}


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract")
def test_ocr_is_an_option_of_reading(tmp_path: Path) -> None:
    """Off by default; in archives too when it is on."""
    data = samples.package({"a.pdf": scan(make(lambda c: put(c, wrap(STORY, 400), 70, 90)), tmp_path)})
    (off,), (on,) = extract_bytes(data, "a.zip"), extract_bytes(data, "a.zip", ReadOptions(ocr="eng"))
    assert off.error is not None and off.error[0] == "NoText"
    assert on.text == STORY and on.meta["ocr"]["pages"] == [1]


def test_ocr_says_when_tesseract_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = scan(make(lambda c: put(c, ["A scan"], 70, 90)), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreadable, match="not installed"):
        read_pdf(data, "a.pdf", ocr="eng")


def test_rotated_pages_read_as_they_are_held() -> None:
    """A page with a rotation is read as a viewer shows it."""

    def page(canvas: Canvas) -> None:
        canvas.setPageRotation(90)
        canvas.translate(0, HEIGHT)
        canvas.rotate(90)
        canvas.translate(-HEIGHT, -HEIGHT)
        put(canvas, wrap(STORY, 400), 70, HEIGHT - 500)

    assert texts(make(page)) == [STORY]


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"%PDF-1.7 and then nothing", "Corrupt", "PDF"),
        (make(lambda c: None), "NoText", "no text"),
        (
            make(lambda c: c.drawString(70, 70, "Anna"), encrypt=StandardEncryption("secret")),
            "PasswordProtected",
            "pass",
        ),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, kind: str, says: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.kind == kind and says in str(caught.value)


def test_scans_say_what_reads_them(tmp_path: Path) -> None:
    """A page that is a picture is a scan, and the message names the option for it."""
    from PIL import Image

    Image.new("RGB", (60, 80), "grey").save(tmp_path / "scan.png")
    with pytest.raises(Unreadable, match="--ocr") as caught:
        read(make(lambda c: c.drawImage(str(tmp_path / "scan.png"), 0, 0, 590, 800)))
    assert caught.value.kind == "NoText"
