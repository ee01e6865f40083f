"""A small pipeline with confidences and summaries, and a way to run the engine without worker processes."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from spacy_dossier.process.crashes import Order
from spacy_dossier.process.local.messages import Message
from spacy_dossier.process.local.schedule import Schedule
from spacy_dossier.process.local.worker import Reporter, Worker
from spacy_dossier.process.options import Job
from spacy_dossier.process.reading import ShardReader
from spacy_dossier.process.shard import Shard

PACKAGE = '''
import os, signal, time
from pathlib import Path
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span


def confidence(span):
    return (len(span.text) % 10) / 10 + 0.04321


def no_card():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


@Language.component("toy_dossier")
def toy_dossier(doc):
    """Confidences and a summary; does as the text says: raise, exit, crash, lose the card that it is as if on."""
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(doc.text[:60].replace("\\n", " ") + "\\n")
    time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
    if "PLEASE RAISE" in doc.text:
        raise KeyError("the component fell over")
    if "PLEASE EXIT" in doc.text:
        raise SystemExit(3)
    if "PLEASE HANG" in doc.text:
        time.sleep(1000)
    if "PLEASE CRASH" in doc.text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "PLEASE LOSE" in doc.text:
        import torch

        torch.cuda.is_initialized, torch.cuda.synchronize = lambda: True, no_card
        no_card()
    if not Span.has_extension("confidence") or Span.get_extension("confidence")[2] is not confidence:
        Span.set_extension("confidence", getter=confidence, force=True)  # another test's pipeline may have left its own
    sents = [sent for sent in doc.sents if sent.text.strip()][:2]
    doc.spans["summary"] = sents
    doc.spans["summary"].attrs["scores"] = [1 / (3 + i) for i, _ in enumerate(sents)]
    return doc


def load(**overrides):
    return spacy.util.load_model_from_path(Path(__file__).parent / "data", **overrides)
'''
PATTERNS = {
    "PERSON": ["Anna Keller", "Tom Brandt"],
    "ORG": ["Acme Corp", "Northwind"],
    "GPE": ["Paris", "London", "Straße"],
}
WORDS = [
    "Anna Keller",
    "Acme Corp",
    "Paris",
    "London",
    "met",
    "sold",
    "the report",
    "in",
    "and",
    "Tom Brandt",
    "Northwind",
]


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of an importable pipeline package; worker processes find it too."""
    base = tmp_path_factory.mktemp("packages")
    folder = base / "toy_pipeline"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    installed = base / "toy_pipeline-1.2.3.dist-info"  # spaCy loads by name what is an installed distribution
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: toy_pipeline\nVersion: 1.2.3\n")
    sys.path.insert(0, str(base))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(base), before]))
    import spacy
    import toy_pipeline  # noqa: F401  # registers the component

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for label, texts in PATTERNS.items() for text in texts])
    nlp.add_pipe("toy_dossier")
    nlp.meta["name"], nlp.meta["version"] = "toy", "1.2.3"
    nlp.to_disk(folder / "data")
    (folder / "meta.json").write_text((folder / "data" / "meta.json").read_text())
    yield "toy_pipeline"
    sys.path.remove(str(base))
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


class InlinePool:
    """The pool's interface, with one worker inside this process: fast enough to run the engine hundreds of times."""

    loaded: ClassVar[dict[tuple[str, str], Any]] = {}

    def __init__(self, job: Job, size: int, threads: int) -> None:
        self.job = job
        self.said: list[Message] = []
        self.folder = Path(job.folder) / "worker-0"
        self.folder.mkdir()
        job = Job.from_json(replace(job, folder=str(self.folder)).to_json())
        self.worker = Worker(job, Reporter(lambda message: self.said.append(json.loads(json.dumps(message)))))
        self.worker.runner.pipeline = self.loaded.get((job.pipeline.load, job.device))
        self.reader = ShardReader(job, lambda document, stage: None)

    def run(self, schedule: Schedule) -> Iterator[tuple[Message, Path]]:
        while (number := schedule.take()) is not None:
            shard = Shard.from_json(self.worker.ledger.shard(number).to_json())
            self.worker.do(shard, Order(), self.reader.read(shard, Order()))
            said, self.said[:] = list(self.said), []
            for message in said:
                yield message, self.folder
            schedule.commit(number)
        assert schedule.is_done

    def stop(self) -> None:
        if self.worker.runner.pipeline is not None:
            self.loaded[(self.job.pipeline.load, self.job.device)] = self.worker.runner.pipeline
        self.worker.ledger.close()
        self.reader.close()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, toy: str) -> str:
    """The engine without worker processes; the value is the pipeline's name."""
    monkeypatch.setattr("spacy_dossier.process.local.engine.Pool", InlinePool)
    return toy


@pytest.fixture
def toy_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """RETURNS (Callable): Gives the texts that went through the pipeline so far."""
    log = tmp_path / "toy.log"
    monkeypatch.setenv("TOY_LOG", str(log))
    return lambda: log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def make_text(number: int, words: int = 30) -> str:
    """RETURNS (str): A text with entities that no other number has."""
    chosen = [WORDS[(number * 7 + i * (number % 5 + 1)) % len(WORDS)] for i in range(words)]
    sentences = [" ".join(chosen[i : i + 8]) for i in range(0, words, 8)]
    return f"Document {number}. " + ". ".join(sentences) + ".\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty small documents of several kinds in folders."""
    base = tmp_path / "in"
    (base / "sub").mkdir(parents=True)
    for number in range(12):
        (base / f"doc{number:02}.txt").write_text(make_text(number, 10 + number * 5))
    for number in range(12, 16):
        (base / "sub" / f"doc{number:02}.md").write_text(f"# Title\n\n{make_text(number)}")
    (base / "sub" / "same.txt").write_bytes((base / "doc03.txt").read_bytes())
    (base / "rows.jsonl").write_text(
        "".join(json.dumps({"text": make_text(n), "n": n}) + "\n" for n in range(100, 108))
    )
    (base / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    return base


def tree(output: Path) -> dict[str, bytes]:
    """RETURNS (dict[str, bytes]): The output's files; run.json, which holds times, aside."""
    return {p.name: p.read_bytes() for p in sorted(output.iterdir()) if p.is_file() and p.name != "run.json"}


def records(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(output.glob("records-*.jsonl")) for line in path.open(encoding="utf-8")]


def failures(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "failures.jsonl").open(encoding="utf-8")]
