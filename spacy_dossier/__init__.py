"""spacy-dossier: from a folder of documents to the entities and the summary of each.

Importing this package imports neither spaCy nor torch; `process` does so when it is first used.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch.run import process

__version__ = version("spacy-dossier")
__all__ = ["__version__", "process"]


def __getattr__(name: str) -> Any:
    if name == "process":
        from .batch.run import process

        return process
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
