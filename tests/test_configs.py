"""The configs are complete, valid, and train."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy import util
from spacy.cli.debug_config import debug_config
from spacy.cli.debug_data import debug_data
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin

from spacy_dossier.pipeline.extensions import Relation, set_relations

from .card.counts import Counts

FOLDER = Path(__file__).resolve().parents[1] / "configs"
# Those that start from an encoder; the others start from a trained pipeline.
CONFIGS = sorted(path for path in FOLDER.glob("*.cfg") if path.stem not in ("further", "summarizer"))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two tiny corpora: annotated entities, relations, sentences and classes, and articles with their summaries."""
    folder = tmp_path_factory.mktemp("corpora")
    nlp = spacy.blank("en")
    annotated, pairs = DocBin(store_user_data=True), DocBin(store_user_data=True)
    for place in ("Lisbon", "Rotterdam", "Lagos", "Oslo"):
        words = ["Anna", "Kovacs", "flew", "to", place, ".", "Nobody", "met", "her", "."]
        tags = ["B-PER", "I-PER", "O", "O", "B-LOC", *"OOOOO"]
        starts = [i in (0, 6) for i in range(len(words))]
        doc = Doc(nlp.vocab, words=words, ents=tags, sent_starts=starts)
        doc.cats = {"north": float(place in ("Oslo", "Rotterdam")), "south": float(place in ("Lisbon", "Lagos"))}
        set_relations(doc, [Relation(*doc.ents, "flew_to")])
        annotated.add(doc)
        article = nlp(f"Anna Kovacs flew to {place}. It rained. Nobody met her at the harbour. She went home again.")
        article.spans["sentences"] = [article[0:6], article[6:9], article[9:16], article[16:21]]
        article.user_data.update(id=place, summary_reference=f"Anna Kovacs flew to {place} and went home.")
        pairs.add(article)
    annotated.to_disk(folder / "entities.spacy")
    pairs.to_disk(folder / "pairs.spacy")
    return {"entities": str(folder / "entities.spacy"), "pairs": str(folder / "pairs.spacy")}


def overrides(config: Path, corpora: dict[str, str], encoder: Path) -> dict[str, object]:
    given: dict[str, object] = {
        "paths.encoder": str(encoder),
        "paths.train": corpora["entities"],
        "paths.dev": corpora["entities"],
        "training.max_steps": 2,
        "training.eval_frequency": 2,
        "system.gpu_allocator": None,
    }
    text = config.read_text()
    if 'train_classes = "' in text:
        given |= {"paths.train_classes": corpora["entities"], "paths.dev_classes": corpora["entities"]}
    if "train_pairs" in text:
        given |= {"paths.train_pairs": corpora["pairs"], "paths.dev_pairs": corpora["pairs"]}
    if "spacy-dossier.TransformerModel" in text:
        given |= {"components.transformer.model.window": 40}
    return given


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_is_complete(config: Path, tmp_path: Path) -> None:
    """`spacy init fill-config` has nothing to add."""
    fill_config(tmp_path / "filled.cfg", config)
    assert (tmp_path / "filled.cfg").read_text() == config.read_text()


def test_the_accurate_config_is_the_default_one_but_for_encoder_and_rates() -> None:
    """The recipe stands in two files; what is changed in the one is changed in the other."""
    lines = ((FOLDER / f"{name}.cfg").read_text(encoding="utf8").splitlines() for name in ("default", "accurate"))
    different = [accurate for default, accurate in zip(*lines, strict=True) if default != accurate]
    assert [line.partition(" = ")[0] for line in different] == [
        "encoder",
        "warmup_steps",
        "initial_rate",
        "learn_rate_scale",
    ]


