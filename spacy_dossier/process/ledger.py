"""What is planned and what is done, in SQLite: the run's memory across kills."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DossierError

VERSION = "1"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- Hashes of files whose size, times and inode have not changed since
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL);
-- The plan: shards of fixed membership. outputs and the rest are set in the transaction that commits a shard
CREATE TABLE IF NOT EXISTS shards (
    shard INTEGER PRIMARY KEY, digest TEXT NOT NULL, members TEXT NOT NULL, waits TEXT NOT NULL,
    units INTEGER NOT NULL, size INTEGER NOT NULL,
    outputs TEXT, counts TEXT, failures TEXT
);
-- What the pipeline found in a text. generation and shard say in which plan and shard it was computed
CREATE TABLE IF NOT EXISTS results (
    key BLOB NOT NULL, generation INTEGER NOT NULL, shard INTEGER NOT NULL, result BLOB NOT NULL,
    PRIMARY KEY (key, generation, shard)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Shard:
    """A unit of commit: the members in input order.

    waits (dict[int, int]): Unit of this shard (counted from 0) → the earlier shard that computes the same content.
    units (int): Files and rows.
    size (int): Their bytes.
    """

    number: int
    digest: str
    members: list[dict[str, Any]]
    waits: dict[int, int]
    units: int
    size: int


class Ledger:
    """The database of one output folder.

    path (Path): The SQLite file, made when it is absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")  # a commit must survive a power cut
            self.db.executescript(SCHEMA)
            version = self.get("version")
        except sqlite3.OperationalError:  # a full disk: the caller's to tell
            raise
        except sqlite3.DatabaseError as error:
            raise DossierError(
                f"the ledger cannot be opened ({error})", file=path, remedy="Remove its folder to start afresh"
            ) from None
        if version is None:
            self.set("version", VERSION)
        elif version != VERSION:
            raise DossierError(
                "the ledger was written by another version",
                file=path,
                value=version,
                remedy="Use another output folder",
            )

    def close(self) -> None:
        self.db.close()

    def get(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set(self, key: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def generation(self) -> int:
        """Number of the plan: it grows whenever inputs, pipeline or options change."""
        return int(self.get("generation") or 0)

    # Planning

    def known_hash(self, path: bytes, stamp: str) -> str | None:
        row = self.db.execute("SELECT stamp, sha256 FROM files WHERE path = ?", (path,)).fetchone()
        return row[1] if row and row[0] == stamp else None

    def remember_hash(self, path: bytes, stamp: str, sha256: str, changed_ns: int) -> None:
        # A file changed within the clock's grain of its hashing could change again and keep its times.
        if time.time_ns() - changed_ns > 2_000_000_000:
            self.db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (path, stamp, sha256))

    def replace_plan(self, shards: Iterable[Shard], *, space: str) -> None:
        """Write a plan in one transaction; what a shard of the same number and content committed stays.

        space (str): Hash of pipeline and result options; results of another one are dropped.
        """
        self.db.execute("BEGIN IMMEDIATE")
        try:
            if self.get("space") != space:
                self.db.execute("DELETE FROM results")
                self.set("space", space)
            changed = False
            count = 0
            for shard in shards:
                count += 1
                row = self.db.execute("SELECT digest FROM shards WHERE shard = ?", (shard.number,)).fetchone()
                if row and row[0] == shard.digest:
                    continue
                changed = True
                self.db.execute(
                    "INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
                    (
                        shard.number,
                        shard.digest,
                        json.dumps(shard.members),
                        json.dumps(shard.waits),
                        shard.units,
                        shard.size,
                    ),
                )
            changed |= bool(self.db.execute("DELETE FROM shards WHERE shard >= ?", (count,)).rowcount)
            if changed:
                self.set("generation", str(self.generation + 1))
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # Ctrl-C may come when the commit is made and not yet returned from
                self.db.execute("ROLLBACK")
            raise

    # Processing

    def shard(self, number: int) -> Shard:
        digest, members, waits, units, size = self.db.execute(
            "SELECT digest, members, waits, units, size FROM shards WHERE shard = ?", (number,)
        ).fetchone()
        waiting = {int(unit): owner for unit, owner in json.loads(waits).items()}
        return Shard(number, digest, json.loads(members), waiting, units, size)

    def done(self) -> dict[int, dict[str, dict[str, Any]]]:
        """RETURNS (dict): Committed shards and their outputs: name → bytes and sha256."""
        rows = self.db.execute("SELECT shard, outputs FROM shards WHERE outputs IS NOT NULL")
        return {shard: json.loads(outputs) for shard, outputs in rows}

    def is_done(self, number: int) -> bool:
        row = self.db.execute("SELECT outputs IS NOT NULL FROM shards WHERE shard = ?", (number,)).fetchone()
        return bool(row and row[0])

    def reopen(self, number: int) -> None:
        """Mark a shard as not done: its output is gone or has been changed."""
        self.db.execute("UPDATE shards SET outputs = NULL WHERE shard = ?", (number,))

    def commit(
        self,
        number: int,
        *,
        outputs: dict[str, dict[str, Any]],
        counts: dict[str, int],
        failures: list[str],
        results: Iterable[tuple[bytes, bytes]],
    ) -> None:
        """Mark a shard as done, with everything it computed, in one transaction."""
        generation = self.generation
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self.db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)",
                ((key, generation, number, blob) for key, blob in results),
            )
            self.db.execute(
                "UPDATE shards SET outputs = ?, counts = ?, failures = ? WHERE shard = ?",
                (json.dumps(outputs), json.dumps(counts), json.dumps(failures), number),
            )
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # Ctrl-C may come when the commit is made and not yet returned from
                self.db.execute("ROLLBACK")
            raise

    def result(self, key: bytes, generation: int, shards: Sequence[int]) -> dict[str, Any] | None:
        """Look up what the pipeline found in a text.

        shards (Sequence[int]): Shards of this generation whose results count. Those of others do not: whether they
            were there already would be chance, and a batch's neighbours can move a float's last digit.
        RETURNS (dict | None): What `sections.analyze_doc` returned.
        """
        marks = ",".join("?" * len(shards))
        row = self.db.execute(
            f"SELECT result FROM results WHERE key = ? AND (generation < ? OR (generation = ? AND shard IN ({marks}))) "
            "ORDER BY generation, shard LIMIT 1",
            (key, generation, generation, *shards),
        ).fetchone()
        return json.loads(zlib.decompress(row[0])) if row else None

    def failures(self) -> Iterable[str]:
        """YIELDS (str): The failure rows, in input order."""
        for (rows,) in self.db.execute("SELECT failures FROM shards WHERE failures IS NOT NULL ORDER BY shard"):
            yield from json.loads(rows)

    def counts(self) -> dict[str, int]:
        """RETURNS (dict[str, int]): Sums over the committed shards."""
        total: dict[str, int] = {}
        for (counts,) in self.db.execute("SELECT counts FROM shards WHERE outputs IS NOT NULL"):
            for name, value in json.loads(counts).items():
                total[name] = total.get(name, 0) + value
        return total

    def totals(self) -> tuple[int, int, int]:
        """RETURNS (tuple[int, int, int]): Shards, units and bytes of the plan."""
        row = self.db.execute("SELECT count(*), coalesce(sum(units), 0), coalesce(sum(size), 0) FROM shards").fetchone()
        return row[0], row[1], row[2]

    def pending(self) -> list[tuple[int, int]]:
        """RETURNS (list[tuple[int, int]]): Shards to do and their units, in order."""
        return list(self.db.execute("SELECT shard, units FROM shards WHERE outputs IS NULL ORDER BY shard"))


def pack(result: dict[str, Any]) -> bytes:
    """RETURNS (bytes): A result as the ledger keeps it."""
    return zlib.compress(json.dumps(result).encode(), 6)
