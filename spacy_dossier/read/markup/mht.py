"""Web pages that a browser saved whole (MHT, MHTML) → their main text."""

from __future__ import annotations

import email
import email.message
import email.policy

from ...text.encoding import Undecodable, decode
from ..document import Document, Unreadable
from .html import main_text, whole_page


def read_mht(data: bytes, name: str) -> Document:
    """Read the main text of the page that a MIME archive begins with. RAISES (Unreadable): As `read_whole_mht`."""
    return main_text(saved_page(data))


def read_whole_mht(data: bytes, name: str) -> Document:
    """Read all of the page. RAISES (Unreadable): There is none, or it has no text."""
    return whole_page(saved_page(data))


def saved_page(data: bytes) -> str:
    """RETURNS (str): Source of the page. RAISES (Unreadable): There is none."""
    message = email.message_from_bytes(data.lstrip(b"\xef\xbb\xbf"), policy=email.policy.compat32)
    pages = [part for part in message.walk() if part.get_content_type() in ("text/html", "application/xhtml+xml")]
    if not pages:
        raise Unreadable("Unsupported", "a MIME archive without a web page")
    start = message.get_param("start")
    page = next((part for part in pages if start and part.get("Content-ID") == start), pages[0])
    return page_source(page)


def page_source(page: email.message.Message) -> str:
    content = page.get_payload(decode=True)
    try:
        label = page.get_content_charset()
        return decode(content if isinstance(content, bytes) else b"", declared=True, label=label).text
    except Undecodable as error:
        raise Unreadable("Unsupported", f"{error}: no format known to the extractor") from None
