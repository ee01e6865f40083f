"""`summarizer`: a summary of each document, made of its own sentences."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ...errors import DossierError
from ...models.ranker import is_initialized
from ..reference import PipelineReference
from .budget import SummaryBudget
from .features import SentenceFeatures, sentence_bounds, sentence_features
from .labels import Target, WordTokenizer
from .salience import inclusion, leading
from .select import query_scores
from .signals import GROUPS, DocumentFrequency, centrality_scores, signals
from .store import (
    SUMMARY_KEY,
    SentenceGroup,
    load_sentences,
    register_extensions,
    row_span,
    select_features,
    store_sentences,
)
from .training import Lesson, ReplayBuffer, TargetCache, extract_loss, has_summary, training_bounds

# How to score sentences, and how much redundancy counts unless told; by cross-validation on news.
METHODS = {"trained": 0.2, "centrality": 0.3, "lead": 0.0}
COUNTED = 5000  # articles of the training data that document frequencies are counted in
DEFAULT_CONFIG = Config().from_str(
    """
[summarizer]
method = "trained"
sentences = 3
words = null
characters = null
ratio = null
redundancy = null
cover_entities = false
replay = 32
scorer = {"@scorers":"spacy-dossier.summary_scorer.v1"}

[summarizer.model]
@architectures = "spacy-dossier.SentenceRanker.v1"

[summarizer.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""
)["summarizer"]


# The sentences of a document, their salience (n,), and the signals that speak for each.
Ranking = tuple[SentenceFeatures, NDArray[np.floating], list[dict[str, float]]]


@dataclass
class Prediction:
    """What the model says of one document: its sentences, their salience (n,), the leading signals, the choice."""

    features: SentenceFeatures
    salience: NDArray[np.floating]
    reasons: list[dict[str, float]]
    rows: list[int]


@Language.factory(
    "summarizer",
    assigns=["doc.spans", "doc._.summary", "span._.salience"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"summary_rouge1": 1.0, "summary_rouge2": 0.0, "summary_rougeL": 0.0},
)
def make_summarizer(
    nlp: Language,
    name: str,
    model: Model,
    method: str,
    sentences: int | None,
    words: int | None,
    characters: int | None,
    ratio: float | None,
    redundancy: float | None,
    cover_entities: bool,
    replay: int,
    scorer: Callable | None,
) -> "Summarizer":
    """Construct a summarizer.

    model (Model): `spacy-dossier.SentenceRanker.v1` over any tok2vec layer.
    method (str): "trained" ranks with the trained model; "centrality" and "lead" need no training pairs.
    sentences, words, characters (int | None): Most of each that a summary may hold.
    ratio (float | None): Most sentences of a summary, as a share of the document's.
    redundancy (float | None): Weight of a sentence's similarity to those already chosen, against its salience as a
        share of the document's highest; None is the method's own.
    cover_entities (bool): Name the salient entities if the budget allows.
    replay (int): Documents the ranker learns from at each step of training: those of the batch and others seen before.
    scorer (Callable | None): The scoring method.
    """
    return Summarizer(
        nlp.vocab,
        model,
        name,
        nlp=nlp,
        method=method,
        budget=SummaryBudget(sentences, words, characters, ratio).required(),
        redundancy=redundancy,
        cover_entities=cover_entities,
        replay=replay,
        scorer=scorer,
    )


