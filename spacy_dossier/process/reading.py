"""The members of a shard → the documents in them, read in sandboxes that work side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ..read.extract import Extracted, ReadOptions, one_line
from ..read.rows import MEDIA_TYPES, Cursor, clean, clean_value, kind_of
from ..read.sandbox import Sandbox
from .crashes import Order
from .options import Job, text_hash
from .record import Failure
from .shard import Shard, ShardMember

Announce = Callable[[str | None, str], None]  # told the document that comes next (None: no more) and the stage


@dataclass
class ShardDocument:
    """A document of a shard: what was read, and where the shard says it comes from.

    key (bytes): Of the pipeline's findings: equal for equal text.
    failure (Failure | None): Why it is no record.
    """

    id: str
    root: str
    source: str
    read: Extracted
    key: bytes = b""
    failure: Failure | None = None

    def fail(self, stage: str, kind: str, message: str) -> None:
        """Make it a failure row."""
        self.failure = Failure(source=self.id, stage=stage, error=clean(kind), message=clean(one_line(message)))


class ShardReader:
    """Reads the members of shards.

    announce (Announce): Told what is read next, in a careful shard.
    """

    def __init__(self, job: Job, announce: Announce) -> None:
        self.job = job
        self.announce = announce
        self.cursor = Cursor()
        self.local = threading.local()
        self.sandboxes: list[Sandbox] = []
        self.pool = ThreadPoolExecutor(job.extractors, thread_name_prefix="extract")

    def read(self, shard: Shard, order: Order) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): The documents of a shard, in input order.

        RAISES (OSError): The machine gives no process to read in.
        """
        files: dict[int, Future[list[Extracted]]] = {}
        if not order.careful:
            for position, member in enumerate(shard.members):
                if member.is_file:
                    files[position] = self.pool.submit(self.extract, member.path)
        documents: list[ShardDocument] = []
        for position, member in enumerate(shard.members):
            if order.quarantined.get(member.id) == "read":
                documents += crashed(member)
                continue
            if order.careful:
                self.announce(member.id, "read")
            read = files[position].result() if position in files else None
            documents += self.of_member(member, read)
        if order.careful:
            self.announce(None, "read")
        return documents

    def extract(self, path: str) -> list[Extracted]:
        """RETURNS (list[Extracted]): What a sandbox of this thread reads in a file."""
        sandbox = getattr(self.local, "sandbox", None)
        if sandbox is None:
            sandbox = self.local.sandbox = Sandbox(
                time_limit=self.job.options.time_limit,
                memory_limit=self.job.options.memory_limit * 1_000_000,
                options=ReadOptions(
                    attachments=self.job.options.attachments,
                    text_field=self.job.options.text_field,
                    whole_page=self.job.options.whole_page,
                    replies=self.job.options.replies,
                    ocr=self.job.options.ocr,
                ),
                scratch=self.job.folder or None,
            )
            self.sandboxes.append(sandbox)
        return sandbox.extract(path)

    def of_member(self, member: ShardMember, read: list[Extracted] | None) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): The documents of a member. read (list[Extracted] | None): Of a file, read."""
        if member.error is not None:
            return [ShardDocument(member.id, member.root, member.source, Extracted(error=member.error, stage="read"))]
        if member.text is not None:
            read = [Extracted("", member.text, text_hash(member.text), "text/plain")]
        elif member.rows is not None:
            return list(self.rows(member, *member.rows))
        elif read is None:
            read = self.extract(member.path)
        names = unique_names([clean(extracted.name) for extracted in read])
        return [
            ShardDocument(member.id + name, member.root, member.source, cleaned(extracted))
            for name, extracted in zip(names, read, strict=True)
        ]

    def rows(self, member: ShardMember, first: int, count: int) -> Iterator[ShardDocument]:
        try:
            rows = self.cursor.read(member.path, self.job.options.text_field, first, count)
            missing = ("Changed", "the file has become shorter since the run was planned")
        except Exception as error:  # libraries raise what they like on a broken file
            rows, missing = [], ("Corrupt", one_line(f"{type(error).__name__}: {error}"))
        media_type = MEDIA_TYPES[kind_of(member.path)]
        for offset in range(count):
            read = Extracted(media_type=media_type, stage="read")
            if offset < len(rows):
                row = rows[offset]
                read.text, read.meta, read.error = row.text, row.meta, row.error
                read.sha256 = text_hash(row.text)
            else:
                read.error = missing
            yield ShardDocument(f"{member.id}#{first + offset + 1}", member.root, member.source, read)

    def close(self) -> None:
        """End the sandboxes."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for sandbox in self.sandboxes:
            sandbox.close()


def cleaned(read: Extracted) -> Extracted:
    """RETURNS (Extracted): The same, fit for UTF-8 files: texts from inside archives and mails may hold anything."""
    try:
        read.text, read.meta = clean(read.text), clean_value(read.meta)
    except Exception as error:
        return Extracted(read.name, error=("Corrupt", one_line(f"{type(error).__name__}: {error}")))
    return read


def unique_names(names: list[str]) -> list[str]:
    """Number names that are there again; those that are there once stay, whatever they are.

    RETURNS (list[str]): No two alike: `a`, `a~2`, `a` → `a`, `a~2`, `a~3`.
    """
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        candidate, count = name, 1
        while candidate in seen or (count > 1 and candidate in taken):
            count += 1
            candidate = f"{name}~{count}"
        seen.add(candidate)
        unique.append(candidate)
    return unique


def crashed(member: ShardMember) -> Iterator[ShardDocument]:
    """YIELDS (ShardDocument): The documents of a member that ends the process when it is read."""
    first, count = member.rows or (0, 1)
    for number in range(first + 1, first + count + 1):
        name = f"{member.id}#{number}" if member.rows else member.id
        error = ("Crash", "the process ended while it was read")
        yield ShardDocument(name, member.root, member.source, Extracted(error=error, stage="read"))
