"""Which components read the vectors of another, a transformer's or a tok2vec's, by a listener."""

from collections.abc import Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.pipeline_component import Transformer
from thinc.api import Model

from ..errors import DossierError


def listeners_of(pipe: Any) -> Iterator[TransformerListener | Tok2VecListener]:
    """YIELDS (Model): The layers of a component that read the vectors of another."""
    model = getattr(pipe, "model", None)
    if isinstance(model, Model):
        yield from (node for node in model.walk() if isinstance(node, TransformerListener | Tok2VecListener))


def listens(pipe: Any) -> bool:
    """Whether a component reads the vectors of another."""
    return any(True for _ in listeners_of(pipe))


def require_vectors(pipe: Any, docs: Iterable[Doc]) -> None:
    """Listeners take zeros for vectors that are not there, and what follows from zeros looks like any other result.

    RAISES (DossierError): A document without the vectors that the component reads.
    """
    for listener in listeners_of(pipe):
        kind = "transformer" if isinstance(listener, TransformerListener) else "tok2vec"
        if all(has_vectors(doc, kind) for doc in docs if len(doc)):
            continue
        upstream = kind if listener.upstream_name == "*" else listener.upstream_name
        raise DossierError(
            f"'{pipe.name}' reads the vectors of the component '{upstream}', which has not been over the document",
            remedy=f"Put '{upstream}' before it in the pipeline, enabled, or give it a copy of its own with "
            f'nlp.replace_listeners("{upstream}", "{pipe.name}", […])',
        )


def without_transformer(nlp: Language) -> list[Any]:
    """RETURNS (list): The components that read the vectors of a transformer that is not in the pipeline before them."""
    found, upstream = [], {}
    for name, pipe in nlp.pipeline:
        names = {node.upstream_name for node in listeners_of(pipe) if isinstance(node, TransformerListener)}
        if isinstance(pipe, Transformer):
            upstream[name] = upstream["*"] = pipe
        elif not names <= upstream.keys():
            found.append(pipe)
    return found


def require_widths(pipe: Any) -> None:
    """Where a component is initialized, after those before it.

    RAISES (DossierError): The component it listens to is not initialized, so the width of its vectors is not known.
    """
    for listener in listeners_of(pipe):
        if listener.has_dim("nO") is None:
            raise DossierError(
                f"'{pipe.name}' reads the vectors of a component that is not initialized; a frozen one never is",
                value=listener.upstream_name,
                remedy="Source it from a trained pipeline, or train it with 'frozen_layers' of all its layers",
            )


def has_vectors(doc: Doc, kind: str) -> bool:
    if kind == "transformer":
        return doc.has_extension("trf_data") and doc._.trf_data is not None
    return doc.tensor is not None and doc.tensor.size > 0
