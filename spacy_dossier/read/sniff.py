"""Which format a file is, by its content first and its name second."""

from __future__ import annotations

import email.utils
import io
import re
import struct
import zipfile
from pathlib import PurePosixPath

import olefile

from .document import Unreadable

HTML, XML, PLAIN, MAIL, MBOX, PDF, EPUB, RTF = (
    *("text/html", "application/xml", "text/plain", "message/rfc822", "application/mbox", "application/pdf"),
    *("application/epub+zip", "application/rtf"),
)
MHT = "multipart/related"  # a web page that a browser saved whole
ZIP, TAR, GZIP, BZIP2, XZ = (
    *("application/zip", "application/x-tar", "application/gzip", "application/x-bzip2", "application/x-xz"),
)
UNKNOWN = "application/octet-stream"
OUTLOOK = "application/vnd.ms-outlook"
ENCRYPTED = "application/x-ole-storage; encrypted"
ODF, OOXML = "application/vnd.oasis.opendocument.", "application/vnd.openxmlformats-officedocument."
ARCHIVES = {ZIP, TAR, GZIP, BZIP2, XZ}
COMPRESSED = {GZIP, BZIP2, XZ}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word, PowerPoint, Excel, Outlook and Hangul before 2007
# How the name of a stream begins, in the root of a compound file, says which program wrote it.
STREAMS = {
    "EncryptedPackage": ENCRYPTED,
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",  # of Excel 5 and 95
    "__substg1.0_": OUTLOOK,
    "HwpSummaryInformation": "application/x-hwp",
}
SIGNATURES = (
    (b"{\\rtf", RTF),
    (b"\x1f\x8b", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
    (b"PAR1", UNKNOWN),  # Parquet that is no table of texts
    (b"\x78\x9f\x3e\x22", UNKNOWN),  # TNEF, the winmail.dat of Outlook
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x7fELF", UNKNOWN),
    (b"SQLite format 3\x00", UNKNOWN),
    (b"ID3", UNKNOWN),
    (b"OggS\x00", UNKNOWN),
)
# The part of an Office package that holds the text, and what it is; templates and files with macros read alike.
OOXML_PARTS = (
    ("word/document", f"{OOXML}wordprocessingml.document"),
    ("ppt/presentation.xml", f"{OOXML}presentationml.presentation"),
    ("xl/workbook.xml", f"{OOXML}spreadsheetml.sheet"),
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
)
# Text formats that only the name tells.
BY_NAME = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".org": "text/x-org",
    ".tex": "application/x-latex",
    ".latex": "application/x-latex",
    ".typ": "application/x-typst",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".eml": MAIL,
    ".mbox": MBOX,
    ".mht": MHT,
    ".mhtml": MHT,
}
MARKUP = (".xml", ".svg", ".rss", ".atom", ".fb2", ".fodt", ".fods", ".fodp", ".dbk", ".docbook", ".opml")
SAVED_PAGE = re.compile(
    r"From: <Saved by |MIME-Version: 1\.0\nContent-Type: multipart/related;[^;]*;?\s*type=\"text/html\""
)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)\s*", re.S)
XML_ROOT = re.compile(r"<(?:[\w.-]{1,99}:)?([A-Za-z_][\w.-]{0,99})([^<>]*)")
# Names of root elements; DocBook also says so in a namespace or a document type.
XML_TYPES = {
    "html": HTML,
    "FictionBook": "application/x-fictionbook+xml",
    "opml": "application/x-opml+xml",
    "svg": "image/svg+xml",
}
HEADER = re.compile(r"([!-9;-~]{1,200})[ \t]{0,9}:(.*)")
ADDRESS = re.compile(r"[^\s@<>]{1,256}@[^\s@<>]{1,256}|<>")
CLOCK = re.compile(r"\d\d:\d\d")
HTML_START = re.compile(r"<(?:!doctype\s{1,9}html|html|head|body|title|meta)\b", re.I)
HEAD = 100_000  # characters in which the header of a mail ends


def sniff_binary(data: bytes, name: str) -> str | None:
    """RETURNS (str | None): The media type of a binary format; None for what looks like text.

    RAISES (Unreadable): An archive that is broken.
    """
    if data.startswith(b"%PDF-") or (b"%PDF-" in data[:1024] and b"endobj" in data):
        return PDF
    for signature, signed in SIGNATURES:
        if data.startswith(signature):
            return signed
    if data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return "image/webp" if data[8:12] == b"WEBP" else UNKNOWN
    if data.startswith(COMPOUND):
        return _compound_type(data)
    if data[257:263] == b"ustar\0" or data[257:265] == b"ustar  \0":  # of POSIX and of GNU
        return TAR
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_type(data)
    return None


