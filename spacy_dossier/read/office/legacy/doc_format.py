"""The structures of a Word 97 to 2003 file (MS-DOC): pieces of text, properties of letters and paragraphs, styles."""

from __future__ import annotations

import io
import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import olefile

from ...document import Unreadable
from .rtf_story import BODY_LEVEL, Merge, Style

NO_STYLE = 0xFFF
WORD_97, WORD_95 = 0xA5EC, 0xA5DC
ENCRYPTED, TABLE_1 = 0x0100, 0x0200  # flags of the header
LENGTHS = ("text", "footnotes", "headers", "macros", "comments", "endnotes", "boxes")
FIRST_LENGTH, FIRST_PLACE, PAGE = 0x4C, 0x9A, 512
# Numbers of the structures in the table stream, of those that the header lists.
STYLES, NOTE_REFS, NOTE_TEXTS, HEADERS, CHARACTERS, PARAGRAPHS, FONTS, PIECES = 1, 2, 3, 11, 12, 13, 15, 33
END_REFS, END_TEXTS, BOXES = 46, 47, 56
OPERANDS = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}  # bytes of an operand, by the top bits of its code; 6 tells
DELETED, HIDDEN, SYMBOL, CHARACTER_STYLE, FONT = 0x0800, 0x083C, 0x6A09, 0x4A30, 0x4A4F
IN_TABLE, ROW_END, TABLE_DEPTH, INNER_CELL, INNER_ROW_END = 0x2416, 0x2417, 0x6649, 0x244B, 0x244C
LIST_LEVEL, LIST, OUTLINE, TABLE_SHAPE, TABS = 0x260A, 0x460B, 0x2640, 0xD608, 0xC615
SHORT = {0x41: DELETED, 0x5C: HIDDEN, 0x18: IN_TABLE, 0x19: ROW_END}  # what a piece may set in one byte
# Names of built-in styles by number, whatever the language of the program calls them.
BUILT_IN = {
    **{number: f"heading {number}" for number in range(1, 10)},
    **{number + 18: f"toc {number}" for number in range(1, 10)},
    **{34: "caption", 62: "title", 101: "html preformatted", 180: "quote", 181: "intense quote"},
}

Run = tuple[int, int, bytes]
"""First byte of the file, byte after the last, and the properties of what lies between."""


def settings(grpprl: bytes) -> Iterator[tuple[int, bytes]]:
    """YIELDS (tuple[int, bytes]): The codes of a list of properties, and their operands."""
    position = 0
    while position + 2 < len(grpprl):
        (code,) = struct.unpack_from("<H", grpprl, position)
        position += 2
        size = OPERANDS.get(code >> 13)
        if code == TABLE_SHAPE:
            (size,) = struct.unpack_from("<H", grpprl, position)
            position, size = position + 2, size - 1
        elif size is None:
            size = grpprl[position]
            if code == TABS and size == 255:  # counts what it deletes and adds
                deleted = grpprl[position + 1]
                size = 2 + deleted * 4 + grpprl[position + 2 + deleted * 4] * 3
            position += 1
        yield code, grpprl[position : position + size]
        position += size


@dataclass(frozen=True)
class Letters:
    """How letters look. symbol (tuple[int, int] | None): Font and code of a symbol in their place."""

    hidden: bool = False
    deleted: bool = False
    font: int | None = None
    symbol: tuple[int, int] | None = None


@dataclass(frozen=True)
class Marks:
    """What is set at the mark of a paragraph. merges (tuple[Merge, ...]): Of the cells of the row that it ends."""

    style: int = 0
    outline: int | None = None
    list: int = 0
    depth: int = 0
    table: int = 0
    ends_cell: bool = False
    ends_row: bool = False
    merges: tuple[Merge, ...] = ()


