"""The figures of a report, gathered in one pass over the records; what grows with them is in an SQLite file."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..process.record import Entity, Record

LONGEST_NAME = 200  # characters of an entity that the index keeps: a runaway span does not fill a page
CACHE = 64  # MB of SQLite's page cache
BINS = 20  # of the histogram of confidences

SCHEMA = """
CREATE TABLE document (number INTEGER PRIMARY KEY, slug TEXT NOT NULL, id TEXT NOT NULL);
CREATE TABLE found (
    document INTEGER NOT NULL, label TEXT NOT NULL, name TEXT NOT NULL,
    mentions INTEGER NOT NULL, total REAL NOT NULL, sure INTEGER NOT NULL, best REAL,
    part INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE entity (
    number INTEGER PRIMARY KEY, label TEXT NOT NULL, name TEXT NOT NULL,
    mentions INTEGER NOT NULL, documents INTEGER NOT NULL, confidence REAL
);
CREATE TABLE fact (
    document INTEGER NOT NULL, label TEXT NOT NULL, head INTEGER NOT NULL, tail INTEGER NOT NULL,
    confidence REAL, part INTEGER NOT NULL, mention INTEGER NOT NULL, sentence TEXT NOT NULL
);
"""

COLUMNS = "document, label, name, mentions, total, sure, best"

# `number` counts from 1 by rowid; the most frequent entity comes first, ties in order of name
RANK = """
INSERT INTO entity (label, name, mentions, documents, confidence)
SELECT label, name, SUM(mentions) AS m, COUNT(*) AS d, SUM(total) / NULLIF(SUM(sure), 0)
FROM found GROUP BY name, label ORDER BY m DESC, d DESC, name, label
"""

PLACES = """
SELECT document.slug, document.id, found.mentions, found.best, found.part
FROM found JOIN entity USING (name, label) JOIN document ON document.number = found.document
ORDER BY entity.number, found.mentions DESC, found.document
"""


# Of each entity the relations it is the head of and those it is the tail of, as they come in the documents
FACTS = """
SELECT ends.here, ends.way, fact.label, other.number - 1, other.name, other.label, document.slug, document.id,
    fact.part, fact.mention, fact.confidence, fact.sentence
FROM (
    SELECT head - 1 AS here, 1 AS way, tail AS there, rowid AS fact FROM fact
    UNION ALL SELECT tail - 1, 0, head, rowid FROM fact
) AS ends
JOIN fact ON fact.rowid = ends.fact JOIN entity AS other ON other.number = ends.there
JOIN document ON document.number = fact.document
ORDER BY ends.here, fact.rowid, ends.way DESC
"""

TOP_FACTS = """
SELECT head.number - 1, head.name, head.label, fact.label, tail.number - 1, tail.name, tail.label, COUNT(*) AS n,
    COUNT(DISTINCT fact.document) AS d
FROM fact JOIN entity AS head ON head.number = fact.head JOIN entity AS tail ON tail.number = fact.tail
GROUP BY fact.head, fact.tail, fact.label ORDER BY n DESC, d DESC, fact.head, fact.tail, fact.label LIMIT ?
"""


class FactPlace(NamedTuple):
    """A relation, as one of its two entities has it."""

    entity: int  # from 0, as in Ranked
    is_head: bool
    label: str
    other: int
    name: str
    kind: str  # label of the other entity
    slug: str
    id: str
    part: int
    mention: int  # of the head, in the record
    confidence: float | None
    sentence: str


class TopFact(NamedTuple):
    """A relation between two entities across documents."""

    head: int
    head_name: str
    head_label: str
    label: str
    tail: int
    tail_name: str
    tail_label: str
    times: int
    documents: int


class Ranked(NamedTuple):
    """An entity across documents: the text and label it has, and how often it was found."""

    number: int  # from 0, the most frequent first
    name: str
    label: str
    mentions: int
    documents: int
    confidence: float | None  # mean over the mentions that have one


class Place(NamedTuple):
    """A document an entity was found in."""

    slug: str
    id: str
    mentions: int
    best: float | None  # highest confidence
    part: int  # of the text that the first mention is in, from 1


@dataclass
class Found:
    """An entity in one document: its mentions, in text order."""

    name: str
    label: str
    mentions: list[Entity] = field(default_factory=list)

    @property
    def known(self) -> list[float]:
        return [e.confidence for e in self.mentions if e.confidence is not None]

    @property
    def best(self) -> float | None:
        return max(self.known, default=None)


def group(entities: Iterable[Entity]) -> list[Found]:
    """Put the mentions of one entity together: same label, and same text but for blanks and line ends.

    RETURNS (list[Found]): Most mentions first, then in order of appearance.
    """
    groups: dict[tuple[str, str], Found] = {}
    for entity in entities:
        name = name_of(entity)
        groups.setdefault((entity.label, name), Found(name, entity.label)).mentions.append(entity)
    return sorted(groups.values(), key=lambda g: -len(g.mentions))


def name_of(entity: Entity) -> str:
    """RETURNS (str): By which, with its label, mentions are one entity: its text but for blanks and line ends."""
    return " ".join(entity.text.split())[:LONGEST_NAME] or "(blank)"


def slug(record_id: str) -> str:
    """RETURNS (str): The name of a document's page, from a hash: nothing of the source's name is in it."""
    return sha256(record_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass
class Totals:
    """Counts over all records. Each counter has one entry a label, type, class or kind of error, which are few."""

    documents: int = 0
    tokens: int = 0
    chars: int = 0
    entities: int = 0
    relations: int = 0
    pipelines: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    media_types: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    confidences: list[int] = field(default_factory=lambda: [0] * BINS)


class Index:
    """What is known across documents.

    path (Path): Where the SQLite file goes; it is a scratch file, deleted with the folder it is in.
    """

    def __init__(self, path: Path) -> None:
        self.totals = Totals()
        self._db = sqlite3.connect(path, isolation_level=None)
        # A scratch file needs no protection from a crash
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE * 1000}; {SCHEMA} BEGIN;"
        )

    def add(self, record: Record, found: list[Found], classes: list[str]) -> None:
        """Count a document in.

        found (list[Found]): `group(record.entities)`.
        classes (list[str]): `classes_of(record)`.
        """
        totals = self.totals
        number = totals.documents
        totals.documents += 1
        totals.tokens += record.n_tokens
        totals.chars += record.n_chars
        totals.entities += len(record.entities)
        totals.relations += len(record.relations)
        totals.pipelines[f"{record.pipeline.name} {record.pipeline.version}"] += 1
        totals.media_types[record.media_type] += 1
        totals.classes.update(classes)
        self._db.execute("INSERT INTO document VALUES (?, ?, ?)", (number, slug(record.id), record.id))
        rows = []
        for entry in found:
            totals.labels[entry.label] += len(entry.mentions)
            known = entry.known
            for confidence in known:
                totals.confidences[min(int(confidence * BINS), BINS - 1)] += 1
            rows.append(
                (number, entry.label, entry.name, len(entry.mentions), sum(known), len(known), max(known, default=None))
            )
        self._db.executemany(f"INSERT INTO found ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def rank(self) -> None:
        """Order the entities, after the last document was added."""
        self._db.execute(RANK)
        self._db.execute("CREATE UNIQUE INDEX by_name ON entity (name, label)")
        self._db.execute("CREATE INDEX by_document ON found (document, name, label)")

    def document(self, number: int) -> tuple[str, str] | None:
        """RETURNS (tuple[str, str] | None): Slug and id of a document, from its number; None where there is none."""
        query = "SELECT slug, id FROM document WHERE number = ?"
        found: tuple[str, str] | None = self._db.execute(query, (number,)).fetchone()
        return found

    def place(self, document: int, part: int, found: Iterable[Found]) -> None:
        """Say in which part of a document's text entities are first mentioned, where it is not the first.

        document (int): Its number, from 0, in the order of `add`.
        """
        query = "UPDATE found SET part = ? WHERE document = ? AND name = ? AND label = ?"
        self._db.executemany(query, [(part, document, entry.name, entry.label) for entry in found])

    def entities(self, limit: int = -1) -> Iterator[Ranked]:
        """YIELDS (Ranked): Entities, the most frequent first; all of them with a negative limit."""
        query = "SELECT number - 1, name, label, mentions, documents, confidence FROM entity ORDER BY number LIMIT ?"
        return map(Ranked._make, self._db.execute(query, (limit,)))

    def places(self) -> Iterator[Place]:
        """YIELDS (Place): For each entity in order, its documents, those with most mentions first."""
        return map(Place._make, self._db.execute(PLACES))

    def add_fact(
        self,
        document: int,
        label: str,
        ends: tuple[int, int],
        confidence: float | None,
        place: tuple[int, int],
        sentence: str,
    ) -> None:
        """Keep a relation, after `rank`.

        ends (tuple[int, int]): Numbers of its head and its tail, as in Ranked.
        place (tuple[int, int]): Part of the text that the head is in, and number of the head among the mentions.
        """
        row = (document, label, ends[0] + 1, ends[1] + 1, confidence, *place, sentence)
        self._db.execute("INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def facts(self) -> Iterator[FactPlace]:
        """YIELDS (FactPlace): For each entity in order, its relations."""
        return map(FactPlace._make, self._db.execute(FACTS))

    def top_facts(self, limit: int) -> list[TopFact]:
        """RETURNS (list[TopFact]): The most frequent relations."""
        return list(map(TopFact._make, self._db.execute(TOP_FACTS, (limit,))))

    def number_of(self, name: str, label: str) -> int:
        """RETURNS (int): The number of an entity, as in Ranked."""
        query = "SELECT number - 1 FROM entity WHERE name = ? AND label = ?"
        return int(self._db.execute(query, (name, label)).fetchone()[0])

    def find(self, entry: Found) -> Ranked:
        """RETURNS (Ranked): What is known across documents of an entity in one of them."""
        query = "SELECT number - 1, name, label, mentions, documents, confidence FROM entity WHERE name=? AND label=?"
        return Ranked._make(self._db.execute(query, (entry.name, entry.label)).fetchone())

    def close(self) -> None:
        self._db.close()
