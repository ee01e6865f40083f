"""The README of a packaged pipeline: what it is, how to use it, how good it is, what it was made from."""

from collections.abc import Iterable, Sequence
from typing import Any

RUNS = {"gold_tokens": "annotated tokens", "raw_text": "raw text", "by_sentence": "sentence by sentence"}
PRF = ("precision", "recall", "f1")
SUMMARIES = {
    "ours": "this pipeline",
    "lead3": "the first three sentences",
    "textrank": "TextRank",
    "oracle": "best possible extract",
}
ROUGE = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-Lsum"}
RIGHT = ("Precision", "Recall", "F1", "95 %", "Support", "Files", *ROUGE.values())  # columns of numbers
MOST = 12  # lines of a kind that are shown

INTRO = """\
# {package} {version}

{description}

It was trained with spacy-dossier, which must be installed beside it. The weights of its encoder are in the package:
nothing is ever downloaded.

## Use

    pip install {wheel} {plugin}
"""

USAGE = """\
```python
import spacy

nlp = spacy.load("{package}")
doc = nlp(text)
{code}
```
"""

# What a pipeline finds, by the kind: the lines that print it, and where it is.
KINDS = {
    "entities": (
        'for ent in doc.ents:\n    print(f"{ent._.confidence:.3f}  {ent.label_:<5} {ent.text}")',
        "| `doc.ents`, `ent.label_` | the entities |\n"
        "| `ent._.confidence` | the probability that an entity is right, calibrated on the development part |",
    ),
    "relations": (
        "for head, tail, label, confidence in doc._.relations:\n"
        '    print(f"{confidence:.3f}  {head.text} {label} {tail.text}")',
        "| `doc._.relations` | relations between entities: head, tail, label, and the probability that all is right |",
    ),
    "summary": (
        "print(doc._.summary)",
        "| `doc.sents`, `sent._.salience` | the sentences, and how much each says of its document, from 0 to 1 |\n"
        '| `doc._.summary`, `doc.spans["summary"]` | the summary: as text, and as the sentences of the document it is '
        "made of |\n| `doc._.summarize(sentences=…)` | another length, without running the model again |",
    ),
    "cats": (
        "print(doc.cats)",
        "| `doc.cats` | the score of each class, calibrated on the development part |",
    ),
}

ATTRIBUTES = """\
| where | what |
|---|---|
{rows}

`dossier process FOLDER --pipeline {package}` does the same for a folder of documents of any format.
"""


def model_card(meta: dict[str, Any], scores: dict[str, Any], printed: dict[str, list[str]]) -> str:
    """Write the card.

    meta (dict[str, Any]): The package's meta.json.
    scores (dict[str, Any]): What `dossier evaluate` wrote.
    printed (dict[str, list[str]]): What the pipeline finds in an example, line by line, for each of its `KINDS`.
    RETURNS (str): Markdown.
    """
    package = f"{meta['lang']}_{meta['name']}"
    plugin = meta["spacy_dossier"]
    names = {
        "package": package,
        "version": meta["version"],
        "description": meta["description"],
        "wheel": f"{package}-{meta['version']}-py3-none-any.whl",
        "plugin": f"spacy_dossier-{plugin}-py3-none-any.whl",
        "code": "\n".join(KINDS[kind][0] for kind in printed),
        "rows": "\n".join(KINDS[kind][1] for kind in printed),
    }
    shown = [line for lines in printed.values() for line in [*lines[:MOST], *["…"] * (len(lines) > MOST)]]
    parts = [
        INTRO.format(**names),
        USAGE.format(**names),
        f"For `{meta['example']}` of the project this prints:\n",
        indented(shown),
        ATTRIBUTES.format(**names),
        scores_part(scores),
        labels_part(meta),
        origin_part(meta),
    ]
    return "\n".join(parts)


