"""One file → the texts in it. A pure function of the bytes and the name; it runs inside a sandbox (sandbox.py)."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from . import sniff
from .archive import MAX_DEPTH, PACKAGE_BYTES, PACKAGE_RATIO, Budget, Names, TooLarge, members
from .document import OUTSIDE, Document, PlacedBlock, Unreadable, lay_out
from .failures import FailureKind, MachineFault, broken, of_system
from .mail import read_mail, split_mbox
from .plain import decode_file
from .readers import REMEDIES, Reader, find_reader
from .tables.rows import FIRST_ROWS, TABLES_IN_FILES, NoTextField, TableRow, kind_of, read_rows


@dataclass(frozen=True)
class ReadOptions:
    """What is read of a file.

    attachments (bool): The attachments of mails too.
    text_field (str): The column that holds the text, in tables inside archives.
    whole_page (bool): All of a web page, in place of its main text.
    replies (bool): What a mail quotes of the one it answers is text too.
    ocr (str | None): Languages in which Tesseract reads scanned pages, as eng+deu; None leaves them out.
    """

    attachments: bool = False
    text_field: str = "text"
    whole_page: bool = False
    replies: bool = False
    ocr: str | None = None


@dataclass
class Extracted:
    """A text read from a file, or the reason why it could not be read.

    name (str): What follows the file's path in the id: "", "!report.pdf" for a member, "#3" for the third mail.
    pages (list[tuple[int, int]]): (first character, page number) for formats with pages or slides.
    blocks (list[PlacedBlock]): Its parts, in reading order.
    error (tuple[FailureKind, str] | None): Kind and message of what went wrong.
    stage (str): Where it went wrong: "read" when the file could not be read at all, else "extract".
    """

    name: str = ""
    text: str = ""
    sha256: str = ""
    media_type: str = ""
    pages: list[tuple[int, int]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    error: tuple[FailureKind, str] | None = None
    stage: str = "extract"
    blocks: list[PlacedBlock] = field(default_factory=list)


def extract(path: str | bytes, options: ReadOptions = ReadOptions()) -> list[Extracted]:
    """Read the texts in a file.

    path (str | bytes): The file; a str from os.fsdecode may hold any bytes.
    RETURNS (list[Extracted]): At least one. An archive gives one for each file in it and each row of a table in it, a
        mail one for its body and one for each attachment that is asked for.
    RAISES (MachineFault): It is no fault of the file.
    """
    try:
        data = read_file(path)
    except OSError as error:
        return [Extracted(error=of_system(error), stage="read")]
    return extract_bytes(data, os.fsdecode(path), options)


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


def extract_bytes(data: bytes, name: str, options: ReadOptions = ReadOptions()) -> list[Extracted]:
    """Read the texts in the bytes of a file; `name` is a hint to its format. RETURNS as `extract`."""
    try:
        return list(Walk(options).file(data, name, "", 0))
    finally:
        decode_file.cache_clear()


class Walk:
    """Goes through one file and all that is in it.

    Each piece gets a name that no other of the file has, in the order in which they stand.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self.budget = Budget()
        self.names = Names()

    def file(self, data: bytes, name: str, suffix: str, depth: int) -> Iterator[Extracted]:
        """Read a file, a member or an attachment.

        suffix (str): Its name among the pieces.
        depth (int): In how many archives and mails it is.
        YIELDS (Extracted): As `extract`. Never raises for its sake.
        RAISES (MachineFault): It is no fault of the file.
        """
        piece = Extracted(name=suffix, sha256=hashlib.sha256(data).hexdigest())
        yield from self.guard(piece, self.parts(piece, data, name, depth))

    def guard(self, piece: Extracted, pieces: Iterator[Extracted]) -> Iterator[Extracted]:
        """YIELDS (Extracted): The pieces, and the failure of the one that is read where a reader gives up."""
        try:
            yield from pieces
            return
        except MachineFault:
            raise
        except Unreadable as error:
            kind, message = error.kind, str(error)
        except Exception as error:  # a parser's own failure on a broken file must not cost the files beside it
            kind, message = broken(error)
        yield Extracted(piece.name, "", piece.sha256, piece.media_type, error=(kind, one_line(message)))

    def parts(self, piece: Extracted, data: bytes, name: str, depth: int) -> Iterator[Extracted]:
        if not data:
            raise Unreadable("Empty", "the file has no bytes")
        piece.media_type = media_type = sniff.sniff_binary(data, name) or sniff.sniff_mail(data, name) or ""
        if media_type in sniff.ARCHIVES:
            yield from self.archive(piece, data, name, depth)
            return
        if depth and (rows := self.table(piece, data, name)) is not None:
            yield from rows
            return
        lost = 0
        if not media_type:
            declared = data[:400].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
            text, _, lost = decode_file(data, declared=declared)
            piece.media_type = media_type = sniff.sniff_text(text, name)
        if media_type == sniff.MBOX:
            yield from self.mbox(data, name, piece.name, depth)
        elif media_type == sniff.MAIL:
            yield from self.mail(piece, data, depth)
        elif media_type == sniff.OUTLOOK:
            from .office.legacy.msg import to_mail

            yield from self.mail(piece, to_mail(data), depth)
        else:
            check_binary(data, media_type)
            reader = find_reader(media_type, whole_page=self.options.whole_page, ocr=self.options.ocr)
            lay(read_document(reader, data, name, media_type), piece, self.options)
            if not piece.text:
                raise Unreadable("NoText", "no text found in it")
            if lost:
                piece.meta["undecodable"] = lost
            yield piece

    def archive(self, piece: Extracted, data: bytes, name: str, depth: int) -> Iterator[Extracted]:
        if depth >= MAX_DEPTH:
            raise Unreadable("ArchiveTooDeep", f"archives nested more than {MAX_DEPTH} deep")
        found = False
        for member in members(data, name, piece.media_type, self.budget):
            found = True
            one_file = piece.media_type in sniff.COMPRESSED
            inner = piece.name if one_file else self.names.claim(f"{piece.name}!{member.name}")
            if member.error:
                yield Extracted(name=inner, media_type=piece.media_type, error=member.error)
            else:
                yield from self.file(member.data, member.name, inner, depth + 1)
        if not found:
            raise Unreadable("EmptyArchive", "the archive holds no files")

    def table(self, piece: Extracted, data: bytes, name: str) -> Iterator[Extracted] | None:
        """RETURNS (Iterator[Extracted] | None): The rows of a table of texts; None for a document."""
        kind = kind_of(name)
        if kind not in TABLES_IN_FILES:
            return None
        column = self.options.text_field
        try:
            first = list(islice(read_rows(name, column, data), FIRST_ROWS))
        except (NoTextField, OSError, ValueError, Unreadable):
            return None
        if not first or (kind in (".jsonl", ".ndjson") and all(row.error for row in first)):
            return None
        return self.rows(piece.name, TABLES_IN_FILES[kind], read_rows(name, column, data))

    def rows(self, suffix: str, media_type: str, rows: Iterator[TableRow]) -> Iterator[Extracted]:
        for number, row in enumerate(rows, start=1):
            yield Extracted(
                name=self.names.claim(f"{suffix}#{number}"),
                text=row.text,
                sha256=hashlib.sha256(row.text.encode()).hexdigest(),
                media_type=media_type,
                meta=row.meta,
                error=row.error,
                stage="read",
            )

    def mbox(self, data: bytes, name: str, suffix: str, depth: int) -> Iterator[Extracted]:
        messages = split_mbox(data)
        for number, message in enumerate(messages, start=1):
            many = len(messages) > 1 or not name.lower().endswith(".eml")
            inner = self.names.claim(f"{suffix}#{number}") if many else suffix
            piece = Extracted(name=inner, sha256=hashlib.sha256(message).hexdigest(), media_type=sniff.MAIL)
            yield from self.guard(piece, self.mail(piece, message, depth))

    def mail(self, piece: Extracted, data: bytes, depth: int) -> Iterator[Extracted]:
        mail = read_mail(data)
        lay(mail.document, piece, self.options)
        if not piece.text:  # its attachments are read all the same
            piece.error = ("NoText", "no text found in it")
        yield piece
        if not self.options.attachments:
            return
        for name, content in mail.attachments:
            inner = self.names.claim(f"{piece.name}!{name}")
            try:
                self.budget.spend(len(content))
            except TooLarge as error:
                yield Extracted(name=inner, error=("TooLarge", str(error)))
                continue
            if depth >= MAX_DEPTH:
                yield Extracted(name=inner, error=("ArchiveTooDeep", f"nested more than {MAX_DEPTH} deep"))
            else:
                yield from self.file(content, name, inner, depth + 1)


