"""The component: training, prediction, what it keeps and what it refuses."""

import itertools
import pickle
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Config, Model, fix_random_seed

from spacy_dossier.errors import DossierError
from spacy_dossier.models.tags import TagScheme
from spacy_dossier.pipeline.crf_ner import chains
from spacy_dossier.pipeline.crf_ner.pipe import CRFEntityRecognizer
from spacy_dossier.pipeline.extensions import LEAST, clear_confidences

from ..tagging import spans_of

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 32,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}
MODEL = {"@architectures": "spacy-dossier.CRFTagger.v1", "tok2vec": TOK2VEC}
TRAINING = [
    ("Anna Kovacs flew to Lisbon.", [(0, 11, "PER"), (20, 26, "LOC")]),
    ("The mayor of Rotterdam met Zoe Okafor at Nordwind AG.", [(13, 22, "LOC"), (27, 37, "PER"), (41, 52, "ORG")]),
    ("Nobody knows. Is Blue River Trust in Lagos?", [(17, 33, "ORG"), (37, 42, "LOC")]),
    ("It rained.", []),
]
TEXTS = [text for text, _ in TRAINING]
SCHEMES = ["BILUO", "IOB2"]


def make_nlp(**config: Any) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"model": MODEL, **config})
    return nlp


def make_examples(nlp: Language, data: list[Any] = TRAINING) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": entities}) for text, entities in data]


def train(nlp: Language, examples: list[Example], steps: int = 30, optimizer: Any = None) -> list[float]:
    optimizer = nlp.initialize(lambda: examples) if optimizer is None else optimizer
    optimizer.learn_rate = 0.01
    return [nlp.update(examples, sgd=optimizer)["crf_ner"] for _ in range(steps)]


def ner(nlp: Language) -> CRFEntityRecognizer:
    pipe = nlp.get_pipe("crf_ner")
    assert isinstance(pipe, CRFEntityRecognizer)
    return pipe


