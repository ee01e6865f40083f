"""Markdown → blocks."""

import pytest

from spacy_dossier.read.markup.markdown import read_markdown

from .test_walker import SIGNS


def read(source: str) -> list[tuple]:
    blocks = read_markdown(source.encode(), "x.md").blocks
    return [(b.kind, b.level, b.text) if b.level else (b.kind, b.text) for b in blocks]


def escaped(text: str) -> str:
    """A text with each sign that Markdown gives a meaning behind a backslash."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()#+-.!|<>&~\"'" else char for char in text)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("", "", "paragraph"),
        ("## ", "", "heading"),
        ("- ", "", "list_item"),
        ("> ", "", "quotation"),
        ("| a | b |\n|---|---|\n| c | ", " |", "table"),
        ("<p>", "</p>", "paragraph"),
    ],
)
def test_signs_come_out_as_written(sign: str, before: str, after: str, kind: str) -> None:
    """In every kind of block."""
    written = escaped(sign)
    if before == "<p>":
        written = sign.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    blocks = read_markdown(f"{before}{written}{after}\n".encode(), "x.md").blocks
    assert blocks[-1].kind == kind
    assert blocks[-1].text.rpartition("\t")[2].rpartition("\n")[2] == sign


@pytest.mark.parametrize("sign", SIGNS)
def test_code_comes_out_as_written(sign: str) -> None:
    """Nothing has a meaning in code."""
    assert read(f"```\n{sign}\n  <b>&amp;\n```") == [("code", f"{sign}\n  <b>&amp;")]


def test_blocks() -> None:
    """Headings, lists with what lies below, tables, quotations, code; lines of a paragraph are joined."""
    source = """# Quay

A line
wrapped **he**re,  \nthen cut.

- Chair: Tove Sandell
  - letters
- Treasurer

  of Lund

1. one

> quoted
> on

| a | b |
|---|---|
| c &amp; | d |

    code
      more

Term
: Definition
"""
    assert read(source) == [
        ("title", "Quay"),
        ("paragraph", "A line wrapped here,\nthen cut."),
        ("list_item", 1, "Chair: Tove Sandell"),
        ("list_item", 2, "letters"),
        ("list_item", 1, "Treasurer"),
        ("list_item", 1, "of Lund"),
        ("list_item", 1, "one"),
        ("quotation", "quoted on"),
        ("table", "a\tb\nc &\td"),
        ("code", "code\n  more"),
        ("list_item", 1, "Term"),
        ("list_item", 1, "Definition"),
    ]


def test_html_inside() -> None:
    """Cells of an HTML table stay apart; comments and scripts are not read."""
    source = (
        "# Guests\n\n<table><tr><td>Sunniva Aas</td><td>Harstad</td></tr></table>\n\n<!-- no -->\n\nA <b>bo</b>ld.\n"
    )
    assert read(source) == [("title", "Guests"), ("table", "Sunniva Aas\tHarstad"), ("paragraph", "A bold.")]


def test_front_matter() -> None:
    """A header is what the file says of itself; its title is the document's."""
    source = '---\ntitle: "Quay"\ntags: [harbour, ferry]\nauthor: Pia Lund\n---\n\nText by Pia.\n'
    document = read_markdown(source.encode(), "x.md")
    assert [(b.kind, b.text) for b in document.blocks] == [("title", "Quay"), ("paragraph", "Text by Pia.")]
    assert document.meta == {"title": "Quay", "author": "Pia Lund"}
    toml = '+++\ntitle = \'Quay\'\ntags = ["ferry"]\nauthor = "Pia Lund"\n+++\nText by Pia.\n'
    assert read_markdown(toml.encode(), "x.md") == document
    assert read("---\n\nno header\n") == [("paragraph", "no header")]


def test_footnotes() -> None:
    """They are blocks of their own; their marks are no text."""
    assert read("She left[^1] it^[Inline.].\n\n[^1]: A note by Halldor.\n\nEnd.") == [
        ("paragraph", "She left it."),
        ("paragraph", "End."),
        ("footnote", "A note by Halldor."),
        ("footnote", "Inline."),
    ]


def test_scripts_without_blanks() -> None:
    """A line's end between Chinese letters is no blank."""
    assert read("東京\n都庁 and\nword") == [("paragraph", "東京都庁 and word")]
