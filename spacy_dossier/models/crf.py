"""A linear-chain conditional random field (Lafferty, McCallum & Pereira 2001) as batched tensor programs.

Everything is exact, in log space and float64, whatever the precision of the encoder: the scores are few. A batch holds
N sequences of at most T tokens over L tags:

    emissions    (N, T, L)  score of each tag at each token
    lengths      (N,)       tokens of each sequence, at least one
    transitions  (L, L)     score of tag j after tag i; IMPOSSIBLE where the scheme forbids it
    begin, end   (L,)       score of a tag as the first or the last; IMPOSSIBLE where forbidden

A loop runs over T, never over N or L.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d
from torch import Tensor

from .tags import TagScheme

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


def _pass_on(messages: Tensor, weights: Tensor) -> Tensor:
    """The log of the sum over i of exp(message i + transition from i to j), as a matrix product.

    Around the largest message of a row, nothing that counts is lost in float64; what is not reachable at all gets the
    log of the smallest number there is, some 700 below. So it is exact as long as scores stay within some hundreds.

    messages (Tensor): Shape: (N, L)
    weights (Tensor): Exponentiated transitions. Shape: (L, L)
    RETURNS (Tensor): Shape: (N, L)
    """
    top = messages.detach().amax(dim=1, keepdim=True)
    mass = (messages - top).exp() @ weights
    return top + mass.clamp_min(torch.finfo(mass.dtype).tiny).log()


def log_partition(emissions: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """The log of the summed exponentiated scores of all sequences of tags. Shape: (N,)"""
    emissions, scores = emissions.double(), scores.wide()
    weights = scores.transitions.exp()
    alpha = scores.begin + emissions[:, 0]  # (N, L)
    for t in range(1, emissions.shape[1]):
        longer = _pass_on(alpha, weights) + emissions[:, t]
        alpha = torch.where((t < lengths).unsqueeze(1), longer, alpha)
    return torch.logsumexp(alpha + scores.end, dim=1)


def negative_log_likelihood(emissions: Tensor, allowed: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """Minus the log-probability of all sequences of tags that an annotation leaves open.

    With one allowed tag a token it is the ordinary loss; a token whose tag is missing allows all, and is marginalised
    (Tsuboi et al. 2008, "Training conditional random fields using incomplete annotations", section 3).

    allowed (Tensor): Which tags the annotation allows, bool. Shape: (N, T, L)
    RETURNS (Tensor): Shape: (N,)
    """
    # One pass over both: the clamped sequences stand beside the free ones.
    clamped = emissions.masked_fill(~allowed, IMPOSSIBLE)
    both = log_partition(torch.cat([emissions, clamped]), torch.cat([lengths, lengths]), scores)
    free, open_ = both.chunk(2)
    return free - open_


def viterbi(emissions: Tensor, lengths: Tensor, scores: ChainScores) -> Tensor:
    """The best sequence of tags of each. Positions beyond a sequence's length hold 0. Shape: (N, T)"""
    n, steps, _ = emissions.shape
    best_so_far = scores.begin + emissions[:, 0]
    back = []
    for t in range(1, steps):
        best, arg = (best_so_far.unsqueeze(2) + scores.transitions).max(dim=1)
        inside = (t < lengths).unsqueeze(1)
        best_so_far = torch.where(inside, best + emissions[:, t], best_so_far)
        back.append(arg)
    tags = torch.zeros((n, steps), dtype=torch.long, device=emissions.device)
    tag = (best_so_far + scores.end).argmax(dim=1)
    for t in range(steps - 1, -1, -1):
        inside = t < lengths
        tags[:, t] = torch.where(inside, tag, 0)
        if t > 0:
            previous = back[t - 1].gather(1, tag.unsqueeze(1)).squeeze(1)
            tag = torch.where(inside, previous, tag)
    return tags


@dataclass
class ForwardBackward:
    """Prefix and suffix scores, from which the probability of any piece of a sequence follows.

    alpha (Tensor): Log-sum of the scores of all prefixes that end in a tag at a token. Shape: (N, T, L)
    beta (Tensor): The same of all suffixes after that tag and token. Shape: (N, T, L)
    log_z (Tensor): Shape: (N,)
    """

    alpha: Tensor
    beta: Tensor
    log_z: Tensor

    def marginals(self) -> Tensor:
        """Probability of each tag at each token. Shape: (N, T, L)"""
        return (self.alpha + self.beta - self.log_z[:, None, None]).exp()


