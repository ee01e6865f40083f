"""Relations between entities: read, checked, written and read again."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_dossier.convert.annotations.docs import align
from spacy_dossier.convert.annotations.document import Annotated, Mark
from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions, read_docs
from spacy_dossier.convert.columns.export import export_docs
from spacy_dossier.convert.columns.lint import lint
from spacy_dossier.convert.export import export, export_loaded
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.extensions import Relation, get_relations, set_relations
from spacy_dossier.text.docbin import read_docbin

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


ROWS = """#doc 7
0\tAnna\tB-PER\t['N']\t[0]
1\tBerg\tI-PER\t['works_for', 'lives_in']\t[5, 7]
2\tworks\tO\t['N']\t[2]
3\tfor\tO\t['N']\t[3]
4\tNordwind\tB-ORG\t['N']\t[4]
5\tAG\tI-ORG\t['based_in']\t[7]
6\tin\tO\t['N']\t[6]
7\tOslo\tB-LOC\t['N']\t[7]
8\t.\tO\t['N']\t[8]
#doc 9
0\tIt\tO\t['N']\t[0]
1\trains\tO\t['N']\t[1]
2\t.\tO\t['N']\t[2]
"""


def test_relations_in_columns(tmp_path: Path) -> None:
    """A relation stands at the last token of its head and leads to the last token of its tail."""
    first, second = opened(tmp_path, ROWS, "a.txt").docs()
    assert facts(first) == [FOUND[0], ("Anna Berg", "lives_in", "Oslo"), FOUND[1]]
    assert facts(second) == [] and [doc.user_data["id"] for doc in (first, second)] == ["7", "9"]
    assert all(doc.user_data["relation_labels"] == ["based_in", "lives_in", "works_for"] for doc in (first, second))


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("['N']\t[6]", "['x']\t[7]", 8, "its head"),
        ("['based_in']\t[7]", "['based_in']\t[0]", 7, "its tail"),
        ("['based_in']\t[7]", "['based_in']\t[5]", 7, "with itself"),
        ("['based_in']\t[7]", "['based_in']\t[70]", 7, "its tail"),
        ("['based_in']\t[7]", "['based_in']\t[7, 8]", 7, "as many tokens"),
        ("['based_in']\t[7]", "['based_in']\t[7", 7, "as many tokens"),
        ("['based_in']\t[7]", "['based_in', 'based_in']\t[7, 7]", 7, "each relation once"),
    ],
)
def test_faults_of_columns_are_named(tmp_path: Path, old: str, new: str, line: int, expected: str) -> None:
    text = ROWS.replace(old, new, 1)
    assert text != ROWS
    file = opened(tmp_path, text, "a.txt", format="multihead")
    first, _ = file.docs()
    assert set(facts(first)) <= {FOUND[0], ("Anna Berg", "lives_in", "Oslo"), FOUND[1]}
    (problem,) = file.report.problems
    assert (problem["line"], file.report.left) == (line, 1) and expected in problem["expected"]
    result = lint([str(tmp_path / "a.txt")], ColumnOptions(format="multihead"))
    assert result.counts["bad relation"] == 1 and not result.counts["bad row"]
    assert [finding.line for finding in result.findings if finding.check == "bad relation"] == [line]


@pytest.mark.parametrize("format", ["json", "multihead"])
def test_relations_are_written_and_read_again(tmp_path: Path, format: str) -> None:
    """In another column format than the one they came from."""
    docs = list(opened(tmp_path, ROWS, "a.txt").docs())
    counts = export_docs(docs, tmp_path / "out.txt", format=format)
    assert (counts.relations, counts.unrelated) == (3, 0)
    back = list(read_docs(tmp_path / "out.txt"))
    assert [facts(doc) for doc in back] == [facts(doc) for doc in docs]
    assert [doc.user_data["id"] for doc in back] == ["7", "9"]
    assert export_docs(docs, tmp_path / "out.tsv", format="tsv").unrelated == 3


SOURCES = {
    "a.txt": ROWS,
    "tags.jsonl": json.dumps({"tokens": TOKENS, "tags": TAGS, "relations": RELATIONS, "kept": 1}) + "\n",
    "spans.jsonl": json.dumps({"tokens": TOKENS, "entities": SPANS[::-1], "relations": RELATIONS}) + "\n",
}


@pytest.mark.parametrize("name", SOURCES)
def test_rows_that_documents_came_from_hold_what_was_changed(tmp_path: Path, name: str) -> None:
    """Unchanged ones are as they were; those with other entities or relations have their relations anew."""
    text = SOURCES[name]
    docs = list(opened(tmp_path, text, name, sentences_per_doc=0).docs())
    export_docs(docs, tmp_path / f"same-{name}")
    assert (tmp_path / f"same-{name}").read_text(encoding="utf8") == text
    doc = docs[0]
    anna, nordwind, oslo = doc.ents
    works = doc[2:3]
    doc.set_ents([Span(doc, 0, 1, "PER"), nordwind, oslo, Span(doc, 2, 3, "ACT")], default="outside")
    set_relations(doc, [Relation(doc[0:1], works, "does"), Relation(oslo, nordwind, "has"), Relation(anna, oslo, "x")])
    counts = export_docs(docs, tmp_path / f"new-{name}")
    assert (counts.relations, counts.unrelated) == (2, 1)
    back = list(read_docs(tmp_path / f"new-{name}", sentences_per_doc=0))
    assert facts(back[0]) == [("Anna", "does", "works"), ("Oslo", "has", "Nordwind AG")]
    assert [(ent.text, ent.label_) for ent in back[0].ents] == [
        ("Anna", "PER"),
        ("works", "ACT"),
        ("Nordwind AG", "ORG"),
        ("Oslo", "LOC"),
    ]


@pytest.mark.realdata
def test_both_forms_of_conll04_say_the_same(shared_data: Path) -> None:
    """The columns and the JSON divide the documents otherwise, and part final stops otherwise."""
    folder = shared_data / "relations" / "conll04"

    def said(paths: list[Path]) -> dict[str, Any]:
        docs = [doc for path in paths for doc in read_docs(path)]
        return {
            doc.user_data["id"]: (
                "".join(doc.text.split()),
                sorted(("".join(ent.text.split()).rstrip("."), ent.label_) for ent in doc.ents),
                sorted(tuple("".join(part.split()).rstrip(".") for part in fact) for fact in facts(doc)),
            )
            for doc in docs
        }

    columns = said([folder / f"{split}.txt" for split in ("train", "dev", "test")])
    rows = said(sorted(folder.glob("conll04_[dt][er]*[vtn].json")))
    assert len(columns) == 1441 and columns == rows


@pytest.mark.realdata
def test_check_of_conll04(shared_data: Path) -> None:
    """Sentences in two splits, and no relation without its entities."""
    folder = shared_data / "relations" / "conll04"
    for form, twice in (("{}.txt", 34), ("conll04_{}.json", 35)):
        paths = [folder / form.format(split) for split in ("train", "dev", "test")]
        result = lint(map(str, paths), ColumnOptions())
        assert (result.counts["sentence in two splits"], result.counts["bad relation"]) == (twice, 0)
        seen: set[str] = set()
        again = 0
        for path in paths:
            texts = ["".join(doc.text.split()) for doc in read_docs(path)]
            again += sum(text in seen for text in texts)
            seen.update(texts)
        assert again == twice


TOOL_FILES = {
    "prodigy": json.dumps(
        {
            "text": "Anna Berg works for Nordwind AG in Oslo.",
            "tokens": [
                {"start": start, "end": end}
                for start, end in (
                    *((0, 4), (5, 9), (10, 15), (16, 19), (20, 28), (29, 31), (32, 34), (35, 39), (39, 40)),
                )
            ],
            "spans": [
                {"start": 0, "end": 9, "label": "PER"},
                {"start": 20, "end": 31, "label": "ORG"},
                {"start": 35, "end": 39, "label": "LOC"},
            ],
            "relations": [
                {"head": 1, "child": 5, "label": "works_for"},
                {
                    "head": 5,
                    "child": 7,
                    "head_span": {"start": 20, "end": 31, "label": "ORG"},
                    "child_span": {"start": 35, "end": 39, "label": "LOC"},
                    "label": "based_in",
                },
                {"head": 2, "child": 7, "label": "x"},
            ],
            "answer": "accept",
        }
    ),
    "doccano": json.dumps(
        {
            "text": "Anna Berg works for Nordwind AG in Oslo.",
            "entities": [
                {"id": 11, "label": "PER", "start_offset": 0, "end_offset": 9},
                {"id": 12, "label": "ORG", "start_offset": 20, "end_offset": 31},
                {"id": 13, "label": "LOC", "start_offset": 35, "end_offset": 39},
            ],
            "relations": [
                {"id": 1, "from_id": 11, "to_id": 12, "type": "works_for"},
                {"id": 2, "from_id": 12, "to_id": 13, "type": "based_in"},
                {"id": 3, "from_id": 14, "to_id": 13, "type": "x"},
            ],
        }
    ),
    "label-studio": json.dumps(
        [
            {
                "data": {"text": "Anna Berg works for Nordwind AG in Oslo."},
                "annotations": [
                    {
                        "result": [
                            {"from_id": "a", "to_id": "b", "type": "relation", "labels": ["works_for"]},
                            {
                                "from_id": "c",
                                "to_id": "b",
                                "type": "relation",
                                "direction": "left",
                                "labels": ["based_in"],
                            },
                            {"from_id": "c", "to_id": "b", "type": "relation", "direction": "right", "labels": []},
                            *(
                                {"id": id, "type": "labels", "value": {"start": s, "end": e, "text": t, "labels": [y]}}
                                for id, s, e, t, y in (
                                    ("a", 0, 9, "Anna Berg", "PER"),
                                    ("b", 20, 31, "Nordwind AG", "ORG"),
                                    ("c", 35, 39, "Oslo", "LOC"),
                                )
                            ),
                        ]
                    }
                ],
            }
        ]
    ),
    "brat": "R1\tworks_for Arg1:T1 Arg2:T2\nT1\tPER 0 9\tAnna Berg\nT2\tORG 20 31\tNordwind AG\nT3\tLOC 35 39\tOslo\n"
    "R2\tbased_in Arg1:T2 Arg2:T3\nR3\tx Arg1:T3 Arg2:T9\n",
}


@pytest.mark.parametrize("tool", TOOL_FILES)
def test_relations_of_annotation_tools(tmp_path: Path, tool: str) -> None:
    """Between spans by their tokens, ids or numbers; one of a span that is not there is left out and counted."""
    path = tmp_path / ("a.ann" if tool == "brat" else "a.jsonl")
    path.write_text(TOOL_FILES[tool], encoding="utf8")
    (tmp_path / "a.txt").write_text("Anna Berg works for Nordwind AG in Oslo.", encoding="utf8")
    (report,) = convert([str(path)], tmp_path / "out", ColumnOptions()).values()
    (doc,) = read_docbin(tmp_path / "out" / "a.spacy", Vocab())
    assert facts(doc) == FOUND and list(doc.user_data["relation_labels"]) == ["based_in", "works_for"]
    assert report.left == 1 and "a relation" in report.problems[0]["expected"]
    assert report.relations == {"works_for": 1, "based_in": 1}


@pytest.mark.parametrize("tool", [*TOOL_FILES, "spacy"])
def test_relations_go_to_annotation_tools_and_back(tmp_path: Path, tool: str) -> None:
    docs = list(opened(tmp_path, ROWS, "a.txt").docs())
    target = tmp_path / "out" if tool == "brat" else tmp_path / f"out.{'spacy' if tool == 'spacy' else 'jsonl'}"
    counts = export_loaded(docs, target, format=tool)
    assert (counts.relations, counts.unrelated) == (3, 0)
    convert([str(target)], tmp_path / "back", ColumnOptions(format=tool))
    back = [doc for path in sorted((tmp_path / "back").glob("*.spacy")) for doc in read_docbin(path, Vocab())]
    assert [facts(doc) for doc in back] == [facts(doc) for doc in docs]
    assert list(back[0].user_data["relation_labels"]) == ["based_in", "lives_in", "works_for"]


def test_relations_of_records_are_exported(tmp_path: Path) -> None:
    """With their confidence as a score."""
    entities = [
        {"start": 0, "end": 9, "label": "PER", "text": "Anna Berg", "confidence": 0.9},
        {"start": 20, "end": 31, "label": "ORG", "text": "Nordwind AG", "confidence": 0.8},
    ]
    relations = [{"head": 0, "tail": 1, "label": "works_for", "confidence": 0.75}]
    record = {
        "id": "1",
        "text": "Anna Berg works for Nordwind AG in Oslo.",
        "entities": entities,
        "relations": relations,
    }
    (tmp_path / "records-00000.jsonl").write_text(json.dumps(record) + "\n")
    counts = export([tmp_path / "records-00000.jsonl"], tmp_path / "out.jsonl", format="prodigy")
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    (relation,) = row["relations"]
    assert (relation["head"], relation["child"], relation["score"], counts.relations) == (1, 5, 0.75, 1)
    assert (relation["head_span"]["start"], relation["child_span"]["end"]) == (0, 31)
    assert export([tmp_path / "records-00000.jsonl"], tmp_path / "out.xmi", format="xmi").unrelated == 1


def test_relations_stay_where_an_answer_has_none(tmp_path: Path) -> None:
    """Joined answers of a tool that knows no relations drop those of entities that are gone, and no others."""
    (doc, _) = opened(tmp_path, ROWS, "a.txt").docs()
    (anna, nordwind, _) = doc.ents
    marks = [Mark(ent.start_char, ent.end_char, ent.label_) for ent in (anna, nordwind)]
    aligned = align(doc, Annotated("7", doc.text, marks))
    assert facts(aligned.doc) == FOUND[:1]
