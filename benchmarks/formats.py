"""Does a document's format change what is found? The same documents in every format, against the plain text.

    python benchmarks/formats.py TEXTS.jsonl FOLDER [--pipeline PIPELINE] [--limit 16] [--json OUT]

Each text of a JSONL file (`id`, `text`; paragraphs parted by line ends) is written into FOLDER as plain text and in all
the other formats that this machine has the programs for: chromium prints PDF, pandoc writes DOCX, ODT, RTF, EPUB and
PPTX, and PDF by LaTeX where there is one. What is there already is kept. Then every file is read, and its paragraphs
are compared with those of the plain text; with a pipeline, entities (text without layout, and label) and summary
sentences too.
"""

from __future__ import annotations

import argparse
import html
import json
import shutil
import subprocess
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console
from rich.table import Table

from spacy_dossier import process_documents
from spacy_dossier.process.record import Record
from spacy_dossier.read.extract import extract

WRAP = 72  # columns, as mails and old text files have
PANDOC = {"docx": "docx", "odt": "odt", "rtf": "rtf", "epub": "epub", "slides": "pptx"}
PRINT = (
    "@page{{size:A4;margin:2cm}}"
    "body{{font:11pt/1.4 serif;column-count:{columns};column-gap:1cm;text-align:justify;hyphens:{hyphens}}}"
)


@dataclass
class Agreement:
    """One format against the plain text. Entities and summaries are None without a pipeline."""

    format: str
    documents: int
    paragraphs: int
    paragraphs_kept: int
    entities_f1: float | None = None
    sentences: int | None = None
    sentences_kept: int | None = None
    summaries_kept: int | None = None


def squeeze(text: str) -> str:
    return " ".join(text.replace("\u00ad", "").split())


def as_page(title: str, paragraphs: list[str], style: str = "") -> str:
    body = "".join(f"<p>{html.escape(paragraph, quote=False)}</p>\n" for paragraph in paragraphs)
    head = '<meta charset="utf-8">'
    head += f"<title>{html.escape(title)}</title>" if title else ""
    head += f"<style>{style}</style>" if style else ""
    return f'<!doctype html><html lang="en"><head>{head}</head><body><article>{body}</article></body></html>'


def write_plain(paragraphs: list[str], path: Path) -> None:
    path.with_suffix(".txt").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def wrapped(paragraphs: list[str]) -> str:
    options = {"break_on_hyphens": False, "break_long_words": False}
    return "\n\n".join(textwrap.fill(paragraph, WRAP, **options) for paragraph in paragraphs) + "\n"  # type: ignore[arg-type]


def write_wrapped(paragraphs: list[str], path: Path) -> None:
    path.with_suffix(".txt").write_text(wrapped(paragraphs), encoding="utf-8")


def write_html(paragraphs: list[str], path: Path) -> None:
    path.with_suffix(".html").write_text(as_page(path.name, paragraphs), encoding="utf-8")


def write_markdown(paragraphs: list[str], path: Path) -> None:
    special = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#+-.!|~"})
    text = "\n\n".join(paragraph.translate(special) for paragraph in paragraphs)
    path.with_suffix(".md").write_text(text + "\n", encoding="utf-8")


