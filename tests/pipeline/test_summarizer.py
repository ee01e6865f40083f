"""The component: training, prediction, what it writes to a Doc and what it refuses."""

import pickle
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.summarizer.features import SentenceFeatures, sentence_bounds, sentence_features
from spacy_dossier.pipeline.summarizer.training import aligned_bounds

from .summaries import BRIDGE, MODEL, PAIRS, make_examples, make_nlp, reference, summary_of, texts, train, untrained

ODD_TEXTS = ["", " ", "\n\n", "Word", "!!!", "One sentence only.", "a\n\nb\n\nc"]


@pytest.fixture(scope="module")
def trained() -> Language:
    nlp = make_nlp()
    train(nlp, make_examples(nlp))
    return nlp


def test_training_finds_the_sentences_that_the_summary_retells(trained: Language) -> None:
    """After a few steps on two pairs, the loss has fallen and the extract is the best one."""
    nlp = make_nlp()
    losses = train(nlp, make_examples(nlp))
    assert losses[-1] < losses[0]
    assert summary_of(nlp(BRIDGE)) == [
        "The town council voted on Monday to close the old bridge.",
        "Engineers had found cracks in two of its piers.",
        "Residents will use a ferry until spring.",
    ]


@pytest.mark.parametrize("method", ["trained", "centrality", "lead"])
def test_a_title_changes_no_salience(trained: Language, method: str) -> None:
    """It has none itself and no reasons, and the sentences after it keep their order, whatever the method."""
    nlp = trained if method == "trained" else untrained(method=method)
    plain, titled = nlp(BRIDGE), nlp("Bridge closed\n\n" + BRIDGE)
    before, (title, *after) = (
        [doc[start:end]._.salience for start, end in sentence_bounds(doc)] for doc in (plain, titled)
    )
    assert title == 0
    assert np.argsort(after).tolist() == np.argsort(before).tolist()
    assert summary_of(titled) == summary_of(plain)
    assert not nlp.get_pipe("summarizer").explain(titled)[0]


def test_scores_of_the_training_loop_are_rouge_between_zero_and_one(trained: Language) -> None:
    """`nlp.evaluate` gives the three keys of the score weights, and ignores documents without a summary."""
    no_pair = Example(trained.make_doc("No pair."), trained.make_doc("No pair."))
    scores = trained.evaluate([*make_examples(trained), no_pair])
    for key in ("summary_rouge1", "summary_rouge2", "summary_rougeL"):
        assert 0 < scores[key] <= 1


def test_without_a_pair_in_the_evaluation_data_scores_are_missing(trained: Language) -> None:
    """None, as spaCy's own scorers say for missing annotation."""
    scores = trained.evaluate([Example(trained.make_doc("No pair."), trained.make_doc("No pair."))])
    assert scores["summary_rouge1"] is None


def test_every_sentence_has_salience_and_reasons(trained: Language) -> None:
    """Salience lies in [0, 1] and sums to the three sentences it speaks of; reasons, which are found when they are
    asked for, name signals, strongest first."""
    doc = trained(BRIDGE)
    assert doc[0:12]._.salience_reason is None
    reasons = trained.get_pipe("summarizer").explain(doc)
    assert doc[0:12]._.salience_reason == reasons[0] != {}
    spans = [doc.char_span(*bounds) for bounds in sorted(key[2:] for key in doc.user_data)]
    salience = [span._.salience for span in spans]
    assert len(spans) == 7
    assert all(0 <= value <= 1 for value in salience)
    assert sum(salience) == pytest.approx(3, abs=1e-3)
    for span in spans:
        weights = list(span._.salience_reason.values())
        assert weights == sorted(weights, reverse=True)
        assert len(weights) <= 3


def test_a_span_that_is_no_sentence_has_no_salience(trained: Language) -> None:
    """None rather than a guess."""
    doc = trained(BRIDGE)
    assert doc[1:3]._.salience is None
    assert doc[1:3]._.salience_reason is None


def test_a_sentence_with_white_space_at_its_end_has_salience() -> None:
    """spaCy's sentences include the line break after them, the summary's do not."""
    nlp = make_nlp(method="lead")
    nlp.add_pipe("sentencizer", first=True)
    nlp.initialize()
    doc = nlp("A bird sang in the tree.\n\nThe tree stood still.")
    assert [sent._.salience for sent in doc.sents] == [1.0, 0.5]
    assert summary_of(doc) == ["A bird sang in the tree.", "The tree stood still."]


