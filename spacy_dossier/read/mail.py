"""Mails: what was written, what was quoted, what is attached; headers beside the text."""

from __future__ import annotations

import binascii
import contextlib
import email
import email.errors
import email.header
import email.message
import email.policy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ..text.encoding import MARKS, Decoded, Undecodable, decode
from .document import OUTSIDE, Block, Document, Kind
from .markup.tree import parse_html
from .markup.walker import blocks_of
from .prose import text_blocks
from .sniff import HEAD, is_mail

HEADERS = ("subject", "from", "to", "cc", "date")  # those that a record's meta holds
SAYS_MORE = 0.7  # of the words of the longest alternative that the plain one must have; shorter ones are stubs
SEPARATOR = re.compile(  # RFC 4155: who sent it and when, on the line before the header; UUCP adds the host
    rb"^From \S{1,200}[ \t]{1,9}[^\n]{0,40}\d\d:\d\d[^\n]{0,20}\d\d(?: [-+]\d{4})?"
    rb"(?: remote from \S{1,200})?[ \t]{0,9}\r?\n(?=[!-9;-~]{1,200}:)",
    re.M,
)
QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)
QUOTE = re.compile(r"(?:[ ]{0,2}>){1,50}[ ]?")
STUFFED = " " * 3  # before a line of a flowed text that begins with a mark of quotation and is none, see QUOTE
SIGNATURE = re.compile(r"--[ ]?\Z")
# How mails enclosed files before MIME; POSIX, uuencode
UUENCODED = re.compile(r"^begin [0-7]{3,4} (\S[^\n]{0,200})\n((?:[ -`]{1,62}\n)+)end[ \t]{0,9}$\n?", re.M)
# What a mail program writes before the mail that is answered: a line before it, or its header as text.
ATTRIBUTION = 800  # characters at most
WROTE = re.compile(r"\b(?:wrote|schrieb|écrit|escribió|skrev|schreef|scrisse)\b.{0,99}:\Z|\S@\S")
DAY, CLOCK = re.compile(r"\b\d{4}\b|\b\d\d?[./-]\d\d?[./-]\d\d\b"), re.compile(r"\b\d\d?[:.h]\d\d\b")
ORIGINAL = re.compile(
    r"\s{0,9}-{2,60} ?(?:Original Message|Original Appointment|Ursprüngliche Nachricht|Message d['’]origine|"
    r"Mensaje original|Oorspronkelijk bericht|Oprindelig meddelelse|Opprinnelig melding|Ursprungligt meddelande|"
    r"Messaggio originale) ?-{2,60}\s*\Z",
    re.I,
)
# How a mail says that it passes another one on: in its subject, or in a line before that one
FORWARDS = re.compile(r"(?:fwd?|wg|tr|vs|vb|rv|enc|doorst)\s{0,3}:", re.I)
FORWARDED = re.compile(
    r"\s{0,9}(?:-{2,60} ?(?:Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|"
    r"Messaggio inoltrato|Doorgestuurd bericht|Videresendt (?:meddelelse|melding)|Vidarebefordrat meddelande) ?-"
    r"|Begin forwarded message:|Anfang der weitergeleiteten Nachricht:|Début du message (?:réexpédié|transféré) ?:)",
    re.I,
)
# The names of its fields. Tickets and forms too have who or where from, where to and a date.
FIELD = r"\s{{0,9}}\*?(?:{})[ \xa0]?:\*? ?\S"
SENDER = re.compile(FIELD.format("From|Von|De|Fra|Från|Van|Da"))
SENT = re.compile(FIELD.format("Sent|Gesendet|Envoyé|Enviado|Skickat|Sendt|Verzonden|Inviato"))
DATE = re.compile(FIELD.format("Date|Datum|Dato|Data|Fecha"))
TO = re.compile(FIELD.format("To|An|À|A|Para|Til|Till|Aan"))
SUBJECT = re.compile(FIELD.format("Subject|Betreff|Objet|Asunto|Oggetto|Ämne|Emne|Onderwerp"))