def scores_part(scores: dict[str, Any]) -> str:
    """RETURNS (str): The main numbers, with what must be known to read them."""
    corpus = scores["corpus"]
    found = scores["entities"]
    lines = [
        "## Scores",
        "",
        f"On {corpus['path']}: {corpus['documents']:,} documents, {corpus['tokens']:,} tokens and "
        f"{corpus['entities']:,} entities that took no part in training. An entity counts when both its ends and its "
        "label are right. The intervals are those of F1, bootstrapped over documents.",
        "",
    ]
    rows = [[f"Entities, {title}", *prf(found[run]["micro"])] for run, title in RUNS.items() if run in found]
    rows += [[f"`{label}`", *prf(row)] for label, row in found["gold_tokens"]["labels"].items()]
    rows.append(["Tokens", *prf(scores["tokens"]["micro"])])
    rows += [[f"Sentences, {RUNS[run]}", *prf(row)] for run, row in scores.get("sents", {}).items()]
    lines += table(["", "Precision", "Recall", "F1", "95 %", "Support"], rows)
    if "calibration" in scores:
        part = scores["calibration"]
        lines += ["", f"Confidence: ECE {part['ece']:.3f}, Brier score {part['brier']:.3f}."]
        chosen = part.get("chosen_threshold")
        if chosen:
            lines[-1] += (
                f" Entities from {chosen['threshold']:.3f} on, chosen for a precision of {percent(chosen['target'])}: "
                f"precision {percent(chosen['precision'])}, recall {percent(chosen['recall'])}."
            )
    if "relations" in scores:
        strict = scores["relations"]["strict"]
        rows = [[f"`{label}`", *prf(row)] for label, row in strict["labels"].items()] + [["All", *prf(strict["micro"])]]
        lines += ["", *table(["Relations", "Precision", "Recall", "F1", "95 %", "Support"], rows)]
    if "classes" in scores:
        part = scores["classes"]
        rows = [[f"`{label}`", *prf(row)] for label, row in part["labels"].items()]
        rows += [[name.title(), *prf(part[name])] for name in ("micro", "macro")]
        lines += ["", *table(["Classes", "Precision", "Recall", "F1", "95 %", "Support"], rows)]
        lines += ["", f"Scores of classes: ECE {part['calibration']['ece']:.3f}."]
    if "summaries" in scores:
        part = scores["summaries"]
        rows = [
            [title, *(f"{100 * part[name][key]:.1f}" for key in ROUGE)]
            for name, title in SUMMARIES.items()
            if name in part
        ]
        lines += ["", *table(["Summaries", *ROUGE.values()], rows)]
    lines += [f"\n{note}" for note in scores["notes"]]
    return "\n".join([*lines, ""])


def labels_part(meta: dict[str, Any]) -> str:
    labels = {name: values for name, values in meta.get("labels", {}).items() if values}
    rows = [[f"`{name}`", ", ".join(f"`{value}`" for value in values)] for name, values in labels.items()]
    return "\n".join(["## Labels", "", *table(["Component", "Labels"], rows), ""])


def origin_part(meta: dict[str, Any]) -> str:
    """RETURNS (str): Encoder, data and licences."""
    encoder = meta["encoder"]
    data = [[f"`{entry['path']}`", f"{entry['files']:,}", f"`{entry['sha256']}`"] for entry in meta["data"]]
    return "\n".join(
        [
            "## Made from",
            "",
            f"Encoder: {encoder['name']} ({encoder['license']}), fine-tuned. SHA-256 of the weights it started from: "
            f"`{encoder['sha256']}`.",
            "",
            *table(["Data", "Files", "SHA-256"], data),
            "",
            f"Licence of this package: {meta['license']}. That of the encoder, whose weights it carries: "
            f"{encoder['license']}.",
            "",
        ]
    )


def prf(row: dict[str, Any]) -> list[str]:
    ends = row.get("interval", {}).get("f1")
    span = f"{100 * ends['low']:.1f}–{100 * ends['high']:.1f}" if ends else ""
    return [*(f"{100 * row[name]:.1f}" for name in PRF), span, f"{row['support']:,}"]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """RETURNS (list[str]): The lines of a Markdown table; columns of numbers stand on the right."""
    rule = ["--:" if title in RIGHT else "---" for title in head]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def indented(lines: Iterable[str]) -> str:
    """RETURNS (str): A code block that no text can end."""
    return "\n".join([*(f"    {line}".rstrip() for line in lines), ""])


def one_line(text: str) -> str:
    return " ".join(text.split())
