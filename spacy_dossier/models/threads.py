"""Threads of PyTorch in a forked process."""

import os

import torch

_process = os.getpid()  # that PyTorch's threads belong to


def leave_threads_behind() -> None:
    """Keep `nlp.pipe(n_process=…)` from hanging; to be called before PyTorch computes.

    A forked process inherits the state of OpenMP's pool but not its threads, so the first operation that is shared out
    among them, of an encoder its embeddings, waits for them for ever. One thread a process is what pays there anyway.
    """
    global _process
    if _process != os.getpid():
        torch.set_num_threads(1)
        _process = os.getpid()
