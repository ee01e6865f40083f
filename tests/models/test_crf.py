"""The CRF against brute force: all sequences of tags of short chains, enumerated."""

import itertools

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from torch import Tensor

from spacy_dossier.models.arrays import Ints
from spacy_dossier.models.crf import (
    IMPOSSIBLE,
    ChainScores,
    build_crf_tagger,
    expected_entities,
    forward_backward,
    log_partition,
    negative_log_likelihood,
    span_marginals,
    viterbi,
)
from spacy_dossier.models.tags import Spans, TagScheme

from ..card.counts import Counts
from ..tagging import spans_of

SCHEMES = ["BILUO", "IOB2"]
LENGTHS = [1, 2, 3, 4]


def problem(name: str, seed: int = 0, scale: float = 1.5) -> tuple[TagScheme, Tensor, Ints, ChainScores]:
    """Random scores of four chains of unlike length, with what the scheme forbids made impossible."""
    scheme = TagScheme(name, ("PER", "ORG"))
    generator = torch.Generator().manual_seed(seed)
    size = len(scheme)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * scale

    parameters = (draw(size, size), draw(size), draw(size))
    masks = [torch.from_numpy(mask) for mask in scheme.allowed()]
    scores = ChainScores(*(p.masked_fill(~mask, IMPOSSIBLE) for p, mask in zip(parameters, masks, strict=True)))
    return scheme, draw(len(LENGTHS), max(LENGTHS), size), np.array(LENGTHS), scores


def enumerate_sequences(
    scheme: TagScheme, emissions: Tensor, length: int, scores: ChainScores
) -> dict[tuple[int, ...], float]:
    """The score of every sequence of tags that the scheme allows, in double precision."""
    follow, begin, end = scheme.allowed()
    e, t = emissions.double().numpy(), scores.transitions.double().numpy()
    found = {}
    for tags in itertools.product(range(len(scheme)), repeat=length):
        pairs = list(itertools.pairwise(tags))
        if begin[tags[0]] and end[tags[-1]] and all(follow[pair] for pair in pairs):
            score = sum(e[i, tag] for i, tag in enumerate(tags)) + sum(t[pair] for pair in pairs)
            found[tags] = float(score + scores.begin[tags[0]].double() + scores.end[tags[-1]].double())
    return found


def as_spans(spans: list[tuple[int, int, int, int]]) -> Spans:
    return Spans(*np.array(spans, dtype=np.int64).reshape(-1, 4).T)


def probabilities(emissions: Tensor, lengths: Ints, scores: ChainScores, scheme: TagScheme, spans: Spans) -> np.ndarray:
    """RETURNS (ndarray): Probability of each span."""
    fb = forward_backward(emissions, lengths, scores)
    return span_marginals(fb, emissions, lengths, scores, scheme, spans)


def log_sum(values: list[float]) -> float:
    return float(np.logaddexp.reduce(values))


@pytest.mark.parametrize("name", SCHEMES)
def test_partition_function_sums_over_all_sequences(name: str) -> None:
    """The forward recursion equals the enumeration, for chains of any length in one batch."""
    scheme, emissions, lengths, scores = problem(name)
    expected = [
        log_sum(list(enumerate_sequences(scheme, e, n, scores).values()))
        for e, n in zip(emissions, LENGTHS, strict=True)
    ]
    assert log_partition(emissions, lengths, scores).tolist() == pytest.approx(expected, abs=1e-4)
    assert forward_backward(emissions, lengths, scores).log_z.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", SCHEMES)
def test_viterbi_finds_the_best_of_all_sequences(name: str) -> None:
    """Decoding equals the maximum over the enumeration; beyond a chain's end stands 0."""
    for seed in range(5):
        scheme, emissions, lengths, scores = problem(name, seed)
        tags = viterbi(emissions, lengths, scores)
        for row, n in enumerate(LENGTHS):
            sequences = enumerate_sequences(scheme, emissions[row], n, scores)
            assert tuple(tags[row, :n].tolist()) == max(sequences, key=lambda tags: sequences[tags])
            assert not tags[row, n:].any()


