"""What an exception of the pipeline means: a document's fault, too little memory, a card that computes no more."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..read.extract import one_line
from ..read.failures import FailureKind

T = TypeVar("T")

# In the words of torch on either device, of CUDA's runtime and of its libraries. Where no memory is left for its
# workspace, cuBLAS is said to be not initialized.
MEMORY = re.compile(
    r"out of memory|can't allocate memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY"
    r"|CU[A-Z]+_STATUS_ALLOC_FAILED|CUBLAS_STATUS_NOT_INITIALIZED",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class DocFailure:
    """What the pipeline raised on a document, alone.

    kind (FailureKind): PipelineError or OutOfMemory.
    """

    kind: FailureKind
    message: str

    @property
    def is_memory(self) -> bool:
        """Whether there was too little memory: on another machine, or alone, the document may go through."""
        return self.kind == "OutOfMemory"


class CardLost(Exception):
    """The card does nothing more for this process, which has to end. Neither a document's fault nor to be caught."""


def attempt(work: Callable[[], T]) -> T | DocFailure:
    """Do something with the pipeline, which may raise what it likes.

    RETURNS (T | DocFailure): What it gave; or why it gave nothing, when all that it held is let go.
    RAISES (CardLost): The card is of no more use to this process.
    """
    try:
        return work()
    except (Exception, SystemExit) as error:
        # Nothing more is done in here, where the exception holds the frames of what failed, with all that is in them.
        failure = failure_of(error)
    if reason := lost():
        raise CardLost(reason)
    if failure.is_memory:
        free_memory()
    return failure


def failure_of(error: BaseException) -> DocFailure:
    """RETURNS (DocFailure): What is told of an exception; nothing of it is kept."""
    if out_of_memory(error):
        return DocFailure("OutOfMemory", one_line(str(error)) or "there is too little memory for it")
    return DocFailure("PipelineError", one_line(f"{type(error).__name__}: {error}"))


def out_of_memory(error: BaseException) -> bool:
    """RETURNS (bool): Did memory run out, on the host or on a card? Libraries say it in types of their own."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and bool(MEMORY.search(str(error)))


def lost() -> str | None:
    """Some errors end a CUDA context, as an address out of bounds, an assertion in a kernel, or a fault of the card:
    then all that follows in the process fails, whatever document it is for.

    RETURNS (str | None): What the card says when it is asked to finish its work; None where it does.
    """
    torch = sys.modules.get("torch")
    try:
        if torch and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        elif on_card():
            sys.modules["cupy"].cuda.runtime.deviceSynchronize()
    except RuntimeError as error:  # of which both libraries' own errors are kinds
        return None if out_of_memory(error) else one_line(str(error))
    return None


def on_card() -> bool:
    """RETURNS (bool): Does this thread compute with cupy? That may be installed, and be of no use without a driver."""
    from thinc.api import get_current_ops  # here, for the coordinator, which reads this module, needs none of it

    return get_current_ops().name == "cupy"


def free_memory() -> None:
    """Give back what the failed work held: to the host, and what is cached to the card.

    cupy takes its memory from torch (thinc's PyTorchShim has it so), through a pool of thinc's own, which is therefore
    to give it back first.
    """
    gc.collect()
    if on_card():
        from thinc.backends import context_pools

        for pool in context_pools.get().values():
            pool.free_all_blocks()
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
