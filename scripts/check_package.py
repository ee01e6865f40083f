"""Check the wheels as a user would meet them: in a new environment, offline, from another directory."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_dossier.errors import DossierError

PREDICT = Path(__file__).with_name("predict.py")
PLUGIN = "spacy-dossier"
MAX_TEXTS = 20
MAX_CHARACTERS = 50_000  # of a text
TOLERANCE = 1e-4  # of a confidence or the score of a class


def run(command: list[str], what: str, *, cwd: Path | None = None, stdin: str | None = None) -> str:
    """Run a command without a network for models and without this environment's modules.

    RETURNS (str): Its standard output.
    RAISES (DossierError): It fails.
    """
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    env |= {"HF_HUB_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise DossierError(f"{what} failed: {' / '.join(lines[-3:]) or f'exit code {done.returncode}'}")
    return done.stdout


def without_project(requirements: Path) -> list[str]:
    """RETURNS (list[str]): The pinned lines of a requirements file, without the project itself."""
    lines = [line.strip() for line in requirements.read_text(encoding="utf8").splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-e", "."))]


def read_texts(documents: Path) -> list[str]:
    """RETURNS (list[str]): The first texts that can be read in a folder."""
    from spacy_dossier.process.discover import Rules, discover
    from spacy_dossier.read.extract import extract

    texts: list[str] = []
    for source in discover([documents], Rules()):
        texts += [piece.text[:MAX_CHARACTERS] for piece in extract(source.path) if piece.text.strip()]
        if len(texts) >= MAX_TEXTS:
            break
    if not texts:
        raise DossierError("no text to check the package with", file=documents)
    return texts[:MAX_TEXTS]


def compare(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> float:
    """See that two pipelines say the same.

    RETURNS (float): The largest difference between two confidences, or two scores of a class.
    RAISES (DossierError): Other entities, relations or classes, another summary, or a difference above the tolerance.
    """
    largest = 0.0
    for number, (old, new) in enumerate(zip(expected, found, strict=True), start=1):
        if [ent[:3] for ent in old["entities"]] != [ent[:3] for ent in new["entities"]]:
            raise DossierError(f"the package gives other entities than the pipeline for text {number}")
        if old["summary"] != new["summary"]:
            raise DossierError(f"the package gives another summary than the pipeline for text {number}")
        if [relation[:3] for relation in old["relations"]] != [relation[:3] for relation in new["relations"]]:
            raise DossierError(f"the package gives other relations than the pipeline for text {number}")
        pairs = [
            *zip(old["entities"], new["entities"], strict=True),
            *zip(old["relations"], new["relations"], strict=True),
        ]
        for (*_, before), (*_, after) in pairs:
            if (before is None) != (after is None):
                raise DossierError(f"an entity or relation of text {number} has a confidence on one side only")
            largest = max(largest, abs((before or 0.0) - (after or 0.0)))
        if old["cats"].keys() != new["cats"].keys():
            raise DossierError(f"the package gives other classes than the pipeline for text {number}")
        largest = max([largest, *(abs(score - new["cats"][label]) for label, score in old["cats"].items())])
    if largest > TOLERANCE:
        raise DossierError(f"confidences differ by more than {TOLERANCE}", value=largest)
    return largest


def check_package(
    name: str, version: str, packages: Path, pipeline: Path, documents: Path, requirements: Path
) -> dict[str, Any]:
    """Install both wheels into a new environment and compare what they give with the trained pipeline.

    name, version (str): Of the pipeline's package.
    packages (Path): The folder of the wheels.
    pipeline (Path): The trained pipeline.
    documents (Path): What to compare them on.
    requirements (Path): The pinned requirements.
    RETURNS (dict[str, Any]): What was checked.
    RAISES (DossierError): Something is wrong, in one sentence.
    """
    texts = json.dumps(read_texts(documents))
    expected = json.loads(run([sys.executable, str(PREDICT), str(pipeline)], "the trained pipeline", stdin=texts))
    with tempfile.TemporaryDirectory(prefix="dossier-check-") as temporary:
        elsewhere, venv = Path(temporary) / "elsewhere", Path(temporary) / "venv"
        elsewhere.mkdir()
        typer.echo(f"Making a new environment with the packages of {requirements}")
        run([sys.executable, "-m", "venv", str(venv)], "making an environment")
        python = str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        install = [python, "-m", "pip", "install", "--quiet", "--no-input"]
        run([*install, "--no-compile", *without_project(requirements)], "installing the requirements")
        typer.echo(f"Installing {name} and {PLUGIN} from {packages}")
        wheels = ["--no-index", "--no-deps", "--find-links", str(packages.resolve()), f"{name}=={version}", PLUGIN]
        run([*install, *wheels], "installing the wheels")
        run([python, "-m", "pip", "check"], "pip check")
        typer.echo("Comparing the installed pipeline with the trained one")
        # -I: nothing but what is installed there.
        command = [python, "-I", str(PREDICT.resolve()), name]
        found = json.loads(run(command, "the installed pipeline", cwd=elsewhere, stdin=texts))
        for part in ("plugin", "pipeline"):
            where = Path(found[part] or "nowhere").resolve()
            if venv.resolve() not in where.parents or "site-packages" not in where.parts:
                raise DossierError(f"the {part} does not come from the new environment", value=str(where))
        difference = compare(expected["documents"], found["documents"])
        show = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
        plugin = run([python, "-I", "-c", show, PLUGIN], "reading a version").strip()
    rows = found["documents"]
    return {
        "package": f"{name} {version}",
        "plugin": f"{PLUGIN} {plugin}",
        "python": sys.version.split()[0],
        "texts": len(rows),
        "entities": sum(len(row["entities"]) for row in rows),
        "summaries": sum(bool(row["summary"]) for row in rows),
        "relations": sum(len(row["relations"]) for row in rows),
        "classified": sum(bool(row["cats"]) for row in rows),
        "largest_confidence_difference": difference,
    }


def main(
    name: Annotated[str, typer.Argument(help="Name of the pipeline's package, as en_dossier.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    packages: Annotated[Path, typer.Option(help="Folder of the wheels.")],
    pipeline: Annotated[Path, typer.Option(help="Folder of the trained pipeline.")],
    documents: Annotated[Path, typer.Option(help="Documents to compare them on.")],
    requirements: Annotated[Path, typer.Option(help="The pinned requirements.")],
    output: Annotated[Path, typer.Option(help="JSON file for the result.")],
) -> None:
    """Check the wheels in a new environment."""
    try:
        result = check_package(name, version, packages, pipeline, documents, requirements)
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf8")
    temporary.replace(output)
    counts = f"{result['entities']} entities, {result['summaries']} summaries, {result['classified']} with classes"
    if result["relations"]:
        counts += f", {result['relations']} relations"
    typer.echo(f"The same in {result['texts']} texts: {counts}")


if __name__ == "__main__":
    typer.run(main)
