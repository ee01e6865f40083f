"""XML, FictionBook, DocBook and OPML → blocks."""

import html

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.markup.schemas import read_doc_book, read_fiction_book, read_opml
from spacy_dossier.read.markup.xml import read_xml

from .test_walker import SIGNS


def shown(document) -> list[tuple]:
    return [(b.kind, b.level, b.text) if b.level else (b.kind, b.text) for b in document.blocks]


def texts(source: str) -> list[str]:
    return [block.text for block in read_xml(source.encode(), "x.xml").blocks]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("reader", "page", "kind"),
    [
        (read_xml, "<d><p>{}</p></d>", "paragraph"),
        (read_xml, "<d><p><![CDATA[{}]]></p></d>", "paragraph"),
        (read_fiction_book, "<FictionBook><body><section><p>{}</p></section></body></FictionBook>", "paragraph"),
        (read_fiction_book, "<FictionBook><body><table><tr><td>{}</td></tr></table></body></FictionBook>", "table"),
        (read_doc_book, "<article><para>{}</para></article>", "paragraph"),
        (read_doc_book, "<book><simplelist><member>{}</member></simplelist></book>", "list_item"),
        (read_doc_book, "<article><programlisting>{}</programlisting></article>", "code"),
        (read_opml, "<opml><body><outline text='{}'/></body></opml>", "list_item"),
    ],
)  # fmt: skip
def test_signs_come_out_as_written(reader, page: str, kind: str, sign: str) -> None:
    """In every schema."""
    written = sign if "CDATA" in page else html.escape(sign)
    (block,) = reader(page.format(written).encode(), "").blocks
    assert block.text == sign
    assert block.kind == kind or kind == "table"  # of one cell, which is no table of data


def test_elements_in_a_sentence_do_not_cut_it() -> None:
    """Mixed content is one block; elements beside each other are blocks of their own."""
    assert texts("<d><p>Anna <b>Keller</b> met <i>Tom</i> <i>Brandt</i>.</p>\n<p><b>So</b>\n on</p></d>") == [
        "Anna Keller met Tom Brandt.",
        "So on",
    ]
    assert texts("<people><p><first>Pia</first><last>Lund</last></p></people>") == ["Pia", "Lund"]


def test_titles_are_headings() -> None:
    """Of the element they stand in, as in feeds."""
    feed = "<rss><channel><title>News</title><item><title>A &amp; B</title><link>x</link></item></channel></rss>"
    assert shown(read_xml(feed.encode(), "")) == [("title", "News"), ("heading", 2, "A & B"), ("paragraph", "x")]


def test_html_inside_feeds() -> None:
    """Escaped or as CDATA, it is read as HTML."""
    feed = (
        "<rss><item><description>&lt;p&gt;They met in &lt;b&gt;Par&lt;/b&gt;is &amp;amp; on.&lt;/p&gt;</description>"
        "<body><![CDATA[<p>Then <i>London</i>.</p>]]></body></item></rss>"
    )
    assert texts(feed) == ["They met in Paris & on.", "Then London."]


def test_entities() -> None:
    """Those of HTML and those declared as plain text are known, no other is expanded, a bare & is text; nothing is
    fetched."""
    types = '<!DOCTYPE r [<!ENTITY a "Bolt &#38; Nut"><!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c \'&a;&a;\'>]>'
    assert texts(f"<?xml version='1.0'?>{types}<r><x>&a; caf&eacute; &b; &c; AT&T ?a=1&b=2 &#233;</x></r>") == [
        "Bolt & Nut café &b; &c; AT&T ?a=1&b=2 é"
    ]


def test_declared_entities_do_not_multiply_without_end() -> None:
    """Beyond a limit they stay as written."""
    types = f'<!DOCTYPE r [<!ENTITY a "{"x" * 900}">]>'
    (text,) = texts(f"{types}<r>{'&a; ' * 20_000}</r>")
    assert len(text) < 11_000_000
    assert text.endswith("&a;")


