"""Whatever a pipeline's components find by spaCy's own attributes reaches the records, in every format."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_dossier import process_documents
from spacy_dossier.pipeline.extensions import Relation, set_relations
from spacy_dossier.process.record import Findings
from spacy_dossier.process.sections import Wanted, analyze_doc, analyze_long
from spacy_dossier.report.read import read_records
from spacy_dossier.report.write import write_report

TEXT = "Anna Keller leads Acme Corp in Paris. Tom Brandt left it."


@Language.component("many_findings")
def many_findings(doc: Doc) -> Doc:
    """Stands for a classifier, an entity linker, a span categorizer, a relation extractor, a language detector."""
    doc.cats = {"news": doc[0].is_title * 0.75, "mail": 0.123456}
    doc.ents = [Span(doc, e.start, e.end, e.label_, kb_id="Q1" if e.label_ == "ORG" else "") for e in doc.ents]
    nouns = [Span(doc, e.start, e.end, "NP") for e in doc.ents]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=nouns, attrs={"scores": [0.5 for _ in nouns]})
    doc.spans["empty"] = []
    doc.spans["all"] = [doc[0 : len(doc)]]
    people = [e for e in doc.ents if e.label_ == "PERSON"]
    orgs = [e for e in doc.ents if e.label_ == "ORG"]
    doc._.relations = [(p, o, "works_for", 0.87654) for p, o in zip(people, orgs, strict=False)]
    doc._.language = {"language": "en", "score": 0.99}
    doc._.risk = {"level": 3, "who": people[0] if people else None}
    return doc


@pytest.fixture
def nlp(own_extensions: None) -> Language:
    for name in ("relations", "language", "risk"):
        Doc.set_extension(name, default=None, force=True)
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("entity_ruler")
    names = {"Anna Keller": "PERSON", "Tom Brandt": "PERSON", "Acme Corp": "ORG", "Paris": "GPE"}
    ruler.add_patterns([{"label": label, "pattern": name} for name, label in names.items()])
    nlp.add_pipe("many_findings")
    return nlp


def test_all_that_was_found_is_kept(nlp: Language) -> None:
    """By offsets, with scores and links; relations by the positions of their entities; extensions as JSON."""
    found = analyze_doc(nlp, nlp(TEXT), Wanted(extensions=("risk",)))
    assert [(TEXT[e.start : e.end], e.kb_id) for e in found.entities] == [
        *(("Anna Keller", None), ("Acme Corp", "Q1"), ("Paris", None), ("Tom Brandt", None))
    ]
    assert [(s.group, TEXT[s.start : s.end], s.label, s.score) for s in found.spans] == [
        ("all", TEXT, "", None),
        *(("sc", name, "NP", 0.5) for name in ("Anna Keller", "Acme Corp", "Paris", "Tom Brandt")),
    ]
    assert found.relations == [(0, 1, "works_for", 0.87654)]
    assert (found.cats, found.language) == ({"news": 0.75, "mail": 0.123456}, "en")
    assert found.extensions == {"risk": {"level": 3, "who": "Anna Keller"}}
    assert Findings.unpack(found.pack()) == found


def test_sections_of_a_long_text_are_joined(nlp: Language) -> None:
    """Offsets and positions are those of the whole text; classes are means by tokens."""
    text = f"{TEXT}\n\n{TEXT}\n\nnothing is here to be found"
    long = analyze_long(nlp, text, Wanted(extensions=("risk",)), limit=60)
    assert [text[e.start : e.end] for e in long.entities] == 2 * ["Anna Keller", "Acme Corp", "Paris", "Tom Brandt"]
    names = [text[s.start : s.end] for s in long.spans if s.group == "sc"]
    assert names == [text[e.start : e.end] for e in long.entities]
    assert long.relations == [(0, 1, "works_for", 0.87654), (4, 5, "works_for", 0.87654)]
    tokens = [len(nlp(part)) for part in (f"{TEXT}\n\n", f"{TEXT}\n\n", "nothing is here to be found")]
    assert long.cats["news"] == pytest.approx(0.75 * sum(tokens[:2]) / sum(tokens))
    assert long.cats["mail"] == pytest.approx(0.123456)
    assert [value["who"] for value in long.extensions["risk"]] == ["Anna Keller", "Anna Keller", None]


def test_relations_are_ours_where_there_are_some(nlp: Language) -> None:
    """Whoever has taken the name `doc._.relations`."""
    doc = nlp(TEXT)
    anna, acme, _, tom = doc.ents
    set_relations(doc, [Relation(tom, acme, "left", 0.5)])
    assert doc._.relations == [(anna, acme, "works_for", 0.87654)]
    assert analyze_doc(nlp, doc, Wanted()).relations == [(3, 1, "left", 0.5)]
    set_relations(doc, [])
    assert analyze_doc(nlp, doc, Wanted()).relations == [(0, 1, "works_for", 0.87654)]


@pytest.mark.parametrize("foreign", [True, False])
def test_relations_of_entities_that_are_gone_are_counted(nlp: Language, foreign: bool) -> None:
    """They fail no document, and neither does one whose entity another component made longer."""
    doc = nlp(TEXT)
    anna, acme, paris, tom = doc.ents
    relations = [
        Relation(tom, acme, "left", 0.5),
        Relation(anna, acme, "works_for", 0.5),
        Relation(acme, paris, "in", 0.5),
    ]
    if foreign:
        doc._.relations = relations
    else:
        doc._.relations = None
        set_relations(doc, relations)
    doc.ents = [Span(doc, anna.start, anna.end + 1, "PERSON"), acme, tom]
    found = analyze_doc(nlp, doc, Wanted())
    assert found.relations == [(2, 1, "left", 0.5)] and found.unrelated == 2
    assert Findings.unpack(found.pack()) == found


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda doc: setattr(doc._, "relations", [(doc[0:1], doc[1:2])]), "not enough values"),
        (lambda doc: Doc.remove_extension("risk"), "no extension attribute 'risk'"),
    ],
)
def test_what_cannot_be_told_is_an_error(nlp: Language, spoil: Any, said: str) -> None:
    """Of that document, in one line."""
    doc = nlp(TEXT)
    spoil(doc)
    with pytest.raises(ValueError, match=said):
        analyze_doc(nlp, doc, Wanted(extensions=("risk",)))


@pytest.fixture
def out(inline: str, nlp: Language, tmp_path: Path) -> Path:
    """Records of a text in all formats, made by the pipeline above."""
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_text("nothing is here to be found")
    formats = ("jsonl", "parquet", "csv")
    inputs = [tmp_path / "a.txt", tmp_path / "b.txt"]
    list(process_documents(inputs, nlp, output=tmp_path / "out", formats=formats, extensions=("risk",)))
    return tmp_path / "out"


def test_every_format_holds_the_same(out: Path) -> None:
    """JSONL and Parquet row by row; a table each of entities, classes and relations."""
    records = list(read_records([out / "records-00000.jsonl"]))
    assert records == list(read_records([out / "records-00000.parquet"]))
    record = records[0]
    assert (record.schema_version, record.language) == (2, "en")
    assert record.cats == {"news": 0.75, "mail": 0.1235}
    assert record.extensions == {"risk": {"level": 3, "who": "Anna Keller"}}
    (relation,) = record.relations
    assert (record.entities[relation.head].text, record.entities[relation.tail].text) == ("Anna Keller", "Acme Corp")
    tables = {}
    for name in ("entities", "classes", "relations"):
        with (out / f"{name}-00000.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert [row["kb_id"] for row in tables["entities"]] == ["", "Q1", "", ""]
    assert [(row["label"], row["score"]) for row in tables["classes"]][:2] == [("news", "0.75"), ("mail", "0.1235")]
    assert [(row["head"], row["label"], row["tail"]) for row in tables["relations"]] == [
        ("Anna Keller", "works_for", "Acme Corp")
    ]
    write_report(out)


def test_records_of_the_first_version_are_still_read(out: Path) -> None:
    """What has no classes, spans and relations has none."""
    path = out / "records-00000.jsonl"
    old = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        for name in ("cats", "spans", "relations", "language", "extensions"):
            del record[name]
        for ent in record["entities"]:
            del ent["kb_id"]
        old.append(json.dumps({**record, "schema_version": 1}) + "\n")
    path.write_text("".join(old))
    read = list(read_records([path]))
    assert [len(record.entities) for record in read] == [4, 0]
    assert read[0].cats == {}
    write_report(out)


@pytest.mark.parametrize("number", range(3))
def test_examples_of_the_documentation_run(out: Path, root: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/records.md shows how records are queried, and each example prints something."""
    examples = re.findall(r"```python\n(.*?)```", (root / "docs" / "records.md").read_text(encoding="utf-8"), re.S)
    assert len(examples) == 3
    monkeypatch.chdir(out.parent)
    said: list[str] = []
    exec(examples[number], {"print": lambda *values: said.append(" ".join(map(str, values)))})
    assert "works_for" in said[0] or "Acme Corp" in said[0] or "news" in said[0]
