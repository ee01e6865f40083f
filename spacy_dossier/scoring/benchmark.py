"""Words a second of the whole job beside those of its peers: one run, paired and interleaved, medians and ratios."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import DossierError

WINDOW = 254  # sub-words of a window of the bare encoder
BUDGET = 2048  # padded sub-words of its batches
LABELS = ("LOC", "MISC", "ORG", "PER")
VERSIONS = ("spacy-dossier", "spacy", "spacy-transformers", "thinc", "torch", "transformers", "onnxruntime")


@dataclass
class System:
    """Something that is timed.

    run (Callable): Does the whole of its work once. RETURNS (float): Seconds, without loading.
    """

    name: str
    help: str
    run: Callable[[], float]


def benchmark(
    pipeline: str,
    encoder: str,
    texts: Sequence[str],
    *,
    runtimes: Sequence[str] = ("torch", "bf16"),
    rounds: int = 3,
    advance: Callable[[int, str], None] = lambda n, note: None,
) -> dict[str, Any]:
    """Time the systems in turn, round after round.

    pipeline (str): A trained pipeline: folder or package.
    encoder (str): Folder of the encoder it was trained from, for the peers.
    texts (Sequence[str]): The documents.
    runtimes (Sequence[str]): What ours is timed in; the first is the one that ratios are of.
    RETURNS (dict): What benchmark.json holds: `words_per_second`, `ratios` (ours over theirs), and more.
    """
    words = sum(len(text.split()) for text in texts)
    with tempfile.TemporaryDirectory(prefix="dossier-benchmark-") as folder:
        files = Path(folder, "texts")
        files.mkdir()
        for number, text in enumerate(texts):
            (files / f"{number:05}.txt").write_text(text, encoding="utf-8")
        systems = [ours(pipeline, runtime, files, Path(folder), first=runtime == runtimes[0]) for runtime in runtimes]
        systems += [spacy_baseline(encoder, texts), *huggingface(encoder, texts), bare_encoder(encoder, texts)]
        seconds: dict[str, list[float]] = {system.name: [] for system in systems}
        for number in range(rounds + 1):
            # Forwards and backwards in turn, so that a machine that slows down or warms up does so for all.
            for system in systems if number % 2 else systems[::-1]:
                taken = system.run()
                if number:  # the first time warms up
                    seconds[system.name].append(taken)
                advance(1, f"{system.name}: {words / taken:,.0f} words/s")
    rates = {name: round(words / statistics.median(values), 1) for name, values in seconds.items()}
    best = max((name for name in rates if name.startswith("huggingface_")), key=lambda name: rates[name])
    peers = {"spacy_baseline": "spacy_baseline", "huggingface": best, "bare_encoder": "bare_encoder"}

    def ratio(of: str, over: str) -> float:
        """The median of the rounds' ratios: within a round the machine is the same."""
        pairs = zip(seconds[of], seconds[over], strict=True)
        return round(statistics.median(theirs / own for own, theirs in pairs), 3)

    return {
        "words": words,
        "documents": len(texts),
        "rounds": rounds,
        "words_per_second": rates,
        "ratios": {name: ratio("ours", peer) for name, peer in peers.items()},
        "ratios_by_runtime": {
            system.name: {name: ratio(system.name, peer) for name, peer in peers.items()}
            for system in systems
            if system.name.startswith("ours")
        },
        "seconds": {name: [round(value, 6) for value in values] for name, values in seconds.items()},
        "systems": {system.name: system.help for system in systems},
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "threads": torch.get_num_threads(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version(), **{n: v for n in VERSIONS if (v := installed(n))}},
    }


def read_texts(inputs: Sequence[str], text_field: str = "text") -> Iterator[str]:
    """YIELDS (str): The texts of files, folders, globs and tables; what cannot be read is left out."""
    from ..batch.discover import Rules, discover
    from ..batch.extract import extract
    from ..batch.rows import has_text, kind_of, read_rows

    for source in discover(inputs, Rules(), skip=None):
        if source.error is None and kind_of(source.path) and has_text(source.path, text_field, named=source.named):
            found = [row.text for row in read_rows(source.path, text_field) if not row.error]
        else:
            found = [read.text for read in extract(source.path) if not read.error]
        yield from (text for text in found if text.strip())


def ours(pipeline: str, runtime: str, files: Path, folder: Path, *, first: bool) -> System:
    """`dossier process` from text files to JSONL, in processes of its own, with all the pipeline has."""
    import spacy

    from ..batch.options import Options
    from ..batch.run import Run

    nlp = spacy.load(pipeline, config=runtime_config(runtime))
    if runtime in ("onnx", "int8"):
        nlp.get_pipe("transformer").model.shims[0].export()
    place = folder / f"pipeline-{runtime}"
    nlp.to_disk(place)

    def run() -> float:
        output = folder / "records"
        shutil.rmtree(output, ignore_errors=True)
        job = Run([files], output, place, Options(device="cpu"))
        for _ in job.shards():
            pass
        if job.summary.failures:
            raise DossierError("documents failed in the benchmark", value=job.summary.failures)
        return job.summary.seconds - job.seconds_loading

    name = "ours" if first else f"ours_{runtime}"
    return System(name, f"dossier process, runtime {runtime}: text files to records", run)


