"""Inference of an encoder by other means than PyTorch in float32: bfloat16, ONNX Runtime, int8 weights.

All give the vectors of the same weights, near enough: docs/performance.md has what each gains and costs.
"""

import copy
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DossierError
from .onednn import PackedLinear, packed

OPSET = 17

Encode = Callable[[Tensor, Tensor, Tensor], Tensor]


def computes_bfloat16(device: str) -> bool:
    """Whether a device multiplies bfloat16 natively, so that it pays: CPUs with AVX-512 BF16, AMX or SVE, and GPUs from
    Ampere on.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able: Any = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return device != "cpu" or any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "amx_tile", "sve_bf16"))


def resolve(runtime: str, device: str) -> str:
    """RETURNS (str): The runtime that "auto" stands for on a kind of device: the fastest that stays within a tenth of a
    point of F1 and ROUGE-1 of float32 (docs/performance.md); any other as it is.
    """
    if runtime != "auto":
        return runtime
    return "bf16" if computes_bfloat16(device) else "torch"


def make_encode(module: nn.Module, runtime: str, exported: bytes | None) -> Encode:
    """An encoder's forward pass in a runtime; PyTorch in float32, with a warning, where that is not to be had.

    module (CasedEncoder): The encoder with its weights, in float32.
    exported (bytes | None): What `export` made for this runtime, where a pipeline carries it.
    RETURNS (Callable): From ids, mask and cases, each of shape (B, T), to vectors of shape (B, T, H).
    """
    device = next(module.parameters()).device.type
    runtime = resolve(runtime, device)
    if runtime == "bf16":
        if computes_bfloat16(device):
            # Weights once in bfloat16: autocast would turn them anew for each batch.
            return packed(copy.deepcopy(module).eval().bfloat16(), device)
        _warn(f"this {'CPU' if device == 'cpu' else 'GPU'} does not multiply bfloat16")
    elif runtime in ("onnx", "int8"):
        try:
            if device == "cpu":
                return OnnxEncode(exported or export(module, runtime))
            _warn("the ONNX runtimes are for the CPU")
        except ImportError as error:
            _warn(f"{error.name} is not installed (pip install 'spacy-dossier[onnx]')")
        except DossierError as error:
            _warn(str(error))
    return packed(module, device)


def describe(encode: Encode) -> str:
    """RETURNS (str): What an encoder that `make_encode` made computes in, in words."""
    if isinstance(encode, OnnxEncode):
        return "ONNX Runtime"
    assert isinstance(encode, nn.Module)
    dtype = str(next(encode.parameters()).dtype).removeprefix("torch.")
    is_packed = any(isinstance(layer, PackedLinear) for layer in encode.modules())
    return f"{dtype}, packed by oneDNN" if is_packed else dtype


def _warn(reason: str) -> None:
    warnings.warn(f"{reason}; the encoder runs in PyTorch, in float32", stacklevel=3)


class OnnxEncode:
    """An exported encoder under ONNX Runtime. A forked process opens a session of its own: threads do not survive."""

    def __init__(self, exported: bytes) -> None:
        self.exported = exported
        self.session: Any = None
        self.process = 0  # whose the session is

    def __call__(self, ids: Tensor, mask: Tensor, cases: Tensor) -> Tensor:
        if self.process != os.getpid():
            import onnxruntime

            _INHERITED.append(self.session)
            self.process = os.getpid()

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            options.log_severity_level = 3
            self.session = onnxruntime.InferenceSession(self.exported, options, providers=["CPUExecutionProvider"])
        names = [node.name for node in self.session.get_inputs()]
        inputs = {"ids": ids, "mask": mask, "cases": cases}
        return torch.from_numpy(self.session.run(None, {name: inputs[name].numpy() for name in names})[0])


_INHERITED: list[Any] = []  # a session's end waits for its threads, which are the parent's: in a child it must not end


def export(module: nn.Module, runtime: str) -> bytes:
    """Export an encoder to ONNX, with BERT's layers fused where it has them; for "int8" with 8-bit weights.

    The weights of the matrix products are quantized per channel and their inputs dynamically, a batch at a time; all
    else stays in float32.

    RAISES (ImportError): Where onnx or onnxruntime is not installed.
    RAISES (DossierError): Where the encoder cannot be exported, or its export gives other vectors.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    for name in ("onnxruntime.transformers", "fusion_base"):
        logging.getLogger(name).setLevel(logging.ERROR)
    eager = _eager(module)
    config = eager.encoder.config
    ids = torch.ones((2, 8), dtype=torch.int64)
    try:
        with tempfile.TemporaryDirectory(prefix="dossier-onnx-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about Python values that are constant here
            plain, final = Path(folder, "plain.onnx"), Path(folder, "final.onnx")
            torch.onnx.export(
                eager,
                (ids, torch.ones_like(ids), torch.zeros_like(ids)),
                str(plain),
                input_names=["ids", "mask", "cases"],
                output_names=["vectors"],
                dynamic_axes={name: {0: "batch", 1: "length"} for name in ("ids", "mask", "cases", "vectors")},
                opset_version=OPSET,
                dynamo=False,
            )
            fused = optimizer.optimize_model(
                str(plain),
                model_type="bert",
                num_heads=getattr(config, "num_attention_heads", 0),
                hidden_size=config.hidden_size,
                opt_level=1,
            )
            fused.save_model_to_file(str(final))
            _check(OnnxEncode(final.read_bytes()), eager)
            if runtime == "int8":
                quantize_dynamic(
                    str(final),
                    str(plain),
                    per_channel=True,
                    op_types_to_quantize=["MatMul"],
                    weight_type=QuantType.QInt8,
                    # Behind a fused layer shape inference gives no types.
                    extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
                )
                final = plain
            onnx.checker.check_model(onnx.load(str(final), load_external_data=False), full_check=False)
            return final.read_bytes()
    except Exception as error:  # the tracer, the optimizer and the runtime each raise errors of their own
        raise DossierError(
            f"this kind of encoder does not run in ONNX Runtime ({type(error).__name__})",
            value=config.model_type,
            remedy='Set runtime = "torch"',
        ) from error


def _check(encode: Encode, eager: nn.Module) -> None:
    """Not every encoder can be traced: what depends on the shape of the batch may be frozen in the graph.

    RAISES (ValueError): A batch of another shape than the traced one, with padding, has other vectors than in PyTorch.
    """
    ids = torch.arange(33).reshape(3, 11) % 20
    mask = (torch.arange(11) < torch.tensor([[11], [7], [2]])).long()
    with torch.inference_mode():
        expected = eager(ids, mask, torch.zeros_like(ids))
    difference = (encode(ids, mask, torch.zeros_like(ids)) - expected)[mask.bool()].abs().max()
    if not difference <= 1e-3 * expected.abs().max():
        raise ValueError(f"vectors differ by {float(difference):.1e}")


def _eager(module: Any) -> Any:
    """A copy whose attention is written out, as the fusion knows it."""
    from transformers import AutoConfig

    from .encoder import CasedEncoder
    from .trial import new_encoder

    config = copy.deepcopy(module.encoder.config)
    encoder = new_encoder(AutoConfig.for_model(**config.to_dict()), attn_implementation="eager")
    eager = CasedEncoder(encoder, module.cases is not None)
    eager.load_state_dict(module.state_dict(), strict=False)
    return eager.eval()
