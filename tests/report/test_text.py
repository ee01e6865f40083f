"""The text of a document as HTML: every character once, every mark where it belongs, however marks overlap."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from spacy_dossier.read.document import KINDS, OUTSIDE, Block, lay_out
from spacy_dossier.report.document import divide
from spacy_dossier.report.text import LONG_PARAGRAPH, SECTION, Mark, paragraphs, render, segments


class Reader(HTMLParser):
    """Reads the text back, and the text within each mark; fails on HTML that is not well formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str | None]] = []
        self.text = ""
        self.outside = ""
        self.within: dict[str, str] = {}
        self.firsts: list[str] = []
        self.tails: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(str(html))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.open.append((tag, values.get("data-m")))
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if values.get("id"):
            self.firsts.append(str(values["id"]))
        if tag == "i":
            self.tails.append(str(values["data-of"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _ in self.open}
        if "summary" in tags or "details" in tags:
            self.outside += data
        elif tags & {"p", "li", "td", "pre", "blockquote", "h3", "h4", "h5", "h6"}:
            self.text += data
            for _, mark in self.open:
                if mark is not None:
                    self.within[mark] = self.within.get(mark, "") + data
        else:
            assert not data.strip()


def mark(number: int, start: int, end: int) -> Mark:
    attrs, first, tail = f' data-m="{number}"', f' id="{number}"', f'<i data-of="{number}"></i>'
    return Mark(start, end, "span" if number % 2 else "mark", Markup(attrs), Markup(first), Markup(tail))


def squeeze(text: str) -> str:
    return "".join(text.split())


ALPHABET = st.sampled_from("ab<&>\"' \n\t\fé\u2028\xa0😀")
BLOCKS = st.lists(
    st.builds(
        Block,
        st.sampled_from(KINDS),
        st.text(ALPHABET, max_size=20).map(lambda text: re.sub(r"\s*\n\s*", "\n", text.strip())),
        st.integers(1, 7),
    ),
    max_size=6,
)


def html(text: str, marks: list[Mark]) -> Markup:
    return render(text, marks, paragraphs(text))


@settings(deadline=None)
@given(data=st.data(), given=BLOCKS)
def test_any_marks_in_any_blocks(data: st.DataObject, given: list[Block]) -> None:
    """Nested, crossing, touching, equal and blank marks over blocks of all kinds: the HTML is well formed and quotes
    what they mark, every character of the text stands in it once, and so do the blocks outside the text."""
    text, blocks, _ = lay_out(given, data.draw(st.sampled_from([OUTSIDE, frozenset()])))
    place = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(place, place).map(sorted), max_size=8))
    read = Reader(render(text, [mark(n, *span) for n, span in enumerate(spans)], blocks))
    assert squeeze(read.text) == squeeze(text)
    filled = {str(n): text[a:b] for n, (a, b) in enumerate(spans) if text[a:b].strip()}
    assert {n: squeeze(t) for n, t in read.within.items()} == {n: squeeze(t) for n, t in filled.items()}
    assert sorted(read.firsts) == sorted(read.tails) == sorted(filled)
    for block in blocks:
        assert block.text is None or squeeze(block.text) in squeeze(read.outside)


@settings(deadline=None)
@given(text=st.text(ALPHABET, max_size=60))
def test_a_text_without_blocks(text: str) -> None:
    """Of a text of which only the text is known, what empty lines part are paragraphs."""
    assert squeeze(Reader(html(text, [])).text) == squeeze(text)


