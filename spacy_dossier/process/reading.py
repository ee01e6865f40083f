"""The members of a shard → the documents in them, read in sandboxes that work side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ..read.document import Unreadable
from ..read.extract import Extracted, ReadOptions, one_line
from ..read.failures import PASSING, FailureKind, broken
from ..read.sandbox import FileRead, Sandbox
from ..read.tables.rows import MEDIA_TYPES, clean_value, kind_of
from ..read.tables.scan import RowRange
from ..text.surrogates import clean
from .crashes import Order
from .options import Job, RunOptions, text_hash
from .record import Failure
from .shard import Shard, ShardMember

Announce = Callable[[str | None, str], None]  # told the document that comes next (None: no more) and the stage


@dataclass
class ShardDocument:
    """A document of a shard: what was read, and where the shard says it comes from.

    passing (bool): It may be otherwise when it is done again: it is not what was planned, the system would not read
        it, or there was too little memory for it in the pipeline.
    key (bytes): Of the pipeline's findings: equal for equal text.
    failure (Failure | None): Why it is no record.
    """

    id: str
    root: str
    source: str
    read: Extracted
    passing: bool = False
    key: bytes = b""
    failure: Failure | None = None

    def fail(self, stage: str, kind: FailureKind, message: str) -> None:
        """Make it a failure row."""
        self.failure = Failure(source=self.id, stage=stage, error=kind, message=clean(one_line(message)))


class ShardReader:
    """Reads the members of shards.

    announce (Announce): Told what is read next, in a careful shard.
    """

    def __init__(self, job: Job, announce: Announce) -> None:
        self.job = job
        self.announce = announce
        self.local = threading.local()
        self.sandboxes: list[Sandbox] = []
        self.files = ThreadPoolExecutor(job.extractors, thread_name_prefix="extract")
        # One thread, and so one sandbox, which goes forward in a table
        self.tables = self.files if job.extractors == 1 else ThreadPoolExecutor(1, thread_name_prefix="rows")

    def read(self, shard: Shard, order: Order) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): The documents of a shard, in input order.

        RAISES (OSError, DossierError): The machine gives no process to read in, or has run out of something.
        """
        ahead: dict[int, Future[list[ShardDocument]]] = {}
        if not order.careful:
            ahead = {position: self.submit(member) for position, member in enumerate(shard.members)}
        documents: list[ShardDocument] = []
        for position, member in enumerate(shard.members):
            if order.quarantined.get(member.id) == "read":
                documents += crashed(member)
                continue
            if order.careful:
                self.announce(member.id, "read")
            documents += (ahead.get(position) or self.submit(member)).result()
        if order.careful:
            self.announce(None, "read")
        return documents

    def submit(self, member: ShardMember) -> Future[list[ShardDocument]]:
        pool, read = (self.files, self.of_file) if member.rows is None else (self.tables, self.of_rows)
        return pool.submit(read, member)

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of this thread."""
        sandbox: Sandbox | None = getattr(self.local, "sandbox", None)
        if sandbox is None:
            sandbox = self.local.sandbox = make_sandbox(self.job.options, scratch=self.job.folder or None)
            self.sandboxes.append(sandbox)
        return sandbox

    def of_file(self, member: ShardMember) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): The documents of a file or a text."""
        if member.error is not None:
            return [ShardDocument(member.id, member.root, member.source, Extracted(error=member.error, stage="read"))]
        if member.text is not None:
            read = FileRead([Extracted("", member.text, text_hash(member.text), "text/plain")])
        else:
            read = self.sandbox.extract(member.path)
        passing = read.sha256 not in (None, member.content)
        return [
            ShardDocument(
                member.id + extracted.name,
                member.root,
                member.source,
                cleaned(extracted),
                passing or bool(extracted.error and extracted.error[0] in PASSING),
            )
            for extracted in read.pieces
        ]

    def of_rows(self, member: ShardMember) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): The documents of a range of rows."""
        assert member.rows is not None
        first, count = member.rows
        missing: tuple[FailureKind, str]
        try:
            found = self.sandbox.rows(member.path, first, count)
            missing = ("Changed", "the file has become shorter since the run was planned")
        except Unreadable as error:
            found, missing = RowRange(), (error.kind, str(error))
        passing = missing[0] in PASSING and found.content != member.content
        documents = []
        for offset in range(count):
            read = Extracted(media_type=MEDIA_TYPES[kind_of(member.path)], stage="read")
            if offset < len(found.rows):
                row = found.rows[offset]
                read.text, read.meta, read.error = row.text, row.meta, row.error
                read.sha256 = text_hash(row.text)
            else:
                read.error = missing
            identity = f"{member.id}#{first + offset + 1}"
            documents.append(ShardDocument(identity, member.root, member.source, read, passing))
        return documents

    def close(self) -> None:
        """End the sandboxes, and what is being read in them."""
        for pool in (self.files, self.tables):
            pool.shutdown(wait=False, cancel_futures=True)
        for sandbox in list(self.sandboxes):
            sandbox.end()
        for pool in (self.files, self.tables):
            pool.shutdown()
        for sandbox in self.sandboxes:
            sandbox.close()


def make_sandbox(options: RunOptions, *, scratch: str | None) -> Sandbox:
    """RETURNS (Sandbox): One that reads what a run asks for, within its limits. scratch: See Sandbox."""
    return Sandbox(
        time_limit=options.time_limit,
        memory_limit=options.memory_limit * 1_000_000,
        options=ReadOptions(
            attachments=options.attachments,
            text_field=options.text_field,
            whole_page=options.whole_page,
            replies=options.replies,
            ocr=options.ocr,
        ),
        scratch=scratch,
    )


def cleaned(read: Extracted) -> Extracted:
    """RETURNS (Extracted): The same, fit for UTF-8 files: texts from inside archives and mails may hold anything."""
    try:
        read.text, read.meta = clean(read.text), clean_value(read.meta)
    except Exception as error:
        kind, message = broken(error)
        return Extracted(read.name, error=(kind, one_line(message)))
    return read


def crashed(member: ShardMember) -> Iterator[ShardDocument]:
    """YIELDS (ShardDocument): The documents of a member that ends the process when it is read."""
    first, count = member.rows or (0, 1)
    for number in range(first + 1, first + count + 1):
        name = f"{member.id}#{number}" if member.rows else member.id
        read = Extracted(error=("Crash", "the process ended while it was read"), stage="read")
        yield ShardDocument(name, member.root, member.source, read)
