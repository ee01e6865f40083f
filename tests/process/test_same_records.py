"""What is found in a document depends on neither its company, its place, the processes nor the runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_dossier import process_documents
from spacy_dossier.errors import DossierError
from spacy_dossier.process.infer import encoders, load
from spacy_dossier.process.options import PipelineRef, RunOptions
from spacy_dossier.process.record import Record

TORCH, ONNX = 1e-5, 1e-4  # what each runtime's numbers may differ by
CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer", "sentencizer", "crf_ner", "summarizer"]

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-dossier.TransformerModel.v1"
name = "{encoder}"
window = 30
batch_subwords = 128
case_embedding = true

[components.sentencizer]
factory = "sentencizer"

[components.crf_ner]
factory = "crf_ner"

[components.crf_ner.model]
@architectures = "spacy-dossier.CRFTagger.v1"

[components.crf_ner.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0

[components.crf_ner.model.tok2vec.pooling]
@layers = "reduce_mean.v1"

[components.summarizer]
factory = "summarizer"
method = "centrality"
sentences = 2

[components.summarizer.model]
@architectures = "spacy-dossier.SentenceRanker.v1"

[components.summarizer.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 0.0

[components.summarizer.model.tok2vec.pooling]
@layers = "reduce_mean.v1"
"""


@pytest.fixture(scope="module")
def pipeline(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights that find entities nearly everywhere, sure of some and unsure of others."""
    fix_random_seed(0)
    config = spacy.util.load_config_from_str(CONFIG.replace("{encoder}", str(tiny_encoder)))
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    reference = Doc(nlp.vocab, words=["Anna", "met", "Lisbon"], ents=["B-PER", "O", "B-LOC"])
    nlp.initialize(lambda: [Example(nlp.make_doc("Anna met Lisbon"), reference)])
    output = nlp.get_pipe("crf_ner").model.get_ref("output")  # type: ignore[attr-defined]
    output.set_param("W", np.random.default_rng(2).normal(scale=0.5, size=output.get_param("W").shape).astype("f"))
    folder = tmp_path_factory.mktemp("same") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def texts(sentences: list[str]) -> list[str]:
    """Short ones, of several windows, without words, and one twice."""
    rng = np.random.default_rng(0)
    long = [" ".join(sentences[i] for i in rng.integers(len(sentences), size=n)) for n in (3, 8, 20, 5)]
    return [*sentences, "", " \n ", "Lisbon", *long, sentences[0]]


def with_runtime(pipeline: Path, runtime: str) -> Language:
    return spacy.load(pipeline, config={"components.transformer.model.runtime": runtime})


def found(doc: Doc) -> tuple[list[Any], list[float]]:
    """What must be equal, and the numbers that must be near."""
    what = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    summary = [(sent.start_char, sent.end_char) for sent in doc.spans.get("summary", [])]
    return [what, summary], [ent._.confidence for ent in doc.ents]


@pytest.mark.parametrize(("runtime", "tolerance"), [("torch", TORCH), ("onnx", ONNX)])
def test_entities_depend_neither_on_batch_nor_on_order_nor_on_processes(
    pipeline: Path, texts: list[str], runtime: str, tolerance: float
) -> None:
    """And in ONNX Runtime they are those of PyTorch."""
    expected = [found(doc) for doc in map(spacy.load(pipeline), texts)]
    confidences = [c for _, numbers in expected for c in numbers]
    assert len(confidences) > 50 and max(confidences) - min(confidences) > 0.2
    nlp = with_runtime(pipeline, runtime)
    if runtime == "onnx":
        nlp.get_pipe("transformer").model.shims[0].export()  # type: ignore[attr-defined]
    runs = [list(nlp.pipe(texts, batch_size=size)) for size in (1, 3, 64)]
    runs.append(list(nlp.pipe(texts[::-1], batch_size=5))[::-1])
    runs.append(list(nlp.pipe(texts, batch_size=4, n_process=2)))
    for docs in runs:
        for doc, (what, numbers) in zip(docs, expected, strict=True):
            assert found(doc)[0] == what
            assert found(doc)[1] == pytest.approx(numbers, abs=tolerance)


def test_records_depend_on_neither_shards_nor_workers_nor_runtime(
    pipeline: Path, texts: list[str], tmp_path: Path
) -> None:
    """From files to records, by one worker process and by two, in another order and another runtime."""
    folders = (tmp_path / "forwards", tmp_path / "backwards")
    for folder in folders:
        folder.mkdir()
    for i, text in enumerate(filter(str.strip, texts)):
        (folders[0] / f"{i:02}.txt").write_text(text, encoding="utf-8")
        (folders[1] / f"{99 - i:02}.txt").write_text(text, encoding="utf-8")
    expected = list(process_documents(folders[0], pipeline, workers=1))
    assert len(expected) == len(texts) - 2 and sum(len(record.entities) for record in expected) > 50
    again = list(process_documents(folders[1], with_runtime(pipeline, "onnx"), workers=2, shard_size=3))[::-1]
    for record, other in zip(expected, again, strict=True):
        assert facts(other) == facts(record)
        assert numbers(other) == pytest.approx(numbers(record), abs=ONNX)


def facts(record: Record) -> list[Any]:
    spans = [(row.start, row.end, row.text) for row in (*record.entities, *record.summary_sentences)]
    return [record.sha256, spans, [entity.label for entity in record.entities], record.summary]


def numbers(record: Record) -> list[float]:
    return [*(e.confidence or 0.0 for e in record.entities), *(s.score or 0.0 for s in record.summary_sentences)]


def test_a_run_chooses_the_runtime(pipeline: Path) -> None:
    """Over the pipeline's own; a run in another does not take over what was found."""
    chosen = {name: RunOptions(runtime=name).checked() for name in (None, "torch", "bf16")}
    for name, options in chosen.items():
        found = {shim.settings.runtime for shim in encoders(load(str(pipeline), "cpu", options.runtime))}
        assert found == {name or "torch"}
    reference = PipelineRef("", "", "", "")
    assert len({options.space(reference) for options in chosen.values()}) == len(chosen)
    with pytest.raises(DossierError, match="unknown runtime"):
        RunOptions(runtime="tpu").checked()