def _compound_type(data: bytes) -> str:
    """RAISES (Unreadable): Its directory is broken."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as compound:
            names = [path[0].lstrip("\5") for path in compound.listdir(streams=True, storages=True)]
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise Unreadable("Corrupt", f"broken compound file: {' '.join(str(error).split())}") from None
    found = (written for stream, written in STREAMS.items() if any(name.startswith(stream) for name in names))
    return next(found, UNKNOWN)


def _zip_type(data: bytes) -> str:
    """What a package holds says what it is; what is none of the known ones is an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = package.namelist()
            if "mimetype" in names and package.getinfo("mimetype").file_size < 200:
                with package.open("mimetype") as file:
                    written = file.read(200).decode("ascii", "ignore").strip()
                if written.startswith(ODF) or written == EPUB:
                    return written
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise Unreadable("Corrupt", f"{type(error).__name__}: {error}") from None
    if "[Content_Types].xml" in names:
        for part, media_type in OOXML_PARTS:
            if any(name.startswith(part) for name in names):
                return media_type
        from .office.package import find_office_type

        if found := find_office_type(data):  # whose parts have names of their own
            return found
    if "META-INF/container.xml" in names:
        return EPUB
    if any(name.endswith("Document.iwa") for name in names) or "buildVersionHistory.plist" in names:
        return "application/x-iwork"
    return ZIP


def sniff_mail(data: bytes, name: str) -> str | None:
    """RETURNS (str | None): The media type of mails, told by the header alone, for what follows may be binary."""
    head = data[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").replace("\r\n", "\n").partition("\n\n")[0]
    named = BY_NAME.get(PurePosixPath(name).suffix.lower())
    if named == MHT or SAVED_PAGE.match(head):
        return None
    first, _, rest = head.partition("\n")
    many = first.startswith("From ")
    header = rest if many else head
    if is_mail(header) or (named in (MAIL, MBOX) and header_fields(header)):
        return MBOX if many or named == MBOX else MAIL
    return None


def sniff_text(text: str, name: str) -> str:
    """RETURNS (str): The media type of decoded text."""
    head = text[:HEAD].lstrip("\ufeff \t\n")
    suffix = PurePosixPath(name).suffix.lower()
    named = BY_NAME.get(suffix)
    start = without_comments(head)
    if HTML_START.match(start):
        return HTML
    if head.startswith("<?xml") or (head.startswith("<") and suffix in MARKUP):
        return _xml_type(head[:10_000])
    if named == MBOX or (head.startswith("From ") and is_mail(head.partition("\n")[2])):
        return MBOX
    if named == MHT or SAVED_PAGE.match(head):
        return MHT
    if named == MAIL or is_mail(head):
        return MAIL
    return named or (_subtitles(head) or PLAIN)


def without_comments(head: str) -> str:
    """RETURNS (str): A page from its first element on, past a declaration and comments."""
    while True:
        head = head.lstrip()
        end = -1
        if head.startswith("<!--"):
            end = head.find("-->") + 3
        elif head.startswith("<?"):
            end = head.find("?>") + 2
        if end < 5:
            return head
        head = head[end:]


def _xml_type(head: str) -> str:
    head = COMMENT.sub("", head)
    if re.search(r"<office:document\b", head):
        written = re.search(rf"""office:mimetype=["']({re.escape(ODF)}[\w-]{{1,40}})""", head)
        return written[1] if written else f"{ODF}text"
    root = XML_ROOT.search(head)
    if root is None:
        return XML
    name, attributes = root.groups()
    if "docbook.org/ns/" in attributes or "//DTD DocBook" in head[: root.start()]:
        return "application/docbook+xml"
    return XML_TYPES.get(name) or XML_TYPES.get(name.lower(), XML)


def _subtitles(head: str) -> str | None:
    """RETURNS (str | None): The type of subtitles whose name does not say so."""
    if re.match(r"WEBVTT(?:[ \t\n]|\Z)", head):
        return "text/vtt"
    return "application/x-subrip" if re.match(r"\d{1,9}\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d", head) else None


def is_mail(head: str) -> bool:
    """Does the text begin with the header of a mail? That has nothing but fields, among them who wrote it and when.

    SOURCE: RFC 5322, section 3.6: the origination date and the originator's address are required, each once.
    """
    found = header_fields(head)
    senders, dates = found.get("from", []), found.get("date", [])
    return (
        len(senders) == len(dates) == 1
        and ADDRESS.search(senders[0]) is not None
        and CLOCK.search(dates[0]) is not None
        and email.utils.parsedate(dates[0]) is not None
    )


def header_fields(head: str) -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): The values by the name in lower case; none if a line is no field."""
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in head.split("\n"):
        if not line.strip():
            break
        if line[0] in " \t" and found:
            values[-1] += line
            continue
        match = HEADER.fullmatch(line)
        if not match:
            return {}
        values = found.setdefault(match.group(1).lower(), [])
        values.append(match.group(2))
    return found
