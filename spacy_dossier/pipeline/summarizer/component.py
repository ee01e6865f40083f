"""`summarizer`: a summary of each document, made of its own sentences."""

from collections.abc import Callable

from spacy.language import Language
from thinc.api import Model

from ..defaults import default_config
from .budget import SummaryBudget
from .pipe import Summarizer

DEFAULT_CONFIG = default_config(
    "summarizer",
    """
[summarizer]
method = "trained"
sentences = null
words = null
characters = null
ratio = null
redundancy = null
cover_entities = false
replay = 32
scorer = {"@scorers":"spacy-dossier.summary_scorer.v1"}

[summarizer.model]
@architectures = "spacy-dossier.SentenceRanker.v1"
""",
)


@Language.factory(
    "summarizer",
    assigns=["doc.spans", "doc._.summary", "span._.salience"],
    requires=["doc._.trf_data"],
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
    sentences, words, characters (int | None): Most of each that a summary may hold. With no limit at all, it has as
        many sentences as have the characters of a reference of the training data, by their means; 3 where there was
        none.
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
        budget=SummaryBudget(sentences, words, characters, ratio),
        redundancy=redundancy,
        cover_entities=cover_entities,
        replay=replay,
        scorer=scorer,
    )
