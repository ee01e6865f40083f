"""A process of systems.py: one system, one thread, in whatever environment has it.

    PYTHON served.py SYSTEM ENCODER PIPELINE

is one such process. The first line of its input is the texts, as a JSON list; it answers with a line when the system is
loaded and one short text is through it, and to each further line with another line when the texts are through: the
number of sub-words that the encoder has read where the line was "count", else 0.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch

LABELS = ("LOC", "MISC", "ORG", "PER")
SHORT = "Anna Kovacs lives in Lisbon."
EDS_BATCH = 8  # documents; the best of 4, 8 and 32 with windows of 128
FLAIR_BATCH = 32  # sentences; the best of 8, 32 and 128


# Given the texts, what does the whole of the work
Loaded = Callable[[Sequence[str]], Callable[[], object]]


def edsnlp(encoder: str, window: int, stride: int, half: bool) -> Loaded:
    """EDS-NLP's ner_crf over its transformer; bfloat16 (`half`) and windows of 128 every 96 are its defaults."""
    import edsnlp
    import edsnlp.pipes as pipes

    nlp = edsnlp.blank("eds")
    embedding = pipes.transformer(model=encoder, window=window, stride=stride)
    spans = {"target_span_getter": {"ents": True}, "span_setter": {"ents": True}}
    nlp.add_pipe(pipes.ner_crf(embedding=embedding, mode="joint", labels=list(LABELS), **spans), name="ner")
    with torch.no_grad():  # five tags for each label; the first is "no entity"
        nlp.pipes.ner.linear.bias.view(-1, 5)[:, 0] += 10

    def work(texts: Sequence[str]) -> None:
        stream = edsnlp.data.from_iterable(texts).map_pipeline(nlp)
        for doc in stream.set_processing(batch_size=EDS_BATCH, autocast=half):
            doc.ents  # noqa: B018

    return lambda texts: lambda: work(texts)


def flair(encoder: str) -> Loaded:
    """Flair's SequenceTagger with its CRF, over the sentences of its own splitter."""
    from flair.data import Dictionary
    from flair.embeddings import TransformerWordEmbeddings
    from flair.models import SequenceTagger
    from flair.splitter import SegtokSentenceSplitter

    tags = Dictionary(add_unk=False)
    for tag in ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BIES")):
        tags.add_item(tag)
    vectors = TransformerWordEmbeddings(encoder, layers="-1", subtoken_pooling="first", fine_tune=True)
    tagger = SequenceTagger(vectors, tags, tag_type="ner", use_crf=True, use_rnn=False, reproject_embeddings=False)
    with torch.no_grad():
        tagger.linear.bias[tagger.label_dictionary.get_idx_for_item("O")] += 10
    splitter = SegtokSentenceSplitter()

    def work(texts: Sequence[str]) -> None:
        sentences = [sentence for text in texts for sentence in splitter.split(text)]
        tagger.predict(sentences, mini_batch_size=FLAIR_BATCH, embedding_storage_mode="none")
        for sentence in sentences:
            sentence.get_spans("ner")

    return lambda texts: lambda: work(texts)


def entities_only(pipeline: str, runtime: str) -> Loaded:
    """This project's pipeline without what comes after its entities."""
    import spacy
    from peers import entities_by, runtime_config

    nlp = spacy.load(pipeline, config=runtime_config(runtime))
    nlp.select_pipes(enable=["transformer", "crf_ner"])
    return entities_by(nlp)


def load(name: str, encoder: str, pipeline: str) -> Loaded:
    if name.startswith("edsnlp"):
        window, stride = (128, 112) if "wide" in name else (128, 96)
        return edsnlp(encoder, window, stride, half=name.endswith("bf16"))
    if name == "flair":
        return flair(encoder)
    if name.startswith("entities_"):
        return entities_only(pipeline, name.removeprefix("entities_"))
    from peers import CPU_PEERS

    return CPU_PEERS[name].load(encoder, -1)


class SubWords:
    """Counts the sub-words that are looked up in a table of word embeddings, special tokens left out."""

    def __init__(self, encoder: str) -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.special = torch.tensor(tokenizer.all_special_ids)
        self.size = len(tokenizer)
        self.seen = 0

    def __call__(self, module: Any, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, torch.nn.Embedding) and module.num_embeddings >= self.size:
            self.seen += int((~torch.isin(inputs[0], self.special)).sum())


def serve(name: str, encoder: str, pipeline: str) -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    torch.set_num_threads(1)
    texts = json.loads(sys.stdin.readline())
    loaded = load(name, encoder, pipeline)
    loaded([SHORT])()
    work = loaded(texts)
    print(0, file=out, flush=True)
    for line in sys.stdin:
        count = SubWords(encoder) if line.strip() == "count" else None
        if count:
            with torch.nn.modules.module.register_module_forward_pre_hook(count):
                work()
        else:
            work()
        print(count.seen if count else 0, file=out, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
