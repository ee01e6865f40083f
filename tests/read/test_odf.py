"""What is read of OpenDocument files equals what was written into them."""

import io
import subprocess
import time
from pathlib import Path
from shutil import which
from xml.sax.saxutils import escape

import pytest
from odf import opendocument, table, text
from odf.style import Footer, Header, MasterPage, PageLayout, Style

from spacy_dossier.read.document import Unreadable, lay_out
from spacy_dossier.read.extract import extract_bytes
from spacy_dossier.read.office.odf import read_odf

from .office_samples import TEXTS, kinds, texts
from .samples import package

NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
SPACES = " ".join(
    f'xmlns:{prefix}="{NAMES}{name}:1.0"'
    for prefix, name in {
        **{name: name for name in ("office", "style", "text", "table", "presentation", "chart", "manifest")},
        **{"draw": "drawing", "svg": "svg-compatible"},
    }.items()
)
SPACES += ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def odf(body: str, kind: str = "text", styles: str = "", common: str = "", **members: str) -> bytes:
    """A package made by hand; `styles` are automatic ones, `common` what is in styles.xml; "__" is a slash."""
    content = f"<office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
    content += f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    parts = {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content}
    if common:
        parts["styles.xml"] = f"<office:document-styles {SPACES}>{common}</office:document-styles>"
    return package({**parts, **{f"{name.replace('__', '/')}.xml": content for name, content in members.items()}})


def read(body: str, kind: str = "text", **parts: str) -> list[tuple[str, str]]:
    return kinds(read_odf(odf(body, kind, **parts), "x.odt"))


def p(inside: str, attributes: str = "") -> str:
    return f"<text:p {attributes}>{inside}</text:p>"


