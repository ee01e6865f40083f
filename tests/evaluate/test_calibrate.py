"""`dossier calibrate` stores a map in the pipe of a copy, and leaves the rest as it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.calibrate import calibrate

from .pipelines import make_doc, ruler


def corpus() -> list[Doc]:
    """Forty documents; of the entities with confidence 0.99 four in five are right, of those with 0.9 half."""
    docs = []
    for i in range(40):
        entities = [("Ada", "PER")] if i % 5 else []
        docs.append(make_doc("Ada met Bo", [*entities, *([("Bo", "PER")] if i % 2 else [])]))
    return docs


def pipeline() -> Language:
    """Finds both names in each document and is too sure of them."""
    nlp = ruler({"Ada": "PER", "Bo": "PER"})
    nlp.add_pipe("test_confidence", name="crf_ner")
    nlp.get_pipe("crf_ner").cfg["table"] = {"Ada": 0.99, "Bo": 0.9}
    return nlp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the pipeline and its development set on disk."""
    pipeline().to_disk(tmp_path / "model")
    (tmp_path / "model" / "LICENSE").write_text("none", encoding="utf-8")
    DocBin(docs=corpus()).to_disk(tmp_path / "dev.spacy")
    return tmp_path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_confidences_come_to_mean_what_they_say() -> None:
    """After calibration the mean confidence is about the precision, and the report says so."""
    nlp = pipeline()
    report = calibrate(nlp, corpus(), precision=0.65)
    doc = nlp("Ada met Bo")
    assert [ent._.confidence for ent in doc.ents] == pytest.approx([0.8, 0.5], abs=0.1)
    assert report["entities"] == 80
    assert report["errors"] == 28
    assert report["after"]["brier"] < report["before"]["brier"] - 0.05
    assert report["threshold"]["threshold"] == pytest.approx(doc.ents[0]._.confidence)
    assert nlp.get_pipe("crf_ner").cfg["threshold_for_precision"] == {
        "precision": 0.65,
        "threshold": report["threshold"]["threshold"],
    }


def test_calibrating_again_starts_from_the_raw_confidences() -> None:
    """A second calibration gives the same map as the first, not a map on top of it."""
    nlp = pipeline()
    first = calibrate(nlp, corpus())
    assert calibrate(nlp, corpus()) == first


def test_confidences_are_fitted_for_a_share_of_new_names() -> None:
    """Names that training did not have are wrong more often: where they will be more, confidences are lower."""
    nlp = pipeline()
    nlp.get_pipe("crf_ner").cfg["table"] = {"Ada": 0.9, "Bo": 0.9}
    train = [make_doc("Ada sang", [("Ada", "PER")])]

    def confidence(**options: float) -> float:
        report = calibrate(nlp, corpus(), train=train, **options)
        assert report["unseen"] == 0.5
        return float(nlp("Ada met Bo").ents[0]._.confidence)

    assert confidence() == pytest.approx(0.65, abs=0.03)  # half of them are new as it is
    assert confidence(unseen=0.8) == pytest.approx(0.8 * 0.5 + 0.2 * 0.8, abs=0.05)  # a prior pulls it up
    assert confidence(unseen=0.2) == pytest.approx(0.65, abs=0.03)  # never for fewer than there are
    with pytest.raises(DossierError, match="share of unseen"):
        calibrate(nlp, corpus(), train=train, unseen=1.0)


def test_command_writes_a_calibrated_copy(folder: Path) -> None:
    """The output differs from the pipeline in the pipe's cfg only, and the pipeline is not touched."""
    before = contents(folder / "model")
    code, output = run("calibrate", folder / "model", folder / "dev.spacy", "-o", folder / "out" / "final")
    assert code == 0, output
    assert "80 entities" in output
    assert contents(folder / "model") == before
    after = contents(folder / "out" / "final")
    assert {name for name in before if before[name] != after[name]} == {"crf_ner/cfg"}
    assert set(after) == set(before)
    cfg = json.loads(after["crf_ner/cfg"])
    assert cfg["calibration"]["method"] in ("temperature", "logistic", "beta")
    assert cfg["threshold_for_precision"] == {"precision": 0.97, "threshold": None}
    assert "No threshold" in output
    nlp = spacy.load(folder / "out" / "final")
    assert nlp("Ada met Bo").ents[0]._.confidence < 0.9
    assert [path.name for path in (folder / "out").iterdir()] == ["final"]


def test_existing_pipeline_is_replaced_as_a_whole(folder: Path) -> None:
    """Running the command again replaces the earlier output, and leaves nothing of it or beside it."""
    out = folder / "final"
    assert run("calibrate", folder / "model", folder / "dev.spacy", "-o", out)[0] == 0
    (out / "stale").write_text("", encoding="utf-8")
    assert run("calibrate", folder / "model", folder / "dev.spacy", "-o", out)[0] == 0
    assert not (out / "stale").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["dev.spacy", "final", "model"]


