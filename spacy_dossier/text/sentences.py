"""Sentence boundaries by rule, for text that nobody has annotated.

A full stop ends a sentence unless what stands before it is an abbreviation, an initial or a number, or what follows
goes on in lower case. The rules look at both sides of the mark, after Kiss & Strunk (2006, "Unsupervised Multilingual
Sentence Boundary Detection") and Mikheev (2002, "Periods, Capitalized Words, etc."), with lists in place of statistics
so that the same text always gets the same sentences.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

from .words import word_set

# What ends a sentence, in any script: the one table of it, for chains, windows, layouts and summaries too.
TERMINATORS = frozenset(Sentencizer.default_punct_chars) | {"…"}
STOPS = frozenset(".…")  # also of abbreviations, numbers and pauses
STRONG = frozenset("!?！？؟‽")
CLOSERS = frozenset("\"')]}”’»›」』】）〉》″")
QUOTES = frozenset("\"'“”‘’«»„‚`「『")
OPENERS = frozenset("([{“‘«‹„‚「『【（¿¡") | {'"', "'", "``", "--", "—", "–", "-", "•", "*"}
PAUSES = frozenset(",;:،؛，；：、") | {"--"}

# Always followed by something that belongs to them.
LEADING = word_set(
    """mr mrs ms mx dr prof sen sens rep reps gov gen col lt maj sgt cpl pvt capt cmdr cdr adm rev hon pres supt det
    insp messrs mme mmes mlle mt ft vs v no nos fig figs eq eqs sec secs ch vol vols pp p pg ed eds cf e.g eg i.e ie
    viz approx ca al est op art arts para paras dept univ assn gen brig sr. sra srta dña ing lic ud uds hr fr frl
    bzw z.b d.h u.a sog vgl nr abs bd dhr mevr drs mej nl bv dott sig sig.ra avv on núm pág págs av cap tel ext lit
    st ste asst atty comdr fr hrh msgr ph ret spc tpr"""
)
# Of these, what is a word as well, or ends a list of names: not followed by a number, it may end a sentence.
ALSO_WORDS = frozenset(("no", "nos", "p", "pp", "art", "sec", "ch", "fig", "v", "in", "al", "est", "op", "ca", "ext"))
# May end a sentence: they do if a word follows that begins one.
EITHER = word_set(
    """inc corp ltd co cos bros jr sr esq etc u.s u.k u.n e.u u.s.a u.a.e d.c l.a n.y n.j a.m p.m am pm b.c a.d b.c.e
    c.e ph.d m.d b.a m.a m.b.a ave blvd rd hwy apt ct jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues
    wed thu thur thurs fri sat sun ala ariz ark calif colo conn del fla ga ill ind kan ky la md mass mich minn miss
    mo mont neb nev okla ore pa penn tenn tex va vt wash wis wyo min hrs hr lb lbs oz ft in yd yds mi mph sq seq llc
    plc s.a s.p.a g.m.b.h usw etc u.s.w ff ibid et"""
)
# Capitalized only because they begin a sentence.
STARTERS = word_set(
    """a about according after all also although among an and another any anyone are as at authorities because before
    both but by can critics despite did do does during each earlier either even every everyone experts few finally
    first following for former from further had has have he her here his how however i i'd i'll i'm i've if in
    indeed instead is it it's its just last later let's like many may maybe meanwhile more moreover most much my
    neither nevertheless no nobody nor not nothing now of officials on once one only or other others our over people
    perhaps please police researchers scientists several shares she since so some someone sometimes soon still such
    than that that's the their then there there's these they they're this those though through thus to today
    together tomorrow two under unlike until was we we're well were what what's when where whether which while who
    why will with within without yes yesterday yet you you're your das dem den der die doch ein eine einer er es für
    ich ihr im in mit nach sie so und von war wenn wir wie la le les un une il elle ils elles on nous vous je ce
    cette ces dans mais pour el los las una ella ellos ellas en pero por para se su sus il lo gli i una questo
    questa ma per nel nella si de het een hij zij wij maar"""
)
# Languages that write ordinals as a number with a full stop: "3. Oktober".
ORDINALS = word_set("cs da de et fi fo hr hu is lb lv nb nn no pl sk sl sr tr")
WRAPPED_SHARE = 0.25  # of line breaks inside a sentence, above which lines are taken to be wrapped


class Word(NamedTuple):
    """A token that is not white space: its text, its place in the document, and that of its first character."""

    text: str
    i: int
    idx: int

    @property
    def end(self) -> int:
        return self.idx + len(self.text)


def rule_sentences(doc: Doc) -> list[tuple[int, int]]:
    """Find the sentences of a tokenized text by rule.

    Line breaks end a sentence, unless the text is wrapped at a fixed width, where only blank lines and short lines do.
    White space before and after a sentence is no part of it.

    doc (Doc): The text, tokenized by a spaCy tokenizer.
    RETURNS (list[tuple[int, int]]): First token of each sentence and the token after its last.
    """
    text = doc.text
    words = [Word(token.text, token.i, token.idx) for token in doc if not token.is_space]
    breaks = _line_breaks(words, text)
    ordinals = doc.lang_ in ORDINALS
    sentences: list[tuple[int, int]] = []
    start = 0
    i = 0
    while i < len(words):
        end = _after_terminator(words, i)
        if words[i].i in breaks:
            end, ends = i + 1, True
        elif end:
            # A closing mark may stand on either side of the line break.
            at_break = next((k for k in range(i, end) if words[k].i in breaks), None)
            if at_break is not None:
                end, ends = at_break + 1, True
            else:
                ends = end >= len(words) or _is_boundary(words, start, i, end, ordinals)
        else:
            end, ends = i + 1, False
        if ends:
            sentences.append((words[start].i, words[end - 1].i + 1))
            start = end
        i = end
    if start < len(words):
        sentences.append((words[start].i, words[-1].i + 1))
    return sentences


def _line_breaks(words: Sequence[Word], text: str) -> set[int]:
    """RETURNS (set[int]): Tokens after which a line break ends the sentence."""
    blank: set[int] = set()
    single: list[tuple[Word, Word]] = []
    for before, after in pairwise(words):
        if after.idx == before.end or (after.idx == before.end + 1 and text[before.end] == " "):
            continue
        gap = text[before.end : after.idx].replace("\r\n", "\n").replace("\r", "\n")
        if gap.count("\n") > 1 or "\u2029" in gap or "\x0c" in gap:
            blank.add(before.i)
        elif "\n" in gap:
            single.append((before, after))
    inside = sum(_first_letter(after).islower() and before.text[-1] not in TERMINATORS for before, after in single)
    if len(single) < 3 or inside < WRAPPED_SHARE * len(single):
        return blank | {before.i for before, _ in single}
    # In wrapped text a line much shorter than its neighbours ends a paragraph, a title or an item of a list.
    lengths = [before.end - text.rfind("\n", 0, before.idx) - 1 for before, _ in single]
    typical = sorted(lengths)[len(lengths) // 2]
    return blank | {
        before.i
        for (before, after), length in zip(single, lengths, strict=True)
        if 2 * length < typical and not _first_letter(after).islower()
    }


def _first_letter(token: Word) -> str:
    return next((char for char in token.text if char.isalnum()), "")


def _after_terminator(words: Sequence[Word], i: int) -> int:
    """RETURNS (int): The word after a sentence's last mark and what closes with it, if one stands at `i`; else 0."""
    text = words[i].text
    if text[-1] not in TERMINATORS and not (len(text) > 1 and text[-1] in CLOSERS and text[-2] in TERMINATORS):
        return 0
    end = i + 1
    while end < len(words):
        word = words[end]
        attached = words[end - 1].end == word.idx
        more = all(char in TERMINATORS for char in word.text)
        closes = all(char in CLOSERS for char in word.text) and _closes(words, end)
        if not ((attached and (more or closes)) or more):
            break
        end += 1
    return end


