"""Plain text → blocks."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.read.prose import text_blocks

PARAGRAPHS = [
    "The harbour board of Harstad met on Tuesday to decide on the north-east quay, which has been closed since the "
    "storm of last winter. Irma Delgado, who has led the board for nine years, said that the money was there but that "
    "nobody wanted to sign for it.",
    "Sven Rydal of Vantor AG disagreed. The quay, he said, was never built for ferries of that size, and a well-known "
    "engineer had warned the town in 1998. He asked for a vote; it was put off until the spring.",
    "Nobody was hurt.",
]


def kinds(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in text_blocks(text)]


@pytest.mark.parametrize("width", [60, 65, 72, 80, 90])
@pytest.mark.parametrize("indent", ["", "   "])
def test_wrapped_paragraphs_are_joined(width: int, indent: str) -> None:
    """At whatever width, and inside a margin."""
    wrapped = (
        textwrap.fill(
            paragraph, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=width % 2 == 0
        )
        for paragraph in PARAGRAPHS
    )
    assert kinds("\n\n".join(wrapped)) == [("paragraph", paragraph) for paragraph in PARAGRAPHS]


def test_paragraphs_with_indented_first_lines() -> None:
    """As in books, without empty lines."""
    wrapped = (textwrap.fill(paragraph, 70, initial_indent="    ") for paragraph in PARAGRAPHS)
    assert kinds("\n".join(wrapped)) == [("paragraph", paragraph) for paragraph in PARAGRAPHS]


def test_a_line_for_each_paragraph() -> None:
    """What no width explains was not wrapped."""
    assert kinds("\n".join(PARAGRAPHS * 2)) == [("paragraph", paragraph) for paragraph in PARAGRAPHS * 2]


def test_lines_of_uneven_length_that_go_on() -> None:
    """Wrapped by hand: a line that ends in the midst of a sentence, before a small letter."""
    text = "We met the mayor of Lund on Monday, and he told us\nthat the bridge would be shut for most of\nthe winter."
    assert kinds(text) == [("paragraph", text.replace("\n", " "))]
    text = (
        "She played 647 games in a career of nineteen years, almost half of which were for\nNorwich. Then she left for "
    )
    text += "Lund, where she had grown up and\nwhere her brother was the master of the harbour."
    assert kinds(text) == [("paragraph", text.replace("\n", " "))]


@pytest.mark.parametrize(
    "text",
    [
        "Irma Delgado\nVantor AG\n12 Harbour Street\n9405 Harstad",
        "O ferry grey, O ferry slow,\nThe tide is high, the lamps are low,\n"
        "And who will sail and who will row\nBefore the bells of Visby go?",
        "Council of Harstad to decide on the quay that nobody wanted to pay for\n"
        "Vantor AG says that the ferry of Visby will be late again this year\nMaster of the harbour leaves",
        "2023-03-07 10:00:01 started\n2023-03-07 10:00:02 reading the file of the harbour board, which took some time\n"
        "2023-03-07 10:00:09 done",
    ],
)
def test_lines_of_an_author_stay(text: str) -> None:
    """An address, verse, a log, also beside wrapped prose."""
    prose = textwrap.fill(PARAGRAPHS[0], 72)
    assert kinds(text) == [("paragraph", text)]
    assert kinds(f"{prose}\n\n{text}\n\n{prose}")[1] == ("paragraph", text)


def test_lists_tables_code_and_headings() -> None:
    """Items are blocks of their own, rows keep their cells, code its lines."""
    item = "a second item that is longer than the others, so that it has to go on in a line below the one it begins on"
    listed = f"- first item\n{textwrap.fill('- ' + item, 60, subsequent_indent='  ')}\n- third item"
    table = "Name            Town       Paid\nSunniva Aas     Harstad   1,200\nBrita Moen      Lund          5"
    code = "def f(x):\n    return {x: 1};\n\nfor a in b:\n    f(a);"
    text = f"ANNUAL REPORT\n\n2.1 The board\n\nMeeting\n=======\n\n{listed}\n\n{table}\n\n{code}"
    assert kinds(text) == [
        ("heading", "ANNUAL REPORT"),
        ("heading", "2.1 The board"),
        ("heading", "Meeting"),
        ("list_item", "- first item"),
        ("list_item", f"- {item}"),
        ("list_item", "- third item"),
        ("table", "Name\tTown\tPaid\nSunniva Aas\tHarstad\t1,200\nBrita Moen\tLund\t5"),
        ("code", "def f(x):\n    return {x: 1};"),
        ("code", "for a in b:\n    f(a);"),
    ]
    assert [block.level for block in text_blocks(text)[:3]] == [1, 2, 1]


def test_a_year_at_the_start_of_a_line_is_no_list() -> None:
    """A number with a full stop in wrapped prose."""
    text = (
        "The quay of the harbour was built in the winter of the year that many people here\n98. They were few. It was"
    )
    text += " never meant for the ferries that now come from the other side of the sound."
    assert [kind for kind, _ in kinds(textwrap.fill(text.replace("\n", " "), 80))] == ["paragraph"]


@given(st.text(st.sampled_from("ab-. \n\t1•>A\f\u2028é"), max_size=200))
def test_no_letter_is_lost_and_no_line_is_empty(text: str) -> None:
    """Whatever the text: its letters come back in order, in blocks without empty lines."""
    blocks = text_blocks(text)
    lost = str.maketrans("", "", "- \n\t\f\u2028")
    assert "".join(block.text for block in blocks).translate(lost) == text.translate(lost)
    assert all(block.text == block.text.strip() and "\n\n" not in block.text and block.text for block in blocks)
