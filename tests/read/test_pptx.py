"""What is read of presentations is what the show shows, slide by slide."""

import io
from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.presentation import Presentation
from pptx.util import Inches

from spacy_dossier.read.document import Unreadable, lay_out
from spacy_dossier.read.office.pptx import read_pptx

from .office_samples import DRAWN, OFFICE, TEXTS, kinds, ooxml, rels, texts

MAIN = "http://schemas.openxmlformats.org/presentationml/2006/main"
SPACES = (
    f'xmlns:a="{DRAWN}" xmlns:r="{OFFICE}" xmlns:p="{MAIN}" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)


def saved(show: Presentation) -> bytes:
    buffer = io.BytesIO()
    show.save(buffer)
    return buffer.getvalue()


def add_slide(show: Presentation, layout: int, *filled: str) -> Any:
    slide = show.slides.add_slide(show.slide_layouts[layout])
    for shape, text in zip(slide.placeholders, filled, strict=False):
        shape.text_frame.text = text
    return slide


def add_box(shapes: Any, text: str, left: float = 1, top: float = 1, height: float = 1) -> Any:
    box = shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(height))
    box.text_frame.text = text
    return box


def drawn(inside: str, *targets: str, **members: str) -> bytes:
    """A package of one slide made by hand; `inside` is what stands on it."""
    entry = '<p:sldId r:id="rId1"/>'
    slide = f"<p:sld {SPACES}><p:cSld><p:spTree>{inside}</p:spTree></p:cSld></p:sld>"
    parts = {
        "ppt/presentation.xml": f"<p:presentation {SPACES}><p:sldIdLst>{entry}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": rels("slide:slides/s.xml"),
        "ppt/slides/s.xml": slide,
        "ppt/slides/_rels/s.xml.rels": rels(*targets),
    }
    return ooxml(
        "ppt/presentation.xml", {**parts, **{f"ppt/slides/{name}.xml": text for name, text in members.items()}}
    )


def sp(paragraphs: str, about: str = "") -> str:
    return f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x" {about}/></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>'


def a(*runs: str) -> str:
    return "<a:p>" + "".join(f"<a:r><a:t>{run}</a:t></a:r>" for run in runs) + "</a:p>"


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_from_wherever_it_was_written(text: str) -> None:
    show = pptx.Presentation()
    slide = add_slide(show, 1, text, text)
    add_box(slide.shapes, text, top=7)
    table = slide.shapes.add_table(1, 2, 0, Inches(9), Inches(2), Inches(1)).table
    for cell in table.iter_cells():
        cell.text = text
    slide.notes_slide.notes_text_frame.text = text
    assert kinds(read_pptx(saved(show), "x.pptx")) == [
        ("heading", text),
        ("list_item", text),
        ("paragraph", text),
        ("table", f"{text}\t{text}"),
        ("paragraph", text),
    ]


def test_slides_come_in_the_order_of_the_show_and_are_pages() -> None:
    show = pptx.Presentation()
    for title in ("Second", "Hidden", "First"):
        add_slide(show, 0, title)
    order = show.slides._sldIdLst
    order.insert(0, order[2])
    show.slides[2]._element.set("show", "0")
    add_slide(show, 0, "Last")
    text, _, pages = lay_out(read_pptx(saved(show), "x.pptx").blocks)
    assert (text, pages) == ("First\n\nSecond\n\nLast", [(0, 1), (7, 2), (15, 4)])


def test_runs_fields_and_line_breaks_of_a_paragraph() -> None:
    field = "<a:fld><a:t>7 March</a:t></a:fld>"
    body = (
        f"<a:p><a:r><a:t>Ot</a:t></a:r><a:r><a:t>tilie, </a:t></a:r>{field}<a:br/><a:r><a:t>x_x000B_y</a:t></a:r></a:p>"
    )
    assert texts(read_pptx(drawn(sp(body)), "x.pptx")) == ["Ottilie, 7 March\nx\ny"]


def test_shapes_are_read_from_top_to_bottom_and_left_to_right() -> None:
    show = pptx.Presentation()
    slide = add_slide(show, 6)
    add_box(slide.shapes, "below", top=5)
    add_box(slide.shapes, "right", left=5, top=1.0)
    add_box(slide.shapes, "left", left=1, top=1.1)
    group = slide.shapes.add_group_shape()
    add_box(group.shapes, "in group, second", top=3.9)
    add_box(group.shapes, "in group, first", top=3.2, height=0.5)
    assert texts(read_pptx(saved(show), "x.pptx")) == ["left", "right", "in group, first", "in group, second", "below"]


