"""The pages of a report: templates filled with everything escaped, and the data of the lists in shards."""

import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..process.record import Record
from .index import slug
from .text import visible

STATIC = Path(__file__).parent / "static"
ASSETS = ("report.css", "report.js", "report.svg")
SHARD = 1000  # rows in a shard: about 200 kB, read in some milliseconds
SNIPPET = 160  # characters of the summary in the list of documents
LONGEST_VALUE = 500  # characters of a passed-through column on a document's page
SURE, LIKELY = 0.9, 0.7  # bounds of the bands of confidence

MEDIA_TYPES = {
    "text/plain": "Text",
    "text/html": "HTML",
    "text/markdown": "Markdown",
    "text/csv": "CSV",
    "text/tab-separated-values": "TSV",
    "text/xml": "XML",
    "application/xml": "XML",
    "application/json": "JSON",
    "application/jsonl": "JSON Lines",
    "application/x-ndjson": "JSON Lines",
    "application/vnd.apache.parquet": "Parquet",
    "application/x-spacy-docbin": "spaCy DocBin",
    "application/pdf": "PDF",
    "application/rtf": "RTF",
    "application/epub+zip": "EPUB",
    "message/rfc822": "Mail",
    "application/mbox": "Mailbox",
    "application/vnd.ms-outlook": "Outlook mail",
    "application/x-subrip": "Subtitles",
    "application/x-fictionbook+xml": "FictionBook",
    "application/x-latex": "LaTeX",
    "application/x-ipynb+json": "Notebook",
    "text/x-rst": "reStructuredText",
    "text/x-org": "Org",
    "application/msword": "Word (doc)",
    "application/vnd.ms-excel": "Excel (xls)",
    "application/vnd.ms-powerpoint": "PowerPoint (ppt)",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word (docx)",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel (xlsx)",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint (pptx)",
    "application/vnd.oasis.opendocument.text": "OpenDocument text",
    "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument sheet",
    "application/vnd.oasis.opendocument.presentation": "OpenDocument slides",
}


def media_name(media_type: str) -> str:
    """RETURNS (str): What people call a format; the media type itself when it has no such name."""
    return MEDIA_TYPES.get(media_type.split(";")[0].strip(), media_type or "unknown")


def percent(value: float | None) -> str:
    """RETURNS (str): A probability as whole per cent, rounded down, so that nothing short of sure shows 100%."""
    return "–" if value is None else f"{whole(value)}%"


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def band(confidence: float | None) -> str:
    """RETURNS (str): The class of a confidence: c3 sure, c2 likely, c1 doubtful, c0 unknown."""
    if confidence is None:
        return "c0"
    return "c3" if confidence >= SURE else "c2" if confidence >= LIKELY else "c1"


def whole(value: float) -> int:
    """RETURNS (int): Per cent, rounded down, but not for a float's last digit."""
    return int(100 * value + 1e-9)


class Pages:
    """Writes the pages of one report.

    folder (Path): Where they go.
    generator (str): What each page names as its maker.
    pipeline (str): Name and version, for the foot of each page.
    labels (list[tuple[str, int]]): Labels and their mentions, the most frequent first.
    """

    def __init__(self, folder: Path, generator: str, pipeline: str, labels: list[tuple[str, int]]) -> None:
        self.folder = folder
        self.labels = labels
        self.kinds = {label: kind for kind, (label, _) in enumerate(labels)}
        self.env = Environment(
            loader=FileSystemLoader(STATIC),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            finalize=lambda value: visible(value) if isinstance(value, str) else value,
        )
        self.env.filters.update(
            whole=whole, percent=percent, media=media_name, plural=plural, number=lambda n: f"{n:,}"
        )
        self.env.globals.update(size=SHARD, generator=generator, pipeline=pipeline, kinds=self.kinds, labels=labels)
        (folder / "assets").mkdir(parents=True)
        for name in ASSETS:
            shutil.copyfile(STATIC / name, folder / "assets" / name)

    def render(self, name: str, **values: Any) -> str:
        """RETURNS (str): A page from the template of its name."""
        return self.env.get_template(f"report-{name}.html").render(**values)

    def write(self, name: str, **values: Any) -> None:
        """Write a page at the top of the report from the template of its name."""
        (self.folder / f"{name}.html").write_text(self.render(name, here=name, root="", **values), encoding="utf-8")


def document_row(record: Record, kinds: dict[str, int], media_types: dict[str, int]) -> list[Any]:
    """RETURNS (list): A row of the list of documents, but for its classes; report.js says what stands where."""
    labels = sorted({kinds[e.label] for e in record.entities})
    snippet = shorten(" ".join(record.summary.split()), SNIPPET)
    kind = media_types[record.media_type]
    return [slug(record.id), record.id, kind, record.n_tokens, len(record.entities), labels, snippet]


def document_href(name: str, part: int = 1) -> str:
    """RETURNS (str): Where the page of a document, or of a part of it, is; 256 folders keep each of them short."""
    return f"docs/{name[:2]}/{name[2:]}{f'-{part}' if part > 1 else ''}.html"


def split_id(record_id: str) -> tuple[str, str]:
    """RETURNS (tuple[str, str]): The folder or archive, with its mark at the end, and the name in it."""
    at = max(record_id.rfind(mark) for mark in "/\\!") + 1
    return (record_id[:at], record_id[at:]) if at < len(record_id) else ("", record_id)


def shorten(value: object, limit: int = LONGEST_VALUE) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Shards:
    """Writes the rows of a list as scripts of SHARD rows: name-0.js, name-1.js …

    A page opened from file:// cannot fetch data, but it can load scripts from its own folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.count = 0
        self._folder = folder / "data"
        self._name = name
        self._rows: list[Any] = []
        self._folder.mkdir(exist_ok=True)

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None and self._rows:
            self._flush()

    def add(self, row: Any) -> None:
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == SHARD:
            self._flush()

    def _flush(self) -> None:
        key = f"{self._name}-{(self.count - 1) // SHARD}"
        script = f'dossierShard("{key}",{script_json(self._rows)});\n'
        (self._folder / f"{key}.js").write_text(script, encoding="ascii")
        self._rows.clear()


def script_json(value: Any) -> str:
    """RETURNS (str): JSON that is safe in a script: ASCII only, so no U+2028 either, and without <, > and &."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
