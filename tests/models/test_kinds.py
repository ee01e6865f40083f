"""Kinds of encoders, tiny and random, beside the same in plain transformers; the table of docs/pipeline.md."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
import transformers
from spacy.tokens import Doc
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from spacy_dossier.errors import DossierError
from spacy_dossier.models.transformer import build_transformer_model

SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
LLAMA = SIZE | {"pad_token_id": 0, "head_dim": 8, "num_key_value_heads": 2}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
BART = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 64,
}  # fmt: skip
# Each kind with its settings; what has absolute positions has 64 of them.
KINDS: dict[str, dict[str, Any]] = {
    "Bert": SIZE | {"max_position_embeddings": 64},
    "Roberta": SIZE | {"max_position_embeddings": 66},
    "XLMRoberta": SIZE | {"max_position_embeddings": 66},
    "Camembert": SIZE | {"max_position_embeddings": 66},
    "DistilBert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64},
    "ModernBert": SIZE
    | {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    "Electra": SIZE | {"embedding_size": 8, "max_position_embeddings": 64},
    "Albert": SIZE | {"embedding_size": 8, "max_position_embeddings": 64},
    "MPNet": SIZE | {"max_position_embeddings": 66, "pad_token_id": 1},
    "Deberta": SIZE | {"max_position_embeddings": 64, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "DebertaV2": SIZE | {"max_position_embeddings": 64, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "BigBird": SIZE | {"max_position_embeddings": 64},
    "Longformer": SIZE | {"max_position_embeddings": 66, "attention_window": 8},
    "RoFormer": SIZE | {"max_position_embeddings": 64},
    "XLNet": {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32},
    "GPT2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "Llama": LLAMA,
    "Qwen2": LLAMA,
    "T5": T5,
    "MT5": T5,
    "Bart": BART,
    "Ernie": SIZE | {"max_position_embeddings": 64},
    "MobileBert": SIZE | {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "SqueezeBert": SIZE | {"embedding_size": 16, "max_position_embeddings": 64},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "FNet": ({"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}, "cannot be used"),
    "Nystromformer": (SIZE | {"max_position_embeddings": 64, "num_landmarks": 8, "segment_means_seq_len": 8}, "cannot"),
    "ConvBert": (SIZE | {"embedding_size": 16, "max_position_embeddings": 64, "head_ratio": 1}, "reads padding"),
    "Funnel": ({"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1]}, "cannot be used"),
}
TEXTS = ["Anna Kovacs flew to Lisbon.", "Nobody in Lagos knows; three ships waited outside the harbour of Rotterdam."]


@pytest.fixture(scope="module")
def make_encoder(tmp_path_factory: pytest.TempPathFactory, sentences: list[str]) -> Callable[..., Path]:
    """Makes the folder of an encoder of a kind."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        sentences,
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))

    def make(kind: str, config: dict[str, Any]) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        marks = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
        torch.manual_seed(0)
        made = getattr(transformers, f"{kind}Config")(vocab_size=tokenizer.get_vocab_size(), **config)
        getattr(transformers, f"{kind}Model")(made).save_pretrained(folder)
        return folder

    return make


