"""Too little memory, and a card that computes no more: what becomes of the documents. No card is needed here."""

import gc
import json
import platform
import subprocess
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from spacy_dossier.process import faults
from spacy_dossier.process.faults import CardLost, DocFailure, attempt, free_memory, out_of_memory
from spacy_dossier.process.infer import analyze, enlarge_batches
from spacy_dossier.process.local.pool import environment
from spacy_dossier.process.record import Findings
from spacy_dossier.process.sections import Wanted

from ..toy import InlinePool, failures, make_text, records
from .test_run import run


class Ballast:
    """Stands for what a batch holds while it is in the pipeline."""


class Machine:
    """A pipeline on a device that holds so many documents at a time; what it holds is let go only when nobody does."""

    pipe_names: ClassVar[list[str]] = []

    def __init__(self, room: int, error: Exception) -> None:
        self.nlp = spacy.blank("en")
        self.room = room
        self.error = error
        self.held: weakref.WeakSet[Ballast] = weakref.WeakSet()
        self.before: list[int] = []

    def pipe(self, texts: list[str], batch_size: int) -> Iterator[Doc]:
        gc.collect()
        self.before.append(len(self.held))
        mine = [Ballast() for _ in texts]
        for ballast in mine:
            self.held.add(ballast)
        if len(self.held) > self.room:
            raise type(self.error)(*self.error.args)
        for text in texts:
            yield self.nlp(text)
        assert mine

    def __call__(self, text: str) -> Doc:
        return next(self.pipe([text], 1))


OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 2000000 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cudaErrorMemoryAllocation: out of memory"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:24] or "MemoryError")
def test_a_failed_batch_is_let_go_before_its_halves_run(error: Exception) -> None:
    """A device that holds three documents gets all sixteen done, whoever says in which words that it is full."""
    machine = Machine(3, error)
    done = dict(analyze(machine, ["a b c."] * 16, Wanted()))  # type: ignore[arg-type]
    assert set(machine.before) == {0}
    assert [type(done[n]) for n in range(16)] == [Findings] * 16


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        KeyError("out of memory"),
        ValueError("a text about a loss of memory"),
    ],
)
def test_other_errors_are_none_of_memory(error: Exception) -> None:
    assert not out_of_memory(error)
    (result,) = (failure for _, failure in analyze(Machine(0, error), ["a b c."], Wanted()))  # type: ignore[arg-type]
    assert isinstance(result, DocFailure)
    assert (result.kind, result.message) == ("PipelineError", f"{type(error).__name__}: {error}")


def test_what_cupy_caches_goes_back_through_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of thinc, from which cupy's arrays come, are emptied before torch gives its memory back."""
    from thinc.backends import context_pools

    class Pool:
        def __init__(self, name: str) -> None:
            self.name = name

        def free_all_blocks(self) -> None:
            emptied.append(self.name)

    emptied: list[str] = []
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(get_default_memory_pool=lambda: Pool("default")))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append("torch"))
    monkeypatch.setattr(faults, "on_card", lambda: True)
    token = context_pools.set({"pytorch": Pool("thinc")})  # type: ignore[arg-type]
    try:
        free_memory()
    finally:
        context_pools.reset(token)
    assert emptied[0] == "thinc" and emptied[-1] == "torch"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ended the context of a card that is not there: from then on all that is asked of it fails."""
    lost: list[str] = []

    def synchronize() -> None:
        if lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    return lost


def test_a_lost_card_is_no_documents_failure(broken: list[str]) -> None:
    """One text breaks the card: none of the others is said to have failed, and nothing more is asked of it."""
    nlp = spacy.blank("en")

    @Language.component("breaks_the_card")
    def component(doc: Doc) -> Doc:
        if "BAD" in doc.text:
            broken.append(doc.text)
        if broken:
            raise getattr(torch, "AcceleratorError", RuntimeError)(
                "CUDA error: an illegal memory access was encountered"
            )
        return doc

    nlp.add_pipe("breaks_the_card")
    done = []
    with pytest.raises(CardLost, match="illegal memory access"):
        for _, result in analyze(nlp, ["good one"] * 200 + ["BAD one, longer"] + ["good " * 40] * 90, Wanted()):
            done.append(result)
    assert all(isinstance(result, Findings) for result in done)
    assert len(broken) == 1


def test_an_error_that_leaves_the_card_whole_is_the_documents(broken: list[str]) -> None:
    def work() -> None:
        raise RuntimeError("CUDA error: invalid configuration argument")

    assert attempt(work) == DocFailure("PipelineError", "RuntimeError: CUDA error: invalid configuration argument")


def test_a_cupy_without_a_card_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be installed where the CPU does the work."""

    def synchronize() -> None:
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    runtime = types.SimpleNamespace(deviceSynchronize=synchronize)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime), get_default_memory_pool=synchronize)
    monkeypatch.setitem(sys.modules, "cupy", cupy)

    def work(error: Exception) -> None:
        raise error

    assert attempt(lambda: work(KeyError("fell over"))) == DocFailure("PipelineError", "KeyError: 'fell over'")
    assert attempt(lambda: work(MemoryError("full"))) == DocFailure("OutOfMemory", "full")


