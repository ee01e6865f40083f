"""Words a second of training and processing on a card, or on the CPU, beside spaCy's and Hugging Face's on the same.

    python benchmarks/gpu.py TEXTS.jsonl -o OUT --encoder ENCODER --pipeline PIPELINE --device cuda
    python benchmarks/gpu.py TEXTS.jsonl -o OUT --encoder ENCODER --config configs/gpu.cfg --train T.spacy --only train

It asks no network. What is measured is printed and written (gpu.md, gpu.json) as soon as it is, so that a run that is
cut short leaves what it had. Loading counts for nothing. An encoder's folder without weights gets random ones, which
are as fast as good ones.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from speed import VERSIONS, installed, processor

from spacy_dossier.devices import Card, examine, find_device, set_device
from spacy_dossier.errors import DossierError
from spacy_dossier.process.engine import usable_cores
from spacy_dossier.process.faults import free_memory
from spacy_dossier.process.infer import load
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import Progress, RunInputs, local_run

PARTS = ("process", "pipe", "train", "peers")
OURS = "dossier process"
SAMPLING_MS = 200  # between two looks at how busy the card is


@dataclass
class Row:
    """A measurement.

    seconds (float): Median of the rounds.
    busy (float | None): Share of the time in which the card computed, in percent, as nvidia-smi says.
    memory (int | None): Most megabytes of the card in use.
    """

    part: str
    label: str
    words: int
    seconds: float
    busy: float | None = None
    memory: int | None = None
    note: str = ""

    @property
    def rate(self) -> float:
        """Words a second."""
        return self.words / self.seconds if self.seconds else 0.0


@dataclass
class Report:
    """All rows, and the machine they come from; kept on disk as they come."""

    folder: Path
    device: str
    card: Card | None
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        busy = "" if row.busy is None else f", card {row.busy:.0f} % busy, {row.memory:,} MB"
        note = f" ({row.note})" if row.note else ""
        print(f"{row.label}: {row.rate:,.0f} words/s{busy}{note}", flush=True)
        self.write()

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "gpu.json").write_text(json.dumps(self.content(), indent=2) + "\n", encoding="utf-8")
        (self.folder / "gpu.md").write_text(self.table(), encoding="utf-8")

    def machine(self) -> str:
        name = processor() if self.card is None else f"{self.card.name}, {self.card.memory / 2**30:.0f} GiB"
        return f"{name}; {usable_cores()} cores ({processor()}), torch {torch.__version__}"

    def ratios(self) -> dict[str, dict[str, float]]:
        """RETURNS (dict): Of our best whole job, and of our best `nlp.pipe`, to the best of each peer."""
        best: dict[str, float] = {}
        for row in self.rows:
            name = row.part if row.part in ("process", "pipe") else row.label.partition(",")[0]
            best[name] = max(best.get(name, 0.0), row.rate)
        peers = [name for name in ("spaCy", "Hugging Face") if best.get(name)]
        return {
            own: {peer: round(best[own] / best[peer], 2) for peer in peers}
            for own in ("process", "pipe")
            if own in best
        }

    def content(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "card": self.card and asdict(self.card),
            "processor": processor(),
            "cores": usable_cores(),
            "versions": {name: found for name in (*VERSIONS, "cupy-cuda13x") if (found := installed(name))},
            "rows": [{**asdict(row), "words_per_second": round(row.rate, 1)} for row in self.rows],
            "ratios": self.ratios(),
        }

    def table(self) -> str:
        """RETURNS (str): In Markdown."""
        lines = [
            f"{self.machine()}.",
            "",
            "| what | words/s | seconds | card busy | memory | |",
            "|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            busy, memory = ("", "") if row.busy is None else (f"{row.busy:.0f} %", f"{row.memory:,} MB")
            lines.append(f"| {row.label} | {row.rate:,.0f} | {row.seconds:.2f} | {busy} | {memory} | {row.note} |")
        for own, found in self.ratios().items():
            for peer, ratio in found.items():
                lines += ["", f"{'The whole job' if own == 'process' else '`nlp.pipe`'}: {ratio} times {peer}."]
        return "\n".join(lines) + "\n"


class Busy:
    """How busy a card is while something runs, by nvidia-smi; nothing where there is none."""

    def __init__(self, card: Card | None) -> None:
        self.card = card
        self.shares: list[float] = []
        self.memory: list[int] = []

    @contextlib.contextmanager
    def watch(self) -> Iterator[Busy]:
        if self.card is None or shutil.which("nvidia-smi") is None:
            yield self
            return
        query = ["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
        number = str(self.card.number)
        meter = subprocess.Popen(
            ["nvidia-smi", "-i", number, *query, "-lms", str(SAMPLING_MS)], stdout=subprocess.PIPE, text=True
        )
        reader = threading.Thread(target=self.read, args=(meter,), daemon=True)
        reader.start()
        try:
            yield self
        finally:
            meter.terminate()
            meter.wait()
            reader.join(timeout=5)

    def read(self, meter: subprocess.Popen[str]) -> None:
        assert meter.stdout is not None
        for line in meter.stdout:
            share, _, memory = line.partition(",")
            if share.strip().isdecimal() and memory.strip().isdecimal():  # a card may not say: [N/A]
                self.shares.append(float(share))
                self.memory.append(int(memory))

    def clear(self) -> None:
        """Begin anew, after what was to be left out."""
        self.shares, self.memory = [], []

    def row(self, part: str, label: str, words: int, seconds: float, note: str = "") -> Row:
        share = statistics.mean(self.shares) if self.shares else None
        return Row(part, label, words, seconds, share, max(self.memory, default=None), note)


@dataclass
class Setting:
    """What is measured with what.

    rounds (int): After one that warms up. steps (int): Of training, likewise.
    share (int): Words for what runs in one process, which is slower than the whole job: `nlp.pipe` and the peers.
    """

    report: Report
    texts: list[str]
    encoder: Path
    pipeline: Path | None
    config: Path
    train: Path | None
    pairs: Path | None
    workers: list[int]
    rounds: int
    steps: int
    share: int

    @property
    def device(self) -> str:
        return self.report.device

    @property
    def card(self) -> Card | None:
        return self.report.card

    @property
    def gpu(self) -> int:
        return -1 if self.card is None else self.card.number

    @property
    def some_texts(self) -> list[str]:
        """The first of the texts, with as many words as `share` says."""
        return list(first_words(self.texts, self.share))

    def trained(self) -> Path:
        """RETURNS (Path): The pipeline given, or the one that was trained here. RAISES (DossierError): Neither."""
        made = self.report.folder / "trained"
        if self.pipeline is None and not made.is_dir():
            raise DossierError("no pipeline", remedy="Give --pipeline, or --train and the part `train` with the others")
        return self.pipeline or made


def measure_process(setting: Setting) -> None:
    """`dossier process` from one JSONL file to records, all of it but loading, by number of processes."""
    folder = setting.report.folder
    rows = folder / "texts.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in setting.texts), encoding="utf-8")
    for workers in setting.workers:
        output = folder / "records"
        shutil.rmtree(output, ignore_errors=True)
        options = RunOptions(device=setting.device, workers=workers, shard_size=shard_size(setting, workers))
        busy = Busy(setting.card)

        def loading(progress: Progress, busy: Busy = busy) -> None:
            if not progress.words:
                busy.clear()

        run = local_run(RunInputs([rows]), output, setting.trained(), options, loading, warm=True)
        with busy.watch():
            for shard in run.shards():
                if shard == 0:
                    print(f"  first shard after {run.progress.seconds:.1f} s", flush=True)
        counts, processes = run.summary.counts, run.engine.processes
        seconds = run.summary.seconds - run.progress.seconds_loading
        note = f"{counts.failures} failures" if counts.failures else ""
        label = f"{OURS}, {processes} process{'' if processes == 1 else 'es'}"
        setting.report.add(busy.row("process", label, words_of(setting.texts), seconds, note))


def shard_size(setting: Setting, workers: int) -> int:
    """RETURNS (int): So that each process gets four shards at least, as in a long run; 1024 rows at most."""
    return max(1, min(1024, len(setting.texts) // (4 * (workers or usable_cores() // 2 or 1))))


def measure_pipe(setting: Setting) -> None:
    """`nlp.pipe` in this process, with the batches that `dossier process` has on this device."""
    nlp = load(str(setting.trained()), setting.device)
    size = 64 if setting.card is None else 512
    texts = setting.some_texts

    def work() -> None:
        for _ in nlp.pipe(texts, batch_size=size):
            pass

    setting.report.add(timed(setting, "pipe", "nlp.pipe, one process", words_of(texts), work))


def timed(setting: Setting, part: str, label: str, words: int, work: Callable[[], object]) -> Row:
    """RETURNS (Row): The median of the rounds, after one that warms up."""
    seconds: list[float] = []
    with Busy(setting.card).watch() as busy:
        for number in range(setting.rounds + 1):
            start = time.perf_counter()
            work()
            if number:
                seconds.append(time.perf_counter() - start)
            else:
                print(f"  {label}: first pass in {time.perf_counter() - start:.1f} s", flush=True)
                busy.clear()
    return busy.row(part, label, words, statistics.median(seconds))


def measure_train(setting: Setting) -> None:
    """Steps of `spacy train` with a config, without evaluation, after a few that warm up; what is trained is kept."""
    from spacy import util
    from spacy.training.initialize import init_nlp

    if setting.train is None:
        raise DossierError("no corpus to train on", remedy="Give --train")
    set_device(setting.device)
    overrides: dict[str, Any] = {
        "paths.encoder": str(setting.encoder),
        "paths.train": str(setting.train),
        "paths.dev": str(setting.train),
        "paths.train_pairs": str(setting.pairs) if setting.pairs else None,
        "paths.dev_pairs": str(setting.pairs) if setting.pairs else None,
        "training.max_steps": setting.steps,
    }
    if not setting.pairs:
        overrides["components.summarizer.method"] = "centrality"
    nlp = init_nlp(util.load_config(setting.config, overrides, interpolate=False), use_gpu=setting.gpu)
    with Busy(setting.card).watch() as busy:
        words, start, warm = 0, 0.0, max(2, setting.steps // 10)
        for step, (seen, _) in enumerate(training_steps(nlp, setting.gpu)):
            if step == warm:
                words, start = 0, time.perf_counter()
                busy.clear()
            elif step > warm:
                words += seen
            if step % 20 == 0:
                rate = words / (time.perf_counter() - start) if step > warm else 0
                print(f"  step {step}: {rate:,.0f} words/s", flush=True)
        if setting.card is not None:
            torch.cuda.synchronize(setting.gpu)
        seconds = time.perf_counter() - start
    nlp.to_disk(setting.report.folder / "trained")
    note = f"{setting.config.name}, {setting.steps} steps"
    setting.report.add(busy.row("train", "training", words, seconds, note))


def training_steps(nlp: Any, gpu: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The loop of `spacy train`. YIELDS (tuple[int, dict]): Words of each step, and the losses so far."""
    from spacy.schemas import ConfigSchemaTraining
    from spacy.training.loop import create_train_batches, train_while_improving
    from spacy.util import registry, resolve_dot_names
    from thinc.api import fix_random_seed, set_gpu_allocator

    config = nlp.config.interpolate()
    chosen = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    fix_random_seed(chosen["seed"] or 0)
    if gpu >= 0 and chosen["gpu_allocator"]:
        set_gpu_allocator(chosen["gpu_allocator"])
    (corpus,) = resolve_dot_names(config, [chosen["train_corpus"]])
    steps = train_while_improving(
        nlp,
        chosen["optimizer"],
        create_train_batches(nlp, corpus, chosen["batcher"], chosen["max_epochs"]),
        lambda: (0.0, {}),
        dropout=chosen["dropout"],
        accumulate_gradient=chosen["accumulate_gradient"],
        patience=0,
        max_steps=0,
        eval_frequency=sys.maxsize,
        exclude=chosen["frozen_components"],
        annotating_components=chosen["annotating_components"],
        before_update=chosen["before_update"],
    )
    for batch, info, _ in itertools.islice(steps, chosen["max_steps"]):
        yield sum(len(example) for example in batch), info["losses"]