def read_document(reader: Reader | None, data: bytes, name: str, media_type: str) -> Document:
    """RETURNS (Document): What the reader gives. RAISES (Unreadable): It cannot be read."""
    if media_type in REMEDIES:
        raise Unreadable("Unsupported", REMEDIES[media_type])
    if reader is None:
        raise Unreadable("Unsupported", f"no reader for {media_type}")
    return reader(data, name)


def lay(document: Document, piece: Extracted, options: ReadOptions) -> None:
    """Fill a piece."""
    outside = OUTSIDE - {"reply"} if options.replies else OUTSIDE
    piece.text, piece.blocks, piece.pages = lay_out(document.blocks, outside)
    piece.meta = document.meta


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
            if size > Budget.MAX_BYTES or (size > PACKAGE_BYTES and size > PACKAGE_RATIO * len(data)):
                raise Unreadable("TooLarge", f"unpacks to {size:,} bytes, more than an honest document")
            manifest = "META-INF/manifest.xml"
            if manifest in package.namelist() and b"encryption-data" in package.read(manifest):
                raise Unreadable("PasswordProtected", "the document is protected by a password")
    except zipfile.BadZipFile as error:
        raise Unreadable("Corrupt", one_line(str(error))) from None


def one_line(message: str, limit: int = 300) -> str:
    """RETURNS (str): A message fit for a table: one line, not endless."""
    text = " ".join(message.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