def _closes(words: Sequence[Word], i: int) -> bool:
    """Whether a mark attached to the word before it closes, as in `left." He`, and not opens, as in `left."He`."""
    if words[i].text not in ('"', "'") or i + 1 == len(words):
        return True
    glued = words[i].end == words[i + 1].idx
    if not glued or not words[i + 1].text[0].isalnum():
        return True
    # No space on either side: it closes if a quotation is open.
    return sum(word.text == words[i].text for word in words[max(0, i - 200) : i]) % 2 == 1


class Mark(NamedTuple):
    """A mark that might end a sentence, and what stands around it.

    text (str): The word that is or holds it.
    body (str): What a full stop stands after, without the stop.
    following (str): The word after the mark and what closes with it.
    first (Word): The first word after it that is no opening mark.
    is_initial (bool): Whether an initial follows, as in "J. R. Jones".
    opens (bool): Whether the sentence begins with it.
    after_first (bool): Whether what it stands after is the sentence's first word.
    after_none (bool): Whether it stands after nothing of the sentence.
    closed (bool): Whether a quotation mark or bracket closes after it, or more marks follow.
    spaced (bool): Whether white space follows.
    ordinals (bool): Whether numbers with a full stop are ordinals.
    """

    text: str
    body: str
    following: str
    first: Word
    is_initial: bool
    opens: bool
    after_first: bool
    after_none: bool
    closed: bool
    spaced: bool
    ordinals: bool

    @property
    def letter(self) -> str:
        return _first_letter(self.first)

    @property
    def has_starter(self) -> bool:
        return self.first.text.lower() in STARTERS

    @property
    def is_dots(self) -> bool:
        return not self.text.strip(".")


def _is_boundary(words: Sequence[Word], start: int, i: int, end: int, ordinals: bool) -> bool:
    """Decide about a mark that might end a sentence: the first rule that says anything does.

    words (Sequence[Word]): The words of the text.
    start (int): First word of the sentence.
    i (int): The word that is or holds the mark.
    end (int): The word after the mark and what closes with it.
    ordinals (bool): Whether numbers with a full stop are ordinals.
    RETURNS (bool): Whether the sentence ends there.
    """
    body, before = _before_stop(words, i)
    mark = Mark(
        text=words[i].text,
        body=body,
        following=words[end].text,
        first=next((word for word in words[end : end + 4] if word.text not in OPENERS), words[end]),
        is_initial=_is_initial(words, end),
        opens=i == start,
        after_first=before == start,
        after_none=before < start,
        closed=end > i + 1,
        spaced=words[end - 1].end < words[end].idx,
        ordinals=ordinals,
    )
    verdicts = (rule(mark) for rule in RULES)
    return next((verdict for verdict in verdicts if verdict is not None), True)


