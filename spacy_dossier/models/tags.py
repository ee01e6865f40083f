"""Tag schemes of a sequence labeller: which tags there are, and which may follow which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PREFIXES = {"BILUO": "BILU", "IOB2": "BI"}


@dataclass(frozen=True)
class TagScheme:
    """The tags over a list of labels: O first, then each label's in the order of the scheme's prefixes.

    A new label's tags come last, so that a trained model grows by rows.

    name (str): "BILUO" or "IOB2".
    labels (tuple[str, ...]): The entity labels.
    """

    name: str
    labels: tuple[str, ...]

    @property
    def prefixes(self) -> str:
        return PREFIXES[self.name]

    @property
    def tags(self) -> list[str]:
        return ["O", *(f"{prefix}-{label}" for label in self.labels for prefix in self.prefixes)]

    def __len__(self) -> int:
        return 1 + len(self.labels) * len(self.prefixes)

    def index(self, prefix: str, label: str) -> int:
        return 1 + self.labels.index(label) * len(self.prefixes) + self.prefixes.index(prefix)

    def allowed(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """RETURNS: Which tag may follow which, which may begin a sequence, which may end one.
        Shapes: (L, L), (L,), (L,)
        """
        n_labels = len(self.labels)
        prefix = np.array(["O", *self.prefixes * n_labels])
        label = np.concatenate([[-1], np.repeat(np.arange(n_labels), len(self.prefixes))])
        opened, continues = np.isin(prefix, ["B", "I"]), np.isin(prefix, ["I", "L"])
        ends_anywhere = self.name == "IOB2"  # in BILUO what is opened must be closed by L-
        same = label[:, None] == label
        follow = np.where(continues, opened[:, None] & same, ~opened[:, None] | ends_anywhere)
        return follow, ~continues, ~opened | ends_anywhere

    def span_tags(self, length: int, label: str) -> list[int]:
        """The tags of an entity of so many tokens."""
        if self.name == "BILUO":
            if length == 1:
                return [self.index("U", label)]
            return [self.index("B", label), *[self.index("I", label)] * (length - 2), self.index("L", label)]
        return [self.index("B", label), *[self.index("I", label)] * (length - 1)]

    def spans(self, tags: Sequence[int]) -> list[tuple[int, int, str]]:
        """The entities of a valid sequence of tags, as (start, end, label) with the end not included."""
        found = []
        start = -1
        label = ""
        n = len(self.prefixes)
        for i, tag in enumerate([*tags, 0]):
            prefix = "O" if tag == 0 else self.prefixes[(tag - 1) % n]
            if start >= 0 and prefix not in "IL":
                found.append((start, i, label))
                start = -1
            if prefix in "BU":
                start, label = i, self.labels[(tag - 1) // n]
        return found
