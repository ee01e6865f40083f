"""White space between tokens: read from the file where it says so, else restored by the rules of the language.

Column files hold tokens, models read text. A model trained on `Paris , France .` meets `Paris, France.` only in use,
so the spaces are put back as the language writes them.
"""

import re
import unicodedata
from collections.abc import Sequence

from ...text.words import word_set

CLOSING = word_set(
    """. , ; : ! ? ) ] } % ... .. … ” » › ’’ '' -RRB- -RSB- -RCB- ° ™ ® ، ؛ ؟ ۔ । ॥ · ‰ !! ?? ?! !? !!! ???"""
)
OPENING = word_set("( [ { ¿ ¡ “ « ‹ „ ‚ `` -LRB- -LSB- -LCB-")
CURRENCY = word_set("$ £ € ¥ ₹ US$ C$ A$ HK$ NT$ S$ NZ$ ₺ ₽")
# Languages that write the quotation marks of French and English the other way round.
REVERSED_GUILLEMETS = frozenset(("da", "de", "hr", "sl", "cs", "sk", "hu", "sr"))
LOW_QUOTES = frozenset(("de", "cs", "sk", "sl", "hr", "is", "lt", "et", "bg", "ka", "sq", "mk", "sr"))
SAME_QUOTES = frozenset(("sv", "fi"))  # ” and » on both sides
SPACED_PUNCT = {"fr": word_set(": ; ! ? » %")}
SPACED_PERCENT = word_set("cs da de es fi fr hr hu lt lv nb nn no pl ru sk sl sv uk")
CURRENCY_AFTER = word_set("bg cs da de es et fi fr hr hu it lt lv nb nn pl pt ro ru sk sl sv uk")

