"""Products by PyTorch in Thinc's layers, and averaged weights of a module."""

import itertools

import numpy as np
import pytest
import torch
from thinc.api import Adam, Linear, NumpyOps, chain

from spacy_dossier.models.modules import ModuleShim, TorchProductOps, multiply_by_torch

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


def test_averaged_weights_of_a_module() -> None:
    """They are the moving average that Thinc's optimizer keeps (`use_averages`), and are taken back after an error."""
    module = torch.nn.Linear(2, 1, bias=False)
    shim, optimizer = ModuleShim(module), Adam(0.1, use_averages=True)
    average = torch.zeros(1, 2)
    for update in range(1, 5):
        module.weight.grad = torch.tensor([[1.0, -float(update)]])
        shim.finish_update(optimizer)
        decay = (1 + update) / (10 + update)
        average = decay * average + (1 - decay) * module.weight.detach()
        optimizer.step_schedules()
    own = module.weight.detach().clone()
    with pytest.raises(KeyError), shim.use_params(optimizer.averages):
        torch.testing.assert_close(module.weight.detach(), average)
        raise KeyError
    torch.testing.assert_close(module.weight.detach(), own)
    assert (own - average).abs().min() > 0.01
