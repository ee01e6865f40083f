"""The evaluation as a page: one HTML file that needs no network and shows every text escaped."""

import json
import os
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from spacy import displacy

from . import charts

RUNS = {
    "gold_tokens": "Gold tokens",
    "raw_text": "Raw text",
    "by_sentence": "Sentence by sentence",
}
KINDS = {
    "type": "Wrong label",
    "boundary": "Wrong boundaries",
    "type_and_boundary": "Wrong label and boundaries",
    "missed": "Missed",
    "spurious": "Spurious",
}
LENIENT = {"exact": "boundaries only", "partial": "partial boundaries", "type": "label, overlapping"}
PALETTE = ("#8ecae6", "#ffd166", "#a7d7a0", "#f4a6b7", "#c8b6ff", "#ffb27d", "#9adbd3", "#d9c29c", "#b8c4d6", "#e3e07a")
TEMPLATE = '<mark class="{css}" style="background:{bg}">{text}<b>{label}</b></mark>'


def write_results(scores: dict[str, Any], folder: Path) -> None:
    """Write scores.json, without the texts of the errors, and index.html into a folder.

    scores (dict[str, Any]): What `evaluate` returned.
    folder (Path): Is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {name: value for name, value in scores.items() if name != "worst"}
    _write(folder / "index.html", render(scores))
    _write(folder / "scores.json", json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def render(scores: dict[str, Any]) -> str:
    """RETURNS (str): The page."""
    static = files("spacy_dossier.scoring") / "static"
    style, script = ((static / name).read_text(encoding="utf-8") for name in ("evaluate.css", "evaluate.js"))
    pipeline = scores["pipeline"]
    title = f"Evaluation of {pipeline['name']} {pipeline['version']}"
    sections = [
        ("entities", "Entities", _entities(scores)),
        ("errors", "Errors", _errors(scores)),
        ("calibration", "Confidence", _calibration(scores)),
        ("tokens", "Tokens", _tokens(scores)),
        ("sentences", "Sentences", _sentences(scores)),
        ("summaries", "Summaries", _summaries(scores)),
        ("speed", "Speed", _speed(scores)),
        ("worst", "Worst errors", _worst(scores)),
    ]
    shown = [(anchor, name, body) for anchor, name, body in sections if body]
    links = "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name, _ in shown)
    bodies = "".join(f'<section id="{anchor}"><h2>{name}</h2>{body}</section>' for anchor, name, body in shown)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><header><h1>{escape(title)}</h1>{_facts(scores)}<nav>{links}</nav></header>"
        f"<main>{_tiles(scores)}{_notes(scores)}{bodies}</main><script>{script}</script></body></html>\n"
    )


def _facts(scores: dict[str, Any]) -> str:
    corpus, pipeline = scores["corpus"], scores["pipeline"]
    sizes = [f"{corpus['documents']:,} documents"]
    if corpus["sentences"]:
        sizes.append(f"{corpus['sentences']:,} sentences")
    sizes += [f"{corpus['tokens']:,} tokens", f"{corpus['entities']:,} entities"]
    name = f"<code>{escape(str(corpus['path']))}</code>: " if corpus.get("path") else ""
    made = f"{' → '.join(pipeline['components'])} · spaCy {pipeline['spacy']} · {pipeline['device']}"
    return f"<p>{name}{' · '.join(sizes)}</p><p>{escape(made)}</p>"


def _notes(scores: dict[str, Any]) -> str:
    if not scores["notes"]:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in scores["notes"])}</ul>'


def _tiles(scores: dict[str, Any]) -> str:
    tiles = [
        (f"Entity F1, {RUNS[name].lower()}", _score(run["micro"]["f1"]), _range(run["micro"]))
        for name, run in _runs(scores["entities"])
    ]
    tokens = scores["tokens"]
    tiles.append(("Token accuracy", _score(tokens["micro"]["f1"]), f"macro F1 {_score(tokens['macro']['f1'])}"))
    if "calibration" in scores:
        table = scores["calibration"]
        tiles.append(("Calibration error", f"{table['ece']:.3f}", f"ECE, {table['bins']} bins"))
    if "raw_text" in scores["speed"]:
        speed = scores["speed"]["raw_text"]
        tiles.append(("Words a second", f"{speed['words_per_second']:,.0f}", scores["pipeline"]["device"]))
    shown = (
        f'<div class="tile"><span>{escape(name)}</span><strong>{value}</strong><small>{note}</small></div>'
        for name, value, note in tiles
    )
    return f'<div class="tiles">{"".join(shown)}</div>'


def _runs(part: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, part[name]) for name in RUNS if name in part]


def _entities(scores: dict[str, Any]) -> str:
    entities = scores["entities"]
    strict = [
        [
            RUNS[name],
            *_prf(run["micro"]),
            _range(run["micro"]),
            _score(run["macro"]["f1"]),
            _score(run["weighted"]["f1"]),
            f"{run['micro']['support']:,}",
        ]
        for name, run in _runs(entities)
    ]
    head = ["", "Precision", "Recall", "F1", "95 %", "Macro F1", "Weighted F1", "Support"]
    parts = ["<p>Same boundaries and same label. Intervals are bootstrapped over documents.</p>", _table(head, strict)]
    apart = [
        [RUNS[key.removesuffix("_minus_gold_tokens")], f"{entry['f1']['difference']:+.4f}", _range_of(entry["f1"], "+")]
        for key, entry in entities["differences"].items()
    ]
    if apart:
        parts += ["<h3>F1 less that of gold tokens</h3>", _table(["", "Difference", "95 %, paired"], apart)]
    parts += ["<h3>By label</h3>", _by_label(entities)]
    counted = ("correct", "incorrect", "partial", "missed", "spurious")
    lenient = [
        [RUNS[name], what, *_prf(run[key]), *(f"{run[key][count]:,}" for count in counted)]
        for name, run in _runs(entities)
        for key, what in LENIENT.items()
    ]
    head = ["", "Match", "Precision", "Recall", "F1", *(count.title() for count in counted)]
    parts += ["<h3>Lenient matches (SemEval 2013, nervaluate)</h3>", _table(head, lenient, text_columns=2)]
    if "surface_forms" in entities:
        forms = entities["surface_forms"]
        rows = [
            [name, *_prf(forms[key]["micro"]), _range(forms[key]["micro"]), f"{forms[key]['micro']['support']:,}"]
            for key, name in (("seen", "Seen in training"), ("unseen", "New"))
        ]
        parts += [
            f"<h3>Seen and new surface forms</h3><p>{forms['in_training']:,} forms are entities in training.</p>",
            _table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows),
        ]
    return "".join(parts)


def _by_label(entities: dict[str, Any]) -> str:
    labels = entities["gold_tokens"]["labels"]
    base = min((row.get("interval", {}).get("f1", {}).get("low", row["f1"]) for row in labels.values()), default=0.0)
    base = max(0.0, min(0.9, int(base * 10) / 10))
    others = [(name, run["labels"]) for name, run in _runs(entities) if name != "gold_tokens"]
    rows = []
    for label, row in labels.items():
        ends = row.get("interval", {}).get("f1", {})
        rows.append(
            [
                escape(label),
                *_prf(row),
                _range(row),
                charts.whisker(ends.get("low"), row["f1"], ends.get("high"), base),
                *(_score(run[label]["f1"]) if label in run else "–" for _, run in others),
                f"{row['support']:,}",
                f"{row['predicted']:,}",
            ]
        )
    head = ["", "Precision", "Recall", "F1", "95 %", f"{base:g} – 1"]
    head += [f"F1, {RUNS[name].lower()}" for name, _ in others]
    return _table([*head, "Support", "Predicted"], rows)


def _errors(scores: dict[str, Any]) -> str:
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
    most = max((n for i, row in enumerate(confusion["matrix"]) for j, n in enumerate(row) if i != j), default=0) or 1
    rows = []
    for i, (name, row) in enumerate(zip(confusion["rows"], confusion["matrix"], strict=True)):
        cells = []
        for j, number in enumerate(row):
            if i == j == len(row) - 1:
                cells.append("<td></td>")
            elif i == j:
                cells.append(f'<td class="diagonal">{number:,}</td>')
            else:
                cells.append(f'<td style="--heat:{(number / most) ** 0.5:.2f}">{number:,}</td>')
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in confusion["columns"])
    return (
        f'<div class="stacked">{bar}</div><ul class="legend">{legend}</ul>'
        "<h3>Confusion</h3><p>Rows are annotated labels, columns predicted ones, over entities that overlap.</p>"
        f'<div class="scroll"><table class="confusion"><tr><td></td>{head}</tr>{"".join(rows)}</table></div>'
    )


def _calibration(scores: dict[str, Any]) -> str:
    if "calibration" not in scores:
        return ""
    table = scores["calibration"]
    rows = [
        [
            RUNS[name],
            f"{part['ece']:.4f}",
            _range_of(part["interval"]["ece"]) if "interval" in part else "–",
            f"{part['mce']:.4f}",
            f"{part['brier']:.4f}",
            f"{part['nll']:.4f}",
            f"{part['mean_confidence']:.4f}",
            f"{part['precision']:.4f}",
            f"{part['support']:,}",
        ]
        for name, part in (("gold_tokens", table), ("raw_text", table["raw_text"]))
    ]
    head = ["", "ECE", "95 %", "MCE", "Brier", "NLL", "Mean confidence", "Precision", "Entities"]
    chosen = [
        [
            RUNS[name],
            f"{part['chosen_threshold']['target']:.2%}",
            f"{part['chosen_threshold']['threshold']:.4f}",
            f"{part['chosen_threshold']['precision']:.2%}",
            f"{part['chosen_threshold']['recall']:.2%}",
            f"{part['chosen_threshold']['kept']:,}",
        ]
        for name, part in (("gold_tokens", table), ("raw_text", table["raw_text"]))
        if "chosen_threshold" in part
    ]
    parts = [
        "<p>Does a confidence mean what it says? Of the entities with confidence 0.9, nine in ten should be right.</p>",
        f'<div class="charts"><figure>{charts.reliability(table["reliability"])}<figcaption>Bars below the diagonal: '
        "too confident. Lower bars: number of entities, on a square-root scale.</figcaption></figure>"
        f"<figure>{charts.thresholds(table['thresholds'])}<figcaption>What is left when unsure entities are dropped."
        "</figcaption></figure></div>",
        _table(head, rows),
    ]
    if chosen:
        head = ["", "Wanted precision", "Threshold", "Precision here", "Recall", "Kept"]
        parts += ["<h3>The threshold that calibration chose</h3>", _table(head, chosen)]
    return "".join(parts)


def _tokens(scores: dict[str, Any]) -> str:
    tokens = scores["tokens"]
    names = {"micro": "Micro (accuracy)", "macro": "Macro", "weighted": "Weighted"}
    inside = {"micro": "Micro without O", "macro": "Macro without O", "weighted": "Weighted without O"}
    rows = [[escape(tag), *_prf(row), _range(row), f"{row['support']:,}"] for tag, row in tokens["labels"].items()]
    averages = [(name, tokens[key]) for key, name in names.items()]
    averages += [(name, tokens["entity_classes"][key]) for key, name in inside.items()]
    foot = [[name, *_prf(row), _range(row), f"{row['support']:,}"] for name, row in averages]
    for run, title in RUNS.items():
        if run in tokens:
            row = tokens[run]
            values = [_score(row["micro"]["f1"]), _score(row["macro"]["f1"]), _score(row["weighted"]["f1"])]
            foot.append([f"{title}: micro, macro, weighted F1", *values, "", f"{row['micro']['support']:,}"])
    return "<p>IOB2 tags of the corpus' tokens; macro and weighted averages include O.</p>" + _table(
        ["", "Precision", "Recall", "F1", "95 %", "Support"], rows, foot=foot
    )


def _sentences(scores: dict[str, Any]) -> str:
    rows = [
        [RUNS[name], *_prf(row), _range(row), f"{row['support']:,}"] for name, row in _runs(scores.get("sents", {}))
    ]
    return _table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows) if rows else ""


def _summaries(scores: dict[str, Any]) -> str:
    return ""


def _speed(scores: dict[str, Any]) -> str:
    rows = [
        [RUNS[name], f"{row['words_per_second']:,.0f}", f"{row['seconds']:.1f}"] for name, row in _runs(scores["speed"])
    ]
    return _table(["", "Words a second", "Seconds"], rows)


def _worst(scores: dict[str, Any]) -> str:
    worst = scores["worst"]
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
    return displacy.render(
        {"text": text, "ents": spans, "title": None},
        style="ent",
        manual=True,
        page=False,
        jupyter=False,
        options={"colors": colors, "template": TEMPLATE},
    )


def _prf(row: dict[str, Any]) -> list[str]:
    return [_score(row[name]) for name in ("precision", "recall", "f1")]


def _score(value: float) -> str:
    return f"{value:.4f}"


def _range(row: dict[str, Any]) -> str:
    return _range_of(row["interval"]["f1"]) if "interval" in row else "–"


def _range_of(ends: dict[str, float], sign: str = "") -> str:
    return f"{ends['low']:{sign}.3f} – {ends['high']:{sign}.3f}" if "low" in ends else "–"


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    foot: Iterable[Sequence[str]] = (),
    text_columns: int = 1,
) -> str:
    """Cells are markup already: names are escaped by the caller."""

    def line(cells: Sequence[str]) -> str:
        return "<tr>" + "".join(
            f"<th>{cell}</th>" if i < text_columns else f"<td>{cell}</td>" for i, cell in enumerate(cells)
        ) + "</tr>"  # fmt: skip

    first = "".join(f"<th{' class=name' if i < text_columns else ''}>{name}</th>" for i, name in enumerate(head))
    last = "".join(map(line, foot))
    return (
        f'<div class="scroll"><table><thead><tr>{first}</tr></thead><tbody>{"".join(map(line, rows))}</tbody>'
        f"<tfoot>{last}</tfoot></table></div>"
    )
