"""The C library's heap of a worker: what it frees is kept for the next batch, and given back now and then."""

import ctypes

# By default glibc gives memory of the size of a batch's activations back to the system at once and asks for it anew,
# and each page is then a page fault. These are `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of malloc.h.
THRESHOLDS = (-1, -3)
KEPT_BYTES = 256 << 20
EVERY = 50_000  # words; texts of many lengths leave gaps, with which the heap grows though all of it is free


class Heap:
    """Does nothing where the C library is not glibc."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self.trim = getattr(library, "malloc_trim", None)
        self.words = 0
        if self.trim is not None:
            for threshold in THRESHOLDS:
                library.mallopt(threshold, KEPT_BYTES)

    def used(self, words: int) -> None:
        """words (int): So many more went through the pipeline."""
        self.words += words
        if self.words >= EVERY and self.trim is not None:
            self.trim(0)
            self.words = 0
