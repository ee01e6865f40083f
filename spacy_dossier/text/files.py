"""Files and folders that are whole or not there: made under another name, then given their own."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO

UNFINISHED = ".unfinished"  # suffix of a file that has no name of its own yet


@contextmanager
def open_whole(path: Path, folder: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its place once the block ends without an error.

    path (Path): The file. Its folder must be there.
    folder (Path | None): Where the unfinished file stands, on the same file system; beside `path` without it.
    YIELDS (IO[bytes]): The file to write to.
    RAISES (OSError): The disk is full, or the folder cannot be written to. What stood at `path` is as it was.
    """
    unfinished = unfinished_name(path, folder)
    try:
        with unfinished.open("xb") as file:
            yield file
            sync_file(file)
        move_file(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_file(path: Path, data: bytes | str, folder: Path | None = None) -> None:
    """Write a file whole; text as UTF-8. See `open_whole`."""
    with open_whole(path, folder) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def unfinished_name(path: Path, folder: Path | None = None) -> Path:
    """RETURNS (Path): A name that no file has, for what will become `path`."""
    return (folder or path.parent) / f".{uuid.uuid4().hex}{UNFINISHED}"


def sync_file(file: IO[bytes]) -> None:
    """Wait until what was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def move_file(source: Path, target: Path) -> None:
    """Give a finished file its name, and wait until the folder is on the disk too: a rename can be lost by itself."""
    source.replace(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside its place, where it replaces what is there once the block ends without an error.

    What a process that was killed left beside it is cleared away, and a folder that it had put aside brought back.

    path (Path): The folder; a link stands for what it leads to. The folders above it are made. A process makes one at a
        time at one path.
    YIELDS (Path): A folder without content, to fill.
    RAISES (OSError): The disk is full, or the folder above cannot be written to. What stood at `path` is as it was.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_killed(path)
    name = f".{path.name}.{os.getpid()}-{uuid.uuid4().hex}"
    made, old = (path.parent / f"{name}.{part}" for part in ("new", "old"))
    made.mkdir()
    try:
        yield made
        if path.exists():
            path.rename(old)
        made.rename(path)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def _clear_killed(path: Path) -> None:
    """Remove the folders beside `path` whose process has ended, and bring back what it had put aside."""
    for folder in path.parent.glob(f".{escape(path.name)}.*-*.*"):
        name = re.fullmatch(r"\.(\d+)-[0-9a-f]{32}\.(new|old)", folder.name.removeprefix(f".{path.name}"))
        # In a container a process often has the number of the one before.
        if name is None or (int(name[1]) != os.getpid() and _is_running(int(name[1]))):
            continue
        if name[2] == "old" and not path.exists():
            folder.rename(path)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
