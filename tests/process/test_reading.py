"""Reading side by side: threads that each hold a process that reads."""

import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.reading import ShardReader
from spacy_dossier.process.shard import ShardMember


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says it is ready, and never answers."""
    starter = tmp_path / "starter"
    starter.write_text("#!/bin/sh\necho ready\nexec sleep 600\n")
    starter.chmod(0o755)
    monkeypatch.setattr("spacy_dossier.read.sandbox.sys.executable", str(starter))


def children() -> set[int]:
    """RETURNS (set[int]): Processes of this one."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == os.getpid():
                found.add(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_run_that_ends_ends_its_readers(endless: None, tmp_path: Path) -> None:
    """While others wait for an answer: no error comes of it, no process is started again, no thread goes on."""
    before, threads = children(), threading.active_count()
    job: Any = SimpleNamespace(options=RunOptions(), folder=str(tmp_path), extractors=4)
    for number in range(5):
        reader = ShardReader(job, lambda document, stage: None)
        reading = [reader.submit(ShardMember(f"{i}", "", "", str(tmp_path / "starter"))) for i in range(12)]
        while len(children() - before) < 4:
            time.sleep(0.01)
        time.sleep(0.02 * number)
        reader.close()
        assert children() == before
        assert threading.active_count() == threads
        assert all(future.done() for future in reading)
