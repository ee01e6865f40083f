"""The encoder in a pipeline, against spacy-transformers' own and against itself in other batches."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy_transformers.layers import split_trf_batch, trfs2arrays
from thinc.api import Adam, Model, chain, reduce_mean

from spacy_dossier.errors import DossierError
from spacy_dossier.models.encoder import SubWordTokenizer
from spacy_dossier.models.transformer import SubWordBatch, build_tok2vec_transformer, build_transformer_model

ENCODERS = ["tiny_encoder", "tiny_roberta"]
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
TEXTS = [
    "Anna Kovacs flew to Lisbon.",
    "",
    "The harbour was closed;\nthree  ships waited outside, didn't they?",
    " \n ",
    "Zoë 👩‍👩‍👧 paid 1,200 euros in São Paulo!",
    "日本の東京",
]
LONG = "Is Mr. Okafor still at Blue River Trust? Nobody in Lagos knows.\nThe harbour of Rotterdam was closed. " * 2


@pytest.fixture(params=ENCODERS)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def blank() -> Language:
    return spacy.blank("en")


def token_vectors(model: Model) -> Model:
    """From documents to token vectors, as listeners get them."""
    return chain(chain(model, split_trf_batch()), trfs2arrays(reduce_mean(), 1.0))


def ours(folder: Path, **config: Any) -> Model:
    model = token_vectors(build_transformer_model(str(folder), **{"window": 62, **config}))
    model.initialize()
    return model


def reference(folder: Path, **config: Any) -> Model:
    """spacy-transformers' TransformerModel.v3 over whole documents."""
    architecture = registry.architectures.get("spacy-transformers.TransformerModel.v3")
    spans = registry.span_getters.get("spacy-transformers.doc_spans.v1")()
    model = token_vectors(architecture(str(folder), spans, {"use_fast": True}, config))
    model.initialize()
    return model


def test_token_vectors_equal_those_of_spacy_transformers(folder: Path, blank: Language) -> None:
    """On texts that fit one window, token by token, within 1e-5."""
    docs = [blank.make_doc(text) for text in TEXTS if text.strip()]
    for found, expected in zip(ours(folder).predict(docs), reference(folder).predict(docs), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_gradients_equal_those_of_spacy_transformers(folder: Path, blank: Language) -> None:
    """Of every weight, for the same gradient of the token vectors."""
    docs = [blank.make_doc(text) for text in TEXTS if text.strip()]
    rng = np.random.default_rng(0)
    gradient = [rng.normal(size=(len(doc), 16)).astype("f") for doc in docs]
    models = [ours(folder, transformer_config=NO_DROPOUT), reference(folder, **NO_DROPOUT)]
    gradients = []
    for model in models:
        _, backprop = model.begin_update(docs)
        backprop([d.copy() for d in gradient])
        shim = next(shim for node in model.walk() for shim in node.shims)
        named = shim._model.named_parameters()
        gradients.append({n.split("embeddings.", 1)[-1].split("encoder.")[-1]: p.grad for n, p in named})
    found, expected = ({n: g for n, g in grads.items() if g is not None} for grads in gradients)
    assert found.keys() == expected.keys() and len(found) > 30
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}")


def test_smoothness_adds_the_gradient_of_the_distance_that_noise_makes(folder: Path, blank: Language) -> None:
    """That of half the squared distance by the width, as autograd finds it with the same noise and dropout."""
    model = build_transformer_model(str(folder), window=60, case_embedding=True, smoothness=0.7, noise=0.3)
    model.initialize()
    shim = model.shims[0]
    docs = [blank.make_doc(TEXTS[0])]
    torch.manual_seed(3)
    batch, backprop = model.begin_update(docs)
    vectors = batch.model_output.last_hidden_state
    backprop(SubWordBatch(torch.ones_like(vectors), batch.subwords))
    found = {name: parameter.grad for name, parameter in shim.module.named_parameters()}
    assert vectors.shape[1] == model.get_dim("nO")

    for parameter in shim.module.parameters():
        parameter.grad = None
    subwords, tokenizer = batch.subwords[0], shim.tokenizer
    ids = torch.tensor([[*tokenizer.prefix, *subwords.ids, *tokenizer.suffix]])
    embeddings = shim.module.encoder.get_input_embeddings()
    torch.manual_seed(3)
    noise = 0.3 * embeddings.weight.detach().std() * torch.randn(1, ids.shape[1], embeddings.weight.shape[1])
    dropout = torch.get_rng_state()
    passes = []
    for moved in (0.0, noise):
        torch.set_rng_state(dropout)
        embedded = embeddings(ids) + shim.module.cases(torch.tensor([[0, *subwords.cases, 0]])) + moved
        passes.append(shim.module.encoder(inputs_embeds=embedded).last_hidden_state[0, 1:-1])
    clean, noisy = passes
    (clean.sum() + 0.7 * (noisy - clean).square().sum() / (2 * clean.shape[1])).backward()
    for name, parameter in shim.module.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, atol=1e-5, rtol=1e-4)


