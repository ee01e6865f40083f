"""Text in the drawings of office packages: diagrams, charts, formulas."""

from __future__ import annotations

from itertools import zip_longest

from ..document import Block
from .layout import make_table, tidy, unescape
from .number_format import show_number
from .package import Element

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"


def paragraph_text(paragraph: Element) -> str:
    """RETURNS (str): Text of a DrawingML paragraph: runs, fields, line breaks, formulas."""
    texts: list[str] = []
    for child in paragraph.iterchildren("*"):
        if child.tag in (A + "r", A + "fld"):
            texts.append("".join(t.text or "" for t in child.iterchildren(A + "t")))
        elif child.tag == A + "br":
            texts.append("\n")
        elif child.tag == MC + "AlternateContent":
            texts += [math_text(formula) for formula in child.iterfind(f"{MC}Choice//{M}oMath")]
    return tidy(unescape("".join(texts)))


def math_text(formula: Element) -> str:
    """RETURNS (str): The signs of a formula in one line, fractions with a slash."""
    if formula.tag == M + "f":
        return "/".join("".join(map(math_text, part)) for part in formula.iterchildren(M + "num", M + "den"))
    if formula.tag == M + "t":
        return formula.text or ""
    return "".join(math_text(child) for child in formula.iterchildren("*"))


def diagram_blocks(root: Element) -> list[Block]:
    """RETURNS (list[Block]): The texts of a diagram (SmartArt), in the order of its data."""
    blocks: list[Block] = []
    for point in root.iterfind(f"{DGM}ptLst/{DGM}pt"):
        if point.get("type", "node") in ("node", "asst"):
            texts = (paragraph_text(paragraph) for paragraph in point.iterfind(f"{DGM}t/{A}p"))
            blocks.append(Block("list_item", tidy("\n".join(texts)), 1))
    return [block for block in blocks if block.text]


def chart_titles(root: Element) -> list[Block]:
    """RETURNS (list[Block]): The titles of a chart and of its axes."""
    titles = (tidy("\n".join(paragraph_text(p) for p in title.iter(A + "p"))) for title in root.iter(C + "title"))
    return [Block("caption", title) for title in titles if title]


def chart_blocks(root: Element) -> list[Block]:
    """RETURNS (list[Block]): The titles of a chart, and its series as a table."""
    columns: list[list[str]] = []
    for series in root.iter(C + "ser"):
        labels, values = (_points(series, kind) for kind in (("cat", "xVal"), ("val", "yVal")))
        name = " ".join(v.text or "" for v in series.iterfind(f"{C}tx//{C}v"))
        if labels and labels not in (column[1:] for column in columns):
            columns.append(["", *labels])
        columns.append([name, *values])
    table = make_table(list(zip_longest(*columns, fillvalue="")))
    return [*chart_titles(root), *([table] if table.text else [])]


def _points(series: Element, kinds: tuple[str, str]) -> list[str]:
    """RETURNS (list[str]): The labels or values that a chart keeps of its sheet, as they are shown."""
    cache = next((cache for kind in kinds for cache in series.iterfind(f"{C}{kind}//{C}ptCount/..")), None)
    if cache is None:
        return []
    texts = [tidy(v.text or "") for v in cache.iterfind(f"{C}pt/{C}v")]
    code = cache.findtext(f"{C}formatCode")
    return texts if code is None else [show_number(text, code) for text in texts]