# The rules: True, the sentence ends; False, it goes on; None, the next rule decides.


def _by_other_mark(mark: Mark) -> bool | None:
    """Marks that end nothing but sentences."""
    return True if mark.text[-1] not in STOPS | STRONG else None


def _by_pause(mark: Mark) -> bool | None:
    """What follows belongs to the sentence: a comma, or a bracket that closes behind a mark of its own."""
    alone = mark.is_dots or mark.text[-1] not in STOPS
    return False if mark.following in PAUSES or (alone and mark.following in CLOSERS - QUOTES) else None


def _by_lower_case(mark: Mark) -> bool | None:
    return False if mark.letter.islower() and not _is_camel(mark.first) else None


def _by_dots(mark: Mark) -> bool | None:
    """Dots in a row may stand for a pause."""
    if mark.text == "…":
        return mark.letter.isupper()
    if mark.is_dots and len(mark.text) > 1:
        return mark.letter.isupper() and (mark.spaced or not mark.opens)
    return None


def _by_strong_mark(mark: Mark) -> bool | None:
    return True if mark.text[-1] in STRONG else None


def _by_missing_space(mark: Mark) -> bool | None:
    """ "came home.The next" lacks a space; a name such as "Amazon.com" or "v2.Final" does not."""
    body = mark.body
    glued = mark.letter.isupper() and body.isalpha() and body.islower() and len(body) > 1
    return False if not mark.spaced and not glued and mark.following not in QUOTES else None


def _by_numbering(mark: Mark) -> bool | None:
    """ "1. First things", "A. Scope"."""
    return False if mark.after_none or (mark.after_first and _is_numbering(mark.body)) else None


def _by_number(mark: Mark) -> bool | None:
    if not mark.body.isdigit():
        return None
    return not (mark.ordinals and len(mark.body) < 3 and not mark.closed and not mark.has_starter)


def _by_closing(mark: Mark) -> bool | None:
    return True if mark.closed else None


def _by_leading(mark: Mark) -> bool | None:
    """ "No." and "no.": the number, unless it answers a question."""
    lower = mark.body.lower()
    if lower not in LEADING:
        return None
    if lower not in ALSO_WORDS:
        return False
    return not (mark.letter.isdigit() or (lower in ("al", "v") and not mark.has_starter))


def _by_abbreviation(mark: Mark) -> bool | None:
    """An abbreviation or initial that may end a sentence."""
    body, lower = mark.body, mark.body.lower()
    initial = len(body) == 1 and body.isalpha() and body.isupper()
    if lower not in EITHER and not initial and not (len(mark.text) > 1 and "." in body):
        return None
    if mark.letter.isdigit():
        return lower not in EITHER or lower[:3] not in _MONTHS
    if body == "I" and not mark.after_first:
        return True
    return mark.has_starter and not mark.is_initial


def _by_tokenizer(mark: Mark) -> bool | None:
    """What the tokenizer of the language leaves in one with its stop, it knows as an abbreviation."""
    return mark.has_starter if len(mark.text) > 1 else None


RULES: tuple[Callable[[Mark], bool | None], ...] = (
    _by_other_mark,
    _by_pause,
    _by_lower_case,
    _by_dots,
    _by_strong_mark,
    _by_missing_space,
    _by_numbering,
    _by_number,
    _by_closing,
    _by_leading,
    _by_abbreviation,
    _by_tokenizer,
)


_MONTHS = word_set("jan feb mar apr jun jul aug sep oct nov dec")


def _before_stop(words: Sequence[Word], i: int) -> tuple[str, int]:
    """RETURNS (tuple[str, int]): What the full stop at word `i` stands after, without the stop, and the word of it."""
    text = words[i].text
    if text != ".":
        return text.rstrip("."), i
    if i and words[i - 1].end == words[i].idx:
        return words[i - 1].text.rstrip("."), i - 1
    return "", i - 1 if i else i


def _is_numbering(body: str) -> bool:
    """Whether this numbers a heading or an item: 1, 12, a, B, iv."""
    return (
        (body.isdigit() and len(body) < 3)
        or (len(body) == 1 and body.isalpha() and body != "I")
        or (0 < len(body) < 5 and set(body.lower()) <= set("ivxl") and body.lower() not in ("i", "ill", "mill", "vi"))
    )


def _is_camel(token: Word) -> bool:
    """Whether a word in lower case can begin a sentence, as iPhone and eBay can."""
    return len(token.text) > 1 and token.text[0].islower() and token.text[1].isupper()


def _is_initial(words: Sequence[Word], i: int) -> bool:
    text = words[i].text
    return len(text) == 2 and text[1] == "." and text[0].isupper()
