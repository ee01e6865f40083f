"""The process that holds a pipeline and turns shards into files.

`python -m spacy_dossier.process.local.worker` reads JSON lines from its coordinator on stdin and answers on stdout. It
ends when stdin does, so that none is left behind when the coordinator is killed. It writes only into its own folder;
giving files their final names and committing is the coordinator's.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ...errors import DossierError
from ...text.files import write_file
from ..crashes import Order
from ..faults import CardLost
from ..ledger import Ledger, ledger_fault
from ..options import Job
from ..reading import ShardDocument, ShardReader
from ..record import Findings
from ..runner import Runner
from ..shard import Shard
from ..sinks import not_written
from .heap import Heap
from .messages import Message, ShardOrder

Say = Callable[[Message], None]


class Reporter:
    """Tells the coordinator what a runner and a reader say. say (Say): Writes a message."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.heap = Heap()

    def loaded(self, encoder: str | None) -> None:
        self.say({"type": "loaded", "encoder": encoder})

    def words(self, count: int) -> None:
        self.say({"type": "words", "count": count})
        self.heap.used(count)

    def reached(self, document: str | None, stage: str) -> None:
        self.say({"type": "reached", "document": document, "stage": stage})


class Worker:
    """Does shards: looks up or computes findings, makes records, writes files into its folder."""

    def __init__(self, job: Job, reporter: Reporter) -> None:
        self.job = job
        self.say = reporter.say
        self.runner = Runner(job, reporter)
        self.ledger = Ledger(Path(job.ledger))

    def do(self, shard: Shard, order: Order, documents: list[ShardDocument]) -> None:
        """Do a shard, and say that it is done."""
        folder = Path(self.job.folder)
        shards = (shard.number, *shard.after)

        def look_up(key: bytes) -> Findings | None:
            """Of earlier plans, of the shards this one comes after, and of itself if it was committed before."""
            found = self.ledger.result(key, self.job.generation, shards)
            return None if found is None else Findings.unpack(found)

        outcome, fresh = self.runner.do(
            shard.number, order, documents, look_up, lambda name, data: write_file(folder / name, data)
        )
        results = folder / f"results-{shard.number}.jsonl"
        rows = ([key.hex(), base64.b64encode(found.pack()).decode()] for key, found in fresh.items())
        write_file(results, "".join(json.dumps(row) + "\n" for row in rows))
        self.say({"type": "done", "shard": shard.number, "outcome": asdict(outcome), "results": str(results)})


def fatal(say: Say, job: Job, error: Exception) -> None:
    """Tell the coordinator why the run cannot go on, and end."""
    if isinstance(error, OSError):
        error = not_written(error, job.folder)
    elif isinstance(error, sqlite3.OperationalError):
        error = ledger_fault(error, Path(job.ledger))
    elif not isinstance(error, DossierError):
        error = DossierError(f"a worker cannot go on: {type(error).__name__}: {error}")
    say({"type": "fatal", "message": str(error)})
    os._exit(1)


def listen(orders: queue.Queue[ShardOrder], reader: ShardReader) -> None:
    """Take orders for as long as the coordinator is there."""
    for line in sys.stdin:
        orders.put(json.loads(line))
    reader.close()
    os._exit(0)  # the coordinator is gone or done; nothing here is worth finishing


def read_ahead(
    job: Job,
    reader: ShardReader,
    orders: queue.Queue[ShardOrder],
    ready: queue.Queue[tuple[Shard, Order, list[ShardDocument]]],
    say: Say,
) -> None:
    """Read the documents of one shard while those before it are in the pipeline."""
    try:
        ledger = Ledger(Path(job.ledger))
        while True:
            line = orders.get()
            shard, order = ledger.shard(line["shard"]), Order(line["careful"], line["quarantined"], line["late"])
            ready.put((shard, order, reader.read(shard, order)))
    except Exception as error:  # the sandbox does not start, the ledger cannot be read
        fatal(say, job, error)


def main() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # by which the pipeline's limit ends this process
    # Libraries print to stdout; the answers go through a private copy of it.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(message: Message) -> None:
        with lock:
            answers.write(json.dumps(message) + "\n")

    job = Job.from_json(sys.stdin.readline())
    orders: queue.Queue[ShardOrder] = queue.Queue()
    ready: queue.Queue[tuple[Shard, Order, list[ShardDocument]]] = queue.Queue(1)
    reporter = Reporter(say)
    reader = ShardReader(job, reporter.reached)
    threading.Thread(target=listen, args=(orders, reader), daemon=True).start()
    threading.Thread(target=read_ahead, args=(job, reader, orders, ready, say), daemon=True).start()
    try:
        worker = Worker(job, reporter)
        if job.warm:
            worker.runner.warm_up()
            say({"type": "warm"})
        while True:
            worker.do(*ready.get())
    except CardLost as error:
        # At once, as at any crash, so that the coordinator finds the document; tidying up would wait for the card.
        sys.stderr.write(f"the card is lost: {error}\n")
        sys.stderr.flush()
        os._exit(1)
    except (DossierError, OSError, sqlite3.OperationalError) as error:
        fatal(say, job, error)


if __name__ == "__main__":
    main()
