"""A pretrained encoder from the Hugging Face library as a Thinc shim: weights, tokenizer, precision, learning rates."""

import contextlib
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import srsly
import torch
from thinc.api import Optimizer, get_torch_default_device, torch2xp, xp2torch
from thinc.shims import PyTorchShim, Shim
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from ..errors import DossierError
from .lora import Base, adapt, is_own, merge, share_base
from .modules import averaged_weights, leave_threads_behind
from .onednn import twin
from .runtime import Encode, computes_bfloat16, export, make_encode
from .settings import EncoderSettings
from .trial import attention_dropout, check_positions, encoder_of, new_encoder, try_encoder, window_length
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
            encoder.pooler = nn.Identity()  # no token vector depends on its weights
        self.encoder = encoder
        # As wide as the word embeddings, which some encoders, such as ALBERT and ELECTRA, widen later.
        width = encoder.get_input_embeddings().weight.shape[1]
        self.cases = nn.Embedding(N_CASES, width) if case_embedding else None
        if self.cases is not None:
            nn.init.zeros_(self.cases.weight)

    def forward(self, ids: Tensor, mask: Tensor, cases: Tensor, noise: Tensor | None = None) -> Tensor:
        """ids, mask, cases (Tensor): Shape: (B, T). noise (Tensor | None): Added to the embeddings. Shape: (B, T, E)

        RETURNS (Tensor): Shape: (B, T, H)
        """
        if self.cases is None and noise is None:
            return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        embedded = self.encoder.get_input_embeddings()(ids)
        if self.cases is not None:
            embedded = embedded + self.cases(cases)
        if noise is not None:
            embedded = embedded + noise
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
        # What the tokenizer itself puts around a text: not every tokenizer class knows the special tokens of its file.
        # Padding, which some files ask for, is no part of it.
        tokenizer: Tokenizer = pretrained.backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        framed = tokenizer.encode("a")
        inside = [i for i, is_special in enumerate(framed.special_tokens_mask) if not is_special]
        frame = {
            "prefix": framed.ids[: inside[0]],
            "suffix": framed.ids[inside[-1] + 1 :],
            "pad_id": pretrained.pad_token_id or 0,
        }
        return cls(tokenizer, frame)

    def encode(self, texts: list[str], parallel: bool = False) -> list[Any]:
        """Encode texts.

        parallel (bool): Share the texts out among threads. The tokenizers library then warns of every later fork, as
            `nlp.pipe(n_process=2)` makes one; beside an encoder on a CPU nothing is gained.
        RETURNS (list[tokenizers.Encoding]): Without special tokens, uncut.
        """
        if parallel:
            return self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [self.tokenizer.encode(text, add_special_tokens=False) for text in texts]

    def to_dict(self) -> dict[str, Any]:
        return {"json": self.tokenizer.to_str(), "frame": self.frame}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SubWordTokenizer":
        return cls(Tokenizer.from_str(data["json"]), data["frame"])


