"""A stand-in for PyTorch's CUDA tensors on the CPU. They say that they are on "meta", which PyTorch does not take for
the CPU, yet have values; an operation that mixes them with the CPU's is refused as on a GPU.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from .counts import COUNTS

CARD = torch.device("meta")
VIEWS = {
    *("alias", "as_strided", "detach", "expand", "permute", "select", "slice", "split", "split_with_sizes", "squeeze"),
    *("t", "transpose", "unbind", "unsqueeze", "view", "_unsafe_view", "_reshape_alias", "unfold", "lift_fresh"),
}


class CardTensor(Tensor):
    """host (Tensor): Where its values are."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> "CardTensor":
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, host.shape, strides=host.stride(), dtype=host.dtype, device=CARD, requires_grad=False
        )
        made.host = host.detach()
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(function, args, kwargs or {})

    def __repr__(self) -> str:
        return f"card {self.host!r}"

    def data_ptr(self) -> int:
        return self.host.data_ptr()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        assert isinstance(value, CardTensor), "the data of a tensor on the card come from the CPU"
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.host = value.host

    def __deepcopy__(self, memo: Any) -> Tensor:
        copied = CardTensor(self.host.clone()).requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copied._is_param = True  # type: ignore[attr-defined]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Stored as what it is: PyTorch's loader puts it where it is told."""
        return self.host.__reduce_ex__(protocol)


class Card(TorchDispatchMode):
    """Makes tensors of the card where a device is named, and watches the rest."""

    def __torch_dispatch__(self, function: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(function, args, kwargs or {})


def dispatch(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the values behind its operands, and say where its result is."""
    name = function._schema.name.split("::")[1]
    flat, spec = tree_flatten((args, kwargs))
    cards = [value for value in flat if isinstance(value, CardTensor)]
    others = [value for value in flat if isinstance(value, Tensor) and not isinstance(value, CardTensor) and value.ndim]
    target = kwargs.get("device")
    if cards and others and name != "copy_":
        raise RuntimeError(f"{name}: Expected all tensors to be on the same device, but found a card's and the CPU's")
    if any(value.device.type == CARD.type for value in others):
        raise RuntimeError(f"{name}: a tensor that was made behind the stand-in's back")
    _count(name, cards, others, target)
    hosts = {id(value.host): value for value in cards}
    args, kwargs = tree_unflatten([value.host if isinstance(value, CardTensor) else value for value in flat], spec)
    if target is not None and torch.device(target).type == CARD.type:
        kwargs["device"] = torch.device("cpu")
    result = function(*args, **kwargs)
    on_card = bool(cards) if target is None else torch.device(target).type == CARD.type
    if name == "copy_":
        on_card = isinstance(flat[0], CardTensor)
    return tree_map(lambda value: _placed(value, hosts, on_card), result)


def _placed(value: Any, hosts: dict[int, CardTensor], on_card: bool) -> Any:
    if not isinstance(value, Tensor) or not on_card:
        return value
    known = hosts.get(id(value))  # an operation in place returns its operand
    return CardTensor(value) if known is None else known


def _count(name: str, cards: list[CardTensor], others: list[Tensor], target: Any) -> None:
    to_card = target is not None and torch.device(target).type == CARD.type
    if name == "_to_copy" and target is not None and bool(cards) != to_card:
        COUNTS.copy() if to_card else COUNTS.sync()
    elif name == "copy_" and cards and others:
        COUNTS.copy()
    elif cards or to_card:
        mask = name in ("index", "index_put", "index_put_") and any(value.dtype == torch.bool for value in cards[1:])
        if mask or name in ("_local_scalar_dense", "nonzero", "masked_select", "equal"):
            COUNTS.sync()
        if name not in VIEWS:
            COUNTS.kernel()
