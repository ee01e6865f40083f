"""What a pipe does with a document that it cannot process: `nlp.set_error_handler` gets it, and it alone."""

from collections.abc import Iterable, Iterator
from typing import Any

from spacy.tokens import Doc
from spacy.util import minibatch

from ..errors import DossierError


def annotate(pipe: Any, docs: list[Doc]) -> list[Doc]:
    """Predict and annotate a batch; where that fails, one document after the other.

    pipe (TrainablePipe): The pipe; its error handler gets each document that fails alone, with its error.
    docs (list[Doc]): Changed in place.
    RETURNS (list[Doc]): Those that did not fail.
    """
    try:
        pipe.set_annotations(docs, pipe.predict(docs))
    except Exception as error:  # whatever a model raises is for the handler, as in spaCy's own pipes
        if len(docs) > 1:
            return [done for doc in docs for done in annotate(pipe, [doc])]
        pipe.get_error_handler()(pipe.name, pipe, docs, error)
        return []
    return docs


class ErrorsApart:
    """Before spaCy's `TrainablePipe`, whose `pipe` gives the error handler a whole batch for one document's error."""

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Process documents, in their order, without those that fail."""
        for docs in minibatch(stream, batch_size):
            yield from annotate(self, docs)


def require_finite(finite: float, subject: str) -> None:
    """RAISES (DossierError): The scores of a component (`subject`), or what follows from them, are not finite: nothing
    follows from such scores.
    """
    if not finite:
        raise DossierError(
            f"the scores of the {subject} are not finite: its weights, or the encoder's, are broken",
            remedy="Train again, with a lower learning rate",
        )
