"""Megabytes and load time of several pipelines in one process, as of departments that each have their own.

    python benchmarks/share_base.py PIPELINE … [-n 10]

Each pipeline is loaded so many times in a fresh process and reads one text each time. Pipelines that were tuned by LoRA
from one encoder share it (docs/pipeline.md); those whose weights are all their own have as many encoders.
"""

import argparse
import gc
import multiprocessing
import time
from pathlib import Path

import psutil
import spacy

TEXT = "Anna Kovacs flew to Lisbon, met the mayor of Rotterdam and signed for Nordwind AG. " * 20


def load(pipeline: str, n: int) -> list[tuple[float, float]]:
    """RETURNS (list[tuple[float, float]]): Seconds of each load and first text, and the process' megabytes after it."""
    spacy.blank("en")("Load what is loaded once.")
    process, loaded, found = psutil.Process(), [], []
    for _ in range(n):
        begun = time.perf_counter()
        nlp = spacy.load(pipeline)
        nlp(TEXT)
        seconds = time.perf_counter() - begun
        loaded.append(nlp)
        gc.collect()
        found.append((seconds, process.memory_full_info().uss / 1e6))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Megabytes and load time of several pipelines in one process.")
    parser.add_argument("pipelines", nargs="+")
    parser.add_argument("-n", type=int, default=10, help="Times that each is loaded.")
    args = parser.parse_args()
    if args.n < 2:
        parser.error("-n is 2 at least")
    print("| pipeline | MB on disk | MB, first | MB, each further | seconds, first | seconds, each further |")
    print("|---|---|---|---|---|---|")
    for pipeline in args.pipelines:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            (first, once), *rest = pool.apply(load, (pipeline, args.n))
        disk = sum(file.stat().st_size for file in Path(pipeline).rglob("*") if file.is_file()) / 1e6
        further = sum(seconds for seconds, _ in rest) / len(rest)
        each = (rest[-1][1] - once) / len(rest)
        print(f"| {pipeline} | {disk:.1f} | {once:.0f} | {each:.1f} | {first:.2f} | {further:.2f} |", flush=True)


if __name__ == "__main__":
    main()
