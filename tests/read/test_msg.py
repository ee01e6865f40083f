"""Mails that Outlook saved read as the mails that were sent."""

import struct

import pytest

from spacy_dossier.read.extract import Extracted, ReadOptions, extract_bytes

from .office_samples import TEXTS, compound

BODY, HTML, RICH_TEXT, SUBJECT, SENDER, ADDRESS = 0x1000, 0x1013, 0x1009, 0x0037, 0x0C1A, 0x0C1F
TEXT, BINARY = 0x001F, 0x0102


def stream(number: int, kind: int) -> str:
    return f"__substg1.0_{number:04X}{kind:04X}"


def msg(fields: dict[int, str | bytes], to: str = "Pia Lund", attached: dict[str, bytes] | None = None) -> bytes:
    """A mail as MS-OXMSG lays it out."""
    members: dict[str, bytes] = {}

    def add(folder: str, values: dict[int, str | bytes], head: bytes) -> None:
        entries = b""
        for number, value in values.items():
            kind = TEXT if isinstance(value, str) else BINARY
            content = value.encode("utf-16-le") if isinstance(value, str) else value
            members[folder + stream(number, kind)] = content
            size = len(content) + (2 if kind == TEXT else 0)
            entries += struct.pack("<HHIII", kind, number, 6, size, 0)
        members[f"{folder}__properties_version1.0"] = head + entries

    attached = attached or {}
    add("", fields, bytes(8) + struct.pack("<IIII", 1, len(attached), 1, len(attached)) + bytes(8))
    add("__recip_version1.0_#00000000/", {0x3001: to, 0x3003: "pia@example.org"}, bytes(8))
    for index, (name, content) in enumerate(attached.items()):
        add(f"__attach_version1.0_#{index:08X}/", {0x3707: name, 0x3701: content}, bytes(8))
    return compound(members)


def read(data: bytes, *, attachments: bool = False) -> list[Extracted]:
    return extract_bytes(data, "x.msg", ReadOptions(attachments=attachments))


def test_header_and_text_come_back_as_they_were_written() -> None:
    body = "\r\n\r\n".join(TEXTS)
    fields = {SUBJECT: f"Bolt & Nut {TEXTS[3]}", SENDER: "Zoë Núñez", ADDRESS: "zoe@example.org", BODY: body}
    (piece,) = read(msg(fields))
    assert piece.meta["subject"] == f"Bolt & Nut {TEXTS[3]}"
    assert "Zoë Núñez" in piece.meta["from"] and "zoe@example.org" in piece.meta["from"]
    assert piece.meta["to"] == "Pia Lund"
    assert piece.text == "\n\n".join(TEXTS)
    assert piece.media_type == "application/vnd.ms-outlook"


def test_a_mail_of_html_alone_is_read() -> None:
    page = (
        "<html><meta charset=utf-8><p>Said P\N{LATIN SMALL LETTER I WITH DIAERESIS}a &amp; <b>Har</b>stad.</p></html>"
    )
    (piece,) = read(msg({SUBJECT: "S", HTML: page.encode()}))
    assert piece.text.endswith("Said Pïa & Harstad.")


def test_attachments_are_read_where_they_are_wanted() -> None:
    data = msg({SUBJECT: "S", BODY: "Text."}, attached={"a & b.txt": "Attachéd".encode(), "empty.bin": b""})
    pieces = read(data, attachments=True)
    assert [(piece.name, piece.text) for piece in pieces[1:2]] == [("!a & b.txt", "Attachéd")]
    assert pieces[2].error is not None and pieces[2].error[0] == "Empty"
    assert len(read(data)) == 1


def test_what_is_there_as_rich_text_only_is_not_passed_over() -> None:
    (piece,) = read(msg({SUBJECT: "S", RICH_TEXT: b"compressed"}))
    assert piece.error is not None
    assert piece.error[0] == "Unsupported"


@pytest.mark.parametrize("cut", [520, 1100])
def test_broken_mails_are_refused_in_one_line(cut: int) -> None:
    (piece,) = read(msg({SUBJECT: "S", BODY: "Text."})[:cut])
    assert piece.error is not None
    assert piece.error[0] == "Corrupt"
    assert "\n" not in piece.error[1]
