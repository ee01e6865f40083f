"""What a run is asked to do, which of it decides what the records say, and what its workers are told."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..devices import parse
from ..errors import DossierError
from ..models.settings import check_runtime
from .discover import Rules
from .record import SCHEMA_VERSION
from .sinks import check_formats


@dataclass(frozen=True)
class RunOptions:
    """Options of a run.

    formats (tuple[str, ...]): Of the records: jsonl, parquet, docbin, csv.
    sentences, words (int | None): Bounds of a summary.
    min_confidence (float): Entities below it are left out.
    extensions (tuple[str, ...]): Extension attributes of the Doc to put into the records, by name.
    with_text (bool): Put the texts into the records.
    with_blocks (bool): Put the places of headings, paragraphs, tables … into the records.
    attachments (bool): Read the attachments of mails.
    whole_page (bool): Read all of a web page, in place of its main text.
    replies (bool): What a mail quotes of the one it answers is text too.
    ocr (str | None): Languages in which Tesseract reads scanned pages of PDFs, as eng+deu; None leaves them out.
    text_field (str): Column or field that holds the text of a table's rows.
    rules (Rules): Which files of a folder count.
    limit (int | None): Files and rows at most.
    shard_size (int | None): Files or rows of a shard; None for `plan`'s own.
    device (str): See `devices.CHOICES`.
    runtime (str | None): What the encoder runs in, see `models.settings.RUNTIMES`; None for what the pipeline says.
    workers (int): Processes that hold the pipeline; 0 for as many as fit.
    time_limit (float), memory_limit (int): Seconds and megabytes that the reading of a file may take, or of the next
        rows of a table.
    pipeline_limit (float): Seconds that 100,000 characters may take in the pipeline, and each further as many.
    """

    formats: tuple[str, ...] = ("jsonl",)
    sentences: int | None = None
    words: int | None = None
    min_confidence: float = 0.0
    extensions: tuple[str, ...] = ()
    with_text: bool = False
    with_blocks: bool = False
    attachments: bool = False
    whole_page: bool = False
    replies: bool = False
    ocr: str | None = None
    text_field: str = "text"
    rules: Rules = field(default_factory=Rules)
    limit: int | None = None
    shard_size: int | None = None
    device: str = "auto"
    runtime: str | None = None
    workers: int = 0
    time_limit: float = 60.0
    memory_limit: int = 2000
    pipeline_limit: float = 600.0

    def checked(self) -> RunOptions:
        """RETURNS (RunOptions): The same, each format once. RAISES (DossierError): A value out of range."""
        for name in ("sentences", "words", "limit", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise DossierError(f"{name} must be 1 or more", value=value)
        if not 0 <= self.min_confidence <= 1:
            raise DossierError("min_confidence is a probability", value=self.min_confidence, remedy="Choose 0 to 1")
        if self.workers < 0:
            raise DossierError("workers must be 0 (automatic) or more", value=self.workers)
        if self.runtime is not None:
            check_runtime(self.runtime)
        if self.pipeline_limit <= 0:
            raise DossierError("the limit for the pipeline must be positive", value=self.pipeline_limit)
        if self.time_limit <= 0 or self.memory_limit < 100:
            raise DossierError(
                "limits for a file must be positive, memory at least 100 MB", value=(self.time_limit, self.memory_limit)
            )
        if self.ocr and shutil.which("tesseract") is None:
            raise DossierError("OCR needs Tesseract", remedy="Install it (Debian: tesseract-ocr), or leave out --ocr")
        return replace(self, formats=check_formats(self.formats), device=parse(self.device))

    def space(self, pipeline: PipelineRef) -> str:
        """RETURNS (str): Hash of all that decides what the pipeline finds in a text."""
        return digest(
            pipeline.sha256, self.runtime, self.sentences, self.words, list(self.extensions), "docbin" in self.formats
        )

    def shape(self) -> str:
        """RETURNS (str): Hash of all that decides what records say beyond that."""
        return digest(
            SCHEMA_VERSION,
            version("spacy-dossier"),
            version("pypdfium2"),
            version("chardet"),
            list(self.formats),
            self.min_confidence,
            self.with_text,
            self.with_blocks,
            self.attachments,
            self.whole_page,
            self.replies,
            self.ocr,
            self.text_field,
            # What ran into a limit gets another chance when the limit is changed.
            self.time_limit,
            self.memory_limit,
            self.pipeline_limit,
        )


@dataclass(frozen=True)
class PipelineRef:
    """A pipeline on disk.

    load (str): What spacy.load is given.
    name, version (str): From its meta.json.
    sha256 (str): Hash of all its files and of the libraries that run it.
    """

    load: str
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Job:
    """What a coordinator tells its workers once.

    device (str): "cpu" or "cuda:N".
    extractors (int): Processes that read files, side by side.
    ledger (str): Path of the ledger, and generation its plan's; both for workers that share one.
    folder (str): The worker's own place for unfinished files.
    warm (bool): Load the pipeline and run a first text through it at once, and say so.
    """

    pipeline: PipelineRef
    options: RunOptions
    device: str
    extractors: int = 1
    ledger: str = ""
    generation: int = 0
    folder: str = ""
    warm: bool = False

    @property
    def space(self) -> str:
        """Hash of pipeline and result options: with a text's hash, the key of what is found in it."""
        return self.options.space(self.pipeline)

    def to_json(self) -> str:
        """RETURNS (str): One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Job:
        values = json.loads(line)
        pipeline, options = values.pop("pipeline"), values.pop("options")
        rules = Rules(**options.pop("rules"))
        return cls(pipeline=PipelineRef(**pipeline), options=RunOptions(rules=rules, **options), **values)


def find_pipeline(pipeline: str | Path) -> PipelineRef:
    """Find a pipeline by folder or package name, without importing it.

    RAISES (DossierError): There is none.
    """
    folder = Path(pipeline)
    if (folder / "meta.json").is_file():
        load, base = str(folder.absolute()), folder
    else:
        name = str(pipeline)
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
        if spec is None or spec.origin is None:
            raise DossierError(
                "no such pipeline: neither a folder with a meta.json nor an installed package",
                value=name,
                remedy="Install the package or give the folder that spacy train or spacy package wrote",
            )
        load, base = name, Path(spec.origin).parent
    meta_file = next(iter(sorted(base.glob("meta.json")) or sorted(base.glob("*/meta.json"))), None)
    if meta_file is None:
        raise DossierError("not a spaCy pipeline: it has no meta.json", file=base)
    try:
        meta = json.loads(meta_file.read_bytes())
        name = f"{meta['lang']}_{meta['name']}"
    except (ValueError, KeyError, TypeError) as error:
        raise DossierError(f"not the meta.json of a spaCy pipeline ({error})", file=meta_file) from None
    return PipelineRef(load, name, str(meta.get("version", "")), hash_folder(base))


def hash_folder(folder: Path) -> str:
    """RETURNS (str): Hash of the names and contents of a folder's files, and of the libraries that run them."""
    total = hashlib.sha256()
    for name in ("spacy", "thinc", "torch", "transformers", "spacy-transformers", "spacy-dossier"):
        total.update(f"{name} {version(name)}\n".encode())
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for file in sorted(files):
            path = Path(root, file)
            total.update(path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape") + b"\0")
            total.update(hash_file(path).encode())
    return total.hexdigest()


def hash_file(path: str | bytes | Path) -> str:
    """RETURNS (str): SHA-256 of a file, in hex. RAISES (OSError): It cannot be read."""
    total = hashlib.sha256()
    with Path(os.fsdecode(path)).open("rb") as file:
        while chunk := file.read(1 << 20):
            total.update(chunk)
    return total.hexdigest()


def text_hash(text: str) -> str:
    """RETURNS (str): SHA-256 of a text as UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(*parts: Any) -> str:
    """RETURNS (str): SHA-256 of values as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
