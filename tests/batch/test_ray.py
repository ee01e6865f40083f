"""The Ray engine on a local cluster: the same rows as the local engine, and nothing lost when an actor is killed."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_dossier.batch.options import Options
from spacy_dossier.batch.ray_engine import process_on_ray
from spacy_dossier.batch.run import process
from spacy_dossier.errors import DossierError

from .conftest import WORDS


@pytest.fixture(scope="module")
def ray(toy: str) -> Iterator[Any]:
    """A cluster on this machine, with two cores to give; its workers find the toy pipeline by PYTHONPATH."""
    import ray

    # It must not be told to run workers in a fresh environment of its own by whatever starts the tests.
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """Files of three kinds, an empty one, one that the pipeline raises on, and a table."""
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    for number in range(70):
        words = [WORDS[(number * 7 + i) % len(WORDS)] for i in range(5 + number % 9)]
        (root / f"{number:03}.txt").write_text(" ".join(words) + f". Number {number} ends.", encoding="utf-8")
    (root / "deep" / "page.html").write_text("<p>Anna Keller met Tom Brandt.</p><p>In Paris.</p>", encoding="utf-8")
    (root / "empty.txt").write_text("")
    (root / "raises.txt").write_text("PLEASE RAISE now.")
    rows = [{"text": f"Acme Corp sold Northwind {i}.", "key": i} for i in range(40)]
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def rows_of(path: Path, pattern: str) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(path.glob(pattern)) for line in file.read_text().splitlines()]


def test_same_rows_as_the_local_engine(ray: Any, toy: str, folder: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    failed = []
    expected = [
        json.loads(record.to_json()) for record in process(folder, toy, with_text=True, on_failure=failed.append)
    ]
    options = Options(formats=("jsonl", "parquet", "csv"), with_text=True, workers=2, shard_size=10)
    counts = process_on_ray([folder], str(tmp_path / "out"), toy, options)
    found = rows_of(tmp_path / "out", "records-*.jsonl")
    assert len(expected) == 111
    assert found == expected
    assert rows_of(tmp_path / "out", "failures.jsonl") == [json.loads(row.to_json()) for row in failed]
    table = [row for file in sorted((tmp_path / "out").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert [row["id"] for row in table] == [row["id"] for row in expected]
    summary = json.loads((tmp_path / "out" / "run.json").read_text())
    assert summary["status"] == "complete"
    assert summary["counts"] == counts
    assert counts["records"] == 111
    assert counts["failures"] == len(failed) == 2
    assert all((tmp_path / "out" / name).is_file() for name in summary["outputs"])


def test_an_actor_killed_midway_loses_nothing(
    ray: Any, toy: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    import psutil

    expected = sorted(record.id for record in process(folder, toy))
    killed: list[int] = []

    def kill() -> None:
        """The first process that holds a pipeline, once it is at work."""
        end = time.monotonic() + 120
        while not killed and time.monotonic() < end:
            for child in psutil.Process().children(recursive=True):
                try:
                    if "Predictor" in " ".join(child.cmdline()) and child.cpu_times().user > 2:
                        child.kill()
                        killed.append(child.pid)
                        return
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    process_on_ray([folder], str(tmp_path / "out"), toy, Options(workers=1, shard_size=4))
    thread.join()
    assert killed
    assert sorted(row["id"] for row in rows_of(tmp_path / "out", "records-*.jsonl")) == expected


def test_an_output_that_is_taken_is_refused(ray: Any, toy: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(DossierError, match="not empty"):
        process_on_ray([folder], str(tmp_path / "out"), toy, Options())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_nothing_to_do_is_a_whole_run(ray: Any, toy: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    counts = process_on_ray([tmp_path / "in"], str(tmp_path / "out"), toy, Options())
    assert counts["documents"] == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "complete"
    assert (tmp_path / "out" / "failures.jsonl").read_bytes() == b""


def test_a_format_it_does_not_write_is_refused(toy: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DossierError, match="no DocBin"):
        process_on_ray([folder], str(tmp_path / "out"), toy, Options(formats=("docbin",)))
