"""`dossier process` with its real processes: killed, interrupted, out of disk, at scale."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import RunInputs, local_run

from ..toy import failures, make_text, records, tree

START = [sys.executable, "-c", "from spacy_dossier.cli.app import app; app()", "process"]


def dossier(*arguments: Any, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*START, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=900,
        check=False,
    )


def start(*arguments: Any, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*START, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        # A shell without job control has its background jobs ignore SIGINT, which they hand on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def process_tree_rss(pid: int) -> int:
    """RETURNS (int): Resident bytes of a process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        todo += children.get(one, [])
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A hundred and twenty documents, some alike."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(120):
        (base / f"{number:03}.txt").write_text(make_text(number if number % 9 else 0))
    (base / "bad.docx").write_bytes(b"PK\x03\x04 not a document")
    return base


def test_two_workers_write_what_one_process_writes(toy: str, many: Path, tmp_path: Path) -> None:
    """The command with two worker processes: exit code 2 for a failure, all formats, a summary line, a tidy folder."""
    options = ("-p", toy, "--shard-size", 16, "-f", "jsonl", "-f", "parquet", "-f", "docbin", "-f", "csv", "--workers")
    done = dossier(many, "-o", tmp_path / "two", *options, 2)
    assert done.returncode == 2, done.stderr.decode()
    assert b"120 records" in done.stderr
    assert len(records(tmp_path / "two")) == 120
    assert [f["error"] for f in failures(tmp_path / "two")] == ["Corrupt"]
    facts = json.loads((tmp_path / "two" / "run.json").read_text())
    assert (facts["status"], facts["this_run"]["processes"]) == ("complete", 2)
    assert facts["counts"]["computed"] == 107  # of 120, 14 are the same text
    assert sorted(p.name for p in (tmp_path / "two" / ".dossier").iterdir() if "sqlite" not in p.name) == ["lock"]


def test_text_in_records_out(toy: str) -> None:
    """`-` reads a text, `-o -` writes records to standard output, and nothing else."""
    done = dossier("-", "-o", "-", "-p", toy, stdin="Anna Keller flog nach Paris – über die Straße.\n".encode())
    assert done.returncode == 0, done.stderr.decode()
    (record,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(e["text"], e["start"]) for e in record["entities"]] == [("Anna Keller", 0), ("Paris", 22), ("Straße", 39)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no such file or folder, found 'nowhere'"),
        ([], "nothing to process"),
        (["{root}", "-p", "no_such_pipeline"], "no such pipeline"),
        (["{root}", "-f", "xlsx"], "unknown format, found 'xlsx'"),
        (["{root}", "-o", "-", "-f", "parquet"], "standard output takes JSONL only"),
        (["{root}", "--min-confidence", "7"], "min_confidence is a probability"),
        (["{root}", "--device", "toaster"], "unknown device"),
        (["{root}", "--no-such-option"], "No such option"),
        (["{root}", "--limit", "x"], "Invalid value for '--limit'"),
        (["{root}", "-o", "{root}/sniff.py"], "Choose another folder with -o"),
    ],
)
def test_mistakes_are_one_line_and_exit_1(
    toy: str, root: Path, tmp_path: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake costs no traceback and no half-made output."""
    from typer.testing import CliRunner

    from spacy_dossier.cli.app import app

    monkeypatch.chdir(tmp_path)
    filled = [a.format(root=root / "spacy_dossier" / "read") for a in arguments]
    pipeline = [] if "-p" in arguments else ["-p", toy]
    done = CliRunner().invoke(app, ["process", *filled, *pipeline])
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_dry_run_lists_and_writes_nothing(
    toy: str, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--dry-run names each file on standard output."""
    from typer.testing import CliRunner

    from spacy_dossier.cli.app import app

    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["process", str(many), "-p", toy, "--dry-run", "--limit", "2"])
    assert done.stdout.splitlines() == [f"{many}/000.txt", f"{many}/001.txt"]
    assert not (tmp_path / "records").exists()