def test_pipeline_itself_is_replaced_only_when_asked(folder: Path) -> None:
    """OUTPUT == PIPELINE is refused without --overwrite."""
    model = folder / "model"
    before = contents(model)
    code, output = run("calibrate", model, folder / "dev.spacy", "-o", folder / "x" / ".." / "model")
    assert code == 1
    assert "--overwrite" in output
    assert contents(model) == before
    assert run("calibrate", model, folder / "dev.spacy", "-o", model, "--overwrite")[0] == 0
    assert json.loads((model / "crf_ner" / "cfg").read_text())["calibration"]


def test_foreign_folder_is_refused(folder: Path) -> None:
    """A folder that holds something else than a pipeline is never replaced; nor one that holds the pipeline."""
    (folder / "papers").mkdir()
    (folder / "papers" / "draft.txt").write_text("x", encoding="utf-8")
    for out in (folder / "papers", folder, folder / "model" / "calibrated"):
        code, output = run("calibrate", folder / "model", folder / "dev.spacy", "-o", out)
        assert code == 1
        assert output.count("\n") == 1, output
    assert (folder / "papers" / "draft.txt").exists()


def test_pipeline_without_confidences_is_a_clear_error(folder: Path) -> None:
    """A pipeline with no such pipe, or with one that has no temperature, ends with one line that says so."""
    nlp = ruler({"Ada": "PER"})
    nlp.to_disk(folder / "plain")
    code, output = run("calibrate", folder / "plain", folder / "dev.spacy", "-o", folder / "out")
    assert code == 1
    assert "no component can be calibrated" in output and "entity_ruler" in output
    code, output = run(
        "calibrate", folder / "plain", folder / "dev.spacy", "-o", folder / "out", "--component", "entity_ruler"
    )
    assert code == 1
    assert "gives no confidence" in output
    assert not (folder / "out").exists()


def test_nothing_predicted_is_a_clear_error() -> None:
    """There is nothing to fit where the pipeline finds nothing, or the documents are not annotated."""
    with pytest.raises(DossierError, match="predicts no entity"):
        calibrate(pipeline(), [make_doc("nobody here")])
    with pytest.raises(DossierError, match="no document"):
        calibrate(pipeline(), [Doc(pipeline().vocab, words=["Ada"])])


@pytest.mark.parametrize(
    ("entities", "said"),
    [
        ([], "has no entity"),
        ([("Ada", "NAME")], "labels that the development set (NAME) does not have"),
        ([("met", "PER")], "is right"),
    ],
)
def test_annotation_that_cannot_judge_is_refused(folder: Path, entities: list[tuple[str, str]], said: str) -> None:
    """No entities, others, or none that the pipeline finds: no confidence is fitted on them, and nothing written."""
    docs = [make_doc("Ada met Bo", entities) for _ in range(40)]
    if not entities:
        for doc in docs:
            doc.set_ents([], default="outside")
    DocBin(docs=docs).to_disk(folder / "other.spacy")
    code, output = run("calibrate", folder / "model", folder / "other.spacy", "-o", folder / "out")
    assert code == 1
    assert output.count("\n") == 1 and said in output, output
    assert not (folder / "out").exists()


def test_what_is_too_little_to_trust_is_said(folder: Path) -> None:
    """Few entities, and most of them wrong."""
    docs = [make_doc("Ada met Bo", [("Ada", "PER")] if i < 4 else [("met", "PER")]) for i in range(10)]
    DocBin(docs=docs).to_disk(folder / "small.spacy")
    code, output = run("calibrate", folder / "model", folder / "small.spacy", "-o", folder / "out")
    assert code == 0
    assert "Note: 20 entities are too few" in output
    assert "Note: 16 of the 20 entities found are wrong" in output


def test_entities_over_missing_annotation_are_not_learnt_from() -> None:
    """Only predictions that the annotation can judge are used."""
    docs = corpus()
    silent = make_doc("Ada met Bo")
    silent.set_ents([], missing=[silent[:]])
    assert calibrate(pipeline(), [*docs, silent])["entities"] == 80


def test_real_recogniser_is_calibrated(tmp_path: Path) -> None:
    """`crf_ner` takes the map: the same entities, other confidences, and training resets it."""
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner", config={"model": {"tok2vec": {"width": 16, "depth": 1, "embed_size": 200}}})
    from spacy.training import Example

    docs = corpus()
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(15):
        nlp.update(examples, sgd=optimizer)
    raw = nlp("Ada met Bo and Ada")
    report = calibrate(nlp, docs)
    calibrated = nlp("Ada met Bo and Ada")
    assert report["entities"] > 0
    assert [ent.text for ent in raw.ents] == [ent.text for ent in calibrated.ents]
    pipe = nlp.get_pipe("crf_ner")
    from spacy_dossier.models.calibration import Calibration

    calibration, pipe.cfg["calibration"] = pipe.cfg["calibration"], None  # the temperature stays
    heated = [ent._.confidence for ent in nlp("Ada met Bo and Ada").ents]
    pipe.cfg["calibration"] = calibration
    expected = Calibration.from_dict(calibration).apply(np.array(heated))
    assert [ent._.confidence for ent in calibrated.ents] == pytest.approx(expected.tolist(), abs=1e-6)
    nlp.update(examples, sgd=optimizer)
    assert pipe.cfg["calibration"] is None
