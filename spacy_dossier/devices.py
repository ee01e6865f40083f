"""What pipelines run on: the CPU, or a CUDA card on which both torch and cupy compute.

`python -m spacy_dossier.devices` says as JSON what there is: asked in a process of its own, so that the one that asks
holds no memory of a card.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .errors import DossierError

CHOICES = "auto, cpu, cuda or cuda:N; or by spaCy's numbers, -1 for the CPU, 0 …"
ASK = ("-m", "spacy_dossier.devices")
# What NVIDIA's driver shows of itself, on Linux and in WSL2
DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")


@dataclass(frozen=True)
class Card:
    """A card. memory, free (int): Bytes. bfloat16 (bool): Does it multiply in it?"""

    number: int
    name: str
    memory: int
    free: int
    bfloat16: bool


@dataclass(frozen=True)
class Cuda:
    """What this Python has of CUDA.

    torch, cupy (str | None): Versions.
    torch_cuda (str | None): What torch is built for; None for the CPU.
    cards (list[Card]): On which something can be computed, if there is no problem.
    problem, remedy (str | None): Why no card can be used, and what mends it.
    """

    torch: str | None = None
    torch_cuda: str | None = None
    cupy: str | None = None
    cards: list[Card] = field(default_factory=list)
    problem: str | None = None
    remedy: str | None = None


def parse(device: str) -> str:
    """RETURNS (str): auto, cpu, cuda or cuda:N. RAISES (DossierError): It is none of CHOICES."""
    if device == "-1":
        return "cpu"
    if device.isdecimal():
        return f"cuda:{int(device)}"
    if device in ("auto", "cpu", "cuda") or (device.startswith("cuda:") and device[5:].isdecimal()):
        return device
    raise DossierError("unknown device", value=device, remedy=f"Choose one of {CHOICES}")


def find_device(
    device: str, notice: Callable[[str], None] = lambda line: None, *, ask: Callable[[], Cuda] | None = None
) -> tuple[str, Card | None]:
    """Choose what to run on.

    device (str): One of CHOICES. With auto the first card, where there is one that works.
    notice (Callable): Told why auto does not take a card that is there.
    ask (Callable): Says what there is; by default another process does, so that this one holds memory of one card only.
    RETURNS (tuple[str, Card | None]): "cpu" or "cuda:N", and the card.
    RAISES (DossierError): A card was asked for and is not there, or cannot be used.
    """
    wanted = parse(device)
    if wanted == "cpu" or (wanted == "auto" and not has_driver()):
        return "cpu", None  # and torch, which takes seconds to import, need not be asked
    cuda = (ask or ask_process)()
    if cuda.problem and wanted == "auto":
        notice(f"the GPU cannot be used ({cuda.problem}), so that the CPU does the work. {cuda.remedy}")
        return "cpu", None
    if cuda.problem:
        raise DossierError(f"no GPU can be used: {cuda.problem}", value=device, remedy=f"{cuda.remedy}, or choose cpu")
    number = int(wanted.partition(":")[2] or 0)
    if number >= len(cuda.cards):
        there = ", ".join(f"{card.number} ({card.name})" for card in cuda.cards)
        raise DossierError("there is no such GPU", value=device, remedy=f"Those that are there: {there}")
    return f"cuda:{number}", cuda.cards[number]


def has_driver() -> bool:
    """RETURNS (bool): Is there a driver of NVIDIA's?"""
    return any(Path(path).exists() for path in DRIVERS)


def use_device(device: str, notice: Callable[[str], None] = lambda line: None) -> str:
    """Make this process use a device, before it loads a pipeline.

    RETURNS (str): "cpu" or "cuda:N".
    RAISES (DossierError): As `find_device`.
    """
    chosen, _ = find_device(device, notice)
    set_device(chosen)
    return chosen


def set_device(chosen: str) -> None:
    """Make this thread use a device. chosen (str): "cpu" or "cuda:N", as `find_device` gives it."""
    import spacy

    if chosen == "cpu":
        spacy.require_cpu()
    else:
        spacy.require_gpu(int(chosen.partition(":")[2]))


def ask_process() -> Cuda:
    """RETURNS (Cuda): What another process finds, which may fail in ways of its own."""
    done = subprocess.run([sys.executable, *ASK], capture_output=True, text=True, errors="replace", check=False)
    try:
        values: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = " ".join((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].split())
        return Cuda(problem=f"asking CUDA failed: {said}", remedy="See what `nvidia-smi` says")
    return Cuda(cards=[Card(**card) for card in values.pop("cards")], **values)


def examine() -> Cuda:
    """RETURNS (Cuda): What this process finds, which holds memory of the cards from then on."""
    import torch

    found: dict[str, Any] = {
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda,
        "cupy": next((v for name in ("cupy-cuda13x", "cupy-cuda12x", "cupy") if (v := installed(name))), None),
    }
    if torch.version.cuda is None:
        return Cuda(**found, problem=f"torch {torch.__version__} is built for the CPU", remedy=f"Run {reinstall()}")
    if not torch.cuda.is_available():
        return Cuda(
            **found, problem="torch finds no card, or a driver too old", remedy="See what `nvidia-smi` says of both"
        )
    package = f"cupy-cuda{torch.version.cuda.partition('.')[0]}x"
    try:
        import cupy
        import cupy.cublas
        import cupyx  # noqa: F401
    except Exception as error:  # of libraries that are not found, each in its own way
        reason = f"cupy does not load ({said(error)})" if found["cupy"] else "cupy is not installed"
        return Cuda(**found, problem=reason, remedy=f'Run pip install "{package}[ctk]"')
    try:
        cards = [try_card(number, torch, cupy) for number in range(torch.cuda.device_count())]
    except Exception as error:
        return Cuda(
            **found,
            problem=f"nothing can be computed ({said(error)})",
            remedy=f'Check the driver; run pip install "{package}[ctk]" for CUDA {torch.version.cuda}',
        )
    return Cuda(**found, cards=cards)


def try_card(number: int, torch: Any, cupy: Any) -> Card:
    """RETURNS (Card): A card on which both libraries have multiplied and compiled something. RAISES: What they like."""
    device = torch.device("cuda", number)
    ones = torch.ones((8, 8), device=device)
    assert float((ones @ ones).sum()) == 512
    with cupy.cuda.Device(number):
        twos = cupy.full((8, 8), 2.0, dtype="f")
        assert float((twos @ twos + 1).sum()) == 64 * 33
    free, memory = torch.cuda.mem_get_info(device)
    with torch.cuda.device(device):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Card(number, torch.cuda.get_device_name(device), memory, free, bfloat16)


def reinstall() -> str:
    """RETURNS (str): The command that puts a torch for CUDA in the place of one for the CPU."""
    import torch

    plain = torch.__version__.partition("+")[0]
    return f"pip install --force-reinstall torch=={plain} --index-url https://pypi.org/simple"


def installed(name: str) -> str | None:
    """RETURNS (str | None): Version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def said(error: Exception) -> str:
    """RETURNS (str): What an exception says, in a line of readable length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


if __name__ == "__main__":
    print(json.dumps(asdict(examine())))
