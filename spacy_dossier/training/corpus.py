"""`spacy-dossier.Corpus.v1`: one training corpus out of several DocBin files."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import DossierError
from ..text.docbin import read_docbin
from .layout import draw_layout, lay_out

TOKENS = ("gold", "text", "both")


def build_corpus(
    paths: dict[str, str | Path | None],
    tokens: str = "gold",
    layouts: float = 0.0,
    shuffle: bool = False,
    seed: int = 0,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read examples from DocBin files with different annotation: entities here, summaries there.

    What a document has no annotation of stays missing, and the components that would learn it skip it. Documents come
    whole, so that windows see their context.

    paths (Dict[str, Path]): .spacy files or folders of them, under any names. An empty path is left out, so that a
        corpus can be switched off in a config.
    tokens (str): "gold": the annotated tokens; "text": those of the pipeline's tokenizer, as in use; "both": one or
        the other by chance, anew in each epoch, so that a model does not depend on whose tokens it reads.
    layouts (float): Share of the documents read with the pipeline's tokens that are laid out as people have them, anew
        in each epoch: paragraphs, wrapped lines, headings and lists (`training.layout`); column files have lost that.
        It needs sentence boundaries, and is left out where there are none. 0 leaves the text as it is.
    shuffle (bool): Mix the documents of all files, anew in each epoch.
    seed (int): For both.
    augmenter (Callable | None): One of spaCy's augmenters, or `spacy-dossier.entity_replacement.v1`.
    """
    if tokens not in TOKENS:
        raise DossierError("unknown kind of tokens", value=tokens, remedy=f"Choose one of {', '.join(TOKENS)}")
    files = [file for path in paths.values() if path for file in _files(Path(path))]
    if not files:
        raise DossierError("no training corpus", value=str(paths), remedy="Run the convert command of the project")
    rng = random.Random(seed)

    def read(nlp: Language) -> Iterator[Example]:
        docs: Iterable[Doc] = (doc for file in files for doc in read_docbin(file, nlp.vocab))
        if shuffle:
            docs = list(docs)
            rng.shuffle(docs)
        for reference in docs:
            gold = tokens == "gold" or (tokens == "both" and rng.random() < 0.5)
            if layouts and not gold and reference.has_annotation("SENT_START") and rng.random() < layouts:
                reference = lay_out(reference, draw_layout(rng), rng)
            example = Example(_same_tokens(reference, nlp) if gold else nlp.make_doc(reference.text), reference)
            yield from [example] if augmenter is None else augmenter(nlp, example)

    return read


def _files(path: Path) -> list[Path]:
    found = sorted(path.glob("*.spacy")) if path.is_dir() else [path]
    missing = [file for file in found if not file.is_file()] or ([] if found else [path])
    if missing:
        raise DossierError("no such corpus", file=missing[0], remedy="Run the convert command of the project")
    return found


def _same_tokens(reference: Doc, nlp: Language) -> Doc:
    words = [token.text for token in reference]
    spaces = [bool(token.whitespace_) for token in reference]
    return Doc(nlp.vocab, words=words, spaces=spaces)
