"""What spaCy's own suite asks of a trainable pipe, asked of each of ours."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_dossier.errors import DossierError

from .conftest import TEXT, whole_examples
from .summaries import BRIDGE, MODEL, RATES, TOK2VEC

CONFIGS: dict[str, dict[str, Any]] = {
    "partial_senter": {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": TOK2VEC}},
    "crf_ner": {"model": {"@architectures": "spacy-dossier.CRFTagger.v1", "tok2vec": TOK2VEC}},
    "summarizer": {"model": MODEL},
}
TEXTS = [TEXT, "", "One word", BRIDGE, " \n", RATES, "Anna."]

pytestmark = pytest.mark.parametrize("factory", CONFIGS)


def blank(factory: str, name: str | None = None) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name=name or factory, config=CONFIGS[factory])
    return nlp


def results(doc: Doc) -> tuple[Any, ...]:
    """What any of the components may set."""
    ents = [(ent.start, ent.end, ent.label_, round(ent._.confidence or 0, 5)) for ent in doc.ents]
    starts = [token.is_sent_start for token in doc] if doc.has_annotation("SENT_START") else None
    return ents, starts, [(span.start, span.end) for span in doc.spans.get("summary", [])]


@pytest.fixture(scope="module")
def trained_pipes() -> Callable[[str], Language]:
    """Gives the pipeline of one trained component, which tests must leave as it is."""
    made: dict[str, Language] = {}

    def get(factory: str) -> Language:
        if factory not in made:
            nlp = blank(factory)
            examples = whole_examples(nlp)
            optimizer = nlp.initialize(lambda: examples)
            optimizer.learn_rate = 0.01
            for _ in range(30):
                nlp.update(examples, sgd=optimizer)
            made[factory] = nlp
        return made[factory]

    return get


def test_training_lowers_the_loss_and_annotates_nothing(factory: str) -> None:
    """On a few examples; the predicted Docs stay bare, but where the pipe is said to annotate."""
    nlp = blank(factory)
    examples = whole_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    losses = [nlp.update(examples, sgd=optimizer, losses={})[factory] for _ in range(30)]
    assert losses[-1] < losses[0]
    bare = results(nlp.make_doc(TEXT))
    assert results(examples[0].predicted) == bare
    nlp.update(examples, sgd=optimizer, annotates=[factory])
    scores = nlp.evaluate(examples)
    assert set(nlp.get_factory_meta(factory).default_score_weights) <= set(scores)


def test_examples_are_checked(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """As spaCy's pipes do: `initialize` wants a function that gives examples, `update` examples; twice is no harm."""
    nlp = blank(factory)
    examples = whole_examples(nlp)
    pipe = nlp.get_pipe(factory)
    for wrong in (lambda: None, lambda: [TEXT], examples, None):
        with pytest.raises(TypeError):
            pipe.initialize(wrong, nlp=nlp)
    nlp.initialize(lambda: examples)
    nlp.initialize(lambda: examples)
    for call in (pipe.update, lambda wrong: pipe.get_loss(wrong, [])):
        with pytest.raises(TypeError):
            call([nlp.make_doc(TEXT)])


