"""Arrays of a batch: those of its documents and the one that they are parts of, many stretches of rows as one index."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Ops
from thinc.types import Floats2d

Ints = NDArray[np.int64]


def concatenated_ranges(starts: Ints, lengths: Ints) -> Ints:
    """The rows of stretches, one stretch after the other: for starts 5, 2 and lengths 2, 3 it is 5, 6, 2, 3, 4.

    starts, lengths (Ints): Shape: (n,)
    RETURNS (Ints): Shape: (lengths.sum(),)
    """
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def joined(ops: Ops, arrays: list[Floats2d]) -> Floats2d:
    """All rows as one array, without a copy where the arrays are its parts, as those are that layers over a whole batch
    return for its documents.

    arrays (list[Floats2d]): Of one width; only those without rows, of empty documents, may have another.
    """
    filled = [array for array in arrays if len(array)]
    if not filled:
        return ops.alloc2f(0, max((array.shape[1] for array in arrays), default=0))
    base, width = filled[0].base, filled[0].shape[1]
    whole = all(type(base) is type(array) and array.flags["C_CONTIGUOUS"] for array in filled)
    if whole and base.flags["C_CONTIGUOUS"] and base.dtype == filled[0].dtype:
        sizes = np.array([array.nbytes for array in filled])
        offsets = np.array([_address(array) for array in filled]) - _address(base)
        if (np.diff(offsets) == sizes[:-1]).all() and 0 <= offsets[0] <= base.nbytes - sizes.sum():
            first = int(offsets[0]) // base.itemsize
            return base.reshape(-1)[first : first + int(sizes.sum()) // base.itemsize].reshape(-1, width)
    return ops.xp.concatenate(filled)


def parted(ops: Ops, array: Floats2d, counts: list[int]) -> list[Floats2d]:
    """RETURNS (list[Floats2d]): The rows of each document, of which there are so many; not copied."""
    return ops.xp.split(array, np.cumsum(counts)[:-1].tolist()) if counts else []


def is_one_of(values: NDArray[np.uint64], few: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """`numpy.isin` for a handful of hashes, in a quarter of its time. Shape: (n,)"""
    return (values == few[:, None]).any(axis=0)


def _address(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
