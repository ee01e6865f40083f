"""Convert column files with spaCy's own converter and with `dossier convert`, and print a Markdown table of both.

    python benchmarks/compare_converters.py FOLDER [--expected expected_counts.json] [--speed conll2003/eng.train]

The folder holds column files and a JSON file that says what is in each: documents, sentences, tokens, entities and
entities by label. spaCy's converter is called as its documentation says for a file of the kind: `conllu` for CoNLL-U,
`conll` (alias `ner`) for everything else.
"""

import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conll_ner_to_docs, conllu_to_docs
from spacy.vocab import Vocab

from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert

KEYS = ("docs", "sents", "tokens", "ents", "labels")
LANGUAGES = {"germeval": "de", "ned": "nl", "esp": "es", "nerkor": "hu", "norne": "nb"}
RUNS = 3


def count(docs: Iterable[Doc], marked: bool) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What Docs hold, under the names of the expected counts."""
    docs = list(docs)
    labels = Counter(ent.label_ for doc in docs for ent in doc.ents)
    return {
        "docs": len(docs) if marked else 0,
        "sents": sum(len(list(doc.sents)) if doc.has_annotation("SENT_START") else 1 for doc in docs),
        "tokens": sum(len(doc) for doc in docs),
        "ents": sum(labels.values()),
        "labels": dict(labels),
    }


def spacy_docs(path: Path) -> list[Doc]:
    """RETURNS (list[Doc]): What spaCy's converter makes of a file."""
    text = path.read_text(encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        if path.suffix in (".conllu", ".conllup"):
            return list(conllu_to_docs(text, n_sents=1, ner_map=None, no_print=True))
        return list(conll_ner_to_docs(text, n_sents=1, no_print=True))


def spacy_counts(path: Path, marked: bool) -> dict[str, Any]:
    return count(spacy_docs(path), marked)


def verdict(found: Callable[[], dict[str, Any]], expected: dict[str, Any]) -> tuple[bool, str]:
    """RETURNS (tuple[bool, str]): Whether all counts are right, and a cell of the table."""
    try:
        counts = found()
    except Exception as error:  # what a converter answers to a file is the result
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return False, f"✗ error: {lines[0][:70]}".replace("|", "/")
    wrong = [key for key in KEYS if key in expected and counts[key] != expected[key]]
    numbers = [f"{key} {counts[key]:,}" if key != "labels" else "labels" for key in wrong]
    return not wrong, "✓" if not wrong else "✗ " + ", ".join(numbers)


def timed(work: Callable[[], object]) -> float:
    """RETURNS (float): Seconds of processor time, the least of `RUNS`: the first one imports, and others are busy."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with the column files.")],
    expected: Annotated[str, typer.Option(help="JSON file of counts, in the folder.")] = "expected_counts.json",
    speed: Annotated[str, typer.Option(help="File to time both on, in the folder.")] = "conll2003/eng.train",
) -> None:
    """Print the table and the ratio of speeds."""
    truth: dict[str, dict[str, Any]] = json.loads((folder / expected).read_text(encoding="utf-8"))
    rows, right = [], Counter[str]()
    with TemporaryDirectory() as temporary:
        output = Path(temporary)

        def ours(path: Path) -> tuple[bool, Path]:
            lang = next((lang for part, lang in LANGUAGES.items() if part in str(path)), "en")
            (report,) = convert([str(path)], output, ColumnOptions(lang=lang)).values()
            return report.docs > 0, Path(report.outputs[0])

        def our_counts(path: Path) -> dict[str, Any]:
            marked, file = ours(path)
            return count(DocBin().from_disk(file).get_docs(Vocab()), marked)

        for name, counts in truth.items():
            path = folder / name
            spacy_right, spacy_cell = verdict(partial(spacy_counts, path, bool(counts.get("docs"))), counts)
            ours_right, ours_cell = verdict(partial(our_counts, path), counts)
            export([ours(path)[1]], output / "back")
            same = (output / "back").read_bytes() == path.read_bytes()
            right.update(spacy=int(spacy_right), ours=int(ours_right), back=int(same))
            rows.append(f"| {name} | {spacy_cell} | {ours_cell} | {'✓' if same else '✗'} |")

        def spacy_convert() -> None:
            docs = spacy_docs(folder / speed)
            DocBin(docs=docs, store_user_data=True).to_disk(output / "spacy.spacy")

        ratio = timed(spacy_convert) / timed(lambda: convert([str(folder / speed)], output, ColumnOptions()))
    print("| file | spaCy's converter | dossier convert | back, byte for byte |\n|---|---|---|---|")
    print("\n".join(rows))
    n = len(rows)
    print(f"| **right** | **{right['spacy']} of {n}** | **{right['ours']} of {n}** | **{right['back']} of {n}** |")
    print(f"\nOn {speed}, dossier convert is {ratio:.1f} times as fast as spaCy's converter (CPU time).")


if __name__ == "__main__":
    typer.run(main)
