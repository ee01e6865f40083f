"""Tagging schemes: IOB1, IOB2, IO, BIOES, BILUO, BMEWO and brackets; found from the tags, decoded, and written.

Every scheme is decoded by the rules of the CoNLL evaluation script (conlleval, Tjong Kim Sang 2000): whether a token
begins an entity depends on its tag and the one before it alone. The scheme matters for what counts as a violation,
and for writing tags.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...errors import DossierError

OUTSIDE = "O"
MISSING = frozenset(("-", "_"))
MISSING_TAG = "_"  # as it is written
# A few corpora (LST20) write an underscore for the hyphen.
PREFIXED = re.compile(r"([BIESLUMW])[-_](\S[^\r\n]*)")
BRACKET = re.compile(r"(?:\([^()*\s]+)*\*?\)*")
OPENED = re.compile(r"\(([^()*]+)")
OPENERS = frozenset("BSUW")
SINGLES = frozenset("SUW")
LASTS = frozenset("EL")
INSIDES = frozenset("IM")
SCHEMES = ("iob1", "iob2", "io", "bioes", "biluo", "bmewo", "bmes", "brackets", "bare")

# prefix of a one-token entity, and of the first, inner and last token of a longer one
PREFIXES = {
    "iob2": ("B", "B", "I", "I"),
    "io": ("I", "I", "I", "I"),
    "bioes": ("S", "B", "I", "E"),
    "biluo": ("U", "B", "I", "L"),
    "bmewo": ("W", "B", "M", "E"),
    "bmes": ("S", "B", "M", "E"),
}
CLOSED = frozenset(("bioes", "biluo", "bmewo", "bmes"))


def is_tag(value: str) -> bool:
    """RETURNS (bool): Whether this is `O`, a tag with a prefix, or a mark of missing annotation."""
    return value == OUTSIDE or value in MISSING or PREFIXED.fullmatch(value) is not None


def is_bracket(value: str) -> bool:
    """RETURNS (bool): Whether this is a cell of a bracket column: `(PERSON*`, `*`, `*)`, `(GPE)`, `-`."""
    return value == "-" or (bool(value) and BRACKET.fullmatch(value) is not None)


def split_tag(tag: str, *, bare: bool = False) -> tuple[str, str]:
    """Split a tag at its first hyphen only: labels hold hyphens too.

    tag (str): The tag.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (tuple[str, str]): Prefix and label; `("O", "")` outside, `("", "")` for missing annotation.
    RAISES (ValueError): If this is no tag.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if tag in MISSING:
        return "", ""
    if bare and tag:
        return "I", tag
    if match := PREFIXED.fullmatch(tag):
        return match[1], match[2]
    raise ValueError(tag)


def opens(previous: tuple[str, str], current: tuple[str, str]) -> bool:
    """RETURNS (bool): Whether an entity begins at `current`."""
    prefix, label = current
    if prefix in ("", OUTSIDE):
        return False
    before, before_label = previous
    return prefix in OPENERS or before_label != label or before in SINGLES or before in LASTS


@dataclass
class Scheme:
    """The scheme of a file, and that of each label that differs from it.

    name (str): The scheme of the file.
    labels (dict[str, str]): The scheme of a label, where it is another one.
    """

    name: str
    labels: dict[str, str] = field(default_factory=dict)

    def of(self, label: str) -> str:
        return self.labels.get(label, self.name)

    def violates(self, previous: tuple[str, str], current: tuple[str, str]) -> str | None:
        """Check two neighbouring tags; the sentence's edges are `("O", "")`.

        RETURNS (str | None): What is wrong, or `None`: `orphan` if an inner tag opens an entity, `unclosed` if an
            entity of a scheme that marks ends has none.
        """
        prefix, label = current
        if opens(previous, current) and prefix not in OPENERS and self.of(label) not in ("io", "iob1", "bare"):
            return "orphan"
        before, before_label = previous
        if (
            before_label
            and self.of(before_label) in CLOSED
            and before not in SINGLES
            and before not in LASTS
            and (opens(previous, current) or prefix in ("", OUTSIDE))
        ):
            return "unclosed"
        return None


def find_scheme(pairs: Counter[tuple[str, str]], *, bare: bool = False) -> Scheme:
    """Find the scheme from how often each tag follows each other tag in the whole file.

    pairs (Counter[tuple[str, str]]): Counts of neighbouring tags; a sentence's first tag follows `O`.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (Scheme): The scheme.
    """
    if bare:
        return Scheme("bare")
    counts = _count_prefixes(pairs)
    total: Counter[str] = Counter()
    for count in counts.values():
        total.update(count)
    scheme = Scheme(_scheme_of(total))
    own = {label: _scheme_of(count) for label, count in counts.items()}
    scheme.labels = {label: own[label] for label in own if _differs(own[label], scheme.name, counts[label])}
    return scheme


def _count_prefixes(pairs: Counter[tuple[str, str]]) -> dict[str, Counter[str]]:
    """RETURNS (dict[str, Counter[str]]): For each label its prefixes, and how `B` and `I` stand to what is before."""
    counts: dict[str, Counter[str]] = {}
    for (before, tag), n in pairs.items():
        previous, current = split_tag(before), split_tag(tag)
        prefix, label = current
        if not label:
            continue
        count = counts.setdefault(label, Counter())
        count[prefix] += n
        if prefix == "B":
            count["B beside" if previous[1] == label else "B apart"] += n
        elif prefix in INSIDES and opens(previous, current):
            count["I opens"] += n
    return counts


def _differs(own: str, scheme: str, count: Counter[str]) -> bool:
    """Whether a label has a scheme of its own: one tag that breaks the rule of the file is an error in the data."""
    if own == scheme or (own == "iob2" and scheme in CLOSED and count["I"] == 0 == count["M"]):
        return False
    if own in CLOSED:
        return scheme == "iob2" or (scheme in ("io", "iob1") and count["B apart"] + count["S"] > 2)
    if own == "iob2":
        return (scheme in ("io", "iob1") and count["B apart"] + count["S"] > 2) or (
            scheme in CLOSED and count["B apart"] + count["B beside"] > 1
        )
    return scheme in ("iob2", *CLOSED) and count["I opens"] > 1


def _scheme_of(count: Counter[str]) -> str:
    if count["M"] or count["W"]:
        return "bmes" if count["S"] and not count["W"] else "bmewo"
    if count["L"] or count["U"]:
        return "biluo"
    if count["E"] or count["S"]:
        return "bioes"
    if not count["B"]:
        return "io" if count["I"] else "iob2"
    return "iob1" if count["I opens"] > count["B apart"] else "iob2"


def tags_to_entities(tags: Sequence[str], *, bare: bool = False) -> list[tuple[int, int, str]]:
    """Read the entities of one sentence off its tags.

    tags (Sequence[str]): Tags in any scheme but brackets.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (list[tuple[int, int, str]]): First token, token after the last, label.
    RAISES (ValueError): If a value is no tag.
    """
    entities: list[tuple[int, int, str]] = []
    previous = (OUTSIDE, "")
    for i, tag in enumerate(tags):
        current = split_tag(tag, bare=bare)
        if opens(previous, current):
            entities.append((i, i + 1, current[1]))
        elif current[1]:
            entities[-1] = (entities[-1][0], i + 1, current[1])
        previous = current
    return entities


def brackets_to_iob2(cells: Sequence[str]) -> list[str]:
    """Rewrite a bracket column; of nested entities the outermost counts.

    cells (Sequence[str]): As `(PERSON*`, `*`, `*)`, `(GPE)`, `-` for missing annotation.
    RETURNS (list[str]): IOB2 tags.
    RAISES (ValueError): If brackets do not match.
    """
    tags: list[str] = []
    depth, label = 0, ""
    for cell in cells:
        if cell == "-" and not depth:
            tags.append("-")
            continue
        if not is_bracket(cell):
            raise ValueError(cell)
        labels = OPENED.findall(cell)
        if not depth and labels:
            label = labels[0]
            tags.append("B-" + label)
        else:
            tags.append("I-" + label if depth else OUTSIDE)
        depth += len(labels) - cell.count(")")
        if depth < 0:
            raise ValueError(cell)
    if depth:
        raise ValueError("a bracket that is not closed")
    return tags


def entities_to_tags(entities: Iterable[tuple[int, int, str]], length: int, scheme: str) -> list[str]:
    """Write the entities of one sentence as tags.

    entities (Iterable[tuple[int, int, str]]): First token, token after the last, label; not overlapping.
    length (int): Tokens of the sentence.
    scheme (str): One of `SCHEMES`. IO and bare labels cannot part two neighbours with one label.
    RETURNS (list[str]): The tags.
    RAISES (DossierError): If the scheme is unknown.
    """
    if scheme not in SCHEMES:
        raise DossierError("unknown scheme", value=scheme, remedy=f"Choose one of {', '.join(SCHEMES)}.")
    tags = ["*" if scheme == "brackets" else OUTSIDE] * length
    last = (0, "")
    for start, end, label in sorted(entities):
        if scheme == "brackets":
            tags[start] = f"({label}*"
            tags[end - 1] = f"({label})" if end == start + 1 else "*)"
        elif scheme == "bare":
            tags[start:end] = [label] * (end - start)
        elif scheme == "iob1":
            tags[start:end] = [f"I-{label}"] * (end - start)
            if last == (start, label):
                tags[start] = f"B-{label}"
        else:
            single, first, inner, final = PREFIXES[scheme]
            tags[start:end] = [f"{inner}-{label}"] * (end - start)
            tags[end - 1] = f"{final}-{label}"
            tags[start] = f"{single if end == start + 1 else first}-{label}"
        last = (end, label)
    return tags
