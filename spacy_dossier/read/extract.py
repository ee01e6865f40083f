"""One file → the texts in it. A pure function of the bytes and the name; it runs inside a sandbox (sandbox.py)."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import sniff
from .archive import MAX_DEPTH, Budget, members
from .document import PlacedBlock, Unreadable, lay_out
from .mail import read_mail, split_mbox
from .markup.former import html_to_text, without_tags, xml_to_text
from .plain import decode_file
from .readers import Reader, find_reader

HEAD, NEAR = 24, 600  # characters of a page's beginning, and how far from where it should be it is looked for


@dataclass
class Extracted:
    """A text read from a file, or the reason why it could not be read.

    name (str): What follows the file's path in the id: "", "!report.pdf" for a member, "#3" for the third mail.
    pages (list[tuple[int, int]]): (first character, page number) for formats with pages or slides.
    blocks (list[PlacedBlock]): Its parts, in reading order.
    error (tuple[str, str] | None): Kind and message of what went wrong.
    stage (str): Where it went wrong: "read" when the file could not be read at all, else "extract".
    """

    name: str = ""
    text: str = ""
    sha256: str = ""
    media_type: str = ""
    pages: list[tuple[int, int]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    stage: str = "extract"
    blocks: list[PlacedBlock] = field(default_factory=list)


def extract(path: str | bytes, *, attachments: bool = False) -> list[Extracted]:
    """Read the texts in a file.

    path (str | bytes): The file; a str from os.fsdecode may hold any bytes.
    attachments (bool): Read the attachments of mails too.
    RETURNS (list[Extracted]): At least one. An archive gives one for each file in it, a mail with attachments=True
        one for its body and one for each attachment.
    """
    try:
        data = read_file(path)
    except OSError as error:
        return [Extracted(error=(type(error).__name__, error.strerror or str(error)), stage="read")]
    return extract_bytes(data, os.fsdecode(path), attachments=attachments)


def read_file(path: str | bytes) -> bytes:
    """Read a regular file as long as it is now: one that grows meanwhile does not hold the run.

    RAISES (OSError): It vanished, may not be read, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file")
        return file.read(status.st_size)


def extract_bytes(data: bytes, name: str, *, attachments: bool = False) -> list[Extracted]:
    """Read the texts in the bytes of a file; `name` is a hint to its format. RETURNS as `extract`."""
    return list(_walk(data, name, "", 0, attachments, Budget()))


