"""A linear-chain conditional random field (Lafferty, McCallum & Pereira 2001) as batched tensor programs.

Everything but the best path is exact and in float64, whatever the precision of the encoder: the scores are few. A batch
holds N sequences of at most T tokens over L tags, the shortest first:

    emissions    (N, T, L)  score of each tag at each token
    lengths      (N,)       tokens of each sequence, at least one, ascending; on the host, which counts the steps
    transitions  (L, L)     score of tag j after tag i; IMPOSSIBLE where the scheme forbids it
    begin, end   (L,)       score of a tag as the first or the last; IMPOSSIBLE where forbidden

A loop runs over T, never over N or L, with few operations a step, since on a GPU each costs as much as a large one; a
step is over the sequences that are not at their end. What is not reachable at all counts as the smallest number there
is, e^-708. So the sums are exact as long as scores stay within some hundreds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d
from torch import Tensor

from .arrays import Ints, concatenated_ranges, joined, parted
from .modules import multiply_by_torch
from .tags import Spans, TagScheme

IMPOSSIBLE = -1e4  # far below any score, yet safe to add up in float32
MARGIN = 10.0  # by which a tag that is added to a trained model scores below O: e^-10 is out of the way, yet learnable


@dataclass
class ChainScores:
    """Scores of the transitions between tags. See the module's docstring for the shapes."""

    transitions: Tensor
    begin: Tensor
    end: Tensor

    def wide(self) -> "ChainScores":
        return ChainScores(self.transitions.double(), self.begin.double(), self.end.double())


def log_partition(emissions: Tensor, lengths: Ints, scores: ChainScores) -> Tensor:
    """The log of the summed exponentiated scores of all sequences of tags. Shape: (N,)"""
    wide = scores.wide()
    return _LogPartition.apply(emissions.double(), wide.transitions, wide.begin, wide.end, lengths)


def negative_log_likelihood(emissions: Tensor, allowed: Tensor, lengths: Ints, scores: ChainScores) -> Tensor:
    """Minus the log-probability of all sequences of tags that an annotation leaves open.

    With one allowed tag a token it is the ordinary loss; a token whose tag is missing allows all, and is marginalised
    (Tsuboi et al. 2008, "Training conditional random fields using incomplete annotations", section 3).

    allowed (Tensor): Which tags the annotation allows, bool. Shape: (N, T, L)
    RETURNS (Tensor): Shape: (N,)
    """
    # One pass over both: each clamped sequence stands beside the free one.
    clamped = emissions.masked_fill(~allowed, IMPOSSIBLE)
    both = log_partition(torch.stack([emissions, clamped], 1).flatten(0, 1), np.repeat(lengths, 2), scores)
    free, open_ = both.view(-1, 2).unbind(1)
    return free - open_


def viterbi(emissions: Tensor, lengths: Ints, scores: ChainScores) -> NDArray[np.int64]:
    """The best sequence of tags of each. Positions beyond a sequence's length hold 0. Shape: (N, T)"""
    n, steps, n_tags = emissions.shape
    first = _first_at_step(lengths, steps)
    best = emissions.transpose(0, 1).clone(
        memory_format=torch.contiguous_format
    )  # (T, N, L), becomes the score of the best path to each tag
    best[0] += scores.begin
    for t in range(1, steps):
        active = slice(first[t], None)
        best[t, active].add_((best[t - 1, active].unsqueeze(2) + scores.transitions).amax(dim=1))
    # The way back is one tag a token, so it is looked for there only, and on the host.
    fetched = torch.cat([best.view(-1, n_tags), scores.transitions, scores.end[None]]).cpu().numpy()
    paths, transitions, end = fetched[: -n_tags - 1].reshape(best.shape), fetched[-n_tags - 1 : -1], fetched[-1]
    tags = np.zeros((n, steps), dtype=np.int64)
    for t in range(steps - 1, -1, -1):
        going, ending = slice(first[t + 1], None), slice(first[t], first[t + 1])
        tags[ending, t] = (paths[t, ending] + end).argmax(axis=1)
        if t + 1 < steps:
            tags[going, t] = (paths[t, going] + transitions.T[tags[going, t + 1]]).argmax(axis=1)
    return tags


