"""Write .stamps/STAGE for each stage of the project: the SHA-256 of the code it runs and of requirements.txt."""

from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "spacy_dossier"
# The scores of summaries help to choose the pipeline that is kept.
TRAINING = (
    "errors.py",
    "text",
    "models",
    "pipeline",
    "training",
    "evaluate/metrics.py",
    "evaluate/calibration.py",
    "evaluate/summaries.py",
    "evaluate/relations/scores.py",
)
STAGES = {
    "convert": (
        "errors.py",
        "text",
        "pipeline/extensions.py",
        "pipeline/summarizer/names.py",
        "convert",
        "cli/convert.py",
        "cli/pairs.py",
        "cli/classes.py",
    ),
    "train": TRAINING,
    "evaluate": (*TRAINING, "devices.py", "evaluate", "cli/calibrate.py", "cli/evaluate.py"),
    "package": (*TRAINING, "__init__.py", "py.typed"),
    "process": (*TRAINING, "devices.py", "read", "process", "cli/process.py"),
    "report": ("errors.py", "devices.py", "text", "pipeline", "read", "process", "report", "cli/report.py"),
}


def stamp(stage: str) -> str:
    """RETURNS (str): Hexadecimal; what Python caches and what editors hide does not count."""
    parts = [PACKAGE / part for part in STAGES[stage]]
    found = {path for part in parts for path in (part, *part.rglob("*")) if path.is_file()}
    files = sorted(path for path in found if path.parent.name != "__pycache__" and not path.name.startswith("."))
    listed = (f"{path.relative_to(ROOT)} {sha256(path.read_bytes()).hexdigest()}\n" for path in files)
    return sha256("".join([*listed, (ROOT / "requirements.txt").read_text(encoding="utf8")]).encode()).hexdigest()


if __name__ == "__main__":
    (ROOT / ".stamps").mkdir(exist_ok=True)
    for stage in STAGES:
        (ROOT / ".stamps" / stage).write_text(f"{stamp(stage)}\n", encoding="utf8")
