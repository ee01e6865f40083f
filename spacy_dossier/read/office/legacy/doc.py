"""Word documents of 1997 to 2003 (.doc): what Word shows, as of .docx.

Text boxes stand after the text, for the file keeps them apart. Left out besides what .docx leaves out: formulas, which
are objects here.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from ...document import Block, Document, Unreadable
from ..layout import CONTROLS, join_code
from ..symbols import from_font, translate
from .doc_format import BOXES, END_REFS, END_TEXTS, HEADERS, NOTE_REFS, NOTE_TEXTS, Letters, Marks, WordFile
from .rtf_story import Paragraph, Story

CONTROL = re.compile("[\x01-\x1f]")
MARK = re.compile("[\r\x07\x0c]")  # ends a paragraph, a cell or row, a page or section
PARAGRAPH, CELL = "\r", "\x07"
FIELD, SEPARATOR, FIELD_END = "\x13", "\x14", "\x15"
SIGNS = {"\t": "\t", "\x0b": "\n", "\x0e": "\n", "\x1e": "\u2011"}
HEADER_STORIES = (0, 1, 4)  # of the six of a section: even, odd, first page; the others are footers
MAX_TABLES = 50  # inside one another
SEPARATORS = 6  # stories before the headers: the lines above notes
BOX_BYTES = 22  # about each text box, in the list of their texts


def read_doc(data: bytes, name: str) -> Document:
    """Read a Word document. RAISES (Unreadable): Encrypted, older than Word 97, or broken."""
    try:
        return Document(Reader(WordFile(data)).blocks())
    except (OSError, LookupError, ValueError, struct.error, OverflowError) as error:
        raise Unreadable("Corrupt", f"broken document: {' '.join(str(error).split())}") from None


class Reader:
    """Reads the stories of a file."""

    def __init__(self, file: WordFile) -> None:
        self.file = file
        self.notes = self._notes(NOTE_REFS, NOTE_TEXTS, "footnotes")
        self.endnotes = self._notes(END_REFS, END_TEXTS, "endnotes")
        self.found_endnotes: list[Block] = []

    def _notes(self, refs: int, texts: int, name: str) -> list[tuple[int, int, int]]:
        """RETURNS (list[tuple[int, int, int]]): Position of each note's mark, first and last of its text."""
        start, _ = self.file.span(name)
        marks, bounds = self.file.positions(refs, 2), self.file.positions(texts, 0)
        return [(mark, start + a, start + b) for mark, a, b in zip(marks[:-1], bounds, bounds[1:], strict=False)]

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): Page headers, the text with its footnotes, text boxes, endnotes, page footers."""
        text = self._story(*self.file.span("text")).blocks()
        edges = list(self._edges())
        headers, footers = ([b for b in edges if b.kind == kind] for kind in ("page_header", "page_footer"))
        return [*headers, *join_code(text), *self._boxes(), *self.found_endnotes, *footers]

    def _edges(self) -> Iterator[Block]:
        start, _ = self.file.span("headers")
        bounds = self.file.positions(HEADERS, 0)[:-1]  # the last says nothing
        seen: set[str] = set()
        for index, (first, last) in enumerate(pairwise(bounds)):
            for block in self._story(start + first, start + last).blocks() if index >= SEPARATORS else ():
                if block.text not in seen:
                    seen.add(block.text)
                    yield Block("page_header" if index % 6 in HEADER_STORIES else "page_footer", block.text)

    def _boxes(self) -> Iterator[Block]:
        start, _ = self.file.span("boxes")
        bounds = self.file.positions(BOXES, BOX_BYTES)[:-1]  # the last box is none
        for first, last in pairwise(bounds):
            yield from self._story(start + first, start + last).blocks()

    def _note(self, first: int, last: int) -> list[Block]:
        blocks = self._story(first, last).blocks()
        return [block if block.kind == "table" else Block("footnote", block.text) for block in blocks]

    def _story(self, start: int, end: int) -> Story:
        """RETURNS (Story): The text between two positions, paragraph by paragraph."""
        story = Story(self.file.styles)
        fields: list[str] = []
        text = self.file.text
        while start < end:
            mark = MARK.search(text, start, end)
            stop = mark.start() if mark else end - 1
            marks = self.file.marks(stop)
            last = Letters()
            for first, after, letters in self.file.letters(start, stop + 1, marks.style):
                self._letters(story, text[first:after], letters, fields)
                last = letters
            story.after += self._marked(self.notes, start, stop)
            self.found_endnotes += self._marked(self.endnotes, start, stop)
            if mark and not (mark[0] == PARAGRAPH and (last.deleted or last.hidden)):
                self._end(story, mark[0], marks)
            start = stop + 1
        story.end_paragraph(Paragraph())
        return story

    def _marked(self, notes: list[tuple[int, int, int]], start: int, stop: int) -> list[Block]:
        """RETURNS (list[Block]): The notes whose marks stand between two positions."""
        first = bisect_left(notes, (start, 0, 0))
        last = bisect_left(notes, (stop + 1, 0, 0))
        return [block for _, a, b in notes[first:last] for block in self._note(a, b)]

    def _letters(self, story: Story, text: str, letters: Letters, fields: list[str]) -> None:
        """Add a run of text that looks alike to a story."""
        position = 0
        for match in [*CONTROL.finditer(text), None]:
            plain, position = text[position : match.start() if match else None], match.end() if match else 0
            sign = match[0] if match else ""
            for part in (plain, SIGNS.get(sign, "")):
                if part and not letters.hidden and not letters.deleted and "code" not in fields:
                    story.texts.append(self._shown(part, letters))
            if sign == FIELD:
                fields.append("code")
            elif sign == SEPARATOR and fields:
                fields[-1] = "result"
            elif sign == FIELD_END and fields:
                fields.pop()

    def _shown(self, text: str, letters: Letters) -> str:
        if letters.symbol is not None:
            font, code = letters.symbol
            return from_font(code, self._font(font)) * len(text)
        return translate(text, self._font(letters.font)).translate(CONTROLS)

    def _font(self, number: int | None) -> str | None:
        return self.file.fonts[number] if number is not None and number < len(self.file.fonts) else None

    def _end(self, story: Story, sign: str, marks: Marks) -> None:
        """End a paragraph, a cell or a row."""
        depth = marks.depth if marks.list else None
        about = Paragraph(marks.style, marks.outline, depth, min(marks.table, MAX_TABLES))
        if marks.ends_row and about.table:
            story.end_row(about.table, list(marks.merges))
        elif (sign == CELL or marks.ends_cell) and about.table:
            story.end_cell(about, about.table)
        else:
            story.end_paragraph(about)
