"""What `dossier calibrate` keeps in spaCy's text classifiers: a temperature in the weights, thresholds in the `cfg`.

The pipe is spaCy's own and knows nothing of them, so that training it further leaves its `cfg` as it is. They hold for
the weights that they were fitted with, of which a hash is kept beside them.
"""

from hashlib import sha256
from typing import Any

from spacy.pipeline import TextCategorizer
from thinc.api import Model

from ...errors import DossierError


def set_temperature(pipe: TextCategorizer, temperature: float) -> None:
    """Divide the weights of the output layer by a temperature, in the place of the one they are divided by. Thresholds
    are forgotten.

    RAISES (DossierError): The model has no such layer.
    """
    layer = output_layer(pipe)
    if layer is None:
        raise no_output_layer(pipe.name)
    factor = temperature_of(pipe) / temperature
    for name in ("W", "b"):
        layer.set_param(name, layer.get_param(name) * factor)
    pipe.cfg.update(temperature=temperature, calibrated=weights_hash(layer), threshold_by_label=None)


def temperature_of(pipe: TextCategorizer) -> float:
    """RETURNS (float): The one that the weights are divided by; 1 where they were trained on since."""
    return pipe.cfg.get("temperature", 1.0) if is_current(pipe) else 1.0


def thresholds_of(pipe: TextCategorizer) -> dict[str, Any] | None:
    """RETURNS (dict[str, Any] | None): `precision`, and under `labels` the threshold of each class for it (None
    where it is out of reach); None where there are none, or the classifier was trained on since."""
    return pipe.cfg.get("threshold_by_label") if is_current(pipe) else None


def is_current(pipe: TextCategorizer) -> bool:
    """Whether the weights are still those that were calibrated."""
    layer = output_layer(pipe)
    return layer is not None and pipe.cfg.get("calibrated") == weights_hash(layer)


def output_layer(pipe: TextCategorizer) -> Model | None:
    """RETURNS (Model | None): The last linear layer, whose outputs become the scores."""
    layer = pipe.model.get_ref("output_layer") if pipe.model.has_ref("output_layer") else None
    return layer if layer is not None and layer.has_param("W") and layer.has_param("b") else None


def weights_hash(layer: Model) -> str:
    """RETURNS (str): SHA-256 of the weights, the same on a card."""
    return sha256(b"".join(layer.ops.to_numpy(layer.get_param(name)).tobytes() for name in ("W", "b"))).hexdigest()


def no_output_layer(name: str) -> DossierError:
    return DossierError(
        "the scores of this model do not follow from a last linear layer, so a temperature cannot be put into it",
        value=name,
        remedy="Train one with spacy.TextCatReduce.v1 or spacy.TextCatParametricAttention.v1.",
    )
