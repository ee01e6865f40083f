"""The pipeline on a stand-in for a GPU: it trains, predicts as on the CPU, and seldom waits for the card."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Adam

from spacy_dossier.evaluate.calibrate import calibrate
from spacy_dossier.process.infer import enlarge_batches

from ..card.counts import Counts
from .conftest import TEXT, whole_examples
from .summaries import MODEL, TOK2VEC, make_examples

TEXTS = [TEXT, "", " \n\n ", "Short.", TEXT * 6, "Anna Kovacs met nobody. It rained.\n\nShe left Oslo."]


def assert_same(one: Doc, other: Doc) -> None:
    """What a user sees is the same; numbers agree to rounding."""
    assert [(ent.text, ent.label_) for ent in one.ents] == [(ent.text, ent.label_) for ent in other.ents]
    assert [sent.start for sent in one.sents] == [sent.start for sent in other.sents]
    assert one._.summary == other._.summary
    for spans, name in (("ents", "confidence"), ("sents", "salience")):
        values = [[span._.get(name) or 0.0 for span in getattr(doc, spans)] for doc in (one, other)]
        np.testing.assert_allclose(*values, atol=1e-5)


def places(nlp: Language) -> set[str]:
    """Where the weights of all layers, the weights and buffers of all modules, and what inference runs in are."""
    nodes = [node for _, pipe in nlp.pipeline if hasattr(pipe, "model") for node in pipe.model.walk()]
    params = [node.get_param(name) for node in nodes for name in node.param_names if node.has_param(name)]
    shims = [shim for node in nodes for shim in node.shims]
    modules = [part for shim in shims for part in (shim._model, getattr(shim, "_encode", None)) if part is not None]
    tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    assert len(modules) == 3 and len(params) > 10 and len(tensors) > 50
    return {type(array).__module__.split(".")[0] for array in params} | {tensor.device.type for tensor in tensors}


ON_CARD, ON_CPU = {"meta", "tests"}, {"cpu", "numpy"}


def test_all_weights_are_where_the_pipeline_is(card: Counts, whole_folder: Path) -> None:
    """Loaded on a GPU, moved to the CPU and back; the results are the same everywhere."""
    nlp = spacy.load(whole_folder)
    on_card = nlp(TEXT)
    assert places(nlp) == ON_CARD
    pipes = [pipe for _, pipe in nlp.pipeline if hasattr(pipe, "model")]
    spacy.require_cpu()
    for pipe in pipes:
        pipe.model.to_cpu()
    assert_same(nlp(TEXT), on_card)
    assert places(nlp) == ON_CPU
    spacy.require_gpu()
    for pipe in pipes:
        pipe.model.to_gpu(0)
    assert_same(nlp(TEXT), on_card)
    assert places(nlp) == ON_CARD


def test_results_are_those_of_the_cpu(card: Counts, whole_folder: Path) -> None:
    """Of empty, blank and long texts too, in one batch."""
    on_card = list(spacy.load(whole_folder).pipe(TEXTS))
    spacy.require_cpu()
    nlp = spacy.load(whole_folder)
    card.clear()
    for doc, other in zip(nlp.pipe(TEXTS), on_card, strict=True):
        assert_same(doc, other)
    assert card.copies == card.syncs == 0


def test_a_trained_pipeline_is_used_and_trained_on(card: Counts, whole_folder: Path, tmp_path: Path) -> None:
    """Reasons, queries, a new label, calibration, more training; then stored, and loaded on the CPU."""
    nlp = spacy.load(whole_folder)
    doc = nlp(TEXT)
    summarizer, recogniser = nlp.get_pipe("summarizer"), nlp.get_pipe("crf_ner")
    assert all(summarizer.explain(doc))
    assert summarizer.summarize(doc, sentences=1, query="the harbour")
    examples = whole_examples(nlp)
    recogniser.add_label("EVENT")
    optimizer = nlp.resume_training()
    for _ in range(2):
        losses = nlp.update(examples, sgd=optimizer)
    assert set(losses) == {"transformer", "senter", "crf_ner", "summarizer"}
    assert 0 <= nlp.evaluate(examples)["ents_f"] <= 1
    calibrate(nlp, [eg.reference for eg in examples])
    assert recogniser.cfg["temperature"] > 0
    nlp.replace_listeners("transformer", "crf_ner", ["model.tok2vec.tok2vec"])
    on_card = nlp(TEXT)
    nlp.to_disk(tmp_path / "trained")
    spacy.require_cpu()
    assert_same(spacy.load(tmp_path / "trained")(TEXT), on_card)


def test_components_without_an_encoder_train(card: Counts, tmp_path: Path) -> None:
    """Each with the model that it has where no other is given."""
    nlp = spacy.blank("en")
    nlp.add_pipe("partial_senter")
    nlp.add_pipe("crf_ner", config={"model": {"tok2vec": TOK2VEC}})
    nlp.add_pipe("summarizer", config={"model": MODEL})
    examples = [*whole_examples(nlp)[:1], *make_examples(nlp)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses.keys() == {"partial_senter", "crf_ner", "summarizer"}
    nlp.evaluate(examples)
    on_card = nlp(TEXT)
    nlp.to_disk(tmp_path / "trained")
    spacy.require_cpu()
    assert_same(spacy.load(tmp_path / "trained")(TEXT), on_card)


@pytest.mark.parametrize("name", ["transformer", "senter", "crf_ner", "summarizer"])
def test_the_host_does_not_wait_for_each_document(card: Counts, whole_folder: Path, name: str) -> None:
    """Of a batch of three times the documents it waits as often, and our own code copies as often."""
    nlp = spacy.load(whole_folder)
    enlarge_batches(nlp)  # so that all documents are one, however many sub-words they have
    pipe = nlp.get_pipe(name)
    counts = []
    for count in (6, 18):
        docs = [nlp.make_doc(TEXT) for _ in range(count)]
        for _, before in nlp.pipeline[: nlp.pipe_names.index(name)]:
            before.set_annotations(docs, before.predict(docs))
        card.clear()
        pipe.set_annotations(docs, pipe.predict(docs))
        counts.append((card.syncs, card.ours("copy")))
        # Of spaCy's layers each copies what it reads of each document's tokens, and how many sub-words they have.
        assert card.copies - card.ours("copy") <= 2 * count + 4
    assert counts[0] == counts[1]
    assert counts[0][0] <= {"transformer": 1, "senter": 12, "crf_ner": 11, "summarizer": 4}[name]


def test_training_does_not_wait_for_each_document(card: Counts, whole_folder: Path) -> None:
    """Of a step on three times the documents our code waits and copies as often."""
    nlp = spacy.load(whole_folder)
    enlarge_batches(nlp)  # so that all documents are one, however many sub-words they have
    counts = []
    for times in (1, 3):
        examples = whole_examples(nlp) * times
        card.clear()
        nlp.update(examples, sgd=Adam(0.001))
        counts.append((card.ours("sync"), card.ours("copy")))
    assert counts[0] == counts[1]
