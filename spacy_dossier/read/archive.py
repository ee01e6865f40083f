"""Files inside archives, within limits that stop bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from ..text.surrogates import clean
from . import sniff
from .failures import FailureKind, broken

MAX_DEPTH = 4  # archives inside archives; the quine zip unpacks to itself for ever
PACKAGE_BYTES, PACKAGE_RATIO = 50_000_000, 200  # what is honest unpacks to less, or shrinks less
CHUNK = 1 << 20


class TooLarge(Exception):
    """An archive holds more than the budget of one input file."""


@dataclass
class Budget:
    """What may be unpacked from one input file, over all nested archives together."""

    MAX_BYTES: ClassVar[int] = 512_000_000
    MAX_MEMBERS: ClassVar[int] = 20_000

    bytes: int = 0
    members: int = 0

    def spend(self, size: int) -> None:
        self.bytes += size
        if self.bytes > self.MAX_BYTES:
            raise TooLarge(f"unpacks to more than {self.MAX_BYTES:,} bytes")

    def member(self) -> None:
        self.members += 1
        if self.members > self.MAX_MEMBERS:
            raise TooLarge(f"holds more than {self.MAX_MEMBERS:,} files")


class Names:
    """The names of what is in one file: each once, whatever the archives and mails in it call their parts."""

    def __init__(self) -> None:
        self.taken = {""}
        self.counts: dict[str, int] = {}

    def claim(self, name: str) -> str:
        """RETURNS (str): The name as UTF-8 can hold it, or with `~2`, `~3` … behind it where it is taken."""
        name = claimed = clean(name)
        while claimed in self.taken:
            self.counts[name] = self.counts.get(name, 1) + 1
            claimed = f"{name}~{self.counts[name]}"
        self.taken.add(claimed)
        return claimed


@dataclass
class Member:
    name: str
    data: bytes = b""
    error: tuple[FailureKind, str] | None = None


def members(data: bytes, name: str, media_type: str, budget: Budget) -> Iterator[Member]:
    """Unpack in memory: names are labels only, so that `../../x` harms nothing.

    budget (Budget): Shared by nested archives of one file.
    YIELDS (Member): Each file, a name maybe more than once; one with an error where it cannot be unpacked or the
        budget is spent.
    """
    try:
        yield from READERS[media_type](data, name, budget)
    except TooLarge as error:
        yield Member("…", error=("TooLarge", str(error)))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        yield Member("…", error=broken(error))


def _read(file: IO[bytes], budget: Budget) -> bytes:
    """Declared sizes lie, so the budget counts what really comes out."""
    chunks = []
    while chunk := file.read(CHUNK):
        budget.spend(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


def _zip(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.is_dir() or info.filename.startswith("__MACOSX/") or info.filename.endswith(".DS_Store"):
                continue  # what the Finder adds is no document
            budget.member()
            if info.flag_bits & 1:
                yield Member(info.filename, error=("PasswordProtected", "the member is protected by a password"))
                continue
            try:
                with archive.open(info) as file:
                    content = _read(file, budget)
            except (TooLarge, MemoryError):
                raise
            except Exception as error:  # zlib.error and its kin share no base class
                yield Member(info.filename, error=broken(error))
            else:
                yield Member(info.filename, content)


def _tar(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            if not info.isreg():
                continue
            budget.member()
            file = archive.extractfile(info)
            if file is not None:
                yield Member(info.name, _read(file, budget))


def _compressed(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    opener: Callable[..., Any] = lzma.open
    suffix = ".xz"
    if data.startswith(b"\x1f\x8b"):
        opener, suffix = gzip.open, ".gz"
    elif data.startswith(b"BZh"):
        opener, suffix = bz2.open, ".bz2"
    budget.member()
    inner = name.removesuffix(suffix) if name.endswith(suffix) else name.replace(".tgz", ".tar")
    with opener(io.BytesIO(data)) as file:
        yield Member(inner, _read(file, budget))


READERS = {
    sniff.ZIP: _zip,
    sniff.TAR: _tar,
    sniff.GZIP: _compressed,
    sniff.BZIP2: _compressed,
    sniff.XZ: _compressed,
}
