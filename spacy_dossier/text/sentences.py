"""Sentence boundaries by rule, for text that nobody has annotated.

A full stop ends a sentence unless what stands before it is an abbreviation, an initial or a number, or what follows
goes on in lower case. The rules look at both sides of the mark, after Kiss & Strunk (2006, "Unsupervised Multilingual
Sentence Boundary Detection") and Mikheev (2002, "Periods, Capitalized Words, etc."), with lists in place of statistics
so that the same text always gets the same sentences.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

from .words import word_set

TERMINATORS = frozenset(Sentencizer.default_punct_chars) | {"…"}
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


def _is_boundary(words: Sequence[Word], start: int, i: int, end: int, ordinals: bool) -> bool:
    """Decide about a mark that might end a sentence.

    words (Sequence[Word]): The words of the text.
    start (int): First word of the sentence.
    i (int): The word that is or holds the mark.
    end (int): The word after the mark and what closes with it.
    ordinals (bool): Whether numbers with a full stop are ordinals.
    RETURNS (bool): Whether the sentence ends there.
    """
    mark, following = words[i], words[end]
    text = mark.text
    spaced = words[end - 1].end < following.idx
    first = next((word for word in words[end : end + 4] if word.text not in OPENERS), following)
    letter = _first_letter(first)
    if text[-1] not in ".…" or not text.strip("."):
        # Marks that end nothing but sentences, and dots in a row, which may stand for a pause.
        ends_always = text[-1] not in ".…" and text[-1] not in STRONG
        if ends_always and text[-1] not in ";·":
            return True
        if following.text in PAUSES or following.text in CLOSERS - QUOTES:
            return False
        if letter.islower() and not _is_camel(first):
            return False
        if len(text) > 1 and not text.strip("."):
            return letter.isupper() and (spaced or i > start)
        if text != ".":
            return True
    if following.text in PAUSES or following.text in ("?", "!"):
        return False
    if letter.islower() and not _is_camel(first):
        return False
    if text == "…":
        return letter.isupper()
    body, before = _before_stop(words, i)
    # "came home.The next": a missing space, unless this is a name such as "Amazon.com" or "v2.Final".
    glued = letter.isupper() and body.isalpha() and body.islower() and len(body) > 1
    if not spaced and not glued and following.text not in QUOTES:
        return False
    if before < start or (before == start and _is_numbering(body)):
        return False  # "1. First things", "A. Scope"
    lower = body.lower()
    if body.isdigit():
        return not (ordinals and len(body) < 3 and end == i + 1 and first.text.lower() not in STARTERS)
    if end > i + 1:
        return True  # a quotation mark or bracket closes after the stop
    if lower in LEADING:
        # "No." and "no.": the number, unless it answers a question.
        if lower in ("no", "nos", "p", "pp", "art", "sec", "ch", "fig", "v", "in", "al", "est", "op", "ca", "ext"):
            return not (letter.isdigit() or (lower in ("al", "v") and first.text.lower() not in STARTERS))
        return False
    if lower in EITHER or (len(text) > 1 and "." in body) or (len(body) == 1 and body.isalpha() and body.isupper()):
        if letter.isdigit():
            return lower not in EITHER or lower[:3] not in _MONTHS
        if body == "I" and before > start:
            return True
        return first.text.lower() in STARTERS and not _is_initial(words, end)
    if len(text) > 1:
        # The tokenizer of the language knows this as an abbreviation.
        return first.text.lower() in STARTERS
    return True


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
