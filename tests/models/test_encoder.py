"""The encoder's shim: loading, storing, learning rates, precision, and what it says when it cannot."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from thinc.api import Adam, Optimizer
from tokenizers import Tokenizer

from spacy_dossier.errors import DossierError
from spacy_dossier.models.encoder import EncoderShim, SubWordTokenizer
from spacy_dossier.models.settings import EncoderSettings

SETTINGS: dict[str, Any] = {
    "window": 20,
    "context": 0,
    "batch_subwords": 200,
    "case_embedding": False,
    "mixed_precision": False,
    "learn_rate_scale": 1.0,
    "layer_decay": 1.0,
    "frozen_embeddings": False,
    "frozen_layers": 0,
    "runtime": "torch",
}


def make_shim(folder: Path, **settings: Any) -> EncoderShim:
    shim = EncoderShim(EncoderSettings(**{**SETTINGS, **settings}))
    shim.load(folder, {}, {})
    return shim


def run(shim: EncoderShim) -> torch.Tensor:
    ids = torch.arange(5, 15).reshape(2, 5)
    return shim.predict((ids, torch.ones_like(ids), torch.ones_like(ids)))


def test_padding_that_a_tokenizers_file_asks_for_is_left_out(tiny_encoder: Path, tmp_path: Path) -> None:
    """Sentence encoders ship with padding to a fixed length and truncation: a window has neither."""
    folder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=32)
    tokenizer.enable_truncation(32)
    tokenizer.save(str(folder / "tokenizer.json"))
    shim, plain = make_shim(folder), make_shim(tiny_encoder)
    assert shim.tokenizer and plain.tokenizer
    assert shim.tokenizer.frame == plain.tokenizer.frame
    assert (len(shim.tokenizer.prefix), len(shim.tokenizer.suffix)) == (1, 1)
    assert len(shim.tokenizer.encode(["harbour " * 50])[0]) >= 50


def step(shim: EncoderShim, optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """One step with a gradient of ones for every weight. RETURNS: How far each has moved, at most."""
    before = {name: p.detach().clone() for name, p in shim.module.named_parameters()}
    for parameter in shim.module.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    shim.finish_update(optimizer)
    return {name: (p.detach() - before[name]).abs().max() for name, p in shim.module.named_parameters()}


@pytest.mark.parametrize("fixture", ["tiny_encoder", "tiny_roberta"])
def test_weights_survive_bytes_without_pickle(
    fixture: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither pickle nor torch.save and torch.load are called, and the same vectors come out."""
    shim = make_shim(request.getfixturevalue(fixture), case_embedding=True)

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("pickle is not for weights")

    for module in (pickle, torch):
        for name in ("load", "loads", "save", "dump", "dumps"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, never)
    data = shim.to_bytes()
    copied = EncoderShim(EncoderSettings(**{**SETTINGS, "case_embedding": True})).from_bytes(data)
    torch.testing.assert_close(run(copied), run(shim))
    assert copied.tokenizer is not None and shim.tokenizer is not None
    assert copied.tokenizer.frame == shim.tokenizer.frame
    assert copied.tokenizer.encode(["Lisbon now"])[0].ids == shim.tokenizer.encode(["Lisbon now"])[0].ids
    assert copied.to_bytes() == data


def test_a_shim_without_weights_stores_nothing_and_says_what_to_do(tiny_encoder: Path) -> None:
    """As in a pipeline that was not initialized yet."""
    shim = EncoderShim(EncoderSettings(**SETTINGS))
    assert EncoderShim(EncoderSettings(**SETTINGS)).from_bytes(shim.to_bytes())._model is None
    with pytest.raises(DossierError, match="initialize"):
        _ = shim.module


def test_stored_weights_that_do_not_fit_the_settings_are_refused(tiny_encoder: Path) -> None:
    """A case embedding that is switched off at load would change the outputs silently."""
    data = make_shim(tiny_encoder, case_embedding=True).to_bytes()
    with pytest.raises(DossierError, match="case_embedding"):
        EncoderShim(EncoderSettings(**SETTINGS)).from_bytes(data)