def test_the_further_config_reads_and_trains_as_the_default_one_but_for_rate_and_length() -> None:
    default, further = (util.load_config(FOLDER / f"{name}.cfg", interpolate=False) for name in ("default", "further"))
    further["training"]["patience"] = default["training"]["patience"]
    further["initialize"]["before_init"] |= {"epochs": 4.0, "least_steps": 280}
    further["training"]["optimizer"]["learn_rate"]["initial_rate"] = 0.001
    for section in ("system", "nlp", "corpora", "training", "initialize"):
        assert further[section] == default[section]
    assert further["components"].keys() == default["components"].keys()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_passes_debug_config(
    config: Path, corpora: dict[str, str], tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`spacy debug config` finds no error."""
    debug_config(config, overrides=overrides(config, corpora, tiny_encoder))
    assert "Config is valid" in capsys.readouterr().out


@pytest.mark.parametrize("config", [path for path in CONFIGS if path.stem != "baseline"], ids=lambda path: path.stem)
def test_config_passes_debug_data(
    config: Path, corpora: dict[str, str], tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`spacy debug data`, which initializes the pipeline without `spacy train`, gets to its end."""
    given = overrides(config, corpora, tiny_encoder)
    with pytest.raises(SystemExit):  # it finds the corpora too small
        debug_data(config, config_overrides=given, silent=False)
    said = capsys.readouterr().out
    assert "Pipeline can be initialized with data" in said
    assert "Training pipeline: transformer, " in said


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_trains(
    config: Path, corpora: dict[str, str], tiny_encoder: Path, tiny_roberta: Path, tmp_path: Path
) -> None:
    """Two steps with a randomly initialised encoder of the class that the config is for, and the result loads."""
    encoder = tiny_roberta if config.stem == "gpu" else tiny_encoder
    train(config, tmp_path, overrides=overrides(config, corpora, encoder))
    nlp = spacy.load(tmp_path / "model-last")
    doc = nlp("Anna Kovacs flew to Lisbon. Nobody met her.")
    set_by = {
        "ner": lambda: doc.has_annotation("ENT_IOB"),
        "crf_ner": lambda: doc.has_annotation("ENT_IOB"),
        "senter": lambda: doc.has_annotation("SENT_START"),
        "summarizer": lambda: doc._.summary,
        "textcat": lambda: set(doc.cats) == {"north", "south"} and abs(sum(doc.cats.values()) - 1) < 1e-6,
        "relation_extractor": lambda: isinstance(doc._.relations, list),
        "vector_cleaner": lambda: doc._.trf_data is None,
    }
    assert all(set_by[name]() for name in nlp.pipe_names if name in set_by)
    if config.stem != "baseline":
        assert nlp.resume_training().learn_rate is not None


def test_relations_train_on_a_gpu(card: Counts, corpora: dict[str, str], tiny_encoder: Path, tmp_path: Path) -> None:
    """And on the CPU the result loads and scores pairs as it did there."""
    config = FOLDER / "relations.cfg"
    train(config, tmp_path, use_gpu=0, overrides=overrides(config, corpora, tiny_encoder))
    assert card.kernels > 1000
    nlp = spacy.load(tmp_path / "model-last")
    assert nlp.get_pipe("relation_extractor").labels == ("flew_to",)
    nlp("Anna Kovacs flew to Lisbon.")


@pytest.mark.parametrize("name", ["default", "gpu"])
def test_config_trains_on_a_gpu(
    name: str, card: Counts, corpora: dict[str, str], tiny_encoder: Path, tiny_roberta: Path, tmp_path: Path
) -> None:
    """`spacy train --gpu-id 0`, with scores and storing; on the CPU the result finds the same. So does summarizer.cfg
    on top of it.
    """
    config, encoder = FOLDER / f"{name}.cfg", tiny_roberta if name == "gpu" else tiny_encoder
    train(config, tmp_path / name, use_gpu=0, overrides=overrides(config, corpora, encoder))
    pairs = {"paths.train_pairs": corpora["pairs"], "paths.dev_pairs": corpora["pairs"]}
    given = pairs | {"paths.source": str(tmp_path / name / "model-last"), "training.max_steps": 2}
    train(FOLDER / "summarizer.cfg", tmp_path / "second", use_gpu=0, overrides=given | {"training.eval_frequency": 2})
    assert card.kernels > 1000
    for folder in (name, "second"):
        docs = []
        for require in (spacy.require_gpu, spacy.require_cpu):
            require()
            docs.append(spacy.load(tmp_path / folder / "model-last")("Anna Kovacs flew to Lisbon. Nobody met her."))
        assert docs[0]._.summary == docs[1]._.summary
        assert [(ent.text, ent.label_) for ent in docs[0].ents] == [(ent.text, ent.label_) for ent in docs[1].ents]
        salience = [[sent._.salience for sent in doc.sents] for doc in docs]
        assert salience[0] == pytest.approx(salience[1], abs=1e-5)


def test_summarizer_config_leaves_the_rest_as_it_was(
    corpora: dict[str, str], tiny_encoder: Path, tmp_path: Path
) -> None:
    """It is complete, learns from pairs on a trained pipeline, and changes neither entities nor sentences."""
    default = FOLDER / "default.cfg"
    without = {"paths.train_pairs": None, "paths.dev_pairs": None, "components.summarizer.method": "centrality"}
    train(default, tmp_path / "first", overrides=overrides(default, corpora, tiny_encoder) | without)
    source = tmp_path / "first" / "model-last"

    config = tmp_path / "summarizer.cfg"
    config.write_text((FOLDER / "summarizer.cfg").read_text().replace("training/model-final", str(source)))
    fill_config(tmp_path / "filled.cfg", config)
    assert (tmp_path / "filled.cfg").read_text() == config.read_text()

    pairs = {"paths.train_pairs": corpora["pairs"], "paths.dev_pairs": corpora["pairs"]}
    train(config, tmp_path / "second", overrides=pairs | {"training.max_steps": 2, "training.eval_frequency": 2})
    before, after = spacy.load(source), spacy.load(tmp_path / "second" / "model-last")
    for name in ("transformer", "senter", "crf_ner"):
        assert after.get_pipe(name).to_bytes(exclude=["vocab"]) == before.get_pipe(name).to_bytes(exclude=["vocab"])
    doc = after("Anna Kovacs flew to Lisbon. Nobody met her. It rained for days.")
    assert doc._.summary
    assert doc.spans["summary"].attrs["scores"] != [0.5] * len(doc.spans["summary"])


def test_a_trained_pipeline_is_trained_further(corpora: dict[str, str], tiny_encoder: Path, tmp_path: Path) -> None:
    """further.cfg is complete and goes on from the weights of its source."""
    default = FOLDER / "default.cfg"
    train(default, tmp_path / "first", overrides=overrides(default, corpora, tiny_encoder))
    source = tmp_path / "first" / "model-last"

    config = tmp_path / "further.cfg"
    config.write_text((FOLDER / "further.cfg").read_text().replace("training/model-best", str(source)))
    fill_config(tmp_path / "filled.cfg", config)
    assert (tmp_path / "filled.cfg").read_text() == config.read_text()

    given = overrides(default, corpora, tiny_encoder)
    del given["paths.encoder"], given["components.transformer.model.window"]
    train(config, tmp_path / "second", overrides=given)
    before, after = (spacy.load(path) for path in (source, tmp_path / "second" / "model-last"))
    for name in ("transformer", "senter", "crf_ner", "summarizer"):
        ours, theirs = before.get_pipe(name).model, after.get_pipe(name).model  # type: ignore[attr-defined]
        assert ours.to_bytes() != theirs.to_bytes()
        for node, further in zip(ours.walk(), theirs.walk(), strict=True):  # two steps, not other random weights
            for key in node.param_names:
                np.testing.assert_allclose(further.get_param(key), node.get_param(key), atol=0.01)
    assert after("Anna Kovacs flew to Lisbon. Nobody met her.")._.summary
