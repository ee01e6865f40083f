"""The peers of speed.py: each with the same encoder, set up as its own documentation does, at its best.

None is slowed or sped up by what an encoder's tokenizer.json asks for: some pad every text to a fixed length and cut it
there. spaCy and Hugging Face set both themselves at each call; the bare encoder's windows are cut and padded here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spacy
import torch
from spacy.language import Language
from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification, AutoTokenizer, logging, pipeline

from spacy_dossier.errors import DossierError

LABELS = ("LOC", "MISC", "ORG", "PER")
WINDOW = 254  # sub-words of a window, special tokens not counted
OVERLAP = 16  # sub-words that Hugging Face's windows share: it needs some, or it cuts texts off
BUDGET = 2048  # padded sub-words of a batch of the bare encoder
NLP_BATCH = 128  # documents of a batch in spaCy's own config for transformers
HUGGINGFACE_BATCHES = (1, 8, 16)  # windows
# On a card, where its pipeline has larger ones, and all have half precision too
GPU_BATCHES = (64, 256)
GPU_BUDGET = 32_768


@dataclass
class System:
    """Something that is timed.

    name (str): Its key in benchmark.json.
    label (str): What people read.
    run (Callable): Does the whole of its work once. RETURNS (float): Seconds, without loading.
    """

    name: str
    label: str
    run: Callable[[], float]


# A loaded peer: given the texts, which it finds in memory, what does the whole of its work.
Loaded = Callable[[Sequence[str]], Callable[[], object]]


@dataclass(frozen=True)
class Peer:
    """A peer, not loaded yet.

    label (str): What people read.
    load (Callable): Takes the encoder's folder and the number of a card, -1 for the CPU.
    """

    label: str
    load: Callable[[str, int], Loaded]


def peers(encoder: str, texts: Sequence[str], gpu: int = -1) -> list[System]:
    """All peers of the CPU, or of a card, loaded in this process.

    encoder (str): Folder of the encoder.
    texts (Sequence[str]): What they read.
    gpu (int): Number of the card that thinc uses already; -1 for the CPU.
    RAISES (DossierError): The encoder does not load.
    """
    logging.set_verbosity_error()
    chosen = CPU_PEERS if gpu < 0 else GPU_PEERS
    try:
        return [timed(name, peer.label, peer.load(encoder, gpu)(texts)) for name, peer in chosen.items()]
    except (OSError, ValueError) as error:
        raise DossierError(
            f"the encoder does not load ({str(error).strip().splitlines()[0]})",
            value=encoder,
            remedy="Name the folder with --encoder",
        ) from None


def timed(name: str, label: str, work: Callable[[], object]) -> System:
    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return System(name, label, run)


def spacy_baseline(encoder: str, *, mixed: bool = False) -> Loaded:
    """spaCy's transformer and ner as its quickstart writes them. The ner is not trained but leans to "no entity": it
    takes as many steps as a trained one, and makes no spans.

    mixed (bool): Its own mixed precision.
    """
    nlp = spacy.blank("en")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96}
    model: dict[str, Any] = {"@architectures": "spacy-transformers.TransformerModel.v3"}
    model |= {"name": encoder, "get_spans": spans}
    model |= {"tokenizer_config": {"use_fast": True}, "mixed_precision": mixed}
    nlp.add_pipe("transformer", config={"model": model})
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
    moves = [ner.moves.get_class_name(i) for i in range(ner.moves.n_moves)]
    scores = ner.model.get_ref("lower")
    bias = scores.get_param("b")  # (n_moves, pieces)
    bias[moves.index("O")] += 10
    scores.set_param("b", bias)
    return entities_by(nlp)


def runtime_config(runtime: str) -> dict[str, Any]:
    """RETURNS (dict): What `spacy.load` is given as `config` to choose the runtime of the encoder."""
    return {"components": {"transformer": {"model": {"runtime": runtime}}}}


def entities_by(nlp: Language) -> Loaded:
    def work(texts: Sequence[str]) -> None:
        for doc in nlp.pipe(texts, batch_size=NLP_BATCH):
            doc.ents  # noqa: B018

    return lambda texts: lambda: work(texts)


def huggingface(encoder: str, gpu: int, size: int, *, half: bool = False) -> Loaded:
    """The token-classification pipeline over windows that cover each text. The classifier is not trained but leans to
    "no entity", so that there are none to put together.

    size (int): Windows of a batch.
    half (bool): In bfloat16.
    """
    config = AutoConfig.from_pretrained(encoder)
    labels = ["O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI")]
    tokenizer = AutoTokenizer.from_pretrained(encoder, model_max_length=min(WINDOW + 2, config.max_position_embeddings))
    model = AutoModelForTokenClassification.from_pretrained(encoder, id2label=dict(enumerate(labels)))
    with torch.no_grad():
        model.classifier.bias[0] += 10
    classify = pipeline(
        "token-classification",
        model=model.bfloat16() if half else model,
        tokenizer=tokenizer,
        aggregation_strategy="simple",  # the cheapest one that gives spans
        stride=OVERLAP,
        device=gpu,
    )
    return lambda texts: lambda: classify(list(texts), batch_size=size)


def bare_encoder(encoder: str, gpu: int, *, half: bool = False) -> Loaded:
    """Nothing but the encoder: windows cut, sorted and padded beforehand, and nothing done with the vectors.

    half (bool): In bfloat16.
    """
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    model = AutoModel.from_pretrained(encoder, add_pooling_layer=False).eval()
    size = min(WINDOW, model.config.max_position_embeddings - 2)
    device = torch.device("cpu" if gpu < 0 else f"cuda:{gpu}")
    model = model.to(device, torch.bfloat16 if half else torch.float32)
    budget = BUDGET if gpu < 0 else GPU_BUDGET

    def prepare(texts: Sequence[str]) -> Callable[[], None]:
        windows: list[list[int]] = []
        for text in texts:
            ids = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
            windows += [
                [tokenizer.cls_token_id, *ids[i : i + size], tokenizer.sep_token_id] for i in range(0, len(ids), size)
            ]
        batches = [padded(batch, tokenizer.pad_token_id or 0) for batch in sorted_batches(windows, budget)]

        def work() -> None:
            with torch.inference_mode():
                for ids, mask in batches:
                    model(input_ids=ids.to(device), attention_mask=mask.to(device))
            if gpu >= 0:
                torch.cuda.synchronize(device)

        return work

    return prepare


def _huggingface(size: int, *, half: bool = False) -> Peer:
    label = f"Hugging Face{', bfloat16' if half else ''}, batches of {size}"
    return Peer(label, lambda encoder, gpu: huggingface(encoder, gpu, size, half=half))


SPACY = Peer("spaCy, transformer and ner", lambda encoder, gpu: spacy_baseline(encoder))
BARE_BF16 = Peer("bare encoder, bfloat16", lambda encoder, gpu: bare_encoder(encoder, gpu, half=True))
CPU_PEERS = {
    "spacy_baseline": SPACY,
    **{f"huggingface_{size}": _huggingface(size) for size in HUGGINGFACE_BATCHES},
    "huggingface_bf16_8": _huggingface(8, half=True),
    "bare_encoder": Peer("bare encoder, float32", bare_encoder),
    "bare_encoder_bf16": BARE_BF16,
}
GPU_PEERS = {
    "spacy_baseline": SPACY,
    "spacy_baseline_mixed": Peer(
        "spaCy, transformer and ner, mixed precision", lambda encoder, gpu: spacy_baseline(encoder, mixed=True)
    ),
    **{f"huggingface_{size}": _huggingface(size) for size in GPU_BATCHES},
    **{f"huggingface_bf16_{size}": _huggingface(size, half=True) for size in GPU_BATCHES},
    "bare_encoder": BARE_BF16,
}


def sorted_batches(windows: Sequence[list[int]], budget: int) -> Iterator[list[list[int]]]:
    """YIELDS (list[list[int]]): Windows of like length, no more than the budget when padded; the longest first."""
    batch: list[list[int]] = []
    for ids in sorted(windows, key=len, reverse=True):
        if batch and len(batch[0]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(ids)
    if batch:
        yield batch


def padded(batch: Sequence[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """RETURNS (tuple[Tensor, Tensor]): Ids and attention mask, int64. Shape of each: (B, T)"""
    ids = np.full((len(batch), max(map(len, batch))), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, window in enumerate(batch):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