def plain_vectors(folder: Path, doc: Doc) -> np.ndarray:
    """Vectors of the sub-words by plain transformers, one text at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    with torch.inference_mode():
        return model(input_ids=tokenizer(doc.text, return_tensors="pt").input_ids).last_hidden_state[0, 1:-1].numpy()


@pytest.mark.parametrize("case_embedding", [False, True], ids=["plain", "cased"])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_plain_transformers(
    make_encoder: Callable[..., Path], kind: str, case_embedding: bool
) -> None:
    """Two texts at once, as one by one there; after a round trip too."""
    folder = make_encoder(kind, KINDS[kind])
    settings: dict[str, Any] = {"window": 60, "case_embedding": case_embedding, "attention_dropout": 0.0}
    model = build_transformer_model(str(folder), **settings)
    model.initialize()
    nlp = spacy.blank("en")
    docs = list(map(nlp.make_doc, TEXTS))
    loaded = build_transformer_model(str(folder), **settings).from_bytes(model.to_bytes())
    for used in (model, loaded):
        for doc, data in zip(docs, used.predict(docs).doc_data, strict=True):
            np.testing.assert_allclose(
                data.model_output.last_hidden_state[0], plain_vectors(folder, doc), atol=2e-5, rtol=1e-4
            )


@pytest.mark.parametrize("kind", REFUSED)
def test_a_kind_that_cannot_be_used_says_why(make_encoder: Callable[..., Path], kind: str) -> None:
    """In one line, when it is read for training."""
    config, said = REFUSED[kind]
    with pytest.raises(DossierError, match=said) as caught:
        build_transformer_model(str(make_encoder(kind, config)), window=60).initialize()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"case_embedding": True}, {"smoothness": 1.0}])
def test_a_kind_that_reads_no_embeddings_refuses_what_changes_them(
    make_encoder: Callable[..., Path], setting: dict[str, Any]
) -> None:
    """With the setting to change; without it the kind is read."""
    folder = str(make_encoder("IBert", SIZE | {"max_position_embeddings": 66}))
    (name,) = setting
    with pytest.raises(DossierError, match=f"takes no {name.replace('_', ' ')}.*Set {name} = "):
        build_transformer_model(folder, window=60, **setting).initialize()
    build_transformer_model(folder, window=60).initialize()


def test_a_window_that_is_too_long_is_told_with_the_length_that_is_not(make_encoder: Callable[..., Path]) -> None:
    """Also where no layer says how many positions there are, and where a trained pipeline is given a longer window."""
    for kind in ("Bert", "GPT2", "Bart"):
        folder = make_encoder(kind, KINDS[kind])
        with pytest.raises(DossierError, match="reads 64 sub-words at most, with 2 special tokens"):
            build_transformer_model(str(folder), window=63).initialize()
        model = build_transformer_model(str(folder), window=30)
        model.initialize()
        with pytest.raises(DossierError, match="reads 64 sub-words at most"):
            build_transformer_model(str(folder), window=60, context=2).from_bytes(model.to_bytes())


def test_an_encoder_is_tried_once(make_encoder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is read, not when a pipeline is loaded, unless with a longer window."""
    folder = make_encoder("Bert", KINDS["Bert"])
    model = build_transformer_model(str(folder), window=40)
    model.initialize()
    tried: list[int] = []
    monkeypatch.setattr(
        "spacy_dossier.models.encoder.try_encoder", lambda module, tokenizer, settings: tried.append(settings.window)
    )
    stored = model.to_bytes()
    for window in (40, 20, 50):
        build_transformer_model(str(folder), window=window).from_bytes(stored)
    assert tried == [50]


def test_a_trained_case_embedding_is_no_reason_to_refuse(make_encoder: Callable[..., Path]) -> None:
    """Tried again with a longer window, an encoder has one that is not zero any more."""
    folder = make_encoder("Bert", KINDS["Bert"])
    model = build_transformer_model(str(folder), window=20, case_embedding=True)
    model.initialize()
    torch.nn.init.normal_(model.shims[0].module.cases.weight)
    build_transformer_model(str(folder), window=50, case_embedding=True).from_bytes(model.to_bytes())


def test_the_documentation_lists_the_kinds(root: Path) -> None:
    text = (root / "docs" / "pipeline.md").read_text(encoding="utf-8")
    rows = {row.group(1): row.group(0) for row in re.finditer(r"^\| `(\w+)` \|.*$", text, re.MULTILINE)}
    assert set(KINDS) | set(REFUSED) <= set(rows)
    assert all("refused" in rows[kind] for kind in REFUSED)
    assert not any("refused" in rows[kind] for kind in KINDS)
