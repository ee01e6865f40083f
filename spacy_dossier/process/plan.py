"""Sources → shards of fixed membership, by input order and size."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..read.extract import read_file
from ..read.rows import NoTextField, has_text, kind_of, read_rows
from .discover import Source, discover, display
from .ledger import Ledger, Shard
from .options import Options, digest, hash_file

SHARD_FILES = 128
SHARD_ROWS = 1024
SHARD_BYTES = 4_000_000


class Unit:
    """A file or a row on its way into a shard."""

    __slots__ = ("content", "key", "member", "size")

    def __init__(self, member: dict[str, Any], size: int, key: str | None, content: str) -> None:
        self.member = member  # of rows, the range that this row begins or goes on
        self.size = size
        self.key = key  # equal for equal content; None for what is not worth comparing
        self.content = content  # what the shard's digest covers


class Planner:
    """Makes the shards of a run. One pass over the inputs, in bounded memory: what grows is in the ledger's file.

    ledger (Ledger): Knows the hashes of unchanged files.
    options (Options): The run's options.
    fixed (str): Hash of pipeline and options, part of each shard's digest.
    """

    def __init__(self, ledger: Ledger, options: Options, fixed: str) -> None:
        self.ledger = ledger
        self.options = options
        self.fixed = fixed
        self.db: sqlite3.Connection = ledger.db
        self.db.execute("CREATE TEMP TABLE IF NOT EXISTS ids (id TEXT PRIMARY KEY, path BLOB)")
        self.db.execute("CREATE TEMP TABLE IF NOT EXISTS owners (key TEXT PRIMARY KEY, shard INTEGER) WITHOUT ROWID")
        self.db.execute("DELETE FROM ids")
        self.db.execute("DELETE FROM owners")

    def shards(self, inputs: Iterable[str | Path], text: str | None, skip: Path | None) -> Iterator[Shard]:
        """Plan.

        inputs (Iterable[str | Path]): Files, folders and globs.
        text (str | None): A document given as text.
        skip (Path | None): A folder never to enter.
        YIELDS (Shard): Each; no more is held in memory than one.
        """
        number = 0
        units: list[Unit] = []
        size = 0
        most = 0
        for unit in self.units(inputs, text, skip):
            most = self.options.shard_size or (SHARD_ROWS if "count" in unit.member else SHARD_FILES)
            if units and (len(units) >= most or size + unit.size > SHARD_BYTES):
                yield self.shard(number, units, size)
                number, units, size = number + 1, [], 0
            units.append(unit)
            size += unit.size
        if units:
            yield self.shard(number, units, size)

    def shard(self, number: int, units: list[Unit], size: int) -> Shard:
        members: list[dict[str, Any]] = []
        waits: dict[int, int] = {}
        content = hashlib.sha256(self.fixed.encode())
        for position, unit in enumerate(units):
            content.update(unit.content.encode("utf-8", "surrogatepass") + b"\n")
            member = unit.member
            last = members[-1] if members else None
            if last and "count" in member and last.get("path") == member["path"] and "count" in last:
                last["count"] += 1
            else:
                members.append(dict(member))
            if unit.key is not None:
                self.db.execute("INSERT OR IGNORE INTO owners VALUES (?, ?)", (unit.key, number))
                (owner,) = self.db.execute("SELECT shard FROM owners WHERE key = ?", (unit.key,)).fetchone()
                if owner != number:
                    waits[position] = owner
        # What a shard waits for is part of what it says: it takes over results of that shard.
        content.update(json.dumps(waits).encode())
        return Shard(number, content.hexdigest(), members, waits, len(units), size)

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
            member = {"id": "-", "root": "-", "source": "-", "text": text}
            yield Unit(member, len(text), None, digest(member))
        for source in discover(inputs, self.options.rules, skip=skip):
            identity = self.identity(source)
            if identity is None:
                continue
            member = {"id": identity, "root": source.root, "source": source.source, "path": source.path}
            if source.error is None and kind_of(source.path) and self.is_table(source):
                yield from self.rows(member)
            else:
                yield self.file(source, member)

    def is_table(self, source: Source) -> bool:
        return has_text(source.path, self.options.text_field, named=source.named)

    def identity(self, source: Source) -> str | None:
        """RETURNS (str | None): An id no other file has; None for a file that came before."""
        path = os.fsencode(Path(source.path).absolute())
        identity, count = source.id, 1
        while True:
            row = self.db.execute("SELECT path FROM ids WHERE id = ?", (identity,)).fetchone()
            if row is None:
                self.db.execute("INSERT INTO ids VALUES (?, ?)", (identity, path))
                return identity
            if row[0] == path:
                return None
            count += 1
            identity = f"{source.id}~{count}"

    def file(self, source: Source, member: dict[str, Any]) -> Unit:
        if source.error:
            return Unit({**member, "error": source.error}, 0, None, digest(member["id"], source.error))
        try:
            sha256 = self.hash(source)
        except OSError as error:
            failure = (type(error).__name__, error.strerror or str(error))
            return Unit({**member, "error": failure}, 0, None, digest(member["id"], failure))
        suffix = Path(source.path).suffix.lower()  # a hint to the format, so equal bytes may read differently
        return Unit(member, source.size, f"{sha256}{display(suffix)}", digest(member["id"], member["root"], sha256))

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

    def rows(self, member: dict[str, Any]) -> Iterator[Unit]:
        """Count and hash the rows of a table; a range of them becomes one member of a shard."""
        number = 0
        try:
            for number, row in enumerate(read_rows(member["path"], self.options.text_field), start=1):
                ranged = {**member, "first": number - 1, "count": 1}
                key = None if row.error else hashlib.sha256(row.text.encode()).hexdigest()
                content = digest(member["id"], member["root"], number, key, row.meta, row.error)
                yield Unit(ranged, len(row.text), key, content)
        except (OSError, ValueError, NoTextField) as error:
            failure = ("Corrupt", f"broken after {number} rows: {error}")
            broken = {**member, "id": f"{member['id']}#{number + 1}", "error": failure}
            yield Unit(broken, 0, None, digest(broken["id"], failure))