class Summarizer(TrainablePipe):
    """Chooses the sentences that summarize a document, and says how salient each sentence is.

    Trained on pairs of article and summary: documents whose reference has `user_data["summary_reference"]`; others are
    left out of its loss. It writes `doc.spans["summary"]`, `Span._.salience`, `Span._.salience_reason`, and what
    `doc._.summary` and `doc._.summarize` read.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "summarizer",
        *,
        nlp: Language | None = None,
        method: str = "trained",
        budget: SummaryBudget = SummaryBudget(sentences=3),
        redundancy: float | None = None,
        cover_entities: bool = False,
        replay: int = 32,
        scorer: Callable | None = None,
    ) -> None:
        if method not in METHODS:
            raise DossierError("unknown summary method", value=method, remedy=f"Choose one of {', '.join(METHODS)}")
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.budget = budget
        self.method = method
        self.redundancy = METHODS[method] if redundancy is None else redundancy
        self.cover_entities = cover_entities
        self.cfg: dict[str, Any] = {}
        self._pipeline = PipelineReference(nlp)
        self.replay = replay
        self._buffer = ReplayBuffer()
        self._targets = TargetCache(WordTokenizer(vocab.lang))
        register_extensions()

    # Inference

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """Rank the sentences of each document and choose those of its summary.

        docs (Iterable[Doc]): The documents, after the encoder.
        RETURNS (list[Prediction]): One for each.
        """
        predictions = []
        all_features = self._encode(list(docs))
        for features, scores, reasons in self._rank(all_features):
            rows = select_features(features, scores, self.budget, self.redundancy, self.cover_entities)
            predictions.append(Prediction(features, scores, reasons, rows))
        return predictions

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write summary, salience, reasons and compact vectors to the documents.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): What `predict` returned for them.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            store_sentences(doc, prediction.features, prediction.salience, prediction.reasons)
            spans = [row_span(doc, prediction.features, row) for row in prediction.rows]
            attrs = {
                "characters": [[span.start_char, span.end_char] for span in spans],
                "scores": [float(prediction.salience[row]) for row in prediction.rows],
                "redundancy": self.redundancy,
                "cover_entities": self.cover_entities,
            }
            doc.spans[SUMMARY_KEY] = SentenceGroup(doc, name=SUMMARY_KEY, attrs=attrs, spans=spans)

    def features(self, doc: Doc) -> SentenceFeatures:
        """Collect what `select` needs of a document, or of one section of a long one.

        doc (Doc): The document, after the encoder, or any document this component has been over.
        RETURNS (SentenceFeatures): Its sentences; picklable, joined with those of other sections by
            `SentenceFeatures.concat`.
        """
        loaded = load_sentences(doc)
        return self._encode([doc])[0] if loaded is None else loaded[0]

    def select(
        self,
        features: SentenceFeatures,
        *,
        sentences: int | None = None,
        words: int | None = None,
        characters: int | None = None,
        ratio: float | None = None,
        redundancy: float | None = None,
        cover_entities: bool | None = None,
        query: str | None = None,
    ) -> list[tuple[int, int, float]]:
        """Rank the sentences of a whole document, and choose those of its summary.

        features (SentenceFeatures): The document's sentences.
        sentences, words, characters, ratio: The budget; the component's own if none is given.
        redundancy (float | None), cover_entities (bool | None): In place of the component's settings.
        query (str | None): Prefer sentences about this.
        RETURNS (list[tuple[int, int, float]]): First character, the character after the last, and salience of each
            chosen sentence, in document order.
        """
        salience = self.salience(features)
        rows = self._select(
            features, salience, (sentences, words, characters, ratio), redundancy, cover_entities, query
        )
        return [(int(features.starts[row]), int(features.ends[row]), float(salience[row])) for row in rows]

    def summarize(
        self,
        doc: Doc,
        *,
        sentences: int | None = None,
        words: int | None = None,
        characters: int | None = None,
        ratio: float | None = None,
        redundancy: float | None = None,
        cover_entities: bool | None = None,
        query: str | None = None,
    ) -> list[Span]:
        """Summarize a document again, with another budget or in view of a query.

        doc (Doc): A document this component has been over; it may have been stored and loaded since.
        sentences, words, characters, ratio: The budget; the component's own if none is given.
        redundancy (float | None), cover_entities (bool | None): In place of the component's settings.
        query (str | None): Prefer sentences about this. The encoder runs on the query only.
        RETURNS (list[Span]): The sentences in document order.
        """
        loaded = load_sentences(doc)
        if loaded is None:
            features = self._encode([doc])[0]
            salience = self.salience(features)
        else:
            features, salience = loaded
        rows = self._select(
            features, salience, (sentences, words, characters, ratio), redundancy, cover_entities, query
        )
        return [row_span(doc, features, row) for row in rows]

    def salience(self, features: SentenceFeatures) -> NDArray[np.floating]:
        """RETURNS (NDArray): How salient each sentence is, in [0, 1], (n,)."""
        return self._rank([features], explain=False)[0][1]

    def _select(
        self,
        features: SentenceFeatures,
        salience: NDArray[np.floating],
        limits: tuple[int | None, int | None, int | None, float | None],
        redundancy: float | None,
        cover_entities: bool | None,
        query: str | None,
    ) -> list[int]:
        budget = self.budget if all(limit is None for limit in limits) else SummaryBudget(*limits)
        scores = salience
        if query is not None and len(features):
            asked = self._encode_query(query)
            similarity = features.vectors @ asked.vectors.astype(np.float32).sum(axis=0)
            shared = features.share_of(asked.words)
            scores = query_scores(salience, similarity, shared)
        return select_features(
            features,
            scores,
            budget,
            self.redundancy if redundancy is None else redundancy,
            self.cover_entities if cover_entities is None else cover_entities,
        )

    def _encode_query(self, query: str) -> SentenceFeatures:
        nlp = self._pipeline.get()
        if nlp is None:
            raise DossierError(
                "a query needs the pipeline that the summarizer is in", remedy='Take it from nlp.get_pipe("summarizer")'
            )
        doc = nlp.make_doc(query)
        if not len(doc):
            raise DossierError("the query is empty")
        for _, pipe in nlp.pipeline:
            if self.name in getattr(pipe, "listening_components", []):
                doc = pipe(doc)
        return self._encode([doc])[0]

    def _encode(self, docs: list[Doc]) -> list[SentenceFeatures]:
        """Pool the token vectors of the documents' sentences."""
        if not any(len(doc) for doc in docs):
            return [sentence_features(doc, sentence_bounds(doc), np.zeros((0, 0), dtype=np.float32)) for doc in docs]
        bounds = [sentence_bounds(doc) for doc in docs]
        encoder = self.model.get_ref("encoder")
        vectors = encoder.predict((docs, bounds))
        to_numpy = encoder.ops.to_numpy
        return [sentence_features(doc, b, to_numpy(v)) for doc, b, v in zip(docs, bounds, vectors, strict=True)]

    def _rank(self, all_features: list[SentenceFeatures], explain: bool = True) -> list[Ranking]:
        """Salience of each sentence, and the signals that speak for it."""
        if self.method == "lead":
            results: list[Ranking] = []
            for features in all_features:
                n = len(features)
                salience = (n - np.arange(n)) / max(n, 1)
                results.append((features, salience, [{"position": float(value)} for value in salience]))
            return results
        if self.method == "centrality":
            return [(f, *centrality_scores(f)) for f in all_features]
        self._require_trained()
        filled = [f for f in all_features if len(f)]
        ranked = iter(self._rank_trained(filled, explain)) if filled else iter(())
        empty = np.zeros(0, dtype=np.float32)
        return [(f, *next(ranked)) if len(f) else (f, empty, []) for f in all_features]

    def _rank_trained(
        self, all_features: list[SentenceFeatures], explain: bool
    ) -> list[tuple[NDArray[np.floating], list[dict[str, float]]]]:
        ranker = self.model.get_ref("ranker")
        xp = ranker.ops.xp
        vectors = [xp.asarray(f.vectors, dtype="f") for f in all_features]
        all_signals = [signals(f, self.frequency) for f in all_features]
        logits = self._logits(vectors, all_signals)
        reasons = self._explain(vectors, all_signals, logits) if explain else [[{}] * len(x) for x in logits]
        return [(inclusion(x), why) for x, why in zip(logits, reasons, strict=True)]

    def _explain(
        self, vectors: list[Any], all_signals: list[NDArray[np.float32]], logits: list[NDArray[np.floating]]
    ) -> list[list[dict[str, float]]]:
        """How much lower each sentence's logit would be were it average for its document in one group of signals; the
        groups that speak for it most."""
        drops: dict[str, list[NDArray[np.floating]]] = {}
        for group, columns in GROUPS.items():
            plain = [s.copy() for s in all_signals]
            for s in plain:
                s[:, columns] = s[:, columns].mean(axis=0)
            drops[group] = [x - y for x, y in zip(logits, self._logits(vectors, plain), strict=True)]
        average = [v.mean(axis=0, keepdims=True).repeat(len(v), axis=0) for v in vectors]
        drops["content"] = [x - y for x, y in zip(logits, self._logits(average, all_signals), strict=True)]
        return [leading({group: drop[i] for group, drop in drops.items()}) for i in range(len(logits))]

    def _logits(self, vectors: list[Any], all_signals: list[NDArray[np.float32]]) -> list[NDArray[np.floating]]:
        ranker = self.model.get_ref("ranker")
        return [ranker.ops.to_numpy(x)[:, -1] for x in ranker.predict((vectors, all_signals))]

    @property
    def frequency(self) -> DocumentFrequency:
        """How common words are in the articles of the training data; saved with the model."""
        return self.model.get_ref("ranker").attrs["frequency"]

    def _require_trained(self) -> None:
        if not is_initialized(self.model.get_ref("ranker")):
            raise ValueError(Errors.E109.format(name=self.name))

    # Training

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None) -> None:
        """Allocate the weights, and count in how many articles each word is.

        get_examples (Callable[[], Iterable[Example]]): The training data. With the method "trained" at least one
            document must have a reference summary.
        nlp (Language | None): The pipeline.
        RAISES (DossierError): Without any reference summary.
        """
        validate_get_examples(get_examples, "Summarizer.initialize")
        self._buffer, self._targets = ReplayBuffer(), TargetCache(WordTokenizer(self.vocab.lang))
        frequency = self.model.get_ref("ranker").attrs["frequency"] = DocumentFrequency()
        if self.method == "trained":
            sample: list[Example] = []
            for eg in islice((eg for eg in get_examples() if has_summary(eg)), COUNTED):
                bounds = training_bounds(eg)
                frequency.add(sentence_features(eg.predicted, bounds, np.zeros((len(bounds), 0), dtype="f")).words)
                sample = sample or [eg]
            if not sample:
                raise DossierError(
                    f"the training data of '{self.name}' has no reference summaries",
                    remedy="Make some with `dossier pairs`, or set [components.summarizer] method to "
                    "'centrality' or 'lead', which need none",
                )
        else:
            sample = list(islice(get_examples(), 1))
        docs = [eg.predicted for eg in sample]
        self.model.initialize(X=(docs, [training_bounds(eg) for eg in sample]))

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from the documents of a batch that have a reference summary.

        examples (Iterable[Example]): The batch. A listener needs all of it; documents without a summary pass a
            gradient of zero on.
        drop (float): Dropout rate; the model's own is set in its architecture.
        sgd (Optimizer | None): The optimizer.
        losses (dict[str, float] | None): Updated under the component's name.
        RETURNS (dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "Summarizer.update")
        if not any(len(eg.predicted) for eg in examples):
            return losses
        set_dropout_rate(self.model, drop)
        encoder, ranker = self.model.get_ref("encoder"), self.model.get_ref("ranker")
        docs = [eg.predicted for eg in examples]
        bounds = [training_bounds(eg) for eg in examples]
        vectors, backprop_encoder = encoder.begin_update((docs, bounds))
        d_vectors = [encoder.ops.alloc2f(*v.shape) for v in vectors]
        taught = [i for i, eg in enumerate(examples) if self.method == "trained" and len(bounds[i]) and has_summary(eg)]
        if taught:
            losses[self.name] += self._update_ranker(ranker, examples, bounds, vectors, d_vectors, taught)
        backprop_encoder(d_vectors)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def _update_ranker(
        self,
        ranker: Model,
        examples: list[Example],
        bounds: list[Any],
        vectors: list[Floats2d],
        d_vectors: list[Floats2d],
        taught: list[int],
    ) -> float:
        """Accumulate the ranker's gradients over the batch and documents seen before, and write those of the batch's
        vectors into d_vectors."""
        ops = ranker.ops
        norms = [ops.xp.linalg.norm(vectors[i], axis=1, keepdims=True).clip(1e-6) for i in taught]
        fresh = []
        for i, norm in zip(taught, norms, strict=True):
            unit = vectors[i] / norm
            features = sentence_features(examples[i].predicted, bounds[i], ops.to_numpy(unit))
            fresh.append(
                Lesson(unit, signals(features, self.frequency, counted=True), self._targets.get(examples[i], bounds[i]))
            )
        lessons = fresh + self._buffer.draw(self.replay - len(fresh))
        for i, lesson in zip(taught, fresh, strict=True):
            self._buffer.keep(examples[i].reference.text, lesson, ops.to_numpy)
        xp = ops.xp
        logits, backprop = ranker.begin_update(
            ([xp.asarray(lesson.vectors, dtype="f") for lesson in lessons], [lesson.signals for lesson in lessons])
        )
        loss, d_logits = self._loss([lesson.target for lesson in lessons], logits)
        for i, lesson, norm, d_unit in zip(taught, fresh, norms, backprop(d_logits), strict=False):
            # Through the scaling to length 1: only what is at right angles to the vector changes it.
            unit = lesson.vectors
            d_vectors[i] += (d_unit - unit * (d_unit * unit).sum(axis=1, keepdims=True)) / norm
        return loss

    def get_loss(self, examples: Iterable[Example], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """See `extract_loss`.

        examples (Iterable[Example]): The batch; documents without a reference summary teach nothing.
        scores (list[Floats2d]): Logits of the sentences of each, (n, members + 1).
        RETURNS (tuple[float, list[Floats2d]]): The mean loss of a document that teaches, and the gradients.
        """
        examples = list(examples)
        validate_examples(examples, "Summarizer.get_loss")
        targets = [self._targets.get(eg, training_bounds(eg)) if has_summary(eg) else None for eg in examples]
        return self._loss(targets, scores)

    def _loss(self, targets: list[Target | None], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        ops = self.model.ops
        count = max(sum(target is not None for target in targets), 1)
        loss = 0.0
        gradients = []
        for target, logits in zip(targets, scores, strict=True):
            if target is None:
                gradients.append(ops.alloc2f(*logits.shape))
                continue
            one, gradient = extract_loss(ops.to_numpy(logits), target, self._buffer.rng)
            loss += one
            gradients.append(ops.asarray(gradient / count, dtype="f"))
        return loss / count, gradients