def _first_at_step(lengths: Ints, steps: int) -> list[int]:
    """RETURNS (list[int]): The first sequence that has a token at each step, and at one more: N."""
    assert (np.diff(lengths) >= 0).all(), "the shortest sequence comes first"
    return np.searchsorted(lengths, np.arange(steps + 1), side="right").tolist()


@dataclass
class ForwardBackward:
    """The recursions of Rabiner (1989, section III.A), scaled at each step as in his section V.A.

    left (Tensor): Sum over all prefixes that end in a tag at a token, scaled to sum to 1. Shape: (T, N, L)
    into (Tensor): The same before the token's own emission. Shape: (T, N, L)
    right (Tensor): Sum over all suffixes that begin with a tag at a token, scaled to sum to 1. Shape: (T, N, L)
    out_of (Tensor): The same before the token's own emission. Shape: (T, N, L)
    left_scale, right_scale (Tensor): Logs of the scales of `left` and `out_of`. Shape: (T, N)
    log_z (Tensor): Shape: (N,)
    """

    left: Tensor
    into: Tensor
    right: Tensor
    out_of: Tensor
    left_scale: Tensor
    right_scale: Tensor
    log_z: Tensor

    def marginals(self) -> Tensor:
        """Probability of each tag at each token; beyond a sequence's length it means nothing. Shape: (T, N, L)"""
        product = self.left * self.out_of
        return product / product.sum(dim=2, keepdim=True)


def forward_backward(emissions: Tensor, lengths: Ints, scores: ChainScores) -> ForwardBackward:
    """Both recursions at once: the second is the first over the reversed sequences and the transposed transitions."""
    emissions, scores = emissions.double(), scores.wide()
    n, steps, _ = emissions.shape
    device = emissions.device
    first = _first_at_step(lengths, steps)
    times, rows = np.arange(steps)[:, None], np.arange(n)
    backwards = np.maximum(lengths - 1 - times, 0)  # (T, N)
    order = _to(np.stack([rows * steps + times, rows * steps + backwards], axis=1), device)  # (T, 2, N)
    top = emissions.amax(dim=2)
    relative = (emissions - top.unsqueeze(2)).exp().flatten(0, 1)
    after = relative[order]  # (T, 2, N, L), becomes the message behind the emission
    before = torch.empty_like(after)
    before[0] = torch.stack([scores.begin, scores.end]).exp().unsqueeze(1)
    sums = torch.ones_like(after[..., :1])
    weights = scores.transitions.exp()
    both = torch.stack([weights, weights.T])
    tiny = torch.finfo(weights.dtype).tiny
    for t in range(steps):
        active = slice(first[t], None)
        if t:
            mass = torch.bmm(after[t - 1, :, active], both)
            torch.clamp_min(mass, tiny, out=before[t, :, active])
        message = after[t, :, active].mul_(before[t, :, active])
        message /= torch.sum(message, dim=2, keepdim=True, out=sums[t, :, active])

    # Back from the reversed order.
    turned = _to((2 * backwards + 1) * n + rows, device)  # (T, N)
    scale = sums.squeeze(3).log() + top.flatten()[order]  # (T, 2, N)
    inside = _to(times < lengths, device)
    scale = scale.masked_fill(~inside.unsqueeze(1), 0.0).cumsum(dim=0)
    left_scale, right_scale = scale[:, 0], torch.cat([torch.zeros_like(scale[:1]), scale[:-1]])
    last = after[_to(lengths - 1, device), 0, _to(rows, device)]
    log_z = left_scale[-1] + (last * scores.end.exp()).sum(dim=1).log()
    return ForwardBackward(
        left=after[:, 0],
        into=before[:, 0],
        right=after.flatten(0, 2)[turned],
        out_of=before.flatten(0, 2)[turned],
        left_scale=left_scale,
        right_scale=right_scale.flatten()[turned],
        log_z=log_z,
    )


