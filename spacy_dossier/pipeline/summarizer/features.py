"""What the summarizer knows of a document's sentences: their bounds, compact vectors, words and names.

`SentenceFeatures` is all that ranking and selection need once the encoder has run, so that a long document can go
through the encoder in sections and still be summarized as one (`SentenceFeatures.concat`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import (
    IDX,
    IS_ALPHA,
    IS_DIGIT,
    IS_PUNCT,
    IS_SPACE,
    IS_STOP,
    IS_TITLE,
    IS_UPPER,
    LENGTH,
    LIKE_NUM,
    LOWER,
    ORTH,
    SENT_START,
    SPACY,
)
from spacy.strings import get_string_id
from spacy.tokens import Doc

from ...models.arrays import concatenated_ranges, is_one_of
from ...models.signals import FLAGS
from ...text.sentences import TERMINATORS, rule_sentences

SENTENCES_KEY = "sentences"
DOUBLE_QUOTES = ('"', "“", "”", "„", "«", "»", "``", "''", "「", "」", "『", "』")
SINGLE_QUOTES = ("'", "‘", "’")
OPENING, CLOSING = frozenset(("``", "「", "『")), frozenset(("''", "」", "』"))  # whatever the spaces around them
MOSTLY = 0.5  # share of sentences that makes something the text's habit
QUOTED = 12  # sentences of the longest quotation; a mark that is still open after them has lost its counterpart
QUOTE_IDS, SINGLE_QUOTE_IDS = (
    np.array([get_string_id(mark) for mark in marks], dtype=np.uint64) for marks in (DOUBLE_QUOTES, SINGLE_QUOTES)
)
CLOSERS = frozenset("\"'”’»)]}“‘›」』）")

Ints1d = NDArray[np.int64]
Ints2d = NDArray[np.int64]
Floats2d = NDArray[np.float32]


@dataclass
class SentenceFeatures:
    """The sentences of one document, one row each; picklable.

    starts, ends (int64, (n,)): Character offsets, without surrounding white space.
    n_words (int32, (n,)): Words divided by white space; tokens in scripts that do not divide words.
    vectors (float16, (n, width)): Mean of the sentence's token vectors, scaled to length 1.
    flags (uint8, (n, len(FLAGS))): Properties of the surface, see `FLAGS`.
    words, word_counts (uint32, (sum,) and int32, (n,)): Hashes of the content words of all sentences, one after the
        other, and how many belong to each.
    names, name_counts: The same for words in the form of a name (capitalized inside the sentence).
    entities, entity_counts: The same for the named entities in the document, hashed by text and label.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    n_words: NDArray[np.int32]
    vectors: NDArray[np.float16]
    flags: NDArray[np.uint8]
    words: NDArray[np.uint32]
    word_counts: NDArray[np.int32]
    names: NDArray[np.uint32]
    name_counts: NDArray[np.int32]
    entities: NDArray[np.uint32]
    entity_counts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def concat(cls, parts: Sequence["SentenceFeatures"], char_offsets: Sequence[int]) -> "SentenceFeatures":
        """Join the features of a document's sections.

        parts (Sequence[SentenceFeatures]): The sections in order.
        char_offsets (Sequence[int]): Where each section begins in the whole text, in characters.
        RETURNS (SentenceFeatures): The features of the whole document.
        """
        moved = {
            name: np.concatenate(
                [getattr(part, name) + offset for part, offset in zip(parts, char_offsets, strict=True)]
            )
            for name in ("starts", "ends")
        }
        # A section without sentences has vectors of width 0, which do not concatenate.
        filled = [part for part in parts if len(part)] or list(parts[:1])
        rest = {
            f.name: np.concatenate([getattr(part, f.name) for part in filled])
            for f in fields(cls)
            if f.name not in moved
        }
        return cls(**moved, **rest)

    def fragments(self) -> NDArray[np.bool_]:
        """RETURNS (NDArray[bool]): Whether each sentence looks like a headline, a list item, part of a quotation, or is
        a single word, such as the number of a section.
        """
        incomplete = self.flags[:, FLAGS.index("incomplete")] > 0
        unbalanced = self.flags[:, FLAGS.index("unbalanced")] > 0
        return incomplete | unbalanced | (self.n_words < 2)

    def ranked(self) -> NDArray[np.bool_]:
        """Which sentences are ranked: those that end as one does and have two words, or all where none does.

        Titles, headings and list items are not, for they would take the place of the lead, and which of them a text
        has depends on the format it comes in.

        RETURNS (NDArray[bool]): For each sentence, (n,).
        """
        whole = (self.flags[:, FLAGS.index("incomplete")] == 0) & (self.n_words > 1)
        return whole if whole.any() else np.ones(len(self), dtype=bool)

    def take(self, rows: NDArray[np.bool_]) -> "SentenceFeatures":
        """RETURNS (SentenceFeatures): Of the sentences chosen, rows being a mask, (n,)."""
        counts = {"words": self.word_counts, "names": self.name_counts, "entities": self.entity_counts}
        masks = {name: np.repeat(rows, count) for name, count in counts.items()}
        return SentenceFeatures(**{f.name: getattr(self, f.name)[masks.get(f.name, rows)] for f in fields(self)})

    def share_of(self, words: NDArray[np.uint32]) -> NDArray[np.float64]:
        """RETURNS (NDArray[float64]): Share of the different words given that each sentence has, (n,)."""
        wanted = np.unique(words)
        owner = np.repeat(np.arange(len(self)), self.word_counts)
        hits = np.isin(self.words, wanted)
        distinct = np.unique(np.stack([owner[hits], self.words[hits].astype(np.int64)]), axis=1)
        return np.bincount(distinct[0], minlength=len(self)) / max(len(wanted), 1)


