"""What is planned and what is done, in SQLite: the run's memory across kills."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from ..errors import DossierError
from .shard import DocumentCounts, FileFacts, Outcome, Shard

VERSION = "3"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- Hashes of files whose size, times and inode have not changed since
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL);
-- The plan: shards of fixed membership. outputs and the rest are set in the transaction that commits a shard
CREATE TABLE IF NOT EXISTS shards (
    shard INTEGER PRIMARY KEY, digest TEXT NOT NULL, units INTEGER NOT NULL, after TEXT NOT NULL, plan TEXT NOT NULL,
    outputs TEXT, counts TEXT, failures TEXT
);
-- What the pipeline found in a text. generation and shard say in which plan and shard it was computed
CREATE TABLE IF NOT EXISTS results (
    key BLOB NOT NULL, generation INTEGER NOT NULL, shard INTEGER NOT NULL, result BLOB NOT NULL,
    PRIMARY KEY (key, generation, shard)
) WITHOUT ROWID;
"""


class Pending(NamedTuple):
    """A shard to do: its files and rows, and the earlier shards it needs the results of."""

    shard: int
    units: int
    after: list[int]


def ledger_fault(error: sqlite3.OperationalError, path: Path) -> DossierError:
    """RETURNS (DossierError): What SQLite says of a ledger that it cannot write, or read."""
    remedy = "Nothing done is lost: the same command goes on"
    return DossierError(f"the ledger cannot be written: {error}", file=path, remedy=remedy)


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
                    "INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL)",
                    (shard.number, shard.digest, shard.units, json.dumps(shard.after), shard.to_json()),
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
        (plan,) = self.db.execute("SELECT plan FROM shards WHERE shard = ?", (number,)).fetchone()
        return Shard.from_json(plan)

    def outputs(self) -> dict[int, dict[str, FileFacts]]:
        """RETURNS (dict): The committed shards and their files, in order."""
        rows = self.db.execute("SELECT shard, outputs FROM shards WHERE outputs IS NOT NULL ORDER BY shard")
        return {shard: json.loads(outputs) for shard, outputs in rows}

    def reopen(self, number: int) -> None:
        """Mark a shard as not done: its output is gone or has been changed."""
        self.db.execute("UPDATE shards SET outputs = NULL WHERE shard = ?", (number,))

    def commit(self, number: int, outcome: Outcome, results: Iterable[tuple[bytes, bytes]]) -> None:
        """Mark a shard as done, with everything it computed, in one transaction. One that is not settled loses its
        digest, so that it is not what the next plan has.

        results (Iterable[tuple[bytes, bytes]]): Keys of texts and what the pipeline found in them, packed.
        """
        generation = self.generation
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self.db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)",
                ((key, generation, number, blob) for key, blob in results),
            )
            self.db.execute(
                "UPDATE shards SET outputs = ?, counts = ?, failures = ?, digest = iif(?, digest, '') WHERE shard = ?",
                (
                    json.dumps(outcome.outputs),
                    json.dumps(asdict(outcome.counts)),
                    json.dumps(outcome.failures),
                    outcome.settled,
                    number,
                ),
            )
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # Ctrl-C may come when the commit is made and not yet returned from
                self.db.execute("ROLLBACK")
            raise

    def result(self, key: bytes, generation: int, shards: Sequence[int]) -> bytes | None:
        """Look up what the pipeline found in a text.

        shards (Sequence[int]): Shards of this generation whose results count. Those of others do not: whether they
            were there already would be chance, and a batch's neighbours can move a float's last digit.
        RETURNS (bytes | None): The result as it was committed.
        """
        row = self.db.execute(
            "SELECT result FROM results WHERE key = ? AND (generation < ? OR (generation = ? AND shard IN "
            "(SELECT value FROM json_each(?)))) ORDER BY generation, shard LIMIT 1",
            (key, generation, generation, json.dumps(list(shards))),
        ).fetchone()
        return row[0] if row else None

    def failures(self) -> Iterator[str]:
        """YIELDS (str): The failure rows of the committed shards, in input order."""
        for (rows,) in self.db.execute("SELECT failures FROM shards WHERE outputs IS NOT NULL ORDER BY shard"):
            yield from json.loads(rows)

    def counts(self) -> DocumentCounts:
        """RETURNS (DocumentCounts): Sums over the committed shards."""
        rows = self.db.execute("SELECT counts FROM shards WHERE outputs IS NOT NULL")
        return DocumentCounts.total(DocumentCounts(**json.loads(counts)) for (counts,) in rows)

    def totals(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): Shards and units of the plan."""
        row = self.db.execute("SELECT count(*), coalesce(sum(units), 0) FROM shards").fetchone()
        return row[0], row[1]

    def pending(self) -> list[Pending]:
        """RETURNS (list[Pending]): Shards to do, in order."""
        rows = self.db.execute("SELECT shard, units, after FROM shards WHERE outputs IS NULL ORDER BY shard")
        return [Pending(shard, units, json.loads(after)) for shard, units, after in rows]
