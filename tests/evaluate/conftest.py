"""Random annotated documents with predictions, as tags for the oracles and as pairs for the package."""

from dataclasses import dataclass

import numpy as np
import pytest
from spacy.tokens import Doc, Span

from spacy_dossier.evaluate.corpus import PredictedDoc, ScoredEntity
from spacy_dossier.evaluate.entities import Pair, pair

from .pipelines import VOCAB, distorted, iob2, random_spans


@dataclass
class Sample:
    pairs: list[Pair]
    gold_tags: list[list[str]]
    predicted_tags: list[list[str]]
    gold_spans: list[list[tuple[int, int, str]]]
    predicted_spans: list[list[tuple[int, int, str]]]


@pytest.fixture(params=range(3))
def sample(request: pytest.FixtureRequest) -> Sample:
    """Sixty documents with some thousand entities. LAW is predicted, but never annotated; DATE the other way round."""
    rng = np.random.default_rng(request.param)
    made = Sample([], [], [], [], [])
    for _ in range(60):
        n = int(rng.integers(1, 60))
        gold = random_spans(rng, n, ("LOC", "ORG", "PER", "DATE"))
        predicted = distorted(rng, [span for span in gold if span[2] != "DATE"], n, ("LOC", "ORG", "PER", "LAW"))
        doc = Doc(VOCAB, words=["x" * int(rng.integers(1, 9)) for _ in range(n)])
        doc.set_ents([Span(doc, *span) for span in gold], default="outside")
        entities = [ScoredEntity(doc[i].idx, doc[j - 1].idx + len(doc[j - 1]), label) for i, j, label in predicted]
        made.pairs.append(pair(doc, PredictedDoc(entities, None)))
        made.gold_tags.append(iob2(gold, n))
        made.predicted_tags.append(iob2(predicted, n))
        made.gold_spans.append(gold)
        made.predicted_spans.append(predicted)
    return made
