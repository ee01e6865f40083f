"""From spaCy tokens to sub-words, and from sub-words to windows that an encoder can take whole.

Nothing here loops over tokens: each step is an array operation over a document, or a loop over its windows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..text.sentences import TERMINATORS
from .arrays import concatenated_ranges

Ints = NDArray[np.int64]

FINAL = [ord(c) for c in TERMINATORS]
CLOSING = [ord(c) for c in "\"'”’»)]}"]
NEWLINES = [ord(c) for c in "\n\r\x0b\x0c\x85\u2028\u2029"]

# How a sub-word is written; an uncased encoder cannot see it.
N_CASES = 8
PLAIN, LOWER, TITLE, UPPER, INITIAL, MIXED, DIGITS, ALPHANUMERIC = range(N_CASES)


@dataclass
class SubWords:
    """The sub-words of one document.

    text (str): Its text, which spaCy puts together anew from the tokens at every `doc.text`.
    ids (Ints): Vocabulary ids, without special tokens. Shape: (n_subwords,)
    cases (Ints): How each is written, in [0, N_CASES). Shape: (n_subwords,)
    offsets (Ints): Start and end of each in the text, in code points. Shape: (n_subwords, 2)
    first, last (Ints): Token i is made of the sub-words first[i] up to, not including, last[i]. Two tokens may share
        a sub-word; a token of white space may have none. Shape: (n_tokens,)
    """

    text: str
    ids: Ints
    cases: Ints
    offsets: Ints
    first: Ints
    last: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Ints:
        """Number of sub-words of each token. Shape: (n_tokens,)"""
        return self.last - self.first

    @property
    def indices(self) -> Ints:
        """The sub-words of each token, token after token. Shape: (lengths.sum(),)"""
        return concatenated_ranges(self.first, self.lengths)


@dataclass(frozen=True)
class Window:
    """A stretch of sub-words that goes through the encoder in one piece.

    start, end (int): The sub-words whose vectors are kept.
    left, right (int): The sub-words that are read: the kept ones and the context around them.
    """

    start: int
    end: int
    left: int
    right: int

    def __len__(self) -> int:
        return self.right - self.left


def align(doc: Doc, text: str, encoding: Any) -> SubWords:
    """Align the tokens of a document with the sub-words of its text by character offsets.

    doc (Doc): The document.
    text (str): Its text.
    encoding (tokenizers.Encoding): The text, encoded without special tokens.
    """
    # Offsets do not run backwards; should a tokenizer's ever do so, the search below still gives every token its own.
    offsets = np.maximum.accumulate(np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2), axis=0)
    starts, ends = offsets.T
    token_starts, token_lengths = doc.to_array(["IDX", "LENGTH"]).astype(np.int64).reshape(-1, 2).T
    first = np.searchsorted(ends, token_starts, side="right")
    last = np.maximum(first, np.searchsorted(starts, token_starts + token_lengths, side="left"))
    ids = np.asarray(encoding.ids, dtype=np.int64)
    return SubWords(text, ids, written_cases(text, offsets), offsets, first, last)


def code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text. Shape: (n_chars,)"""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def written_cases(text: str, offsets: Ints) -> Ints:
    """How the characters of each sub-word are written: lower, Title, UPPER, MiXed, digits …

    offsets (Ints): Start and end of each sub-word in the text, in code points. Shape: (n_subwords, 2)
    RETURNS (Ints): One of the N_CASES classes for each. Shape: (n_subwords,)
    """
    codes = code_points(text)
    alphabet, inverse = np.unique(codes, return_inverse=True)
    kinds = np.array([[c.isupper(), c.islower(), c.isdigit()] for c in map(chr, alphabet)], dtype=np.int64)
    per_char = kinds.reshape(-1, 3)[inverse]
    counts = np.vstack([np.zeros((1, 3), dtype=np.int64), np.cumsum(per_char, axis=0)])
    starts, ends = offsets[:, 0], offsets[:, 1]
    upper, lower, digits = (counts[ends] - counts[starts]).T
    initial = (counts[np.minimum(starts + 1, len(codes))] - counts[starts])[:, 0] > 0
    conditions = [
        (digits > 0) & (upper + lower > 0),
        digits > 0,
        (upper == 0) & (lower > 0),
        (upper == 1) & (lower == 0),
        (upper > 1) & (lower == 0),
        (upper == 1) & initial,
        upper > 0,
    ]
    classes = [ALPHANUMERIC, DIGITS, LOWER, INITIAL, UPPER, TITLE, MIXED]
    return np.select(conditions, classes, default=PLAIN)


