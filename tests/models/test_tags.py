"""The tag schemes: which tags there are, which may follow which, and spans to tags and back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import iob_utils

from spacy_dossier.models.tags import TagScheme

from ..tagging import listed, spans_of

LABELS = ("PER", "ORG", "creative-work")
SCHEMES = ["BILUO", "IOB2"]


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, str]]]:
    """A number of tokens and spans over them that do not overlap."""
    pieces = draw(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, *LABELS])), max_size=8))
    spans, start = [], 0
    for length, label in pieces:
        if label is not None:
            spans.append((start, start + length, label))
        start += length
    return start, spans


def tag(scheme: TagScheme, length: int, spans: list[tuple[int, int, str]]) -> list[int]:
    tags = [0] * length
    for start, end, label in spans:
        tags[start:end] = scheme.span_tags(end - start, label)
    return tags


@pytest.mark.parametrize("name", SCHEMES)
@given(layout=layouts())
def test_spans_survive_the_way_to_tags_and_back(name: str, layout: tuple[int, list[tuple[int, int, str]]]) -> None:
    """Spans that touch, that are next to others of their label, of one token or many: all come back."""
    scheme = TagScheme(name, LABELS)
    length, spans = layout
    tags = tag(scheme, length, spans)
    rows = np.array([[*tags, 0], [*([0] * length), 0], [0, *tags]])
    found = scheme.find_spans(rows)
    assert listed(scheme, found) == [
        *((0, *span) for span in spans),
        *((2, start + 1, end + 1, label) for start, end, label in spans),
    ]
    assert scheme.tags_of(found).tolist() == rows[rows > 0].tolist()
    assert spans_of(scheme, tags) == spans


@pytest.mark.parametrize("name", SCHEMES)
@given(layout=layouts())
def test_tags_of_spans_obey_the_scheme(name: str, layout: tuple[int, list[tuple[int, int, str]]]) -> None:
    """Every layout of spans is a sequence that begins, goes on and ends as allowed."""
    scheme = TagScheme(name, LABELS)
    follow, begin, end = scheme.allowed()
    tags = tag(scheme, *layout)
    if tags:
        assert begin[tags[0]] and end[tags[-1]]
        assert all(follow[left, right] for left, right in pairwise(tags))


@given(layout=layouts())
def test_biluo_tags_are_those_of_spacy(layout: tuple[int, list[tuple[int, int, str]]]) -> None:
    """The tag strings equal spaCy's own."""
    scheme = TagScheme("BILUO", LABELS)
    length, spans = layout
    strings = [scheme.tags[i] for i in tag(scheme, length, spans)]
    assert list(iob_utils.tags_to_entities(strings)) == [(label, start, end - 1) for start, end, label in spans]


@pytest.mark.parametrize("name", SCHEMES)
def test_allowed_follows_the_definition_of_the_scheme(name: str) -> None:
    """The matrices equal the rule spelled out over pairs of tag strings."""
    scheme = TagScheme(name, LABELS)
    follow, begin, end = scheme.allowed()
    for i, left in enumerate(scheme.tags):
        assert begin[i] == (left[0] not in "IL")
        assert end[i] == (name == "IOB2" or left[0] not in "BI")
        for j, right in enumerate(scheme.tags):
            goes_on = left[0] in "BI" and right[0] in "IL" and left[1:] == right[1:]
            starts_anew = right[0] not in "IL" and (name == "IOB2" or left[0] not in "BI")
            assert follow[i, j] == (goes_on or starts_anew), (left, right)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_without_labels_has_the_tag_o_only(name: str) -> None:
    """O may stand anywhere."""
    scheme = TagScheme(name, ())
    assert scheme.tags == ["O"] and len(scheme) == 1
    assert all(np.all(mask) for mask in scheme.allowed())


@pytest.mark.parametrize("name", SCHEMES)
def test_more_labels_leave_the_earlier_tags_where_they_are(name: str) -> None:
    """A trained model grows by rows at the end."""
    scheme = TagScheme(name, LABELS)
    more = TagScheme(name, (*LABELS, "LAW"))
    assert more.tags[: len(scheme)] == scheme.tags
    assert [more.tags[more.index(prefix, "LAW")] for prefix in more.prefixes] == [f"{p}-LAW" for p in more.prefixes]
