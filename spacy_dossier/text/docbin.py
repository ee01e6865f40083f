"""`.spacy` files in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DossierError

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab


def read_docbin(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read a `.spacy` file.

    path (Path): The file.
    vocab (Vocab): The vocab of the documents.
    YIELDS (Doc): Its documents.
    RAISES (DossierError): If it is not there, or is no `.spacy` file.
    """
    from spacy.tokens import DocBin

    try:
        yield from DocBin().from_disk(path).get_docs(vocab)
    except OSError as error:
        raise DossierError(error.strerror or "cannot be read", file=path) from None
    except Exception as error:  # zlib, msgpack and DocBin's own reading each raise errors of their own
        raise DossierError(
            f"not a .spacy file ({type(error).__name__})", file=path, remedy="Make one with `dossier convert`."
        ) from None
