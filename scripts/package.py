"""Build the wheels: of the pipeline, with what is known about it in meta.json and README.md, and of spacy-dossier."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer
from model_card import model_card, one_line

from spacy_dossier.errors import DossierError

ROOT = Path(__file__).resolve().parents[1]
GIVES = {
    "entities": "entities with calibrated confidence",
    "relations": "relations between entities",
    "cats": "classes",
    "summary": "summaries made of a document's own sentences",
}


def sha256(path: Path) -> tuple[str, int]:
    """Hash a file, or the names and hashes of the files in a folder.

    RETURNS (tuple[str, int]): SHA-256 in hexadecimal, and how many files it covers.
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest(), 1
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)[0]}\n".encode())
    return digest.hexdigest(), len(files)


def performance(scores: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The scores under the keys that spaCy's own pipelines use."""
    micro = scores["entities"]["gold_tokens"]["micro"]
    found: dict[str, Any] = {
        "ents_p": micro["precision"],
        "ents_r": micro["recall"],
        "ents_f": micro["f1"],
        "ents_per_type": {
            label: {"p": row["precision"], "r": row["recall"], "f": row["f1"]}
            for label, row in scores["entities"]["gold_tokens"]["labels"].items()
        },
    }
    if "sents" in scores:
        row = scores["sents"]["gold_tokens"]
        found |= {"sents_p": row["precision"], "sents_r": row["recall"], "sents_f": row["f1"]}
    if "calibration" in scores:
        found |= {"ents_ece": scores["calibration"]["ece"], "ents_brier": scores["calibration"]["brier"]}
    if "summaries" in scores:
        found |= {f"summary_{name}": scores["summaries"]["ours"][name] for name in ("rouge1", "rouge2", "rougeL")}
    if "classes" in scores:
        part = scores["classes"]
        found |= {f"cats_{name}_f": part[name]["f1"] for name in ("micro", "macro")}
        found["cats_ece"] = part["calibration"]["ece"]
    found["speed"] = scores["speed"]["raw_text"]["words_per_second"]
    return found


def describe(pipeline: Path, example: Path) -> dict[str, list[str]]:
    """Run the pipeline on a text.

    RETURNS (dict[str, list[str]]): The lines that it prints, for each of the model card's kinds that it has.
    """
    import spacy

    doc = spacy.load(pipeline)(example.read_text(encoding="utf8"))
    found = {"entities": [f"{number(ent._.confidence)}  {ent.label_:<5} {one_line(ent.text)}" for ent in doc.ents]}
    if doc.has_extension("relations"):
        found["relations"] = [
            f"{number(confidence)}  {one_line(head.text)} {label} {one_line(tail.text)}"
            for head, tail, label, confidence in doc._.relations
        ]
    if doc.has_extension("summary"):
        found["summary"] = doc._.summary.splitlines()
    if doc.cats:
        found["cats"] = [str({label: round(score, 3) for label, score in doc.cats.items()})]
    return found


def number(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.3f}"


def build(source: Path, *arguments: str) -> None:
    """Build distributions without the isolated environment, for which `build` would download setuptools.

    RAISES (DossierError): The build fails.
    """
    command = [sys.executable, "-m", "build", "--no-isolation", *arguments, str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise DossierError(f"the build failed: {' / '.join(lines[-3:])}", file=source)


def package(
    pipeline: Path,
    output: Path,
    scores: dict[str, Any],
    facts: dict[str, Any],
    *,
    encoder: Path,
    data: list[Path],
    example: Path,
) -> list[Path]:
    """Build both wheels.

    pipeline (Path): The trained pipeline's folder; it is not changed.
    output (Path): Where the pipeline's package folder and the two wheels go. Each is made under a temporary name.
    scores (dict[str, Any]): What `dossier evaluate` wrote.
    facts (dict[str, Any]): For meta.json: licence, encoder (its name and licence).
    encoder (Path): The encoder's folder.
    data (list[Path]): What the pipeline was trained and scored on, for its hashes.
    example (Path): A text to show the pipeline on.
    RETURNS (list[Path]): The wheels.
    RAISES (DossierError): A build fails.
    """
    from spacy.cli.package import package as spacy_package

    meta = complete_meta(pipeline, scores, facts, encoder=encoder, data=data, example=example)
    described = describe(pipeline, example)
    meta["description"] = "; ".join(GIVES[kind] for kind in described).capitalize() + "."
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".build-") as temporary:
        staged, made, wheels = (Path(temporary) / part for part in ("staged", "made", "wheels"))
        made.mkdir()
        shutil.copytree(pipeline, staged)
        (staged / "meta.json").write_text(json.dumps(meta, indent=2, ensure_ascii=False), encoding="utf8")
        (staged / "README.md").write_text(model_card(meta, scores, described), encoding="utf8")
        shutil.copyfile(ROOT / "LICENSE", staged / "LICENSE")
        if (encoder / "LICENSE").is_file():
            shutil.copyfile(encoder / "LICENSE", staged / "LICENSES_SOURCES")
        spacy_package(staged, made, create_sdist=False, require_parent=True)
        folder = made / f"{meta['lang']}_{meta['name']}-{meta['version']}"
        build(folder, "--wheel")
        shutil.rmtree(folder / "build")
        # From an sdist, so that no stale file of an earlier build gets into the wheel.
        build(ROOT, "--outdir", str(wheels))
        built = [*(folder / "dist").glob("*.whl"), *wheels.glob("*.whl")]
        for wheel in built:
            # spaCy leaves its wheel in dist/, and pip looks for wheels in a folder, not below it.
            link = Path(temporary) / wheel.name
            os.link(wheel, link)
            link.replace(output / wheel.name)
        shutil.rmtree(output / folder.name, ignore_errors=True)
        folder.rename(output / folder.name)
    return [output / wheel.name for wheel in built]


def complete_meta(
    pipeline: Path, scores: dict[str, Any], facts: dict[str, Any], *, encoder: Path, data: list[Path], example: Path
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The pipeline's meta.json with all that is known of it."""
    meta = json.loads((pipeline / "meta.json").read_text(encoding="utf8"))
    meta |= {**facts, "performance": performance(scores)}
    meta["encoder"] |= {"sha256": sha256(encoder / "model.safetensors")[0]}
    meta["data"] = [dict(zip(("path", "sha256", "files"), (str(path), *sha256(path)), strict=True)) for path in data]
    meta["sources"] = [{"name": meta["encoder"]["name"], "url": f"https://huggingface.co/{meta['encoder']['name']}"}]
    meta["example"] = str(example)
    meta["spacy_dossier"] = installed_version("spacy-dossier")
    return meta


def main(
    pipeline: Annotated[Path, typer.Argument(help="Folder of the trained pipeline.")],
    output: Annotated[Path, typer.Argument(help="Folder for the wheels.")],
    scores: Annotated[Path, typer.Option(help="scores.json of `dossier evaluate`.")],
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder.")],
    encoder_name: Annotated[str, typer.Option(help="What the encoder is called on the hub.")],
    encoder_license: Annotated[str, typer.Option(help="Its licence.")],
    data: Annotated[list[Path], typer.Option(help="What the pipeline was trained and scored on; repeatable.")],
    example: Annotated[Path, typer.Option(help="A text to show the pipeline on in its README.")],
) -> None:
    """Build the wheels of a trained pipeline and of spacy-dossier itself."""
    facts = {"license": "MIT", "encoder": {"name": encoder_name, "license": encoder_license}}
    try:
        numbers = json.loads(scores.read_text(encoding="utf8"))
        wheels = package(pipeline, output, numbers, facts, encoder=encoder, data=data, example=example)
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    for wheel in wheels:
        typer.echo(f"{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    typer.run(main)
