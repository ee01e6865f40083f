"""Mails in blocks."""

import textwrap

import pytest

from spacy_dossier.read.extract import ReadOptions, extract_bytes
from spacy_dossier.read.mail import read_mail, split_mbox, unflow

HEAD = "From: Ann <ann@example.org>\nTo: bob@example.org\nDate: Tue, 1 Apr 2025 10:00:00 +0200\nSubject: The quay\n"
LONG = "The harbour board of Harstad met on Tuesday to decide on the quay, which has been closed since the last storm."


def blocks(body: str, header: str = "", head: str = HEAD) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read_mail(f"{head}{header}\n{body}".encode()).document.blocks]


def test_a_thread_in_plain_text() -> None:
    """The new text in paragraphs, the signature, and what is answered as a reply, with the line that says whose."""
    quoted = "\n".join(f"> {line}" for line in textwrap.wrap(LONG, 60))
    body = (
        f"Dear Bob,\n\n{textwrap.fill(LONG, 66)}\n\nOn 31 March 2025 at 9:12, Bob Lund wrote:\n{quoted}\n>\n>> Yes?\n\n"
    )
    assert blocks(f"{body}I agree.\n\n-- \nAnn Brill\nVantor AG\n") == [
        ("paragraph", "Dear Bob,"),
        ("paragraph", LONG),
        ("reply", "On 31 March 2025 at 9:12, Bob Lund wrote:"),
        ("reply", LONG),
        ("reply", "Yes?"),
        ("paragraph", "I agree."),
        ("signature", "Ann Brill\nVantor AG"),
    ]


def test_a_signature_above_what_is_quoted() -> None:
    """The signature ends where the line begins that says whose mail is quoted."""
    body = "I agree.\n\n-- \nAnn Brill\nVantor AG\n\nOn 31 March 2025, Bob Lund wrote:\n> Yes?\n"
    assert blocks(body) == [
        ("paragraph", "I agree."),
        ("signature", "Ann Brill\nVantor AG"),
        ("reply", "On 31 March 2025, Bob Lund wrote:"),
        ("reply", "Yes?"),
    ]


def test_replies_are_text_when_asked_for() -> None:
    """Outside the text by default, and inside where the mail has nothing else."""
    mail = f"{HEAD}\nNew words.\n\n> Old words.\n".encode()
    (piece,) = extract_bytes(mail, "a.eml")
    assert piece.text == "New words."
    assert [(b.kind, b.text, b.start) for b in piece.blocks] == [("paragraph", None, 0), ("reply", "Old words.", None)]
    (piece,) = extract_bytes(mail, "a.eml", ReadOptions(replies=True))
    assert piece.text == "New words.\n\nOld words."
    (piece,) = extract_bytes(f"{HEAD}\n> Old words.\n".encode(), "a.eml")
    assert (piece.text, piece.blocks[0].kind) == ("Old words.", "quotation")


@pytest.mark.parametrize(
    "answered",
    [
        "-----Original Message-----\nFrom: Bob\nSent: Monday\n\nOld words.",
        "From: Bob Lund <bob@example.org>\nSent: Monday, 31 March 2025 9:12\nTo: Ann\nSubject: The quay\n\nOld words.",
        "Von: Bob Lund\nGesendet: Montag, 31. März 2025 9:12\nAn: Ann\n\nOld words.",
    ],
)
def test_what_outlook_puts_below(answered: str) -> None:
    """A mail that is answered without marks of quotation goes on to the end."""
    found = blocks(f"New words.\n\n{answered}")
    assert found[0] == ("paragraph", "New words.")
    assert {kind for kind, _ in found[1:]} == {"reply"}
    assert found[-1] == ("reply", "Old words.")


def test_flowed_text() -> None:
    """Lines that end with a blank go on, inside quotations too; delsp takes the blank away."""
    flowed = "Irma Delgado of \nHarstad came.\n> Who \n> came?\n-- \nAnn"
    assert blocks(flowed, "Content-Type: text/plain; format=flowed\n") == [
        ("paragraph", "Irma Delgado of Harstad came."),
        ("reply", "Who came?"),
        ("signature", "Ann"),
    ]
    assert unflow(["Har ", "stad, Irma ", " Del ", "gado"], True) == ["Harstad, IrmaDelgado"]
    assert unflow([" From here ", ">> deep ", "> less"], False) == ["From here ", ">> deep ", "> less"]


def test_of_alternatives_the_one_that_says_more() -> None:
    """A stub for programs without HTML is none."""
    header = "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=q\n"
    html = f"<p>{LONG}</p><blockquote type=cite>Old words.</blockquote><p>Yours,<br>Ann</p>"
    parts = "--q\nContent-Type: text/plain\n\n{}\n--q\nContent-Type: text/html\n\n{}\n--q--\n"
    assert blocks(parts.format("Your program shows no HTML.", html), header) == [
        ("paragraph", LONG),
        ("reply", "Old words."),
        ("paragraph", "Yours,\nAnn"),
    ]
    assert blocks(parts.format(f"{LONG} Yours, Ann", f"<p>{LONG}</p>"), header) == [("paragraph", f"{LONG} Yours, Ann")]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_mark_before_the_header(codec: str) -> None:
    """A byte-order mark hides no header."""
    (piece,) = extract_bytes(f"{HEAD}\nGrüße aus Lund.".encode(codec), "a.eml")
    assert (piece.text, piece.meta["subject"]) == ("Grüße aus Lund.", "The quay")


def test_mailboxes_part_at_real_separators() -> None:
    """Who and when, after an empty line and before a header; a quoted From is unquoted."""
    box = f"From ann@example.org Tue Apr  1 10:00:00 2025\n{HEAD}\n"
    box += "From Visby came Greta.\n\nFrom Visby at 10:00 in 2025\n"
    box += f">From here on.\n\nFrom - Tue Apr  1 11:00:00 2025 +0200\n{HEAD}\nTwo\n"
    first, second = split_mbox(box.encode())
    assert first.endswith(b"From Visby came Greta.\n\nFrom Visby at 10:00 in 2025\nFrom here on.\n\n")
    assert second.endswith(b"Two\n")


def test_bad_bytes_of_a_part_are_counted() -> None:
    """They are said in meta."""
    mail = HEAD.encode() + b"Content-Type: text/plain; charset=utf-8\n\n" + "Grüße ".encode() * 20 + b"\xff\n"
    assert read_mail(mail).document.meta["undecodable"] == 1
