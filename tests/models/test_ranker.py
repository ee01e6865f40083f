"""The ranker: pooling, gradients, blocks, storage."""

from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from thinc.api import Model, fix_random_seed

from spacy_dossier.errors import DossierError
from spacy_dossier.models import ranker as module
from spacy_dossier.models.ranker import build_sentence_ranker, cut_blocks, is_initialized
from spacy_dossier.pipeline.summarizer.signals import SIGNALS

WIDTH = 6


def token_vectors(seen: list[Any] | None = None) -> Model[list[Doc], list[Any]]:
    """A tok2vec layer with vectors by position, which keeps the gradients it gets."""

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Any], Any]:
        vectors = [np.random.default_rng(len(doc)).normal(size=(len(doc), WIDTH)).astype("f") for doc in docs]
        return vectors, lambda gradients: seen.extend(gradients) if seen is not None else None

    return Model("token_vectors", forward)


def make_model(**settings: Any) -> Model:
    fix_random_seed(0)
    model = build_sentence_ranker(token_vectors(), **{"dropout": 0.0, "vector_dropout": 0.0, **settings})
    model.initialize(X=([Doc(spacy.blank("en").vocab, words=["a", "b"])], [np.array([[0, 2]])]))
    shim = model.get_ref("ranker").layers[0].shims[0]
    for parameter in shim._model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def inputs(*counts: int) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(1)
    vectors = [rng.normal(size=(n, WIDTH)).astype("f") for n in counts]
    return vectors, [rng.normal(size=(n, len(SIGNALS))).astype("f") for n in counts]


def test_a_sentence_vector_is_the_mean_of_its_tokens() -> None:
    """And its gradient spreads evenly over them; tokens outside of sentences get none."""
    seen: list[Any] = []
    model = build_sentence_ranker(token_vectors(seen))
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=list("abcde")), Doc(vocab, words=list("xyz")), Doc(vocab)]
    bounds = [np.array([[0, 2], [3, 5]]), np.array([[1, 2]]), np.zeros((0, 2), dtype=int)]
    tokens = model.get_ref("tok2vec").predict(docs)
    vectors, backprop = model.get_ref("encoder").begin_update((docs, bounds))
    assert vectors[0] == pytest.approx(np.stack([tokens[0][0:2].mean(0), tokens[0][3:5].mean(0)]), abs=1e-6)
    assert vectors[1] == pytest.approx(tokens[1][1:2], abs=1e-6)
    assert vectors[2].shape == (0, WIDTH)
    backprop([np.ones_like(v) for v in vectors])
    assert seen[0][:, 0].tolist() == [0.5, 0.5, 0.0, 0.5, 0.5]
    assert seen[1][:, 0].tolist() == [0.0, 1.0, 0.0]
    assert seen[2].shape == (0, WIDTH)


def test_the_gradient_of_the_vectors_is_the_derivative() -> None:
    """By central differences through projection, attention and output."""
    ranker = make_model().get_ref("ranker")
    ranker.layers[0].shims[0]._model.seen.fill_(1e9)  # the scale of the signals stands still
    vectors, signals = inputs(5, 3)
    weights = [np.random.default_rng(2).normal(size=(n, 9)).astype("f") for n in (5, 3)]
    for w in weights:
        w[:, -1] = 0  # the calibrated logit passes no gradient on
    _, backprop = ranker.begin_update((vectors, signals))
    gradients = backprop(weights)

    def loss(moved: list[Any]) -> float:
        return float(sum((y * w).sum() for y, w in zip(ranker.predict((moved, signals)), weights, strict=True)))

    for doc, row, column in ((0, 0, 0), (0, 4, 3), (1, 2, 5)):
        ahead, behind = ([v.copy() for v in vectors] for _ in range(2))
        ahead[doc][row, column] += 1e-2
        behind[doc][row, column] -= 1e-2
        assert gradients[doc][row, column] == pytest.approx((loss(ahead) - loss(behind)) / 2e-2, abs=2e-2, rel=2e-2)