def test_placeholders_stand_where_their_layout_puts_them() -> None:
    show = pptx.Presentation()
    slide = add_slide(show, 3, "Title", "left column", "right column")
    tree = slide.shapes._spTree
    tree.insert(2, tree[-1])  # the right one first in the file
    assert texts(read_pptx(saved(show), "x.pptx")) == ["Title", "left column", "right column"]


def test_list_items_have_their_level_and_paragraphs_without_bullets_are_none() -> None:
    show = pptx.Presentation()
    frame = add_slide(show, 1, "Title", "one").placeholders[1].text_frame
    frame.add_paragraph().text, frame.add_paragraph().text = "deeper", "no bullet"
    frame.paragraphs[1].level = 2
    frame.paragraphs[2]._p.get_or_add_pPr().append(parse_xml(f'<a:buNone xmlns:a="{DRAWN}"/>'))
    box = add_box(show.slides[0].shapes, "bulleted box", top=9)
    box.text_frame.paragraphs[0]._p.get_or_add_pPr().append(parse_xml(f'<a:buChar xmlns:a="{DRAWN}" char="•"/>'))
    found = [(block.kind, block.text, block.level) for block in read_pptx(saved(show), "x.pptx").blocks]
    assert found == [
        ("heading", "Title", 1),
        ("list_item", "one", 1),
        ("list_item", "deeper", 3),
        ("paragraph", "no bullet", None),
        ("list_item", "bulleted box", 1),
    ]


def test_each_cell_of_a_merged_table_stands_once() -> None:
    show = pptx.Presentation()
    table = add_slide(show, 6).shapes.add_table(3, 3, 0, 0, Inches(3), Inches(3)).table
    table.cell(0, 0).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    for row, column, text in ((0, 0, "Budget"), (1, 0, "Aas"), (1, 1, "x\ny"), (2, 2, "z")):
        table.cell(row, column).text = text
    assert texts(read_pptx(saved(show), "x.pptx")) == ["Budget\nAas\tx y\n\t\tz"]


def test_diagrams_charts_and_formulas() -> None:
    show = pptx.Presentation()
    data = CategoryChartData(number_format="0.0%")
    data.categories = ["May", "June"]
    data.add_series("Bolts", (0.125, 0.3))
    chart = add_slide(show, 6).shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, Inches(3), Inches(3), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Sales & more"
    expected = [("caption", "Sales & more"), ("table", "\tBolts\nMay\t12.5%\nJune\t30.0%")]
    assert kinds(read_pptx(saved(show), "x.pptx")) == expected

    points = f'<dgm:pt type="doc"/><dgm:pt><dgm:t>{a("Har", "bour")}</dgm:t></dgm:pt>'
    diagram = f"<dgm:dataModel {SPACES}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>"
    frame = '<p:graphicFrame><a:graphic><dgm:relIds r:dm="rId1"/></a:graphic></p:graphicFrame>'
    assert texts(read_pptx(drawn(frame, "diagramData:d.xml", d=diagram), "x.pptx")) == ["Harbour"]

    formula = "<a14:m><m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath></a14:m>"
    both = f"<mc:AlternateContent><mc:Choice>{formula}</mc:Choice><mc:Fallback><a:r><a:t>?</a:t></a:r></mc:Fallback>"
    body = f"<a:p><a:r><a:t>Here </a:t></a:r>{both}</mc:AlternateContent></a:p>"
    assert texts(read_pptx(drawn(sp(body)), "x.pptx")) == ["Here x=1"]


def test_one_of_two_alternatives_and_no_hidden_shape() -> None:
    inside = f"<mc:AlternateContent><mc:Choice>{sp(a('new'))}</mc:Choice><mc:Fallback>{sp(a('old'))}</mc:Fallback>"
    inside += "</mc:AlternateContent>" + sp(a("secret"), 'hidden="1"') + sp(a("shown"))
    assert texts(read_pptx(drawn(inside), "x.pptx")) == ["new", "shown"]


def test_footers_and_comments_are_not_in_the_text() -> None:
    footer = sp(a("Vantor AG")).replace("</p:nvSpPr>", '<p:nvPr><p:ph type="ftr"/></p:nvPr></p:nvSpPr>')
    comments = f"<p:cmLst {SPACES}><p:cm><p:text>Is this so?</p:text></p:cm></p:cmLst>"
    found = kinds(read_pptx(drawn(footer + sp(a("Text.")), "comments:c.xml", c=comments), "x.pptx"))
    assert found == [("page_footer", "Vantor AG"), ("paragraph", "Text.")]


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04", drawn("<p:sp>"), drawn("")[:-300], ooxml("ppt/none.xml", {})],
    ids=["none", "xml", "cut", "part"],
)
def test_broken_presentations_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_pptx(data, "x.pptx")
    assert caught.value.kind == "Corrupt"
    assert "\n" not in str(caught.value)