class EncoderShim(PyTorchShim):
    """Holds a CasedEncoder and its tokenizer for a Thinc model; serializes with safetensors, never with pickle.

    settings (EncoderSettings): Those of the config that a pipeline is built or loaded with.
    name (str): Folder or hub name of the encoder, for a pipeline that does not store it.
    """

    def __init__(self, settings: EncoderSettings, name: str = "") -> None:
        super().__init__(None)
        self.settings = settings
        self.name = name
        self.updates = 0  # of this training
        self.base: Base | None = None  # with LoRA, what the narrow matrices stand beside
        self.exported: dict[str, bytes] = {}
        self.tokenizer: SubWordTokenizer | None = None
        self.tried = 0  # the longest window, in sub-words, that the encoder is known to read
        self._encode: Encode | None = None

    @property
    def module(self) -> CasedEncoder:
        if self._model is None:
            raise DossierError(
                "the encoder has no weights yet",
                remedy="Initialize the pipeline (nlp.initialize) or load a trained one",
            )
        return self._model

    def load(self, source: str | Path, tokenizer_config: dict[str, Any], encoder_config: dict[str, Any]) -> None:
        """Load weights and tokenizer from a folder, or by a name of the Hugging Face hub, and try them.

        RAISES (DossierError): Where there is neither such a folder nor such a name within reach, or the encoder is of a
            kind that cannot be used.
        """
        with _readable(source):
            self.tokenizer = SubWordTokenizer.from_pretrained(str(source), **tokenizer_config)
            dropout = attention_dropout(AutoConfig.from_pretrained(str(source)), self.settings.attention_dropout)
            encoder = encoder_of(AutoModel.from_pretrained(str(source), **(dropout | encoder_config)))
        if self.settings.lora_rank:
            self.base = share_base(_config(encoder), lambda: CasedEncoder(encoder, False))
            encoder = self.base.encoder
        self._check(self._build(encoder), tried=0)

    def _build(self, encoder: PreTrainedModel) -> CasedEncoder:
        """RETURNS (CasedEncoder): An encoder with what is trained beside its own weights."""
        if self.base is None:
            return CasedEncoder(encoder, self.settings.case_embedding)
        module = CasedEncoder(twin(encoder), self.settings.case_embedding)
        adapt(module.encoder, self.settings)
        return module

    def _check(self, module: CasedEncoder, tried: int) -> None:
        """Take a module where it can be used. Of a stored one that is known up to a length of windows.

        RAISES (DossierError): It cannot.
        """
        tokenizer = cast(SubWordTokenizer, self.tokenizer)
        check_positions(module, tokenizer, self.settings)
        length = window_length(tokenizer, self.settings)
        if length > tried:
            try_encoder(module.eval(), tokenizer, self.settings)
        self.tried = max(tried, length)
        self._set(module)

    def _set(self, module: CasedEncoder) -> None:
        layers = int(module.encoder.config.num_hidden_layers)
        if self.settings.frozen_layers > layers:
            raise DossierError(
                f"the encoder has {layers} layers, fewer than 'frozen_layers'",
                value=self.settings.frozen_layers,
                remedy="Make it smaller",
            )
        self._model = module.to(get_torch_default_device())
        self._model.eval()
        self._encode = None
        for name, parameter in module.named_parameters():
            unfrozen = self.depth(name) > self.settings.frozen_layers or self.settings.frozen_layers == 0
            parameter.requires_grad = unfrozen and (self.base is None or is_own(name))
        if self.settings.frozen_embeddings:
            module.encoder.get_input_embeddings().requires_grad_(False)

    def to_device(self, device_type: str, device_id: int) -> None:
        """What is set up for inference is on the device that the weights leave."""
        self._encode = None
        if self._model is not None:
            if self.base is not None:  # others that share it stay where they are
                self._model, self.base = copy.deepcopy((self._model, self.base))
                self.base.module.to(f"cuda:{device_id}" if device_type == "gpu" else device_type)
            super().to_device(device_type, device_id)

    def copy(self) -> "EncoderShim":
        """A copy of its own for the optimizer too, which tells parameters apart by the shim's id."""
        copied = copy.deepcopy(self)
        with Shim.global_id_lock:
            Shim.global_id += 1
            copied.id = Shim.global_id
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """What is set up for inference belongs to this process; a copy sets up its own."""
        return {**self.__dict__, "_encode": None}

    def depth(self, name: str) -> int:
        """0 for embeddings, n for the n-th layer. What is neither, such as a last norm, counts as the uppermost layer,
        and so does the case embedding, which is new.
        """
        match = LAYER.search(name)
        if match:
            return int(match.group(1)) + 1
        return 0 if "embedding" in name else self.n_layers

    @property
    def n_layers(self) -> int:
        return int(self.module.encoder.config.num_hidden_layers)

    def autocast(self) -> contextlib.AbstractContextManager:
        """Around all passes of a training batch: leaving it drops the weights' copies in bfloat16."""
        device = self.device.type
        if self.settings.mixed_precision and computes_bfloat16(device):
            return torch.autocast(device, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def predict(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Vectors in the runtime, which is set up at its first use."""
        leave_threads_behind()
        self.module.eval()
        encode = self.set_up()
        with torch.inference_mode():
            return encode(*inputs)

    def set_up(self) -> Encode:
        """RETURNS (Callable): The encoder in its runtime."""
        encode = self._encode
        if encode is None:
            runtime = self.settings.runtime
            make = make_encode if self.base is None else self.base.encode
            encode = self._encode = make(self.module, runtime, self.exported.get(runtime))
        return encode

    def export(self) -> None:
        """Export the encoder for the ONNX runtime it is set to, to be stored with the weights."""
        module = self.module if self.base is None else merge(self.base.module, self.module)
        self.exported = {self.settings.runtime: export(module, self.settings.runtime)}
        self._encode = None

    def begin_update(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """The same in training mode, with a graph for autograd. With `smoothness` the vectors that noise on the
        embeddings gives stand beside each. Shape: (B, T, 2 * H)
        """
        leave_threads_behind()
        self.module.train()
        if not self.settings.smoothness:
            return self.module(*inputs)
        embeddings = self.module.encoder.get_input_embeddings().weight.detach()
        shape = (*inputs[0].shape, embeddings.shape[1])
        noise = self.settings.noise * embeddings.std() * torch.randn(shape, device=self.device)
        # Both passes with the same dropout, so that nothing but the noise moves the vectors.
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            vectors = self.module(*inputs)
        return torch.cat([vectors, self.module(*inputs, noise)], dim=-1)

    def finish_update(self, optimizer: Optimizer) -> None:
        self.exported, self._encode = {}, None
        every = self.settings.unfreeze_every
        lowest = self.n_layers - self.updates // every if every else 0
        self.updates += 1
        for name, parameter in self.module.named_parameters():
            depth = self.depth(name)
            if depth < lowest:
                parameter.grad = None
            if parameter.grad is None:
                continue
            is_new = name.startswith("cases.")
            decay = self.settings.layer_decay ** (self.n_layers - depth)
            updated, _ = optimizer(
                (self.id, name),
                cast(Any, torch2xp(parameter.data)),
                cast(Any, torch2xp(parameter.grad)),
                lr_scale=1.0 if is_new else self.settings.learn_rate_scale * decay,
            )
            weights = xp2torch(updated, device=parameter.device)
            if weights.data_ptr() != parameter.data_ptr():  # Thinc's Adam works in place where it can
                parameter.data.copy_(weights)
            parameter.grad = None

    @contextlib.contextmanager
    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        """Averaged weights for a while, `averaged_weights`."""
        encode, exported = self._encode, self.exported
        try:
            with averaged_weights(self, params) as others:
                if others:  # what inference was set up with are the own ones
                    self._encode, self.exported = None, {}
                yield
        finally:
            self._encode, self.exported = encode, exported

    def to_bytes(self) -> bytes:
        if self._model is None:
            return srsly.msgpack_dumps({})
        message = {
            "config": _config(self.module.encoder),
            "tokenizer": cast(SubWordTokenizer, self.tokenizer).to_dict(),
            "weights": safetensors.torch.save(self._stored(self.module)),
            "exported": self.exported,
            "tried": self.tried,
        }
        if self.base is not None:
            message["base"] = self.base.fingerprint
            message["base_weights"] = (
                safetensors.torch.save(_state(self.base.module)) if self.settings.store_base else None
            )
        return srsly.msgpack_dumps(message)

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        message = srsly.msgpack_loads(bytes_data)
        if not message:
            return self
        if bool(self.settings.lora_rank) != ("base" in message):
            raise DossierError(
                f"the pipeline was trained {'with' if 'base' in message else 'without'} LoRA",
                value=f"lora_rank = {self.settings.lora_rank}",
                remedy="Load it with the lora_rank it was trained with",
            )
        if self.settings.lora_rank:
            self.base = share_base(message["config"], lambda: self._read_base(message), message["base"])
        config = AutoConfig.for_model(**json.loads(message["config"]))
        module = self._build(self.base.encoder if self.base else new_encoder(config))
        weights = safetensors.torch.load(message["weights"])
        found, expected = ({(n, *t.shape) for n, t in state.items()} for state in (weights, self._stored(module)))
        if found != expected:
            raise DossierError(
                "the stored weights are not those of this encoder",
                value=min(found ^ expected)[0],
                remedy="Load the pipeline with the case_embedding and the LoRA settings it was trained with",
            )
        module.load_state_dict(weights, strict=False)
        self.tokenizer = SubWordTokenizer.from_dict(message["tokenizer"])
        self.exported = message.get("exported", {})
        self._check(module, message.get("tried", 0))
        return self

    def _stored(self, module: CasedEncoder) -> dict[str, Tensor]:
        """RETURNS (dict[str, Tensor]): The weights that are a pipeline's own."""
        return {name: t for name, t in _state(module).items() if self.base is None or is_own(name)}

    def _read_base(self, message: dict[str, Any]) -> CasedEncoder:
        """Read what is stored with the narrow matrices, or the encoder that the config names."""
        config = AutoConfig.for_model(**json.loads(message["config"]))
        if message["base_weights"]:
            module = CasedEncoder(new_encoder(config), False)
            module.load_state_dict(safetensors.torch.load(message["base_weights"]), strict=False)
            return module
        with _readable(self.name):
            # What has other sizes has other weights too, which their hash tells in a line.
            encoder = AutoModel.from_pretrained(self.name, config=config, ignore_mismatched_sizes=True)
        return CasedEncoder(encoder_of(encoder), False)


@contextlib.contextmanager
def _readable(source: str | Path) -> Iterator[None]:
    """RAISES (DossierError): What the libraries raise where they cannot read an encoder, in one line."""
    try:
        yield
    except (OSError, ValueError, TypeError, RuntimeError, ImportError, safetensors.SafetensorError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        missing = "" if Path(source).is_dir() else "there is no such folder; from the hub: "
        raise DossierError(
            f"cannot load the encoder ({missing}{reason})",
            value=str(source),
            remedy="Name a folder with config.json, model.safetensors and tokenizer.json, or a model of the hub",
        ) from None


def _config(encoder: PreTrainedModel) -> str:
    """The encoder's config as JSON, without the folder it was read from."""
    config = {key: value for key, value in encoder.config.to_dict().items() if key != "_name_or_path"}
    return json.dumps(config, default=str, sort_keys=True)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """The weights by name. Some encoders tie weights; safetensors wants every tensor once."""
    seen: set[int] = set()
    unique = {}
    for name, tensor in module.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            unique[name] = tensor.contiguous()
    return unique
