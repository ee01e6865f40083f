"""spacy-dossier: from a folder of documents to the entities and the summary of each.

Importing this package imports neither spaCy nor torch; `process_documents` does so when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process.run import process_documents

    __version__: str

__all__ = ["__version__", "process_documents"]


def __getattr__(name: str) -> Any:
    if name == "process_documents":
        from .process.run import process_documents

        return process_documents
    if name == "__version__":
        from importlib.metadata import version  # it takes long, and `dossier --help` does not need it

        return version("spacy-dossier")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
