"""`vector_cleaner`: drops the encoder's vectors from a Doc once nothing reads them any more."""

import warnings
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from .listeners import has_vectors, listens, require_vectors, without_transformer
from .reference import PipelineReference


@Language.factory("vector_cleaner")
def make_vector_cleaner(nlp: Language, name: str) -> "VectorCleaner":
    """Construct a cleaner."""
    return VectorCleaner(nlp, name)


class VectorCleaner:
    """Sets `doc._.trf_data` to None, so that many Docs fit into memory. Where a component stands behind it that reads
    the vectors, as one does that `nlp.add_pipe` puts at the end, it leaves them, with a warning.

    A document that no transformer has been over, while a component reads the vectors of one, is an error: spaCy's own
    components, such as `textcat`, make their results of zeros then.
    """

    def __init__(self, nlp: Language, name: str) -> None:
        self.name = name
        self._pipeline = PipelineReference(nlp)
        self._readers: list[str] = []

    def __call__(self, doc: Doc) -> Doc:
        nlp = self._pipeline.get()
        if nlp is not None and not has_vectors(doc, "transformer"):
            for pipe in without_transformer(nlp):
                require_vectors(pipe, [doc])
        readers = self.readers_behind()
        if readers:
            warnings.warn(
                f"'{readers[0]}' stands behind '{self.name}' and reads the encoder's vectors, so they stay in memory; "
                f'add it with before="{self.name}"',
                stacklevel=2,
            )
        elif doc.has_extension("trf_data"):
            doc._.trf_data = None
        return doc

    def readers_behind(self) -> list[str]:
        """RETURNS (list[str]): The components behind this one that listen to a transformer."""
        nlp = self._pipeline.get()
        if nlp is None:
            return self._readers
        pipes = [pipe for _, pipe in nlp.pipeline]
        behind = nlp.pipeline[pipes.index(self) + 1 :] if self in pipes else []
        return [name for name, pipe in behind if listens(pipe)]

    def __getstate__(self) -> dict[str, Any]:
        """In a process of its own it knows of the pipeline what it was when the process began."""
        return {**self.__dict__, "_readers": self.readers_behind()}
