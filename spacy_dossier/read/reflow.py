"""Lines that only the width of a page made → running text.

What stands between two lines is decided in one place, for plain text, mails, subtitles and PDF alike: a blank, nothing
(after a hyphen that only the line's end made, or between Chinese characters), or the hyphen that was written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

from ..text.words import word_set

SOFT_HYPHEN = "\xad"
HYPHENS = "-\u2010\u2011"
FIRST_HALF = re.compile(rf"[^\W_]+(?:[{HYPHENS}][^\W_]+)*(?=[{HYPHENS}]\Z)")
SECOND_HALF = re.compile(rf"[^\W_]+(?:[{HYPHENS}][^\W_]+)*")
# Both halves of a word with a hyphen at a line's end; bounded, so that no line takes more than linear time
HALF = rf"[^\W_]{{1,100}}(?:[{HYPHENS}][^\W_]{{1,100}}){{0,9}}"
CUT = re.compile(rf"(?<![^\W_])({HALF})[{HYPHENS}][^\S\n]*\n[^\S\n]*({HALF})")
AT_ONCE = 10_000  # lines whose words are counted at a time: bounds memory
WORD = re.compile(rf"[^\W\d_]+(?:[{HYPHENS}’'][^\W\d_]+)*")
# Scripts that are written without blanks between words; Korean has them.
NO_BLANKS = re.compile(
    "[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\u303f\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\uff01-\\uff60]"
)
GLUING = "-–—/=&?_."
GLUED = re.compile(r"[^\W\d_][—/]\Z|\d[–—/]\Z|\S*://\S*[/=&?_.-]\Z")  # what ends without a blank to follow
# "pre- and postwar": the hyphen stands for a word that comes later.
SUSPENDED = word_set("and or und oder bzw et ou y o e en of og och eller i lub to bis")
# First halves that nearly always keep their hyphen, and second halves that do after a name.
KEEPING = word_set("self ex non anti vice")
AFTER_NAMES = word_set(
    """based born led style class backed dominated controlled owned run trained speaking like era type area wide made
    bound funded related listed educated raised"""
)
RARE = 1e-6  # a compound's halves are words more frequent than that; see joins()


class Words:
    """What tells a word's hyphen from one that a line's end made: the words of the document itself, then a list.

    lines (Sequence[str]): The document's lines.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    @cached_property
    def own(self) -> Counter[str]:
        """The words that stand whole in a line, counted when the first hyphen asks for them."""
        found: Counter[str] = Counter()
        for start in range(0, len(self.lines), AT_ONCE):
            whole = CUT.sub(r"\1\n", "\n".join(self.lines[start : start + AT_ONCE]))
            found.update(WORD.findall(whole.translate(PLAIN).lower()))
        return found

    @cached_property
    def hyphenated(self) -> bool:
        """Whether this document's words are cut at line ends: one is whose halves are no words."""
        return any(
            self.knows(first + second) and not (self.knows(first) and self.knows(second)) and second[0].islower()
            for first, second in CUT.findall("\n".join(self.lines))
        )

    def knows(self, word: str) -> bool:
        """RETURNS (bool): Whether a word stands in the document or in the list."""
        return word.lower() in self.own or is_listed(word)

    def joins(self, first: str, second: str) -> bool:
        """Decide about a word with a hyphen at a line's end.

        The document's own spelling counts first. Else a word that is known joined is joined; so is one whose halves
        are not both words. Measured on the words of news articles, cut where English is hyphenated: 0.3 % of the words
        keep a hyphen that is not theirs, 18 % of the compounds lose one that is (all of one document's compounds, if it
        has none of their words elsewhere); compounds are a twentieth of what stands at the line ends of such pages.

        first, second (str): What stands before the hyphen and on the next line, as `north` and `east`.
        RETURNS (bool): Whether the hyphen goes.
        """
        joined, kept = (first + second).translate(PLAIN).lower(), f"{first}-{second}".translate(PLAIN).lower()
        if self.own[joined] != self.own[kept]:
            return self.own[joined] > self.own[kept]
        if len(first) < 2 or not second[0].islower() or first[-1].isdigit():
            return first.isupper() and second.isupper() and len(first) > 1 and is_listed(joined)
        left, right = re.split(f"[{HYPHENS}]", first)[-1], re.split(f"[{HYPHENS}]", second)[0]
        if not self.hyphenated and is_listed(left) and is_listed(right):
            return False
        if is_listed(left + right):
            return True
        if left.lower() in KEEPING:
            return False
        if not self.hyphenated:
            return True
        if left[0].isupper() and not left.isupper():
            return right not in AFTER_NAMES
        return not (share(left) > RARE and share(right) > RARE)


