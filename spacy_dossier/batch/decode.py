"""Bytes of unknown encoding → text."""

from __future__ import annotations

import codecs
import re

# What the WHATWG encoding standard reads for these labels: the superset that documents so labelled really use.
WHATWG = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARED = re.compile(rb"""(?:charset\s*=|<\?xml[^>]{0,100}?\sencoding\s*=)\s*["']?\s*([A-Za-z0-9_:.\-]+)""", re.I)
# Guessed among first; the rare rest (EBCDIC, DOS code pages of small use) only when none of these fits.
LIKELY = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "koi8_r", "koi8_u", "cp866", "cp855", "mac_cyrillic", "cp874", "tis_620"),
    *("big5", "gb18030", "gb2312", "euc_jp", "shift_jis", "cp932", "euc_kr", "cp949", "johab"),
    *("iso2022_jp", "iso2022_kr", "hz"),
]
SAMPLE = 200_000  # bytes a guess looks at


class Undecodable(ValueError):
    """The bytes are text in no known encoding, or not text at all."""


def decode(data: bytes, *, declared: bool = False, label: str | None = None) -> str:
    """Read bytes as text: byte-order mark, declaration, UTF-8, UTF-16 by its pattern of zeros, then a guess.

    declared (bool): Look for the charset that HTML and XML declare in their first 2,000 bytes.
    label (str | None): The charset that a protocol (a mail header) names; tried before UTF-8.
    RETURNS (str): The text without byte-order mark, line ends as "\\n".
    RAISES (Undecodable): Binary data.
    """
    text = _decode(data, declared, label)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: bool, label: str | None) -> str:
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    labels = [label] if label else []
    if declared:
        labels += [match.group(1).decode("ascii") for match in DECLARED.finditer(data[:2000])]
    for name in labels:
        try:
            encoding = codecs.lookup(name).name
            if not encoding.startswith(("utf-16", "utf-32")):  # a declaration readable as ASCII cannot be true
                return data.decode(WHATWG.get(encoding, encoding))
        except (LookupError, ValueError):
            continue
    sample = data[:SAMPLE]
    if b"\x00" in sample:
        return _decode_wide(data, sample)
    if b"\x1b$" not in sample and b"\x0e" not in sample and b"~{" not in sample:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x0b\x0e\x0f\x1a\x1b" for byte in sample)
    if controls > len(sample) / 50:
        raise Undecodable("binary data")
    return data.decode(_western(sample) or _guess(sample), "replace")


def _decode_wide(data: bytes, sample: bytes) -> str:
    """UTF-16 without a mark: in Western text, nearly every second byte is zero."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if min(even, odd) < half / 20 and max(even, odd) > half / 4:
        return data.decode("utf-16-be" if even > odd else "utf-16-le", "replace")
    if even + odd <= len(sample) / 1000:  # a stray zero in what is text otherwise
        return _decode(data.replace(b"\x00", b" "), False, None)
    raise Undecodable("binary data (zero bytes)")


def _western(sample: bytes) -> str | None:
    """Latin-script text has few high bytes, and in cp1252 they are letters inside words or quotes around them.

    Statistical detectors are at a loss with so little evidence: a novel with curly quotes reads as well in cp852.
    """
    text = sample.decode("cp1252", "replace")
    high = [match.start() for match in re.finditer(r"[^\x00-\x7f]", text)]
    if not high or len(high) > len(text) / 5:
        return None
    letters = [i for i in high if text[i].isalpha()]
    inside = [i for i in high if 0 < i < len(text) - 1 and text[i - 1].isalpha() and text[i + 1].isalpha()]
    odd = sum(not text[i].isalpha() and text[i] not in "’‘'·­" for i in inside)  # "za¿ó³æ": Polish read as cp1252
    runs = sum(text[i - 1 : i].isalpha() and text[i - 1] > "\x7f" for i in letters)  # words in another script
    if runs > len(letters) / 3:
        return None
    if odd > len(inside) / 20:
        latin2 = [char for char in sample.decode("iso8859_2") if char > "\x7f"]
        known = sum(char.lower() in "ąćęłńóśźżáčďéěíňřšťúůýžőűäöüâăîşţđ" for char in latin2)
        return "iso8859_2" if known > len(latin2) * 0.95 else None
    turkish = sum(text[i] in "ýþðÝÞÐ" for i in letters)
    if letters and turkish > len(letters) / 4:
        return "cp1254"
    western = sum(text[i] in "àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜœŒªº" for i in letters)
    central = sum(text[i] in "žšŽŠ" for i in letters)  # at the same place in cp1250, where they are far more usual
    if western + central < len(letters) * 0.95 or central > len(letters) / 20:
        return None
    # "õ" and "û" are the Hungarian "ő" and "ű", "ã" and "þ" the Romanian "ă" and "ţ" of cp1250
    if sum(text[i] in "õûÕÛ" for i in letters) > len(letters) / 20 and "é" in text and "ç" not in text:
        return None
    return "cp1252"


def _guess(sample: bytes) -> str:
    import charset_normalizer

    best = charset_normalizer.from_bytes(sample, cp_isolation=LIKELY).best() or (
        charset_normalizer.from_bytes(sample).best()
    )
    if best is None:
        raise Undecodable("text in no known encoding")
    return WHATWG.get(best.encoding, best.encoding)
