"""What is read of Rich Text equals what was written into it."""

import io
import subprocess
import time
from pathlib import Path
from shutil import which

import docx
import pytest

from spacy_dossier.read.document import Unreadable, lay_out
from spacy_dossier.read.office.docx import read_docx
from spacy_dossier.read.office.legacy.rtf import read_rtf

from .office_samples import TEXTS, kinds

STYLES = r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel1 heading 2;}{\s2\sbasedon1 Chapter;}{\s3 Title;}{\s4 caption;}"
STYLES += r"{\s5 toc 2;}{\s6 Quote;}{\*\cs1 heading 9;}}"


def rtf(body: str, head: str = r"\ansi\ansicpg1252\uc1") -> bytes:
    return f"{{\\rtf1{head} {body}}}".encode("latin-1")


def read(body: str, head: str = r"\ansi\ansicpg1252\uc1") -> list[str]:
    return [block.text for block in read_rtf(rtf(body, head), "x.rtf").blocks]


def escaped(text: str) -> str:
    """A text as Word writes it: signs of its own escaped, other letters as \\u with a question mark."""
    units = text.encode("utf-16-le")
    found = []
    for low, high in zip(units[::2], units[1::2], strict=True):
        code = low + 256 * high
        sign = chr(code)
        if sign in "\\{}":
            sign = f"\\{sign}"
        found.append(sign if code < 128 else f"\\u{code - 65536 if code > 32767 else code}?")
    return "".join(found)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_from_wherever_it_was_written(text: str) -> None:
    written = escaped(text)
    row = rf"\trowd\cellx1\cellx2\pard\intbl {written}\cell {written}\cell\row"
    body = (
        rf"{STYLES}{{\header {written}\par}}{{\footer {written}}}"
        rf"\pard\s3 {written}\par\pard\s1 {written}\par\pard {written}{{\footnote {{\chftn}} {written}}}\par"
        rf"{{\listtext 1.\tab}}\pard\ls1\ilvl1 {written}\par\pard\s4 {written}\par\pard\s6 {written}\par {row}\pard"
    )
    assert kinds(read_rtf(rtf(body), "x.rtf")) == [
        ("page_header", text),
        ("title", text),
        ("heading", text),
        ("paragraph", text),
        ("footnote", text),
        ("list_item", text),
        ("caption", text),
        ("quotation", text),
        ("table", f"{text}\t{text}"),
        ("page_footer", text),
    ]


def test_formats_inside_a_word_and_line_ends_of_the_file_do_not_break_it() -> None:
    assert read("The {\\b Har}stad bo\r\nard\\b  met {\\b0 O}tti\nlie.\\par") == ["The Harstad board met Ottilie."]


def test_signs_of_their_own_words() -> None:
    body = r"Lars\_Erik at 10\~am, de\-feats, \ldblquote x\rdblquote\emdash y\tab z\line w \{\\\} {\'e9}t\'e9 \bullet"
    assert read(body) == ["Lars‑Erik at 10\u00a0am, defeats, “x”—y\tz\nw {\\} été •"]


@pytest.mark.parametrize(
    ("body", "head", "text"),
    [
        (r"\f0 \'cf\'f0\'e8\'e2\'e5\'f2", r"\ansi\ansicpg1251", "Привет"),
        (r"\f1 \'cf\'f0 {\f0 \'e9} \f1\'e8", r"\ansi\ansicpg1252", "Пр é и"),
        (r"\f2 \'93\'8c\'8b\'9e \'83A", r"\ansi\ansicpg1252", "東京 ア"),
        (r"\f3 \'8cl\'9ansk\'fd", r"\ansi\ansicpg1252", "Ślšnský"),
        (r"\f0 caf\'8e", r"\mac", "café"),
        (r"\f0 caf\'82", r"\pc", "café"),
        (r"\f0 \'c3\'a9", r"\ansi\ansicpg65001", "é"),
        ("\\f0 caf\xe9", r"\ansi", "café"),
        (r"\f4 \'61\'b0 \u-3999?\f0 a", r"\ansi", "α° αa"),
        (r"\plain\'e9", r"\ansi\deff1", "й"),
    ],
    ids=["page", "font", "two bytes", "czech", "mac", "dos", "utf-8", "raw byte", "symbol", "default font"],
)
def test_bytes_are_letters_of_the_font(body: str, head: str, text: str) -> None:
    fonts = r"{\fonttbl{\f0\fnil Arial;}{\f1\fcharset204 Arial{\*\falt Helv};}{\f2\fcharset128 MS Mincho;}"
    fonts += r"{\f3\fcharset238 Times CE;}{\f4\fcharset2 Symbol;}}"
    assert read(fonts + body, head) == [text]


def test_unicode_takes_the_place_of_what_follows_it() -> None:
    assert read(r"\uc1 \u233?t\u233\'e9 {\uc0 \u233t}\uc2 \u26481\'93\'8c! \u233 e\'e9x") == ["été ét東! éx"]
    assert read(r"Well \u-10179?\u-8694? done \u-10179?.") == ["Well 😊 done �."]
    assert read(r"{\upr{old}{\*\ud{n\u233?w}}} {\info{\upr{\author A}{\*\ud{\author B}}}}") == ["néw"]


def test_hidden_deleted_and_comments_are_not_read() -> None:
    comment = r"{\*\atnid A}{\*\atnauthor A}{\chatn{\*\annotation Is it so?}}"
    body = rf"Seen{{\v  not}} and {{\deleted old}}{{\revised new}}{comment}\v no\v0 .\par"
    assert read(body + r"{\deleted gone\par}{\v\pard hidden\par}\plain shown\par") == ["Seen and new.", "shown"]


