"""The record's schema: one model for JSONL, Parquet, CSV, DocBin and documentation."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spacy_dossier.process.record import (
    Failure,
    Findings,
    FoundEntity,
    FoundSentence,
    PipelineInfo,
    Record,
    make_record,
    page_of,
    schema_markdown,
)
from spacy_dossier.process.sinks import EntitySink, JsonlSink, ParquetSink, Sink, arrow_schema
from spacy_dossier.read.document import Block, lay_out

TEXT = "Anna Keller war in der Straße. 😀 Tom auch."


def made(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "id": "in/a.txt",
        "root": "in",
        "source": "a.txt",
        "text": TEXT,
        "sha256": "0" * 64,
        "media_type": "text/plain",
        "findings": Findings(
            9,
            [FoundEntity(0, 11, "PERSON", 0.123456), FoundEntity(33, 36, "PERSON")],
            [FoundSentence(0, 30, 0.98765), FoundSentence(31, 42)],
        ),
        "pipeline": PipelineInfo(name="en_toy", version="1.0"),
        "pages": [(0, 1), (31, 2)],
        "meta": {"k": [1, {"x": None}], "s": "ü"},
    }
    return make_record(**{**values, **changes})


def to_bytes(sink: Sink, rows: list[Record]) -> bytes:
    for row in rows:
        sink.add(sink.prepare(row, []))
    return sink.to_bytes()


def test_offsets_quote_the_text() -> None:
    """Code points, also after an emoji; pages and rounding as documented."""
    record = made()
    assert [(e.text, e.confidence, e.page) for e in record.entities] == [("Anna Keller", 0.1235, 1), ("Tom", None, 2)]
    assert record.summary == "Anna Keller war in der Straße. 😀 Tom auch."
    assert [s.score for s in record.summary_sentences] == [0.9877, None]
    assert [e.text for e in made(min_confidence=0.5).entities] == ["Tom"]


@pytest.mark.parametrize("bad", [(5, 5), (0, 999), (-3, 2), (9, 2)])
def test_bad_offsets_are_refused(bad: Any) -> None:
    """A record cannot point outside its text."""
    with pytest.raises(ValueError, match="do not lie inside"):
        made(findings=Findings(1, [FoundEntity(*bad, "X")]))


def test_pages() -> None:
    """A character before the first page has none."""
    assert [page_of([(5, 1), (9, 3)], start) for start in (0, 5, 8, 9, 99)] == [None, 1, 1, 3, 3]
    assert page_of([], 3) is None


def test_text_is_there_only_when_asked_for() -> None:
    """Without --with-text the key is absent; with it the text is whole."""
    assert "text" not in json.loads(made().to_json())
    assert json.loads(made(with_text=True).to_json())["text"] == TEXT
    assert Record.model_validate_json(made().to_json()) == made()


def test_parquet_holds_what_jsonl_holds() -> None:
    """Same rows, same types, meta as a JSON string; equal records give equal bytes."""
    import pyarrow.parquet as pq

    rows = [made(), made(id="in/b.txt", with_text=True, findings=Findings(0))]
    table = pq.read_table(io.BytesIO(to_bytes(ParquetSink(), rows)))
    assert table.schema.equals(arrow_schema())
    found = table.to_pylist(maps_as_pydicts="strict")
    for row, line in zip(found, to_bytes(JsonlSink(), rows).splitlines(), strict=True):
        parsed = {name: json.loads(row[name]) for name in ("meta", "extensions")}
        assert {**row, **parsed} == {"text": None, "blocks": None, **json.loads(line)}
    assert to_bytes(ParquetSink(), rows) == to_bytes(ParquetSink(), rows)
    assert pq.read_table(io.BytesIO(to_bytes(ParquetSink(), []))).schema.equals(arrow_schema())


def test_csv_has_a_row_an_entity() -> None:
    """Quotes and line breaks in an entity survive."""
    text = 'Acme "Big\nCorp"'
    row = made(text=text, pages=[], findings=Findings(3, [FoundEntity(0, 15, "ORG", 1.0)]))
    found = list(csv.DictReader(io.StringIO(to_bytes(EntitySink(), [row]).decode(), newline="")))
    assert [(r["id"], r["text"], r["start"], r["confidence"], r["page"]) for r in found] == [
        ("in/a.txt", text, "0", "1.0", "")
    ]


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x.example")', "+1", "-2+3", "@SUM(A1)", "\tx", "'quoted'", "＝1+1", "plain", ""]
)
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    """An apostrophe stands before what a spreadsheet would run; taken off, the text is what it was."""
    body = f"{text} ends"
    found = Findings(3, [FoundEntity(0, len(body), text, 1.0) if text else FoundEntity(0, 2, "X")])
    row = made(id=text or "x", text=body, pages=[], findings=found)
    cells = next(csv.DictReader(io.StringIO(to_bytes(EntitySink(), [row]).decode(), newline="")))
    ent = row.entities[0]
    for cell, value in ((cells["id"], row.id), (cells["text"], ent.text), (cells["label"], ent.label)):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "＝"))
        assert cell.removeprefix("'") == value


def test_failure_rows() -> None:
    """One line of four fields."""
    row = Failure(source="a", stage="extract", error="Timeout", message="not read")
    assert json.loads(row.to_json()) == {"source": "a", "stage": "extract", "error": "Timeout", "message": "not read"}


def test_documentation_is_not_stale(root: Path) -> None:
    """docs/records.md holds the tables that the model gives: `python -m spacy_dossier.process.record` prints them."""
    assert schema_markdown() in (root / "docs" / "records.md").read_text(encoding="utf-8")


def test_blocks_and_sections() -> None:
    """Each finding says which heading it stands under; blocks come on request, those outside the text with theirs."""
    text, placed, _ = lay_out(
        [
            Block("paragraph", "Anna came."),
            Block("heading", "The\nquay", 2),
            Block("reply", "Old words."),
            Block("paragraph", "Tom stayed."),
        ]
    )
    tom = text.index("Tom")
    findings = Findings(9, [FoundEntity(0, 4, "PER"), FoundEntity(tom, tom + 3, "PER")], [FoundSentence(0, 10)])
    values = {"id": "a", "root": ".", "source": "a", "text": text, "sha256": "", "media_type": "message/rfc822"}
    info = PipelineInfo(name="en_x", version="1")
    record = make_record(**values, findings=findings, pipeline=info, blocks=placed, with_blocks=True)
    assert [entity.section for entity in record.entities] == [None, "The quay"]
    assert [sentence.section for sentence in record.summary_sentences] == [None]
    assert json.loads(record.to_json())["blocks"] == [
        {"kind": "paragraph", "start": 0, "end": 10},
        {"kind": "heading", "start": 12, "end": 20, "level": 2},
        {"kind": "reply", "text": "Old words."},
        {"kind": "paragraph", "start": 22, "end": 33},
    ]
    without = make_record(**values, findings=findings, pipeline=info, blocks=placed)
    assert "blocks" not in json.loads(without.to_json())
    sink = ParquetSink()
    sink.add(sink.prepare(record, []))
    (row,) = pq.read_table(io.BytesIO(sink.to_bytes())).to_pylist()
    assert row["blocks"][2]["text"] == "Old words."
    assert row["entities"][1]["section"] == "The quay"
