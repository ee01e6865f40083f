"""Rich Text Format (1.9.1): what Word shows, with tracked changes accepted.

Left out: deleted and hidden text, comments, the marks and numbers of lists, pictures and their descriptions.
"""

from __future__ import annotations

import codecs
import re
from copy import copy
from dataclasses import dataclass, field, replace

from ....text.words import word_set
from ...document import Block, Document, Unreadable
from ..layout import CONTROLS, join_code
from ..symbols import FONTS, from_font, translate
from .rtf_story import BODY_LEVEL, Merge, Paragraph, Story, Style

TOKEN = re.compile(
    rb"""\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?\ ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])"""
    rb"""|(?P<brace>[{}])|[\r\n\0]+|(?P<text>[^\\{}\r\n\0]+)|.""",
    re.X | re.S,
)
CHARSETS = {
    **{0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950"},
    **{161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251"},
    **{222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850"},
}
CODE_PAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
MAX_TABLES = 50  # inside one another
MAC_ROMAN = 10000  # the number that Windows gives it
WORDS = {
    **{"tab": "\t", "line": "\n", "softline": "\n", "lbr": "\n", "page": "\n", "column": "\n", "emdash": "—"},
    **{"endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"},
    **{"emspace": "\u2003", "enspace": "\u2002", "qmspace": "\u2005", "zwj": "\u200d", "zwnj": "\u200c"},
    **{"zwbo": "\u200b", "zwnbo": "\u2060", "ltrmark": "\u200e", "rtlmark": "\u200f"},
}
SIGNS = {b"~": "\u00a0", b"_": "\u2011", b"{": "{", b"}": "}", b"\\": "\\", b"\t": "\t"}
# Groups that are no text, besides those that begin with \* and are not in STARRED.
SKIPPED = word_set(
    """colortbl filetbl info pict nonshppict shprslt nonesttables xe tc txe rxe template private ftnsep ftnsepc ftncn
    aftnsep aftnsepc aftncn sp mmathPict falt objdata"""
)
STARRED = word_set("shpinst ud moMath moMathPara do")
PLACES = {"fonttbl": "fonts", "stylesheet": "styles", "fldinst": "code", "nesttableprops": "inner row"}
STORIES = word_set("footnote shptxt dptxbxtext header headerl headerr headerf footer footerl footerr footerf")
FIELD_SYMBOL = re.compile(r"""\s*SYMBOL\s+(0x[0-9a-f]+|\d+)(?:.*?\\f\s*"?([^"\\]+))?""", re.I)


@dataclass
class Font:
    name: str = ""
    codec: str | None = None  # None: that of the file


@dataclass
class State:
    """What a group inherits, and gives up at its end.

    role (str): What the story is, such as "footnote".
    place (str): Where text goes: "text", "skipped", "fonts", "styles", "code" of a field, "inner row",
        "other reading" of one that an old reader does not understand.
    fallback (int): How many characters after a \\u stand for it.
    """

    story: Story
    role: str = "body"
    place: str = "text"
    font: int | None = None
    hidden: bool = False
    deleted: bool = False
    fallback: int = 1
    about: Paragraph = field(default_factory=Paragraph)


def read_rtf(data: bytes, name: str) -> Document:
    """Read a Rich Text file. RAISES (Unreadable): It does not begin or end as one."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("Corrupt", "does not begin as Rich Text does")
    return Document(Reader(data).blocks())


class Reader:
    """Reads a file from its first to its last byte.

    raw (bytearray): Bytes in the code page of the font that are not decoded yet, for a letter may have two.
    collected (list[str]): The code of a field or the name of a style.
    skip (int): Characters to come that stand for the last \\u.
    starred (bool): The last sign was \\*.
    merges (dict[str, list[Merge]]): Of the cells of the row, and of the "inner row" of a table in a table.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.codec = "cp1252"
        self.default_font: int | None = None
        self.fonts: dict[int, Font] = {}
        self.styles: dict[int, Style] = {}
        self.edges: dict[str, list[Block]] = {}
        self.edge_pages = {"", "r"}  # pages whose headers are shown
        self.endnotes: list[Block] = []
        self.body = Story(self.styles)
        self.state = State(self.body)
        self.stack: list[State] = []
        self.raw = bytearray()
        self.collected: list[str] = []
        self.style = (0, Style())
        self.skip = 0
        self.starred = False
        self.merges: dict[str, list[Merge]] = {"text": [], "inner row": []}
        self.merge: Merge = (False, False)

    def blocks(self) -> list[Block]:
        """RETURNS (list[Block]): Page headers, the text with its footnotes, endnotes, page footers."""
        position = 0
        while (match := TOKEN.match(self.data, position)) is not None:
            position = match.end()
            if match["word"]:
                number = int(match["number"]) if match["number"] else None
                if match["word"] == b"bin":
                    position += max(number or 0, 0)
                else:
                    self._word(match["word"].decode("ascii"), number)
            elif match["hex"]:
                self._bytes(bytes([int(match["hex"], 16)]))
            elif match["text"]:
                self._bytes(match["text"])
            elif match["brace"] == b"{":
                self._open()
            elif match["brace"]:
                self._close()
                if not self.stack:  # what follows the last group is not shown
                    break
            elif match["sign"]:
                self._sign(match["sign"])
        if self.stack:
            raise Unreadable("Corrupt", "ends before its last group does")
        self._flush()
        return [
            *self._shown_edges("header"),
            *join_code(self.body.blocks()),
            *self.endnotes,
            *self._shown_edges("footer"),
        ]

    def _shown_edges(self, edge: str) -> list[Block]:
        """RETURNS (list[Block]): Headers or footers that some page shows, each text once."""
        found = {b.text: b for page in self.edge_pages for b in self.edges.get(edge + page, ())}
        return [Block("page_header" if edge == "header" else "page_footer", text) for text in found]

    def _open(self) -> None:
        self._flush()
        self.skip = 0
        self.starred = False
        self.stack.append(self.state)
        self.state = copy(self.state)

    def _close(self) -> None:
        self._flush()
        self.skip = 0
        ended, self.state = self.state, self.stack.pop()
        if ended.place == "styles" and self.state.place == "styles":
            number, style = self.style
            name, self.collected = "".join(self.collected).partition(";")[0].strip(), []
            self.styles[number] = replace(style, name=name)
            self.style = (0, Style())
        elif ended.place == "code" and self.state.place != "code":
            symbol = FIELD_SYMBOL.match("".join(self.collected))
            self.collected = []
            if symbol:
                self._text(from_font(int(symbol[1], 0), (symbol[2] or "Symbol").strip()))
        if ended.story is not self.state.story or not self.stack:
            ended.story.end_paragraph(ended.about)
        if ended.story is not self.state.story:
            self._end_story(ended)

    def _end_story(self, ended: State) -> None:
        blocks = ended.story.blocks()
        if ended.role in ("footnote", "endnote"):
            blocks = [b if b.kind == "table" else Block("footnote", b.text) for b in blocks]
        if ended.role == "endnote":
            self.endnotes += blocks
        elif ended.role.startswith(("header", "footer")):
            self.edges.setdefault(ended.role, []).extend(blocks)
        elif self._is_read():
            self.state.story.after += blocks

    def _is_read(self) -> bool:
        return self.state.place == "text" and not self.state.hidden and not self.state.deleted

    def _bytes(self, data: bytes) -> None:
        if self.skip:
            skipped = min(self.skip, len(data))
            self.skip -= skipped
            data = data[skipped:]
        self.starred = False
        self.raw += data

    def _flush(self) -> None:
        """Decode the bytes that were read, by the code page of the font."""
        if not self.raw:
            return
        data, self.raw = bytes(self.raw), bytearray()
        font = self.fonts.get(-1 if self.state.font is None else self.state.font, Font())
        if font.name.lower() in FONTS and self.state.place == "text":
            self._text("".join(from_font(byte, font.name) for byte in data))
        else:
            codec = font.codec if self.state.place in ("text", "code") else None
            self._text(data.decode(codec or self.codec, "replace"))

    def _text(self, text: str) -> None:
        if self.state.place in ("styles", "code"):
            self.collected.append(text)
        elif self.state.place == "fonts" and self.state.font is not None:
            font = self.fonts.setdefault(self.state.font, Font())
            font.name = (font.name + text).partition(";")[0].strip()
        elif self._is_read():
            self.state.story.texts.append(text.translate(CONTROLS))

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self.starred = True
        elif sign in (b"\r", b"\n"):
            self._word("par", None)
        elif self.skip:
            self.skip -= 1
        elif sign in SIGNS:
            self._flush()
            self._text(SIGNS[sign])

    def _word(self, word: str, number: int | None) -> None:
        """Obey a control word."""
        starred, self.starred = self.starred, False
        if word == "u" and number is not None:
            self._flush()
            font = self.fonts.get(-1 if self.state.font is None else self.state.font, Font())
            self._text(translate(chr(number % 0x10000), font.name))
            self.skip = self.state.fallback
            return
        if self.skip:
            self.skip -= 1
            return
        self._flush()
        if self._begin_group(word, starred):
            return
        if self.state.place == "fonts":
            self._font_word(word, number)
        elif self.state.place == "styles":
            self._style_word(word, number)
        else:
            if word in WORDS:
                self._text(WORDS[word])
            self._paragraph_word(word, number)
            self._table_word(word)
        self._state_word(word, number)

    def _begin_group(self, word: str, starred: bool) -> bool:
        """RETURNS (bool): Did a word say what the group is?"""
        state = self.state
        if word in PLACES:
            if state.place != "skipped":
                state.place = PLACES[word]
        elif word in ("pntext", "listtext", "pn"):
            self.stack[-1].about = replace(self.stack[-1].about, depth=self.stack[-1].about.depth or 0)
            state.place = "skipped"
        elif word in SKIPPED or (starred and word not in STARRED and word not in STORIES):
            state.place = "skipped"
        elif word == "upr":  # two readings; the first is for old readers
            state.place = "other reading" if state.place == "text" else state.place
        elif word == "ud":
            state.place = "text" if state.place == "other reading" else state.place
        elif word in STORIES:
            if state.place != "skipped":
                self.state = State(Story(self.styles), role=word, fallback=state.fallback, font=self.default_font)
        else:
            return False
        return True

    def _state_word(self, word: str, number: int | None) -> None:
        """Obey a word about letters or the whole file."""
        state = self.state
        on = number != 0
        if word == "f":
            state.font = number
        elif word == "plain":
            state.font, state.hidden, state.deleted = self.default_font, False, False
        elif word == "v":
            state.hidden = on
        elif word == "deleted":
            state.deleted = on
        elif word == "uc":
            state.fallback = max(number or 0, 0)
        elif word == "ftnalt" and state.role == "footnote":
            state.role = "endnote"
        elif word == "deff":
            self.default_font = state.font = number
        elif word in CODE_PAGES:
            self.codec = CODE_PAGES[word]
        elif word == "ansicpg":
            self.codec = _codec(number) or self.codec
        elif word == "titlepg":
            self.edge_pages.add("f")
        elif word == "facingp":
            self.edge_pages.add("l")

    def _font_word(self, word: str, number: int | None) -> None:
        if word == "f":
            self.state.font = number
        elif self.state.font is not None and word in ("fcharset", "cpg"):
            font = self.fonts.setdefault(self.state.font, Font())
            codec = CHARSETS.get(number or 0) if word == "fcharset" else _codec(number)
            font.codec = codec or font.codec

    def _style_word(self, word: str, number: int | None) -> None:
        key, style = self.style
        if word in ("s", "cs", "ds", "ts"):  # of letters, sections and tables: no paragraphs
            self.style = (number or 0 if word == "s" else -1, style)
        elif word == "sbasedon":
            self.style = (key, replace(style, based_on=number))
        elif word == "outlinelevel":
            self.style = (key, replace(style, outline=BODY_LEVEL if number is None else number))

    def _paragraph_word(self, word: str, number: int | None) -> None:
        """Obey a word about paragraphs."""
        state = self.state
        about = state.about
        if word in ("par", "sect"):
            if state.place == "text" and not state.deleted:
                state.story.end_paragraph(about)
        elif word == "pard":
            state.about = Paragraph()
        elif word == "s":
            state.about = replace(about, style=number or 0)
        elif word == "outlinelevel":
            state.about = replace(about, outline=number)
        elif word == "ls":
            state.about = replace(about, depth=(about.depth or 0) if number else None)
        elif word == "ilvl" and about.depth is not None:
            state.about = replace(about, depth=number or 0)
        elif word == "intbl":
            state.about = replace(about, table=max(about.table, 1))
        elif word == "itap":
            state.about = replace(about, table=min(max(number or 0, 0), MAX_TABLES))

    def _table_word(self, word: str) -> None:
        """Obey a word about tables."""
        state = self.state
        place = "inner row" if state.place == "inner row" else "text"
        if word == "trowd":
            self.merges[place], self.merge = [], (False, False)
        elif word == "clmrg":
            self.merge = (True, self.merge[1])
        elif word == "clvmrg":
            self.merge = (self.merge[0], True)
        elif word == "cellx":
            self.merges[place].append(self.merge)
            self.merge = (False, False)
        elif word in ("cell", "nestcell") and state.place == "text":
            state.story.end_cell(state.about, 1 if word == "cell" else max(state.about.table, 2))
        elif word == "row" and state.place == "text":
            state.story.end_row(1, self.merges["text"])
        elif word == "nestrow":
            state.story.end_row(max(state.about.table, 2), self.merges["inner row"])


def _codec(page: int | None) -> str | None:
    """RETURNS (str | None): The codec of a Windows code page; None where it is not known."""
    name = "utf-8" if page == 65001 else "mac_roman" if page == MAC_ROMAN else f"cp{page}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
