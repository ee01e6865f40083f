"""What every engine does to a document: read it in a sandbox, run the pipeline over its text, make the record."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DossierError
from ..read.extract import Extracted, one_line
from ..read.rows import MEDIA_TYPES, Cursor, NoTextField, clean, clean_value, kind_of
from ..read.sandbox import Sandbox
from .discover import Rules
from .ledger import Shard
from .options import Options, Pipeline
from .record import Failure, PipelineInfo, Record, make_record
from .sinks import write_shard

if TYPE_CHECKING:
    from spacy.language import Language


@dataclass(frozen=True)
class Job:
    """What a coordinator tells its workers once.

    device (str): "cpu" or "cuda:N".
    extractors (int): Processes that read files, side by side.
    ledger (str): Path of the ledger, and generation its plan's; both for workers that share one.
    folder (str): The worker's own place for unfinished files.
    warm (bool): Load the pipeline and run a first text through it at once, and say so.
    """

    pipeline: Pipeline
    options: Options
    device: str
    extractors: int = 1
    ledger: str = ""
    generation: int = 0
    folder: str = ""
    warm: bool = False

    @property
    def space(self) -> str:
        """Hash of pipeline and result options: with a text's hash, the key of a result."""
        return self.options.space(self.pipeline)

    def to_json(self) -> str:
        """RETURNS (str): One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        data = json.loads(line)
        pipeline, options = data.pop("pipeline"), data.pop("options")
        rules = Rules(**options.pop("rules"))
        return cls(pipeline=Pipeline(**pipeline), options=Options(rules=rules, **options), **data)


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
                time_limit=self.job.options.time_limit,
                memory_limit=self.job.options.memory_limit * 1_000_000,
                attachments=self.job.options.attachments,
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
            rows = self.cursor.read(member["path"], self.job.options.text_field, first, count)
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
    """Holds the pipeline: texts of pieces → results → records → the files of a shard.

    say (Callable): Told how far it is: `type` and values as keywords.
    """

    def __init__(self, job: Job, say: Any) -> None:
        self.job = job
        self.space = job.space
        self.say = say
        self.info = PipelineInfo(name=job.pipeline.name, version=job.pipeline.version)
        self.loaded: Language | None = None

    @property
    def nlp(self) -> Language:
        if self.loaded is None:
            from .infer import load

            try:
                self.loaded = load(self.job.pipeline.load, self.job.device)
            except Exception as error:  # broken packages raise anything
                reason = one_line(f"{type(error).__name__}: {error}")
                raise DossierError(f"the pipeline does not load ({reason})", value=self.job.pipeline.load) from None
            self.say(type="loaded")
        return self.loaded

    def live(self, pieces: Sequence[Piece], poison: Sequence[str]) -> list[Piece]:
        """RETURNS (list[Piece]): Those that have a text, with the key of their result; the others are failures.

        poison (Sequence[str]): Documents known to end the process.
        """
        for piece in pieces:
            if piece.read.error:
                piece.failure = failure(piece, piece.read.stage, *piece.read.error)
            elif piece.id in poison:
                piece.failure = failure(piece, "pipeline", "Crash", "the process ended while it was in the pipeline")
            else:
                piece.key = hashlib.sha256(f"{self.space}\0".encode() + piece.read.text.encode()).digest()
        return [piece for piece in pieces if piece.failure is None]

    def run_pipeline(self, todo: list[Piece], found: dict[bytes, Any], *, careful: bool = False) -> dict[bytes, Any]:
        """Run the pipeline over texts, each with a key of its own.

        found (dict): Where the results are put too.
        careful (bool): One document at a time, each announced before its turn.
        RETURNS (dict): Results by key; exceptions for texts the pipeline raised on.
        """
        if not todo:
            return {}
        from .infer import DocFailure, analyze
        from .sections import SummaryBudget

        options = self.job.options
        nlp = self.nlp  # before a document is announced: a pipeline that ends the process on loading is none's fault
        fresh: dict[bytes, Any] = {}
        kept: dict[int, list[str]] = {}

        def keep(index: int, docs: Sequence[Any]) -> None:
            kept[index] = [base64.b64encode(doc.to_bytes(exclude=["tensor"])).decode() for doc in docs]

        if careful:
            self.say(type="doc", id=todo[0].id)
        results = analyze(
            nlp,
            [piece.read.text for piece in todo],
            SummaryBudget(options.sentences, options.words),
            gpu=self.job.device != "cpu",
            keep=keep if "docbin" in options.formats else None,
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
                min_confidence=self.job.options.min_confidence,
                with_text=self.job.options.with_text,
            )
        except ValueError as error:
            piece.failure = failure(piece, "record", "BadOffsets", one_line(str(error)))
            return None

    def write(
        self,
        number: int,
        pieces: Sequence[Piece],
        found: dict[bytes, Any],
        fresh: dict[bytes, Any],
        write: Callable[[str, bytes], None],
    ) -> dict[str, Any]:
        """Write the files of a shard.

        pieces (Sequence[Piece]): All of it.
        found, fresh (dict): Results of all that are no failures, and those among them that were computed for it.
        write (Callable): Called with the name and the bytes of each file.
        RETURNS (dict): outputs (name → bytes and sha256), counts, and failures as lines of JSON.
        """
        records: list[Record] = []
        docs: list[tuple[Record, list[str]]] = []
        for piece in pieces:
            record = self.record(piece, found) if piece.failure is None else None
            if record is not None:
                records.append(record)
                docs.append((record, found[piece.key].get("docs", [])))

        def docbin() -> bytes:
            from .docbins import to_docbin

            return to_docbin(self.nlp, docs)

        outputs = write_shard(write, number, records, self.job.options.formats, docbin)
        counts = {
            "documents": len(pieces),
            "records": len(records),
            "failures": len(pieces) - len(records),
            "tokens": sum(record.n_tokens for record in records),
            "characters": sum(record.n_chars for record in records),
            "computed": len(fresh),
            "tokens_computed": sum(result["n_tokens"] for result in fresh.values() if isinstance(result, dict)),
        }
        failures = [piece.failure.to_json() for piece in pieces if piece.failure is not None]
        return {"outputs": outputs, "counts": counts, "failures": failures}


def failure(piece: Piece, stage: str, kind: str, message: str) -> Failure:
    return Failure(source=piece.id, stage=stage, error=kind, message=one_line(message))


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
