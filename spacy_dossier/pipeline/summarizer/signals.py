"""Signals of a sentence's importance, computed for a whole document in time linear in its sentences."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...models.signals import FLAGS, SIGNALS, DocumentFrequency
from .features import SentenceFeatures

Floats1d = NDArray[np.float32]
Floats2d = NDArray[np.float32]

# A sentence is compared with the NEAR sentences before it and the HEAD first of the document. The bound keeps the
# cost linear; beyond it MMR still sees every pair of selected sentences.
NEAR = 64
HEAD = 32
BLOCK = 1024  # sentences compared at a time: bounds memory
BEFORE = -1.0  # weight of similarity to what comes before, against 1 for what comes after
WORD_WIDTH = 512  # of the vectors that words are hashed into; a cosine is off by about 1 / sqrt(WORD_WIDTH)


def blocks(n: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, n)) for start in range(0, n, size))


def signals(features: SentenceFeatures, frequency: DocumentFrequency, counted: bool = False) -> Floats2d:
    """Compute the signals of all sentences.

    features (SentenceFeatures): The document.
    frequency (DocumentFrequency): How common words are.
    counted (bool): Whether the document is one of those counted there.
    RETURNS (Floats2d): One row a sentence, (n, len(SIGNALS)), each column roughly within [-1, 1].
    """
    n = len(features)
    if n == 0:
        return np.zeros((0, len(SIGNALS)), dtype=np.float32)
    index = np.arange(n, dtype=np.float32)
    length = features.n_words.astype(np.float32)
    weights = frequency.idf(features.words, counted)
    vectors = similarities(features.vectors)
    keywords = similarities(hashed_vectors(features.words, features.word_counts, weights))
    plain, weighted = word_statistics(features.words, features.word_counts, np.ones(len(features.words)), weights)
    (names,) = word_statistics(features.names, features.name_counts, np.ones(len(features.names)))
    ranked = {
        "centrality": vectors.centrality,
        "lead_similarity": vectors.lead,
        "frequent_words": plain.frequency,
        "word_coverage": plain.coverage,
        "keyword_centrality": keywords.centrality,
        "keyword_lead": keywords.lead,
        "keywords": weighted.frequency,
        "keyword_coverage": weighted.coverage,
    }
    ranks = rank(np.stack(list(ranked.values()), axis=1))
    columns = {
        "position_first": np.exp(-index),
        "position_head": np.exp(-index / 3),
        "position_early": np.exp(-index / 10),
        "position_relative": index / max(n - 1, 1),
        "document_length": np.full(n, np.log1p(n) / 5),
        "length_log": np.log1p(length) / 3 - 1,
        "length": np.minimum(length, 60) / 30 - 1,
        "length_short": np.exp(-length / 5),
        "centrality": vectors.centrality,
        "lead_similarity": vectors.lead,
        "previous_similarity": vectors.previous,
        "next_similarity": vectors.following,
        "repetition": vectors.repeats,
        "frequent_words": plain.frequency,
        "word_coverage": plain.coverage,
        "word_novelty": plain.novelty,
        "lead_words": plain.lead,
        "keyword_centrality": keywords.centrality,
        "keyword_lead": keywords.lead,
        "keyword_previous": keywords.previous,
        "keyword_next": keywords.following,
        "keyword_repetition": keywords.repeats,
        "rare_words": mean_of(weights, features.word_counts) / 5,
        "keywords": weighted.frequency / 5,
        "keyword_coverage": weighted.coverage,
        "keyword_novelty": weighted.novelty,
        "names": np.log1p(features.name_counts.astype(np.float32)) / 2,
        "frequent_names": names.frequency,
        "new_names": names.novelty,
        **{f"{name}_rank": column for name, column in zip(ranked, ranks.T, strict=True)},
        **dict(zip(FLAGS, features.flags.T.astype(np.float32), strict=True)),
    }
    return np.stack([columns[name] for name in SIGNALS], axis=1).astype(np.float32)


# What `Span._.salience_reason` names: signals that mean much the same, together.
_GROUP_OF = {
    "position": ("position_", "document_length"),
    "length": ("length",),
    "centrality": ("centrality", "lead_similarity", "keyword_centrality", "keyword_lead"),
    "context": (
        *("previous_", "next_", "repetition", "word_novelty"),
        *("keyword_previous", "keyword_next", "keyword_repetition", "keyword_novelty"),
    ),
    "words": ("frequent_words", "word_coverage", "lead_words", "rare_words", "keywords", "keyword_coverage"),
    "names": ("names", "frequent_names", "new_names", "number"),
    "form": ("quote", "opens_quote", "unbalanced", "starts_stop", "question", "incomplete"),
}
GROUPS = {
    group: [i for i, name in enumerate(SIGNALS) if name.startswith(prefixes)] for group, prefixes in _GROUP_OF.items()
}


class Similarities(NamedTuple):
    """Cosine similarities of each sentence, (n,) each: to the whole document, to its first sentences, to the sentence
    before and the one after, and to the most similar one of those before.
    """

    centrality: Floats1d
    lead: Floats1d
    previous: Floats1d
    following: Floats1d
    repeats: Floats1d


class WordStatistics(NamedTuple):
    """Of the words of each sentence within its document, (n,) each: mean log frequency; share of the document's word
    mass that the sentence's different words make up; share of words not seen before; share of words that are in the
    first sentence.
    """

    frequency: Floats1d
    coverage: Floats1d
    novelty: Floats1d
    lead: Floats1d


def similarities(unit_vectors: NDArray[np.float16]) -> Similarities:
    """unit_vectors (NDArray[float16]): One of length 1 for each sentence, (n, width)."""
    n = len(unit_vectors)
    total = np.zeros(unit_vectors.shape[1], dtype=np.float32)
    for start, end in blocks(n):
        total += unit_vectors[start:end].astype(np.float32).sum(axis=0)
    centroid = unit(total)
    head = unit_vectors[:HEAD].astype(np.float32)
    lead_vector = unit(head[:3].sum(axis=0))
    centrality, lead, previous, repeats = (np.zeros(n, dtype=np.float32) for _ in range(4))
    for start, end in blocks(n):
        near = max(0, start - NEAR)
        window = unit_vectors[near:end].astype(np.float32)
        vectors = window[start - near :]
        centrality[start:end] = vectors @ centroid
        lead[start:end] = vectors @ lead_vector
        rows = np.arange(start, end)[:, None]
        columns = np.arange(near, end)[None, :]
        before = (columns < rows) & (columns >= rows - NEAR)
        similar = np.where(before, vectors @ window.T, 0.0)
        first = np.where(np.arange(len(head))[None, :] < rows, vectors @ head.T, 0.0)
        repeats[start:end] = np.maximum(similar.max(axis=1), first.max(axis=1))
        has_previous = np.arange(max(start, 1), end)
        previous[has_previous] = similar[has_previous - start, has_previous - 1 - near]
    following = np.append(previous[1:], np.float32(0))
    return Similarities(centrality, lead, previous, following, repeats)


def hashed_vectors(
    words: NDArray[np.uint32], counts: NDArray[np.int32], weights: NDArray[np.float64]
) -> NDArray[np.float16]:
    """Vectors of the sentences' weighted words, hashed into few dimensions (Weinberger et al. 2009).

    words (NDArray[uint32]): Hashes of the words, sentence after sentence.
    counts (NDArray[int32]): Words in each sentence, (n,).
    weights (NDArray[float64]): Of each word.
    RETURNS (NDArray[float16]): Of length 1, or 0 for a sentence without words of any weight; (n, WORD_WIDTH).
    """
    n = len(counts)
    ends = np.append(0, np.cumsum(counts))
    signed = np.where(words & 1, weights, -weights)
    column = (words >> 1) % WORD_WIDTH
    vectors = np.zeros((n, WORD_WIDTH), dtype=np.float16)
    for start, end in blocks(n):
        part = slice(ends[start], ends[end])
        cell = np.repeat(np.arange(end - start), counts[start:end]) * WORD_WIDTH + column[part]
        dense = np.bincount(cell, weights=signed[part], minlength=(end - start) * WORD_WIDTH)
        dense = dense.reshape(end - start, WORD_WIDTH)
        vectors[start:end] = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-6)
    return vectors


def mean_of(values: NDArray[np.float64], counts: NDArray[np.int32]) -> Floats1d:
    """RETURNS (Floats1d): Mean of the values of each sentence's words, (n,)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return (np.bincount(owner, weights=values, minlength=len(counts)) / np.maximum(counts, 1)).astype(np.float32)