def test_blocks_are_shown_as_what_they_are() -> None:
    """Headings by their level, lists, tables with rows and cells, code with its lines, replies folded."""
    text, blocks, _ = lay_out(
        [
            Block("title", "Report"),
            Block("heading", "Results", level=2),
            Block("list_item", "first", level=1),
            Block("list_item", "inner", level=2),
            Block("table", "a\tb\n\td"),
            Block("code", "x = 1\n  y"),
            Block("reply", "> old"),
            Block("reply", "older"),
            Block("paragraph", "end"),
        ]
    )
    page = str(render(text, [], blocks)).replace(' dir="auto"', "")
    assert '<h3 class="title">Report</h3>' in page and "<h4>Results</h4>" in page
    assert page.count("<ul>") == 1 and '<li class="d2">inner</li>' in page
    rows = "<table><tr><td>a</td><td>b</td></tr><tr><td></td><td>d</td></tr></table>"
    assert rows in page.replace("\n", "")
    assert "<pre>x = 1\n  y</pre>" in page
    assert "<summary>Quoted reply</summary><p>&gt; old</p><p>older</p></details>" in page


def test_a_sentence_over_a_page_break_has_one_number() -> None:
    """A mark that crosses paragraphs is marked in each, with one id at its start and one label at its end."""
    page = html("a b\n\nc d", [mark(0, 2, 6)])
    assert page.count("<mark") == 2 and page.count('id="0"') == 1 and page.index("<i") > page.index("c")


def test_crossing_marks_keep_their_order() -> None:
    """Of two marks that cross, the later is reopened after the end of the earlier."""
    page = html("abcdef", [mark(0, 0, 4), mark(1, 2, 6)])
    assert page.count("<mark") == 1 and page.count("<span") == 2


def test_long_texts_are_divided() -> None:
    """A text without a line break comes in paragraphs, and sections bound what a browser lays out at once."""
    text = "word " * (SECTION // 2) + "x" * (3 * LONG_PARAGRAPH)
    pieces = list(segments(text, paragraphs(text)))
    assert max(piece.stop - piece.start for piece in pieces) <= LONG_PARAGRAPH
    read = Reader(html(text, [mark(0, 0, len(text))]))
    assert read.text.strip() == text and read.counts["section"] >= 3
    assert squeeze(read.within["0"]) == squeeze(text)


def test_long_tables_and_lists_are_divided() -> None:
    """A table of many rows is several tables, no row divided; a list is several lists."""
    table = "\n".join("cell\t" * 8 + "end" for _ in range(3000))
    for parts, tag, count in (
        ([Block("table", table)], "tr", 3000),
        ([Block("list_item", "item " * 50 + ".", level=1)] * 300, "li", 300),
    ):
        text, blocks, _ = lay_out(parts)
        read = Reader(render(text, [], blocks))
        assert squeeze(read.text) == squeeze(text)
        assert read.counts[tag] == count
        assert read.counts["section"] >= 3 and read.counts["table" if tag == "tr" else "ul"] >= 3


def test_time_is_linear_in_blanks() -> None:
    """Many blanks cost no more than as many letters: the steps taken grow with the text."""
    text = "a" + " " * 200_000 + "\n" * 200_000 + "b"
    assert squeeze(Reader(html(text, [])).text) == "ab"


def test_control_characters_are_shown() -> None:
    """What HTML may not hold is pictured, character for character, in pages too."""
    page = html("a\x1b[1mb\x00c\td", [mark(0, 1, 5)])
    assert "␛" in page
    assert Reader(page).text == "a␛[1mb␀c\td"


@settings(deadline=None)
@given(given=BLOCKS, size=st.integers(3, 40))
def test_parts_hold_every_block_once(given: list[Block], size: int) -> None:
    """Whatever the size of a part, the parts together show the text once, in order, none longer than the size."""
    text, blocks, _ = lay_out(given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_dossier.report.document.PART", size)
        parts = divide(text, blocks)
    assert squeeze("".join(Reader(render(text, [], part.blocks)).text for part in parts)) == squeeze(text)
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]] and parts[-1].end == len(text)
    for part in parts:
        inside = [block for block in part.blocks if block.start is not None]
        assert sum(block.end - block.start for block in inside) <= size  # type: ignore[operator]
        assert all(part.start <= block.start and block.end <= part.end for block in inside)  # type: ignore[operator]
