"""`spacy-dossier.Corpus.v1`: one training corpus out of several DocBin files."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..errors import DossierError
from ..text.docbin import read_docbin
from .joined import (
    SENTENCES,
    has_several_sentences,
    is_one_sentence,
    join_sentences,
    set_rule_sentences,
    without_sentences,
)
from .layout import draw_layout, lay_out
from .relations import with_user_data

TOKENS = ("gold", "text", "both")


def build_corpus(
    paths: dict[str, str | Path | None],
    tokens: str = "gold",
    layouts: float = 0.0,
    joined: float = 0.0,
    rules: bool = False,
    shuffle: bool = False,
    seed: int = 0,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read examples from DocBin files with different annotation: entities here, summaries and classes there.

    What a document has no annotation of stays missing, and the components that would learn it skip it. Documents come
    whole, so that windows see their context. What several files say of the same text is one example, so that it is
    encoded once.

    paths (Dict[str, Path]): .spacy files or folders of them, under any names. An empty path is left out, so that a
        corpus can be switched off in a config.
    tokens (str): "gold": the annotated tokens; "text": those of the pipeline's tokenizer, as in use; "both": one or
        the other by chance, anew in each epoch, so that a model does not depend on whose tokens it reads.
    layouts (float): Share of the documents read with the pipeline's tokens that are laid out as people have them, anew
        in each epoch: paragraphs, wrapped lines, headings and lists (`training.layout`); column files have lost that.
        It needs sentence boundaries, and is left out where there are none. 0 leaves the text as it is.
    joined (float): Share of the documents of one sentence that are also joined to texts without entities, for the
        splitter to learn from; by itself such a document teaches entities only. Column files without document marks
        give them.
    rules (bool): Where no document has several annotated sentences, documents without any, as the articles of pairs are,
        get those of the rules for plain text, so that the splitter reads natural text too.
    shuffle (bool): Mix the documents of all files, anew in each epoch.
    seed (int): For both.
    augmenter (Callable | None): One of spaCy's augmenters, or `spacy-dossier.entity_replacement.v1`.
    """
    if tokens not in TOKENS:
        raise DossierError("unknown kind of tokens", value=tokens, remedy=f"Choose one of {', '.join(TOKENS)}")
    if not any(paths.values()):
        raise DossierError("no training corpus", value=str(paths), remedy="Run the convert command of the project")
    rng = random.Random(seed)

    def read(nlp: Language) -> Iterator[Example]:
        # Not before: a config can be checked where its corpora are not yet.
        files = [file for path in paths.values() if path for file in _files(Path(path))]
        docs = read_files(files, nlp)
        by_rule = rules and not any(map(has_several_sentences, docs))
        if shuffle:
            rng.shuffle(docs)
        alone: list[Doc] = []
        empty = True
        for reference in docs:
            empty = empty and not len(reference)
            gold = tokens == "gold" or (tokens == "both" and rng.random() < 0.5)
            one_sentence = joined > 0 and is_one_sentence(reference)
            if one_sentence and rng.random() < joined:
                alone.append(reference)
            if layouts and not gold and reference.has_annotation("SENT_START") and rng.random() < layouts:
                reference = lay_out(reference, draw_layout(rng), rng)
            if by_rule and not reference.has_annotation("SENT_START"):
                set_rule_sentences(reference)
            words = _same_tokens(reference, nlp) if gold else nlp.make_doc(reference.text)
            example = Example(words, without_sentences(reference) if one_sentence else reference)
            yield from [example] if augmenter is None else with_user_data(augmenter(nlp, example), example.reference)
            if len(alone) == SENTENCES:
                yield joined_example(nlp, alone)
                alone = []
        if alone:
            yield joined_example(nlp, alone)
        if empty:
            raise DossierError("no document of the corpus has a word", file=files[0])

    def joined_example(nlp: Language, alone: list[Doc]) -> Example:
        text = join_sentences(alone, draw_layout(rng), rng) if rng.random() < layouts else join_sentences(alone)
        return Example(nlp.make_doc(text.text), text)

    return read


def read_files(files: list[Path], nlp: Language) -> list[Doc]:
    """RETURNS (list[Doc]): The documents of all files in order, those of the same text put together."""
    docs: list[Doc] = []
    earlier: dict[str, Doc] = {}  # of the files before
    for file in files:
        own = [doc for doc in read_docbin(file, nlp.vocab) if not add_annotation(earlier.get(doc.text), doc)]
        earlier |= {doc.text: doc for doc in own}
        docs += own
    return docs


def add_annotation(doc: Doc | None, other: Doc) -> bool:
    """Give a document what is annotated of another one as a whole: classes, span groups and `user_data`.

    RETURNS (bool): Whether this could be done: the documents have the same tokens, the other has no entities and no
        sentences, and nothing of what it has is there already.
    """
    if doc is None or other.has_annotation("ENT_IOB") or any(token.is_sent_start is not None for token in other[1:]):
        return False
    twice = (
        (doc.cats and other.cats)
        or doc.spans.keys() & other.spans.keys()
        or any(key != "id" and doc.user_data.get(key, value) != value for key, value in other.user_data.items())
    )
    if twice or [token.text for token in doc] != [token.text for token in other]:
        return False
    doc.cats = doc.cats or other.cats
    for name, group in other.spans.items():
        spans = [Span(doc, s.start, s.end, s.label, kb_id=s.kb_id, span_id=s.id) for s in group]
        doc.spans[name] = SpanGroup(doc, name=name, attrs=dict(group.attrs), spans=spans)
    doc.user_data.update({key: value for key, value in other.user_data.items() if key not in doc.user_data})
    return True


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
