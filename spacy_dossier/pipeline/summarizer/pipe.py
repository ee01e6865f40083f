"""The pipe that summarizes each document by its own sentences."""

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
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ...errors import DossierError
from ...models.ranker import is_initialized
from ..errors import ErrorsApart
from ..listeners import require_vectors, require_widths
from ..reference import PipelineReference
from .budget import SummaryBudget
from .features import SentenceFeatures, sentence_bounds, sentence_features
from .labels import WordTokenizer
from .names import REFERENCE, SUMMARY_GROUP
from .salience import explain_trained, frequency_of, rank_trained
from .select import query_scores
from .signals import DocumentFrequency, centrality_scores
from .store import (
    SentenceGroup,
    load_sentences,
    register_extensions,
    row_span,
    select_features,
    store_reasons,
    store_sentences,
)
from .training import RankerTraining, has_summary, training_bounds

# How to score sentences, and how much redundancy counts unless told; by cross-validation on news.
METHODS = {"trained": 0.2, "centrality": 0.3, "lead": 0.0}
SENTENCES = 3  # of a summary whose length is neither set nor learnt
COUNTED = 5000  # articles of the training data that document frequencies, and the length of summaries, are counted in


@dataclass
class DocumentSummary:
    """What the model says of one document: its sentences, their salience (n,), the rows of its summary."""

    features: SentenceFeatures
    salience: NDArray[np.floating]
    rows: list[int]


