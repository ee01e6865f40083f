"""Scores the sentences of a document in the light of each other, as BERTSUM's inter-sentence layer does (Liu & Lapata
2019), with signals of position, length, similarity, words and names beside the encoder's vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import srsly
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model, deserialize_attr, serialize_attr, torch2xp, xp2torch
from thinc.types import Floats2d, Ints2d
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DossierError
from .arrays import concatenated_ranges
from .modules import ModuleShim, leave_threads_behind, run_module
from .signals import SIGNALS, DocumentFrequency

BLOCK = 256  # sentences that see each other; a longer document is ranked block by block
OVERLAP = 32  # sentences on either side of a block that it sees without ranking them
SCORES_AT_ONCE = 16 * (BLOCK + 2 * OVERLAP) ** 2  # of each member; bounds the memory of attention

EncoderInput = tuple[list[Doc], list[Ints2d]]
RankerInput = tuple[list[Floats2d], list[Floats2d]]


def build_sentence_ranker(
    tok2vec: Model[list[Doc], list[Floats2d]],
    hidden_width: int = 32,
    vector_width: int = 16,
    members: int = 8,
    dropout: float = 0.2,
    vector_dropout: float = 0.5,
    learn_rate_scale: float = 3.0,
) -> Model[EncoderInput, list[Floats2d]]:
    """Build the summarizer's model. It has two parts, which the component calls one after the other, since the signals
    that the ranker takes beside the vectors are computed from the vectors in between:

    ref "encoder" (Model[Tuple[List[Doc], List[Ints2d]], List[Floats2d]]): From documents and the token bounds (n, 2)
        of their sentences to sentence vectors (n, width), the means of the token vectors.
    ref "ranker" (Model[Tuple[List[Floats2d], List[Floats2d]], List[Floats2d]]): From sentence vectors of length 1
        (n, width) and signals (n, len(SIGNALS)) to logits (n, members + 1): one of each member, and last the
        calibrated logit, their mean times a factor that learns nothing but calibration. Its attribute "frequency"
        keeps how common words are, for the signals.

    A few hundred pairs leave much to chance in a single ranker, so it is an ensemble of small ones trained at once.

    tok2vec (Model[List[Doc], List[Floats2d]]): Token vectors, for instance a TransformerListener.
    hidden_width (int): Width of each member.
    vector_width (int): Width that each member projects the sentence vectors to.
    members (int): Rankers in the ensemble; salience comes from the mean of their logits.
    dropout (float): Dropout in the members' hidden layers during training.
    vector_dropout (float): Dropout of the sentence vectors during training.
    learn_rate_scale (float): The ranker's learning rate, as a factor of the optimizer's. It starts from nothing, beside
        an encoder that does not.
    RETURNS (Model): The model; called as a whole it is its encoder.
    """
    encoder: Model = Model("sentence_encoder", encode_sentences, init=init_encoder, layers=[tok2vec])
    module = InterSentence(len(SIGNALS), hidden_width, vector_width, members, dropout, vector_dropout)
    shim = ModuleShim(module, deserialize_model=deserialize)
    shim.learn_rate_scale = learn_rate_scale
    inter: Model = Model("inter_sentence", rank_batch, shims=[shim])
    ranker: Model = Model(
        "sentence_ranker", rank_sentences, init=init_ranker, layers=[inter], attrs={"frequency": DocumentFrequency()}
    )
    return Model(
        "summarizer",
        forward,
        init=init_model,
        layers=[encoder, ranker],
        refs={"tok2vec": tok2vec, "encoder": encoder, "ranker": ranker},
    )


def forward(model: Model, X: EncoderInput, is_train: bool) -> tuple[list[Floats2d], Callable]:
    return model.get_ref("encoder")(X, is_train)


def init_model(model: Model, X: EncoderInput | None = None, Y: Any = None) -> None:
    encoder, ranker = model.get_ref("encoder"), model.get_ref("ranker")
    encoder.initialize(X=X)
    if X is not None:
        ranker.initialize(X=(encoder.predict(X), []))


def init_encoder(model: Model, X: EncoderInput | None = None, Y: Any = None) -> None:
    model.layers[0].initialize(X=None if X is None else X[0])


def encode_sentences(
    model: Model, X: EncoderInput, is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    """Mean of the token vectors of each sentence, of all documents at once."""
    docs, all_bounds = X
    token_vectors, backprop_tokens = model.layers[0](docs, is_train)
    ops = model.ops
    counts = [len(bounds) for bounds in all_bounds]
    n_tokens = [len(tokens) for tokens in token_vectors]
    width = max((tokens.shape[1] for tokens in token_vectors), default=0)
    if not sum(counts):
        return [ops.alloc2f(0, width) for _ in docs], lambda d_vectors: backprop_tokens(
            [ops.alloc2f(n, width) for n in n_tokens]
        )
    flat = ops.xp.concatenate([tokens for tokens in token_vectors if len(tokens)])
    offsets = np.cumsum(n_tokens) - n_tokens
    starts, ends = np.concatenate(
        [bounds + offset for bounds, offset in zip(all_bounds, offsets.tolist(), strict=True)]
    ).T
    index = concatenated_ranges(starts, ends - starts)
    vectors = _means(flat, index, ends - starts)

    def backprop(d_vectors: list[Floats2d]) -> Any:
        owner = np.repeat(np.arange(len(starts)), ends - starts)
        shares = ops.xp.concatenate([d for d in d_vectors if len(d)]) / ops.asarray2f((ends - starts)[:, None])
        d_flat = ops.alloc2f(*flat.shape)
        ops.scatter_add(d_flat, ops.asarray1i(index), shares[ops.asarray1i(owner)])
        return backprop_tokens(ops.xp.split(d_flat, np.cumsum(n_tokens)[:-1].tolist()))

    return ops.xp.split(vectors, np.cumsum(counts)[:-1].tolist()), backprop


def _means(rows: Floats2d, index: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats2d:
    """Means over stretches of an index into rows, each of one row at least.

    rows (Floats2d): Shape: (n_rows, width)
    index (NDArray): Stretch after stretch. Shape: (lengths.sum(),)
    lengths (NDArray): Shape: (n,)
    RETURNS (Floats2d): Shape: (n, width)
    """
    leave_threads_behind()
    table = torch.from_dlpack(rows)
    places, bags = (torch.from_numpy(array).to(table.device) for array in (index, np.cumsum(lengths) - lengths))
    return torch2xp(functional.embedding_bag(places, table, bags, mode="mean"))


def init_ranker(model: Model, X: RankerInput | None = None, Y: Any = None) -> None:
    if X is not None:
        shim = model.layers[0].shims[0]
        device = shim.device  # before there are weights, which are made on the CPU
        shim._model.build(max(v.shape[1] for v in X[0]))
        shim._model.to(device)


def is_initialized(ranker: Model) -> bool:
    return bool(ranker.layers[0].shims[0]._model.width)


def rank_sentences(
    model: Model, X: RankerInput, is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    vectors, signals = X
    xp = model.ops.xp
    counts = [len(v) for v in vectors]
    ends = np.cumsum(counts)[:-1].tolist()
    inputs = (xp.concatenate(vectors), xp.asarray(np.concatenate(signals)), counts)
    logits, backprop_inter = model.layers[0](inputs, is_train)

    def backprop(d_logits: list[Floats2d]) -> list[Floats2d]:
        return xp.split(backprop_inter(xp.concatenate(d_logits)), ends)

    return xp.split(logits, ends), backprop


class InterSentence(nn.Module):
    """K small rankers side by side. Each adds a linear score of the signals to that of a hidden layer over signals and
    projected vectors, in which the sentences of a document attend to each other.

    n_signals (int): Signals beside the vectors.
    """

    seen: Tensor
    mean: Tensor
    square: Tensor

    def __init__(
        self, n_signals: int, hidden: int, projected: int, members: int, dropout: float, vector_dropout: float
    ) -> None:
        super().__init__()
        self.width = 0
        self.sizes = (members, n_signals, hidden, projected)
        self.dropout = dropout
        self.vector_dropout = vector_dropout
        # Scale of the signals, as seen in training.
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(n_signals))
        self.register_buffer("square", torch.ones(n_signals))

    def build(self, width: int) -> None:
        """Allocate the weights for sentence vectors of this width."""
        members, n_signals, hidden, projected = self.sizes
        self.width = width

        def normal(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(members, *shape) / shape[0] ** 0.5)

        def zeros(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(members, *shape))

        # Components of a vector of length 1 are small: scaled up, the projections stand level with the signals.
        self.project = nn.Parameter(torch.randn(members, width, projected) * 3 / width**0.5)
        self.linear = zeros(n_signals, 1)
        self.hidden = normal(n_signals + projected, hidden)
        self.hidden_bias = zeros(1, hidden)
        self.query, self.key = normal(hidden, projected), normal(hidden, projected)
        self.value = zeros(hidden, hidden)  # at first sentences do not see each other
        self.output = zeros(hidden, 1)
        self.sharpness = nn.Parameter(torch.zeros(1))
        # What an earlier training saw is forgotten.
        self.seen.zero_()
        self.mean.zero_()
        self.square.fill_(1)

    def forward(self, vectors: Tensor, signals: Tensor, counts: list[int]) -> Tensor:
        """vectors (N, width), signals (N, n_signals), sentences of each document -> logits (N, members + 1)"""
        members = self.sizes[0]
        x = self.standardize(signals).expand(members, -1, -1)  # (K, N, F)
        v = functional.dropout(vectors, self.vector_dropout, self.training).expand(members, -1, -1)
        h = torch.bmm(torch.cat([x, torch.bmm(v, self.project)], dim=-1), self.hidden) + self.hidden_bias
        h = functional.dropout(functional.gelu(h), self.dropout, self.training)  # (K, N, H)
        h = h + functional.dropout(self.attend(h, counts), self.dropout, self.training)
        logits = (torch.bmm(x, self.linear) + torch.bmm(h, self.output)).squeeze(-1).T  # (N, K)
        calibrated = logits.detach().mean(dim=1, keepdim=True) * self.sharpness.exp()
        return torch.cat([logits, calibrated], dim=1)

    def standardize(self, signals: Tensor) -> Tensor:
        if self.training:
            # Means over all that has been seen so far, at most the last thousand batches or so.
            self.seen += (self.seen < 1000).to(self.seen.dtype)
            self.mean += (signals.mean(0) - self.mean) / self.seen
            self.square += (signals.square().mean(0) - self.square) / self.seen
        deviation = (self.square - self.mean.square()).clamp(min=0).sqrt()
        return ((signals - self.mean) / (deviation + 1e-3)).clamp(-4, 4)

    def attend(self, h: Tensor, counts: list[int]) -> Tensor:
        """Each sentence's view of the others in its block. (K, N, H) -> (K, N, H)"""
        groups, places = cut_blocks(counts)
        seen = []
        for group in groups:
            rows, hide = (torch.from_numpy(array).to(h.device) for array in (group.rows, group.padding))
            block = h[:, rows]  # (K, b, T, H)
            query, key, value = (torch.einsum("kbth,khd->kbtd", block, w) for w in (self.query, self.key, self.value))
            weights = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # (K, b, T, T)
            seen.append((weights.masked_fill(hide[None, :, None, :], -1e4).softmax(-1) @ value).flatten(1, 2))
        return torch.cat(seen, dim=1).index_select(1, torch.from_numpy(places).to(h.device))


