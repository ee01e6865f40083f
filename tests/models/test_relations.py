"""The parts of the relation model."""

import numpy as np
import pytest
import torch

from spacy_dossier.models.relations import maxima


@pytest.mark.parametrize("n_rows", [1, 2, 3, 17, 64, 100])
def test_maxima_over_stretches_are_those_of_numpy(n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    vectors = rng.normal(size=(n_rows, 5)).astype("f")
    every = np.array([(start, end) for start in range(n_rows) for end in range(start, n_rows + 1)])
    bounds = np.concatenate([every, [[n_rows, n_rows]]])
    expected = [vectors[start:end].max(axis=0) if end > start else np.zeros(5) for start, end in bounds]
    assert np.array_equal(maxima(torch.from_numpy(vectors), bounds).numpy(), np.array(expected, dtype="f"))
    assert maxima(torch.from_numpy(vectors), np.zeros((0, 2), dtype=np.int64)).shape == (0, 5)


def test_the_gradient_of_a_maximum_goes_to_its_row() -> None:
    rng = np.random.default_rng(0)
    vectors = torch.from_numpy(rng.normal(size=(30, 4))).requires_grad_()
    starts = rng.integers(0, 30, size=50)
    bounds = np.stack([starts, np.minimum(starts + rng.integers(0, 20, size=50), 30)], axis=1)
    weights = torch.from_numpy(rng.normal(size=(50, 4)))
    (maxima(vectors, bounds) * weights).sum().backward()
    expected = np.zeros((30, 4))
    for (start, end), row in zip(bounds, weights.numpy(), strict=True):
        if end > start:
            places = start + vectors.detach().numpy()[start:end].argmax(axis=0)
            expected[places, np.arange(4)] += row
    assert vectors.grad is not None
    assert np.allclose(vectors.grad.numpy(), expected)