def measure_peers(setting: Setting) -> None:
    """spaCy, Hugging Face and the bare encoder, over the first of the texts."""
    from peers import peers

    set_device(setting.device)
    texts = setting.some_texts
    words = words_of(texts)
    for system in peers(str(setting.encoder), texts, setting.gpu):
        try:
            setting.report.add(timed(setting, "peers", system.label, words, system.run))
        except (RuntimeError, TypeError, ValueError) as error:  # a precision or a batch that a peer cannot do
            print(f"{system.label}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
        free_memory()


def words_of(texts: Sequence[str]) -> int:
    """RETURNS (int): Words with white space around them."""
    return sum(len(text.split()) for text in texts)


def first_words(texts: Sequence[str], words: int) -> Iterator[str]:
    """YIELDS (str): Texts, until they have so many words."""
    for text in texts:
        if words <= 0:
            return
        words -= len(text.split())
        yield text


def read_texts(path: Path, documents: int | None) -> list[str]:
    """Texts of a JSONL file; more than it has by copies that a first line tells apart.

    RAISES (DossierError): It has none.
    """
    with path.open(encoding="utf-8") as file:
        texts = list(
            dict.fromkeys(text for line in file if line.strip() and (text := json.loads(line)["text"]).strip())
        )
    if not texts:
        raise DossierError("no texts", file=path, remedy='Give lines as {"text": "…"}')
    wanted = documents or len(texts)
    copies = (f"Copy {n // len(texts)}.\n\n{texts[n % len(texts)]}" for n in range(len(texts), wanted))
    return [*texts[:wanted], *copies]


def with_weights(encoder: Path, folder: Path) -> Path:
    """RETURNS (Path): The encoder's folder; where it has no weights, a copy with random ones."""
    if any(encoder.glob("*.safetensors")) or (encoder / "pytorch_model.bin").is_file():
        return encoder
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    made = folder / "encoder"
    shutil.copytree(encoder, made, dirs_exist_ok=True)
    AutoModel.from_config(AutoConfig.from_pretrained(encoder)).save_pretrained(made)
    print(f"{encoder} has no weights: random ones are in {made}", flush=True)
    return made


def main(
    texts: Annotated[Path, typer.Argument(help='Texts: a JSONL file with a field "text".')],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for gpu.md, gpu.json and what is made.")],
    encoder: Annotated[Path, typer.Option("--encoder", "-e", help="Folder of the encoder.")],
    pipeline: Annotated[
        Path | None, typer.Option("--pipeline", "-p", help="A trained pipeline; else the part `train` makes one.")
    ] = None,
    device: Annotated[str, typer.Option(help="As for `dossier process`.")] = "auto",
    only: Annotated[str, typer.Option(help="Parts, with commas between them.")] = ",".join(PARTS),
    workers: Annotated[str, typer.Option(help="Numbers of processes to measure, with commas; 0 is our choice.")] = "0",
    documents: Annotated[
        int | None, typer.Option(min=1, help="So many texts, by copies where there are fewer.")
    ] = None,
    config: Annotated[Path, typer.Option(help="Config of the training.")] = Path("configs/default.cfg"),
    train: Annotated[Path | None, typer.Option(help="Corpus to train on (.spacy).")] = None,
    pairs: Annotated[Path | None, typer.Option(help="Pairs to train the summarizer on (.spacy).")] = None,
    steps: Annotated[int, typer.Option(min=4, help="Steps of the training.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one that warms up.")] = 2,
    words: Annotated[int, typer.Option(min=1, help="Words for what runs in one process: nlp.pipe, peers.")] = 100_000,
) -> None:
    """Measure on a card what its words a second are, and those of the peers."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    failed = False
    try:
        parts = [part.strip() for part in only.split(",")]
        if unknown := [part for part in parts if part not in PARTS]:
            raise DossierError("no such part", value=unknown[0], remedy=f"Choose of {', '.join(PARTS)}")
        chosen, card = find_device(device, print, ask=examine)
        output.mkdir(parents=True, exist_ok=True)
        report = Report(output, chosen, card)
        print(report.machine(), flush=True)
        setting = Setting(
            report,
            read_texts(texts, documents),
            with_weights(encoder, output),
            pipeline,
            config,
            train,
            pairs,
            [int(count) for count in workers.split(",")],
            rounds,
            steps,
            words,
        )
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    print(f"{len(setting.texts):,} texts, {words_of(setting.texts):,} words", flush=True)
    measures = {
        "process": measure_process,
        "pipe": measure_pipe,
        "train": measure_train,
        "peers": measure_peers,
    }
    # Without a pipeline, the training makes the one that the others are measured with.
    for part in sorted(parts, key=PARTS.index) if pipeline else sorted(parts, key=lambda part: part != "train"):
        print(f"{part}:", flush=True)
        try:
            measures[part](setting)
        except Exception as error:  # the other parts are worth their time
            failed = True
            print(f"Error: {part}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        free_memory()
    report.write()
    print(report.table())
    raise typer.Exit(int(failed))


if __name__ == "__main__":
    typer.run(main)
