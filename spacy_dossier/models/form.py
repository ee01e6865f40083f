"""Word form beside contextual vectors: what an uncased encoder cannot see, for any pipe."""

from spacy.tokens import Doc
from thinc.api import Model, concatenate
from thinc.types import Floats2d


def build_form_tok2vec(
    tok2vec: Model[list[Doc], list[Floats2d]], form: Model[list[Doc], list[Floats2d]]
) -> Model[list[Doc], list[Floats2d]]:
    """Token vectors from a listener and from the written form of each token, side by side.

    tok2vec (Model[List[Doc], List[Floats2d]]): Contextual vectors, usually a listener.
    form (Model[List[Doc], List[Floats2d]]): One of spaCy's own embedding layers, such as `spacy.MultiHashEmbed.v2`
        over NORM, PREFIX, SUFFIX and SHAPE, or `spacy.CharacterEmbed.v2`.
    RETURNS (Model[List[Doc], List[Floats2d]]): Width: that of both together.
    """
    return concatenate(tok2vec, form)
