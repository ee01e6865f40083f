"""Inference by other means than PyTorch in float32: the same vectors, and a fallback that says why."""

import builtins
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from thinc.api import Adam
from transformers import LongformerConfig, LongformerModel

from spacy_dossier.errors import DossierError
from spacy_dossier.models import onednn
from spacy_dossier.models.onednn import PackedLinear
from spacy_dossier.models.runtime import computes_bfloat16, describe
from spacy_dossier.models.transformer import build_transformer_model

TEXTS = [
    "Amara Okafor flew from Lagos to Ghent on Tuesday.",
    "Short.",
    "",
    "The board of Meridian Freight met twice; nothing was decided. Rain fell on the harbour all day long.",
]


def vectors(model: Any, texts: list[str] = TEXTS) -> np.ndarray:
    nlp = spacy.blank("en")
    return model.predict([nlp.make_doc(text) for text in texts]).model_output.last_hidden_state.numpy()


def build(folder: Path, **config: Any) -> Any:
    model = build_transformer_model(str(folder), window=30, **config)
    model.initialize()
    return model


def same_weights(model: Any, source: Any) -> Any:
    model.shims[0].module.load_state_dict(source.shims[0].module.state_dict())
    return model


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
@pytest.mark.parametrize("fixture", ["tiny_encoder", "tiny_roberta"])
def test_packed_weights_give_the_same_vectors(fixture: str, request: pytest.FixtureRequest) -> None:
    """Inference of PyTorch on a CPU packs the linear layers; those of training give the same, and stay as they are."""
    model = build(request.getfixturevalue(fixture), case_embedding=True)
    shim = model.shims[0]
    ids = torch.arange(5, 25).reshape(2, 10)
    inputs = (ids, torch.ones_like(ids), torch.ones_like(ids))
    packed = shim.predict(inputs)
    with torch.inference_mode():
        plain = shim.module(*inputs)
    np.testing.assert_allclose(packed.numpy(), plain.numpy(), atol=1e-5)
    assert any(isinstance(layer, PackedLinear) for layer in shim._encode.modules())
    assert not any(isinstance(layer, PackedLinear) for layer in shim.module.modules())
    assert describe(shim.set_up()) == "float32, packed by oneDNN"
    assert describe(shim.module) == "float32"
    assert describe(shim.module.bfloat16()) == "bfloat16"