@dataclass
class Mail:
    """attachments: (file name, bytes), in order; a name maybe more than once."""

    document: Document
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass
class Part:
    """A part of a mail that is text."""

    kind: str
    blocks: list[Block]

    @property
    def words(self) -> int:
        return sum(len(block.text.split()) for block in self.blocks)


def read_mail(data: bytes) -> Mail:
    """Read a mail, however broken: the parser keeps what it can.

    RETURNS (Mail): Its text in blocks; what it answers is of kind `reply`, and text where nothing else is.
    """
    if any(data.startswith(mark) for mark, _ in MARKS):
        data = decode(data).text.encode("utf-8")
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    raw = {name.lower(): value for name, value in reversed(list(message.raw_items()))}  # get() loses 8-bit characters
    reader = PartReader()
    blocks = [block for part in reader.read(message) for block in part.blocks]
    meta: dict[str, Any] = {name: text for name in HEADERS if (text := header_text(raw.get(name)))}
    quote_forwarded(blocks, meta.get("subject", ""))
    if all(block.kind in OUTSIDE for block in blocks):
        blocks = [Block("quotation", block.text, block.level) for block in blocks]
    if reader.attachments:
        meta["attachments"] = [name for name, _ in reader.attachments]
    if reader.lost:
        meta["undecodable"] = reader.lost
    return Mail(Document(blocks, meta), reader.attachments)


class PartReader:
    """Reads the parts of a mail; what is none of its text becomes an attachment."""

    def __init__(self) -> None:
        self.attachments: list[tuple[str, bytes]] = []
        self.found = False  # a text, after which what has a file name is an attachment
        self.lost = 0  # characters that could not be decoded

    def read(self, message: email.message.Message) -> list[Part]:
        """RETURNS (list[Part]): The parts in their order; of alternatives the one that says more."""
        parts: list[Part] = []
        stack: list[tuple[email.message.Message, int | None]] = [(message, None)]
        while stack:  # no recursion, for parts may be nested hundreds deep
            part, before = stack.pop()
            payload = part.get_payload()
            if before is not None:  # all that is in these alternatives has been read
                parts[before:] = self.fullest(parts[before:])
            elif part.get_content_type() != "message/rfc822" and isinstance(payload, list):
                if part.get_content_type() == "multipart/alternative":
                    stack.append((part, len(parts)))
                stack.extend((p, None) for p in reversed(payload) if isinstance(p, email.message.Message))
            else:
                parts += self.leaf(part)
        return parts

    def fullest(self, parts: list[Part]) -> list[Part]:
        plain = [part for part in parts if part.kind == "text/plain"]
        others = [part for part in parts if part.kind != "text/plain"]
        said = sum(part.words for part in plain)
        return plain if said and said >= SAYS_MORE * sum(part.words for part in others) else others or plain

    def leaf(self, part: email.message.Message) -> Iterator[Part]:
        """YIELDS (Part): The text of a part without parts; a forwarded mail is an attachment."""
        kind = part.get_content_type()
        filename = header_text(part.get_filename())
        if kind == "message/rfc822":
            self.attachments.append((filename or "message.eml", inner_message(part)))
            return
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        named = filename and (self.found or kind not in ("text/plain", "text/html"))
        if named or part.get_content_disposition() == "attachment":
            self.attachments.append((filename or f"part{len(self.attachments) + 1}", content))
        elif kind == "text/html":
            self.found = True
            root = parse_html(self.text(part, content))
            yield Part(kind, list(mark_thread(blocks_of(root, mail=True))))
        elif kind == "text/plain" or part.get_content_maintype() == "multipart":  # one without the parts it promises
            self.found = True
            flowed = str(part.get_param("format", "")).lower() == "flowed"
            lines = UUENCODED.sub(self.enclosed, self.text(part, content)).split("\n")
            if flowed:
                lines = unflow(lines, str(part.get_param("delsp", "")).lower() == "yes")
            yield Part("text/plain", list(mark_thread(plain_blocks(lines))))
        else:
            self.attachments.append((f"part{len(self.attachments) + 1}", content))

    def enclosed(self, file: re.Match[str]) -> str:
        """Take a file in uuencode out of a text. RETURNS (str): Nothing; the same if it is none."""
        try:
            content = b"".join(binascii.a2b_uu(line) for line in file[2].splitlines())
        except binascii.Error:
            return file[0]
        self.attachments.append((file[1], content))
        return ""

    def text(self, part: email.message.Message, content: bytes) -> str:
        html = part.get_content_type() == "text/html"
        try:
            found = decode(content, declared=html, label=part.get_content_charset())
        except Undecodable:
            text = content.decode("ascii", "replace")
            found = Decoded(text, "ascii", text.count("\ufffd"))
        self.lost += found.lost
        return found.text


