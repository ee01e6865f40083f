"""Numbers as a spreadsheet shows them, by the number formats of ECMA-376 part 1, 18.8.30 and 18.8.31.

Where the format asks for the habits of the machine it is opened on (numbers 14 and 22, the long date), the date is
written as in ISO 8601, which is never taken for another day. Names of months and days are English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import takewhile

ISO = "yyyy-mm-dd"
_MONEY, _PLAIN = '_("$"* {}_);_("$"* ({});_("$"* "-"_);_(@_)', '_(* {}_);_(* ({});_(* "-"_);_(@_)'
BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??"},
    **{5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);("$"#,##0)', 7: '"$"#,##0.00_);("$"#,##0.00)'},
    **{8: '"$"#,##0.00_);("$"#,##0.00)', 14: ISO, 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM"},
    **{19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: f"{ISO} h:mm", 37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)"},
    **{39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)", 41: _PLAIN.format("#,##0", "#,##0")},
    **{42: _MONEY.format("#,##0", "#,##0"), 43: _PLAIN.format("#,##0.00", "#,##0.00")},
    **{44: _MONEY.format("#,##0.00", "#,##0.00"), 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@"},
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), ISO),  # dates of Chinese, Japanese and Korean
    **dict.fromkeys((32, 33), "h:mm:ss"),
    **dict.fromkeys((34, 35, 55, 56), "h:mm:ss AM/PM"),
}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MAX_CODE = 255  # characters of a format that a spreadsheet program takes
LAST_DAY = 2958465  # 9999-12-31
GENERAL_DIGITS = 10  # what the format General shows of a number
PRECISE = Context(prec=15, rounding=ROUND_HALF_UP)  # digits that a spreadsheet program keeps
EXACT = Context(prec=1000, rounding=ROUND_HALF_UP)
SECTION = re.compile(r"""(?:"[^"]*"?|\\.|[_*].|\[[^\]]*\]|[^;])*""", re.S)
# "[$-F800]" and "[$-F400]": the machine's own long date and time; what follows them is that of another machine.
SYSTEM = {"[$-f800]": ISO, "[$-f400]": "h:mm:ss"}
CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)\]")
FRACTION = re.compile(r"(?:([#0?]+) +)?([#0?]+)/([#0?]+|[1-9]\d*)")
TOKEN = re.compile(
    r""""(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<elapsed>h+|m+|s+)\]"""
    r"""|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]|\[(?P<bracket>[^\]]*)\]|(?P<general>General)"""
    r"""|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<fraction>(?:[#0?]+ +)?[#0?]+/(?:[#0?]+|[1-9]\d*))"""
    r"""|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|e+)|(?P<digit>[0#?])"""
    r"""|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<text>@)|(?P<other>.)""",
    re.I | re.S,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    """One of the up to four parts of a format.

    condition (tuple[str, Decimal] | None): Comparison that a number must meet.
    """

    tokens: tuple[Token, ...]
    condition: tuple[str, Decimal] | None
    is_date: bool


def show_number(text: str, code: str, *, since_1904: bool = False) -> str:
    """Write a number as its cell shows it.

    text (str): The number as the file holds it; given back as it is where it is none.
    code (str): The format, such as "0.0%".
    since_1904 (bool): Days count from 1904 instead of 1900.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > 310:  # more than a spreadsheet can hold
        return text
    if number != number.to_integral_value():
        number = PRECISE.plus(number)
    sections = parse_format(code)
    section, minus = _choose(sections, number)
    if section.is_date:
        return _show_date(section, number, since_1904) or show_general(number)
    shown = _show_number(section, abs(number))
    return f"-{shown}" if minus and shown else shown


def show_text(text: str, code: str) -> str:
    """RETURNS (str): A text as its cell shows it."""
    sections = parse_format(code)
    section = sections[-1]
    if len(sections) < 4 and not any(token.kind == "text" for token in section.tokens):
        return text
    return "".join(text if token.kind == "text" else _literal(token) for token in section.tokens).strip()


def show_general(number: Decimal) -> str:
    """RETURNS (str): Whole numbers in full, others with the digits that the format General has room for."""
    if number == number.to_integral_value() and number.adjusted() < 21:
        return f"{number.to_integral_value():f}"
    if -5 <= number.adjusted() < GENERAL_DIGITS:
        places = GENERAL_DIGITS - max(number.adjusted(), 0) - 1
        return f"{_rounded(number, places):f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{number:.5E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent):+03d}"


@lru_cache(maxsize=1024)
def parse_format(code: str) -> tuple[Section, ...]:
    """RETURNS (tuple[Section, ...]): The sections of a format, one to four."""
    sections: list[Section] = []
    position = 0
    while len(sections) < 4 and (match := SECTION.match(code[:MAX_CODE], position)) is not None:
        sections.append(_parse_section(match[0]))
        position = match.end() + 1
        if position > len(code[:MAX_CODE]):
            break
    return tuple(sections)


def _parse_section(text: str) -> Section:
    text = next((code for mark, code in SYSTEM.items() if mark in text.lower()), text)
    tokens: list[Token] = []
    condition = None
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "bracket":  # a colour or a condition
            found = CONDITION.fullmatch(match[0])
            condition = (found[1], Decimal(found[2])) if found else condition
        elif kind not in ("space", "fill"):
            tokens.append(Token(kind, match[kind]))
    return Section(tuple(tokens), condition, any(token.kind in ("date", "elapsed", "half") for token in tokens))


def _choose(sections: tuple[Section, ...], number: Decimal) -> tuple[Section, bool]:
    """RETURNS (tuple): The section for a number, and whether it needs a minus sign."""
    compare = {
        **{"<": number.__lt__, ">": number.__gt__, "<=": number.__le__, ">=": number.__ge__},
        **{"=": number.__eq__, "<>": number.__ne__},
    }
    if any(section.condition for section in sections):
        for section in sections[:3]:
            if section.condition is None or compare[section.condition[0]](section.condition[1]):
                return section, number < 0
        return sections[min(len(sections), 3) - 1], number < 0
    if number < 0 and len(sections) > 1:
        return sections[1], False
    return sections[2 if number == 0 and len(sections) > 2 else 0], number < 0


def _literal(token: Token) -> str:
    return token.text if token.kind in ("quoted", "escaped", "currency", "other", "percent", "comma", "point") else ""


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), context=EXACT)


def _show_number(section: Section, number: Decimal) -> str:
    """RETURNS (str): A number that is not negative by a section without dates."""
    tokens = section.tokens
    kinds = [token.kind for token in tokens]
    number = number.scaleb(2 * kinds.count("percent"))
    if "digit" not in kinds:
        return "".join(_show_token(token, number) for token in tokens).strip()
    first, end = kinds.index("digit"), len(kinds) - kinds[::-1].index("digit")
    point = kinds.index("point") if "point" in kinds else end
    whole = max((index + 1 for index in range(first, point) if kinds[index] == "digit"), default=first)
    for start in {whole, end}:  # a comma behind the digits is a thousand less
        number = number.scaleb(-3 * len(list(takewhile(lambda kind: kind == "comma", kinds[start:]))))
    show = _show_exponent if "exponent" in kinds else _show_digits
    after = (_literal(token) for token in tokens[end:] if token.kind != "comma")
    return f"{''.join(map(_literal, tokens[:first]))}{show(tokens[first:end], number)}{''.join(after)}".strip()


def _show_token(token: Token, number: Decimal) -> str:
    if token.kind in ("general", "text"):
        return show_general(number)
    return _show_fraction(token.text, number) if token.kind == "fraction" else _literal(token)


def _show_digits(tokens: tuple[Token, ...], number: Decimal) -> str:
    """Fill the places of a section from the right: "000-00" writes 712 as "007-12"."""
    kinds = [token.kind for token in tokens]
    point = kinds.index("point") if "point" in kinds else len(tokens)
    while point and kinds[point - 1] == "comma":  # of a scale, not between digits
        tokens, kinds, point = tokens[: point - 1] + tokens[point:], kinds[: point - 1] + kinds[point:], point - 1
    places = kinds[point:].count("digit")
    whole, _, decimals = f"{_rounded(number, places):f}".partition(".")
    whole = whole.lstrip("0")
    groups = "comma" in kinds[:point]
    left = kinds[:point].count("digit")
    texts: list[str] = []
    count = 0
    for token in reversed(tokens[:point]):
        if token.kind != "digit":
            texts.append("" if token.kind == "comma" else _literal(token))
            continue
        left -= 1
        taken, whole = (whole, "") if left == 0 else (whole[-1:], whole[:-1])
        for digit in reversed(taken or {"0": "0", "?": " "}.get(token.text, "")):
            texts.append("," if groups and count and count % 3 == 0 and digit != " " else "")
            texts.append(digit)
            count += 1
    texts.reverse()
    position = 0
    for token in tokens[point:]:
        if token.kind != "digit":
            texts.append(_literal(token))
            continue
        rest = decimals[position:].strip("0")
        texts.append(decimals[position] if rest or token.text == "0" else "")
        position += 1
    return "".join(texts)


def _show_exponent(tokens: tuple[Token, ...], number: Decimal) -> str:
    at = next(index for index, token in enumerate(tokens) if token.kind == "exponent")
    mantissa, exponent = tokens[:at], tokens[at + 1 :]
    kinds = [token.kind for token in mantissa]
    point = kinds.index("point") if "point" in kinds else len(mantissa)
    step = max(kinds[:point].count("digit"), 1)
    places = kinds[point:].count("digit")
    power = number.adjusted() // step * step if number else 0
    if number and _rounded(number.scaleb(-power), places) >= Decimal(10) ** step:  # 9.99 is 10.0
        power += step
    size = f"{abs(power):0{sum(token.kind == 'digit' for token in exponent)}d}"
    sign = "-" if power < 0 else "+" if tokens[at].text.endswith("+") else ""
    return f"{_show_digits(mantissa, number.scaleb(-power))}E{sign}{size}"


def _show_fraction(pattern: str, number: Decimal) -> str:
    match = FRACTION.fullmatch(pattern)
    assert match is not None
    whole = int(number) if match[1] else 0
    rest = Fraction(number) - whole
    if match[3].isdigit() and int(match[3]):
        part = (round(rest * int(match[3])), int(match[3]))
    else:
        nearest = rest.limit_denominator(10 ** len(match[3]) - 1)
        part = (nearest.numerator, nearest.denominator)
    if match[1] and part[0] == part[1]:
        whole, part = whole + 1, (0, 1)
    if match[1] and part[0] == 0:
        return str(whole)
    return f"{whole} {part[0]}/{part[1]}" if whole else f"{part[0]}/{part[1]}"


def _show_date(section: Section, number: Decimal, since_1904: bool) -> str | None:
    """RETURNS (str | None): A day and time; None where the number is no day of the calendar."""
    if number < 0 or number > LAST_DAY + 1:
        return None
    tokens = section.tokens
    fractions = max((len(t.text.partition(".")[2]) for t in tokens if t.kind == "date"), default=0)
    seconds = _rounded(number * 86400, fractions)
    days, second = divmod(seconds, 86400)
    day = _calendar(int(days), since_1904)
    half = any(token.kind == "half" for token in tokens)
    texts: list[str] = []
    for index, token in enumerate(tokens):
        if token.kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[token.text[0].lower()]
            texts.append(f"{int(seconds // unit):0{len(token.text)}d}")
        elif token.kind == "half":
            names = ("AM", "PM") if len(token.text) > 3 else ("A", "P")
            texts.append(names[second >= 43200])
        elif token.kind == "date":
            minutes = token.text[0] in "mM" and _is_minute(tokens, index)
            texts.append(_date_part("n" * len(token.text) if minutes else token.text.lower(), day, second, half))
        else:
            texts.append("0" if token.kind == "digit" else _literal(token))
    return "".join(texts).strip()


def _calendar(days: int, since_1904: bool) -> tuple[int, int, int, int]:
    """RETURNS (tuple): Year, month, day, weekday (Monday is 0); 1900 has a 29 February in spreadsheets, and a day 0."""
    if since_1904:
        day = date(1904, 1, 1) + timedelta(min(days, LAST_DAY - 1462))
    elif days == 0:
        return 1900, 1, 0, 5
    elif days == 60:
        return 1900, 2, 29, 2
    else:
        day = date(1899, 12, 30 if days > 60 else 31) + timedelta(min(days, LAST_DAY))
    return day.year, day.month, day.day, (day.weekday() if since_1904 or days > 60 else (day.weekday() - 1) % 7)


def _is_minute(tokens: tuple[Token, ...], index: int) -> bool:
    """RETURNS (bool): Does an "m" mean minutes: next to hours or seconds, and not longer than "mm"?"""
    if len(tokens[index].text) > 2:
        return False
    before = [token for token in tokens[:index] if token.kind in ("date", "elapsed")]
    after = [token for token in tokens[index + 1 :] if token.kind in ("date", "elapsed")]
    return bool((before and before[-1].text[0] in "hH") or (after and after[0].text[0] in "sS"))


def _date_part(pattern: str, day: tuple[int, int, int, int], second: Decimal, half: bool) -> str:
    """pattern (str): Such as "yyyy"; minutes are "n" here. second (Decimal): Of the day. half (bool): Of 12 hours."""
    year, month, number, weekday = day
    kind, width = pattern[0], len(pattern)
    if kind == "s":
        whole, _, places = pattern.partition(".")
        seconds = second % 60
        decimals = f"{seconds % 1:f}".partition(".")[2][: len(places)]
        return f"{int(seconds):0{len(whole)}d}" + (f".{decimals:0<{len(places)}}" if places else "")
    if kind in "ye":
        return str(year) if kind == "e" or width > 2 else f"{year % 100:02d}"
    if kind == "m" and width > 2:
        name = MONTHS[month - 1]
        return name[:3] if width == 3 else name[0] if width == 5 else name
    if kind == "d" and width > 2:
        return DAYS[weekday][:3] if width == 3 else DAYS[weekday]
    hour = int(second // 3600)
    values = {"m": month, "d": number, "n": int(second // 60 % 60), "h": (hour - 1) % 12 + 1 if half else hour}
    return f"{values[kind]:0{min(width, 2)}d}"
