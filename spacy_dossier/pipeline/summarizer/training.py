"""What the summarizer learns from: pairs of article and summary, met in the training loop and kept for replay."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.training import Example
from thinc.api import Model, Ops
from thinc.types import Floats2d

from .features import sentence_bounds, sentence_features
from .labels import Target, WordTokenizer, expected_rouge, make_target
from .names import REFERENCE
from .salience import frequency_of, inclusion
from .signals import signals

LABEL_WEIGHT = 0.3  # of the labels beside the expected ROUGE
KEPT = 4096  # documents that are kept for replay: some 100 MB with a vector of 384 for each of 30 sentences
REWARD_SCALE = 0.02  # of ROUGE, so that a gain of 2 points counts as 1


@dataclass
class Lesson:
    """What the ranker learns from one document: unit vectors (n, width), signals (n, F), the reference."""

    vectors: NDArray[np.floating]
    signals: NDArray[np.float32]
    target: Target


class ReplayBuffer:
    """Documents seen in training, to be ranked again without the encoder, which is nearly all of the cost.

    size (int): Most documents; the oldest goes first.
    """

    def __init__(self, size: int = KEPT) -> None:
        self.size = size
        self.lessons: dict[bytes, Lesson] = {}
        self.rng = np.random.default_rng(0)

    def keep(self, text: str, lesson: Lesson) -> None:
        """text (str): The document's, of which one lesson is kept, the newest."""
        lesson = Lesson(lesson.vectors.astype(np.float16), lesson.signals, lesson.target)
        put(self.lessons, digest(text.encode("utf-8", "surrogatepass")), lesson, self.size)

    def draw(self, n: int) -> list[Lesson]:
        """RETURNS (list[Lesson]): At most n, without repetition."""
        known = list(self.lessons.values())
        chosen = self.rng.permutation(len(known))[: max(n, 0)]
        return [known[i] for i in chosen]


class TargetCache:
    """Targets of documents that training has met, which take as long to make as the ranker takes to learn from them.

    tokenizer (WordTokenizer): Of the documents' language.
    size (int): Most targets; the oldest goes first.
    """

    def __init__(self, tokenizer: WordTokenizer, size: int = KEPT) -> None:
        self.tokenizer = tokenizer
        self.size = size
        self.targets: dict[bytes, Target] = {}

    def get(self, eg: Example, bounds: NDArray[np.int64]) -> Target:
        """bounds (NDArray[int64]): The sentences on the tokens of the prediction, (n, 2)."""
        doc, summary = eg.predicted, eg.reference.user_data[REFERENCE]
        texts = [doc[start:end].text for start, end in bounds.tolist()]
        key = digest(*(text.encode("utf-8", "surrogatepass") for text in (*texts, summary)))
        target = self.targets.get(key)
        if target is None:
            target = make_target(texts, summary, self.tokenizer)
        put(self.targets, key, target, self.size)
        return target


