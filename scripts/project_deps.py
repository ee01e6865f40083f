"""Bring the code files among the deps of project.yml up to date: run it after adding, moving or importing modules."""

import ast
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "spacy_dossier"
# Modules that decide nothing about what comes out.
INERT = (f"{PACKAGE}/errors.py", f"{PACKAGE}/cli/console.py")
# What these folders hold counts for training, whose output is a dep of the commands after it.
TRAINED = ("pipeline", "models")
START, END = "    deps: [", "    ]"


def imported(path: Path) -> Iterator[Path]:
    """YIELDS (Path): The modules of the package that a module imports, wherever in it."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]  # started as a process of its own: python -m spacy_dossier.process.local.worker
        else:
            continue
        for name in names:
            file = ROOT / f"{name.replace('.', '/')}.py"
            if name.startswith(f"{PACKAGE}.") and file.is_file():
                yield file


def closure(starts: Iterable[Path]) -> list[str]:
    """RETURNS (list[str]): The modules that some modules come to import, themselves among them."""
    seen: set[Path] = set()
    todo = list(starts)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += imported(path)
    return sorted({path.relative_to(ROOT).as_posix() for path in seen} - set(INERT))


def registered() -> Iterator[Path]:
    """YIELDS (Path): The modules that pyproject.toml registers components and functions of."""
    import tomllib  # new in Python 3.11

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["entry-points"]
    for group, entries in groups.items():
        if group != "spacy_cli":
            yield from (ROOT / f"{target.split(':')[0].replace('.', '/')}.py" for target in entries.values())


def code_of(command: str) -> list[str]:
    """RETURNS (list[str]): The code files that decide what a command of the project makes."""
    step = command.split("-")[0]  # train-gpu does what train does
    if step == "package":
        files = (path for path in (ROOT / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return sorted(path.relative_to(ROOT).as_posix() for path in files)
    if step == "train":
        return closure(registered())
    return [file for file in closure([ROOT / PACKAGE / "cli" / f"{step}.py"]) if file.split("/")[1] not in TRAINED]


def update(project: str) -> str:
    """Replace the code files in the deps that are written as `[ … ]`.

    project (str): The text of project.yml.
    RETURNS (str): The new text.
    """
    lines, new, command = iter(project.split("\n")), [], ""
    for line in lines:
        new.append(line)
        if line.startswith("  - name: "):
            command = line.split('"')[1]
        if line == START:
            kept = [dep for dep in iter(lambda: next(lines), END) if not dep.strip().startswith(f"{PACKAGE}/")]
            code = textwrap.wrap(", ".join(code_of(command)), 112, break_long_words=False, break_on_hyphens=False)
            new += [*kept, *(f"      {row}" for row in code), END]
    return "\n".join(new)


if __name__ == "__main__":
    file = ROOT / "project.yml"
    before = file.read_text(encoding="utf8")
    after = update(before)
    file.write_text(after, encoding="utf8")
    print("project.yml was up to date" if after == before else "project.yml has new deps", file=sys.stderr)
