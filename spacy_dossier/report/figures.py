"""The figures on a report's first page."""

from collections.abc import Iterator, Sequence
from typing import Any

from .index import BINS, Totals
from .pages import LIKELY, SURE, band


def tiles(totals: Totals, different: int, failures: int, run: dict[str, Any]) -> list[tuple[str, str, str]]:
    """RETURNS (list): The run's main figures: name, value, page behind it or ""."""
    found = [
        ("Documents", f"{totals.documents:,}", "documents.html"),
        ("Failures", f"{failures:,}", "failures.html"),
        ("Mentions", f"{totals.entities:,}", ""),
        ("Different entities", f"{different:,}", "entities.html"),
        ("Tokens", f"{totals.tokens:,}", ""),
    ]
    latest = run.get("this_run", {})
    if latest.get("words_per_second"):
        found.append(("Words a second", f"{latest['words_per_second']:,.0f}", ""))
    if latest.get("seconds"):
        found.append(("Time of the last run", duration(latest["seconds"]), ""))
    return found


def facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """RETURNS (list): What run.json says, but for the names of its files: "options · sentences", "3"."""
    rows = []
    for name, value in flatten({key: value for key, value in run.items() if key != "outputs"}):
        rows.append((name.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else str(value)))
    return rows


def flatten(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """YIELDS (tuple): Name and value of each leaf that says something; a list of leaves counts as one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{name} · {key}" if name else str(key))
    elif isinstance(value, list):
        if value:
            yield name, ", ".join(map(str, value))
    elif isinstance(value, bool):
        yield name, "yes" if value else "no"
    elif value is not None and value != "":
        yield name, value


def duration(seconds: float) -> str:
    """RETURNS (str): A time as people say it: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def histogram(bins: Sequence[int]) -> list[tuple[float, str]]:
    """RETURNS (list): Height of each bar from 0 to 1, and the band of confidence it is in."""
    return [(count / max(bins), band((number + 0.5) / BINS)) for number, count in enumerate(bins)]


def histogram_text(bins: Sequence[int]) -> str:
    """RETURNS (str): The histogram in words."""
    total = sum(bins)
    sure = sum(bins[round(SURE * BINS) :]) / total
    likely = sum(bins[round(LIKELY * BINS) : round(SURE * BINS)]) / total
    return (
        f"{sure:.0%} of the mentions are at {SURE:.0%} or more, {likely:.0%} between {LIKELY:.0%} and {SURE:.0%}, "
        f"{1 - sure - likely:.0%} below."
    )
