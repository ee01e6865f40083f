"""The extras for a GPU, as pip resolves them from PyPI alone. They need PyPI, so they are slow."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PYPI = "https://pypi.org/simple"


def resolve(root: Path, extra: str, folder: Path) -> dict[str, Any]:
    """RETURNS (dict): Metadata by name of what `pip install spacy-dossier[EXTRA]` brings to an empty environment."""
    report = folder / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-build-isolation"),
            *("--only-binary", "torch,cupy-cuda12x,cupy-cuda13x,numpy,spacy,thinc", "--index-url", PYPI),
            *("--report", str(report), "--quiet", f"spacy-dossier[{extra}] @ {root.as_uri()}"),
        ],
        # Whatever this machine is set up with, a user is not.
        env={**{k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}, "PIP_CONFIG_FILE": os.devnull},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if "NewConnectionError" in done.stderr or "No matching distribution found" in done.stderr:
        pytest.skip("PyPI is out of reach")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(report.read_text())["install"]
    return {item["metadata"]["name"].lower(): item["metadata"] for item in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "major", "runtime", "other"),
    [
        ("cuda13", "13", "nvidia-cuda-runtime", "cupy-cuda12x"),
        ("cuda12", "12", "nvidia-cuda-runtime-cu12", "cupy-cuda13x"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="CUDA builds on PyPI are for Linux")
def test_an_extra_brings_torch_and_cupy_of_one_cuda(
    root: Path, tmp_path: Path, extra: str, major: str, runtime: str, other: str
) -> None:
    found = resolve(root, extra, tmp_path)
    assert found[runtime]["version"].startswith(f"{major}.")
    assert found[f"cupy-cuda{major}x"]["version"].startswith("14.")
    assert other not in found
    assert "+cpu" not in found["torch"]["version"]
    assert int(found["numpy"]["version"].partition(".")[0]) >= 2