@pytest.mark.parametrize("fixture", ["tiny_encoder", "tiny_roberta"])
def test_a_window_is_framed_as_the_tokenizer_frames_a_text(fixture: str, request: pytest.FixtureRequest) -> None:
    """Also where the tokenizer's class does not know the special tokens of its file."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    folder = request.getfixturevalue(fixture)
    expected = AutoTokenizer.from_pretrained(folder)("the mayor")["input_ids"]
    plain = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    for tokenizer in (SubWordTokenizer.from_pretrained(str(folder)), plain_tokenizer(plain, folder)):
        ids = tokenizer.encode(["the mayor"])[0].ids
        assert [*tokenizer.prefix, *ids, *tokenizer.suffix] == expected


def plain_tokenizer(plain: Any, folder: Path) -> SubWordTokenizer:
    target = folder.parent / f"{folder.name}-plain"
    plain.save_pretrained(target)
    return SubWordTokenizer.from_pretrained(str(target))


def test_a_missing_encoder_is_a_clear_error(tmp_path: Path) -> None:
    """One line with the name and what to give instead."""
    with pytest.raises(DossierError) as caught:
        make_shim(tmp_path / "nowhere" / "at" / "all")
    assert "cannot load the encoder" in str(caught.value) and "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value) and caught.value.remedy
    with pytest.raises(DossierError, match="cannot load the encoder"):
        make_shim(tmp_path)  # a folder, but an empty one


def test_broken_weights_are_a_clear_error(tiny_encoder: Path, tmp_path: Path) -> None:
    """A download that was cut off, for example."""
    for file in tiny_encoder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(DossierError, match="cannot load the encoder"):
        make_shim(tmp_path)


def test_a_slow_tokenizer_is_a_clear_error(tiny_encoder: Path) -> None:
    """Its offsets are unknown, so nothing could be aligned."""
    with pytest.raises(DossierError, match="no fast tokenizer"):
        EncoderShim(EncoderSettings(**SETTINGS)).load(tiny_encoder, {"use_fast": False}, {})


@pytest.mark.parametrize("fixture", ["tiny_encoder", "tiny_roberta"])
def test_a_window_longer_than_the_encoder_reads_is_a_clear_error(fixture: str, request: pytest.FixtureRequest) -> None:
    """64 positions are enough for 62 sub-words and two special tokens, context included, and for no more."""
    folder = request.getfixturevalue(fixture)
    for fits in ({"window": 62}, {"window": 42, "context": 10}):
        make_shim(folder, **fits)
    for too_long in ({"window": 63}, {"window": 43, "context": 10}):
        with pytest.raises(DossierError, match="64 sub-words"):
            make_shim(folder, **too_long)


def test_lower_layers_learn_slower(tiny_encoder: Path) -> None:
    """Each layer by `layer_decay`, all by `learn_rate_scale`, but not the case embedding, which is new."""
    shim = make_shim(tiny_encoder, case_embedding=True, layer_decay=0.5, learn_rate_scale=0.1)
    moved = step(shim, Adam(0.01, L2=0.0, grad_clip=0.0))
    top = float(moved["encoder.encoder.layer.1.output.dense.weight"])
    assert top == pytest.approx(0.001, rel=1e-2)
    assert float(moved["encoder.encoder.layer.0.output.dense.weight"]) == pytest.approx(top / 2, rel=1e-2)
    assert float(moved["encoder.embeddings.word_embeddings.weight"]) == pytest.approx(top / 4, rel=1e-2)
    assert float(moved["cases.weight"]) == pytest.approx(0.01, rel=1e-2)


def test_frozen_layers_do_not_learn(tiny_encoder: Path) -> None:
    """The embeddings and so many layers from the bottom; a new case embedding learns all the same."""
    shim = make_shim(tiny_encoder, case_embedding=True, frozen_layers=1)
    moved = {name for name, distance in step(shim, Adam(0.01)).items() if distance}
    assert moved == {"cases.weight"} | {n for n, _ in shim.module.named_parameters() if ".layer.1." in n}


def test_averaged_weights_are_used_and_taken_back(tiny_encoder: Path) -> None:
    """Within `use_params`, also where an error ends it."""
    shim = make_shim(tiny_encoder)
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(3):
        step(shim, optimizer)
    own = run(shim)
    with pytest.raises(KeyError), shim.use_params(optimizer.averages):
        averaged = run(shim)
        raise KeyError
    assert (averaged - own).abs().max() > 1e-3
    torch.testing.assert_close(run(shim), own)
    with shim.use_params({}):
        torch.testing.assert_close(run(shim), own)


def test_averaged_weights_are_not_answered_from_an_export(tiny_encoder: Path) -> None:
    """A stored ONNX graph holds the own weights."""
    shim = make_shim(tiny_encoder, runtime="onnx")
    own = run(shim)
    shim.export()
    averages = {(shim.id, name): 2 * p.numpy() for name, p in shim.module.state_dict().items() if p.is_floating_point()}
    with shim.use_params(averages):
        assert (run(shim) - own).abs().max() > 1e-3
    torch.testing.assert_close(run(shim), own)


def test_a_copy_learns_on_its_own(tiny_encoder: Path) -> None:
    """Neither weights nor the optimizer's memory are shared with the original."""
    shim = make_shim(tiny_encoder)
    copied = shim.copy()
    assert copied.id != shim.id
    before = run(shim)
    step(copied, Adam(0.1))
    torch.testing.assert_close(run(shim), before)
    assert (run(copied) - before).abs().max() > 1e-3


