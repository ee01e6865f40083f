"""Labels, signals and selection, against slow and plain computations of the same."""

from itertools import combinations

import numpy as np
import pytest
import spacy
from rouge_score.rouge_scorer import RougeScorer
from sklearn.feature_extraction.text import TfidfVectorizer
from spacy.training import Example

from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.summarizer.budget import SummaryBudget
from spacy_dossier.pipeline.summarizer.features import SentenceFeatures, sentence_bounds, sentence_features
from spacy_dossier.pipeline.summarizer.labels import WordTokenizer, expected_rouge, make_target, oracle_rows
from spacy_dossier.pipeline.summarizer.salience import inclusion
from spacy_dossier.pipeline.summarizer.select import entity_bonus, select_rows
from spacy_dossier.pipeline.summarizer.signals import (
    BEFORE,
    GROUPS,
    HEAD,
    NEAR,
    SIGNALS,
    WORD_WIDTH,
    DocumentFrequency,
    centrality_scores,
    hashed_vectors,
    signals,
    similarities,
    word_statistics,
)
from spacy_dossier.pipeline.summarizer.store import select_features
from spacy_dossier.pipeline.summarizer.training import TargetCache, digest

from .summaries import BRIDGE, BRIDGE_SUMMARY, texts, untrained

SENTENCES = [sentence + "." for sentence in BRIDGE.rstrip(".").split(". ")]


def make_features(n: int, width: int = 8, seed: int = 0) -> SentenceFeatures:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    counts = rng.integers(0, 6, size=n).astype(np.int32)
    return SentenceFeatures(
        starts=np.arange(n) * 10,
        ends=np.arange(n) * 10 + 9,
        n_words=np.full(n, 5, dtype=np.int32),
        vectors=vectors.astype(np.float16),
        flags=np.zeros((n, 7), dtype=np.uint8),
        words=rng.integers(0, 50, size=int(counts.sum())).astype(np.uint32),
        word_counts=counts,
        names=np.zeros(0, dtype=np.uint32),
        name_counts=np.zeros(n, dtype=np.int32),
        entities=np.zeros(0, dtype=np.uint32),
        entity_counts=np.zeros(n, dtype=np.int32),
    )


def features_of(text: str) -> SentenceFeatures:
    doc = spacy.blank("en")(text)
    bounds = sentence_bounds(doc)
    return sentence_features(doc, bounds, np.ones((len(bounds), 4), dtype=np.float32))


def rouge_scores(rows: tuple[int, ...]) -> tuple[float, float]:
    scorer = RougeScorer(["rouge1", "rouge2"], use_stemmer=True)
    scores = scorer.score(BRIDGE_SUMMARY, "\n".join(SENTENCES[row] for row in rows))
    return scores["rouge1"].fmeasure, scores["rouge2"].fmeasure


def test_the_oracle_is_the_best_greedy_extract() -> None:
    """Its first sentence is the best single one by rouge-score; it never loses by adding one."""
    rows = oracle_rows(SENTENCES, BRIDGE_SUMMARY, WordTokenizer("en"))
    best = max(range(len(SENTENCES)), key=lambda row: sum(rouge_scores((row,))))
    assert rows[0] == best
    assert set(rows) == {0, 2}
    assert sum(rouge_scores(tuple(rows))) > sum(rouge_scores((0, 1, 2)))
    assert oracle_rows(SENTENCES, "zebra", WordTokenizer("en")) == []


def test_rouge_of_extracts_is_that_of_rouge_score() -> None:
    """ROUGE-1 of every extract of three, to rounding."""
    target = make_target(SENTENCES, BRIDGE_SUMMARY, WordTokenizer("en"))
    extracts = np.array(list(combinations(range(len(SENTENCES)), 3)))
    assert target.rouge1(extracts) == pytest.approx([rouge_scores(tuple(rows))[0] for rows in extracts])


def test_labels_are_highest_for_the_best_extract_and_sum_to_its_size() -> None:
    """Soft labels agree with the greedy oracle where there is one good extract."""
    labels = make_target(SENTENCES, BRIDGE_SUMMARY, WordTokenizer("en")).labels
    assert labels.sum() == pytest.approx(3)
    assert set(np.argsort(-labels)[:3]) == {0, 1, 2}
    assert labels.max() <= 1
    assert make_target(SENTENCES[:2], BRIDGE_SUMMARY, WordTokenizer("en")).labels == pytest.approx([1, 1])