def unflow(lines: Iterable[str], delsp: bool) -> list[str]:
    """Join the lines of a paragraph that a mail program parted.

    delsp (bool): The blank at a line's end is none of the text.
    SOURCE: RFC 3676, section 4.
    """
    joined: list[str] = []
    open_depth: int | None = None  # of the quotation that the last line goes on in
    for line in lines:
        text = line.lstrip(">")
        depth = len(line) - len(text)
        text = text[1:] if text.startswith(" ") else text
        if not depth and QUOTE.match(text):
            text = STUFFED + text
        if text != "-- " and open_depth == depth:
            joined[-1] += text
        else:
            joined.append(">" * depth + " " * (depth > 0) + text)
        open_depth = None
        if text.endswith(" ") and text != "-- ":
            open_depth = depth
            if delsp:
                joined[-1] = joined[-1][:-1]
    return joined


def plain_blocks(lines: list[str]) -> Iterator[Block]:
    """YIELDS (Block): Text, quoted replies and the signature of a plain part, in order."""
    parted = []
    for index, line in enumerate(lines):
        if is_header(lines[index : index + 4]):
            parted.append("")
        parted.append(line)
    for (quoted, signed), run in groupby(parted, StateOfLine()):
        parts = [QUOTE.sub("", line, count=1) if quoted else line for line in run]
        if quoted:
            yield from (Block("reply", block.text, block.level) for block in text_blocks("\n".join(parts)))
        elif signed:
            yield from signature_blocks([line.strip() for line in parts if not SIGNATURE.match(line)])
        else:
            yield from text_blocks("\n".join(parts))


def signature_blocks(lines: list[str]) -> Iterator[Block]:
    """YIELDS (Block): The signature, and the line after it that says whose mail is quoted below."""
    *signature, last = re.split(r"\n\n+", "\n".join(lines).strip("\n"))
    whose = bool(signature) and is_attribution(last)
    text = "\n".join(line for part in (signature if whose else [*signature, last]) for line in part.split("\n") if line)
    if text:
        yield Block("signature", text)
    if whose:
        yield Block("paragraph", last)


class StateOfLine:
    """Tells, line after line: is it quoted, and is it of the signature, which goes on to the end or the next quote?"""

    def __init__(self) -> None:
        self.signed = False

    def __call__(self, line: str) -> tuple[bool, bool]:
        if QUOTE.match(line):
            self.signed = False
            return True, False
        self.signed = self.signed or SIGNATURE.match(line) is not None
        return False, self.signed


