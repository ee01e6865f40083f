"""What speed.py times beside ours: each system in as many processes as there are cores, of one thread each, and of an
environment of its own where this one does not have it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from peers import CPU_PEERS, System
from tokenizers import Tokenizer

from spacy_dossier.errors import DossierError
from spacy_dossier.process.engine import usable_cores

SERVED = Path(__file__).resolve().with_name("served.py")
# Flair's splitter writes some characters in another way, which gives a few sub-words more or fewer.
LEAST_READ = 0.99

# What is there beside the peers of peers.py: the label, by the name of the system. The first two are this project's.
SYSTEMS = {
    "entities_torch": "nlp.pipe, entities only, torch",
    "entities_bf16": "nlp.pipe, entities only, bf16",
    "edsnlp": "EDS-NLP, float32",
    "edsnlp_bf16": "EDS-NLP, bfloat16",
    "edsnlp_wide_bf16": "EDS-NLP, bfloat16, windows every 112",
    "flair": "Flair",
}


def default_systems() -> dict[str, str]:
    """RETURNS (dict[str, str]): What this environment has, by name, with its interpreter."""
    return dict.fromkeys([*CPU_PEERS, "entities_torch", "entities_bf16"], sys.executable)


def choose(names: Sequence[str] | None, environments: Sequence[str] | None) -> dict[str, str]:
    """RETURNS (dict[str, str]): The systems to time, each with its interpreter. RAISES (DossierError): No such."""
    there = default_systems()
    for given in environments or ():
        kind, _, python = given.partition("=")
        if kind not in ("edsnlp", "flair") or not Path(python).is_file():
            raise DossierError("no such environment", value=given, remedy="Give edsnlp=PYTHON or flair=PYTHON")
        there |= dict.fromkeys([name for name in SYSTEMS if name.startswith(kind)], python)
    for name in names or ():
        if name not in there:
            raise DossierError("unknown system, or no environment for it", value=name, remedy=", ".join(there))
    return {name: there[name] for name in names or there}


def beside(encoder: str, pipeline: str, texts: Sequence[str], others: Mapping[str, str]) -> list[System]:
    """The other systems, each in as many processes of one thread as there are cores.

    RAISES (DossierError): A system does not run, or its encoder does not read all of the texts.
    """
    there = subwords(encoder, texts)
    systems = []
    for name, python in others.items():
        try:
            read = subwords_read(name, python, encoder, pipeline, texts)
        except (OSError, RuntimeError) as error:
            remedy = "Name the encoder's folder with --encoder, and its environment's interpreter with --environment"
            raise DossierError(f"{name} does not run ({error})", value=python, remedy=remedy) from None
        if read < there * LEAST_READ:
            raise DossierError(f"{name} reads {read:,} of the {there:,} sub-words", remedy="Leave it out with --peer")
        label = CPU_PEERS[name].label if name in CPU_PEERS else SYSTEMS[name]
        systems.append(System(name, label, served(name, python, encoder, pipeline, texts, usable_cores())))
    return systems


def subwords(encoder: str, texts: Sequence[str]) -> int:
    """RETURNS (int): Sub-words of the texts, special tokens left out. RAISES (DossierError): No such encoder."""
    file = Path(encoder, "tokenizer.json")
    if not file.is_file():
        raise DossierError("the encoder does not load", value=encoder, remedy="Name its folder with --encoder")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    unknown = {tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>")}
    return sum(sum(number not in unknown for number in one.ids) for one in encoded)


def served(
    name: str, python: str, encoder: str, pipeline: str, texts: Sequence[str], processes: int
) -> Callable[[], float]:
    """What times a system: the texts are dealt out to its processes, which are started and loaded at each call.

    python (str): The interpreter of the environment that has it.
    RETURNS (Callable): Does the whole of the work. RETURNS (float): Seconds of the slowest process, without loading.
    RAISES (RuntimeError): A process ends early.
    """
    command = [python, str(SERVED), name, encoder, pipeline]
    parts = deal(texts, processes)

    def run() -> float:
        with ExitStack() as stack:
            children = [stack.enter_context(Child(command, part)) for part in parts]
            for child in children:
                child.hear()
            start = time.perf_counter()
            for child in children:
                child.say("go")
            for child in children:
                child.hear()
            return time.perf_counter() - start

    return run


def subwords_read(name: str, python: str, encoder: str, pipeline: str, texts: Sequence[str]) -> int:
    """RETURNS (int): Sub-words that the encoder of a system reads, special tokens and padding left out."""
    with Child([python, str(SERVED), name, encoder, pipeline], texts) as child:
        child.hear()
        child.say("count")
        return child.hear()


def deal(texts: Sequence[str], n: int) -> list[list[str]]:
    """RETURNS (list[list[str]]): Parts of about as many words each; the longest texts are dealt first."""
    parts: list[list[str]] = [[] for _ in range(n)]
    words = [0] * n
    for text in sorted(texts, key=lambda text: -len(text.split())):
        least = words.index(min(words))
        parts[least].append(text)
        words[least] += len(text.split())
    return [part for part in parts if part]


class Child:
    """One of the processes, as its parent sees it."""

    def __init__(self, command: list[str], texts: Sequence[str]) -> None:
        self.command = command
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        environment |= {
            "TOKENIZERS_PARALLELISM": "false",
            "TRANSFORMERS_VERBOSITY": "error",
            "PYTHONWARNINGS": "ignore",
        }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.say(json.dumps(list(texts)))

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> int:
        assert self.process.stdout
        if answer := self.process.stdout.readline():
            return int(answer)
        raise RuntimeError(f"'{' '.join(self.command)}' ended with {self.process.wait()}; see above")