def runtime_config(runtime: str) -> dict[str, Any]:
    """RETURNS (dict): What `spacy.load` is given as `config` to choose the runtime of the encoder."""
    return {"components": {"transformer": {"model": {"runtime": runtime}}}}


def spacy_baseline(encoder: str, texts: Sequence[str]) -> System:
    """spaCy's transformer and ner as people write them, with the same encoder; entities only. Its ner is untrained,
    which costs the same."""
    import spacy

    nlp = spacy.blank("en")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96}
    model = {"@architectures": "spacy-transformers.TransformerModel.v3", "name": encoder, "get_spans": spans}
    nlp.add_pipe("transformer", config={"model": {**model, "tokenizer_config": {"use_fast": True}}})
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
    ner = nlp.add_pipe(
        "ner",
        config={
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": "ner",
                "extra_state_tokens": False,
                "hidden_width": 64,
                "maxout_pieces": 2,
                "use_upper": False,
                "tok2vec": {**listener, "pooling": {"@layers": "reduce_mean.v1"}},
            }
        },
    )
    for label in LABELS:
        ner.add_label(label)
    nlp.initialize()

    def run() -> float:
        start = time.perf_counter()
        for doc in nlp.pipe(texts):
            doc.ents  # noqa: B018
        return time.perf_counter() - start

    return System("spacy_baseline", "spaCy's transformer and ner, nlp.pipe: entities only", run)


def huggingface(encoder: str, texts: Sequence[str]) -> list[System]:
    """The token-classification pipeline with the same encoder; entities only. Its classifier is untrained."""
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, logging, pipeline

    logging.set_verbosity_error()
    longest = min(WINDOW + 2, AutoConfig.from_pretrained(encoder).max_position_embeddings)
    tokenizer = AutoTokenizer.from_pretrained(encoder, model_max_length=longest)
    model = AutoModelForTokenClassification.from_pretrained(encoder, num_labels=2 * len(LABELS) + 1)
    classify = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple", stride=16, device=-1
    )

    def system(size: int) -> System:
        def run() -> float:
            start = time.perf_counter()
            classify(list(texts), batch_size=size)
            return time.perf_counter() - start

        return System(f"huggingface_{size}", f"Hugging Face's token-classification, batches of {size}: entities", run)

    return [system(1), system(8)]


def bare_encoder(encoder: str, texts: Sequence[str]) -> System:
    """Nothing but the encoder: windows cut and sorted beforehand, no tokenizer, nothing done with the vectors."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tokenizer.backend_tokenizer.no_truncation()  # some tokenizers' files ask for both
    tokenizer.backend_tokenizer.no_padding()
    model = AutoModel.from_pretrained(encoder).eval()
    size = min(WINDOW, model.config.max_position_embeddings - 2)
    windows: list[list[int]] = []
    for text in texts:
        ids = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        windows += [
            [tokenizer.cls_token_id, *ids[i : i + size], tokenizer.sep_token_id] for i in range(0, len(ids), size)
        ]
    batches: list[list[list[int]]] = []
    for ids in sorted(windows, key=len, reverse=True):
        if not batches or len(batches[-1][0]) * (len(batches[-1]) + 1) > BUDGET:
            batches.append([])
        batches[-1].append(ids)
    tensors = []
    for batch in batches:
        padded = np.zeros((len(batch), len(batch[0])), dtype=np.int64)
        mask = np.zeros_like(padded)
        for row, ids in enumerate(batch):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        tensors.append((torch.from_numpy(padded), torch.from_numpy(mask)))

    def run() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for ids, mask in tensors:
                model(input_ids=ids, attention_mask=mask)
        return time.perf_counter() - start

    return System("bare_encoder", "the encoder alone, in float32, on sorted batches cut beforehand", run)


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def bars(result: dict[str, Any]) -> str:
    """RETURNS (str): The words a second of all systems as an SVG picture."""
    rates = sorted(result["words_per_second"].items(), key=lambda item: -item[1])
    most = max(rate for _, rate in rates)
    left, wide, row = 190, 420, 30
    height = row * len(rates) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 110} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="14"><title>Words a second</title>'
        f'<rect width="{left + wide + 110}" height="{height}" fill="#fff"/>'
    ]
    for number, (name, rate) in enumerate(rates):
        top = 10 + row * number
        color = "#2563a8" if name.startswith("ours") else "#9aa5b1"
        label = escape(name.replace("_", " "))
        parts.append(
            f'<text x="{left - 10}" y="{top + 19}" text-anchor="end" fill="#222">{label}</text>'
            f'<rect x="{left}" y="{top + 4}" width="{wide * rate / most:.1f}" height="{row - 8}" fill="{color}"/>'
            f'<text x="{left + wide * rate / most + 8:.1f}" y="{top + 19}" fill="#222">{rate:,.0f}</text>'
        )
    return "".join(parts) + "</svg>\n"
