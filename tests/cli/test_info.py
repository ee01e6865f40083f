"""`dossier info`: what it says of a machine."""

import torch
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.cli.info import info
from spacy_dossier.devices import Card, Cuda, reinstall

GB = 1_000_000_000


def test_this_machine_is_described() -> None:
    """Versions, cores, and for a torch of the CPU what mends it."""
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 0, done.output
    assert f"torch {torch.__version__}, for " in done.output
    if torch.version.cuda is None:
        assert f"Run {reinstall()}" in done.output
        assert done.output.splitlines()[-1] == "With --device auto: cpu"


def test_cards_are_described() -> None:
    cards = [
        Card(0, "First", 80_000_000_000, 78_000_000_000, True),
        Card(1, "Old", 8_000_000_000, 1_000_000_000, False),
    ]
    lines = list(info(Cuda("2.13.0", "13.0", "14.2.0", cards)))
    assert lines[1:3] == ["torch 2.13.0, for CUDA 13.0", "cupy 14.2.0"]
    assert lines[5:] == [
        "GPU cuda:0: First, 80 GB of memory, 78 free, computes in float32 and bfloat16",
        "GPU cuda:1: Old, 8 GB of memory, 1 free, computes in float32",
        "With --device auto: cuda:0",
    ]


def test_what_is_missing_is_told_with_the_command_that_mends_it() -> None:
    broken = Cuda("2.13.0", "13.0", None, problem="cupy is not installed", remedy='Run pip install "cupy-cuda13x[ctk]"')
    lines = list(info(broken))
    assert lines[-2:] == [
        'No GPU can be used: cupy is not installed. Run pip install "cupy-cuda13x[ctk]"',
        "With --device auto: cpu",
    ]
