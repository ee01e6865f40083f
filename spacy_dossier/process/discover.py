"""Inputs as the user names them → sources in a fixed order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ..errors import DossierError
from ..read.failures import FailureKind, of_system


class Listed(str):
    """A path out of a list: never a glob, and a failure row when it is gone, as a list may be older than the files."""

    __slots__ = ()


@dataclass(frozen=True)
class Source:
    """A file to read.

    path (str): Where it is; as os.fsdecode gives it, so that any bytes survive.
    root (str), source (str): The input it was found in, and its path below that, both fit for JSON.
    size (int): Bytes.
    error (tuple[FailureKind, str] | None): Kind and message when it cannot be read at all.
    named (bool): The user named this very file.
    is_left (bool): A link that is not to be followed.
    """

    path: str
    root: str
    source: str
    size: int = 0
    error: tuple[FailureKind, str] | None = None
    named: bool = False
    is_left: bool = False

    @property
    def id(self) -> str:
        return self.root if self.named else str(PurePosixPath(self.root) / self.source)


@dataclass(frozen=True)
class Rules:
    """Which files of a folder count.

    include, exclude (Sequence[str]): Globs on the path below the folder, or on the name where they have no slash.
        Without include, everything counts.
    hidden (bool): Take files and folders whose name begins with a dot.
    follow_links (bool): Read links to files and enter links to folders, wherever they lead. What the user names is
        read in any case; without this nothing below it is that lies elsewhere.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    follow_links: bool = False

    def takes(self, relative: str) -> bool:
        return (not self.include or matches(relative, self.include)) and not matches(relative, self.exclude)


def matches(relative: str, patterns: Sequence[str]) -> bool:
    """RETURNS (bool): Does a path below a folder match one of the globs? `**/` also matches no folder at all."""
    name = relative.rsplit("/", 1)[-1]
    return any(
        fnmatchcase(relative, pattern) or (pattern.startswith("**/") and fnmatchcase(relative, pattern[3:]))
        if "/" in pattern
        else fnmatchcase(name, pattern)
        for pattern in patterns
    )


def display(path: str) -> str:
    """RETURNS (str): A path fit for JSON: bytes that are not UTF-8 as \\xNN, "/" between folders."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text.replace(os.sep, "/")


def discover(inputs: Iterable[str | Path], rules: Rules, *, skip: Path | None = None) -> Iterator[Source]:
    """List the sources: inputs in the order given, the files of a folder sorted by the bytes of their names.

    inputs (Iterable[str | Path]): Files, folders, or globs that the shell left unexpanded.
    skip (Path | None): A folder that is never entered: the output of this run.
    YIELDS (Source): Each file once, though two inputs may overlap.
    RAISES (DossierError): An input that is neither a file or folder nor a glob that matches.
    """
    skipped = skip.resolve() if skip else None
    for entry in inputs:
        path = os.fspath(entry)
        if Path(path).is_dir():
            yield from _folder(path, rules, skipped)
        elif os.path.lexists(path) or isinstance(entry, Listed):
            name = display(Path(path).name)
            yield _file(path, display(path), name, named=True)
        elif glob.has_magic(path):
            yield from _matches(path, rules, skipped)
        else:
            require(path)


def _matches(pattern: str, rules: Rules, skipped: Path | None) -> Iterator[Source]:
    found = sorted(glob.glob(pattern, recursive=True), key=os.fsencode)  # noqa: PTH207
    if not found:
        raise DossierError("no file matches this input", value=display(pattern), remedy="Check the glob")
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    for match in found:
        if skipped is not None and skipped in Path(match).resolve().parents:
            continue
        if not rules.follow_links and _is_behind_link(Path(match), fixed):
            yield Source(match, display(match), display(Path(match).name), is_left=True)
        elif Path(match).is_dir():
            if "**" not in pattern:
                yield from _folder(match, rules, skipped)
        elif rules.takes(display(match)):
            yield _file(match, display(match), display(Path(match).name), named=True)


def _is_behind_link(path: Path, fixed: int) -> bool:
    """RETURNS (bool): Is one of a path's parts a link, but for the first `fixed` ones, which the user wrote?"""
    return any(Path(*path.parts[:end]).is_symlink() for end in range(fixed + 1, len(path.parts) + 1))


def require(path: str) -> None:
    """RAISES (DossierError): An input that is not there and is no glob."""
    if not isinstance(path, Listed) and not os.path.lexists(path) and not glob.has_magic(path):
        raise DossierError("no such file or folder", value=display(path), remedy="Check the path")


def _folder(root: str, rules: Rules, skipped: Path | None) -> Iterator[Source]:
    shown = display(root)
    # The folders entered above this one, by device and inode: a link back to one of them is a loop.
    stack: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(root, "", frozenset())]
    while stack:
        folder, relative, above = stack.pop()
        try:
            status = Path(folder).stat()
            entries = sorted(os.scandir(folder), key=lambda e: os.fsencode(e.name))
        except OSError as error:
            yield Source(folder, shown, relative or ".", error=of_system(error))
            continue
        here = (status.st_dev, status.st_ino)
        if here in above or (skipped and Path(folder).resolve() == skipped):
            continue
        below: list[tuple[str, str, frozenset[tuple[int, int]]]] = []
        for entry in entries:
            if entry.name.startswith(".") and not rules.hidden:
                continue
            path = f"{relative}/{display(entry.name)}" if relative else display(entry.name)
            if entry.is_symlink() and not rules.follow_links:
                if not matches(path, rules.exclude):
                    yield Source(entry.path, shown, path, is_left=True)
            elif _is_folder(entry):
                if not matches(path, rules.exclude):
                    below.append((entry.path, path, above | {here}))
            elif rules.takes(path):
                yield _file(entry.path, shown, path)
        stack.extend(reversed(below))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop of links
        return False


def _file(path: str, root: str, source: str, named: bool = False) -> Source:
    try:
        status = Path(path).stat()
    except OSError as error:  # a broken link, a loop of links, no permission
        return Source(path, root, source, 0, of_system(error), named)
    if not stat.S_ISREG(status.st_mode):
        return Source(path, root, source, 0, ("NotAFile", "a pipe, socket or device, not a file"), named)
    return Source(path, root, source, status.st_size, None, named)


def read_list(data: bytes) -> list[Listed]:
    """Read a list of inputs: one a line, or ended by NUL as `find -print0` writes them.

    RETURNS (list[Listed]): The paths, as os.fsdecode gives them.
    """
    separator = b"\0" if b"\0" in data else b"\n"
    return [
        Listed(os.fsdecode(line.rstrip(b"\r") if separator == b"\n" else line))
        for line in data.split(separator)
        if line.strip()
    ]
