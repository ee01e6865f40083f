"""Compare sentence splitters on annotated documents: a pipeline's own, spaCy's `sentencizer`, pysbd, and the rules that
`dossier pairs` splits articles by.

    python benchmarks/compare_splitters.py corpus/dev.spacy corpus/eng.testb.spacy:marks -p training/model-final

All read the raw text of the documents. A sentence is right if its first and its last character that is not white space
are (as in `dossier evaluate`). With `:marks` behind a file only the ends of sentences behind a final mark count, in
what is annotated and in what is found: for corpora whose other sentences are lines broken at a fixed width.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pysbd
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_dossier.evaluate.corpus import has_sentences, sentences_of
from spacy_dossier.pipeline.crf_ner.chains import CLOSING
from spacy_dossier.text.sentences import TERMINATORS, rule_sentences

Bounds = list[tuple[int, int]]
Splitter = Callable[[list[str]], Iterable[Bounds]]


def of_pipeline(nlp: Language) -> Splitter:
    """RETURNS (Splitter): The sentences that a pipeline sets; components after its splitter do not run."""
    later = [name for name in ("crf_ner", "ner", "summarizer") if name in nlp.pipe_names]
    return lambda texts: (sentences_of(doc) for doc in nlp.pipe(texts, disable=later))


def by_rule(nlp: Language) -> Splitter:
    def split(texts: list[str]) -> Iterator[Bounds]:
        for doc in map(nlp.make_doc, texts):
            yield [(doc[start].idx, doc[end - 1].idx + len(doc[end - 1])) for start, end in rule_sentences(doc)]

    return split


def by_pysbd(lang: str) -> Splitter:
    segmenter = pysbd.Segmenter(language=lang, clean=False, char_span=True)

    def split(texts: list[str]) -> Iterator[Bounds]:
        for text in texts:
            spans = segmenter.segment(text)
            trimmed = [
                (s.start + len(s.sent) - len(s.sent.lstrip()), s.start + len(s.sent.rstrip()))
                for s in spans
                if s.sent.strip()
            ]
            yield trimmed

    return split


def splitters(lang: str, pipelines: Iterable[str]) -> dict[str, Splitter]:
    """RETURNS (dict[str, Splitter]): All that are compared, by name."""
    sentencizer = spacy.blank(lang)
    sentencizer.add_pipe("sentencizer")
    found = {name: of_pipeline(spacy.load(name)) for name in pipelines}
    return found | {
        "sentencizer": of_pipeline(sentencizer),
        "pysbd": by_pysbd(lang),
        "rules of `dossier pairs`": by_rule(spacy.blank(lang)),
    }


def after_marks(bounds: Bounds, text: str) -> set[tuple[int, int]]:
    """RETURNS (set): The ends behind a final mark, and closing quotes or brackets after it; not that of the text."""
    closing, final = "".join(CLOSING), tuple(TERMINATORS)
    last = len(text.rstrip())
    return {(end, end) for start, end in bounds if text[start:end].rstrip(closing).endswith(final) and end < last}


def compare(docs: list[Doc], split: Splitter, marks: bool) -> dict[str, float]:
    """RETURNS (dict[str, float]): Precision, recall and F1 over all documents, and how many are annotated and found."""
    correct = found = wanted = 0
    texts = [doc.text for doc in docs]
    for doc, text, bounds in zip(docs, texts, split(texts), strict=True):
        gold = sentences_of(doc)
        ours, theirs = (after_marks(b, text) if marks else set(b) for b in (bounds, gold))
        correct, found, wanted = correct + len(ours & theirs), found + len(ours), wanted + len(theirs)
    return {
        "precision": correct / max(found, 1),
        "recall": correct / max(wanted, 1),
        "f1": 2 * correct / max(found + wanted, 1),
        "annotated": wanted,
        "found": found,
    }


def main(
    files: Annotated[list[str], typer.Argument(help=".spacy files with annotated sentences; `FILE:marks`, see above")],
    pipeline: Annotated[list[str], typer.Option("--pipeline", "-p", help="Pipelines to compare")],
    lang: Annotated[str, typer.Option(help="Language code")] = "en",
    output: Annotated[Path | None, typer.Option("-o", help="JSON file for the scores")] = None,
) -> None:
    """Compare sentence splitters on annotated documents, from raw text."""
    known = splitters(lang, pipeline)
    vocab = spacy.blank(lang).vocab
    scores: dict[str, Any] = {}
    for file in files:
        path, _, marks = file.partition(":")
        docs = [doc for doc in DocBin().from_disk(path).get_docs(vocab) if has_sentences([doc])]
        typer.echo(f"\n{Path(path).stem}{', behind final marks' if marks else ''}, {len(docs)} documents\n")
        typer.echo("| splitter | precision | recall | F1 | annotated | found |\n|---|---|---|---|---|---|")
        for name, split in known.items():
            row = scores.setdefault(file, {})[name] = compare(docs, split, bool(marks))
            numbers = " | ".join(f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))
            typer.echo(f"| {name} | {numbers} | {row['annotated']:,} | {row['found']:,} |")
    if output is not None:
        srsly.write_json(output, scores)


if __name__ == "__main__":
    typer.run(main)
