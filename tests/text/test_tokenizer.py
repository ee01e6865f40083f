"""spaCy's tokenizer, which some texts would hold for hours."""

import copy
import pickle
from collections.abc import Callable

import pytest
import spacy
from spacy.tokens import Doc

from spacy_dossier.text.tokenizer import MOST_AFFIXES, MOST_CHARS, BoundedTokenizer, bound_tokenizer, find_cuts

from ..toy import make_text

AFFIXES = [
    "&" * 20_000,
    "so ((" + "(" * 20_000 + " end",
    '"' * 9_000 + "\n\nAnna",
    "_" * 20_000,
    "'s'S" * 5_000,
    "’s)" * 5_000,
]


@pytest.mark.parametrize("text", [*AFFIXES, "x" * 4_000 + "'s" * 5_000])
def test_runs_of_affixes_come_in_parts(text: str) -> None:
    """spaCy alone takes seconds to minutes for these; the text stays as it is, in parts that take it moments."""
    inner = spacy.blank("en").tokenizer
    parts: list[str] = []

    def watched(part: str) -> Doc:
        parts.append(part)
        return inner(part)

    assert BoundedTokenizer(watched)(text).text == text  # type: ignore[arg-type]
    marks = [sum(not char.isalnum() for char in part) for part in parts]
    assert max(marks) <= 2 * MOST_AFFIXES


def test_endless_runs_come_in_parts() -> None:
    """Of whatever they are."""
    assert find_cuts("x" * 20_000) == [MOST_CHARS, 2 * MOST_CHARS, 3 * MOST_CHARS]


@pytest.mark.parametrize("text", ["'s" * 150, "'s)" * 150, "(" * 150, "_" * 250])
def test_parts_give_the_tokens_of_the_whole(text: str) -> None:
    """Where spaCy can be asked about all of it."""
    inner = spacy.blank("en").tokenizer
    assert find_cuts(text)
    assert [t.text for t in BoundedTokenizer(inner)(text)] == [t.text for t in inner(text)]


def test_usual_texts_are_tokenized_as_ever() -> None:
    """Only runs that no document has are given in parts."""
    path = "https://example.org/" + "a/" * 200 + "?q=" + "%D0%BF" * 60
    text = make_text(3) + "-" * 40 + f"\n{path} (“Anna’s”). O'Brien's \"'tis\" 9'6\" f'g'h U.S.A. a_b_c __init__"
    assert find_cuts(text) == []


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])
def test_it_can_be_copied_and_pickled(again: Callable[[BoundedTokenizer], BoundedTokenizer]) -> None:
    """As spaCy's own."""
    nlp = spacy.blank("en")
    bound_tokenizer(nlp)
    assert isinstance(nlp.tokenizer, BoundedTokenizer)
    copied = again(nlp.tokenizer)
    assert [token.text for token in copied("Don't stop.")] == ["Do", "n't", "stop", "."]
    assert not hasattr(copied, "nothing")
