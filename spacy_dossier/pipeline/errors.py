"""What a pipe does with a document that it cannot process: `nlp.set_error_handler` gets it, and it alone."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    """Before spaCy's `TrainablePipe`, whose `pipe` gives the error handler a whole batch for one document's error, and
    which says of another's weights but that something is mismatched.
    """

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Process documents, in their order, without those that fail."""
        for docs in minibatch(stream, batch_size):
            yield from annotate(self, docs)

    def from_disk(self, *args: Any, **settings: Any) -> Any:
        with _same_model(self):
            return super().from_disk(*args, **settings)  # type: ignore[misc]

    def from_bytes(self, *args: Any, **settings: Any) -> Any:
        with _same_model(self):
            return super().from_bytes(*args, **settings)  # type: ignore[misc]


@contextmanager
def _same_model(pipe: Any) -> Iterator[None]:
    """RAISES (DossierError): What was saved is not the model that the config makes. spaCy checks no path given to
    `nlp.replace_listeners`, nor can a tok2vec component.
    """
    try:
        yield
    except ValueError as error:
        if "mismatched structure" not in str(error):  # thinc's
            raise
        raise DossierError(
            f"what was saved as '{pipe.name}' is another model than its config makes",
            remedy=f"Give [components.{pipe.name}.model] as it was in training; if a listener was replaced by a wrong "
            'path, replace it in the pipeline from before, by its own, as "model.tok2vec"',
        ) from None


def require_finite(finite: float, subject: str) -> None:
    """RAISES (DossierError): The scores of a component (`subject`), or what follows from them, are not finite: nothing
    follows from such scores.
    """
    if not finite:
        raise DossierError(
            f"the scores of the {subject} are not finite: its weights, or the encoder's, are broken",
            remedy="Train again, with a lower learning rate",
        )
