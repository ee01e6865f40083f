"""The fixture `card`: Thinc and PyTorch compute on the stand-in for a GPU."""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from .counts import COUNTS, Counts


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    """A GPU that all of a test's pipelines are made, loaded and run on; the value counts what is done there."""
    import spacy
    import spacy_transformers  # noqa: F401  # its names are replaced too
    import thinc.util
    import torch
    from thinc.api import CupyOps, NumpyOps, get_current_ops, set_current_ops
    from thinc.backends import cupy_ops
    from torch.utils._python_dispatch import _disable_current_modes
    from transformers import AutoModel

    from . import arrays
    from .tensors import CARD, Card, CardTensor

    cupy = arrays.make_module()
    cupyx = type(sys)("cupyx")
    cupyx.scatter_add = arrays.scatter_add  # type: ignore[attr-defined]
    before = get_current_ops()

    def default_device() -> torch.device:
        return CARD if isinstance(get_current_ops(), CupyOps) else torch.device("cpu")

    def torch2xp(tensor: torch.Tensor, *, ops: Any = None) -> Any:
        if not isinstance(tensor, CardTensor):
            return tensor.detach().numpy()
        if isinstance(ops, NumpyOps):
            return tensor.detach().cpu().numpy()
        assert not tensor.requires_grad, "DLPack takes no tensor that requires a gradient"
        return arrays.ndarray(tensor.host.numpy())

    from_dlpack = torch.from_dlpack

    def from_card(array: Any) -> torch.Tensor:
        return CardTensor(torch.from_numpy(array.host)) if isinstance(array, arrays.ndarray) else from_dlpack(array)

    from_pretrained = AutoModel.from_pretrained

    def read(*args: Any, **kwargs: Any) -> Any:
        """Transformers makes a model on "meta" itself before it reads the weights."""
        with _disable_current_modes():
            return from_pretrained(*args, **kwargs)

    monkeypatch.setattr(AutoModel, "from_pretrained", read)
    # There is no autocast for "meta"; of devices it says nothing.
    monkeypatch.setattr("spacy_dossier.models.encoder.computes_bfloat16", lambda device: False)
    replace_names(
        monkeypatch,
        {
            "cupy": (None, cupy),
            "cupyx": (None, cupyx),
            "cublas": (None, cupy.cublas),
            "has_cupy": (False, True),
            "has_cupy_gpu": (False, True),
            "has_gpu": (False, True),
            "get_torch_default_device": (thinc.util.get_torch_default_device, default_device),
            "torch2xp": (thinc.util.torch2xp, torch2xp),
            "is_torch_cuda_array": (thinc.util.is_torch_cuda_array, lambda x: isinstance(x, CardTensor)),
        },
    )
    for name, module in (
        ("cupy", cupy),
        ("cupyx", cupyx),
        ("cupy.cuda", cupy.cuda),
        ("cupy.cuda.device", cupy.cuda.device),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(CupyOps, "xp", cupy)
    monkeypatch.setattr(CupyOps, "_xp2", cupyx)
    monkeypatch.setattr(cupy_ops, "_custom_kernels", arrays.Kernels())
    monkeypatch.setattr(cupy_ops, "adam_kernel", arrays.adam)
    monkeypatch.setattr(torch, "from_dlpack", from_card)
    monkeypatch.setattr(torch.utils.dlpack, "from_dlpack", from_card)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # which tensors of another kind do not bear
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda module, number=0: module.to(CARD))
    spacy.require_gpu(0)
    COUNTS.clear()
    with Card(), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*which is a no-op"
        )  # PyTorch takes "meta" for a device without data
        yield COUNTS
    set_current_ops(before)


def replace_names(monkeypatch: pytest.MonkeyPatch, names: dict[str, tuple[Any, Any]]) -> None:
    """Replace what modules have imported by name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").split(".")[0] not in (
            "thinc",
            "spacy",
            "spacy_transformers",
            "spacy_dossier",
        ):
            continue
        for name, (old, new) in names.items():
            if name in vars(module) and vars(module)[name] is old:
                monkeypatch.setattr(module, name, new)