@dataclass
class BlockGroup:
    """Blocks of like width, attended to at once.

    rows (NDArray[int64]): The sentence at each place of each block. Shape: (b, T)
    padding (NDArray[bool]): Whether the place holds none. Shape: (b, T)
    """

    rows: NDArray[np.int64]
    padding: NDArray[np.bool_]


def cut_blocks(counts: list[int]) -> tuple[list[BlockGroup], NDArray[np.int64]]:
    """Cut documents into blocks of at most BLOCK sentences that see OVERLAP more on either side.

    counts (list[int]): Sentences of each document, at least one of all.
    RETURNS (tuple): The blocks, and where each sentence is ranked: its place among those of all groups, (N,).
    """
    spans = []
    offset = 0
    for n in counts:
        for start in range(0, n, BLOCK):
            end = min(start + BLOCK, n)
            left, right = max(0, start - OVERLAP), min(n, end + OVERLAP)
            spans.append((right - left, offset + left, offset + start, offset + end))
        offset += n
    spans.sort()
    groups = []
    places = np.empty(offset, dtype=np.int64)
    before = first = 0
    while first < len(spans):
        after = first + 1
        while after < len(spans) and (after + 1 - first) * spans[after][0] ** 2 <= SCORES_AT_ONCE:
            after += 1
        width = spans[after - 1][0]
        lefts = np.array([[span[1]] for span in spans[first:after]])
        sizes = np.array([[span[0]] for span in spans[first:after]])
        place = np.arange(width)
        groups.append(BlockGroup(np.where(place < sizes, lefts + place, lefts), place >= sizes))
        for row, (_, begin, start, end) in enumerate(spans[first:after]):
            places[start:end] = before + row * width + np.arange(start - begin, end - begin)
        before += (after - first) * width
        first = after
    return groups, places