@pytest.mark.parametrize("name", SCHEMES)
def test_token_marginals_equal_the_enumeration(name: str) -> None:
    """The probability of a tag at a token is that of all sequences that have it there."""
    scheme, emissions, lengths, scores = problem(name)
    marginals = forward_backward(emissions, lengths, scores).marginals()
    for row, n in enumerate(LENGTHS):
        sequences = enumerate_sequences(scheme, emissions[row], n, scores)
        log_z = log_sum(list(sequences.values()))
        expected = np.zeros((n, len(scheme)))
        for tags, score in sequences.items():
            expected[range(n), tags] += np.exp(score - log_z)
        np.testing.assert_allclose(marginals[:n, row], expected, atol=1e-5)


@pytest.mark.parametrize("name", SCHEMES)
def test_span_marginals_equal_the_enumeration(name: str) -> None:
    """The probability of an entity is that of all sequences in which exactly this span with this label stands."""
    scheme, emissions, lengths, scores = problem(name)
    spans, expected = [], []
    for row, n in enumerate(LENGTHS):
        sequences = enumerate_sequences(scheme, emissions[row], n, scores)
        log_z = log_sum(list(sequences.values()))
        for start, end in itertools.combinations(range(n + 1), 2):
            for label in scheme.labels:
                spans.append((row, start, end, scheme.labels.index(label)))
                held = [score for tags, score in sequences.items() if (start, end, label) in spans_of(scheme, tags)]
                expected.append(sum(np.exp(score - log_z) for score in held))
    found = probabilities(emissions, lengths, scores, scheme, as_spans(spans))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert probabilities(emissions, lengths, scores, scheme, as_spans([])).shape == (0,)


@pytest.mark.parametrize("name", SCHEMES)
def test_expected_entities_equal_the_enumeration(name: str) -> None:
    """As many of a label as all sequences hold, each by its probability."""
    scheme, emissions, lengths, scores = problem(name)
    expected = np.zeros((len(LENGTHS), len(scheme.labels)))
    for row, n in enumerate(LENGTHS):
        sequences = enumerate_sequences(scheme, emissions[row], n, scores)
        log_z = log_sum(list(sequences.values()))
        for tags, score in sequences.items():
            for *_, label in spans_of(scheme, tags):
                expected[row, scheme.labels.index(label)] += np.exp(score - log_z)
    found = expected_entities(forward_backward(emissions, lengths, scores), lengths, scheme)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", SCHEMES)
