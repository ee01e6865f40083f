"""Long texts and batches."""

from collections.abc import Iterator
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from spacy_dossier.process.infer import DocFailure, analyze, plan_batches
from spacy_dossier.process.record import Findings
from spacy_dossier.process.sections import SECTION_CHARS, SummaryBudget, Wanted, analyze_doc, analyze_long, cut

from ..toy import make_text


@pytest.fixture(scope="module")
def nlp(toy: str) -> Language:
    return spacy.load(toy)


@given(st.text(st.sampled_from("ab .\n!é"), max_size=400), st.integers(20, 90))
def test_sections_cover_the_text(text: str, limit: int) -> None:
    """Nothing is lost, nothing twice, no section too long, none empty unless the text is."""
    sections = cut(text, limit)
    assert "".join(text[start:end] for start, end in sections) == text
    assert all(end - start <= limit for start, end in sections)
    assert all(end > start for start, end in sections) or text == ""


@pytest.mark.parametrize(
    ("middle", "end"),
    [("aaa. bb\ncc\n\nddd ", "\n\n"), ("aaa. bb\ncc ddd ", "\n"), ("aaa. bbb ccc ", ". "), ("aaa bbb cc", " ")],
)
def test_cuts_are_made_where_they_harm_least(middle: str, end: str) -> None:
    """A blank line before a line break before a sentence before white space."""
    text = "x" * 87 + middle + "y" * 60
    assert text[: cut(text, 100)[0][1]].endswith(end)


def test_long_text_gives_what_short_ones_give(nlp: Language) -> None:
    """Cut at blank lines, the entities are those of the whole, at the same characters."""
    text = "\n\n".join(make_text(n, 40) for n in range(60))
    whole = analyze_doc(nlp, nlp(text), Wanted())
    long = analyze_long(nlp, text, Wanted(), limit=900)
    assert long.entities == whole.entities
    assert len(long.sentences) == 2
    assert all(text[start:end].strip() for start, end, _ in long.sentences)


def test_text_beyond_spacys_limit_goes_through(nlp: Language) -> None:
    """More than a million characters in one line without a blank: no limit, no cut."""
    text = f"{'Lang' * 200} Anna Keller met Tom Brandt in Paris. " * 1_300
    assert len(text) > 1_000_000
    ((_, result),) = analyze(nlp, [text], Wanted())
    assert len(result.entities) == 3_900
    start, end, *_ = result.entities[-1]
    assert (text[start:end], end) == ("Paris", len(text) - 2)


class Summarizer:
    """The interface of the summarizer for joined sections."""

    def features(self, doc: Doc) -> Any:
        return Features([(s.start_char, s.end_char) for s in doc.sents])

    def select(self, features: Any, sentences: int = 2, words: int | None = None) -> list[tuple[int, int, float]]:
        longest = sorted(features.bounds, key=lambda b: b[0] - b[1])[:sentences]
        return [(start, end, 0.5) for start, end in sorted(longest)]


class Features:
    def __init__(self, bounds: list[tuple[int, int]]) -> None:
        self.bounds = bounds

    @classmethod
    def concat(cls, parts: list["Features"], offsets: list[int]) -> "Features":
        return cls([(s + o, e + o) for part, o in zip(parts, offsets, strict=True) for s, e in part.bounds])


def test_summarizer_ranks_the_merged_sections(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that can, selects over all sections at once, not section by section."""
    monkeypatch.setattr("spacy_dossier.process.sections.long_summarizer", lambda nlp: Summarizer())
    text = "Short one.\n\n" * 40 + "This is the longest sentence of them all.\n\n" + "Short two.\n\n" * 40
    result = analyze_long(nlp, text, Wanted(SummaryBudget(sentences=1)), limit=200)
    ((start, end, _),) = result.sentences
    assert text[start:end].strip() == "This is the longest sentence of them all."


def test_the_budget_of_words_is_kept_without_a_summarizer(nlp: Language) -> None:
    """Over all sections of a long text together; one sentence is always given."""
    text = "This is one of many very long sentences that are in the first sections here.\n\n" * 20 + "Short.\n\n" * 300
    for budget, most in ((20, 20), (3, 15)):
        found = analyze_long(nlp, text, Wanted(SummaryBudget(words=budget)), limit=400).sentences
        assert 0 < sum(len(text[start:end].split()) for start, end, _ in found) <= most


def test_any_pipeline_works() -> None:
    """No entities, no sentences, no extensions: nothing is found, nothing fails."""
    nlp = spacy.blank("en")
    results = dict(analyze(nlp, ["", "A text.", "x" * (SECTION_CHARS + 5)], Wanted(SummaryBudget(sentences=2))))
    assert results[1] == Findings(3)
    assert results[0].n_tokens == 0


@given(st.lists(st.integers(0, 200_000), max_size=200))
def test_batches_hold_every_text_once(lengths: list[int]) -> None:
    """Texts of like length stand together; one beyond the section limit stands alone."""
    batches = plan_batches(lengths)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) <= SECTION_CHARS
        assert len(batch) == 1 or sum(lengths[i] for i in batch) <= 60_000
    flat = [lengths[i] for batch in batches for i in batch]
    assert flat == sorted(flat)


class Narrow:
    """A pipeline that runs out of memory beyond so many characters at once."""

    def __init__(self, nlp: Language, room: int) -> None:
        self.nlp = nlp
        self.room = room
        self.pipe_names: list[str] = []

    def pipe(self, texts: list[str], batch_size: int) -> Iterator[Doc]:
        if sum(map(len, texts)) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.nlp.pipe(texts, batch_size=batch_size)

    def __call__(self, text: str) -> Doc:
        return next(self.pipe([text], 1))


def test_batch_is_halved_when_memory_runs_out(nlp: Language) -> None:
    """Down to one document, and that one in sections; the results are the same."""
    texts = [make_text(n, 80) for n in range(16)] + ["\n\n".join(make_text(n, 120) for n in range(8))]
    wide = dict(analyze(nlp, texts, Wanted()))
    narrow = dict(analyze(Narrow(nlp, 1_500), texts, Wanted()))  # type: ignore[arg-type]
    assert [narrow[i].entities for i in range(17)] == [wide[i].entities for i in range(17)]
    hopeless = dict(analyze(Narrow(nlp, 10), texts[:2], Wanted()))  # type: ignore[arg-type]
    assert all(isinstance(result, DocFailure) for result in hopeless.values())


def test_nothing_of_the_encoder_is_kept(nlp: Language) -> None:
    """trf_data and tensor are cleared before a Doc goes on."""
    if not Doc.has_extension("trf_data"):
        Doc.set_extension("trf_data", default=None)

    @Language.component("fill_trf")
    def fill(doc: Doc) -> Doc:
        doc._.trf_data = object()
        doc.tensor = doc.to_array(["ORTH"]).astype("f").reshape(-1, 1)
        return doc

    blank = spacy.blank("en")
    blank.add_pipe("fill_trf")
    seen = []
    list(analyze(blank, ["a b c", "d " * 60_000], Wanted(), keep=lambda i, docs: seen.extend(docs)))
    assert len(seen) == 3
    assert all(doc._.trf_data is None and len(doc.tensor) == 0 for doc in seen)


def test_memory_zone_keeps_the_vocabulary_small(toy: str) -> None:
    """Two thousand different words do not stay in the string store."""
    fresh = spacy.load(toy)
    before = len(fresh.vocab.strings)
    texts = [f"Name{n} met Word{n * 31}." for n in range(1_000)]
    assert sum(1 for _ in analyze(fresh, texts, Wanted())) == 1_000
    assert len(fresh.vocab.strings) < before + 200
