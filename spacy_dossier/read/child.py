"""The process that reads files, one after the other, within its limits. Its other end is sandbox.py."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from .document import Unreadable
from .extract import Extracted, ReadOptions, extract_bytes, one_line, read_file
from .failures import MachineFault, broken, of_system
from .tables.rows import NoTextField, has_text, kind_of
from .tables.scan import Cursor, scan

LIBRARIES = {".parquet": "pyarrow.parquet", ".spacy": "spacy.tokens"}  # what reads a table, by its suffix
FRAMEWORKS = ("torch", "cupy", "tensorflow", "mxnet")  # thinc imports those that it finds, and a reader needs none

Answer = Generator[Any, None, Any]  # yields parts, returns the end


def limit_memory(extra: int) -> None:
    """Bound the address space to what it is now and `extra` bytes; a no-op where the system knows no such limit."""
    try:
        import resource
    except ImportError:
        return
    try:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = now + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def lift_limit() -> None:
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, by SIGKILL too."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Reader:
    """Answers requests; see `sandbox.Sandbox` for what they are."""

    def __init__(self, options: ReadOptions, memory_limit: int) -> None:
        self.options = options
        self.memory_limit = memory_limit
        self.cursor = Cursor()
        self.imported: set[str] = set()

    def extract(self, path: str) -> Answer:
        yield from ()
        try:
            data = read_file(path)
        except OSError as error:
            return {"pieces": [asdict(Extracted(error=of_system(error), stage="read"))], "sha256": None}
        pieces = extract_bytes(data, path, self.options)
        return {"pieces": [asdict(piece) for piece in pieces], "sha256": hashlib.sha256(data).hexdigest()}

    def look(self, path: str, named: bool) -> Answer:
        yield from ()
        self.prepare(path)
        try:
            return has_text(path, self.options.text_field, named=named)
        except NoTextField as error:
            return error.columns

    def scan(self, path: str, first: int) -> Answer:
        self.prepare(path)
        yield from scan(path, self.options.text_field, first)

    def rows(self, path: str, first: int, count: int) -> Answer:
        self.prepare(path)
        yield from self.cursor.skip(path, self.options.text_field, first)
        found = self.cursor.read(path, self.options.text_field, first, count)
        return {"rows": [(row.text, row.meta, row.error) for row in found.rows], "content": found.content}

    def prepare(self, path: str) -> None:
        """Import the library that reads a table, which is not what the memory limit is about."""
        library = LIBRARIES.get(kind_of(path))
        if library is None or library in self.imported:
            return
        lift_limit()
        import_module(library)
        limit_memory(self.memory_limit)
        self.imported.add(library)

    def answer(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """YIELDS (dict): The lines of the answer to a request."""
        methods: dict[str, Callable[..., Answer]] = {
            "extract": self.extract,
            "look": self.look,
            "scan": self.scan,
            "rows": self.rows,
        }
        parts = methods[request.pop("do")](**request)
        try:
            while True:
                try:
                    part = next(parts)
                except StopIteration as stop:
                    yield {"end": stop.value}
                    return
                yield {"part": part}
        except MachineFault as error:
            yield {"fault": error.reason}
        except Unreadable as error:
            yield {"failed": (error.kind, one_line(str(error)))}
        except Exception as error:  # libraries raise what they like on a broken file
            yield failed(error)


def failed(error: Exception) -> dict[str, Any]:
    try:
        kind, message = broken(error)
    except MachineFault as fault:
        return {"fault": fault.reason}
    return {"failed": (kind, one_line(message))}


def main() -> None:
    memory_limit, options = int(sys.argv[1]), ReadOptions(**json.loads(sys.argv[2]))
    die_with_parent()
    for name in FRAMEWORKS:
        sys.modules[name] = None  # type: ignore[assignment]
    # Native readers print to stdout; the answers go through a private copy of it.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_memory(memory_limit)
    answers.write(b"ready\n")
    answers.flush()
    reader = Reader(options, memory_limit)
    for line in sys.stdin.buffer:
        for reply in reader.answer(json.loads(line)):
            answers.write(encoded(reply) + b"\n")
            answers.flush()


def encoded(reply: dict[str, Any]) -> bytes:
    """RETURNS (bytes): A line; where the answer itself is too large for the limit, that."""
    try:
        return json.dumps(reply).encode()
    except (MemoryError, RecursionError) as error:
        return json.dumps(failed(error)).encode()