def entities(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def confidences(doc: Doc) -> list[float]:
    return [ent._.confidence for ent in doc.ents]


EXPECTED = [[(text[start:end], label) for start, end, label in spans] for text, spans in TRAINING]
TRAINED: dict[str, bytes] = {}


def trained(scheme: str) -> Language:
    made = make_nlp(scheme=scheme)
    if scheme not in TRAINED:
        train(made, make_examples(made))
        TRAINED[scheme] = made.to_bytes()
    return made.from_bytes(TRAINED[scheme])


@pytest.fixture
def nlp() -> Language:
    """A pipeline trained on four sentences, anew for each test."""
    return trained("BILUO")


@pytest.fixture(params=SCHEMES)
def either(request: pytest.FixtureRequest) -> Language:
    """The same, in both schemes."""
    return trained(request.param)


# Training and prediction


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_few_sentences_are_learnt_by_heart(scheme: str) -> None:
    """The loss falls to almost nothing, and the entities come back with high confidence."""
    nlp = make_nlp(scheme=scheme)
    examples = make_examples(nlp)
    losses = train(nlp, examples)
    assert losses[-1] < 0.1 < losses[0]
    docs = list(nlp.pipe(TEXTS))
    assert [entities(doc) for doc in docs] == EXPECTED
    assert all(0.8 < c <= 1 for doc in docs for c in confidences(doc))
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0 and set(scores["ents_per_type"]) == {"PER", "LOC", "ORG"}


@pytest.mark.parametrize("text", ["", " ", "\n\n", "Lisbon", "Lisbon ", "\nAnna\n\nKovacs\n", "  Anna   Kovacs flew"])
def test_documents_of_any_size_are_tagged(either: Language, text: str) -> None:
    """Empty, of white space, of one token: a valid annotation, and no entity begins or ends with white space."""
    alone, in_batch = either(text), list(either.pipe(["", text, TEXTS[0]]))
    assert [entities(in_batch[0]), entities(in_batch[2])] == [[], EXPECTED[0]]
    assert entities(in_batch[1]) == entities(alone)
    assert len(alone) == 0 or alone.has_annotation("ENT_IOB")
    for ent in alone.ents:
        assert ent.text == ent.text.strip()


def test_predictions_do_not_depend_on_the_batch(either: Language) -> None:
    """Order and company of a document change neither entities nor confidences."""
    alone = [either(text) for text in TEXTS]
    together = list(either.pipe(TEXTS[::-1] * 3))[: len(TEXTS)][::-1]
    assert [entities(doc) for doc in together] == [entities(doc) for doc in alone]
    for one, other in zip(alone, together, strict=True):
        assert confidences(one) == pytest.approx(confidences(other), abs=1e-5)


def test_several_processes_give_the_same(nlp: Language) -> None:
    """Confidences included."""
    docs = list(nlp.pipe(TEXTS * 2, n_process=2, batch_size=2))
    assert [entities(doc) for doc in docs] == EXPECTED * 2
    assert confidences(docs[0]) == pytest.approx(confidences(nlp(TEXTS[0])), abs=1e-5)


def test_confidence_is_the_marginal_probability_of_the_span(either: Language) -> None:
    """Checked by enumeration of all sequences of tags of a short document."""
    doc = either("Anna Kovacs flew")
    pipe = ner(either)
    scheme = pipe.scheme
    emissions = pipe.model.predict([either.make_doc("Anna Kovacs flew")])[0].astype("d")
    transitions, begin, end = (pipe.model.get_param(name).astype("d") for name in ("transitions", "begin", "end"))
    follow, begins, ends = scheme.allowed()
    total, held = 0.0, 0.0
    for tags in itertools.product(range(len(scheme)), repeat=3):
        pairs = list(itertools.pairwise(tags))
        if begins[tags[0]] and ends[tags[-1]] and all(follow[pair] for pair in pairs):
            score = begin[tags[0]] + end[tags[-1]] + sum(emissions[i, tag] for i, tag in enumerate(tags))
            weight = np.exp(score + sum(transitions[pair] for pair in pairs))
            total += weight
            held += weight * ((0, 2, "PER") in spans_of(scheme, tags))
    assert entities(doc) == [("Anna Kovacs", "PER")]
    assert confidences(doc) == [pytest.approx(held / total, abs=1e-5)]


def test_missed_entities_are_those_expected_beyond_the_found(either: Language) -> None:
    """Checked by enumeration: how many entities of each label there are by all sequences that are none of doc.ents."""
    text, pipe = "Anna Kovacs saw Nordwind", ner(either)
    pipe.cfg["temperature"] = 4.0
    doc = either(text)
    scheme = pipe.scheme
    emissions = pipe.model.predict([either.make_doc(text)])[0].astype("d")
    transitions, begin, end = (pipe.model.get_param(name).astype("d") for name in ("transitions", "begin", "end"))
    follow, begins, ends = scheme.allowed()
    found = {(ent.start, ent.end, ent.label_) for ent in doc.ents}
    total, missed = 0.0, Counter[str]()
    for tags in itertools.product(range(len(scheme)), repeat=len(doc)):
        pairs = list(itertools.pairwise(tags))
        if begins[tags[0]] and ends[tags[-1]] and all(follow[pair] for pair in pairs):
            score = begin[tags[0]] + end[tags[-1]] + sum(emissions[i, tag] for i, tag in enumerate(tags))
            weight = np.exp((score + sum(transitions[pair] for pair in pairs)) / 4.0)
            total += weight
            for span in {*spans_of(scheme, tags)} - found:
                missed[span[2]] += weight
    expected = {label: n / total for label, n in missed.items() if n / total >= LEAST}
    assert len(expected) == 3
    assert doc._.expected_missed == pytest.approx(expected, abs=1e-5)
    assert Doc.from_docs([doc, doc])._.expected_missed == pytest.approx({k: 2 * v for k, v in expected.items()})
    assert doc[:].as_doc(copy_user_data=True)._.expected_missed == doc._.expected_missed
    assert doc[1:].as_doc(copy_user_data=True)._.expected_missed is None
    assert Doc(doc.vocab).from_bytes(doc.to_bytes())._.expected_missed == doc._.expected_missed
    clear_confidences(doc)
    assert doc._.expected_missed is None


def test_confidences_can_be_switched_off() -> None:
    """The entities stay as they are."""
    nlp = make_nlp(confidence=False)
    train(nlp, make_examples(nlp))
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED
    assert confidences(nlp(TEXTS[0])) == [None, None]
    assert nlp(TEXTS[0])._.expected_missed is None


def test_the_gradient_equals_finite_differences() -> None:
    """By transitions and by emissions, through chains, batches and padding."""
    nlp = make_nlp()
    examples = make_examples(nlp, [*TRAINING, ("", []), (" ", [])])
    nlp.initialize(lambda: examples)
    pipe = ner(nlp)
    rng = np.random.default_rng(0)
    n_tags = len(pipe.scheme)
    emissions = [rng.normal(size=(len(eg.predicted), n_tags)).astype("f") for eg in examples]
    transitions = rng.normal(size=(n_tags, n_tags)).astype("f")
    pipe.model.set_param("transitions", transitions)
    loss, gradient, others = pipe._loss(examples, emissions)
    assert loss == pytest.approx(pipe.get_loss(examples, emissions)[0])
    step = 0.02
    for doc, token, tag in [(0, 0, 0), (1, 3, 5), (2, 4, 9)]:
        moved = [e.copy() for e in emissions]
        moved[doc][token, tag] += step
        higher = pipe.get_loss(examples, moved)[0]
        moved[doc][token, tag] -= 2 * step
        expected = (higher - pipe.get_loss(examples, moved)[0]) / (2 * step)
        assert gradient[doc][token, tag] == pytest.approx(expected, abs=2e-3)
    for left, right in [(0, 0), (0, 1), (1, 3)]:
        values = []
        for sign in (1, -1):
            changed = transitions.copy()
            changed[left, right] += sign * step
            pipe.model.set_param("transitions", changed)
            values.append(pipe.get_loss(examples, emissions)[0])
        assert others["transitions"][left, right] == pytest.approx((values[0] - values[1]) / (2 * step), abs=2e-3)


def test_the_loss_does_not_depend_on_how_chains_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the gradient: many small batches bound the memory, and nothing else."""
    nlp = make_nlp()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    emissions = ner(nlp).model.predict([eg.predicted for eg in examples])
    loss, gradient, others = ner(nlp)._loss(examples, emissions)
    monkeypatch.setattr(chains, "BATCH_SCORES", 1)
    loss_1, gradient_1, others_1 = ner(nlp)._loss(examples, emissions)
    assert loss == pytest.approx(loss_1, abs=1e-4)
    for x, y in zip([*gradient, *others.values()], [*gradient_1, *others_1.values()], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)


# Annotation


def test_documents_without_annotation_teach_nothing_and_do_no_harm(nlp: Language) -> None:
    """A loss of zero and no change of the weights, alone or mixed in."""
    bare = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in ("Lisbon is far.", "", "Anna Kovacs")]
    pipe = ner(nlp)
    emissions = pipe.model.predict([eg.predicted for eg in bare])
    loss, gradient, others = pipe._loss(bare, emissions)
    assert loss == 0 and not any(g.any() for g in [*gradient, *others.values()])
    examples = make_examples(nlp)
    both = [*examples, *bare]
    scores = [pipe.model.predict([eg.predicted for eg in batch]) for batch in (examples, both)]
    assert pipe.get_loss(examples, scores[0])[0] == pytest.approx(pipe.get_loss(both, scores[1])[0], abs=1e-5)
    nlp.update(bare, sgd=nlp.resume_training())
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED


def test_missing_tokens_are_left_open(either: Language) -> None:
    """Only what is annotated counts: any layout that agrees with it has no loss from the rest."""
    reference = either.make_doc("Anna Kovacs flew to Lisbon.")
    reference.set_ents([Span(reference, 0, 2, label="PER")], outside=[reference[2:4]], default="missing")
    allowed, spans = ner(either)._gold_tags(Example(either.make_doc(reference.text), reference))
    scheme = ner(either).scheme
    assert spans == [(0, 2)]
    assert allowed[:4].sum(axis=1).tolist() == [1, 1, 1, 1]
    assert np.flatnonzero(allowed[:2].any(axis=0)).tolist() == sorted(scheme.span_tags(2, "PER"))
    assert allowed[4:].all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_entity_beside_a_missing_token_ends_where_it_ends(scheme: str) -> None:
    """What is left open is not whether the entity goes on."""
    nlp = make_nlp(scheme=scheme)
    nlp.initialize(lambda: make_examples(nlp))
    reference = nlp.make_doc("Anna Kovacs flew")
    reference.set_ents([Span(reference, 0, 2, label="PER")], default="missing")
    allowed, _ = ner(nlp)._gold_tags(Example(nlp.make_doc(reference.text), reference))
    tags = ner(nlp).scheme
    layouts = {
        tuple(spans_of(tags, sequence))
        for sequence in itertools.product(range(len(tags)), repeat=3)
        if allowed[range(3), sequence].all() and tags.allowed()[0][sequence[1], sequence[2]]
    }
    assert layouts and all((0, 2, "PER") in layout for layout in layouts)


def test_labels_that_were_not_annotated_are_left_open(nlp: Language) -> None:
    """`user_data["entity_labels"]` names those that were: O rules out these only."""
    example = make_examples(nlp, TRAINING[:1])[0]
    example.reference.user_data["entity_labels"] = ["PER"]
    allowed, _ = ner(nlp)._gold_tags(example)
    scheme = ner(nlp).scheme
    open_ = {scheme.tags[i][2:] for i in np.flatnonzero(allowed[2])}
    assert open_ == {"", "LOC", "ORG"}


def test_unknown_labels_and_misaligned_entities_are_left_open_with_a_warning(nlp: Language) -> None:
    """No false O: neither tokens nor labels that the model cannot express are taught."""
    data = [("Anna Kovacs flew to Lisbon.", [(0, 11, "PER"), (20, 26, "PLANET")])]
    example = make_examples(nlp, data)[0]
    with pytest.warns(UserWarning, match="'crf_ner' does not know the label 'PLANET'"):
        ner(nlp).update([example])
    with pytest.warns(UserWarning, match="PLANET"):
        allowed, spans = ner(nlp)._gold_tags(example)
    assert allowed[4].all() and spans == [(0, 2)]
    reference = Doc(nlp.vocab, words=["Lisbon", "based"], spaces=[False, False], ents=["B-LOC", "O"])
    example = Example(Doc(nlp.vocab, words=["Lisbonbased"]), reference)
    with pytest.warns(UserWarning, match="align with no tokens"):
        allowed, spans = ner(nlp)._gold_tags(example)
    assert allowed.all() and spans == []


def test_entities_that_align_with_no_tokens_are_counted_at_the_start() -> None:
    """Where the labels are looked for."""
    nlp = make_nlp()
    reference = Doc(nlp.vocab, words=["Lisbon", "based"], spaces=[False, False], ents=["B-LOC", "O"])
    examples = [*make_examples(nlp), Example(Doc(nlp.vocab, words=["Lisbonbased"]), reference)]
    with pytest.warns(UserWarning, match="'crf_ner': 1 of 8 entities align with no tokens"):
        nlp.initialize(lambda: examples)


def test_known_annotation_gives_no_warning(nlp: Language) -> None:
    """Training is quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ner(nlp).update(make_examples(nlp, [*TRAINING, ("", [])]))


def test_entities_may_cross_sentences_and_hold_white_space() -> None:
    """In training no entity is cut: neither by a full stop nor by the longest chain."""
    nlp = make_nlp(max_chain=2)
    text = "Yahoo! Incorporated of New\n\nYork City grew."
    examples = make_examples(nlp, [(text, [(0, 19, "ORG"), (23, 37, "LOC")])])
    losses = train(nlp, examples, steps=40)
    assert losses[-1] < 0.2  # an impossible layout would cost thousands


def test_gold_tokens_and_others_are_both_learnt_from(either: Language) -> None:
    """Entities go by characters where the tokens of prediction and reference differ."""
    reference = Doc(either.vocab, words=["Anna Kovacs", "left"], ents=["B-PER", "O"])
    allowed, spans = ner(either)._gold_tags(Example(either.make_doc("Anna Kovacs left"), reference))
    scheme = ner(either).scheme
    assert spans == [(0, 2)]
    assert [np.flatnonzero(row).tolist() for row in allowed] == [[t] for t in [*scheme.span_tags(2, "PER"), 0]]


# Labels


def test_labels_are_found_in_the_examples_and_written_for_the_next_time(tmp_path: Path) -> None:
    """`label_data` goes back in through [initialize.components]."""
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    assert ner(nlp).labels == ("LOC", "ORG", "PER")
    assert ner(nlp).label_data == ["LOC", "ORG", "PER"]
    other = make_nlp()
    path = tmp_path / "labels.json"
    path.write_text('["PER", "LAW"]', encoding="utf8")
    settings = Config({"crf_ner": {"labels": {"@readers": "spacy.read_labels.v1", "path": str(path)}}})
    other.config["initialize"]["components"] = settings
    other.initialize(lambda: make_examples(other, [("Hello", [])]))
    assert ner(other).labels == ("PER", "LAW")
    assert ner(other).model.get_dim("nO") == len(TagScheme("BILUO", ("PER", "LAW")))


def test_a_corpus_without_entities_is_a_clear_error() -> None:
    """There is nothing to learn, and the remedy is named."""
    nlp = make_nlp()
    with pytest.raises(DossierError, match="has no entities"):
        nlp.initialize(lambda: make_examples(nlp, [("Hello", [])]))


def test_a_pipe_that_was_not_initialized_says_so() -> None:
    """As spaCy's own pipes do."""
    nlp = make_nlp()
    with pytest.raises(ValueError, match="E109"):
        nlp(TEXTS[0])
    with pytest.raises(ValueError, match="E109"):
        ner(nlp).update(make_examples(nlp))
    with pytest.raises(ValueError, match="E187"):
        ner(nlp).add_label(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("setting", "value"), [("scheme", "IO"), ("max_chain", 0)])
def test_impossible_settings_are_clear_errors(setting: str, value: Any) -> None:
    """With the value."""
    with pytest.raises(DossierError, match=repr(value)):
        make_nlp(**{setting: value})


def test_a_new_label_leaves_predictions_as_they_are_and_can_be_learnt(either: Language) -> None:
    """Entities stay, confidences to a thousandth, also through disk; some more training teaches the label."""
    before = list(either.pipe(TEXTS))
    assert ner(either).add_label("LAW") == 1
    assert ner(either).add_label("LAW") == 0
    after = list(either.pipe(TEXTS))
    assert [entities(doc) for doc in after] == EXPECTED
    for x, y in zip(before, after, strict=True):
        assert confidences(y) == pytest.approx(confidences(x), abs=2e-3)
    nlp = make_nlp(scheme=ner(either).scheme.name).from_bytes(either.to_bytes())
    assert ner(nlp).labels == ("LOC", "ORG", "PER", "LAW")
    examples = make_examples(nlp, [*TRAINING, ("The Harbour Act of 1999 holds.", [(4, 23, "LAW")])])
    train(nlp, examples, steps=60, optimizer=nlp.resume_training())
    assert entities(nlp("The Harbour Act of 1999 holds.")) == [("Harbour Act of 1999", "LAW")]
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED


def test_a_label_that_comes_between_two_updates_is_learnt_by_the_same_optimizer() -> None:
    """Gradients and the optimizer's memory of the old tags are in nobody's way."""
    nlp = make_nlp()
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    train(nlp, make_examples(nlp), optimizer=optimizer)
    nlp.update(make_examples(nlp))  # without a step
    ner(nlp).add_label("LAW")
    examples = make_examples(nlp, [*TRAINING, ("The Harbour Act of 1999 holds.", [(4, 23, "LAW")])])
    train(nlp, examples, steps=60, optimizer=optimizer)
    assert entities(nlp("The Harbour Act of 1999 holds.")) == [("Harbour Act of 1999", "LAW")]
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED


def test_scores_too_large_to_be_summed_are_a_clear_error(nlp: Language) -> None:
    """No loss that is no number."""
    output = ner(nlp).model.get_ref("output")
    weights = np.random.default_rng(0).normal(size=output.get_param("W").shape)
    output.set_param("W", weights.astype("f") * 1e4)
    with pytest.raises(DossierError, match="not finite"):
        nlp.update(make_examples(nlp), sgd=nlp.resume_training())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_weights_are_a_clear_error(nlp: Language, value: float) -> None:
    """Neither no entities at all nor a loss that is no number, without a word."""
    output = ner(nlp).model.get_ref("output")
    output.set_param("b", np.full_like(output.get_param("b"), value))
    with pytest.raises(DossierError, match="not finite"):
        nlp(TEXTS[0])
    with pytest.raises(DossierError, match="not finite"):
        nlp.update(make_examples(nlp))


# Storage


def test_a_trained_pipe_survives_disk_bytes_pickle_and_copying(nlp: Language, tmp_path: Path) -> None:
    """The same entities and confidences, from spacy.load as from bytes."""
    nlp.to_disk(tmp_path)
    expected = nlp(TEXTS[1])
    copied = make_nlp(scheme=ner(nlp).scheme.name)
    for other in (spacy.load(tmp_path), copied.from_bytes(nlp.to_bytes()), pickle.loads(pickle.dumps(nlp))):
        assert entities(other(TEXTS[1])) == entities(expected)
        assert confidences(other(TEXTS[1])) == pytest.approx(confidences(expected), abs=1e-6)
        assert ner(other).labels == ner(nlp).labels


def test_how_to_predict_can_be_changed_at_load(nlp: Language, tmp_path: Path) -> None:
    """The config given to spacy.load holds."""
    nlp.to_disk(tmp_path)
    changed = {"keep_entities": True, "confidence": False, "max_chain": 5}
    loaded = spacy.load(tmp_path, config={f"components.crf_ner.{key}": value for key, value in changed.items()})
    assert {key: getattr(ner(loaded), key) for key in changed} == changed
    assert confidences(loaded(TEXTS[0])) == [None, None]


def test_confidences_survive_what_spacy_does_with_documents(nlp: Language) -> None:
    """Bytes, DocBin, joined documents, and a part as a document of its own."""
    docs = list(nlp.pipe(TEXTS[:2]))
    expected = [c for doc in docs for c in confidences(doc)]
    assert [c for d in docs for c in confidences(Doc(nlp.vocab).from_bytes(d.to_bytes()))] == expected
    stored = DocBin(store_user_data=True, docs=docs)
    assert [c for d in stored.get_docs(nlp.vocab) for c in confidences(d)] == expected
    assert confidences(Doc.from_docs(docs)) == expected
    sentence = docs[1][2:]
    assert confidences(sentence.as_doc(copy_user_data=True)) == expected[2:]
    relabelled = Span(docs[0], 0, 2, label="ORG")
    assert relabelled._.confidence is None


def test_calibration_is_stored_applied_and_forgotten_in_training(nlp: Language) -> None:
    """Temperature and map alike: they belong to the weights they were fitted with."""
    raw = confidences(nlp(TEXTS[0]))
    calibration = {"method": "logistic", "a": 1.0, "b": 1.0, "c": -2.0}
    ner(nlp).cfg.update(calibration=calibration, threshold_for_precision={"precision": 0.97, "threshold": 0.5})
    calibrated = confidences(nlp(TEXTS[0]))
    odds = [c / (1 - c) * np.exp(-2) for c in raw]
    assert calibrated == pytest.approx([o / (1 + o) for o in odds], abs=1e-4)
    other = make_nlp(scheme=ner(nlp).scheme.name).from_bytes(nlp.to_bytes())
    assert confidences(other(TEXTS[0])) == pytest.approx(calibrated, abs=1e-6)
    ner(nlp).cfg["temperature"] = 4.0
    assert max(confidences(nlp(TEXTS[0]))) < max(calibrated)
    nlp.update(make_examples(nlp), sgd=nlp.resume_training())
    for key, value in (("calibration", None), ("threshold_for_precision", None), ("temperature", 1.0)):
        assert ner(nlp).cfg[key] == value


def test_training_resumes_where_it_ended(nlp: Language) -> None:
    """With the other pipes switched off, and with the loss of before."""
    nlp.add_pipe("sentencizer", first=True)
    with nlp.select_pipes(enable=["crf_ner"]):
        assert nlp.pipe_names == ["crf_ner"]
        losses = train(nlp, make_examples(nlp), steps=3, optimizer=nlp.resume_training())
    assert max(losses) < 0.3
    with nlp.select_pipes(disable=["crf_ner"]):
        assert entities(nlp(TEXTS[0])) == []
    assert entities(nlp(TEXTS[0])) == EXPECTED[0]


# Entities that are already there


@pytest.fixture
def keeper(either: Language) -> Language:
    ner(either).keep_entities = True
    return either


def annotate(nlp: Language, text: str, spans: list[tuple[int, int, str]], blocked: list[int] | None = None) -> Doc:
    doc = nlp.make_doc(text)
    spans_ = [Span(doc, start, end, label=label, kb_id="Q1") for start, end, label in spans]
    doc.set_ents(spans_, blocked=[doc[i : i + 1] for i in blocked or []], default="missing")
    return ner(nlp)(doc)


def test_entities_that_are_there_are_kept_and_decoded_around(keeper: Language) -> None:
    """With their links and without a confidence of ours; the rest is found as ever."""
    doc = annotate(keeper, "Anna Kovacs flew to Lisbon.", [(1, 3, "ORG")])
    assert ("Kovacs flew", "ORG") in entities(doc) and ("Lisbon", "LOC") in entities(doc)
    kept = next(ent for ent in doc.ents if ent.label_ == "ORG")
    assert kept.kb_id_ == "Q1" and kept._.confidence is None
    lisbon = next(ent for ent in doc.ents if ent.label_ == "LOC")
    assert lisbon._.confidence > 0.5


def test_entities_with_a_label_of_somebody_else_are_kept(keeper: Language) -> None:
    """Nothing of ours is put over them."""
    doc = annotate(keeper, "Anna Kovacs flew to Lisbon.", [(1, 5, "TRIP")])
    assert ("Kovacs flew to Lisbon", "TRIP") in entities(doc)


def test_blocked_tokens_stay_blocked(keeper: Language) -> None:
    """No entity on them, and the mark survives for the next pipe."""
    doc = annotate(keeper, "Anna Kovacs flew to Lisbon.", [], blocked=[4])
    assert entities(doc) == [("Anna Kovacs", "PER")]
    assert doc[4].ent_iob_ == "B" and doc[4].ent_type_ == ""


@pytest.mark.parametrize("span", [(0, 2, "ORG"), (2, 5, "LOC"), (3, 8, "PER"), (0, 1, "PER"), (5, 8, "ORG")])
def test_kept_entities_may_cross_chains_and_hold_white_space(keeper: Language, span: tuple[int, int, str]) -> None:
    """No overlap, whatever is kept where."""
    ner(keeper).max_chain = 2
    text = "Anna! Kovacs \n\n Lisbon. Nordwind AG Lagos"
    doc = annotate(keeper, text, [span])
    assert any((ent.start, ent.end, ent.label_) == span for ent in doc.ents)


def test_entities_that_are_there_are_replaced_on_request(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their confidences."""
    doc = nlp(TEXTS[0])
    doc.ents = [Span(doc, 2, 3, label="ORG")]
    monkeypatch.setattr(ner(nlp), "keep_entities", False)
    doc = ner(nlp)(doc)
    assert entities(doc) == EXPECTED[0] and None not in confidences(doc)


# Size


@pytest.fixture
def fake() -> Iterator[CRFEntityRecognizer]:
    """A recogniser whose emissions are drawn by chance, to time the decoding alone."""
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    pipe = ner(nlp)
    rng = np.random.default_rng(0)

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[np.ndarray], Any]:
        bias = np.where(np.arange(len(pipe.scheme)) == 0, 4, 0)
        return [(rng.normal(size=(len(doc), len(bias))) * 3 + bias).astype("f") for doc in docs], None

    pipe.model._func = forward
    yield pipe


def test_a_long_document_is_decoded_in_bounded_memory(
    fake: CRFEntityRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200,000 tokens without a full stop, with more entities than any text has."""
    largest = 0
    batches = chains.batch_chains

    def watched(*args: Any) -> Iterator[chains.Batch]:
        nonlocal largest
        for batch in batches(*args):
            largest = max(largest, batch.index.size * len(fake.scheme))
            yield batch

    monkeypatch.setattr("spacy_dossier.pipeline.crf_ner.pipe.batch_chains", watched)
    doc = Doc(fake.vocab, words=["word"] * 200_000)
    found = fake.predict([doc])[0].entities
    assert len(found) > 10_000 and largest <= chains.BATCH_SCORES
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(found))


def test_entities_with_a_final_mark_inside_are_found() -> None:
    """Chains are cut alike in training and in use: what can be learnt can be found."""
    nlp = make_nlp()
    names = [("Yahoo ! Inc", "ORG"), ("No . 5 Lane", "LOC"), ("Mrs . Doubtfire", "PER")]
    examples = []
    for name, label in names:
        words = ["Maria", "likes", *name.split(), "today", ".", "She", "left", "."]
        doc = Doc(nlp.vocab, words=words)
        doc.ents = [Span(doc, 2, 2 + len(name.split()), label=label)]
        examples.append(Example(Doc(nlp.vocab, words=words), doc))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    found = [[(ent.text, ent.label_) for ent in nlp(eg.predicted.copy()).ents] for eg in examples]
    assert found == [[name] for name in names]


def test_entities_that_no_chain_holds_are_counted() -> None:
    """With the setting that limits them."""
    nlp = make_nlp(max_chain=2)
    with pytest.warns(UserWarning, match="1 of 1 entities are longer than max_chain, 2 tokens"):
        doc = nlp.make_doc("New York City sleeps")
        doc.ents = [Span(doc, 0, 3, label="LOC")]
        nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
