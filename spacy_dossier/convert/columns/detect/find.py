"""Finding the layout of a column file from its first lines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from ....errors import DossierError
from ..formats.registry import AUTO, FORMATS, check_format, sniff_format
from ..layout import DELIMITERS, Layout
from ..schemes import MISSING, OUTSIDE
from ..tags import TagForm, are_numbers, bare_cell, find_outside, number_error
from .doubts import check_layout, check_words
from .foreign import check_foreign
from .roles import find_column, find_columns, find_tag_column
from .sample import Head, Sample

SAMPLE_LINES = 20_000  # lines a layout is found from
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}
KEPT_LINES = 1_000  # of the first ones, that stand before later lines where the first hold no entity


@dataclass(frozen=True)
class Asked:
    """What the user says of a file.

    format (str): The name of a format; `auto` looks at the lines.
    token_column, tag_column, nested_column (str | None): The number of a column, counted from 1, or from the right
        as -1; its name; or a key of the MISC column.
    outside (str | None): What stands for tokens outside entities.
    bare (bool): That tags are labels without a prefix, whatever they look like.
    header (bool | None): Whether the first row names the columns.
    delimiter (str | None): What parts the columns: a character, or `tab` or `space`.
    """

    format: str = AUTO
    token_column: str | None = None
    tag_column: str | None = None
    nested_column: str | None = None
    outside: str | None = None
    bare: bool = False
    header: bool | None = None
    delimiter: str | None = None


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
        check_words(sample, file)
        if asked.format == AUTO and not sample.names:
            check_foreign(first, file)
        raise DossierError("no column holds tokens", file=file, value=row, remedy="Name it with --token-column.")
    if layout.tag is None and not FORMATS[layout.format].tagless:
        check_foreign(first, file)
        free = [column for i, column in enumerate(sample.columns) if i not in (layout.index, layout.start)]
        if any(are_numbers(Counter(column)) for column in free):
            raise number_error(file, row)
        raise DossierError("no column holds entity tags", file=file, value=row, remedy="Name it with --tag-column.")
    check_layout(sample, layout, asked, file)
    return replace(layout, nested=find_column(sample, asked.nested_column, file)) if asked.nested_column else layout


def _look(texts: list[str], asked: Asked, file: str) -> tuple[Sample, Layout | None]:
    """RETURNS (tuple[Sample, Layout | None]): Rows and their layout, `None` if no column can hold the tokens."""
    head = Head(texts, asked.outside, file, _delimiter(asked.delimiter))
    format = sniff_format(head) if asked.format == AUTO else FORMATS[asked.format]
    sample, layout = format.look(head, forced=asked.format != AUTO)
    if asked.header is not None:
        layout = _with_header(sample, layout, said=asked.header)
    token = find_column(sample, asked.token_column, file) if asked.token_column else None
    tag, key = find_tag_column(sample, asked.tag_column, layout, file) if asked.tag_column else (None, "")
    found = find_columns(sample, layout, format.family, token, tag, key)
    if found is not None and asked.bare:
        outside = find_outside(Counter(map(bare_cell, sample.columns[found.tag or 0])), asked.outside)
        found = replace(found, bare=True, brackets=False, label=None, form=TagForm(outside))
    return sample, found and format.annotated(sample, found)


def _delimiter(asked: str | None) -> str:
    """RETURNS (str): The delimiter that the user names; empty if none.

    RAISES (DossierError): If it is none.
    """
    delimiter = DELIMITER_NAMES.get((asked or "").lower(), asked or "")
    if delimiter not in ("", "\t", " ", *DELIMITERS):
        raise DossierError("unknown delimiter", value=asked, remedy=f"Choose tab, space or one of {DELIMITERS}")
    return delimiter


def _with_header(sample: Sample, layout: Layout, *, said: bool) -> Layout:
    """RETURNS (Layout): The layout with a first row that names the columns, or with one that does not."""
    if said and not sample.header:
        first = next(sentence for sentence in sample.sentences if sentence)
        names = tuple(first.pop(0))
        sample.forget()
        return replace(layout, header=True, names=names)
    # Names that no row holds, as those of JSON, stay.
    return layout if said or not layout.header else replace(layout, header=False, names=())


def _has_entities(sample: Sample, layout: Layout | None) -> bool:
    """Whether the tag column holds a tag of an entity."""
    if layout is None or layout.tag is None:
        return False
    outside = {*MISSING, "*", layout.form.outside, OUTSIDE}
    return bool(layout.key) or not outside.issuperset(cell.strip() for cell in sample.columns[layout.tag])
