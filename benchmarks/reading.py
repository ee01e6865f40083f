"""How faithfully documents are read, beside other readers of the same files.

    python benchmarks/reading.py pdf FOLDER [--json OUT]
    python benchmarks/reading.py pages FOLDER [--json OUT]

`pdf` compares the words of every PDF in a folder with those of `pdftotext` (Debian package poppler-utils), for each of
`--readers`; pdfminer.six and xberg are no dependencies, install those that you name. It compares them as bags of words,
as runs of four words (the order), and counts the words that are still cut at a line's end. Means are over the files in
which both find words; runs of four over those of more than 60 words.

`pages` compares the main text of web pages with what people took for the article: FOLDER is a checkout of
https://github.com/scrapinghub/article-extraction-benchmark (MIT). Scores are that benchmark's own: runs of four words,
precision and recall by page, their means, and F1 of the means. Its articles have no headline, ours begin with it:
`--without-title` leaves it out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

FOUR_FROM = 60  # words a file must have for its runs of four words to say something about order


@dataclass
class FileScore:
    """One file as one reader reads it, against pdftotext."""

    file: str
    recall: float
    precision: float
    fours: float | None
    cut: int
    words: int
    missing: list[str]
    added: list[str]


@dataclass
class Score:
    """All files as one reader reads them. Seconds are processor time of this process."""

    reader: str
    files: int
    recall: float
    precision: float
    fours: float
    cut: int
    pages: int
    ms_a_page: float


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower())


def pdftotext(data: bytes, name: str) -> str:
    """RETURNS (str): What poppler's pdftotext makes of a PDF; empty where it refuses."""
    run = subprocess.run(
        ["pdftotext", "-enc", "UTF-8", "-", "-"], input=data, capture_output=True, timeout=120, check=False
    )
    return run.stdout.decode("utf-8", "replace")


def ours(data: bytes, name: str) -> str:
    from spacy_dossier.read.document import Unreadable
    from spacy_dossier.read.pdf.reader import read_pdf

    try:
        return "\n\n".join(block.text for block in read_pdf(data, name).blocks)
    except Unreadable:
        return ""


def pdfminer(data: bytes, name: str) -> str:
    import io

    from pdfminer.high_level import extract_text

    try:
        return extract_text(io.BytesIO(data))
    except Exception:  # what it does not read counts as no text
        return ""


def xberg(data: bytes, name: str) -> str:
    import asyncio

    from xberg import ExtractInput, extract

    async def read() -> str:
        found = await extract(ExtractInput(kind="bytes", bytes=data, mime_type="application/pdf", filename=name))
        return found.results[0].content

    try:
        return asyncio.run(read())
    except Exception:  # likewise
        return ""


READERS: dict[str, Callable[[bytes, str], str]] = {
    "ours": ours,
    "pdfminer": pdfminer,
    "xberg": xberg,
    "pdftotext": pdftotext,
}


def fours_of(words: list[str]) -> Counter[tuple[str, ...]]:
    return Counter(zip(words, words[1:], words[2:], words[3:], strict=False))


def cut_words(text: str, truth: str) -> list[str]:
    """RETURNS (list[str]): Words with a hyphen that the other text has without it and nowhere with it."""
    other = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", unicodedata.normalize("NFKC", truth).lower()))
    own = re.findall(r"[^\W\d_]+-\s*[^\W\d_]+", unicodedata.normalize("NFKC", text).lower())
    own = [re.sub(r"\s", "", word) for word in own]
    return [word for word in own if other[word.replace("-", "")] and not other[word]]


def score_file(file: str, text: str, truth: str) -> FileScore | None:
    """RETURNS (FileScore | None): None where one side has no words."""
    mine, other = words_of(text), words_of(truth)
    if not mine or not other:
        return None
    bag, target = Counter(mine), Counter(other)
    same = sum((bag & target).values())
    fours = None
    if len(other) > FOUR_FROM:
        a, b = fours_of(mine), fours_of(other)
        shared = sum((a & b).values())
        fours = 2 * shared / max(1, sum(a.values()) + sum(b.values()))
    missing = [w for w, n in (target - bag).most_common(30) for _ in range(n)]
    added = [w for w, n in (bag - target).most_common(30) for _ in range(n)]
    return FileScore(
        file, same / len(other), same / len(mine), fours, len(cut_words(text, truth)), len(other), missing, added
    )


def count_pages(data: bytes) -> int:
    run = subprocess.run(["pdfinfo", "-"], input=data, capture_output=True, timeout=60, check=False)
    match = re.search(rb"^Pages:\s+(\d+)", run.stdout, re.M)
    return int(match.group(1)) if match else 0


def compare_pdfs(folder: Path, readers: list[str]) -> dict[str, tuple[Score, list[FileScore]]]:
    """Read every PDF below a folder with each reader."""
    files = sorted(folder.rglob("*.pdf"))
    contents = {str(f.relative_to(folder)): f.read_bytes() for f in files}
    truths = {name: pdftotext(data, name) for name, data in contents.items()}
    pages = sum(count_pages(data) for data in contents.values())
    result: dict[str, tuple[Score, list[FileScore]]] = {}
    for reader in readers:
        first = next(iter(contents.items()), None)
        if first:
            READERS[reader](first[1], first[0])  # loads what it needs
        started = time.process_time()
        texts = {name: READERS[reader](data, name) for name, data in contents.items()}
        seconds = time.process_time() - started
        scores = [s for name in contents if (s := score_file(name, texts[name], truths[name]))]
        result[reader] = (
            Score(
                reader,
                len(scores),
                mean(s.recall for s in scores),
                mean(s.precision for s in scores),
                mean(s.fours for s in scores if s.fours is not None),
                sum(s.cut for s in scores),
                pages,
                1000 * seconds / max(1, pages),
            ),
            scores,
        )
    return result


