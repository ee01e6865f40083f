"""The page of a document: its summary, its text with what was found marked in it, and a list of its entities.

A long text is shown in parts, each a page of its own with its own list of entities, so that neither memory nor a page
grows with the text.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from ..process.record import Entity, Record, SummarySentence
from ..read.document import PlacedBlock
from .classes import class_facts
from .facts import facts_of
from .index import Found, Index, Ranked, group, slug
from .pages import Pages, band, document_href, media_name, percent, plural, shorten, split_id, whole
from .read import SourceText, quotations
from .text import Mark, render

PART = 300_000  # characters of the text on a page: 2 MB of HTML, which a browser shows within a second
LISTED_PAGES = 6  # page numbers beside an entity


class Neighbour(NamedTuple):
    href: str
    name: str


class ListedEntity(NamedTuple):
    """An entity in the list beside a document."""

    name: str
    label: str
    mentions: list[Entity]
    best: float | None
    anchor: int | None  # number of its first mention in the text
    pages: str
    ranked: Ranked


class ListedSentence(NamedTuple):
    """A sentence in the list of the summary; `href` is where it stands in the text, None without one."""

    sentence: SummarySentence
    href: str | None


@dataclass
class Part:
    """A stretch of the text that is a page.

    number (int): From 1.
    start, end (int): First character, and one past the last.
    blocks (list[PlacedBlock]): What is in it.
    """

    number: int
    start: int
    end: int
    blocks: list[PlacedBlock]


def divide(text: str, blocks: Iterable[PlacedBlock]) -> list[Part]:
    """RETURNS (list[Part]): At least one; together they hold every block once, in order."""
    parts = [Part(1, 0, 0, [])]
    for whole_block in blocks:
        for block in _bounded(text, whole_block):
            end = parts[-1].end if block.end is None else block.end
            if parts[-1].blocks and end - parts[-1].start > PART:
                parts.append(Part(len(parts) + 1, parts[-1].end, end, []))
            parts[-1].blocks.append(block)
            parts[-1].end = end
    parts[-1].end = len(text)
    return parts


def _bounded(text: str, block: PlacedBlock) -> Iterator[PlacedBlock]:
    """A block longer than a part is divided at a line end or a space."""
    if block.start is None or block.end is None:
        yield block
        return
    start = block.start
    while block.end - start > PART:
        limit = start + PART
        cut = max(text.rfind("\n", start, limit), start if block.kind == "table" else text.rfind(" ", start, limit))
        cut = cut if cut > start else limit
        yield replace(block, start=start, end=cut)
        start = cut + text[cut].isspace()
    yield replace(block, start=start)


def write_document(
    pages: Pages,
    record: Record,
    source: SourceText,
    index: Index,
    number: int,
    *,
    before: Neighbour | None,
    after: Neighbour | None,
) -> None:
    """Write the page of a document, or its pages.

    source (SourceText): Its text.
    index (Index): What is known across documents; learns in which part entities are.
    number (int): The document's number there.
    before, after (Neighbour | None): The documents beside it.
    RAISES (FileExistsError): Two records have the same id.
    """
    name = slug(record.id)
    parts = [Part(1, 0, record.n_chars, [])] if source.text is None else divide(source.text, source.blocks)
    folder, title = split_id(record.id)
    shared = {
        "here": "document",
        "root": "../../",
        "title": title,
        "folder": folder,
        "lead": ", ".join(document_facts(record)),
        "lang": language(record),
        "classes": class_facts(record),
        "meta": [(key, shorten(value)) for key, value in record.meta.items()],
        "sentences": [ListedSentence(s, sentence_href(s, i, parts, name, source)) for i, s in summary_of(record)],
        "why": source.why,
        "parts": len(parts),
        "first": part_href(name, 1),
        "before": before,
        "after": after,
    }
    facts = facts_of(record, source.text, language(record))
    seen: set[tuple[str, str]] = set()
    for part in parts:
        first, last = (bisect_left(record.entities, at, key=lambda e: e.start) for at in (part.start, part.end))
        found = group(record.entities[first:last])
        if len(parts) > 1:
            new = [entry for entry in found if (entry.name, entry.label) not in seen]
            seen.update((entry.name, entry.label) for entry in new)
            index.place(number, part.number, new)
        here = [fact for fact in facts if first <= fact.head.mention < last]
        for fact in here:
            ends = (index.number_of(*fact.head[:2]), index.number_of(*fact.tail[:2]))
            place = (part.number, fact.head.mention)
            index.add_fact(number, fact.label, ends, fact.confidence, place, fact.sentence)
        beside = {
            "facts": here,
            "part": part.number,
            "previous": part_href(name, part.number - 1),
            "following": part_href(name, part.number + 1),
        }
        page = pages.render(
            "document", **shared, **beside, **part_values(pages, record, source, part, found, first, index)
        )
        path = pages.folder / document_href(name, part.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(page)


def part_values(
    pages: Pages, record: Record, source: SourceText, part: Part, found: Sequence[Found], first: int, index: Index
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What the template shows of one part.

    found (Sequence[Found]): Its entities.
    first (int): Number of its first mention in the record.
    """
    last = first + sum(len(entry.mentions) for entry in found)
    numbers = {id(record.entities[number]): number for number in range(first, last)}
    counts = dict.fromkeys(pages.kinds, 0)
    for entry in found:
        counts[entry.label] += len(entry.mentions)
    text = None
    if source.text is not None:
        marks = [summary_mark(s, i) for i, s in summary_of(record) if part.start <= s.start < part.end]
        for position, entry in enumerate(found):
            kind = pages.kinds[entry.label]
            marks += [entity_mark(mention, numbers[id(mention)], position, kind) for mention in entry.mentions]
        text = render(source.text, marks, part.blocks)
    return {
        "text": text,
        "entities": [
            ListedEntity(
                entry.name,
                entry.label,
                entry.mentions,
                entry.best,
                None if text is None else numbers[id(entry.mentions[0])],
                page_list(entry.mentions),
                index.find(entry),
            )
            for entry in found
        ],
        "labels": [(label, count) for label, count in counts.items() if count],
        "confident": any(entry.known for entry in found),
    }


def summary_of(record: Record) -> Iterator[tuple[int, SummarySentence]]:
    """YIELDS (tuple): Number from 1, and sentence."""
    return enumerate(record.summary_sentences, start=1)


def sentence_href(
    sentence: SummarySentence, number: int, parts: Sequence[Part], name: str, source: SourceText
) -> str | None:
    if source.text is None:
        return None
    part = next(part for part in parts if sentence.start < part.end)
    return f"#s{number}" if part.number == 1 else f"{part_href(name, part.number)}#s{number}"


def part_href(name: str, number: int) -> str:
    """RETURNS (str): The page of a part, from that of another."""
    return document_href(name, number).rpartition("/")[2]


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


def neighbour(document: tuple[str, str] | None) -> Neighbour | None:
    """RETURNS (Neighbour | None): What is shown of a document, as `Index.document` gives it, on the pages beside it."""
    return None if document is None else Neighbour(document_href(document[0]), split_id(document[1])[1])


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