def test_mixed_precision_on_a_cpu_changes_nothing(tiny_encoder: Path) -> None:
    """It is for GPUs."""
    torch.testing.assert_close(
        run(make_shim(tiny_encoder, mixed_precision=True)), run(make_shim(tiny_encoder)), rtol=0, atol=0
    )


@pytest.mark.parametrize("kind", ["Electra", "Albert"])
def test_the_case_embedding_is_as_wide_as_the_word_embeddings(kind: str, tiny_encoder: Path, tmp_path: Path) -> None:
    """Some encoders widen their embeddings only after them."""
    folder = shutil.copytree(tiny_encoder, tmp_path / kind)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = getattr(transformers, f"{kind}Config")(vocab_size=200, embedding_size=8, **size)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    shim, plain = make_shim(folder, case_embedding=True), make_shim(folder)
    assert run(shim).shape == (2, 5, 16)
    torch.testing.assert_close(run(shim), run(plain))


def test_the_new_case_embedding_changes_no_output_until_it_is_trained(tiny_encoder: Path) -> None:
    """It starts at zero, and tells cases apart once it is not."""
    shim = make_shim(tiny_encoder, case_embedding=True)
    torch.testing.assert_close(run(shim), run(make_shim(tiny_encoder)))
    assert shim.module.cases is not None
    torch.nn.init.normal_(shim.module.cases.weight)
    ids = torch.arange(5, 10).reshape(1, 5)
    lower, upper = (shim.predict((ids, torch.ones_like(ids), torch.full_like(ids, case))) for case in (1, 3))
    assert np.abs((lower - upper).numpy()).max() > 0.01


def test_inference_follows_the_weights_to_another_device(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set up for it on the CPU, packed for that, does not stay behind."""
    shim = make_shim(tiny_encoder)
    devices: list[str] = []

    def make_encode(module: torch.nn.Module, *rest: Any) -> Any:
        devices.extend({parameter.device.type for parameter in module.parameters()})
        return lambda ids, mask, cases: ids

    monkeypatch.setattr("spacy_dossier.models.encoder.make_encode", make_encode)
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda module, number: module.to("meta"))
    run(shim)
    shim.to_device("gpu", 0)
    run(shim)
    assert devices == ["cpu", "meta"]


def test_a_shim_without_weights_goes_to_another_device() -> None:
    """As `nlp.get_pipe("transformer").model.to_cpu()` asks before the pipeline is initialized."""
    shim = EncoderShim(EncoderSettings())
    shim.to_device("cpu", 0)
    assert shim._model is None
