"""`spacy-dossier.ConsoleLogger.v1`: spaCy's console logger, and at the end what the corpus was too small for.
`spacy-dossier.ScoreLog.v1`: a JSON line for each evaluation, for programs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.training.loggers import console_logger

FEW = 50  # entities of a label; chosen by hand

Log = Callable[[dict[str, Any] | None], None]


def create_console_logger(progress_bar: bool = False) -> Callable[..., tuple[Log, Callable[[], None]]]:
    """The logger.

    progress_bar (bool): As of spaCy's `spacy.ConsoleLogger.v1`.
    """
    setup_spacys = console_logger(progress_bar)

    def setup(nlp: Language, stdout: IO, stderr: IO) -> tuple[Log, Callable[[], None]]:
        log_step, finalize_spacys = setup_spacys(nlp, stdout, stderr)

        def finalize() -> None:
            finalize_spacys()
            for note in corpus_notes(nlp):
                stdout.write(f"Note: {note}\n")

        return log_step, finalize

    return setup


def corpus_notes(nlp: Language) -> Iterator[str]:
    """YIELDS (str): For each component that counted the entities of its training data, the labels with few."""
    for name, pipe in nlp.pipeline:
        counts: dict[str, int] = getattr(pipe, "cfg", {}).get("annotated", {})
        few = {label: n for label, n in counts.items() if n < FEW}
        if few:
            listed = ", ".join(f"{label} {n}" for label, n in sorted(few.items(), key=lambda item: item[1]))
            yield (
                f"the training data of '{name}' has {sum(counts.values()):,} entities, fewer than {FEW} of these labels: "
                f"{listed}. Much of what it finds of them will be wrong."
            )


def create_score_log(path: str) -> Callable[..., tuple[Log, Callable[[], None]]]:
    """The logger.

    path (str): File that gets a JSON line with `step`, `epoch`, `score` and `other_scores` for each evaluation.
    """

    def setup(nlp: Language, stdout: IO, stderr: IO) -> tuple[Log, Callable[[], None]]:
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115

        def log_step(info: dict[str, Any] | None) -> None:
            if info is not None:
                row = {name: info[name] for name in ("step", "epoch", "score", "other_scores")}
                file.write(srsly.json_dumps(row) + "\n")
                file.flush()

        return log_step, file.close

    return setup
