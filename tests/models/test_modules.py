"""Products by PyTorch in Thinc's layers."""

import itertools

import numpy as np
import pytest
from thinc.api import Linear, NumpyOps, chain

from spacy_dossier.models.modules import TorchProductOps, multiply_by_torch

from ..card.counts import Counts


@pytest.mark.parametrize(("first", "second"), itertools.product([False, True], repeat=2))
def test_products_are_those_of_numpy(first: bool, second: bool) -> None:
    """Of either array transposed, into a new array or a given one, of no rows too."""
    rng = np.random.default_rng(0)
    for rows in (0, 5):
        x, y = rng.normal(size=(rows, 3)).astype("f"), rng.normal(size=(3, 4)).astype("f")
        given = np.ones((rows, 4), dtype="f")
        left = np.ascontiguousarray(x.T) if first else x
        right = np.ascontiguousarray(y.T) if second else y
        found = TorchProductOps().gemm(left, right, trans1=first, trans2=second)
        np.testing.assert_allclose(found, x @ y, rtol=1e-5)
        assert TorchProductOps().gemm(left, right, out=given, trans1=first, trans2=second) is given
        np.testing.assert_allclose(given, x @ y, rtol=1e-5)


def test_only_layers_on_the_cpu_multiply_so(card: Counts) -> None:
    """What is on a GPU stays there."""
    on_card = Linear(2, 2)
    multiply_by_torch(on_card)
    assert on_card.ops.name == "cupy"
    layers = chain(Linear(2, 2), Linear(2, 2))
    for node in layers.walk():
        node.ops = NumpyOps()
    multiply_by_torch(layers)
    assert all(isinstance(node.ops, TorchProductOps) for node in layers.walk())