# No spaces between words: Han, kana, Thai, Lao, Khmer, Burmese, Tibetan, and the punctuation written with them.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)
ENCLITIC = {
    "en": re.compile(r"(?:['’](?:s|m|d|re|ve|ll|em|S|M|D|RE|VE|LL)|n['’]t|N['’]T)"),
}
ELISION = {
    "fr": re.compile(r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|aujourd)['’]", re.IGNORECASE),
    "it": re.compile(r"\w+['’]"),
    "ca": re.compile(r"[dlmnst]['’]", re.IGNORECASE),
    "oc": re.compile(r"[dlmnst]['’]", re.IGNORECASE),
    "ga": re.compile(r"[bdm]['’]", re.IGNORECASE),
}
CLITIC = re.compile(r"-(?:t-)?[^\W\d_]+")  # parle -t-il, lembrar -se
CLITICS = frozenset(("ca", "fr", "gl", "pt", "ro"))
# After these the second part of a compound comes, whose first part ends in a hyphen: Haupt- und Nebensatz
CONJUNCTIONS = {
    "de": word_set("und oder bzw. sowie bis statt"),
    "nl": word_set("en of"),
    "da": word_set("og eller"),
    "nb": word_set("og eller"),
    "nn": word_set("og eller"),
    "sv": word_set("och eller"),
}
PLAIN, SPECIAL = 0, 1
BY_RULE = "by rule"
# Where words are not parted by spaces in ways that tokens show; sentences restored exactly, of 1,000 of PUD.
UNRELIABLE = {"ar": 0.12, "ko": 0.13, "th": 0.24}


class Spacer:
    """Restores the spaces of tokenized sentences.

    lang (str): The language.
    """

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.reversed = lang in REVERSED_GUILLEMETS
        spaced = SPACED_PUNCT.get(lang, frozenset())
        closing = set(CLOSING) - spaced
        opening = set(OPENING)
        if lang in SPACED_PERCENT:
            closing.discard("%")
        if self.reversed:
            closing ^= {"»", "›", "«", "‹"}
            opening ^= {"»", "›", "«", "‹"}
        if lang in LOW_QUOTES:
            opening.discard("“")
            closing.add("“")
        if lang == "fr":
            opening.discard("«")
        if lang in SAME_QUOTES:
            closing -= {"”", "»"}
        if lang not in CURRENCY_AFTER:
            opening |= CURRENCY
        self.closing, self.opening = frozenset(closing), frozenset(opening)
        self.quotes = frozenset({'"', "'"} | ({"”", "»"} if lang in SAME_QUOTES else set()))
        self.enclitic = ENCLITIC.get(lang)
        self.elision = ELISION.get(lang)
        self.clitic = CLITIC if lang in CLITICS else None
        self.conjunctions = CONJUNCTIONS.get(lang, frozenset())
        self.kinds: dict[str, int] = {}

    def kind(self, token: str) -> int:
        """RETURNS (int): Whether a token may stand without a space on one side."""
        kind = self.kinds.get(token)
        if kind is None:
            special = (
                token in self.closing
                or token in self.opening
                or token in self.quotes
                or token in "/-–’‘_@"
                or (not token.isascii() and UNSPACED.search(token) is not None)
                or token.isspace()
                or (self.enclitic is not None and self.enclitic.fullmatch(token) is not None)
                or (self.elision is not None and self.elision.fullmatch(token) is not None)
                or (self.clitic is not None and self.clitic.fullmatch(token) is not None)
            )
            kind = self.kinds[token] = SPECIAL if special else PLAIN
            if len(self.kinds) > 1_000_000:
                self.kinds.clear()
        return kind

    def __call__(self, tokens: Sequence[str]) -> list[bool]:
        """Restore the spaces of one sentence.

        tokens (Sequence[str]): Its tokens.
        RETURNS (list[bool]): Whether a space follows each; always one after the last.
        """
        spaces = [True] * len(tokens)
        kinds = self.kinds
        special = [i for i, token in enumerate(tokens) if kinds.get(token, SPECIAL) and self.kind(token)]
        open_quotes: set[str] = set()
        for i in special:
            left, right = self._clings(i, tokens, open_quotes)
            if i and (left or self._joins(tokens[i - 1], tokens[i], UNSPACED.match(tokens[i][0]))):
                spaces[i - 1] = False
            if right or (i + 1 < len(tokens) and self._joins(tokens[i], tokens[i + 1], UNSPACED.match(tokens[i][-1]))):
                spaces[i] = False
        if spaces:
            spaces[-1] = not (tokens[-1] and UNSPACED.match(tokens[-1][-1])) and not tokens[-1].isspace()
        return spaces

    def _clings(self, i: int, tokens: Sequence[str], open_quotes: set[str]) -> tuple[bool, bool]:
        """RETURNS (tuple[bool, bool]): Whether a token clings to the one before, and to the one after."""
        token = tokens[i]
        before = tokens[i - 1] if i else ""
        after = tokens[i + 1] if i + 1 < len(tokens) else ""
        if token in self.quotes:
            return self._quote(token, i, tokens, open_quotes)
        if token in self.opening:
            return False, True
        if token in self.closing:
            return not self._stands_alone(token, before), False
        if token.isspace():
            return True, True
        if token in "/-":
            inside = _in_word(before[-1:]) and _in_word(after[:1])
            return inside, inside and not (token == "-" and after in self.conjunctions)
        if token in ("’", "‘"):
            return (token == "’", False) if before else (False, True)
        if self.enclitic is not None and self.enclitic.fullmatch(token):
            return before[-1:].isalnum(), False
        if self.clitic is not None and self.clitic.fullmatch(token):
            return before[-1:].isalpha(), False
        elided = self.elision is not None and self.elision.fullmatch(token) is not None
        return False, elided and after[:1].isalnum()

    def _joins(self, before: str, after: str, unspaced: object) -> bool:
        """Whether a language without spaces writes these two without one."""
        # Korean spaces its words; full-width punctuation is its only business here.
        return bool(unspaced) and self.lang != "ko" and not before.isspace() and not after.isspace()

    def _stands_alone(self, token: str, before: str) -> bool:
        """Whether a closing mark is a mark of its own, as a smiley or bullet would be."""
        return not before or (token == ":" and before in self.opening)

    def _quote(self, token: str, i: int, tokens: Sequence[str], open_quotes: set[str]) -> tuple[bool, bool]:
        """RETURNS (tuple[bool, bool]): Whether a quotation mark with one form for both sides clings left, right."""
        before = tokens[i - 1] if i else ""
        after = tokens[i + 1] if i + 1 < len(tokens) else ""
        if token in open_quotes:
            open_quotes.discard(token)
            return True, False
        if token == "'" and before and before[-1] in "sSxzXZ" and self.lang == "en" and "'" not in tokens[i + 1 :]:
            return True, False  # the boys ' school
        closes = before and (not after or (after in self.closing and after not in self.quotes))
        # A quotation that began in an earlier sentence ends here: well , " he said .
        closes = closes or (before in {",", ".", "!", "?"} and after[:1].islower() and token not in tokens[i + 1 :])
        if closes:
            return True, False
        open_quotes.add(token)
        return False, True


def _in_word(char: str) -> bool:
    """Whether a character can stand inside a word: a letter, a digit, or a vowel sign as scripts of India have them."""
    return char.isalnum() or (not char.isascii() and unicodedata.category(char[0])[0] == "M")


def spaces_from_text(tokens: Sequence[str], text: str) -> list[bool] | None:
    """Read the spaces off the sentence as it was written.

    tokens (Sequence[str]): Its tokens.
    text (str): The sentence.
    RETURNS (list[bool] | None): Whether a space follows each token; `None` if the text is not these tokens.
    """
    spaces: list[bool] = []
    place = 0
    for token in tokens:
        start = place
        while start < len(text) and text[start].isspace() and not text.startswith(token, start):
            start += 1
        if not text.startswith(token, start):
            return None
        if spaces:
            spaces[-1] = start > place
        place = start + len(token)
        spaces.append(True)
    return spaces if not text[place:].strip() else None


def spaces_from_offsets(tokens: Sequence[str], starts: Sequence[str]) -> list[bool] | None:
    """Read the spaces off the character offsets of the tokens.

    tokens (Sequence[str]): Tokens of one sentence.
    starts (Sequence[str]): Offset of the first character of each.
    RETURNS (list[bool] | None): Whether a space follows each token; `None` if the offsets cannot be right.
    """
    if not all(start.isdecimal() for start in starts):
        return None
    places = [int(start) for start in starts]
    gaps = [after - (place + len(token)) for place, after, token in zip(places, places[1:], tokens, strict=False)]
    return None if any(gap < 0 for gap in gaps) else [*(gap > 0 for gap in gaps), True]
