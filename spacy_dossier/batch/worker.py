"""The process that holds a pipeline and turns shards into files.

`python -m spacy_dossier.batch.worker` reads JSON lines from its coordinator on stdin and answers on stdout. It ends
when stdin does, so that none is left behind when the coordinator is killed. It writes only into its own folder; giving
files their final names and committing is the coordinator's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from .extract import Extracted, one_line
from .ledger import Ledger, Shard, pack
from .record import Failure, PipelineInfo, Record, make_record
from .rows import MEDIA_TYPES, Cursor, NoTextField, clean, clean_value, kind_of
from .sandbox import Sandbox
from .sinks import write_shard, write_synced

if TYPE_CHECKING:
    from spacy.language import Language

POLL_SECONDS = 0.05


@dataclass
class Job:
    """What a coordinator tells its workers once.

    folder (str): The worker's own place for unfinished files.
    space (str): Hash of pipeline and result options: with a text's hash, the key of a result.
    """

    ledger: str
    folder: str
    pipeline: dict[str, str]
    device: str
    space: str
    generation: int
    formats: list[str]
    sentences: int | None
    words: int | None
    min_confidence: float
    with_text: bool
    attachments: bool
    text_field: str
    time_limit: float
    memory_limit: int
    extractors: int


@dataclass
class Piece:
    """A document of a shard: what was read, and where the shard says it comes from."""

    id: str
    root: str
    source: str
    unit: int
    read: Extracted
    key: bytes = b""
    result: dict[str, Any] | None = None
    failure: Failure | None = None


@dataclass
class Order:
    """A shard to do. careful: one document at a time, announced first; poison: documents known to crash."""

    shard: Shard
    careful: bool = False
    poison: list[str] = field(default_factory=list)


class Extraction:
    """Reads the members of shards, in sandboxes that work side by side."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cursor = Cursor()
        self.local = threading.local()
        self.sandboxes: list[Sandbox] = []
        self.pool = ThreadPoolExecutor(job.extractors, thread_name_prefix="extract")

    def pieces(self, shard: Shard) -> list[Piece]:
        """RETURNS (list[Piece]): The documents of a shard, in input order."""
        waiting: list[tuple[dict[str, Any], int, Future[list[Extracted]] | None]] = []
        unit = 0
        for member in shard.members:
            if "path" in member and "count" not in member and "error" not in member:
                waiting.append((member, unit, self.pool.submit(self.read_file, member["path"])))
            else:
                waiting.append((member, unit, None))
            unit += member.get("count", 1)
        pieces: list[Piece] = []
        for member, first, future in waiting:
            pieces += self.of_member(member, first, future.result() if future else None)
        return pieces

    def read_file(self, path: str) -> list[Extracted]:
        sandbox = getattr(self.local, "sandbox", None)
        if sandbox is None:
            sandbox = self.local.sandbox = Sandbox(
                time_limit=self.job.time_limit,
                memory_limit=self.job.memory_limit * 1_000_000,
                attachments=self.job.attachments,
            )
            self.sandboxes.append(sandbox)
        return sandbox.extract(path)

    def of_member(self, member: dict[str, Any], unit: int, read: list[Extracted] | None) -> Iterator[Piece]:
        base = (member["root"], member["source"])
        if "error" in member:
            yield Piece(member["id"], *base, unit, Extracted(error=tuple(member["error"]), stage="read"))
        elif "text" in member:
            text = member["text"]
            yield Piece(member["id"], *base, unit, Extracted("", text, text_hash(text), "text/plain"))
        elif read is not None:
            for extracted in read:
                # Names and texts from inside archives and mails may hold what no UTF-8 file can.
                extracted.text, extracted.meta = clean(extracted.text), clean_value(extracted.meta)
                yield Piece(member["id"] + clean(extracted.name), *base, unit, extracted)
        else:
            yield from self.rows(member, unit)

    def rows(self, member: dict[str, Any], unit: int) -> Iterator[Piece]:
        first, count = member["first"], member["count"]
        try:
            rows = self.cursor.read(member["path"], self.job.text_field, first, count)
            missing = "the file has become shorter since the run was planned"
        except (OSError, ValueError, NoTextField) as error:
            rows, missing = [], one_line(str(error))
        media_type = MEDIA_TYPES[kind_of(member["path"])]
        for offset in range(count):
            read = Extracted(media_type=media_type)
            if offset < len(rows):
                row = rows[offset]
                read.text, read.meta, read.error = row.text, row.meta, row.error
                read.sha256 = text_hash(row.text)
            else:
                read.error = ("Changed", missing)
            read.stage = "read"
            yield Piece(f"{member['id']}#{first + offset + 1}", member["root"], member["source"], unit + offset, read)

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)
        for sandbox in self.sandboxes:
            sandbox.close()


