"""The evaluation as a page: one HTML file that needs no network and shows every text escaped."""

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..text.files import write_file
from . import cells, charts
from .classes.page import classes, worst
from .errors import errors, worst_errors
from .relations.page import relations

RUNS = {
    "gold_tokens": "Gold tokens",
    "raw_text": "Raw text",
    "by_sentence": "Sentence by sentence",
}
SUMMARY_MEASURES = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "words": "Words",
    "entity_coverage": "Salient entities",
}
LENIENT = {"exact": "boundaries only", "partial": "partial boundaries", "type": "label, overlapping"}


def write_results(scores: dict[str, Any], folder: Path) -> None:
    """Write scores.json, without the texts of the errors, and index.html into a folder.

    scores (dict[str, Any]): What `evaluate` returned.
    folder (Path): Is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {name: value for name, value in scores.items() if name not in ("worst", "worst_classes")}
    write_file(folder / "index.html", render(scores))
    write_file(folder / "scores.json", json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def render(scores: dict[str, Any]) -> str:
    """RETURNS (str): The page."""
    static = files("spacy_dossier.evaluate") / "static"
    style, script = ((static / name).read_text(encoding="utf-8") for name in ("evaluate.css", "evaluate.js"))
    pipeline = scores["pipeline"]
    title = f"Evaluation of {pipeline['name']} {pipeline['version']}"
    sections = [
        ("entities", "Entities", _entities(scores)),
        ("errors", "Errors", errors(scores)),
        ("calibration", "Confidence", _calibration(scores)),
        ("tokens", "Tokens", _tokens(scores)),
        ("sentences", "Sentences", _sentences(scores)),
        ("relations", "Relations", relations(scores)),
        ("classes", "Classes", classes(scores)),
        ("summaries", "Summaries", _summaries(scores)),
        ("speed", "Speed", _speed(scores)),
        ("worst", "Worst errors", worst_errors(scores)),
        ("worst-classes", "Worst classes", worst(scores)),
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
        (f"Entity F1, {RUNS[name].lower()}", cells.score(run["micro"]["f1"]), cells.span(run["micro"]))
        for name, run in _runs(scores.get("entities", {}))
    ]
    if "tokens" in scores:
        tokens = scores["tokens"]
        tiles.append(
            ("Token accuracy", cells.score(tokens["micro"]["f1"]), f"macro F1 {cells.score(tokens['macro']['f1'])}")
        )
    if "classes" in scores:
        part = scores["classes"]
        tiles.append(
            ("Classes right", cells.score(part["accuracy"]["value"]), f"macro F1 {cells.score(part['macro']['f1'])}")
        )
    if "relations" in scores:
        micro = scores["relations"]["strict"]["micro"]
        tiles.append(("Relation F1, strict", cells.score(micro["f1"]), cells.span(micro)))
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
    if "entities" not in scores:
        return ""
    entities = scores["entities"]
    strict = [
        [
            RUNS[name],
            *cells.prf(run["micro"]),
            cells.span(run["micro"]),
            cells.score(run["macro"]["f1"]),
            cells.score(run["weighted"]["f1"]),
            f"{run['micro']['support']:,}",
        ]
        for name, run in _runs(entities)
    ]
    head = ["", "Precision", "Recall", "F1", "95 %", "Macro F1", "Weighted F1", "Support"]
    parts = [
        "<p>Same boundaries and same label. Intervals are bootstrapped over documents.</p>",
        cells.table(head, strict),
    ]
    apart = [
        [
            RUNS[key.removesuffix("_minus_gold_tokens")],
            f"{entry['f1']['difference']:+.4f}",
            cells.span_of(entry["f1"], "+"),
        ]
        for key, entry in entities["differences"].items()
    ]
    if apart:
        parts += ["<h3>F1 less that of gold tokens</h3>", cells.table(["", "Difference", "95 %, paired"], apart)]
    parts += ["<h3>By label</h3>", _by_label(entities)]
    counted = ("correct", "incorrect", "partial", "missed", "spurious")
    lenient = [
        [RUNS[name], what, *cells.prf(run[key]), *(f"{run[key][count]:,}" for count in counted)]
        for name, run in _runs(entities)
        for key, what in LENIENT.items()
    ]
    head = ["", "Match", "Precision", "Recall", "F1", *(count.title() for count in counted)]
    parts += ["<h3>Lenient matches (SemEval 2013, nervaluate)</h3>", cells.table(head, lenient, text_columns=2)]
    return "".join(parts) + _forms(entities)


def _forms(entities: dict[str, Any]) -> str:
    if "surface_forms" not in entities:
        return ""
    forms = entities["surface_forms"]
    rows = [
        [name, *cells.prf(forms[key]["micro"]), cells.span(forms[key]["micro"]), f"{forms[key]['micro']['support']:,}"]
        for key, name in (("seen", "Seen in training"), ("unseen", "New"))
    ]
    said = f"<h3>Seen and new surface forms</h3><p>{forms['in_training']:,} forms are entities in training.</p>"
    return said + cells.table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows)


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
                *cells.prf(row),
                cells.span(row),
                charts.whisker(ends.get("low"), row["f1"], ends.get("high"), base),
                *(cells.score(run[label]["f1"]) if label in run else "–" for _, run in others),
                f"{row['support']:,}",
                f"{row['predicted']:,}",
            ]
        )
    head = ["", "Precision", "Recall", "F1", "95 %", f"{base:g} – 1"]
    head += [f"F1, {RUNS[name].lower()}" for name, _ in others]
    return cells.table([*head, "Support", "Predicted"], rows)


def _calibration(scores: dict[str, Any]) -> str:
    if "calibration" not in scores:
        return ""
    table = scores["calibration"]
    runs = _runs({"gold_tokens": table, **table})
    rows = [
        [
            RUNS[name],
            f"{part['ece']:.4f}",
            cells.span_of(part["interval"]["ece"]) if "interval" in part else "–",
            f"{part['mce']:.4f}",
            f"{part['brier']:.4f}",
            f"{part['nll']:.4f}",
            f"{part['mean_confidence']:.4f}",
            f"{part['precision']:.4f}",
            f"{part['support']:,}",
        ]
        for name, part in runs
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
        for name, part in runs
        if "chosen_threshold" in part
    ]
    parts = [
        "<p>Does a confidence mean what it says? Of the entities with confidence 0.9, nine in ten should be right.</p>",
        f'<div class="charts"><figure>{charts.reliability(table["reliability"])}<figcaption>Bars below the diagonal: '
        "too confident. Lower bars: number of entities, on a square-root scale.</figcaption></figure>"
        f"<figure>{charts.thresholds(table['thresholds'])}<figcaption>What is left when unsure entities are dropped."
        "</figcaption></figure></div>",
        cells.table(head, rows),
    ]
    if chosen:
        head = ["", "Wanted precision", "Threshold", "Precision here", "Recall", "Kept"]
        parts += ["<h3>The threshold that calibration chose</h3>", cells.table(head, chosen)]
    return "".join(parts)


def _tokens(scores: dict[str, Any]) -> str:
    if "tokens" not in scores:
        return ""
    tokens = scores["tokens"]
    names = {"micro": "Micro (accuracy)", "macro": "Macro", "weighted": "Weighted"}
    inside = {"micro": "Micro without O", "macro": "Macro without O", "weighted": "Weighted without O"}
    rows = [
        [escape(tag), *cells.prf(row), cells.span(row), f"{row['support']:,}"] for tag, row in tokens["labels"].items()
    ]
    averages = [(name, tokens[key]) for key, name in names.items()]
    averages += [(name, tokens["entity_classes"][key]) for key, name in inside.items()]
    foot = [[name, *cells.prf(row), cells.span(row), f"{row['support']:,}"] for name, row in averages]
    parts = [
        "<p>IOB2 tags of the corpus' tokens; macro and weighted averages include O.</p>",
        cells.table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows, foot=foot),
    ]
    runs = _runs({"gold_tokens": tokens, **tokens})
    if len(runs) > 1:
        by_run = [
            [
                RUNS[run],
                *(cells.score(row[key]["f1"]) for key in names),
                cells.score(row["entity_classes"]["micro"]["f1"]),
            ]
            for run, row in runs
        ]
        parts.append(cells.table(["F1", *names.values(), "Micro without O"], by_run))
    return "".join(parts)


def _sentences(scores: dict[str, Any]) -> str:
    rows = [
        [RUNS[name], *cells.prf(row), cells.span(row), f"{row['support']:,}"]
        for name, row in _runs(scores.get("sents", {}))
    ]
    return cells.table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows) if rows else ""


def _summaries(scores: dict[str, Any]) -> str:
    if "summaries" not in scores:
        return ""
    part = scores["summaries"]
    systems = {name: row for name, row in part.items() if isinstance(row, dict) and "words" in row}
    compared = {name: row for name, row in part.items() if "_vs_" in name}
    rows = [
        [escape(summary_system(name)), *(cells.number(row[key]) for key in SUMMARY_MEASURES)]
        for name, row in systems.items()
    ]
    apart = [
        [
            " less ".join(escape(summary_system(side)) for side in name.split("_vs_")),
            *(f"{row[key]['difference']:+.4f} ({cells.span_of(row[key], '+')})" for key in row),
        ]
        for name, row in compared.items()
    ]
    rouge = list(SUMMARY_MEASURES.values())[:3]
    return (
        f"<p>{part['pairs']:,} documents with a reference summary. "
        f"LEAD and its like have {part['sentences']} sentences at most.</p>"
        + cells.table(["", *SUMMARY_MEASURES.values()], rows)
        + "<h3>Paired differences, with 95 % intervals</h3>"
        + cells.table(["", *rouge], apart)
    )


def summary_system(name: str) -> str:
    """RETURNS (str): What a system of the summary scores is called."""
    titles = {"ours": "Pipeline", "textrank": "TextRank", "random": "Random", "oracle": "Greedy oracle"}
    if name.startswith("ours_equal_"):
        return f"Pipeline, with as many {name.removeprefix('ours_equal_')} as LEAD"
    return titles.get(name) or name.upper().replace("LEAD", "LEAD-")


def _speed(scores: dict[str, Any]) -> str:
    rows = [
        [RUNS[name], f"{row['words_per_second']:,.0f}", f"{row['seconds']:.1f}"] for name, row in _runs(scores["speed"])
    ]
    return cells.table(["", "Words a second", "Seconds"], rows)
