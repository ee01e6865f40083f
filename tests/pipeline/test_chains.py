"""Chains: where a document is cut for tagging."""

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from spacy_dossier.pipeline.crf_ner import chains
from spacy_dossier.pipeline.crf_ner.chains import batch_chains, find_chains

BLANK = spacy.blank("en")
WORDS = st.sampled_from(["Anna", "met", "him", ".", "!", '"', ")", " ", "\n", "\n\n", "Lisbon", ",", "。", "\t"])


@pytest.fixture
def nlp() -> Language:
    return BLANK


def texts(doc: Doc, **settings: object) -> list[list[str]]:
    return [[doc[int(i)].text for i in chain] for chain in find_chains(doc, **{"max_length": 100, **settings})]


def test_a_chain_ends_after_a_sentence_with_its_closing_quotes(nlp: Language) -> None:
    """And before what begins the next one."""
    doc = nlp.make_doc('"I know." (She did!) Nobody asked…')
    assert texts(doc) == [['"', "I", "know", ".", '"'], ["(", "She", "did", "!", ")"], ["Nobody", "asked", "…"]]


def test_a_full_stop_before_a_lower_case_word_ends_nothing(nlp: Language) -> None:
    """It is an abbreviation's, more likely than not."""
    doc = Doc(nlp.vocab, words=["Blue", "River", "Corp", ".", "said", "so", ".", "Then", "what", "?", "!"])
    assert [len(chain) for chain in texts(doc)] == [7, 4]


def test_white_space_is_in_no_chain_and_an_empty_line_ends_one(nlp: Language) -> None:
    """A single line break ends nothing: lines of mail are wrapped."""
    doc = nlp.make_doc("Nordwind\nAG  Lisbon\n\nTo whom\r\n\r\nAnna")
    assert texts(doc) == [["Nordwind", "AG", "Lisbon"], ["To", "whom"], ["Anna"]]


def test_a_tab_ends_a_chain(nlp: Language) -> None:
    """Cells of a table are parted by tabs, and no entity runs from one into the next, unless it is annotated so."""
    doc = nlp.make_doc("Town\tBoats\tChange\nHarstad \tNorth Sea")
    assert texts(doc) == [["Town"], ["Boats"], ["Change", "Harstad"], ["North", "Sea"]]
    assert [token.text for token in doc[:3]] == ["Town", "\t", "Boats"]
    assert texts(doc, uncut=[(0, 3)]) == [["Town", "Boats"], ["Change", "Harstad"], ["North", "Sea"]]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t"])
def test_nothing_but_white_space_has_no_chain(nlp: Language, text: str) -> None:
    """Nor has an empty document."""
    assert find_chains(nlp.make_doc(text), 10) == []


@settings(deadline=None)
@given(words=st.lists(WORDS, max_size=40), max_length=st.integers(1, 10), data=st.data())
def test_chains_cover_all_words_and_cut_no_annotated_entity(
    words: list[str], max_length: int, data: st.DataObject
) -> None:
    """In order, each once; longer than allowed only where an entity is."""
    doc = Doc(BLANK.vocab, words=words)
    bounds = sorted(data.draw(st.sets(st.integers(0, len(words)), max_size=10)))
    spans = [span for span in zip(bounds[::2], bounds[1::2], strict=False) if span[0] < span[1]]
    found = find_chains(doc, max_length, uncut=spans)
    assert [i for chain in found for i in chain.tolist()] == [token.i for token in doc if not token.is_space]
    longest = max([max_length, *(end - start for start, end in spans)])
    for chain in found:
        assert 0 < len(chain) <= max_length + longest - 1
        if len(chain) > max_length:
            assert any(start <= chain[-1] < end for start, end in spans)
    for start, end in spans:
        inside = {i for i in range(start, end) if not doc[i].is_space}
        assert sum(bool(inside & set(chain.tolist())) for chain in found) == bool(inside)


def test_batches_hold_chains_of_like_length_and_are_bounded(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chain is in one batch; rows are the tokens of the documents, one document after the other."""
    monkeypatch.setattr(chains, "BATCH_SCORES", 3 * 4 * 5)
    docs = [nlp.make_doc(text) for text in ("Anna met him. He left. Why?", "", " x ", "One two three four five six")]
    found = [find_chains(doc, 4) for doc in docs]
    flat = torch.arange(sum(map(len, docs))).unsqueeze(1)
    words = [token.text for doc in docs for token in doc]
    seen = []
    for batch in batch_chains(docs, found, n_tags=5):
        rows, lengths = batch.gather(flat), batch.lengths
        assert len(batch) == 1 or rows.shape[0] * rows.shape[1] * 5 <= 60
        for row, n in enumerate(lengths.tolist()):
            doc, start, end = batch.locate(row, 0, n)
            assert [words[i] for i in rows[row, :n, 0]] == [t.text for t in docs[doc][start:end] if not t.is_space]
            seen.append((doc, tuple(batch.chains[row].tolist())))
    assert sorted(seen) == [(i, tuple(chain.tolist())) for i, doc in enumerate(found) for chain in doc]
    assert np.concatenate([chain for doc in found for chain in doc]).dtype == np.int64
