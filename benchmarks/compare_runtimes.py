"""What each runtime of the encoder costs in quality: entity F1, ROUGE of the summaries, error of the vectors.

    python benchmarks/compare_runtimes.py PIPELINE CORPUS.spacy --pairs PAIRS.spacy -o metrics/runtimes.json

Each runtime reads the same documents with the same weights; the first, PyTorch in float32, is what the others are
compared with. Timing is speed.py's.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from peers import runtime_config
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_dossier.evaluate.corpus import read_docs, with_tokens_of
from spacy_dossier.models.settings import RUNTIMES

SCORES = {"entity F1": "ents_f", "ROUGE-1": "summary_rouge1", "ROUGE-2": "summary_rouge2"}
VECTOR_DOCS = 40  # documents that vectors are compared on


def main(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline.")],
    corpus: Annotated[Path, typer.Argument(help="Annotated documents (.spacy).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    pairs: Annotated[Path | None, typer.Option(help="Articles with summaries (.spacy), for ROUGE.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many documents of each.")] = None,
) -> None:
    """Compare the runtimes on the same documents."""
    console = Console(highlight=False)
    docs = read_docs(corpus)[:limit]
    articles = read_docs(pairs)[:limit] if pairs else []
    results: dict[str, dict[str, Any]] = {}
    expected: np.ndarray | None = None
    for runtime in RUNTIMES:
        nlp = spacy.load(pipeline, config=runtime_config(runtime))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = vectors(nlp, docs[:VECTOR_DOCS])
        fallen_back = next((str(w.message) for w in said if "runs in PyTorch, in float32" in str(w.message)), None)
        if fallen_back:
            console.print(f"{runtime}: left out: {fallen_back}", markup=False)
            continue
        expected = found if expected is None else expected
        scores = evaluate(nlp, docs) | (evaluate(nlp, articles) if articles else {})
        results[runtime] = {name: scores.get(key) for name, key in SCORES.items()}
        results[runtime]["relative error"] = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
        console.print(f"{runtime} done")
    base = results[RUNTIMES[0]]
    for row in results.values():
        row["differences"] = {
            name: None if row[name] is None or base[name] is None else row[name] - base[name] for name in SCORES
        }
    output.parent.mkdir(parents=True, exist_ok=True)
    facts = {"documents": len(docs), "pairs": len(articles), "runtimes": results}
    output.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    table = Table("runtime", *SCORES, "relative error")
    for runtime, row in results.items():
        cells = [points(row[name], row["differences"][name]) for name in SCORES]
        table.add_row(runtime, *cells, f"{row['relative error']:.1e}")
    console.print(table)


def vectors(nlp: Language, docs: Sequence[Doc]) -> np.ndarray:
    """RETURNS (np.ndarray): Of all sub-words. Shape: (n_subwords, H)"""
    batch = nlp.get_pipe("transformer").model.predict([with_tokens_of(nlp.vocab, doc) for doc in docs])
    return batch.model_output.last_hidden_state.float().numpy()


def evaluate(nlp: Language, docs: Sequence[Doc]) -> dict[str, Any]:
    """RETURNS (dict): Scores over the documents' own tokens that are not None."""
    scores = nlp.evaluate([Example(with_tokens_of(nlp.vocab, doc), doc) for doc in docs])
    return {name: value for name, value in scores.items() if value is not None}


def points(score: float | None, difference: float | None) -> str:
    """RETURNS (str): A score and its difference in points of 100."""
    return "–" if score is None else f"{100 * score:.2f} ({100 * (difference or 0):+.2f})"


if __name__ == "__main__":
    typer.run(main)
