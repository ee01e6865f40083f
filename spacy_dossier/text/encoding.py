"""Bytes of unknown encoding → text: for whole files, for streams, for parts of mails.

In this order: the byte-order mark; UTF-8, for text that is valid UTF-8 by chance is hardly ever seen, and false
declarations often; what is declared; what files of the language are usually written in; what chardet says, checked.
"""

from __future__ import annotations

import codecs
import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .words import word_set

# What is really used under these names, mostly as the WHATWG encoding standard has it.
USUAL = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "big5hkscs": "cp950",
    "shift_jis_2004": "cp932",
    "euc_jis_2004": "euc_jp",
}
# UTF-32 LE begins with the mark of UTF-16 LE, so it comes first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What files that are not UTF-8 are written in, by language.
BY_LANGUAGE = {
    **dict.fromkeys(("cs", "hr", "hu", "pl", "ro", "sk", "sl"), ("cp1250", "iso8859-2", "cp852")),
    **dict.fromkeys(("bg", "mk", "ru", "sr"), ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic")),
    **dict.fromkeys(("be", "uk"), ("cp1251", "koi8-u", "iso8859-5", "cp866")),
    **dict.fromkeys(("et", "lt", "lv"), ("cp1257", "iso8859-13", "iso8859-4", "cp775")),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256", "iso8859-6", "cp720")),
    "el": ("cp1253", "iso8859-7", "cp737"),
    "he": ("cp1255", "iso8859-8", "cp862"),
    "ja": ("cp932", "euc_jp", "iso2022_jp"),
    "ko": ("cp949", "johab", "iso2022_kr"),
    "th": ("cp874",),
    "tr": ("cp1254", "cp857", "mac-turkish"),
    "vi": ("cp1258",),
    "zh": ("gb18030", "cp950", "hz"),
}
IN_USE = {
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp437", "cp850", "cp852"),
    *("cp866", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-8", "koi8-r", "mac-roman", "mac-cyrillic"),
}
TWO_BYTES = {"gb18030", "cp950", "cp932", "cp949", "euc_jp", "johab", "euc_jis_2004", "shift_jisx0213", "big5hkscs"}
WESTERN = ("cp1252", "mac-roman", "cp850")  # the Windows, the Macintosh and the DOS of Western Europe
WESTERN_LANGUAGES = word_set("ca da de es eu fi fr ga gl is it lb nb nl nn no pt sv")
DECLARED = re.compile(
    rb"""(?:charset\s{0,9}=|<\?xml[^>]{0,100}?\sencoding\s{0,9}=)\s{0,9}["']?\s{0,9}([A-Za-z0-9_:.\-]+)""", re.I
)
NOT_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "unicode-escape", "unicode_escape"}
ESCAPES = re.compile(rb"\x1b[$(]|\x0e|~\{|\+[A-Za-z0-9+/]{2}")  # how ISO 2022, HZ and UTF-7 write what is not ASCII
TERMINAL = re.compile(rb"\x1b\[[0-9;]{0,20}[A-Za-z]|[\x01-\x08\x0c\x1a]")
CONTROL = re.compile(r"[\x00-\x07\x10-\x19\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd]")
C1 = re.compile("[\x80-\x84\x86-\x9f]")  # no text has these; a wrong guess leaves them
NOT_LEADS = bytes(byte for byte in range(256) if not 0xC2 <= byte <= 0xF4)  # all but first bytes of UTF-8 sequences
SURROGATES = re.compile(b"\xed[\xa0-\xbf][\x80-\xbf]")  # each half of a pair written apart, as some programs do
HIGH = bytes(range(0x80, 0x100))
LOST = "\ufffd"
SAMPLE = 200_000  # bytes a guess looks at
BLOCK = 1 << 20  # bytes read at a time
# How a guess about Western letters is checked: see likelihood(). Fitted to lines of 24 languages in 20 encodings, cut
# so short that they have 1 to 60 letters that are not ASCII: of 2,470 from Western Europe (Windows, Macintosh, DOS)
# 88 % are read right by chardet alone, 97 % with the check; of 2,263 others 90 % either way.
FEW = 25  # letters that are not ASCII, below which an encoding's frequency counts
AS_COMMON, RARELY = 0.05, 2.0  # for cp1252, and against what hardly anybody uses
AS_ODD, AS_RARE = 3.0, 0.3  # against signs of a wrong guess and letters that are rare in Western Europe
# Signs of a wrong guess: a capital or a symbol in the midst of a word, letters of two scripts in one word, a symbol
# where no one writes it, letters that are rare in the languages of WESTERN.
LATIN, OTHERS = "A-Za-z\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\u024f", "\u0370-\u03ff\u0400-\u052f\u0590-\u06ff"
SYMBOLS = "\xa1-\xa9\xab-\xb4\xb6\xb8\xb9\xbb-\xbf\xd7\xf7†‡‰‹›‚„‘“”…•\u02c6-\u02dd\u2200-\u22ff€ƒ◊"
UPPER = "".join(filter(str.isupper, map(chr, range(0xC0, 0x250))))
LOWER = "a-z" + "".join(filter(str.islower, map(chr, range(0xC0, 0x250))))
ODD = re.compile(
    rf"(?<=[{LOWER}])[{UPPER}]|(?<=[{LATIN}])[{UPPER}](?=[a-z])"
    rf"|(?<=[{LATIN}])[{SYMBOLS}](?=[{LATIN}])|(?<=[{LATIN}])[‡¥¢¤£‰‚„¿¡]|[†‡‰¥¢¤¦£€®©™](?=[{LATIN}])"
    r"|[\u2500-\u25ff\x80-\x84\x86-\x9f\ue000-\uf8ff¯¬¸¨ƒ◊\u02c6-\u02dd\u2200-\u22ffﬁﬂ]|(?<!\w)[çñãõêîôûëïüùìúâß](?!\w)"
    rf"|(?<=[{LATIN}])[{OTHERS}]|[{OTHERS}](?=[{LATIN}])|(?<![{OTHERS}])[{OTHERS}](?![{OTHERS}])"
    r"|(?<=\S)[“„¿¡](?![\w\"'‘«(…]|\Z)|(?<![\w.,;:!?…)%'’»\s])”"  # alone they may be tokens of a column file
)
CONTRACTED = re.compile(r"(?:(?<=[a-z])|(?<![^\s]))’(?:s|t|re|ll|d|m|ve)\b")  # a token by itself in a column file
MIXED = re.compile(rf"(?<=[{LATIN}])[{OTHERS}]|[{OTHERS}](?=[{LATIN}])")
RARE = re.compile(
    r"[ðþýÐÞÝšžŠŽÿŸ¦¬¹²³¼½¾¶·×÷]|(?<=[a-z])(?:–(?=[a-z])|—(?=\s|\Z))|(?<=[b-ce-km-rt-z])’(?!s\b|t\b|re\b|ll\b|d\b|m\b|ve\b)(?=[a-z])"
)
WORD = re.compile(rb"[A-Za-z\x80-\xff]{2,}")
ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")  # hardly ever seen in what has two bytes a sign


class Undecodable(ValueError):
    """The bytes are text in no known encoding, or not text at all."""


class Decoded(NamedTuple):
    """text: without byte-order mark, line ends as "\\n". lost: how many U+FFFD stand for what could not be decoded."""

    text: str
    encoding: str
    lost: int


class Encoding(NamedTuple):
    """codec: as Python calls it. mark: the byte-order mark, which is no part of the text."""

    codec: str
    mark: bytes = b""


def decode(data: bytes, *, declared: bool = False, label: str | None = None, lang: str | None = None) -> Decoded:
    """Read bytes as text.

    declared (bool): Look for the charset that HTML and XML declare in their first 2,000 bytes.
    label (str | None): The charset that a protocol (a mail header) names.
    lang (str | None): The language of the text, if it is known.
    RETURNS (Decoded): The text, and what is wrong with it.
    RAISES (Undecodable): Binary data.
    """
    codec, mark = find_encoding([data], declared=declared, label=label, lang=lang)
    data = data[len(mark) :]
    if codec not in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be") and b"\x00" in data:
        data = data.rstrip(b"\x00").replace(b"\x00", b" ")
    text, lost = _read(data, codec)
    if codec != "utf-8" and len(CONTROL.findall(text, 0, SAMPLE)) > max(1, min(len(text), SAMPLE) / 50):
        raise Undecodable("binary data")
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), codec, lost)


