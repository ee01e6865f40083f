"""Which sentences of an article make up the best extract, judged by its reference summary."""

import re
from collections import Counter
from collections.abc import Sequence

from rouge_score import tokenizers

WORD = re.compile(r"[^\W_]+")
ASCII = re.compile(r"[\x00-\x7f]*$")
Grams = Counter[tuple[str, ...]]


class WordTokenizer(tokenizers.Tokenizer):
    """rouge-score's words for English; for other scripts, which it drops, lower-cased runs of letters and digits.

    lang (str): Language code.
    """

    def __init__(self, lang: str = "en") -> None:
        self.english = tokenizers.DefaultTokenizer(use_stemmer=True) if lang == "en" else None
        self.cache: dict[str, list[str]] = {}

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
    pools = [[grams(tokenizer.tokenize(text), n) for n in (1, 2)] for text in sentences]
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


def grams(words: Sequence[str], n: int) -> Grams:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def f_measure(candidate: Grams, target: Grams) -> float:
    shared = sum((candidate & target).values())
    return 2 * shared / (candidate.total() + target.total()) if shared else 0.0