def _to(array: NDArray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)


class _LogPartition(torch.autograd.Function):
    """Its gradient by a score is the expected count of what is scored, which both recursions together give."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, transitions: Tensor, begin: Tensor, end: Tensor, lengths: Ints) -> Tensor:
        fb = forward_backward(emissions, lengths, ChainScores(transitions, begin, end))
        ctx.fb, ctx.lengths = fb, lengths
        ctx.save_for_backward(transitions)
        return fb.log_z

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients  # (N,)
        (transitions,) = ctx.saved_tensors
        fb: ForwardBackward = ctx.fb
        steps, n, _ = fb.left.shape
        device = gradient.device
        inside = _to(np.arange(steps)[:, None] < ctx.lengths, device)  # (T, N)
        counts = (fb.marginals() * gradient[:, None]).masked_fill(~inside.unsqueeze(2), 0.0)
        ends = counts[_to(ctx.lengths - 1, device), _to(np.arange(n), device)]
        share = (gradient / (fb.into[1:] * fb.right[1:]).sum(dim=2)).masked_fill(~inside[1:], 0.0)
        pairs = (fb.left[:-1] * share.unsqueeze(2)).flatten(0, 1).T @ fb.right[1:].flatten(0, 1)
        return counts.transpose(0, 1), pairs * transitions.exp(), counts[0].sum(dim=0), ends.sum(dim=0), None


def expected_entities(fb: ForwardBackward, lengths: Ints, scheme: TagScheme) -> NDArray[np.float64]:
    """How many entities of each label are to be expected: the sum of the probabilities that one begins at a token.

    RETURNS (NDArray[np.float64]): Shape: (N, n_labels)
    """
    steps, device = len(fb.left), fb.left.device
    inside = _to(np.arange(steps)[:, None] < lengths, device)  # (T, N)
    counts = fb.marginals().masked_fill(~inside.unsqueeze(2), 0.0).sum(dim=0)[:, 1:]  # without O
    by_prefix = counts.unflatten(1, (len(scheme.labels), len(scheme.prefixes)))
    begins = [by_prefix[..., i] for i, prefix in enumerate(scheme.prefixes) if prefix in "BU"]
    found: NDArray[np.float64] = torch.stack(begins).sum(dim=0).cpu().numpy()
    return found


def span_marginals(
    fb: ForwardBackward, emissions: Tensor, lengths: Ints, scores: ChainScores, scheme: TagScheme, spans: Spans
) -> NDArray[np.float64]:
    """Probability of each span: that of all sequences of tags which hold it, whatever stands around it.

    fb (ForwardBackward): Of these emissions and scores.
    RETURNS (NDArray[np.float64]): Shape: (n_spans,)
    """
    if not len(spans):
        return np.zeros(0)
    device = emissions.device
    rows, emissions, scores = spans.rows, emissions.double(), scores.wide()
    tags = scheme.tags_of(spans)  # of all tokens of all spans
    sizes = spans.ends - spans.starts
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    row, start, tag = (_to(array, device) for array in (rows, spans.starts, tags[first]))
    around = fb.left[start, row, tag].log() + fb.left_scale[start, row] - fb.log_z[row]
    around = around + _behind(fb, scores, scheme, spans, tags[last], lengths)
    # What joins each token of a span to the one before it.
    inner = np.delete(np.arange(len(tags)), first)
    span = np.repeat(np.arange(len(sizes)), sizes)[inner]
    places = concatenated_ranges(spans.starts, sizes)[inner]
    inner_row, place, left, right = (_to(array, device) for array in (rows[span], places, tags[inner - 1], tags[inner]))
    joints = scores.transitions[left, right] + emissions[inner_row, place, right]
    values = torch.cat([around, joints]).cpu().numpy()
    logs = values[: len(sizes)] + np.bincount(span, weights=values[len(sizes) :], minlength=len(sizes))
    return np.clip(np.exp(logs), 0.0, 1.0)


def _behind(
    fb: ForwardBackward, scores: ChainScores, scheme: TagScheme, spans: Spans, tags: Ints, lengths: Ints
) -> Tensor:
    """Log of the sum over all that may stand behind each span.

    tags (Ints): The last of each span. Shape: (n_spans,)
    RETURNS (Tensor): Shape: (n_spans,)
    """
    device = fb.left.device
    row, at, tag = (_to(array, device) for array in (spans.rows, spans.ends - 1, tags))
    scale = fb.right_scale[at, row]
    if scheme.name == "BILUO":  # whose last tag says that the entity ends
        return fb.out_of[at, row, tag].log() + scale
    # It ends only if the next tag does not go on with it.
    following = _to(np.minimum(spans.ends, lengths[spans.rows] - 1), device)
    on = _to(1 + len(scheme.prefixes) * spans.labels + scheme.prefixes.index("I"), device)
    others = (scores.transitions.exp()[tag] * fb.right[following, row]).scatter(1, on.unsqueeze(1), 0.0)
    is_last = _to(spans.ends == lengths[spans.rows], device)
    return torch.where(is_last, scores.end[tag], others.sum(dim=1).log() + scale)


def build_crf_tagger(tok2vec: Model[list[Doc], list[Floats2d]], nO: int | None = None) -> Model:
    """Emission scores for a CRF over any tok2vec layer; the transition scores are parameters beside them.

    tok2vec (Model[List[Doc], List[Floats2d]]): Token vectors, usually a listener.
    nO (int | None): Number of tags, set by the component.
    RETURNS (Model[List[Doc], List[Floats2d]]): Emissions of each document. Shape: (n_tokens, nO)
    """
    output = Linear(nO=nO)
    model: Model = Model(
        "crf-tagger",
        _forward,
        init=_init,
        layers=[tok2vec, with_array(chain(Dropout(), output))],
        dims={"nO": nO},
        params={"transitions": None, "begin": None, "end": None},
        refs={"tok2vec": tok2vec, "output": output},
        attrs={"resize_output": _resize},
    )
    multiply_by_torch(model)
    return model


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    tok2vec, head = model.layers
    ops = model.ops
    counts = [len(doc) for doc in docs]
    vectors, backprop_vectors = tok2vec(docs, is_train)
    emissions, backprop_emissions = head(joined(ops, vectors), is_train)

    def backprop(d_emissions: list[Floats2d]) -> Any:
        return backprop_vectors(parted(ops, backprop_emissions(joined(ops, d_emissions)), counts))

    return parted(ops, emissions, counts), backprop


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    tok2vec, head = model.layers
    tok2vec.initialize(X=X)
    n_tags = model.get_dim("nO")
    output = model.get_ref("output")
    output.set_dim("nO", n_tags)
    head.initialize(X=tok2vec.predict(X) if X else None)
    for name in ("begin", "end"):
        model.set_param(name, model.ops.alloc1f(n_tags))
    model.set_param("transitions", model.ops.alloc2f(n_tags, n_tags))


def _resize(model: Model, n_tags: int) -> None:
    """Make room for more tags, without a change of predictions.

    A new tag begins as a twin of O, which is tag 0, with a lower score. So any sequence of tags that holds new ones
    scores less than the same with O in their place. The layers get new ids, under which neither gradients nor an
    optimizer's memory of the old shapes are found.
    """
    n_old = model.get_dim("nO")
    source = [*range(n_old), *[0] * (n_tags - n_old)]
    for node in (model, model.get_ref("output")):
        params = {name: node.get_param(name) for name in node.param_names}
        for name in params:
            node.set_param(name, None)
        node.set_dim("nO", n_tags, force=True)
        with Model.global_id_lock:
            Model.global_id += 1
            node.id = Model.global_id
        for name, old in params.items():
            new = old[source]
            if name == "transitions":
                new = new[:, source]
            elif name == "b":
                new[n_old:] -= MARGIN
            node.set_param(name, node.ops.as_contig(new))
