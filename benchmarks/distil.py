"""Texts annotated by a trained pipeline, for another to learn from: what a large teacher knows, in a small student.

    python benchmarks/distil.py TEACHER TEXTS… -o corpus/silver.spacy --least 0.9 --limit 300

Entities of less confidence become missing annotation, from which `crf_ner` learns nothing. Train on a folder that has
this file and the annotated ones.
"""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from spacy.tokens import Doc, DocBin, Span
from speed import read_texts

from spacy_dossier.cli.console import progress, stderr
from spacy_dossier.evaluate.corpus import load_pipeline, with_tokens_of
from spacy_dossier.pipeline.extensions import entity_confidences


def annotated(doc: Doc, least: float) -> Doc:
    """RETURNS (Doc): The tokens and the entities; those of less confidence than `least` are missing."""
    copy = with_tokens_of(doc.vocab, doc)
    sure: list[Span] = []
    unsure: list[Span] = []
    for ent, confidence in zip(doc.ents, entity_confidences(doc), strict=True):
        span = Span(copy, ent.start, ent.end, label=ent.label_)
        (sure if confidence is None or confidence >= least else unsure).append(span)
    copy.set_ents(sure, missing=unsure, default="outside")
    return copy


def main(
    teacher: Annotated[str, typer.Argument(help="Trained and calibrated pipeline.")],
    texts: Annotated[list[str], typer.Argument(help="Files, folders, globs or tables of texts.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="DocBin file.")],
    least: Annotated[float, typer.Option(min=0, max=1, help="Least confidence of an entity.")] = 0.9,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many texts.")] = None,
    text_field: Annotated[str, typer.Option(help="Column or field that holds the text of tables.")] = "text",
) -> None:
    nlp = load_pipeline(teacher)
    unread = read_texts(texts, lambda name, reason: stderr.print(f"{name}: {reason}"), text_field=text_field)
    chosen = list(islice(unread, limit))
    docs = DocBin()
    found = kept = 0
    with progress("Annotating", total=len(chosen), unit="texts") as advance:
        for doc in nlp.pipe(chosen):
            copy = annotated(doc, least)
            docs.add(copy)
            found += len(doc.ents)
            kept += len(copy.ents)
            advance(1)
    output.parent.mkdir(parents=True, exist_ok=True)
    docs.to_disk(output)
    typer.echo(f"{output}: {len(chosen):,} texts, {found:,} entities, {found - kept:,} of them missing")


if __name__ == "__main__":
    typer.run(main)