def test_every_option_has_a_help_text() -> None:
    """`dossier process --help` explains each option, and docs/bulk.md names it."""
    import typer

    from spacy_dossier.cli.app import app

    command: Any = typer.main.get_command(app)
    options = command.commands["process"].params
    assert all(option.help for option in options)
    guide = (Path(__file__).resolve().parents[2] / "docs" / "bulk.md").read_text(encoding="utf-8")
    for option in options:
        for flag in option.opts:
            if flag.startswith("--"):
                assert flag in guide, flag


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Fourteen documents, some alike."""
    base = tmp_path / "few"
    base.mkdir()
    for number in range(14):
        (base / f"{number:02}.txt").write_text(make_text(number % 12))
    return base


def whole(base: Path, output: Path, pipeline: str, **options: Any) -> dict[str, bytes]:
    """RETURNS (dict): What an uninterrupted run writes, made inside this process."""
    for _ in local_run(RunInputs([base]), output, pipeline, RunOptions(**options)).shards():
        pass
    return tree(output)


def wait_for_files(output: Path, running: "subprocess.Popen[bytes]", count: int = 1) -> None:
    while len(list(output.glob("records-*"))) < count:
        assert running.poll() is None, "it ended too early"
        time.sleep(0.002)


def test_killed_it_goes_on(inline: str, few: Path, tmp_path: Path) -> None:
    """SIGKILL right after the first file appears: the same command ends with the bytes of a run left alone."""
    expected = whole(few, tmp_path / "whole", inline, shard_size=3)
    options = ("-p", inline, "--shard-size", 3, "--workers", 1)
    running = start(few, "-o", tmp_path / "out", *options, TOY_SLEEP="0.2")
    wait_for_files(tmp_path / "out", running)
    running.kill()
    running.wait()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"
    finished = dossier(few, "-o", tmp_path / "out", *options)
    assert finished.returncode == 0, finished.stderr.decode()
    assert tree(tmp_path / "out") == expected


@pytest.mark.slow
def test_killed_again_and_again_the_records_are_the_same(inline: str, many: Path, tmp_path: Path) -> None:
    """SIGKILL at twenty-four instants, half of them right after a file appears: the same bytes in the end."""
    expected = whole(many, tmp_path / "whole", inline, shard_size=8, formats=("jsonl", "csv"))
    options = ("-p", inline, "--shard-size", 8, "--workers", 2, "-f", "jsonl", "-f", "csv")
    chance = random.Random(7)
    kills = 0
    for round_ in range(3):
        output = tmp_path / f"killed{round_}"
        for attempt in range(8):
            running = start(many, "-o", output, *options, TOY_SLEEP="0.05")
            seen = len(list(output.glob("records-*")))
            if attempt % 4 == 0:  # while it starts, plans, loads
                time.sleep(chance.random() * 4)
            else:  # while it works and commits
                while running.poll() is None and len(list(output.glob("records-*"))) == seen:
                    time.sleep(0.001)
                time.sleep(chance.random() * 0.3)
            kills += running.poll() is None
            running.kill()
            running.wait()
        finished = dossier(many, "-o", output, *options)
        assert finished.returncode == 2, finished.stderr.decode()
        assert tree(output) == expected
    assert kills >= 20


def test_killed_worker_is_replaced(inline: str, few: Path, tmp_path: Path) -> None:
    """A worker that the system kills costs time, not documents."""
    expected = whole(few, tmp_path / "whole", inline, shard_size=3)
    running = start(few, "-o", tmp_path / "out", "-p", inline, "--shard-size", 3, "--workers", 1, TOY_SLEEP="0.2")
    wait_for_files(tmp_path / "out", running)
    os.kill(workers_of(running)[0], signal.SIGKILL)
    assert running.wait(300) == 0
    assert tree(tmp_path / "out") == expected


def workers_of(running: "subprocess.Popen[bytes]") -> list[int]:
    """RETURNS (list[int]): Its worker processes."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"local.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_document_that_ends_the_process_is_a_failure(toy: str, few: Path, tmp_path: Path) -> None:
    """A document on which the pipeline's process dies is found, left out and reported; the rest is done."""
    with (few / "04.txt").open("a") as file:
        file.write("PLEASE CRASH\n")
    done = dossier(few, "-o", tmp_path / "out", "-p", toy, "--workers", 1)
    assert done.returncode == 2, done.stderr.decode()
    (row,) = failures(tmp_path / "out")
    assert (Path(row["source"]).name, row["stage"], row["error"]) == ("04.txt", "pipeline", "Crash")
    assert len(records(tmp_path / "out")) == 13


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_run(toy: str, few: Path, tmp_path: Path, number: int) -> None:
    """The run ends with the shell's code for an interruption and leaves no process; what is done stays done."""
    running = start(few, "-o", tmp_path / "out", "-p", toy, "--shard-size", 3, "--workers", 1, TOY_SLEEP="0.3")
    wait_for_files(tmp_path / "out", running)
    (worker,) = workers_of(running)
    running.send_signal(number)
    assert running.wait(60) == 130
    assert not Path(f"/proc/{worker}").exists()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"
    assert sorted(p.name for p in (tmp_path / "out" / ".dossier").glob("work-*")) == []
    assert records(tmp_path / "out")


