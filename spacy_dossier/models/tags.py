"""Tag schemes of a sequence labeller: which tags there are, and which may follow which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import Ints

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

    def tags_of(self, spans: "Spans") -> Ints:
        """RETURNS (Ints): The tags of all tokens of all spans, one span after the other. Shape: (n_tokens,)"""
        sizes = spans.ends - spans.starts
        base = np.repeat(1 + len(self.prefixes) * spans.labels, sizes)
        last = np.cumsum(sizes) - 1
        first = last - sizes + 1
        place = np.full(len(base), self.prefixes.index("I"))
        if self.name == "BILUO":
            place[last] = self.prefixes.index("L")
        place[first] = self.prefixes.index("B")
        if self.name == "BILUO":
            place[first[sizes == 1]] = self.prefixes.index("U")
        return base + place

    def find_spans(self, tags: Ints) -> "Spans":
        """The entities of valid sequences of tags.

        tags (Ints): 0, which is O, beyond the end of a sequence. Shape: (N, T)
        """
        steps = tags.shape[1]
        flat = np.concatenate([tags, np.zeros((len(tags), 1), dtype=tags.dtype)], axis=1).ravel()
        prefix = np.array(["O", *self.prefixes * len(self.labels)])[flat]
        starts = np.flatnonzero(np.isin(prefix, ["B", "U"]))
        stops = np.flatnonzero(~np.isin(prefix, ["I", "L"]))
        ends = stops[np.searchsorted(stops, starts, side="right")]
        rows = starts // (steps + 1)
        before = rows * (steps + 1)
        return Spans(rows, starts - before, ends - before, (flat[starts] - 1) // len(self.prefixes))


@dataclass
class Spans:
    """Entities in a batch of sequences, row by row.

    rows, starts, ends, labels (Ints): The sequence, first token, the token after the last, and the label's place among
        those of the scheme, of each. Shape: (n_spans,)
    """

    rows: Ints
    starts: Ints
    ends: Ints
    labels: Ints

    def __len__(self) -> int:
        return len(self.rows)
