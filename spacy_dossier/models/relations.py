"""Scores the relations of pairs of entities by what is in them and between them, as SpERT does (Eberts & Ulges 2020,
section 3.3): the maxima of the head's vectors, of those between and of the tail's, with types, distance and widths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d
from torch import Tensor, nn
from torch.nn import functional

from .arrays import Ints, joined, parted
from .modules import ModuleShim, run_module

WIDTHS = 8  # embeddings: an entity of as many tokens, or more
PAIRS_AT_ONCE = 4096  # in prediction
DISTANCES = 16  # on either side: half of them for so many tokens between, the others by powers of two


@dataclass
class Pairs:
    """Candidates, on the tokens of all documents of a batch, one document after the other.

    heads, between, tails (Ints): First token and the token after the last. Shape: (n_pairs, 2)
    types (Ints): Numbers of the entity types of head and tail, from 1; 0 is any other. Shape: (n_pairs, 2)
    """

    heads: Ints
    between: Ints
    tails: Ints
    types: Ints

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, some: slice) -> "Pairs":
        return Pairs(self.heads[some], self.between[some], self.tails[some], self.types[some])


RelationInput = tuple[list[Doc], Pairs]


def build_relation_model(
    tok2vec: Model[list[Doc], list[Floats2d]],
    hidden_width: int = 128,
    embedding_width: int = 16,
    dropout: float = 0.2,
    learn_rate_scale: float = 1.0,
) -> Model[RelationInput, Floats2d]:
    """Build the relation extractor's model: from documents and pairs of entities to a logit of each label.

    tok2vec (Model[List[Doc], List[Floats2d]]): Token vectors, for instance a TransformerListener.
    hidden_width (int): Width of the hidden layer.
    embedding_width (int): Of the embeddings of types, distance and widths.
    dropout (float): Of the features and of the hidden layer, during training.
    learn_rate_scale (float): The learning rate of all but `tok2vec`, as a factor of the optimizer's.
    RETURNS (Model[Tuple[List[Doc], Pairs], Floats2d]): Logits of shape (n_pairs, n_labels).
    """
    shim = ModuleShim(PairNetwork(hidden_width, embedding_width, dropout), deserialize_model=deserialize)
    shim.learn_rate_scale = learn_rate_scale
    network: Model = Model("pair_network", score_pairs, shims=[shim])
    return Model("relation_model", forward, init=init_model, layers=[tok2vec, network], refs={"tok2vec": tok2vec})


def init_model(model: Model, X: RelationInput | None = None, Y: Any = None) -> None:
    model.layers[0].initialize(X=None if X is None else X[0])


def network_of(model: Model) -> "PairNetwork":
    return model.layers[1].shims[0]._model


def resize(model: Model, width: int, n_types: int, n_labels: int, *, keep: bool) -> None:
    """Allocate the weights, or make room for more types and labels in those that are there.

    width (int): Of the token vectors.
    keep (bool): What was learnt.
    """
    shim = model.layers[1].shims[0]
    device = shim.device
    shim._model.resize(width, n_types, n_labels, keep=keep)
    shim._model.to(device)


def forward(model: Model, X: RelationInput, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Any]]:
    docs, pairs = X
    tok2vec, network = model.layers
    vectors, backprop_vectors = tok2vec(docs, is_train)
    flat = joined(model.ops, vectors)
    logits, backprop_network = network((flat, pairs), is_train)

    def backprop(d_logits: Floats2d) -> Any:
        return backprop_vectors(parted(model.ops, backprop_network(d_logits), [len(v) for v in vectors]))

    return logits, backprop


def score_pairs(model: Model, X: tuple[Floats2d, Pairs], is_train: bool) -> tuple[Floats2d, Callable]:
    """Between Thinc's arrays and the module's tensors."""
    flat, pairs = X
    shim = model.shims[0]
    if not len(pairs):
        empty = model.ops.alloc2f(0, shim._model.n_labels)
        return empty, lambda d_logits: model.ops.alloc2f(*flat.shape)
    if not is_train:  # a long document has many, each with three vectors
        vectors = xp2torch(flat, device=shim.device)
        cuts = range(0, len(pairs), PAIRS_AT_ONCE)
        parts = [shim.predict(ArgsKwargs((vectors, pairs[cut : cut + PAIRS_AT_ONCE]), {})) for cut in cuts]
        return torch2xp(torch.cat(parts)), lambda d_logits: model.ops.alloc2f(*flat.shape)
    return run_module(shim, flat, (pairs,), is_train)


class PairNetwork(nn.Module):
    """A hidden layer over the features of each pair. It has no weights before `resize`."""

    def __init__(self, hidden: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.hidden_width, self.embedding_width, self.dropout = hidden, embedding, dropout
        self.width = self.n_types = self.n_labels = 0

    def resize(self, width: int, n_types: int, n_labels: int, *, keep: bool) -> None:
        small = self.embedding_width
        old = {name: value.detach().clone() for name, value in self.state_dict().items()} if keep else {}
        self.width, self.n_types, self.n_labels = width, n_types, n_labels
        self.types = nn.Embedding(n_types + 1, small)
        self.distances = nn.Embedding(2 * DISTANCES, small)
        self.widths = nn.Embedding(WIDTHS, small)
        self.hidden = nn.Linear(3 * width + 5 * small, self.hidden_width)
        self.output = nn.Linear(self.hidden_width, n_labels)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name in old:  # types and labels are rows, new ones behind those that are there
                    parameter[: len(old[name])] = old[name]
                elif name == "output.bias":
                    parameter.fill_(-2.0)  # most pairs have no relation

    def forward(self, vectors: Tensor, pairs: Pairs) -> Tensor:
        """vectors (n_tokens, width) -> logits (n_pairs, n_labels)"""
        pooled = [maxima(vectors, bounds) for bounds in (pairs.heads, pairs.between, pairs.tails)]
        sides = (pairs.heads, pairs.tails)
        numbers = [pairs.types[:, 0], pairs.types[:, 1], distances(pairs)]
        numbers += [np.minimum(bounds[:, 1] - bounds[:, 0], WIDTHS) - 1 for bounds in sides]
        tables = (self.types, self.types, self.distances, self.widths, self.widths)
        embedded = [
            table(torch.from_numpy(number).to(vectors.device)) for table, number in zip(tables, numbers, strict=True)
        ]
        features = functional.dropout(torch.cat([*pooled, *embedded], dim=1), self.dropout, self.training)
        hidden = functional.dropout(functional.gelu(self.hidden(features)), self.dropout, self.training)
        return self.output(hidden)


def maxima(vectors: Tensor, bounds: Ints) -> Tensor:
    """The maximum of each component over stretches of rows, 0 for those without any.

    Stretches overlap, one for each pair: so the maxima of 1, 2, 4, 8, … rows from each row on are taken once, and a
    stretch is covered by two of these (a sparse table; Bender & Farach-Colton 2000, section 3).

    vectors (Tensor): Shape: (n_rows, width)
    bounds (Ints): Shape: (n, 2)
    RETURNS (Tensor): Shape: (n, width)
    """
    lengths = bounds[:, 1] - bounds[:, 0]
    levels = np.frexp(lengths)[1] - 1  # of the largest power of two that fits; -1 for no rows
    offset = int(bounds.min(initial=len(vectors)))
    table = vectors[offset : bounds.max(initial=0)]
    none = np.flatnonzero(levels < 0)
    order, parts = [none], [vectors.new_zeros((len(none), vectors.shape[1]))]
    for level in range(levels.max(initial=-1) + 1):
        rows = 2**level
        chosen = np.flatnonzero(levels == level)
        ends = (bounds[chosen, 0] - offset, bounds[chosen, 1] - offset - rows)
        first, last = (torch.from_numpy(places).to(vectors.device) for places in ends)
        order.append(chosen)
        parts.append(torch.maximum(table[first], table[last]))
        if len(table) > rows:
            table = torch.maximum(table[:-rows], table[rows:])
    places = torch.from_numpy(np.argsort(np.concatenate(order))).to(vectors.device)
    return torch.cat(parts)[places]


def distances(pairs: Pairs) -> Ints:
    """RETURNS (Ints): A number for the tokens between head and tail and for which of them comes first. Shape: (n,)"""
    between = pairs.between[:, 1] - pairs.between[:, 0]
    half = DISTANCES // 2
    far = half + np.log2(np.maximum(between, half) / half).astype(np.int64)
    number = np.minimum(np.where(between < half, between, far), DISTANCES - 1)
    return number + DISTANCES * (pairs.heads[:, 0] > pairs.tails[:, 0])


def deserialize(module: PairNetwork, state_bytes: bytes, device: torch.device) -> PairNetwork:
    """Load weights into a module that has none yet."""
    state = torch.load(BytesIO(state_bytes), map_location="cpu", weights_only=True)
    if state:
        width = (state["hidden.weight"].shape[1] - 5 * module.embedding_width) // 3
        module.resize(width, len(state["types.weight"]) - 1, len(state["output.bias"]), keep=False)
    module.load_state_dict(state)
    return module.to(device)
