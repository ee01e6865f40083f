"""`relation_extractor`: relations between entities, each with the probability that it is right."""

from collections.abc import Callable

from spacy.language import Language
from thinc.api import Model

from ..defaults import default_config
from .pipe import RelationExtractor

DEFAULT_CONFIG = default_config(
    "relation_extractor",
    """
[relation_extractor]
max_tokens = 100
max_sentences = null
symmetric = []
threshold = 0.4

[relation_extractor.model]
@architectures = "spacy-dossier.RelationModel.v1"

[relation_extractor.scorer]
@scorers = "spacy-dossier.relation_scorer.v1"
""",
)


@Language.factory(
    "relation_extractor",
    requires=["doc.ents"],
    assigns=["doc._.relations"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"rel_micro_f": 1.0, "rel_micro_p": 0.0, "rel_micro_r": 0.0, "rel_per_type": None},
)
def make_relation_extractor(
    nlp: Language,
    name: str,
    model: Model,
    max_tokens: int,
    max_sentences: int | None,
    symmetric: list[str],
    threshold: float,
    scorer: Callable | None,
) -> "RelationExtractor":
    """Construct a relation extractor. It relates the entities that a Doc has when it comes, whoever set them.

    model (Model[Tuple[List[Doc], Pairs], Floats2d]): `spacy-dossier.RelationModel.v1` over any tok2vec layer.
    max_tokens (int): Most tokens between two entities that may be related.
    max_sentences (int | None): Most sentences from that of the one to that of the other, 0 for the same; None for any,
        as where a document has no sentences.
    symmetric (list[str]): Labels that say the same both ways; such a relation is given once, in the order of the text.
    threshold (float): Least probability, before calibration, of a relation that is given; 0.4 gives the best F1 on the
        development part of CoNLL04.
    scorer (Callable | None): The scoring method.
    """
    return RelationExtractor(
        nlp.vocab,
        model,
        name,
        max_tokens=max_tokens,
        max_sentences=max_sentences,
        symmetric=symmetric,
        threshold=threshold,
        scorer=scorer,
    )
