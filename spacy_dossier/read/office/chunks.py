"""Documents of other formats that lie whole inside a Word document (altChunk)."""

from __future__ import annotations

import email
import email.policy

from ..document import Block, Unreadable
from ..markup.tree import parse_html
from ..markup.walker import blocks_of
from ..plain import decode_text
from ..readers import find_reader

HTML = ("text/html", "application/xhtml+xml")
MHTML = ("message/rfc822", "multipart/related", "application/x-mimearchive")


def read_chunk(data: bytes, media_type: str) -> list[Block]:
    """RETURNS (list[Block]): All of it. RAISES (Unreadable): No reader for its type."""
    if media_type in MHTML:
        message = email.message_from_bytes(data, policy=email.policy.default)
        page = message.get_body(("html", "plain"))
        if page is None:
            return []
        payload = page.get_payload(decode=True)
        data, media_type = payload if isinstance(payload, bytes) else b"", page.get_content_type()
    if media_type in HTML:
        return blocks_of(parse_html(decode_text(data, declared=True)))
    reader = find_reader(media_type)
    if reader is None:
        raise Unreadable(
            "Unsupported", f"a part of it is of the type {media_type or 'unknown'}, for which is no reader"
        )
    return reader(data, "").blocks
