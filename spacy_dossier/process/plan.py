"""Sources → shards of fixed membership, by input order and size."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import DossierError
from ..read.document import Unreadable
from ..read.extract import read_file
from ..read.failures import of_system
from ..read.sandbox import Sandbox
from ..read.tables.rows import NoTextField, kind_of
from ..read.tables.scan import RowFacts, chain
from .discover import Source, discover, display
from .ledger import Ledger
from .options import RunOptions, digest, hash_file
from .reading import make_sandbox
from .shard import Shard, ShardMember

SHARD_FILES = 128
SHARD_ROWS = 1024
SHARD_BYTES = 4_000_000
SEPARATORS = "!#"  # before the name of a member or attachment, before the number of a row or mail


@dataclass(slots=True)
class Unit:
    """A file or a row on its way into a shard.

    member (ShardMember): It; of rows, the range that this row begins or goes on.
    size (int): Its bytes.
    key (str | None): Equal for equal content; None for what is not worth comparing.
    content (str): What the shard's digest covers.
    """

    member: ShardMember
    size: int
    key: str | None
    content: str


class Planner:
    """Makes the shards of a run. One pass over the inputs, in bounded memory: what grows is in the ledger's file.

    ledger (Ledger): Knows the hashes of unchanged files.
    options (RunOptions): The run's options.
    fixed (str): Hash of pipeline and options, part of each shard's digest.
    """

    def __init__(self, ledger: Ledger, options: RunOptions, fixed: str) -> None:
        self.ledger = ledger
        self.links_left = 0  # links that were not followed
        self.options = options
        self.fixed = fixed
        self.db: sqlite3.Connection = ledger.db
        self.db.execute("CREATE TEMP TABLE IF NOT EXISTS ids (id TEXT PRIMARY KEY, path BLOB UNIQUE)")
        self.db.execute("CREATE TEMP TABLE IF NOT EXISTS owners (key TEXT PRIMARY KEY, shard INTEGER) WITHOUT ROWID")
        self.db.execute("DELETE FROM ids")
        self.db.execute("DELETE FROM owners")
        self.sandbox: Sandbox = make_sandbox(options, scratch=None)  # what tables hold is nobody's to trust

    def shards(self, inputs: Iterable[str | Path], text: str | None, skip: Path | None) -> Iterator[Shard]:
        """Plan.

        inputs (Iterable[str | Path]): Files, folders and globs.
        text (str | None): A document given as text.
        skip (Path | None): A folder never to enter.
        YIELDS (Shard): Each; no more is held in memory than one.
        """
        try:
            yield from self._shards(inputs, text, skip)
        finally:
            self.sandbox.close()

    def _shards(self, inputs: Iterable[str | Path], text: str | None, skip: Path | None) -> Iterator[Shard]:
        number = 0
        units: list[Unit] = []
        size = 0
        for unit in self.units(inputs, text, skip):
            most = self.options.shard_size or (SHARD_ROWS if unit.member.rows else SHARD_FILES)
            if units and (len(units) >= most or size + unit.size > SHARD_BYTES):
                yield self.shard(number, units, size)
                number, units, size = number + 1, [], 0
            units.append(unit)
            size += unit.size
        if units:
            yield self.shard(number, units, size)

    def shard(self, number: int, units: list[Unit], size: int) -> Shard:
        members: list[ShardMember] = []
        after: set[int] = set()
        content = hashlib.sha256(self.fixed.encode())
        for unit in units:
            content.update(unit.content.encode("utf-8", "surrogatepass") + b"\n")
            last = members[-1] if members else None
            if last and last.rows and unit.member.rows and last.path == unit.member.path:
                last.rows = (last.rows[0], last.rows[1] + 1)
                last.content = chain(last.content, unit.member.content)
            elif unit.member.rows:
                members.append(replace(unit.member, content=chain("", unit.member.content)))
            else:
                members.append(unit.member)
            if unit.key is not None:
                after.add(self.owner(unit.key, number))
        after.discard(number)
        # What a shard comes after is part of what it says: it takes over results of those.
        content.update(json.dumps(sorted(after)).encode())
        return Shard(number, content.hexdigest(), members, sorted(after), len(units), size)

    def owner(self, key: str, number: int) -> int:
        """RETURNS (int): The shard that computes a content: the first that has it."""
        self.db.execute("INSERT OR IGNORE INTO owners VALUES (?, ?)", (key, number))
        return int(self.db.execute("SELECT shard FROM owners WHERE key = ?", (key,)).fetchone()[0])

    def units(self, inputs: Iterable[str | Path], text: str | None, skip: Path | None) -> Iterator[Unit]:
        left = self.options.limit
        for unit in self._units(inputs, text, skip):
            if left is not None:
                if left == 0:
                    return
                left -= 1
            yield unit

    def _units(self, inputs: Iterable[str | Path], text: str | None, skip: Path | None) -> Iterator[Unit]:
        if text is not None:
            self.db.execute("INSERT INTO ids VALUES ('-', NULL)")
            yield Unit(ShardMember("-", "-", "-", text=text), len(text), None, digest("-", text))
        for source in discover(inputs, self.options.rules, skip=skip):
            if source.is_left:
                self.links_left += 1
                continue
            identity = self.identity(source)
            if identity is None:
                continue
            member = ShardMember(identity, source.root, source.source, source.path, error=source.error)
            if source.error is None and kind_of(source.path):
                yield from self.table(source, member)
            else:
                yield self.file(source, member)

    def table(self, source: Source, member: ShardMember) -> Iterator[Unit]:
        """YIELDS (Unit): The rows of a table, or a document. RAISES (DossierError): A named table without a text."""
        try:
            rows = self.sandbox.scan(source.path, named=source.named)
        except NoTextField as error:
            raise DossierError(
                f"no column or field {self.options.text_field!r}",
                file=source.path,
                value=", ".join(error.columns),
                remedy="Name the one that holds the text with --text-field",
            ) from None
        except Unreadable as error:
            member.error = (error.kind, str(error))
            yield Unit(member, 0, None, digest(member.id, member.error))
            return
        if rows is None:
            yield self.file(source, member)
        else:
            yield from self.rows(member, rows)

    def identity(self, source: Source) -> str | None:
        """Find an id for a file: its path, unless that could be taken for another's.

        Documents inside a file have its id and a suffix that begins with "!" or "#". So that no two can be alike, no
        file's id goes on from another's with one of these. A file whose id would, as `x.zip!a.txt` beside `x.zip`, has
        them written as %21 and %23; one whose id is taken has a number.

        RETURNS (str | None): The id; None for a file that came before.
        """
        path = os.fsencode(Path(source.path).absolute())
        row = self.db.execute("SELECT id FROM ids WHERE path = ?", (path,)).fetchone()
        if row is not None:
            return None
        for identity in candidates(source.id):
            if not self.is_ambiguous(identity):
                break
        self.db.execute("INSERT INTO ids VALUES (?, ?)", (identity, path))
        return identity

    def is_ambiguous(self, identity: str) -> bool:
        """RETURNS (bool): Is an id taken, or could it, or what stands inside a file of that id, be another's?"""
        if self.db.execute("SELECT 1 FROM ids WHERE id = ?", (identity,)).fetchone():
            return True
        for mark in SEPARATORS:
            first, last = identity + mark, identity + chr(ord(mark) + 1)
            if self.db.execute("SELECT 1 FROM ids WHERE id >= ? AND id < ?", (first, last)).fetchone():
                return True
        starts = (identity[:end] for end, char in enumerate(identity) if char in SEPARATORS)
        return any(self.db.execute("SELECT 1 FROM ids WHERE id = ?", (start,)).fetchone() for start in starts)

    def file(self, source: Source, member: ShardMember) -> Unit:
        if member.error is not None:
            return Unit(member, 0, None, digest(member.id, member.error))
        try:
            sha256 = self.hash(source)
        except OSError as error:
            member.error = of_system(error)
            return Unit(member, 0, None, digest(member.id, member.error))
        member.content = sha256
        suffix = Path(source.path).suffix.lower()  # a hint to the format, so equal bytes may read differently
        return Unit(member, source.size, f"{sha256}{display(suffix)}", digest(member.id, member.root, sha256))

    def hash(self, source: Source) -> str:
        """RETURNS (str): SHA-256 of a file; taken from the ledger while size, times and inode are the same."""
        path = os.fsencode(Path(source.path).absolute())
        status = Path(source.path).stat()
        stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = self.ledger.known_hash(path, stamp)
        if known is not None:
            return known
        if status.st_size > 50_000_000:
            sha256 = hash_file(source.path)
        else:
            sha256 = hashlib.sha256(read_file(source.path)).hexdigest()
        self.ledger.remember_hash(path, stamp, sha256, max(status.st_mtime_ns, status.st_ctime_ns))
        return sha256

    def rows(self, member: ShardMember, rows: Iterator[RowFacts]) -> Iterator[Unit]:
        """YIELDS (Unit): The rows of a table, a range of which becomes one member of a shard; what breaks it off."""
        number = 0
        try:
            for number, row in enumerate(rows, start=1):
                content = digest(member.id, member.root, number, row.digest)
                yield Unit(replace(member, rows=(number - 1, 1), content=row.digest), row.size, row.text, content)
            if number:
                return
            failed = replace(member, error=("Empty", "the table has no rows"))
        except Unreadable as error:
            message = f"broken after {number} rows: {error}"
            failed = replace(member, id=f"{member.id}#{number + 1}", error=(error.kind, message))
        yield Unit(failed, 0, None, digest(failed.id, failed.error))


def candidates(identity: str) -> Iterator[str]:
    """YIELDS (str): An id, then others for the same file, for ever."""
    yield identity
    plain = identity
    for mark in SEPARATORS:
        plain = plain.replace(mark, f"%{ord(mark):X}")
    yield plain
    for count in itertools.count(2):
        yield f"{plain}~{count}"