def cut_windows(subwords: SubWords, size: int, context: int = 0) -> list[Window]:
    """Cut a document into windows of at most `size` sub-words, and drop nothing.

    A cut is made at a line break, else after final punctuation, else between words, else between tokens, and only
    inside a token when the token alone is longer than a window. The rule reads the tokens' text only, never
    `doc.sents`, so that training and inference cut alike.

    size (int): Most sub-words kept of one window.
    context (int): Sub-words read on either side of a window, whose own vectors come from their own window.
    """
    total = len(subwords)
    if total <= size:
        return [Window(0, total, 0, total)] if total else []
    breaks = _break_strengths(subwords)
    windows = []
    start = 0
    while start < total:
        rest = total - start
        if rest <= size:
            end = total
        else:
            ideal = -(-rest // -(-rest // size))  # windows of like length pad less
            low = start + max(1, ideal // 2)
            candidates = breaks[low : start + size + 1]
            end = low + len(candidates) - 1 - int(np.argmax(candidates[::-1]))
            if not breaks[end]:  # all of it is one token: it goes into the next window, whole if it fits
                earlier = np.flatnonzero(breaks[start + 1 : low])
                end = start + 1 + int(earlier[-1]) if len(earlier) else end
        windows.append(Window(start, end, max(0, start - context), min(total, end + context)))
        start = end
    return windows


def _break_strengths(subwords: SubWords) -> NDArray[np.int8]:
    """How good a cut before each sub-word is, from 0 (inside a token) to 4 (after a line break).

    RETURNS (NDArray[np.int8]): Shape: (n_subwords,)
    """
    first, last = subwords.first, subwords.last
    # Token i may be cut off from those before it unless it shares a sub-word with one of them.
    before = np.maximum.accumulate(np.concatenate([[0], last[:-1]]))
    free = np.zeros(len(subwords), dtype=bool)
    free[first[(first >= before) & (last > first)]] = True

    # Around the sub-word's start: where the text before it ends, and where the text from it on begins. Some
    # tokenizers leave white space out, others make it part of a sub-word or a sub-word of its own.
    codes = code_points(subwords.text)
    alphabet, inverse = np.unique(codes, return_inverse=True)
    is_space = np.array([chr(c).isspace() for c in alphabet])[inverse]
    here = np.arange(len(codes))
    text_ends = np.concatenate([[0], np.maximum.accumulate(np.where(is_space, 0, here + 1))])
    text_begins = np.append(np.minimum.accumulate(np.where(is_space, len(codes), here)[::-1])[::-1], len(codes))
    ends, begins = text_ends[subwords.offsets[:, 0]], text_begins[subwords.offsets[:, 0]]

    newlines = np.concatenate([[0], np.cumsum(np.isin(codes, NEWLINES))])
    is_final, is_closing = np.isin(codes, FINAL), np.isin(codes, CLOSING)
    one_back, two_back = np.maximum(ends - 1, 0), np.maximum(ends - 2, 0)
    spaced = begins > ends
    final = is_final[one_back] | (is_closing[one_back] & is_final[two_back])
    conditions = [newlines[begins] > newlines[ends], final & spaced, spaced]
    return np.where(free, np.select(conditions, [4, 3, 2], default=1), 0).astype(np.int8)
