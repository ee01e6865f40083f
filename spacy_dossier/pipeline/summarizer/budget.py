"""How much a summary may hold: one rule for `doc._.summarize`, the component and the commands."""

from dataclasses import dataclass, fields
from typing import Any

from ...errors import DossierError


@dataclass(frozen=True)
class SummaryBudget:
    """The limits of a summary. All that are given are kept, but a document with any sentence gets one at least: where
    none fits, the best one. Without any limit, it is for the pipeline to say how long a summary is.

    sentences (int | None): Most sentences.
    words (int | None): Most words, divided by white space.
    characters (int | None): Most characters, with a space between sentences.
    ratio (float | None): Most sentences, as a share of the document's.
    """

    sentences: int | None = None
    words: int | None = None
    characters: int | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        """RAISES (DossierError): A limit that no summary can keep, or that is none."""
        for name, limit in self.given.items():
            if name == "ratio" and not 0 < limit <= 1:
                raise DossierError("the summary's budget 'ratio' must be above 0 and at most 1", value=limit)
            if name != "ratio" and not limit >= 1:
                raise DossierError(f"the summary's budget '{name}' must be 1 at least", value=limit)

    @property
    def given(self) -> dict[str, Any]:
        """The limits that are set, by name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: limit for name, limit in pairs if limit is not None}

    def required(self) -> "SummaryBudget":
        """RETURNS (SummaryBudget): The budget itself. RAISES (DossierError): It has no limit."""
        if not self.given:
            names = ", ".join(field.name for field in fields(self))
            raise DossierError("a summary needs a budget", remedy=f"Set one of {names}")
        return self

    @property
    def in_sentences(self) -> bool:
        """Whether it is sentences that count, not their length alone."""
        return self.sentences is not None or self.ratio is not None

    def max_sentences(self, n: int) -> int:
        """Most sentences for a document of n."""
        limits = [n]
        if self.sentences is not None:
            limits.append(int(self.sentences))
        if self.ratio is not None:
            limits.append(max(1, round(self.ratio * n)))
        return min(limits)