class Summarizer(ErrorsApart, TrainablePipe):
    """Chooses the sentences that summarize a document, and says how salient each sentence is.

    Trained on pairs of article and summary: documents whose reference has `user_data["summary_reference"]`; others are
    left out of its loss. It writes `doc.spans["summary"]` and `Span._.salience`, and what `doc._.summary` and
    `doc._.summarize` read.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "summarizer",
        *,
        nlp: Language | None = None,
        method: str = "trained",
        budget: SummaryBudget = SummaryBudget(),
        redundancy: float | None = None,
        cover_entities: bool = False,
        replay: int = 32,
        scorer: Callable | None = None,
    ) -> None:
        if method not in METHODS:
            raise DossierError("unknown summary method", value=method, remedy=f"Choose one of {', '.join(METHODS)}")
        for setting, value in (("redundancy", redundancy), ("replay", replay)):
            if value is not None and not 0 <= value < np.inf:
                raise DossierError(f"the summarizer's '{setting}' is 0 at least", value=value)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._budget = budget
        self.method = method
        self.redundancy = METHODS[method] if redundancy is None else redundancy
        self.cover_entities = cover_entities
        self.cfg: dict[str, Any] = {}
        self._pipeline = PipelineReference(nlp)
        self.replay = replay
        self._training = self._new_training()
        register_extensions()

    @property
    def budget(self) -> SummaryBudget:
        """How much a summary may hold: what is set, or else as many sentences as training has learnt."""
        return self._budget if self._budget.given else SummaryBudget(sentences=self.cfg.get("sentences", SENTENCES))

    # Inference

    def predict(self, docs: Iterable[Doc]) -> list[DocumentSummary]:
        """Rank the sentences of each document and choose those of its summary.

        docs (Iterable[Doc]): The documents, after the encoder.
        RETURNS (list[DocumentSummary]): One for each.
        """
        documents = self._encode(list(docs))
        return [
            DocumentSummary(
                features,
                salience,
                select_features(features, salience, self.budget, self.redundancy, self.cover_entities),
            )
            for features, salience in zip(documents, self._salience(documents), strict=True)
        ]

    def set_annotations(self, docs: Iterable[Doc], predictions: list[DocumentSummary]) -> None:
        """Write summary, salience and compact vectors to the documents.

        docs (Iterable[Doc]): The documents.
        predictions (list[DocumentSummary]): What `predict` returned for them.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            store_sentences(doc, prediction.features, prediction.salience)
            spans = [row_span(doc, prediction.features, row) for row in prediction.rows]
            attrs = {
                "characters": [[span.start_char, span.end_char] for span in spans],
                "scores": [float(prediction.salience[row]) for row in prediction.rows],
                "redundancy": self.redundancy,
                "cover_entities": self.cover_entities,
            }
            doc.spans[SUMMARY_GROUP] = SentenceGroup(doc, name=SUMMARY_GROUP, attrs=attrs, spans=spans)

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
        return self._salience([features])[0]

    def explain(self, doc: Doc) -> list[dict[str, float]]:
        """Find which signals speak for each sentence, and write it to the document, for `Span._.salience_reason`.

        doc (Doc): A document this component has been over; it may have been stored and loaded since.
        RETURNS (list[dict[str, float]]): The leading signals of each sentence with their weight, strongest first.
        RAISES (DossierError): No summarizer has been over the document.
        """
        loaded = load_sentences(doc)
        if loaded is None:
            raise DossierError("there is nothing to explain", remedy="Run the pipeline over the document first")
        features, salience = loaded
        ranked = features.ranked()
        part = features.take(ranked)
        if self.method == "lead":
            found = [{"position": float(value)} for value in salience[ranked]]
        elif self.method == "centrality":
            found = centrality_scores(part)[1]
        else:
            found = explain_trained(self.model.get_ref("ranker"), part)
        reasons: list[dict[str, float]] = [{} for _ in ranked]
        for row, reason in zip(np.flatnonzero(ranked).tolist(), found, strict=True):
            reasons[row] = reason
        store_reasons(doc, reasons)
        return reasons

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
        require_vectors(self, [doc for doc, found in zip(docs, bounds, strict=True) if len(found)])
        encoder = self.model.get_ref("encoder")
        # Fetched at once: on a GPU the host waits for each array that it reads.
        flat = encoder.ops.to_numpy(encoder.ops.xp.concatenate(encoder.predict((docs, bounds))))
        vectors = np.split(flat, np.cumsum([len(found) for found in bounds])[:-1])
        return list(map(sentence_features, docs, bounds, vectors))

    def _salience(self, documents: list[SentenceFeatures]) -> list[NDArray[np.floating]]:
        ranked = [features.ranked() for features in documents]
        scores = self._scores([features.take(rows) for features, rows in zip(documents, ranked, strict=True)])
        salience: list[NDArray[np.floating]] = [np.zeros(len(f)) for f in documents]  # 0 for what is not ranked
        for whole, rows, part in zip(salience, ranked, scores, strict=True):
            whole[rows] = part
        return salience

    def _scores(self, documents: list[SentenceFeatures]) -> list[NDArray[np.floating]]:
        if self.method == "lead":
            return [(len(f) - np.arange(len(f))) / max(len(f), 1) for f in documents]
        if self.method == "centrality":
            return [centrality_scores(f)[0] for f in documents]
        self._require_trained()
        return rank_trained(self.model.get_ref("ranker"), documents)

    @property
    def frequency(self) -> DocumentFrequency:
        """How common words are in the articles of the training data; saved with the model."""
        return frequency_of(self.model.get_ref("ranker"))

    def _require_trained(self) -> None:
        if not is_initialized(self.model.get_ref("ranker")):
            raise ValueError(Errors.E109.format(name=self.name))

    # Training

    def _new_training(self) -> RankerTraining:
        return RankerTraining(WordTokenizer(self.vocab.lang), self.replay)

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None) -> None:
        """Allocate the weights, and count in how many articles each word is. Without a budget, learn how many sentences
        a summary has: as many as have the characters of a reference, by their means.

        get_examples (Callable[[], Iterable[Example]]): The training data. With the method "trained" at least one
            document must have a reference summary.
        nlp (Language | None): The pipeline.
        RAISES (DossierError): Without any reference summary.
        """
        validate_get_examples(get_examples, "Summarizer.initialize")
        require_widths(self)
        self._training = self._new_training()
        self.cfg.pop("sentences", None)
        frequency = self.model.get_ref("ranker").attrs["frequency"] = DocumentFrequency()
        if self.method == "trained":
            sample: list[Example] = []
            asked: list[int] = []  # characters of each reference
            lengths: list[NDArray[np.integer]] = []  # characters of the sentences of each article
            for eg in islice((eg for eg in get_examples() if has_summary(eg)), COUNTED):
                bounds = training_bounds(eg)
                features = sentence_features(eg.predicted, bounds, np.zeros((len(bounds), 0), dtype="f"))
                frequency.add(features.words)
                asked.append(len(eg.reference.user_data[REFERENCE]))
                lengths.append(features.ends - features.starts)
                sample = sample or [eg]
            if not sample:
                raise DossierError(
                    f"the training data of '{self.name}' has no reference summaries",
                    remedy="Make some with `dossier pairs`, or set [components.summarizer] method to "
                    "'centrality' or 'lead', which need none",
                )
            characters = np.concatenate(lengths)
            if len(characters):
                self.cfg["sentences"] = max(1, round(float(np.mean(asked) / characters.mean())))
        else:
            sample = list(islice((eg for eg in get_examples() if len(eg.predicted)), 1))
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
            batch = [[items[i] for i in taught] for items in (examples, bounds, vectors)]
            loss, gradients = self._training.update(ranker, *batch)
            losses[self.name] += loss
            for i, gradient in zip(taught, gradients, strict=True):
                d_vectors[i] += gradient
        backprop_encoder(d_vectors)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, examples: Iterable[Example], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """See `extract_loss`.

        examples (Iterable[Example]): The batch; documents without a reference summary teach nothing.
        scores (list[Floats2d]): Logits of the sentences of each, (n, members + 1).
        RETURNS (tuple[float, list[Floats2d]]): The mean loss of a document that teaches, and the gradients.
        """
        examples = list(examples)
        validate_examples(examples, "Summarizer.get_loss")
        known = self._training.targets
        targets = [known.get(eg, training_bounds(eg)) if has_summary(eg) else None for eg in examples]
        return self._training.loss(self.model.ops, targets, scores)
