"""The worst errors, each in its sentence."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from spacy.tokens import Doc

from .corpus import ScoredEntity, token_offsets
from .entities import Match, Pair, matches, surface

EXAMPLES = 60
CONTEXT = 25  # tokens on either side where a sentence is unknown or very long


class _Error(NamedTuple):
    document: int
    match: Match
    # What makes two errors the same error: the kind, and form and label on both sides.
    signature: tuple[str, str, str, str, str]


def worst_errors(pairs: Sequence[Pair], limit: int = EXAMPLES) -> list[dict[str, Any]]:
    """The errors a reader should see first, each shown once with the number of times it was made.

    Wrong predictions come first, by their confidence, then missed entities. Those without confidence are ordered by
    how often they were made, the systematic before the single. A third of the room is kept for missed entities.

    limit (int): Most errors to return.
    RETURNS (list[dict[str, Any]]): Of each error its kind, how often it was made, both entities, the text around, and
        all annotated and predicted entities in that text, with offsets into it.
    """
    errors = [
        _Error(i, match, _signature(pair, match))
        for i, pair in enumerate(pairs)
        for match in matches(pair)
        if match.kind != "correct"
    ]
    times = Counter(error.signature for error in errors)
    wrong = [error for error in errors if error.match.predicted]
    missed = [error for error in errors if not error.match.predicted]
    wrong.sort(key=lambda error: (-_confidence(error), -times[error.signature]))
    missed.sort(key=lambda error: -times[error.signature])
    missed = _first_of_each(missed)
    room = max(limit - len(missed), limit - limit // 3)
    chosen = _first_of_each(wrong)[:room]
    chosen += missed[: limit - len(chosen)]
    return [_example(error, pairs[error.document], times[error.signature]) for error in chosen]


def surroundings(doc: Doc, match: Match) -> tuple[int, int]:
    """The sentence around an error, or some tokens on either side where sentences are unknown or long.

    RETURNS (tuple[int, int]): Character offsets.
    """
    sides = [entity for entity in (match.gold, match.predicted) if entity]
    low, high = min(entity.start for entity in sides), max(entity.end for entity in sides)
    offsets = token_offsets(doc)
    first = min(int((offsets[:, 1] <= low).sum()), len(doc) - 1)
    last = max(first, int((offsets[:, 0] < high).sum()) - 1)
    left, right = max(0, first - CONTEXT), min(len(doc) - 1, last + CONTEXT)
    if doc.has_annotation("SENT_START"):
        left = max(left, doc[first].sent.start)
        right = min(right, doc[last].sent.end - 1)
    return min(low, int(offsets[left, 0])), max(high, int(offsets[right, 1]))


def _signature(pair: Pair, match: Match) -> tuple[str, str, str, str, str]:
    gold, predicted = (
        (surface(pair.doc.text[entity.start : entity.end]), entity.label) if entity else ("", "")
        for entity in (match.gold, match.predicted)
    )
    return (match.kind, *gold, *predicted)


def _confidence(error: _Error) -> float:
    predicted = error.match.predicted
    return 0.0 if predicted is None or predicted.confidence is None else predicted.confidence


def _first_of_each(errors: Sequence[_Error]) -> list[_Error]:
    first: dict[tuple[str, str, str, str, str], _Error] = {}
    for error in errors:
        first.setdefault(error.signature, error)
    return list(first.values())


def _example(error: _Error, pair: Pair, times: int) -> dict[str, Any]:
    match = error.match
    start, end = surroundings(pair.doc, match)

    def inside(entities: Sequence[ScoredEntity]) -> list[dict[str, Any]]:
        return [_entity(entity, start) for entity in entities if entity.start >= start and entity.end <= end]

    return {
        "kind": match.kind,
        "times": times,
        "document": error.document,
        "start": start,
        "text": pair.doc.text[start:end],
        "gold": None if match.gold is None else _entity(match.gold, start),
        "predicted": None if match.predicted is None else _entity(match.predicted, start),
        "all_gold": inside(pair.gold),
        "all_predicted": inside(pair.predicted),
    }


def _entity(entity: ScoredEntity, offset: int) -> dict[str, Any]:
    found: dict[str, Any] = {"start": entity.start - offset, "end": entity.end - offset, "label": entity.label}
    if entity.confidence is not None:
        found["confidence"] = entity.confidence
    return found
