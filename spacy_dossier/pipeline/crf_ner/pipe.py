"""The pipe that finds entities by a linear-chain CRF, each with the probability that it is right."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Ops, Optimizer, set_dropout_rate, torch2xp
from thinc.types import Floats2d
from torch import Tensor

from ...errors import DossierError
from ...models.arrays import Ints, joined, parted
from ...models.calibration import Calibration
from ...models.crf import (
    IMPOSSIBLE,
    ChainScores,
    expected_entities,
    forward_backward,
    negative_log_likelihood,
    span_marginals,
    viterbi,
)
from ...models.modules import leave_threads_behind
from ...models.tags import PREFIXES, Spans, TagScheme
from ..errors import ErrorsApart, require_finite
from ..extensions import clear_confidences, register_confidence, set_confidence, set_missed
from ..listeners import require_vectors, require_widths
from .annotation import blocked_tokens, kept_entities, pin
from .chains import batch_chains, find_chains

SUBJECT = "entity recogniser"
MISALIGNED = "align with no tokens of the pipeline; they are treated as missing annotation"


class FoundEntity(NamedTuple):
    """An entity that the model finds.

    start, end (int): Its first token, and the token after its last.
    label (str): Its label.
    confidence (float | None): The probability that it is right; None where that is not computed.
    """

    start: int
    end: int
    label: str
    confidence: float | None


class Missed(NamedTuple):
    """What the model expects to have missed in a chain.

    start, end (int): Its first token, and the token after its last.
    counts (dict[str, float]): Entities of each label.
    """

    start: int
    end: int
    counts: dict[str, float]


@dataclass
class Found:
    """What the model finds in a document."""

    entities: list[FoundEntity] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)


class CRFEntityRecognizer(ErrorsApart, TrainablePipe):
    """Named entities by a linear-chain CRF over the tags of a scheme.

    The entities are those of the best sequence of tags (Viterbi); the confidence of each is the marginal probability
    of the whole span under the model, sharpened or flattened by a temperature and a map that `calibrate` fits.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "crf_ner",
        *,
        scheme: str = "BILUO",
        max_chain: int = 256,
        keep_entities: bool = True,
        confidence: bool = True,
        scorer: Callable | None = None,
    ) -> None:
        if scheme not in PREFIXES:
            raise DossierError("unknown tag scheme", value=scheme, remedy=f"Choose one of {', '.join(PREFIXES)}")
        if max_chain < 2:
            raise DossierError(
                "a chain of one token holds no entity of several", value=max_chain, remedy="Give a larger max_chain"
            )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        # How to predict is the config's business, also where a trained pipe is loaded; what belongs to the weights and
        # is stored with them is in `cfg`.
        self.max_chain = max_chain
        self.keep_entities = keep_entities
        self.confidence = confidence
        self.cfg: dict[str, Any] = {"labels": [], "scheme": scheme}
        self._reset_calibration()
        register_confidence()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and `initialize` reads back."""
        return list(self.labels)

    @property
    def scheme(self) -> TagScheme:
        return TagScheme(self.cfg["scheme"], self.labels)

    def add_label(self, label: str) -> int:
        """RETURNS (int): 1 if the label is new, else 0. A trained model keeps what it knows and grows by its tags."""
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self.labels:
            return 0
        self.cfg["labels"] = [*self.labels, label]
        if self.model.has_param("transitions"):
            self.model.attrs["resize_output"](self.model, len(self.scheme))
        self.vocab.strings.add(label)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Find the labels, unless they are given, and allocate the weights."""
        validate_get_examples(get_examples, "CRFEntityRecognizer.initialize")
        require_widths(self)
        if labels is None:
            labels = self._survey(get_examples())
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise DossierError(
                f"the training data of '{self.name}' has no entities",
                remedy=f"Give a corpus with entities, or [initialize.components.{self.name}] labels",
            )
        sample = list(islice((eg.predicted for eg in get_examples() if len(eg.predicted)), 10))
        if not self.model.has_param("transitions"):
            self.model.set_dim("nO", len(self.scheme))
        self.model.initialize(X=sample)
        self._reset_calibration()

    def _survey(self, examples: Iterable[Example]) -> list[str]:
        """Count the entities of each label, as `cfg["annotated"]`; warn of those that cannot be learnt from.

        RETURNS (list[str]): The labels.
        """
        labels: Counter[str] = Counter()
        total = aligned = long = 0
        for eg in examples:
            for ent in eg.reference.ents:
                labels[ent.label_] += 1
                long += len(ent) > self.max_chain
                eg.predicted.vocab.strings.add(ent.label_)  # the reference may have been read with another vocabulary
            total += len(eg.reference.ents)
            aligned += len(eg.get_aligned_spans_y2x(eg.reference.ents, allow_overlap=False))
        if aligned < total:
            warnings.warn(f"'{self.name}': {total - aligned} of {total} entities {MISALIGNED}", stacklevel=3)
        if long:
            warnings.warn(
                f"'{self.name}': {long} of {total} entities are longer than max_chain, {self.max_chain} tokens, and "
                "will not be found",
                stacklevel=3,
            )
        self.cfg["annotated"] = dict(labels)
        return sorted(labels)

    def _reset_calibration(self) -> None:
        self.cfg.update(temperature=1.0, calibration=None, threshold_for_precision=None)

    # Inference

    def predict(self, docs: Iterable[Doc]) -> list[Found]:
        """RETURNS (list[Found]): The entities of each document, in order, and what is expected to be missed."""
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [Found() for _ in docs]
        self._require_labels()
        require_vectors(self, docs)
        return self._find(docs, self.model.predict(docs))

    def _require_labels(self) -> None:
        if not self.labels or not self.model.has_param("transitions"):
            raise ValueError(Errors.E109.format(name=self.name))

    def _find(self, docs: list[Doc], emissions: list[Floats2d]) -> list[Found]:
        scheme = self.scheme
        scores = self._chain_scores()
        flat = _flatten(self.model.ops, emissions)
        finite = flat.isfinite().all()
        kept = [kept_entities(doc) if self.keep_entities else [] for doc in docs]
        if any(kept):
            allowed = np.concatenate([self._allowed_around(doc, ents) for doc, ents in zip(docs, kept, strict=True)])
            flat = flat.masked_fill(~torch.from_numpy(allowed).to(flat.device), IMPOSSIBLE)
        # Whether each token by itself looks like part of an entity; O is tag 0.
        looks = torch.cat([flat.argmax(dim=1) != 0, finite[None]]).cpu().numpy()
        require_finite(looks[-1], SUBJECT)
        inside = np.split(looks[:-1], np.cumsum([len(doc) for doc in docs])[:-1])
        found = [Found() for _ in docs]
        with torch.inference_mode():
            chains = [
                find_chains(doc, self.max_chain, [(start, end) for start, end, _ in ents], looks_inside)
                for doc, ents, looks_inside in zip(docs, kept, inside, strict=True)
            ]
            for batch in batch_chains(docs, chains, len(scheme)):
                padded, lengths = batch.gather(flat), batch.lengths
                spans = scheme.find_spans(viterbi(padded, lengths, scores))
                confidences = [None] * len(spans)
                if self.confidence:
                    probabilities, missed = self._probabilities(padded, lengths, scores, spans)
                    confidences = self._calibrated(probabilities).tolist()
                    for doc, chain, counts in zip(batch.docs, batch.chains, missed.tolist(), strict=True):
                        by_label = dict(zip(scheme.labels, counts, strict=True))
                        found[doc].missed.append(Missed(int(chain[0]), int(chain[-1]) + 1, by_label))
                columns = (spans.rows, spans.starts, spans.ends, spans.labels)
                for row, start, end, label, confidence in zip(*(c.tolist() for c in columns), confidences, strict=True):
                    doc, first, after = batch.locate(row, start, end)
                    found[doc].entities.append(FoundEntity(first, after, scheme.labels[label], confidence))
        for each, before in zip(found, kept, strict=True):
            taken = {i for start, end, _ in before for i in range(start, end)}
            free = [entity for entity in each.entities if taken.isdisjoint(range(entity.start, entity.end))]
            each.entities = sorted(free, key=lambda entity: entity.start)
        return found

    def _chain_scores(self) -> ChainScores:
        """The learned transitions, with what the scheme forbids made impossible."""
        parameters = [torch.from_dlpack(self.model.get_param(name)) for name in ("transitions", "begin", "end")]
        masks = [torch.from_numpy(mask).to(p.device) for mask, p in zip(self.scheme.allowed(), parameters, strict=True)]
        return ChainScores(*(p.masked_fill(~mask, IMPOSSIBLE) for p, mask in zip(parameters, masks, strict=True)))

    def _probabilities(
        self, emissions: Tensor, lengths: Ints, scores: ChainScores, spans: Spans
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How sure the model is of the spans of its best sequences, and how many entities are not among them.

        An entity is right with its span's marginal probability, and expectations add up: of all entities that are
        expected, those that are no found span are missed.

        RETURNS (tuple): Probability of each span, by the temperature. Entities of each label that are expected to be
            missed. Shapes: (n_spans,), (N, n_labels)
        """
        heat = 1.0 / self.cfg["temperature"]
        heated = ChainScores(scores.transitions * heat, scores.begin * heat, scores.end * heat)
        fb = forward_backward(emissions * heat, lengths, heated)
        probabilities = span_marginals(fb, emissions * heat, lengths, heated, self.scheme, spans)
        missed = expected_entities(fb, lengths, self.scheme)
        require_finite(bool(np.isfinite(probabilities).all()), SUBJECT)
        np.subtract.at(missed, (spans.rows, spans.labels), probabilities)
        return probabilities, np.maximum(missed, 0.0)

    def _calibrated(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.cfg["calibration"]:
            return probabilities
        return Calibration.from_dict(self.cfg["calibration"]).apply(probabilities)

    def set_annotations(self, docs: Iterable[Doc], scores: list[Found]) -> None:
        for doc, found in zip(docs, scores, strict=True):
            before = list(doc.ents) if self.keep_entities else []
            blocked = [doc[i : i + 1] for i in blocked_tokens(doc)] if self.keep_entities else []
            if not self.keep_entities:
                clear_confidences(doc)
            spans = [Span(doc, start, end, label=label) for start, end, label, _ in found.entities]
            doc.set_ents([*before, *spans], blocked=blocked, default="outside")
            for span, entity in zip(spans, found.entities, strict=True):
                if entity.confidence is not None:
                    set_confidence(doc, span.start_char, span.end_char, span.label_, entity.confidence)
            for start, end, counts in found.missed:
                chain = doc[start:end]
                set_missed(doc, chain.start_char, chain.end_char, counts)

    def _allowed_around(self, doc: Doc, kept: list[tuple[int, int, str]]) -> NDArray[np.bool_]:
        """Which tags leave the kept entities as they are. Shape: (n_tokens, n_tags)"""
        allowed = np.ones((len(doc), len(self.scheme)), dtype=bool)
        for start, end, label in kept:
            if label in self.labels:
                pin(allowed, self.scheme, doc, start, end, label)
            else:  # a label of somebody else's, or a token that is blocked: nothing of ours may be there
                allowed[start:end, 1:] = False
        return allowed

    # Training

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch. Documents without entity annotation, and tokens without it, are marginalised over."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.update")
        docs = [eg.predicted for eg in examples]
        if not any(len(doc) for doc in docs):
            return losses
        self._require_labels()
        self._reset_calibration()
        set_dropout_rate(self.model, drop)
        emissions, backprop = self.model.begin_update(docs)
        loss, d_emissions, d_scores = self._loss(examples, emissions)
        for name, gradient in d_scores.items():
            self.model.inc_grad(name, gradient)
        backprop(d_emissions)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """RETURNS: Negative log-likelihood per chain, and its gradient by the emissions of each document."""
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.get_loss")
        loss, d_emissions, _ = self._loss(examples, scores)
        return loss, d_emissions

    def _loss(self, examples: list[Example], emissions: list[Floats2d]) -> tuple[float, list[Floats2d], dict[str, Any]]:
        flat = _flatten(self.model.ops, emissions)
        finite = flat.isfinite().all()
        flat = flat.detach().requires_grad_()
        names = ("transitions", "begin", "end")
        parameters = [torch.from_dlpack(self.model.get_param(name)).requires_grad_() for name in names]
        masks = [torch.from_numpy(mask).to(flat.device) for mask in self.scheme.allowed()]
        gold = [self._gold_tags(eg) for eg in examples]
        allowed = torch.cat([torch.from_numpy(mask) for mask, _ in gold]).to(flat.device)
        # Chains whose tags are all missing have a loss of zero and teach nothing.
        chains = [
            [chain for chain in find_chains(eg.predicted, self.max_chain, uncut=spans) if not mask[chain].all()]
            for eg, (mask, spans) in zip(examples, gold, strict=True)
        ]
        n_chains = sum(map(len, chains))
        total = flat.new_zeros(())
        for batch in batch_chains([eg.predicted for eg in examples], chains, len(self.scheme)):
            padded, open_ = batch.gather(flat), batch.gather(allowed)
            scores = ChainScores(*(p.masked_fill(~m, IMPOSSIBLE) for p, m in zip(parameters, masks, strict=True)))
            loss = negative_log_likelihood(padded, open_, batch.lengths, scores).sum() / n_chains
            loss.backward()  # one batch at a time, so that no more than its graph is ever held
            total += loss.detach()
        loss_value, is_finite = torch.stack([total, finite.to(total.dtype)]).tolist()
        require_finite(is_finite and isfinite(loss_value), SUBJECT)
        gradient = torch.zeros_like(flat) if flat.grad is None else flat.grad
        d_emissions = parted(self.model.ops, torch2xp(gradient), [len(e) for e in emissions])
        d_scores = {
            name: torch2xp(torch.zeros_like(p) if p.grad is None else p.grad)
            for name, p in zip(names, parameters, strict=True)
        }
        return loss_value, d_emissions, d_scores

    def _gold_tags(self, eg: Example) -> tuple[NDArray[np.bool_], list[tuple[int, int]]]:
        """Which tags the annotation leaves open, and where its entities are, on the tokens of the predicted Doc.
        What the tokens or the labels of the model cannot express is left open too, with a warning once in a run.

        RETURNS: Shape of the mask: (n_tokens, n_tags)
        """
        scheme = self.scheme
        doc = eg.predicted
        allowed = np.ones((len(doc), len(scheme)), dtype=bool)
        if not eg.reference.has_annotation("ENT_IOB"):
            return allowed, []
        entities, tags = eg.get_aligned_ents_and_ner()
        outside = np.array([tag == "O" for tag in tags], dtype=bool)
        annotated = eg.reference.user_data.get("entity_labels")
        closed = [i > 0 and (annotated is None or tag[2:] in annotated) for i, tag in enumerate(scheme.tags)]
        allowed[np.outer(outside, closed)] = False
        known = [entity for entity in entities if entity.label_ in scheme.labels]
        for entity in entities:
            if entity.label_ not in scheme.labels:
                allowed[entity.start : entity.end] = True
                warnings.warn(
                    f"'{self.name}' does not know the label '{entity.label_}': its entities are treated as missing "
                    "annotation",
                    stacklevel=2,
                )
        if len(entities) < len(eg.reference.ents):
            warnings.warn(f"'{self.name}': entities {MISALIGNED}", stacklevel=2)
        for entity in known:
            pin(allowed, scheme, doc, entity.start, entity.end, entity.label_)
        return allowed, [(entity.start, entity.end) for entity in known]


def _flatten(ops: Ops, emissions: list[Floats2d]) -> Tensor:
    """Emissions of all documents, one after the other, in float32. Shape: (n_tokens, n_tags)"""
    leave_threads_behind()
    # On the device they are on: Thinc's `xp2torch` takes the thread's default, which another thread may not have set.
    return torch.from_dlpack(joined(ops, emissions)).float()
