"""Which column of a file holds what, judged by names and cells."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ....errors import DossierError
from ....text.words import word_set
from ..layout import QUOTED, Layout
from ..schemes import MISSING, MISSING_TAG, OPENED, OUTSIDE, is_bracket, is_tag
from ..tags import INTEGER, PLAIN, TagForm, bare_cell, find_form, find_outside
from .evidence import (
    ENOUGH,
    MOST_INSIDE,
    ROLE,
    ROLE_NAMES,
    TAG_NAMES,
    TOKEN_NAMES,
    is_chunk,
    is_lemma,
    is_pos,
    is_role,
    key_value,
    share_inside,
    tag_key,
)
from .sample import Sample

FLAGS = ("SpaceAfter=No", "NoSpaceAfter", "EndOfSentence")
UPOS = word_set("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _")
NAME = re.compile(r"[^\W\d]{2,}")  # what a header holds above tags
DIGIT = re.compile(r"\d")
TOKEN_PREFIX = re.compile(r"[^\W\d_][\w-]*:|\w+\[0\]=")  # en: in WikiANN; w[0]= of features
FEATURE = re.compile(r"[\w.\[\]()|+-]{1,40}=.+", re.DOTALL)  # what CRFsuite learns from: w[-1]=Anna, lower()=anna
LONGER = 4  # tokens of a sentence that has a space, if spaces are tokens
MAX_TAGSET = 250  # parts of speech; the largest tagsets with morphology in one tag have a few hundred more


@dataclass(frozen=True)
class Family:
    """What the columns of all files of a format have in common.

    token (int | None): The token, where it always stands in one column.
    bracket_tag (int | None): The column of the entities, if it holds brackets.
    brackets (bool): Whether tags are brackets even where none opens.
    unannotated (bool): Whether a column of missing tags alone is that of the entities.
    headed (bool): Whether the first row may hold names of columns.
    ordered (bool): Whether the order of the columns tells anything: the token comes before what is said of it.
    """

    token: int | None = None
    bracket_tag: int | None = None
    brackets: bool = False
    unannotated: bool = False
    headed: bool = True
    ordered: bool = True


def find_columns(
    sample: Sample, layout: Layout, family: Family, token: int | None = None, tag: int | None = None, key: str = ""
) -> Layout | None:
    """Complete a layout by what the columns hold.

    sample (Sample): Rows of the file.
    layout (Layout): What the format says of it.
    family (Family): What files of the format have in common.
    token, tag (int | None): Columns that the user has named.
    key (str): A key of the MISC column that the user has named.
    RETURNS (Layout | None): The layout; `None` if no column can hold the tokens.
    """
    layout = find_flags(sample, layout)
    nested = None
    if token is None:
        token = _named_token(sample, layout, family)
    if tag is None:
        tag, key, nested = find_tag(sample, layout, token, family)
        layout = replace(layout, further=_further_columns(sample, layout, token, tag))
    label = _label_column(sample, tag, token) if tag is not None and not key else None
    if token is None:
        token = _text_column(sample, (layout.index, layout.sentence, tag, label, layout.document), family.ordered)
    if token is None or token == tag:
        return None
    layout = replace(layout, token=token, tag=tag, key=key, label=label, nested=nested)
    if tag is not None:
        layout = _spelled(sample, layout, brackets=family.brackets)
        layout = _headed(sample, layout) if family.headed else layout
    return _with_token_spelling(sample, layout)


def named_roles(names: Sequence[str]) -> dict[str, int]:
    """RETURNS (dict[str, int]): Columns, by their role, that carry a known name."""
    found = {role: [names.index(name) for name in known if name in names] for role, known in ROLE_NAMES.items()}
    return {role: columns[0] for role, columns in found.items() if columns}


def find_column(sample: Sample, column: str, file: str) -> int:
    """RETURNS (int): The column with this number (from 1, or from the right as -1) or name."""
    n = len(sample.columns)
    number = int(column) if INTEGER.fullmatch(column) else 0
    if number and -n <= number <= n:
        return number - 1 if number > 0 else n + number
    lower = [name.lower() for name in sample.names[:n]]
    if column.lower() in lower:
        return lower.index(column.lower())
    there = f"1 to {n}" + (f", {', '.join(sample.names)}" if sample.names else "")
    raise DossierError("no such column", file=file, value=column, remedy=f"The columns are {there}.")


def find_tag_column(sample: Sample, column: str, layout: Layout, file: str) -> tuple[int, str]:
    """RETURNS (tuple[int, str]): The tag column, and the key in it if `column` is one of a MISC column."""
    if layout.misc is not None and column.lower() not in map(str.lower, layout.names):
        fields = (field for cell in sample.columns[layout.misc] for field in cell.split("|"))
        if any(field.startswith(f"{column}=") for field in fields):
            return layout.misc, column
    return find_column(sample, column, file), ""


def find_flags(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout with the column of flags, and whether they end sentences."""
    columns = sample.columns
    if layout.misc is None and len(columns) > 2:
        found = [i for i, column in enumerate(columns) if any(flag in cell for cell in column for flag in FLAGS)]
        layout = replace(layout, misc=found[-1] if found else None)
    if layout.misc is None:
        return layout
    ends = any("EndOfSentence" in cell.split("|") for cell in columns[layout.misc])
    return replace(layout, ends=ends, restarts=layout.restarts and not ends)


