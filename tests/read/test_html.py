"""A web page → the blocks of its main text, or all of them."""

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.extract import ReadOptions, extract_bytes
from spacy_dossier.read.markup.align import find_lines
from spacy_dossier.read.markup.html import read_html, read_whole_page

STORY = [
    "The council of Harstad met on Monday evening and agreed to rebuild the old ferry quay before the winter storms.",
    "Mayor Irma Delgado told the audience that the money had been set aside for the work in early spring, she said.",
    "Engineers from the Norrfjord Works said the quay had stood for ninety years and that its timber was rotten.",
    "The harbour office will move to the customs house while the piles are driven, and the ferries leave from Visby.",
]
LINKS = "".join(f'<li><a href="/{i}">Section {i}</a></li>' for i in range(40))


def site(article: str, after: str = "") -> bytes:
    """A page of a site: menus, teasers and a footer around the article."""
    return f"""<!DOCTYPE html><html><head><title>The quay | Harbour News</title></head><body>
    <div class="top"><ul class="menu">{LINKS}</ul></div>
    <div class="article"><h1>The quay</h1><div class="body">{article}</div></div>
    {after}
    <div class="teasers"><h3><a href="/t">Ten more stories</a></h3><p><a href="/t2">A bridge in Lund</a></p></div>
    <footer><p>Copyright Vantor AG, all rights reserved, no part may be used without our leave.</p></footer>
    </body></html>""".encode()


def text(page: bytes) -> list[str]:
    return [block.text for block in read_html(page, "page.html").blocks]


def paragraphs(*texts: str) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def test_main_text_of_a_site() -> None:
    """The article with its heading, no menu, teaser or footer; what the head says of the page is in meta."""
    document = read_html(site(paragraphs(*STORY)), "page.html")
    assert [(block.kind, block.text) for block in document.blocks] == [
        ("title", "The quay"),
        *(("paragraph", line) for line in STORY),
    ]
    assert document.meta == {"title": "The quay | Harbour News"}


def test_whole_page() -> None:
    """All of it, menus too, on demand."""
    page = site(paragraphs(*STORY))
    blocks = [block.text for block in read_whole_page(page, "page.html").blocks]
    assert blocks[0] == "Section 0"
    assert set(STORY) < set(blocks)
    assert blocks[-1].startswith("Copyright")
    (found,) = extract_bytes(page, "page.html", ReadOptions(whole_page=True))
    assert found.text == "\n\n".join(blocks)


def test_rows_and_items_at_the_end() -> None:
    """Tables and lists are kept as wholes."""
    rows = "<table><tr><th>Office<th>Holder<tr><td>Chair<td>Tove Sandell<tr><td>Treasurer<td>Arne Vold</table>"
    items = "<ul><li>Tove Sandell, chair<li>Arne Vold<li>Ebba Falk</ul>"
    found = text(site(paragraphs(*STORY) + rows + items))
    assert found[-4:] == [
        "Office\tHolder\nChair\tTove Sandell\nTreasurer\tArne Vold",
        "Tove Sandell, chair",
        "Arne Vold",
        "Ebba Falk",
    ]


def test_linked_names_stay() -> None:
    """A paragraph in which names are links is text; one that is nothing but a link leads elsewhere."""
    linked = '<a href="/1">Mayor Irma Delgado of the Coast</a> asked <a href="/2">Sven Rydal</a> to build it anew.'
    teaser = '<p><a href="/3">Read more: the bridge that nobody wanted, and who paid for it</a></p>'
    found = text(site(paragraphs(STORY[0], linked) + teaser + paragraphs(*STORY[1:])))
    assert "Mayor Irma Delgado of the Coast asked Sven Rydal to build it anew." in found
    assert not any("Read more" in line for line in found)


def test_text_after_an_advertisement() -> None:
    """What is set as the main text is, is main text, wherever the page is cut."""
    cut = "</div><div class='ad'><p>Advertisement</p></div><div class='body'>".join(map(paragraphs, STORY))
    assert [line for line in text(site(cut)) if line in STORY] == STORY


def test_page_with_hardly_a_link_is_a_document() -> None:
    """Short lines, captions and loose text are kept; menus, asides and comments of readers are not."""
    page = f"""<body><nav><a href="/">Home</a></nav><h1>Interview</h1>{paragraphs(*STORY)}<div>Loose <b>o</b>ne
        <div>Nested two</div></div><p>When?</p><p>In 1931.</p><figure><figcaption>The quay.</figcaption></figure>
        <aside>Aside</aside><div class="comments"><p>Comment</p></div><form><label>Name</label></form></body>"""
    assert text(page.encode()) == [
        "Interview", *STORY, "Loose one", "Nested two", "When?", "In 1931.", "The quay.", "Name",
    ]  # fmt: skip


def test_page_of_links_is_kept() -> None:
    """An index is better than nothing."""
    links = "".join(f'<li><a href="{i}">Anna Keller item {i} in London</a>' for i in range(100))
    found = text(f"<ul>{links}</ul>".encode())
    assert found[0] == "Anna Keller item 0 in London"
    assert found[-1] == "Anna Keller item 99 in London"


def test_nothing_hidden_nothing_twice() -> None:
    """Neither templates nor hidden elements, which trafilatura reads; a text that is there twice is taken once."""
    hidden = "<template><p>Never shown Karl Munk.</p></template><p hidden>Never shown Otto Kessel.</p>"
    copy = f'<div class="print-version">{paragraphs(*STORY)}</div>'
    found = text(site(hidden + paragraphs(*STORY), after=copy))
    assert not any("Never shown" in line for line in found)
    assert [line for line in found if line in STORY] == STORY


