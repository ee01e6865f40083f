"""A tree of HTML elements → blocks."""

import html

import pytest

from spacy_dossier.read.document import Block
from spacy_dossier.read.markup.tree import parse_html
from spacy_dossier.read.markup.walker import blocks_of, walk

# Signs that readers lose, in scripts that they spoil
SIGNS = [
    'Harding & Sons met AT&T; "1 < 2" > O\'Brien',
    "Lars‑Erik paid 5\xa0000\xa0kr – “now” … ﬁne",
    "Malmö Łódź Ørsted ẞ e\u0301 n\u0303",
    "Ελλάδα Москва שלום عربى हिन्दी 東京 ภาษา",
    "👩‍🔬 🇳🇴 😀 x²",
]


def read(source: str, *, mail: bool = False) -> list[tuple]:
    blocks = blocks_of(parse_html(source), mail=mail)
    return [(b.kind, b.level, b.text) if b.level else (b.kind, b.text) for b in blocks]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("<p>", "</p>", "paragraph"),
        ("<h2>", "</h2>", "heading"),
        ("<ul><li>", "</ul>", "list_item"),
        ("<table><tr><td>a<td>", "</table>", "table"),
        ("<table><caption>", "</caption><tr><td>x<td>y</table>", "caption"),
        ("<figure><figcaption>", "</figcaption></figure>", "caption"),
        ("<pre>", "</pre>", "code"),
        ("<blockquote><p>", "</p></blockquote>", "quotation"),
        ("<aside role='doc-footnote'>", "</aside>", "footnote"),
        ("", "", "paragraph"),
    ],
)
def test_signs_come_out_as_written(sign: str, before: str, after: str, kind: str) -> None:
    """Every sign is read once, in blocks of every kind, entities decoded once."""
    (block,) = [b for b in blocks_of(parse_html(before + html.escape(sign) + after)) if b.text not in ("x\ty",)]
    assert block.kind == kind
    assert block.text.removeprefix("a\t") == sign
    (twice,) = [b for b in blocks_of(parse_html(before + html.escape(html.escape(sign)) + after)) if b.text != "x\ty"]
    assert twice.text.removeprefix("a\t") == html.escape(sign)


def test_inline_elements_put_no_blank() -> None:
    """Letters of a word stay together whatever is set in bold; a soft hyphen is no letter."""
    assert read("<p>H<sub>2</sub>O of <b>Har</b>stad<i>, </i>na&shy;tion<!-- x -->al  <a>\n Pia</a></p>tail") == [
        ("paragraph", "H2O of Harstad, national Pia"),
        ("paragraph", "tail"),
    ]


def test_share_of_links_by_paragraph() -> None:
    """Links count for the paragraph that they are in, though line breaks alone part it from others."""
    pieces = walk(parse_html("<p>One<br><br><a>two\n2</a><br>x<br><br><pre>a\n<a>bc</a>\n\nd</pre>"))
    assert [(piece.block.text, piece.linked) for piece in pieces] == [
        ("One", 0),
        ("two 2\nx", 4),
        ("a\nbc", 2),
        ("d", 0),
    ]


def test_line_breaks() -> None:
    """One is a line's end, two are a paragraph's; lines of the source are neither."""
    assert read("<p>Ferry Office<br>12 Long\n Street<br/>\n<br>Harstad<br></p>") == [
        ("paragraph", "Ferry Office\n12 Long Street"),
        ("paragraph", "Harstad"),
    ]
    assert read('<div style="white-space: pre-wrap">one\ntwo\n\nthree</div>') == [
        ("paragraph", "one\ntwo"),
        ("paragraph", "three"),
    ]
    assert read("<pre>\ndef f():\n    return 1\n\n\nf()\n</pre>") == [
        ("code", "def f():\n    return 1"),
        ("code", "f()"),
    ]


def test_headings_and_title() -> None:
    """The only heading of the first level is the title; of several each is a heading."""
    assert read("<h1>A</h1><h2>B</h2><h1> </h1>c") == [("title", "A"), ("heading", 2, "B"), ("paragraph", "c")]
    assert read("<h1>A</h1><h1>B</h1>") == [("heading", 1, "A"), ("heading", 1, "B")]
    assert read("<h2>A</h2><h1>B</h1>") == [("heading", 2, "A"), ("heading", 1, "B")]


def test_lists() -> None:
    """An item with items below keeps its text; terms and definitions are items too."""
    assert read("<ul><li>a<ul><li>b</li></ul>c</li><li><p>d</p><p>e</p></li></ul>f<dl><dt>t<dd>d</dl>") == [
        ("list_item", 1, "a"),
        ("list_item", 2, "b"),
        ("list_item", 1, "c"),
        ("list_item", 1, "d"),
        ("list_item", 1, "e"),
        ("paragraph", "f"),
        ("list_item", 1, "t"),
        ("list_item", 1, "d"),
    ]


