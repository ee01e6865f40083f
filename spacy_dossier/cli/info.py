"""`dossier info`: what pipelines can run on here, and what is missing for a GPU."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..devices import Cuda

PACKAGES = ("spacy-dossier", "spacy", "thinc", "spacy-transformers", "transformers", "onnxruntime", "ray")


def info_cli() -> None:
    """Show versions, processor, GPUs, and what is missing to use them, with the command that mends it."""
    from ..devices import examine

    for line in info(examine()):
        typer.echo(line)


def info(cuda: "Cuda") -> Iterator[str]:
    """YIELDS (str): Lines. cuda (Cuda): What was found of CUDA."""
    import platform

    from ..devices import has_driver, installed
    from ..models.runtime import computes_bfloat16
    from ..process.engine import free_memory, usable_cores

    found = [f"{name} {version}" for name in PACKAGES if (version := installed(name))]
    yield f"{', '.join(found)}, Python {platform.python_version()}"
    yield f"torch {cuda.torch}, for {f'CUDA {cuda.torch_cuda}' if cuda.torch_cuda else 'the CPU'}"
    yield f"cupy {cuda.cupy or 'not installed'}"
    types = types_of(computes_bfloat16("cpu"))
    yield f"CPU: {usable_cores()} cores, {free_memory() / 1e9:.0f} GB of memory free, computes in {types}"
    yield f"NVIDIA's driver {'is there' if has_driver() else 'is not there'}"
    for card in cuda.cards:
        memory = f"{card.memory / 1e9:.0f} GB of memory, {card.free / 1e9:.0f} free"
        yield f"GPU cuda:{card.number}: {card.name}, {memory}, computes in {types_of(card.bfloat16)}"
    if cuda.problem:
        yield f"No GPU can be used: {cuda.problem}. {cuda.remedy}"
    yield f"With --device auto: {'cpu' if cuda.problem else 'cuda:0'}"


def types_of(bfloat16: bool) -> str:
    return "float32 and bfloat16" if bfloat16 else "float32"