def sentence_bounds(doc: Doc) -> Ints2d:
    """Find the sentences of a document: `doc.sents` where set, else `doc.spans["sentences"]`, else by rule.

    doc (Doc): The document.
    RETURNS (Ints2d): First token and the token after the last of each sentence, (n, 2). White space at either end is
        left out, sentences of white space alone are dropped.
    """
    if len(doc) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if doc.has_annotation("SENT_START"):
        starts = np.flatnonzero(doc.to_array([SENT_START]).astype(np.int64) == 1)
        starts = np.union1d(starts, [0])
        bounds = np.stack([starts, np.append(starts[1:], len(doc))], axis=1)
    elif doc.spans.get(SENTENCES_KEY):
        spans = doc.spans[SENTENCES_KEY]
        bounds = np.array([(span.start, span.end) for span in spans], dtype=np.int64)
    else:
        bounds = np.array(rule_sentences(doc), dtype=np.int64).reshape(-1, 2)
    return trim(doc, bounds)


def trim(doc: Doc, bounds: Ints2d) -> Ints2d:
    """Take white space off the ends of spans and drop those with nothing else.

    doc (Doc): The document.
    bounds (Ints2d): First token and the token after the last, (n, 2).
    RETURNS (Ints2d): The same for the spans that remain, (≤ n, 2).
    """
    solid = np.flatnonzero(doc.to_array([IS_SPACE]) == 0)
    if len(solid) == 0 or len(bounds) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    first = np.searchsorted(solid, bounds[:, 0])
    last = np.searchsorted(solid, bounds[:, 1]) - 1
    keep = first <= last
    return np.stack([solid[first[keep]], solid[last[keep]] + 1], axis=1)


