"""The text of a document as HTML: every character once, every mark where it belongs, however marks overlap."""

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from spacy_dossier.report.text import LONG_PARAGRAPH, SECTION, Mark, paragraphs, render


class Reader(HTMLParser):
    """Reads the text back, and the text within each mark; fails on HTML that is not well formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str | None]] = []
        self.text = ""
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
        if any(tag == "p" for tag, _ in self.open):
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


ALPHABET = st.sampled_from("ab<&>\"' \n\n\n\t\fé\u2028\xa0😀")


@settings(deadline=None)
@given(data=st.data(), text=st.text(ALPHABET, max_size=60))
def test_any_marks_in_any_text(data: st.DataObject, text: str) -> None:
    """Nested, crossing, touching, equal and blank marks: the HTML is well formed and quotes what they mark."""
    place = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(place, place).map(sorted), max_size=8))
    read = Reader(render(text, [mark(n, *span) for n, span in enumerate(spans)]))
    assert squeeze(read.text) == squeeze(text)
    filled = {str(n): text[a:b] for n, (a, b) in enumerate(spans) if text[a:b].strip()}
    assert {n: squeeze(t) for n, t in read.within.items()} == {n: squeeze(t) for n, t in filled.items()}
    assert sorted(read.firsts) == sorted(read.tails) == sorted(filled)


def test_blanks_within_a_paragraph_stay() -> None:
    """Line ends and indents inside a paragraph are kept; blank lines part paragraphs."""
    read = Reader(render("one\n  two\n\n\nthree\fand four", []))
    assert read.text == "one\n  twothreeand four" and read.counts["p"] == 3


def test_a_sentence_over_a_page_break_has_one_number() -> None:
    """A mark that crosses paragraphs is marked in each, with one id at its start and one label at its end."""
    html = render("a b\n\nc d", [mark(0, 2, 6)])
    assert html.count("<mark") == 2 and html.count('id="0"') == 1 and html.index("<i") > html.index("c")


def test_crossing_marks_keep_their_order() -> None:
    """Of two marks that cross, the later is reopened after the end of the earlier."""
    html = render("abcdef", [mark(0, 0, 4), mark(1, 2, 6)])
    assert html.count("<mark") == 1 and html.count("<span") == 2


def test_long_texts_are_divided() -> None:
    """A text without a line break comes in paragraphs, and sections bound what a browser lays out at once."""
    text = "word " * (SECTION // 2) + "x" * (3 * LONG_PARAGRAPH)
    assert max(stop - start for start, stop in paragraphs(text)) <= LONG_PARAGRAPH
    read = Reader(render(text, [mark(0, 0, len(text))]))
    assert read.text.strip() == text and read.counts["section"] >= 3
    assert squeeze(read.within["0"]) == squeeze(text)


def test_control_characters_are_shown() -> None:
    """What HTML may not hold is pictured, character for character, in pages too."""
    html = render("a\x1b[1mb\x00c\td", [mark(0, 1, 5)])
    assert "␛" in html
    assert Reader(html).text == "a␛[1mb␀c\td"
