"""spaCy's rule tokenizer within bounds: what takes it hours is given to it in parts."""

from __future__ import annotations

import re
from typing import Any

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# It takes one affix after the other off a run without white space, and looks at the rest again each time. Affixes are
# marks, and marks with a letter as in 's: 5,000 characters of them take it 2 s, 100 take it 1 ms.
MOST_AFFIXES = 100
AFFIXES = re.compile(rf"(?:_|[^\w\s](?:(?<!/)\w)?){{{MOST_AFFIXES // 2},}}")  # a/b/c is a path
MOST_CHARS = 5_000  # of anything without white space
ENDLESS = re.compile(rf"\S{{{MOST_CHARS},}}")


class BoundedTokenizer:
    """spaCy's rule tokenizer, given endless runs without white space in parts.

    inner (Tokenizer): The pipeline's tokenizer.
    """

    def __init__(self, inner: Tokenizer) -> None:
        self.inner = inner

    def __call__(self, text: str) -> Doc:
        cuts = [0, *find_cuts(text)]
        if len(cuts) == 1:
            return self.inner(text)
        parts = [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
        made = {part: self.inner(part) for part in dict.fromkeys(parts)}  # most of them are alike
        joined = Doc.from_docs([made[part] for part in parts], ensure_whitespace=False)
        assert joined is not None
        return joined

    def __getattr__(self, name: str) -> Any:
        if name == "inner" or name.startswith("__"):  # which copy and pickle ask for before there is an inner one
            raise AttributeError(name)
        return getattr(self.inner, name)


def find_cuts(text: str) -> list[int]:
    """RETURNS (list[int]): Where a text is cut, in order."""
    cuts: set[int] = set()
    for run in AFFIXES.finditer(text):
        for cut in range(run.start() + MOST_AFFIXES, run.end(), MOST_AFFIXES):
            cuts.add(cut - 1 if text[cut].isalnum() else cut)  # a letter stays behind its mark
    for run in ENDLESS.finditer(text):
        cuts.update(range(run.start() + MOST_CHARS, run.end(), MOST_CHARS))
    return sorted(cuts)


def bound_tokenizer(nlp: Language) -> None:
    """Bound the tokenizer of a pipeline, where it is spaCy's own."""
    if isinstance(nlp.tokenizer, Tokenizer):
        nlp.tokenizer = BoundedTokenizer(nlp.tokenizer)
