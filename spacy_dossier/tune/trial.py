"""One training of a trial, in a process of its own: `python -m spacy train`, whose scores are read as they come."""

import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import srsly
from confection import Config
from spacy.util import load_config

from ..errors import DossierError

POLL = 0.2  # seconds between two looks at the scores


class TrainingFailed(Exception):
    """A training that ended with an error; what it says is the last line of it."""


def write_config(source: Path, overrides: Mapping[str, Any], target: Path) -> None:
    """Write a config with some of its values changed; what refers to them goes on doing so."""
    config = load_config(source, overrides=dict(overrides), interpolate=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    config.to_disk(target)


def seed_path(config: Config) -> str:
    """RETURNS (str): The setting that all others take their seed from, as in spaCy's own configs."""
    return "system.seed" if "seed" in config.get("system", {}) else "training.seed"


def train(
    source: Path, overrides: Mapping[str, Any], folder: Path, gpu_id: int
) -> Generator[tuple[int, float], None, None]:
    """Train once, without keeping the pipeline.

    source (Path): The config that `overrides` change.
    folder (Path): For the config, the scores and what the training prints.
    gpu_id (int): Number of a card; -1 for the CPU.
    YIELDS (tuple[int, float]): Step and score of each evaluation. Closing the iterator ends the training.
    RAISES (TrainingFailed): It ended with an error.
    """
    scores = folder / "scores.jsonl"
    logger = {"training.logger": {"@loggers": "spacy-dossier.ScoreLog.v1", "path": str(scores)}}
    write_config(source, {**overrides, **logger}, folder / "config.cfg")
    scores.unlink(missing_ok=True)
    command = [sys.executable, "-m", "spacy", "train", str(folder / "config.cfg"), "--gpu-id", str(gpu_id)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            seen = 0
            while True:
                ended = process.poll() is not None
                lines = scores.read_bytes().splitlines(keepends=True) if scores.is_file() else []
                for line in lines[seen:]:
                    if line.endswith(b"\n"):
                        row = srsly.json_loads(line)
                        yield row["step"], row["score"]
                        seen += 1
                if ended:
                    break
                time.sleep(POLL)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise TrainingFailed(last_line(folder / "log.txt"))


def last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "nothing was printed"


def require_scores(config: Config, source: Path) -> None:
    """RAISES (DossierError): The training never evaluates, so that there is nothing to search by."""
    weights = config.get("training", {}).get("score_weights", {})
    if not any(weights.values()):
        raise DossierError("no score counts in training.score_weights", file=source, remedy="Set one above 0")