def first_half(line: str) -> re.Match[str] | None:
    """RETURNS (re.Match | None): What stands before a hyphen at the end of a line, if no longer than words are."""
    return FIRST_HALF.search(line[-LONGEST_WORD:]) if line[-1] in HYPHENS else None


LONGEST_WORD = 100
LONGEST_ADDRESS = 300
ADDRESS = re.compile(r"(?:://|@|www\.)\S{0,300}-\Z")
PLAIN = str.maketrans("\u2010\u2011", "--")


def joint(before: str, after: str, words: Words) -> tuple[int, str]:
    """Decide what stands between a line and the one that goes on with its sentence.

    before, after (str): The lines, without white space around them.
    RETURNS (tuple[int, str]): How many characters at the end of `before` go, and what comes in their place.
    """
    if not before or not after:
        return 0, ""
    if before[-1] == SOFT_HYPHEN:
        return 1, ""
    if before.endswith(" -") and after[0] == "-":  # a dash typed as two hyphens
        return 0, ""
    # An address on the web or of a mail, cut after its own hyphen
    if before[-1] == "-" and ADDRESS.search(before[-LONGEST_ADDRESS:]):
        return 0, ""
    if first := first_half(before):
        second = SECOND_HALF.match(after)
        if second is None:
            return 0, " " if after[0].isalnum() or after[0] in "([{“‘\"'" else ""
        if second.group().lower() in SUSPENDED and not words.knows(first.group() + second.group()):
            return 0, " "
        return (1, "") if words.joins(first.group(), second.group()) else (0, "")
    if NO_BLANKS.match(before[-1]) and NO_BLANKS.match(after[0]):
        return 0, ""
    if before[-1] in GLUING and GLUED.search(before[-200:]):
        return 0, ""
    return 0, " "


def join_lines(lines: Sequence[str], words: Words) -> str:
    """Join the lines of a paragraph.

    lines (Sequence[str]): Its lines; white space around them counts for nothing.
    words (Words): Made of all lines of the document.
    RETURNS (str): The paragraph in one line, without soft hyphens.
    """
    stripped = [line.strip() for line in lines if line.strip()]
    parts = []
    for before, after in pairwise(stripped):
        cut, between = joint(before, after, words)
        parts += [before[: len(before) - cut], between]
    return "".join([*parts, *stripped[-1:]]).replace(SOFT_HYPHEN, "")


def is_listed(word: str) -> bool:
    """RETURNS (bool): Whether a word or what it is a form of is in the list."""
    word = word.lower()
    stems = [word]
    for ending, others in (("s", ("",)), ("ed", ("", "e")), ("ing", ("", "e"))):
        if word.endswith(ending):
            stems += [word[: -len(ending)] + other for other in others]
    return any(share(stem) > 0 for stem in stems)


def share(word: str) -> float:
    """RETURNS (float): How many of all words of English books this one is; 0 if it is not in the list."""
    return word_list().get(word.lower(), 0.0)


@lru_cache(maxsize=1)
def word_list() -> dict[str, float]:
    """RETURNS (dict[str, float]): 82,765 English words (SCOWL) and their shares in books (Google), as SymSpell has."""
    from importlib.resources import files

    text = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    counts = {word: int(count) for word, count in (line.split() for line in text.splitlines())}
    total = sum(counts.values())
    return {word: count / total for word, count in counts.items()}
