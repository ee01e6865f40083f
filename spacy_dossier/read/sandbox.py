"""Extraction in a process of its own: a hostile or broken file costs a failure row, not the run.

`python -m spacy_dossier.read.sandbox` answers one JSON line on stdout for each on stdin. No pickle: what comes out of
a process that read hostile files is data, never code.
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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import DossierError
from .document import PlacedBlock
from .extract import Extracted, ReadOptions, extract, one_line

READY_SECONDS = 300.0  # for Python and the extractor to start on a busy machine
STARTS = 3  # tries to start a child; the system may end one for want of memory


class Sandbox:
    """A child process that extracts one file at a time, restarted when a file kills it.

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

    def extract(self, path: str) -> list[Extracted]:
        """Extract a file. Never raises for the file's sake.

        path (str): As os.fsdecode gives it.
        RETURNS (list[Extracted]): As `extract.extract`; one with an error when the time or memory limit was reached
            or the reader crashed.
        RAISES (DossierError): No child can be started.
        """
        reply = self._ask(path)
        if reply[0] == "Crash":  # its cause may lie outside the file (a machine short of memory): a second try
            reply = self._ask(path)
        return [Extracted(error=reply)] if isinstance(reply, tuple) else [piece(**entry) for entry in reply]

    def _ask(self, path: str) -> list[dict[str, Any]] | tuple[str, str]:
        child = self._started()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(path).encode() + b"\n")
            child.stdin.flush()
            line = self._read_line(self.time_limit)
        except (EOFError, BrokenPipeError):
            return self._crashed()
        except TimeoutError:
            self.close()
            return ("Timeout", f"not read within {self.time_limit:g} s")
        return json.loads(line)

    def _started(self) -> subprocess.Popen[bytes]:
        """RETURNS (Popen): The child. RAISES (DossierError): It does not start, which is no document's fault."""
        if self.child is not None and self.child.poll() is None:
            return self.child
        for _ in range(STARTS):
            self.close()
            child = self._start()
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

    def _crashed(self) -> tuple[str, str]:
        assert self.child is not None
        code = self.child.wait()
        said = self._said()
        self.close()
        if "memory allocation" in said or "MemoryError" in said or "bad_alloc" in said:
            return ("OutOfMemory", f"reading it takes more than {self.memory_limit / 1e6:,.0f} MB")
        return ("Crash", f"the reader ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}")

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


def piece(**entry: Any) -> Extracted:
    entry["pages"] = [(start, number) for start, number in entry["pages"]]
    entry["blocks"] = [PlacedBlock(**block) for block in entry["blocks"]]
    entry["error"] = tuple(entry["error"]) if entry["error"] else None
    return Extracted(**entry)


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


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, by SIGKILL too."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> None:
    memory_limit, options = int(sys.argv[1]), ReadOptions(**json.loads(sys.argv[2]))
    die_with_parent()
    # Native readers print to stdout; the answers go through a private copy of it.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_memory(memory_limit)
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        try:
            pieces = extract(json.loads(line), options)
            reply = json.dumps([asdict(p) for p in pieces]).encode()
        except MemoryError:
            reply = json.dumps([asdict(Extracted(error=("OutOfMemory", "reading it takes too much memory")))]).encode()
        except RecursionError as error:
            reply = json.dumps([asdict(Extracted(error=("Corrupt", one_line(str(error)))))]).encode()
        answers.write(reply + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