class RankerTraining:
    """Teaches the ranker from the documents of each batch, and from others seen before.

    tokenizer (WordTokenizer): Of the documents' language.
    replay (int): Documents that the ranker learns from at each step.
    """

    def __init__(self, tokenizer: WordTokenizer, replay: int) -> None:
        self.replay = replay
        self.buffer = ReplayBuffer()
        self.targets = TargetCache(tokenizer)

    def update(
        self, ranker: Model, examples: list[Example], all_bounds: list[Any], all_vectors: list[Floats2d]
    ) -> tuple[float, list[Floats2d]]:
        """Accumulate the ranker's gradients.

        ranker (Model): See `build_sentence_ranker`.
        examples (list[Example]): Documents with reference summaries and sentences.
        all_bounds (list): The sentences of each on the tokens of the prediction, (n, 2).
        all_vectors (list[Floats2d]): Their vectors, (n, width).
        RETURNS (tuple[float, list[Floats2d]]): The mean loss of a document, and the gradients of the vectors.
        """
        ops = ranker.ops
        ends = np.cumsum([len(vectors) for vectors in all_vectors]).tolist()
        flat = ops.xp.concatenate(all_vectors)
        norms = ops.xp.linalg.norm(flat, axis=1, keepdims=True).clip(1e-6)
        unit = flat / norms
        fresh = []
        for eg, bounds, vectors in zip(examples, all_bounds, np.split(ops.to_numpy(unit), ends[:-1]), strict=True):
            features = sentence_features(eg.predicted, bounds, vectors)
            known = signals(features, frequency_of(ranker), counted=True)
            fresh.append(Lesson(vectors, known, self.targets.get(eg, bounds)))
        replayed = self.buffer.draw(self.replay - len(fresh))
        for eg, lesson in zip(examples, fresh, strict=True):
            self.buffer.keep(eg.reference.text, lesson)
        lessons = fresh + replayed
        before = (
            [ops.asarray2f(np.concatenate([lesson.vectors for lesson in replayed]).astype("f"))] if replayed else []
        )
        all_ends = np.cumsum([len(lesson.vectors) for lesson in lessons])[:-1].tolist()
        logits, backprop = ranker.begin_update(
            (ops.xp.split(ops.xp.concatenate([unit, *before]), all_ends), [lesson.signals for lesson in lessons])
        )
        loss, d_logits = self.loss(ops, [lesson.target for lesson in lessons], logits)
        # Through the scaling to length 1: only what is at right angles to the vector changes it.
        d_unit = ops.xp.concatenate(backprop(d_logits)[: len(fresh)])
        d_vectors = (d_unit - unit * (d_unit * unit).sum(axis=1, keepdims=True)) / norms
        return loss, ops.xp.split(d_vectors, ends[:-1])

    def loss(self, ops: Ops, targets: list[Target | None], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """See `extract_loss`; a document without a target teaches nothing.

        scores (list[Floats2d]): Logits of the sentences of each, (n, members + 1).
        RETURNS (tuple[float, list[Floats2d]]): The mean loss of a document that teaches, and the gradients.
        """
        count = max(sum(target is not None for target in targets), 1)
        total = 0.0
        ends = np.cumsum([len(logits) for logits in scores])[:-1].tolist()
        flat = ops.to_numpy(ops.xp.concatenate(scores))
        gradients = np.zeros(flat.shape, dtype=np.float32)
        for target, logits, gradient in zip(targets, np.split(flat, ends), np.split(gradients, ends), strict=True):
            if target is not None:
                loss, by_logit = extract_loss(logits, target, self.buffer.rng)
                total += loss
                gradient[:] = by_logit / count
        return total / count, ops.xp.split(ops.asarray2f(gradients), ends)


def digest(*parts: bytes) -> bytes:
    """RETURNS (bytes): A key that no two different sequences of parts have in common, in any process."""
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()


def put(kept: dict[bytes, Any], key: bytes, value: Any, size: int) -> None:
    """Put a value last, and drop the first ones beyond a size."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > size:
        del kept[next(iter(kept))]


def extract_loss(
    logits: NDArray[np.floating], target: Target, rng: np.random.Generator
) -> tuple[float, NDArray[np.floating]]:
    """The members of the ensemble learn what ROUGE-1 their extracts may expect, and which sentences belong to good
    extracts; the calibrated logit learns the latter alone.

    Salience and label both sum to the number of sentences in an extract, so that their difference is the gradient of
    the log-likelihood of extracts.

    logits (NDArray): Of one document's sentences, (n, members + 1).
    target (Target): What its reference summary says.
    rng (Generator): For `expected_rouge`.
    RETURNS (tuple[float, NDArray]): Loss and gradient.
    """
    logits = logits.astype(np.float64)
    y = target.labels[:, None]
    p = inclusion(logits)
    gradient = p - y
    expected, by_logit = expected_rouge(logits[:, :-1], target, rng)
    gradient[:, :-1] = LABEL_WEIGHT * gradient[:, :-1] - by_logit / REWARD_SCALE
    cross_entropy = -float((y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))[:, -1].sum())
    return LABEL_WEIGHT * cross_entropy - expected / REWARD_SCALE, gradient


def has_summary(eg: Example) -> bool:
    """Whether the reference has a summary and a text to summarize."""
    return bool(eg.reference.user_data.get(REFERENCE)) and len(eg.predicted) > 0


def training_bounds(eg: Example) -> Any:
    """The reference's sentences that are ranked, on the tokens of the prediction, (n, 2)."""
    bounds = aligned_bounds(eg)
    return bounds[sentence_features(eg.predicted, bounds, np.zeros((len(bounds), 0), dtype="f")).ranked()]


def aligned_bounds(eg: Example) -> Any:
    """The reference's sentences on the tokens of the prediction, (n, 2); see `sentence_bounds`."""
    bounds = sentence_bounds(eg.reference)
    if np.array_equal(eg.reference.to_array(ORTH), eg.predicted.to_array(ORTH)):
        return bounds
    alignment = eg.alignment.y2x
    rows = [np.asarray(alignment[int(start) : int(end)]) for start, end in bounds]
    spans = [(int(row.min()), int(row.max()) + 1) for row in rows if len(row)]
    # A token of the prediction that lies across two reference sentences belongs to the first.
    last = 0
    kept = []
    for start, end in spans:
        if max(start, last) < end:
            kept.append((max(start, last), end))
            last = end
    return np.array(kept, dtype=np.int64).reshape(-1, 2)
