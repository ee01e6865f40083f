"""A fault of one document is that document's failure row, wherever it happens; its neighbours are records."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_dossier.process.crashes import Order
from spacy_dossier.process.options import Job, RunOptions, find_pipeline
from spacy_dossier.process.reading import ShardReader
from spacy_dossier.process.record import FoundEntity, Record
from spacy_dossier.process.runner import Runner
from spacy_dossier.process.shard import Shard, ShardMember
from spacy_dossier.process.sinks import ALL_SINKS, SINKS, Sink

from ..toy import failures, make_text, records
from .test_run import run


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [101, 300, 950, 200_000])
def test_a_row_that_is_nested_too_deeply_costs_no_other(inline: str, tmp_path: Path, levels: int) -> None:
    """It is a failure row, and what the other rows say can be read back."""
    rows = [json.dumps({"text": make_text(n), "deep": n}) for n in range(4)]
    rows.insert(2, f'{{"text": "Paris.", "deep": {nested(levels)}}}')
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    run(tmp_path / "rows.jsonl", tmp_path / "out", inline, formats=("jsonl", "parquet", "csv", "docbin"))
    assert [r["meta"] for r in records(tmp_path / "out")] == [{"deep": n} for n in range(4)]
    (row,) = failures(tmp_path / "out")
    assert (row["source"], row["stage"], row["error"]) == (f"{tmp_path}/rows.jsonl#3", "read", "BadRow")


def test_what_is_nested_as_deep_as_allowed_can_be_read_back(inline: str, tmp_path: Path) -> None:
    """In every format: what is written is never more than what reads it can take."""
    (tmp_path / "rows.jsonl").write_text(f'{{"text": "Paris.", "deep": {nested(99)}}}')
    run(tmp_path / "rows.jsonl", tmp_path / "out", inline, formats=("jsonl", "parquet"))
    (line,) = (tmp_path / "out" / "records-00000.jsonl").read_text().splitlines()
    assert Record.model_validate_json(line).meta == json.loads(line)["meta"]
    assert failures(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ALL_SINKS)
def test_a_sink_that_refuses_a_document_costs_no_other(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Sink]
) -> None:
    """No file has the document, and each has all the others; what was refused is told."""
    prepare = kind.prepare

    def picky(self: Sink, record: Record, docs: Sequence[str]) -> Any:
        if record.id.endswith("doc05.txt"):
            raise RecursionError("deeper than any reader goes")
        return prepare(self, record, docs)

    monkeypatch.setattr(kind, "prepare", picky)
    run(folder, tmp_path / "out", inline, formats=tuple(SINKS))
    assert len(records(tmp_path / "out")) == 24
    row = next(f for f in failures(tmp_path / "out") if f["source"].endswith("doc05.txt"))
    assert (row["stage"], row["error"], row["message"]) == ("sink", "RecordError", "deeper than any reader goes")
    import pyarrow.parquet as pq
    from spacy.tokens import DocBin

    ids = [r["id"] for r in records(tmp_path / "out")]
    assert [r["id"] for r in pq.read_table(tmp_path / "out" / "records-00000.parquet").to_pylist()] == ids
    docs = DocBin().from_disk(tmp_path / "out" / "docs-00000.spacy").get_docs(spacy.blank("en").vocab)
    assert [doc.user_data["id"] for doc in docs] == ids


def test_offsets_beside_the_text_cost_one_document(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that cannot be made is a failure of its stage."""
    from spacy_dossier.process import runner

    make = runner.make_record

    def moved(**values: Any) -> Record:
        if values["id"].endswith("doc05.txt"):
            values["findings"].entities.append(FoundEntity(10, 10_000, "ORG"))
        return make(**values)

    monkeypatch.setattr(runner, "make_record", moved)
    run(folder, tmp_path / "out", inline)
    assert len(records(tmp_path / "out")) == 24
    row = next(f for f in failures(tmp_path / "out") if f["source"].endswith("doc05.txt"))
    assert (row["stage"], row["error"]) == ("record", "BadOffsets")


