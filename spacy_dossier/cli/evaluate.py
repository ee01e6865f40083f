"""`dossier evaluate`: how good a pipeline is, as numbers, as a page and as a table."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import CHOICES
from ..evaluate.cells import number
from ..evaluate.classes.page import shares
from ..evaluate.page import RUNS, SUMMARY_MEASURES, summary_system

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = ("Precision", "Recall", "F1", "95 %", "Support")


def evaluate_cli(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline: its folder or the name of its package.")],
    corpus: Annotated[Path, typer.Argument(help="Annotated documents (.spacy), or a folder of such files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for scores.json and index.html.")],
    train: Annotated[
        Path | None, typer.Option("--train", help="The training corpus: tells seen from new surface forms.")
    ] = None,
    summaries: Annotated[
        Path | None, typer.Option("--summaries", help="Documents with reference summaries, made by `dossier pairs`.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option("--classes", help="Documents with classes, where those of CORPUS have none.")
    ] = None,
    device: Annotated[str, typer.Option(help=f"{CHOICES}.")] = "auto",
) -> None:
    """Score a pipeline on annotated documents.

    Entities from gold tokens, from raw text and sentence by sentence; tokens, confidences, sentences, classes, speed,
    and the worst errors in their context; with --summaries, summaries beside their baselines.
    """
    from functools import partial

    from rich.console import Console

    from ..devices import use_device
    from ..evaluate.corpus import load_pipeline, read_docs
    from ..evaluate.evaluate import NO_CLASSES, evaluate, evaluate_classes
    from ..evaluate.page import write_results
    from .console import progress, stderr

    use_device(device, partial(stderr.print, markup=False))
    docs = read_docs(corpus)
    training = None if train is None else read_docs(train)
    pairs = None if summaries is None else read_docs(summaries)
    classified = None if classes is None else read_docs(classes)
    nlp = load_pipeline(pipeline)
    extra = {} if classified is None else evaluate_classes(nlp, classified, progress)
    if pairs is not None:
        from ..evaluate.summaries import evaluate_summaries

        with progress("Summaries", len(pairs)) as advance:
            extra["summaries"] = evaluate_summaries(nlp, pairs, advance=advance)
    scores = evaluate(nlp, docs, train=training, progress=progress) | extra
    if classified is not None and "classes" not in scores:
        scores["notes"].append(NO_CLASSES)
    scores["corpus"] = {"path": str(corpus), **scores["corpus"]}
    write_results(scores, output)
    print_scores(Console(highlight=False), scores)
    typer.echo(f"Wrote {output / 'scores.json'} and {output / 'index.html'}")


def print_scores(console: "Console", scores: dict[str, Any]) -> None:
    """Print the main numbers as tables, and what must be known to read them."""
    lines: list[str] = []
    if "entities" in scores:
        console.print(entities_table(scores["entities"]))
        console.print(tokens_table(scores["tokens"]))
    if "relations" in scores:
        console.print(relations_table(scores["relations"]))
        if part := scores["relations"].get("calibration"):
            lines.append(
                f"Confidence of relations: ECE {part['ece']:.4f}, MCE {part['mce']:.4f}, Brier {part['brier']:.4f}"
            )
    if "classes" in scores:
        console.print(classes_table(scores["classes"]))
        lines += class_lines(scores["classes"])
    if "summaries" in scores:
        console.print(summaries_table(scores["summaries"]))
        lines += summary_lines(scores["summaries"])
    if "calibration" in scores:
        lines += calibration_lines(scores["calibration"])
    for name, row in scores.get("sents", {}).items():
        lines.append(f"Sentences, {RUNS[name].lower()}: F1 {row['f1']:.4f} of {row['support']:,}")
    for name, row in scores["speed"].items():
        lines.append(f"Speed, {RUNS[name].lower()}: {row['words_per_second']:,.0f} words/s")
    for line in [*lines, *(f"Note: {note}" for note in scores["notes"])]:
        console.print(line, markup=False, soft_wrap=True)


def new_table(title: str, columns: Iterable[str]) -> "Table":
    from rich.table import Table

    table = Table("", title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def score_cells(row: dict[str, Any]) -> list[str]:
    """RETURNS (list[str]): Precision, recall, F1, its interval and the support."""
    ends = row.get("interval", {}).get("f1")
    span = f"{ends['low']:.3f}–{ends['high']:.3f}" if ends else ""
    return [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")] + [span, f"{row['support']:,}"]


def entities_table(entities: dict[str, Any]) -> "Table":
    from rich.markup import escape

    table = new_table("Entities", COLUMNS)
    for name, title in RUNS.items():
        if name in entities:
            table.add_row(f"{title}, micro", *score_cells(entities[name]["micro"]))
    gold = entities["gold_tokens"]
    for name in ("macro", "weighted", "exact", "partial", "type"):
        table.add_row(f"Gold tokens, {name}", *score_cells(gold[name]))
    if "surface_forms" in entities:
        for name in ("seen", "unseen"):
            table.add_row(f"Gold tokens, {name} forms", *score_cells(entities["surface_forms"][name]["micro"]))
    table.add_section()
    for label, row in gold["labels"].items():
        table.add_row(escape(label), *score_cells(row))
    return table


def tokens_table(tokens: dict[str, Any]) -> "Table":
    from rich.markup import escape

    table = new_table("Tokens", COLUMNS)
    for label, row in tokens["labels"].items():
        table.add_row(escape(label), *score_cells(row))
    table.add_section()
    for average in ("micro", "macro", "weighted"):
        table.add_row(average, *score_cells(tokens[average]))
    return table


def relations_table(relations: dict[str, Any]) -> "Table":
    from rich.markup import escape

    table = new_table("Relations", COLUMNS)
    for label, row in relations["strict"]["labels"].items():
        table.add_row(escape(label), *score_cells(row))
    table.add_section()
    table.add_row("strict", *score_cells(relations["strict"]["micro"]))
    for name, key in (("boundaries only", "boundaries"), ("given entities", "gold_entities"), ("raw text", "raw_text")):
        table.add_row(name, *score_cells(relations[key]))
    return table


def classes_table(classes: dict[str, Any]) -> "Table":
    from rich.markup import escape

    table = new_table("Classes", COLUMNS)
    for label, row in classes["labels"].items():
        table.add_row(escape(label), *score_cells(row))
    table.add_section()
    for average in ("micro", "macro", "weighted"):
        table.add_row(average, *score_cells(classes[average]))
    return table


def class_lines(classes: dict[str, Any]) -> Iterator[str]:
    """YIELDS (str): How many documents are right, and how far scores are off."""
    part = classes["calibration"]
    yield shares(classes)
    yield f"Score of classes: ECE {part['ece']:.4f}, MCE {part['mce']:.4f}, Brier {part['brier']:.4f}"


def summaries_table(summaries: dict[str, Any]) -> "Table":
    table = new_table("Summaries", SUMMARY_MEASURES.values())
    for name, row in summaries.items():
        if isinstance(row, dict) and "words" in row:
            table.add_row(summary_system(name), *(number(row[key]) for key in SUMMARY_MEASURES))
    return table


def summary_lines(summaries: dict[str, Any]) -> Iterator[str]:
    """YIELDS (str): By how much one system is better than another."""
    for name, row in summaries.items():
        if "_vs_" in name:
            ends = row["rouge1"]
            sides = " less ".join(map(summary_system, name.split("_vs_")))
            yield f"{sides}: ROUGE-1 {ends['difference']:+.4f} ({ends['low']:+.4f} to {ends['high']:+.4f}, paired)"


def calibration_lines(part: dict[str, Any]) -> Iterator[str]:
    """YIELDS (str): How far confidences are off, and what the chosen threshold gives."""
    yield f"Confidence: ECE {part['ece']:.4f}, MCE {part['mce']:.4f}, Brier {part['brier']:.4f}"
    if "chosen_threshold" in part:
        chosen = part["chosen_threshold"]
        yield (
            f"From {chosen['threshold']:.4f}, chosen for a precision of {chosen['target']:.2%}: precision "
            f"{chosen['precision']:.2%}, recall {chosen['recall']:.2%}"
        )
