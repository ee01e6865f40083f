"""`.spacy` files in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DossierError

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin
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
        yield from docs_of(DocBin().from_disk(path), vocab)
    except OSError as error:
        raise DossierError(error.strerror or "cannot be read", file=path) from None
    except Exception as error:  # zlib, msgpack and DocBin's own reading each raise errors of their own
        raise DossierError(
            f"not a .spacy file ({type(error).__name__})", file=path, remedy="Make one with `dossier convert`."
        ) from None


def docs_of(docbin: DocBin, vocab: Vocab) -> Iterator[Doc]:
    """What `DocBin.get_docs` gives, for a fraction of its time where documents have user data.

    spaCy unpacks that of each by a new unpacker, and each new one looks through all installed packages for plug-ins,
    which takes longer than all else.

    docbin (DocBin): Its user data is taken out of it.
    RAISES: What msgpack raises, on broken data.
    """
    from srsly.msgpack import Unpacker

    packed, docbin.user_data = docbin.user_data, []
    # The largest of all bounds what broken data can claim to hold; 0 would be no bound.
    most = max((len(data) for data in packed if data is not None), default=0) + 1
    unpacker = Unpacker(raw=False, use_list=False, strict_map_key=False, max_buffer_size=most)
    for i, doc in enumerate(docbin.get_docs(vocab)):
        if i < len(packed) and packed[i] is not None:
            unpacker.feed(packed[i])
            doc.user_data.update(unpacker.unpack())
        yield doc
