"""Finding the layout of a column file from its first lines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from ....errors import DossierError
from ..formats.registry import AUTO, FORMATS, check_format, sniff_format
from ..layout import Layout
from ..schemes import MISSING, OUTSIDE
from ..tags import are_numbers, bare_cell, number_error
from .roles import find_column, find_columns, find_tag_column
from .sample import Head, Sample

SAMPLE_LINES = 20_000  # lines a layout is found from
KEPT_LINES = 1_000  # of the first ones, that stand before later lines where the first hold no entity


@dataclass(frozen=True)
class Asked:
    """What the user says of a file.

    format (str): The name of a format; `auto` looks at the lines.
    token_column, tag_column, nested_column (str | None): The number of a column, counted from 1, or from the right
        as -1; its name; or a key of the MISC column.
    outside (str | None): What stands for tokens outside entities.
    """

    format: str = AUTO
    token_column: str | None = None
    tag_column: str | None = None
    nested_column: str | None = None
    outside: str | None = None


def find_layout(lines: Iterable[str], asked: Asked, *, file: str = "") -> Layout:
    """Find the layout of a file.

    lines (Iterable[str]): Its lines. The first decide, or as many as it takes until one holds an entity.
    asked (Asked): What the user says of it.
    file (str): What messages call the file.
    RETURNS (Layout): The layout.
    RAISES (DossierError): If no column can hold the tokens or the tags, or a named column is not there.
    """
    check_format(asked.format)
    lines = iter(lines)
    first = list(islice(lines, SAMPLE_LINES))
    sample, layout = _look(first, asked, file)
    while not _has_entities(sample, layout) and (more := list(islice(lines, SAMPLE_LINES))):
        later, found = _look(first[:KEPT_LINES] + more, asked, file)
        if _has_entities(later, found):
            sample, layout = later, found
    row = " ".join(sample.rows[0])
    if layout is None:
        raise DossierError("no column holds tokens", file=file, value=row, remedy="Name it with --token-column.")
    if layout.tag is None and not FORMATS[layout.format].tagless:
        free = [column for i, column in enumerate(sample.columns) if i not in (layout.index, layout.start)]
        if any(are_numbers(Counter(column)) for column in free):
            raise number_error(file, row)
        raise DossierError("no column holds entity tags", file=file, value=row, remedy="Name it with --tag-column.")
    if layout.bare:
        _check_labels(sample, layout, asked, file)
    return replace(layout, nested=find_column(sample, asked.nested_column, file)) if asked.nested_column else layout


def _look(texts: list[str], asked: Asked, file: str) -> tuple[Sample, Layout | None]:
    """RETURNS (tuple[Sample, Layout | None]): Rows and their layout, `None` if no column can hold the tokens."""
    head = Head(texts, asked.outside, file)
    format = sniff_format(head) if asked.format == AUTO else FORMATS[asked.format]
    sample, layout = format.look(head, forced=asked.format != AUTO)
    token = find_column(sample, asked.token_column, file) if asked.token_column else None
    tag, key = find_tag_column(sample, asked.tag_column, layout, file) if asked.tag_column else (None, "")
    found = find_columns(sample, layout, format.family, token, tag, key)
    return sample, found and format.annotated(sample, found)


def _has_entities(sample: Sample, layout: Layout | None) -> bool:
    """Whether the tag column holds a tag of an entity."""
    if layout is None or layout.tag is None:
        return False
    outside = {*MISSING, "*", layout.form.outside, OUTSIDE}
    return bool(layout.key) or not outside.issuperset(cell.strip() for cell in sample.columns[layout.tag])


def _check_labels(sample: Sample, layout: Layout, asked: Asked, file: str) -> None:
    """RAISES (DossierError): If labels without a prefix seem to have one, spelled in a way that is not known."""
    labels = {bare_cell(cell) for cell in sample.columns[layout.tag or 0]}
    # Both `B` and `I` before the same, as in B=PER and I=PER: no two labels differ so.
    inside = (label for label in labels if len(label) > 2 and label[0] in "Ii")
    paired = sorted(label for label in inside if {"B" + label[1:], "b" + label[1:]} & labels)
    if paired:
        raise DossierError(
            "tags of an unknown form", file=file, value=paired[0], remedy="Write them as B-PER and I-PER."
        )
    if not asked.tag_column and (inner := _inner_label(sample, layout)):
        raise DossierError(
            "tags of an unknown form: one of them never begins an entity",
            file=file,
            value=inner,
            remedy="Write tags as B-PER and I-PER, or name the column with --tag-column if they are labels.",
        )


def _inner_label(sample: Sample, layout: Layout) -> str:
    """RETURNS (str): A label that comes after one other label only, as `IN_PER` does; empty if none does."""
    before: dict[str, Counter[str]] = {}
    for sentence in sample.sentences:
        cells = layout.form.read([row[layout.tag or 0] for row in sentence])
        for last, label in pairwise((OUTSIDE, *cells)):
            if label not in (OUTSIDE, last):
                before.setdefault(label, Counter())[last] += 1
    inner = [v for v, c in before.items() if len(c) == 1 and c.total() > 2 and not {OUTSIDE, *MISSING} & c.keys()]
    return inner[0] if inner else ""
