"""`partial_senter`: spaCy's `senter`, for training on corpora of which some have no sentence boundaries."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.senter import DEFAULT_SENTER_MODEL, SentenceRecognizer, senter_score
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Model, Optimizer
from thinc.types import Floats2d, Ints1d

from ..models.modules import multiply_by_torch
from .errors import ErrorsApart
from .listeners import listens, require_vectors, require_widths


@Language.factory(
    "partial_senter",
    assigns=["token.is_sent_start", "doc.sents"],
    requires=["doc._.trf_data"],
    default_config={
        "model": DEFAULT_SENTER_MODEL,
        "overwrite": False,
        "scorer": {"@scorers": "spacy.senter_scorer.v1"},
    },
    default_score_weights={"sents_f": 1.0, "sents_p": 0.0, "sents_r": 0.0},
)
def make_partial_senter(
    nlp: Language, name: str, model: Model, overwrite: bool, scorer: Callable | None
) -> "PartialSentenceRecognizer":
    """Construct a sentence recognizer. Settings are those of spaCy's `senter`."""
    multiply_by_torch(model)
    return PartialSentenceRecognizer(nlp.vocab, model, name, overwrite=overwrite, scorer=scorer or senter_score)


class PartialSentenceRecognizer(ErrorsApart, SentenceRecognizer):
    """spaCy's sentence recognizer takes a token without annotation for one that begins no sentence, so that documents
    without boundaries teach it to find none. This one learns nothing from them.
    """

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None, **settings: Any
    ) -> None:
        """As spaCy's, which takes the width of vectors from the first ten documents, from those that have any."""
        require_widths(self)
        validate_get_examples(get_examples, "PartialSentenceRecognizer.initialize")
        super().initialize(lambda: (eg for eg in get_examples() if len(eg.predicted)), nlp=nlp, **settings)

    def predict(self, docs: Iterable[Doc]) -> list[Ints1d]:
        """Sentence starts; what follows an empty line begins a sentence, whatever the model says.

        RETURNS (list[Ints1d]): For each token, 1 where it begins a sentence. Shape: (n_tokens,)
        """
        docs = list(docs)
        require_vectors(self, docs)
        if not any(len(doc) for doc in docs):
            return [np.zeros(0, dtype=np.int64) for _ in docs]
        ops = self.model.ops
        # At once: on a GPU the host waits for each array that it reads.
        starts = ops.to_numpy(ops.xp.concatenate(self.model.predict(docs)).argmax(axis=1))
        guesses = np.split(starts, np.cumsum([len(doc) for doc in docs])[:-1])
        for doc, guess in zip(docs, guesses, strict=True):
            guess[after_empty_lines(doc)] = 1
        return guesses

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
        **config: Any,
    ) -> dict[str, float]:
        """As spaCy's, but nothing where the vectors are those of another component, which spaCy does not run here."""
        losses = {} if losses is None else losses
        if listens(self):
            return losses
        return super().rehearse(examples, sgd=sgd, losses=losses, **config)

    def get_loss(self, examples: Iterable[Example], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """Cross-entropy over the tokens whose annotation says whether they begin a sentence, per sentence.

        examples (Iterable[Example]): The batch.
        scores (list[Floats2d]): Probabilities of "goes on" and "begins" for each token. Shape: (n_tokens, 2)
        RETURNS (tuple[float, list[Floats2d]]): The loss, and the gradient by what goes into the softmax.
        """
        examples = list(examples)
        validate_examples(examples, "PartialSentenceRecognizer.get_loss")
        xp = self.model.ops.xp
        truths = []
        masks = []
        n_sentences = 0
        for eg in examples:
            # 1 begins a sentence, -1 (as an unsigned number, too) does not, 0 and None say nothing. The first token of
            # a document says it begins one even where nobody has annotated any.
            annotated = eg.reference.has_annotation("SENT_START")
            aligned = eg.get_aligned("SENT_START") if annotated else [None] * len(eg.predicted)
            begins = np.array([value == 1 for value in aligned], dtype=bool)
            known = np.array([value is not None and value != 0 for value in aligned], dtype=bool)
            truths.append(np.stack([~begins, begins], axis=1).astype("f"))
            masks.append(known.astype("f")[:, None])
            n_sentences += int(begins.sum())
        guess = xp.concatenate(scores)
        truth, mask = (xp.asarray(np.concatenate(rows)) for rows in (truths, masks))
        n_sentences = max(n_sentences, 1)
        gradients = xp.split(
            (guess - truth) * mask / n_sentences, np.cumsum([len(rows) for rows in truths])[:-1].tolist()
        )
        loss = -float((xp.log(xp.clip(guess, 1e-9, 1.0)) * truth * mask).sum()) / n_sentences
        if not np.isfinite(loss):
            raise ValueError(Errors.E910.format(name=self.name))
        return loss, gradients


def after_empty_lines(doc: Doc) -> Ints1d:
    """RETURNS (Ints1d): The first tokens after white space with more than one line end, where a paragraph begins."""
    space = doc.to_array(IS_SPACE).reshape(len(doc)).astype(bool)
    return np.array(
        [i + 1 for i in np.flatnonzero(space[:-1] & ~space[1:]) if doc[int(i)].text.count("\n") > 1], dtype=np.int64
    )
