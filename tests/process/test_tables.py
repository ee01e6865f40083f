"""Tables that nobody should trust: they are read within the limits of documents, and cost what they are, no more."""

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacy_dossier.errors import DossierError
from spacy_dossier.process.local.engine import LocalEngine
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import RunInputs, local_run
from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.sandbox import Sandbox

from ..toy import failures, make_text, records
from .test_run import run


def write_rows(path: Path, numbers: range) -> None:
    path.write_text("".join(json.dumps({"text": make_text(n), "n": n}) + "\n" for n in numbers))


def write_bomb(path: Path, megabytes: int) -> None:
    """A .spacy file of some kilobytes that unpacks to a msgpack of so many megabytes."""
    packer = zlib.compressobj(9)
    with path.open("wb") as file:
        file.write(packer.compress(b"\x81\xa1x\xc6" + (megabytes << 20).to_bytes(4, "big")))
        for _ in range(megabytes):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())


def test_a_table_larger_than_memory_costs_no_other(inline: str, tmp_path: Path) -> None:
    """10 kB of Parquet with 1,000 rows of one text of 20 MB, 0.4 MB of .spacy that unpack to 400 MB; and a text."""
    base = tmp_path / "in"
    base.mkdir()
    text = "word " * (4 << 20)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array([text]))
    pq.write_table(pa.table({"text": column}), base / "bomb.parquet", compression="zstd", store_schema=False)
    write_bomb(base / "bomb.spacy", 400)
    (base / "good.txt").write_text(make_text(1))
    run(base, tmp_path / "out", inline, memory_limit=500)
    assert [Path(r["source"]).name for r in records(tmp_path / "out")] == ["good.txt"]
    found = {Path(f["source"]).name.partition("#")[0]: (f["stage"], f["error"]) for f in failures(tmp_path / "out")}
    assert found == {"bomb.parquet": ("read", "OutOfMemory"), "bomb.spacy": ("read", "OutOfMemory")}