def test_names_and_messages_of_any_characters_are_told(inline: str, tmp_path: Path) -> None:
    """What a failing member of an archive is called may be no text at all."""
    import io
    import tarfile

    with tarfile.open(tmp_path / "a.tar", "w", encoding="utf-8", errors="surrogateescape") as tar:
        for name in ("caf\udce9.pdf", "caf\udce8.pdf", "ok.txt"):
            data = b"Paris grew." if name == "ok.txt" else b"%PDF-1.4 nothing more"
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    run(tmp_path / "a.tar", tmp_path / "out", inline)
    assert len(records(tmp_path / "out")) == 1
    assert [f["source"].partition("!")[2] for f in failures(tmp_path / "out")] == ["caf\ufffd.pdf", "caf\ufffd.pdf~2"]


class Log:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str]] = []

    def loaded(self, encoder: str | None) -> None: ...

    def words(self, count: int) -> None: ...

    def reached(self, document: str | None, stage: str) -> None:
        self.told.append((document, stage))


@pytest.fixture
def careful(toy: str, folder: Path) -> tuple[Job, Shard]:
    """A shard of a file, a table and a text."""
    job = Job(find_pipeline(toy), RunOptions(), "cpu")
    members = [
        ShardMember("a", "in", "a", str(folder / "doc01.txt")),
        ShardMember("t", "in", "t", str(folder / "rows.jsonl"), rows=(2, 2)),
        ShardMember("-", "-", "-", text="Anna Keller met Tom."),
    ]
    return job, Shard(0, "", members, [], 4, 0)


def do(job: Job, shard: Shard, order: Order) -> tuple[list[tuple[str | None, str]], list[str], list[dict[str, Any]]]:
    """RETURNS (tuple): What was announced, ids of records, failures."""
    log, written = Log(), {}
    reader = ShardReader(job, log.reached)
    documents = reader.read(shard, order)
    reader.close()
    outcome, _ = Runner(job, log).do(0, order, documents, lambda key: None, written.__setitem__)
    ids = [json.loads(line)["id"] for line in written["records-00000.jsonl"].splitlines()]
    return log.told, ids, [json.loads(line) for line in outcome.failures]


def test_a_careful_shard_announces_each_document_before_each_stage(careful: tuple[Job, Shard]) -> None:
    """So that whoever watches knows what was in hand; between the stages nothing is."""
    told, ids, _ = do(*careful, Order(careful=True))
    documents = ["a", "t#3", "t#4", "-"]
    assert ids == documents
    assert told == [
        *(("a", "read"), ("t", "read"), ("-", "read"), (None, "read")),
        *((document, "pipeline") for document in documents),
        (None, "pipeline"),
        *((document, "record") for document in documents),
        (None, "record"),
    ]
    assert do(*careful, Order())[0] == []


@pytest.mark.parametrize(
    ("quarantined", "ids", "failed"),
    [
        ({"a": "read"}, ["t#3", "t#4", "-"], [("a", "read")]),
        ({"t": "read"}, ["a", "-"], [("t#3", "read"), ("t#4", "read")]),
        ({"a": "pipeline"}, ["t#3", "t#4", "-"], [("a", "pipeline")]),
        ({"t#4": "record", "-": "pipeline"}, ["a", "t#3"], [("t#4", "record"), ("-", "pipeline")]),
    ],
)
def test_quarantined_documents_are_failures_of_their_stage(
    careful: tuple[Job, Shard], quarantined: dict[str, str], ids: list[str], failed: list[tuple[str, str]]
) -> None:
    """They are not tried again at that stage, and the others are records."""
    _, made, rows = do(*careful, Order(careful=True, quarantined=quarantined))
    assert made == ids
    assert [(row["source"], row["stage"]) for row in rows] == failed
    assert {row["error"] for row in rows} == {"Crash"}


def test_a_text_that_ends_the_process_does_so_once(careful: tuple[Job, Shard]) -> None:
    """Of documents with the same text, all fail when one of them is quarantined in the pipeline."""
    job, shard = careful
    twin = ShardMember("-2", "-", "-2", text="Anna Keller met Tom.")
    shard = replace(shard, members=[*shard.members, twin])
    _, made, rows = do(job, shard, Order(careful=True, quarantined={"-": "pipeline"}))
    assert made == ["a", "t#3", "t#4"]
    assert [row["source"] for row in rows] == ["-", "-2"]
