"""Worker processes: started, given shards, started again when they end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import DossierError
from ..crashes import Crashes
from ..options import Job
from .messages import DoneMessage, Message, ShardOrder
from .schedule import Schedule


@dataclass
class WorkerProcess:
    """A worker process, its folder, and the shards it has: the first in hand, the next being read."""

    number: int
    popen: subprocess.Popen[bytes]
    folder: Path
    buffer: bytearray = field(default_factory=bytearray)
    shards: list[int] = field(default_factory=list)
    careful: bool = False

    def close(self) -> None:
        """End it, at once: nothing it has begun counts before it is committed."""
        self.popen.kill()
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


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
        self.workers: list[WorkerProcess] = []
        self.crashes = Crashes()
        self.cold: set[int] = set()  # workers still to be waited for, where all are to be warm before any begins

    def run(self, schedule: Schedule) -> Iterator[tuple[Message, Path]]:
        """Do shards.

        YIELDS (tuple[Message, Path]): What workers say, and the folder of the one that says it. When the next is asked
            for after "done", the shard is taken to be committed.
        RAISES (DossierError): The pipeline does not load, or the disk is full.
        """
        for number in range(min(self.size, len(schedule))):
            self.start(number)
            if self.job.warm:
                self.cold.add(number)
        while not schedule.is_done:
            self.hand_out(schedule)
            for key, _ in self.selector.select():
                worker: WorkerProcess = key.data
                for message in self.messages(worker, schedule):
                    if message["type"] == "reached":
                        self.crashes.reached(worker.shards[0], message["document"], message["stage"])
                        continue
                    if message["type"] == "fatal":
                        raise DossierError(message["message"])
                    if message["type"] == "warm":
                        self.cold.discard(worker.number)
                    yield message, worker.folder
                    if message["type"] == "done":
                        self.committed(worker, message, schedule)

    def committed(self, worker: WorkerProcess, message: DoneMessage, schedule: Schedule) -> None:
        shard = message["shard"]
        worker.shards.remove(shard)
        worker.careful = False
        self.crashes.done(shard)
        schedule.commit(shard)
        self.hand_out(schedule)

    def hand_out(self, schedule: Schedule) -> None:
        """Give shards to workers; a second one each, to be read while the first is in the pipeline.

        A careful shard is alone in its process, so that what ends the process was in hand.
        """
        if self.cold:
            return
        for depth in (1, 2):
            if depth == 2 and len(schedule) < self.size:
                return
            for worker in sorted(self.workers, key=lambda w: len(w.shards)):
                if len(worker.shards) >= depth or worker.careful:
                    continue
                shard = schedule.take()
                if shard is None:
                    return
                if self.crashes.order(shard).careful and worker.shards:
                    schedule.put_back([shard])
                else:
                    self.send(worker, shard)

    def send(self, worker: WorkerProcess, shard: int) -> None:
        order = self.crashes.order(shard)
        line: ShardOrder = {
            "shard": shard,
            "careful": order.careful,
            "quarantined": order.quarantined,
            "late": order.late,
        }
        worker.shards.append(shard)
        worker.careful = order.careful
        assert worker.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end shows on its stdout
            worker.popen.stdin.write(json.dumps(line).encode() + b"\n")
            worker.popen.stdin.flush()

    def start(self, number: int) -> None:
        folder = Path(self.job.folder) / f"worker-{number}"
        folder.mkdir(exist_ok=True)
        with (folder / "log.txt").open("ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-m", "spacy_dossier.process.local.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(self.threads, gpu=self.job.device != "cpu"),
                start_new_session=True,  # Ctrl-C is the coordinator's to handle
            )
        worker = WorkerProcess(number, popen, folder)
        assert popen.stdin is not None and popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(replace(self.job, folder=str(folder)).to_json().encode() + b"\n")
            popen.stdin.flush()
        self.workers.append(worker)
        self.selector.register(popen.stdout, selectors.EVENT_READ, worker)

    def messages(self, worker: WorkerProcess, schedule: Schedule) -> Iterator[Message]:
        assert worker.popen.stdout is not None
        chunk = os.read(worker.popen.stdout.fileno(), 1 << 20)
        if not chunk:
            self.ended(worker, schedule)
            return
        worker.buffer += chunk
        while (end := worker.buffer.find(b"\n")) >= 0:
            line = bytes(worker.buffer[:end])
            del worker.buffer[: end + 1]
            yield json.loads(line)

    def ended(self, worker: WorkerProcess, schedule: Schedule) -> None:
        """Start a worker that ended again, and put its shards back."""
        assert worker.popen.stdout is not None
        self.selector.unregister(worker.popen.stdout)
        worker.close()
        self.workers.remove(worker)
        schedule.put_back(worker.shards)
        hopeful = worker.number not in self.cold
        if worker.shards:
            hopeful &= self.crashes.ended(worker.shards[0], late=worker.popen.returncode == -signal.SIGALRM)
        if not hopeful:
            code = worker.popen.returncode
            said = (worker.folder / "log.txt").read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise DossierError(
                f"worker processes keep ending with {f'signal {-code}' if code < 0 else f'exit code {code}'}",
                value=said[0] if said else None,
                remedy="Fewer --workers take less memory",
            )
        self.start(worker.number)

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.popen.kill()
        for worker in self.workers:
            worker.close()
        self.workers.clear()
        self.selector.close()


def environment(threads: int, *, gpu: bool) -> dict[str, str]:
    """RETURNS (dict[str, str]): Of a worker process. Where a card computes, the threads are for cutting sub-words."""
    on_card = {
        "TOKENIZERS_PARALLELISM": "true",
        "RAYON_NUM_THREADS": str(threads),
        # Batches of many sizes leave no gaps between them.
        "PYTORCH_CUDA_ALLOC_CONF": os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
    }
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        **(on_card if gpu else {}),
        # A bulk run never asks a network for anything.
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
