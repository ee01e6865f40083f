"""Keeps `nlp.pipe(n_process=…)` from hanging: a forked process inherits OpenMP's state but not its threads, so the
first parallel operation of torch in it would wait for them for ever. One thread a process is what pays there anyway.
"""

import os

import torch

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