def test_the_document_that_loses_the_card_is_found(toy: str, tmp_path: Path) -> None:
    """With worker processes: it is a failure row, and all others are records."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(6):
        (base / f"{number}.txt").write_text("PLEASE LOSE the card." if number == 3 else make_text(number))
    run(base, tmp_path / "out", toy, workers=1)
    assert [Path(r["source"]).name for r in records(tmp_path / "out")] == [f"{n}.txt" for n in (0, 1, 2, 4, 5)]
    (row,) = failures(tmp_path / "out")
    assert (Path(row["source"]).name, row["stage"], row["error"]) == ("3.txt", "pipeline", "Crash")


def test_what_failed_for_memory_is_tried_again_by_the_next_run(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else is: the other documents of the shard keep what was found in them."""
    from spacy_dossier.process import infer

    find = infer.analyze_doc

    def small(nlp: Language, doc: Doc, wanted: Wanted) -> Any:
        if doc.text.startswith("Document 5."):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return find(nlp, doc, wanted)

    monkeypatch.setattr(infer, "analyze_doc", small)
    run(folder, tmp_path / "out", inline)
    row = next(f for f in failures(tmp_path / "out") if f["source"].endswith("doc05.txt"))
    assert (row["stage"], row["error"], row["message"]) == ("pipeline", "OutOfMemory", "CUDA out of memory")
    before = len(toy_log())
    monkeypatch.undo()
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "later.log"))
    monkeypatch.setattr("spacy_dossier.process.local.engine.Pool", InlinePool)
    run(folder, tmp_path / "out", inline)
    assert before > 20
    assert [line[:11] for line in (tmp_path / "later.log").read_text().splitlines()] == ["Document 5."]
    assert len(records(tmp_path / "out")) == 25
    assert [Path(f["source"]).name for f in failures(tmp_path / "out")] == ["broken.pdf"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["this_run"]["documents_computed"] == 1


def test_batches_are_as_large_as_a_card_wants_them(tiny_encoder: Path) -> None:
    """Whatever the config says for a CPU; larger ones stay."""
    nlp = spacy.blank("en")
    for name, budget, items in (("small", 2048, 8192), ("large", 1 << 20, 1 << 21)):
        model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(tiny_encoder), "window": 40}
        config = {"model": {**model, "batch_subwords": budget}, "max_batch_items": items}
        nlp.add_pipe("transformer", name=name, config=config)
    enlarge_batches(nlp)
    pipes: list[Any] = [pipe for _, pipe in nlp.pipeline]
    assert [pipe.cfg["max_batch_items"] for pipe in pipes] == [65_536, 1 << 21]
    settings = [pipe.model.shims[0].settings for pipe in pipes]
    assert [setting.batch_subwords for setting in settings] == [32_768, 1 << 20]
    assert all(setting.window == 40 for setting in settings)


def test_a_worker_on_a_card_cuts_sub_words_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps what the user says of torch's memory."""
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    assert environment(3, gpu=False)["TOKENIZERS_PARALLELISM"] == "false"
    on_card = environment(3, gpu=True)
    assert (on_card["TOKENIZERS_PARALLELISM"], on_card["RAYON_NUM_THREADS"]) == ("true", "3")
    assert on_card["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "backend:cudaMallocAsync")
    assert environment(3, gpu=True)["PYTORCH_CUDA_ALLOC_CONF"] == "backend:cudaMallocAsync"


HEAP = """
from pathlib import Path
from spacy_dossier.process.local.heap import EVERY, Heap

def megabytes():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmRSS")) / 1024

heap, before = Heap(), megabytes()
blocks = [(bytearray(b"x" * 2**20), bytes(1000 + i)) for i in range(200)]
small = [block[1] for block in blocks]
del blocks
freed = megabytes()
heap.used(EVERY - 1)
early = megabytes()
heap.used(1)
print(before, freed, early, megabytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap of other C libraries cannot be told this")
def test_a_worker_keeps_what_it_frees_until_so_many_words_are_done() -> None:
    """200 MB that were freed are still there for the next batch, and are the system's again after EVERY words."""
    done = subprocess.run([sys.executable, "-c", HEAP], capture_output=True, text=True, check=True, timeout=60)
    before, freed, early, after = map(float, done.stdout.split())
    assert freed > before + 150
    assert early > before + 150
    assert after < before + 50