@pytest.mark.slow
def test_second_run_on_a_busy_folder_exits_1(toy: str, many: Path, tmp_path: Path) -> None:
    """The second is refused at once, the first one finishes."""
    running = start(many, "-o", tmp_path / "out", "-p", toy, TOY_SLEEP="0.1")
    while not (tmp_path / "out" / ".dossier" / "ledger.sqlite").exists():
        time.sleep(0.01)
    second = dossier(many, "-o", tmp_path / "out", "-p", toy)
    assert second.returncode == 1
    assert re.search(rb"another run is writing .*process \d+", second.stderr)
    assert running.wait(300) == 2


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of its own; skipped where the system does not let us mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = []

    def mount(size: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a tmpfs is not allowed here")
        mounted.append(place)
        return place

    yield mount
    for one in mounted:
        subprocess.run(["umount", "-l", str(one)], check=False)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mount"), reason="needs mount")
@pytest.mark.parametrize("size", ["96k", "200k", "280k"])
def test_full_disk_is_one_error_and_the_run_goes_on(
    toy: str, many: Path, tmp_path: Path, tiny_disk: Callable[[str], Path], size: str
) -> None:
    """A disk that fills up costs exit code 1 and one line; with room again the same command finishes."""
    disk = tiny_disk(size)
    options = ("-p", toy, "--shard-size", 8, "--workers", 2, "--with-text")
    dossier(many, "-o", tmp_path / "whole", *options)
    done = dossier(many, "-o", disk / "out", *options)
    assert done.returncode == 1
    last = done.stderr.decode().strip().splitlines()[-1]
    assert "cannot be" in last
    assert "Traceback" not in done.stderr.decode()
    subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
    again = dossier(many, "-o", disk / "out", *options)
    assert again.returncode == 2, again.stderr.decode()
    assert tree(disk / "out") == tree(tmp_path / "whole")


class Watch(threading.Thread):
    """Measures the most memory a process tree ever has."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.most = 0
        self.samples: list[int] = []

    def run(self) -> None:
        while Path(f"/proc/{self.pid}/stat").exists():
            rss = process_tree_rss(self.pid)
            self.samples.append(rss)
            self.most = max(self.most, rss)
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not Path("/proc").exists(), reason="measures memory in /proc")
def test_files_as_people_really_have_them(toy: str, shared_data: Path, tmp_path: Path) -> None:
    """All the real files in one run: each is a record or a failure, none hangs, memory stays under 3 GB, exit 2."""
    running = start(shared_data / "documents", "-o", tmp_path / "out", "-p", toy, "--with-text", "--workers", 2)
    watch = Watch(running.pid)
    watch.start()
    assert running.wait(900) == 2
    assert watch.most < 3_000_000_000
    expected = {str(p) for p in (shared_data / "documents").rglob("*") if p.is_file()}
    ids = [r["id"] for r in records(tmp_path / "out")] + [f["source"] for f in failures(tmp_path / "out")]
    assert len(ids) == len(set(ids))
    owners = [next((path for path in expected if i == path or i.startswith((f"{path}!", f"{path}#"))), i) for i in ids]
    assert set(owners) == expected
    for record in records(tmp_path / "out"):
        for quoted in record["entities"] + record["summary_sentences"]:
            assert record["text"][quoted["start"] : quoted["end"]] == quoted["text"]
    novel = next(r for r in records(tmp_path / "out") if r["id"].endswith("2600-0.txt"))
    assert novel["n_chars"] > 3_200_000
    assert not {"Timeout", "Crash", "OutOfMemory"} & {f["error"] for f in failures(tmp_path / "out")}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="measures memory in /proc")
def test_twenty_thousand_small_documents_in_flat_memory(toy: str, tmp_path: Path) -> None:
    """Memory in the last third of a long run is what it was in the middle one."""
    base = tmp_path / "in"
    for number in range(20_000):
        folder = base / f"{number // 1000:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.txt").write_text(f"Word{number} and name{number * 7}. " + make_text(number, 12))
    running = start(base, "-o", tmp_path / "out", "-p", toy, "--workers", 1)
    watch = Watch(running.pid)
    watch.start()
    assert running.wait(900) == 0
    third = len(watch.samples) // 3
    assert max(watch.samples[-third:]) < max(watch.samples[third:-third]) + 60_000_000
    assert len(records(tmp_path / "out")) == 20_000