def test_batches_with_and_of_empty_documents(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """Neither training nor prediction minds."""
    nlp = trained_pipes(factory)
    pipe = nlp.get_pipe(factory)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert pipe.update([], losses={}) == pipe.update([empty, empty]) == {factory: 0.0}
    assert list(nlp.pipe([])) == []
    assert pipe.predict([]) is not None
    assert [len(doc) for doc in nlp.pipe(["", ""])] == [0, 0]
    assert nlp.evaluate([empty]) is not None


def test_results_do_not_depend_on_batches(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """One by one, in batches of any size, in any order, in other processes, twice."""
    nlp = trained_pipes(factory)
    alone = [results(nlp(text)) for text in TEXTS]
    for size in (1, 3, 100):
        assert [results(doc) for doc in nlp.pipe(TEXTS, batch_size=size)] == alone
    assert [results(doc) for doc in nlp.pipe(TEXTS[::-1])] == alone[::-1]
    assert [results(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=2)] == alone
    assert [results(nlp(nlp(text))) for text in TEXTS] == alone


def test_everything_comes_back(trained_pipes: Callable[[str], Language], factory: str, tmp_path: Path) -> None:
    """From disk, from bytes, from pickle, into a pipe that was never initialized,
    under another name, by `source`."""
    nlp = trained_pipes(factory)
    expected = [results(nlp(text)) for text in TEXTS]
    nlp.to_disk(tmp_path / "nlp")
    pipe = nlp.get_pipe(factory)
    pipe.to_disk(tmp_path / "pipe")
    by_bytes, by_disk, sourced, renamed = blank(factory), blank(factory), spacy.blank("en"), blank(factory, "other")
    by_bytes.get_pipe(factory).from_bytes(pipe.to_bytes(exclude=["vocab"]))
    by_disk.get_pipe(factory).from_disk(tmp_path / "pipe")
    sourced.add_pipe(factory, source=nlp)
    renamed.get_pipe("other").from_bytes(pipe.to_bytes())
    loaded = spacy.load(tmp_path / "nlp")
    for again in (by_bytes, by_disk, sourced, renamed, loaded, pickle.loads(pickle.dumps(nlp))):
        assert [results(doc) for doc in again.pipe(TEXTS)] == expected
    assert (tmp_path / "pipe" / "model").exists()
    pipe.to_disk(tmp_path / "bare", exclude=["model", "vocab"])
    assert [path.name for path in (tmp_path / "bare").iterdir()] == ["cfg"]


def test_the_weights_of_another_model_are_refused(
    trained_pipes: Callable[[str], Language], factory: str, tmp_path: Path
) -> None:
    """In one line, with the component's name; from disk and from bytes."""
    nlp = trained_pipes(factory)
    nlp.to_disk(tmp_path)
    word_shape = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 8, "attrs": ["SHAPE"], "rows": [50]}
    deeper = {
        "@architectures": "spacy-dossier.WordShapeTok2Vec.v1",
        "tok2vec": TOK2VEC,
        "word_shape": {**word_shape, "include_static_vectors": False},
    }
    other = spacy.blank("en")
    other.add_pipe(factory, config={"model": {**CONFIGS[factory]["model"], "tok2vec": deeper}})
    for load in (lambda: other.from_disk(tmp_path), lambda: other.from_bytes(nlp.to_bytes())):
        with pytest.raises(DossierError, match=f"what was saved as '{factory}' is another model than its config makes"):
            load()


def test_errors_go_to_the_handler(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """The batch that fails is left out, the next goes on; without a handler the error is raised."""
    nlp = pickle.loads(pickle.dumps(trained_pipes(factory)))
    pipe = nlp.get_pipe(factory)
    predict = pipe.predict
    told = []

    def failing(docs: list[Doc]) -> Any:
        if any("One word" in doc.text for doc in docs):
            raise RuntimeError("out of words")
        return predict(docs)

    pipe.predict = failing
    with pytest.raises(RuntimeError, match="out of words"):
        list(nlp.pipe(TEXTS, batch_size=1))
    nlp.set_error_handler(lambda name, proc, docs, error: told.append((name, [doc.text for doc in docs])))
    assert [doc.text for doc in nlp.pipe(TEXTS, batch_size=1)] == [text for text in TEXTS if text != "One word"]
    assert told == [(factory, ["One word"])]


def test_the_pipe_says_what_it_is(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """Trainable, with its labels where it has any, and found by `analyze_pipes`."""
    nlp = trained_pipes(factory)
    pipe = nlp.get_pipe(factory)
    assert isinstance(pipe, TrainablePipe) and pipe.is_trainable
    assert nlp.analyze_pipes()["summary"][factory]["assigns"]
    labels = {"partial_senter": ("I", "S"), "crf_ner": ("LOC", "ORG", "PER")}.get(factory, ())
    assert tuple(getattr(pipe, "labels", ())) == labels
    with pytest.raises((ValueError, NotImplementedError)):
        pipe.add_label(5)


def test_averaged_weights_are_given_back(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """`use_params` changes the weights for a while only."""
    nlp = pickle.loads(pickle.dumps(trained_pipes(factory)))
    before = [results(nlp(text)) for text in TEXTS]
    weights = {
        (node.id, name): np.zeros_like(node.get_param(name))
        for node in nlp.get_pipe(factory).model.walk()
        for name in node.param_names
        if node.has_param(name)
    }
    with nlp.use_params(weights):
        pass
    assert [results(nlp(text)) for text in TEXTS] == before


def test_a_pipe_works_after_the_pipeline_has_gone(trained_pipes: Callable[[str], Language], factory: str) -> None:
    """What it wrote belongs to the Doc."""
    nlp = pickle.loads(pickle.dumps(trained_pipes(factory)))
    docs = [nlp(text) for text in TEXTS]
    pipe = nlp.get_pipe(factory)
    expected = [results(doc) for doc in docs]
    del nlp
    assert [results(doc) for doc in docs] == expected
    assert results(pipe(spacy.blank("en").make_doc("One word"))) is not None
