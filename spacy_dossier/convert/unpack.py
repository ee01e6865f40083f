"""Compressed inputs: gzip, bzip2, xz, and zip archives of one file."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import DossierError

COMPRESSED = frozenset((".gz", ".bz2", ".xz", ".zip"))
OPENERS: tuple[tuple[bytes, Callable[..., IO[Any]]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
OFFICE = "[Content_Types].xml"  # in each file of Microsoft Office
ZIP = b"PK\x03\x04"
TAR = 257  # where a tar archive says what it is
# Column files of public corpora are 4 to 16 times their packed size; deflate reaches 1,032, bzip2 and xz far more.
MAX_RATIO = 200
ALWAYS_ALLOWED = 100 << 20  # bytes: a small file may be a very regular one
BLOCK = 1 << 20


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file_:
        return file_.read(8)


def is_compressed(path: Path) -> bool:
    """RETURNS (bool): Whether the first bytes of a file are those of a compressed one."""
    return _head(path).startswith((ZIP, *(magic for magic, _ in OPENERS)))


def unpack(path: Path, folder: Path, name: str) -> Path:
    """Unpack a file into a folder.

    path (Path): The file.
    folder (Path): Where the copy goes, under the name without the suffix of the compression.
    name (str): What messages call the file.
    RETURNS (Path): The copy.
    RAISES (DossierError): If the file is broken, an archive of several files, or grows beyond `MAX_RATIO`.
    """
    head = _head(path)
    limit = max(ALWAYS_ALLOWED, MAX_RATIO * path.stat().st_size)
    target = folder / (path.stem if path.suffix.lower() in COMPRESSED else path.name)
    target = target.with_name(f"unpacked-{target.name}")
    try:
        if head.startswith(ZIP):
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename]
                if any(info.filename == OFFICE for info in members):
                    raise DossierError("a file of Excel or Word", file=name, remedy="Save it as CSV, or as text.")
                if len(members) != 1:
                    raise DossierError(f"an archive of {len(members)} files", file=name, remedy="Unpack it first.")
                target = target.with_name(f"unpacked-{Path(members[0].filename).name}")
                with archive.open(members[0]) as packed:
                    _copy(packed, target, limit, name)
        else:
            opener = next(opener for magic, opener in OPENERS if head.startswith(magic))
            with opener(path, "rb") as packed:
                _copy(packed, target, limit, name)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise DossierError(f"cannot be unpacked: {error}", file=name) from None
    with target.open("rb") as file_:
        file_.seek(TAR)
        if file_.read(5) == b"ustar":
            raise DossierError("a tar archive", file=name, remedy="Unpack it first.")
    return target


def _copy(packed: IO[bytes], target: Path, limit: int, name: str) -> None:
    with target.open("wb") as file_:
        while block := packed.read(BLOCK):
            if file_.tell() + len(block) > limit:
                raise DossierError(
                    f"unpacks to more than {limit >> 20:,} MB",
                    file=name,
                    remedy="Unpack it first, if it is what it says.",
                )
            file_.write(block)
