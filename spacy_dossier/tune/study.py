"""The search: Optuna proposes settings, each trial trains with them, bad ones are ended early, and all is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import mean
from typing import Any

import optuna
from confection import Config
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from spacy.util import load_config

from ..errors import DossierError
from ..text.lock import Lock
from .page import write_page
from .space import Space, read_space
from .trial import TrainingFailed, require_scores, seed_path, train, write_config

# Trials of the beginning that are never ended early, as is Optuna's default for its median pruner. The first has the
# config's own settings, the others are proposed at random; the default for TPE is ten, many for trainings.
STARTUP = 5
FAILED_IN_A_ROW = 3
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    source (Path): The training config.
    space (Path): The YAML file with the settings to search.
    output (Path): Folder of the study.
    overrides (Mapping[str, Any]): Of the config's values, as `spacy train` takes them.
    seeds (Sequence[int]): Trainings of each trial; its score is their mean. Bad trials end in the first.
    gpu_id (int): Number of a card; -1 for the CPU.
    """

    source: Path
    space: Path
    output: Path
    overrides: Mapping[str, Any]
    seeds: Sequence[int] = (0,)
    gpu_id: int = -1


def tune(search: Search, trials: int, advance: Callable[[int, str], None] = lambda n, note: None) -> optuna.Study:
    """Search until there are so many finished trials, those of earlier runs among them.

    What a run that was killed leaves is tried again with the same settings.

    advance (Callable): Called after each trial, with 1 and what came out; at the beginning with what is there.
    RETURNS (optuna.Study): Also in `output`/study.db; the best config is `output`/best.cfg, the page index.html. All
        three are there after each trial.
    RAISES (DossierError): The config or the space do not serve, they are not those that the study began with, or
        several trials in a row fail.
    """
    config = load_config(search.source, overrides=dict(search.overrides), interpolate=False)
    require_scores(config, search.source)
    space = read_space(search.space, config)
    search.output.mkdir(parents=True, exist_ok=True)
    with Lock(search.output / ".lock"), quiet():
        study = open_study(search, config, space)
        repeat_unfinished(study)
        advance(len(finished(study)), "")
        while len(finished(study)) < trials:
            trial = study.ask(space.distributions())
            note = run(study, trial, search, seed_path(config))
            write_best(study, search)
            write_page(study, search.output)
            advance(1 if trial_of(study, trial).state in DONE else 0, note)
        return study


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna logs each trial to stderr, where the progress is."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def open_study(search: Search, config: Config, space: Space) -> optuna.Study:
    study = load_study(search.output, create=True)
    digest = sha256(config.to_str(interpolate=False).encode()).hexdigest()
    began = {
        "space": space.model_dump(),
        "config": digest,
        "seeds": list(search.seeds),
    }
    for name, value in began.items():
        if study.user_attrs.setdefault(name, value) != value:
            raise DossierError(
                f"the study began with another {name}",
                file=search.output,
                remedy="Give what it began with, or another folder",
            )
        study.set_user_attr(name, value)
    if not study.trials:
        study.enqueue_trial(space.settings_of(config.interpolate()))
    study.sampler = TPESampler(n_startup_trials=STARTUP, seed=len(study.trials))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
    return study


def load_study(output: Path, *, create: bool = False) -> optuna.Study:
    """RETURNS (optuna.Study): The study of a folder. RAISES (DossierError): There is none."""
    file = output / "study.db"
    if not create and not file.is_file():
        raise DossierError("no study", file=output)
    url = f"sqlite:///{file.resolve()}"
    return optuna.create_study(storage=url, study_name="tune", direction="maximize", load_if_exists=True)


def repeat_unfinished(study: optuna.Study) -> None:
    """A trial that still runs in the database belongs to a run that was killed: this one holds the lock."""
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=DONE)


def trial_of(study: optuna.Study, trial: Trial) -> FrozenTrial:
    return study.trials[trial.number]


def run(study: optuna.Study, trial: Trial, search: Search, seed: str) -> str:
    """Train once with each seed, and tell the study. RETURNS (str): What came out, in words."""
    try:
        score = mean(best_of(trial, search, seed, number) for number in range(len(search.seeds)))
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        return f"trial {trial.number} ended early"
    except TrainingFailed as error:
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=TrialState.FAIL)
        last = study.trials[-FAILED_IN_A_ROW:]
        if len(last) == FAILED_IN_A_ROW and all("error" in one.user_attrs for one in last):
            raise DossierError(
                f"{FAILED_IN_A_ROW} trials in a row failed, the last with: {error}",
                file=folder_of(search, trial.number),
                remedy="See log.txt there",
            ) from None
        return f"trial {trial.number} failed: {error}"
    study.tell(trial, score)
    return f"trial {trial.number}: {score:.4f}, best {study.best_value:.4f}"


def folder_of(search: Search, number: int) -> Path:
    return search.output / "trials" / f"{number:04}"


def best_of(trial: Trial, search: Search, seed: str, number: int) -> float:
    """Train with one of the seeds.

    RETURNS (float): The best score of its evaluations, which is that of the pipeline that `spacy train` would keep.
    RAISES (optuna.TrialPruned): The first training is worse than the median of the trials before it.
    """
    overrides = {**search.overrides, **trial.params, seed: search.seeds[number]}
    scores: list[float] = []
    steps = train(
        search.source, overrides, folder_of(search, trial.number) / f"seed-{search.seeds[number]}", search.gpu_id
    )
    for step, score in steps:
        scores.append(score)
        if number == 0:
            trial.report(score, step)
            if trial.should_prune():
                steps.close()
                raise optuna.TrialPruned
    if not scores:
        raise TrainingFailed("the training never came to an evaluation; lower training.eval_frequency")
    return max(scores)


def write_best(study: optuna.Study, search: Search) -> None:
    if study.get_trials(states=[TrialState.COMPLETE]):
        write_config(search.source, {**search.overrides, **study.best_params}, search.output / "best.cfg")
