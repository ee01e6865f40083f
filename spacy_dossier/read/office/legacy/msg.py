"""Mails that Outlook saved (.msg) → mails as they are sent, which the reader of mails reads."""

from __future__ import annotations

import email.policy
import struct
from email.message import EmailMessage
from email.utils import format_datetime

from oxmsg import Message
from oxmsg.domain import constants

from ...document import Unreadable
from ...plain import decode_text

RICH_TEXT = 0x1009  # PidTagRtfCompressed
HEADERS = ("From", "To", "Cc", "Date")


def to_mail(data: bytes) -> bytes:
    """Write a mail of Outlook as RFC 5322 does.

    RAISES (Unreadable): It is broken, or its text is there as Rich Text only.
    """
    try:
        message = Message.load(data)
        mail = EmailMessage(policy=email.policy.SMTPUTF8)
        for name, value in _headers(message).items():
            mail[name] = value
        _add_text(mail, message)
        for number, attachment in enumerate(message.attachments, start=1):
            kind, _, subtype = (attachment.mime_type or "application/octet-stream").partition("/")
            name = _clean(attachment.file_name or "") or f"attachment{number}"
            content = attachment.file_bytes or b""  # none of a mail in a mail, which then fails as an empty file
            mail.add_attachment(content, maintype=kind, subtype=subtype or "octet-stream", filename=name)
        return mail.as_bytes()
    except (OSError, ValueError, LookupError, struct.error) as error:  # what oxmsg and olefile meet in broken files
        raise Unreadable("Corrupt", f"broken mail: {_clean(str(error))}") from None


def _headers(message: Message) -> dict[str, str]:
    """RETURNS (dict[str, str]): As they were sent, else as Outlook keeps them."""
    sent = {name.lower(): value for name, value in message.message_headers.items()}
    sender, _, address = (message.sender or "").partition("<")  # an address of Exchange says nothing outside of it
    kept = {
        "From": message.sender or "" if "@" in address else sender,
        "To": ", ".join(recipient.name or recipient.email_address for recipient in message.recipients),
        "Date": format_datetime(message.sent_date) if message.sent_date else "",
    }
    found = {"Subject": message.subject} | {name: sent.get(name.lower()) or kept.get(name, "") for name in HEADERS}
    return {name: text for name, value in found.items() if (text := _clean(value))}


def _add_text(mail: EmailMessage, message: Message) -> None:
    raw = message.properties.binary_prop_value(constants.PID_HTML)
    html = decode_text(raw, declared=True) if raw else message.properties.str_prop_value(constants.PID_BODY_HTML)
    plain = (message.body or "").rstrip("\0")
    if not plain.strip() and not html and message.properties.binary_prop_value(RICH_TEXT):
        raise Unreadable("Unsupported", "its text is Rich Text only, which is not read in mails; save it as .eml")
    mail.set_content(plain)
    if html:
        mail.add_alternative(html.rstrip("\0"), subtype="html")


def _clean(text: str) -> str:
    """RETURNS (str): A line without the signs that no header may have."""
    return " ".join(text.replace("\0", " ").split())
