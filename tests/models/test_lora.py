"""LoRA: peft's vectors, what learns, what is stored, and what pipelines of one base share."""

import gc
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import spacy
import torch
from spacy.language import Language
from thinc.api import Adam, Model
from transformers import AutoModel, DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel

from spacy_dossier.errors import DossierError
from spacy_dossier.models import lora
from spacy_dossier.models.lora import LoraLinear, merge
from spacy_dossier.models.onednn import PackedLinear, can_pack
from spacy_dossier.models.runtime import computes_bfloat16
from spacy_dossier.models.transformer import build_transformer_model

KINDS = {
    "tiny_encoder": ["query", "value"],
    "tiny_roberta": ["query", "value"],
    "mpnet": ["q", "v"],
    "distilbert": ["q_lin", "v_lin"],
}
TEXTS = ["Anna Kovacs flew to Lisbon.", "Nobody in Lagos knows; the harbour was closed.", ""]


def build(folder: Path | str, **config: Any) -> Model:
    return build_transformer_model(str(folder), **{"window": 30, "lora_rank": 4, "lora_alpha": 8.0, **config})


def made(folder: Path | str, **config: Any) -> Model:
    """With random narrow matrices and case embedding, as after training."""
    model = build(folder, **config)
    model.initialize()
    torch.manual_seed(1)
    for name, parameter in model.shims[0].module.named_parameters():
        if lora.is_own(name):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def vectors(model: Model) -> np.ndarray:
    nlp = spacy.blank("en")
    return model.predict([nlp.make_doc(text) for text in TEXTS]).model_output.last_hidden_state.numpy()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.arange(5, 25).reshape(2, 10)
    return ids, torch.ones_like(ids), torch.ones_like(ids)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tiny_encoder: Path, tiny_roberta: Path, tmp_path: Path) -> tuple[str, Path]:
    """A kind of encoder with its folder."""
    if request.param in ("tiny_encoder", "tiny_roberta"):
        return request.param, request.getfixturevalue(request.param)
    folder = shutil.copytree(tiny_roberta, tmp_path / request.param)
    torch.manual_seed(0)
    if request.param == "mpnet":
        size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        MPNetModel(MPNetConfig(vocab_size=320, max_position_embeddings=66, **size)).save_pretrained(folder)
    else:
        size = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
        DistilBertModel(DistilBertConfig(vocab_size=320, max_position_embeddings=64, **size)).save_pretrained(folder)
    return request.param, folder


