"""spaCy's own `.spacy` files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import spacy
from spacy.vocab import Vocab

from ....text.docbin import read_docbin
from ...docbin import DocBinWriter
from ...source import TextFile
from ..docs import annotated_of, make_doc
from ..document import Annotated, Unread
from .base import AnnotationFormat


class SpacyDocBin(AnnotationFormat):
    """A DocBin: entities, tokens, sentences, confidences."""

    name = "spacy"
    about = "spaCy: a DocBin, as spacy convert and Corpus have them"
    links = True
    partial = True
    example = "(binary)\n"

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether this is a DocBin, by its name."""
        return file.path.suffix.lower() == ".spacy"

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The texts."""
        for doc in read_docbin(file.path, Vocab()):
            yield annotated_of(doc)

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write a DocBin without scores."""
        nlp = spacy.blank("xx")
        with DocBinWriter(output, nlp.vocab) as writer:
            for text in texts:
                writer.add(make_doc(nlp, text).doc)
