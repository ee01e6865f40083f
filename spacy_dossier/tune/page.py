"""The search as a page: history, importance of each setting, and the scores along each, without network."""

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from ..evaluate.charts import line, rect, start, text
from ..text.files import write_file

WIDTH, HEIGHT, LEFT, TOP = 380, 240, 56, 12
LEAST_TRIALS = 4  # complete ones of different scores, for an importance
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "ended early", TrialState.FAIL: "failed"}


def write_page(study: optuna.Study, folder: Path) -> None:
    write_file(folder / "index.html", render(study))


def render(study: optuna.Study) -> str:
    """RETURNS (str): The page."""
    style = (files("spacy_dossier.evaluate") / "static" / "evaluate.css").read_text(encoding="utf-8")
    complete = study.get_trials(states=[TrialState.COMPLETE])
    names = list(study.user_attrs["space"]["parameters"])
    sections = [("Best", best(study, complete)), ("History", history(complete))]
    if weights := importances(study, complete):
        sections.append(("Importance", importance(weights)))
    sections.append(("Slices", f'<div class="charts">{"".join(piece(complete, name) for name in names)}</div>'))
    sections.append(("Trials", table(study.trials, names)))
    bodies = "".join(f"<section><h2>{name}</h2>{body}</section>" for name, body in sections if body)
    counted = ", ".join(
        f"{sum(trial.state == state for trial in study.trials):,} {name}" for state, name in STATES.items()
    )
    seeds = ", ".join(map(str, study.user_attrs["seeds"]))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Search</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head><body>'
        f"<header><h1>Search</h1><p>Trials: {counted}. Seeds of each: {seeds}.</p></header><main>{bodies}</main>"
        "</body></html>\n"
    )


def best(study: optuna.Study, complete: Sequence[FrozenTrial]) -> str:
    if not complete:
        return "<p>No trial is complete.</p>"
    trial = study.best_trial
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(shown(value))}</td></tr>" for name, value in trial.params.items()
    )
    return (
        f"<p>Trial {trial.number}, score {trial.value:.4f}. Its config is <code>best.cfg</code>; the score is the best "
        f"of {len(complete):,}, on the data that it was chosen by.</p><table><tbody>{rows}</tbody></table>"
    )


def history(complete: Sequence[FrozenTrial]) -> str:
    """The score of each complete trial, and the best until then."""
    if not complete:
        return ""
    last = max(trial.number for trial in complete)
    parts, y = frame([trial.value or 0.0 for trial in complete], "Scores in the order of the trials")

    def x(number: int) -> float:
        return LEFT + 8 + (WIDTH - 16) * number / max(1, last)

    top = -math.inf
    points: list[tuple[float, float]] = []
    for trial in complete:
        value = trial.value or 0.0
        if value > top:
            points += [(x(trial.number), y(top))] if points else []
            top = value
        points.append((x(trial.number), y(top)))
        parts.append(dot(x(trial.number), y(value), trial))
    parts.append(f'<polyline class="line precision" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
    parts.append(text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, "trial", "middle"))
    return f"<figure>{''.join(parts)}</svg></figure>"


def importances(study: optuna.Study, complete: Sequence[FrozenTrial]) -> dict[str, float]:
    """By PED-ANOVA (Watanabe, Bansal & Hutter 2023): how the good trials differ from the others along each setting.

    RETURNS (dict[str, float]): Shares that add up to 1; empty where there are too few trials.
    """
    if len({trial.value for trial in complete}) < LEAST_TRIALS:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def importance(weights: dict[str, float]) -> str:
    row, left = 24, 420
    parts = [start(left + 240, row * len(weights) + 8, "Importance of each setting")]
    for number, (name, weight) in enumerate(weights.items()):
        parts.append(text(left - 8, row * number + 17, name, "end"))
        parts.append(rect(left, row * number + 4, 180 * weight, row - 8, "bar"))
        parts.append(text(left + 180 * weight + 6, row * number + 17, f"{weight:.2f}", "start"))
    return f"<figure>{''.join(parts)}</svg></figure>"


def piece(complete: Sequence[FrozenTrial], name: str) -> str:
    """The scores along one setting."""
    trials = [trial for trial in complete if name in trial.params]
    if not trials:
        return ""
    distribution = trials[0].distributions[name]
    parts, y = frame([trial.value or 0.0 for trial in trials], f"Scores along {name}")
    for share, label in ticks(distribution):
        parts.append(text(LEFT + WIDTH * share, TOP + HEIGHT + 18, label, "middle"))
    for trial in trials:
        parts.append(dot(LEFT + WIDTH * place(distribution, trial.params[name]), y(trial.value or 0.0), trial))
    parts.append(text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, name, "middle"))
    return f"<figure>{''.join(parts)}</svg></figure>"


def frame(scores: Sequence[float], label: str) -> tuple[list[str], Any]:
    """RETURNS (tuple): The picture's beginning with its lines of equal score, and the height of a score in it."""
    low, high = min(scores), max(scores)
    margin = (high - low) * 0.05 or 0.01
    low, high = low - margin, high + margin
    parts = [start(LEFT + WIDTH + 14, TOP + HEIGHT + 44, label)]
    for number in range(5):
        at = TOP + HEIGHT * number / 4
        parts.append(line(LEFT, at, LEFT + WIDTH, at, "grid"))
        parts.append(text(LEFT - 6, at + 4, f"{high - (high - low) * number / 4:.3f}", "end"))
    return parts, lambda score: TOP + HEIGHT * (high - score) / (high - low)


def dot(x: float, y: float, trial: FrozenTrial) -> str:
    tip = f"trial {trial.number}: {trial.value:.4f}; " + ", ".join(f"{n} {shown(v)}" for n, v in trial.params.items())
    return f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(tip)}</title></circle>'


def place(distribution: BaseDistribution, value: Any) -> float:
    """RETURNS (float): Where a value is on its axis, in [0, 1]."""
    if isinstance(distribution, CategoricalDistribution):
        return (distribution.choices.index(value) + 0.5) / len(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    if distribution.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return 0.5 if low == high else (value - low) / (high - low)


def ticks(distribution: BaseDistribution) -> list[tuple[float, str]]:
    if isinstance(distribution, CategoricalDistribution):
        return [(place(distribution, choice), shown(choice)) for choice in distribution.choices]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [
        (place(distribution, value), shown(value)) for value in dict.fromkeys((distribution.low, distribution.high))
    ]


def table(trials: Sequence[FrozenTrial], names: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("trial", "score", "", "seconds", *names))
    rows = []
    for trial in sorted(trials, key=lambda trial: (trial.value is None, -(trial.value or 0.0), trial.number)):
        score = f"{trial.value:.4f}" if trial.state == TrialState.COMPLETE else ""
        seconds = f"{trial.duration.total_seconds():.0f}" if trial.duration else ""
        state = trial.user_attrs.get("error") or STATES.get(trial.state, "")
        values = [str(trial.number), score, state, seconds, *(shown(trial.params.get(name, "")) for name in names)]
        rows.append(f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
