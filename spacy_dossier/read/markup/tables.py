"""HTML tables: of data, read row by row, or of layout, whose cells are parts of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lxml import etree

from ...text.words import word_set

# What stands in the cells of a page laid out by a table, hardly ever in those of a table of data.
PARTS_OF_PAGES = (
    *("table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "article", "section", "main", "nav", "hr"),
    *("header", "footer", "form"),
)
OWN_PARTS = word_set("thead tbody tfoot tr td th caption colgroup col script style template")
WIDEST = 50  # columns or rows that a cell may claim, so that a hostile one does not fill the memory


def is_layout(table: etree._Element) -> bool:
    """RETURNS (bool): Does the table only place parts of the page beside each other?"""
    if table.get("role") in ("presentation", "none") or next(table.iterdescendants(*PARTS_OF_PAGES), None) is not None:
        return True
    if any(text.strip() for text in loose_texts(table)):
        return True  # text beside the cells, which no table of data has
    if next(table.iterdescendants("th", "caption"), None) is not None:
        return False
    rows = [list(row.iterchildren("td")) for row in table.iter("tr")]
    if all(len(row) < 2 for row in rows):
        return True
    return any(len([p for p in cell.iter("p") if p.text or len(p)]) > 1 for row in rows for cell in row)


def loose_texts(table: etree._Element) -> Iterator[str]:
    """RETURNS (Iterator[str]): The texts that stand in a table outside its cells and caption."""
    for element in table.iter("table", "thead", "tbody", "tfoot", "tr"):
        yield element.text or ""
        for child in element:
            yield child.tail or ""
            if child.tag not in OWN_PARTS:
                yield "".join(child.itertext())


def spread_rows(rows: Iterable[etree._Element], read: Callable[[etree._Element], str]) -> Iterator[list[str]]:
    """Read the rows of a table, each cell once, at its column: those that it covers beside and below are empty.

    RETURNS (Iterator[list[str]]): The cells of each row that has text.
    """
    covered: dict[int, int] = {}  # column → rows below that a cell above still covers
    for row in rows:
        cells: list[str] = []
        above = covered
        covered = {column: left - 1 for column, left in above.items() if left > 1}
        for cell in row.iterchildren("td", "th"):
            while len(cells) in above:
                cells.append("")
            wide, high = span(cell, "colspan"), span(cell, "rowspan")
            if high > 1:
                covered.update(dict.fromkeys(range(len(cells), len(cells) + wide), high - 1))
            cells += [read(cell), *[""] * (wide - 1)]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield cells


def span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "").strip()
    return min(max(int(value), 1), WIDEST) if value.isascii() and value.isdigit() and len(value) < 9 else 1