def test_documents_of_a_batch_do_not_see_each_other() -> None:
    """A document has the same logits alone and in a batch."""
    ranker = make_model().get_ref("ranker")
    vectors, signals = inputs(5, 30, 1)
    together = ranker.predict((vectors, signals))
    for i in range(3):
        assert ranker.predict(([vectors[i]], [signals[i]]))[0] == pytest.approx(together[i], abs=1e-5)


def test_sentences_of_a_document_see_each_other() -> None:
    """Changing one sentence moves the logits of the others."""
    ranker = make_model().get_ref("ranker")
    vectors, signals = inputs(5)
    before = ranker.predict((vectors, signals))[0]
    vectors[0][4] += 10
    assert np.abs(ranker.predict((vectors, signals))[0] - before)[0].max() > 1e-4


def test_long_documents_are_ranked_in_blocks() -> None:
    """Every sentence is ranked once, from a block that reaches past it on either side."""
    groups, places = cut_blocks([600, 0, 3])
    rows, padding = (np.concatenate([getattr(group, name).ravel() for group in groups]) for name in ("rows", "padding"))
    assert rows[places].tolist() == list(range(603))
    assert not padding[places].any()
    widest = groups[-1]
    assert widest.rows.shape[1] == module.BLOCK + 2 * module.OVERLAP
    assert widest.rows[-1][~widest.padding[-1]].tolist() == list(range(256 - 32, 512 + 32))
    assert make_model().get_ref("ranker").predict(inputs(5000))[0].shape == (5000, 9)


def test_blocks_of_a_batch_are_attended_to_at_once_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the groups, the logits are the same."""
    ranker = make_model().get_ref("ranker")
    data = inputs(5, 40, 1, 300, 0, 7)
    together = ranker.predict(data)
    assert len(cut_blocks([5, 40, 1, 300, 0, 7])[0]) == 1
    monkeypatch.setattr(module, "SCORES_AT_ONCE", 4 * 40**2)
    assert [group.rows.shape for group in cut_blocks([5, 40, 1, 300, 0, 7])[0]] == [(4, 40), (1, 76), (1, 288)]
    for one, other in zip(ranker.predict(data), together, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_weights_survive_bytes() -> None:
    """Into a model that has not been initialized and so does not know the width of the vectors."""
    model = make_model()
    again = build_sentence_ranker(token_vectors())
    assert not is_initialized(again.get_ref("ranker"))
    again.from_bytes(model.to_bytes())
    assert is_initialized(again.get_ref("ranker"))
    data = inputs(4)
    assert again.get_ref("ranker").predict(data)[0] == pytest.approx(model.get_ref("ranker").predict(data)[0])


def test_how_common_words_are_survives_bytes() -> None:
    """What was counted in training is there when the model is loaded."""
    model, again = make_model(), make_model()
    words = np.array([7, 70000, 4294967295], dtype=np.uint32)
    model.get_ref("ranker").attrs["frequency"].add(words[:2])
    again.from_bytes(model.to_bytes())
    frequency = again.get_ref("ranker").attrs["frequency"]
    assert frequency.documents == 1
    assert frequency.idf(words) == pytest.approx(np.log([1, 1, 2]))


def test_weights_for_other_signals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one clear error, instead of PyTorch's list of shapes."""
    stored = make_model().to_bytes()
    monkeypatch.setattr(module, "SIGNALS", SIGNALS[:-1])
    with pytest.raises(DossierError, match="another version of spacy-dossier"):
        build_sentence_ranker(token_vectors()).from_bytes(stored)


@pytest.mark.filterwarnings("ignore:.*which is a no-op")  # tensors on "meta" have no values
def test_weights_are_made_where_thinc_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and buffers, when a pipeline is initialized and when it is loaded: on a GPU the vectors are there."""
    trained = make_model()
    meta = torch.device("meta")
    monkeypatch.setattr("thinc.shims.pytorch.get_torch_default_device", lambda: meta)
    fresh = build_sentence_ranker(token_vectors())
    ranker = fresh.get_ref("ranker")
    ranker.initialize(X=inputs(4))
    loaded = build_sentence_ranker(token_vectors()).from_bytes(trained.to_bytes())
    for model in (fresh, loaded):
        module = model.get_ref("ranker").layers[0].shims[0]._model
        assert {tensor.device for tensor in module.state_dict().values()} == {meta}
        assert len(list(module.parameters())) > 5
