"""Ids are unique in a run, whatever files, members, mails and rows are called."""

import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_dossier.process.crashes import Order
from spacy_dossier.process.ledger import Ledger
from spacy_dossier.process.options import Job, PipelineRef, RunOptions
from spacy_dossier.process.plan import Planner
from spacy_dossier.process.reading import ShardReader
from spacy_dossier.read.archive import Names
from spacy_dossier.report.write import write_report

from ..toy import failures, records
from .test_run import run

NASTY = ["a.txt", "a.txt~2", "x.zip", "x.zip!a.txt", "x.zip!a.txt~2", "x.zip!x.zip", "x.zip%21a.txt", "x.zip~2"]
NASTY += ["t.csv", "t.csv#1", "t.csv#2", "t.csv%231", "t.csv!a.txt", "b#1", "b", "b!", "b!#1", "#1", "!a.txt"]
NASTY += ["x.tar!y.zip!a.txt"]


def packed(name: str, members: Iterable[str]) -> bytes:
    """RETURNS (bytes): A file of that name: an archive with members, a table of two rows, or a text."""
    buffer = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as archive:
            for member in members:
                archive.writestr(zipfile.ZipInfo(member), f"Text {member} in {name}.")
    elif name.endswith(".tar"):
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for member in members:
                info = tarfile.TarInfo(member)
                data = packed(member, ["a.txt", "a.txt"]) if member.endswith(".zip") else b"Text."
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    elif name.endswith(".csv"):
        buffer.write(b"text,n\nOne,1\nTwo,2\n")
    else:
        buffer.write(f"Text {name}.".encode())
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*NASTY, "x.tar"]), min_size=1, max_size=8, unique=True),
    st.lists(st.sampled_from([*NASTY, "y.zip"]), min_size=1, max_size=5),
    st.booleans(),
)
def test_ids_are_unique_whatever_the_names(names: list[str], members: list[str], one_by_one: bool) -> None:
    """A folder, or its files one by one in any order: every text is there once, and no two have the same id."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name, "in")
        base.mkdir()
        for file in names:
            (base / file).write_bytes(packed(file, members))
        ids, units = ids_of(base, [os.path.relpath(base / file) for file in names] if one_by_one else [base])
        assert len(ids) == len(set(ids)), sorted(ids)
        assert len(ids) >= units >= len(names)


READER = ShardReader(Job(PipelineRef("", "", "", ""), RunOptions(attachments=True), "cpu"), lambda *_: None)


def ids_of(base: Path, inputs: Iterable[str | Path]) -> tuple[list[str], int]:
    """RETURNS (tuple): Ids of all documents, and how many files and rows they come from."""
    ledger = Ledger(base.parent / "ledger.sqlite")
    try:
        shards = list(Planner(ledger, READER.job.options, "").shards(inputs, None, None))
    finally:
        ledger.close()
    return [document.id for shard in shards for document in READER.read(shard, Order())], sum(s.units for s in shards)


@given(st.lists(st.sampled_from(["a", "a~2", "a~2~2", "a~3", "", "~2", "\udc80", "\udc81"])))
def test_names_are_unique(names: list[str]) -> None:
    """Also those that are alike only when they are written as UTF-8."""
    claimed = Names()
    assert len({claimed.claim(name).encode() for name in names}) == len(names)


def test_a_file_called_like_a_member_beside_its_archive(inline: str, tmp_path: Path) -> None:
    """Both are in the records under ids of their own, and the report takes them."""
    base = tmp_path / "in"
    base.mkdir()
    for name in ("x.zip", "x.zip!a.txt", "plain!mark #1.txt", "t.csv", "t.csv#1", "t.csv%231"):
        (base / name).write_bytes(packed(name, ["a.txt"]))
    run(base, tmp_path / "out", inline, with_text=True)
    ids = [r["id"].removeprefix(f"{base}/") for r in records(tmp_path / "out")]
    assert failures(tmp_path / "out") == []
    assert sorted(ids) == sorted(
        ["plain!mark #1.txt", "t.csv#1", "t.csv#2", "t.csv%231", "t.csv%231~2", "x.zip!a.txt", "x.zip%21a.txt"]
    )
    assert next(r["text"] for r in records(tmp_path / "out") if "%21" in r["id"]) == "Text x.zip!a.txt."
    write_report(tmp_path / "out")


def test_a_text_beside_a_file_called_like_it(inline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is `-`, and so may a file be."""
    from spacy_dossier.process.options import RunOptions
    from spacy_dossier.process.run import RunInputs, local_run

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "-").write_text("Paris.")
    monkeypatch.chdir(tmp_path / "in")
    for _ in local_run(RunInputs(["."], "London."), tmp_path / "out", inline, RunOptions()).shards():
        pass
    assert len({r["id"] for r in records(tmp_path / "out")}) == 2