def word_statistics(
    words: NDArray[np.uint32], counts: NDArray[np.int32], *weightings: NDArray[np.float64]
) -> list[WordStatistics]:
    """Word statistics of each sentence within its document, each word counted by its weight.

    words (NDArray[uint32]): Hashes of the words, sentence after sentence.
    counts (NDArray[int32]): Words in each sentence, (n,).
    weightings (NDArray[float64]): Weights of each word, the same wherever it is.
    RETURNS (list[WordStatistics]): One for each of the weightings.
    """
    n = len(counts)
    if len(words) == 0:
        zero = np.zeros(n, dtype=np.float32)
        return [WordStatistics(zero, zero, zero, zero) for _ in weightings]
    owner = np.repeat(np.arange(n), counts)
    _, first, inverse, frequency = np.unique(words, return_index=True, return_inverse=True, return_counts=True)
    log_tf = np.log(frequency)[inverse]
    distinct = np.unique(owner * np.int64(len(frequency)) + inverse)
    distinct_owner, distinct_word = np.divmod(distinct, len(frequency))
    new = np.zeros(len(words))
    new[first] = 1
    in_first = np.zeros(len(frequency))
    in_first[inverse[: counts[0]]] = 1

    def statistics(weights: NDArray[np.float64]) -> WordStatistics:
        tf = mean_of(log_tf * weights, counts) / 3
        # A word counts once in a sentence, and for its repetitions elsewhere only.
        repeated = (frequency - 1.0) * weights[first]
        mass = np.bincount(distinct_owner, weights=repeated[distinct_word], minlength=n) / max(
            float(repeated.sum()), 1e-6
        )
        total = np.maximum(np.bincount(owner, weights=weights, minlength=n), 1e-6)
        novelty, lead = (np.bincount(owner, weights=x * weights, minlength=n) / total for x in (new, in_first[inverse]))
        return WordStatistics(*(x.astype(np.float32) for x in (tf, np.sqrt(mass), novelty, lead)))

    return list(map(statistics, weightings))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def rank(values: Floats2d) -> Floats2d:
    """Rank within the document of each column's values, scaled to [0, 1]; the highest has 1. Shape: (n, columns)"""
    order = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")
    return (order / max(len(values) - 1, 1)).astype(np.float32)


