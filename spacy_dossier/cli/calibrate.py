"""`dossier calibrate`: make the confidences of a pipeline's entities and classes mean what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import CHOICES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def calibrate_cli(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    dev: Annotated[Path, typer.Argument(help="Annotated documents it was not trained on (.spacy).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the calibrated pipeline.")],
    component: Annotated[
        list[str] | None,
        typer.Option(
            "--component", "-c", help="A component to calibrate.", show_default="all that DEV has annotation for"
        ),
    ] = None,
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
    classes: Annotated[
        Path | None, typer.Option("--classes", help="Documents with classes, where those of DEV have none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Allow OUTPUT to be PIPELINE itself.")] = False,
    device: Annotated[str, typer.Option(help=f"{CHOICES}.")] = "auto",
) -> None:
    """Fit the confidence of entities and the scores of classes on a development set.

    A temperature, and for entities a map, are fitted on the confidences and errors of the pipeline on DEV, and stored
    in its components with thresholds for the wanted precision. The pipeline itself is not changed: OUTPUT is a copy.
    """
    from functools import partial

    from spacy.pipeline import TextCategorizer

    from ..devices import use_device
    from ..evaluate.calibrate import calibrate, check_output, find_components, find_pipe, write_calibrated
    from ..evaluate.classes.calibrate import calibrate_classes
    from ..evaluate.corpus import load_pipeline, read_docs
    from ..evaluate.relations.calibrate import calibrate_relations
    from ..pipeline.relations.pipe import RelationExtractor
    from .console import progress, stderr

    use_device(device, partial(stderr.print, markup=False))
    docs = [*read_docs(dev), *([] if classes is None else read_docs(classes))]
    training = None if train is None else read_docs(train)
    nlp = load_pipeline(pipeline)
    components = component or find_components(nlp, docs)
    pipes = {name: find_pipe(nlp, name) for name in components}
    check_output(nlp, output, overwrite=overwrite)
    for name, pipe in pipes.items():
        with progress(f"Predicting, for {name}") as advance:
            if isinstance(pipe, RelationExtractor):
                print_relations(calibrate_relations(nlp, docs, component=name, precision=precision, advance=advance))
            elif isinstance(pipe, TextCategorizer):
                print_classes(calibrate_classes(nlp, docs, component=name, precision=precision, advance=advance))
            else:
                report = calibrate(
                    nlp, docs, component=name, precision=precision, train=training, unseen=unseen, advance=advance
                )
                print_report(report, unseen)
    write_calibrated(nlp, components, output, overwrite=overwrite)
    typer.echo(f"Wrote {output}")


def print_report(report: dict[str, Any], unseen: float) -> None:
    """Print what was fitted.

    report (dict[str, Any]): What `calibrate` returned.
    unseen (float): The share of new forms asked for.
    """
    from rich.console import Console

    console = Console(highlight=False)
    console.print(
        quality_table(f"Confidence of {report['entities']:,} entities, {report['errors']:,} of them wrong", report)
    )
    if report["unseen"] is not None:
        share, fitted = report["unseen"], max(unseen, report["unseen"])
        console.print(f"{share:.1%} of them have a form that training did not have; fitted for {fitted:.1%}")
    console.print(f"Temperature: {report['temperature']:g}")
    print_map(console, report, "entities")


def print_relations(report: dict[str, Any]) -> None:
    """Print what was fitted.

    report (dict[str, Any]): What `calibrate_relations` returned.
    """
    from rich.console import Console

    console = Console(highlight=False)
    title = f"Confidence of {report['relations']:,} relations, {report['errors']:,} of them wrong"
    console.print(quality_table(title, report))
    print_map(console, report, "relations")


def print_map(console: "Console", report: dict[str, Any], things: str) -> None:
    """Print the map, the threshold and the notes."""
    console.print(f"Map: {report['method']} (a {report['a']:.3f}, b {report['b']:.3f}, c {report['c']:+.3f})")
    chosen, wanted = report["threshold"], f"{report['precision']:.2%}"
    if chosen is None:
        console.print(
            f"No threshold gives a precision of {report['precision']:.2%} on these documents with 95 % confidence."
        )
    else:
        console.print(
            f"Threshold for a precision of {wanted}: {chosen['threshold']:.4f} "
            f"(keeps {chosen['kept_share']:.1%} of the {things}, recall {chosen['recall']:.1%})"
        )
    print_notes(console, report["notes"])


def print_notes(console: "Console", notes: list[str]) -> None:
    for note in notes:
        console.print(f"Note: {note}", soft_wrap=True, markup=False)


def print_classes(report: dict[str, Any]) -> None:
    """Print what was fitted.

    report (dict[str, Any]): What `calibrate_classes` returned.
    """
    from rich.console import Console

    console = Console(highlight=False)
    title = f"Scores of the classes of {report['documents']:,} documents, {report['errors']:,} of them wrong"
    console.print(quality_table(title, report))
    console.print(f"Temperature: {report['temperature']:.3f}")
    found = {label: threshold for label, threshold in report["thresholds"].items() if threshold is not None}
    listed = ", ".join(f"{label} {threshold:.4f}" for label, threshold in found.items())
    console.print(f"Thresholds for a precision of {report['precision']:.2%}: {listed or 'none'}", markup=False)
    if out_of_reach := len(report["thresholds"]) - len(found):
        console.print(f"For {out_of_reach:,} classes no threshold gives it on these documents with 95 % confidence.")
    print_notes(console, report["notes"])


def quality_table(title: str, report: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title=title)
    for column in ("", "ECE", "Brier", "NLL"):
        table.add_column(column, justify="left" if not column else "right")
    for name, key in (("as trained", "before"), ("calibrated (cross-validation)", "after")):
        table.add_row(name, *(f"{report[key][measure]:.4f}" for measure in ("ece", "brier", "nll")))
    return table
