"""Which format a file is, by its content first and its name second."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

HTML, XML, PLAIN, MAIL, MBOX, SUBTITLES = (
    *("text/html", "application/xml", "text/plain", "message/rfc822", "application/mbox", "application/x-subrip"),
)
MHT = "multipart/related"  # a web page that a browser saved whole
ZIP, TAR, GZIP, BZIP2, XZ = (
    *("application/zip", "application/x-tar", "application/gzip", "application/x-bzip2", "application/x-xz"),
)
UNKNOWN = "application/octet-stream"
ENCRYPTED = "application/x-ole-storage; encrypted"
ODF = "application/vnd.oasis.opendocument."
ARCHIVES = {ZIP, TAR, GZIP, BZIP2, XZ}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word, PowerPoint, Excel, Outlook and Hangul before 2007
# A stream's name in the directory of a compound file says which program wrote it.
STREAMS = {
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
    "__substg1.0_": "application/vnd.ms-outlook",
    "HwpSummaryInformation": "application/x-hwp",
    "EncryptedPackage": ENCRYPTED,
}
SIGNATURES = (
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
    (b"PAR1", UNKNOWN),  # Parquet that is no table of texts
    (b"\x78\x9f\x3e\x22", UNKNOWN),  # TNEF, the winmail.dat of Outlook
)
# What a package of a format that its name promises holds.
ZIP_MARKS = (
    ("application/vnd.openxmlformats", b"[Content_Types].xml"),
    ("application/epub", b"META-INF/container.xml"),
    ("application/vnd.", b""),
    ("application/x-iwork", b""),
)
# Text formats that only the name tells; the second is what Kreuzberg calls it, None where plain text does.
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
    ".srt": SUBTITLES,
    ".vtt": SUBTITLES,
    ".eml": MAIL,
    ".mbox": MBOX,
}
MAIL_HEADERS = {
    *("from", "to", "cc", "subject", "date", "received", "message-id", "return-path", "mime-version", "reply-to"),
    *("content-type", "delivered-to", "x-mailer", "content-transfer-encoding", "sender", "in-reply-to"),
}
HEADER = re.compile(r"([!-9;-~]+)[ \t]*:")
HTML_START = re.compile(r"(?:<\?xml[^>]*\?>\s*)?<(?:!doctype\s+html|html|head|body|title|meta)\b", re.I)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)\s*", re.S)
SAVED_PAGE = re.compile(
    r"From: <Saved by |MIME-Version: 1\.0\nContent-Type: multipart/related;[^;]*;?\s*type=\"text/html\""
)
XML_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)([^<>]*)")
# Names of root elements; DocBook also says so in a namespace or a document type.
XML_TYPES = {
    "html": HTML,
    "FictionBook": "application/x-fictionbook+xml",
    "opml": "application/x-opml+xml",
    "svg": "image/svg+xml",
}


def sniff_binary(data: bytes, name: str) -> str | None:
    """RETURNS (str | None): The media type of a binary format; None for what looks like text."""
    import kreuzberg

    from .office.package import find_office_type

    if data.startswith(b"%PDF-") or (b"%PDF-" in data[:1024] and b"endobj" in data):
        return "application/pdf"
    for signature, signed in SIGNATURES:
        if data.startswith(signature):
            return signed
    if data.startswith(COMPOUND):
        for stream, written in STREAMS.items():
            if stream.encode("utf-16-le") in data:
                return written
        return UNKNOWN
    if data[257:263] == b"ustar\0" or data[257:265] == b"ustar  \0":  # of POSIX and of GNU
        return TAR
    media_type = find_office_type(data) if data.startswith(b"PK") else None
    if media_type is not None:
        return media_type
    try:
        media_type = kreuzberg.detect_mime_type_from_bytes(data)
    except RuntimeError:  # how Kreuzberg says that it knows no such format
        media_type = ZIP if data.startswith((b"PK\x03\x04", b"PK\x05\x06")) else None
    if media_type in (None, "application/pdf", TAR):  # it speaks of PDF, or of mustard
        return None
    if media_type == ZIP:
        return _zip_type(data, name)
    if media_type.startswith("text/") or media_type in ("application/json", XML, "image/svg+xml"):
        return None
    return media_type


def _zip_type(data: bytes, name: str) -> str:
    """OpenDocument begins with a member that holds its type; formats without a mark (Pages) are told by their name."""
    import kreuzberg

    if data[30:38] == b"mimetype" and data[38:].startswith(ODF.encode()):
        return ODF + data[38 + len(ODF) : 100].split(b"PK")[0].decode("ascii", "ignore")

    try:
        named = kreuzberg.detect_mime_type_from_path(name)
    except Exception:  # an unknown suffix; Kreuzberg raises several types
        return ZIP
    mark = next((mark for start, mark in ZIP_MARKS if named.startswith(start)), None)
    return named if mark is not None and mark in data else ZIP


def sniff_text(text: str, name: str) -> str:
    """RETURNS (str): The media type of decoded text."""
    head = text[:4000].lstrip("\ufeff \t\n")
    suffix = PurePosixPath(name).suffix.lower()
    named = BY_NAME.get(suffix)
    if HTML_START.match(COMMENT.sub("", head)):
        return HTML
    if head.startswith("<?xml") or (head.startswith("<") and suffix in (".xml", ".svg", ".rss", ".atom", ".fb2")):
        return _xml_type(text[:10_000])
    if named == MBOX or (head.startswith("From ") and is_mail(head.partition("\n")[2])):
        return MBOX
    if suffix in (".mht", ".mhtml") or SAVED_PAGE.match(head):
        return MHT
    if named == MAIL or is_mail(head):
        return MAIL
    return named or PLAIN


def _xml_type(head: str) -> str:
    head = COMMENT.sub("", head)
    if re.search(r"<office:document\b", head):
        written = re.search(rf"""office:mimetype=["']({re.escape(ODF)}[\w-]+)""", head)
        return written[1] if written else f"{ODF}text"
    root = XML_ROOT.search(head)
    if root is None:
        return XML
    name, attributes = root.groups()
    if "docbook.org/ns/" in attributes or "//DTD DocBook" in head[: root.start()]:
        return "application/docbook+xml"
    return XML_TYPES.get(name) or XML_TYPES.get(name.lower(), XML)


def is_mail(head: str) -> bool:
    """RETURNS (bool): Does the text begin with the header of a mail: lines of `Name: value`, two of them known?"""
    known = set()
    for line in head.split("\n")[:40]:
        if not line.strip():
            break
        if line[0] in " \t":
            continue
        match = HEADER.match(line)
        if not match:
            return False
        known.add(match.group(1).lower())
    return len(known & MAIL_HEADERS) >= 2 and bool(known & {"from", "received", "message-id", "return-path"})
