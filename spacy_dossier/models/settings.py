"""How an encoder is read, trained and run: the settings of the config that a pipeline is built or loaded with."""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar, get_type_hints

from ..errors import DossierError

RUNTIMES = ("auto", "torch", "bf16", "onnx", "int8")
# What kinds of encoders call the layers of query and value, which Hu et al. (2021, 7.1) found the best pair to adapt.
QUERY_AND_VALUE = ".*[.](q|v|query|value)(_lin|_proj)?"


@dataclass(frozen=True)
class EncoderSettings:
    """The settings of an encoder; only its weights and tokenizer are stored.

    window (int): Most sub-words of a window, special tokens and context not counted.
    context (int): Sub-words read on either side of a window as context.
    batch_subwords (int): Most padded sub-words that go through the encoder at once.
    case_embedding (bool): Tell an uncased encoder how each sub-word is written.
    mixed_precision (bool): Train under bfloat16 autocast, where the device computes that natively.
    learn_rate_scale (float): The encoder's learning rate, as a factor of the optimizer's.
    layer_decay (float): Each layer learns slower than the one above it by this factor (Howard & Ruder 2018, 3.1).
    frozen_embeddings (bool): The word embeddings are not trained, which saves a gradient of the vocabulary's size.
    frozen_layers (int): All embeddings and this many layers from the bottom are not trained; 0 trains all.
    unfreeze_every (int): Updates after which one more layer, from the top, begins to be trained (Howard & Ruder 2018,
        3.2); 0 trains all from the beginning.
    runtime (str): What inference runs in, one of RUNTIMES; "auto" is "bf16" where the device multiplies bfloat16
        natively, else "torch" (`resolve`). Training is PyTorch's always.
    attention_dropout (float | None): Dropout of the attention in training, whatever the encoder calls it, where it has
        one of its own; None is the encoder's.
    lora_rank (int): Train narrow matrices of this rank beside some linear layers in place of the encoder's weights
        (models/lora.py), beside the case embedding; 0 trains the weights.
    lora_alpha (float): What the narrow matrices give is scaled by this over the rank.
    lora_dropout (float): Dropout of their inputs in training.
    lora_layers (str): Regular expression for the whole name of a linear layer inside the encoder.
    store_base (bool): Store the encoder that the narrow matrices stand beside with them. Otherwise a pipeline names it
        by a hash, and it is read from the model's `name` at load.
    smoothness (float): Weight of a second term of the loss: half the squared distance of a sub-word's vector from the
        one that random noise on the embeddings gives, by the width, summed over the sub-words of a batch (after Jiang
        et al. 2020, "SMART", 3.1, which takes the worst noise, and the outputs). Costs a second pass in training.
    noise (float): Standard deviation of that noise, as a share of that of the encoder's word embeddings.
    """

    window: int = 254
    context: int = 0
    batch_subwords: int = 2048
    case_embedding: bool = False
    mixed_precision: bool = False
    learn_rate_scale: float = 1.0
    layer_decay: float = 1.0
    frozen_embeddings: bool = False
    frozen_layers: int = 0
    unfreeze_every: int = 0
    runtime: str = "torch"
    attention_dropout: float | None = None
    lora_rank: int = 0
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    lora_layers: str = QUERY_AND_VALUE
    store_base: bool = True
    smoothness: float = 0.0
    noise: float = 0.5

    def __post_init__(self) -> None:
        """RAISES (DossierError): A setting that makes no sense."""
        check_runtime(self.runtime)
        for name in ("window", "context", "batch_subwords", "frozen_layers", "unfreeze_every", "lora_rank"):
            least = int(name in ("window", "batch_subwords"))
            if getattr(self, name) < least:
                raise DossierError(
                    f"the transformer's '{name}' is {least} at least",
                    value=getattr(self, name),
                    remedy="Make it larger",
                )
        if not 0 < self.layer_decay <= 1:
            raise DossierError("the transformer's 'layer_decay' is above 0 and at most 1", value=self.layer_decay)
        for name in ("attention_dropout", "lora_dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise DossierError(f"the transformer's '{name}' is 0 at least and below 1", value=value)
        for name in ("smoothness", "noise"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise DossierError(f"the transformer's '{name}' is 0 at least", value=getattr(self, name))
        if not (self.learn_rate_scale >= 0 and math.isfinite(self.learn_rate_scale)):
            raise DossierError("the transformer's 'learn_rate_scale' is 0 at least", value=self.learn_rate_scale)
        if not (self.lora_alpha > 0 and math.isfinite(self.lora_alpha)):
            raise DossierError("the transformer's 'lora_alpha' is above 0", value=self.lora_alpha)
        try:
            re.compile(self.lora_layers)
        except re.error as error:
            raise DossierError(
                f"the transformer's 'lora_layers' is no regular expression ({error})", value=self.lora_layers
            ) from None
        if not self.store_base and not self.lora_rank:
            raise DossierError(
                "without 'lora_rank' the transformer's weights are all its own, and are stored",
                value="store_base = false",
                remedy="Set store_base = true",
            )


def check_runtime(runtime: str) -> str:
    """RAISES (DossierError): Where there is no such runtime."""
    if runtime not in RUNTIMES:
        raise DossierError("unknown runtime", value=runtime, remedy=f"Choose one of {', '.join(RUNTIMES)}")
    return runtime


Built = TypeVar("Built")


def with_settings(build: Callable[..., Built]) -> Callable[..., Built]:
    """Give a function of the registry, in place of its `**settings`, a parameter for each of EncoderSettings, so that
    spaCy checks them and fills in their defaults.
    """
    signature = inspect.signature(build)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    types = get_type_hints(EncoderSettings)
    settings = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=types[each.name])
        for each in fields(EncoderSettings)
    ]
    build.__signature__ = signature.replace(parameters=[*own, *settings])  # type: ignore[attr-defined]
    return build