@dataclass
class PageScore:
    """One page as one reader reads it."""

    page: str
    url: str
    f1: float
    precision: float
    recall: float


@dataclass
class PagesScore:
    """All pages as one reader reads them. F1 is that of the means. Time is processor time of this process."""

    reader: str
    pages: int
    f1: float
    precision: float
    recall: float
    ms_a_page: float


def our_page(source: str, *, title: bool = True) -> str:
    from spacy_dossier.read.document import lay_out
    from spacy_dossier.read.markup.html import read_html

    blocks = read_html(source.encode(), "").blocks
    return lay_out(block for block in blocks if title or block.kind != "title")[0]


def trafilatura_page(source: str, *, title: bool = True) -> str:
    import trafilatura

    return trafilatura.extract(source, include_comments=False) or ""


PAGE_READERS: dict[str, Callable[..., str]] = {"ours": our_page, "trafilatura": trafilatura_page}


def f1_of(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def runs_of(text: str) -> Counter[tuple[str, ...]]:
    """RETURNS (Counter): Runs of four words; of a shorter text one run of all."""
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)


def score_page(page: str, url: str, text: str, truth: str) -> PageScore:
    mine, other = runs_of(text), runs_of(truth)
    shared = sum((mine & other).values())
    precision = shared / sum(mine.values()) if mine else float(not other)
    recall = shared / sum(other.values()) if other else float(not mine)
    return PageScore(page, url, f1_of(precision, recall), precision, recall)


def compare_pages(folder: Path, readers: list[str], title: bool) -> dict[str, tuple[PagesScore, list[PageScore]]]:
    """Read every page of the benchmark with each reader."""
    truths = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    pages = {name: gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()).decode() for name in truths}
    result: dict[str, tuple[PagesScore, list[PageScore]]] = {}
    for reader in readers:
        read = PAGE_READERS[reader]
        read(next(iter(pages.values())))  # loads what it needs
        started = time.process_time()
        texts = {name: read(source, title=title) for name, source in pages.items()}
        seconds = time.process_time() - started
        scores = [score_page(n, truths[n]["url"], texts[n], truths[n]["articleBody"]) for n in pages]
        precision, recall = mean(s.precision for s in scores), mean(s.recall for s in scores)
        f1 = f1_of(precision, recall)
        result[reader] = PagesScore(reader, len(pages), f1, precision, recall, 1000 * seconds / len(pages)), scores
    return result


def report_pages(arguments: argparse.Namespace) -> Any:
    result = compare_pages(arguments.folder, arguments.readers, not arguments.without_title)
    print("| reader | pages | F1 | precision | recall | ms a page |")
    print("|---|---|---|---|---|---|")
    for score, scores in result.values():
        print(
            f"| {score.reader} | {score.pages} | {score.f1:.3f} | {score.precision:.3f} | {score.recall:.3f} "
            f"| {score.ms_a_page:.1f} |"
        )
        for page in sorted(scores, key=lambda s: s.f1)[: arguments.worst]:
            print(f"  {page.f1:.2f} {page.precision:.2f} {page.recall:.2f} {page.page[:10]} {page.url}")
    return result


def report_pdfs(arguments: argparse.Namespace) -> Any:
    result = compare_pdfs(arguments.folder, arguments.readers)
    print("| reader | files | recall | precision | runs of four | words cut | ms a page |")
    print("|---|---|---|---|---|---|---|")
    for score, scores in result.values():
        print(
            f"| {score.reader} | {score.files} | {score.recall:.3f} | {score.precision:.3f} | {score.fours:.3f} "
            f"| {score.cut} | {score.ms_a_page:.1f} |"
        )
        for file in sorted(scores, key=lambda s: min(s.recall, s.precision, s.fours or 1))[: arguments.worst]:
            fours = "" if file.fours is None else f"{file.fours:.2f}"
            print(f"  {file.recall:.2f} {file.precision:.2f} {fours:4} cut {file.cut:3} of {file.words} {file.file}")
            print(f"       lacks {' '.join(file.missing)[:150]}\n       has   {' '.join(file.added)[:150]}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    for name, report, readers, default in (
        ("pdf", report_pdfs, list(READERS), ["ours", "pdfminer"]),
        ("pages", report_pages, list(PAGE_READERS), list(PAGE_READERS)),
    ):
        part = parts.add_parser(name)
        part.set_defaults(report=report)
        part.add_argument("folder", type=Path)
        part.add_argument("--readers", nargs="+", choices=readers, default=default)
        part.add_argument("--json", type=Path, help="write all figures, file by file")
        part.add_argument("--worst", type=int, default=0, help="list this many files with the lowest figures")
        if name == "pages":
            part.add_argument("--without-title", action="store_true", help="leave out the headline")
    arguments = parser.parse_args()
    result = arguments.report(arguments)
    if arguments.json:
        figures = {r: {"score": asdict(s), "files": [asdict(f) for f in fs]} for r, (s, fs) in result.items()}
        arguments.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
