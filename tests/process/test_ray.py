"""The Ray engine on a local cluster: the rows of the local engine; nothing lost or there twice, whatever is killed."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_dossier.devices import examine
from spacy_dossier.errors import DossierError
from spacy_dossier.process.engine import STATE
from spacy_dossier.process.options import RunOptions, find_pipeline
from spacy_dossier.process.ray.engine import RayEngine
from spacy_dossier.process.run import Run, RunInputs, RunSummary, local_run
from spacy_dossier.text.lock import Lock

from ..cli.test_process import START
from ..toy import WORDS, failures, make_text, records, tree

pytest.importorskip("ray")
pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray(toy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster on this machine, with three cores to give and a GPU that is none; its processes find the toy pipeline
    by PYTHONPATH, take their time and log their texts."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        # It must not be told to run workers in a fresh environment of its own by whatever starts the tests.
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_worker_niceness", "0")  # at its 15, a busy machine starves them
        patch.setenv("TOY_LOG", str(tmp_path_factory.mktemp("log") / "toy.log"))
        patch.setenv("TOY_SLEEP", "0.02")
        ray.init(num_cpus=3, num_gpus=1, include_dashboard=False, log_to_driver=False)
        log = Path(os.environ["TOY_LOG"])
    ray.computed = lambda: log.read_text(encoding="utf-8").splitlines() if log.exists() else []
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


def finish(run: Run) -> RunSummary:
    for _ in run.shards():
        pass
    return run.summary


def local(base: Path, output: Path, pipeline: str, options: RunOptions) -> Run:
    return local_run(RunInputs([base]), output, pipeline, options)


def on_ray(base: Path, output: Path, pipeline: str, options: RunOptions, **how: Any) -> Run:
    engine = RayEngine(str(output), find_pipeline(pipeline), options.checked(), **how)
    return Run(RunInputs([base]), engine.pipeline, engine.options, engine)


def run_json(output: Path) -> dict[str, Any]:
    return json.loads((output / "run.json").read_text())


def manifests(output: Path) -> dict[str, bytes]:
    """RETURNS (dict): What has been committed."""
    return {path.name: path.read_bytes() for path in sorted((output / STATE).glob("shard-*.json"))}


def test_same_files_as_the_local_engine(ray: Any, inline: str, folder: Path, tmp_path: Path) -> None:
    """JSONL, Parquet, CSV and DocBin hold the same, file by file; a second run does nothing."""
    import pyarrow.parquet as pq
    import spacy
    from spacy.tokens import DocBin

    options = RunOptions(formats=("jsonl", "parquet", "csv", "docbin"), with_text=True, workers=2, shard_size=20)
    finish(local(folder, tmp_path / "local", inline, options))
    notices: list[str] = []
    ours = tmp_path / "ray"
    done = finish(on_ray(folder, ours, inline, options, notice=notices.append))
    expected, found = tree(tmp_path / "local"), tree(ours)
    assert list(found) == list(expected)
    assert len(records(ours)) == 111
    for name in expected:
        if name.endswith((".jsonl", ".csv")):
            assert found[name] == expected[name]
        elif name.endswith(".parquet"):
            assert pq.read_table(ours / name).equals(pq.read_table(tmp_path / "local" / name))
        else:
            vocab = spacy.blank("en").vocab
            pair = [DocBin().from_bytes(files[name]).get_docs(vocab) for files in (found, expected)]
            for doc, other in zip(*pair, strict=True):
                assert doc.user_data["id"] == other.user_data["id"]
                assert (doc.text, doc.to_json()) == (other.text, other.to_json())
    written = run_json(ours)
    assert written["status"] == "complete"
    assert (written["counts"]["records"], done.counts.failures) == (111, 2)
    assert written["counts"] == run_json(tmp_path / "local")["counts"]
    assert all((ours / name).is_file() for name in written["outputs"])
    # The cluster says it has a GPU, and where none can be used the CPUs do the work.
    assert written["this_run"]["device"] == ("cpu" if examine().problem else "cuda:0")
    assert ["so that the CPUs do the work" in line for line in notices] == ([True] if examine().problem else [])

    computed = len(ray.computed())
    finish(on_ray(folder, ours, inline, options))
    assert (tree(ours), len(ray.computed())) == (found, computed)


def test_a_killed_run_goes_on(ray: Any, inline: str, folder: Path, tmp_path: Path) -> None:
    """SIGKILL to the driver midway, then the same command: what was committed stays as it is, and no row is lost or
    there twice."""
    finish(local(folder, tmp_path / "local", inline, RunOptions(shard_size=4)))
    output = tmp_path / "out"
    address = ray.get_runtime_context().gcs_address
    command = [*START, str(folder), "-o", str(output), "-p", inline, "--shard-size", "4", "--workers", "1"]
    command += ["--engine", "ray", "--ray-address", address]
    begun = len(ray.computed())
    with subprocess.Popen(command, stderr=subprocess.PIPE) as driver:
        wait_for(lambda: len(manifests(output)) >= 3, driver)
        driver.kill()
    wait_for(lambda: time.sleep(0.5) or same(lambda: manifests(output), 1.0))
    before = manifests(output)
    assert 3 <= len(before) < 28
    assert run_json(output)["status"] == "interrupted"
    kept = {path.name: path.stat().st_mtime_ns for path in output.glob("records-*")}
    kept = {name: at for name, at in kept.items() if f"shard-{name[8:13]}.json" in before}
    computed = len(ray.computed())
    assert computed - begun < 112

    summary = finish(on_ray(folder, output, inline, RunOptions(shard_size=4, workers=1)))
    assert tree(output) == tree(tmp_path / "local")
    assert before.items() <= manifests(output).items()
    assert {name: (output / name).stat().st_mtime_ns for name in kept} == kept
    committed = sum(json.loads(manifest)["counts"]["computed"] for manifest in before.values())
    assert len(ray.computed()) - computed <= 112 - committed + 4  # the failing text's batch goes through in halves
    assert summary.counts.records == 111


def same(value: Callable[[], Any], seconds: float) -> bool:
    before = value()
    time.sleep(seconds)
    return before == value()


def wait_for(condition: Callable[[], Any], driver: "subprocess.Popen[bytes] | None" = None) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        assert driver is None or driver.poll() is None, driver.stderr and driver.stderr.read()
        time.sleep(0.02)


def test_a_document_that_ends_its_process_is_a_failure_row(ray: Any, toy: str, tmp_path: Path) -> None:
    """And everything beside it is a record; on a file system that is not the local one, as far as pyarrow can tell."""
    from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

    base = tmp_path / "in"
    base.mkdir()
    for number in range(12):
        (base / f"{number:02}.txt").write_text("PLEASE CRASH now." if number == 5 else make_text(number))
    run = on_ray(base, tmp_path / "out", toy, RunOptions(shard_size=6, workers=1))
    assert isinstance(run.engine, RayEngine)
    store = run.engine.store
    store.filesystem, store.folder, store.local = SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "out", False
    summary = finish(run)
    assert summary.counts.records == 11
    assert [Path(r["source"]).name for r in records(tmp_path / "out")] == [f"{n:02}.txt" for n in range(12) if n != 5]
    (row,) = failures(tmp_path / "out")
    assert (Path(row["source"]).name, row["stage"], row["error"]) == ("05.txt", "pipeline", "Crash")


@pytest.mark.slow
def test_an_actor_killed_midway_loses_nothing(ray: Any, inline: str, folder: Path, tmp_path: Path) -> None:
    import psutil

    finish(local(folder, tmp_path / "local", inline, RunOptions(shard_size=4)))
    killed: list[int] = []

    def kill() -> None:
        """The process that holds a pipeline, once it has committed something."""
        wait_for(lambda: manifests(tmp_path / "out"))
        for child in psutil.Process().children(recursive=True):
            if "RunnerActor" in " ".join(child.cmdline()):
                child.kill()
                killed.append(child.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    finish(on_ray(folder, tmp_path / "out", inline, RunOptions(workers=1, shard_size=4)))
    thread.join()
    assert killed
    assert tree(tmp_path / "out") == tree(tmp_path / "local")


@pytest.mark.slow
def test_killed_with_its_cluster_it_goes_on(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that starts its own cluster, killed a few times at moments of no choice, comes to the same end."""
    finish(local(folder, tmp_path / "local", inline, RunOptions(shard_size=4)))
    monkeypatch.setenv("TOY_SLEEP", "0.05")
    output = tmp_path / "out"
    command = [*START, str(folder), "-o", str(output), "-p", inline, "--shard-size", "4", "--workers", "1"]
    command += ["--engine", "ray"]
    for more in (1, 4):
        before = manifests(output)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as driver:
            wait_for(lambda: len(manifests(output)) >= len(before) + more, driver)  # noqa: B023
            os.killpg(driver.pid, signal.SIGKILL)
        assert before.items() <= manifests(output).items()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, "111 records" in done.stderr) == (2, True), done.stderr
    assert tree(output) == tree(tmp_path / "local")


