"""`dossier average`: the mean of the weights of trainings that go on from the same one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.pipeline.summarizer.names import REFERENCE

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
SENTENCES = ["Anna met Bo in Lisbon .", "It rained .", "Nobody saw them .", "They went home .", "All was well ."]
WORDS = [word for sentence in SENTENCES for word in sentence.split()]
STARTS = (0, 6, 9, 13, 17)


def blank(encoder: Path, **settings: Any) -> Language:
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(encoder), "window": 30}
    nlp.add_pipe("dossier_transformer", name="transformer", config={"model": model | settings})
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("crf_ner", config={"model": {"@architectures": "spacy-dossier.CRFTagger.v1", "tok2vec": LISTENER}})
    ranker = {"@architectures": "spacy-dossier.SentenceRanker.v1", "tok2vec": LISTENER}
    nlp.add_pipe("summarizer", config={"model": ranker})
    return nlp


def examples(nlp: Language, label: str) -> list[Example]:
    ents = [f"B-{label}" if i in (0, 2, 4) else "O" for i in range(len(WORDS))]
    doc = Doc(nlp.vocab, words=WORDS, ents=ents, sent_starts=[i in STARTS for i in range(len(WORDS))])
    doc.user_data[REFERENCE] = "Anna met Bo in Lisbon."
    return [Example(nlp.make_doc(doc.text), doc)]


def initialized(encoder: Path, seed: int = 0, label: str = "NAME") -> Language:
    fix_random_seed(seed)
    nlp = blank(encoder)
    nlp.initialize(lambda: examples(nlp, label))
    return nlp


def trained(nlp: Language, steps: int) -> Language:
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples(nlp, "NAME"), sgd=optimizer, annotates=["sentencizer"])
    return nlp


@pytest.fixture(scope="module")
def folder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a` and `b`, which goes on from it; what has no mean with `a`, each by its reason."""
    folder = tmp_path_factory.mktemp("average")
    nlp = trained(initialized(tiny_encoder), 3)
    nlp.meta["performance"] = {"ents_f": 0.9}
    nlp.to_disk(folder / "a")
    trained(nlp, 3).to_disk(folder / "b")
    apart = trained(initialized(tiny_encoder, seed=1), 3)
    for name in ("crf_ner", "summarizer"):  # a head of another seed over the encoder of the first
        with_head = spacy.load(folder / "a")
        with_head.get_pipe(name).from_bytes(apart.get_pipe(name).to_bytes())  # type: ignore[attr-defined]
        with_head.to_disk(folder / f"apart in {name}")
    initialized(tiny_encoder, label="PER").to_disk(folder / "labelled otherwise")
    cfg = nlp.get_pipe("crf_ner").cfg  # type: ignore[attr-defined]
    cfg["threshold_for_precision"] = {"precision": 0.9, "threshold": 0.5}
    nlp.to_disk(folder / "calibrated")
    cfg["threshold_for_precision"] = None
    nlp.remove_pipe("summarizer")
    nlp.to_disk(folder / "shorter")
    blank(tiny_encoder).to_disk(folder / "without weights")
    adapted = blank(tiny_encoder, lora_rank=2)
    adapted.initialize(lambda: examples(adapted, "NAME"))
    adapted.to_disk(folder / "adapted")
    return folder


def weights(folder: Path) -> Iterator[tuple[str, Any]]:
    """All that a pipeline has stored, by where it stands."""
    for name, pipe in spacy.load(folder).pipeline:
        for number, node in enumerate(pipe.model.walk() if hasattr(pipe, "model") else ()):
            yield from ((f"{name} {number} {key}", node.get_param(key)) for key in node.param_names)
            for shim in node.shims:
                state = shim._model.state_dict()
                yield from ((f"{name} {number} {key}", value.numpy()) for key, value in state.items())


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["average", *map(str, arguments)])
    return result.exit_code, result.output


