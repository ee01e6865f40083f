"""Lines → running text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.read.reflow import Words, join_lines, joint


def join(*lines: str, document: str = "") -> str:
    return join_lines(lines, Words([*document.split("\n"), *lines]))


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (("The build-", "ing was old."), "The building was old."),
        (("The coun-", "cil of Har-", "stad met Mrs Lind-", "qvist."), "The council of Harstad met Mrs Lindqvist."),
        (("in a well-", "known hall"), "in a well-known hall"),
        (("the coun-", "cil in a well-", "known hall"), "the council in a well-known hall"),
        (("Anglo-", "Saxon"), "Anglo-Saxon"),
        (("a London-", "based firm of motor-", "ists"), "a London-based firm of motorists"),
        (("the ex-", "minister"), "the ex-minister"),
        (("state-of-the-", "art"), "state-of-the-art"),
        (("pre-", "and postwar"), "pre- and postwar"),
        (("1990-", "2000"), "1990-2000"),
        (("1990–", "2000"), "1990–2000"),
        (("he came —", "and went"), "he came — and went"),
        (("he came—", "and went"), "he came—and went"),
        (("soft\xad", "ly and se\xadcret"), "softly and secret"),
        (("and/", "or"), "and/or"),
        (("https://example.org/a/", "b.html"), "https://example.org/a/b.html"),
        (("see https://example.org/covid-", "faq there"), "see https://example.org/covid-faq there"),
        (("write to info@nord-", "wind.example"), "write to info@nord-wind.example"),
        (("It was late -", "- too late"), "It was late -- too late"),
        (("昨日の夜、アンナは", "ロンドンに着いて"), "昨日の夜、アンナはロンドンに着いて"),
        (("어제 저녁", "안나는"), "어제 저녁 안나는"),
        (("  one ", "", " two"), "one two"),
        ((), ""),
    ],
)
def test_what_stands_between_two_lines(lines: tuple[str, ...], joined: str) -> None:
    """A blank, nothing, or the hyphen that was written."""
    assert join(*lines) == joined


def test_the_document_says_how_a_word_is_written() -> None:
    """Its own spelling goes before any list."""
    assert join("the build-", "ing", document="a build-ing of ours") == "the build-ing"
    assert join("a zorb-", "wark", document="Zorb-Wark, a town") == "a zorb-wark"
    assert join("a well-", "known hall", document="It is wellknown.") == "a wellknown hall"


@given(st.lists(st.text("ab-\u2010\xad é的。/:1 \t"), max_size=6))
def test_no_letter_is_lost(lines: list[str]) -> None:
    """Whatever the lines, only hyphens and white space go or come."""
    kept = str.maketrans("", "", "-\u2010\xad \t")
    assert join(*lines).translate(kept) == "".join(lines).translate(kept)


@given(st.text("ab-\xad ", min_size=1), st.text("ab- ", min_size=1))
def test_a_joint_takes_what_join_lines_takes(before: str, after: str) -> None:
    """For a reader that counts characters: what goes and what comes."""
    before, after = before.strip(), after.strip()
    cut, between = joint(before, after, Words([before, after]))
    joined = before[: len(before) - cut] + between + after
    assert joined.replace("\xad", "") == join(before, after)
