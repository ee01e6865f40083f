"""Fixtures shared by all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ("tests.toy", "tests.card.fixture")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def own_extensions() -> Iterator[None]:
    """Extension attributes that one test module registers are not there in the next."""
    from spacy.tokens.underscore import Underscore

    stores = (Underscore.doc_extensions, Underscore.span_extensions, Underscore.token_extensions)
    before = [dict(store) for store in stores]
    yield
    for store, extensions in zip(stores, before, strict=True):
        store.clear()
        store.update(extensions)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data kept beside the checkout; tests that need it are marked `realdata`."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real data (../shared/data) is not beside this checkout")
    return path


SENTENCES = [
    "Anna Kovacs flew to Lisbon, met the mayor and signed for Nordwind AG.",
    "The harbour of Rotterdam was closed on Monday; three ships waited outside.",
    "Zoë paid 1,200 euros — far too much — for a café in São Paulo!",
    "Is Mr. Okafor still at Blue River Trust? Nobody in Lagos knows.",
    "日本の東京で会議があります。",
]


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A few sentences in English, with names in them, and one in Japanese."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of 2 layers, 16 wide, 64 positions, random weights and an uncased WordPiece tokenizer."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder") / "bert"
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(SENTENCES, vocab_size=160, min_frequency=1, show_progress=False)
    folder.mkdir()
    tokenizer.save_model(str(folder))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, initializer_range=0.3, **size
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a RoBERTa of 2 layers, 16 wide, 64 positions, random weights and a byte-level BPE tokenizer."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    folder = tmp_path_factory.mktemp("encoder") / "roberta"
    folder.mkdir()
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(SENTENCES, vocab_size=320, show_progress=False, special_tokens=special)
    tokenizer.save_model(str(folder))
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, initializer_range=0.3, **size
    )
    RobertaModel(config).save_pretrained(folder)
    return folder
