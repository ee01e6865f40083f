"""From scored sentences to a summary: redundancy control, entity coverage, bias towards a query."""

import heapq

import numpy as np
from numpy.typing import NDArray

from .budget import SummaryBudget

SALIENT_ENTITIES = 5


def select_rows(
    scores: NDArray[np.floating],
    n_words: NDArray[np.integer],
    n_chars: NDArray[np.integer],
    budget: SummaryBudget,
    *,
    vectors: NDArray[np.float16] | None = None,
    redundancy: float = 0.0,
    bonus: list[dict[int, float]] | None = None,
) -> list[int]:
    """Choose sentences greedily by maximal marginal relevance (Carbonell & Goldstein 1998): at each step the one whose
    score, less its similarity to what is already chosen, is highest among those that fit into what is left.

    A sentence's gain can only fall as others are chosen, so a gain is brought up to date only when it leads (lazy
    greedy, Minoux 1978). That keeps a summary of thousands of sentences out of 50,000 near-linear.

    scores (NDArray): Score of each sentence, (n,); -inf for one that must not be chosen.
    n_words, n_chars (NDArray): Their lengths, (n,).
    budget (SummaryBudget): The limits.
    vectors (NDArray[float16] | None): Their unit vectors, (n, width), for the redundancy.
    redundancy (float): Weight of the highest cosine similarity to a chosen sentence.
    bonus (list[dict[int, float]] | None): For each sentence, what it gains by key; a key pays once in a summary.
    RETURNS (list[int]): The chosen rows in document order; where none fits, the one that gains most.
    """
    limit = budget.max_sentences(len(scores))
    words_left = np.inf if budget.words is None else budget.words
    chars_left = np.inf if budget.characters is None else budget.characters + 1  # no space before the first
    paid: set[int] = set()
    chosen: list[int] = []
    if vectors is None:
        vectors, redundancy = np.zeros((len(scores), 0), dtype=np.float16), 0.0
    chosen_vectors = np.zeros((limit, vectors.shape[1]), dtype=np.float32)
    similarity = np.zeros(len(scores))  # highest to those chosen when `seen` was set
    seen = np.zeros(len(scores), dtype=np.int64)  # how many were chosen then

    def gain(row: int) -> float:
        extra = sum(v for k, v in bonus[row].items() if k not in paid) if bonus else 0.0
        if redundancy and seen[row] < len(chosen):
            new = chosen_vectors[seen[row] : len(chosen)] @ vectors[row].astype(np.float32)
            similarity[row] = max(similarity[row], float(new.max()))
        seen[row] = len(chosen)
        return float(scores[row]) + extra - redundancy * float(similarity[row])

    # Ties go to the earlier sentence.
    heap = [(-gain(row), row, 0) for row in np.flatnonzero(np.isfinite(scores)).tolist()]
    heapq.heapify(heap)
    best = heap[0][1] if heap else -1
    while heap and len(chosen) < limit:
        _, row, stamp = heapq.heappop(heap)
        if n_words[row] > words_left or n_chars[row] + 1 > chars_left:
            continue
        if stamp < len(chosen):
            heapq.heappush(heap, (-gain(row), row, len(chosen)))
            continue
        chosen_vectors[len(chosen)] = vectors[row]
        chosen.append(row)
        words_left -= int(n_words[row])
        chars_left -= int(n_chars[row]) + 1
        if bonus:
            paid.update(bonus[row])
    if not chosen and best >= 0:
        return [best]
    return sorted(chosen)


def entity_bonus(
    entities: NDArray[np.uint32], counts: NDArray[np.integer], top: int = SALIENT_ENTITIES
) -> list[dict[int, float]]:
    """What each sentence gains by naming the salient entities: those mentioned most, the earlier first among equals.

    entities (NDArray[uint32]): Entity keys, sentence after sentence.
    counts (NDArray): How many belong to each sentence, (n,).
    top (int): How many entities count as salient.
    RETURNS (list[dict[int, float]]): For `select_rows`. A salient entity outweighs any difference of salience, since
        scores lie in [0, 1].
    """
    salient = set(salient_entities(entities, top))
    owner = np.repeat(np.arange(len(counts)), counts)
    bonus: list[dict[int, float]] = [{} for _ in counts]
    for row, key in zip(owner.tolist(), entities.tolist(), strict=True):
        if key in salient:
            bonus[row][key] = 1.0
    return bonus


def salient_entities(entities: NDArray[np.uint32], top: int = SALIENT_ENTITIES) -> list[int]:
    """The entities mentioned most; among equals those mentioned first."""
    keys, first, frequency = np.unique(entities, return_index=True, return_counts=True)
    order = np.lexsort((first, -frequency))[:top]
    return [int(key) for key in keys[order]]


def query_scores(
    scores: NDArray[np.floating], similarity: NDArray[np.floating], shared: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Scores biased towards a query: half the sentence's relevance to it, half its salience.

    scores (NDArray): Salience, (n,), in [0, 1].
    similarity (NDArray): Cosine of sentence and query, (n,).
    shared (NDArray): Share of the query's content words in the sentence, (n,).
    RETURNS (NDArray[float64]): In [0, 1], (n,).
    """
    if len(scores) == 0:
        return np.zeros(0)
    # Cosines of contextual vectors lie close together; within a document their order is what tells.
    low, high = float(similarity.min()), float(similarity.max())
    scaled = (similarity - low) / max(high - low, 1e-6)
    return 0.25 * scaled + 0.5 * shared + 0.25 * scores