def test_layers_begin_to_learn_one_by_one_from_the_top(folder: Path, blank: Language) -> None:
    """The uppermost at once, one more after every two updates, the embeddings after all layers."""
    model = build_transformer_model(str(folder), window=60, unfreeze_every=2)
    model.initialize()
    parameters = dict(model.shims[0].module.named_parameters())
    depths = {name: model.shims[0].depth(name) for name in parameters}
    top = max(depths.values())
    optimizer = Adam(0.01)
    for update in range(2 * top + 1):
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        batch, backprop = model.begin_update([blank.make_doc(TEXTS[0])])
        backprop(SubWordBatch(torch.ones_like(batch.model_output.last_hidden_state), batch.subwords))
        model.finish_update(optimizer)
        changed = {depths[name] for name, parameter in parameters.items() if not torch.equal(parameter, before[name])}
        assert changed == set(range(top - update // 2, top + 1))


def test_a_window_is_encoded_as_if_it_stood_alone(folder: Path, blank: Language) -> None:
    """Without context, a document of several windows has the vectors of its pieces."""
    first, second = "The harbour of Rotterdam was closed.", "Nobody in Lagos knows."
    size = len(SubWordTokenizer.from_pretrained(str(folder)).encode([first + "\n"])[0])
    model = ours(folder, window=size)
    whole = model.predict([blank.make_doc(f"{first}\n{second}")])[0]
    alone = [model.predict([blank.make_doc(text)])[0] for text in (first + "\n", second)]
    np.testing.assert_allclose(whole, np.vstack(alone), atol=1e-5)


def test_context_is_read_but_not_returned(folder: Path, blank: Language) -> None:
    """With enough context on both sides, windows of a document give the vectors of the document in one piece."""
    doc = blank.make_doc("Nobody in Lagos knows. The harbour was closed. Anna met the mayor.")
    whole = ours(folder, window=60).predict([doc])[0]
    near = ours(folder, window=14, context=24).predict([doc])[0]
    far = ours(folder, window=14).predict([doc])[0]
    assert whole.shape == near.shape == far.shape
    assert np.abs(far - whole).max() > 1e-2
    assert np.abs(near - whole).mean() < np.abs(far - whole).mean()


def test_vectors_do_not_depend_on_the_batch(folder: Path, blank: Language) -> None:
    """Alone, together, in another order, under another budget: the same within 1e-5."""
    docs = [blank.make_doc(text) for text in [*TEXTS, LONG]]
    together = ours(folder, window=20).predict(docs)
    for budget in (1, 64, 10_000):
        model = ours(folder, window=20, batch_subwords=budget)
        backwards = model.predict(docs[::-1])[::-1]
        for doc, found, other in zip(docs, together, backwards, strict=True):
            assert len(found) == len(doc)
            np.testing.assert_allclose(found, other, atol=1e-5)
            if len(doc):
                np.testing.assert_allclose(found, model.predict([doc])[0], atol=1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_text_gets_one_vector_a_token(tiny_roberta: Path, blank: Language, texts: list[str]) -> None:
    """Whatever Unicode has, in any mixture of documents."""
    docs = [blank.make_doc(text) for text in texts]
    if not any(map(len, docs)):
        return
    if "any" not in MODELS:
        MODELS["any"] = ours(tiny_roberta, window=5)
    for doc, vectors in zip(docs, MODELS["any"].predict(docs), strict=True):
        assert vectors.shape[0] == len(doc)
        assert np.isfinite(vectors).all()


MODELS: dict[str, Model] = {}


def test_the_model_is_of_no_use_before_it_is_initialized(tiny_encoder: Path, blank: Language) -> None:
    """And says so."""
    with pytest.raises(DossierError, match="initialize"):
        build_transformer_model(str(tiny_encoder)).predict([blank.make_doc("Hello")])


@pytest.mark.parametrize("config", [{"window": 0}, {"context": -1}])
def test_impossible_windows_are_refused(config: dict[str, int]) -> None:
    """Before anything is loaded."""
    with pytest.raises(DossierError, match=r"window|context"):
        build_transformer_model("anything", **config)


# In a pipeline


def make_nlp(folder: Path, listeners: tuple[str, ...] = ("crf_ner",), **config: Any) -> Language:
    nlp = spacy.blank("en")
    architecture = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(folder), "window": 20}
    nlp.add_pipe("transformer", config={"model": {**architecture, **config}})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    for name in listeners:
        nlp.add_pipe(name, config={"model": {"tok2vec": listener}})
    return nlp


def make_examples(nlp: Language) -> list[Example]:
    """Documents with entities, and among them an empty one, one of white space, and a long one."""
    annotated = [
        ("Anna Kovacs flew to Lisbon.", [(0, 11, "PER"), (20, 26, "LOC")]),
        ("", []),
        ("Nobody in Lagos knows.", [(10, 15, "LOC")]),
        (" \n ", []),
        (LONG, [(m, m + 5, "LOC") for m in range(len(LONG)) if LONG.startswith("Lagos", m)]),
    ]
    examples = []
    for text, entities in annotated:
        example = Example.from_dict(nlp.make_doc(text), {"entities": entities})
        for i, token in enumerate(example.reference):
            token.tag_ = "A" if token.is_title else "B"
            token.is_sent_start = i == 0
        examples.append(example)
    return examples


def entities(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def test_listeners_train_the_encoder(tiny_encoder: Path) -> None:
    """Several of them, with empty documents in the batch: the loss falls, and the encoder and its cases learn."""
    fix_random_seed(0)
    nlp = make_nlp(tiny_encoder, ("crf_ner", "tagger", "senter"), case_embedding=True)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    shim = nlp.get_pipe("transformer").model.shims[0]
    before = {name: p.detach().clone() for name, p in shim.module.named_parameters()}
    history = []
    for _ in range(200):
        losses = nlp.update(examples, sgd=False)  # type: ignore[arg-type]  # as spaCy's training loop does
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)
        history.append(losses["crf_ner"])
    assert history[-1] < history[0] / 4
    # The bias of attention keys has no effect, hence no gradient.
    still = [n for n, p in shim.module.named_parameters() if torch.equal(p, before[n]) and "key.bias" not in n]
    assert still == []
    assert nlp.evaluate(examples)["ents_f"] > 0.7
    assert [len(doc) for doc in nlp.pipe(eg.text for eg in examples)] == [len(eg.reference) for eg in examples]


def test_a_batch_of_nothing_but_empty_documents_is_no_problem(tiny_encoder: Path) -> None:
    """Neither in use nor in training."""
    nlp = make_nlp(tiny_encoder)
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    assert [entities(doc) for doc in nlp.pipe(["", ""])] == [[], []]
    assert [entities(doc) for doc in nlp.pipe([" ", "\n"])] == [[], []]
    for text in ("", " "):
        nlp.update([Example.from_dict(nlp.make_doc(text), {"entities": []})] * 2, sgd=optimizer)


def test_a_pipeline_survives_disk_bytes_and_pickle(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights and tokenizer inside: the encoder's folder and the network are not needed any more."""
    nlp = make_nlp(folder, case_embedding=True)
    nlp.initialize(lambda: make_examples(nlp))
    expected = nlp(LONG)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    config = nlp.config.copy()
    config["components"]["transformer"]["model"]["name"] = "/nowhere"
    from_bytes = spacy.util.load_model_from_config(config).from_bytes(nlp.to_bytes())
    for other in (loaded, from_bytes, pickle.loads(pickle.dumps(nlp))):
        doc = other(LONG)
        assert entities(doc) == entities(expected)
        for found, before in zip(doc._.trf_data.tensors, expected._.trf_data.tensors, strict=True):
            np.testing.assert_allclose(found, before, atol=1e-5)


def test_settings_can_be_changed_where_a_pipeline_is_loaded(tiny_encoder: Path, tmp_path: Path) -> None:
    """What the config says at load holds, not what it said in training."""
    nlp = make_nlp(tiny_encoder)
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, config={"components.transformer.model.batch_subwords": 77})
    assert loaded.get_pipe("transformer").model.shims[0].settings.batch_subwords == 77
    with pytest.raises(DossierError, match="64 sub-words"):
        spacy.load(tmp_path, config={"components.transformer.model.window": 100})


def test_several_processes_give_the_same(tiny_encoder: Path) -> None:
    """As one process does, in order."""
    nlp = make_nlp(tiny_encoder)
    nlp.initialize(lambda: make_examples(nlp))
    texts = [*TEXTS, LONG] * 2
    one, two = list(nlp.pipe(texts)), list(nlp.pipe(texts, n_process=2, batch_size=3))
    assert [doc.text for doc in two] == texts
    assert [entities(doc) for doc in one] == [entities(doc) for doc in two]
    assert [[e._.confidence for e in doc.ents] for doc in two] == [
        pytest.approx([e._.confidence for e in doc.ents], abs=1e-5) for doc in one
    ]


@pytest.mark.parametrize(
    ("with_word_shape", "path"),
    [
        (False, "model.tok2vec"),
        (False, "model"),
        (True, "model.tok2vec.tok2vec"),
        (True, "model.tok2vec"),
        (True, "model"),
    ],
)
def test_a_replaced_listener_gives_the_same_and_is_loaded_again(
    tiny_encoder: Path, tmp_path: Path, with_word_shape: bool, path: str
) -> None:
    """The encoder moves into the component, also where the listener is inside another layer, by its own path, by the
    one that spaCy's documentation names and by that of all of the model.
    """
    nlp = make_nlp(tiny_encoder, ())
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 0.5}
    listener["pooling"] = {"@layers": "reduce_mean.v1"}
    word_shape = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 8, "attrs": ["SHAPE"], "rows": [50]}
    word_shape["include_static_vectors"] = False
    both = {"@architectures": "spacy-dossier.WordShapeTok2Vec.v1", "tok2vec": listener, "word_shape": word_shape}
    nlp.add_pipe("crf_ner", config={"model": {"tok2vec": both if with_word_shape else listener}})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    nlp.replace_listeners("transformer", "crf_ner", [path])
    nlp.remove_pipe("transformer")
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert [entities(doc) for doc in loaded.pipe(TEXTS)] == expected
    block = loaded.config["components"]["crf_ner"]["model"]["tok2vec"]
    block = block["tok2vec"] if with_word_shape else block
    assert block["@architectures"] == "spacy-dossier.Tok2VecTransformer.v1" and block["grad_factor"] == 0.5
    first = loaded.update(examples, sgd=optimizer)["crf_ner"]
    for _ in range(20):
        last = loaded.update(examples, sgd=optimizer)["crf_ner"]
    assert last < first