def test_the_summary_is_verbatim_in_document_order_with_scores(trained: Language) -> None:
    """`doc._.summary` is the text of the spans, and the scores beside them are the sentences' salience."""
    doc = trained(BRIDGE)
    group = doc.spans["summary"]
    assert doc._.summary == " ".join(texts(group))
    assert [span.start for span in group] == sorted(span.start for span in group)
    assert group.attrs["scores"] == pytest.approx([span._.salience for span in group])


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("method", ["trained", "centrality", "lead"])
def test_odd_documents_do_no_harm(trained: Language, method: str, text: str) -> None:
    """Empty, blank and one-word documents pass through, alone and in a batch."""
    nlp = trained if method == "trained" else untrained(method)
    doc = nlp(text)
    assert doc._.summary.split() == (text.split() if len(doc.spans["summary"]) else [])
    assert [len(doc.spans["summary"]) for doc in nlp.pipe([text, BRIDGE, text])][1] == 3


def test_everything_survives_bytes_docbin_and_processes(trained: Language) -> None:
    """Summary, scores, salience, reasons and the vectors behind `summarize` come through all of spaCy's ways out."""
    doc = trained(BRIDGE)
    trained.get_pipe("summarizer").explain(doc)
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    copies = [
        Doc(trained.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(store_user_data=True).from_bytes(stored).get_docs(spacy.blank("en").vocab)),
        pickle.loads(pickle.dumps(doc)),
        list(trained.pipe([BRIDGE, BRIDGE], n_process=2))[1],
    ]
    for copy in copies:
        assert copy._.summary == doc._.summary
        assert copy.spans["summary"].attrs["scores"] == pytest.approx(doc.spans["summary"].attrs["scores"])
        assert texts(copy._.summarize(words=20)) == texts(doc._.summarize(words=20))
        assert copy[0:12]._.salience == pytest.approx(doc[0:12]._.salience)
        if copy is not copies[-1]:
            assert copy[0:12]._.salience_reason == doc[0:12]._.salience_reason


def test_merged_and_cut_documents_keep_salience(trained: Language) -> None:
    """`Doc.from_docs` and `Span.as_doc` carry the sentences' entries, moved to their new places."""
    doc = trained(BRIDGE)
    merged = Doc.from_docs([trained("A short start."), doc])
    second = merged.char_span(15, 15 + len("The town council voted on Monday to close the old bridge."))
    assert second._.salience == pytest.approx(doc[0:12]._.salience)
    part = second.as_doc(copy_user_data=True)
    assert part[:]._.salience == pytest.approx(doc[0:12]._.salience)


def test_a_second_run_replaces_the_first() -> None:
    """Entries of an earlier run with other sentences do not linger."""
    nlp = untrained("lead")
    doc = nlp(BRIDGE)
    doc.spans["sentences"] = [doc[0:12]]
    assert len(nlp.get_pipe("summarizer")(doc)._.summarize(ratio=1)) == 1


def test_round_trip_through_disk_and_bytes(trained: Language, tmp_path: Path) -> None:
    """A stored pipeline gives the same salience, the same summary and has the same settings."""
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    again = make_nlp()
    again.from_bytes(trained.to_bytes())
    expected = trained(BRIDGE)
    for nlp in (loaded, again):
        doc = nlp(BRIDGE)
        assert summary_of(doc) == summary_of(expected)
        assert doc[0:12]._.salience == pytest.approx(expected[0:12]._.salience, abs=1e-5)


def test_an_untrained_pipe_round_trips(tmp_path: Path) -> None:
    """The methods that need no training store no ranker, and load again."""
    nlp = untrained("centrality")
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path)(BRIDGE)._.summary == nlp(BRIDGE)._.summary


def test_it_can_be_pickled(trained: Language) -> None:
    """As spaCy does where processes are spawned."""
    pipe = pickle.loads(pickle.dumps(trained.get_pipe("summarizer")))
    doc = pipe(trained.make_doc(BRIDGE))
    assert doc._.summary == trained(BRIDGE)._.summary
    with pytest.raises(DossierError, match="get_pipe"):
        pipe.summarize(doc, query="ferry")


def test_initialize_names_the_remedy_when_there_are_no_pairs() -> None:
    """Training a ranker without reference summaries is a mistake in the corpus or the config."""
    nlp = make_nlp()
    with pytest.raises(DossierError, match=r"dossier pairs.*'centrality' or 'lead'"):
        nlp.initialize(lambda: [Example(nlp.make_doc("No pair."), nlp.make_doc("No pair."))])