def test_the_loss_with_full_annotation_is_the_negative_log_probability(name: str) -> None:
    """One allowed tag a token leaves one sequence."""
    scheme, emissions, lengths, scores = problem(name)
    allowed = torch.zeros_like(emissions, dtype=torch.bool)
    expected = []
    for row, n in enumerate(LENGTHS):
        sequences = enumerate_sequences(scheme, emissions[row], n, scores)
        gold = sorted(sequences)[len(sequences) // 2]
        allowed[row, range(n), gold] = True
        expected.append(log_sum(list(sequences.values())) - sequences[gold])
    loss = negative_log_likelihood(emissions, allowed, lengths, scores)
    assert loss.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", SCHEMES)
def test_the_loss_with_partial_annotation_sums_over_what_is_left_open(name: str) -> None:
    """Tokens whose tag is missing, or known in part, are marginalised over; without annotation there is no loss."""
    scheme, emissions, lengths, scores = problem(name)
    rng = np.random.default_rng(1)
    allowed = torch.zeros_like(emissions, dtype=torch.bool)
    expected = []
    for row, n in enumerate(LENGTHS):
        sequences = enumerate_sequences(scheme, emissions[row], n, scores)
        gold = sorted(sequences)[-1]
        open_ = rng.random((n, len(scheme))) < 0.4
        open_[range(n), gold] = True
        allowed[row, :n] = torch.from_numpy(open_)
        kept = [score for tags, score in sequences.items() if open_[range(n), tags].all()]
        expected.append(log_sum(list(sequences.values())) - log_sum(kept))
    assert negative_log_likelihood(emissions, allowed, lengths, scores).tolist() == pytest.approx(expected, abs=1e-4)
    nothing = negative_log_likelihood(emissions, torch.ones_like(allowed), lengths, scores)
    assert nothing.tolist() == pytest.approx([0.0] * len(LENGTHS), abs=1e-5)


@pytest.mark.parametrize("name", SCHEMES)
def test_the_gradient_of_the_loss_equals_finite_differences(name: str) -> None:
    """By emissions, transitions, begin and end, in double precision, with a part of the annotation missing."""
    scheme, emissions, lengths, scores = problem(name)
    allowed = torch.zeros_like(emissions, dtype=torch.bool)
    allowed[:, :, 0] = True
    allowed[3, 1] = True
    masks = [torch.from_numpy(mask) for mask in scheme.allowed()]

    def loss(e: Tensor, *parameters: Tensor) -> Tensor:
        masked = ChainScores(*(p.masked_fill(~mask, IMPOSSIBLE) for p, mask in zip(parameters, masks, strict=True)))
        return negative_log_likelihood(e, allowed, lengths, masked)

    inputs = [t.double().requires_grad_() for t in (emissions, scores.transitions, scores.begin, scores.end)]
    inputs = [t.detach().clamp_min(-10).requires_grad_() for t in inputs]
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("name", SCHEMES)
def test_nothing_depends_on_padding_or_on_the_rest_of_the_batch(name: str) -> None:
    """Each chain alone gives what it gives in the batch, whatever stands in the padding."""
    scheme, emissions, lengths, scores = problem(name)
    garbage = emissions.clone()
    for row, n in enumerate(LENGTHS):
        garbage[row, n:] = 1e3
    z, best = log_partition(garbage, lengths, scores), viterbi(garbage, lengths, scores)
    spans = as_spans([(row, 0, 1, 1) for row in range(len(LENGTHS))])
    confidences = probabilities(garbage, lengths, scores, scheme, spans)
    for row, n in enumerate(LENGTHS):
        alone, length = emissions[row : row + 1, :n], lengths[row : row + 1]
        assert float(z[row]) == pytest.approx(float(log_partition(alone, length, scores)), abs=1e-5)
        assert best[row, :n].tolist() == viterbi(alone, length, scores)[0].tolist()
        expected = probabilities(alone, length, scores, scheme, as_spans([(0, 0, 1, 1)]))
        assert confidences[row] == pytest.approx(expected[0], abs=1e-6)


def test_float32_is_exact_enough_on_long_chains_with_large_scores() -> None:
    """Loss and confidences of 256 tokens with scores around 100 equal those in double precision."""
    scheme = TagScheme("BILUO", ("PER", "ORG"))
    generator = torch.Generator().manual_seed(0)
    emissions = torch.randn(1, 256, len(scheme), generator=generator) * 4 + 100
    masks = [torch.from_numpy(mask) for mask in scheme.allowed()]
    zeros = [torch.zeros(mask.shape) for mask in masks]
    single = ChainScores(*(p.masked_fill(~mask, IMPOSSIBLE) for p, mask in zip(zeros, masks, strict=True)))
    double = ChainScores(single.transitions.double(), single.begin.double(), single.end.double())
    lengths = np.array([256])
    tags = viterbi(emissions, lengths, single)
    allowed = torch.nn.functional.one_hot(torch.from_numpy(tags), len(scheme)).bool()
    loss = negative_log_likelihood(emissions, allowed, lengths, single)
    assert float(loss) == pytest.approx(
        float(negative_log_likelihood(emissions.double(), allowed, lengths, double)), abs=1e-3
    )
    spans = scheme.find_spans(tags)
    found = probabilities(emissions, lengths, single, scheme, spans)
    expected = probabilities(emissions.double(), lengths, double, scheme, spans)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def tagger(width: int = 5, n_tags: int = 9) -> tuple[Model, list[Doc]]:
    """A tagger over vectors that are the hashes of words."""

    def vectors(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[np.ndarray], object]:
        rows = [[[(token.orth >> (8 * i)) % 7 for i in range(width)] for token in doc] for doc in docs]
        return [np.array(row, dtype="f").reshape(-1, width) for row in rows], lambda d_vectors: d_vectors

    docs = [Doc(Vocab(), words=words) for words in (["a", "b", "c"], [], ["d"])]
    model = build_crf_tagger(Model("vectors", vectors))
    model.set_dim("nO", n_tags)
    model.initialize(X=docs)
    return model, docs


def test_the_tagger_gives_emissions_for_each_token_of_each_document() -> None:
    """An empty document has none."""
    model, docs = tagger()
    assert [e.shape for e in model.predict(docs)] == [(3, 9), (0, 9), (1, 9)]
    assert model.get_param("transitions").shape == (9, 9)
    emissions, backprop = model.begin_update(docs)
    assert [d.shape for d in backprop(emissions)] == [(3, 5), (0, 5), (1, 5)]


def test_a_grown_tagger_keeps_its_scores_and_puts_new_tags_below_o() -> None:
    """Every sequence with a new tag scores less than the same with O there, so that predictions stay."""
    model, docs = tagger()
    rng = np.random.default_rng(0)
    for name in ("transitions", "begin", "end"):
        model.set_param(name, rng.normal(size=model.get_param(name).shape).astype("f"))
    before = model.predict(docs)
    old = {name: model.get_param(name) for name in ("transitions", "begin", "end")}
    model.attrs["resize_output"](model, 13)
    after = model.predict(docs)
    for x, y in zip(before, after, strict=True):
        np.testing.assert_allclose(y[:, :9], x, atol=1e-6)
        np.testing.assert_allclose(y[:, 9:], np.tile(x[:, :1] - 10, 4), atol=1e-5)
    for name, value in old.items():
        new = model.get_param(name)
        np.testing.assert_array_equal(new[tuple(slice(9) for _ in value.shape)], value)
        grown = new[9:, :9] if new.ndim == 2 else new[9:]
        np.testing.assert_array_equal(grown, np.broadcast_to(value[0], grown.shape))
        assert new.flags.c_contiguous


def test_a_step_takes_few_operations_on_a_gpu(card: Counts) -> None:
    """Where each is launched: three for the best path, five for the sums in both directions, and no more to learn."""
    scheme, *_, scores = problem("BILUO")
    device = torch.device("meta")
    scores = ChainScores(*(t.to(device).requires_grad_() for t in (scores.transitions, scores.begin, scores.end)))
    generator = torch.Generator().manual_seed(1)

    def learn(emissions: Tensor, lengths: Ints) -> None:
        emissions = emissions.requires_grad_()
        negative_log_likelihood(emissions, emissions.detach() > -0.5, lengths, scores).sum().backward()

    def decode(emissions: Tensor, lengths: Ints) -> None:
        with torch.no_grad():
            viterbi(emissions, lengths, scores)

    def add_up(emissions: Tensor, lengths: Ints) -> None:
        with torch.no_grad():
            forward_backward(emissions, lengths, scores)

    for run, most in ((decode, 3), (add_up, 5), (learn, 5)):
        kernels = []
        for steps in (10, 30):
            emissions = torch.randn(6, steps, len(scheme), generator=generator).to(device)
            card.clear()
            run(emissions, np.array([1, 5, 6, 6, 9, steps]))
            kernels.append(card.kernels)
        assert kernels[1] - kernels[0] < 20 * (most + 1)
        assert card.syncs <= (3 if run is decode else 0)
