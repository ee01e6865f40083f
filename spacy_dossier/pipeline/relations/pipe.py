"""The pipe that finds relations between the entities of a document."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer
from thinc.types import Floats2d

from ...errors import DossierError
from ...models.arrays import Ints
from ...models.calibration import Calibration, sigmoid
from ...models.relations import RelationInput, network_of, resize
from ..errors import ErrorsApart, require_finite
from ..extensions import Relation, entity_confidences, register_confidence, register_relations, set_relations
from ..listeners import require_vectors, require_widths
from .annotation import Annotation, annotated
from .candidates import NEAREST, Candidates, Entity, Window, find_candidates, join_pairs

SUBJECT = "relation extractor"
Found = list[tuple[int, int, str, float]]


class RelationExtractor(ErrorsApart, TrainablePipe):
    """Relations between the entities that a document has, each with the probability that it is right.

    A relation is right where both of its entities are, so its probability is that of the pair times the confidences of
    the entities that have one, sharpened or flattened by a map that `calibrate` fits.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "relation_extractor",
        *,
        max_tokens: int = 100,
        max_sentences: int | None = None,
        symmetric: Sequence[str] = (),
        threshold: float = 0.4,
        scorer: Callable | None = None,
    ) -> None:
        for setting, value, least in (("max_tokens", max_tokens, 0), ("max_sentences", max_sentences, 0)):
            if value is not None and value < least:
                raise DossierError(f"the relation extractor's '{setting}' is {least} at least", value=value)
        if not 0 < threshold < 1:
            raise DossierError("the relation extractor's 'threshold' is between 0 and 1", value=threshold)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.window = Window(max_tokens, max_sentences)
        self.symmetric = frozenset(symmetric)
        self.threshold = threshold
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "types": [], "typed": {}}
        self._reset_calibration()
        register_confidence()
        register_relations()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> dict[str, list[list[str]]]:
        """What `spacy init labels` writes and `initialize` reads back: the types of head and tail of each label."""
        return {label: [list(types) for types in self.cfg["typed"][label]] for label in self.labels}

    def add_label(self, label: str, types: Iterable[Sequence[str]] = ()) -> int:
        """RETURNS (int): 1 if the label is new, else 0. A trained model keeps what it knows.

        types (Iterable[Sequence[str]]): The types of head and tail between which it may be.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        is_new = label not in self.labels
        typed = {name: list(pairs) for name, pairs in self.cfg["typed"].items()}
        known = typed.setdefault(label, [])
        known += [list(pair) for pair in types if list(pair) not in known]
        names = list(dict.fromkeys([*self.cfg["types"], *(name for pair in known for name in pair)]))
        self.cfg.update(labels=[*self.labels, label] if is_new else list(self.labels), types=names, typed=typed)
        if width := network_of(self.model).width:
            resize(self.model, width, len(names), len(self.labels), keep=True)
        self.vocab.strings.add(label)
        return int(is_new)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, list[list[str]]] | None = None,
    ) -> None:
        """Find the labels and the types that each relates, unless they are given, and allocate the weights.

        RAISES (DossierError): The training data has no relations.
        """
        validate_get_examples(get_examples, "RelationExtractor.initialize")
        require_widths(self)
        if labels is None:
            labels = self._survey(get_examples())
        for label, types in labels.items():
            self.add_label(label, types)
        if not self.labels:
            raise DossierError(
                f"the training data of '{self.name}' has no relations",
                remedy=f"Give a corpus with relations, or [initialize.components.{self.name}] labels",
            )
        docs = list(islice((eg.predicted for eg in get_examples() if len(eg.predicted)), 10))
        self.model.initialize(X=self._input(docs, [[] for _ in docs], [no_rows() for _ in docs]))
        width = max(len(vector) for vectors in self.model.get_ref("tok2vec").predict(docs) for vector in vectors[:1])
        resize(self.model, width, len(self.cfg["types"]), len(self.labels), keep=False)
        self._reset_calibration()

    def _survey(self, examples: Iterable[Example]) -> dict[str, list[list[str]]]:
        """RETURNS (dict): The types of head and tail of each label. Warns of what cannot be learnt."""
        types: dict[str, set[tuple[str, str]]] = {}
        counts: Counter[str] = Counter()
        for eg in examples:
            annotation = annotated(eg)
            counts["total"] += annotation.total
            counts["ends"] += annotation.total - len(annotation.relations)
            pairs, far = self._labelled(eg.predicted, annotation)
            counts["far"] += far
            for head, tail, label in pairs:
                entities = annotation.entities[head].label, annotation.entities[tail].label
                types.setdefault(label, set()).add(entities)
                eg.predicted.vocab.strings.add(label)
        for kind, reason in (
            ("ends", "have a head or tail that is no entity of the pipeline's tokens; they are left out"),
            ("far", "are between entities further apart than the window, and will not be found"),
        ):
            if counts[kind]:
                warnings.warn(f"'{self.name}': {counts[kind]} of {counts['total']} relations {reason}", stacklevel=3)
        return {label: [list(pair) for pair in sorted(types[label])] for label in sorted(types)}

    def _labelled(self, doc: Doc, annotation: Annotation) -> tuple[list[tuple[int, int, str]], int]:
        """RETURNS (tuple): Relations within the window, those of symmetric labels both ways, and how many are not."""
        sentence = annotation.sentence
        found, far = [], 0
        for head, tail, label in annotation.relations:
            first, second = sorted((annotation.entities[head], annotation.entities[tail]), key=lambda e: e.start)
            apart = 0 if sentence is None else int(sentence[second.start] - sentence[first.start])
            within = self.window.sentences is None or apart <= self.window.sentences
            if not within or second.start - first.end > self.window.tokens:
                far += 1
                continue
            found += [(head, tail, label)] + ([(tail, head, label)] if label in self.symmetric else [])
        return found, far

    def _reset_calibration(self) -> None:
        self.cfg.update(calibration=None, threshold_for_precision=None)

    # Inference

    def predict(self, docs: Iterable[Doc]) -> list[Found]:
        """RETURNS (list): Of each document head and tail, as numbers of its entities, label and probability."""
        docs = list(docs)
        if not any(len(doc.ents) for doc in docs):
            return [[] for _ in docs]
        self._require_labels()
        require_vectors(self, docs)
        entities = [[Entity(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]
        allowed = self._table()
        rows = [
            self._candidates(found, sentence_numbers_of(doc), allowed).rows
            for doc, found in zip(docs, entities, strict=True)
        ]
        logits = self.model.predict(self._input(docs, entities, rows))
        probabilities = sigmoid(self.model.ops.to_numpy(logits).astype(np.float64)) * self._allowed(
            entities, rows, allowed
        )
        require_finite(np.isfinite(probabilities).all(), SUBJECT)
        parts = np.split(probabilities, np.cumsum([len(pairs) for pairs in rows])[:-1])
        return [self._choose(doc, pairs, part) for doc, pairs, part in zip(docs, rows, parts, strict=True)]

    def _require_labels(self) -> None:
        if not self.labels or not network_of(self.model).width:
            raise ValueError(Errors.E109.format(name=self.name))

    def _candidates(self, entities: Sequence[Entity], sentence: Ints | None, allowed: NDArray[np.bool_]) -> Candidates:
        found = find_candidates(entities, np.asarray(allowed.any(axis=2)), self._numbers(), self.window, sentence)
        if found.left_out:
            warnings.warn(
                f"'{self.name}': a document has so many entities together that each is paired with its nearest "
                f"{NEAREST} on either side only",
                stacklevel=2,
            )
        return found

    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.cfg["types"], start=1)}

    def _types(self, label: str) -> list[list[str]]:
        """RETURNS (list[list[str]]): Of head and tail; both ways for a symmetric label."""
        types = self.cfg["typed"][label]
        return [*types, *([tail, head] for head, tail in types)] if label in self.symmetric else types

    def _table(self) -> NDArray[np.bool_]:
        """RETURNS (NDArray): Whether a label may be from one type to another.
        Shape: (n_types + 1, n_types + 1, n_labels)
        """
        numbers = self._numbers()
        table = np.zeros((len(numbers) + 1, len(numbers) + 1, len(self.labels)), dtype=bool)
        for column, label in enumerate(self.labels):
            for head, tail in self._types(label):
                table[numbers[head], numbers[tail], column] = True
        return table

    def _allowed(
        self, entities: Sequence[Sequence[Entity]], rows: Sequence[Ints], table: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """RETURNS (NDArray): Whether a label may be between entities of these types. Shape: (n_pairs, n_labels)"""
        numbers = self._numbers()
        types = [np.array([numbers.get(e.label, 0) for e in found], dtype=np.int64) for found in entities]
        pairs = np.concatenate([kinds[row] for kinds, row in zip(types, rows, strict=True)])
        return table[pairs[:, 0], pairs[:, 1]]

    def _choose(self, doc: Doc, rows: Ints, probabilities: NDArray[np.float64]) -> Found:
        """The relations above the threshold; of a symmetric one the way of the text."""
        sure = np.array([1.0 if value is None else value for value in entity_confidences(doc)])
        scores = probabilities * (sure[rows[:, 0]] * sure[rows[:, 1]])[:, None]
        for column, label in enumerate(self.labels):
            if label in self.symmetric:
                scores[rows[:, 0] > rows[:, 1], column] = 0.0
        chosen = np.argwhere(scores >= self.threshold)
        values = scores[chosen[:, 0], chosen[:, 1]]
        if self.cfg["calibration"]:
            values = Calibration.from_dict(self.cfg["calibration"]).apply(values)
        return [
            (int(rows[pair, 0]), int(rows[pair, 1]), self.labels[label], value)
            for (pair, label), value in zip(chosen.tolist(), values.tolist(), strict=True)
        ]

    def set_annotations(self, docs: Iterable[Doc], scores: list[Found]) -> None:
        for doc, found in zip(docs, scores, strict=True):
            ents = doc.ents
            set_relations(doc, [Relation(ents[head], ents[tail], label, value) for head, tail, label, value in found])

    def _input(self, docs: list[Doc], entities: Sequence[Sequence[Entity]], rows: Sequence[Ints]) -> RelationInput:
        return docs, join_pairs(map(len, docs), entities, rows, self._numbers())

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        return super().score(examples, symmetric=self.symmetric, **kwargs)

    # Training

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch: all pairs that could be related and are not annotated so have no relation. Among the
        entities are those that an annotating recogniser before it finds; where they are wrong, they have none.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "RelationExtractor.update")
        if not any(len(eg.predicted) for eg in examples):
            return losses
        self._require_labels()
        self._reset_calibration()
        allowed = self._table()
        lessons = [self._lesson(eg, allowed) for eg in examples]
        docs = [eg.predicted for eg in examples]
        entities, rows, targets, weights = map(list, zip(*lessons, strict=True))
        logits, backprop = self.model.begin_update(self._input(docs, entities, rows))
        loss, d_logits = self._loss(logits, np.concatenate(targets), np.concatenate(weights))
        backprop(d_logits)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def _lesson(self, eg: Example, allowed: NDArray[np.bool_]) -> tuple[list[Entity], Ints, Floats2d, Floats2d]:
        """RETURNS (tuple): The entities of a document, its pairs, whether a label is right for a pair, and its weight,
        0 where the annotation does not say. Shape of both: (n_pairs, n_labels)
        """
        annotation = annotated(eg)
        n_labels = len(self.labels)
        if annotation.labels is None:
            return [], no_rows(), np.zeros((0, n_labels), dtype="f"), np.zeros((0, n_labels), dtype="f")
        entities = annotation.with_found(Entity(ent.start, ent.end, ent.label_) for ent in eg.predicted.ents)
        rows = self._candidates(entities, annotation.sentence, allowed).rows
        number = {entity: index for index, entity in enumerate(entities)}
        place = {(head, tail): row for row, (head, tail) in enumerate(rows.tolist())}
        targets = np.zeros((len(rows), n_labels), dtype="f")
        weights = self._allowed([entities], [rows], allowed).astype("f")
        weights *= np.array([label in annotation.labels for label in self.labels], dtype="f")
        for head, tail, label in self._labelled(eg.predicted, annotation)[0]:
            row = place.get((number[annotation.entities[head]], number[annotation.entities[tail]]))
            if label not in self.labels:
                warnings.warn(
                    f"'{self.name}' does not know the label '{label}': its relations are left out", stacklevel=2
                )
            elif row is not None:
                targets[row, self.labels.index(label)] = 1.0
        return entities, rows, targets, weights

    def _loss(self, logits: Floats2d, targets: Floats2d, weights: Floats2d) -> tuple[float, Floats2d]:
        """RETURNS (tuple): Cross-entropy a pair, and its gradient by the logits."""
        ops = self.model.ops
        if not len(logits):
            return 0.0, logits
        scores = ops.to_numpy(logits).astype(np.float64)
        loss = weights * (np.logaddexp(0.0, scores) - targets * scores)
        total = float(loss.sum())
        require_finite(isfinite(total), SUBJECT)
        gradient = weights * (sigmoid(scores) - targets)
        return total / len(scores), ops.asarray2f((gradient / len(scores)).astype("f"))


def no_rows() -> Ints:
    return np.zeros((0, 2), dtype=np.int64)


def sentence_numbers_of(doc: Doc) -> Ints | None:
    """RETURNS (Ints | None): The number of the sentence of each token; None where the document has none."""
    if not doc.has_annotation("SENT_START"):
        return None
    return np.cumsum(doc.to_array("SENT_START").astype(np.int64) == 1)
