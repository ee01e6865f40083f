"""`dossier benchmark`: the numbers it writes are those it timed."""

import json
import statistics
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from typer.testing import CliRunner

from spacy_dossier.cli.app import app


@pytest.fixture()
def pipeline(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A transformer and a crf_ner with random weights."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(tiny_encoder), "window": 40}
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    nlp.add_pipe("crf_ner", config={"model": {"@architectures": "spacy-dossier.CRFTagger.v1", "tok2vec": listener}})
    doc = Doc(nlp.vocab, words=["Anna", "sang"], ents=["B-PER", "O"])
    nlp.initialize(lambda: [Example(nlp.make_doc("Anna sang"), doc)])
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.mark.filterwarnings("ignore")
def test_numbers_and_picture(pipeline: Path, tiny_encoder: Path, sentences: list[str], tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for number, sentence in enumerate(sentences):
        (texts / f"{number}.txt").write_text(" ".join([sentence] * 4), encoding="utf-8")
    (texts / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    arguments = [str(pipeline), str(texts), "-e", str(tiny_encoder), "-o", str(tmp_path / "out"), "--rounds", "3"]
    done = CliRunner().invoke(app, ["benchmark", *arguments, "--runtime", "torch"])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert result["documents"] == len(sentences)
    assert result["words"] == sum(4 * len(sentence.split()) for sentence in sentences)
    names = {"ours", "spacy_baseline", "huggingface_1", "huggingface_8", "bare_encoder"}
    assert set(result["words_per_second"]) == set(result["seconds"]) == names
    for name, seconds in result["seconds"].items():
        assert len(seconds) == 3
        assert result["words_per_second"][name] == pytest.approx(
            result["words"] / statistics.median(seconds), rel=0.05, abs=5
        )
    assert set(result["ratios"]) == {"spacy_baseline", "huggingface", "bare_encoder"}
    pairs = zip(result["seconds"]["ours"], result["seconds"]["spacy_baseline"], strict=True)
    expected = statistics.median(theirs / own for own, theirs in pairs)
    assert result["ratios"]["spacy_baseline"] == pytest.approx(expected, rel=0.05)
    picture = (tmp_path / "out" / "benchmark.svg").read_text()
    assert all(f"{rate:,.0f}" in picture for rate in result["words_per_second"].values())


def test_an_unknown_runtime_is_one_line(pipeline: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    arguments = [str(pipeline), str(pipeline), "-e", str(tiny_encoder), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["benchmark", *arguments, "--runtime", "tpu"])
    assert done.exit_code == 1
    assert "unknown runtime" in done.output
    assert not (tmp_path / "out").exists()
