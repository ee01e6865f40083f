"""Whether documents that were written as a column file would be read back as what they are."""

from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ...errors import DossierError
from .convert import ColumnFile, ColumnOptions
from .detect.find import Asked, find_layout
from .formats.registry import FORMATS
from .schemes import tags_to_entities
from .writing import Counts, Entity, annotation


def check_read_back(path: Path, docs: Iterable[Doc], format: str, scheme: str) -> None:
    """Read a file that was just written.

    path (Path): The file.
    docs (Iterable[Doc]): What was written.
    format, scheme (str): How.
    RAISES (DossierError): If tokens or entities are not those of the documents.
    """
    options = _options(format, scheme)
    sentences = chain.from_iterable(
        doc.sents if doc.has_annotation("SENT_START") else [doc[:]] for doc in docs if len(doc)
    )
    found = (sentence for sentence in ColumnFile(path, options).sentences() if sentence.tokens)
    for span, back in zip_longest(sentences, found):
        bare = options.bare
        tokens, entities = _content(span, scheme) if span is not None else ([], [])
        if back is not None and tokens == list(back.tokens) and entities == tags_to_entities(back.tags, bare=bare):
            continue
        text = " ".join(tokens)
        labels = ", ".join(dict.fromkeys(label for _, _, label in entities))
        raise DossierError(
            f"{format} cannot hold a sentence: it would be read back as another",
            value=f"{text[:40]} ({labels})" if labels else text,
            remedy="Choose another --format, as conllu or json.",
        )


def _options(format: str, scheme: str) -> ColumnOptions:
    """RETURNS (ColumnOptions): How to read a format as it is written here: its columns are named."""
    sample = Doc(
        Vocab(), words=["Anna", "Berg", "left"], ents=["B-PER", "I-PER", "O"], sent_starts=[True, False, False]
    )
    lines = "".join(FORMATS[format].write(sample, scheme, Counts())).splitlines(keepends=True)
    layout = find_layout(lines, Asked(format=format, bare=scheme == "bare"))
    return ColumnOptions(
        format=format,
        encoding="utf-8",
        token_column=str(layout.token + 1),
        tag_column=layout.key or str((layout.tag or 0) + 1),
        bare=layout.bare,
        header=layout.header,
        template=False,
    )


def _content(span: Span, scheme: str) -> tuple[list[str], list[Entity]]:
    """RETURNS (tuple[list[str], list[Entity]]): Tokens and entities, as far as the scheme can tell them."""
    entities, _ = annotation(span.doc, span.start, span.end, Counts())
    if scheme in ("io", "bare"):  # which cannot part neighbours
        joined: list[Entity] = []
        for start, end, label in entities:
            before = joined.pop() if joined and joined[-1][1:] == (start, label) else (start, start, label)
            joined.append((before[0], end, label))
        entities = joined
    return [token.text for token in span], entities