@pytest.mark.parametrize("fixture", ["tiny_encoder", "tiny_roberta"])
@pytest.mark.parametrize("cases", [False, True])
def test_onnx_gives_the_same_vectors(fixture: str, cases: bool, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(fixture)
    plain = build(folder, case_embedding=cases)
    if cases:
        torch.nn.init.normal_(plain.shims[0].module.cases.weight)
    found = vectors(same_weights(build(folder, case_embedding=cases, runtime="onnx"), plain))
    np.testing.assert_allclose(found, vectors(plain), atol=1e-4)


def test_int8_gives_near_vectors(tiny_encoder: Path) -> None:
    plain = build(tiny_encoder)
    expected, found = vectors(plain), vectors(same_weights(build(tiny_encoder, runtime="int8"), plain))
    assert not np.array_equal(found, expected)
    assert np.linalg.norm(found - expected) < 0.2 * np.linalg.norm(expected)


@pytest.mark.skipif(not computes_bfloat16("cpu"), reason="this CPU does not multiply bfloat16")
def test_bfloat16_gives_near_vectors(tiny_encoder: Path) -> None:
    plain = build(tiny_encoder)
    expected, found = vectors(plain), vectors(same_weights(build(tiny_encoder, runtime="bf16"), plain))
    assert found.dtype == np.float32
    assert not np.array_equal(found, expected)
    assert np.linalg.norm(found - expected) < 0.03 * np.linalg.norm(expected)


@pytest.mark.parametrize("native", [False, True])
def test_a_gpu_that_only_emulates_bfloat16_does_not_compute_it(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA emulates bfloat16 on Volta and Turing, slower than float32."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert computes_bfloat16("cuda") is native


def test_an_export_is_stored_and_used(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that carries its export opens a session without exporting again."""
    model = build(tiny_encoder, runtime="onnx")
    model.shims[0].export()
    expected = vectors(model)
    again = build_transformer_model(str(tiny_encoder), window=30, runtime="onnx").from_bytes(model.to_bytes())

    def never(*args: Any) -> bytes:
        raise AssertionError("exported again")

    monkeypatch.setattr("spacy_dossier.models.runtime.export", never)
    np.testing.assert_allclose(vectors(again), expected, atol=1e-6)


@pytest.mark.parametrize("runtime", ["onnx", "bf16"])
def test_training_is_seen_by_the_runtime(tiny_encoder: Path, runtime: str) -> None:
    """After an update no vector comes from the weights before it."""
    model = build(tiny_encoder, runtime=runtime)
    before = vectors(model)
    nlp = spacy.blank("en")
    batch, backprop = model.begin_update([nlp.make_doc(text) for text in TEXTS])
    gradient = torch.randn(batch.model_output.last_hidden_state.shape)
    batch.model_output.last_hidden_state = gradient
    backprop(batch)
    model.finish_update(Adam(0.1))
    assert np.abs(vectors(model) - before).max() > 0.01


def test_a_forked_process_opens_a_session_of_its_own(tiny_encoder: Path) -> None:
    """After the parent has used its own; and the encoder can be copied with it."""
    import multiprocessing

    model = build(tiny_encoder, runtime="onnx")
    expected = vectors(model)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(model.shims[0].predict, (inputs(),)).get(timeout=60)
    np.testing.assert_allclose(found, model.shims[0].predict(inputs()), atol=1e-6)
    np.testing.assert_allclose(vectors(model.copy()), expected, atol=1e-6)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.arange(5, 15).reshape(2, 5)
    return ids, torch.ones_like(ids), torch.zeros_like(ids)


def test_without_onnxruntime_one_line_says_so_and_pytorch_runs(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build(tiny_encoder)
    model = same_weights(build(tiny_encoder, runtime="onnx"), plain)
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] in ("onnx", "onnxruntime"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.warns(UserWarning, match=r"is not installed .*spacy-dossier\[onnx\]") as caught:
        found = vectors(model)
        vectors(model)
    assert len([w for w in caught if "not installed" in str(w.message)]) == 1
    np.testing.assert_array_equal(found, vectors(plain))


def test_an_encoder_that_cannot_be_exported_runs_in_pytorch(tiny_roberta: Path, tmp_path: Path) -> None:
    """Longformer's attention depends on the shape of the batch in a way that tracing does not see."""
    folder = shutil.copytree(tiny_roberta, tmp_path / "longformer")
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    positions = {"max_position_embeddings": 66, "attention_window": 8, "pad_token_id": 1}
    LongformerModel(LongformerConfig(vocab_size=400, **size, **positions)).save_pretrained(folder)
    plain = build(folder)
    model = same_weights(build(folder, runtime="onnx"), plain)
    with pytest.warns(UserWarning, match=r"does not run in ONNX Runtime .*longformer.*PyTorch"):
        found = vectors(model)
    np.testing.assert_array_equal(found, vectors(plain))
    with pytest.raises(DossierError, match="does not run in ONNX Runtime"):
        model.shims[0].export()


def test_an_unknown_runtime_is_refused(tiny_encoder: Path) -> None:
    with pytest.raises(DossierError, match="unknown runtime"):
        build_transformer_model(str(tiny_encoder), runtime="tpu")


@pytest.mark.parametrize("way", ["gone", "other result", "other call"])
def test_without_onednns_operators_the_module_stays_as_it_is(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are PyTorch's private ones: they may go, or come to do something else."""
    module = torch.nn.Sequential(torch.nn.Linear(4, 4))
    if not onednn.can_pack(torch.float32):
        pytest.skip("this PyTorch has no oneDNN")
    assert isinstance(onednn.packed(module, "cpu")[0], PackedLinear)

    def refuse(*arguments: Any) -> None:
        raise RuntimeError("called otherwise")

    if way == "gone":
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    elif way == "other result":
        monkeypatch.setattr(PackedLinear, "forward", lambda self, inputs: inputs[..., :2] + 9)
    else:
        monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", refuse)
    assert onednn.packed(module, "cpu") is module
    assert onednn.packed(module, "cuda") is module


@pytest.mark.parametrize("able", [False, True])
def test_auto_is_bfloat16_where_the_device_computes_it(
    able: bool, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors are those of the runtime that it stands for, and no fall-back is warned of."""
    monkeypatch.setattr("spacy_dossier.models.runtime.computes_bfloat16", lambda device: able)
    plain = build(tiny_encoder)
    found = vectors(same_weights(build(tiny_encoder, runtime="auto"), plain))
    expected = vectors(same_weights(build(tiny_encoder, runtime="bf16"), plain) if able else plain)
    assert np.array_equal(found, expected)
    assert np.array_equal(found, vectors(plain)) is not able