def _walk(data: bytes, name: str, suffix: str, depth: int, attachments: bool, budget: Budget) -> Iterator[Extracted]:
    piece = Extracted(name=suffix, sha256=hashlib.sha256(data).hexdigest())
    try:
        if not data:
            raise Unreadable("Empty", "the file has no bytes")
        media_type = sniff.sniff_binary(data, name)
        piece.media_type = media_type or ""
        if media_type in sniff.ARCHIVES:
            if depth >= MAX_DEPTH:
                raise Unreadable("ArchiveTooDeep", f"archives nested more than {MAX_DEPTH} deep")
            found = False
            for member in members(data, name, media_type, budget):
                found = True
                inner = suffix if media_type in (sniff.GZIP, sniff.BZIP2, sniff.XZ) else f"{suffix}!{member.name}"
                if member.error:
                    yield Extracted(name=inner, media_type=media_type, error=member.error)
                else:
                    yield from _walk(member.data, member.name, inner, depth + 1, attachments, budget)
            if not found:
                raise Unreadable("EmptyArchive", "the archive holds no files")
            return
        if media_type is not None:
            check_binary(data, media_type)
            reader = find_reader(media_type)
            if reader is not None:
                read_blocks(reader, data, name, piece)
            else:
                read_binary(data, name, piece)
            yield piece
            return
        text, _, lost = decode_file(data, declared=data[:400].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"))
        piece.media_type = sniff.sniff_text(text, name)
        if piece.media_type == sniff.MBOX:
            messages = split_mbox(data)
            for number, message in enumerate(messages, start=1):
                inner = f"{suffix}#{number}" if len(messages) > 1 or not name.lower().endswith(".eml") else suffix
                yield from _walk_mail(message, inner, depth, attachments, budget)
        elif piece.media_type == sniff.MAIL:
            yield from _walk_mail(data, suffix, depth, attachments, budget)
        else:
            if (reader := find_reader(piece.media_type)) is not None:
                read_blocks(reader, data, name, piece)
            else:
                piece.text = read_text(text, piece.media_type)
                if not piece.text.strip():
                    raise Unreadable("NoText", "no text found in it")
            if lost:
                piece.meta["undecodable"] = lost
            yield piece
    except Unreadable as error:
        piece.error = (error.kind, str(error))
        yield piece
    except MemoryError:
        piece.error = ("OutOfMemory", "reading it takes more memory than the limit allows")
        yield piece
    except Exception as error:  # a parser's own failure on a broken file must not cost the files beside it
        piece.error = ("Corrupt", one_line(f"{type(error).__name__}: {error}"))
        yield piece


def _walk_mail(data: bytes, suffix: str, depth: int, attachments: bool, budget: Budget) -> Iterator[Extracted]:
    mail = read_mail(data)
    yield Extracted(
        name=suffix, text=mail.text, sha256=hashlib.sha256(data).hexdigest(), media_type=sniff.MAIL, meta=mail.meta
    )
    if not attachments:
        return
    for name, content in mail.attachments:
        budget.spend(len(content))
        if depth >= MAX_DEPTH:
            yield Extracted(name=f"{suffix}!{name}", error=("ArchiveTooDeep", f"nested more than {MAX_DEPTH} deep"))
        else:
            yield from _walk(content, name, f"{suffix}!{name}", depth + 1, attachments, budget)


def read_blocks(reader: Reader, data: bytes, name: str, piece: Extracted) -> None:
    """Fill a piece by a reader. RAISES (Unreadable): The reader's own, or without text."""
    document = reader(data, name)
    piece.text, piece.blocks, piece.pages = lay_out(document.blocks)
    piece.meta = document.meta
    if not piece.text:
        raise Unreadable("NoText", "no text found in it")


def read_text(text: str, media_type: str) -> str:
    """RETURNS (str): What a reader sees of a text format: no tags, no markup."""
    if media_type == sniff.HTML:
        return html_to_text(text)
    if media_type in (sniff.XML, "image/svg+xml"):
        return xml_to_text(text, frozenset({"script", "style"} if media_type != sniff.XML else ()))
    if media_type == sniff.SUBTITLES:
        return re.sub(r"(?m)\AWEBVTT.*\n|^(?:\d+\n)?[\d:.,]+ --> .*\n|</?[a-z][^<>\n]*>", "", text)
    if media_type == "text/markdown":
        text = without_tags(text)
    import kreuzberg

    try:
        read = newlines(_kreuzberg(text.encode("utf-8", "replace"), media_type).content)
    except kreuzberg.KreuzbergError:  # broken JSON, a table with ragged rows: still text
        read = ""
    return read if read.strip() else text


def read_binary(data: bytes, name: str, piece: Extracted) -> None:
    """Fill a piece from PDF, office and other binary formats, with page boundaries.

    RAISES (Unreadable): Encrypted, broken, of no known format, or without text.
    """
    import kreuzberg

    media_type = piece.media_type
    try:
        try:
            result = _kreuzberg(data, media_type)
        except kreuzberg.ParsingError as error:
            if "oundar" not in str(error):
                raise
            result = _kreuzberg(data, media_type, pages=False)  # a page is broken, and the others are not
    except kreuzberg.KreuzbergError as error:
        message = one_line(str(error))
        if re.search(r"password|encrypt", message, re.I):
            raise Unreadable("PasswordProtected", "the document is protected by a password") from None
        if isinstance(error, kreuzberg.ValidationError):
            raise Unreadable("Unsupported", f"no reader for {media_type}") from None
        raise Unreadable("Corrupt", message) from None
    piece.text, piece.pages = with_pages(result)
    if not piece.text.strip():
        picture = media_type == "application/pdf" or media_type.startswith("image/")
        hint = "; a scan or picture needs OCR, which is not part of this tool" if picture else ""
        raise Unreadable("NoText", f"no text found in it{hint}")


def check_binary(data: bytes, media_type: str) -> None:
    """Refuse what no reader need open. RAISES (Unreadable): Of no known format, encrypted, or too large."""
    if media_type == sniff.UNKNOWN:
        raise Unreadable("Unsupported", "no format known to the extractor")
    if media_type == sniff.ENCRYPTED:
        raise Unreadable("PasswordProtected", "the document is protected by a password")
    if data.startswith(b"PK"):
        check_package(data)


def check_package(data: bytes) -> None:
    """Refuse office packages that unpack to absurd sizes or are encrypted, before they are opened."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            size = sum(info.file_size for info in package.infolist())
            if size > Budget.MAX_BYTES or (size > 50_000_000 and size > 200 * len(data)):
                raise Unreadable("TooLarge", f"unpacks to {size:,} bytes, more than an honest document")
            manifest = "META-INF/manifest.xml"
            if manifest in package.namelist() and b"encryption-data" in package.read(manifest):
                raise Unreadable("PasswordProtected", "the document is protected by a password")
    except zipfile.BadZipFile as error:
        raise Unreadable("Corrupt", one_line(str(error))) from None


def _kreuzberg(data: bytes, media_type: str, *, pages: bool = True) -> Any:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        pages=kreuzberg.PageConfig(extract_pages=True) if pages else None,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    return kreuzberg.extract_bytes_sync(data, media_type, config)


def with_pages(result: Any) -> tuple[str, list[tuple[int, int]]]:
    """Find where each page begins.

    Kreuzberg's boundaries are offsets into the text as it was before white space was tidied, blank pages and all: near
    enough to look for the page's first characters around them.

    RETURNS (tuple): The text, and (first character, page number) of each page with text.
    """
    text = newlines(result.content)
    boundaries = ((result.metadata or {}).get("pages") or {}).get("boundaries") or []
    contents = {page["page_number"]: page["content"] for page in result.pages or []}
    raw = result.content.encode("utf-8", "surrogatepass")
    pages: list[tuple[int, int]] = []
    chars = position = drift = 0
    for boundary in sorted(boundaries, key=lambda b: b["byte_start"]):
        # Byte offsets of the text as Kreuzberg gave it → code points of the text with "\n" line ends
        chars += len(newlines(raw[position : boundary["byte_start"]].decode("utf-8", "ignore")))
        chars += max(0, boundary["byte_start"] - max(position, len(raw)))  # beyond its end, which was further then
        position = boundary["byte_start"]
        head = "".join(contents.get(boundary["page_number"], "").split())[:HEAD]
        if contents and not head and len(contents) == len(boundaries):
            continue  # a blank page
        expected = chars - drift
        begin = pages[-1][0] + 1 if pages else 0
        window = text[max(begin, expected - NEAR) : max(begin, expected) + NEAR]
        found = [m.start() for m in re.finditer(r"\s*".join(map(re.escape, head)), window)] if head else []
        start = expected
        if found:
            start = min((max(begin, expected - NEAR) + offset for offset in found), key=lambda s: abs(s - expected))
            drift = chars - start
        pages.append((min(max(begin if pages else 0, start), len(text)), int(boundary["page_number"])))
    return text, pages


def newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_line(message: str, limit: int = 300) -> str:
    """RETURNS (str): A message fit for a table: one line, not endless."""
    text = " ".join(message.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
