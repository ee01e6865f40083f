"""Arrays of documents and the one they are parts of."""

import numpy as np
from thinc.api import NumpyOps

from spacy_dossier.models.arrays import joined, parted

from ..card.counts import Counts

OPS = NumpyOps()


def test_parts_are_joined_without_a_copy() -> None:
    """Those of one array in their order, with empty ones between them."""
    whole = np.arange(20, dtype="f").reshape(10, 2)
    parts = parted(OPS, whole, [3, 0, 6, 1])
    assert [len(part) for part in parts] == [3, 0, 6, 1]
    for arrays in (parts, [parts[0], np.zeros((0, 0), dtype="f"), *parts[2:]], parts[2:]):
        found = joined(OPS, arrays)
        assert np.shares_memory(found, whole)
        assert found.tolist() == np.concatenate([array for array in arrays if len(array)]).tolist()


def test_what_is_no_parts_of_one_array_is_copied() -> None:
    """Other order, a part given twice, other arrays, columns of a wider one."""
    whole = np.arange(20, dtype="f").reshape(10, 2)
    first, second = parted(OPS, whole, [5, 5])
    for arrays in ([second, first], [first, first], [first, second, first], [first, second.copy()]):
        found = joined(OPS, arrays)
        assert found.tolist() == np.concatenate(arrays).tolist()
        assert not np.shares_memory(found, whole)
    wide = np.arange(20, dtype="f").reshape(5, 4)
    assert joined(OPS, [wide[:, :2], wide[:, 2:]]).tolist() == np.concatenate([wide[:, :2], wide[:, 2:]]).tolist()
    assert joined(OPS, []).shape == (0, 0)
    assert joined(OPS, [np.zeros((0, 7), dtype="f")]).shape == (0, 7)


def test_on_a_gpu_too(card: Counts) -> None:
    """Neither kernels nor copies."""
    from thinc.api import get_current_ops

    ops = get_current_ops()
    whole = ops.asarray2f([[1, 2], [3, 4], [5, 6]])
    parts = parted(ops, whole, [2, 1])
    card.clear()
    assert joined(ops, parts).shape == (3, 2)
    assert card.kernels == card.copies == 0
    assert ops.to_numpy(joined(ops, parts[::-1])).tolist() == [[5, 6], [1, 2], [3, 4]]