def test_initialize_counts_the_articles_with_summaries_and_forgets_the_last_training(tmp_path: Path) -> None:
    """A word that all have weighs nothing, one that none has weighs most; the same after loading."""
    nlp = make_nlp()
    articles = [("The old bridge fell.", "It fell."), ("The bridge opened.", "It opened.")]
    pairs = [Example(nlp.make_doc(text), reference(nlp, text, summary)) for text, summary in articles]
    other = Example(nlp.make_doc("A harbour without summary."), nlp.make_doc("A harbour without summary."))
    summarizer = nlp.get_pipe("summarizer")
    nlp.initialize(lambda: [*pairs, other])
    nlp.update(pairs)
    assert summarizer.frequency.documents == 2
    asked = nlp.make_doc("bridge opened harbour")
    words = sentence_features(asked, np.array([[0, 3]]), np.zeros((1, 0), dtype="f")).words
    expected = np.log([1, 3 / 2, 3])
    assert summarizer.frequency.idf(words) == pytest.approx(expected)
    summarizer.to_disk(tmp_path)
    again = make_nlp().get_pipe("summarizer").from_disk(tmp_path)
    assert again.frequency.idf(words) == pytest.approx(expected)
    nlp.initialize(lambda: pairs[:1])
    assert summarizer.frequency.documents == 1
    assert not summarizer._training.buffer.lessons


@pytest.mark.parametrize(("reference_words", "sentences"), [(2, 1), (14, 2), (34, 5)])
def test_without_a_budget_the_length_is_learnt(tmp_path: Path, reference_words: int, sentences: int) -> None:
    """As many sentences as have the length of the references: those of BRIDGE have 6.7 words. It is saved too."""
    nlp = make_nlp(sentences=None)
    train(nlp, [Example(nlp.make_doc(BRIDGE), reference(nlp, BRIDGE, "word " * reference_words))], steps=1)
    assert len(summary_of(nlp(BRIDGE))) == sentences
    assert len(nlp(BRIDGE)._.summarize(sentences=4)) == 4
    nlp.to_disk(tmp_path)
    assert len(summary_of(spacy.load(tmp_path)(BRIDGE))) == sentences


def test_a_length_is_learnt_where_nothing_divides_words() -> None:
    """Chinese: a reference of two sentences of six."""
    sentences = [f"市议会决定关闭旧桥{number}号。" for number in "一二三四五六"]
    nlp = spacy.blank("zh")
    nlp.add_pipe("summarizer", config={"model": MODEL})
    doc = nlp.make_doc("".join(sentences))
    doc.user_data["summary_reference"] = "".join(sentences[1:3])
    train(nlp, [Example(nlp.make_doc(doc.text), doc)], steps=1)
    assert nlp.get_pipe("summarizer").budget.sentences == 2


def test_a_budget_that_is_set_is_kept() -> None:
    """Training learns no other length, and without training there are three sentences."""
    nlp = make_nlp(sentences=1)
    train(nlp, [Example(nlp.make_doc(BRIDGE), reference(nlp, BRIDGE, BRIDGE))], steps=1)
    assert len(summary_of(nlp(BRIDGE))) == 1
    assert len(summary_of(untrained("lead", sentences=None)(BRIDGE))) == 3


def test_an_uninitialized_pipe_refuses_to_predict() -> None:
    """As spaCy's own pipes do."""
    nlp = make_nlp()
    nlp.get_pipe("summarizer").model.get_ref("encoder").initialize(X=([nlp.make_doc("a")], [np.array([[0, 1]])]))
    with pytest.raises(ValueError, match="E109"):
        nlp(BRIDGE)


@pytest.mark.parametrize(
    "config",
    [{"method": "magic"}, {"sentences": 0}, {"ratio": 1.5}, {"redundancy": -5.0}, {"replay": -1}],
)
def test_bad_settings_are_refused(config: dict) -> None:
    """At construction, with the value and what would be right."""
    with pytest.raises(DossierError):
        make_nlp(**config)


def test_mixed_batches_teach_from_pairs_only() -> None:
    """Documents without a summary pass a gradient of zero to the encoder, also when a batch has no other."""
    nlp = make_nlp()
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    entities = Example.from_dict(nlp.make_doc("Anna met Bo."), {"entities": [(0, 4, "PER")]})
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert nlp.update([entities, empty], sgd=optimizer)["summarizer"] == 0
    assert nlp.update([entities, examples[0], empty], sgd=optimizer)["summarizer"] != 0
    assert nlp.update([empty], sgd=optimizer)["summarizer"] == 0


def test_features_of_sections_join_to_those_of_the_whole() -> None:
    """A document summarized from its sections' features has offsets into the whole text."""
    nlp = untrained("lead")
    pipe = nlp.get_pipe("summarizer")
    cut = BRIDGE.index("Residents")
    first, second = BRIDGE[:cut], BRIDGE[cut:]
    parts = [pipe.features(nlp(first)), pipe.features(nlp("")), pipe.features(nlp(second))]
    parts = pickle.loads(pickle.dumps(parts))
    merged = SentenceFeatures.concat(parts, [0, len(first), len(first)])
    chosen = pipe.select(merged, sentences=3)
    assert [BRIDGE[start:end] for start, end, _ in chosen] == summary_of(nlp(BRIDGE))
    assert all(isinstance(score, float) for _, _, score in chosen)


