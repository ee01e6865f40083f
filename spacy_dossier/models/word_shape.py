"""Word shape beside contextual vectors: what an uncased encoder cannot see, for any pipe."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .arrays import joined, parted


def build_word_shape_tok2vec(
    tok2vec: Model[list[Doc], list[Floats2d]], word_shape: Model[list[Doc], list[Floats2d]]
) -> Model[list[Doc], list[Floats2d]]:
    """Token vectors from a listener and from the word shape of each token, side by side.

    tok2vec (Model[List[Doc], List[Floats2d]]): Contextual vectors, usually a listener.
    word_shape (Model[List[Doc], List[Floats2d]]): One of spaCy's own embedding layers, such as
        `spacy.MultiHashEmbed.v2` over NORM, PREFIX, SUFFIX and SHAPE, or `spacy.CharacterEmbed.v2`.
    RETURNS (Model[List[Doc], List[Floats2d]]): Width: that of both together.
    """
    return Model("word-shape-tok2vec", _forward, init=_init, layers=[tok2vec, word_shape], dims={"nO": None})


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    ops = model.ops
    counts = [len(doc) for doc in docs]
    outputs, backprops = zip(*(layer(docs, is_train) for layer in model.layers), strict=True)
    parts = [joined(ops, arrays) for arrays in outputs]
    widths = [part.shape[1] for part in parts]

    def backprop(d_vectors: list[Floats2d]) -> list[Any]:
        d_rows = joined(ops, d_vectors)
        start = 0
        for width, layer_backprop in zip(widths, backprops, strict=True):
            layer_backprop(parted(ops, ops.as_contig(d_rows[:, start : start + width]), counts))
            start += width
        return []

    return parted(ops, ops.xp.hstack(parts), counts), backprop


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    for layer in model.layers:
        layer.initialize(X=X, Y=Y)
    if all(layer.has_dim("nO") for layer in model.layers):
        model.set_dim("nO", sum(layer.get_dim("nO") for layer in model.layers))
