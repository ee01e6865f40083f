"""Words a second of training: ours beside a plain PyTorch loop and spaCy's own transformer and ner.

    python benchmarks/compare_training.py CORPUS.spacy --pairs PAIRS.spacy -o metrics/training.json

All take the same steps: the same documents, grouped by the batcher of configs/default.cfg, round after round in turn.
The plain loop is what one writes without a framework: the same encoder with the same weights frozen and in the same
precision, a linear layer over the first sub-word of each token, cross-entropy, AdamW. Its windows are
tokenized beforehand; those of a step go through in one pass, padded to the longest.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from peers import System, padded, timed
from rich.console import Console
from rich.table import Table
from spacy.cli._util import parse_config_overrides
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.training import Example
from spacy.util import load_config, load_model_from_config, registry
from speed import time_in_turn
from torch import nn
from transformers import AutoModel, AutoTokenizer, logging

from spacy_dossier.evaluate.corpus import read_docs, with_tokens_of
from spacy_dossier.models.runtime import computes_bfloat16

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
ENTITIES = ["transformer", "crf_ner"]
MODEL = "--components.transformer.model."
WHOLE = ["transformer", "senter", "crf_ner", "summarizer"]
DROPOUT = 0.1
IGNORED = -100  # what PyTorch's cross-entropy leaves out
BASELINE = ["transformer", "ner"]
PEERS = ("plain_loop", "spacy_baseline")


def main(
    corpus: Annotated[Path, typer.Argument(help="Documents with entities and sentences (.spacy).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    pairs: Annotated[
        Path | None,
        typer.Option(help="Articles with summaries (.spacy), for a summarizer that is trained."),
    ] = None,
    encoder: Annotated[str, typer.Option("-e", "--encoder", help="Folder of the encoder.")] = "assets/encoder",
    steps: Annotated[int, typer.Option(min=1, help="Steps of a round.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one that warms up.")] = 3,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Ours again with a setting of the encoder, as lora_rank=8. Repeatable."),
    ] = None,
    float32: Annotated[bool, typer.Option("--float32", help="Ours and the plain loop without bfloat16.")] = False,
) -> None:
    """Time training steps."""
    logging.set_verbosity_error()
    console = Console(highlight=False)
    own = {"paths.encoder": encoder, "components.transformer.model.mixed_precision": not float32}
    config = load_config(CONFIGS / "default.cfg", overrides=own).interpolate()
    docs = read_docs(corpus)
    batches = first_batches(docs, config, steps)
    mixed, method = batches, "centrality"
    if pairs:
        mixed = first_batches(
            [doc for both in zip(docs, read_docs(pairs), strict=False) for doc in both], config, steps
        )
        method = "trained"
    whole = {**own, "components.summarizer.method": method, "nlp.pipeline": WHOLE}
    entities = {**own, "nlp.pipeline": ENTITIES}
    systems = [
        spacy_system("ours", ENTITIES, "default.cfg", entities, batches),
        *[
            spacy_system(
                f"ours_{setting}",
                ENTITIES,
                "default.cfg",
                entities | parse_config_overrides([MODEL + setting]),
                batches,
            )
            for setting in also or ()
        ],
        spacy_system("ours_whole", WHOLE, "default.cfg", whole, mixed),
        plain_loop(encoder, config, batches),
        spacy_system("spacy_baseline", BASELINE, "baseline.cfg", {"paths.encoder": encoder}, batches),
    ]
    words = {system.name: count(mixed if system.name == "ours_whole" else batches) for system in systems}
    seconds = time_in_turn(systems, rounds, lambda name, t: console.print(f"{name}: {words[name] / t:,.0f} words/s"))
    result = compare(seconds, words)
    table = Table("", "words/s", "over the plain loop", "over spaCy's")
    for system in systems:
        over = (f"{result['ratios'][system.name][peer]:.2f}" for peer in PEERS)
        table.add_row(f"{system.name}: {system.label}", f"{result['words_per_second'][system.name]:,.0f}", *over)
    console.print(table)
    result |= {"words": words, "steps": steps, "rounds": rounds, "threads": torch.get_num_threads(), "seconds": seconds}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def count(batches: Sequence[Sequence[Doc]]) -> int:
    return sum(len(doc) for batch in batches for doc in batch)


def compare(seconds: dict[str, list[float]], words: dict[str, int]) -> dict[str, Any]:
    """RETURNS (dict): Median words a second, and for each system the median ratios of a round over two peers'."""
    rates = {name: [words[name] / value for value in values] for name, values in seconds.items()}
    ratios = {
        name: {
            peer: round(statistics.median(a / b for a, b in zip(own, rates[peer], strict=True)), 3) for peer in PEERS
        }
        for name, own in rates.items()
    }
    return {"words_per_second": {k: round(statistics.median(v), 1) for k, v in rates.items()}, "ratios": ratios}


