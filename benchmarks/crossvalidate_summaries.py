"""Cross-validate the summarizer of a config on article/summary pairs, over a pipeline that stays as it is.

    python benchmarks/crossvalidate_summaries.py training/model-final corpus/pairs/train.spacy -k 8 -o summaries.json

The encoder and all else before the summarizer run once over all pairs. For each fold a fresh summarizer is trained on
all other folds by spaCy's training loop with the settings of the config, to its last step; it then summarizes the
fold. So every pair is scored by a summarizer that never saw it, none is needed to choose a checkpoint, and all of them
make one table, as `dossier evaluate --summaries` has it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import srsly
import typer
from spacy import util
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.corpus import walk_corpus
from spacy.training.loop import create_train_batches, train_while_improving
from spacy_transformers.layers import TransformerListener
from thinc.api import fix_random_seed

from spacy_dossier.evaluate.cells import number
from spacy_dossier.evaluate.metrics import SEED
from spacy_dossier.evaluate.summaries import MEASURES, comparison, score_extracts
from spacy_dossier.pipeline.summarizer.pipe import Summarizer

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "summarizer.cfg"
Scores = dict[str, list[float]]


def read_pairs(files: Iterable[Path], nlp: Language) -> list[Doc]:
    """RETURNS (list[Doc]): The documents of DocBin files, or folders of them, that have a reference summary."""
    paths = (path for file in files for path in walk_corpus(file, ".spacy"))
    docs = (doc for path in paths for doc in DocBin().from_disk(path).get_docs(nlp.vocab))
    return [doc for doc in docs if doc.user_data.get("summary_reference") and len(doc)]


def encode(nlp: Language, pairs: list[Doc]) -> list[Example]:
    """Run what comes before the summarizer.

    nlp (Language): The trained pipeline, without summarizer.
    pairs (list[Doc]): The references.
    RETURNS (list[Example]): Each reference with its document, which has sentences, entities and `doc._.trf_data`.
    """
    docs = nlp.pipe(pair.text for pair in pairs)
    with typer.progressbar(docs, length=len(pairs), label="Encoding") as bar:
        return [Example(doc, pair) for doc, pair in zip(bar, pairs, strict=True)]


def fresh(nlp: Language, config: util.Config) -> Language:
    """RETURNS (Language): A pipeline of nothing but the config's summarizer, which reads `doc._.trf_data`."""
    alone = type(nlp)(nlp.vocab)
    alone.add_pipe("summarizer", config={k: v for k, v in config["components"]["summarizer"].items() if k != "factory"})
    width = nlp.get_pipe("transformer").model.get_dim("nO")
    for node in alone.get_pipe("summarizer").model.walk():
        if isinstance(node, TransformerListener):
            node.set_dim("nO", width)
    return alone


def train(alone: Language, config: util.Config, examples: list[Example]) -> Summarizer:
    """Train as `spacy train` does, to the last step."""
    settings = util.registry.resolve(config["training"], schema=ConfigSchemaTraining)
    if not settings["max_steps"] and not settings["max_epochs"]:
        raise typer.BadParameter("training.max_steps of the config must be above 0")
    fix_random_seed(settings["seed"])
    summarizer = alone.get_pipe("summarizer")
    summarizer.initialize(lambda: examples, nlp=alone)
    steps = train_while_improving(
        alone,
        settings["optimizer"],
        create_train_batches(alone, lambda nlp: examples, settings["batcher"], settings["max_epochs"]),
        lambda: (0.0, {}),
        dropout=settings["dropout"],
        accumulate_gradient=settings["accumulate_gradient"],
        patience=0,
        max_steps=settings["max_steps"],
        eval_frequency=settings["eval_frequency"],
        exclude=[],
        annotating_components=[],
        before_update=settings["before_update"],
    )
    for _ in steps:
        pass
    return summarizer


def crossvalidate(
    nlp: Language, pairs: list[Doc], config: util.Config, *, k: int = 8, seed: int = SEED
) -> list[Scores]:
    """Score every pair by a summarizer trained on other folds.

    nlp (Language): The trained pipeline, without summarizer.
    pairs (list[Doc]): The references.
    config (Config): A training config with a component "summarizer".
    k (int): Folds.
    seed (int): Of the division into folds.
    RETURNS (list[Scores]): What `score_extracts` says of each document that has sentences.
    """
    rng = np.random.default_rng(seed)
    examples = encode(nlp, pairs)
    order = rng.permutation(len(examples))
    scores = []
    with typer.progressbar(range(k), label="Folds") as folds:
        for fold in folds:
            rest = [examples[i] for j in range(k) if j != fold for i in order[j::k]]
            summarizer = train(fresh(nlp, config), config, rest)
            for eg in (examples[i] for i in order[fold::k]):
                doc = summarizer(eg.predicted.copy())
                scores.append(score_extracts(summarizer, doc, [eg.reference.user_data["summary_reference"]], rng))
    return [row for row in scores if row]


def lines(table: dict[str, Any]) -> Iterator[str]:
    """The table in Markdown, and the paired differences."""
    yield f"| {table['pairs']} pairs | " + " | ".join(MEASURES) + " |"
    yield "|---" * (len(MEASURES) + 1) + "|"
    for name, row in table.items():
        if isinstance(row, dict) and "words" in row:
            yield f"| {name} | " + " | ".join(number(row[measure]) for measure in MEASURES) + " |"
    for name, row in table.items():
        if "_vs_" in name:
            for measure, part in row.items():
                ends = f"[{part['low']:+.4f}, {part['high']:+.4f}]"
                yield f"{name}, {measure}: {part['difference']:+.4f} {ends}"


def main(
    pipeline: Annotated[str, typer.Argument(help="Trained pipeline with a transformer and sentences")],
    files: Annotated[
        list[Path], typer.Argument(exists=True, help="What `dossier pairs` made: .spacy files or folders")
    ],
    config: Annotated[Path, typer.Option(help="Training config whose summarizer is trained")] = CONFIG,
    k: Annotated[int, typer.Option("-k", min=2, help="Folds")] = 8,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="JSON file for the scores")] = None,
) -> None:
    """Cross-validate the summarizer of a config on article/summary pairs."""
    nlp = spacy.load(pipeline, exclude=["summarizer", "vector_cleaner"])
    settings = util.load_config(config, interpolate=False)
    settings["paths"]["source"] = pipeline
    scores = crossvalidate(nlp, read_pairs(files, nlp), settings.interpolate(), k=k)
    table = comparison(scores, lang=nlp.lang)
    for line in lines(table):
        typer.echo(line)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, {"summaries": table})


if __name__ == "__main__":
    typer.run(main)