def test_labels_of_long_articles_are_bounded_work() -> None:
    """Extracts are made of at most forty candidates, however long the article."""
    target = make_target(SENTENCES * 200, BRIDGE_SUMMARY, WordTokenizer("en"))
    assert target.labels.sum() == pytest.approx(3)
    assert (target.labels > 0).sum() <= 40


def test_other_scripts_have_words() -> None:
    """rouge-score's own tokenizer drops everything that is not ASCII."""
    assert WordTokenizer("ru").tokenize("Мост закрыт, паром ходит.") == ["мост", "закрыт", "паром", "ходит"]
    assert WordTokenizer("en").tokenize("Bridges closing") == ["bridg", "close"]


def test_the_gradient_of_expected_rouge_is_its_derivative() -> None:
    """By central differences, and for each member of the ensemble on its own."""
    target = make_target(SENTENCES, BRIDGE_SUMMARY, WordTokenizer("en"))
    logits = np.random.default_rng(0).normal(size=(len(SENTENCES), 2))
    _, gradient = expected_rouge(logits, target, np.random.default_rng(1))
    for i in range(len(SENTENCES)):
        for k in range(2):
            step = np.zeros_like(logits)
            step[i, k] = 1e-5
            ahead, behind = (expected_rouge(logits + s * step, target, np.random.default_rng(1))[0] for s in (1, -1))
            assert gradient[i, k] / 2 == pytest.approx((ahead - behind) / 2e-5, abs=1e-6)


@pytest.mark.parametrize("n", [1, 3, 4, 40, 1000])
def test_inclusion_probabilities_sum_to_the_extract(n: int) -> None:
    """And keep the order of the logits."""
    logits = np.random.default_rng(0).normal(scale=3, size=n)
    p = inclusion(logits)
    assert p.sum() == pytest.approx(min(n, 3), abs=1e-3)
    assert ((p >= 0) & (p <= 1)).all()
    if n > 3:
        assert (np.argsort(p) == np.argsort(logits)).all()


def test_similarities_are_those_of_all_pairs_within_reach() -> None:
    """In blocks and windows the same as from the full matrix."""
    n = 1500
    features = make_features(n)
    vectors = features.vectors.astype(np.float64)
    full = vectors @ vectors.T
    centrality, _, previous, following, repeats = similarities(features.vectors)
    centroid = vectors.sum(0) / np.linalg.norm(vectors.sum(0))
    assert centrality == pytest.approx(vectors @ centroid, abs=1e-3)
    assert previous[1:] == pytest.approx(np.diag(full, -1), abs=1e-3)
    assert following[:-1] == pytest.approx(np.diag(full, 1), abs=1e-3)
    for i in (0, 1, 40, 700, 1023, 1024, 1025, n - 1):
        reach = [j for j in range(i) if j >= i - NEAR or j < HEAD]
        assert repeats[i] == pytest.approx(max([0.0, *full[i, reach]]), abs=1e-3)


def test_centrality_is_the_sum_over_all_pairs() -> None:
    """Running sums give what n × n similarities would."""
    features = make_features(1100)
    vectors = features.vectors.astype(np.float64)
    full = vectors @ vectors.T
    sums = np.triu(full, 1).sum(axis=1) + BEFORE * np.tril(full, -1).sum(axis=1)
    scores, _ = centrality_scores(features)
    assert scores == pytest.approx((sums - sums.min()) / np.ptp(sums), abs=1e-3)


def test_every_signal_is_finite_and_belongs_to_one_group() -> None:
    """The groups that reasons name cover all signals once."""
    frequency = DocumentFrequency()
    frequency.add(make_features(50).words[:20])
    columns = signals(make_features(50), frequency)
    assert columns.shape == (50, len(SIGNALS))
    assert np.isfinite(columns).all()
    assert sorted(i for group in GROUPS.values() for i in group) == list(range(len(SIGNALS)))
    assert signals(make_features(1), frequency).shape == (1, len(SIGNALS))


