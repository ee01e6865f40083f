"""`dossier graph`: what the graph says, and that others can read it."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.process.record import Record, Relation
from spacy_dossier.report.graph import PLACES, write_graph

from .test_report import LETTER, annotate, letter, save

KINDS = {"string", "long", "int", "double", "float", "boolean"}  # of attributes, as Gephi and Cytoscape know them


def related(record: Record, *relations: tuple[str, str, str, float | None]) -> Record:
    """A record with relations between the first mentions of entities."""
    first: dict[str, int] = {}
    for number, entity in enumerate(record.entities):
        first.setdefault(entity.text, number)
    found = [Relation(head=first[h], label=y, tail=first[t], confidence=c) for h, y, t, c in relations]
    return record.model_copy(update={"relations": found})


def saved(out: Path, *records: Record, status: str = "complete") -> Path:
    save(out, records)
    (out / "run.json").write_text(json.dumps({"status": status}))
    return out


def node(graph: Any, name: str) -> Any:
    (found,) = [values for _, values in graph.nodes(data=True) if values["label"] == name]
    return found


def test_graph_of_a_run(tmp_path: Path) -> None:
    """Mentions are one entity as in the report; parallel relations of other labels are edges of their own."""
    one = related(
        letter("a.txt"), ("Tomas Ek", "works_for", "Harbour Board", 0.9), ("Tomas Ek", "knows", "Uppsala", None)
    )
    text = "Tomas\nEk left the Harbour Board, and Tomas Ek came back."
    entities = [("Tomas\nEk", "PER", 0.5), ("Tomas Ek", "PER", 0.5), ("Harbour Board", "ORG", 0.5)]
    two = related(
        annotate("b.txt", text, entities),
        ("Tomas\nEk", "works_for", "Harbour Board", 0.5),
        ("Tomas Ek", "left", "Harbour Board", 0.25),
    )
    out = saved(tmp_path / "out", one, two)
    written = write_graph(out, tmp_path / "g.graphml")
    assert (written.nodes, written.edges, written.relations) == (3, 3, 4)
    graph = nx.read_graphml(tmp_path / "g.graphml")
    assert graph.is_directed() and len(graph) == 3
    assert node(graph, "Tomas Ek") == {"label": "Tomas Ek", "type": "PER", "mentions": 3, "documents": 2}
    edges = {values["label"]: values for _, _, values in graph.edges(data=True)}
    works = edges["works_for"]
    assert (works["weight"], works["documents"], works["max_confidence"], works["mean_confidence"]) == (2, 2, 0.9, 0.7)
    places = json.loads(works["places"])
    assert [LETTER[places[0][1] : places[0][2]], LETTER[places[0][3] : places[0][4]]] == ["Tomas Ek", "Harbour Board"]
    assert [place[0] for place in places] == ["a.txt", "b.txt"]
    assert "max_confidence" not in edges["knows"]
    tree = ElementTree.parse(tmp_path / "g.graphml").getroot()
    names = {"g": "http://graphml.graphdrawing.org/xmlns"}
    assert {key.get("attr.type") for key in tree.findall("g:key", names)} <= KINDS
    ids = [edge.get("id") for edge in tree.findall("g:graph/g:edge", names)]
    assert len(ids) == len(set(ids)) == 3


def test_places_are_bounded_and_the_others_counted(tmp_path: Path) -> None:
    fact = ("Tomas Ek", "works_for", "Harbour Board", 0.9)
    out = saved(tmp_path / "out", *(related(letter(f"{n}.txt"), fact) for n in range(PLACES + 3)))
    write_graph(out, tmp_path / "g.graphml")
    ((_, _, edge),) = nx.read_graphml(tmp_path / "g.graphml").edges(data=True)
    assert (len(json.loads(edge["places"])), edge["places_left_out"], edge["weight"]) == (PLACES, 3, PLACES + 3)


def test_names_that_xml_does_not_allow(tmp_path: Path) -> None:
    """Control characters, halves of characters and markup."""
    bad = 'A\x00<b>&\x0b\ud800\uffff\x1f"B'
    record = annotate("a.txt", "X and Tomas Ek", [("X", "PER", 0.5), ("Tomas Ek", "PER", 0.5)])
    entity = record.entities[0].model_copy(update={"text": bad})
    record = record.model_copy(update={"entities": [entity, record.entities[1]], "id": "a\x01.txt"})
    record = record.model_copy(update={"relations": [Relation(head=0, tail=1, label="k\x02", confidence=None)]})
    from spacy_dossier.report import graph as module

    nodes = {module.key_of(e): module.Node(i, 1, 1) for i, e in enumerate(record.entities)}
    edge = module.Edge()
    edge.add(0, record, record.relations[0])
    made = module.graph_of(nodes, {(*nodes, "k\x02"): edge})  # type: ignore[dict-item]
    nx.write_graphml_xml(made, tmp_path / "g.graphml")
    ElementTree.parse(tmp_path / "g.graphml")
    assert len(nx.read_graphml(tmp_path / "g.graphml")) == 2


def test_what_is_asked_for(tmp_path: Path) -> None:
    facts = [("Tomas Ek", "works_for", "Harbour Board", 0.9), ("Tomas Ek", "knows", "Uppsala", 0.4)]
    out = saved(tmp_path / "out", related(letter(), *facts, ("Tomas Ek", "met", "Mara Lindqvist", None)))
    run = CliRunner().invoke(app, ["graph", str(out), "-o", str(tmp_path / "g.graphml"), "--min-confidence", "0.5"])
    assert run.exit_code == 0 and "3 entities, 2 edges of 2 relations" in run.output
    run = CliRunner().invoke(app, ["graph", str(out), "-o", str(tmp_path / "g.graphml"), "--label", "knows"])
    assert "2 entities, 1 edges of 1 relations" in run.output


def test_what_has_no_graph_is_refused(tmp_path: Path) -> None:
    """In one line, and nothing is written."""
    fact = ("Tomas Ek", "works_for", "Harbour Board", 0.9)
    whole, unfinished = related(letter(), fact), saved(tmp_path / "b", related(letter(), fact), status="interrupted")
    none = saved(tmp_path / "c", letter())
    target = tmp_path / "g.graphml"
    with pytest.raises(DossierError, match="the run has not finished"):
        write_graph(unfinished, target)
    with pytest.raises(DossierError, match="no relations in its records"):
        write_graph(none, target)
    with pytest.raises(DossierError, match="no relations that were asked for"):
        write_graph(saved(tmp_path / "d", whole), target, labels=["x"])
    with pytest.raises(DossierError, match="GraphML"):
        write_graph(tmp_path / "d", tmp_path / "g.csv")
    assert not target.exists()