def test_a_path_without_a_listener_replaces_nothing(tiny_encoder: Path) -> None:
    """It is refused before anything is changed."""
    nlp = make_nlp(tiny_encoder)
    nlp.initialize(lambda: make_examples(nlp))
    before = nlp.config.to_str()
    with pytest.raises(
        DossierError, match=r"'crf_ner' has no listener there, .*'model.tok2vec.pooling'.*model.tok2vec"
    ):
        nlp.replace_listeners("transformer", "crf_ner", ["model.tok2vec.pooling"])
    assert nlp.config.to_str() == before


def test_a_replaced_listener_leaves_the_shared_encoder_alone(tiny_encoder: Path) -> None:
    """Training the one does not change the other."""
    nlp = make_nlp(tiny_encoder, ("crf_ner", "tagger"))
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    nlp.replace_listeners("transformer", "crf_ner", ["model.tok2vec"])
    shared = nlp.get_pipe("transformer").model.shims[0]
    own = next(shim for node in nlp.get_pipe("crf_ner").model.walk() for shim in node.shims)
    before = shared.module.encoder.embeddings.word_embeddings.weight.detach().clone()
    with nlp.select_pipes(enable=["crf_ner"]):
        nlp.update(examples, sgd=optimizer)
    torch.testing.assert_close(shared.module.encoder.embeddings.word_embeddings.weight.detach(), before)
    assert not torch.equal(own.module.encoder.embeddings.word_embeddings.weight.detach(), before)


