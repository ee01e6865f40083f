"""Subtitles (SubRip, WebVTT): what is said, in sentences."""

from __future__ import annotations

import html
import re

from .document import Block, Document
from .plain import EMPTY_LINES, decode_text
from .reflow import Words, join_lines

TIME = r"(?:(\d{1,4}):)?(\d\d):(\d\d)[.,](\d{3})"
CUE = re.compile(rf"[ \t]{{0,9}}{TIME}[ \t]{{0,9}}-->[ \t]{{0,9}}{TIME}.*")
TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|</?(?:\d+:)?\d\d:\d\d\.\d{3}>|\{\\[^{}\n]{0,200}\}")
SENTENCE_END = re.compile(r"[.!?…。！？♪][\"'”’»)\]]{0,3}\Z")
NEW_SPEAKER = re.compile(r"[-–—]\s?\S|<v[ .]")
PAUSE = 3.0  # seconds of silence after which another sentence begins even without a full stop


def read_subtitles(data: bytes, name: str) -> Document:
    """Read the cues of a file; those that are one sentence are one paragraph. RAISES (Unreadable): No encoding fits."""
    text = decode_text(data)
    marked_up = text.lstrip("\ufeff").startswith("WEBVTT")
    paragraphs: list[list[str]] = []
    ended = float("-inf")
    for start, end, lines in cues(text, marked_up):
        for line in lines:
            said = TAG.sub("", line)
            said = (html.unescape(said) if marked_up else said).strip()
            if not said:
                continue
            whole = not paragraphs or SENTENCE_END.search(paragraphs[-1][-1])
            if whole or NEW_SPEAKER.match(line.strip()) or start - ended > PAUSE:
                paragraphs.append([])
            paragraphs[-1].append(said)
            ended = max(ended, end)
    words = Words([line for lines in paragraphs for line in lines])
    return Document([Block("paragraph", join_lines(lines, words)) for lines in paragraphs])


def cues(text: str, marked_up: bool) -> list[tuple[float, float, list[str]]]:
    """Find the cues.

    marked_up (bool): WebVTT, whose other parts (notes, styles, regions) are none.
    RETURNS (list): Start and end in seconds, and the lines of each.
    """
    found: list[tuple[float, float, list[str]]] = []
    for part in EMPTY_LINES.split(text.strip("\n")):
        lines = part.split("\n")
        place = next((i for i, line in enumerate(lines[:2]) if CUE.fullmatch(line)), None)
        if place is not None:
            times = CUE.fullmatch(lines[place]).groups()  # type: ignore[union-attr]
            found.append((seconds(times[:4]), seconds(times[4:]), lines[place + 1 :]))
        elif found and not marked_up:  # an empty line inside a cue
            found[-1][2].extend(lines)
    return found


def seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, whole, thousandths = (int(part or 0) for part in parts)
    return 3600 * hours + 60 * minutes + whole + thousandths / 1000
