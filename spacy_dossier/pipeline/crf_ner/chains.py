"""The chains of a CRF: stretches of a document's tokens that are tagged together.

A chain ends after sentence-final punctuation, at an empty line, at a tab, which parts the cells of a table, and at a
longest length. So tagging a batch takes as many steps as its longest chain has tokens, however long the documents are.
Tokens of white space belong to no chain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.attrs import IS_LOWER, IS_SPACE, ORTH
from spacy.strings import get_string_id
from spacy.tokens import Doc
from torch import Tensor

from ...models.arrays import is_one_of
from ...text.sentences import TERMINATORS

Ints = NDArray[np.int64]

CLOSING = ('"', "'", "''", "”", "’", "»", ")", "]", "}")
FINAL_IDS, CLOSING_IDS = (
    np.array([get_string_id(mark) for mark in marks], dtype=np.uint64) for marks in (TERMINATORS, CLOSING)
)
BATCH_SCORES = 2**20  # emissions of one batch; training keeps some fourteen float64 values of each, at most 120 MB


def find_chains(
    doc: Doc, max_length: int, uncut: Sequence[tuple[int, int]] = (), inside: NDArray[np.bool_] | None = None
) -> list[Ints]:
    """The token indices of each chain.

    max_length (int): Most tokens of a chain.
    uncut (Sequence[tuple[int, int]]): Spans that must not be cut, the annotated entities in training.
    inside (NDArray[bool] | None): Whether each token looks like part of an entity. A final mark that does, or that
        stands between two such tokens, ends no chain: training does not cut "Yahoo ! Inc" either. Shape: (n_tokens,)
    """
    orth, is_space, is_lower = doc.to_array([ORTH, IS_SPACE, IS_LOWER]).astype(np.uint64).reshape(-1, 3).T
    tokens = np.flatnonzero(is_space == 0)
    if len(tokens) == 0:
        return []
    final, closing = (is_one_of(orth[tokens], ids) for ids in (FINAL_IDS, CLOSING_IDS))
    if inside is not None:
        near = inside[tokens]
        between = np.zeros_like(near)
        between[1:-1] = near[:-2] & near[2:]
        final &= ~(near | between)
    # A final mark may be followed by closing marks, which belong to its chain.
    ended = final.copy()
    for _ in range(2):
        ended[1:] |= closing[1:] & ended[:-1]
    cut = np.zeros(len(tokens) + 1, dtype=bool)  # before token i
    cut[1:-1] = ended[:-1] & ~final[1:] & ~closing[1:] & (is_lower[tokens[1:]] == 0)
    for i in np.flatnonzero(is_space):
        text = doc[int(i)].text
        if text.count("\n") > 1 or "\t" in text:
            cut[np.searchsorted(tokens, i)] = True
    for start, end in uncut:
        first, after = np.searchsorted(tokens, [start, end])
        cut[first + 1 : after] = False
    cut[0] = cut[-1] = True
    chains = []
    bounds = np.flatnonzero(cut).tolist()
    spans = [np.searchsorted(tokens, span).tolist() for span in uncut]
    for start, end in pairwise(bounds):
        while end - start > max_length:
            stop = start + max_length
            for first, after in spans:
                if first < stop < after:
                    stop = first if first > start else after
            chains.append(tokens[start:stop])
            start = stop
        chains.append(tokens[start:end])
    return [chain for chain in chains if len(chain)]


@dataclass
class Batch:
    """Chains of like length, the shortest first, from any documents.

    docs (list[int]): The document of each.
    chains (list[Ints]): Its tokens in that document.
    index (Ints): Their rows among the tokens of all documents; padded with any. Shape: (N, T)
    """

    docs: list[int]
    chains: list[Ints]
    index: Ints

    def __len__(self) -> int:
        return len(self.chains)

    def gather(self, flat: Tensor) -> Tensor:
        """flat (Tensor): Shape: (n_tokens, L). RETURNS (Tensor): Padded rows. Shape: (N, T, L)"""
        return flat[torch.from_numpy(self.index).to(flat.device)]

    @property
    def lengths(self) -> Ints:
        """Tokens of each chain, ascending. Shape: (N,)"""
        return np.array([len(chain) for chain in self.chains])

    def locate(self, row: int, start: int, end: int) -> tuple[int, int, int]:
        """RETURNS (tuple): Document, first token and token after the last of a span of a chain."""
        chain = self.chains[row]
        return self.docs[row], int(chain[start]), int(chain[end - 1]) + 1


def batch_chains(docs: Sequence[Doc], chains: Sequence[list[Ints]], n_tags: int) -> Iterator[Batch]:
    """Batch the chains of all documents by length, so that little is padded and memory is bounded.

    n_tags (int): Scores of a token.
    """
    offsets = np.concatenate([[0], np.cumsum([len(doc) for doc in docs])])
    flat = [(i, chain) for i, doc_chains in enumerate(chains) for chain in doc_chains]
    flat.sort(key=lambda item: len(item[1]))
    start = 0
    while start < len(flat):
        end = start + 1
        while end < len(flat) and (end + 1 - start) * len(flat[end][1]) * n_tags <= BATCH_SCORES:
            end += 1
        part = flat[start:end]
        # Padding reads each row about as often: on a GPU the gradients of a row that many read add up one by one.
        shape = len(part), len(part[-1][1])
        index = np.arange(shape[0] * shape[1]).reshape(shape) % offsets[-1]
        for row, (doc, chain) in enumerate(part):
            index[row, : len(chain)] = chain + offsets[doc]
        yield Batch([doc for doc, _ in part], [chain for _, chain in part], index)
        start = end
