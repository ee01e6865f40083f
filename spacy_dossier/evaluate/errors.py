"""The errors of an evaluation as markup: their kinds, the confusion of labels, and the worst ones in their sentence."""

from collections.abc import Sequence
from html import escape
from typing import Any

from . import charts

KINDS = {
    "type": "Wrong label",
    "boundary": "Wrong boundaries",
    "type_and_boundary": "Wrong label and boundaries",
    "missed": "Missed",
    "spurious": "Spurious",
}
PALETTE = ("#8ecae6", "#ffd166", "#a7d7a0", "#f4a6b7", "#c8b6ff", "#ffb27d", "#9adbd3", "#d9c29c", "#b8c4d6", "#e3e07a")
TEMPLATE = '<mark class="{css}" style="background:{bg}">{text}<b>{label}</b></mark>'


def errors(scores: dict[str, Any]) -> str:
    if "entities" not in scores:
        return ""
    kinds = scores["entities"]["errors"]
    wrong = sum(kinds[kind] for kind in KINDS)
    if not wrong:
        return "<p>None.</p>"
    legend = "".join(
        f'<li><i class="{kind}"></i>{name} <b>{kinds[kind]:,}</b> <small>{kinds[kind] / wrong:.0%}</small></li>'
        for kind, name in KINDS.items()
    )
    bar = charts.stacked((name, kinds[kind], kind) for kind, name in KINDS.items())
    confusion = scores["entities"]["confusion"]
    matrix = [list(row) for row in confusion["matrix"]]
    matrix[-1][-1] = None  # what is neither annotated nor predicted
    return (
        f'<div class="stacked">{bar}</div><ul class="legend">{legend}</ul>'
        "<h3>Confusion</h3><p>Rows are annotated labels, columns predicted ones, over entities that overlap.</p>"
        + confusion_table(confusion["rows"], confusion["columns"], matrix)
    )


def confusion_table(names: Sequence[str], columns: Sequence[str], matrix: Sequence[Sequence[int | None]]) -> str:
    """RETURNS (str): A confusion matrix, its cells the warmer the more there is in them; None is an empty cell."""
    apart = (number for i, row in enumerate(matrix) for j, number in enumerate(row) if number and i != j)
    most = max(apart, default=1)
    rows = []
    for i, (name, row) in enumerate(zip(names, matrix, strict=True)):
        line = []
        for j, number in enumerate(row):
            if number is None:
                line.append("<td></td>")
            elif i == j:
                line.append(f'<td class="diagonal">{number:,}</td>')
            else:
                line.append(f'<td style="--heat:{(number / most) ** 0.5:.2f}">{number:,}</td>')
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(line)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    return f'<div class="scroll"><table class="confusion"><tr><td></td>{head}</tr>{"".join(rows)}</table></div>'


def worst_errors(scores: dict[str, Any]) -> str:
    worst = scores.get("worst")
    if not worst:
        return ""
    labels = sorted({e["label"] for error in worst for e in (*error["all_gold"], *error["all_predicted"])})
    colors = {escape(label): PALETTE[i % len(PALETTE)] for i, label in enumerate(labels)}
    kinds = [kind for kind in KINDS if any(error["kind"] == kind for error in worst)]
    buttons = "".join(f'<button data-kind="{kind}">{KINDS[kind]}</button>' for kind in kinds)
    cards = "".join(_card(error, colors) for error in worst)
    return (
        "<p>Wrong predictions with the highest confidence first, then missed entities, those missed most often first. "
        "Each error is shown once. Solid: the error; pale: the other entities of the sentence.</p>"
        f'<div class="filter"><button data-kind="" class="on">All</button>{buttons}</div>{cards}'
    )


def _card(error: dict[str, Any], colors: dict[str, str]) -> str:
    guess = error["predicted"]
    sure = f", confidence {guess['confidence']:.3f}" if guess and "confidence" in guess else ""
    often = f" · {error['times']:,} times" if error["times"] > 1 else ""
    sides = "".join(
        f"<dt>{name}</dt><dd>{_marked(error['text'], error[key], error[one], colors)}</dd>"
        for name, key, one in (("Annotated", "all_gold", "gold"), ("Predicted", "all_predicted", "predicted"))
    )
    return (
        f'<article data-kind="{error["kind"]}"><h4><i class="{error["kind"]}"></i>{KINDS[error["kind"]]}{sure}{often}'
        f"<small>document {error['document'] + 1}</small></h4><dl>{sides}</dl></article>"
    )


def _marked(text: str, entities: Sequence[dict[str, Any]], one: dict[str, Any] | None, colors: dict[str, str]) -> str:
    spans = [
        {
            "start": entity["start"],
            "end": entity["end"],
            "label": escape(entity["label"]),
            "params": {"css": "focus" if entity == one else "other"},
        }
        for entity in entities
    ]
    # displaCy escapes the text, but not the labels.
    from spacy import displacy  # the command's help needs no spaCy

    return displacy.render(
        {"text": text, "ents": spans, "title": None},
        style="ent",
        manual=True,
        page=False,
        jupyter=False,
        options={"colors": colors, "template": TEMPLATE},
    )