def test_svg() -> None:
    """Words of a picture, not its scripts."""
    picture = '<svg xmlns="http://www.w3.org/2000/svg"><style>a</style><text>Anna</text><script>x()</script></svg>'
    assert texts(picture) == ["Anna"]


def test_broken_xml() -> None:
    """A file that was cut off is read; where text would be lost, it is refused in one line that says where."""
    assert texts("<a><p>One &amp; all.</p><p>Two is cut of") == ["One & all.", "Two is cut of"]
    with pytest.raises(Unreadable, match=r"broken XML: .*line 1"):
        read_xml(b"<a>text</a><b>and much more text after the end</b>", "")
    with pytest.raises(Unreadable, match="nested more than"):
        read_xml(b"<a>" * 3_000 + b"x" + b"</a>" * 3_000, "")


@pytest.mark.parametrize("pattern", ["<a>x</a>", "<![CDATA[x]]>", "<!-- x -->", "&", "&a", "<title>t</title>", "x ]"])
def test_time_is_proportional_to_length(pattern: str) -> None:
    """Whatever is repeated: otherwise these take minutes."""
    assert isinstance(read_xml(f"<!DOCTYPE r [ ]><r>{pattern * 50_000}</r>".encode(), "").blocks, list)


def test_fiction_book() -> None:
    """Headings by section, verse in lines, notes as footnotes; the description is meta, pictures are nothing."""
    book = """<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"><description><title-info>
      <book-title>Quays</book-title></title-info></description>
      <body><title><p>Quays</p><p>of Lund</p></title><section><title><p>One</p></title>
      <p>Said <emphasis>Pia</emphasis>, the <strong>H</strong>arbour<a type="note">[1]</a>.</p>
      <cite><p>Quoted</p></cite><poem><stanza><v>one</v><v>two</v></stanza></poem><table><tr><th>a</th><td>b</td></tr></table></section></body>
      <body name="notes"><section><title><p>1</p></title><p>A note.</p></section></body><binary>AAAA</binary>
      </FictionBook>"""
    document = read_fiction_book(book.encode(), "")
    assert shown(document) == [
        ("title", "Quays of Lund"),
        ("heading", 2, "One"),
        ("paragraph", "Said Pia, the Harbour."),
        ("quotation", "Quoted"),
        ("paragraph", "one\ntwo"),
        ("table", "a\tb"),
        ("footnote", "A note."),
    ]
    assert document.meta == {"title": "Quays"}


def test_doc_book() -> None:
    """Sections, lists, listings, tables; a footnote follows its paragraph."""
    book = """<article xmlns="http://docbook.org/ns/docbook"><title>Quay</title><section><title>One</title>
      <para>She <emphasis>left</emphasis>.<footnote><para>A note.</para></footnote> He came.</para>
      <orderedlist><listitem><para>first</para></listitem></orderedlist><programlisting>a
  b</programlisting><table><title>Cap</title><tgroup cols="2"><colspec/><tbody><row><entry>a</entry><entry>b</entry>
      </row></tbody></tgroup></table><variablelist><varlistentry><term>T</term><listitem><para>D</para></listitem>
      </varlistentry></variablelist></section></article>"""
    assert shown(read_doc_book(book.encode(), "")) == [
        ("title", "Quay"),
        ("heading", 2, "One"),
        ("paragraph", "She left. He came."),
        ("footnote", "A note."),
        ("list_item", 1, "first"),
        ("code", "a\n  b"),
        ("caption", "Cap"),
        ("table", "a\tb"),
        ("list_item", 1, "T"),
        ("list_item", 1, "D"),
    ]


def test_outline() -> None:
    """Entries with how deep they lie."""
    source = (
        '<opml><head><title>Feeds</title></head><body><outline text="A"><outline title="B"/></outline></body></opml>'
    )
    assert shown(read_opml(source.encode(), "")) == [("title", "Feeds"), ("list_item", 1, "A"), ("list_item", 2, "B")]