def first_batches(docs: list[Doc], config: Any, n: int) -> list[list[Doc]]:
    """RETURNS (list[list[Doc]]): As many batches as asked for, as the config's batcher makes them."""
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    found = [[eg.reference for eg in batch] for batch in batcher(Example(with_tokens_of(d.vocab, d), d) for d in docs)]
    if len(found) < n:
        raise typer.BadParameter(f"the corpus makes {len(found)} batches, not {n}")
    return found[:n]


def spacy_system(
    name: str, components: list[str], config: str, overrides: dict[str, Any], batches: Sequence[Sequence[Doc]]
) -> System:
    """RETURNS (System): Steps of a pipeline, as `spacy train` takes them."""
    settings = load_config(CONFIGS / config, overrides=overrides).interpolate()
    nlp: Language = load_model_from_config(settings, auto_fill=True)
    references = [[Doc(nlp.vocab).from_bytes(doc.to_bytes()) for doc in batch] for batch in batches]
    examples = [[Example(with_tokens_of(nlp.vocab, doc), doc) for doc in batch] for batch in references]
    nlp.initialize(lambda: [eg for batch in examples for eg in batch])
    optimizer = registry.resolve({"optimizer": settings["training"]["optimizer"]})["optimizer"]

    def work() -> None:
        for batch in examples:
            nlp.update(batch, drop=DROPOUT, sgd=optimizer)
            optimizer.step_schedules()

    return timed(name, ", ".join(components), work)


def plain_loop(encoder: str, config: Any, batches: Sequence[Sequence[Doc]]) -> System:
    """RETURNS (System): Steps of a plain loop; weights, precision and dropout are those of the config's encoder."""
    settings = config["components"]["transformer"]["model"]
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(
        encoder, add_pooling_layer=False, attention_probs_dropout_prob=settings["attention_dropout"]
    )
    model.get_input_embeddings().requires_grad_(not settings["frozen_embeddings"])
    tags = sorted({tag(token) for batch in batches for doc in batch for token in doc})
    head = nn.Linear(model.config.hidden_size, len(tags))
    trained = [p for p in (*model.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5, weight_decay=0.01, fused=True)
    bfloat16 = settings["mixed_precision"] and computes_bfloat16("cpu")
    tensors = []
    for batch in batches:
        windows = [window for doc in batch for window in windows_of(doc, tokenizer, tags, settings["window"])]
        ids, mask = padded([ids for ids, _ in windows], tokenizer.pad_token_id or 0)
        gold, _ = padded([gold for _, gold in windows], IGNORED)
        tensors.append((ids, mask, gold))  # each (B, T)

    def work() -> None:
        model.train()
        for ids, mask, gold in tensors:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                scores = head(model(input_ids=ids, attention_mask=mask).last_hidden_state)  # (B, T, n_tags)
            loss = nn.functional.cross_entropy(scores.float().flatten(0, 1), gold.flatten(), ignore_index=IGNORED)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return timed("plain_loop", "PyTorch: encoder, linear layer, AdamW", work)


def windows_of(doc: Doc, tokenizer: Any, tags: Sequence[str], size: int) -> Iterator[tuple[list[int], list[int]]]:
    """YIELDS (tuple[list[int], list[int]]): Ids of a window's sub-words, and the tag of those that begin a token."""
    encoded = tokenizer.backend_tokenizer
    encoded.no_truncation()
    encoded.no_padding()
    whole = encoded.encode([token.text for token in doc], is_pretokenized=True, add_special_tokens=False)
    words = whole.word_ids
    gold = [tags.index(tag(doc[word])) if i == 0 or words[i - 1] != word else IGNORED for i, word in enumerate(words)]
    for start in range(0, len(words), size):
        end = start + size
        yield (
            [tokenizer.cls_token_id, *whole.ids[start:end], tokenizer.sep_token_id],
            [IGNORED, *gold[start:end], IGNORED],
        )


def tag(token: Token) -> str:
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"


if __name__ == "__main__":
    typer.run(main)