def _named_token(sample: Sample, layout: Layout, family: Family) -> int | None:
    """RETURNS (int | None): The column whose name, or the format, says that it holds the tokens."""
    lower = [name.lower() for name in layout.names[: len(sample.columns)]]
    return next((lower.index(name) for name in TOKEN_NAMES if name in lower), family.token)


def _text_column(sample: Sample, taken: Sequence[int | None], ordered: bool) -> int | None:
    """Find the tokens.

    sample (Sample): Rows of the file.
    taken (Sequence[int | None]): Columns that hold something else.
    ordered (bool): Whether tokens come before what is said of them.
    RETURNS (int | None): The first column of text that has half as many different cells as any other, or the one that
        has the most; of features, those of the token itself.
    """
    texts = [i for i in range(len(sample.columns)) if i not in taken and _is_text(sample, i)]
    texts = [i for i in texts if not _is_id(sample, i)] or texts[:1]
    own = [i for i in texts if _prefix(sample.columns[i]).endswith("=")]
    texts = own or [i for i in texts if not are_features(sample.columns[i])]
    kinds = {i: len(set(sample.columns[i])) for i in texts}
    most = max(kinds.values(), default=0)
    if ordered and not own:
        return next((i for i in texts if 2 * kinds[i] >= most), None)
    best = [i for i in texts if kinds[i] == most]
    return best[0] if len(best) == 1 else None


def are_features(cells: Sequence[str]) -> bool:
    """RETURNS (bool): Whether cells are features with their names."""
    return 2 * sum(map(bool, map(FEATURE.fullmatch, cells))) > len(cells)


def _is_text(sample: Sample, i: int) -> bool:
    """Whether a column can be the tokens: not one value all through each sentence, not numbers all through."""
    if all(map(INTEGER.fullmatch, sample.columns[i])):
        return len(sample.columns) == 2
    longer = [sentence for sentence in sample.sentences if len(sentence) > 2]
    return not longer or any(len({row[i] for row in sentence}) > 1 for sentence in longer)


def _is_id(sample: Sample, i: int) -> bool:
    """Whether all cells hold a digit, as those of no text do."""
    prefix = _prefix(sample.columns[i])
    return all(DIGIT.search(cell, len(prefix)) for cell in sample.columns[i])


def find_tag(sample: Sample, layout: Layout, token: int | None, family: Family) -> tuple[int | None, str, int | None]:
    """Find the column of the entity tags.

    sample (Sample): Rows of the file.
    layout (Layout): What is known of its layout.
    token (int | None): The token column, if it has a known name.
    family (Family): What files of the format have in common.
    RETURNS (tuple[int | None, str, int | None]): The tag column, its key, and the column of a second layer.
    """
    columns = sample.columns
    taken = {layout.index, token, layout.misc}
    if (named := _named_tag(sample, layout)) is not None:
        further = (i for i in _tag_columns(sample, {*taken, named}) if i > named)
        return named, "", next(further, None)
    if layout.misc is not None and (key := tag_key(columns[layout.misc])):
        return layout.misc, key, None
    taken |= {layout.sentence, layout.document}
    found = _tag_columns(sample, taken)
    tags = {i: form.read(columns[i]) for i, form in found.items()}
    entities = [i for i, read in tags.items() if not is_chunk(read) and not is_role(read)]
    if len(sample.rows) >= ENOUGH:
        entities = [i for i in entities if share_inside(tags[i]) <= MOST_INSIDE] or entities
    usual = [i for i in entities if found[i] == PLAIN] or entities
    if usual:
        return usual[0], "", usual[1] if len(usual) > 1 else None
    free = [i for i in range(len(columns)) if i not in taken]
    bracketed = _bracket_column(sample, free, family.bracket_tag)
    others = (bracketed, _outside_column(sample, free, family.unannotated), _bare_column(sample, free), *found)
    return next((column for column in others if column is not None), None), "", None


def _further_columns(sample: Sample, layout: Layout, token: int | None, tag: int | None) -> tuple[int, ...]:
    """RETURNS (tuple[int, ...]): Columns that hold tags too."""
    return tuple(_tag_columns(sample, {layout.index, token, layout.misc, layout.sentence, layout.document, tag}))


