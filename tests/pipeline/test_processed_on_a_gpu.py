"""What `dossier process` does with a pipeline, on a stand-in for a GPU."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from spacy_dossier.process.infer import analyze, enlarge_batches
from spacy_dossier.process.record import Findings
from spacy_dossier.process.sections import Wanted

from ..card.counts import Counts
from .conftest import TEXT

TEXTS = [TEXT, "", " \n\n ", "Short.", TEXT * 6, "Anna Kovacs met nobody. It rained.\n\nShe left Oslo.", TEXT * 2]


def findings(nlp: Language, texts: list[str], *, gpu: bool) -> list[Findings]:
    """RETURNS (list[Findings]): Of each text."""
    found = dict(analyze(nlp, texts, Wanted(), gpu=gpu))
    results = [found[number] for number in range(len(texts))]
    assert all(isinstance(result, Findings) for result in results)
    return [result for result in results if isinstance(result, Findings)]


def assert_same(one: list[Findings], other: list[Findings]) -> None:
    """Entities and sentences are the same, their scores to rounding."""
    for left, right in zip(one, other, strict=True):
        assert left.n_tokens == right.n_tokens
        for name in ("entities", "sentences"):
            rows = list(zip(getattr(left, name), getattr(right, name), strict=True))
            assert [(a.start, a.end) for a, _ in rows] == [(b.start, b.end) for _, b in rows]
        confidences = [[ent.confidence for ent in found.entities] for found in (left, right)]
        assert confidences[0] == pytest.approx(confidences[1], abs=1e-5)


def test_the_findings_are_those_of_the_cpu(card: Counts, whole_folder: Path) -> None:
    """With the batches of a card, too."""
    nlp = spacy.load(whole_folder)
    enlarge_batches(nlp)
    on_card = findings(nlp, TEXTS, gpu=True)
    assert sum(len(found.entities) for found in on_card) and sum(len(found.sentences) for found in on_card)
    spacy.require_cpu()
    assert_same(on_card, findings(spacy.load(whole_folder), TEXTS, gpu=False))


class Full:
    """A pipeline on a card that holds two documents."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.nlp, name)

    def pipe(self, texts: list[str], batch_size: int) -> Iterator[Doc]:
        self.batches.append(len(texts))
        if len(texts) > 2:
            list(self.nlp.pipe(texts, batch_size=batch_size))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.nlp.pipe(texts, batch_size=batch_size)


def test_a_full_card_is_freed_and_the_work_goes_on(card: Counts, whole_folder: Path) -> None:
    full = Full(spacy.load(whole_folder))
    found = findings(full, TEXTS, gpu=True)  # type: ignore[arg-type]
    assert max(full.batches) == len(TEXTS) and min(full.batches) <= 2
    assert_same(found, findings(full.nlp, TEXTS, gpu=True))
