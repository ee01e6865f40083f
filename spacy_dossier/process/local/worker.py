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
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DossierError
from ...read.extract import one_line
from ...text.files import write_file
from ..analyst import Analyst, Extraction, Job, Piece
from ..ledger import Ledger, Shard, pack

POLL_SECONDS = 0.05


@dataclass
class Order:
    """A shard to do. careful: one document at a time, announced first; poison: documents known to crash."""

    shard: Shard
    careful: bool = False
    poison: list[str] = field(default_factory=list)


class Worker(Analyst):
    """Does shards: look up or compute results, make records, write files."""

    def __init__(self, job: Job, say: Any) -> None:
        super().__init__(job, say)
        self.ledger = Ledger(Path(job.ledger))

    def do(self, order: Order, pieces: list[Piece]) -> None:
        shard = order.shard
        live = self.live(pieces, order.poison)
        found = self.look_up(shard, live)
        fresh = self.compute(order, live, found)
        fresh |= self.take_over(shard, live, found)
        self.finish(shard, pieces, found, fresh)

    def look_up(self, shard: Shard, live: Sequence[Piece]) -> dict[bytes, Any]:
        """RETURNS (dict): Results of earlier runs, and of this shard if it was once committed."""
        found = {}
        for piece in live:
            if piece.key not in found:
                result = self.ledger.result(piece.key, self.job.generation, [shard.number])
                if result is not None:
                    found[piece.key] = result
        return found

    def compute(self, order: Order, live: Sequence[Piece], found: dict[bytes, Any]) -> dict[bytes, Any]:
        """Run the pipeline over the texts that no shard before this one computes; each text once.

        RETURNS (dict): Results by key; exceptions for texts the pipeline raised on.
        """
        todo: dict[bytes, Piece] = {}
        for piece in live:
            if piece.key not in found and piece.unit not in order.shard.waits:
                todo.setdefault(piece.key, piece)
        return self.run_pipeline(list(todo.values()), found, careful=order.careful)

    def take_over(self, shard: Shard, live: Sequence[Piece], found: dict[bytes, Any]) -> dict[bytes, Any]:
        """Wait for the shards that compute what this one also has, and take their results.

        RETURNS (dict): What had to be computed all the same, by key.
        """
        open_pieces = [p for p in live if p.key not in found and p.unit in shard.waits]
        for piece in open_pieces:
            owner = shard.waits[piece.unit]
            while not self.ledger.is_done(owner):
                time.sleep(POLL_SECONDS)
            result = self.ledger.result(piece.key, self.job.generation, [owner])
            if result is not None:
                found[piece.key] = result
        # The file changed after it was planned, or its twin failed.
        rest = {piece.key: piece for piece in open_pieces if piece.key not in found}
        return self.run_pipeline(list(rest.values()), found)

    def finish(self, shard: Shard, pieces: list[Piece], found: dict[bytes, Any], fresh: dict[bytes, Any]) -> None:
        folder = Path(self.job.folder)
        done = self.write(shard.number, pieces, found, fresh, lambda name, data: write_file(folder / name, data))
        cache = folder / f"results-{shard.number}.jsonl"
        lines = (
            json.dumps([key.hex(), base64.b64encode(pack(result)).decode()])
            for key, result in found.items()
            if key in fresh and isinstance(result, dict)
        )
        write_file(cache, "".join(line + "\n" for line in lines).encode())
        self.say(type="done", shard=shard.number, results=str(cache), **done)


def main() -> None:
    # Libraries print to stdout; the answers go through a private copy of it.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(**message: Any) -> None:
        with lock:
            answers.write(json.dumps(message) + "\n")

    job = Job.from_json(sys.stdin.readline())
    orders: queue.Queue[tuple[int, bool, list[str]] | None] = queue.Queue()
    ready: queue.Queue[tuple[Order, list[Piece]]] = queue.Queue(1)
    extraction = Extraction(job)

    def listen() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            orders.put((order["shard"], order["careful"], order["poison"]))
        extraction.close()
        os._exit(0)  # the coordinator is gone or done; nothing here is worth finishing

    def read_ahead() -> None:
        ledger = Ledger(Path(job.ledger))
        while (order := orders.get()) is not None:
            number, careful, poison = order
            try:
                shard = ledger.shard(number)
                ready.put((Order(shard, careful, poison), extraction.pieces(shard)))
            except Exception as error:  # the sandbox does not start, the ledger cannot be read
                say(type="fatal", message=one_line(f"reading cannot go on: {type(error).__name__}: {error}"))
                os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    threading.Thread(target=read_ahead, daemon=True).start()
    say(type="ready")
    try:
        worker = Worker(job, say)
        if job.warm:
            worker.nlp("What is set up at the first text is set up now.")
            say(type="warm")
        while True:
            worker.do(*ready.get())
    except DossierError as error:
        say(type="fatal", message=str(error))
    except (OSError, sqlite3.OperationalError) as error:
        reason = getattr(error, "strerror", None) or error
        say(type="fatal", message=one_line(f"the output cannot be written: {reason}"))
    os._exit(1)


if __name__ == "__main__":
    main()
