"""How a column spells its tags: `B-PER`, `PER_B`, `b:per`, `B`; with `0` or `OTHER` outside; several to a cell."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...errors import DossierError
from ...text.words import word_set
from .schemes import INSIDES, MISSING, OPENERS, OUTSIDE, PREFIXED, is_tag

ONLY_LABEL = "ENTITY"  # the label where tags have none
PREFIXES = "BIESLUMW"
OUTSIDES = word_set("o 0 out outside other none null nil na n/a nan") | {""}  # in any case
BEFORE = re.compile(rf"([{PREFIXES}])([-_:/.|+])(\S.*)", re.DOTALL | re.IGNORECASE)
AFTER = re.compile(rf"(\S.*)([-_:/.|+])([{PREFIXES}])", re.DOTALL | re.IGNORECASE)
UNLABELLED = (*map(frozenset, ("BO", "BIO", "IO", "BIESO", "BESO", "BILUO", "BLUO", "BMESO", "BMEWO")),)
CODE = re.compile(r"(\d+)(?::([^;]+))?")
SEPARATORS = "|#;+,"
INTEGER = re.compile(r"-?\d+")
# Characters that take no room: zero-width spaces and joiners, marks of direction and byte order, soft hyphens.
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
NOT_IN_TAGS = str.maketrans("", "", INVISIBLE)
LABEL = re.compile(r"[^\W\d_](?:[\w-]*\w)?")


@dataclass(frozen=True)
class TagForm:
    """How the cells of a tag column are written.

    outside (str): The cell of a token outside entities.
    joint (str): What stands between prefix and label.
    suffix (bool): Whether the label comes first, as in `PER-B`.
    lower (bool): Whether prefixes are lower case.
    unlabelled (bool): Whether cells are prefixes without a label.
    layers (str): What parts the tags of several layers in one cell; the first is read.
    codes (bool): Whether entities are numbered, as `1:PER`, `1`, `*` (the PARSEME way).
    """

    outside: str = OUTSIDE
    joint: str = "-"
    suffix: bool = False
    lower: bool = False
    unlabelled: bool = False
    layers: str = ""
    codes: bool = False

    @cached_property
    def _seen(self) -> dict[str, str]:
        return {}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        letters, joint = (PREFIXES.lower() if self.lower else PREFIXES), re.escape(self.joint)
        if self.joint == "-" and not self.suffix:
            joint = "[-_]"
        order = rf"(?P<label>\S.*){joint}(?P<prefix>[{letters}])" if self.suffix else ""
        return re.compile(order or rf"(?P<prefix>[{letters}]){joint}(?P<label>\S.*)", re.DOTALL)

    def matches(self, cell: str) -> bool:
        """RETURNS (bool): Whether a cell is a tag of this form that belongs to an entity."""
        return self._pattern.fullmatch(cell) is not None

    def is_believed(self, counts: Counter[str]) -> bool:
        """Tell prefixes from labels that look as if they had one, as `B-cell` and `E-mail` do.

        Prefixes stand before several labels, or several before one label. Where neither is seen, tags must be able to
        begin an entity, and 5 of 100 must not be labels without a prefix, as `T-cell` is.

        counts (Counter[str]): The cells of a column.
        RETURNS (bool): Whether the cells that match this form are tags.
        """
        pairs = {(match["prefix"].upper(), match["label"]) for match in map(self._pattern.fullmatch, counts) if match}
        prefixes, labels = {prefix for prefix, _ in pairs}, {label for _, label in pairs}
        if prefixes & INSIDES or len(pairs) > min(len(prefixes), len(labels)):
            return True
        cells = counts.keys() - {self.outside, OUTSIDE, *MISSING}
        alone = [cell for cell in cells if not self.matches(cell) and LABEL.fullmatch(cell)]
        often = sum(counts[cell] for cell in alone)
        kin = any(cell.endswith(f"{self.joint}{label}") for cell in alone for label in labels)
        if often > 1 or kin:  # one label without a prefix is an error in the data
            return bool(prefixes & OPENERS) and 20 * often <= sum(counts[cell] for cell in cells)
        return bool(prefixes & OPENERS)

    def read(self, cells: Sequence[str]) -> list[str]:
        """RETURNS (list[str]): The cells of a sentence as `B-PER`, `O` …; what is no tag stays as it is."""
        if self.codes:
            return _read_codes(cells)
        seen = self._seen
        for cell in set(cells).difference(seen):
            seen[cell] = self._read(bare_cell(cell))
        return [seen[cell] for cell in cells]

    def _read(self, cell: str) -> str:
        if cell == self.outside:
            return OUTSIDE
        if self.layers:
            cell = cell.split(self.layers)[0]
        if self.unlabelled and len(cell) == 1 and cell in PREFIXES:
            return f"{cell}-{ONLY_LABEL}"
        match = self._pattern.fullmatch(cell)
        return f"{match['prefix'].upper()}-{match['label'].strip()}" if match else cell

    def write(self, tags: Sequence[str]) -> list[str]:
        """RETURNS (list[str]): Tags as `B-PER` in this form."""
        return _write_codes(tags) if self.codes else [self._write(tag) for tag in tags]

    def _write(self, tag: str) -> str:
        if tag == OUTSIDE:
            return self.outside
        match = PREFIXED.fullmatch(tag)
        if match is None:  # missing, or a label alone
            return tag
        prefix, label = (match[1].lower() if self.lower else match[1]), match[2]
        if self.unlabelled:
            return prefix
        return f"{label}{self.joint}{prefix}" if self.suffix else f"{prefix}{self.joint}{label}"

    def example(self) -> str:
        """RETURNS (str): A tag of this form, for people."""
        return self.write(["B-X"])[0]


PLAIN = TagForm()


def bare_cell(cell: str) -> str:
    """RETURNS (str): A cell of a tag column without white space around it and invisible characters in it."""
    return cell.strip() if cell.isascii() else cell.translate(NOT_IN_TAGS).strip()


def find_form(counts: Counter[str], outside: str | None = None) -> TagForm | None:
    """Find the form of a tag column.

    counts (Counter[str]): Its cells, without white space around them.
    outside (str | None): The cell of a token outside entities, when the user knows it.
    RETURNS (TagForm | None): The form; `None` if fewer than 95 of 100 cells are tags or none belongs to an entity.
    """
    prefixed = _find_prefixed(counts, find_outside(counts, outside))
    if prefixed is not None:
        return prefixed
    if any(":" in cell and CODE.match(cell) for cell in counts) and counts["*"]:
        return TagForm("*", codes=True) if all(cell in "*_" or _codes(cell) for cell in counts) else None
    outside = find_outside(counts, outside)
    if {OUTSIDE if cell == outside else cell for cell in counts if cell not in MISSING} in UNLABELLED:
        return TagForm(outside, unlabelled=True)
    return None


def _find_prefixed(counts: Counter[str], outside: str) -> TagForm | None:
    """RETURNS (TagForm | None): The form of tags that have prefix and label."""
    total = counts.total()
    found: Counter[tuple[bool, str, bool]] = Counter()
    for cell, n in counts.items():
        for pattern, suffix in ((BEFORE, False), (AFTER, True)):
            if match := pattern.fullmatch(cell):
                found[suffix, match[2], match[3 if suffix else 1].islower()] += n
    # The usual form goes first, so that a label which ends as a suffix does is not taken for one.
    usual = (False, "-", False)
    for suffix, joint, lower in sorted(found, key=lambda form: (form != usual, form[0], -found[form])):
        form = TagForm(outside, joint, suffix, lower)
        tags = sum(n for cell, n in counts.items() if cell in (outside, *MISSING) or form.matches(cell))
        if 100 * tags >= 95 * total and form.is_believed(counts):
            return replace(form, layers=_layers(counts))
    return None


def find_outside(counts: Counter[str], known: str | None = None) -> str:
    """RETURNS (str): The cell of tokens outside entities: `O` unless another usual word is the most frequent."""
    if known is not None:
        return known
    if counts[OUTSIDE]:
        return OUTSIDE
    words = [cell for cell in counts if cell.lower() in OUTSIDES]
    return max(words, key=lambda cell: counts[cell], default=OUTSIDE)


def _layers(cells: Iterable[str]) -> str:
    """RETURNS (str): What parts tags in a cell, as in `B-ORG|B-LOC`."""
    for separator in SEPARATORS:
        joined = [cell.split(separator) for cell in cells if separator in cell]
        if joined and all(len(parts) > 1 and all(map(is_tag, parts)) for parts in joined):
            return separator
    return ""


def are_numbers(counts: Counter[str]) -> bool:
    """RETURNS (bool): Whether cells are numbers of classes: `0` most often, then a few others."""
    return len(counts) > 1 and counts.most_common(1)[0][0] == "0" and all(map(INTEGER.fullmatch, counts))


def number_error(file: str, value: str, remedy: str | None = None) -> DossierError:
    """RETURNS (DossierError): What to say of tags that are numbers."""
    return DossierError(
        "the tags are numbers, and the file does not say what they mean",
        file=file,
        value=value,
        remedy=remedy or "Write their names in their place, or name another column with --tag-column.",
    )


def _codes(cell: str) -> list[tuple[str, str]]:
    """RETURNS (list[tuple[str, str]]): Number and label of each entity in a cell as `1;2:LOC`, if it is one."""
    matches = [CODE.fullmatch(part) for part in cell.split(";")]
    return [(match[1], match[2] or "") for match in matches if match] if all(matches) else []


def _read_codes(cells: Sequence[str]) -> list[str]:
    tags, inside, label = [], "", ""
    for cell in cells:
        if cell in ("*", "_"):
            tags.append(OUTSIDE if cell == "*" else cell)
            inside = ""
            continue
        codes = _codes(cell)
        if not codes:
            return list(cells)
        number, name = codes[0]
        going_on = not name and number == inside
        label = name or label
        tags.append(f"{'I' if going_on else 'B'}-{label}" if label else cell)
        inside = number
    return tags


def _write_codes(tags: Sequence[str]) -> list[str]:
    cells, number = [], 0
    for tag in tags:
        if tag == OUTSIDE:
            cells.append("*")
        elif tag in MISSING:
            cells.append("_")
        else:
            number += tag[0] == "B"
            cells.append(f"{number}:{tag[2:]}" if tag[0] == "B" else str(number))
    return cells