def cell(inside: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{inside}</table:table-cell>"


def rows(*lines: str) -> str:
    return "<table:table>" + "".join(f"<table:table-row>{line}</table:table-row>" for line in lines) + "</table:table>"


def saved(document: opendocument.OpenDocument) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("written", TEXTS)
def test_a_text_comes_back_from_wherever_it_was_written(written: str) -> None:
    document = opendocument.OpenDocumentText()
    for name in ("Title", "Caption", "Quotations"):
        document.styles.addElement(Style(name=name, family="paragraph"))
    layout = PageLayout(name="L")
    document.automaticstyles.addElement(layout)
    page = MasterPage(name="Standard", pagelayoutname=layout)
    document.masterstyles.addElement(page)
    for edge in (Header(), Footer()):
        edge.addElement(text.P(text=written))
        page.addElement(edge)
    add = document.text.addElement
    add(text.P(stylename="Title", text=written))
    add(text.H(outlinelevel=2, text=written))
    add(text.P(text=written))
    items, item = text.List(), text.ListItem()
    item.addElement(text.P(text=written))
    items.addElement(item)
    add(items)
    add(text.P(stylename="Caption", text=written))
    add(text.P(stylename="Quotations", text=written))
    grid, row = table.Table(), table.TableRow()
    for _ in range(2):
        one = table.TableCell()
        one.addElement(text.P(text=written))
        row.addElement(one)
    grid.addElement(row)
    add(grid)
    assert kinds(read_odf(saved(document), "x.odt")) == [
        ("page_header", written),
        ("title", written),
        ("heading", written),
        ("paragraph", written),
        ("list_item", written),
        ("caption", written),
        ("quotation", written),
        ("table", f"{written}\t{written}"),
        ("page_footer", written),
    ]


def test_white_space_is_one_blank_but_for_its_own_elements() -> None:
    body = p("\n  Total<text:s/>due \n now.<text:s text:c='3'/>A<text:tab/>B<text:line-break/>C\n")
    body += p("The fee goes to <text:span><text:s/>Brita <text:span>Mo</text:span></text:span>en of Lund.")
    body += p('de<text:soft-page-break/>f\u00ade<text:bookmark text:name="x"/>ats')
    found = [text for _, text in read(body)]
    assert found == ["Total due now.   A\tB\nC", "The fee goes to  Brita Moen of Lund.", "defeats"]


def test_links_fields_and_readings_do_not_break_words() -> None:
    ruby = "<text:ruby><text:ruby-base>東</text:ruby-base><text:ruby-text>とう</text:ruby-text></text:ruby>京"
    body = p(f'See <text:a xlink:href="x">the report</text:a>, <text:date>7 March</text:date>, {ruby}.')
    assert [text for _, text in read(body)] == ["See the report, 7 March, 東京."]


def test_letters_of_symbol_fonts() -> None:
    style = '<style:style style:name="T" style:family="text">'
    style += '<style:text-properties style:font-name="Symbol"/></style:style>'
    body = p('Angle <text:span text:style-name="T">\uf061</text:span>\uf061')
    assert read(body, styles=style) == [("paragraph", "Angle α\uf061")]


def test_headings_lists_sections_and_contents() -> None:
    outline = '<style:style style:name="S" style:family="paragraph" style:default-outline-level="4"/>'
    contents = '<style:style style:name="Contents_20_2" style:family="paragraph"/>'
    item = "<text:list-item>{}</text:list-item>"
    nested = f"<text:list>{item.format(p('two'))}</text:list>"
    numbered = '<text:h text:outline-level="3"><text:number>1.1</text:number>Numbered</text:h>'
    body = f"<text:list>{item.format(p('one') + nested)}{item.format(numbered)}</text:list>"
    body += f"<text:section>{p('In a section.')}</text:section>"
    body += f"<text:section text:display='none'>{p('hidden')}</text:section>"
    chapter = p("Chapter 3", 'text:style-name="C"')
    body += f"<text:table-of-content><text:index-body>{chapter}</text:index-body>"
    body += "</text:table-of-content>" + p("By style", 'text:style-name="S"')
    child = '<style:style style:name="C" style:family="paragraph" style:parent-style-name="Contents_20_2"/>'
    blocks = read_odf(odf(body, styles=outline + contents + child), "x.odt").blocks
    assert [(b.kind, b.text, b.level) for b in blocks] == [
        ("list_item", "one", 1),
        ("list_item", "two", 2),
        ("heading", "Numbered", 3),
        ("paragraph", "In a section.", None),
        ("list_item", "Chapter 3", 2),
        ("heading", "By style", 4),
    ]


def test_merged_and_nested_tables() -> None:
    covered = "<table:covered-table-cell/>"
    under = f"<table:covered-table-cell>{p('under')}</table:covered-table-cell>"
    grid = rows(
        cell(p("Budget"), 'table:number-columns-spanned="3"') + covered * 2,
        cell(p("Aas"), 'table:number-rows-spanned="2"') + cell(p("x") + p("y")) + cell(""),
        under + cell("") + cell(p("z")),
    )
    assert read(grid) == [("table", "Budget\nAas\tx y\n\t\tz")]
    outer = rows(cell(p("Left.") + rows(cell(p("in 1")) + cell(p("in 2")))) + cell(p("Right.")))
    assert read(outer) == [("paragraph", "Left."), ("table", "in 1\tin 2"), ("paragraph", "Right.")]


def test_notes_follow_their_paragraph_or_the_text() -> None:
    note = '<text:note text:note-class="{0}"><text:note-citation>1</text:note-citation>'
    note += "<text:note-body>{1}</text:note-body></text:note>"
    body = p(f"Cla{note.format('footnote', p('Foot.') + p('More.'))}im{note.format('endnote', p('End.'))} on.") + p(
        "Last."
    )
    assert read(body) == [
        ("paragraph", "Claim on."),
        ("footnote", "Foot."),
        ("footnote", "More."),
        ("paragraph", "Last."),
        ("footnote", "End."),
    ]


def test_boxes_shapes_and_formulas() -> None:
    boxed = p("Boxed " + escape(TEXTS[0]))
    inner = f"<draw:frame><svg:title>no</svg:title><draw:text-box>{boxed}</draw:text-box></draw:frame>"
    shape = f"<draw:custom-shape>{p('Shape.')}</draw:custom-shape>"
    formula = f"<draw:frame><draw:object><math {MATH}><mi>x</mi><mo>=</mo><mn>1</mn></math></draw:object></draw:frame>"
    body = p(f"Before {inner}af{shape}ter, {formula}.") + f"<draw:g>{shape}</draw:g>"
    assert [text for _, text in read(body)] == ["Before after, x=1.", f"Boxed {TEXTS[0]}", "Shape.", "Shape."]


def test_a_chart_is_its_titles_and_a_table() -> None:
    values = rows(cell("") + cell(p("Bolts")), cell(p("May")) + cell(p("3")))
    chart = f"<chart:chart><chart:title>{p('Sales')}</chart:title>{values}</chart:chart>"
    chart = f"<office:document-content {SPACES}><office:body><office:chart>{chart}</office:chart></office:body>"
    chart += "</office:document-content>"
    frame = p('<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>')
    assert kinds(read_odf(odf(frame, **{"Object 1__content": chart}), "x.odt")) == [
        ("caption", "Sales"),
        ("table", "\tBolts\nMay\t3"),
    ]


def test_what_is_deleted_hidden_or_a_comment_is_not_read() -> None:
    gone = "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p></text:deletion>"
    gone += "</text:changed-region></text:tracked-changes>"
    hidden = '<style:style style:name="H" style:family="{}"><style:text-properties text:display="none"/></style:style>'
    comment = "<office:annotation><dc:creator>A</dc:creator><text:p>Is this so?</text:p></office:annotation>"
    body = gone + p(
        f'Kept <text:change text:change-id="c"/>st<text:span text:style-name="H">un</text:span>art{comment}.'
    )
    body += p("hidden", 'text:style-name="H"') + p('<text:hidden-paragraph text:is-hidden="true"/>hidden')
    body += p('<text:hidden-text text:is-hidden="true">no</text:hidden-text><text:hidden-text>yes</text:hidden-text>')
    found = read(body, styles=hidden.format("text") + hidden.format("paragraph"))
    assert [text for _, text in found] == ["Kept start.", "yes"]


def test_only_headers_of_page_styles_that_are_used() -> None:
    page = (
        '<style:master-page style:name="{0}"><style:header>{1}</style:header><style:header-left style:display="false">'
    )
    page += "{1} left</style:header-left></style:master-page>"
    masters = "".join(page.format(name, p(name)) for name in ("Standard", "First", "Unused"))
    style = '<style:style style:name="P" style:family="paragraph" style:master-page-name="First"/>'
    found = read(p("Text."), styles=style, common=f"<office:master-styles>{masters}</office:master-styles>")
    assert found == [("page_header", "Standard"), ("page_header", "First"), ("paragraph", "Text.")]


def test_cells_of_sheets_stand_as_they_are_shown() -> None:
    values = [
        cell(p("12.5%"), 'office:value-type="percentage" office:value="0.125"'),
        cell(p("€1,200.50"), 'office:value-type="currency" office:value="1200.5"'),
        cell(p("twice"), 'table:number-columns-repeated="2"'),
        cell(p("two") + p("lines")),
        cell("<office:annotation><text:p>comment</text:p></office:annotation>" + p("noted")),
        cell("", 'office:value-type="float" office:value="7"'),
        cell("", 'table:number-columns-repeated="16000"'),
    ]
    far = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>'
    again = f'<table:table-row table:number-rows-repeated="2">{cell(p("a"))}{cell(p("b"))}</table:table-row>'
    sheet = rows("".join(values)).replace("<table:table>", '<table:table table:name="R &amp; D">')
    found = read(sheet.replace("</table:table>", far + again + "</table:table>"), "spreadsheet")
    assert found == [
        ("heading", "R & D"),
        ("table", "12.5%\t€1,200.50\ttwice\ttwice\ttwo lines\tnoted\t7"),
        ("table", "a\tb\na\tb"),
    ]


def test_hidden_sheets_rows_and_columns_are_not_read() -> None:
    column = '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
    three = cell(p("a")) + cell(p("b")) + cell(p("c"))
    row = f'<table:table-row table:visibility="{{}}">{three}</table:table-row>'
    group = f'<table:table-row-group table:display="false">{row.format("visible")}</table:table-row-group>'
    shown = f'<table:table table:name="S">{column}{row.format("filter")}{group}{row.format("visible")}</table:table>'
    hidden = f'<table:table table:name="H" table:style-name="T">{row.format("visible")}</table:table>'
    style = (
        '<style:style style:name="T" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    assert read(shown + hidden, "spreadsheet", styles=style) == [("heading", "S"), ("table", "a\tc")]


def test_slides_are_pages_with_their_title_first_and_notes_last() -> None:
    def frame(words: str, attributes: str = "") -> str:
        return f"<draw:frame {attributes}><draw:text-box>{p(words)}</draw:text-box></draw:frame>"

    outline = f"<text:list><text:list-item>{p('item')}</text:list-item></text:list>"
    first = (
        frame("below", 'svg:y="9cm" svg:x="1cm" svg:height="1cm"')
        + frame("right", 'svg:y="50mm" svg:x="5in" svg:height="1cm"')
        + frame("left", 'svg:y="5.1cm" svg:x="1cm" svg:height="1cm"')
        + frame("Title", 'presentation:class="title" svg:y="12cm"')
        + frame("no", 'presentation:class="outline" presentation:placeholder="true"')
        + f'<draw:g><draw:rect svg:y="7cm">{p("grouped")}</draw:rect></draw:g>'
        + f"<presentation:notes>{frame('Notes.')}</presentation:notes>"
    )
    hidden = '<style:style style:name="H" style:family="drawing-page">'
    hidden += '<style:drawing-page-properties presentation:visibility="hidden"/>'
    pages = f'<draw:page>{first}</draw:page><draw:page draw:style-name="H">{frame("hidden")}</draw:page>'
    pages += f"<draw:page><draw:frame><draw:text-box>{outline}</draw:text-box></draw:frame></draw:page>"
    blocks = read_odf(odf(pages, "presentation", styles=hidden + "</style:style>"), "x.odp").blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("heading", "Title"),
        ("paragraph", "left"),
        ("paragraph", "right"),
        ("paragraph", "grouped"),
        ("paragraph", "below"),
        ("paragraph", "Notes."),
        ("list_item", "item"),
    ]
    assert [number for _, number in lay_out(blocks)[2]] == [1, 3]


def test_flat_files_are_told_by_their_root() -> None:
    media_type = "application/vnd.oasis.opendocument.text"
    flat = f'<?xml version="1.0" encoding="UTF-8"?><office:document {SPACES} office:mimetype="{media_type}">'
    flat += f"<office:body><office:text>{p('Bolt &amp; Nut')}</office:text></office:body></office:document>"
    assert texts(read_odf(flat.encode(), "x.fodt")) == ["Bolt & Nut"]
    for name in ("x.fodt", "x.xml"):
        (piece,) = extract_bytes(flat.encode(), name)
        assert (piece.text, piece.media_type) == ("Bolt & Nut", media_type)


def test_a_table_that_stands_for_millions_of_rows_is_refused_at_once() -> None:
    inner = p("x")
    for _ in range(4):
        row = f'<table:table-row table:number-rows-repeated="9999">{cell(inner)}{cell("")}</table:table-row>'
        inner = f"<table:table>{row}</table:table>"
    start = time.process_time()
    for kind in ("text", "spreadsheet"):
        wide = inner if kind == "text" else rows(cell(p("x"), 'table:number-columns-repeated="99999999"'))
        with pytest.raises(Unreadable) as caught:
            read(wide, kind)
        assert caught.value.kind == "TooLarge"
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04", "Corrupt"),
        (b"This is no OpenDocument file.", "Corrupt"),
        (odf("<text:p>"), "Corrupt"),
        (package({"mimetype": "application/vnd.oasis.opendocument.text"}), "Corrupt"),
        (odf("<text:p/>", "database"), "Unsupported"),
        (odf(p("x"), **{"META-INF__manifest": "<manifest:encryption-data/>"}), "PasswordProtected"),
    ],
    ids=["no archive", "no xml", "broken xml", "no content", "other kind", "encrypted"],
)
def test_what_cannot_be_read_says_why_in_one_line(data: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_odf(data, "x.odt")
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(which("pandoc") is None, reason="pandoc is not installed")
def test_a_document_of_pandoc_has_the_paragraphs_of_its_source(tmp_path: Path) -> None:
    source = (
        "# Head & line\n\n" + "\n\n".join(TEXTS[1:3]) + "\n\nClaim[^1] here.\n\n- one\n\n    - two\n\n[^1]: The note.\n"
    )
    target = tmp_path / "x.odt"
    subprocess.run(["pandoc", "-f", "markdown", "-o", str(target)], input=source.encode(), check=True)
    found = kinds(read_odf(target.read_bytes(), "x.odt"))
    assert [text for kind, text in found if kind != "page_footer"] == [
        "Head & line",
        TEXTS[1],
        TEXTS[2],
        "Claim here.",
        "The note.",
        "one",
        "two",
    ]