def test_vectors_of_words_keep_the_cosines_of_tf_idf() -> None:
    """Near those of scikit-learn's TF-IDF, whose weights are the same but for a constant, in more than one block."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, size=1100).astype(np.int32)
    hashes = rng.integers(0, 2**32, size=5000, dtype=np.uint32)
    words = hashes[rng.zipf(1.3, size=int(counts.sum())) % 5000]
    documents = [part.tolist() for part in np.split(words, np.cumsum(counts)[:-1])]
    tf_idf = TfidfVectorizer(analyzer=lambda document: document, smooth_idf=True)
    expected = tf_idf.fit_transform(documents)
    frequency = DocumentFrequency()
    for document in documents:
        frequency.add(np.array(document, dtype=np.uint32))
    # scikit-learn adds one to the logarithm.
    vectors = hashed_vectors(words, counts, frequency.idf(words) + 1).astype(np.float64)
    difference = vectors @ vectors.T - (expected @ expected.T).toarray()
    assert np.sqrt((difference**2).mean()) < 1 / np.sqrt(WORD_WIDTH)
    assert np.abs(np.diag(difference)).max() < 2e-3
    assert abs(difference.mean()) < 2e-3  # words that share a dimension cancel out


def test_a_word_weighs_by_its_rarity_in_the_training_articles() -> None:
    """What all articles have weighs nothing."""
    frequency = DocumentFrequency()
    for article in ([1, 2, 2], [1, 3], [1, 2]):
        frequency.add(np.array(article, dtype=np.uint32))
    idf = frequency.idf(np.array([1, 2, 3, 4], dtype=np.uint32))
    assert idf == pytest.approx(np.log([1, 4 / 3, 2, 4]))
    # For an article that is counted itself the same as if it were not.
    others = DocumentFrequency()
    for article in ([1, 2, 2], [1, 2]):
        others.add(np.array(article, dtype=np.uint32))
    own = np.array([1, 3], dtype=np.uint32)
    assert frequency.idf(own, counted=True) == pytest.approx(others.idf(own))
    words, counts = np.array([1, 1, 4, 1, 3, 4], dtype=np.uint32), np.array([1, 2, 3], dtype=np.int32)
    ((_, coverage, novelty, lead),) = word_statistics(words, counts, frequency.idf(words))
    assert coverage == pytest.approx([0, 1, 1])  # only the word 4 is there twice
    assert novelty == pytest.approx([0, 1, 1 / 3])  # word 3 against 4, which weighs twice as much
    assert lead == pytest.approx([0, 0, 0])
    ((_, coverage, _, _),) = word_statistics(
        np.array([5, 5], dtype=np.uint32), np.array([1, 1], dtype=np.int32), np.full(2, 0.1)
    )
    assert coverage == pytest.approx([1, 1])  # a share whatever the weights


def test_words_are_counted_as_people_count_them() -> None:
    """By white space; by tokens in a script without it."""
    assert features_of("It's a well-known fact - isn't it? Yes.").n_words.tolist() == [7, 1]
    words = ["桥", "在", "周一", "关闭", "了", "。"]
    doc = spacy.tokens.Doc(spacy.blank("en").vocab, words=words, spaces=[False] * 6)
    features = sentence_features(doc, np.array([[0, 6]]), np.ones((1, 2), dtype=np.float32))
    assert features.n_words.tolist() == [5]


def test_fragments_are_told_from_sentences() -> None:
    """A headline, and a quotation that begins here and ends elsewhere."""
    text = 'Bridge closed\n\nThe engineers\' bridge is shut. "We had to," he said. "It was old. He left.'
    features = features_of(text)
    sentences = [text[start:end] for start, end in zip(features.starts, features.ends, strict=True)]
    kept = [s for s, fragment in zip(sentences, features.fragments(), strict=True) if not fragment]
    assert kept == ["The engineers' bridge is shut.", '"We had to," he said.', "He left."]


def kept_of(sentences: list[str]) -> list[str]:
    """Those that are no fragments."""
    nlp = spacy.blank("en")
    doc = nlp.make_doc(" ".join(sentences))
    spans = [doc.char_span(doc.text.index(s), doc.text.index(s) + len(s)) for s in sentences]
    bounds = np.array([(span.start, span.end) for span in spans])
    features = sentence_features(doc, bounds, np.ones((len(bounds), 2), dtype=np.float32))
    return [s for s, fragment in zip(sentences, features.fragments(), strict=True) if not fragment]


def test_sentences_inside_a_longer_quotation_are_fragments() -> None:
    """All from the mark that opens it to the mark that closes it, double or single; whole quotations are none."""
    for opened, closed in ('""', "“”", "''", "‘’"):
        whole = f"{opened}They went home,{closed} he said."
        sentences = [whole, f"He added, {opened}It was bad.", "It rained.", f"Nobody came.{closed}", "All was over."]
        assert kept_of(sentences) == [whole, "All was over."]


def test_apostrophes_and_lost_marks_split_nothing() -> None:
    """Possessives, decades, marks without a counterpart: at most the sentence that has the mark is in doubt."""
    plain = ["The dogs' owner left in the '90s.", "It was James' and O'Neil's 'new' plan.", "It worked."]
    assert kept_of(plain) == plain
    lost = [
        'Bender ("We are the Millers) produces.',
        "One came.",
        'Two "good" ones.',
        *(f"No {i}." for i in range(3, 17)),
    ]
    assert kept_of(lost) == lost[1:]
    late = ['He said "yes.', *(f"No {i}." for i in range(2, 17)), 'So it ended."']
    assert kept_of(late) == late[1:-1]


def test_lines_that_were_given_a_mark_are_fragments() -> None:
    """A full stop after a space, as of headlines and bylines in joined lines; not where all full stops are so."""
    assert kept_of(["By .", "The mayor came home.", "READ MORE: other mayors .", "She slept."]) == [
        "The mayor came home.",
        "She slept.",
    ]
    tokenized = ["The mayor came home .", "She slept ."]
    assert kept_of(tokenized) == tokenized


def test_a_single_word_is_no_sentence_of_a_summary() -> None:
    """Numbers of sections end with a full stop as sentences do, and would fill what a budget of words leaves."""
    assert kept_of(["4.", "What went wrong was the mount.", "Yes.", "No one slept."]) == [
        "What went wrong was the mount.",
        "No one slept.",
    ]


def test_a_title_takes_no_sentences_place() -> None:
    """What is ranked, and its signals, are the same with a title, headings and items of a list as without."""
    plain = features_of("The bridge is shut. A ferry runs.\n\nNobody was hurt.")
    laid_out = features_of("Bridge\n\nThe bridge is shut. A ferry runs.\n\nHarm done\n\nNobody was hurt.\n\n4.")
    assert laid_out.ranked().tolist() == [False, True, True, False, True, False]
    frequency = DocumentFrequency()
    assert np.array_equal(signals(laid_out.take(laid_out.ranked()), frequency), signals(plain, frequency))


def test_fragments_stand_in_where_there_is_nothing_else() -> None:
    """A list of headings is summarized by headings."""
    features = features_of("Bridge closed\n\nFerry opens\n\nMayor speaks")
    assert len(select_features(features, np.ones(3), SummaryBudget(sentences=2), 0.0, False)) == 2


def test_where_words_are_short_a_sentence_that_says_more_comes_first() -> None:
    """A budget in sentences goes by salience alone."""
    features = features_of("It was shut. The engineers closed the old bridge over the river because of a crack.")
    salience = np.array([0.5, 0.4])
    assert select_features(features, salience, SummaryBudget(words=13), 0.0, False) == [1]
    assert select_features(features, salience, SummaryBudget(characters=70), 0.0, False) == [1]
    assert select_features(features, salience, SummaryBudget(sentences=1), 0.0, False) == [0]
    assert select_features(features, salience, SummaryBudget(sentences=1, words=20), 0.0, False) == [0]


@pytest.mark.parametrize(
    "budget",
    [SummaryBudget(words=11), SummaryBudget(characters=40), SummaryBudget(sentences=2), SummaryBudget(ratio=0.1)],
)
def test_no_budget_is_exceeded(budget: SummaryBudget) -> None:
    """Whatever the lengths."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        n = 20
        features = make_features(n, seed=seed)
        words, chars = rng.integers(1, 12, size=n), rng.integers(3, 40, size=n)
        rows = select_rows(rng.random(n), words, chars, budget, vectors=features.vectors, redundancy=0.3)
        assert rows == sorted(set(rows))
        assert len(rows) <= budget.max_sentences(n)
        if budget.words and len(rows) > 1:
            assert words[rows].sum() <= budget.words
        if budget.characters and len(rows) > 1:
            assert chars[rows].sum() + len(rows) - 1 <= budget.characters


