"""A pretrained encoder from the Hugging Face library as a Thinc shim: weights, tokenizer, precision, learning rates."""

import json
import re
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import srsly
import torch
from thinc.api import Optimizer, get_torch_default_device, torch2xp, xp2torch
from thinc.shims import PyTorchShim
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from ..errors import DossierError
from .windows import N_CASES

LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")


class CasedEncoder(nn.Module):
    """A pretrained encoder and, for an uncased one, an embedding of how each sub-word is written.

    The case embedding is added to the word embedding. It starts at zero, so that an untouched encoder gives its own
    output, and learns to tell "Turkey" from "turkey" in context, which an uncased vocabulary cannot.
    """

    def __init__(self, encoder: PreTrainedModel, case_embedding: bool) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # weights that no token vector depends on
        self.encoder = encoder
        self.cases = nn.Embedding(N_CASES, encoder.config.hidden_size) if case_embedding else None
        if self.cases is not None:
            nn.init.zeros_(self.cases.weight)

    def forward(self, ids: Tensor, mask: Tensor, cases: Tensor) -> Tensor:
        """ids, mask, cases (Tensor): Shape: (B, T). RETURNS (Tensor): Shape: (B, T, H)"""
        if self.cases is None:
            return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        embedded = self.encoder.get_input_embeddings()(ids) + self.cases(cases)
        return self.encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state


class SubWordTokenizer:
    """A fast tokenizer and the special tokens that a window is framed with."""

    def __init__(self, tokenizer: Tokenizer, frame: dict[str, Any]) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.frame = frame
        self.prefix: list[int] = frame["prefix"]
        self.suffix: list[int] = frame["suffix"]
        self.pad_id: int = frame["pad_id"]

    @classmethod
    def from_pretrained(cls, source: str, **config: Any) -> "SubWordTokenizer":
        pretrained = AutoTokenizer.from_pretrained(source, **config)
        if not pretrained.is_fast:
            raise DossierError(
                "this encoder has no fast tokenizer, whose offsets align sub-words with tokens",
                value=source,
                remedy="Choose an encoder with a tokenizer.json",
            )
        framed = pretrained.build_inputs_with_special_tokens([-1])
        at = framed.index(-1)
        frame = {"prefix": framed[:at], "suffix": framed[at + 1 :], "pad_id": pretrained.pad_token_id or 0}
        return cls(pretrained.backend_tokenizer, frame)

    def encode(self, texts: list[str]) -> list[Any]:
        """RETURNS (list[tokenizers.Encoding]): Without special tokens, uncut."""
        return self.tokenizer.encode_batch(texts, add_special_tokens=False)

    def to_dict(self) -> dict[str, Any]:
        return {"json": self.tokenizer.to_str(), "frame": self.frame}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SubWordTokenizer":
        return cls(Tokenizer.from_str(data["json"]), data["frame"])


