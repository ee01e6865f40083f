"""Alignment of tokens with sub-words, and windows that drop nothing and cut no word."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from spacy_dossier.models.encoder import SubWordTokenizer
from spacy_dossier.models.windows import (
    ALPHANUMERIC,
    DIGITS,
    INITIAL,
    LOWER,
    MIXED,
    PLAIN,
    TITLE,
    UPPER,
    SubWords,
    align,
    cut_windows,
    written_cases,
)

PIECES = st.sampled_from(
    [
        *["a", "Lisbon", "mayor", "Zoë", "e\u0301", "日本の東京", "👩‍👩‍👧", "🇵🇹", "\u200b", "\ufeff", "ß", "İ", "ﬁ"],
        *[
            " ",
            "  ",
            "\n",
            "\n\n",
            "\r\n",
            "\t",
            "\u00a0",
            "\u2028",
            ". ",
            '." ',
            "x" * 90,
            "https://a.b/c?d=1",
            "1,200",
        ],
        *["[SEP]", "<s>", "</s>", "##a", "\x00", "\u0301", "\ud7ff", "𝔘𝔫𝔦", "é" * 30],
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=60))


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture(scope="module", params=["tiny_encoder", "tiny_roberta"])
def tokenizer(request: pytest.FixtureRequest) -> SubWordTokenizer:
    folder: Path = request.getfixturevalue(request.param)
    return SubWordTokenizer.from_pretrained(str(folder))


def subwords_of(doc: Doc, tokenizer: SubWordTokenizer) -> SubWords:
    return align(doc, doc.text, tokenizer.encode([doc.text])[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(text=TEXTS)
@example(text="")
@example(text=" \n ")
def test_every_token_has_the_subwords_that_overlap_it(nlp: Language, tokenizer: SubWordTokenizer, text: str) -> None:
    """By characters: all that overlap the token, and no others."""
    doc = nlp.make_doc(text)
    encoding = tokenizer.encode([text])[0]
    subwords = subwords_of(doc, tokenizer)
    assert len(subwords) == len(encoding.ids)
    for token, first, last in zip(doc, subwords.first, subwords.last, strict=True):
        start, end = token.idx, token.idx + len(token)
        expected = [i for i, (s, e) in enumerate(encoding.offsets) if s < end and e > start and s < e]
        assert [i for i in range(first, last) if encoding.offsets[i][0] < encoding.offsets[i][1]] == expected
    counts = [last - first for first, last in zip(subwords.first, subwords.last, strict=True)]
    assert subwords.lengths.tolist() == counts
    expected = [i for first, last in zip(subwords.first, subwords.last, strict=True) for i in range(first, last)]
    assert subwords.indices.tolist() == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(text=TEXTS, size=st.integers(1, 20), context=st.integers(0, 5))
def test_windows_drop_nothing_and_cut_no_word_that_fits(
    nlp: Language, tokenizer: SubWordTokenizer, text: str, size: int, context: int
) -> None:
    """Each sub-word is kept once, in order; a window is never too long; a token that fits a window is never cut."""
    doc = nlp.make_doc(text)
    subwords = subwords_of(doc, tokenizer)
    windows = cut_windows(subwords, size, context)
    kept = [i for window in windows for i in range(window.start, window.end)]
    assert kept == list(range(len(subwords)))
    cuts = {window.start for window in windows} - {0}
    for window in windows:
        assert 0 < window.end - window.start <= size
        assert window.left == max(0, window.start - context)
        assert window.right == min(len(subwords), window.end + context)
        assert len(window) == window.right - window.left
    # Tokens that share a sub-word are cut apart from each other only as one.
    groups: list[list[int]] = []
    for first, last in zip(subwords.first.tolist(), subwords.last.tolist(), strict=True):
        if first == last:
            continue
        if groups and first < groups[-1][1]:
            groups[-1][1] = max(last, groups[-1][1])
        else:
            groups.append([first, last])
    for first, last in groups:
        if last - first <= size:
            assert not cuts & set(range(first + 1, last)), (text, first, last)


def cut_texts(nlp: Language, tokenizer: SubWordTokenizer, text: str, size: int) -> list[str]:
    doc = nlp.make_doc(text)
    subwords = subwords_of(doc, tokenizer)
    starts = [window.start for window in cut_windows(subwords, size)]
    bounds = [0, *(int(subwords.offsets[start, 0]) for start in starts[1:]), len(text)]
    return [text[start:end].strip() for start, end in pairwise(bounds)]


def n_subwords(nlp: Language, tokenizer: SubWordTokenizer, text: str) -> int:
    return len(subwords_of(nlp.make_doc(text), tokenizer))


def test_a_window_ends_at_a_line_break_before_it_ends_at_a_full_stop(
    nlp: Language, tokenizer: SubWordTokenizer
) -> None:
    """With both in reach, whether the tokenizer keeps white space in its sub-words or not."""
    text = "one two three\nfour five. six seven eight"
    size = n_subwords(nlp, tokenizer, text) - 1
    assert cut_texts(nlp, tokenizer, text, size) == ["one two three", "four five. six seven eight"]


def test_a_window_ends_after_a_sentence_rather_than_between_words(nlp: Language, tokenizer: SubWordTokenizer) -> None:
    """Closing quotes belong to the sentence they close, and a full stop inside a word ends none."""
    text = 'one two three four." Five six 7.5 eight'
    size = n_subwords(nlp, tokenizer, text) - 1
    assert cut_texts(nlp, tokenizer, text, size) == ['one two three four."', "Five six 7.5 eight"]


def test_a_window_ends_between_words_rather_than_between_tokens(nlp: Language, tokenizer: SubWordTokenizer) -> None:
    """A word and the comma after it stay together."""
    text = "one two three four, five"
    size = n_subwords(nlp, tokenizer, "one two three four")
    assert cut_texts(nlp, tokenizer, text, size) == ["one two three", "four, five"]


def test_windows_are_cut_alike_whatever_the_sentences_of_the_doc(nlp: Language, tokenizer: SubWordTokenizer) -> None:
    """Sentence boundaries come later in the pipeline and must not matter."""
    doc = nlp.make_doc("one two. three four. five six. seven eight.")
    before = cut_windows(subwords_of(doc, tokenizer), 8)
    for token in doc:
        token.is_sent_start = token.i % 2 == 0
    assert cut_windows(subwords_of(doc, tokenizer), 8) == before and len(before) > 1


@pytest.mark.parametrize(
    ("written", "case"),
    [
        ("turkey", LOWER),
        ("Turkey", TITLE),
        ("TURKEY", UPPER),
        ("T", INITIAL),
        ("T.", INITIAL),
        ("iPhone", MIXED),
        ("McLeod", MIXED),
        ("1,200", DIGITS),
        ("B12", ALPHANUMERIC),
        ("--", PLAIN),
        ("日本", PLAIN),
        ("", PLAIN),
        ("Élan", TITLE),
    ],
)
def test_how_a_subword_is_written(written: str, case: int) -> None:
    """One class for each, of its own characters only."""
    text = f"Xx{written}9Y"
    offsets = np.array([[2, 2 + len(written)]])
    assert written_cases(text, offsets).tolist() == [case]


def test_a_long_document_is_aligned_and_cut_in_a_moment(nlp: Language, tokenizer: SubWordTokenizer) -> None:
    """A quarter of a million characters; the time is for machines under load."""
    import time

    words = ["Lisbon", "mayor", "ships", "waited", "outside", "."] * 7000
    doc = Doc(nlp.vocab, words=words)
    encoding = tokenizer.encode([doc.text])[0]
    start = time.process_time()
    subwords = align(doc, doc.text, encoding)
    windows = cut_windows(subwords, 254)
    assert time.process_time() - start < 2
    assert windows[-1].end == len(subwords)