def test_nothing_but_empty_sections_selects_nothing() -> None:
    """The merged features of an empty document are empty."""
    nlp = untrained("lead")
    pipe = nlp.get_pipe("summarizer")
    merged = SentenceFeatures.concat([pipe.features(nlp("")), pipe.features(nlp(" "))], [0, 0])
    assert pipe.select(merged, sentences=3) == []


def test_a_query_draws_the_summary_towards_it(trained: Language) -> None:
    """With the query's words in one sentence only, that sentence is chosen, on a Doc that was stored and loaded too."""
    pipe = trained.get_pipe("summarizer")
    stored = Doc(trained.vocab).from_bytes(trained(BRIDGE).to_bytes())
    assert texts(pipe.summarize(stored, query="birds under arches", sentences=1)) == ["Birds nest under the arches."]
    raw = trained.make_doc(BRIDGE)
    assert texts(pipe.summarize(raw, query="mayor", sentences=1)) == ["The mayor spoke for an hour."]
    with pytest.raises(DossierError, match="empty"):
        pipe.summarize(stored, query="")


def test_sentences_of_a_senter_come_before_rules() -> None:
    """`doc.sents` where it is set, else `doc.spans["sentences"]`, else rules."""
    nlp = untrained("lead", sentences=1)
    pipe = nlp.get_pipe("summarizer")
    words = ["One", "two", "three", "four", "five"]
    annotated = Doc(nlp.vocab, words=words, sent_starts=[True, False, True, False, False])
    assert summary_of(pipe(annotated)) == ["One two"]
    spans = Doc(nlp.vocab, words=words)
    spans.spans["sentences"] = [Span(spans, 0, 3), Span(spans, 3, 5)]
    assert summary_of(pipe(spans)) == ["One two three"]
    assert summary_of(pipe(Doc(nlp.vocab, words=words))) == ["One two three four five"]


def test_gold_tokens_that_differ_are_aligned() -> None:
    """The reference may be tokenized otherwise than the prediction."""
    nlp = make_nlp()
    plain = reference(nlp, *PAIRS[0])
    words = [plain[0:3].text, *(token.text for token in plain[3:])]
    gold = Doc(nlp.vocab, words=words, spaces=[True, *(bool(token.whitespace_) for token in plain[3:])])
    gold.user_data.update(plain.user_data)
    example = Example(nlp.make_doc(plain.text), gold)
    assert [tuple(row) for row in aligned_bounds(example)] == [(s.start, s.end) for s in plain.spans["sentences"]]
    nlp.initialize(lambda: [example])
    assert nlp.update([example], sgd=nlp.create_optimizer())["summarizer"] != 0


@pytest.mark.slow
def test_time_and_memory_grow_with_the_document_and_not_with_its_square(trained: Language) -> None:
    """50,000 sentences against 12,500: well below the 16 times of a matrix of all pairs."""
    pipe = trained.get_pipe("summarizer")
    rng = np.random.default_rng(0)
    seconds, peaks = [], []
    for n in (12_500, 50_000):
        words = [word for i in range(n) for word in (f"W{i % 997}", *(f"w{j}" for j in rng.integers(0, 2000, 8)), ".")]
        doc = Doc(trained.vocab, words=words, sent_starts=[i % 10 == 0 for i in range(10 * n)])
        features = pipe.features(doc)
        tracemalloc.start()
        begun = time.process_time()
        chosen = pipe.select(features, sentences=3), pipe.select(features, ratio=0.1, redundancy=0.5)
        seconds.append(time.process_time() - begun)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert [len(spans) for spans in chosen] == [3, n // 10]
    assert seconds[1] < 8 * seconds[0]
    assert peaks[1] < 6 * peaks[0]
    assert peaks[1] < 500e6


@pytest.mark.parametrize("method", ["lead", "centrality"])
def test_methods_without_training_explain_themselves(method: str) -> None:
    """And a document that no summarizer has been over has nothing to explain."""
    nlp = untrained(method)
    pipe = nlp.get_pipe("summarizer")
    doc = nlp(BRIDGE)
    assert len(pipe.explain(doc)) == 7
    assert doc[0:12]._.salience_reason
    with pytest.raises(DossierError, match="Run the pipeline"):
        pipe.explain(nlp.make_doc(BRIDGE))


def test_a_doc_stored_without_its_user_data_says_so() -> None:
    """Another length needs the sentences' scores; the summary itself is in the spans."""
    doc = untrained("lead")(BRIDGE)
    (stored,) = DocBin(docs=[doc], store_user_data=False).get_docs(doc.vocab)
    assert stored._.summary == doc._.summary
    with pytest.raises(DossierError, match="store_user_data=True"):
        stored._.summarize(sentences=2)
