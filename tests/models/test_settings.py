"""Settings of an encoder that make no sense are refused."""

from typing import Any

import pytest

from spacy_dossier.errors import DossierError
from spacy_dossier.models.settings import EncoderSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("window", 0), ("window", -5), ("context", -1), ("batch_subwords", 0), ("batch_subwords", -3)],
        *[("layer_decay", -1.0), ("layer_decay", 0.0), ("layer_decay", 1.5), ("learn_rate_scale", -0.1)],
        *[("learn_rate_scale", float("nan")), ("frozen_layers", -1), ("runtime", "gpu")],
        *[("unfreeze_every", -1), ("smoothness", -1.0), ("smoothness", float("inf")), ("noise", float("nan"))],
    ],
)
def test_odd_values_are_refused(name: str, value: Any) -> None:
    """With the setting's name and the value."""
    with pytest.raises(DossierError, match=name):
        EncoderSettings(**{name: value})
