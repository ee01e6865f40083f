"""`dossier tune`: search for the settings of a training config that score best."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DossierError

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def tune_cli(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(help="Training config.", exists=True, dir_okay=False)],
    space: Annotated[Path, typer.Argument(help="YAML file with the settings to search.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder: study.db, best.cfg, index.html, trials.")],
    trials: Annotated[
        int, typer.Option("--trials", "-n", min=1, help="Finished trials, those of earlier runs too.")
    ] = 20,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            "--seed", help="Train each trial with this seed; repeatable, the score is the mean.", show_default="0"
        ),
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="Number of a card, or -1 for the CPU.")] = -1,
) -> None:
    """Search for the settings that score best on the development data of CONFIG.

    Each trial is `spacy train` in a process of its own; trials worse than the median of those before them are ended
    early. A search that is stopped goes on where it was. Further options override values of CONFIG, as in
    `--paths.train corpus/train.spacy`. best.cfg is CONFIG with the best settings, and trains as it is.
    """
    from spacy.cli._util import parse_config_overrides

    try:
        from ..tune.study import Search, tune
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise DossierError("optuna is not installed", remedy='pip install "spacy-dossier[tune]"') from None
    from .console import progress

    overrides: dict[str, Any] = parse_config_overrides(list(ctx.args))
    search = Search(config, space, output, overrides, tuple(seed or [0]), gpu_id)
    with progress("Searching", total=trials, unit="trials") as advance:
        study = tune(search, trials, lambda n, note: advance(n, note=note))
    best = study.best_trial if any(trial.value is not None for trial in study.trials) else None
    if best:
        typer.echo(f"Best of {len(study.trials):,} trials: {best.value:.4f} (trial {best.number})")
        for name, value in best.params.items():
            typer.echo(f"  {name} = {value}")
    typer.echo(f"Wrote {output / 'index.html'}" + (f" and {output / 'best.cfg'}" if best else ""))
