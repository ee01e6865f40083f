"""Files of every kind → texts."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_dossier.read import extract as module
from spacy_dossier.read.archive import Budget
from spacy_dossier.read.extract import ReadOptions, extract, extract_bytes
from spacy_dossier.read.mail import Mail, read_mail

from ..hostile import ends
from . import samples
from .office_samples import compound

LINE = "Anna Keller works in Paris"
BOX_LINE = "From a@example.org Tue Apr  1 10:00:00 2025\n"


def only(data: bytes, name: str) -> module.Extracted:
    (piece,) = extract_bytes(data, name)
    return piece


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (LINE.encode(), "a.txt", "text/plain"),
        (f"# Title\n\n{LINE} with [a link](http://x.example).".encode(), "a.md", "text/markdown"),
        (f"<!doctype html><title>t</title><p>{LINE}.".encode(), "a.html", "text/html"),
        (f"<?xml version='1.0'?><r><t>{LINE}</t></r>".encode(), "a.xml", "application/xml"),
        (samples.docx(LINE), "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (samples.odt(LINE), "a.odt", "application/vnd.oasis.opendocument.text"),
        (samples.odt(LINE, kind="presentation"), "a.odp", "application/vnd.oasis.opendocument.presentation"),
        (samples.epub(LINE), "a.epub", "application/epub+zip"),
        (samples.pdf(LINE), "a.pdf", "application/pdf"),
        (rb"{\rtf1\ansi " + LINE.encode() + b"}", "a.rtf", "application/rtf"),
        (f"name,place\nAnna,{LINE}\n".encode(), "a.csv", "text/csv"),
        (json.dumps({"a": LINE}).encode(), "a.json", "application/json"),
        (f"1\n00:00:01,000 --> 00:00:02,000\n{LINE}\n".encode(), "a.srt", "application/x-subrip"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and "/" not in value else "",
)
def test_each_format_gives_its_text(data: bytes, name: str, media_type: str) -> None:
    """The text comes without markup, and again under a name that says nothing or lies."""
    piece = only(data, name)
    assert (piece.error, piece.media_type, piece.name) == (None, media_type, "")
    assert LINE in piece.text
    assert not {"<", "{", "-->"} & set(piece.text.split())
    assert piece.sha256 == hashlib.sha256(data).hexdigest()
    if media_type not in ("text/markdown", "text/csv", "application/json", "application/x-subrip"):
        assert LINE in only(data, "a.bin").text
        assert LINE in only(data, "a.txt").text


def test_blocks_say_where_they_stand() -> None:
    """A reader's blocks make the text, and each is quoted by its place."""
    piece = only(f"{LINE}.\n \n\nTom Brandt stays.\n".encode(), "a.txt")
    assert piece.text == f"{LINE}.\n\nTom Brandt stays."
    assert [(b.kind, piece.text[b.start : b.end]) for b in piece.blocks] == [
        ("paragraph", f"{LINE}."),
        ("paragraph", "Tom Brandt stays."),
    ]


def test_bad_bytes_are_counted() -> None:
    """What could not be decoded is said, beside the text."""
    assert only("Grüße aus Köln. ".encode() * 9 + b"\xff", "a.txt").meta == {"undecodable": 1}
    assert only("Grüße aus Köln.".encode("cp1252"), "a.txt").meta == {}


def test_pages_are_kept() -> None:
    """Each page's first character and number; characters count, not bytes."""
    piece = only(samples.pdf("Stra\xdfe one", "Page two here", "Third"), "a.pdf")
    assert [number for _, number in piece.pages] == [1, 2, 3]
    for (start, _), word in zip(piece.pages, ["Straße", "Page", "Third"], strict=True):
        assert piece.text[start:].lstrip().startswith(word)


