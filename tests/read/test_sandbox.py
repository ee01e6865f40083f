"""Reading in a process of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spacy_dossier.errors import DossierError
from spacy_dossier.read.child import Reader
from spacy_dossier.read.extract import ReadOptions, extract
from spacy_dossier.read.sandbox import STARTS, Sandbox
from spacy_dossier.read.tables.rows import TableRow

from . import samples


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    one = Sandbox(time_limit=30, memory_limit=400_000_000, options=ReadOptions(attachments=True))
    yield one
    one.close()


def test_reads_like_the_function_in_one_process(sandbox: Sandbox, tmp_path: Path) -> None:
    """Pages, names, meta and errors come through; the child is used again."""
    (tmp_path / "a.pdf").write_bytes(samples.pdf("One", "Two"))
    (tmp_path / "b.eml").write_bytes(samples.MAIL)
    (piece,) = sandbox.extract(str(tmp_path / "a.pdf")).pieces
    assert [number for _, number in piece.pages] == [1, 2]
    child = sandbox.child
    assert [p.name for p in sandbox.extract(str(tmp_path / "b.eml")).pieces] == ["", "!note.txt"]
    assert sandbox.extract(str(tmp_path / "nowhere")).pieces[0].error == ("NotFound", "No such file or directory")
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.txt")
    Path(name).write_text("hello")
    assert sandbox.extract(name).pieces == extract(name)
    assert sandbox.child is child


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit needs /proc")
def test_memory_limit_costs_one_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that takes too much is a failure; the next one is read."""
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(3_000_000_000)  # sparse: takes no disk
    assert sandbox.extract(str(tmp_path / "huge.txt")).pieces[0].error[0] == "OutOfMemory"  # type: ignore[index]
    (tmp_path / "a.txt").write_text("fine")
    assert sandbox.extract(str(tmp_path / "a.txt")).pieces[0].text == "fine"


def test_time_limit_costs_one_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    """A reader that takes too long is ended, and a new one reads on."""
    (tmp_path / "slow.html").write_text("<p>a</p>" * 2_000_000)
    (tmp_path / "a.txt").write_text("fine")
    assert sandbox.extract(str(tmp_path / "a.txt")).pieces[0].text == "fine"
    child = sandbox.child
    assert child is not None
    sandbox.time_limit = 0.2
    assert sandbox.extract(str(tmp_path / "slow.html")).pieces[0].error == ("Timeout", "not read within 0.2 s")
    assert child.poll() is not None
    sandbox.time_limit = 30
    assert sandbox.extract(str(tmp_path / "a.txt")).pieces[0].text == "fine"


def test_killed_child_gets_a_second_try(sandbox: Sandbox, tmp_path: Path) -> None:
    """What ended the child may not have been the file."""
    (tmp_path / "a.txt").write_text("fine")
    sandbox.extract(str(tmp_path / "a.txt"))
    assert sandbox.child is not None
    sandbox.child.kill()
    sandbox.child.wait()
    assert sandbox.extract(str(tmp_path / "a.txt")).pieces[0].text == "fine"


def test_a_child_that_does_not_start_is_said(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some tries, in one line with its own words; it is no document's fault."""
    (tmp_path / "a.txt").write_text("hello")
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\necho x >> {tmp_path}/tries\necho no such module >&2\nexit 1\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("spacy_dossier.read.sandbox.sys.executable", str(broken))
        with pytest.raises(DossierError, match=r"does not start.*no such module"):
            sandbox.extract(str(tmp_path / "a.txt"))
    assert (tmp_path / "tries").read_text().count("x") == STARTS
    assert sandbox.extract(str(tmp_path / "a.txt")).pieces[0].text == "hello"


def test_what_is_unpacked_goes_into_the_scratch_folder(tmp_path: Path) -> None:
    """So that it goes with it, however the process ends that holds the sandbox."""
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "scratch").mkdir()
    one = Sandbox(time_limit=30, memory_limit=400_000_000, scratch=str(tmp_path / "scratch"))
    one.extract(str(tmp_path / "a.txt"))
    assert len(list((tmp_path / "scratch").iterdir())) == 1
    one.close()
    assert not list((tmp_path / "scratch").iterdir())


def test_a_table_whose_library_raises_what_it_likes_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a fixed kind; what was read before is given first."""

    def rows(*args: object) -> Iterator[TableRow]:
        yield TableRow("one")
        raise NotImplementedError("no such compression")

    monkeypatch.setattr("spacy_dossier.read.tables.scan.read_rows", rows)
    part, end = Reader(ReadOptions(), 1).answer({"do": "scan", "path": "a.jsonl", "first": 0})
    assert [size for size, _, _ in part["part"]] == [len("one") + len(f'["{"0" * 64}", {{}}, null]')]
    assert end == {"failed": ("Corrupt", "no such compression")}
