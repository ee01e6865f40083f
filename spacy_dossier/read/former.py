"""Formats that have no reader of their own yet, by Kreuzberg."""

from __future__ import annotations

import re
from typing import Any

from .document import Block, Document, Unreadable
from .extract import one_line


def read_by_kreuzberg(data: bytes, media_type: str) -> Document:
    """RAISES (Unreadable): It cannot."""
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False, disable_ocr=True, concurrency=kreuzberg.ConcurrencyConfig(max_threads=1)
    )
    try:
        result: Any = kreuzberg.extract_bytes_sync(data, media_type, config)
    except kreuzberg.KreuzbergError as error:
        raise Unreadable("Unsupported", one_line(str(error))) from None
    if not result.content.strip() and media_type == "application/x-latex":
        return Document([Block("code", data.decode("utf-8", "replace").strip())])
    parts = re.split(r"\n(?:[ \t]*\n)+", result.content.replace("\r\n", "\n"))
    return Document([Block("paragraph", part.strip()) for part in parts])
