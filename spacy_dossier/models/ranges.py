"""Many stretches of rows as one index."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def concatenated_ranges(starts: Ints, lengths: Ints) -> Ints:
    """The rows of stretches, one stretch after the other: for starts 5, 2 and lengths 2, 3 it is 5, 6, 2, 3, 4.

    starts, lengths (Ints): Shape: (n,)
    RETURNS (Ints): Shape: (lengths.sum(),)
    """
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
