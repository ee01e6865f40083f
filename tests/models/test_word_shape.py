"""Word shape beside contextual vectors."""

import numpy as np
import pytest
import spacy
from spacy import registry
from spacy.ml import build_Tok2Vec_model  # noqa: F401  (registers the architectures)
from spacy.tokens import Doc
from thinc.api import Model

from spacy_dossier.models.word_shape import build_word_shape_tok2vec

WORDS = [[], ["Anna", "met", "him"], [], ["Lisbon"]]


def context_layer(width: int = 3) -> tuple[Model, list[np.ndarray]]:
    """A layer that does with empty documents what listeners do: no rows, and no width. And the gradients it got."""
    got: list[np.ndarray] = []

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[np.ndarray], object]:
        def backprop(d_vectors: list[np.ndarray]) -> list:
            got.extend(d_vectors)
            return []

        shape = [(len(doc), width if len(doc) else 0) for doc in docs]
        return [np.full(s, i, dtype="f") for i, s in enumerate(shape)], backprop

    return Model("context", forward, dims={"nO": width}), got


@pytest.fixture
def docs() -> list[Doc]:
    vocab = spacy.blank("en").vocab
    return [Doc(vocab, words=words) for words in WORDS]


@pytest.mark.parametrize("architecture", ["spacy.MultiHashEmbed.v2", "spacy.CharacterEmbed.v2"])
def test_both_vectors_stand_side_by_side(architecture: str, docs: list[Doc]) -> None:
    """Those of the context first, and an empty document in the batch does no harm."""
    word_shape = registry.architectures.get(architecture)(**SETTINGS[architecture])
    context, _ = context_layer()
    model = build_word_shape_tok2vec(context, word_shape)
    model.initialize(X=docs)
    assert model.get_dim("nO") == 3 + word_shape.get_dim("nO")
    vectors = model.predict(docs)
    assert [v.shape for v in vectors] == [(len(doc), model.get_dim("nO")) for doc in docs]
    np.testing.assert_array_equal(vectors[1][:, :3], 1)
    np.testing.assert_allclose(vectors[3][:, 3:], word_shape.predict(docs)[3], atol=1e-6)


SETTINGS = {
    "spacy.MultiHashEmbed.v2": {
        "width": 8,
        "attrs": ["NORM", "SHAPE"],
        "rows": [50, 50],
        "include_static_vectors": False,
    },
    "spacy.CharacterEmbed.v2": {"width": 8, "rows": 50, "nM": 4, "nC": 4, "include_static_vectors": False},
}


def test_each_layer_gets_its_own_part_of_the_gradient(docs: list[Doc]) -> None:
    """Split at the same columns, document by document, even when the first document is empty."""
    context, got = context_layer()
    word_shape, got_word_shape = context_layer(2)
    model = build_word_shape_tok2vec(context, word_shape)
    model.initialize(X=docs)
    vectors, backprop = model.begin_update(docs)
    gradient = [np.arange(v.size, dtype="f").reshape(v.shape) for v in vectors]
    backprop(gradient)
    for d_doc, d_context, d_word_shape in zip(gradient, got, got_word_shape, strict=True):
        np.testing.assert_array_equal(d_doc[:, :3], d_context)
        np.testing.assert_array_equal(d_doc[:, 3:], d_word_shape)


def test_a_batch_of_empty_documents_has_no_vectors(docs: list[Doc]) -> None:
    """Nothing in, nothing out."""
    model = build_word_shape_tok2vec(context_layer()[0], context_layer(2)[0])
    model.initialize(X=docs)
    assert [len(v) for v in model.predict([docs[0], docs[2]])] == [0, 0]
