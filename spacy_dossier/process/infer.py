"""Texts through a spaCy pipeline in batches of like length, halved when memory runs out."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from ..devices import set_device
from ..models.encoder import EncoderShim
from ..models.runtime import describe
from ..text.tokenizer import bound_tokenizer
from .faults import DocFailure, attempt
from .record import Findings
from .sections import SECTION_CHARS, Wanted, analyze_doc, analyze_long, check_text, strip

BATCH_DOCS = 64
BATCH_CHARS = 60_000  # some 12,000 words: as many as keep two cores busy, few enough for a small machine
LEAST_SECTION = 1_000  # characters: memory that does not hold so much holds no document
GPU_FACTOR = 8  # a GPU wants larger batches
CARD_SUBWORDS = 32_768  # in a batch of the encoder: 128 windows, some milliseconds of an H100's work
CARD_ITEMS = 65_536  # tokens in a batch of the `transformer` pipe: as many as a batch of documents has

Keep = Callable[[int, Sequence[Doc]], None]


def load(pipeline: str, device: str, runtime: str | None = None) -> Language:
    """Load a pipeline on a device.

    pipeline (str): Name of an installed pipeline, or a folder.
    device (str): "cpu" or "cuda:N".
    runtime (str | None): What encoders run in, one of `models.settings.RUNTIMES`; None for what the config says.
    """
    set_device(device)
    path = Path(pipeline)
    nlp = spacy.load(path if path.is_dir() else pipeline)
    nlp.max_length = max(nlp.max_length, 2 * SECTION_CHARS)
    bound_tokenizer(nlp)
    if device != "cpu":
        enlarge_batches(nlp)
    if runtime is not None:
        for shim in encoders(nlp):
            shim.settings = replace(shim.settings, runtime=runtime)
    return nlp


def encoders(nlp: Language) -> Iterator[EncoderShim]:
    """YIELDS (EncoderShim): Those of a pipeline."""
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if isinstance(getattr(pipe, "model", None), Model) else ():
            yield from (shim for shim in node.shims if isinstance(shim, EncoderShim))


def describe_encoders(nlp: Language) -> str | None:
    """RETURNS (str | None): What the encoders of a pipeline compute in; None where it has none."""
    return ", ".join(sorted({describe(shim.set_up()) for shim in encoders(nlp)})) or None


def enlarge_batches(nlp: Language) -> None:
    """Let batches be as large as a card wants them, where the config has them smaller, as a CPU wants them."""
    for _, pipe in nlp.pipeline:
        settings = getattr(pipe, "cfg", {})
        if isinstance(settings, dict) and "max_batch_items" in settings:
            settings["max_batch_items"] = max(settings["max_batch_items"], CARD_ITEMS)
    for shim in encoders(nlp):
        shim.settings = replace(shim.settings, batch_subwords=max(shim.settings.batch_subwords, CARD_SUBWORDS))


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
    keep: Keep | None = None,
) -> Iterator[tuple[int, Findings | DocFailure]]:
    """Run a pipeline over texts. What it returns for a text does not depend on where in the input the text stands.

    keep (Callable | None): Called with a text's index and its Docs (more than one for a long text), inside the memory
        zone, `trf_data` already cleared.
    gpu (bool): The pipeline is on a card, which takes larger batches.
    YIELDS (tuple[int, Findings | DocFailure]): Index and what `sections.analyze_doc` returns, in no fixed order.
    RAISES (CardLost): The card is of no more use to this process.
    """
    for batch in plan_batches([len(text) for text in texts], gpu=gpu):
        yield from _analyze_batch(nlp, texts, batch, wanted, keep)


def _analyze_batch(
    nlp: Language, texts: Sequence[str], batch: list[int], wanted: Wanted, keep: Keep | None
) -> Iterator[tuple[int, Findings | DocFailure]]:
    """A batch that fails is halved: until it fits into memory, or the one document at fault is found."""
    done = attempt(partial(_run, nlp, texts, batch, wanted, keep))
    if not isinstance(done, DocFailure):
        yield from done
    elif len(batch) > 1:
        half = len(batch) // 2
        yield from _analyze_batch(nlp, texts, batch[:half], wanted, keep)
        yield from _analyze_batch(nlp, texts, batch[half:], wanted, keep)
    elif done.is_memory and len(texts[batch[0]]) > 2 * LEAST_SECTION:
        yield batch[0], _analyze_sections(nlp, texts[batch[0]], batch[0], wanted, keep)
    else:
        yield batch[0], done


def _run(
    nlp: Language,
    texts: Sequence[str],
    batch: list[int],
    wanted: Wanted,
    keep: Keep | None,
    limit: int = SECTION_CHARS,
) -> list[tuple[int, Findings]]:
    done: list[tuple[int, Findings]] = []
    zone = nlp.memory_zone() if hasattr(nlp, "memory_zone") else nullcontext()
    with in_time(wanted.seconds, sum(len(texts[i]) for i in batch)), zone:
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


@contextmanager
def in_time(seconds: float | None, chars: int) -> Iterator[None]:
    """End this process, by SIGALRM, unless the block ends in time: nothing else stops what a library is at.

    seconds (float | None): See Wanted.
    chars (int): Characters in hand.
    """
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds * math.ceil(max(1, chars) / SECTION_CHARS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _analyze_sections(nlp: Language, text: str, index: int, wanted: Wanted, keep: Keep | None) -> Findings | DocFailure:
    """One document too large for the device's memory goes through in ever smaller sections."""

    def kept(_: int, docs: Sequence[Doc]) -> None:
        if keep:
            keep(index, docs)

    limit = min(len(text), SECTION_CHARS) // 2
    while True:
        found = attempt(partial(_run, nlp, [text], [0], wanted, kept, limit))
        if not isinstance(found, DocFailure):
            return found[0][1]
        if not found.is_memory or limit <= LEAST_SECTION:
            return found
        limit //= 2
