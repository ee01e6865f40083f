"""The pages of a report: templates filled with everything escaped, and the data of the lists in shards."""

import json
import shutil
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..process.record import Entity, Record, SummarySentence
from .index import Found, Ranked, slug
from .read import SourceText, quotations
from .text import Mark, render, visible

STATIC = Path(__file__).parent / "static"
ASSETS = ("report.css", "report.js", "report.svg")
SHARD = 1000  # rows in a shard: about 200 kB, read in some milliseconds
SNIPPET = 160  # characters of the summary in the list of documents
LONGEST_VALUE = 500  # characters of a passed-through column on a document's page
LISTED_PAGES = 6  # page numbers beside an entity
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


def thousands(number: int) -> str:
    return f"{number:,}"


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


class Neighbour(NamedTuple):
    href: str
    name: str


class Shown(NamedTuple):
    """An entity in the list beside a document."""

    name: str
    label: str
    mentions: list[Entity]
    best: float | None
    anchor: int | None  # number of its first mention in the text
    pages: str
    ranked: Ranked


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
        self._env = Environment(
            loader=FileSystemLoader(STATIC),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            finalize=lambda value: visible(value) if isinstance(value, str) else value,
        )
        self._env.filters.update(
            whole=whole, percent=percent, media=media_name, plural=plural, number=lambda n: f"{n:,}"
        )
        self._env.globals.update(size=SHARD, generator=generator, pipeline=pipeline, kinds=self.kinds, labels=labels)
        (folder / "assets").mkdir(parents=True)
        for name in ASSETS:
            shutil.copyfile(STATIC / name, folder / "assets" / name)

    def write(self, name: str, **values: Any) -> None:
        """Write a page at the top of the report from the template of its name."""
        page = self._env.get_template(f"report-{name}.html").render(here=name, root="", **values)
        (self.folder / f"{name}.html").write_text(page, encoding="utf-8")

    def write_document(
        self,
        record: Record,
        entities: Sequence[tuple[Found, Ranked]],
        source: SourceText,
        *,
        before: Record | None,
        after: Record | None,
    ) -> None:
        """Write the page of a document.

        entities (Sequence[tuple[Found, Ranked]]): Its entities, and what is known of each across documents.
        source (SourceText): Its text.
        before, after (Record | None): Its neighbours.
        RAISES (FileExistsError): Two records have the same id.
        """
        numbers = {id(mention): number for number, mention in enumerate(record.entities)}
        folder, name = split_id(record.id)
        shown = [
            Shown(
                found.name,
                found.label,
                found.mentions,
                found.best,
                None if source.text is None else numbers[id(found.mentions[0])],
                page_list(found.mentions),
                ranked,
            )
            for found, ranked in entities
        ]
        counts = dict.fromkeys(self.kinds, 0)
        for found, _ in entities:
            counts[found.label] += len(found.mentions)
        text = None
        if source.text is not None:
            text = render(source.text, self._marks(record, [found for found, _ in entities], numbers), source.blocks)
        page = self._env.get_template("report-document.html").render(
            here="document",
            root="../../",
            title=name,
            folder=folder,
            lead=", ".join(document_facts(record)),
            lang=language(record),
            sentences=record.summary_sentences,
            entities=shown,
            labels=[(label, count) for label, count in counts.items() if count],
            confident=any(e.confidence is not None for e in record.entities),
            meta=[(key, shorten(value)) for key, value in record.meta.items()],
            text=text,
            why=source.why,
            before=before and neighbour(before),
            after=after and neighbour(after),
        )
        path = self.folder / document_href(slug(record.id))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(page)

    def _marks(self, record: Record, found: Sequence[Found], numbers: dict[int, int]) -> list[Mark]:
        marks = [summary_mark(s, number) for number, s in enumerate(record.summary_sentences, start=1)]
        for group, entry in enumerate(found):
            kind = self.kinds[entry.label]
            for mention in entry.mentions:
                marks.append(entity_mark(mention, numbers[id(mention)], group, kind))
        return marks


def summary_mark(sentence: SummarySentence, number: int) -> Mark:
    """RETURNS (Mark): A summary sentence in the text; its number shows before it."""
    first = Markup(f' id="s{number}" data-n="{number}" tabindex="-1"')
    return Mark(sentence.start, sentence.end, "mark", Markup(' class="s"'), first)


def entity_mark(entity: Entity, number: int, group: int, kind: int) -> Mark:
    """RETURNS (Mark): A mention in the text; its label shows after it, its confidence in the line under it."""
    attrs = f' class="e l{kind % 10} {band(entity.confidence)}" data-g="{group}" data-m="{number}"'
    said = []
    figure = ""
    if entity.confidence is not None:
        figure = percent(entity.confidence)
        said.append(f"confidence {figure}")
        attrs += f' data-c="{whole(entity.confidence)}"'
    if entity.page is not None:
        said.append(f"page {entity.page}")
    title = f' title="{", ".join(said)}"' if said else ""
    tail = Markup(f'<i data-k="{escape(entity.label)}" data-f=" {figure}"></i>')
    return Mark(entity.start, entity.end, "span", Markup(attrs), Markup(f' id="m{number}"{title}'), tail)


def document_row(record: Record, kinds: dict[str, int], media_types: dict[str, int]) -> list[Any]:
    """RETURNS (list): A row of the list of documents; report.js says what stands where."""
    labels = sorted({kinds[e.label] for e in record.entities})
    snippet = shorten(" ".join(record.summary.split()), SNIPPET)
    kind = media_types[record.media_type]
    return [slug(record.id), record.id, kind, record.n_tokens, len(record.entities), labels, snippet]


def document_href(name: str) -> str:
    """RETURNS (str): Where the page of a document is; 256 folders keep each of them short."""
    return f"docs/{name[:2]}/{name[2:]}.html"


def neighbour(record: Record) -> Neighbour:
    return Neighbour(document_href(slug(record.id)), split_id(record.id)[1])


def split_id(record_id: str) -> tuple[str, str]:
    """RETURNS (tuple[str, str]): The folder or archive, with its mark at the end, and the name in it."""
    at = max(record_id.rfind(mark) for mark in "/\\!") + 1
    return (record_id[:at], record_id[at:]) if at < len(record_id) else ("", record_id)


def document_facts(record: Record) -> list[str]:
    pages = max((span.page or 0 for span in quotations(record)), default=0)
    return [
        media_name(record.media_type),
        plural(record.n_tokens, "token"),
        plural(record.n_chars, "character"),
        *([f"read to page {pages}"] if pages > 1 else []),
    ]


def language(record: Record) -> str:
    """RETURNS (str): The language of a text as its pipeline's name tells it; unknown is empty, as HTML has it."""
    code = record.pipeline.name.split("_")[0]
    return code if code.isalpha() and 2 <= len(code) <= 3 and code != "xx" else ""


def page_list(mentions: Iterable[Entity]) -> str:
    """RETURNS (str): The pages an entity is on, the first few."""
    pages = list(dict.fromkeys(e.page for e in mentions if e.page is not None))
    if not pages:
        return ""
    more = ", …" if len(pages) > LISTED_PAGES else ""
    return f"page{'s' if len(pages) > 1 else ''} {', '.join(map(str, islice(pages, LISTED_PAGES)))}{more}"


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