def _named_tag(sample: Sample, layout: Layout) -> int | None:
    """RETURNS (int | None): The column whose name says that it holds entity tags."""
    full = [name.lower() for name in layout.names[: len(sample.columns)]]
    for names in ([name.split(":")[-1] for name in full], full):
        named = [names.index(name) for name in TAG_NAMES if name in names]
        named = [i for i in named if not all(map(INTEGER.fullmatch, sample.columns[i]))]
        if named:  # a column named `tag` may hold parts of speech
            return next((i for i in named if find_form(Counter(sample.columns[i]), sample.outside)), named[0])
    return None


def _tag_columns(sample: Sample, taken: set[int | None]) -> dict[int, TagForm]:
    """RETURNS (dict[int, TagForm]): Columns that hold entity tags, and how these are spelled."""
    forms = {
        i: find_form(Counter(map(bare_cell, column)), sample.outside)
        for i, column in enumerate(sample.columns)
        if i not in taken
    }
    return {i: form for i, form in forms.items() if form is not None}


def _bracket_column(sample: Sample, free: Sequence[int], usual: int | None) -> int | None:
    """RETURNS (int | None): The first column of `(PERSON*`, `*`, `*)` that holds no roles."""
    columns = sample.columns
    found = [i for i in free if any("*" in cell for cell in columns[i]) and all(map(is_bracket, columns[i]))]
    if usual in found:
        return usual
    for i in found:
        labels = {label for cell in columns[i] for label in OPENED.findall(cell)}
        if labels and not any(map(ROLE.fullmatch, labels)):
            return i
    return None


def _outside_column(sample: Sample, free: Sequence[int], unannotated: bool) -> int | None:
    """RETURNS (int | None): A column of a file in which nothing is an entity."""
    outside = [i for i in free if set(sample.columns[i]) <= {OUTSIDE, *MISSING}]
    said = [i for i in outside if OUTSIDE in sample.columns[i]] or (outside if unannotated else [])
    return said[-1] if said else None


def _bare_column(sample: Sample, free: Sequence[int]) -> int | None:
    """RETURNS (int | None): A column that can hold labels without prefixes: few, and one that says outside."""
    for i in reversed(free):
        counts = Counter(map(bare_cell, sample.columns[i]))
        outside = find_outside(counts, sample.outside)
        few = 1 < len(counts) <= max(8, counts.total() / 10) and not all(map(INTEGER.fullmatch, counts))
        known = outside in (OUTSIDE, sample.outside) or counts.most_common(1)[0][0] == outside
        if outside in counts and few and known:
            return i
    return None


def _label_column(sample: Sample, tag: int, token: int | None) -> int | None:
    """RETURNS (int | None): The column beside a column of bare prefixes that holds their labels."""
    column = sample.columns[tag]
    form = find_form(Counter(column), sample.outside)
    if form is None or not form.unlabelled:
        return None
    beside = [i for i in (tag + 1, tag - 1) if i != token and 0 <= i < len(sample.columns)]
    return next((i for i in beside if _holds_labels(sample, i, tag, form.outside)), None)


def _holds_labels(sample: Sample, i: int, tag: int, outside: str) -> bool:
    """Whether a column holds one thing outside entities, others inside, and does not change within an entity."""
    inside = {row[i] for row in sample.rows if row[tag] != outside}
    without = {row[i] for row in sample.rows if row[tag] == outside}
    within = (pair for sentence in sample.sentences for pair in pairwise(sentence) if pair[1][tag] == "I")
    return len(without) == 1 and not inside & without and all(a[i] == b[i] for a, b in within)


def _spelled(sample: Sample, layout: Layout, *, brackets: bool) -> Layout:
    """Find out what tags look like.

    sample (Sample): Rows of the file.
    layout (Layout): A layout with a tag column.
    brackets (bool): Whether a column of `*` alone holds brackets.
    RETURNS (Layout): The layout with the spelling.
    """
    column = sample.columns[layout.tag or 0]
    if layout.key:
        values = [key_value(layout.key, cell) for cell in column]
        return replace(layout, key_default="_" if OUTSIDE in values else OUTSIDE)
    counts = Counter(map(bare_cell, column))
    outside = find_outside(counts, sample.outside)
    if layout.label is not None:
        pairs = zip(column, sample.columns[layout.label], strict=True)
        label_outside = next((label for cell, label in pairs if cell.strip() == outside), MISSING_TAG)
        return replace(layout, form=TagForm(outside), label_outside=label_outside)
    if all(map(is_bracket, counts)) and (brackets or any(cell.startswith("(") for cell in counts)):
        return replace(layout, brackets=True)
    form = find_form(counts, sample.outside)
    return replace(layout, form=form) if form is not None else _with_labels_alone(layout, counts, TagForm(outside))


