"""What every engine does to a document: read it in a sandbox, run the pipeline over its text, make the record."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from .extract import Extracted, one_line
from .ledger import Shard
from .record import Failure, PipelineInfo, Record, make_record
from .rows import MEDIA_TYPES, Cursor, NoTextField, clean, clean_value, kind_of
from .sandbox import Sandbox

if TYPE_CHECKING:
    from spacy.language import Language


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


class Analyst:
    """Holds the pipeline: texts of pieces → results → records.

    say (Callable): Told how far it is: `type` and values as keywords.
    """

    def __init__(self, job: Job, say: Any) -> None:
        self.job = job
        self.say = say
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
            self.say(type="loaded")
        return self.loaded

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
