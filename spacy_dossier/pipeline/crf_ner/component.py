"""`crf_ner`: named entities by a linear-chain CRF, each with the probability that it is right."""

from collections.abc import Callable

from spacy.language import Language
from thinc.api import Model

from ..defaults import default_config
from .pipe import CRFEntityRecognizer

DEFAULT_CONFIG = default_config(
    "crf_ner",
    """
[crf_ner]
scheme = "BILUO"
max_chain = 256
keep_entities = true
confidence = true

[crf_ner.model]
@architectures = "spacy-dossier.CRFTagger.v1"

[crf_ner.scorer]
@scorers = "spacy.ner_scorer.v1"
""",
)


@Language.factory(
    "crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "span._.confidence"],
    requires=["doc._.trf_data"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: Model,
    scheme: str,
    max_chain: int,
    keep_entities: bool,
    confidence: bool,
    scorer: Callable | None,
) -> "CRFEntityRecognizer":
    """Construct a named entity recogniser with calibrated confidences.

    model (Model[List[Doc], List[Floats2d]]): `spacy-dossier.CRFTagger.v1` over any tok2vec layer.
    scheme (str): "BILUO" or "IOB2".
    max_chain (int): Most tokens of one chain. Chains end at sentence-final punctuation and empty lines.
    keep_entities (bool): Leave entities that are already in a Doc as they are, and decode around them, as spaCy's
        `ner` does.
    confidence (bool): Compute `ent._.confidence`.
    scorer (Callable | None): The scoring method.
    """
    return CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        max_chain=max_chain,
        keep_entities=keep_entities,
        confidence=confidence,
        scorer=scorer,
    )