def test_vectors_are_those_of_peft(kind: tuple[str, Path]) -> None:
    """Not merged, as in training, and merged, as in inference."""
    name, folder = kind
    shim = made(folder).shims[0]
    config = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=KINDS[name])
    oracle = peft.get_peft_model(AutoModel.from_pretrained(folder), config).eval()
    theirs = {n: layer for n, layer in oracle.base_model.model.named_modules() if hasattr(layer, "lora_A")}
    ours = {n: layer for n, layer in shim.module.encoder.named_modules() if isinstance(layer, LoraLinear)}
    assert ours.keys() == theirs.keys() and len(ours) == 4
    for n, layer in ours.items():
        theirs[n].lora_A["default"].weight.data.copy_(layer.lora_a)
        theirs[n].lora_B["default"].weight.data.copy_(layer.lora_b)
    ids, mask, cases = inputs()
    with torch.inference_mode():
        plain = AutoModel.from_pretrained(folder).eval()(ids, mask).last_hidden_state
        expected = oracle(input_ids=ids, attention_mask=mask).last_hidden_state
        merged = oracle.merge_and_unload()(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(shim.module.eval()(ids, mask, cases), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(shim.predict((ids, mask, cases)), merged, atol=1e-5, rtol=0)
    assert (expected - plain).abs().max() > 0.01


def test_an_untrained_one_is_the_encoder_itself(tiny_encoder: Path) -> None:
    plain = build(tiny_encoder, lora_rank=0)
    adapted = build(tiny_encoder)
    for model in (plain, adapted):
        model.initialize()
    np.testing.assert_array_equal(vectors(adapted), vectors(plain))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_training_moves_only_what_is_new(tiny_encoder: Path, dropout: float) -> None:
    """And inference sees it."""
    model = build(tiny_encoder, case_embedding=True, lora_dropout=dropout)
    model.initialize()
    shim = model.shims[0]
    before = {name: tensor.clone() for name, tensor in shim.module.state_dict().items()}
    nlp = spacy.blank("en")
    first = vectors(model)
    optimizer = Adam(0.1)
    for _ in range(2):  # the first moves B, which is zero, and only then A has a gradient
        batch, backprop = model.begin_update([nlp.make_doc(text) for text in TEXTS])
        batch.model_output.last_hidden_state = torch.ones_like(batch.model_output.last_hidden_state)
        batch.model_output.last_hidden_state[:, 0] = -3.0
        backprop(batch)
        model.finish_update(optimizer)
    moved = {name for name, tensor in shim.module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if lora.is_own(name)} and len(moved) == 9
    assert np.abs(vectors(model) - first).max() > 0.01


def test_narrow_matrices_of_frozen_layers_do_not_learn(tiny_encoder: Path) -> None:
    shim = made(tiny_encoder, frozen_layers=1).shims[0]
    trained = {name for name, parameter in shim.module.named_parameters() if parameter.requires_grad}
    assert len(trained) == 4 and all(".layer.1." in name for name in trained)


def test_other_layers_by_their_names(tiny_encoder: Path) -> None:
    """A pattern is for the whole name; one without any layer says what there is."""
    shim = made(tiny_encoder, lora_layers=".*").shims[0]
    linear = [layer for layer in shim.module.encoder.modules() if isinstance(layer, torch.nn.Linear)]
    assert len(linear) == 12 and all(isinstance(layer, LoraLinear) for layer in linear)
    with pytest.raises(DossierError, match=r"lora_layers.*dense, key, query, value"):
        build(tiny_encoder, lora_layers="query").initialize()


@pytest.mark.parametrize("runtime", ["torch", "bf16", "onnx", "int8"])
def test_every_runtime_has_the_merged_layers(tiny_encoder: Path, runtime: str) -> None:
    """As of an encoder whose weights are those sums, with and without what others of the same base have set up."""
    if runtime == "bf16" and not computes_bfloat16("cpu"):
        pytest.skip("this CPU does not multiply bfloat16")
    model = made(tiny_encoder, runtime=runtime, case_embedding=True)
    shim = model.shims[0]
    plain = build(tiny_encoder, runtime=runtime, case_embedding=True, lora_rank=0)
    plain.initialize()
    plain.shims[0].module.load_state_dict(merge(shim.base.module, shim.module).state_dict(), strict=True)
    np.testing.assert_allclose(vectors(model), vectors(plain), atol=1e-5)
    second = build(tiny_encoder, runtime=runtime, case_embedding=True).from_bytes(model.to_bytes())
    np.testing.assert_allclose(vectors(second), vectors(plain), atol=1e-5)
    if runtime in ("onnx", "int8"):
        shim.export()
        stored = build(tiny_encoder, runtime=runtime, case_embedding=True).from_bytes(model.to_bytes())
        np.testing.assert_allclose(vectors(stored), vectors(plain), atol=1e-5)


@pytest.mark.parametrize("store_base", [True, False])
@pytest.mark.parametrize("is_loaded", [True, False], ids=["base in memory", "base on disk"])
def test_a_pipeline_is_the_same_after_a_round_trip(tiny_encoder: Path, store_base: bool, is_loaded: bool) -> None:
    """Through bytes, with the base and without it; stored apart from it, it is small."""
    model = made(tiny_encoder, store_base=store_base, case_embedding=True)
    data, expected = model.to_bytes(), vectors(model)
    if not is_loaded:
        del model
        gc.collect()
        assert not len(lora._BASES)
    loaded = build(tiny_encoder, store_base=store_base, case_embedding=True).from_bytes(data)
    np.testing.assert_array_equal(vectors(loaded), expected)
    assert loaded.to_bytes() == data
    module = loaded.shims[0].module
    assert {name for name, parameter in module.named_parameters() if parameter.requires_grad} == {
        name for name, _ in module.named_parameters() if lora.is_own(name)
    }
    weights = sum(4 * p.numel() for n, p in module.named_parameters() if not lora.is_own(n))
    assert (len(data) > weights) == store_base


def test_a_pipeline_carries_its_base_to_where_the_folder_is_not(tiny_encoder: Path, tmp_path: Path) -> None:
    """Through `nlp.to_disk` and `spacy.load`; one stored without it is given the folder."""
    folder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    found = {}
    for store_base in (True, False):
        nlp = pipeline(folder, store_base=store_base)
        nlp.to_disk(tmp_path / f"{store_base}")
        found[store_base] = nlp("Anna flew to Lisbon.")._.trf_data.model_output.last_hidden_state
    del nlp
    gc.collect()
    shutil.rmtree(folder)
    carried = spacy.load(tmp_path / "True")
    np.testing.assert_array_equal(
        carried("Anna flew to Lisbon.")._.trf_data.model_output.last_hidden_state, found[True]
    )
    del carried
    gc.collect()
    with pytest.raises(DossierError, match="there is no such folder") as caught:
        spacy.load(tmp_path / "False")
    assert "\n" not in str(caught.value)
    named = {"components": {"transformer": {"model": {"name": str(tiny_encoder)}}}}
    np.testing.assert_array_equal(
        spacy.load(tmp_path / "False", config=named)("Anna flew to Lisbon.")._.trf_data.model_output.last_hidden_state,
        found[False],
    )


def pipeline(folder: Path, **settings: Any) -> Language:
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(folder), "window": 30, "lora_rank": 4}
    nlp.add_pipe("dossier_transformer", name="transformer", config={"model": model | settings})
    nlp.initialize()
    return nlp


def test_another_base_is_refused(tiny_encoder: Path, tiny_roberta: Path, tmp_path: Path) -> None:
    """Of the same sizes, of others, of another kind: in one line, with what to do."""
    data = made(tiny_encoder, store_base=False).to_bytes()
    gc.collect()
    other = AutoModel.from_pretrained(tiny_encoder)
    other.encoder.layer[0].output.dense.bias.data[0] += 1e-3
    other.save_pretrained(shutil.copytree(tiny_encoder, tmp_path / "other"))
    larger = type(other)(
        type(other.config)(**json.loads((tiny_encoder / "config.json").read_text()) | {"vocab_size": 99})
    )
    larger.save_pretrained(shutil.copytree(tiny_encoder, tmp_path / "larger"))
    for folder in (tmp_path / "other", tmp_path / "larger", tiny_roberta):
        with pytest.raises(DossierError, match="not the encoder that the pipeline was tuned from") as caught:
            build(folder, store_base=False).from_bytes(data)
        assert "\n" not in str(caught.value) and "'name'" in str(caught.value)


def test_settings_that_do_not_fit_what_is_stored_are_refused(tiny_encoder: Path) -> None:
    adapted, plain = made(tiny_encoder), build(tiny_encoder, lora_rank=0)
    plain.initialize()
    for data, settings, said in (
        (adapted.to_bytes(), {"lora_rank": 0}, "trained with LoRA"),
        (plain.to_bytes(), {}, "trained without LoRA"),
        (adapted.to_bytes(), {"lora_rank": 2}, "the LoRA settings it was trained with"),
        (adapted.to_bytes(), {"lora_layers": ".*"}, "the LoRA settings it was trained with"),
    ):
        with pytest.raises(DossierError, match=said):
            build(tiny_encoder, **settings).from_bytes(data)


@pytest.mark.parametrize("runtime", ["torch", "bf16"])
def test_pipelines_of_one_base_share_it(tiny_encoder: Path, tiny_roberta: Path, runtime: str) -> None:
    """In training and in inference; what is tuned is each one's own, and another base is another."""
    first = made(tiny_encoder, runtime=runtime)
    second = build(tiny_encoder, runtime=runtime).from_bytes(
        build_like(tiny_encoder, std=0.1, runtime=runtime).to_bytes()
    )
    third = made(tiny_roberta, runtime=runtime)
    before = vectors(first)
    assert np.abs(vectors(second) - before).max() > 1e-3
    np.testing.assert_array_equal(vectors(first), before)
    vectors(third)
    for place, own in (("module", 8), ("_encode", 4 if packs(runtime) else 8)):
        one, two, other = (weights(getattr(model.shims[0], place)) for model in (first, second, third))
        assert len(one) > 20 and not one & other
        assert len(one) == len(two) and len(one - two) == own, place


def packs(runtime: str) -> bool:
    return can_pack(torch.bfloat16 if runtime == "bf16" and computes_bfloat16("cpu") else torch.float32)


def weights(module: torch.nn.Module) -> set[int]:
    """RETURNS (set[int]): What weights there are, whether packed or not."""
    packed = [layer for layer in module.modules() if isinstance(layer, PackedLinear)]
    return set(map(id, [*module.parameters(), *packed]))


def build_like(folder: Path, std: float, **config: Any) -> Model:
    other = made(folder, **config)
    for name, parameter in other.shims[0].module.named_parameters():
        if lora.is_own(name):
            torch.nn.init.normal_(parameter, std=std)
    return other


def test_a_base_goes_with_its_last_pipeline(tiny_encoder: Path) -> None:
    gc.collect()
    first, second = made(tiny_encoder), made(tiny_encoder)
    assert len(lora._BASES) == 1
    del first
    gc.collect()
    assert len(lora._BASES) == 1 and second.shims[0].base in lora._BASES.values()
    del second
    gc.collect()
    assert not len(lora._BASES)


def test_a_copy_and_one_on_another_device_share_nothing(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others stay where they are."""
    first, second = made(tiny_encoder), made(tiny_encoder)
    expected = vectors(first)
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda module, number: module.to("meta"))
    real = torch.nn.Module.to
    monkeypatch.setattr(
        torch.nn.Module, "to", lambda module, where: real(module, "meta" if "cuda" in str(where) else where)
    )
    copied = second.copy()
    second.shims[0].to_device("gpu", 0)
    assert {p.device.type for p in second.shims[0].module.parameters()} == {"meta"}
    assert {p.device.type for p in second.shims[0].base.module.parameters()} == {"meta"}
    np.testing.assert_array_equal(vectors(first), expected)
    np.testing.assert_array_equal(vectors(copied), expected)
    own = {p.data_ptr() for p in copied.shims[0].module.parameters()}
    assert not own & {p.data_ptr() for p in first.shims[0].module.parameters()}


@pytest.mark.skipif(not can_pack(torch.float32), reason="this PyTorch has no oneDNN")
def test_averaged_weights_are_merged_and_taken_back(tiny_encoder: Path) -> None:
    model = made(tiny_encoder)
    shim = model.shims[0]
    expected = vectors(model)
    averages = {
        (shim.id, name): 0.5 * p.detach().numpy() for name, p in shim.module.named_parameters() if lora.is_own(name)
    }
    with shim.use_params(averages):
        assert np.abs(vectors(model) - expected).max() > 1e-3
    np.testing.assert_array_equal(vectors(model), expected)