def test_script_that_holds_a_comment() -> None:
    """What looks like an open comment in a script hides nothing."""
    assert text(b'<script>s="<!--"</script><p>main text</p>') == ["main text"]
    assert text(b"<!-- x -->" * 24 + b"<html><p>main text</p>") == ["main text"]


@pytest.mark.parametrize("page", [b"<html></html>", b"<p> </p>", b"<!-- only a comment -->"])
def test_page_without_text(page: bytes) -> None:
    """No block, or a refusal that says so."""
    try:
        assert read_html(page, "page.html").blocks == []
    except Unreadable as error:
        assert error.kind == "NoText"


def test_encodings_that_pages_declare() -> None:
    """In the head, or by a mark."""
    page = '<meta charset="iso-8859-2"><p>Łukasz Żak z Łodzi</p>'
    assert text(page.encode("iso-8859-2")) == text(page.encode("utf-16")) == ["Łukasz Żak z Łodzi"]


@pytest.mark.parametrize(
    "pattern",
    [
        "<p>Some words of a paragraph stand here, and more.</p>",
        "<p><a href=x>link text</a></p>",
        "<ul><li>x",
        "<div class=c>x",
        "<table><tr><td>x",
        "<blockquote><p>x",
        "text<br>",
        "<!-- x -->",
    ],
)
def test_time_is_proportional_to_length(pattern: str) -> None:
    """Of the choice of the main text too, whatever is repeated or nested: otherwise these take minutes."""
    assert read_html((LINKS + pattern * 5_000 + "<p>end").encode(), "page.html").blocks


def test_lines_are_found_in_blocks() -> None:
    """Whole lines and cells; of equal ones the next; of changed ones by runs of words; each once."""
    blocks = ["Menu", "One two three four five six", "Menu", "a\tb\nc\td", "x", "x"]
    assert find_lines(["one two, three FOUR five six", "menu"], blocks) == {1, 2}
    assert find_lines(["and one two three four five"], blocks) == {1}
    assert find_lines(["c"], blocks) == {3}
    assert find_lines(["x", "x", "x"], blocks) == {4, 5}
    assert find_lines(["", "?"], blocks) == set()


def test_heading_of_the_page() -> None:
    """The one that the head names is the title, of any level, though its element's class speaks of sharing."""
    page = site(paragraphs(*STORY)).replace(b"<h1>The quay</h1>", b'<div class="social"><h2>The quay</h2></div>')
    page = page.replace(b'<div class="article">', b'<h1>Harbour</h1><div class="article">')
    document = read_html(page, "page.html")
    assert [(b.kind, b.text) for b in document.blocks if b.kind in ("title", "heading")] == [("title", "The quay")]


def test_headings_inside_the_main_text() -> None:
    """Are kept, where trafilatura takes the paragraphs alone; those of other parts are not."""
    article = "".join(f"<h3>Part {i}</h3><p>{line} {line}</p>" for i, line in enumerate(STORY))
    found = [block.text for block in read_html(site(article), "").blocks if block.kind == "heading"]
    assert found == ["Part 0", "Part 1", "Part 2", "Part 3"]


@pytest.mark.parametrize("tag", ["article", "main", "section", "x-story"])
def test_a_page_without_tags_for_head_and_body(tag: str) -> None:
    """Elements that came with HTML 5 begin the body too."""
    source = f"<!doctype html><meta charset=utf-8><title>T</title><{tag}><p>Said Pia.</p></{tag}>Loose.<p>Last.</p>"
    text = "\n\n".join(block.text for block in read_html(source.encode(), "a.html").blocks)
    assert text.split() == ["Said", "Pia.", "Loose.", "Last."]


def test_page_around_a_plain_text() -> None:
    """What is hardly more than one `pre` is read as a text file: its paragraphs are joined. A listing stays."""
    lines = "\n".join(
        ["Anna Keller of the harbour office met the mayor of Visby on Monday and", "asked for piles."] * 6
    )
    page = f"<html><body><h1>Mail</h1><pre>{lines}\n\n{lines}</pre></body></html>".encode()
    assert {block.kind for block in read_html(page, "").blocks} == {"paragraph"}
    assert "\n" not in read_html(page, "").blocks[0].text
    code = "def f(x):\n    return x + 1\n"
    assert [b.kind for b in read_html(f"<p>Use it so:</p><pre>{code}</pre>".encode(), "").blocks] == [
        "paragraph",
        "code",
    ]


@pytest.mark.parametrize(
    "subset", ['<!ENTITY a "b">', '<!ENTITY % p SYSTEM "p.ent"> %p;', "<!-- > -->\n<!ATTLIST p q CDATA #IMPLIED>\n"]
)
def test_declarations_in_the_document_type_are_no_text(subset: str) -> None:
    """As XHTML has them; an HTML parser ends the type at their first mark."""
    source = (
        f'<?xml version="1.0"?>\n<!DOCTYPE html [ {subset} ]>\n<html><body><p>Pia waits at the quay.</p></body></html>'
    )
    assert text(source.encode()) == ["Pia waits at the quay."]
    assert [block.text for block in read_whole_page(source.encode(), "").blocks] == ["Pia waits at the quay."]
