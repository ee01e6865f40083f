"""What each switch of the training recipe is worth: a short training with the config as it is, and one a switch.

    python benchmarks/measure_recipe.py TRAIN.spacy DEV.spacy OUTPUT [--steps 350] [--seeds 1] [--only NAME …]

All trainings have the same number of steps and, but for the switch of that name, the same schedule, so that the
differences are those of the switch on a short training. Prints a table and writes OUTPUT/recipe.json as it goes; what
is there already is not trained again.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import srsly
from spacy.util import load_config
from thinc.api import Config

Block = dict[str, Any]
LISTENER = ("components", "crf_ner", "model", "tok2vec", "tok2vec")
RATE = ("training", "optimizer", "learn_rate")
ENCODER = ("components", "transformer", "model")

# Name of a switch, and what it sets: a path into the config, and the value there.
SWITCHES: dict[str, list[tuple[tuple[str, ...], Any]]] = {
    "as configured": [],
    "no word shape beside the vectors": [],  # see `configure`: it replaces a block by one inside it
    "no case embedding": [((*ENCODER, "case_embedding"), False)],
    "neither of both": [((*ENCODER, "case_embedding"), False)],
    "trained word embeddings": [((*ENCODER, "frozen_embeddings"), False)],
    "two lowest layers frozen": [((*ENCODER, "frozen_layers"), 2)],
    "three lowest layers frozen": [((*ENCODER, "frozen_layers"), 3)],
    "one more layer trained every 25 steps": [((*ENCODER, "unfreeze_every"), 25)],
    "LoRA of rank 8": [((*ENCODER, "lora_rank"), 8), ((*ENCODER, "learn_rate_scale"), 1.0)],
    "LoRA of rank 8, thrice the rate": [((*ENCODER, "lora_rank"), 8), ((*ENCODER, "learn_rate_scale"), 3.0)],
    "LoRA of rank 16": [((*ENCODER, "lora_rank"), 16), ((*ENCODER, "learn_rate_scale"), 1.0)],
    "LoRA of rank 8 in all linear layers": [
        ((*ENCODER, "lora_rank"), 8),
        ((*ENCODER, "learn_rate_scale"), 1.0),
        ((*ENCODER, "lora_layers"), ".*"),
    ],
    "same rate in all layers": [((*ENCODER, "layer_decay"), 1.0)],
    "encoder as fast as the heads": [((*ENCODER, "learn_rate_scale"), 1.0), ((*RATE, "initial_rate"), 0.0003)],
    "no warm-up, no decay": [((*RATE, "warmup_steps"), 0), ((*RATE, "total_steps"), 10**9)],
    "entities replaced (30 %)": [
        (("corpora", "train", "augmenter"), {"@augmenters": "spacy-dossier.entity_replacement.v1", "level": 0.3})
    ],
    "entities replaced (30 %), half by generated names": [
        (
            ("corpora", "train", "augmenter"),
            {"@augmenters": "spacy-dossier.entity_replacement.v1", "level": 0.3, "generated": 0.5},
        )
    ],
    "smoothness of 1, noise of a half": [((*ENCODER, "smoothness"), 1.0)],
    "annotated tokens only": [(("corpora", "train", "tokens"), "gold")],
    "windows of 254": [((*ENCODER, "window"), 254)],
    "32 sub-words of context": [((*ENCODER, "window"), 190), ((*ENCODER, "context"), 32)],
    "float32": [((*ENCODER, "mixed_precision"), False)],
}
WITHOUT_WORD_SHAPE = ("no word shape beside the vectors", "neither of both")


def configure(config: Config, name: str) -> Config:
    """RETURNS (Config): The config with one switch turned."""
    changed = config.copy()
    for path, value in SWITCHES[name]:
        find(changed, path[:-1])[path[-1]] = value
    if name in WITHOUT_WORD_SHAPE:
        find(changed, LISTENER[:-2])["tok2vec"] = find(changed, LISTENER)
    return changed


def find(block: Block, path: tuple[str, ...]) -> Block:
    for key in path:
        block = block[key]
    return block


def main() -> None:
    parser = argparse.ArgumentParser(description="What each switch of the training recipe is worth.")
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--config", type=Path, default=Path("configs/default.cfg"))
    parser.add_argument("--encoder", default="assets/encoder")
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(SWITCHES), default=list(SWITCHES))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / "recipe.json"
    found: dict[str, list[Block]] = srsly.read_json(results) if results.exists() else {}
    config = load_config(args.config, interpolate=False)
    for seed in range(args.seeds):
        for name in args.only:
            if len(found.get(name, [])) > seed:
                continue
            folder = args.output / f"{list(SWITCHES).index(name):02}-{seed}"
            folder.mkdir(exist_ok=True)
            configure(config, name).to_disk(folder / "config.cfg")
            begun = time.monotonic()
            overrides = {
                "paths.encoder": args.encoder,
                "paths.train": args.train,
                "paths.dev": args.dev,
                "paths.train_pairs": "null",
                "paths.dev_pairs": "null",
                "components.summarizer.method": "centrality",
                "training.max_steps": args.steps,
                "training.eval_frequency": args.steps,
                "system.seed": seed,
            }
            command = [sys.executable, "-m", "spacy", "train", folder / "config.cfg", "--output", folder]
            command += [part for key, value in overrides.items() for part in (f"--{key}", value)]
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{name}: the training failed")
            scores = srsly.read_json(folder / "model-last" / "meta.json")["performance"]
            result = {
                "seed": seed,
                "ents_f": scores["ents_f"],
                "seconds": round(time.monotonic() - begun, 1),
                "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "peak_megabytes": round(usage.ru_maxrss / 1024),
            }
            found.setdefault(name, []).append(result)
            srsly.write_json(results, found)
            print(f"{name}, seed {seed}: F1 {scores['ents_f']:.4f} in {result['seconds']:.0f} s", flush=True)
    mean = {name: sum(r["ents_f"] for r in runs) / len(runs) for name, runs in found.items()}
    usual = mean.get("as configured")
    print("\n| switch | F1 | difference |\n|---|---|---|")
    for name in SWITCHES:
        if name in mean:
            difference = "" if usual is None else f"{100 * (mean[name] - usual):+.2f}"
            print(f"| {name} | {mean[name]:.4f} | {difference} |")


if __name__ == "__main__":
    main()
