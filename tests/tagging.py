"""Tags read one token at a time, to compare the package's array programs with."""

from collections.abc import Sequence

from spacy_dossier.models.tags import Spans, TagScheme


def spans_of(scheme: TagScheme, tags: Sequence[int]) -> list[tuple[int, int, str]]:
    """RETURNS (list): Start, end and label of each entity of one sequence."""
    found = []
    start, label = -1, ""
    for i, tag in enumerate([*tags, 0]):
        prefix, _, name = scheme.tags[tag].partition("-")
        if start >= 0 and prefix not in "IL":
            found.append((start, i, label))
            start = -1
        if prefix in "BU":
            start, label = i, name
    return found


def listed(scheme: TagScheme, spans: Spans) -> list[tuple[int, int, int, str]]:
    """RETURNS (list): Row, start, end and label of each."""
    columns = (spans.rows, spans.starts, spans.ends, spans.labels)
    return [(row, start, end, scheme.labels[label]) for row, start, end, label in zip(*columns, strict=True)]