def test_weights_are_the_mean(folder: Path, tmp_path: Path) -> None:
    """Of all components, and those of the encoder; scores of the first are not claimed for the mean."""
    code, output = run(folder / "a", folder / "b", folder / "b", "-o", tmp_path / "mean")
    assert code == 0 and f"Wrote {tmp_path / 'mean'}" in output.replace("\n", "")
    a, b, mean = (dict(weights(path)) for path in (folder / "a", folder / "b", tmp_path / "mean"))
    assert a.keys() == b.keys() == mean.keys()
    moved = {name.split()[0] for name in a if a[name].ndim > 1 and np.abs(a[name] - b[name]).max() > 1e-4}
    assert moved == {"transformer", "crf_ner", "summarizer"}
    for name in a:
        np.testing.assert_allclose(mean[name], (a[name] + 2 * b[name]) / 3, atol=1e-6, err_msg=name)
    assert not spacy.load(tmp_path / "mean").meta["performance"]


def test_the_mean_is_not_answered_from_an_export_of_the_first(folder: Path, tmp_path: Path) -> None:
    """A stored ONNX graph holds the weights of the one that it was exported from."""
    runtime = {"components.transformer.model.runtime": "onnx"}
    nlp = spacy.load(folder / "a", config=runtime)
    nlp.get_pipe("transformer").model.shims[0].export()  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "exported")
    assert run(tmp_path / "exported", folder / "b", "-o", tmp_path / "mean")[0] == 0
    run(folder / "a", folder / "b", "-o", tmp_path / "plain")

    def vectors(path: Path) -> Any:
        nlp = spacy.load(path, config=runtime if path.name == "mean" else {})
        return nlp.get_pipe("transformer").model.predict([nlp.make_doc("Anna met Bo.")])  # type: ignore[attr-defined]

    found, expected = (vectors(tmp_path / name).model_output.last_hidden_state for name in ("mean", "plain"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_disabled_components_are_averaged_too(folder: Path, tmp_path: Path) -> None:
    """And stay disabled; else they would stand behind an encoder that they were not trained with."""
    disabled = [spacy.load(folder / name, disable=["crf_ner"]) for name in "ab"]
    for name, nlp in zip("ab", disabled, strict=True):
        nlp.to_disk(tmp_path / name)
    assert run(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "mean")[0] == 0
    run(folder / "a", folder / "b", "-o", tmp_path / "plain")
    mean, plain = spacy.load(tmp_path / "mean"), spacy.load(tmp_path / "plain")
    assert mean.disabled == ["crf_ner"]
    mean.enable_pipe("crf_ner")
    for name in ("transformer", "crf_ner"):
        assert mean.get_pipe(name).model.to_bytes() == plain.get_pipe(name).model.to_bytes()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ((), "a mean takes two pipelines or more"),
        (("a",), "the weights are the same as in"),
        (("apart in crf_ner",), "apart in crf_ner: crf_ner: the weights have too little in common"),
        (("apart in summarizer",), "apart in summarizer: summarizer: the weights have too little in common"),
        (("b", "apart in crf_ner"), "too little in common"),
        (("labelled otherwise",), "other labels than in the first pipeline, at 'crf_ner'"),
        (("shorter",), "other components than in the first pipeline, found 'transformer, sentencizer, crf_ner'"),
        (("calibrated",), "'crf_ner' is calibrated"),
        (("without weights",), "without weights: "),
        (("adapted",), "'transformer' was trained with LoRA"),
        (("nowhere",), "cannot be loaded"),
    ],
)
def test_what_has_no_mean_is_refused(folder: Path, tmp_path: Path, others: tuple[str, ...], said: str) -> None:
    """In one line, and nothing is written."""
    code, output = run(folder / "a", *(folder / name for name in others), "-o", tmp_path / "mean")
    assert code == 1 and said in output and "Traceback" not in output
    assert not list(tmp_path.iterdir())


def test_the_mean_does_not_replace_one_of_them(folder: Path) -> None:
    code, output = run(folder / "a", folder / "b", "-o", folder / "b")
    assert code == 1 and "the output is one of the pipelines" in output