def _with_labels_alone(layout: Layout, counts: Counter[str], plain: TagForm) -> Layout:
    """RETURNS (Layout): The layout of a column that has no form: of labels alone, unless some have a prefix."""
    labelled = counts.keys() - {plain.outside, *MISSING}
    prefixed = any(map(plain.matches, counts)) and plain.is_believed(counts)
    return replace(layout, bare=bool(labelled) and not prefixed, form=plain)


def _headed(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout with names, if the first row alone has a word where the others have tags."""
    if sample.header or layout.brackets or layout.key:
        return layout
    if layout.bare:
        first = sample.rows[0]
        named = any(cell.lower() in TOKEN_NAMES for cell in first)
        once = sum(row[layout.tag or 0] == first[layout.tag or 0] for row in sample.rows) == 1
        return replace(layout, header=True, names=tuple(first)) if named and once else layout
    cells = layout.form.read([row[layout.tag or 0] for row in sample.rows])
    if len(cells) < 3 or not NAME.fullmatch(cells[0]) or is_tag(cells[0]) or not all(map(is_tag, cells[1:])):
        return layout
    return replace(layout, header=True, names=tuple(sample.rows[0]))


def _with_token_spelling(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout with what stands around tokens and is no part of them."""
    cells = sample.columns[layout.token]
    return replace(
        layout,
        prefix=_prefix(cells),
        spaced=_are_spaces_tokens(sample, layout.token),
        quoted=layout.quoted or (sample.delimiter == "\t" and _is_quoted(cells)),
        digits=_has_digits(cells),
    )


def _are_spaces_tokens(sample: Sample, token: int) -> bool:
    """Whether most sentences of several tokens hold one that is a space."""
    longer = [sentence for sentence in sample.sentences if len(sentence) > LONGER]
    return 2 * sum(any(row[token] == " " for row in sentence) for sentence in longer) > len(longer)


def _prefix(cells: Sequence[str]) -> str:
    """RETURNS (str): What stands before each token, as `en:` in WikiANN."""
    match = TOKEN_PREFIX.match(cells[0])
    if match is None or len(cells) < 2:
        return ""
    return match[0] if all(cell.startswith(match[0]) and cell != match[0] for cell in cells) else ""


def _is_quoted(cells: Sequence[str]) -> bool:
    """Whether a CSV writer has been at the tokens: no quotation mark, or comma beside quoted ones, is bare."""
    quotes = [cell for cell in cells if '"' in cell]
    commas = [cell for cell in cells if "," in cell] if any("," in cell for cell in quotes) else []
    return all(map(QUOTED.fullmatch, (*quotes, *commas))) and (cells.count('","') > 2 or '""""' in cells)


def _has_digits(cells: Sequence[str]) -> bool:
    """Whether a digit follows each character, most of which are Chinese."""
    wide = sum(not cell.isascii() for cell in cells)
    return 2 * wide > len(cells) and all(len(cell) == 2 and cell[1] in "0123456789" for cell in cells)


def find_annotation(sample: Sample, layout: Layout) -> Layout:
    """RETURNS (Layout): The layout with part of speech, lemma and offsets among the columns between token and tag."""
    columns, token = sample.columns, layout.token
    for i in range(token + 1, layout.tag if layout.tag is not None else token + 1):
        if i not in (layout.label, layout.sentence) and (len(set(columns[i])) > 1 or len(columns[i]) <= 20):
            layout = _with_annotation(sample, layout, i)
    return layout


def _with_annotation(sample: Sample, layout: Layout, i: int) -> Layout:
    column, tokens = sample.columns[i], sample.columns[layout.token]
    values = set(column)
    if all(cell.isdecimal() for cell in column):
        if layout.start is None and _is_offset(sample, i, layout.token):
            return replace(layout, start=i)
    elif all(map(is_tag, values)) or all(map(is_bracket, values)):
        return layout
    elif layout.lemma is None and is_lemma(tokens, column):
        return replace(layout, lemma=i)
    elif layout.xpos is None and layout.upos is None and is_pos(tokens, column, MAX_TAGSET):
        return replace(layout, upos=i) if values <= UPOS else replace(layout, xpos=i)
    return layout


def _is_offset(sample: Sample, i: int, token: int) -> bool:
    pairs = [pair for sentence in sample.sentences for pair in pairwise(sentence)]
    good = sum(int(a[i]) + len(a[token]) <= int(b[i]) <= int(a[i]) + len(a[token]) + 8 for a, b in pairs)
    return 10 * good >= 9 * len(pairs)