class Worker:
    """Does shards: look up or compute results, make records, write files."""

    def __init__(self, job: Job, say: Any) -> None:
        self.job = job
        self.say = say
        self.ledger = Ledger(Path(job.ledger))
        self.info = PipelineInfo(name=job.pipeline["name"], version=job.pipeline["version"])
        self.loaded: Language | None = None

    @property
    def nlp(self) -> Language:
        if self.loaded is None:
            from .infer import load

            try:
                self.loaded = load(self.job.pipeline["load"], self.job.device)
            except Exception as error:  # broken packages raise anything
                reason = one_line(f"{type(error).__name__}: {error}")
                raise DossierError(f"the pipeline does not load ({reason})", value=self.job.pipeline["load"]) from None
        return self.loaded

    def do(self, order: Order, pieces: list[Piece]) -> None:
        shard = order.shard
        for piece in pieces:
            if piece.read.error:
                piece.failure = failure(piece, piece.read.stage, *piece.read.error)
            elif piece.id in order.poison:
                piece.failure = failure(piece, "pipeline", "Crash", "the process ended while it was in the pipeline")
            else:
                piece.key = hashlib.sha256(f"{self.job.space}\0".encode() + piece.read.text.encode()).digest()
        live = [piece for piece in pieces if piece.failure is None]
        found = self.look_up(shard, live)
        fresh = self.compute(order, live, found)
        fresh |= self.take_over(shard, live, found)
        words = sum(result["n_tokens"] for result in fresh.values() if isinstance(result, dict))
        self.finish(shard, pieces, found, fresh, words)

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

    def run_pipeline(self, todo: list[Piece], found: dict[bytes, Any], *, careful: bool = False) -> dict[bytes, Any]:
        if not todo:
            return {}
        from .infer import DocFailure, analyze
        from .sections import SummaryBudget

        fresh: dict[bytes, Any] = {}
        kept: dict[int, list[str]] = {}

        def keep(index: int, docs: Sequence[Any]) -> None:
            kept[index] = [base64.b64encode(doc.to_bytes(exclude=["tensor"])).decode() for doc in docs]

        if careful:
            self.say(type="doc", id=todo[0].id)
        results = analyze(
            self.nlp,
            [piece.read.text for piece in todo],
            SummaryBudget(self.job.sentences, self.job.words),
            gpu=self.job.device != "cpu",
            keep=keep if "docbin" in self.job.formats else None,
            one_by_one=careful,
        )
        said = time.monotonic()
        docs = words = 0
        for index, result in results:
            if isinstance(result, DocFailure):
                fresh[todo[index].key] = found[todo[index].key] = result
            else:
                if index in kept:
                    result["docs"] = kept.pop(index)
                fresh[todo[index].key] = found[todo[index].key] = result
                words += result["n_tokens"]
            docs += 1
            if careful and index + 1 < len(todo):
                self.say(type="doc", id=todo[index + 1].id)
            if time.monotonic() - said > 0.5:
                self.say(type="progress", docs=docs, words=words)
                docs, words, said = 0, 0, time.monotonic()
        self.say(type="progress", docs=docs, words=words)
        return fresh

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

    def finish(
        self, shard: Shard, pieces: list[Piece], found: dict[bytes, Any], fresh: dict[bytes, Any], words: int
    ) -> None:
        records: list[Record] = []
        tokens = chars = 0
        docs: list[tuple[Record, list[str]]] = []
        for piece in pieces:
            record = self.record(piece, found) if piece.failure is None else None
            if record is not None:
                records.append(record)
                tokens += record.n_tokens
                chars += record.n_chars
                docs.append((record, found[piece.key].get("docs", [])))
        failures = [piece.failure for piece in pieces if piece.failure is not None]
        folder = Path(self.job.folder)

        def docbin() -> bytes:
            from .docbins import to_docbin

            return to_docbin(self.nlp, docs)

        outputs = write_shard(folder, shard.number, records, self.job.formats, docbin)
        cache = folder / f"results-{shard.number}.jsonl"
        lines = (
            json.dumps([key.hex(), base64.b64encode(pack(result)).decode()])
            for key, result in found.items()
            if key in fresh and isinstance(result, dict)
        )
        write_synced(cache, "".join(line + "\n" for line in lines).encode())
        self.say(
            type="done",
            shard=shard.number,
            outputs=outputs,
            results=str(cache),
            counts={
                "documents": len(pieces),
                "records": len(records),
                "failures": len(failures),
                "tokens": tokens,
                "characters": chars,
                "computed": len(fresh),
                "tokens_computed": words,
            },
            failures=[row.to_json() for row in failures],
        )

    def record(self, piece: Piece, found: dict[bytes, Any]) -> Record | None:
        result = found[piece.key]
        if isinstance(result, Exception):
            kind, _, message = str(result).partition(": ")
            piece.failure = failure(piece, "pipeline", kind, message or kind)
            return None
        read = piece.read
        try:
            return make_record(
                id=piece.id,
                root=piece.root,
                source=piece.source,
                text=read.text,
                sha256=read.sha256,
                media_type=read.media_type,
                result=result,
                pipeline=self.info,
                pages=read.pages,
                meta=read.meta,
                min_confidence=self.job.min_confidence,
                with_text=self.job.with_text,
            )
        except ValueError as error:
            piece.failure = failure(piece, "record", "BadOffsets", one_line(str(error)))
            return None


def failure(piece: Piece, stage: str, kind: str, message: str) -> Failure:
    return Failure(source=piece.id, stage=stage, error=kind, message=one_line(message))


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    # Libraries print to stdout; the answers go through a private copy of it.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(**message: Any) -> None:
        with lock:
            answers.write(json.dumps(message) + "\n")

    job = Job(**json.loads(sys.stdin.readline()))
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
