"""What a column can be, judged by its cells."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ....text.words import word_set
from ..layout import WORD_ID
from ..schemes import MISSING, OUTSIDE, PREFIXED, is_tag

# Base phrases of the CoNLL-2000 and CoNLL-2003 data (English and German), clauses of LST20, chunks of French and of
# the languages of India: chunks, not entities.
CHUNKS = word_set(
    """NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NAC NC VC PC CLS QP WHNP NX VN ADP AP COORD UNKNOWN VGF VGNF VGNN
    VGINF JJP RBP CCP NEGP BLK FRAGP"""
)
ROLE = re.compile(r"V|(?:[RC]-)?A(?:RG)?(?:\d|M\b|A\b).*", re.IGNORECASE)  # of PropBank
ENOUGH = 20  # tokens that tell how many of them are in entities: a third at most in the corpora of docs/convert.md
MOST_INSIDE = 0.7  # share of tokens in entities, from which another column of tags is more likely that of entities
DENSE = 0.95  # share of them, from which the only column of tags is more likely one of chunks

TOKEN_NAMES = ("form", "token", "word", "tokens", "words", "text")
TAG_NAMES = (
    *("ner", "ne", "ner_tag", "ner_tags", "ne-coarse-lit", "entity", "entities", "iob", "bio", "tag", "tags"),
    *("label", "labels"),
)
ROLE_NAMES = {
    "index": ("id", "index"),
    "lemma": ("lemma",),
    "upos": ("upos", "cpostag"),
    "xpos": ("xpos", "pos", "postag", "pos_tag"),
    "feats": ("feats",),
    "misc": ("misc",),
    "start": ("start", "begin", "start_offset"),
    "sentence": ("sentence #", "sentence", "sentence_id", "sent_id", "sentence_idx", "sentenceid", "sent"),
    "document": ("document", "document_id", "doc_id", "doc", "file", "filename", "article_id"),
}
LAST_NUMBER = re.compile(r"(?<!\d)\d+$")
FIRST_INDEX = re.compile(r"[01](?:[-.]\d+)?")
Rows = Sequence[Sequence[Sequence[str]]]  # (sentences, tokens, columns)


def is_index(sentences: Rows, column: int) -> bool:
    """RETURNS (bool): Whether a column numbers the tokens of each sentence, from 0 or 1."""
    firsts = [s[0][column] for s in sentences if s]
    ids = [WORD_ID.fullmatch(row[column]) for s in sentences for row in s]
    starts = sum(FIRST_INDEX.fullmatch(first) is not None for first in firsts)
    grows = all(len(s) < 2 or s[1][column] != s[0][column] != s[-1][column] for s in sentences)
    return bool(ids) and 10 * sum(map(bool, ids)) >= 9 * len(ids) and grows and starts * 10 >= 9 * len(firsts)


def is_sentence_number(column: Sequence[str]) -> bool:
    """RETURNS (bool): Whether cells number or name sentences: they stay or grow, or only the first has one."""
    filled = [cell for cell in column if cell]
    if not column[0] or len(set(filled)) < 2:
        return False
    if len(filled) < len(column):
        return 2 * len(filled) < len(column)
    numbers = [LAST_NUMBER.search(cell) for cell in column]
    steps = Counter(int(b[0]) - int(a[0]) for a, b in pairwise(numbers) if a and b)
    return all(numbers) and min(steps) >= 0 and 2 * steps[0] > steps.total()


def is_header(columns: Sequence[str]) -> bool:
    """RETURNS (bool): Whether cells are names of columns, that of the tokens and of another among them."""
    lower = [column.lower().strip() for column in columns]
    names = {*TAG_NAMES, *(name for known in ROLE_NAMES.values() for name in known), "chunk"}
    named = any(name in TOKEN_NAMES for name in lower)
    return len(columns) > 1 and named and sum(n in names or n.startswith(("ne-", "ner", "tag")) for n in lower) > 0


def is_chunk(column: Iterable[str]) -> bool:
    """RETURNS (bool): Whether the labels of most tags are those of chunks."""
    labels = Counter(match[2] for value in column if (match := PREFIXED.fullmatch(value)))
    return bool(labels) and 10 * sum(n for label, n in labels.items() if label.upper() in CHUNKS) >= 8 * labels.total()


def is_role(column: Iterable[str]) -> bool:
    """RETURNS (bool): Whether the labels of most tags are roles of arguments, as PropBank names them."""
    labels = Counter(match[2] for value in column if (match := PREFIXED.fullmatch(value)))
    return bool(labels) and 10 * sum(n for label, n in labels.items() if ROLE.fullmatch(label)) >= 9 * labels.total()


def share_inside(column: Sequence[str]) -> float:
    """RETURNS (float): The share of tags that belong to an entity."""
    return sum(value != OUTSIDE and value not in MISSING for value in column) / max(1, len(column))


def is_lemma(tokens: Sequence[str], column: Sequence[str]) -> bool:
    """RETURNS (bool): Whether most words of a column begin as the token does."""
    words = [(t.lower(), value.lower()) for t, value in zip(tokens, column, strict=True) if len(t) > 3 and t.isalpha()]
    return len(words) > 1 and 2 * sum(a[:2] == b[:2] for a, b in words) > len(words)


def is_pos(tokens: Sequence[str], column: Sequence[str], most: int) -> bool:
    """RETURNS (bool): Whether a column can hold parts of speech: of `most` kinds, and no more than there are words."""
    values = set(column)
    return len(values) <= min(most, max(3, len(set(tokens)))) and not all(value in MISSING for value in values)


def key_value(key: str, field: str) -> str | None:
    """RETURNS (str | None): The value of a key among `key=value` pairs joined by `|`."""
    for part in field.split("|"):
        name, equals, value = part.partition("=")
        if equals and name == key:
            return value
    return None


def tag_key(column: Iterable[str]) -> str:
    """RETURNS (str): The key whose values are entity tags, in a column of `key=value` pairs."""
    good: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for field in column:
        for part in field.split("|"):
            key, equals, value = part.partition("=")
            if equals:
                seen[key] += 1
                good[key] += is_tag(value) and value not in MISSING
    keys = [key for key in good if good[key] and 100 * good[key] >= 95 * seen[key]]
    # SpaceAfter=No and the like are no tags: `No` is none. The most frequent key wins, then the first.
    return max(keys, key=lambda key: good[key], default="")