def test_tables() -> None:
    """A row a line, cells parted by tabs, merged ones once and at their column."""
    table = "<table><tr><th colspan=2>Budget<th>Sum<tr><td rowspan=2>A<td>1<br>x<td><p>2<tr><td>3<td>4<tr><td></table>"
    assert read(table) == [("table", "Budget\t\tSum\nA\t1 x\t2\n\t3\t4")]
    assert read("<table><tr><td>a<td>b</table>c<table><tr><td hidden>no<td>d<td>e</table>") == [
        ("table", "a\tb"),
        ("paragraph", "c"),
        ("table", "d\te"),
    ]


def test_tables_of_layout_are_parts_of_the_page() -> None:
    """Paragraphs, headings and tables in cells are blocks; text between cells is not lost."""
    assert read("<table><tr><td>Menu<td><p>One.</p><p>Two.</p></table>") == [
        ("paragraph", "Menu"),
        ("paragraph", "One."),
        ("paragraph", "Two."),
    ]
    assert read("<table><tr><td>x<table><tr><td>a<td>b</table>y</table>") == [
        ("paragraph", "x"),
        ("table", "a\tb"),
        ("paragraph", "y"),
    ]
    assert read("<table>loose<tr><td>a<td>b</table>") == [
        ("paragraph", "loose"),
        ("paragraph", "a"),
        ("paragraph", "b"),
    ]


def test_what_is_not_shown_is_not_read() -> None:
    """Scripts, templates, hidden elements, controls; what follows them is read."""
    hidden = [
        '<script>s="<!--"</script>',
        "<style>p {}</style>",
        "<template><p>x</p></template>",
        "<noscript>x</noscript>",
        "<p hidden>x</p>",
        "<span style='display: none'>x</span>",
        "<div aria-hidden=true>x<p>x</div>",
        "<select><option>x</select>",
        "<!-- x -->",
        "<dialog>x</dialog>",
        "<svg><text>x</text></svg>",
        "<table hidden><tr><td>x</table>",
    ]
    for source in hidden:
        assert " ".join(text for _, text in read(f"<p>before</p>{source}<p>main text</p>")) == "before main text"


def test_notes() -> None:
    """A note is a block, the mark that points to it is none of the text."""
    source = """<p>She left<sup><a epub:type="noteref" href="#n">1</a></sup>.</p>
        <section class="footnotes"><ol><li><p>By Pia. <a role=doc-backlink>↩</a></p></ol></section>"""
    assert read(source) == [("paragraph", "She left."), ("footnote", "By Pia.")]


def test_quoted_mail() -> None:
    """In a mail, what is marked as the answered mail is a reply, all of it; on a page it is a quotation."""
    source = "<p>New</p><blockquote type=cite><p>Old</p><ul><li>x</ul><table><tr><td>a<td>b</table></blockquote>"
    assert read(source, mail=True) == [("paragraph", "New"), ("reply", "Old"), ("reply", "x"), ("reply", "a\tb")]
    assert [kind for kind, *_ in read(source)] == ["paragraph", "quotation", "list_item", "table"]


def test_xhtml() -> None:
    """Elements closed in themselves hide nothing; CDATA is text."""
    assert read(
        '<?xml version="1.0"?><html><head><title/></head><body><a id="x"/><p>a</p><![CDATA[b < c]]></body></html>'
    ) == [
        ("paragraph", "a"),
        ("paragraph", "b < c"),
    ]
    assert read("<![CDATA[x") == read("") == read("  ") == read("<p> </p>") == []


@pytest.mark.parametrize(
    "pattern",
    [
        "<div>",
        "<b>",
        "<ul><li>",
        "<table><tr><td>",
        "<!--",
        "<!-- x -->",
        "<![CDATA[",
        "<font color=1>x",
        "</p>",
        "<",
        "&",
        "<blockquote>",
        "<table><td>x",
        "<a href=",
        "<p style='",
    ],
)
def test_time_is_proportional_to_length(pattern: str) -> None:
    """Whatever is repeated or nested: a reader that is not takes minutes for these."""
    assert isinstance(blocks_of(parse_html(pattern * 50_000 + "<p>deep")), list)


def test_deep_nesting_loses_nothing() -> None:
    """Beyond the depth that the parser allows, text is read on."""
    assert read("<div>" * 5_000 + "deep" + "</div>" * 5_000 + "<p>after") == [
        ("paragraph", "deep"),
        ("paragraph", "after"),
    ]
    (block,) = blocks_of(parse_html("<font>Pia " * 5_000))
    assert block.text == " ".join(["Pia"] * 5_000)


def test_blocks_have_no_empty_line() -> None:
    """What every reader promises."""
    for block in blocks_of(parse_html("<p>a<br> &nbsp; <br>b<pre>c\n \nd</pre><li>e<br><br>")):
        assert isinstance(block, Block)
        assert "\n\n" not in block.text
        assert block.text == block.text.strip()
