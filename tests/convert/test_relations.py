"""Relations between entities: read, checked, written and read again."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import Doc

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions, read_docs
from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.extensions import get_relations

TOKENS = ["Anna", "Berg", "works", "for", "Nordwind", "AG", "in", "Oslo", "."]
TAGS = ["B-PER", "L-PER", "O", "O", "B-ORG", "L-ORG", "O", "U-LOC", "O"]
SPANS = [
    {"type": "PER", "start": 0, "end": 2},
    {"type": "ORG", "start": 4, "end": 6},
    {"type": "LOC", "start": 7, "end": 8},
]
RELATIONS = [{"head": 0, "tail": 1, "type": "works_for"}, {"head": 1, "tail": 2, "type": "based_in"}]
FOUND = [("Anna Berg", "works_for", "Nordwind AG"), ("Nordwind AG", "based_in", "Oslo")]


def facts(doc: Doc) -> list[tuple[str, str, str]]:
    return [(head.text, label, tail.text) for head, tail, label, _ in get_relations(doc)]


def opened(tmp_path: Path, text: str, name: str = "a.json", **options: Any) -> ColumnFile:
    path = tmp_path / name
    path.write_text(text, encoding="utf8")
    return ColumnFile(path, ColumnOptions(**options))


@pytest.mark.parametrize("entities", [{"tags": TAGS}, {"entities": SPANS}], ids=["tags", "spans"])
@pytest.mark.parametrize("array", [True, False])
def test_relations_in_json(tmp_path: Path, entities: dict[str, Any], array: bool) -> None:
    """Relations have their entities by number: in the order of the tags, or of the list of spans."""
    row = {"tokens": TOKENS, **entities, "relations": RELATIONS, "orig_id": 7}
    other = {"tokens": ["It", "rains", "."], **{key: ["O"] * 3 if key == "tags" else [] for key in entities}}
    other |= {"relations": [], "orig_id": 8}
    text = json.dumps([row, other]) if array else f"{json.dumps(row)}\n{json.dumps(other)}\n"
    file = opened(tmp_path, text)
    first, second = file.docs()
    assert facts(first) == FOUND and facts(second) == []
    assert [(ent.text, ent.label_) for ent in first.ents] == [
        ("Anna Berg", "PER"),
        ("Nordwind AG", "ORG"),
        ("Oslo", "LOC"),
    ]
    assert [doc.user_data["id"] for doc in (first, second)] == ["7", "8"]
    assert all(doc.user_data["relation_labels"] == ["based_in", "works_for"] for doc in (first, second))
    assert file.report.relations == {"works_for": 1, "based_in": 1} and not file.report.left


def test_spans_are_numbered_in_their_own_order(tmp_path: Path) -> None:
    row = {"tokens": TOKENS, "entities": SPANS[::-1], "relations": [{"head": 2, "tail": 1, "type": "works_for"}]}
    (doc,) = opened(tmp_path, json.dumps([row])).docs()
    assert facts(doc) == FOUND[:1]


def test_files_without_relations_say_nothing_of_them(tmp_path: Path) -> None:
    (doc,) = opened(tmp_path, json.dumps([{"tokens": TOKENS, "tags": TAGS}])).docs()
    assert "relation_labels" not in doc.user_data


FAULTS: dict[str, tuple[Any, str]] = {
    "no such entity": ({"head": 3, "tail": 0, "type": "x"}, "its head"),
    "an entity before the first": ({"head": 0, "tail": -1, "type": "x"}, "its tail"),
    "no number": ({"head": True, "tail": 0, "type": "x"}, "its head"),
    "an end is missing": ({"head": 0, "type": "x"}, "its tail"),
    "with itself": ({"head": 1, "tail": 1, "type": "x"}, "with itself"),
    "twice": (RELATIONS[0], "each relation once"),
    "no name": ({"head": 0, "tail": 1, "type": ""}, "the name of a relation"),
    "no object": (3, "the name of a relation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_relation_is_left_out_and_said(tmp_path: Path, fault: str) -> None:
    relation, expected = FAULTS[fault]
    rows = [{"tokens": ["It", "rains", "."], "tags": ["O"] * 3, "relations": []}]
    rows += [{"tokens": TOKENS, "tags": TAGS, "relations": [*RELATIONS, relation]}]
    rows += [{"tokens": TOKENS[::-1], "tags": ["O"] * 9, "relations": []}] * 3
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file = opened(tmp_path, text, "a.jsonl")
    docs = list(file.docs())
    assert [facts(doc) for doc in docs] == [[], FOUND, [], [], []]
    assert file.report.left == 1
    (problem,) = file.report.problems
    assert problem["line"] == 2 and expected in problem["expected"] and problem["row"] == json.dumps(relation)
    with pytest.raises(DossierError, match=rf"(?s)a\.jsonl:2.*{expected}"):
        list(opened(tmp_path, text, "a.jsonl", strict=True).docs())


def test_of_entities_that_overlap_the_longest_counts(tmp_path: Path) -> None:
    """A relation to one that does not is left out too."""
    spans = [*SPANS, {"type": "ORG", "start": 4, "end": 5}]
    relations = [*RELATIONS, {"head": 0, "tail": 3, "type": "works_for"}]
    file = opened(tmp_path, json.dumps([{"tokens": TOKENS, "entities": spans, "relations": relations}]))
    (doc,) = file.docs()
    assert facts(doc) == FOUND
    assert [problem["expected"].split()[0] for problem in file.report.problems] == ["entities", "entities"]
    assert file.report.left == 2


def test_relations_of_several_sentences_in_a_document(tmp_path: Path) -> None:
    rows = [{"tokens": TOKENS, "tags": TAGS, "relations": RELATIONS[i : i + 1]} for i in (0, 1)]
    (doc,) = opened(tmp_path, json.dumps(rows), sentences_per_doc=0).docs()
    assert facts(doc) == FOUND
    assert get_relations(doc)[1].head.start == 9 + 4


@pytest.mark.realdata
def test_published_counts_of_conll04(shared_data: Path) -> None:
    """Of the split of Gupta et al. 2016; counted by hand from the JSON, and as papers give them: 2,048 relations."""
    folder = shared_data / "relations" / "conll04"
    total: Counter[str] = Counter()
    for split, n in (("train", 922), ("dev", 231), ("test", 288)):
        path = folder / f"conll04_{split}.json"
        docs = list(read_docs(path))
        assert len(docs) == n
        for doc, row in zip(docs, json.loads(path.read_text(encoding="utf8")), strict=True):
            spans: list[list[str]] = []
            for token, tag in zip(row["tokens"], row["tags"], strict=True):
                if tag[0] in "BU":
                    spans.append([])
                if tag != "O":
                    spans[-1].append(token)
            expected = [(spans[r["head"]], r["type"], spans[r["tail"]]) for r in row["relations"]]
            found = [([t.text for t in r.head], r.label, [t.text for t in r.tail]) for r in get_relations(doc)]
            assert sorted(found) == sorted(expected)
            total.update(label for _, label, _ in expected)
    assert total == {"Live_In": 521, "OrgBased_In": 452, "Located_In": 406, "Work_For": 401, "Kill": 268}
