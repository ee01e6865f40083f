"""The output of a run on a cluster: a folder that all nodes share, or an object store that pyarrow writes to.

A shard is done when its manifest is there, which is written after the files it speaks of. So whoever kills whatever,
what counts is whole, and the next run knows it by the digest of the plan.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

from ...errors import DossierError
from ...text.files import UNFINISHED, write_file
from ...text.lock import Lock
from ..engine import STATE
from ..shard import FileFacts, Shard
from ..sinks import is_ours

REQUESTS = 16  # at a time: an object store takes some fifty milliseconds for each
MANIFEST = re.compile(r"shard-(\d+)\.json")


class Manifest(TypedDict):
    """What became of a shard, as `shard.Outcome`, and what it was: its digest, its files and rows."""

    digest: str
    units: int
    outputs: dict[str, FileFacts]
    counts: dict[str, int]
    failures: list[str]


class Store:
    """An output. It goes to the processes of the cluster by pickle.

    output (str): A folder, or the URL of one: s3://…, gs://….
    """

    def __init__(self, output: str) -> None:
        import pyarrow as pa
        from pyarrow.fs import FileSystem, LocalFileSystem

        self.output = output
        try:
            self.filesystem, self.folder = FileSystem.from_uri(
                output if "://" in output else str(Path(output).absolute())
            )
        except (OSError, pa.ArrowInvalid) as error:
            raise DossierError(f"the output cannot be opened ({error})", value=output) from None
        self.local = isinstance(self.filesystem, LocalFileSystem)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Take the output for a run. On a folder, a second run is refused; object stores know no locks.

        RAISES (DossierError): It holds what no run on a cluster wrote, or another run is at work on it.
        """
        names = self.names()
        if names and STATE not in names:
            raise DossierError("the output is not empty", file=self.output, remedy="Give a new folder")
        if "ledger.sqlite" in self.names(STATE):
            raise DossierError(
                "the output is one of the local engine",
                file=self.output,
                remedy="Go on without --engine ray, or give a new folder",
            )
        self.filesystem.create_dir(f"{self.folder}/{STATE}", recursive=True)
        with Lock(Path(self.folder, STATE, "lock")) if self.local else contextlib.nullcontext():
            self.delete(f"{STATE}/{name}" for name in self.names(STATE) if name.endswith(UNFINISHED))
            yield

    def names(self, below: str = "") -> dict[str, int]:
        """RETURNS (dict[str, int]): Name of each file and folder, and its size in bytes."""
        from pyarrow.fs import FileSelector

        folder = f"{self.folder}/{below}" if below else self.folder
        found = self.filesystem.get_file_info(FileSelector(folder, allow_not_found=True))
        return {info.base_name: info.size or 0 for info in found}

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole: in a folder under another name first; object stores never show a part."""
        path = f"{self.folder}/{name}"
        if self.local:
            write_file(Path(path), data, Path(self.folder, STATE))
        else:
            with self.filesystem.open_output_stream(path) as stream:
                stream.write(data)

    def delete(self, names: Iterable[str]) -> None:
        parallel(lambda name: self.filesystem.delete_file(f"{self.folder}/{name}"), names)

    def commit(self, shard: int, manifest: Manifest) -> None:
        """Write the manifest of a shard whose files are there."""
        self.write(f"{STATE}/shard-{shard:05d}.json", json.dumps(manifest).encode())

    def done(self, shards: Sequence[Shard]) -> dict[int, Manifest]:
        """Find what earlier runs did of a plan, and remove what no longer holds.

        RETURNS (dict[int, Manifest]): By number of the shard.
        """
        sizes = self.names()
        names = [name for name in self.names(STATE) if MANIFEST.fullmatch(name)]
        done: dict[int, Manifest] = {}
        stale = []
        for name, manifest in zip(names, parallel(self.manifest, names), strict=True):
            match = MANIFEST.fullmatch(name)
            assert match is not None
            number = int(match[1])
            holds = manifest and number < len(shards) and manifest["digest"] == shards[number].digest
            if (
                manifest
                and holds
                and all(sizes.get(file) == facts["bytes"] for file, facts in manifest["outputs"].items())
            ):
                done[number] = manifest
            else:
                stale.append(f"{STATE}/{name}")
        self.delete(stale)
        return done

    def manifest(self, name: str) -> Manifest | None:
        """RETURNS (Manifest | None): A manifest; None where its writing was cut short."""
        with self.filesystem.open_input_stream(f"{self.folder}/{STATE}/{name}") as stream:
            data = stream.read()
        try:
            return json.loads(data)
        except ValueError:
            return None

    def finish(self, manifests: Sequence[Manifest]) -> None:
        """Write failures.jsonl, and remove the files of shards that are no more."""
        wanted = {name for manifest in manifests for name in manifest["outputs"]}
        self.delete(name for name in self.names() if is_ours(name) and name not in wanted)
        failures = (line + "\n" for manifest in manifests for line in manifest["failures"])
        self.write("failures.jsonl", "".join(failures).encode())


def parallel(function: Callable[[str], Any], names: Iterable[str]) -> list[Any]:
    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(function, names))
