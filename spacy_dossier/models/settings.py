"""How an encoder is read, trained and run: the settings of the config that a pipeline is built or loaded with."""

import math
from dataclasses import dataclass

from ..errors import DossierError

RUNTIMES = ("auto", "torch", "bf16", "onnx", "int8")


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
    runtime (str): What inference runs in, one of RUNTIMES; "auto" is "bf16" where the device multiplies bfloat16
        natively, else "torch" (`resolve`). Training is PyTorch's always.
    attention_dropout (float | None): Dropout of the attention in training, whatever the encoder calls it, where it has
        one of its own; None is the encoder's.
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
    runtime: str = "torch"
    attention_dropout: float | None = None

    def __post_init__(self) -> None:
        """RAISES (DossierError): A setting that makes no sense."""
        check_runtime(self.runtime)
        for name, least in (("window", 1), ("context", 0), ("batch_subwords", 1), ("frozen_layers", 0)):
            if getattr(self, name) < least:
                raise DossierError(
                    f"the transformer's '{name}' is {least} at least",
                    value=getattr(self, name),
                    remedy="Make it larger",
                )
        if not 0 < self.layer_decay <= 1:
            raise DossierError("the transformer's 'layer_decay' is above 0 and at most 1", value=self.layer_decay)
        if self.attention_dropout is not None and not 0 <= self.attention_dropout < 1:
            raise DossierError(
                "the transformer's 'attention_dropout' is 0 at least and below 1", value=self.attention_dropout
            )
        if not (self.learn_rate_scale >= 0 and math.isfinite(self.learn_rate_scale)):
            raise DossierError("the transformer's 'learn_rate_scale' is 0 at least", value=self.learn_rate_scale)


def check_runtime(runtime: str) -> str:
    """RAISES (DossierError): Where there is no such runtime."""
    if runtime not in RUNTIMES:
        raise DossierError("unknown runtime", value=runtime, remedy=f"Choose one of {', '.join(RUNTIMES)}")
    return runtime
