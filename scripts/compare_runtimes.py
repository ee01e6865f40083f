"""What each runtime of the encoder costs in quality: entity F1, ROUGE-1 of the summaries, error of the vectors.

python scripts/compare_runtimes.py training/conll2003/model-final corpus/conll2003/eng.testb.spacy --pairs PAIRS.spacy
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import spacy
import typer
from rich.console import Console
from rich.table import Table
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_dossier.models.runtime import RUNTIMES
from spacy_dossier.scoring.benchmark import runtime_config
from spacy_dossier.scoring.corpus import with_tokens_of


def main(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline.")],
    corpus: Annotated[Path, typer.Argument(help="Annotated documents (.spacy).")],
    pairs: Annotated[Path | None, typer.Option(help="Articles with summaries (.spacy), for ROUGE.")] = None,
) -> None:
    """Compare the runtimes on the same documents."""
    table = Table("runtime", "entity F1", "ROUGE-1", "relative error", "words/s")
    expected: list[np.ndarray] = []
    for runtime in RUNTIMES:
        nlp = spacy.load(pipeline, config=runtime_config(runtime))
        references = list(DocBin().from_disk(corpus).get_docs(nlp.vocab))
        batch = [with_tokens_of(nlp.vocab, doc) for doc in references[:40]]
        vectors = nlp.get_pipe("transformer").model.predict(batch).model_output.last_hidden_state.float().numpy()
        expected.append(vectors)
        error = np.linalg.norm(vectors - expected[0]) / np.linalg.norm(expected[0])
        examples = [Example(with_tokens_of(nlp.vocab, doc), doc) for doc in references]
        start = time.perf_counter()
        scores = nlp.evaluate(examples)
        rate = sum(map(len, references)) / (time.perf_counter() - start)
        rouge = "–"
        if pairs is not None:
            articles = list(DocBin().from_disk(pairs).get_docs(nlp.vocab))
            result = nlp.evaluate([Example(with_tokens_of(nlp.vocab, doc), doc) for doc in articles])
            rouge = f"{result['summary_rouge1']:.4f}"
        table.add_row(runtime, f"{scores['ents_f']:.4f}", rouge, f"{error:.1e}", f"{rate:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