def test_the_encoder_inside_a_component_takes_documents_of_all_kinds(tiny_encoder: Path, blank: Language) -> None:
    """`spacy-dossier.Tok2VecTransformer.v1` from a config, with empty documents and its own gradient factor."""
    model = build_tok2vec_transformer(str(tiny_encoder), reduce_mean(), grad_factor=0.5, window=20)
    docs = [blank.make_doc(text) for text in TEXTS]
    model.initialize(X=docs)
    vectors, backprop = model.begin_update(docs)
    assert [len(v) for v in vectors] == [len(doc) for doc in docs]
    backprop(vectors)
    for found, expected in zip(model.predict(docs), ours(tiny_encoder, window=20).predict(docs), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_frozen_encoder_serves_a_listener_in_training(tiny_encoder: Path) -> None:
    """Frozen and annotating, as spaCy's training loop has it: the head learns, the encoder does not."""
    nlp = make_nlp(tiny_encoder)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    shim = nlp.get_pipe("transformer").model.shims[0]
    before = shim.to_bytes()
    losses = [
        nlp.update(examples, sgd=optimizer, exclude=["transformer"], annotates=["transformer"])["crf_ner"]
        for _ in range(10)
    ]
    assert losses[-1] < losses[0] and shim.to_bytes() == before


def test_vectors_kept_on_a_document_survive_its_bytes(tiny_encoder: Path) -> None:
    """As spaCy needs when worker processes send documents back."""
    nlp = make_nlp(tiny_encoder)
    nlp.initialize(lambda: make_examples(nlp))
    for text in TEXTS:
        doc = nlp(text)
        copied = Doc(nlp.vocab).from_bytes(doc.to_bytes())
        for found, expected in zip(copied._.trf_data.tensors, doc._.trf_data.tensors, strict=True):
            np.testing.assert_array_equal(found, expected)