@pytest.mark.parametrize(
    ("data", "name", "error"),
    [
        (b"", "a.txt", "Empty"),
        (b" \n ", "a.txt", "NoText"),
        (samples.pdf(""), "a.pdf", "NoText"),
        (b"%PDF-1.7 and then nothing", "a.pdf", "Corrupt"),
        (samples.docx(LINE)[:200], "a.docx", "Corrupt"),
        (bytes(range(256)) * 20, "a.bin", "Unsupported"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "a.png", ("NoText", "Corrupt", "Unsupported")),
        (compound({"EncryptedPackage": b"x"}), "a.xlsx", "PasswordProtected"),
        (compound({"PowerPoint Document": b"x"}), "a", "Unsupported"),
        (compound({"\5HwpSummaryInformation": b"x"}), "a", "Unsupported"),
        (samples.package({}), "a.zip", ("EmptyArchive", "Unsupported")),
        (gzip.compress(b"x" * 1000)[:-20], "a.txt.gz", "Corrupt"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, error: str | tuple[str, ...]) -> None:
    """A kind to count by and a line to read."""
    piece = only(data, name)
    assert piece.error is not None
    assert piece.error[0] in ((error,) if isinstance(error, str) else error)
    assert "\n" not in piece.error[1]


def test_archives_open_in_memory_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members are documents of their own; a path that climbs out is only a label."""
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("inner/note.txt")
        info.size = len(LINE)
        tar.addfile(info, io.BytesIO(LINE.encode()))
    data = samples.package({"../../evil.txt": LINE, "a.pdf": samples.pdf(LINE), "b.tgz": buffer.getvalue()})
    pieces = extract_bytes(data, "a.zip")
    assert [p.name for p in pieces] == ["!../../evil.txt", "!a.pdf", "!b.tgz!inner/note.txt"]
    assert all(LINE in p.text for p in pieces)
    assert list(tmp_path.iterdir()) == []


def test_bombs_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many bytes, too many members, too deep: a failure each, and what came before is kept."""
    monkeypatch.setattr(Budget, "MAX_BYTES", 5_000_000)
    bomb = samples.package({"first.txt": LINE, "zeros.txt": b"0" * 20_000_000, "last.txt": LINE})
    pieces = extract_bytes(bomb, "bomb.zip")
    assert [p.error and p.error[0] for p in pieces] == [None, "TooLarge"]
    assert only(gzip.compress(b"0" * 20_000_000), "bomb.gz").error == (
        "TooLarge",
        "unpacks to more than 5,000,000 bytes",
    )
    assert (
        only(
            samples.package(
                {
                    "word/document.xml": b" " * 20_000_000,
                    "[Content_Types].xml": samples.DOCX_TYPES,
                    "_rels/.rels": samples.DOCX_RELS,
                }
            ),
            "bomb.docx",
        ).error
        is not None
    )
    monkeypatch.setattr(Budget, "MAX_MEMBERS", 10)
    crowd = extract_bytes(samples.package({f"{i}.txt": LINE for i in range(20)}), "crowd.zip")
    assert [p.error and p.error[0] for p in crowd] == [None] * 10 + ["TooLarge"]
    nested = LINE.encode()
    for depth in range(7):
        nested = samples.package({f"{depth}.zip" if depth else "a.txt": nested})
    assert [p.error and p.error[0] for p in extract_bytes(nested, "deep.zip")] == ["ArchiveTooDeep"]


def test_lying_zip_sizes_do_not_help() -> None:
    """A member that claims to be small is read as far as its claim, or fails; the rest is read."""
    data = bytearray(samples.package({"a.txt": b"1" * 100_000, "b.txt": LINE}))
    claim = data.find((100_000).to_bytes(4, "little"))
    data[claim : claim + 4] = (10).to_bytes(4, "little")
    pieces = extract_bytes(bytes(data), "a.zip")
    assert pieces[-1].text == LINE


def test_encrypted_member_is_a_failure() -> None:
    """The others in the archive are read."""
    data = bytearray(samples.package({"a.txt": LINE, "b.txt": LINE}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert len(archive.infolist()) == 2
    local, central = data.find(b"PK\x03\x04"), data.find(b"PK\x01\x02")
    data[local + 6] |= 1
    data[central + 8] |= 1
    assert [p.error and p.error[0] for p in extract_bytes(bytes(data), "a.zip")] == ["PasswordProtected", None]


def test_mail_body_header_and_attachments() -> None:
    """Encoded words and charsets are decoded; attachments come on request, under their names."""
    piece = only(samples.MAIL, "a.eml")
    assert piece.text == "Anna Keller is in Paris – call her."
    assert piece.meta == {
        "subject": "Grüße",
        "from": "Jürgen <j@example.org>",
        "to": "Anna <a@example.org>",
        "date": "Tue, 1 Apr 2025 10:00:00 +0200",
        "attachments": ["note.txt"],
    }
    pieces = extract_bytes(samples.MAIL, "nameless", ReadOptions(attachments=True))
    assert [(p.name, p.media_type) for p in pieces] == [("", "message/rfc822"), ("!note.txt", "text/plain")]
    assert pieces[1].text == "Tom Brandt stays in London."


def message(header: str, *parts: tuple[str, str]) -> bytes:
    """A mail with parts of (type, content)."""
    body = "".join(f"--q\nContent-Type: {kind}\n\n{content}\n" for kind, content in parts)
    return f"From: a@example.org\nTo: b@example.org\nSubject: Grüße\n{header}; boundary=q\n\n{body}--q--\n".encode()


def test_all_parts_of_a_mail_are_read() -> None:
    """An HTML message with a plain footer below it is both; of alternatives one is read, and headers may be UTF-8."""
    mixed = message("Content-Type: multipart/mixed", ("text/html", "<p>The message</p>"), ("text/plain", "footer"))
    assert only(mixed, "a.eml").text == "The message\n\nfooter"
    assert only(mixed, "a.eml").meta["subject"] == "Grüße"
    either = message("Content-Type: multipart/alternative", ("text/plain", "Plain"), ("text/html", "<p>HTML</p>"))
    assert only(either, "a.eml").text == "Plain"
    empty = message("Content-Type: multipart/alternative", ("text/plain", " "), ("text/html", "<p>HTML</p>"))
    assert only(empty, "a.eml").text == "HTML"
    assert only(b"From: a@b.c\nTo: d@e.f\nContent-Type: multipart/mixed\n\nNo parts", "a.eml").text.endswith("No parts")


def test_pages_after_blank_ones_keep_their_numbers() -> None:
    """A blank page moves no other."""
    piece = only(samples.pdf("", "", "Anna", "", "Tom"), "a.pdf")
    assert [piece.text[start:].split()[0] + f" {number}" for start, number in piece.pages] == ["Anna 3", "Tom 5"]


def test_pdf_with_a_broken_page() -> None:
    """A page that cannot be loaded costs page numbers, not the document."""
    broken = samples.pdf(*(f"Anna on page {n}" for n in range(5))).replace(b"/Kids [4 0 R", b"/Kids [2 0 R")
    assert "Anna on page 4" in only(broken, "a.pdf").text


def test_what_only_looks_like_a_format() -> None:
    """A text about PDF, an archive that is called a Word file, a LaTeX file in one line, Outlook's wrapper."""
    assert only(b"A file begins with %PDF-1.4 there.", "a.txt").media_type == "text/plain"
    assert only(samples.package({"a.txt": LINE}), "a.docx").text == LINE
    assert LINE in only(f"\\begin{{document}}{LINE}\\end{{document}}".encode(), "a.tex").text
    assert only(b"\x78\x9f\x3e\x22" + bytes(100), "winmail.dat").error == (
        "Unsupported",
        "no format known to the extractor",
    )


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_mustard_is_no_archive(form: int) -> None:
    """A text with the letters that mark a tar archive where they would stand is a text; every tar is an archive."""
    text = ("word " * 60)[:256] + "mustard with everything. " * 20
    assert text.encode()[257:262] == b"ustar"
    assert [piece.text for piece in extract_bytes(text.encode(), "lunch.txt")] == [text.strip()]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    assert [piece.text for piece in extract_bytes(made.getvalue(), "made.tar")] == [text.strip()]


def test_files_of_the_finder_are_no_documents() -> None:
    """What macOS adds to archives is left out."""
    data = samples.package({"a.txt": LINE, "__MACOSX/._a.txt": b"\0\5\x16\7", ".DS_Store": b"\0\0\0\1Bud1"})
    assert only(data, "a.zip").name == "!a.txt"


def test_subtitles_are_what_is_said() -> None:
    """No times, no counters, no tags; a line that is a number stays; a sentence over two cues is one."""
    data = b"1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Anna has</i>\r\n42\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n"
    data += b"{\\an8}boats & one.\r\n\r\n3\r\n00:00:04,000 --> 00:00:05,000\r\n- Where?\r\n- In Lund.\r\n"
    assert only(data, "a.srt").text == "Anna has 42 boats & one.\n\n- Where?\n\n- In Lund."
    assert only(data, "a.txt").media_type == "application/x-subrip"


def test_web_subtitles_have_other_parts() -> None:
    """Notes, styles, names of cues and times of words are none of it; entities are letters."""
    data = """WEBVTT - Harbour talk\nLanguage: en\n\nNOTE by Otto\n\nSTYLE\n::cue { color: red }\n
intro\n00:01.000 --> 00:02.500 align:start\n<v Pia>Bolt &amp; Nut <00:00:03.500>paid &lt;sic&gt;.</v>\n
00:03.000 --> 00:04.000\nMore\n\n00:09.000 --> 00:10.000\nLater\n"""
    assert only(data.encode(), "a.vtt").text == "Bolt & Nut paid <sic>.\n\nMore\n\nLater"


@pytest.mark.parametrize(
    "head",
    ["From: Ann\nTo: Bob", "Re: budget\nRoom: 12", "From: Ann\nDate: Monday\nRoom: 12", "Subject: x\nDate: 10:30"],
)
def test_a_note_with_colons_is_no_mail(head: str) -> None:
    """Only what has the fields that a mail must have is one; the rest is text, whole."""
    piece = only(f"{head}\n\n{LINE}.\n".encode(), "note.txt")
    assert (piece.media_type, piece.text) == ("text/plain", f"{head}\n\n{LINE}.")
    mail = f"From: Ann <ann@example.org>\nDate: Tue, 1 Apr 2025 10:00:00 +0200\n\n{LINE}.\n"
    assert only(mail.encode(), "mail.txt").media_type == "message/rfc822"


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A zip that may hold a name more than once."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


NASTY = st.sampled_from(["a", "a~2", "a~3", "a!b", "b", "b#1", "a.zip", "a.mbox", "a.jsonl", "!", "#1", "…", "/", "\n"])
TREES: st.SearchStrategy[Any] = st.recursive(
    st.just("file") | st.just("mbox") | st.just("mail") | st.just("rows"),
    lambda inner: st.lists(st.tuples(NASTY, inner), min_size=1, max_size=4),
    max_leaves=12,
)


def build(tree: Any) -> bytes:
    """The bytes of a file, a mailbox, a mail with two attachments, a table or an archive of such."""
    if isinstance(tree, list):
        return zipped(*((name, build(inner)) for name, inner in tree))
    mail = message(
        "Content-Type: multipart/mixed", ("text/plain", "Hello"), ("text/x-a; name=a", "x"), ("x/a; name=a", "y")
    )
    box = (
        b"From a@example.org Tue Apr  1 10:00:00 2025\n"
        + mail.replace(b"Subject", b"Date: 1 Apr 2025 10:00\nSubject")
        + b"\n"
    )
    return {"file": LINE.encode(), "mail": mail, "mbox": box * 2, "rows": b'{"text": "a"}\n' * 2}[tree]


@given(st.lists(st.tuples(NASTY, TREES), min_size=1, max_size=5))
@settings(deadline=None)
def test_no_two_texts_have_one_name(tree: list[Any]) -> None:
    """Whatever archives, mails and tables call their parts, and however they are in one another."""
    names = [piece.name for piece in extract_bytes(build(tree), "a.zip", ReadOptions(attachments=True))]
    assert len(names) == len(set(names))


def test_names_taken_are_counted_on() -> None:
    """A name twice, and one that looks like the second of it."""
    data = zipped(("a.txt", b"one"), ("a.txt~2", b"two"), ("a.txt", b"three"))
    assert [(p.name, p.text) for p in extract_bytes(data, "a.zip")] == [
        ("!a.txt", "one"),
        ("!a.txt~2", "two"),
        ("!a.txt~3", "three"),
    ]


def test_an_attachment_beyond_the_limit_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail is a record; what is too large says so, under its own name."""
    monkeypatch.setattr(Budget, "MAX_BYTES", 1000)
    mail = message(
        "Content-Type: multipart/mixed", ("text/plain", "Hello"), ("x/a; name=big", "x" * 2000), ("x/a; name=b", "y")
    )
    pieces = extract_bytes(mail, "a.eml", ReadOptions(attachments=True))
    assert [(p.name, p.error and p.error[0]) for p in pieces[:2]] == [("", None), ("!big", "TooLarge")]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz", "a.zip", "a.tar.gz"])
def test_tables_in_archives_give_rows(name: str, tmp_path: Path) -> None:
    """As the same file outside: a text a row, and a broken row a failure of its own."""
    rows = b'{"text": "one", "n": 1}\noops\n{"text": "two"}\n'
    if name == "a.csv.gz":
        rows = b"n,text\n1,one\n1,2,3\n,two\n"
    suffix = "!a.jsonl"
    if name == "a.zip":
        data = samples.package({"a.jsonl": rows})
    elif name == "a.tar.gz":
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            info = tarfile.TarInfo("a.jsonl")
            info.size = len(rows)
            tar.addfile(info, io.BytesIO(rows))
        data = buffer.getvalue()
    else:
        data, suffix = gzip.compress(rows), ""
    pieces = extract_bytes(data, name)
    assert [(p.name, p.text, p.error and p.error[0]) for p in pieces] == [
        (f"{suffix}#1", "one", None),
        (f"{suffix}#2", "", "BadRow"),
        (f"{suffix}#3", "two", None),
    ]
    assert pieces[0].meta["n"] in (1, "1")


@pytest.mark.parametrize(
    "data",
    [
        b"<!-- a -->" * 24 + b"<p>text",
        b"<!--" * 50_000,
        b"<?xml " + b"<!-- -->" * 20_000,
        b"a" * 200_000 + b":",
        b"a" * 200_000 + b"-\nb" + b"a-" * 100_000,
        b"a b" * 100_000 + b"\n" + b"a " * 100_000,
        b"A: b\n" * 40_000,
        b"From: a@b.c\n" + b" x" * 100_000,
        b"From: " + b"a@" * 100_000 + b"\nDate: 10:00 " + b"1 " * 50_000,
        b"<?xml version='1.0'?><book " + b"x='y' " * 50_000 + b">",
        b"office:mimetype=" + b" " * 200_000,
        b"WEBVTT\n\n" + b"00:00.000 --> 00:01.000\n" + b"<a" * 50_000 + b"{\\" * 50_000,
        b"From a 10:00 2025\n" * 20_000,
        b"\n \n" * 100_000,
        b" " * 200_000,
        b"- " * 100_000,
        b"1. " * 100_000,
        b"a-\n" * 60_000,
        b"|a  b" * 40_000,
        b"> " * 100_000,
        b">" * 200_000,
        b"x\t" * 100_000,
    ],
)
@pytest.mark.parametrize("name", ["a", "a.eml", "a.vtt", "a.xml"])
def test_hostile_texts_come_to_an_end(data: bytes, name: str) -> None:
    """No expression of these readers goes over the same text again and again."""
    ends(extract_bytes, data, name)


def test_mailbox_gives_each_mail() -> None:
    """An mbox file has one document a mail."""
    box = b"From a@example.org Tue Apr  1 10:00:00 2025\n" + samples.MAIL.replace(b"\r\n", b"\n") + b"\n"
    assert [p.name for p in extract_bytes(box * 2, "a.mbox")] == ["#1", "#2"]


def test_a_broken_mail_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those after it in the mailbox are read, each under its own number."""

    def read(data: bytes) -> Mail:
        if b"broken" in data:
            raise TypeError("no mail")
        return read_mail(data)

    monkeypatch.setattr(module, "read_mail", read)
    mails = [f"{BOX_LINE}From: a@b.c\nDate: 1 Apr 2025 10:00\n\n{body}\n\n" for body in ("one", "broken", "three")]
    pieces = extract_bytes("".join(mails).encode(), "a.mbox")
    assert [(p.name, p.text, p.error) for p in pieces] == [
        ("#1", "one", None),
        ("#2", "", ("Corrupt", "no mail")),
        ("#3", "three", None),
    ]
    assert pieces[1].media_type == "message/rfc822"


def test_a_mail_without_text_says_so() -> None:
    """Its attachments are read all the same."""
    mail = message("Content-Type: multipart/mixed", ("text/plain", " "), ("text/plain; name=a.txt", LINE))
    pieces = extract_bytes(mail, "a.eml", ReadOptions(attachments=True))
    assert [(p.name, p.text, p.error and p.error[0]) for p in pieces] == [("", "", "NoText"), ("!a.txt", LINE, None)]


@pytest.mark.parametrize(("name", "line"), [("a", ""), ("a.eml", ""), ("a", "mbox"), ("a.mbox", "mbox")])
def test_mails_with_binary_parts(name: str, line: str) -> None:
    """The header tells what they are; what follows need be no text."""
    header = "From: a@b.c\nDate: 1 Apr 2025 10:00\nContent-Type: multipart/mixed; boundary=q\n\n"
    part = "--q\nContent-Type: image/x-a; name=i\nContent-Transfer-Encoding: binary\n\n"
    mail = f"{header}--q\n\n{LINE}\n{part}".encode() + bytes(range(256)) * 20 + b"\n--q--\n"
    piece = only(BOX_LINE.encode() + mail if line else mail, name)
    assert (piece.text, piece.error, piece.meta["attachments"]) == (LINE, None, ["i"])
    error = only(bytes(range(256)) * 20, name).error
    assert error and error[0] == "Unsupported"


def test_special_files_are_refused(tmp_path: Path) -> None:
    """A pipe does not hang the reader; a missing file is an error of reading."""
    os.mkfifo(tmp_path / "pipe")
    (piece,) = extract(str(tmp_path / "pipe"))
    assert (piece.stage, piece.error) == ("read", ("NotAFile", "not a regular file"))
    (piece,) = extract(str(tmp_path / "nowhere"))
    assert piece.error and piece.error[0] == "NotFound"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Any bytes may be a name."""
    path = os.fsencode(tmp_path) + b"/caf\xe9\n\"x'.txt"
    Path(os.fsdecode(path)).write_text(LINE)
    assert extract(path)[0].text == LINE
    assert extract(os.fsdecode(path))[0].text == LINE


@pytest.mark.realdata
def test_known_texts_in_real_files(shared_data: Path) -> None:
    """Formats that no sample of ours is like: FictionBook, notebooks, Rich Text."""
    base = shared_data / "documents"
    for pattern, least in (("*.fb2", 1), ("*.ipynb", 1), ("*.rtf", 0.8)):
        pieces = [extract(str(path))[0] for path in sorted(base.rglob(pattern))]
        assert pieces
        assert sum(piece.error is None for piece in pieces) >= least * len(pieces), pattern
