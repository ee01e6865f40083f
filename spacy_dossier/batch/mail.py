"""Mails: header lines, body and attachments."""

from __future__ import annotations

import email
import email.header
import email.message
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .decode import Undecodable, decode
from .markup import html_to_text

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
    header = [f"{name}: {value}" for name in SHOWN if (value := header_text(message.get(name)))]
    plain: list[str] = []
    html: list[str] = []
    attachments: list[tuple[str, bytes]] = []
    for part in leaves(message):
        kind = part.get_content_type()
        filename = header_text(part.get_filename())
        if kind == "message/rfc822":
            attachments.append((filename or "message.eml", inner_message(part)))
            continue
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if filename or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attachments.append((filename or f"part{len(attachments) + 1}", content))
        elif kind == "text/html":
            html.append(html_to_text(part_text(part, content)))
        elif kind == "text/plain":
            plain.append(part_text(part, content))
        else:
            attachments.append((f"part{len(attachments) + 1}", content))
    body = "\n\n".join(text.strip() for text in (plain if any(text.strip() for text in plain) else html))
    meta = {"attachments": [name for name, _ in attachments]} if attachments else {}
    return Mail("\n".join(header) + "\n\n" + body if header else body, meta, unique(attachments))


def leaves(message: email.message.Message) -> Iterator[email.message.Message]:
    """YIELDS (Message): Parts that hold content; a forwarded mail counts as one part."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.get_content_type() != "message/rfc822" and part.is_multipart():
            payload = part.get_payload()
            assert isinstance(payload, list)
            stack.extend(p for p in reversed(payload) if isinstance(p, email.message.Message))
        else:
            yield part


def inner_message(part: email.message.Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):
        return b"".join(p.as_bytes() for p in payload if isinstance(p, email.message.Message))
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def part_text(part: email.message.Message, content: bytes) -> str:
    charset = part.get_content_charset()
    try:
        return decode(content, declared=part.get_content_type() == "text/html", label=charset)
    except Undecodable:
        return content.decode("ascii", "replace")


def header_text(value: Any) -> str:
    """RETURNS (str): A header's value as text: encoded words decoded, folded lines joined."""
    if value is None:
        return ""
    try:
        text = str(email.header.make_header(email.header.decode_header(str(value))))
    except (LookupError, ValueError, UnicodeError):
        text = str(value)
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # raw 8-bit bytes in a header
    return " ".join(text.split())


def unique(attachments: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    seen: dict[str, int] = {}
    result = []
    for name, content in attachments:
        seen[name] = count = seen.get(name, 0) + 1
        result.append((name if count == 1 else f"{name}~{count}", content))
    return result


def split_mbox(data: bytes) -> list[bytes]:
    """RETURNS (list[bytes]): The mails of an mbox file; each begins with a line `From …`, after a blank one."""
    starts = [match.start() for match in re.finditer(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n", data)] or [0]
    ends = [*starts[1:], len(data)]
    return [re.sub(rb"\AFrom [^\n]*\n", b"", data[start:end]) for start, end in zip(starts, ends, strict=True)]