def test_no_table_is_opened_by_the_coordinator(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor by a worker: in this process, which is both here, their reader does not run."""
    for name in ("scan.read_rows", "rows.read_rows"):
        monkeypatch.setattr(f"spacy_dossier.read.tables.{name}", None)
    run(folder, tmp_path / "out", inline)
    assert sum("rows.jsonl#" in r["id"] for r in records(tmp_path / "out")) == 8


def test_a_table_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    """It ends at the limit, whether it is looked at, gone over or read."""
    with (tmp_path / "a.csv").open("w") as file:
        file.write("text,a\n")
        file.writelines('"' * 31 + ",b\n" for _ in range(300_000))
    sandbox = Sandbox(time_limit=30, memory_limit=800_000_000)
    try:
        assert sandbox.scan(str(tmp_path / "a.csv"), named=False) is not None
        sandbox.time_limit = 0.01
        with pytest.raises(Unreadable) as caught:
            sandbox.rows(str(tmp_path / "a.csv"), 250_000, 10)
        assert caught.value.kind == "Timeout"
    finally:
        sandbox.close()


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
@pytest.mark.parametrize("content", ["", "\n \n\n", "text,n\n", "text\tn\n"])
def test_a_table_without_rows_is_a_row_of_the_failures(inline: str, tmp_path: Path, name: str, content: str) -> None:
    """As an empty file of any other kind is."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text(content)
    run(tmp_path / "in", tmp_path / "out", inline)
    told = [*failures(tmp_path / "out"), *records(tmp_path / "out")]
    assert [row.get("source") for row in told] in ([f"{tmp_path}/in/{name}"], [name])
    if content in ("", "\n \n\n") and name.endswith("jsonl"):
        assert told[0]["error"] == "Empty"


def test_a_column_that_is_not_there_is_an_error(inline: str, tmp_path: Path) -> None:
    """Of a table that the user names."""
    (tmp_path / "a.csv").write_text("k,v\n1,2\n")
    with pytest.raises(DossierError, match=r"no column or field 'text'.*k, v.*--text-field"):
        run(tmp_path / "a.csv", tmp_path / "out", inline)


def test_a_reader_that_is_ended_goes_on_with_the_table(tmp_path: Path) -> None:
    """As the system's out-of-memory killer does it: in the midst of a table it is started again, twice it is said."""
    with (tmp_path / "a.jsonl").open("w") as file:
        file.writelines(json.dumps({"text": f"row {n} " + "x" * 200}) + "\n" for n in range(20_000))
    sandbox = Sandbox(time_limit=30, memory_limit=800_000_000)
    try:
        rows = sandbox.scan(str(tmp_path / "a.jsonl"), named=True)
        assert rows is not None
        found = [next(rows) for _ in range(10)]
        assert sandbox.child is not None
        sandbox.child.kill()
        found += rows
        whole = sandbox.scan(str(tmp_path / "a.jsonl"), named=True)
        assert whole is not None and found == list(whole)
    finally:
        sandbox.close()


@pytest.mark.parametrize("changed", ["z.txt", "rows.jsonl"])
def test_a_file_changed_and_changed_back_is_read_again(
    inline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """What was read is not what was planned, so that the next run does it again, and the one after it nothing."""
    base = tmp_path / "in"
    base.mkdir()
    (base / "z.txt").write_text(make_text(1))
    write_rows(base / "rows.jsonl", range(3))
    path = base / changed
    before, status = path.read_bytes(), path.stat()
    work = LocalEngine.work

    def disturbed(self: LocalEngine, *args: Any) -> Any:
        other = {"z.txt": "Other Inc.", "rows.jsonl": '{"text": "Other Inc."}\n' * 3}[changed]
        path.write_text(other)
        yield from work(self, *args)
        path.write_bytes(before)

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "work", disturbed)
        run(base, tmp_path / "out", inline, with_text=True)
    assert "Other Inc." in {r["text"] for r in records(tmp_path / "out")}
    run(base, tmp_path / "out", inline, with_text=True)
    texts = [r["text"] for r in records(tmp_path / "out")]
    assert "Other Inc." not in texts and len(texts) == 4
    assert status.st_size == len(before)
    third = run(base, tmp_path / "out", inline, with_text=True)
    assert third.progress.computed == 0 and third.progress.earlier == third.progress.total


def test_a_fault_of_the_machine_ends_the_run_in_one_line(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No document is said to be broken; with the fault gone, the same command goes on to the end."""
    starter = tmp_path / "python"
    starter.write_text(
        f"#!{sys.executable}\n"
        "import errno, sys\n"
        "from spacy_dossier.read import child, extract\n"
        "def full(data, name):\n"
        "    raise OSError(errno.ENOSPC, 'No space left on device', '/tmp/x')\n"
        "extract.find_reader = lambda media_type, **options: full\n"
        "sys.argv = sys.argv[2:]\n"
        "child.main()\n"
    )
    starter.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("spacy_dossier.read.sandbox.sys.executable", str(starter))
        with pytest.raises(DossierError, match=r"reading cannot go on: No space left on device \(/tmp/x\)") as caught:
            run(folder, tmp_path / "out", inline)
    assert "\n" not in str(caught.value)
    run(folder, tmp_path / "out", inline)
    assert len(records(tmp_path / "out")) == 25


def test_a_text_that_takes_the_pipeline_too_long_is_a_failure(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With worker processes: the one that has it is ended at the limit, and the others are records."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(5):
        (base / f"{number}.txt").write_text("PLEASE HANG." if number == 2 else make_text(number))
    options = RunOptions(workers=1, pipeline_limit=3.0)
    for _ in local_run(RunInputs([base]), tmp_path / "out", toy, options).shards():
        pass
    assert [Path(r["source"]).name for r in records(tmp_path / "out")] == [f"{n}.txt" for n in (0, 1, 3, 4)]
    (row,) = failures(tmp_path / "out")
    assert (Path(row["source"]).name, row["stage"], row["error"]) == ("2.txt", "pipeline", "Timeout")