def forward_backward(emissions: Tensor, lengths: Tensor, scores: ChainScores) -> ForwardBackward:
    """Both recursions of Rabiner (1989, section III.A) in log space."""
    emissions, scores = emissions.double(), scores.wide()
    weights = scores.transitions.exp()
    steps = emissions.shape[1]
    alpha = [scores.begin + emissions[:, 0]]
    for t in range(1, steps):
        longer = _pass_on(alpha[-1], weights) + emissions[:, t]
        alpha.append(torch.where((t < lengths).unsqueeze(1), longer, alpha[-1]))
    end = scores.end.expand_as(alpha[0])
    beta = [end]
    for t in range(steps - 2, -1, -1):
        following = _pass_on(beta[-1] + emissions[:, t + 1], weights.T)
        beta.append(torch.where((t + 1 < lengths).unsqueeze(1), following, end))
    log_z = torch.logsumexp(alpha[-1] + scores.end, dim=1)
    return ForwardBackward(torch.stack(alpha, 1), torch.stack(beta[::-1], 1), log_z)


def span_marginals(
    emissions: Tensor,
    lengths: Tensor,
    scores: ChainScores,
    scheme: TagScheme,
    spans: Sequence[tuple[int, int, int, str]],
) -> NDArray[np.float64]:
    """Probability of each span: that of all sequences of tags which hold it, whatever stands around it.

    spans (Sequence): Row, start, end and label of each.
    RETURNS (NDArray[np.float64]): Shape: (n_spans,)
    """
    if not spans:
        return np.zeros(0)
    rows, places = np.unique([row for row, *_ in spans], return_inverse=True)
    index = torch.from_numpy(rows).to(emissions.device)
    lengths = lengths[index]
    emissions = emissions[index]
    fb = forward_backward(emissions, lengths, scores)
    alpha, beta, log_z, score, trans, end_scores = (
        t.cpu().numpy().astype(np.float64)
        for t in (fb.alpha, fb.beta, fb.log_z, emissions, scores.transitions, scores.end)
    )
    n_tokens = lengths.tolist()
    span_tags = cache(scheme.span_tags)
    probabilities = np.empty(len(spans))
    for n, (row, (_, start, end, label)) in enumerate(zip(places.tolist(), spans, strict=True)):
        tags = span_tags(end - start, label)
        inside = sum(
            trans[left, right] + score[row, start + i + 1, right] for i, (left, right) in enumerate(pairwise(tags))
        )
        after = beta[row, end - 1, tags[-1]]
        if scheme.name == "IOB2":  # the span ends here only if the next tag does not go on with it
            if end < n_tokens[row]:
                onward = trans[tags[-1]] + score[row, end] + beta[row, end]
                after = np.logaddexp.reduce(np.delete(onward, scheme.index("I", label)))
            else:
                after = end_scores[tags[-1]]
        probabilities[n] = np.exp(alpha[row, start, tags[0]] + inside + after - log_z[row])
    return np.clip(probabilities, 0.0, 1.0)


def build_crf_tagger(tok2vec: Model[list[Doc], list[Floats2d]], nO: int | None = None) -> Model:
    """Emission scores for a CRF over any tok2vec layer; the transition scores are parameters beside them.

    tok2vec (Model[List[Doc], List[Floats2d]]): Token vectors, usually a listener.
    nO (int | None): Number of tags, set by the component.
    RETURNS (Model[List[Doc], List[Floats2d]]): Emissions of each document. Shape: (n_tokens, nO)
    """
    output = Linear(nO=nO)
    return Model(
        "crf-tagger",
        _forward,
        init=_init,
        layers=[tok2vec, with_array(chain(Dropout(), output))],
        dims={"nO": nO},
        params={"transitions": None, "begin": None, "end": None},
        refs={"tok2vec": tok2vec, "output": output},
        attrs={"resize_output": _resize},
    )


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    tok2vec, head = model.layers
    vectors, backprop_vectors = tok2vec(docs, is_train)
    emissions, backprop_emissions = head(vectors, is_train)

    def backprop(d_emissions: list[Floats2d]) -> Any:
        return backprop_vectors(backprop_emissions(d_emissions))

    return emissions, backprop


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
