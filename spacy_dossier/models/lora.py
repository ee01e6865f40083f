"""LoRA (Hu et al. 2021, arXiv 2106.09685): an encoder learns by two narrow matrices beside each of some of its layers.

Its own weights stay as they are, so that pipelines tuned from one encoder, their base, can share it: in memory, and on
disk where it lies in a folder that they name. For inference the narrow matrices are added to the weights, so that every
runtime sees plain linear layers.
"""

import copy
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import torch
from thinc.api import get_torch_default_device
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from ..errors import DossierError
from .onednn import PackedLinear, twin
from .runtime import Encode, make_encode, resolve
from .settings import EncoderSettings


class LoraLinear(nn.Linear):
    """The layer W x + b with alpha / rank B A x beside it; B starts at zero, so that it begins as the layer was.

    layer (nn.Linear): Its weights are shared, not copied.
    """

    def __init__(self, layer: nn.Linear, settings: EncoderSettings) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        rank = settings.lora_rank
        self.lora_a = nn.Parameter(layer.weight.new_empty(rank, layer.in_features))
        self.lora_b = nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))  # as the authors' own code
        self.scale = settings.lora_alpha / rank
        self.dropout = settings.lora_dropout

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs (Tensor): Shape: (..., nI). RETURNS (Tensor): Shape: (..., nO)"""
        narrow = linear(dropout(inputs, self.dropout, self.training), self.lora_a)  # (..., rank)
        return super().forward(inputs) + self.scale * linear(narrow, self.lora_b)

    def merged(self) -> nn.Linear:
        """RETURNS (nn.Linear): A plain layer that gives the same."""
        layer = nn.Linear(self.in_features, self.out_features, self.bias is not None, device="meta")
        weight = torch.addmm(self.weight.detach(), self.lora_b.detach(), self.lora_a.detach(), alpha=self.scale)
        layer.weight = nn.Parameter(weight, requires_grad=False)
        if self.bias is not None:
            layer.bias = nn.Parameter(self.bias.detach(), requires_grad=False)
        return layer


def adapt(encoder: nn.Module, settings: EncoderSettings) -> None:
    """Put the narrow matrices beside the linear layers whose names `lora_layers` matches.

    RAISES (DossierError): There is no such layer.
    """
    layers = {name: layer for name, layer in encoder.named_modules() if type(layer) is nn.Linear}
    chosen = [name for name in layers if re.fullmatch(settings.lora_layers, name)]
    if not chosen:
        raise DossierError(
            "no linear layer of the encoder has a name that 'lora_layers' matches",
            value=settings.lora_layers,
            remedy=f"Its layers end in {', '.join(sorted({name.rpartition('.')[2] for name in layers})) or 'none'}",
        )
    for name in chosen:
        _put(encoder, name, LoraLinear(layers[name], settings))


def is_own(name: str) -> bool:
    """Whether a weight is a pipeline's own, not its base's: one of a narrow matrix or of the case embedding."""
    return name.startswith("cases.") or name.endswith((".lora_a", ".lora_b"))


class Base:
    """An encoder that several pipelines of this process can share, and what inference in a runtime makes of it.

    module (CasedEncoder): The encoder, without case embedding.
    """

    def __init__(self, module: nn.Module, fingerprint: str) -> None:
        self.module = module.eval().requires_grad_(False).to(get_torch_default_device())
        self.fingerprint = fingerprint
        self.prepared: dict[str, nn.Module] = {}

    @property
    def encoder(self) -> Any:
        """RETURNS (PreTrainedModel): The encoder itself."""
        return self.module.encoder

    def __getstate__(self) -> dict[str, Any]:
        """A copy, in this process or another, prepares for itself."""
        return {**self.__dict__, "prepared": {}}

    def encode(self, module: nn.Module, runtime: str, exported: bytes | None) -> Encode:
        """An adapted encoder in a runtime, as `make_encode`; all but the adapted layers is shared."""
        runtime = resolve(runtime, next(self.module.parameters()).device.type)
        if runtime in ("onnx", "int8"):  # the weights are part of a graph
            return make_encode(merge(self.module, module), runtime, exported)
        if runtime not in self.prepared:
            self.prepared[runtime] = make_encode(self.module, runtime, None)  # type: ignore[assignment]
        return merge(self.prepared[runtime], module)


# By the hash of the weights, the config and the device; a base goes with the last pipeline that uses it.
_BASES: WeakValueDictionary[tuple[str, str, str], Base] = WeakValueDictionary()


def share_base(config: str, read: Callable[[], nn.Module], expected: str | None = None) -> Base:
    """The base that this process has already, else a new one.

    config (str): The encoder's, as JSON.
    read (Callable): Makes the base's CasedEncoder, without case embedding. Not called where the base is there.
    expected (str | None): The fingerprint, where it is known.
    RAISES (DossierError): What is read is another encoder.
    """
    device = str(get_torch_default_device())
    base = _BASES.get((expected or "", config, device))
    if base is None:
        module = read()
        found = fingerprint(module)
        if expected not in (None, found):
            raise DossierError(
                f"this is not the encoder that the pipeline was tuned from (hash of its weights {found[:12]}…)",
                value=f"{expected[:12]}…" if expected else None,
                remedy="Name the folder of that one as the 'name' of the transformer's model",
            )
        base = _BASES.setdefault((found, config, device), Base(module, found))
    return base


def fingerprint(module: nn.Module) -> str:
    """RETURNS (str): SHA-256 of names, kinds, shapes and bytes of all weights, in hexadecimal digits."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.named_parameters()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def merge(base: nn.Module, module: nn.Module) -> nn.Module:
    """Put the merged layers and the case embedding of an adapted encoder into its base.

    base (CasedEncoder): As it is, or prepared for inference.
    RETURNS (CasedEncoder): It shares all else with the base.
    """
    merged = twin(base)
    dtype = next(base.parameters()).dtype
    for name, layer in module.named_modules():
        if isinstance(layer, LoraLinear):
            plain = layer.merged().to(dtype)
            is_packed = isinstance(base.get_submodule(name), PackedLinear)
            _put(merged, name, PackedLinear(plain) if is_packed else plain)
    merged.cases = copy.deepcopy(module.cases).to(dtype) if module.cases is not None else None
    return merged


def _put(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, layer)
