"""Which device is taken, and what is said where it cannot be. None of this needs a card."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from typer.testing import CliRunner

from spacy_dossier import devices
from spacy_dossier.cli.app import app
from spacy_dossier.devices import Card, Cuda, ask_process, find_device, parse, use_device
from spacy_dossier.errors import DossierError
from spacy_dossier.process.engine import CARD_BYTES
from spacy_dossier.process.local.engine import LocalEngine
from spacy_dossier.process.options import PipelineRef, RunOptions

GB = 1_000_000_000
CARDS = [Card(0, "First", 80 * GB, 78 * GB, True), Card(1, "Second", 16 * GB, 15 * GB, False)]
WORKS = Cuda("2.13.0", "13.0", "14.2.0", CARDS)
BROKEN = Cuda("2.13.0", "13.0", None, problem="cupy is not installed", remedy="Run pip install cupy-cuda13x")


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with NVIDIA's driver."""
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(devices, "DRIVERS", (str(tmp_path / "nvidiactl"),))


@pytest.mark.parametrize(
    ("given", "meant"),
    [("-1", "cpu"), ("cpu", "cpu"), ("0", "cuda:0"), ("3", "cuda:3"), ("cuda:1", "cuda:1"), ("auto", "auto")],
)
def test_devices_are_named_as_torch_and_as_spacy_do(given: str, meant: str) -> None:
    assert parse(given) == meant


def test_the_options_of_a_run_have_one_name_for_a_device() -> None:
    """For an engine asks whether it is the CPU."""
    assert [RunOptions(device=device).checked().device for device in ("-1", "0", "auto")] == ["cpu", "cuda:0", "auto"]


@pytest.mark.parametrize("given", ["gpu", "cuda:", "cuda:x", "-2", "", "cuda:-1"])
def test_what_is_no_device_is_refused(given: str) -> None:
    with pytest.raises(DossierError, match="unknown device"):
        parse(given)


def test_without_a_driver_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DRIVERS", ("/nowhere",))
    assert find_device("auto", ask=lambda: pytest.fail("torch was asked")) == ("cpu", None)
    assert find_device("cpu", ask=lambda: pytest.fail("torch was asked")) == ("cpu", None)


def test_a_card_that_works_is_taken(driver: None) -> None:
    assert find_device("auto", ask=lambda: WORKS) == ("cuda:0", CARDS[0])
    assert find_device("cuda", ask=lambda: WORKS) == ("cuda:0", CARDS[0])
    assert find_device("1", ask=lambda: WORKS) == ("cuda:1", CARDS[1])


def test_a_card_that_does_not_work_is_told_and_left(driver: None) -> None:
    """By auto; who asks for it gets an error with what mends it."""
    told: list[str] = []
    assert find_device("auto", told.append, ask=lambda: BROKEN) == ("cpu", None)
    assert told == [
        "the GPU cannot be used (cupy is not installed), so that the CPU does the work. Run pip install cupy-cuda13x"
    ]
    with pytest.raises(DossierError, match=r"cupy is not installed, found 'cuda'.*pip install cupy-cuda13x"):
        find_device("cuda", ask=lambda: BROKEN)


def test_a_card_that_is_not_there_is_one_line(driver: None) -> None:
    with pytest.raises(DossierError, match=r"no such GPU, found 'cuda:5'.*0 \(First\), 1 \(Second\)"):
        find_device("cuda:5", ask=lambda: WORKS)


@pytest.mark.skipif(torch.version.cuda is not None, reason="torch is built for CUDA")
def test_a_torch_for_the_cpu_is_told_with_what_mends_it() -> None:
    """As another process finds it."""
    found = ask_process()
    assert found.problem == f"torch {torch.__version__} is built for the CPU"
    assert found.remedy and "pip install --force-reinstall torch==" in found.remedy
    with pytest.raises(DossierError, match="built for the CPU"):
        use_device("cuda")


def test_a_process_that_dies_on_asking_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken driver may end it in ways of its own."""

    def dies(*args: Any, **kwargs: Any) -> Any:
        return subprocess.CompletedProcess(args, -11, "", "")

    monkeypatch.setattr(subprocess, "run", dies)
    assert ask_process().problem == "asking CUDA failed: exit code -11"


def test_the_answer_survives_its_way_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "ASK", ("-c", f"print({json.dumps(asdict(WORKS))!r})"))
    assert ask_process() == WORKS


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "pipeline", "c.spacy", "-o", "o"],
        ["calibrate", "pipeline", "c.spacy", "-o", "o"],
        ["process", "c", "-p", "pipeline"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize(("device", "message"), [("cuda:9", "GPU"), ("nonsense", "unknown device")])
def test_all_commands_take_a_device_and_refuse_it_in_one_line(
    arguments: list[str], device: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spacy.blank("en").to_disk("pipeline")
    Path("c").mkdir()
    Path("c", "a.txt").write_text("Anna sang.")
    Path("c.spacy").write_bytes(b"")
    done = CliRunner().invoke(app, [*arguments, "--device", device])
    assert done.exit_code == 1, done.output
    assert done.output.startswith("dossier: ") and message in done.output
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("cores", "workers", "free", "shards", "expected"),
    [
        (16, 0, 78 * GB, 99, (8, 2, 2)),  # half the cores
        (16, 0, 3 * CARD_BYTES, 99, (3, 5, 5)),  # as many as the card holds
        (16, 0, GB, 99, (1, 16, 16)),  # one always
        (16, 4, GB, 99, (4, 4, 4)),  # as asked
        (16, 0, 78 * GB, 2, (2, 8, 8)),  # no more than there are shards
        (2, 0, 78 * GB, 99, (1, 2, 2)),
    ],
)
def test_processes_on_a_card(
    cores: int, workers: int, free: int, shards: int, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes, threads of each, and processes that read for each."""
    monkeypatch.setattr("spacy_dossier.process.local.engine.usable_cores", lambda: cores)
    monkeypatch.setattr("spacy_dossier.process.local.engine.free_memory", lambda: 64 * GB)
    engine = LocalEngine(tmp_path, PipelineRef("", "", "", ""), RunOptions(workers=workers))
    assert engine.layout(shards, Card(0, "Card", 80 * GB, free, True)) == expected