def write_mail(paragraphs: list[str], path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "a@example.org", "b@example.org"
    message["Date"], message["Subject"] = "Mon, 2 Mar 2026 09:00:00 +0000", path.name
    message.set_content(wrapped(paragraphs))
    path.with_suffix(".eml").write_bytes(message.as_bytes())


def printed(columns: int) -> Callable[[list[str], Path], None]:
    def write(paragraphs: list[str], path: Path) -> None:
        style = PRINT.format(columns=columns, hyphens="auto" if columns > 1 else "manual")
        page = path.with_suffix(".print.html")
        page.write_text(as_page(path.name, paragraphs, style), encoding="utf-8")
        target = path.with_suffix(".pdf")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        command = ["chromium", *options, f"--print-to-pdf={target}", page.absolute().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        page.unlink()

    return write


def by_pandoc(suffix: str, *options: str) -> Callable[[list[str], Path], None]:
    def write(paragraphs: list[str], path: Path) -> None:
        page = as_page("", paragraphs).encode()  # a title would be a paragraph that the text has not
        command = ["pandoc", "-f", "html", "--standalone", "-o", str(path.with_suffix(f".{suffix}")), *options]
        subprocess.run(command, input=page, check=True, capture_output=True, timeout=300)

    return write


def writers() -> dict[str, Callable[[list[str], Path], None]]:
    """RETURNS (dict): How each format is written that this machine has the programs for."""
    found: dict[str, Callable[[list[str], Path], None]] = {
        "plain": write_plain,
        "wrapped": write_wrapped,
        "html": write_html,
        "markdown": write_markdown,
        "mail": write_mail,
    }
    if shutil.which("chromium"):
        found |= {"pdf, one column": printed(1), "pdf, two columns": printed(2)}
    if shutil.which("pandoc"):
        found |= {name: by_pandoc(suffix) for name, suffix in PANDOC.items()}
        if shutil.which("xelatex"):
            found["pdf, LaTeX"] = by_pandoc("pdf", "--pdf-engine=xelatex")
    return found


def make(texts: dict[str, str], folder: Path) -> list[str]:
    """Write each text in each format. RETURNS (list[str]): The formats, the plain text first."""
    formats = writers()
    for name, write in formats.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for key, text in texts.items():
            if not any(place.glob(f"{key}.*")):
                write([line.strip() for line in text.splitlines() if line.strip()], place / key)
    return list(formats)


def paragraphs_of(folder: Path) -> dict[str, list[str]]:
    """RETURNS (dict): The blocks of each document, without layout."""
    read = {}
    for path in sorted(folder.iterdir()):
        (piece,) = extract(str(path))
        read[path.stem] = [] if piece.error else [squeeze(part) for part in piece.text.split("\n\n")]
    return read


def records_of(folder: Path, pipeline: str) -> dict[str, dict[str, Record]]:
    """RETURNS (dict): The records of each format, by document."""
    found: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in process_documents(folder, pipeline):
        path = Path(record.source)
        found[path.parent.name][path.stem] = record
    return found


@dataclass
class Reading:
    """What one format gives: blocks, and records where there is a pipeline, by document."""

    paragraphs: dict[str, list[str]]
    records: dict[str, Record] | None


def compare(name: str, plain: Reading, other: Reading) -> Agreement:
    """Compare a format with the plain text."""
    truth, found = plain.paragraphs, other.paragraphs
    kept = sum(sum((Counter(truth[key]) & Counter(found.get(key, []))).values()) for key in truth)
    result = Agreement(name, len(truth), sum(map(len, truth.values())), kept)
    if plain.records is not None and other.records is not None:
        compare_records(result, plain.records, other.records)
    return result


def compare_records(result: Agreement, truth: dict[str, Record], found: dict[str, Record]) -> None:
    right = wanted = given = sentences = sentences_kept = summaries_kept = 0
    for key, record in truth.items():
        other = found.get(key)
        ours = Counter((squeeze(e.text), e.label) for e in record.entities)
        theirs = Counter((squeeze(e.text), e.label) for e in other.entities) if other else Counter()
        right += sum((ours & theirs).values())
        wanted, given = wanted + sum(ours.values()), given + sum(theirs.values())
        summary = {squeeze(s.text) for s in record.summary_sentences}
        summary_there = {squeeze(s.text) for s in other.summary_sentences} if other else set()
        sentences += len(summary)
        sentences_kept += len(summary & summary_there)
        summaries_kept += summary == summary_there
    result.entities_f1 = 2 * right / (wanted + given) if wanted + given else 1.0
    result.sentences, result.sentences_kept, result.summaries_kept = sentences, sentences_kept, summaries_kept


def show(results: list[Agreement]) -> Table:
    table = Table("Format")
    columns = ["Paragraphs kept"]
    if any(row.entities_f1 is not None for row in results):
        columns += ["Entities F1", "Summary sentences kept", "Whole summaries kept"]
    for column in columns:
        table.add_column(column, justify="right")
    for row in results:
        cells = [f"{row.paragraphs_kept} of {row.paragraphs}"]
        if row.entities_f1 is not None:
            cells += [f"{row.entities_f1:.3f}", f"{row.sentences_kept} of {row.sentences}"]
            cells.append(f"{row.summaries_kept} of {row.documents}")
        table.add_row(row.format, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="JSONL with id and text")
    parser.add_argument("folder", type=Path, help="where the formats go")
    parser.add_argument("--pipeline", help="a folder, or the name of an installed pipeline")
    parser.add_argument("--limit", type=int, help="read so many texts only")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.texts.read_text(encoding="utf-8").splitlines()][: options.limit]
    names = make({str(row["id"]).replace("/", "_"): row["text"] for row in rows}, options.folder)
    records = records_of(options.folder, options.pipeline) if options.pipeline else {}
    plain, *others = (Reading(paragraphs_of(options.folder / name), records.get(name)) for name in names)
    results = [compare(name, plain, other) for name, other in zip(names[1:], others, strict=True)]
    Console().print(show(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in results], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
