"""Letters of the symbol fonts, which have codes of their own in place of Unicode."""

from __future__ import annotations

# The encoding of the font Symbol (Adobe, PostScript Language Reference, appendix E.5), from 0x20 and from 0xA0.
_SYMBOL = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪",
    "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
)
# Of Wingdings the signs that texts hold: ticks, boxes, arrows, hands, numbers, bullets (Unicode N4384).
_WINGDINGS = {
    **dict(zip(range(0x45, 0x49), "☜☞☝☟", strict=True)),
    **dict(zip(range(0x5E, 0x6A), "♈♉♊♋♌♍♎♏♐♑♒♓", strict=True)),
    **dict(zip(range(0x81, 0x8B), "①②③④⑤⑥⑦⑧⑨⑩", strict=True)),
    **dict(zip(range(0x8C, 0x96), "❶❷❸❹❺❻❼❽❾❿", strict=True)),
    **dict(zip((0x20, 0x22, 0x28, 0x29, 0x2A, 0x36, 0x3F, 0x41, 0x43, 0x44), " ✂☎✆✉⌛✍✌👍👎", strict=True)),
    **dict(zip((0x4A, 0x4B, 0x4C, 0x51, 0x52, 0x54, 0x58, 0x59, 0x6C, 0x6E), "☺😐☹✈☼❄✠✡●■", strict=True)),
    **dict(zip((0x6F, 0x71, 0x72, 0x74, 0x75, 0x76, 0x77, 0x78, 0x9E, 0x9F), "□❑❒⧫◆❖⬥⌧·•", strict=True)),
    **dict(zip((0xA1, 0xA7, 0xA8, 0xAA, 0xAB, 0xD8, 0xDF, 0xE0, 0xE1, 0xE2), "○▪☐✦★➢←→↑↓", strict=True)),
    **dict(zip((0xE8, 0xEF, 0xF0, 0xF1, 0xF2, 0xFB, 0xFC, 0xFD, 0xFE), "➔⇦⇨⇧⇩✗✓☒☑", strict=True)),
}
FONTS = {
    "symbol": {
        **dict(enumerate(_SYMBOL[0], start=0x20)),
        **dict(enumerate(_SYMBOL[1], start=0xA0)),
        **dict(enumerate(_SYMBOL[2], start=0xF1)),
    },
    "wingdings": _WINGDINGS,
}
PRIVATE = 0xF000  # where Windows puts the 256 codes of a symbol font


def from_font(code: int, font: str | None) -> str:
    """RETURNS (str): The letter of a font's code; in a font that is not known here, the code as it stands."""
    letters = FONTS.get((font or "").lower())
    low = code - PRIVATE if PRIVATE <= code <= PRIVATE + 0xFF else code
    letter = "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
    return letter if letters is None else letters.get(low, letter)


def translate(text: str, font: str | None) -> str:
    """RETURNS (str): A text with the private codes of a symbol font as letters."""
    if (font or "").lower() not in FONTS:
        return text
    return "".join(from_font(ord(c), font) if PRIVATE <= ord(c) <= PRIVATE + 0xFF else c for c in text)
