"""Extraction in a process of its own: a hostile or broken file costs a failure row, not the run.

`python -m spacy_dossier.read.sandbox` is that process (child.py). It answers each JSON line on stdin with JSON lines on
stdout: any number of parts and an end. No pickle: what comes out of a process that read hostile files is data, never
code.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..errors import DossierError
from .child import main
from .document import PlacedBlock, Unreadable
from .extract import Extracted, ReadOptions, one_line
from .failures import MachineFault
from .tables.rows import NoTextField, TableRow
from .tables.scan import RowFacts, RowRange

READY_SECONDS = 300.0  # for Python and the extractor to start on a busy machine
STARTS = 3  # tries to start a child; the system may end one for want of memory
SCANNED = 10_000_000  # bytes of a table that are looked at in a second, at the least, before its first row is read
FROM_OUTSIDE = -9  # exit code of a child that was ended by SIGKILL


@dataclass
class FileRead:
    """What was read of a file.

    sha256 (str | None): Of its bytes as they were read; None where the reader did not come to it.
    """

    pieces: list[Extracted]
    sha256: str | None = None


class Sandbox:
    """A child process that reads one file at a time, restarted when a file kills it.

    time_limit (float): Seconds for a file.
    memory_limit (int): Bytes a file may take, beyond what the idle child has.
    options (ReadOptions): What is read.
    scratch (str | None): Folder for what libraries unpack, removed by whoever made it; the system's by default.
    """

    def __init__(
        self,
        *,
        time_limit: float,
        memory_limit: int,
        options: ReadOptions = ReadOptions(),
        scratch: str | None = None,
    ) -> None:
        self.scratch = scratch
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.options = options
        self.folder: str | None = None
        self.child: subprocess.Popen[bytes] | None = None
        self.errors: Any = None
        self.buffer = bytearray()
        self.ended = False

    def extract(self, path: str) -> FileRead:
        """Extract a file. Never raises for the file's sake.

        path (str): As os.fsdecode gives it.
        RETURNS (FileRead): As `extract.extract`; one piece with an error when the time or memory limit was reached or
            the reader crashed.
        RAISES (DossierError): No child can be started, or the machine has run out of something.
        """
        try:
            end = self._end({"do": "extract", "path": path})
        except Unreadable as error:
            return FileRead([Extracted(error=(error.kind, str(error)))])
        return FileRead([piece(**entry) for entry in end["pieces"]], end["sha256"])

    def scan(self, path: str, *, named: bool) -> Iterator[RowFacts] | None:
        """Go over a file that may be a table.

        path (str): As os.fsdecode gives it, of a name that `kind_of` knows.
        named (bool): See `rows.has_text`.
        RETURNS (Iterator[RowFacts] | None): Facts of its rows; None for a document. The iterator raises Unreadable
            where the table breaks off.
        RAISES (NoTextField): As `has_text`. (Unreadable): A limit was reached. (DossierError): As `extract`.
        """
        columns = self._end({"do": "look", "path": path, "named": named}, table=path)
        if isinstance(columns, list):
            raise NoTextField(columns)
        return self._scan(path) if columns else None

    def _scan(self, path: str) -> Iterator[RowFacts]:
        first, tried_at = 0, -1
        while True:
            try:
                for part in self._replies({"do": "scan", "path": path, "first": first}, table=path):
                    for row in part:
                        first += 1
                        yield RowFacts(*row)
                return
            except Unreadable as error:
                # As in `_end`, from where it ended.
                if error.kind not in ("Crash", "Killed") or tried_at == first:
                    raise
                tried_at = first

    def rows(self, path: str, first: int, count: int) -> RowRange:
        """Read a range of the rows of a table.

        first (int), count (int): From row `first` (from 0).
        RETURNS (RowRange): The rows; fewer when the table has become shorter.
        RAISES (Unreadable): They cannot be read. (DossierError): As `extract`.
        """
        end = self._end({"do": "rows", "path": path, "first": first, "count": count}, table=path)
        rows = [TableRow(text, meta, tuple(error) if error else None) for text, meta, error in end["rows"]]
        return RowRange(rows, end["content"])

    def _end(self, request: dict[str, Any], table: str | None = None) -> Any:
        """RETURNS (Any): The end of an answer. RAISES (Unreadable): There is none, for the file's sake."""
        try:
            return self._last(request, table)
        except Unreadable as error:
            if error.kind not in ("Crash", "Killed"):
                raise
        # The cause may lie outside the file (a machine short of memory): a second try
        return self._last(request, table)

    def _last(self, request: dict[str, Any], table: str | None) -> Any:
        replies = self._replies(request, table)
        while True:
            try:
                next(replies)
            except StopIteration as stop:
                return stop.value

    def _replies(self, request: dict[str, Any], table: str | None) -> Generator[Any, None, Any]:
        """Ask the child. table (str | None): A file that is gone over before the first answer, however large it is.

        YIELDS (Any): The parts of the answer. RETURNS (Any): Its end.
        RAISES (Unreadable): The child says so, ended, or took too long for the next part. (DossierError): As `extract`.
        """
        child = self._started()
        assert child.stdin is not None
        seconds = self.time_limit + (size_of(table) / SCANNED if table else 0)
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            while "part" in (reply := json.loads(self._read_line(seconds))):
                seconds = self.time_limit
                yield reply["part"]
        except (EOFError, BrokenPipeError):
            self._crashed()
        except TimeoutError:
            self.close()
            raise Unreadable("Timeout", f"not read within {seconds:g} s") from None
        except GeneratorExit:
            self.close()  # it is still at it
            raise
        if "fault" in reply:
            raise MachineFault(reply["fault"])
        if "failed" in reply:
            raise Unreadable(*reply["failed"])
        return reply["end"]

    def _started(self) -> subprocess.Popen[bytes]:
        """RETURNS (Popen): The child.

        RAISES (DossierError): It does not start, which is no document's fault; or `end` was called.
        """
        if self.child is not None and self.child.poll() is None:
            return self.child
        for _ in range(STARTS):
            self.close()
            self._require_use()
            try:
                child = self._start()
            except OSError as error:
                raise MachineFault(f"{error.strerror or error} ({error.filename or sys.executable})") from None
            self._require_use()  # `end` came before there was a child to end
            try:
                self._read_line(READY_SECONDS)
                return child
            except (EOFError, TimeoutError):
                child.kill()
                said = self._said()
        self.close()
        raise DossierError(
            "the process that reads documents does not start",
            value=one_line(said.strip().rpartition("\n")[2]) or None,
            remedy="Free memory, or check the installation; the same command goes on",
        )

    def _start(self) -> subprocess.Popen[bytes]:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the child
        # What a library unpacks is nobody else's.
        self.folder = tempfile.mkdtemp(prefix="dossier-", dir=self.scratch)
        self.child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.memory_limit), json.dumps(asdict(self.options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": self.folder},
        )
        self.buffer.clear()
        return self.child

    def _said(self) -> str:
        """RETURNS (str): The end of what the child wrote on stderr."""
        self.errors.seek(0)
        return self.errors.read()[-2000:].decode("utf-8", "replace")

    def _read_line(self, seconds: float) -> bytes:
        assert self.child is not None and self.child.stdout is not None
        deadline = time.monotonic() + seconds
        handle = self.child.stdout.fileno()
        scanned = 0
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            while True:
                end = self.buffer.find(b"\n", scanned)
                if end >= 0:
                    line = bytes(self.buffer[:end])
                    del self.buffer[: end + 1]
                    return line
                scanned = len(self.buffer)
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                chunk = os.read(handle, 1 << 20)
                if not chunk:
                    raise EOFError
                self.buffer += chunk

    def _crashed(self) -> NoReturn:
        """RAISES (Unreadable): The child ended."""
        assert self.child is not None
        code = self.child.wait()
        said = self._said()
        self.close()
        if "memory allocation" in said or "MemoryError" in said or "bad_alloc" in said:
            raise Unreadable("OutOfMemory", f"reading it takes more than {self.memory_limit / 1e6:,.0f} MB")
        if code == FROM_OUTSIDE:
            raise Unreadable("Killed", "the reader was ended from outside; the next run tries again")
        raise Unreadable("Crash", f"the reader ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}")

    def _require_use(self) -> None:
        """RAISES (DossierError): `end` was called."""
        if self.ended:
            self.close()
            raise DossierError("reading has ended")

    def end(self) -> None:
        """From another thread: end the child, and start none any more. What is being read raises an error. The thread
        that reads closes its own files: their numbers may be another file's as soon as they are closed.
        """
        self.ended = True
        if (child := self.child) is not None:
            child.kill()

    def close(self) -> None:
        """End the child."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            for pipe in (self.child.stdin, self.child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):  # what it had not read is lost with it
                        pipe.close()
            self.child = None
        if self.errors is not None:
            self.errors.close()
            self.errors = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def size_of(path: str) -> int:
    """RETURNS (int): Bytes of a file; 0 where it is not there, which its reader says."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def piece(**entry: Any) -> Extracted:
    entry["pages"] = [(start, number) for start, number in entry["pages"]]
    entry["blocks"] = [PlacedBlock(**block) for block in entry["blocks"]]
    entry["error"] = tuple(entry["error"]) if entry["error"] else None
    return Extracted(**entry)


if __name__ == "__main__":
    main()
