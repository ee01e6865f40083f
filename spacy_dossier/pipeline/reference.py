"""What a component may know of the pipeline it is in."""

import weakref
from collections.abc import Callable
from typing import Any

from spacy.language import Language


class PipelineReference:
    """A weak reference to the pipeline a component is in; it does not follow the component into another process."""

    def __init__(self, nlp: Language | None) -> None:
        self.get: Callable[[], Language | None] = (lambda: None) if nlp is None else weakref.ref(nlp)

    def __reduce__(self) -> tuple[Any, ...]:
        return (PipelineReference, (None,))