def test_lazy_selection_is_maximal_marginal_relevance() -> None:
    """The same rows as computing every gain again at every step."""
    for seed in range(20):
        features = make_features(40, seed=seed)
        scores = np.random.default_rng(seed).random(40)
        vectors = features.vectors.astype(np.float64)
        chosen: list[int] = []
        while len(chosen) < 8:
            similar = np.maximum((vectors @ vectors[chosen].T).max(axis=1), 0) if chosen else np.zeros(40)
            gains = scores - 0.5 * similar
            gains[chosen] = -np.inf
            chosen.append(int(gains.argmax()))
        rows = select_rows(
            scores, np.ones(40), np.ones(40), SummaryBudget(sentences=8), vectors=features.vectors, redundancy=0.5
        )
        assert rows == sorted(chosen)


def test_a_repeated_sentence_is_not_chosen_twice() -> None:
    """With redundancy control, the second best replaces the copy of the best."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float16)
    ones = np.ones(3)
    scores = np.array([0.9, 0.9, 0.3])
    assert select_rows(scores, ones, ones, SummaryBudget(sentences=2), vectors=vectors, redundancy=0.8) == [0, 2]
    assert select_rows(scores, ones, ones, SummaryBudget(sentences=2)) == [0, 1]


def test_salient_entities_are_covered_on_request() -> None:
    """The sentence that names the entity mentioned most is taken though others score higher."""
    features = make_features(4)
    features.entities = np.array([7, 7, 9], dtype=np.uint32)
    features.entity_counts = np.array([0, 0, 2, 1], dtype=np.int32)
    bonus = entity_bonus(features.entities, features.entity_counts, top=1)
    scores = np.array([0.9, 0.8, 0.1, 0.2])
    ones = np.ones(4)
    assert select_rows(scores, ones, ones, SummaryBudget(sentences=2), bonus=bonus) == [0, 2]


def test_a_summary_has_one_sentence_at_least() -> None:
    """Where none fits, the best one is given, by `select_rows` as by `doc._.summarize`."""
    scores, words = np.array([0.2, 0.9, 0.4]), np.array([7, 9, 8])
    assert select_rows(scores, words, 5 * words, SummaryBudget(words=5)) == [1]
    assert select_rows(scores, words, 5 * words, SummaryBudget(sentences=2, characters=4)) == [1]
    assert select_rows(scores, words, 5 * words, SummaryBudget(words=8)) == [2]
    assert select_rows(np.array([0.2, -np.inf]), words[:2], words[:2], SummaryBudget(words=1)) == [0]
    assert select_rows(np.zeros(0), words[:0], words[:0], SummaryBudget(words=1)) == []
    nlp = untrained("lead")
    assert len(nlp(BRIDGE)._.summarize(words=2)) == 1
    assert nlp("")._.summarize(words=2) == []
    assert len(nlp.get_pipe("summarizer").summarize(nlp(BRIDGE), characters=1)) == 1
    assert len(untrained("lead", sentences=None, words=1)(BRIDGE).spans["summary"]) == 1


def test_a_budget_must_make_sense() -> None:
    """Less than one of anything and a share above one are refused; an absent summary stays absent."""
    for arguments in ({"words": 0}, {"sentences": 0.5}, {"ratio": 1.1}, {"ratio": 0}, {"characters": -3}):
        with pytest.raises(DossierError, match="budget"):
            SummaryBudget(**arguments)
    with pytest.raises(DossierError, match="Set one of sentences, words, characters, ratio"):
        SummaryBudget().required()
    doc = spacy.blank("en")(BRIDGE)
    untrained("lead")
    assert doc._.summarize(sentences=2) == []
    assert doc._.summary == ""
    with pytest.raises(DossierError, match="needs a budget"):
        doc._.summarize()


def test_summaries_of_another_length_need_no_model() -> None:
    """`doc._.summarize` keeps words, characters and share of the sentences."""
    doc = untrained("lead")(BRIDGE)
    assert texts(doc._.summarize(sentences=1)) == SENTENCES[:1]
    assert sum(len(text.split()) for text in texts(doc._.summarize(words=20))) <= 20
    assert len(" ".join(texts(doc._.summarize(characters=80)))) <= 80
    assert len(doc._.summarize(ratio=0.5)) == 4


def test_targets_are_kept_within_bounds() -> None:
    """The newest of those that training met; the same text with another summary is another."""
    nlp = spacy.blank("en")
    cache = TargetCache(WordTokenizer("en"), size=2)
    bounds = np.array([[0, 2], [2, 4]])
    examples = []
    for word in ("one", "two", "three"):
        summarised = nlp.make_doc(f"Ship {word} waits here")
        summarised.user_data["summary_reference"] = f"Ship {word}"
        examples.append(Example(nlp.make_doc(summarised.text), summarised))
    targets = [cache.get(eg, bounds) for eg in examples]
    assert len(cache.targets) == 2
    assert cache.get(examples[1], bounds) is targets[1]
    assert cache.get(examples[0], bounds) is not targets[0]
    examples[0].reference.user_data["summary_reference"] = "Ship one waits"
    assert (targets[0].length, cache.get(examples[0], bounds).length) == (2, 3)
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
