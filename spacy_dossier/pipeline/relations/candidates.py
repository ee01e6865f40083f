"""Which pairs of entities may be related, as numbers on the tokens of a batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...models.arrays import Ints
from ...models.relations import Pairs

NEAREST = 32  # entities before and after a head that it is paired with at most


@dataclass(frozen=True)
class Entity:
    """An entity on the tokens of its document.

    start, end (int): Its first token and the token after its last.
    label (str): Its type.
    """

    start: int
    end: int
    label: str


@dataclass
class Candidates:
    """The pairs of one document.

    rows (Ints): Head and tail as numbers of the entities. Shape: (n_pairs, 2)
    left_out (int): Pairs within the window that are too many.
    """

    rows: Ints
    left_out: int


@dataclass(frozen=True)
class Window:
    """Which entities may be related.

    tokens (int): Most tokens between them.
    sentences (int | None): Most sentences between that of the one and that of the other, 0 for the same sentence; None
        for any.
    """

    tokens: int
    sentences: int | None


def find_candidates(
    entities: Sequence[Entity], typed: NDArray[np.bool_], numbers: dict[str, int], window: Window, sentence: Ints | None
) -> Candidates:
    """Ordered pairs of entities within a window, of types that the training data relates.

    entities (Sequence[Entity]): In the order of the text.
    typed (NDArray[bool]): Whether entities of two types may be related. Shape: (n_types + 1, n_types + 1)
    numbers (dict[str, int]): The number of each type, from 1.
    sentence (Ints | None): The number of the sentence of each token. Shape: (n_tokens,)
    RETURNS (Candidates): Sorted by head, then tail.
    """
    n = len(entities)
    starts = np.array([entity.start for entity in entities], dtype=np.int64)
    ends = np.array([entity.end for entity in entities], dtype=np.int64)
    types = np.array([numbers.get(entity.label, 0) for entity in entities], dtype=np.int64)
    found: list[Ints] = []
    left_out = 0
    for step in range(1, n):
        first, second = np.arange(n - step), np.arange(step, n)
        between = starts[second] - ends[first]
        if not (between <= window.tokens).any():
            break
        near = (between >= 0) & (between <= window.tokens)
        if sentence is not None and window.sentences is not None:
            near &= sentence[starts[second]] - sentence[starts[first]] <= window.sentences
        for head, tail in ((first, second), (second, first)):
            fits = near & typed[types[head], types[tail]]
            if step > NEAREST:
                left_out += int(fits.sum())
            else:
                found.append(np.stack([head[fits], tail[fits]], axis=1))
    rows = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return Candidates(rows[np.lexsort((rows[:, 1], rows[:, 0]))], left_out)


def join_pairs(
    lengths: Iterable[int], entities: Sequence[Sequence[Entity]], rows: Sequence[Ints], numbers: dict[str, int]
) -> Pairs:
    """The pairs of all documents of a batch.

    lengths (Iterable[int]): Tokens of each document.
    """
    offset, parts = 0, []
    for length, found, pairs in zip(lengths, entities, rows, strict=True):
        if len(pairs):
            bounds = np.array([(entity.start, entity.end) for entity in found], dtype=np.int64) + offset
            types = np.array([numbers.get(entity.label, 0) for entity in found], dtype=np.int64)
            head, tail = bounds[pairs[:, 0]], bounds[pairs[:, 1]]
            begin = np.minimum(head[:, 1], tail[:, 1])
            between = np.stack([begin, np.maximum(begin, np.maximum(head[:, 0], tail[:, 0]))], axis=1)
            parts.append((head, between, tail, types[pairs]))
        offset += length
    if not parts:
        return Pairs(*(np.zeros((0, 2), dtype=np.int64) for _ in range(4)))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
