"""Scores and calibration of relations."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.calibration import confidences_of
from spacy_dossier.evaluate.evaluate import evaluate
from spacy_dossier.evaluate.relations.calibrate import calibrate_relations
from spacy_dossier.evaluate.relations.page import relations
from spacy_dossier.evaluate.relations.scores import (
    count,
    relations_of,
    score_examples,
    score_relations,
)
from spacy_dossier.pipeline.extensions import Relation, get_relations, register_relations, set_relations

LABELS = ("born_in", "knows", "owns<b>")
TYPES = ("PER", "LOC", "ORG")
Row = tuple[tuple[int, int, str], tuple[int, int, str], str]


def random_doc(vocab: Vocab, rng: random.Random) -> Doc:
    """Entities of one or two tokens, and relations between some of them."""
    register_relations()
    doc = Doc(vocab, words=[f"w{rng.randrange(5)}" for _ in range(rng.randrange(4, 30))])
    spans, start = [], 0
    while start < len(doc) - 2:
        end = start + rng.randrange(1, 3)
        if rng.random() < 0.5:
            spans.append(Span(doc, start, end, label=rng.choice(TYPES)))
        start = end
    doc.set_ents(spans)
    pairs = [(head, tail) for head in doc.ents for tail in doc.ents if head.start != tail.start]
    chosen = rng.sample(pairs, min(len(pairs), rng.randrange(6)))
    set_relations(doc, [Relation(*pair, rng.choice(LABELS), round(rng.random(), 3)) for pair in chosen])
    doc.user_data["relation_labels"] = list(LABELS)
    return doc


def changed(doc: Doc, rng: random.Random) -> Doc:
    """A prediction for a document: entities of other types or other bounds, relations added and lost."""
    copy = Doc(doc.vocab, words=[token.text for token in doc])
    spans = []
    for ent in doc.ents:
        label = rng.choice(TYPES) if rng.random() < 0.3 else ent.label_
        start = ent.end - 1 if rng.random() < 0.2 else ent.start
        spans.append(Span(copy, start, ent.end, label=label))
    copy.set_ents(spans)
    at = dict(zip([ent.start for ent in doc.ents], copy.ents, strict=True))
    kept = [
        Relation(at[head.start], at[tail.start], label, rng.random())
        for head, tail, label, _ in get_relations(doc)
        if rng.random() < 0.7
    ]
    pairs = [(head, tail) for head in copy.ents for tail in copy.ents if head.start != tail.start]
    more = [Relation(*pair, rng.choice(LABELS), rng.random()) for pair in rng.sample(pairs, min(len(pairs), 2))]
    once = {(relation.head.start, relation.tail.start, relation.label): relation for relation in (*kept, *more)}
    set_relations(copy, once.values())
    return copy


def oracle(golds: Sequence[Doc], predictions: Sequence[Doc], *, typed: bool) -> tuple[float, float, float]:
    """As SpERT's evaluator counts: lists of (head, tail, label) of each document, of which sets are made, and a
    prediction is right where the very same triple is annotated. Written from the paper, on tokens.
    """
    right = found = there = 0
    for gold, predicted in zip(golds, predictions, strict=True):
        sides: list[set[Row]] = []
        for doc in (gold, predicted):
            rows = set()
            for relation in doc._.relations:
                ends = [(e.start, e.end, e.label_ if typed else "any") for e in (relation.head, relation.tail)]
                rows.add((ends[0], ends[1], relation.label))
            sides.append(rows)
        there += len(sides[0])
        found += len(sides[1])
        right += sum(1 for row in sides[1] if row in sides[0])
    precision, recall = right / found, right / there
    return precision, recall, 2 * precision * recall / (precision + recall)


@pytest.fixture(scope="module")
def sides() -> tuple[list[Doc], list[Doc]]:
    rng, vocab = random.Random(7), Vocab()
    golds = [random_doc(vocab, rng) for _ in range(120)]
    return golds, [changed(doc, rng) for doc in golds]


def test_strict_and_boundary_scores_are_those_of_an_oracle(sides: tuple[list[Doc], list[Doc]]) -> None:
    golds, predictions = sides
    examples = [Example(predicted, gold) for gold, predicted in zip(golds, predictions, strict=True)]
    scores = score_examples(examples)
    strict = oracle(golds, predictions, typed=True)
    assert (scores["rel_micro_p"], scores["rel_micro_r"], scores["rel_micro_f"]) == pytest.approx(strict)
    pairs = [(relations_of(gold), relations_of(found)) for gold, found in zip(golds, predictions, strict=True)]
    table = score_relations(pairs, pairs, pairs, None)
    names = ("precision", "recall", "f1")
    assert [table["strict"]["micro"][name] for name in names] == pytest.approx(strict)
    assert [table["boundaries"][name] for name in names] == pytest.approx(oracle(golds, predictions, typed=False))
    assert oracle(golds, predictions, typed=False) > strict  # some types are wrong
    for label in LABELS:
        parts = [[doc.copy() for doc in side] for side in sides]
        for doc in (*parts[0], *parts[1]):
            set_relations(doc, [relation for relation in get_relations(doc) if relation.label == label])
        expected = oracle(*parts, typed=True)
        assert [table["strict"]["labels"][label][name] for name in names] == pytest.approx(expected)
        assert scores["rel_per_type"][label]["f"] == pytest.approx(expected[2])
    assert sum(row["support"] for row in table["by_distance"]) == table["strict"]["micro"]["support"]
    assert sum(row["predicted"] for row in table["by_distance"]) == table["strict"]["micro"]["predicted"]


def test_confidences_are_judged_strictly(sides: tuple[list[Doc], list[Doc]]) -> None:
    golds, predictions = sides
    pairs = [(relations_of(gold), relations_of(found)) for gold, found in zip(golds, predictions, strict=True)]
    confidences, correct, documents = confidences_of(pairs)
    micro = count(pairs, list(LABELS))
    assert correct.sum() == micro.correct.sum() and len(confidences) == micro.predicted.sum()
    by_document = [sum(documents == number) for number in range(len(golds))]
    assert by_document == [len(found) for _, found in pairs]


def test_the_page_shows_what_was_scored(sides: tuple[list[Doc], list[Doc]]) -> None:
    """Labels are escaped."""
    pairs = [(relations_of(gold), relations_of(found)) for gold, found in zip(*sides, strict=True)]
    part = score_relations(pairs, pairs, pairs, {"precision": 0.9, "threshold": 0.25})
    page = relations({"relations": part})
    assert "<b>" not in page and "owns&lt;b&gt;" in page
    assert page.count(f"{part['strict']['micro']['f1']:.4f}") >= 1
    assert "20 and more" in page and "chosen for a precision of 90.00%" in page
    assert relations({}) == ""


def test_documents_without_annotation_are_not_scored(sides: tuple[list[Doc], list[Doc]]) -> None:
    """What is found there is neither right nor wrong."""
    golds, predictions = sides
    silent = [doc.copy() for doc in golds[:20]]
    for doc in silent:
        set_relations(doc, [])
        del doc.user_data["relation_labels"]
    examples = [Example(predicted, gold) for gold, predicted in zip(golds, predictions, strict=True)]
    more = [Example(predicted, gold) for gold, predicted in zip(silent, predictions[:20], strict=True)]
    assert score_examples([*examples, *more]) == score_examples(examples)
    assert score_examples(more)["rel_micro_f"] is None


@Language.component("guess_relations", assigns=["doc._.relations"])
def guess_relations(doc: Doc) -> Doc:
    """Relates every two neighbours, with a confidence that says how often that is right: half."""
    register_relations()
    pairs = zip(doc.ents, doc.ents[1:], strict=False)
    set_relations(doc, [Relation(head, tail, "knows", 0.9) for head, tail in pairs])
    return doc


def corpus(n: int) -> list[Doc]:
    """Documents of two people, of whom every second pair knows each other."""
    register_relations()
    docs = []
    for number in range(n):
        doc = Doc(Vocab(), words=["Ada", "met", "Dan", str(number)], ents=["B-PER", "O", "B-PER", "O"])
        set_relations(doc, [Relation(*doc.ents, "knows")] if number % 2 else [])
        doc.user_data["relation_labels"] = ["knows"]
        docs.append(doc)
    return docs


def pipeline() -> Language:
    """A recogniser of names, and a relation extractor that has learnt next to nothing."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": name} for name in ("Ada", "Dan")])
    pipe = nlp.add_pipe("relation_extractor", config={"threshold": 0.05})
    examples = [Example(doc.copy(), doc) for doc in corpus(8)]
    pipe.initialize(lambda: examples, nlp=nlp)
    return nlp


