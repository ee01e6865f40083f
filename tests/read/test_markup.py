"""HTML → main text; XML → its character data."""

from spacy_dossier.read.markup.former import html_to_text, without_tags, xml_to_text

STORY = " ".join(["Anna Keller left the office of Acme Corp late in the evening and walked home along the river."] * 4)
PAGE = f"""<!DOCTYPE html><html><head><title>Site</title><style>p {{}}</style></head><body>
<nav><ul><li><a href=/>Home</a><li><a href=/news>News</a></ul></nav>
<div class="menu"><a href=/a>Products</a> <a href=/b>Services</a></div>
<script>var story = "Injected by script";</script>
<div id=content><h1>A late walk</h1><p>{STORY}<p>{STORY} &amp; so on.<br>Next line</p>
<table><tr><td>Paris</td><td>London</td></tr></table><p>{STORY}</p></div>
<div class="related"><h3>Read more</h3><a href=/1>Ten more stories you will like</a></div>
<p style="display:none">Invisible words</p>
<footer>Copyright 2025 Example</footer></body></html>"""


def test_main_text_without_menus() -> None:
    """Article, heading and table stay; navigation, scripts, hidden parts, related links and footer go."""
    text = html_to_text(PAGE)
    assert text.startswith("A late walk\n\nAnna Keller left")
    assert "& so on.\nNext line" in text
    assert "Paris London" in text
    for word in ("Home", "Products", "Injected", "Invisible", "Read more", "Ten more", "Copyright"):
        assert word not in text


def test_small_page_is_kept_whole() -> None:
    """Where there is little, nothing is judged."""
    assert html_to_text("<p>One line.<p>Another.<ul><li>a<li>b</ul>") == "One line.\n\nAnother.\n\na\n\nb"


def test_preformatted_text_keeps_its_lines() -> None:
    """<pre> keeps its white space."""
    assert html_to_text("<pre>a\n  b\n    c</pre>") == "a\n  b\n    c"


def test_hostile_markup_ends() -> None:
    """Unclosed, crossed and endlessly nested elements take time in proportion to their size."""
    assert "deep" in html_to_text("<div>" * 50_000 + "deep" + "</b>" * 1000)
    assert html_to_text("<a><p>x</a></p><!-- <p>never") == "x"
    assert html_to_text("") == ""


def test_scripts_in_text_stay_text() -> None:
    """An escaped script is words of the document."""
    assert (
        html_to_text("<p>&lt;script&gt;alert(1)&lt;/script&gt; is no code</p>")
        == "<script>alert(1)</script> is no code"
    )


def test_xml_gives_character_data_only() -> None:
    """Element names are no words; HTML inside a feed is read; entities are not expanded."""
    feed = (
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY big "xxxx">]><rss><item><title>Anna &amp; Tom</title>'
        "<description>&lt;p&gt;They met in &lt;b&gt;Paris&lt;/b&gt;.&lt;/p&gt;</description>"
        "<body><![CDATA[<p>Then <i>London</i>.</p>]]></body><x>&big;</x></rss>"
    )
    assert xml_to_text(feed) == "Anna & Tom\n\nThey met in Paris.\n\nThen London.\n\n&big;"


def test_xml_elements_inside_a_sentence_do_not_cut_it() -> None:
    """Mixed content is one block; elements beside each other are blocks of their own."""
    assert xml_to_text("<d><p>Anna <b>Keller</b> met <i>Tom</i> <i>Brandt</i>.</p><p>So<br/>on</p></d>") == (
        "Anna Keller met Tom Brandt.\n\nSo on"
    )
    assert xml_to_text("<svg><text>Anna</text><script>x()</script></svg>", frozenset({"script"})) == "Anna"


def test_page_of_links_and_cdata() -> None:
    """An index page is better than nothing; CDATA of XHTML is text."""
    links = "".join(f'<li><a href="{i}">Anna Keller item {i} in London</a>' for i in range(100))
    assert "item 99 in London" in html_to_text(f"<ul>{links}</ul>")
    assert html_to_text("<p><![CDATA[Anna < Tom]]> end</p>") == "Anna < Tom end"


def test_html_in_markdown() -> None:
    """Tags go, what they hold and code that shows tags stay."""
    page = (
        '<p align="center">\n  Anna <b>Keller</b>\n</p>\n\nUse `<div>`.\n\n```\n<p>code</p>\n```\n<!-- x --><br>end\n'
    )
    text = without_tags(page)
    assert "Anna Keller" in text
    assert "`<div>`" in text
    assert "<p>code</p>" in text
    assert "align" not in text
    assert "<!--" not in text
