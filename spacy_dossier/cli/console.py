"""Progress and messages for people, on stderr: a rich bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console

PLAIN_INTERVAL = 10.0  # seconds between two plain progress lines

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


class Advance(Protocol):
    def __call__(self, steps: int = 1, *, note: str = "") -> None: ...


@contextmanager
def progress(description: str, total: int | None = None, *, unit: str = "docs") -> Iterator[Advance]:
    """Show how far a long piece of work has come.

    description (str): What is being done.
    total (int | None): Number of steps, when it is known.
    unit (str): What a step is, in the plural.
    YIELDS (Advance): Call it as `advance(steps, note="…")`; `note` is free text beside the count.
    """
    if stderr.is_terminal:
        yield from _bar(description, total, unit)
    else:
        yield from _lines(description, total, unit)


def _bar(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]} {task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task(description, total=total, unit=unit, note="")

        def advance(steps: int = 1, *, note: str = "") -> None:
            bar.update(task, advance=steps, note=note)

        yield advance


def _lines(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    started = last = time.monotonic()
    done = 0
    latest = ""

    def line() -> None:
        of = "" if total is None else f" of {total:,}"
        tail = f" ({latest})" if latest else ""
        stderr.print(f"{description}: {done:,}{of} {unit} in {time.monotonic() - started:.0f} s{tail}", markup=False)

    def advance(steps: int = 1, *, note: str = "") -> None:
        nonlocal done, last, latest
        done += steps
        latest = note
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            line()

    yield advance
    line()