def test_what_changed_is_planned_again(toy: str, tmp_path: Path) -> None:
    """Done is a shard of the same content, options and pipeline whose files are there; another is forgotten."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(6):
        (base / f"{number}.txt").write_text(make_text(number))

    def left(**options: Any) -> list[int]:
        """Shards of two files that are still to do."""
        run = on_ray(base, tmp_path / "out", toy, RunOptions(**{"shard_size": 2, **options}))
        engine = run.engine
        assert isinstance(engine, RayEngine)
        with engine.hold():
            pending = engine.plan(run.plan).pending
            for number in pending:
                shard, name = engine.shards[number], f"records-{number:05d}.jsonl"
                engine.write(name, b"{}\n")
                outcome: Any = {"outputs": {name: {"bytes": 3}}, "counts": {}, "failures": []}
                engine.store.commit(number, {"digest": shard.digest, "units": shard.units, **outcome})
        return pending

    assert left() == [0, 1, 2]
    assert left() == []
    (base / "3.txt").write_text("Anna Keller left London.")
    assert left() == [1]
    (tmp_path / "out" / "records-00000.jsonl").unlink()
    (tmp_path / "out" / STATE / "shard-00002.json").write_text('{"digest": "cut sh')
    assert left() == [0, 2]
    assert left(sentences=1) == [0, 1, 2]
    assert left() == [0, 1, 2]
    (base / "4.txt").unlink()
    (base / "5.txt").unlink()
    assert left() == []
    assert len(manifests(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("name", "said"), [("mine.txt", "not empty"), (f"{STATE}/ledger.sqlite", "one of the local engine")]
)
def test_an_output_that_is_taken_is_refused(toy: str, folder: Path, tmp_path: Path, name: str, said: str) -> None:
    """In one line, and nothing is written."""
    there = tmp_path / "out" / name
    there.parent.mkdir(parents=True)
    there.write_text("x")
    with pytest.raises(DossierError, match=said):
        finish(on_ray(folder, tmp_path / "out", toy, RunOptions()))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [there]


def test_a_second_run_at_the_same_time_is_refused(toy: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / STATE).mkdir(parents=True)
    with (
        Lock(tmp_path / "out" / STATE / "lock"),
        pytest.raises(DossierError, match="another run is writing"),
    ):
        finish(on_ray(folder, tmp_path / "out", toy, RunOptions()))


def test_nothing_to_do_is_a_whole_run(toy: str, tmp_path: Path) -> None:
    """No document, and no cluster is needed."""
    (tmp_path / "in").mkdir()
    summary = finish(on_ray(tmp_path / "in", tmp_path / "out", toy, RunOptions(), address="nobody:1"))
    assert summary.counts.documents == 0
    assert run_json(tmp_path / "out")["status"] == "complete"
    assert (tmp_path / "out" / "failures.jsonl").read_bytes() == b""


def test_a_gpu_that_was_asked_for_and_cannot_be_used_is_an_error(
    ray: Any, toy: str, folder: Path, tmp_path: Path
) -> None:
    if not examine().problem:
        pytest.skip("there is a GPU")
    with pytest.raises(DossierError, match=r"cannot be used \(.*\), found 'cuda'\. .*--device cpu"):
        finish(on_ray(folder, tmp_path / "out", toy, RunOptions(device="cuda")))
    assert run_json(tmp_path / "out")["status"] == "failed"