def sentence_features(doc: Doc, bounds: Ints2d, vectors: Floats2d) -> SentenceFeatures:
    """Collect what ranking and selection need.

    doc (Doc): The document.
    bounds (Ints2d): Its sentences, (n, 2), see `sentence_bounds`.
    vectors (Floats2d): Their vectors, (n, width).
    RETURNS (SentenceFeatures): The features.
    """
    n = len(bounds)
    flagged = (IS_ALPHA, IS_DIGIT, IS_PUNCT, IS_SPACE, IS_STOP, IS_TITLE, IS_UPPER, LIKE_NUM, SPACY)
    names = [LOWER, ORTH, IDX, LENGTH, *flagged]
    attrs = doc.to_array(names).reshape(len(doc), len(names)).astype(np.uint64)
    lower, orth, *place = np.ascontiguousarray(attrs.T[:4])
    begin, length = (column.astype(np.int64) for column in place)
    alpha, digit, punct, space, stop, title, upper, num, spaced = attrs.T[4:] != 0
    quote = is_one_of(lower, QUOTE_IDS)
    hashes = ((lower >> np.uint64(32)) ^ (lower & np.uint64(0xFFFFFFFF))).astype(np.uint32)
    owner = np.full(len(doc), -1, dtype=np.int64)  # the sentence each token is in
    lengths = bounds[:, 1] - bounds[:, 0]
    owner[concatenated_ranges(bounds[:, 0], lengths)] = np.repeat(np.arange(n), lengths)
    initial = np.zeros(len(doc), dtype=bool)
    initial[bounds[:, 0]] = True

    def count(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
        return np.bincount(owner[mask & (owner >= 0)], minlength=n).astype(np.int32)

    word = ~punct & ~space
    # Words as people count them, by white space; where a script has none between words, tokens.
    after_space = np.append(True, spaced[:-1]) | np.append(True, space[:-1]) | initial
    n_words, n_tokens = count(after_space & ~space), count(word)
    n_words = np.where(4 * n_words < n_tokens, n_tokens, n_words)
    content = word & ~stop & (alpha | digit | num)
    name = word & ~stop & (title | upper) & ~initial & alpha
    first, last = bounds[:, 0], bounds[:, 1] - 1
    finals = final_tokens(doc, bounds, orth)
    last_tokens = [doc.vocab.strings[key] for key in orth[finals].tolist()]
    # A line without a final mark that was given one when lines were joined: "TRANSCRIPT ."
    full_stop = np.array([text == "." for text in last_tokens], dtype=bool)
    detached = full_stop & (finals > 0) & spaced[finals - 1]
    if n and detached.mean() > MOSTLY:  # the text is one of tokens between spaces
        detached[:] = False
    flags = {
        "quote": count(quote) > 0,
        "opens_quote": quote[first],
        "unbalanced": quotation_parts(doc, orth, owner, n),
        "number": count(num) > 0,
        "starts_stop": stop[first],
        "question": np.array([text.endswith(("?", "؟", "？")) for text in last_tokens], dtype=bool),
        "incomplete": np.array([text[-1:] not in TERMINATORS for text in last_tokens], dtype=bool) | detached,
    }
    pairs = [(owner[ent.start], hash_entity(ent.text, ent.label_, doc)) for ent in doc.ents if owner[ent.start] >= 0]
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return SentenceFeatures(
        starts=begin[first],
        ends=begin[last] + length[last],
        n_words=n_words.astype(np.int32),
        vectors=(vectors / np.maximum(norms, 1e-6)).astype(np.float16),
        flags=np.stack([flags[name] for name in FLAGS], axis=1).astype(np.uint8).reshape(n, len(FLAGS)),
        words=hashes[content & (owner >= 0)],
        word_counts=count(content),
        names=hashes[name & (owner >= 0)],
        name_counts=count(name),
        entities=np.array([h for _, h in pairs], dtype=np.uint32),
        entity_counts=np.bincount(np.array([o for o, _ in pairs], dtype=np.int64), minlength=n).astype(np.int32),
    )


def quotation_parts(doc: Doc, orth: NDArray[np.uint64], owner: Ints1d, n: int) -> NDArray[np.bool_]:
    """Find the sentences that are part of a longer quotation, or have a quotation mark whose counterpart is missing.

    doc (Doc): The document.
    orth (NDArray[uint64]): Id of each token's text.
    owner (Ints1d): The sentence each token is in, -1 for none.
    n (int): Sentences.
    RETURNS (NDArray[bool]): For each sentence, (n,).
    """
    parts = np.zeros(n, dtype=bool)
    for keys, single in ((QUOTE_IDS, False), (SINGLE_QUOTE_IDS, True)):
        since = -1  # sentence of the mark that is open
        for i in np.flatnonzero(is_one_of(orth, keys) & (owner >= 0)).tolist():
            here = int(owner[i])
            # Of single marks only those in the same sentence tell: between sentences most are apostrophes.
            side = quote_side(doc, i, single, since == here if single else since >= 0)
            if side == "close" and since != here:
                first = since if since >= max(0, here - QUOTED) else here
                parts[first : here + 1] = True
            if side and since >= 0 and (side == "open" or here > since + QUOTED):
                parts[since] = True
            if side:
                since = here if side == "open" else -1
        if since >= 0:
            parts[since] = True
    return parts


def quote_side(doc: Doc, i: int, single: bool, is_open: bool) -> str:
    """Whether a quotation mark opens or closes, by the spaces around it, else by what came before.

    doc (Doc): The document.
    i (int): The mark's token.
    single (bool): Whether it is a single mark, which may be an apostrophe.
    is_open (bool): Whether a quotation of the same kind of marks is open.
    RETURNS (str): "open" or "close"; "" for an apostrophe.
    """
    text = doc[i].text
    if text in OPENING or text in CLOSING:
        return "open" if text in OPENING else "close"
    left, right = i - 1, i + 1
    while left >= 0 and doc[left].is_quote and not doc[left].whitespace_:
        left -= 1
    while right < len(doc) and doc[right].is_quote and not doc[right - 1].whitespace_:
        right += 1
    before = doc[left] if left >= 0 else None
    after = doc[right] if right < len(doc) else None
    spaced = doc[right - 1].whitespace_
    starts = before is None or bool(before.whitespace_) or before.is_space or before.is_left_punct
    ends = after is None or bool(spaced) or after.is_space or (after.is_punct and not after.is_left_punct)
    if starts == ends:
        return "" if single else "close" if is_open else "open"
    if starts:
        decade = after is not None and after.text[0].isdigit()  # "'90s"
        return "" if single and decade else "open"
    quoted = before is not None and before.is_punct
    return "close" if not single or is_open or quoted else ""


def final_tokens(doc: Doc, bounds: Ints2d, orth: NDArray[np.uint64]) -> Ints1d:
    """The last token of each sentence that is not a closing quote or bracket; its first one, where all are."""
    strings = doc.vocab.strings
    found = []
    for start, end in bounds.tolist():
        last = end - 1
        while last > start and CLOSERS.issuperset(strings[int(orth[last])]):
            last -= 1
        found.append(last)
    return np.array(found, dtype=np.int64)


def hash_entity(text: str, label: str, doc: Doc) -> int:
    return doc.vocab.strings.add(f"{label}:{text.lower()}") & 0xFFFFFFFF