def centrality_scores(features: SentenceFeatures) -> tuple[Floats1d, list[dict[str, float]]]:
    """Salience without training: how much a sentence has in common with those after it, less what it repeats of those
    before it (position-augmented centrality, Zheng & Lapata 2019).

    The sums over all pairs come from running sums of the vectors, in linear time.

    features (SentenceFeatures): The document.
    RETURNS (tuple): Salience in [0, 1], (n,), and for each sentence the two sums, scaled to the document.
    """
    n = len(features)
    if n == 0:
        return np.zeros(0, dtype=np.float32), []
    after, before = (np.zeros(n, dtype=np.float32) for _ in range(2))
    total = np.zeros(features.vectors.shape[1], dtype=np.float32)
    for start, end in blocks(n):
        total += features.vectors[start:end].astype(np.float32).sum(axis=0)
    running = np.zeros_like(total)
    for start, end in blocks(n):
        vectors = features.vectors[start:end].astype(np.float32)
        sums = running + np.cumsum(vectors, axis=0)
        before[start:end] = ((sums - vectors) * vectors).sum(axis=1) / n
        after[start:end] = ((total - sums) * vectors).sum(axis=1) / n
        running = sums[-1]
    scores = after + BEFORE * before
    scaled = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-6)
    reasons = [{"centrality": float(a), "repetition": float(b)} for a, b in zip(after, BEFORE * before, strict=True)]
    return scaled.astype(np.float32), reasons
