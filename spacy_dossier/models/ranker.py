"""Scores the sentences of a document in the light of each other, as BERTSUM's inter-sentence layer does (Liu & Lapata
2019), with signals of position, length, similarity, words and names beside the encoder's vectors.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import srsly
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, Optimizer, PyTorchShim, deserialize_attr, serialize_attr, torch2xp, xp2torch
from thinc.types import Floats2d, Ints2d
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DossierError
from .signals import SIGNALS, DocumentFrequency
from .threads import leave_threads_behind

BLOCK = 256  # sentences that see each other; a longer document is ranked block by block
OVERLAP = 32  # sentences on either side of a block that it sees without ranking them
BLOCKS_AT_ONCE = 16  # bounds the memory of attention

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
    shim = RankerShim(module, deserialize_model=deserialize)
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
    """Mean of the token vectors of each sentence."""
    docs, all_bounds = X
    token_vectors, backprop_tokens = model.layers[0](docs, is_train)
    xp = model.ops.xp
    width = max((tokens.shape[1] for tokens in token_vectors), default=0)
    places = [xp.asarray(bounds) for bounds in all_bounds]
    lengths = [xp.asarray(bounds[:, 1:] - bounds[:, :1], dtype="f") for bounds in all_bounds]
    vectors = []
    for tokens, bounds, length in zip(token_vectors, places, lengths, strict=True):
        if not len(bounds):
            vectors.append(xp.zeros((0, width), dtype="f"))
            continue
        # Differences of running sums: one pass, whatever the number of sentences. In float64, since sums grow.
        sums = xp.zeros((len(tokens) + 1, width), dtype="float64")
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
        out = torch.zeros_like(h)
        rows, padding, core = cut_blocks(counts, h.device)  # each (B, T)
        for i in range(0, len(rows), BLOCKS_AT_ONCE):
            part, hide, keep = (t[i : i + BLOCKS_AT_ONCE] for t in (rows, padding, core))
            block = h[:, part]  # (K, b, T, H)
            query, key, value = (torch.einsum("kbth,khd->kbtd", block, w) for w in (self.query, self.key, self.value))
            weights = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # (K, b, T, T)
            seen = weights.masked_fill(hide[None, :, None, :], -1e4).softmax(-1) @ value
            out = out.index_put((torch.arange(len(h))[:, None], part[keep][None]), seen[:, keep])
        return out


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
            left, right = max(0, start - OVERLAP), min(n, end + OVERLAP)
            spans.append((offset + left, offset + start, offset + end, offset + right))
        offset += n
    width = max((right - left for left, _, _, right in spans), default=0)
    rows = np.zeros((len(spans), width), dtype=np.int64)
    padding = np.ones((len(spans), width), dtype=bool)
    core = np.zeros((len(spans), width), dtype=bool)
    for i, (left, start, end, right) in enumerate(spans):
        rows[i, : right - left] = np.arange(left, right)
        padding[i, : right - left] = False
        core[i, start - left : end - left] = True
    rows_, padding_, core_ = (torch.from_numpy(array).to(device) for array in (rows, padding, core))
    return rows_, padding_, core_


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


class RankerShim(PyTorchShim):
    """A module with a learning rate of its own.

    learn_rate_scale (float): Factor of the optimizer's learning rate.
    """

    learn_rate_scale = 1.0

    def predict(self, inputs: ArgsKwargs) -> Any:
        """As PyTorchShim's, which ends in training mode, so that another thread's pass has dropout; this never does."""
        leave_threads_behind()
        self._model.eval()
        with torch.inference_mode():
            return self._model(*inputs.args, **inputs.kwargs)

    def begin_update(self, inputs: ArgsKwargs) -> Any:
        leave_threads_behind()
        return super().begin_update(inputs)

    def finish_update(self, optimizer: Optimizer) -> None:
        for name, parameter in self._model.named_parameters():
            if parameter.grad is None:
                continue
            key, grad = (self.id, name), torch2xp(parameter.grad)
            updated, _ = optimizer(key, torch2xp(parameter.data), grad, lr_scale=self.learn_rate_scale)
            parameter.data = xp2torch(updated, device=parameter.device)
            parameter.grad = None


def rank_batch(model: Model, X: Any, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Between Thinc's arrays and the module's tensors."""
    vectors, signals, counts = X
    shim = model.shims[0]
    device = shim.device  # not the current thread's default, which is the CPU until it asks for a GPU itself
    tensors = xp2torch(vectors, requires_grad=is_train, device=device), xp2torch(signals, device=device)
    logits, backprop_torch = shim(ArgsKwargs(args=(*tensors, counts), kwargs={}), is_train)

    def backprop(d_logits: Floats2d) -> Floats2d:
        gradients = ArgsKwargs(args=((logits,),), kwargs={"grad_tensors": xp2torch(d_logits, device=device)})
        return torch2xp(backprop_torch(gradients).args[0])

    return torch2xp(logits.detach()), backprop
