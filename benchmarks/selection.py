"""What texts that `dossier select` chooses are worth beside texts chosen at random.

    python benchmarks/selection.py TRAIN.spacy DEV.spacy TEST.spacy -o OUTPUT [--first 1000] [--more 1000] [--seeds 0 1]

A pipeline is trained on so many random sentences of the training part, calibrated on the development part, and
processes the rest; of that more sentences are chosen, and one is trained from the start on the first and these:

    random   as many as asked for, at random
    texts    as many, those in which most errors are expected
    words    those with most errors expected to a word, as many as have the words of the random ones

Sentences are documents of their own in all three parts. With --steps all trainings take as many, else as many as the
config plans. F1 is that of the entities of the test part, from gold tokens, after the last step. Prints a table and
writes OUTPUT/selection.json as it goes; what is there already is not done again.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_dossier.convert.select import select
from spacy_dossier.evaluate.calibrate import calibrate
from spacy_dossier.evaluate.corpus import load_pipeline, read_docs, with_tokens_of

FIRST, ARMS = "first", ("random", "texts", "words")
PIPELINE = '["transformer","crf_ner","vector_cleaner"]'


def main() -> None:
    parser = argparse.ArgumentParser(description="What chosen texts are worth beside random ones.")
    for part in ("train", "dev", "test"):
        parser.add_argument(part, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/default.cfg"))
    parser.add_argument("--encoder", default="assets/encoder")
    parser.add_argument("--first", type=int, default=1000, help="Sentences that are annotated already.")
    parser.add_argument("--more", type=int, default=1000, help="Sentences that are added.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--steps", type=int, help="Steps of each training; without it the config plans them.")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / "selection.json"
    found: dict[str, dict[str, Any]] = srsly.read_json(results) if results.exists() else {}
    parts = {name: args.output / f"{name}.spacy" for name in ("train", "dev", "test")}
    for name, path in parts.items():
        if not path.exists():
            write(path, (sentence for doc in read_docs(getattr(args, name)) for sentence in sentences_of(doc)))
    for seed in args.seeds:
        folder = args.output / str(seed)
        choose_at_random(parts["train"], folder, seed, args.first, args.more)
        for arm in (FIRST, *args.arms):
            if f"{seed} {arm}" not in found:
                if arm in ("texts", "words"):
                    choose(parts, folder, arm, args.more)
                found[f"{seed} {arm}"] = train(args, parts, folder, arm, seed)
                srsly.write_json(results, found)
                print(f"seed {seed}, {arm}: {found[f'{seed} {arm}']}", flush=True)
    print(table(found, args.seeds, (FIRST, *args.arms)))


def sentences_of(doc: Doc) -> Iterable[Doc]:
    """YIELDS (Doc): Each sentence that has words as a document with its entities, and nothing else."""
    for sent in doc.sents:
        if sent.text.strip():
            yield sent.as_doc()


def write(path: Path, docs: Iterable[Doc]) -> None:
    path.parent.mkdir(exist_ok=True)
    DocBin(docs=docs).to_disk(path)


def choose_at_random(train: Path, folder: Path, seed: int, first: int, more: int) -> None:
    """Write the sentences of the first training, those of the random one, and the rest, from which others choose."""
    if (folder / "rest.spacy").exists():
        return
    docs = read_docs(train)
    random.Random(seed).shuffle(docs)
    write(folder / f"{FIRST}.spacy", docs[:first])
    write(folder / "random.spacy", docs[: first + more])
    write(folder / "rest.spacy", docs[first:])


def choose(parts: dict[str, Path], folder: Path, arm: str, more: int) -> None:
    """Write the sentences of the first training, and those that the pipeline of that training chooses of the rest."""
    if (folder / f"{arm}.spacy").exists():
        return
    nlp = load_pipeline(folder / FIRST / "model-last")
    calibrate(nlp, read_docs(parts["dev"]))
    first, rest = read_docs(folder / f"{FIRST}.spacy"), read_docs(folder / "rest.spacy")
    blank = [with_tokens_of(nlp.vocab, doc) for doc in rest]
    for i, doc in enumerate(blank):
        doc.user_data["id"] = i
    processed = list(nlp.pipe(blank))
    n = sum(map(len, rest[:more])) if arm == "words" else more  # the rest is in random order
    chosen = select(processed, n, words=arm == "words")
    write(folder / f"{arm}.spacy", [*first, *(rest[doc.user_data["id"]] for doc in chosen.docs)])


def train(args: argparse.Namespace, parts: dict[str, Path], folder: Path, arm: str, seed: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What a training was on, and how the pipeline does on the test part."""
    begun = time.monotonic()
    overrides: dict[str, Any] = {
        "nlp.pipeline": PIPELINE,
        "paths.encoder": args.encoder,
        "paths.train": folder / f"{arm}.spacy",
        "paths.dev": parts["dev"],
        "paths.train_pairs": "null",
        "paths.dev_pairs": "null",
        "training.eval_frequency": args.steps or 10**6,  # at the last step only
        "system.seed": seed,
    }
    if args.steps:
        overrides["training.max_steps"] = args.steps
    command: list[Any] = [sys.executable, "-m", "spacy", "train", args.config, "--output", folder / arm]
    command += [part for key, value in overrides.items() for part in (f"--{key}", value)]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - begun
    nlp = load_pipeline(folder / arm / "model-last")
    test = [Example(with_tokens_of(nlp.vocab, doc), doc) for doc in read_docs(parts["test"])]
    docs = read_docs(folder / f"{arm}.spacy")
    return {
        "ents_f": nlp.evaluate(test)["ents_f"],
        "sentences": len(docs),
        "words": sum(map(len, docs)),
        "entities": sum(len(doc.ents) for doc in docs),
        "seconds": round(seconds),
    }


def table(found: dict[str, dict[str, Any]], seeds: Sequence[int], arms: Sequence[str]) -> str:
    """RETURNS (str): A row a training set: F1 of each seed, their mean, and how far it is above that of random ones."""
    head = ["trained on", *(f"seed {seed}" for seed in seeds), "mean", "over random", "sentences", "words", "entities"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for arm in arms:
        rows = [found[f"{seed} {arm}"] for seed in seeds]
        scores = [100 * row["ents_f"] for row in rows]
        over = ""
        if "random" in arms and arm not in (FIRST, "random"):
            gains = [a - 100 * found[f"{seed} random"]["ents_f"] for a, seed in zip(scores, seeds, strict=True)]
            spread = f" ± {statistics.stdev(gains):.2f}" if len(gains) > 1 else ""
            over = f"{statistics.mean(gains):+.2f}{spread}"
        sizes = [f"{statistics.mean(row[key] for row in rows):,.0f}" for key in ("sentences", "words", "entities")]
        cells = [arm, *(f"{score:.2f}" for score in scores), f"{statistics.mean(scores):.2f}", over, *sizes]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
