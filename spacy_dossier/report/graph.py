"""Records of a run → a graph: nodes are entities, edges the relations between them."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx

from ..errors import DossierError
from ..process.record import Entity, Record, Relation, is_sure
from ..text.files import open_whole
from .index import name_of
from .read import read_records, read_run, record_files
from .text import visible

SUFFIX = ".graphml"
PLACES = 10  # of an edge that are listed; all are counted
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets

Key = tuple[str, str]  # label and name of an entity, by which its mentions are one


@dataclass
class Node:
    """An entity: how often it was found, and in how many documents."""

    number: int
    mentions: int = 0
    documents: int = 0


@dataclass
class Edge:
    """All relations of one label from one entity to another.

    count (int): How many there are.
    documents (int): How many documents have one.
    last (int): Number of the last document that has one.
    confidences (int): How many of them have a confidence.
    total, best (float): The sum of these, and the highest.
    places (list): The first PLACES: id of the document, begin and end of head and tail in its text.
    """

    count: int = 0
    documents: int = 0
    last: int = -1
    confidences: int = 0
    total: float = 0.0
    best: float = 0.0
    places: list[tuple[str, int, int, int, int]] = field(default_factory=list)

    def add(self, number: int, record: Record, relation: Relation) -> None:
        head, tail = record.entities[relation.head], record.entities[relation.tail]
        self.count += 1
        self.documents += number != self.last
        self.last = number
        if relation.confidence is not None:
            self.confidences += 1
            self.total += relation.confidence
            self.best = max(self.best, relation.confidence)
        if len(self.places) < PLACES:
            self.places.append((record.id, head.start, head.end, tail.start, tail.end))

    def attributes(self, label: str) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): As GraphML has them; without confidences where no relation has one."""
        found: dict[str, Any] = {"label": xml_text(label), "weight": self.count, "documents": self.documents}
        if self.confidences:
            mean = round(self.total / self.confidences, 4)
            found |= {"max_confidence": self.best, "mean_confidence": mean}
        places = xml_text(json.dumps(self.places, ensure_ascii=False))
        return found | {"places": places, "places_left_out": self.count - len(self.places)}


@dataclass(frozen=True)
class Written:
    """A graph that was written: its nodes and edges, and the relations behind these."""

    nodes: int
    edges: int
    relations: int


def write_graph(out: Path, output: Path, *, min_confidence: float = 0.0, labels: Collection[str] = ()) -> Written:
    """Write the relations of a run as GraphML, for Gephi, Cytoscape and networkx.

    Mentions are one entity as in the report. The records are read twice, one at a time: for the relations, and to
    count the mentions of what they join; memory grows with the graph alone.

    out (Path): The folder `dossier process` wrote.
    output (Path): The .graphml file.
    min_confidence (float): Relations surely below it are left out; what has no confidence stays.
    labels (Collection[str]): Relations of these labels only; of all where there are none.
    RETURNS (Written): What was written.
    RAISES (DossierError): The run has not finished; its records have no such relations; not a .graphml file.
    """
    if output.suffix.lower() != SUFFIX:
        raise DossierError("graphs are written as GraphML", value=output, remedy="Name a file that ends in .graphml")
    files = record_files(out)
    if (status := read_run(out).get("status")) != "complete":
        raise DossierError(
            "the run has not finished",
            file=out,
            value=status or "no run.json",
            remedy="Run the same `dossier process` again",
        )
    nodes: dict[Key, Node] = {}
    edges: dict[tuple[Key, Key, str], Edge] = {}
    for number, record in enumerate(read_records(files)):
        for relation in record.relations:
            if is_sure(relation.confidence, min_confidence) and (not labels or relation.label in labels):
                head, tail = (key_of(record.entities[end]) for end in (relation.head, relation.tail))
                for key in (head, tail):
                    nodes.setdefault(key, Node(len(nodes)))
                edges.setdefault((head, tail, relation.label), Edge()).add(number, record, relation)
    if not edges:
        asked = " that were asked for" if labels or min_confidence else ""
        raise DossierError(
            f"no relations{asked} in its records", file=out, remedy="Process with a pipeline that finds relations"
        )
    count_mentions(nodes, read_records(files))
    graph = graph_of(nodes, edges)
    with open_whole(output) as file:
        nx.write_graphml_xml(graph, file, encoding="utf-8", prettyprint=False)
    return Written(len(nodes), len(edges), sum(edge.count for edge in edges.values()))


def count_mentions(nodes: dict[Key, Node], records: Iterable[Record]) -> None:
    """Count the mentions and the documents of entities that are nodes."""
    for record in records:
        seen: set[Key] = set()
        for entity in record.entities:
            if (node := nodes.get(key_of(entity))) is not None:
                node.mentions += 1
                seen.add(key_of(entity))
        for key in seen:
            nodes[key].documents += 1


def graph_of(nodes: dict[Key, Node], edges: dict[tuple[Key, Key, str], Edge]) -> nx.MultiDiGraph:
    """RETURNS (MultiDiGraph): The graph; edges have ids of their own, since Gephi takes two of one id for one edge."""
    graph = nx.MultiDiGraph()
    for (label, name), node in nodes.items():
        graph.add_node(
            f"n{node.number}",
            label=xml_text(name),
            type=xml_text(label),
            mentions=node.mentions,
            documents=node.documents,
        )
    for number, ((head, tail, label), edge) in enumerate(edges.items()):
        ends = (f"n{nodes[head].number}", f"n{nodes[tail].number}")
        graph.add_edge(*ends, key=f"e{number}", **edge.attributes(label))
    return graph


def key_of(entity: Entity) -> Key:
    return entity.label, name_of(entity)


def xml_text(value: str) -> str:
    """RETURNS (str): A text that XML can hold: control characters as the signs that picture them."""
    return NO_XML.sub("\ufffd", visible(value))
