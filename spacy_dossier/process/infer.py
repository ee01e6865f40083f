"""Texts through a spaCy pipeline in batches of like length, halved when memory runs out."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from ..read.extract import one_line
from .record import Findings
from .sections import SECTION_CHARS, Wanted, analyze_doc, analyze_long, check_text, strip

BATCH_DOCS = 64
BATCH_CHARS = 60_000  # some 12,000 words: as many as keep two cores busy, few enough for a small machine
MOST_MARKS, MOST_CHARS = 100, 5_000  # of punctuation, of anything, that a tokenizer gets in one piece
ENDLESS = re.compile(rf"[^\w\s]{{{MOST_MARKS},}}|\S{{{MOST_CHARS},}}")
GPU_FACTOR = 8  # a GPU wants larger batches


@dataclass(frozen=True)
class DocFailure:
    """What the pipeline raised on a document, alone.

    kind (str): Name of the exception.
    """

    kind: str
    message: str


def load(pipeline: str, device: str) -> Language:
    """Load a pipeline on a device.

    pipeline (str): Name of an installed pipeline, or a folder.
    device (str): "cpu" or "cuda:N".
    """
    if device.startswith("cuda"):
        spacy.require_gpu(int(device.partition(":")[2] or 0))
    else:
        spacy.require_cpu()
    path = Path(pipeline)
    nlp = spacy.load(path if path.is_dir() else pipeline)
    nlp.max_length = max(nlp.max_length, 2 * SECTION_CHARS)
    if isinstance(nlp.tokenizer, Tokenizer):
        nlp.tokenizer = BoundedTokenizer(nlp.tokenizer)
    return nlp


class BoundedTokenizer:
    """spaCy's rule tokenizer, given endless runs without white space in parts.

    It takes one mark after the other off a run and looks at the rest again, which takes hours for 100,000 marks.

    inner (Tokenizer): The pipeline's tokenizer.
    """

    def __init__(self, inner: Tokenizer) -> None:
        self.inner = inner

    def __call__(self, text: str) -> Doc:
        cuts = [0]
        for run in ENDLESS.finditer(text):
            size = MOST_CHARS if len(run[0]) >= MOST_CHARS else MOST_MARKS
            cuts += range(run.start() + size, run.end(), size)
        if len(cuts) == 1:
            return self.inner(text)
        parts = [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
        made = {part: self.inner(part) for part in dict.fromkeys(parts)}  # most of them are alike
        joined = Doc.from_docs([made[part] for part in parts], ensure_whitespace=False)
        assert joined is not None
        return joined

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def plan_batches(lengths: Sequence[int], *, gpu: bool = False) -> list[list[int]]:
    """Group texts of like length, so that little of a batch is padding.

    lengths (Sequence[int]): Characters of each text.
    RETURNS (list[list[int]]): Indices of each batch; a text beyond the section limit is a batch of its own.
    """
    factor = GPU_FACTOR if gpu else 1
    batches: list[list[int]] = []
    batch: list[int] = []
    chars = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        length = lengths[index]
        if batch and (len(batch) >= BATCH_DOCS * factor or chars + length > BATCH_CHARS * factor):
            batches.append(batch)
            batch, chars = [], 0
        batch.append(index)
        chars += length
        if length > SECTION_CHARS:
            batches.append(batch)
            batch, chars = [], 0
    if batch:
        batches.append(batch)
    return batches


def analyze(
    nlp: Language,
    texts: Sequence[str],
    wanted: Wanted,
    *,
    gpu: bool = False,
    keep: Callable[[int, Sequence[Doc]], None] | None = None,
) -> Iterator[tuple[int, Findings | DocFailure]]:
    """Run a pipeline over texts. What it returns for a text does not depend on where in the input the text stands.

    keep (Callable | None): Called with a text's index and its Docs (more than one for a long text), inside the memory
        zone, `trf_data` already cleared.
    YIELDS (tuple[int, Findings | DocFailure]): Index and what `sections.analyze_doc` returns, in no fixed order.
    """
    for batch in plan_batches([len(text) for text in texts], gpu=gpu):
        yield from _analyze_batch(nlp, texts, batch, wanted, keep)


def _analyze_batch(
    nlp: Language,
    texts: Sequence[str],
    batch: list[int],
    wanted: Wanted,
    keep: Callable[[int, Sequence[Doc]], None] | None,
) -> Iterator[tuple[int, Findings | DocFailure]]:
    """A batch that fails is halved: until it fits into memory, or the one document at fault is found."""
    try:
        done = _run(nlp, texts, batch, wanted, keep)
    except (Exception, SystemExit) as error:  # components raise what they like
        memory = out_of_memory(error)
        failure = failure_of(error)
        del error
        if memory:
            free_memory()
        if len(batch) == 1:
            if memory and len(texts[batch[0]]) > 2_000:
                yield _analyze_sections(nlp, texts[batch[0]], batch[0], wanted, keep)
            else:
                yield batch[0], failure
            return
        half = len(batch) // 2
        yield from _analyze_batch(nlp, texts, batch[:half], wanted, keep)
        yield from _analyze_batch(nlp, texts, batch[half:], wanted, keep)
        return
    yield from done


def _run(
    nlp: Language,
    texts: Sequence[str],
    batch: list[int],
    wanted: Wanted,
    keep: Callable[[int, Sequence[Doc]], None] | None,
    limit: int = SECTION_CHARS,
) -> list[tuple[int, Findings | DocFailure]]:
    done: list[tuple[int, Findings | DocFailure]] = []
    zone = nlp.memory_zone() if hasattr(nlp, "memory_zone") else nullcontext()
    with zone:
        if len(texts[batch[0]]) > limit:
            (index,) = batch
            docs: list[Doc] | None = [] if keep else None
            result = analyze_long(nlp, texts[index], wanted, limit, docs)
            if keep and docs is not None:
                keep(index, docs)
            return [(index, result)]
        docs_of_batch = nlp.pipe([texts[i] for i in batch], batch_size=len(batch))
        for index, doc in zip(batch, docs_of_batch, strict=True):
            check_text(doc, texts[index])
            done.append((index, analyze_doc(nlp, doc, wanted)))
            strip(doc)
            if keep:
                keep(index, [doc])
    return done


def _analyze_sections(
    nlp: Language,
    text: str,
    index: int,
    wanted: Wanted,
    keep: Callable[[int, Sequence[Doc]], None] | None,
) -> tuple[int, Findings | DocFailure]:
    """One document too large for the device's memory goes through in ever smaller sections."""

    def kept(_: int, docs: Sequence[Doc]) -> None:
        if keep:
            keep(index, docs)

    limit = min(len(text), SECTION_CHARS) // 2
    while True:
        try:
            return index, _run(nlp, [text], [0], wanted, kept, limit)[0][1]
        except (Exception, SystemExit) as error:
            if not out_of_memory(error) or limit <= 1_000:
                return index, failure_of(error)
        free_memory()
        limit //= 2


def failure_of(error: BaseException) -> DocFailure:
    """RETURNS (DocFailure): What is told of an exception; nothing of it is kept, for its frames hold the batch."""
    return DocFailure(type(error).__name__, one_line(str(error)) or "no reason given")


def out_of_memory(error: BaseException) -> bool:
    """RETURNS (bool): Did memory run out, on the host or on a GPU? Libraries say it in types of their own."""
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or name in ("OutOfMemoryError", "CUDARuntimeError")
        or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())
        or "cudaErrorMemoryAllocation" in str(error)
        or "can't allocate memory" in str(error)
    )


def free_memory() -> None:
    """Give back what the failed batch held."""
    import sys

    gc.collect()
    if torch := sys.modules.get("torch"):
        torch.cuda.empty_cache()
    if cupy := sys.modules.get("cupy"):
        cupy.get_default_memory_pool().free_all_blocks()
