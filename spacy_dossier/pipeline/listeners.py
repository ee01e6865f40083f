"""Which components read the vectors of another, a transformer's or a tok2vec's, by a listener."""

from typing import Any

from spacy.pipeline.tok2vec import Tok2VecListener
from spacy_transformers.layers.listener import TransformerListener
from thinc.api import Model


def listens(pipe: Any) -> bool:
    """Whether a component reads the vectors of another."""
    model = getattr(pipe, "model", None)
    kinds = (TransformerListener, Tok2VecListener)
    return isinstance(model, Model) and any(isinstance(node, kinds) for node in model.walk())
