"""`dossier tune`: what it tries, what it keeps, and that it goes on."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import spacy
from optuna.trial import TrialState
from spacy.cli.init_config import fill_config
from spacy.tokens import Doc, DocBin
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.tune import study as study_module
from spacy_dossier.tune.page import render, write_page
from spacy_dossier.tune.space import read_space
from spacy_dossier.tune.study import STARTUP, Search, load_study, tune
from spacy_dossier.tune.trial import TrainingFailed

CONFIG = """
[paths]
train = null
dev = null

[system]
seed = 0

[nlp]
lang = "en"
pipeline = ["textcat"]

[components]

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatBOW.v3"
exclusive_classes = true
ngram_size = 1
no_output_layer = false
length = 4096

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}

[training]
dropout = 0.1
max_steps = 6
eval_frequency = 3

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.03

[training.score_weights]
cats_score = 1.0
"""
SPACE = """
parameters:
  training.optimizer.learn_rate: {type: float, low: 0.0001, high: 0.1, log: true}
  components.textcat.model.ngram_size: {type: int, low: 1, high: 3}
  training.dropout: {type: choice, choices: [0.0, 0.2]}
"""


@pytest.fixture
def search(tmp_path: Path) -> Search:
    (tmp_path / "short.cfg").write_text(CONFIG)
    fill_config(tmp_path / "config.cfg", tmp_path / "short.cfg")
    (tmp_path / "space.yml").write_text(SPACE)
    return Search(tmp_path / "config.cfg", tmp_path / "space.yml", tmp_path / "out", {"training.max_steps": 4})


class Trainings:
    """Stands for `spacy train`: three evaluations, whose scores fall with the distance of the learning rate to 0.01."""

    def __init__(self) -> None:
        self.overrides: list[dict[str, Any]] = []
        self.stop_after = 10**6
        self.ended_early = 0
        self.fail = False

    def __call__(
        self, source: Path, overrides: Mapping[str, Any], folder: Path, gpu_id: int
    ) -> Iterator[tuple[int, float]]:
        if len(self.overrides) == self.stop_after:
            raise KeyboardInterrupt
        self.overrides.append(dict(overrides))
        if self.fail:
            raise TrainingFailed("out of memory")
        rate = overrides["training.optimizer.learn_rate"]
        height = 1 - abs(rate - 0.01) * 5 + overrides["system.seed"] / 1000
        step = 0
        try:
            for step, part in ((10, 0.5), (20, 1.0), (30, 0.9)):
                yield step, height * part
        finally:
            self.ended_early += step < 30


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    stand_in = Trainings()
    monkeypatch.setattr(study_module, "train", stand_in)
    return stand_in


def test_the_best_config_is_the_config_with_the_best_settings(search: Search, trainings: Trainings) -> None:
    """And with the overrides, but not with the seed or the logger of a trial; its variables stay variables."""
    found = tune(search, trials=12)
    complete = found.get_trials(states=[TrialState.COMPLETE])
    best = max(complete, key=lambda trial: trial.value or 0)
    best_rate = best.params["training.optimizer.learn_rate"]
    assert abs(best_rate - 0.01) == min(abs(t.params["training.optimizer.learn_rate"] - 0.01) for t in complete)
    config = load_config(search.output / "best.cfg", interpolate=False)
    assert config["training"]["optimizer"]["learn_rate"] == pytest.approx(best_rate)
    assert config["components"]["textcat"]["model"]["ngram_size"] == best.params["components.textcat.model.ngram_size"]
    assert config["training"]["dropout"] == best.params["training.dropout"]
    assert config["training"]["max_steps"] == 4
    assert config["system"]["seed"] == 0
    assert config["corpora"]["train"]["path"] == "${paths.train}"
    original = load_config(search.source, interpolate=False)
    assert config["training"]["logger"] == original["training"]["logger"]


def test_the_first_trial_is_the_config_as_it_is(search: Search, trainings: Trainings) -> None:
    """Where the space has its settings, so that the best is no worse; a search that goes on does not try it again."""
    tune(search, trials=1)
    tune(search, trials=3)
    own = [(t["training.optimizer.learn_rate"], t["components.textcat.model.ngram_size"]) for t in trainings.overrides]
    assert own.index((0.03, 1)) == 0 and own.count((0.03, 1)) == 1
    assert trainings.overrides[0]["training.dropout"] in (0.0, 0.2)


def test_a_score_is_the_mean_of_the_seeds_best_evaluations(search: Search, trainings: Trainings) -> None:
    found = tune(Search(search.source, search.space, search.output, {}, seeds=(3, 5)), trials=2)
    assert [given["system.seed"] for given in trainings.overrides] == [3, 5, 3, 5]
    rate = found.trials[0].params["training.optimizer.learn_rate"]
    assert found.trials[0].value == pytest.approx(1 - abs(rate - 0.01) * 5 + 0.004)


def test_bad_trials_are_ended_early_and_never_the_first_ones(search: Search, trainings: Trainings) -> None:
    found = tune(search, trials=20)
    pruned = found.get_trials(states=[TrialState.PRUNED])
    assert pruned and min(trial.number for trial in pruned) >= STARTUP
    assert trainings.ended_early == len(pruned)
    assert len(found.trials) == 20
    complete = found.get_trials(states=[TrialState.COMPLETE])
    assert max(t.intermediate_values[10] for t in pruned) < max(t.intermediate_values[10] for t in complete)


def test_a_search_that_is_killed_goes_on_with_the_trial_that_it_was_at(search: Search, trainings: Trainings) -> None:
    """The interrupted trial is tried again with the same settings, and no finished one is trained again."""
    trainings.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        tune(search, trials=6)
    broken = load_study(search.output).trials[-1]
    assert broken.state == TrialState.RUNNING
    trainings.stop_after = 10**6
    counted: list[int] = []
    found = tune(search, trials=6, advance=lambda n, note: counted.append(n))
    assert counted == [3, 1, 1, 1]
    assert len(trainings.overrides) == 6
    assert found.trials[3].state == TrialState.FAIL
    assert found.trials[4].params == broken.params
    assert len(tune(search, trials=6).trials) == len(found.trials)  # all is done


@pytest.mark.parametrize("change", ["space", "config", "seeds"])
def test_a_study_goes_on_with_nothing_else(search: Search, trainings: Trainings, change: str) -> None:
    tune(search, trials=1)
    seeds: tuple[int, ...] = (0,)
    if change == "space":
        search.space.write_text(SPACE.replace("0.2", "0.3"))
    if change == "config":
        search.source.write_text(search.source.read_text().replace("dropout = 0.1", "dropout = 0.15"))
    if change == "seeds":
        seeds = (0, 1)
    with pytest.raises(DossierError, match=f"began with another {change}"):
        tune(Search(search.source, search.space, search.output, search.overrides, seeds), trials=2)


def test_trials_that_fail_end_the_search_with_what_they_say(search: Search, trainings: Trainings) -> None:
    trainings.fail = True
    with pytest.raises(DossierError, match="3 trials in a row failed, the last with: out of memory"):
        tune(search, trials=10)
    assert not (search.output / "best.cfg").exists()
    assert "out of memory" in render(load_study(search.output))


def test_the_page_shows_every_trial_and_escapes_what_it_shows(search: Search, trainings: Trainings) -> None:
    search.space.write_text(SPACE + '  paths.train: {type: choice, choices: ["<b>a</b>", "c"]}\n')
    found = tune(search, trials=12)
    write_page(found, search.output)
    page = (search.output / "index.html").read_text()
    assert page.count("<tr><td>") == 12
    assert "<b>a" not in page and "&lt;b&gt;a" in page
    complete = found.get_trials(states=[TrialState.COMPLETE])
    assert page.count('<circle class="point"') == len(complete) * 5  # history, and four settings
    assert "Importance" in page and f"{found.best_value:.4f}" in page
    weights = optuna.importance.get_param_importances(found, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    assert all(f">{weight:.2f}<" in page for weight in weights.values())


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("parameters: {}", "parameters"),
        ("parameters: [", "no space to search"),
        ("parameters:\n  training.dropout: {type: float, low: 1.0, high: 0.5}", "no space to search"),
        ("parameters:\n  training.dropout: {type: float, low: 0.0, high: 0.5, log: true}", "no space to search"),
        ("parameters:\n  training.dropout: {type: normal, low: 0.0, high: 0.5}", "training.dropout"),
        ("parameters:\n  training.dropout: {type: float, low: 0.0, hihg: 0.5}", "training.dropout"),
        ("parameters:\n  training.dropuot: {type: float, low: 0.0, high: 0.5}", "Did you mean training.dropout?"),
    ],
)
def test_what_is_wrong_with_a_space_is_one_line(search: Search, space: str, message: str) -> None:
    search.space.write_text(space)
    with pytest.raises(DossierError) as caught:
        read_space(search.space, load_config(search.source, interpolate=False))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_searches_trains_and_says_what_is_best(search: Search, tmp_path: Path) -> None:
    """With `spacy train` itself. The second run does one more trial."""
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["good" if number % 2 else "bad", "soup"]) for number in range(8)]
    for number, doc in enumerate(docs):
        doc.cats = {"praise": number % 2, "blame": 1 - number % 2}
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    search.space.write_text("parameters:\n  training.dropout: {type: choice, choices: [0.0, 0.2]}\n")
    corpora = [f"--paths.{part}={tmp_path / 'docs.spacy'}" for part in ("train", "dev")]
    arguments = ["tune", str(search.source), str(search.space), "-o", str(search.output), *corpora]
    done = CliRunner().invoke(app, [*arguments, "-n", "1"])
    assert done.exit_code == 0, done.output
    assert "Best of 1 trials: 1.0000 (trial 0)" in done.output
    done = CliRunner().invoke(app, [*arguments, "-n", "2"])
    assert done.exit_code == 0, done.output
    assert "Best of 2 trials" in done.output
    lines = (search.output / "trials" / "0001" / "seed-0" / "scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 3, 6]
    assert (search.output / "index.html").is_file() and load_config(search.output / "best.cfg")
    with sqlite3.connect(search.output / "study.db") as db:
        assert db.execute("select count(*) from trials").fetchone() == (2,)


def test_a_training_that_fails_says_why(search: Search) -> None:
    """The corpus is not there."""
    arguments = ["tune", str(search.source), str(search.space), "-o", str(search.output), "-n", "1"]
    done = CliRunner().invoke(app, [*arguments, "--paths.train", "nowhere.spacy", "--paths.dev", "nowhere.spacy"])
    assert done.exit_code == 1
    assert "3 trials in a row failed" in done.output and "Traceback" not in done.output