class EncoderShim(PyTorchShim):
    """Holds a CasedEncoder and its tokenizer for a Thinc model; serializes with safetensors, never with pickle.

    case_embedding (bool): Tell an uncased encoder how each sub-word is written.
    mixed_precision (bool): bfloat16 autocast on a GPU.
    learn_rate_scale (float): The encoder's learning rate, as a factor of the optimizer's.
    layer_decay (float): Each layer learns slower than the one above it by this factor (Howard & Ruder 2018, 3.1).
    frozen_layers (int): The embeddings and this many layers from the bottom are not trained; 0 trains all.
    """

    def __init__(
        self,
        *,
        case_embedding: bool,
        mixed_precision: bool,
        learn_rate_scale: float,
        layer_decay: float,
        frozen_layers: int,
    ) -> None:
        super().__init__(None)
        self.case_embedding = case_embedding
        self.mixed_precision = mixed_precision
        self.learn_rate_scale = learn_rate_scale
        self.layer_decay = layer_decay
        self.frozen_layers = frozen_layers
        self.tokenizer: SubWordTokenizer | None = None

    @property
    def module(self) -> CasedEncoder:
        if self._model is None:
            raise DossierError(
                "the encoder has no weights yet", remedy="Initialize the pipeline (nlp.initialize) or load a trained one"
            )
        return self._model

    def load(self, source: str | Path, tokenizer_config: dict[str, Any], encoder_config: dict[str, Any]) -> None:
        """Load weights and tokenizer from a folder, or by a name of the Hugging Face hub.

        RAISES (DossierError): Where there is neither such a folder nor such a name within reach.
        """
        try:
            self.tokenizer = SubWordTokenizer.from_pretrained(str(source), **tokenizer_config)
            encoder = AutoModel.from_pretrained(str(source), **encoder_config)
        except (OSError, ValueError) as error:
            raise DossierError(
                f"cannot load the encoder ({str(error).splitlines()[0]})",
                value=str(source),
                remedy="Name a folder with config.json, model.safetensors and tokenizer.json, or a model of the hub",
            ) from None
        self._set(CasedEncoder(encoder, self.case_embedding))

    def _set(self, module: CasedEncoder) -> None:
        self._model = module.to(get_torch_default_device())
        self._model.eval()
        for name, parameter in module.named_parameters():
            parameter.requires_grad = self.depth(name) > self.frozen_layers or self.frozen_layers == 0

    def depth(self, name: str) -> int:
        """0 for embeddings, n for the n-th layer; the case embedding, which is new, counts as the uppermost."""
        if name.startswith("cases."):
            return self.n_layers
        match = LAYER.search(name)
        return int(match.group(1)) + 1 if match else 0

    @property
    def n_layers(self) -> int:
        return int(self.module.encoder.config.num_hidden_layers)

    def autocast(self) -> torch.autocast:
        device = self.device.type
        return torch.autocast(device, dtype=torch.bfloat16, enabled=self.mixed_precision and device != "cpu")

    def predict(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        self.module.eval()
        with torch.inference_mode(), self.autocast():
            return self.module(*inputs)

    def begin_update(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """The same in training mode, with a graph for autograd."""
        self.module.train()
        with self.autocast():
            return self.module(*inputs)

    def finish_update(self, optimizer: Optimizer) -> None:
        for name, parameter in self.module.named_parameters():
            if parameter.grad is None:
                continue
            is_new = name.startswith("cases.")
            decay = self.layer_decay ** (self.n_layers - self.depth(name))
            updated, _ = optimizer(
                (self.id, name),
                cast(Any, torch2xp(parameter.data)),
                cast(Any, torch2xp(parameter.grad)),
                lr_scale=1.0 if is_new else self.learn_rate_scale * decay,
            )
            parameter.data = xp2torch(updated, device=parameter.device)
            parameter.grad = None

    def to_bytes(self) -> bytes:
        if self._model is None:
            return srsly.msgpack_dumps({})
        # Some encoders tie weights; safetensors wants every tensor once.
        state = {name: tensor.contiguous() for name, tensor in self.module.state_dict().items()}
        return srsly.msgpack_dumps(
            {
                "config": json.dumps(self.module.encoder.config.to_dict(), default=str),
                "tokenizer": cast(SubWordTokenizer, self.tokenizer).to_dict(),
                "weights": safetensors.torch.save(_without_shared(state)),
            }
        )

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        message = srsly.msgpack_loads(bytes_data)
        if not message:
            return self
        config = json.loads(message["config"])
        encoder = AutoModel.from_config(AutoConfig.for_model(**config))
        module = CasedEncoder(encoder, self.case_embedding)
        module.load_state_dict(safetensors.torch.load(message["weights"]), strict=False)
        self.tokenizer = SubWordTokenizer.from_dict(message["tokenizer"])
        self._set(module)
        return self


def _without_shared(state: dict[str, Tensor]) -> dict[str, Tensor]:
    seen: set[int] = set()
    unique = {}
    for name, tensor in state.items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            unique[name] = tensor
    return unique
