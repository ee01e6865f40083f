"""Scores the sentences of a document in the light of each other (BERTSUM's inter-sentence layers: Liu & Lapata 2019)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Linear, Model, PyTorchWrapper, torch2xp, xp2torch
from thinc.types import Floats1d, Floats2d, Ints2d
from torch import Tensor, nn

from ..pipeline.summary_signals import SIGNALS

BLOCK = 256  # sentences that see each other; a longer document is ranked block by block
OVERLAP = 32  # sentences on either side of a block that it sees without ranking them

EncoderInput = tuple[list[Doc], list[Ints2d]]
RankerInput = tuple[list[Floats2d], list[Floats2d]]


def build_sentence_ranker(
    tok2vec: Model[list[Doc], list[Floats2d]],
    hidden_width: int = 64,
    depth: int = 1,
    heads: int = 4,
    dropout: float = 0.2,
) -> Model[EncoderInput, list[Floats2d]]:
    """Build the summarizer's model. It has two parts, which the component calls one after the other, since the signals
    that the ranker takes beside the vectors are computed from the vectors in between:

    ref "encoder" (Model[Tuple[List[Doc], List[Ints2d]], List[Floats2d]]): From documents and the token bounds (n, 2)
        of their sentences to sentence vectors (n, width), the means of the token vectors.
    ref "ranker" (Model[Tuple[List[Floats2d], List[Floats2d]], List[Floats1d]]): From sentence vectors (n, width) and
        signals (n, len(SIGNALS)) to logits (n,).

    tok2vec (Model[List[Doc], List[Floats2d]]): Token vectors, for instance a TransformerListener.
    hidden_width (int): Width of the inter-sentence model.
    depth (int): Its layers.
    heads (int): Its attention heads; must divide hidden_width.
    dropout (float): Dropout in it during training.
    RETURNS (Model): The model; called as a whole it is its encoder.
    """
    encoder: Model = Model("sentence_encoder", encode_sentences, init=init_encoder, layers=[tok2vec])
    inter = PyTorchWrapper(
        InterSentence(len(SIGNALS), hidden_width, depth, heads, dropout),
        convert_inputs=inputs_to_torch,
        convert_outputs=outputs_to_xp,
    )
    ranker: Model = Model(
        "sentence_ranker", rank_sentences, init=init_ranker, layers=[Linear(nO=hidden_width), inter]
    )
    return Model(
        "summarizer",
        lambda model, X, is_train: encoder(X, is_train),
        init=init_model,
        layers=[encoder, ranker],
        refs={"tok2vec": tok2vec, "encoder": encoder, "ranker": ranker},
    )


def init_model(model: Model, X: EncoderInput | None = None, Y: Any = None) -> None:
    encoder, ranker = model.get_ref("encoder"), model.get_ref("ranker")
    encoder.initialize(X=X)
    if X is not None:
        vectors = encoder.predict(X)
        signals = [np.zeros((len(v), len(SIGNALS)), dtype="f") for v in vectors]
        ranker.initialize(X=(vectors, signals))


def init_encoder(model: Model, X: EncoderInput | None = None, Y: Any = None) -> None:
    model.layers[0].initialize(X=None if X is None else X[0])


def encode_sentences(
    model: Model, X: EncoderInput, is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    """Mean of the token vectors of each sentence."""
    docs, all_bounds = X
    token_vectors, backprop_tokens = model.layers[0](docs, is_train)
    xp = model.ops.xp
    lengths = [xp.asarray((b[:, 1] - b[:, 0]).reshape(-1, 1), dtype="f") for b in all_bounds]
    vectors = []
    for tokens, bounds, length in zip(token_vectors, all_bounds, lengths, strict=True):
        # Differences of running sums: one pass, whatever the number of sentences. In float64, since sums grow.
        sums = xp.zeros((len(tokens) + 1, tokens.shape[1]), dtype="float64")
        xp.cumsum(tokens, axis=0, out=sums[1:])
        vectors.append(((sums[bounds[:, 1]] - sums[bounds[:, 0]]) / length).astype("f"))

    def backprop(d_vectors: list[Floats2d]) -> Any:
        d_tokens = []
        for tokens, bounds, length, d_sentences in zip(token_vectors, all_bounds, lengths, d_vectors, strict=True):
            d = xp.zeros(tokens.shape, dtype="f")
            for (start, end), row in zip(bounds, d_sentences / length, strict=True):
                d[start:end] += row
            d_tokens.append(d)
        return backprop_tokens(d_tokens)

    return vectors, backprop


def init_ranker(model: Model, X: RankerInput | None = None, Y: Any = None) -> None:
    project = model.layers[0]
    project.initialize(X=None if X is None else model.ops.xp.concatenate(X[0]))


def rank_sentences(
    model: Model, X: RankerInput, is_train: bool
) -> tuple[list[Floats1d], Callable[[list[Floats1d]], list[Floats2d]]]:
    vectors, signals = X
    project, inter = model.layers
    xp = model.ops.xp
    counts = [len(v) for v in vectors]
    ends = np.cumsum(counts)[:-1]
    projected, backprop_project = project(xp.concatenate(vectors), is_train)
    logits, backprop_inter = inter((projected, xp.asarray(np.concatenate(signals)), counts), is_train)

    def backprop(d_logits: list[Floats1d]) -> list[Floats2d]:
        d_projected = backprop_inter(xp.concatenate(d_logits))
        return xp.split(backprop_project(d_projected), ends.tolist())

    return xp.split(logits, ends.tolist()), backprop


class InterSentence(nn.Module):
    """A Transformer over the sentences of a document, in blocks.

    n_signals (int): Signals beside the projected vectors.
    """

    def __init__(self, n_signals: int, width: int, depth: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.embed_signals = nn.Linear(n_signals, width)
        self.drop = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.output = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, projected: Tensor, signals: Tensor, counts: list[int]) -> Tensor:
        """projected (N, width), signals (N, n_signals), counts of sentences of each document -> logits (N,)"""
        x = self.drop(projected + self.embed_signals(signals))
        rows, padding, core = cut_blocks(counts, x.device)  # each (B, T)
        if not len(rows):
            return x.new_zeros(0)
        h = self.layers(x[rows], src_key_padding_mask=padding)  # (B, T, width)
        logits = self.output(h).squeeze(-1)
        out = x.new_zeros(len(x))
        return out.index_put((rows[core],), logits[core])


def cut_blocks(counts: list[int], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Cut documents into blocks of at most BLOCK sentences that see OVERLAP more on either side.

    counts (list[int]): Sentences of each document.
    RETURNS (tuple): Row of each place of each block, whether the place is padding, whether the block ranks it; (B, T).
    """
    spans = []
    offset = 0
    for n in counts:
        for start in range(0, n, BLOCK):
            end = min(start + BLOCK, n)
            spans.append((offset + max(0, start - OVERLAP), offset + start, offset + end, offset + min(n, end + OVERLAP)))
        offset += n
    width = max((right - left for left, _, _, right in spans), default=0)
    rows = np.zeros((len(spans), width), dtype=np.int64)
    padding = np.ones((len(spans), width), dtype=bool)
    core = np.zeros((len(spans), width), dtype=bool)
    for i, (left, start, end, right) in enumerate(spans):
        rows[i, : right - left] = np.arange(left, right)
        padding[i, : right - left] = False
        core[i, start - left : end - left] = True
    return (
        torch.from_numpy(rows).to(device),
        torch.from_numpy(padding).to(device),
        torch.from_numpy(core).to(device),
    )


def inputs_to_torch(model: Model, X: Any, is_train: bool) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], Floats2d]]:
    projected, signals, counts = X
    inputs = ArgsKwargs(
        args=(xp2torch(projected, requires_grad=is_train), xp2torch(signals), counts), kwargs={}
    )

    def backprop(d_inputs: ArgsKwargs) -> Floats2d:
        return torch2xp(d_inputs.args[0])

    return inputs, backprop


def outputs_to_xp(model: Model, X: Any, is_train: bool) -> tuple[Floats1d, Callable[[Floats1d], ArgsKwargs]]:
    _, logits = X

    def backprop(d_logits: Floats1d) -> ArgsKwargs:
        return ArgsKwargs(args=((logits,),), kwargs={"grad_tensors": xp2torch(d_logits)})

    return torch2xp(logits), backprop
