"""Mails in blocks."""

import binascii
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


@pytest.mark.parametrize(
    ("head", "passed_on"),
    [
        (HEAD, "---------- Forwarded message ---------\nFrom: Bob <bob@example.org>\nDate: Mon\nTo: Ann\n\nHis words."),
        (HEAD, "Begin forwarded message:\n\n> From: Bob <bob@example.org>\n>\n> His words."),
        (HEAD.replace("The", "Fwd: The"), "> His words."),
        (HEAD.replace("The", "WG: The"), "Von: Bob Lund\nGesendet: Montag, 31. März 2025 9:12\nAn: Ann\n\nHis words."),
    ],
)
def test_what_is_passed_on_is_text(head: str, passed_on: str) -> None:
    """The reader of a forwarded mail has not seen it before, unlike one who is answered."""
    found = blocks(f"Please look.\n\n{passed_on}", head=head)
    assert "reply" not in {kind for kind, _ in found}
    assert found[-1] == ("quotation", "His words.")


def test_files_in_uuencode_are_attachments() -> None:
    """As mails had them before MIME; what only looks like one is text."""
    lines = "".join(binascii.b2a_uu(b"The quay of Harstad." * 2).decode() for _ in range(3))
    mail = read_mail(f"{HEAD}\nSee below.\n\nbegin 644 quay.txt\n{lines}`\nend\n\nAnn\n".encode())
    assert [block.text for block in mail.document.blocks] == ["See below.", "Ann"]
    assert mail.attachments == [("quay.txt", b"The quay of Harstad." * 6)]
    assert blocks("begin 644 quay.txt\nno such lines\nend")[0][1].startswith("begin 644")


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


def test_a_mark_of_quotation_behind_a_blank_is_text_of_a_flowed_mail() -> None:
    """RFC 3676, section 4.4: a line that begins with one is sent with a blank before it."""
    flowed = "The prompt is\n > ls\nand its answer.\n> Quoted."
    found = blocks(flowed, "Content-Type: text/plain; format=flowed\n")
    assert "\n".join(text for kind, text in found if kind != "reply").split() == [
        "The",
        "prompt",
        "is",
        ">",
        "ls",
        "and",
        "its",
        "answer.",
    ]
    assert found[-1] == ("reply", "Quoted.")


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


def test_a_header_that_cannot_be_decoded_costs_no_mail() -> None:
    """An encoded word that is none stays as it stands, in a subject and in a file's name."""
    body = 'Content-Disposition: attachment; filename="=?utf-8?b?a?="\n\nx'
    assert blocks("Hello", "Subject: =?utf-8?b?a?=\n") == [("paragraph", "Hello")]
    assert read_mail(f"{HEAD}{body}".encode()).attachments == [("=?utf-8?b?a?=", b"x")]
    assert read_mail(b"Subject: =?utf-8?b?a?=\n\nx").document.meta["subject"] == "=?utf-8?b?a?="


@pytest.mark.parametrize(
    "line",
    ["From a@b Sat Jan  3 01:05:34 1998 remote from x", "From a@b Sat Jan  3 01:05:34 98", "From a b c", "From a@b"],
)
def test_no_mail_of_a_mailbox_is_dropped(line: str) -> None:
    """Whatever stands on the line before the first of them."""
    box = f"{line}\n{HEAD}\nOne\n\nFrom a@b Sat Jan  3 01:05:34 1998\n{HEAD}\nTwo\n"
    assert split_mbox(box.encode()) == [f"{HEAD}\nOne\n\n".encode(), f"{HEAD}\nTwo\n".encode()]
    (piece,) = extract_bytes(f"{line}\n{HEAD}\nOne\n".encode(), "a")
    assert (piece.name, piece.text, piece.meta["subject"]) == ("#1", "One", "The quay")


def test_mailboxes_without_empty_lines() -> None:
    """A mail begins where its header does; a line that begins like a separator is text."""
    box = f"From a@b Sat Jan  3 01:05:34 1998\n{HEAD}\nOne\nFrom a@b Sat Jan  3 01:05:34 1998\nNote: none\n"
    first, second = split_mbox(f"{box}From a@b Sat Jan  3 01:05:34 1998\n{HEAD}\nTwo\n".encode())
    assert first.endswith(b"Note: none\n")
    assert second == f"{HEAD}\nTwo\n".encode()


@pytest.mark.parametrize(
    "form",
    ["Von: Berlin\nNach: Lund\nDatum: 3. Mai", "From: Oslo\nTo: Bergen\nDate: 3 May", "De: Lyon\nÀ: Nice\nDate: 3 mai"],
)
def test_a_ticket_is_no_answered_mail(form: str) -> None:
    """Where from, where to and when are text, and so is what follows."""
    assert {kind for kind, _ in blocks(f"Your ticket:\n\n{form}\n\nHave a good journey.")} == {"paragraph"}


@pytest.mark.parametrize(
    "answered",
    [
        "Von: bob@example.org\nDatum: 3. Mai 2025",
        "De : Bob Lund\nEnvoyé : lundi 3 mai\nÀ : Ann",
        "From: Bob\nDate: Monday\nTo: Ann\nSubject: The quay",
    ],
)
def test_an_answered_mail_has_an_address_or_a_third_field(answered: str) -> None:
    """That tells it from a form."""
    assert blocks(f"New words.\n\n{answered}\n\nOld words.")[-1] == ("reply", "Old words.")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("The minister said on 3 May the following things:", "paragraph"),
        ("Of the 12 points these:", "paragraph"),
        ("Bob Lund wrote:", "reply"),
        ("Bob Lund <bob@example.org>:", "reply"),
        ("2025-03-31 9:12 GMT+02:00 Bob Lund:", "reply"),
        ("Le 31/03/25 à 9h12, Bob Lund :", "reply"),
    ],
)
def test_who_is_quoted(line: str, kind: str) -> None:
    """A line that leads to a quotation is text, unless it says who wrote it or on which day at what time."""
    assert blocks(f"{line}\n\n> Old words.\n\nNew words.")[0] == (kind, line)


def test_a_text_that_has_a_file_name() -> None:
    """The first text is the text, unless it is said to be attached; the next one is a file."""
    named = 'Content-Type: text/plain; name="{}"\n\n{}\n'
    assert blocks("Hello", 'Content-Type: text/plain; name="body.txt"\n') == [("paragraph", "Hello")]
    parts = "--q\n" + named.format("body.txt", "Hello") + "--q\n" + named.format("note.txt", "Note") + "--q--\n"
    mail = read_mail(f"{HEAD}Content-Type: multipart/mixed; boundary=q\n\n{parts}".encode())
    assert [block.text for block in mail.document.blocks] == ["Hello"]
    assert mail.attachments == [("note.txt", b"Note")]
    assert blocks("Hello", "Content-Type: text/plain\nContent-Disposition: attachment\n") == []