class WordFile:
    """A file and its structures.

    text (str): All stories, one character a UTF-16 unit.
    RAISES (Unreadable): Encrypted, older than Word 97, or broken.
    """

    def __init__(self, data: bytes) -> None:
        with olefile.OleFileIO(io.BytesIO(data)) as compound:
            self.main = compound.openstream("WordDocument").read()
            ident, flags = struct.unpack_from("<H8xH", self.main)
            if ident == WORD_95:
                raise Unreadable("Unsupported", "Word 6 and 95 are not read; convert it first, for example to .docx")
            if ident != WORD_97:
                raise Unreadable("Corrupt", "its header is not that of a Word document")
            if flags & ENCRYPTED:
                raise Unreadable("PasswordProtected", "the document is protected by a password")
            self.table = compound.openstream("1Table" if flags & TABLE_1 else "0Table").read()
        self.lengths = dict(zip(LENGTHS, struct.unpack_from("<7i", self.main, FIRST_LENGTH), strict=True))
        self._read_pieces()
        self.letter_runs = list(self._runs(CHARACTERS, self._character_page))
        self.paragraph_runs = list(self._runs(PARAGRAPHS, self._paragraph_page))
        self.letter_starts = [run[0] for run in self.letter_runs]
        self.paragraph_starts = [run[0] for run in self.paragraph_runs]
        self.fonts = list(self._fonts())
        self.styles: dict[int, Style] = {}
        self.style_letters: dict[int, bytes] = {}
        self._read_styles()

    def place(self, number: int) -> bytes:
        """RETURNS (bytes): A structure in the table stream; none where the header names none."""
        offset, size = struct.unpack_from("<II", self.main, FIRST_PLACE + number * 8)
        return self.table[offset : offset + size]

    def positions(self, number: int, item: int) -> list[int]:
        """RETURNS (list[int]): The positions of a list. item (int): Bytes of what stands beside each."""
        data = self.place(number)
        count = (len(data) - 4) // (4 + item)
        return list(struct.unpack_from(f"<{count + 1}I", data)) if count > 0 else []

    def span(self, name: str) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): First and last position of a story, the last not in it."""
        start = sum(self.lengths[before] for before in LENGTHS[: LENGTHS.index(name)])
        return start, start + self.lengths[name]

    def _read_pieces(self) -> None:
        data, position = self.place(PIECES), 0
        lists: list[bytes] = []
        while data[position : position + 1] == b"\1":
            (size,) = struct.unpack_from("<H", data, position + 1)
            lists.append(data[position + 3 : position + 3 + size])
            position += 3 + size
        if data[position : position + 1] != b"\2":
            raise Unreadable("Corrupt", "the list of its pieces is broken")
        data = data[position + 5 :]
        count = (len(data) - 4) // 12
        starts = struct.unpack_from(f"<{count + 1}I", data)
        texts: list[str] = []
        self.pieces: list[tuple[int, int, int, bytes]] = []  # position, byte in the file, bytes a letter, properties
        for index in range(count):
            offset, short = struct.unpack_from("<2xIH", data, (count + 1) * 4 + index * 8)
            length = starts[index + 1] - starts[index]
            if offset & 0x40000000:
                offset, width = (offset & 0x3FFFFFFF) // 2, 1
                texts.append(self.main[offset : offset + length].decode("cp1252", "replace"))
            else:
                width = 2
                units = array("H", self.main[offset : offset + length * 2])
                texts.append("".join(map(chr, units)))
            if short & 1:
                extra = lists[short >> 1] if short >> 1 < len(lists) else b""
            else:
                code = SHORT.get(short >> 1 & 0x7F)
                extra = struct.pack("<HB", code, short >> 8) if code else b""
            self.pieces.append((starts[index], offset, width, extra))
        self.text = "".join(texts)
        self.piece_starts = [piece[0] for piece in self.pieces]
        if len(self.text) < sum(self.lengths.values()):
            raise Unreadable("Corrupt", "its text is cut off")

    def _runs(self, number: int, read: Callable[[bytes], Iterable[Run]]) -> Iterator[Run]:
        """YIELDS (Run): The runs in all pages of a kind."""
        data = self.place(number)
        count = (len(data) - 4) // 8
        for page in struct.unpack_from(f"<{count}I", data, (count + 1) * 4) if count > 0 else ():
            found = self.main[(page & 0x3FFFFF) * PAGE :][:PAGE]
            if len(found) == PAGE:
                yield from read(found)

    @staticmethod
    def _character_page(page: bytes) -> Iterator[Run]:
        count = page[-1]
        starts = struct.unpack_from(f"<{count + 1}I", page)
        for index in range(count):
            offset = page[(count + 1) * 4 + index] * 2
            yield starts[index], starts[index + 1], page[offset + 1 :][: page[offset]] if offset else b""

    @staticmethod
    def _paragraph_page(page: bytes) -> Iterator[Run]:
        count = page[-1]
        starts = struct.unpack_from(f"<{count + 1}I", page)
        for index in range(count):
            offset = page[(count + 1) * 4 + index * 13] * 2
            size = page[offset] * 2 - 1 if page[offset] else page[offset + 1] * 2
            offset += 1 if page[offset] else 2
            yield starts[index], starts[index + 1], page[offset:][:size]

    def _fonts(self) -> Iterator[str]:
        data, position = self.place(FONTS), 4
        while position < len(data):
            entry = data[position + 40 : position + 1 + data[position]]
            yield entry.decode("utf-16-le", "ignore").partition("\0")[0]
            position += 1 + data[position]

    def _read_styles(self) -> None:
        data = self.place(STYLES)
        size, count, base = struct.unpack_from("<HHH", data)
        position = 2 + size
        for number in range(count):
            (size,) = struct.unpack_from("<H", data, position)
            if size:
                self._read_style(number, data[position + 2 : position + 2 + size], base)
            position += 2 + size

    def _read_style(self, number: int, data: bytes, base: int) -> None:
        built_in, family = struct.unpack_from("<HH", data)
        kind, parent = family & 0xF, family >> 4
        (length,) = struct.unpack_from("<H", data, base)
        name = data[base + 2 : base + 2 + length * 2].decode("utf-16-le", "ignore")
        position = base + 4 + length * 2
        parts: list[bytes] = []
        while position + 2 <= len(data):
            (size,) = struct.unpack_from("<H", data, position)
            parts.append(data[position + 2 : position + 2 + size])
            position += 2 + size + size % 2
        if kind == 1 and parts:
            levels = (operand[0] for code, operand in settings(parts[0][2:]) if code == OUTLINE and operand)
            outline = next(levels, BODY_LEVEL)
            based_on = parent if parent != NO_STYLE else None
            self.styles[number] = Style(BUILT_IN.get(built_in & 0xFFF, name), based_on, outline)
        self.style_letters[number] = b"".join(parts[1:] if kind == 1 else parts[:1] if kind == 2 else ())

    def _byte(self, position: int) -> tuple[int, int, int, bytes]:
        """RETURNS (tuple): Byte of a letter in the file, its width, where its piece ends, and what that sets."""
        index = bisect_right(self.piece_starts, position) - 1
        start, offset, width, extra = self.pieces[index]
        end = self.piece_starts[index + 1] if index + 1 < len(self.pieces) else len(self.text)
        return offset + (position - start) * width, width, end, extra

    def letters(self, position: int, end: int, style: int) -> Iterator[tuple[int, int, Letters]]:
        """YIELDS (tuple[int, int, Letters]): The runs of a paragraph that look alike. style (int): Of the paragraph."""
        base = self._apply(Letters(), self.style_letters.get(style, b""))
        while position < end:
            byte, width, piece_end, extra = self._byte(position)
            index = bisect_right(self.letter_starts, byte) - 1
            stop, grpprl = min(piece_end, end), b""
            if index >= 0 and byte < self.letter_runs[index][1]:
                grpprl = self.letter_runs[index][2]
                stop = min(stop, position + max(1, (self.letter_runs[index][1] - byte) // width))
            elif index + 1 < len(self.letter_starts):
                stop = min(stop, position + max(1, (self.letter_starts[index + 1] - byte) // width))
            yield position, stop, self._apply(base, grpprl + extra)
            position = stop

    def _apply(self, letters: Letters, grpprl: bytes) -> Letters:
        style = letters
        for code, operand in settings(grpprl):
            if code == CHARACTER_STYLE:
                inherited = self.style_letters.get(struct.unpack("<H", operand)[0], b"")
                letters = style = (
                    self._apply(letters, inherited) if CHARACTER_STYLE not in dict(settings(inherited)) else letters
                )
            elif code == HIDDEN:  # 0x80 is as the style says, 0x81 the opposite
                letters = replace(letters, hidden=bool(operand[0] & 1) ^ (operand[0] & 0x80 > 0 and style.hidden))
            elif code == DELETED:
                letters = replace(letters, deleted=bool(operand[0] & 1))
            elif code == FONT:
                letters = replace(letters, font=struct.unpack("<H", operand)[0])
            elif code == SYMBOL:
                letters = replace(letters, symbol=struct.unpack("<HH", operand))
        return letters

    def marks(self, position: int) -> Marks:
        """RETURNS (Marks): What is set for the paragraph whose mark stands here."""
        byte, _, _, extra = self._byte(position)
        index = bisect_right(self.paragraph_starts, byte) - 1
        data = self.paragraph_runs[index][2] if index >= 0 and byte < self.paragraph_runs[index][1] else b"\0\0"
        marks = Marks(style=struct.unpack_from("<H", data)[0] if len(data) > 1 else 0)
        for code, operand in settings(data[2:] + extra):
            value = int.from_bytes(operand[:4], "little")
            if code == IN_TABLE:
                marks = replace(marks, table=max(marks.table, value))
            elif code == TABLE_DEPTH:
                marks = replace(marks, table=value)
            elif code in (ROW_END, INNER_ROW_END):
                marks = replace(marks, ends_row=marks.ends_row or value > 0)
            elif code == INNER_CELL:
                marks = replace(marks, ends_cell=value > 0)
            elif code == LIST:
                marks = replace(marks, list=value)
            elif code == LIST_LEVEL:
                marks = replace(marks, depth=value)
            elif code == OUTLINE:
                marks = replace(marks, outline=value)
            elif code == TABLE_SHAPE:
                marks = replace(marks, merges=tuple(_merges(operand)))
        return marks


def _merges(shape: bytes) -> Iterator[Merge]:
    """YIELDS (Merge): Of each cell of a row."""
    count = shape[0] if shape else 0
    first = 1 + (count + 1) * 2
    for index in range(count):
        flags = int.from_bytes(shape[first + index * 20 :][:2], "little")
        yield flags & 3 == 1, flags >> 5 & 3 == 1
