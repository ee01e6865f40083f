"""Bytes of unknown encoding → text."""

from __future__ import annotations

import codecs
import contextlib
import re

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
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARED = re.compile(rb"""(?:charset\s*=|<\?xml[^>]{0,100}?\sencoding\s*=)\s*["']?\s*([A-Za-z0-9_:.\-]+)""", re.I)
COMMENT = re.compile(rb"<!--.*?-->", re.S)
NOT_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "unicode-escape", "unicode_escape"}
ESCAPES = re.compile(rb"\x1b[$(]|\x0e|~\{|\+[A-Za-z0-9+/]{2}")  # how ISO 2022, HZ and UTF-7 write what is not ASCII
TERMINAL = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]|[\x01-\x08\x0c\x1a]")
CONTROL = re.compile(r"[\x00-\x07\x10-\x19\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd]")
LEADS = [bytes([byte]) for byte in range(0xC2, 0xF5)]  # first bytes of what is not ASCII in UTF-8
# A little cp1252: an apostrophe inside a word, a sign that is not between two letters, a letter of Western Europe that
# stands alone among others
PUNCTUATED = re.compile(
    r"(?:[\x00-\x7f]|’(?![a-z])|’(?=(?:s|t|re|ll|d|m|ve)\b)|(?<![A-Za-z])[–—‘“”…•€£©®™°§½«»·]|[–—”…©®™°»](?![A-Za-z])"
    r"|(?<![^\x00-\x7f])[äöüéèàçâêîôûëïñåæøíáóúÄÖÜÉ](?![^\x00-\x7fß])|[äöü]?ß(?![^\x00-\x7f]))*"
)
SAMPLE = 200_000  # bytes a guess looks at


class Undecodable(ValueError):
    """The bytes are text in no known encoding, or not text at all."""


def decode(data: bytes, *, declared: bool = False, label: str | None = None) -> str:
    """Read bytes as text: by byte-order mark, as UTF-8 if they are that, by what is declared, else by a guess.

    UTF-8 goes before a declaration, for text that is valid UTF-8 by chance is hardly ever seen, and false
    declarations often.

    declared (bool): Look for the charset that HTML and XML declare in their first 2,000 bytes.
    label (str | None): The charset that a protocol (a mail header) names.
    RETURNS (str): The text without byte-order mark, line ends as "\\n".
    RAISES (Undecodable): Binary data.
    """
    text = _decode(data, declared, label)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: bool, label: str | None) -> str:
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    if b"\x00" in data:
        return _decode_wide(data)
    if (text := _utf8(data)) is not None:
        return text
    names = [label] if label else []
    if declared:
        names += [match.group(1).decode("ascii") for match in DECLARED.finditer(COMMENT.sub(b"", data[:2000]))]
    for name in names:
        if (text := _declared(data, name)) is not None:
            return text
    return _guess(data)


def _decode_wide(data: bytes) -> str:
    """What holds zeros is UTF-16 or UTF-32 without a mark, text with stray zeros or filled up with them, or no text."""
    sample = data[: min(SAMPLE, len(data) // 2 * 2)]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if min(even, odd) < half / 20 and max(even, odd) > half / 4:  # Western UTF-16: nearly every second byte is zero
        return _checked(data.decode("utf-16-be" if even > odd else "utf-16-le", "replace"))
    encoding = guess_encoding(data) or ""
    if encoding.startswith(("utf-16", "utf-32")):
        return _checked(data.decode(encoding, "replace"))
    text = data.rstrip(b"\x00")
    if text.count(0) > len(text) / 10 or (len(text) < len(data) / 2 and _utf8(text) is None):
        raise Undecodable("binary data (zero bytes)")
    return _checked(_decode(text.replace(b"\x00", b" "), False, None))


def _utf8(data: bytes) -> str | None:
    """RETURNS (str | None): The text if it is UTF-8, or would be but for a few bytes or a cut at its end."""
    if data.isascii() and ESCAPES.search(data):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.start if error.start >= len(data) - 3 else len(data)
    with contextlib.suppress(UnicodeDecodeError):  # halves of surrogate pairs, as some programs write them
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = data.decode("utf-8", "replace")
    good = sum(map(data.count, LEADS)) - (cut < len(data))
    return text if good > 10 * (text.count("\ufffd") - (cut < len(data))) else None


def _declared(data: bytes, name: str) -> str | None:
    """RETURNS (str | None): The text, None where the declaration is unknown or cannot be true."""
    try:
        encoding = codecs.lookup(name).name
        if encoding in NOT_CHARSETS or encoding.startswith(("utf-16", "utf-32")):  # for there are no zeros
            return None
        return data.decode(USUAL.get(encoding, encoding))
    except (LookupError, ValueError):
        return None


def _guess(data: bytes) -> str:
    encoding = guess_encoding(data)
    if encoding is None:
        raise Undecodable("binary data")
    for name in (USUAL.get(encoding, encoding), encoding, "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(name)
            if not re.search("[\x80-\x84\x86-\x9f]", text):  # no text has these; a wrong guess leaves them
                return _checked(text)
    return _checked(data.decode("utf-8" if data.isascii() else encoding, "replace"))


def _checked(text: str) -> str:
    """RAISES (Undecodable): What was decoded is full of control characters, so it was no text."""
    head = text[:SAMPLE]
    if len(CONTROL.findall(head)) > max(1, len(head) / 50):
        raise Undecodable("binary data")
    return text


def guess_encoding(data: bytes) -> str | None:
    """RETURNS (str | None): The codec of the encoding that bytes most likely are text in; None for binary data."""
    import chardet

    if b"\x00" not in data and not data.isascii():
        first = re.search(rb"[\x80-\xff]", data).start()  # type: ignore[union-attr]
        if first > 1000:  # begin where there is something to go by
            data = data[data.rfind(b"\n", 0, first) + 1 :]
        few = sum(byte > 0x7F for byte in data[:SAMPLE]) <= 8
        if few and PUNCTUATED.fullmatch(data[:SAMPLE].decode("cp1252", "replace")):
            return "cp1252"  # a guess from so little goes wrong
    data = data[:SAMPLE]
    for sample in (data, TERMINAL.sub(b" ", data)):
        found = chardet.detect(sample, max_bytes=SAMPLE, compat_names=False)["encoding"]
        if found is not None:
            return codecs.lookup(found).name
    return "ascii" if data.isascii() else None