def _read(data: bytes, codec: str) -> tuple[str, int]:
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode(codec), 0
    genuine = data.count(LOST.encode()) if codec == "utf-8" else 0
    if codec == "utf-8":
        with contextlib.suppress(UnicodeDecodeError):  # halves of surrogate pairs, as some programs write them
            text = data.decode(codec, "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return text, text.count(LOST) - genuine
    text = data.decode(codec, "replace")
    return text, text.count(LOST) - genuine


def find_encoding(
    blocks: Iterable[bytes], *, declared: bool = False, label: str | None = None, lang: str | None = None
) -> Encoding:
    """Find out what a text is written in, in one pass and bounded memory: all that is not ASCII counts.

    blocks (Iterable[bytes]): The bytes, in pieces of any size.
    declared, label, lang: As for `decode`.
    RETURNS (Encoding): The codec; single bytes may still not be of it.
    RAISES (Undecodable): Binary data.
    """
    seen = Evidence()
    for block in blocks:
        seen.add(block)
    seen.finish()
    for mark, codec in MARKS:
        if seen.head.startswith(mark):
            return Encoding(codec, mark)
    if seen.zeros and (wide := _wide(seen)):
        return Encoding(wide)
    if seen.is_utf8:
        return Encoding("utf-8")
    names = [label] if label else []
    if declared:
        names += [match.group(1).decode("ascii") for match in DECLARED.finditer(_uncommented(seen.head[:2000]))]
    sample = seen.sample
    for name in names:
        if (known := _declared(sample, name)) is not None:
            return Encoding(known)
    return Encoding(guess_encoding(sample, lang=lang))


def file_blocks(path: Path) -> Iterator[bytes]:
    """YIELDS (bytes): The bytes of a file. RAISES (OSError): It cannot be read."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


@dataclass
class Evidence:
    """What of a stream tells its encoding.

    head (bytes): Its first bytes.
    lines (list[bytes]): Its lines that are not ASCII, every `stride`-th when there are many.
    """

    head: bytes = b""
    size: int = 0
    zeros: int = 0
    sequences: int = 0  # first bytes of UTF-8 sequences
    bad: int = 0  # places that are not UTF-8
    lines: list[bytes] = field(default_factory=list)
    stride: int = 1
    count: int = 0
    kept: int = 0
    rest: bytes = b""  # a line that goes on in the next block
    decoder: Any = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def add(self, block: bytes) -> None:
        if len(self.head) < SAMPLE:
            self.head += block[: SAMPLE - len(self.head)]
        self.size += len(block)
        self.zeros += block.count(0)
        if block.isascii() and not self.rest:
            self.bad += self.decoder.decode(block).startswith(LOST)
            return
        self.sequences += len(block.translate(None, NOT_LEADS))
        self.bad += self.decoder.decode(block).count(LOST) - block.count(LOST.encode())
        self.bad -= 3 * len(SURROGATES.findall(block))
        block = self.rest + block
        end = block.rfind(b"\n") + 1
        if len(block) - end > SAMPLE:  # a line without end
            end = len(block)
        self.rest = block[end:] if not block[end:].isascii() else b""
        self.keep(block[:end])

    def keep(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if line.isascii():
                continue
            self.count += 1
            if self.count % self.stride == 0:
                self.lines.append(line[:SAMPLE])
                self.kept += len(line[:SAMPLE]) + 1
        while self.kept > 2 * SAMPLE and len(self.lines) > 1:
            self.lines, self.stride = self.lines[::2], 2 * self.stride
            self.kept = sum(len(line) + 1 for line in self.lines)

    def finish(self) -> None:
        self.keep(self.rest)
        cut = self.decoder.decode(b"", final=True)  # a file that ends inside a character
        self.sequences -= len(cut)

    @property
    def sample(self) -> bytes:
        """Lines that are not ASCII; else the head, for ISO 2022, HZ and UTF-7 are ASCII."""
        return b"\n".join(self.lines) or self.head

    @property
    def is_utf8(self) -> bool:
        """It is UTF-8, or would be but for a few bytes or a cut at its end."""
        if not self.lines:
            return ESCAPES.search(self.head) is None
        return (self.bad == 0 and self.sequences > 0) or self.sequences - self.bad > 10 * self.bad


def _wide(seen: Evidence) -> str | None:
    """RETURNS (str | None): UTF-16 or UTF-32 without a mark; None for text with stray zeros or filled up with them.

    RAISES (Undecodable): No text.
    """
    sample = seen.head[: len(seen.head) // 2 * 2]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if min(even, odd) < half / 20 and max(even, odd) > half / 4:  # Western UTF-16: nearly every second byte is zero
        return "utf-16-be" if even > odd else "utf-16-le"
    found = next(iter(_chardet(seen.head)), "")
    if found.startswith(("utf-16", "utf-32")):
        return found
    text = seen.head.rstrip(b"\x00")
    if text.count(0) > len(text) / 10 or (len(text) < len(seen.head) / 2 and not seen.is_utf8):
        raise Undecodable("binary data (zero bytes)")
    return None


def _uncommented(head: bytes) -> bytes:
    """RETURNS (bytes): The head of a page without its comments."""
    parts = head.split(b"<!--")
    return parts[0] + b"".join(part.partition(b"-->")[2] for part in parts[1:])


def _declared(sample: bytes, name: str) -> str | None:
    """RETURNS (str | None): The codec, None where the declaration is unknown or cannot be true."""
    try:
        codec = codecs.lookup(name).name
        if codec in NOT_CHARSETS or codec.startswith(("utf-16", "utf-32", "utf-8")):  # for it is none of them
            return None
        codec = USUAL.get(codec, codec)
        sample.decode(codec)
    except (LookupError, ValueError):
        return None
    return codec


def guess_encoding(sample: bytes, *, lang: str | None = None) -> str:
    """Guess from text that is not UTF-8.

    sample (bytes): Lines of the text.
    lang (str | None): Its language, if it is known.
    RETURNS (str): A codec. RAISES (Undecodable): Binary data.
    """
    sample = sample[:SAMPLE]
    usual = [codec for codec in BY_LANGUAGE.get(lang or "", ()) if _fits(sample, codec)]
    if usual:
        return next((codec for codec in _chardet(sample, usual) if codec in usual), usual[0])
    likely = _chardet(sample) or _chardet(TERMINAL.sub(b" ", sample))
    if lang in WESTERN_LANGUAGES and (western := _western(sample, likely)):
        return western
    if not likely:
        if sample.isascii():
            return "utf-8"
        raise Undecodable("binary data")
    found = next(iter(likely))
    high = len(sample) - len(sample.translate(None, HIGH))
    if not high and found == USUAL["ascii"]:
        return "utf-8"
    if not high or (found in TWO_BYTES and not ALONE.search(sample)):
        return _fitting(sample, found)
    words = [word for word in WORD.findall(sample) if not word.isascii()]
    foreign = sum(len(word) - len(word.translate(None, HIGH)) for word in words)
    texts = {codec: sample.decode(codec) for codec in (found, *WESTERN) if _fits(sample, codec)}
    if 2 * foreign > sum(map(len, words)) and not (found in texts and MIXED.search(texts[found])):
        return _fitting(sample, found)  # in the Latin script accented letters stand beside plain ones
    if not texts:
        return _fitting(sample, found)
    return _likeliest(texts, likely, high)


def _western(sample: bytes, likely: dict[str, float]) -> str | None:
    """RETURNS (str | None): The likeliest encoding of Western Europe; `None` if the bytes are in none."""
    texts = {codec: sample.decode(codec) for codec in WESTERN if _fits(sample, codec)}
    high = len(sample) - len(sample.translate(None, HIGH))
    return _likeliest(texts, likely, high) if texts and high else None


def _likeliest(texts: dict[str, str], likely: dict[str, float], high: int) -> str:
    """RETURNS (str): The likeliest of several encodings of a text in the Latin script."""
    least = min(likely.values(), default=1.0) / 2
    return max(texts, key=lambda codec: _likelihood(codec, texts[codec], likely.get(codec, least), high))


def _likelihood(codec: str, text: str, confidence: float, high: int) -> float:
    """Score an encoding for a text in the Latin script.

    confidence (float): What chardet gives it.
    high (int): How many bytes of the text are not ASCII.
    """
    odd = len(ODD.findall(text)) - 0.5 * len(CONTRACTED.findall(text))
    if re.search("[àèòù]", text):  # the dotless i is Turkish, and these are not
        odd += text.count("ı")
    short = max(0.0, 1 - high / FEW)
    prior = AS_COMMON if codec == "cp1252" else AS_COMMON / 2 if codec in WESTERN else 0.0
    prior -= 0.0 if codec in IN_USE or codec in TWO_BYTES else RARELY
    return math.log(confidence) - (AS_ODD * odd + AS_RARE * len(RARE.findall(text))) / high + prior * short


def _fitting(sample: bytes, found: str) -> str:
    """RETURNS (str): An encoding, or cp1252 where that does not have all the bytes and cp1252 has."""
    return next((codec for codec in (found, "cp1252") if _fits(sample, codec)), found)


def _fits(sample: bytes, codec: str) -> bool:
    try:
        return C1.search(sample.decode(codec)) is None
    except UnicodeDecodeError:
        return False


def _chardet(sample: bytes, among: Sequence[str] = ()) -> dict[str, float]:
    """RETURNS (dict[str, float]): Codecs, as they are usually meant, and how sure chardet is; the likeliest first."""
    import chardet

    found = chardet.detect_all(
        sample[:SAMPLE],
        ignore_threshold=True,
        max_bytes=SAMPLE,
        compat_names=False,
        include_encodings=among or None,
        no_match_encoding=among[0] if among else "cp1252",
    )
    likely: dict[str, float] = {}
    for one in found:
        if one["encoding"] is not None:
            codec = codecs.lookup(one["encoding"]).name
            likely.setdefault(USUAL.get(codec, codec), max(one["confidence"], 1e-9))
    return likely
