"""What is installed: entry points, light imports, and commands that explain themselves."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

RESOLVE = """
import json, sys
from importlib.metadata import entry_points
found = {}
for group in json.loads(sys.argv[1]):
    for entry in entry_points(group=group):
        if entry.module.split(".")[0] == "spacy_dossier":
            found[f"{group}:{entry.name}"] = callable(entry.load())
print(json.dumps(found))
"""


def python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True)


def declared(root: Path) -> dict[str, dict[str, str]]:
    """RETURNS (dict[str, dict[str, str]]): Name and target of each entry point, by group."""
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]
    return {**project["entry-points"], "console_scripts": project["scripts"]}


def test_every_entry_point_resolves_in_a_fresh_process(root: Path, tmp_path: Path) -> None:
    """Each name in pyproject.toml is installed and leads to something that can be called."""
    groups = declared(root)
    done = python(RESOLVE, json.dumps(list(groups)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {f"{group}:{name}": True for group, entries in groups.items() for name in entries}


def test_registered_functions_are_found_by_spacy(root: Path) -> None:
    """spaCy finds every function by its registered name, and each factory by the component's."""
    import spacy
    from spacy.language import Language

    for group, entries in declared(root).items():
        registry = group.removeprefix("spacy_")
        for name in entries:
            if registry == "factories":
                assert Language.has_factory(name) or spacy.blank("en").has_factory(name)
            elif group not in ("spacy_cli", "console_scripts"):
                assert spacy.registry.has(registry, name)


@pytest.mark.parametrize("code", ["import spacy_dossier", "import spacy_dossier.cli.app"])
def test_importing_the_package_or_its_commands_is_light(code: str, tmp_path: Path) -> None:
    """Neither spaCy nor torch is loaded before a command runs."""
    check = "import sys; print([m for m in ('spacy', 'torch', 'thinc', 'transformers', 'numpy') if m in sys.modules])"
    done = python(f"{code}; {check}", cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["process", "--help"], ["--version"]])
def test_help_is_light(arguments: list[str], tmp_path: Path) -> None:
    """`dossier --help` and the help of a command load neither spaCy nor torch."""
    code = (
        "import sys\n"
        "from spacy_dossier.cli.app import app\n"
        "try:\n    app(sys.argv[1:])\n"
        "finally:\n    print([m for m in ('spacy', 'torch', 'transformers') if m in sys.modules])"
    )
    done = python(code, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_and_option_has_a_help_text() -> None:
    """No command, argument or option is left unexplained."""
    import typer

    from spacy_dossier.cli.app import app

    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    assert commands
    for name, command in commands.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == 0


def test_every_command_is_in_the_documents(root: Path) -> None:
    """The README names it, and a page in docs/ tells of it."""
    from spacy_dossier.cli.app import app

    readme = (root / "README.md").read_text(encoding="utf8")
    pages = "".join(page.read_text(encoding="utf8") for page in (root / "docs").glob("*.md"))
    for command in app.registered_commands:
        assert re.search(rf"`(dossier )?{command.name}`", readme), command.name
        assert f"dossier {command.name}" in pages or f"\n## {command.name}\n" in pages, command.name


def test_every_dependency_is_explained_and_pinned(root: Path) -> None:
    """The README says what each is for and names no other; requirements.txt has a version in the range."""
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))["project"]
    always = {canonicalize_name(r.name): r for r in map(Requirement, project["dependencies"])}
    extras = [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]
    table = (root / "README.md").read_text(encoding="utf8").partition("## Why each dependency is there")[2]
    rows = [line.split("|")[1] for line in table.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    names = [re.sub(r"\(extra [^)]*\)|[()]", " ", row).replace(",", " ") for row in rows]
    explained = {canonicalize_name(name) for row in names for name in row.split()} - {"package"}
    assert explained == {*always, *(canonicalize_name(extra.name) for extra in extras)}
    pins = (line.partition("==") for line in (root / "requirements.txt").read_text(encoding="utf8").splitlines())
    pinned = {canonicalize_name(name): version for name, equals, version in pins if equals}
    assert [name for name, needed in always.items() if pinned.get(name) not in needed.specifier] == []


def test_the_commands_are_subcommands_of_spacy_too(tmp_path: Path) -> None:
    """`python -m spacy dossier` offers what `dossier` does."""
    from spacy_dossier.cli.app import app

    done = subprocess.run(
        [sys.executable, "-m", "spacy", "dossier", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for command in app.registered_commands:
        assert f" {command.name} " in done.stdout


def test_the_installed_package_knows_its_top_level() -> None:
    """spaCy's packaging finds the plugin by top_level.txt; without it a pipeline would not require the plugin."""
    from spacy.util import packages_distributions

    assert set(packages_distributions()["spacy_dossier"]) == {"spacy-dossier"}
