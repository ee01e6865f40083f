"""What a change in the project makes run again: `spacy project run all` over a copy whose steps are stand-ins."""

import shutil
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest
import srsly
import stamps

# What a step makes, and no more than its deps decides it.
STAND_IN = """
import sys
from hashlib import sha256
from pathlib import Path
name, deps, outputs = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
files = [file for dep in map(Path, deps) for file in sorted([dep, *dep.rglob("*")]) if file.is_file()]
made = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
for output in map(Path, outputs):
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f"{output} of {made}")
with open("ran.txt", "a") as ran:
    ran.write(f"{name} ")
"""
STEPS = [
    "encoder",
    "convert",
    "pairs",
    "classes",
    "train",
    "calibrate",
    "evaluate",
    "package",
    "check",
    "process",
    "report",
]


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after its first run, with real stamps. Every test leaves it with nothing to do."""
    folder = tmp_path_factory.mktemp("stamps") / "project"
    for part in ("configs", "scripts", "spacy_dossier", "corpus/sample"):
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "requirements.txt"):
        shutil.copyfile(root / part, folder / part)
    (folder / "stand_in.py").write_text(STAND_IN)
    project = srsly.read_yaml(root / "project.yml")
    for command in project["commands"]:
        if command["name"] != "code":
            deps, outputs = " ".join(command["deps"]), " ".join(command["outputs"])
            command["script"] = [f"python -I -S stand_in.py {command['name']} '{deps}' '{outputs}'"]
    srsly.write_yaml(folder / "project.yml", project)
    assert run(folder) == STEPS
    return folder


def run(folder: Path) -> list[str]:
    """RETURNS (list[str]): The steps of `all` that ran."""
    from weasel.cli.run import project_run

    ran = folder / "ran.txt"
    ran.write_text("")
    project_run(folder, "all")
    return ran.read_text().split()


def after(step: str) -> list[str]:
    return STEPS[STEPS.index(step) :]


def test_nothing_runs_when_nothing_changed(folder: Path) -> None:
    """Not even when Python has cached the modules meanwhile, or somebody has touched them, or is at work on one."""
    cached = folder / "spacy_dossier" / "models" / "__pycache__"
    cached.mkdir()
    (cached / "crf.cpython-311.pyc").write_bytes(b"cached")
    (folder / "spacy_dossier" / "models" / "crf.py").touch()
    (folder / "spacy_dossier" / "models" / ".crf.py.swp").write_text("an editor's")
    (folder / "README.md").write_text("Read me.")
    assert run(folder) == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("spacy_dossier/models/crf.py", after("train")),
        ("spacy_dossier/pipeline/senter.py", after("train")),
        ("spacy_dossier/training/new.py", after("train")),
        ("spacy_dossier/report/static/report.css", ["report"]),
        ("spacy_dossier/process/new.py", ["process", "report"]),
        ("spacy_dossier/evaluate/page.py", [*after("calibrate")]),
        ("spacy_dossier/convert/new.py", [step for step in STEPS if step != "encoder"]),
        ("requirements.txt", [step for step in STEPS if step != "encoder"]),
        ("configs/all.cfg", after("train")),
        ("scripts/package.py", ["package", "check"]),
        ("scripts/check_package.py", ["check"]),
        ("corpus/sample/documents/new.txt", ["check", "process", "report"]),
    ],
)
def test_a_change_makes_what_follows_run_again(folder: Path, file: str, expected: list[str]) -> None:
    """That and no more."""
    with (folder / file).open("a", encoding="utf8") as changed:
        changed.write("\n")
    assert run(folder) == expected


def test_a_module_that_goes_away_counts(folder: Path) -> None:
    """So does one that takes another name."""
    (folder / "spacy_dossier" / "report" / "write.py").unlink()
    assert run(folder) == ["report"]
    assert run(folder) == []
    (folder / "spacy_dossier" / "report" / "index.py").rename(folder / "spacy_dossier" / "report" / "other.py")
    assert run(folder) == ["report"]


def test_what_a_stage_names_is_there() -> None:
    """A room or module that is renamed is renamed in scripts/stamps.py too."""
    for stage, parts in stamps.STAGES.items():
        assert [part for part in parts if not (stamps.PACKAGE / part).exists()] == [], stage


@pytest.fixture(scope="module")
def imported() -> Callable[[set[str]], set[str]]:
    """RETURNS (Callable): The modules that some modules come to import, themselves among them."""
    import grimp

    graph = grimp.build_graph("spacy_dossier")
    return lambda modules: modules.union(*(graph.find_upstream_modules(module) for module in modules))


@pytest.mark.parametrize(
    ("stage", "commands"),
    [
        ("convert", ["convert", "pairs", "classes"]),
        ("train", []),
        ("evaluate", ["calibrate", "evaluate"]),
        ("package", []),
        ("process", ["process"]),
        ("report", ["report"]),
    ],
)
def test_a_stage_covers_what_it_imports(
    stage: str, commands: list[str], imported: Callable[[set[str]], set[str]]
) -> None:
    """Its commands' modules and all that they import, and, where a pipeline runs, what spaCy finds by name."""
    modules = {f"spacy_dossier.cli.{command}" for command in commands}
    if stage not in ("convert", "report"):
        installed = distribution("spacy-dossier").entry_points
        modules |= {entry.module for entry in installed if entry.group not in ("spacy_cli", "console_scripts")}
    assert modules
    covered = [stamps.PACKAGE / part for part in stamps.STAGES[stage]]
    # What prints progress decides nothing, nor do empty packages.
    missing = {
        module
        for module in imported(modules) - {"spacy_dossier.cli.console"}
        if (path := stamps.ROOT / f"{module.replace('.', '/')}.py").is_file()
        and not any(path == part or part in path.parents for part in covered)
    }
    assert missing == set()
