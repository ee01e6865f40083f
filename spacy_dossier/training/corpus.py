"""`spacy-dossier.Corpus.v1`: one training corpus out of several DocBin files."""

import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Token
from spacy.training import Example

from ..errors import DossierError
from ..pipeline.crf_ner.chains import CLOSING, FINAL

TOKENS = ("gold", "text", "both")


def build_corpus(
    paths: dict[str, str | Path | None],
    tokens: str = "gold",
    line_breaks: float = 0.0,
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
    line_breaks (float): Share of sentence ends where a document read with the pipeline's tokens gets an empty line, as
        paragraphs have; column files have lost theirs. A sentence without a final mark, such as a heading, always gets
        a line break. 0 leaves the text as it is.
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
        docs: Iterable[Doc] = (doc for file in files for doc in _read(file, nlp))
        if shuffle:
            docs = list(docs)
            rng.shuffle(docs)
        for reference in docs:
            gold = tokens == "gold" or (tokens == "both" and rng.random() < 0.5)
            if line_breaks and not gold and reference.has_annotation("SENT_START"):
                reference = _lay_out(reference, line_breaks, rng)
            example = Example(_same_tokens(reference, nlp) if gold else nlp.make_doc(reference.text), reference)
            yield from [example] if augmenter is None else augmenter(nlp, example)

    return read


def _files(path: Path) -> list[Path]:
    found = sorted(path.glob("*.spacy")) if path.is_dir() else [path]
    missing = [file for file in found if not file.is_file()] or ([] if found else [path])
    if missing:
        raise DossierError("no such corpus", file=missing[0], remedy="Run the convert command of the project")
    return found


def _read(file: Path, nlp: Language) -> Iterator[Doc]:
    try:
        corpus = DocBin().from_disk(file)
    except (ValueError, KeyError, TypeError, OSError, zlib.error) as error:
        raise DossierError(
            f"not a DocBin file ({error})", file=file, remedy="Make one with `dossier convert`"
        ) from None
    yield from corpus.get_docs(nlp.vocab)


def _lay_out(doc: Doc, share: float, rng: random.Random) -> Doc:
    """A copy of a document with line breaks between sentences, as tokens of their own that end the sentence before."""
    words: list[str] = []
    spaces: list[bool] = []
    tags: list[str | None] = []
    starts: list[bool | None] = []
    for token in doc:
        before = doc[token.i - 1] if token.i else None
        if before is not None and token.is_sent_start and token.ent_iob_ != "I" and not before.is_space:
            final = before.text[-1] in FINAL or before.text in CLOSING
            if not final or rng.random() < share:
                spaces[-1] = False
                words.append("\n\n" if final else "\n")
                spaces.append(False)
                tags.append("O" if doc.has_annotation("ENT_IOB") else None)
                starts.append(False)
        words.append(token.text)
        spaces.append(bool(token.whitespace_))
        tags.append(entity_tag(token))
        starts.append(token.is_sent_start)
    copy = Doc(doc.vocab, words=words, spaces=spaces, ents=tags, sent_starts=starts)
    copy.user_data.update({key: value for key, value in doc.user_data.items() if isinstance(key, str)})
    return copy


def entity_tag(token: Token) -> str | None:
    """RETURNS (str | None): A token's entity annotation as `Doc` takes it; None where it is missing, or only says that
    the token is blocked, which spaCy marks by a beginning without a label."""
    if token.ent_type_:
        return f"{token.ent_iob_}-{token.ent_type_}"
    return "O" if token.ent_iob_ == "O" else None


def _same_tokens(reference: Doc, nlp: Language) -> Doc:
    words = [token.text for token in reference]
    spaces = [bool(token.whitespace_) for token in reference]
    return Doc(nlp.vocab, words=words, spaces=spaces)
