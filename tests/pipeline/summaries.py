"""Documents and pipelines that the summarizer's tests share."""

from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

BRIDGE = (
    "The town council voted on Monday to close the old bridge. Engineers had found cracks in two of its piers. "
    "Residents will use a ferry until spring. The bridge was built in 1931. Birds nest under the arches. "
    "Nobody was hurt. The mayor spoke for an hour."
)
BRIDGE_SUMMARY = "The council closed the old bridge after engineers found cracks.\nA ferry will run until spring."
RATES = (
    "Markets were calm at first. The central bank raised rates by a quarter point. Shares fell in Oslo. "
    "Analysts had expected the move. Coffee was served. Traders went home early."
)
RATES_SUMMARY = "The central bank raised rates by a quarter point.\nShares fell."
PAIRS = [(BRIDGE, BRIDGE_SUMMARY), (RATES, RATES_SUMMARY)]

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 32,
    "depth": 1,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}
MODEL = {
    "@architectures": "spacy-dossier.SentenceRanker.v1",
    "tok2vec": TOK2VEC,
    "members": 2,
    "dropout": 0.0,
    "vector_dropout": 0.0,
}


def make_nlp(**config: Any) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("summarizer", config={"model": MODEL, "sentences": 3, **config})
    return nlp


def reference(nlp: Language, text: str, summary: str | None) -> Doc:
    doc = nlp.make_doc(text)
    if summary is not None:
        doc.user_data["summary_reference"] = summary
        ends = [token.i + 1 for token in doc if token.text == "."]
        starts = [0, *ends[:-1]]
        doc.spans["sentences"] = [Span(doc, start, end) for start, end in zip(starts, ends, strict=True)]
    return doc


def make_examples(nlp: Language) -> list[Example]:
    return [Example(nlp.make_doc(text), reference(nlp, text, summary)) for text, summary in PAIRS]


def train(nlp: Language, examples: list[Example], steps: int = 40) -> list[float]:
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    return [nlp.update(examples, sgd=optimizer)["summarizer"] for _ in range(steps)]


def untrained(method: str = "centrality", **config: Any) -> Language:
    nlp = make_nlp(method=method, **config)
    nlp.initialize()
    return nlp


def texts(spans: Any) -> list[str]:
    return [span.text for span in spans]


def summary_of(doc: Doc) -> list[str]:
    return texts(doc.spans["summary"])
