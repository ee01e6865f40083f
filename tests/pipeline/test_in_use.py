"""The pipeline as a spaCy user meets it: Docs are cut, merged, stored; other components stand before and behind ours;
the pipeline is trained on.
"""

import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.tokens.underscore import Underscore
from spacy.training import Example
from thinc.api import Adam

from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.extensions import get_confidence

from .conftest import TEXT, whole_examples
from .summaries import untrained


def test_a_doc_can_be_cut_and_compared(whole: Language) -> None:
    """`as_doc`, vectors and similarity do what they do in any pipeline without static vectors."""
    doc = whole(TEXT)
    assert doc._.trf_data is None
    sent = next(iter(doc.sents))
    assert sent.as_doc().text == sent.text_with_ws
    assert not doc.has_vector
    assert doc.vector.shape == sent.vector.shape == doc[0].vector.shape == (0,)
    with pytest.warns(UserWarning, match="W007"):
        assert doc.similarity(whole("Other.")) == 0.0
    assert Doc.from_docs([doc, whole("Another.")]).text.startswith(TEXT)


def test_results_survive_merging_and_splitting_of_tokens(whole: Language) -> None:
    """Summary, salience and confidence belong to characters, not to tokens that a later component changes."""
    doc = whole(TEXT)
    summary, sentences = doc._.summary, [span.text for span in doc.spans["summary"]]
    salience = [sent._.salience for sent in doc.sents]
    spans = [(0, 11, "PER"), (TEXT.index("São Paulo"), len(TEXT) - 1, "LOC")]
    doc.set_ents([doc.char_span(start, end, label) for start, end, label in spans])
    whole.add_pipe("merge_entities")
    merged = whole.get_pipe("merge_entities")(doc)
    assert merged[0].text == "Anna Kovacs"
    stored = Doc(whole.vocab).from_bytes(merged.to_bytes())
    for one in (merged, merged.copy(), stored, Doc.from_docs([merged, whole.make_doc("More.")])):
        assert one._.summary == summary
        assert [span.text for span in one.spans["summary"]] == sentences
    assert [sent._.salience for sent in merged.sents] == salience
    assert len(merged._.summarize(sentences=2)) == 2
    with stored.retokenize() as retokenizer:
        retokenizer.merge(stored[1:3])
    assert stored._.summary == summary
    with merged.retokenize() as retokenizer:
        retokenizer.split(merged[0], ["Anna", " ", "Kovacs"], [(merged[0], 2), (merged[0], 2), merged[1]])
    assert [span.text for span in merged.spans["summary"]] == sentences


def test_merging_behind_the_pipeline_works_for_every_text(whole: Language) -> None:
    """As `nlp.add_pipe("merge_entities")` puts it."""
    expected = [doc._.summary for doc in whole.pipe([TEXT, "", "One."])]
    whole.add_pipe("merge_entities")
    assert [doc._.summary for doc in whole.pipe([TEXT, "", "One."])] == expected


def test_entities_from_before_are_kept(whole: Language) -> None:
    """Those of an entity ruler and those set by hand, as spaCy's `ner` keeps them."""
    ruler = whole.add_pipe("entity_ruler", before="crf_ner")
    ruler.add_patterns([{"label": "HARBOUR", "pattern": "harbour of Rotterdam"}])
    doc = whole(TEXT)
    assert ("harbour of Rotterdam", "HARBOUR") in [(ent.text, ent.label_) for ent in doc.ents]
    doc = whole.make_doc(TEXT)
    doc.ents = [doc.char_span(0, 4, "NAME")]
    doc = whole(doc)
    assert (doc.ents[0].text, doc.ents[0].label_) == ("Anna", "NAME")
    assert doc.ents[0]._.confidence is None