def test_fields_show_their_result() -> None:
    link = r'{\field{\*\fldinst HYPERLINK "http://example.org/"}{\fldrslt{\ul the report}}}'
    symbol = r'{\field{\*\fldinst SYMBOL 97 \\f "Symbol" \\s 12}{\fldrslt\f3}}'
    assert read(rf"See {link} of {symbol}.{{\xe index}}{{\tc entry}}") == ["See the report of α."]


def test_headings_lists_and_what_takes_it_back() -> None:
    body = rf"{STYLES}\pard\s2 inherited\par\pard\outlinelevel0 by level\par\pard\s1\outlinelevel9 text\par"
    body += r"\pard\s5 in toc\par"
    body += r"\pard\ls2 one\par{\pntext\'b7\tab}\pard{\*\pn\pnlvlblt}two\par\pard three\par"
    found = [(block.kind, block.text, block.level) for block in read_rtf(rtf(body), "x.rtf").blocks]
    assert found == [
        ("heading", "inherited", 2),
        ("heading", "by level", 1),
        ("paragraph", "text", None),
        ("list_item", "in toc", 2),
        ("list_item", "one", 1),
        ("list_item", "two", 1),
        ("paragraph", "three", None),
    ]


def test_each_cell_of_a_merged_table_stands_once() -> None:
    first = r"\trowd\clmgf\cellx1\clmrg\cellx2\clmrg\cellx3\pard\intbl Budget\cell\cell\cell\row"
    second = r"\trowd\clvmgf\cellx1\cellx2\cellx3\pard\intbl Aas\cell x\par y\cell\cell\row"
    third = r"\trowd\clvmrg\cellx1\cellx2\cellx3\pard\intbl under\cell\cell z\cell\row"
    assert read(first + second + third + r"\pard After.") == ["Budget\nAas\tx y\n\t\tz", "After."]


def test_a_table_in_a_table() -> None:
    props = r"{\*\nesttableprops\trowd\cellx1\cellx2\nestrow}{\nonesttables\par}"
    inner = rf"\pard\intbl\itap2 in 1\nestcell in 2\nestcell{props}"
    body = rf"\trowd\cellx1\cellx2\pard\intbl Left.\par{inner}\pard\intbl\cell Right.\cell\row\pard After."
    assert read(body) == ["Left.", "in 1\tin 2", "Right.", "After."]


def test_notes_boxes_and_pictures() -> None:
    note = r"{\super\chftn{\footnote\pard\plain {\super\chftn} Foot.\par More.}}"
    end = r"{\footnote\ftnalt{\chftn} End.}"
    box = r"{\shp{\*\shpinst\shpleft1{\sp{\sn name}{\sv Box}}{\shptxt \pard Boxed.\par}}"
    box += r"{\shprslt{\*\do{\dptxbxtext Boxed.\par}}}}"
    old = r"{\*\do\dobxpage{\dptxbxtext \pard Old box.\par}\dpx1}"
    picture = r"{\*\shppict{\pict\pngblip 89504e47}}{\nonshppict{\pict 0100}}{\object{\*\objdata 01}{\result shown}}"
    body = rf"Cla{note}im{end} {box}on{old} {picture}.\par Next.\par"
    assert kinds(read_rtf(rtf(body), "x.rtf")) == [
        ("paragraph", "Claim on shown."),
        ("footnote", "Foot."),
        ("footnote", "More."),
        ("paragraph", "Boxed."),
        ("paragraph", "Old box."),
        ("paragraph", "Next."),
        ("footnote", "End."),
    ]


def test_only_headers_that_a_page_shows() -> None:
    body = r"{\headerf First}{\headerl Left}{\headerr Right}{\footer Foot}Text."
    assert kinds(read_rtf(rtf(body), "x.rtf")) == [
        ("page_header", "Right"),
        ("paragraph", "Text."),
        ("page_footer", "Foot"),
    ]
    shown = kinds(read_rtf(rtf(r"\titlepg\facingp" + body), "x.rtf"))
    assert {text for kind, text in shown if kind == "page_header"} == {"First", "Left", "Right"}
    assert lay_out(read_rtf(rtf(body), "x.rtf").blocks)[0] == "Text."


def test_binary_data_is_passed_over() -> None:
    assert read("A{\\pict\\bin4 }{\\x} B.") == ["A B."]


@pytest.mark.parametrize("data", [b"No Rich Text", rtf("Text.")[:-1], rtf("{Text.")[:-1]], ids=["other", "cut", "open"])
def test_broken_files_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_rtf(data, "x.rtf")
    assert caught.value.kind == "Corrupt"
    assert "\n" not in str(caught.value)


def test_hostile_files_take_no_time() -> None:
    start = time.process_time()
    assert read("{" * 200_000 + "x" + "}" * 200_000) == ["x"]
    assert read(r"\itap999999999\intbl x\nestcell\nestrow" * 1000)
    assert read("}}}} x {\\rtf") == []
    assert time.process_time() - start < 10


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
    document.save(str(tmp_path / "x.docx"))
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "rtf"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "x.docx")], check=True, capture_output=True)
    ours = read_docx(io.FileIO(tmp_path / "x.docx").readall(), "x.docx").blocks
    theirs = read_rtf((tmp_path / "x.rtf").read_bytes(), "x.rtf").blocks
    assert [(b.kind, b.text, b.level) for b in theirs] == [(b.kind, b.text, b.level) for b in ours]