def deserialize(module: InterSentence, state_bytes: bytes, device: torch.device) -> InterSentence:
    """Load weights into a module that does not know the width of the vectors yet.

    RAISES (DossierError): They are for other signals.
    """
    state = torch.load(BytesIO(state_bytes), map_location="cpu", weights_only=True)
    if len(state["mean"]) != len(module.mean):
        raise DossierError(
            "the summarizer was trained by another version of spacy-dossier, with other signals",
            value=f"{len(state['mean'])} for {len(module.mean)}",
            remedy="Train it again, or install the version that the package asks for",
        )
    if "project" in state:
        module.build(state["project"].shape[1])
    module.load_state_dict(state)
    return module.to(device)


@serialize_attr.register(DocumentFrequency)
def serialize_frequency(_: DocumentFrequency, value: DocumentFrequency, name: str, model: Model) -> bytes:
    return srsly.msgpack_dumps({"counts": value.counts, "documents": value.documents})


@deserialize_attr.register(DocumentFrequency)
def deserialize_frequency(_: DocumentFrequency, value: bytes, name: str, model: Model) -> DocumentFrequency:
    loaded = srsly.msgpack_loads(value)
    return DocumentFrequency(loaded["counts"].copy(), loaded["documents"])  # what was read cannot be written to


def rank_batch(model: Model, X: Any, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    vectors, signals, counts = X
    shim = model.shims[0]
    return run_module(shim, vectors, (xp2torch(signals, device=shim.device), counts), is_train)
