"""Files of every kind → texts."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from spacy_dossier.read import extract as module
from spacy_dossier.read.archive import Budget
from spacy_dossier.read.extract import extract, extract_bytes

from . import samples

LINE = "Anna Keller works in Paris"


def only(data: bytes, name: str, **options: bool) -> module.Extracted:
    (piece,) = extract_bytes(data, name, **options)
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
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "PasswordProtected"),
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
    assert piece.text.startswith(
        "Subject: Grüße\nFrom: Jürgen <j@example.org>\nTo: Anna <a@example.org>\nDate: Tue, 1 Apr"
    )
    assert piece.text.endswith("\n\nAnna Keller is in Paris – call her.")
    assert piece.meta == {"attachments": ["note.txt"]}
    pieces = extract_bytes(samples.MAIL, "nameless", attachments=True)
    assert [(p.name, p.media_type) for p in pieces] == [("", "message/rfc822"), ("!note.txt", "text/plain")]
    assert pieces[1].text == "Tom Brandt stays in London."


def message(header: str, *parts: tuple[str, str]) -> bytes:
    """A mail with parts of (type, content)."""
    body = "".join(f"--q\nContent-Type: {kind}\n\n{content}\n" for kind, content in parts)
    return f"From: a@example.org\nTo: b@example.org\nSubject: Grüße\n{header}; boundary=q\n\n{body}--q--\n".encode()


def test_all_parts_of_a_mail_are_read() -> None:
    """An HTML message with a plain footer below it is both; of alternatives one is read, and headers may be UTF-8."""
    mixed = message("Content-Type: multipart/mixed", ("text/html", "<p>The message</p>"), ("text/plain", "footer"))
    assert (
        only(mixed, "a.eml").text == "Subject: Grüße\nFrom: a@example.org\nTo: b@example.org\n\nThe message\n\nfooter"
    )
    either = message("Content-Type: multipart/alternative", ("text/plain", "Plain"), ("text/html", "<p>HTML</p>"))
    assert only(either, "a.eml").text.endswith("\n\nPlain")
    empty = message("Content-Type: multipart/alternative", ("text/plain", " "), ("text/html", "<p>HTML</p>"))
    assert only(empty, "a.eml").text.endswith("\n\nHTML")
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
    """No times, no counters, no tags; a line that is a number stays."""
    data = b"1\n00:00:01,000 --> 00:00:02,000\n<i>Anna</i>\n42\n\n2\n00:00:03,000 --> 00:00:04,000\nTom\n"
    assert only(data, "a.srt").text == "Anna\n42\n\nTom\n"


def test_mailbox_gives_each_mail() -> None:
    """An mbox file has one document a mail."""
    box = b"From a@example.org Tue Apr  1 10:00:00 2025\n" + samples.MAIL.replace(b"\r\n", b"\n") + b"\n"
    assert [p.name for p in extract_bytes(box * 2, "a.mbox")] == ["#1", "#2"]


def test_special_files_are_refused(tmp_path: Path) -> None:
    """A pipe does not hang the reader; a missing file is an error of reading."""
    os.mkfifo(tmp_path / "pipe")
    (piece,) = extract(str(tmp_path / "pipe"))
    assert (piece.stage, piece.error) == ("read", ("OSError", "not a regular file"))
    (piece,) = extract(str(tmp_path / "nowhere"))
    assert piece.error and piece.error[0] == "FileNotFoundError"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Any bytes may be a name."""
    path = os.fsencode(tmp_path) + b"/caf\xe9\n\"x'.txt"
    Path(os.fsdecode(path)).write_text(LINE)
    assert extract(path)[0].text == LINE
    assert extract(os.fsdecode(path))[0].text == LINE


@pytest.mark.realdata
def test_known_texts_in_real_files(shared_data: Path) -> None:
    """Formats that no sample of ours is like: old Word, Outlook, FictionBook, Pages, notebooks."""
    base = shared_data / "documents"
    for pattern, least in (
        ("*.doc", 0.8),
        ("*.msg", 0.8),
        ("*.fb2", 1),
        ("*.pages", 0),
        ("*.ipynb", 1),
        ("*.rtf", 0.8),
    ):
        pieces = [extract(str(path))[0] for path in sorted(base.rglob(pattern))]
        assert pieces
        assert sum(piece.error is None for piece in pieces) >= least * len(pieces), pattern
