"""What is read of Word documents equals what was written into them."""

import base64
import io
import subprocess
import warnings
from pathlib import Path
from shutil import which
from xml.sax.saxutils import escape

import docx
import pytest
from docx.document import Document as Written
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml as written_xml
from docx.oxml.ns import nsdecls

from spacy_dossier.read.document import Unreadable, lay_out
from spacy_dossier.read.extract import extract_bytes
from spacy_dossier.read.office.docx import read_docx
from spacy_dossier.read.office.package import OOXML

from .office_samples import TEXTS, kinds, ooxml, rels, texts

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": W,
        "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    }.items()
)


def r(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def p(inside: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def tc(inside: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inside}</w:tc>"


def word(body: str, *targets: str, namespaces: str = NAMESPACES, **members: str | bytes) -> bytes:
    """A package with this body; `members` are parts by name, with "__" for the slash and "_" for the dot."""
    parts = {f"word/{name.replace('__', '/').replace('_', '.')}": content for name, content in members.items()}
    document = f'<?xml version="1.0"?><w:document {namespaces}><w:body>{body}</w:body></w:document>'
    relations = rels(*targets)
    suffixes = {"htm": "text/html", "txt": "text/plain", "mht": "message/rfc822"}
    main = {"word/document.xml": document, "word/_rels/document.xml.rels": relations}
    suffixes["docx"] = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return ooxml("word/document.xml", {**main, **parts}, **suffixes)


def read(body: str, *targets: str, **members: str | bytes) -> list[tuple[str, str]]:
    return kinds(read_docx(word(body, *targets, **members), "x.docx"))


def saved(document: Written) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_from_wherever_it_was_written(text: str) -> None:
    document = docx.Document()
    document.add_heading(text, 0)
    document.add_heading(text, 2)
    document.add_paragraph(text)
    document.add_paragraph(text, style="List Bullet")
    document.add_paragraph(text, style="Caption")
    document.add_paragraph(text, style="Quote")
    table = document.add_table(2, 2)
    for cell in table._cells:
        cell.text = text
    document.sections[0].header.paragraphs[0].text = text
    document.sections[0].footer.paragraphs[0].text = text
    assert kinds(read_docx(saved(document), "x.docx")) == [
        ("page_header", text),
        ("title", text),
        ("heading", text),
        ("paragraph", text),
        ("list_item", text),
        ("caption", text),
        ("quotation", text),
        ("table", f"{text}\t{text}\n{text}\t{text}"),
        ("page_footer", text),
    ]


def test_runs_are_joined_as_they_stand() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph()
    for index, part in enumerate(["Ot", "tilie ", "Berg of Har", "stad", "."]):
        paragraph.add_run(part).bold = index % 2 == 0
    assert texts(read_docx(saved(document), "x.docx")) == ["Ottilie Berg of Harstad."]


def test_signs_of_their_own_elements() -> None:
    body = (
        p(r("Buyer:") + "<w:r><w:tab/></w:r>" + r("Lund") + "<w:r><w:ptab/></w:r>" + r("x"))
        + p(r("First") + "<w:r><w:br/></w:r>" + r("second") + "<w:r><w:cr/><w:br/></w:r>" + r("third"))
        + p(
            r("Lars") + "<w:r><w:noBreakHyphen/></w:r>" + r("Erik de") + "<w:r><w:softHyphen/></w:r>" + r("feat\u00ads")
        )
        + p(r("Angle ") + '<w:r><w:sym w:font="Symbol" w:char="F061"/><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>')
        + p(r("A\uf062B", '<w:rFonts w:ascii="Symbol"/>') + r("A\uf062B") + r("α"))
    )
    assert [text for _, text in read(body)] == [
        "Buyer:\tLund\tx",
        "First\nsecond\nthird",
        "Lars‑Erik defeats",
        "Angle α✓",
        "AβBA\uf062Bα",
    ]


def test_headings_by_style_name_inherited_style_and_outline_level() -> None:
    document = docx.Document()
    style = document.styles.add_style("Chapter", WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Heading 3"]
    document.add_paragraph("inherited", style="Chapter")
    document.add_heading("by name", 1)
    outlined = document.add_paragraph("by outline level")
    outlined._p.get_or_add_pPr().append(written_xml(f'<w:outlineLvl {nsdecls("w")} w:val="3"/>'))
    body = document.add_heading("taken back", 1)
    body._p.get_or_add_pPr().append(written_xml(f'<w:outlineLvl {nsdecls("w")} w:val="9"/>'))
    found = [(b.kind, b.text, b.level) for b in read_docx(saved(document), "x.docx").blocks]
    assert found == [
        ("heading", "inherited", 3),
        ("heading", "by name", 1),
        ("heading", "by outline level", 4),
        ("paragraph", "taken back", None),
    ]


def test_list_items_have_the_depth_of_their_list() -> None:
    numbered = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="{}"/></w:numPr>'
    body = "".join(p(r(text), numbered.format(*at)) for text, at in {"a": (0, 5), "b": (1, 5), "c": (0, 0)}.items())
    blocks = read_docx(word(body), "x.docx").blocks
    assert [(b.kind, b.level) for b in blocks] == [("list_item", 1), ("list_item", 2), ("paragraph", None)]


def test_lines_of_code_are_one_block() -> None:
    document = docx.Document()
    document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    for line in ("def f():", "    return 1"):
        document.add_paragraph(line, style="Source Code")
    document.add_paragraph("Text.")
    assert kinds(read_docx(saved(document), "x.docx")) == [("code", "def f():\nreturn 1"), ("paragraph", "Text.")]


def test_each_cell_of_a_merged_table_stands_once() -> None:
    document = docx.Document()
    table = document.add_table(3, 3)
    table.cell(0, 0).merge(table.cell(0, 2)).text = "Budget"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Aas"
    table.cell(1, 1).text, table.cell(2, 2).text = "x", "y"
    assert texts(read_docx(saved(document), "x.docx")) == ["Budget\nAas\tx\n\t\ty"]


def test_a_cell_is_one_line() -> None:
    lines = p(r("A") + "<w:r><w:br/></w:r>" + r("B") + "<w:r><w:tab/></w:r>" + r("C")) + p(r("D"))
    assert read(f"<w:tbl><w:tr>{tc(lines)}{tc(p(''))}{tc(p(r('E')))}</w:tr></w:tbl>") == [("table", "A B C D\t\tE")]


def test_a_table_that_places_parts_of_a_page_is_these_parts() -> None:
    inner = f"<w:tbl><w:tr>{tc(p(r('in 1')))}{tc(p(r('in 2')))}</w:tr></w:tbl>"
    one_column = f"<w:tbl><w:tr>{tc(p(r('One.')) + p(r('Two.')))}</w:tr></w:tbl>"
    body = f"<w:tbl><w:tr>{tc(p(r('Left.')) + inner + p(''))}{tc(p(r('Right.')))}</w:tr></w:tbl>{one_column}"
    assert read(body) == [
        ("paragraph", text) if "\t" not in text else ("table", text)
        for text in ("Left.", "in 1\tin 2", "Right.", "One.", "Two.")
    ]


def test_deleted_rows_and_cells_are_not_read() -> None:
    gone = f"<w:tr><w:trPr><w:del/></w:trPr>{tc(p(r('old')))}{tc(p(r('old')))}</w:tr>"
    left = f"<w:tr>{tc(p(r('a')))}{tc(p(r('old')), '<w:cellDel/>')}{tc(p(r('b')))}</w:tr>"
    assert read(f"<w:tbl>{gone}{left}</w:tbl>") == [("table", "a\tb")]


def notes(kind: str, *written: str) -> str:
    ref = f"<w:r><w:{kind}Ref/></w:r>"
    found = "".join(f'<w:{kind} w:id="{i}">{p(ref + r(" " + t))}</w:{kind}>' for i, t in enumerate(written, start=1))
    return f'<w:{kind}s {NAMESPACES}><w:{kind} w:type="separator" w:id="0">{p(r("—"))}</w:{kind}>{found}</w:{kind}s>'


def test_footnotes_follow_their_paragraph_and_endnotes_stand_at_the_end() -> None:
    body = (
        p(
            r("Claim")
            + '<w:r><w:footnoteReference w:id="1"/></w:r>'
            + r(" goes")
            + '<w:r><w:endnoteReference w:id="1"/></w:r>'
        )
        + p(r("on") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + r("."))
        + p(r("End."))
    )
    found = read(
        body,
        "footnotes:footnotes.xml",
        "endnotes:endnotes.xml",
        footnotes_xml=notes("footnote", "One & 1.", TEXTS[1], "not referred to"),
        endnotes_xml=notes("endnote", "Last."),
    )
    assert found == [
        ("paragraph", "Claim goes"),
        ("footnote", "One & 1."),
        ("paragraph", "on."),
        ("footnote", TEXTS[1]),
        ("paragraph", "End."),
        ("footnote", "Last."),
    ]


def box(inside: str) -> str:
    content = f"<w:txbxContent>{inside}</w:txbxContent>"
    return (
        '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><a:graphic><a:graphicData><wps:wsp><wps:txbx>'
        f"{content}</wps:txbx></wps:wsp></a:graphicData></a:graphic></w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<v:shape><v:textbox>{content}</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


def test_a_text_box_follows_its_paragraph_once() -> None:
    inner = box(p(r("Inner box.")))
    body = p(r("Before ") + box(p(r(TEXTS[0]) + inner)) + r("after.")) + p(r("End."))
    assert [text for _, text in read(body)] == ["Before after.", TEXTS[0], "Inner box.", "End."]


def test_old_text_boxes_and_word_art() -> None:
    pict = f"<w:r><w:pict><v:shape><v:textbox><w:txbxContent>{p(r('Old box.'))}</w:txbxContent></v:textbox></v:shape>"
    body = p(r("Text.") + pict + '<v:shape><v:textpath string="Draft"/></v:shape></w:pict></w:r>')
    assert [text for _, text in read(body)] == ["Text.", "Old box.", "Draft"]


def test_content_controls_links_tags_and_simple_fields_are_text() -> None:
    def control(inside: str) -> str:
        return f"<w:sdt><w:sdtPr/><w:sdtContent>{inside}</w:sdtContent></w:sdt>"

    body = (
        control(p(r("Block")))
        + p(r("Client: ") + control(r("Voss")) + '<w:hyperlink r:id="x">' + r(" link") + "</w:hyperlink>")
        + p(
            '<w:smartTag w:element="x">'
            + r("Gerd")
            + '</w:smartTag><w:fldSimple w:instr="AUTHOR">'
            + r(" Tove")
            + "</w:fldSimple>"
        )
        + "<w:tbl>"
        + control(f"<w:tr>{tc(p(r('a')))}{control(tc(p(r('b'))))}</w:tr>")
        + "</w:tbl>"
        + f'<w:customXml w:element="x">{p(r("Custom"))}</w:customXml>'
    )
    assert [text for _, text in read(body)] == ["Block", "Client: Voss link", "Gerd Tove", "a\tb", "Custom"]


def mark(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def code(text: str) -> str:
    return f"<w:r><w:instrText>{text}</w:instrText></w:r>"


def test_fields_show_their_result_even_inside_one_another_and_over_paragraphs() -> None:
    inner = mark("begin") + code("MERGEFIELD x") + mark("separate") + r("hidden") + mark("end")
    body = p(
        r("Dated ")
        + mark("begin")
        + code("IF ")
        + inner
        + code("= 1")
        + mark("separate")
        + r("7 March")
        + mark("end")
        + r(".")
    )
    body += p(mark("begin") + code("TOC") + mark("separate") + r("One")) + p(r("Two")) + p(mark("end") + r("After"))
    assert [text for _, text in read(body)] == ["Dated 7 March.", "One", "Two", "After"]


def test_old_form_controls_show_what_was_chosen() -> None:
    def control(inside: str) -> str:
        begin = f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{inside}</w:ffData></w:fldChar></w:r>'
        return begin + code("FORM") + mark("end")

    entries = "".join(f'<w:listEntry w:val="{name}"/>' for name in ("red", "blue"))
    body = p(r("Colour: ") + control(f'<w:ddList><w:result w:val="1"/>{entries}</w:ddList>'))
    body += p(control("<w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>") + r(" yes"))
    body += p(control("<w:checkBox><w:default w:val='0'/></w:checkBox>") + r(" no"))
    assert [text for _, text in read(body)] == ["Colour: blue", "☒ yes", "☐ no"]


def test_a_field_without_an_end_costs_no_text() -> None:
    assert [text for _, text in read(p(mark("begin") + code("PAGE")) + p(r("Text.")))] == ["Text."]


def test_tracked_changes_are_read_as_accepted() -> None:
    body = (
        p(
            r("Kept ")
            + "<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins>"
            + r("new")
            + "</w:ins>"
            + r(" end.")
        )
        + p("<w:moveFrom>" + r("moved") + "</w:moveFrom>" + r("Here"))
        + p("<w:moveTo>" + r("moved") + "</w:moveTo>" + r(" there"))
        + p(r("First "), "<w:rPr><w:del/></w:rPr>")
        + p(r("and second."))
        + p("<w:del>" + r("all gone") + "</w:del>")
    )
    assert [text for _, text in read(body)] == ["Kept new end.", "Here", "moved there", "First and second."]


def test_hidden_text_is_not_read() -> None:
    styles = (
        f'<w:styles {NAMESPACES}><w:style w:type="character" w:styleId="H"><w:name w:val="H"/>'
        "<w:rPr><w:vanish/></w:rPr>"
        '</w:style><w:style w:type="paragraph" w:styleId="P"><w:name w:val="P"/><w:rPr><w:vanish/></w:rPr></w:style>'
        "</w:styles>"
    )
    body = (
        p(
            r("Seen ")
            + r("not ", "<w:vanish/>")
            + r("nor this ", '<w:rStyle w:val="H"/>')
            + r("too.", '<w:vanish w:val="0"/>')
        )
        + p(r("hidden paragraph"), '<w:pStyle w:val="P"/>')
        + p(r("shown again", '<w:vanish w:val="false"/>'), '<w:pStyle w:val="P"/>')
    )
    assert [t for _, t in read(body, "styles:styles.xml", styles_xml=styles)] == ["Seen too.", "shown again"]


def test_comments_are_not_in_the_text() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Reviewed text.")
    document.add_comment(paragraph.runs, text="Is this so?", author="A", initials="A")
    assert texts(read_docx(saved(document), "x.docx")) == ["Reviewed text."]


def test_a_big_first_letter_belongs_to_its_word() -> None:
    body = p(r("T"), '<w:framePr w:dropCap="drop"/>') + p(r("he harbour."))
    assert [text for _, text in read(body)] == ["The harbour."]


def test_readings_above_a_word_do_not_break_it() -> None:
    ruby = f"<w:ruby><w:rubyPr/><w:rt>{r('とう')}</w:rt><w:rubyBase>{r('東')}</w:rubyBase></w:ruby>"
    assert [text for _, text in read(p(f"<w:r>{ruby}</w:r>" + r("京")))] == ["東京"]


def test_formulas_diagrams_and_charts() -> None:
    def t(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    formula = f"<m:oMath>{t('x=')}<m:f><m:num>{t('a')}</m:num><m:den>{t('b')}</m:den></m:f></m:oMath>"
    drawn = "<w:r><w:drawing><a:graphic><a:graphicData>{}</a:graphicData></a:graphic></w:drawing></w:r>"

    def a(*runs: str) -> str:
        return "<a:p>" + "".join(f"<a:r><a:t>{run}</a:t></a:r>" for run in runs) + "</a:p>"

    def v(text: str) -> str:
        return f'<c:strRef><c:strCache><c:ptCount/><c:pt idx="0"><c:v>{text}</c:v></c:pt></c:strCache></c:strRef>'

    data = (
        f'<dgm:dataModel {NAMESPACES}><dgm:ptLst><dgm:pt modelId="1" type="doc"><dgm:t>{a("no")}</dgm:t></dgm:pt>'
        f'<dgm:pt modelId="2"><dgm:t>{a("Har", "bour")}</dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>'
    )
    number = (
        "<c:numRef><c:numCache><c:formatCode>0.0%</c:formatCode><c:ptCount/><c:pt><c:v>0.3</c:v></c:pt></c:numCache>"
    )
    number += "</c:numRef>"
    chart = (
        f"<c:chartSpace {NAMESPACES}><c:chart><c:title><c:tx><c:rich>{a('Sales')}</c:rich></c:tx></c:title><c:plotArea>"
        f"<c:barChart><c:ser><c:tx>{v('Bolts')}</c:tx><c:cat>{v('May')}</c:cat><c:val>{number}</c:val></c:ser>"
        "</c:barChart></c:plotArea></c:chart></c:chartSpace>"
    )
    body = (
        p(r("Here ") + formula)
        + p(drawn.format('<dgm:relIds r:dm="rId1"/>'))
        + p(drawn.format('<c:chart r:id="rId2"/>'))
    )
    found = read(body, "diagramData:data.xml", "chart:chart.xml", data_xml=data, chart_xml=chart)
    expected = [
        ("paragraph", "Here x=a/b"),
        ("list_item", "Harbour"),
        ("caption", "Sales"),
        ("table", "\tBolts\nMay\t30.0%"),
    ]
    assert found == expected


def test_only_headers_that_a_page_shows_and_each_once() -> None:
    document = docx.Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = "Every page"
    section.first_page_header.paragraphs[0].text = "First page"
    section.even_page_header.paragraphs[0].text = "Even page"
    section.different_first_page_header_footer = False
    document.add_paragraph("Body.")
    document.add_section().header.is_linked_to_previous = False
    document.sections[1].header.paragraphs[0].text = "Every page"
    assert kinds(read_docx(saved(document), "x.docx")) == [("page_header", "Every page"), ("paragraph", "Body.")]
    section.different_first_page_header_footer = True
    document.settings.odd_and_even_pages_header_footer = True
    found = kinds(read_docx(saved(document), "x.docx"))
    assert {text for kind, text in found if kind == "page_header"} == {"Every page", "First page", "Even page"}
    assert lay_out(read_docx(saved(document), "x.docx").blocks)[0] == "Body."


def test_documents_put_in_whole() -> None:
    page = "<html><meta charset=utf-8><body><p>Page &amp; <b>Za</b>ë.</p><ul><li>item</ul></body></html>"
    mail = 'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n--b\nContent-Type: text/html\n'
    mail += f"Content-Transfer-Encoding: base64\n\n{base64.b64encode(page.encode()).decode()}\n--b--\n"
    chunks = {"a_docx": word(p(r("Inner text."))), "b_txt": "Plain & text.\n\nMore.", "c_htm": page, "d_mht": mail}
    body = p(r("Before.")) + "".join(f'<w:altChunk r:id="rId{number}"/>' for number in range(1, 5)) + p(r("After."))
    found = read(body, *(f"aFChunk:{name.replace('_', '.')}" for name in chunks), **chunks)
    page_texts = ["Page & Zaë.", "item"]
    assert [t for _, t in found] == ["Before.", "Inner text.", "Plain & text.", "More.", *page_texts * 2, "After."]


def test_a_document_put_in_whole_that_nothing_reads_is_not_passed_over() -> None:
    with pytest.raises(Unreadable) as caught:
        read('<w:altChunk r:id="rId1"/>', "aFChunk:a.bin", a_bin=b"x")
    assert caught.value.kind == "Unsupported"


def test_a_document_that_holds_itself_for_ever_ends() -> None:
    chunk = '<w:altChunk r:id="rId1"/>' * 12
    data = word(p(r("x")))
    for _ in range(4):
        data = word(chunk, "aFChunk:a.docx", a_docx=data)
    with pytest.raises(Unreadable, match="more than 100 documents") as caught:
        read_docx(data, "x.docx")
    assert caught.value.kind == "TooLarge"


def test_strict_documents_and_odd_part_names() -> None:
    strict = {
        W: "http://purl.oclc.org/ooxml/wordprocessingml/main",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "http://purl.oclc.org/ooxml/officeDocument/relationships",
    }
    namespaces, root = NAMESPACES, rels("officeDocument:/My%20Part/Text.XML")
    for transitional, name in strict.items():
        namespaces, root = namespaces.replace(transitional, name), root.replace(transitional, name)
    url = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    document = f"<w:document {namespaces}><w:body>{p(r(url))}</w:body></w:document>"
    data = ooxml("", {"_rels/.rels": root, "My Part/text.xml": document})
    assert texts(read_docx(data, "x.docx")) == [url]
    (piece,) = extract_bytes(data, "x")
    assert piece.text == url


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04 and nothing more", "Corrupt"),
        (word("")[:-200], "Corrupt"),
        (word("<w:p><w:r></w:p>"), "Corrupt"),
        (ooxml("word/none.xml", {}), "Corrupt"),
        (word("<w:sdt>" * 300 + "</w:sdt>" * 300), "Corrupt"),
        (word("<w:p/>" * 6_000_001), "TooLarge"),
        (word(p('<w:r><w:sym w:font="Symbol" w:char="zz"/></w:r>')), "Corrupt"),
    ],
    ids=["no archive", "cut", "broken xml", "no main part", "too deep", "too many tags", "bad symbol"],
)
def test_broken_documents_are_refused_in_one_line(data: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_docx(data, "x.docx")
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    declared = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{secret}">]>'
    declared += f"<w:document {NAMESPACES}><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>"
    with pytest.raises(Unreadable, match="entities"):
        read_docx(ooxml("d.xml", {"d.xml": declared}), "x.docx")


def test_an_encrypted_member_is_a_password() -> None:
    data = bytearray(word(p(r("x"))))
    with warnings.catch_warnings():
        at = data.rfind(b"PK\x01\x02")
        data[at + 8] |= 1
    with pytest.raises(Unreadable) as caught:
        read_docx(bytes(data), "x.docx")
    assert caught.value.kind == "PasswordProtected"


@pytest.mark.slow
@pytest.mark.skipif(which("pandoc") is None, reason="pandoc is not installed")
def test_a_document_of_pandoc_has_the_paragraphs_of_its_source(tmp_path: Path) -> None:
    source = (
        "# Head & line\n\n" + "\n\n".join(TEXTS[1:3]) + "\n\nClaim[^1] here.\n\n- one\n\n    - two\n\n[^1]: The note.\n"
    )
    target = tmp_path / "x.docx"
    subprocess.run(["pandoc", "-f", "markdown", "-o", str(target)], input=source.encode(), check=True)
    assert kinds(read_docx(target.read_bytes(), "x.docx")) == [
        ("heading", "Head & line"),
        ("paragraph", TEXTS[1]),
        ("paragraph", TEXTS[2]),
        ("paragraph", "Claim here."),
        ("footnote", "The note."),
        ("list_item", "one"),
        ("list_item", "two"),
    ]


@pytest.mark.parametrize("name", ["x.docx", "x.docm", "x.zip", "x"])
def test_the_type_of_a_package_is_told_by_what_it_holds(name: str) -> None:
    (piece,) = extract_bytes(word(p(r("Docx text by Pia."))), name)
    assert (piece.text, piece.media_type) == ("Docx text by Pia.", f"{OOXML}wordprocessingml.document")
