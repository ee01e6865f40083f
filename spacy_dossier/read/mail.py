"""Mails: header lines, body and attachments."""

from __future__ import annotations

import contextlib
import email
import email.header
import email.message
import email.policy
import re
from dataclasses import dataclass, field
from typing import Any

from ..text.encoding import Undecodable, decode
from .markup.former import html_to_text

SHOWN = ("Subject", "From", "To", "Cc", "Date")


@dataclass
class Mail:
    """text: the shown header lines, a blank line, the body. attachments: (file name, bytes)."""

    text: str
    meta: dict[str, Any] = field(default_factory=dict)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


def read_mail(data: bytes) -> Mail:
    """Read a mail, however broken: the parser keeps what it can.

    RETURNS (Mail): The plain-text body, else the main text of the HTML body.
    """
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    raw = {name.lower(): value for name, value in reversed(list(message.raw_items()))}  # get() loses 8-bit characters
    header = [f"{name}: {value}" for name in SHOWN if (value := header_text(raw.get(name.lower())))]
    attachments: list[tuple[str, bytes]] = []
    body = body_text(message, attachments).strip()
    meta = {"attachments": [name for name, _ in attachments]} if attachments else {}
    return Mail("\n".join(header) + "\n\n" + body if header else body, meta, attachments)


def body_text(message: email.message.Message, attachments: list[tuple[str, bytes]]) -> str:
    """Read the parts of a mail in their order; of alternatives the plain one, unless it is empty.

    attachments (list[tuple[str, bytes]]): What is none of the text is added to it.
    RETURNS (str): The text, a blank line between parts.
    """
    texts: list[tuple[str, str]] = []  # kind of text and text
    stack: list[tuple[email.message.Message, int | None]] = [(message, None)]
    while stack:  # no recursion, for parts may be nested hundreds deep
        part, before = stack.pop()
        kind = part.get_content_type()
        payload = part.get_payload()
        if before is not None:  # all that is in these alternatives has been read
            found = [text for text in texts[before:] if text[1].strip()]
            texts[before:] = [text for text in found if text[0] == "text/plain"] or found
        elif kind != "message/rfc822" and isinstance(payload, list):
            if kind == "multipart/alternative":
                stack.append((part, len(texts)))
            stack.extend((p, None) for p in reversed(payload) if isinstance(p, email.message.Message))
        else:
            leaf(part, kind, texts, attachments)
    return "\n\n".join(text.strip() for _, text in texts if text.strip())


def leaf(
    part: email.message.Message, kind: str, texts: list[tuple[str, str]], attachments: list[tuple[str, bytes]]
) -> None:
    """Add a part without parts to the texts or the attachments; a forwarded mail counts as one."""
    filename = header_text(part.get_filename())
    if kind == "message/rfc822":
        attachments.append((filename or "message.eml", inner_message(part)))
        return
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if filename or part.get_content_disposition() == "attachment":
        attachments.append((filename or f"part{len(attachments) + 1}", content))
    elif kind == "text/html":
        texts.append((kind, html_to_text(part_text(part, content))))
    elif kind == "text/plain" or part.get_content_maintype() == "multipart":  # one without the parts it promises
        texts.append(("text/plain", part_text(part, content)))
    else:
        attachments.append((f"part{len(attachments) + 1}", content))


def inner_message(part: email.message.Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):
        return b"".join(p.as_bytes() for p in payload if isinstance(p, email.message.Message))
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def part_text(part: email.message.Message, content: bytes) -> str:
    charset = part.get_content_charset()
    try:
        return decode(content, declared=part.get_content_type() == "text/html", label=charset).text
    except Undecodable:
        return content.decode("ascii", "replace")


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
    with contextlib.suppress(LookupError, ValueError, UnicodeError):
        text = str(email.header.make_header(email.header.decode_header(text)))
    return " ".join(text.encode("utf-8", "replace").decode().split())


def split_mbox(data: bytes) -> list[bytes]:
    """RETURNS (list[bytes]): The mails of an mbox file; each begins with a line `From …`, after a blank one."""
    starts = [match.start() for match in re.finditer(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n", data)] or [0]
    ends = [*starts[1:], len(data)]
    return [re.sub(rb"\AFrom [^\n]*\n", b"", data[start:end]) for start, end in zip(starts, ends, strict=True)]