SCRIPT = """
import sys, faulthandler
import spacy, torch
faulthandler.dump_traceback_later(100, exit=True)
torch.set_num_threads(2)
nlp = spacy.load(sys.argv[1])
text = open(sys.argv[2], encoding="utf-8").read()
alone = [nlp(text)._.summary, nlp(text[:50])._.summary]
docs = list(nlp.pipe([text, text[:50]] * 3, n_process=2, batch_size=2))
assert [doc._.summary for doc in docs] == alone * 3
print("done", torch.get_num_threads())
"""


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_processes_neither_hang_nor_warn(whole_folder: Path, runtime: str, tmp_path: Path) -> None:
    """Forked after PyTorch, and the tokenizers' library, have used their threads here; those here stay."""
    if runtime == "onnx":
        pytest.importorskip("onnxruntime")
        nlp = spacy.load(whole_folder, config={"components": {"transformer": {"model": {"runtime": "onnx"}}}})
        whole_folder = tmp_path / "onnx"
        nlp.to_disk(whole_folder)
    (tmp_path / "text").write_text(TEXT * 20, encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(whole_folder), str(tmp_path / "text")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["done", "2"]
    assert "fork" not in done.stderr


def test_the_salience_of_a_sentence_costs_no_pass_over_the_document() -> None:
    """Sentences that end in a blank line are found without an array of the whole document's tokens."""
    nlp = untrained("lead")
    words = ["Ships", "wait", ".", "\n\n"] * 4000
    doc = Doc(nlp.vocab, words=words, spaces=[False] * len(words), sent_starts=[i % 4 == 0 for i in range(len(words))])
    nlp.get_pipe("summarizer")(doc)
    sentences = list(doc.sents)
    assert sentences[5]._.salience == pytest.approx(1 - 5 / 4000)
    tracemalloc.start()
    assert all(sent._.salience is not None for sent in sentences[-20:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(doc)  # in bytes; an array of the tokens has 8 for each


def test_a_trained_pipeline_can_be_trained_on(whole: Language) -> None:
    """By `resume_training`, and by `update` and `rehearse` without an optimizer, as spaCy's documentation has it."""
    examples = whole_examples(whole)
    optimizer = whole.resume_training()
    optimizer.learn_rate = 0.01
    before = whole.update(examples, sgd=optimizer, losses={})
    for _ in range(10):
        losses = whole.update(examples, sgd=optimizer, losses={})
    assert losses["crf_ner"] < before["crf_ner"]
    assert whole.update(examples)["crf_ner"] >= 0
    whole.rehearse(examples)


def test_a_pipeline_keeps_its_variables_but_for_the_optimizers(whole: Language) -> None:
    """What may be overridden later, such as the seed, stays a variable in the stored config."""
    training = whole.config["training"]
    assert training["optimizer"]["learn_rate"]["total_steps"] == training["max_steps"]
    assert training["seed"] == "${system.seed}"


LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "upstream": "*",
    "pooling": {"@layers": "reduce_mean.v1"},
}
CLASSES = {
    "@architectures": "spacy.TextCatReduce.v1",
    "exclusive_classes": True,
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "use_reduce_mean": True,
    "tok2vec": LISTENER,
}
TAGGER = {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}}


def tagged(nlp: Language, **place: str) -> list[list[str]]:
    """Train a tagger of odd and even words in some place of the pipeline. RETURNS (list): Its tags."""
    nlp.add_pipe("tagger", config=TAGGER, **place)
    texts = ["Anna met Zoë in Lagos", "The harbour was closed", "Three ships waited"]
    tags = [["WORD" if len(word) % 2 else "EVEN" for word in text.split()] for text in texts]
    examples = [Example.from_dict(nlp.make_doc(text), {"tags": found}) for text, found in zip(texts, tags, strict=True)]
    with nlp.select_pipes(enable=["transformer", "tagger"]):
        nlp.get_pipe("tagger").initialize(lambda: examples, nlp=nlp)
        nlp.get_pipe("transformer").find_listeners(nlp.get_pipe("tagger"))
        optimizer = nlp.create_optimizer()
        optimizer.learn_rate = 0.01
        for _ in range(150):
            nlp.update(examples, sgd=optimizer)
    assert tags == [[token.tag_ for token in doc] for doc in nlp.pipe(texts)]
    return [[token.tag_ for token in doc] for doc in nlp.pipe(texts, n_process=2)]


@pytest.mark.parametrize("place", [{}, {"before": "vector_cleaner"}], ids=["last", "before"])
def test_a_component_added_at_either_place_reads_vectors(whole: Language, place: dict[str, str]) -> None:
    """At the end, where `add_pipe` puts it, the vectors are left for it, with a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len({tag for tags in tagged(whole, **place) for tag in tags}) == 2
        doc = whole(TEXT)
    said = [str(warning.message) for warning in caught if "vector_cleaner" in str(warning.message)]
    assert bool(said) == (doc._.trf_data is not None) == (not place)
    assert all('before="vector_cleaner"' in message for message in said)


def test_an_entity_is_found_again_by_its_characters(whole: Language) -> None:
    """Confidence of a span made by hand over the same characters with the same label."""
    doc = whole(TEXT)
    assert doc.ents
    for ent in doc.ents:
        again = Span(doc, ent.start, ent.end, label=ent.label_)
        assert again._.confidence == ent._.confidence
        assert 0 <= again._.confidence <= 1
    assert np.isfinite([ent._.confidence for ent in doc.ents]).all()


def test_threads_do_not_change_each_others_results(whole: Language) -> None:
    """200 documents by 8 threads are as by one; no module is ever left in training mode."""
    texts = [f"{TEXT} Number {i} of {i * i} ships." for i in range(200)]

    def result(text: str) -> tuple[Any, ...]:
        doc = whole(text)
        salience = [sent._.salience for sent in doc.sents]
        return salience, doc._.summary, [(ent.text, ent._.confidence) for ent in doc.ents]

    alone = [result(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(result, texts)) == alone
    for _, pipe in whole.pipeline:
        for node in pipe.model.walk() if hasattr(pipe, "model") else ():
            assert not any(shim._model.training for shim in node.shims)


@pytest.mark.parametrize("name", ["senter", "crf_ner", "summarizer"])
def test_a_missing_encoder_is_an_error(whole_folder: Path, name: str) -> None:
    """Left out, disabled, removed or never sourced: no results are made from nothing."""
    others = [other for other in ("senter", "crf_ner", "summarizer") if other != name]
    removed = spacy.load(whole_folder, exclude=others)
    removed.remove_pipe("transformer")
    sourced = spacy.blank("en")
    sourced.add_pipe(name, source=spacy.load(whole_folder))
    for nlp in (
        spacy.load(whole_folder, exclude=["transformer", *others]),
        spacy.load(whole_folder, exclude=others, disable=["transformer"]),
        removed,
        sourced,
    ):
        with pytest.raises(DossierError, match=f"'{name}' reads the vectors of the component 'transformer'.*Put"):
            nlp(TEXT)
        assert len(nlp("")) == 0


def test_a_missing_encoder_is_known_to_spacy_and_an_error_for_its_own_components(whole: Language) -> None:
    """spaCy's analysis names who needs it. `textcat` and the like would classify zeros; the cleaner tells."""
    assert not any(whole.analyze_pipes()["problems"].values())
    whole.add_pipe("textcat", config={"model": CLASSES}, before="vector_cleaner")
    examples = [Example.from_dict(whole.make_doc(TEXT), {"cats": {"a": 1.0, "b": 0.0}})]
    with whole.select_pipes(enable=["transformer", "textcat"]):
        whole.get_pipe("textcat").initialize(lambda: examples, nlp=whole)
    whole.get_pipe("transformer").find_listeners(whole.get_pipe("textcat"))
    scores = whole(TEXT).cats
    assert scores
    ours = ["senter", "crf_ner", "summarizer"]
    with whole.select_pipes(disable=["transformer"]):
        problems = whole.analyze_pipes()["problems"]
        assert {name for name, missing in problems.items() if missing == ["doc._.trf_data"]} == set(ours)
    with whole.select_pipes(disable=["transformer", *ours]):
        with pytest.raises(DossierError, match="'textcat' reads the vectors of the component 'transformer'"):
            whole(TEXT)
        seen: list[str] = []
        whole.set_error_handler(lambda name, _, docs, error: seen.append(str(error)))
        assert [doc.text for doc in whole.pipe(["", TEXT])] == [""]
        assert len(seen) == 1
    with whole.select_pipes(enable=["transformer"]):
        doc = whole(TEXT)
    with whole.select_pipes(disable=["transformer", *ours]):  # the encoder was over it before
        assert whole(doc).cats == pytest.approx(scores)


@pytest.mark.parametrize("items", [0, -5])
def test_batches_hold_a_document(items: int) -> None:
    """As all other sizes, it is refused where it makes no sense."""
    with pytest.raises(DossierError, match="'max_batch_items' is 1 at least, found"):
        spacy.blank("en").add_pipe("dossier_transformer", config={"max_batch_items": items})


@pytest.mark.parametrize("name", ["transformer", "senter", "crf_ner", "summarizer"])
def test_an_error_is_that_of_one_text(whole: Language, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever component it is in: the handler gets the one document, the others are as without it."""
    texts = ["One ship waited in Lisbon.", "A broken text.", "Anna Kovacs flew home.", ""]
    expected = [doc.to_json() for doc in whole.pipe([*texts[:1], *texts[2:]])]
    pipe = whole.get_pipe(name)
    predict = pipe.predict

    def fail(docs: list[Doc]) -> Any:
        if any("broken" in doc.text for doc in docs):
            raise ValueError("no such text")
        return predict(docs)

    monkeypatch.setattr(pipe, "predict", fail, raising=False)
    with pytest.raises(ValueError, match="no such text"):
        list(whole.pipe(texts))
    seen: list[tuple[str, list[str], str]] = []
    whole.set_error_handler(lambda name, _, docs, error: seen.append((name, [doc.text for doc in docs], str(error))))
    found = [doc.to_json() for doc in whole.pipe(texts)]
    assert [doc["text"] for doc in found] == [doc["text"] for doc in expected]
    assert [doc["ents"] for doc in found] == [doc["ents"] for doc in expected]
    assert seen == [(name, ["A broken text."], "no such text")]


@pytest.mark.parametrize("name", ["senter", "crf_ner", "summarizer"])
def test_a_frozen_transformer_that_nobody_trained_is_an_error(whole: Language, name: str) -> None:
    """spaCy leaves frozen components out when it initializes a pipeline."""
    examples = whole_examples(whole)
    fresh = spacy.blank("en")
    fresh.add_pipe("dossier_transformer", name="transformer")
    config = {key: value for key, value in whole.get_pipe_config(name).items() if key != "factory"}
    fresh.add_pipe(whole.get_pipe_meta(name).factory, name=name, config=config)
    with fresh.select_pipes(disable=["transformer"]), pytest.raises(DossierError, match="Source it from a trained"):
        fresh.initialize(lambda: examples)


def test_training_may_begin_with_empty_documents(make_whole: Callable[[], Language]) -> None:
    """spaCy shows a component the first ten documents only."""
    nlp = make_whole()
    examples = whole_examples(nlp)
    empty = [Example(nlp.make_doc(""), nlp.make_doc("")) for _ in range(12)]
    nlp.initialize(lambda: [*empty, *examples])
    assert nlp.update([*empty, *examples], sgd=nlp.create_optimizer())["crf_ner"] > 0


def test_names_that_others_took_are_left_to_them(whole_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, with one message that names both sides; what is computed is there all the same."""
    taken: dict[str, tuple[Any, Any]] = {"confidence": (Span, None), "salience": (Span, 5), "summary": (Doc, "")}
    for store in ("span_extensions", "doc_extensions"):
        monkeypatch.setattr(Underscore, store, {})
    for name, (kind, default) in taken.items():
        kind.set_extension(name, default=default)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp = spacy.load(whole_folder)
        doc = nlp(TEXT)
    for name, (kind, default) in taken.items():
        said = [str(warning.message) for warning in caught if f"{kind.__name__}._.{name} is" in str(warning.message)]
        assert said and all(repr(default) in message and "spacy_dossier." in message for message in said)
    assert doc._.summarize(sentences=1)
    assert doc._.summary == ""
    assert get_confidence(doc.ents[0]) is not None


LOADED = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
nlp("Anna Kovacs flew to Lisbon.")
print(*(name for name in ("nltk", "rouge_score", "transformers.models.whisper") if name in sys.modules))
"""


def test_a_pipeline_in_use_imports_no_scorer_and_no_other_kinds_of_encoders(whole_folder: Path) -> None:
    """They were two thirds of the time that loading takes."""
    command = [sys.executable, "-W", "ignore", "-c", LOADED, str(whole_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_another_threads_default_device_changes_nothing(whole: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that has not asked for a GPU has another default than the one whose pipeline is on one."""
    before = whole(TEXT)
    examples = whole_examples(whole)
    for module in ("thinc.util", "thinc.shims.pytorch"):
        monkeypatch.setattr(f"{module}.get_torch_default_device", lambda: torch.device("meta"))
    after = whole(TEXT)
    assert [(ent.text, ent._.confidence) for ent in after.ents] == [(e.text, e._.confidence) for e in before.ents]
    assert after._.summary == before._.summary
    losses = whole.update(examples, sgd=Adam(0.001))
    assert all(np.isfinite(loss) for loss in losses.values())
