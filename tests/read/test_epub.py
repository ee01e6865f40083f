"""EPUB books → blocks."""

import html

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.markup.epub import read_epub

from .samples import package
from .test_walker import SIGNS

CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="{}"/></rootfiles></container>"""
OPF = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Book of quays</dc:title>
<dc:creator>Pia Lund</dc:creator></metadata><manifest>{}</manifest><spine>{}</spine>{}</package>"""


def book(chapters: dict[str, str], *, nav: str = "", guide: str = "", **more: str) -> bytes:
    """A book with the chapters by their references, in this order."""
    items = "".join(
        f'<item id="i{i}" href="{href}" media-type="application/xhtml+xml" properties="{"nav" * (href == nav)}"/>'
        for i, href in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{i}"/>' for i in range(len(chapters)))
    parts = {"OEBPS/" + href.replace("%20", " "): page for href, page in chapters.items() if page}
    return package(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER.format("OEBPS/content.opf"),
            "OEBPS/content.opf": OPF.format(items, spine, guide),
            **parts,
            **more,
        }
    )


def chapter(body: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body>{body}</body></html>'


def read(data: bytes) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read_epub(data, "x.epub").blocks]


def test_chapters_in_the_order_of_the_spine() -> None:
    """Names with blanks too; each once; what the package says of the book is in meta."""
    data = book({"z%20one.xhtml": chapter("<h1>One</h1><p>By Pia.</p>"), "a/two.xhtml": chapter("<h1>Two</h1>")})
    assert read(data) == [("heading", "One"), ("paragraph", "By Pia."), ("heading", "Two")]
    assert read_epub(data, "").meta == {"title": "Book of quays", "author": "Pia Lund"}


@pytest.mark.parametrize("sign", SIGNS)
def test_signs_come_out_as_written(sign: str) -> None:
    """In a chapter."""
    assert read(book({"a.xhtml": chapter(f"<p>{html.escape(sign)}</p>")})) == [("paragraph", sign)]


def test_entities_of_html() -> None:
    """Are known in chapters too."""
    page = '<?xml version="1.0" encoding="utf-8"?>' + chapter("<p>Caf&eacute;&mdash;Malm&ouml;<a id='x'/></p><p>b</p>")
    assert read(book({"a.xhtml": page})) == [("paragraph", "Café—Malmö"), ("paragraph", "b")]


def test_table_of_contents_is_not_repeated() -> None:
    """A navigation document in the spine, or a page of links that the guide calls so; not a page with text."""
    links = chapter("<p><a href='a.xhtml'>One</a></p>")
    text = chapter("<p>All there is, by Pia.</p>")
    guide = '<guide><reference type="toc" href="toc.xhtml"/></guide>'
    assert read(book({"nav.xhtml": links, "a.xhtml": text}, nav="nav.xhtml")) == [
        ("paragraph", "All there is, by Pia.")
    ]
    assert len(read(book({"toc.xhtml": links, "a.xhtml": text}, guide=guide))) == 1
    assert read(book({"toc.xhtml": text}, guide=guide)) == [("paragraph", "All there is, by Pia.")]


def test_notes() -> None:
    """A note is a footnote, its mark no text."""
    body = """<p>She left<a epub:type="noteref" href="#n">1</a>.</p>
        <aside epub:type="footnote" id="n"><p>By Pia.</p></aside>"""
    assert read(book({"a.xhtml": chapter(body)})) == [("paragraph", "She left."), ("footnote", "By Pia.")]


def test_chapter_that_is_missing() -> None:
    """Costs no other; it is named. Without any there is no book."""
    data = book({"a.xhtml": "", "b.xhtml": chapter("<p>b</p>")})
    assert read(data) == [("paragraph", "b")]
    assert read_epub(data, "").meta["missing"] == ["OEBPS/a.xhtml"]
    with pytest.raises(Unreadable, match=r"a\.xhtml is missing"):
        read_epub(book({"a.xhtml": ""}), "")
    with pytest.raises(Unreadable, match="no package file"):
        read_epub(package({"mimetype": "application/epub+zip"}), "")


def test_encrypted_books() -> None:
    """Are refused; scrambled fonts are no hindrance."""
    method = (
        '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptionMethod Algorithm="{}"/></encryption>'
    )
    chapters = {"a.xhtml": chapter("<p>a</p>")}
    scrambled = {"META-INF/encryption.xml": method.format("http://www.idpf.org/2008/embedding")}
    locked = {"META-INF/encryption.xml": method.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    assert read(book(chapters, **scrambled)) == [("paragraph", "a")]
    with pytest.raises(Unreadable, match="encrypted"):
        read_epub(book(chapters, **locked), "")
