"""Linear layers whose weights oneDNN lays out for this CPU once, instead of at every product.

The two operators are PyTorch's own, of its compiler, and no public interface: where they are not there, or do not do
what they do today, a module stays as it is.
"""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

PACKED_ROWS = 2048  # sub-words of a usual batch, for which weights are laid out; others run as well

Module = TypeVar("Module", bound=nn.Module)


class PackedLinear(nn.Module):
    """A linear layer with weights laid out by oneDNN."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), PACKED_ROWS)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs (Tensor): Shape: (..., nI). RETURNS (Tensor): Shape: (..., nO)"""
        return torch.ops.mkldnn._linear_pointwise(inputs.contiguous(), self.weight, self.bias, "none", [], "")

    def __deepcopy__(self, memo: dict[int, Any]) -> "PackedLinear":
        return self  # nothing of it ever changes


def can_pack(dtype: torch.dtype) -> bool:
    """Whether the operators are there and give what PyTorch's own layer gives."""
    if not torch.backends.mkldnn.is_available():
        return False
    linear = nn.utils.skip_init(nn.Linear, 3, 2).to(dtype)  # no random weights: training draws from the same numbers
    nn.init.constant_(linear.weight, 0.5)
    nn.init.constant_(linear.bias, 0.25)
    inputs = torch.arange(6, dtype=dtype).reshape(1, 2, 3)
    try:
        packed = PackedLinear(linear)(inputs)
    except (AttributeError, RuntimeError, TypeError):  # gone, not for this CPU, called otherwise
        return False
    with torch.inference_mode():
        return torch.allclose(packed, linear(inputs), rtol=0.1, atol=1e-2)


def packed(module: nn.Module, device: str) -> nn.Module:
    """The same module with packed linear layers; all other weights are shared.

    device (str): Kind of device that the module is on.
    RETURNS (Module): The module itself on a GPU, and where it cannot be packed.
    """
    parameter = next(module.parameters())
    if device != "cpu" or not can_pack(parameter.dtype):
        return module
    laid_out = twin(module)
    for layer in list(laid_out.modules()):
        for name, child in layer.named_children():
            if type(child) is nn.Linear:
                setattr(layer, name, PackedLinear(child))
    return laid_out


def twin(module: Module) -> Module:
    """RETURNS (Module): The same layers anew, over the same weights."""
    weights: dict[int, Any] = {id(t): t for t in [*module.parameters(), *module.buffers()]}
    return copy.deepcopy(module, weights)
