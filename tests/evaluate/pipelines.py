"""Small pipelines and corpora for the tests of scores: an entity ruler, and a component that sets confidences."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

VOCAB = Vocab()
LABELS = ("LOC", "ORG", "PER")


@Language.factory("test_confidence")
class ConfidencePipe:
    """Gives every entity the confidence that `cfg["table"]` has for its text, and 0.5 to the others."""

    def __init__(self, nlp: Language, name: str) -> None:
        from spacy_dossier.pipeline.extensions import register_confidence

        register_confidence()
        self.cfg: dict[str, Any] = {"temperature": 1.0, "calibration": None, "table": {}}

    def __call__(self, doc: Doc) -> Doc:
        from spacy_dossier.models.calibration import Calibration
        from spacy_dossier.pipeline.extensions import set_confidence

        for ent in doc.ents:
            confidence = self.cfg["table"].get(ent.text, 0.5)
            if self.cfg["calibration"]:
                confidence = float(Calibration.from_dict(self.cfg["calibration"]).apply(np.array(confidence)))
            set_confidence(doc, ent.start_char, ent.end_char, ent.label_, confidence)
        return doc

    def to_disk(self, path: Path, exclude: Iterable[str] = ()) -> None:
        Path(path).mkdir(exist_ok=True)
        srsly.write_json(Path(path) / "cfg", self.cfg)

    def from_disk(self, path: Path, exclude: Iterable[str] = ()) -> "ConfidencePipe":
        self.cfg = srsly.read_json(Path(path) / "cfg")
        return self


def make_doc(text: str, entities: Sequence[tuple[str, str]] = (), *, starts: Sequence[int] = ()) -> Doc:
    """A document of the words between single spaces, with the first span of each text as entity.

    entities (Sequence[tuple[str, str]]): Text and label of each.
    starts (Sequence[int]): Tokens that start a sentence, besides the first; without any there is no annotation.
    """
    words = text.split(" ")
    doc = Doc(VOCAB, words=words, spaces=[True] * (len(words) - 1) + [False])
    spans: list[Span] = []
    for part, label in entities:
        at = doc.text.index(part, spans[-1].end_char if spans else 0)
        span = doc.char_span(at, at + len(part), label=label)
        assert span is not None, part
        spans.append(span)
    doc.set_ents(spans, default="outside")
    if starts:
        for token in doc:
            token.is_sent_start = token.i == 0 or token.i in starts
    return doc


def ruler(patterns: dict[str, str]) -> Language:
    """A pipeline that finds these texts with these labels."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_ruler").add_patterns([{"pattern": text, "label": label} for text, label in patterns.items()])
    return nlp


def random_spans(rng: np.random.Generator, n_tokens: int, labels: Sequence[str] = LABELS) -> list[tuple[int, int, str]]:
    """Random entities over tokens, at times one right after the other."""
    spans = []
    at = 0
    while True:
        start = at + int(rng.integers(0, 4))
        end = start + int(rng.integers(1, 4))
        if end > n_tokens:
            return spans
        spans.append((start, end, str(rng.choice(labels))))
        at = end


def distorted(
    rng: np.random.Generator, spans: Sequence[tuple[int, int, str]], n_tokens: int, labels: Sequence[str] = LABELS
) -> list[tuple[int, int, str]]:
    """What a fair model might predict: mostly the same entities, some dropped, moved, relabelled or made up."""
    found: list[tuple[int, int, str]] = []
    for start, end, label in spans:
        fate = rng.random()
        if fate < 0.1:
            continue
        if fate < 0.2:
            label = str(rng.choice(labels))
        if fate > 0.8:
            start, end = start + int(rng.integers(-1, 2)), end + int(rng.integers(-1, 2))
        start, end = max(start, found[-1][1] if found else 0), min(end, n_tokens)
        if start < end:
            found.append((start, end, label))
    if found and found[-1][1] < n_tokens - 1 and rng.random() < 0.5:
        found.append((n_tokens - 1, n_tokens, str(rng.choice(labels))))
    return found


def iob2(spans: Sequence[tuple[int, int, str]], n_tokens: int) -> list[str]:
    """Tags written out independently of the package."""
    tags = ["O"] * n_tokens
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags
