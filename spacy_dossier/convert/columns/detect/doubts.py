"""What is doubtful about a layout that was found, and which option decides it."""

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING
from unicodedata import normalize

from ....errors import DossierError
from ..layout import Layout
from ..schemes import MISSING, OUTSIDE, PREFIXED
from .evidence import DENSE, ENOUGH, is_chunk, is_role, share_inside
from .roles import are_features
from .sample import Sample

if TYPE_CHECKING:
    from .find import Asked

ENTITY_NAMES = ("ne", "en", "io", "bi")  # how names of columns of entity tags begin
NUMBERED = re.compile(r".+\[\d+\](?:\|.*)?|\(.+|.+\)|.*\|.+", re.DOTALL)  # PER[1] of WebAnno, (person-1 … person-1)
PLACEHOLDER = re.compile(r"[\[<{(].*[\]>})]|[\W_]+")  # what stands for words that are left out
LEFT = re.compile(r"[-_:/.|+=]")  # how no label begins
AS_TAGS = "Write them as B-PER and I-PER"
MOST, FEW = 0.5, 10  # share of tokens that are one and the same, and tokens, from which they are no text
PIECES = {
    "##": re.compile(r"##\w+"),  # WordPiece
    "\u2581": re.compile("\u2581.+"),  # SentencePiece
    "\u0120": re.compile("\u0120.+"),  # byte-level BPE
    "@@": re.compile(r"\w+@@"),  # subword-nmt
}
OFTEN = 0.02  # share of tokens with such a mark; in texts there is one in thousands


def check_layout(sample: Sample, layout: Layout, asked: "Asked", file: str) -> None:
    """Refuse a layout that is doubtful.

    sample (Sample): Rows of the file.
    layout (Layout): What was found.
    asked (Asked): What the user says of the file.
    file (str): What messages call it.
    RAISES (DossierError): If tokens or tags are more likely something else, with the option that decides.
    """
    if not asked.token_column:
        _check_tokens(sample, layout, file)
    if layout.tag is None:
        return
    tags = [tag for rows in sample.sentences for tag in layout.form.read([row[layout.tag] for row in rows])]
    if not asked.tag_column and not layout.key and not layout.brackets:
        _check_meaning(tags, layout, file)
    if not layout.bare and not layout.brackets:
        _check_spelling(tags, file)
    if layout.bare and not layout.header and asked.header is None:
        _check_header(sample, layout, file)
    if layout.bare and not asked.bare:
        _check_labels(sample, layout, tags, asked, file)


def check_words(sample: Sample, file: str, column: int = 0) -> None:
    """RAISES (DossierError): If the cells of a column are one placeholder, most of them."""
    tokens = sample.columns[column]
    value, n = Counter(tokens).most_common(1)[0]
    if len(tokens) >= FEW and (n == len(tokens) or (n > MOST * len(tokens) and PLACEHOLDER.fullmatch(value))):
        raise DossierError(
            f"{n} of {len(tokens)} tokens in column {column + 1} are the same: the words are not in the file",
            file=file,
            value=value,
            remedy="Fill them in first, or name their column with --token-column.",
        )


def _check_tokens(sample: Sample, layout: Layout, file: str) -> None:
    """RAISES (DossierError): If tokens are one word all over, features or pieces of words."""
    check_words(sample, file, layout.token)
    tokens, column = sample.columns[layout.token], f"column {layout.token + 1}"
    if not layout.prefix and are_features(tokens):
        raise DossierError(
            f"{column} holds features, no tokens",
            file=file,
            value=tokens[0],
            remedy="Convert the file they were made of, or name the tokens with --token-column.",
        )
    for mark, pattern in PIECES.items():
        pieces = [token for token in tokens if pattern.fullmatch(token)]
        if len(set(pieces)) > 1 and len(pieces) > OFTEN * len(tokens):
            raise DossierError(
                f"tokens are pieces of words, marked with {mark}",
                file=file,
                value=pieces[0],
                remedy="Join them first, or name the column with --token-column to read them as they are.",
            )


def _check_meaning(tags: list[str], layout: Layout, file: str) -> None:
    """RAISES (DossierError): If tags are more likely chunks or roles than entities."""
    column = (layout.tag or 0) + 1
    what = "chunks" if is_chunk(tags) else "roles" if is_role(tags) else ""
    name = layout.names[column - 1].lower() if column <= len(layout.names) else ""
    share = share_inside(tags)
    if not what and share > DENSE and len(tags) >= ENOUGH and not name.startswith(ENTITY_NAMES):
        what = f"tags on {share:.0%} of the tokens"
    if what:
        raise DossierError(
            f"column {column} holds {what}, no entities as it seems",
            file=file,
            value=next(tag for tag in tags if tag not in (OUTSIDE, *MISSING)),
            remedy=f"Name the entities' column with --tag-column ({column} to read this one).",
        )


def _check_spelling(tags: list[str], file: str) -> None:
    """RAISES (DossierError): If labels hold what is left of another spelling, as of `B--PER` and of `S-PER-I`."""
    labels = {match[2] for tag in set(tags) if (match := PREFIXED.fullmatch(tag))}
    twice = sorted(label for label in labels if label[-2:] in ("-I", "_I") and f"{label[:-1]}B" in labels)
    left = twice or sorted(label for label in labels if LEFT.match(label))
    if left:
        raise DossierError(
            "tags of an unknown form: this is left as a label", file=file, value=left[0], remedy=f"{AS_TAGS}."
        )


def _check_header(sample: Sample, layout: Layout, file: str) -> None:
    """RAISES (DossierError): If the first row can be names of columns that are not known."""
    row = sample.rows[0]
    cells = Counter(row[layout.tag or 0] for row in sample.rows)
    labels = {label: n for label, n in cells.items() if label not in (layout.form.outside, OUTSIDE, *MISSING)}
    first = row[layout.tag or 0]
    others = [n for label, n in labels.items() if label != first]
    if labels.get(first) == 1 and others and min(others) > 1:
        raise DossierError(
            "the first row may be names of columns, for its label never comes again",
            file=file,
            value=" ".join(row),
            remedy="Say --header or --no-header.",
        )


def _check_labels(sample: Sample, layout: Layout, tags: list[str], asked: "Asked", file: str) -> None:
    """RAISES (DossierError): If labels alone are none, or have a prefix that is spelled in an unknown way."""
    labels = set(tags) - {OUTSIDE, *MISSING}
    # Both `B` and `I` before the same, as in B=PER and I=PER: no two labels differ so.
    plain = {normalize("NFKC", label): label for label in labels}  # full-width letters among them
    inside = (label for label in plain if len(label) > 2 and label[0] in "Ii")
    found = sorted(plain[label] for label in inside if {"B" + label[1:], "b" + label[1:]} & plain.keys())
    found = found or sorted(label for label in labels if NUMBERED.fullmatch(label))
    found = found or list(filter(None, [_inner_label(sample, layout)]))
    if found:
        raise DossierError(
            "tags of an unknown form",
            file=file,
            value=found[0],
            remedy=f"{AS_TAGS}, or say --bare if they are labels without prefixes.",
        )
    if asked.tag_column and not asked.outside and not {OUTSIDE, *MISSING} & set(tags):
        raise DossierError(
            f"no tag of column {(layout.tag or 0) + 1} says outside",
            file=file,
            value=tags[0],
            remedy="Say which one does with --outside, or --bare if all tokens are in entities.",
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
