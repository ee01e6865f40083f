"""What the sentence ranker is told of a sentence beside its vector: names of signals, and how common words are."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BUCKETS = 2**18  # of words, for their document frequency

FLAGS = ("quote", "opens_quote", "unbalanced", "number", "starts_stop", "question", "incomplete")
SIGNALS = (
    "position_first",
    "position_head",
    "position_early",
    "position_relative",
    "document_length",
    "length_log",
    "length",
    "length_short",
    "centrality",
    "centrality_rank",
    "lead_similarity",
    "lead_similarity_rank",
    "previous_similarity",
    "next_similarity",
    "repetition",
    "frequent_words",
    "frequent_words_rank",
    "word_coverage",
    "word_coverage_rank",
    "word_novelty",
    "lead_words",
    "keyword_centrality",
    "keyword_centrality_rank",
    "keyword_lead",
    "keyword_lead_rank",
    "keyword_previous",
    "keyword_next",
    "keyword_repetition",
    "rare_words",
    "keywords",
    "keywords_rank",
    "keyword_coverage",
    "keyword_coverage_rank",
    "keyword_novelty",
    "names",
    "frequent_names",
    "new_names",
    *FLAGS,
)


@dataclass(eq=False)
class DocumentFrequency:
    """In how many documents of the training data each word is (Spärck Jones 1972).

    counts (int32, (BUCKETS,)): By the hash of the word.
    documents (int): Documents counted.
    """

    counts: NDArray[np.int32] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int32))
    documents: int = 0

    def add(self, words: NDArray[np.uint32]) -> None:
        """Count a document.

        words (NDArray[uint32]): Hashes of its words.
        """
        self.counts[np.unique(words % BUCKETS)] += 1
        self.documents += 1

    def idf(self, words: NDArray[np.uint32], counted: bool = False) -> NDArray[np.float64]:
        """Inverse document frequency, log((N + 1) / (n + 1)): that among the N documents and the one the words are of.

        words (NDArray[uint32]): Hashes.
        counted (bool): The document that the words are of is one of the N; it then is not counted again.
        RETURNS (NDArray[float64]): At least 0, of the same shape.
        """
        have = self.counts[words % BUCKETS]
        if counted:
            return np.log(max(self.documents, 1) / np.maximum(have, 1))
        return np.log((self.documents + 1) / (have + 1))