def mark_thread(blocks: list[Block] | Iterator[Block]) -> Iterator[Block]:
    """Mark the line that says who is quoted, and a mail that is answered below without marks of quotation.

    YIELDS (Block): The same blocks.
    """
    blocks = list(blocks)
    rest: Kind | None = None
    for index, block in enumerate(blocks):
        following = blocks[index + 1].kind if index + 1 < len(blocks) else None
        if rest is None and is_header(block.text.split("\n", 4)):
            rest = "reply"
        elif rest is None and SIGNATURE.match(block.text.split("\n", 1)[0]) and block.kind == "paragraph":
            rest = "signature"
        if block.kind == "reply":
            rest = None if rest == "signature" else rest
        elif rest is not None:
            block.kind = rest
        elif following == "reply" and is_attribution(block.text):
            block.kind = "reply"
        if block.kind == "signature":
            block.text = "\n".join(line for line in block.text.split("\n") if not SIGNATURE.match(line))
        yield block


def quote_forwarded(blocks: list[Block], subject: str) -> None:
    """Make text of what a mail passes on, for its reader has not seen it as one who is answered has."""
    forwarded = FORWARDS.match(subject) is not None
    for block in blocks:
        forwarded = forwarded or FORWARDED.match(block.text) is not None
        if forwarded and block.kind == "reply":
            block.kind = "quotation"


def is_header(lines: list[str]) -> bool:
    """RETURNS (bool): Do these lines begin the mail that is answered, as Outlook puts it below the answer?"""
    first, following = lines[0], lines[1:4]
    if ORIGINAL.match(first) or not SENDER.match(first):
        return ORIGINAL.match(first) is not None
    sent, date, to, subject = (any(map(name.match, following)) for name in (SENT, DATE, TO, SUBJECT))
    return ((sent or date) and ("@" in first or subject)) or (sent and to)


def is_attribution(text: str) -> bool:
    """RETURNS (bool): Does it say whose mail is quoted below: who wrote it, or on which day at what time?"""
    text = text.replace("\n", " ").rstrip()
    if len(text) > ATTRIBUTION or not text.endswith(":"):
        return False
    return WROTE.search(text) is not None or (DAY.search(text) is not None and CLOCK.search(text) is not None)


def inner_message(part: email.message.Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):
        return b"".join(p.as_bytes() for p in payload if isinstance(p, email.message.Message))
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def header_text(value: Any) -> str:
    """RETURNS (str): A header's value as text: encoded words decoded, folded lines joined."""
    if value is None:
        return ""
    text = str(value)
    if any("\udc80" <= char <= "\udcff" for char in text):  # 8-bit characters, against the rules
        try:
            text = decode(text.encode("utf-8", "surrogateescape")).text
        except Undecodable:
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with contextlib.suppress(LookupError, ValueError, email.errors.MessageError):
        text = str(email.header.make_header(email.header.decode_header(text)))
    return " ".join(text.encode("utf-8", "replace").decode().split())


def split_mbox(data: bytes) -> list[bytes]:
    """RETURNS (list[bytes]): The mails of an mbox file; each begins with a line `From …` that has a time and a year."""
    found = list(SEPARATOR.finditer(data))
    stops = [*(place.start() for place in found), len(data)]
    places = [place for place, stop in zip(found, stops[1:], strict=True) if is_separator(data, place, stop)]
    ends = [*(place.start() for place in places), len(data)]
    first = data[: ends[0]].lstrip()
    if first.startswith(b"From "):  # of a form that is not known
        first = first.partition(b"\n")[2]
    mails = [data[place.end() : end] for place, end in zip(places, ends[1:], strict=True)]
    return [QUOTED_FROM.sub(rb"\1", mail) for mail in ([first] if first else []) + mails]


def is_separator(data: bytes, place: re.Match[bytes], stop: int) -> bool:
    """RETURNS (bool): Does a mail begin here: after an empty line, or with the whole header of a mail up to `stop`?"""
    before = data[max(0, place.start() - 3) : place.start()]
    if not before or before.endswith((b"\n\n", b"\n\r\n")):
        return True
    header = data[place.end() : min(stop, place.end() + HEAD)].decode("latin-1")
    return is_mail(header.replace("\r\n", "\n"))