def test_calibration_says_what_is_right_and_is_stored(tmp_path: Path) -> None:
    nlp, dev = pipeline(), corpus(200)
    before = [r.confidence for doc in nlp.pipe(doc.text for doc in dev) for r in doc._.relations]
    report = calibrate_relations(nlp, dev)
    assert report["relations"] == len(before) >= 200
    after = [r.confidence for doc in nlp.pipe(doc.text for doc in dev) for r in doc._.relations]
    assert len(after) == len(before)  # the same relations
    right = (report["relations"] - report["errors"]) / report["relations"]
    assert np.mean(after) == pytest.approx(right, abs=0.02)
    assert report["after"]["ece"] < report["before"]["ece"]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert [r.confidence for r in loaded("Ada met Dan 7")._.relations] == pytest.approx(
        [r.confidence for r in nlp("Ada met Dan 7")._.relations]
    )


def test_documents_that_cannot_judge_are_refused() -> None:
    nlp = pipeline()
    silent = corpus(4)
    for doc in silent:
        set_relations(doc, [])
        del doc.user_data["relation_labels"]
    with pytest.raises(DossierError, match="no document of the development set is annotated with relations"):
        calibrate_relations(nlp, silent)
    none = corpus(4)[::2]
    with pytest.raises(DossierError, match="no relation that the pipeline finds in the development set is right"):
        calibrate_relations(nlp, none)


