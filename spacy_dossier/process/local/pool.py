"""Worker processes and who does which shard."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import DossierError
from ..analyst import Job

MAX_CRASHES = 3  # of one shard with no document to blame


@dataclass
class Process:
    """A worker process, the shards it has, and the document it is at in careful mode."""

    number: int
    popen: subprocess.Popen[bytes]
    folder: Path
    buffer: bytearray = field(default_factory=bytearray)
    shards: list[int] = field(default_factory=list)
    at: str | None = None


@dataclass
class Trouble:
    """How often a shard's process ended, and the documents found guilty.

    The shard is done again; the second time one document at a time, and a document that ends its process there is not
    tried again.
    """

    crashes: int = 0
    blameless: int = 0
    poison: list[str] = field(default_factory=list)

    def blame(self, at: str | None) -> None:
        """Its process ended. at (str | None): The document it was at, when it went one by one."""
        self.crashes += 1
        if at is None:
            self.blameless += 1
        else:
            self.poison.append(at)

    @property
    def careful(self) -> bool:
        return self.crashes > 1

    @property
    def hopeless(self) -> bool:
        """It keeps happening, and there is no document to blame."""
        return self.blameless > MAX_CRASHES


class Pool:
    """Keeps workers busy with shards, and starts them again when they end.

    job (Job): What workers need to know; each gets a folder of its own below job.folder.
    size (int): Worker processes.
    threads (int): Threads of each.
    """

    def __init__(self, job: Job, size: int, threads: int) -> None:
        self.job = job
        self.size = size
        self.threads = threads
        self.selector = selectors.DefaultSelector()
        self.processes: list[Process] = []
        self.trouble: dict[int, Trouble] = {}
        self.todo: list[int] = []
        self.cold: set[int] = set()  # workers still to be waited for, where all are to be warm before any begins

    def run(self, shards: list[int], committed: Callable[[dict[str, Any], Path], None]) -> Iterator[dict[str, Any]]:
        """Do shards.

        committed (Callable): Called with a worker's message about a finished shard and the folder of its files, before
            the worker gets another.
        YIELDS (dict): Messages: progress, and done after the commit.
        RAISES (DossierError): The pipeline does not load, or the disk is full.
        """
        self.todo = list(shards)
        heapq.heapify(self.todo)
        left = len(self.todo)
        for number in range(min(self.size, left)):
            self.start(number)
            if self.job.warm:
                self.cold.add(number)
        while left:
            self.hand_out()
            for key, _ in self.selector.select(1.0):
                process: Process = key.data
                for message in self.messages(process):
                    if message["type"] == "done":
                        committed(message, process.folder)
                        process.shards.remove(message["shard"])
                        process.at = None
                        left -= 1
                    elif message["type"] == "warm":
                        if process.number not in self.cold:  # one that was started again
                            continue
                        self.cold.remove(process.number)
                    yield message
            self.hand_out()

    def hand_out(self) -> None:
        """Give shards to workers, lowest first; a second one each, to be read while the first is in the pipeline."""
        if self.cold:
            return
        for depth in (1, 2):
            if depth == 2 and len(self.todo) < self.size:
                return
            for process in sorted(self.processes, key=lambda p: len(p.shards)):
                # Shards wait for lower ones only. A worker must not get one lower than what it has before it, or it
                # could wait for a shard that stands behind in its own queue.
                if self.todo and len(process.shards) < depth and all(s < self.todo[0] for s in process.shards):
                    self.send(process, heapq.heappop(self.todo))

    def send(self, process: Process, shard: int) -> None:
        trouble = self.trouble.get(shard, Trouble())
        order = {"shard": shard, "careful": trouble.careful, "poison": trouble.poison}
        process.shards.append(shard)
        assert process.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end shows on its stdout
            process.popen.stdin.write(json.dumps(order).encode() + b"\n")
            process.popen.stdin.flush()

    def start(self, number: int) -> None:
        folder = Path(self.job.folder) / f"worker-{number}"
        folder.mkdir(exist_ok=True)
        threads = str(self.threads)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "false",
            # A bulk run never asks a network for anything.
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
        }
        with (folder / "log.txt").open("ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-m", "spacy_dossier.process.local.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is the coordinator's to handle
            )
        process = Process(number, popen, folder)
        assert popen.stdin is not None and popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(replace(self.job, folder=str(folder)).to_json().encode() + b"\n")
            popen.stdin.flush()
        self.processes.append(process)
        self.selector.register(popen.stdout, selectors.EVENT_READ, process)

    def messages(self, process: Process) -> Iterator[dict[str, Any]]:
        assert process.popen.stdout is not None
        chunk = os.read(process.popen.stdout.fileno(), 1 << 20)
        if not chunk:
            self.ended(process)
            return
        process.buffer += chunk
        while (end := process.buffer.find(b"\n")) >= 0:
            message = json.loads(process.buffer[:end])
            del process.buffer[: end + 1]
            if message["type"] == "fatal":
                raise DossierError(message["message"])
            if message["type"] == "doc":
                process.at = message["id"]
            else:
                yield message

    def ended(self, process: Process) -> None:
        """Start a worker that ended again, and put its shards back."""
        assert process.popen.stdout is not None
        self.selector.unregister(process.popen.stdout)
        self.close(process)
        self.processes.remove(process)
        if process.shards:
            self.trouble.setdefault(process.shards[0], Trouble()).blame(process.at)
        for shard in process.shards:
            heapq.heappush(self.todo, shard)
        if process.number in self.cold or (process.shards and self.trouble[process.shards[0]].hopeless):
            code = process.popen.returncode
            said = (process.folder / "log.txt").read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise DossierError(
                f"worker processes keep ending with {f'signal {-code}' if code < 0 else f'exit code {code}'}",
                value=said[0] if said else None,
                remedy="Fewer --workers take less memory",
            )
        self.start(process.number)

    def close(self, process: Process) -> None:
        process.popen.kill()
        process.popen.wait()
        for pipe in (process.popen.stdin, process.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def stop(self) -> None:
        """End all workers at once: nothing they have begun counts before it is committed."""
        for process in self.processes:
            process.popen.kill()
        for process in self.processes:
            self.close(process)
        self.processes.clear()
        self.selector.close()
