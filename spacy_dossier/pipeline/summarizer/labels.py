"""Which sentences of an article make up its best extracts, judged by its reference summary."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"[^\W_]+")
Grams = Counter[tuple[str, ...]]

EXTRACT = 3  # sentences of an extract
CANDIDATES = 40  # sentences that extracts are made of: the most similar to the reference; at most 9,880 extracts
# Chosen by cross-validation on news.
TEMPERATURE = 0.03
BIGRAM_WEIGHT = 0.5
POLICY_CANDIDATES = 12  # sentences that the extracts of `expected_rouge` are made of: 220 extracts
EXPLORATION = 0.5  # standard deviation of the noise on logits that chooses them


class WordTokenizer:
    """rouge-score's stemmed words for English; else, since it drops what is not ASCII, runs of letters and digits.
    RougeScorer takes it as a tokenizer.

    lang (str): Language code.
    """

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang

    @cached_property
    def english(self) -> Any:
        if self.lang != "en":
            return None
        from rouge_score.tokenizers import DefaultTokenizer  # takes a second, which only training needs to spend

        return DefaultTokenizer(use_stemmer=True)

    def tokenize(self, text: str) -> list[str]:
        if self.english is not None:
            return self.english.tokenize(text)
        return WORD.findall(text.lower())


def oracle_rows(sentences: Sequence[str], reference: str, tokenizer: WordTokenizer, limit: int = 3) -> list[int]:
    """Choose sentences greedily by the rise in ROUGE-1 plus ROUGE-2 F (Nallapati, Zhai & Zhou 2017, section 3.3).

    sentences (Sequence[str]): The sentences of the article.
    reference (str): The reference summary.
    tokenizer (WordTokenizer): Splits and stems.
    limit (int): Most sentences.
    RETURNS (list[int]): The chosen rows in the order of choice; fewer than `limit` where no other raises the score.
    """
    target = tokenizer.tokenize(reference)
    targets = [grams(target, n) for n in (1, 2)]
    words = [tokenizer.tokenize(text) for text in sentences]
    pools = [[grams(sentence, n) for n in (1, 2)] for sentence in words]
    have: list[Grams] = [Counter(), Counter()]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < limit:
        scored = [
            (sum(f_measure(have[n] + pool[n], targets[n]) for n in (0, 1)), -row)
            for row, pool in enumerate(pools)
            if row not in chosen and pool[0].keys() & targets[0].keys()
        ]
        if not scored or max(scored)[0] <= best:
            break
        best, row = max(scored)[0], -max(scored)[1]
        chosen.append(row)
        have = [have[n] + pools[row][n] for n in (0, 1)]
    return chosen


@dataclass
class Target:
    """What an article's reference summary says of its extracts.

    words (int16, (n, V)): How often each sentence has each word of the reference.
    limits (int16, (V,)): How often the reference has it.
    pairs (int32, (n,)): Word pairs that each sentence shares with the reference.
    lengths (int32, (n,)): Words of each sentence.
    length (int): Words of the reference.
    labels (float32, (n,)): How surely each sentence belongs to a good extract, see `soft_oracle`.
    """

    words: NDArray[np.int16]
    limits: NDArray[np.int16]
    pairs: NDArray[np.int32]
    lengths: NDArray[np.int32]
    length: int
    labels: NDArray[np.float32]

    def rouge1(self, extracts: NDArray[np.int64]) -> NDArray[np.float64]:
        """ROUGE-1 F of extracts, given as rows (E, size). RETURNS (NDArray): (E,)"""
        overlap = np.minimum(self.words[extracts].sum(axis=1, dtype=np.int16), self.limits).sum(axis=1)
        return 2 * overlap / np.maximum(self.lengths[extracts].sum(axis=1) + self.length, 1)

    def rouge2(self, extracts: NDArray[np.int64]) -> NDArray[np.float64]:
        """ROUGE-2 F, but for pairs that two sentences of an extract have in common."""
        return 2 * self.pairs[extracts].sum(axis=1) / np.maximum(self.lengths[extracts].sum(axis=1) + self.length, 1)


def make_target(sentences: Sequence[str], reference: str, tokenizer: WordTokenizer) -> Target:
    """Compare an article's sentences with its reference summary.

    sentences (Sequence[str]): The sentences of the article.
    reference (str): The reference summary.
    tokenizer (WordTokenizer): Splits and stems.
    """
    wanted = tokenizer.tokenize(reference)
    counts, pairs = Counter(wanted), grams(wanted, 2)
    split = [tokenizer.tokenize(text) for text in sentences]
    vocabulary = {word: i for i, word in enumerate(counts)}
    words = np.zeros((len(split), len(vocabulary)), dtype=np.int16)
    for row, sentence in enumerate(split):
        for word in sentence:
            if word in vocabulary:
                words[row, vocabulary[word]] += 1
    target = Target(
        words=words,
        limits=np.array(list(counts.values()), dtype=np.int16),
        pairs=np.array([(grams(sentence, 2) & pairs).total() for sentence in split], dtype=np.int32),
        lengths=np.array([len(sentence) for sentence in split], dtype=np.int32),
        length=len(wanted),
        labels=np.zeros(len(split), dtype=np.float32),
    )
    target.labels = soft_oracle(target)
    return target


def soft_oracle(target: Target) -> NDArray[np.float32]:
    """How surely each sentence belongs to a good extract: its share in all extracts, each weighted by
    exp(ROUGE / TEMPERATURE). The greedy oracle knows one extract; beside it there are others hardly worse.

    target (Target): The article.
    RETURNS (NDArray[float32]): In [0, 1], (n,); they sum to EXTRACT, or to n if there are fewer sentences.
    """
    n = len(target.lengths)
    alone = np.arange(n)[:, None]
    merit = target.rouge1(alone) + target.rouge2(alone)
    candidates = np.sort(np.argsort(-merit, kind="stable")[:CANDIDATES])
    extracts = candidates[combinations_of(len(candidates), min(EXTRACT, len(candidates)))]  # (E, size)
    weight = (target.rouge1(extracts) + BIGRAM_WEIGHT * target.rouge2(extracts)) / TEMPERATURE
    share = np.exp(weight - weight.max())
    share /= share.sum()
    labels = np.bincount(extracts.ravel(), weights=np.repeat(share, extracts.shape[1]), minlength=n)
    return labels.astype(np.float32)


def expected_rouge(
    logits: NDArray[np.floating], target: Target, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """ROUGE-1 that a ranker may expect if it draws extracts with p(extract) ∝ exp(sum of logits), and its gradient:
    minimum risk training (Shen et al. 2016) over all extracts of the sentences it ranks highest.

    logits (NDArray): Of each member of an ensemble, (n, members).
    target (Target): The article.
    rng (Generator): Lets other sentences than the very highest be tried too.
    RETURNS (tuple[float, NDArray]): Mean over the members, and the derivative by the logits, (n, members).
    """
    gradient = np.zeros(logits.shape)
    n = len(logits)
    if n <= EXTRACT:
        return float(target.rouge1(np.arange(n)[None])[0]), gradient
    mean = logits.mean(axis=1)
    candidates = np.argsort(-(mean + rng.normal(scale=EXPLORATION, size=n)))[:POLICY_CANDIDATES]
    extracts = combinations_of(len(candidates), EXTRACT)  # (E, size)
    reward = target.rouge1(candidates[extracts])[:, None]  # (E, 1)
    sums = logits[candidates][extracts].sum(axis=1)  # (E, members)
    p = np.exp(sums - sums.max(axis=0))
    p /= p.sum(axis=0)
    expected = (p * reward).sum(axis=0)
    by_extract = p * (reward - expected)
    gradient[candidates] = membership(len(candidates), EXTRACT) @ by_extract
    return float(expected.mean()), gradient


@lru_cache(maxsize=64)
def combinations_of(n: int, size: int) -> NDArray[np.int64]:
    return np.array(list(combinations(range(n), size)), dtype=np.int64)


@lru_cache(maxsize=64)
def membership(n: int, size: int) -> NDArray[np.float64]:
    """RETURNS (NDArray): 1 where a row is in a combination, (n, combinations)."""
    found = np.zeros((n, len(combinations_of(n, size))))
    found[combinations_of(n, size), np.arange(found.shape[1])[:, None]] = 1
    return found


def grams(words: Sequence[str], n: int) -> Grams:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def f_measure(candidate: Grams, target: Grams) -> float:
    shared = (candidate & target).total()
    return 2 * shared / (candidate.total() + target.total()) if shared else 0.0
