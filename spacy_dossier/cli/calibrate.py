"""`dossier calibrate`: make the confidences of a pipeline's entities mean what they say."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..devices import CHOICES


def calibrate_cli(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    dev: Annotated[Path, typer.Argument(help="Annotated documents it was not trained on (.spacy).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the calibrated pipeline.")],
    component: Annotated[str, typer.Option("--component", "-c", help="The component to calibrate.")] = "crf_ner",
    precision: Annotated[
        float, typer.Option("--precision", "-p", min=0.0, max=1.0, help="Choose a threshold for this precision.")
    ] = 0.97,
    train: Annotated[
        Path | None,
        typer.Option("--train", help="The training corpus: tells seen from new surface forms, and weighs them."),
    ] = None,
    unseen: Annotated[
        float,
        typer.Option("--unseen", min=0.0, max=0.99, help="With --train: fit for at least this share of new forms."),
    ] = 0.5,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Allow OUTPUT to be PIPELINE itself.")] = False,
    device: Annotated[str, typer.Option(help=f"{CHOICES}.")] = "auto",
) -> None:
    """Fit the confidence of entities on a development set.

    A temperature and a map are fitted on the confidences and errors of the pipeline on DEV, and stored in its
    component with a threshold for the wanted precision. The pipeline itself is not changed: OUTPUT is a copy of it.
    """
    from functools import partial

    from ..devices import use_device
    from ..evaluate.calibrate import calibrate, check_output, find_pipe, write_calibrated
    from ..evaluate.corpus import load_pipeline, read_docs
    from .console import progress, stderr

    use_device(device, partial(stderr.print, markup=False))
    docs = read_docs(dev)
    training = None if train is None else read_docs(train)
    nlp = load_pipeline(pipeline)
    find_pipe(nlp, component)
    check_output(nlp, output, overwrite=overwrite)
    with progress("Predicting") as advance:
        report = calibrate(
            nlp, docs, component=component, precision=precision, train=training, unseen=unseen, advance=advance
        )
    write_calibrated(nlp, component, output, overwrite=overwrite)

    print_report(report, unseen)
    typer.echo(f"Wrote {output}")


def print_report(report: dict[str, Any], unseen: float) -> None:
    """Print what was fitted.

    report (dict[str, Any]): What `calibrate` returned.
    unseen (float): The share of new forms asked for.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=f"Confidence of {report['entities']:,} entities, {report['errors']:,} of them wrong")
    for column in ("", "ECE", "Brier", "NLL"):
        table.add_column(column, justify="left" if not column else "right")
    for name, key in (("as trained", "before"), ("calibrated (cross-validation)", "after")):
        table.add_row(name, *(f"{report[key][measure]:.4f}" for measure in ("ece", "brier", "nll")))
    console.print(table)
    if report["unseen"] is not None:
        share, fitted = report["unseen"], max(unseen, report["unseen"])
        console.print(f"{share:.1%} of them have a form that training did not have; fitted for {fitted:.1%}")
    console.print(f"Temperature: {report['temperature']:g}")
    console.print(f"Map: {report['method']} (a {report['a']:.3f}, b {report['b']:.3f}, c {report['c']:+.3f})")
    chosen, wanted = report["threshold"], f"{report['precision']:.2%}"
    if chosen is None:
        console.print(
            f"No threshold gives a precision of {report['precision']:.2%} on these documents with 95 % confidence."
        )
    else:
        console.print(
            f"Threshold for a precision of {wanted}: {chosen['threshold']:.4f} "
            f"(keeps {chosen['kept_share']:.1%} of the entities, recall {chosen['recall']:.1%})"
        )