def test_evaluate_scores_relations_and_shows_them(tmp_path: Path) -> None:
    """By the commands: calibrated first, then scored; the page has the tables and escapes labels."""
    nlp, docs = pipeline(), corpus(60)
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "docs.spacy")
    calibrated = ["calibrate", str(tmp_path / "model"), str(tmp_path / "docs.spacy"), "-o", str(tmp_path / "final")]
    done = CliRunner().invoke(app, calibrated)
    assert done.exit_code == 0, done.output
    assert re.search(r"Confidence of \d+ relations, \d+ of them wrong", done.output)
    scored = ["evaluate", str(tmp_path / "final"), str(tmp_path / "docs.spacy"), "-o", str(tmp_path / "scores")]
    done = CliRunner().invoke(app, scored)
    assert done.exit_code == 0, done.output
    assert "Relations" in done.output and "given entities" in done.output
    page = (tmp_path / "scores" / "index.html").read_text()
    assert 'id="relations"' in page and "By distance" in page


def test_given_entities_are_those_of_the_corpus() -> None:
    """Where the recogniser misses one, the score with annotated entities is higher."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])
    nlp.add_pipe("relation_extractor")
    examples = [Example(doc.copy(), doc) for doc in corpus(8)]
    nlp.get_pipe("relation_extractor").initialize(lambda: examples, nlp=nlp)
    nlp.remove_pipe("entity_ruler")
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "PER", "pattern": "Ada"}])
    nlp.get_pipe("relation_extractor").threshold = 0.001
    scores = evaluate(nlp, corpus(20))["relations"]
    assert scores["strict"]["micro"]["predicted"] == 0
    assert scores["gold_entities"]["recall"] == 1.0
