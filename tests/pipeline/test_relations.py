"""`relation_extractor`: what it learns, finds and keeps."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.evaluate import evaluate
from spacy_dossier.evaluate.relations.scores import score_examples
from spacy_dossier.pipeline.extensions import Relation, get_relations, register_relations, set_relations
from spacy_dossier.pipeline.relations.candidates import Entity, Window, find_candidates

NAMES = ("Ada", "Boris", "Clara", "Dan", "Edda", "Fritz")
TOWNS = ("Bonn", "Lima", "Oslo", "Riga")
WORKS, LIVES, MARRIED = "works_at", "lives_in", "married_to"


def sentences() -> Iterator[tuple[list[str], list[tuple[int, str]], list[tuple[int, int, str]]]]:
    """YIELDS (tuple): Words; where the entities are, with their types; relations by the entities' numbers."""
    for number, name in enumerate(NAMES):
        town, other = TOWNS[number % 4], NAMES[(number + 1) % 6]
        yield [name, "lives", "in", town, "."], [(0, "PER"), (3, "LOC")], [(0, 1, LIVES)]
        yield [name, "left", town, "."], [(0, "PER"), (2, "LOC")], []
        yield ["Acme", "employs", name, "."], [(0, "ORG"), (2, "PER")], [(1, 0, WORKS)]
        yield ["Acme", "sued", name, "."], [(0, "ORG"), (2, "PER")], []
        yield [name, "married", other, "."], [(0, "PER"), (2, "PER")], [(0, 1, MARRIED)]
        yield [name, "met", other, "."], [(0, "PER"), (2, "PER")], []


def examples(nlp: Language) -> list[Example]:
    """With entities given, as a recogniser that is always right would set them."""
    register_relations()
    made = []
    for words, places, relations in sentences():
        reference, predicted = Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words)
        for doc in (reference, predicted):
            doc.set_ents([Span(doc, place, place + 1, label=label) for place, label in places])
        ents = reference.ents
        set_relations(reference, [Relation(ents[head], ents[tail], label) for head, tail, label in relations])
        reference.user_data["relation_labels"] = [LIVES, MARRIED, WORKS]
        made.append(Example(predicted, reference))
    return made


def untrained(**config: object) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_extractor", config={"model": {"dropout": 0.0}, **config})
    return nlp


@pytest.fixture(scope="module")
def trained() -> Language:
    """Knows the toy sentences by heart."""
    spacy.util.fix_random_seed(0)
    nlp = untrained(symmetric=[MARRIED])
    data = examples(nlp)
    optimizer = nlp.initialize(lambda: data)
    for _ in range(60):
        nlp.update(data, sgd=optimizer)
    return nlp


def with_entities(nlp: Language, words: list[str], places: list[tuple[int, str]]) -> Doc:
    doc = Doc(nlp.vocab, words=words)
    doc.set_ents([Span(doc, place, place + 1, label=label) for place, label in places])
    return doc


def facts(doc: Doc) -> list[tuple[str, str, str, float | None]]:
    return [(r.head.text, r.label, r.tail.text, r.confidence) for r in doc._.relations]


def long_doc(nlp: Language) -> Doc:
    words: list[str] = []
    places: list[tuple[int, str]] = []
    for part, found, _ in sentences():
        places += [(len(words) + place, label) for place, label in found]
        words += part
    return with_entities(nlp, words, places)


def test_it_learns_labels_directions_and_pairs_without_relation(trained: Language) -> None:
    """A symmetric relation is given once, in the order of the text; the others the way they are annotated."""
    assert (
        score_examples([Example(trained(eg.predicted), eg.reference) for eg in examples(trained)])["rel_micro_f"] == 1
    )
    doc = trained(with_entities(trained, ["Acme", "employs", "Ada", "."], [(0, "ORG"), (2, "PER")]))
    ((head, label, tail, confidence),) = facts(doc)
    assert (head, label, tail) == ("Ada", WORKS, "Acme")
    assert confidence is not None and 0.5 < confidence <= 1


def test_a_symmetric_relation_annotated_against_the_text_is_the_same(trained: Language) -> None:
    """Whichever end the annotator began with: training, evaluation and calibration see one relation."""

    def turned(eg: Example) -> Example:
        turn = [r._replace(head=r.tail, tail=r.head) if r.label == MARRIED else r for r in get_relations(eg.reference)]
        set_relations(eg.reference, turn)
        return eg

    data = [turned(eg) for eg in examples(trained)]
    assert any(r.head.start > r.tail.start for eg in data for r in get_relations(eg.reference) if r.label == MARRIED)
    assert trained.evaluate(data)["rel_micro_f"] == 1
    scores = evaluate(trained, [eg.reference for eg in data])["relations"]
    assert scores["gold_entities"]["f1"] == 1


def test_only_types_that_training_related_are_related(trained: Language) -> None:
    """And other entities are nothing to it."""
    for labels in (("LOC", "LOC"), ("PER", "ORG"), ("PER", "DATE")):
        doc = with_entities(trained, ["Ada", "lives", "in", "Bonn", "."], [(0, labels[0]), (3, labels[1])])
        assert LIVES not in [label for _, label, _, _ in facts(trained(doc))]


def test_results_do_not_depend_on_batches_processes_or_threads(trained: Language) -> None:
    docs = [with_entities(trained, words, places) for words, places, _ in sentences()]
    copies = [[doc.copy() for doc in docs] for _ in range(12)]
    alone = [facts(trained(doc)) for doc in docs]
    assert any(alone)

    def close(one: list[list], other: list[list]) -> bool:
        flat = [[fact for found in side for fact in found] for side in (one, other)]
        same = [fact[:3] for fact in flat[0]] == [fact[:3] for fact in flat[1]]
        return same and np.allclose([fact[3] for fact in flat[0]], [fact[3] for fact in flat[1]], atol=1e-5)

    assert close(alone, [facts(doc) for doc in trained.pipe(copies[0], batch_size=7)])
    assert close(alone, [facts(doc) for doc in trained.pipe(copies[1], n_process=2)])
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda some: [facts(doc) for doc in trained.pipe(some)], copies[2:]):
            assert close(alone, found)


def test_it_is_stored_and_loaded(trained: Language, tmp_path: Path) -> None:
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    found, expected = facts(loaded(long_doc(loaded))), facts(trained(long_doc(trained)))
    assert [fact[:3] for fact in found] == [fact[:3] for fact in expected]
    assert [fact[3] for fact in found] == pytest.approx([fact[3] for fact in expected], abs=1e-5)
    doc = trained(long_doc(trained))
    assert facts(Doc(doc.vocab).from_bytes(doc.to_bytes())) == facts(doc)
    bin_ = DocBin(docs=[doc], store_user_data=True)
    assert [facts(found) for found in DocBin().from_bytes(bin_.to_bytes()).get_docs(doc.vocab)] == [facts(doc)]


def test_labels_grow_and_what_is_known_stays(trained: Language) -> None:
    nlp = untrained()
    nlp.get_pipe("relation_extractor").from_bytes(trained.get_pipe("relation_extractor").to_bytes())
    pipe = nlp.get_pipe("relation_extractor")
    before = facts(nlp(long_doc(nlp)))
    assert pipe.add_label("born_in", [["PER", "LOC"], ["PER", "DATE"]]) == 1
    assert pipe.add_label("born_in") == 0
    assert pipe.labels == (LIVES, MARRIED, WORKS, "born_in")
    after = [fact for fact in facts(nlp(long_doc(nlp))) if fact[1] != "born_in"]
    assert [fact[:3] for fact in after] == [fact[:3] for fact in before]
    data = examples(nlp)
    nlp.update(data, sgd=nlp.resume_training())


def test_initializing_again_begins_anew(trained: Language) -> None:
    nlp = untrained()
    nlp.get_pipe("relation_extractor").from_bytes(trained.get_pipe("relation_extractor").to_bytes())
    assert any(fact[3] > 0.9 for fact in facts(nlp(long_doc(nlp))))
    data = examples(nlp)
    nlp.initialize(lambda: data)
    assert not any(fact[3] > 0.9 for fact in facts(nlp(long_doc(nlp))))


def test_labels_can_be_given(trained: Language) -> None:
    """As `spacy init labels` writes them."""
    given = trained.get_pipe("relation_extractor").label_data
    assert given == {LIVES: [["PER", "LOC"]], MARRIED: [["PER", "PER"]], WORKS: [["PER", "ORG"]]}
    nlp = untrained()
    data = examples(nlp)
    nlp.get_pipe("relation_extractor").initialize(lambda: data, nlp=nlp, labels=given)
    assert nlp.get_pipe("relation_extractor").label_data == given


def test_documents_without_annotation_teach_nothing(trained: Language) -> None:
    """Neither do labels that a corpus does not annotate: its pairs are no negatives for them."""
    nlp = untrained()
    data = examples(nlp)
    nlp.initialize(lambda: data)
    pipe = nlp.get_pipe("relation_extractor")
    silent = examples(nlp)
    for eg in silent:
        set_relations(eg.reference, [])
        del eg.reference.user_data["relation_labels"]
    assert pipe.update(silent) == {"relation_extractor": 0.0}
    losses = {}
    for labels in ([LIVES, MARRIED, WORKS], [WORKS], []):
        for eg in silent:
            eg.reference.user_data["relation_labels"] = labels
        losses[len(labels)] = pipe.update(silent)["relation_extractor"]
    assert losses[3] > losses[1] > losses[0] == 0.0


def test_what_a_recogniser_finds_wrongly_has_no_relation(trained: Language) -> None:
    """Beside the annotated entities those of the prediction are learnt from."""
    nlp = untrained()
    data = examples(nlp)
    nlp.initialize(lambda: data)
    pipe = nlp.get_pipe("relation_extractor")
    eg = data[0]  # Ada lives in Bonn .
    _, rows, targets, _ = pipe._lesson(eg, pipe._table())
    assert rows.tolist() == [[0, 1]] and targets.sum() == 1
    eg.predicted.set_ents([Span(eg.predicted, 0, 1, label="PER"), Span(eg.predicted, 2, 4, label="LOC")])
    entities, rows, targets, _ = pipe._lesson(eg, pipe._table())
    assert [(entity.start, entity.end) for entity in entities] == [(0, 1), (2, 4), (3, 4)]
    assert rows.tolist() == [[0, 1], [0, 2]] and targets.sum(axis=1).tolist() == [0, 1]


def test_a_label_that_the_model_does_not_know_is_said(trained: Language) -> None:
    data = examples(trained)[:1]
    ents = data[0].reference.ents
    set_relations(data[0].reference, [Relation(ents[0], ents[1], "haunts")])
    nlp = untrained()
    more = examples(nlp)
    nlp.initialize(lambda: more)
    with pytest.warns(UserWarning, match="does not know the label 'haunts'"):
        nlp.update(data)


def test_what_cannot_be_learnt_is_counted() -> None:
    """Relations of entities too far apart, and of entities that are none on the pipeline's tokens."""
    nlp = untrained(max_tokens=1)
    data = examples(nlp)
    ents = data[0].reference.ents
    data[0].reference.set_ents(ents[:1])
    with pytest.warns(UserWarning) as caught:
        nlp.initialize(lambda: data)
    said = " ".join(str(warning.message) for warning in caught)
    assert "1 of 18 relations have a head or tail that is no entity" in said
    assert "5 of 18 relations are between entities further apart than the window" in said


def test_five_hundred_entities_in_a_sentence_are_bounded(trained: Language) -> None:
    doc = with_entities(trained, ["Ada"] * 500, [(place, "PER") for place in range(500)])
    with pytest.warns(UserWarning, match="each is paired with its nearest 32"):
        trained(doc)
    entities = [Entity(place, place + 1, "PER") for place in range(500)]
    typed = np.array([[False, False], [False, True]])
    found = find_candidates(entities, typed, {"PER": 1}, Window(1000, None), None)
    every = {(head, tail) for head in range(500) for tail in range(500) if head != tail}
    near = {(head, tail) for head, tail in every if abs(head - tail) <= 32}
    assert set(map(tuple, found.rows.tolist())) == near and len(found.rows) == len(near)
    assert found.left_out == len(every) - len(near)


@pytest.mark.parametrize(
    ("sentences", "wanted"),
    [(0, [(0, 1)]), (1, [(0, 1), (0, 2), (1, 2)]), (3, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])],
)
def test_the_window_is_of_sentences_too(sentences: int, wanted: list[tuple[int, int]]) -> None:
    entities = [Entity(0, 1, "A"), Entity(2, 3, "A"), Entity(5, 6, "A"), Entity(9, 10, "A")]
    sentence = np.array([1, 1, 1, 1, 2, 2, 3, 3, 4, 4])
    typed = np.ones((2, 2), dtype=bool)
    found = find_candidates(entities, typed, {"A": 1}, Window(100, sentences), sentence)
    assert found.rows.tolist() == [list(pair) for pair in sorted([*wanted, *((b, a) for a, b in wanted)])]


def test_documents_without_pairs_are_no_trouble(trained: Language) -> None:
    docs = [Doc(trained.vocab), Doc(trained.vocab, words=["Rain", "."]), with_entities(trained, ["Ada"], [(0, "PER")])]
    assert [facts(doc) for doc in trained.pipe([*docs, long_doc(trained)])][:3] == [[], [], []]
    nlp = untrained()
    data = examples(nlp)
    nlp.initialize(lambda: data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = [Example(Doc(nlp.vocab), Doc(nlp.vocab)), Example(nlp.make_doc("Rain."), nlp.make_doc("Rain."))]
        assert nlp.update(empty) == {"relation_extractor": 0.0}


@pytest.mark.parametrize("config", [{"max_tokens": -1}, {"max_sentences": -1}, {"threshold": 0.0}, {"threshold": 1.5}])
def test_settings_that_make_no_sense_are_refused(config: dict[str, float]) -> None:
    with pytest.raises(DossierError, match=f"'{next(iter(config))}'"):
        untrained(**config)


def test_a_corpus_without_relations_is_refused() -> None:
    nlp = untrained()
    data = examples(nlp)
    for eg in data:
        set_relations(eg.reference, [])
    with pytest.raises(DossierError, match="has no relations"):
        nlp.initialize(lambda: data)


def test_the_confidence_is_of_the_whole_fact(trained: Language) -> None:
    """Where the entities have confidences themselves, it is no larger than they."""
    from spacy_dossier.pipeline.extensions import set_confidence

    doc = with_entities(trained, ["Acme", "employs", "Ada", "."], [(0, "ORG"), (2, "PER")])
    (sure,) = get_relations(trained(doc.copy()))
    for ent, value in zip(doc.ents, (0.9, 0.8), strict=True):
        set_confidence(doc, ent.start_char, ent.end_char, ent.label_, value)
    (found,) = get_relations(trained(doc))
    assert sure.confidence is not None
    assert found.confidence == pytest.approx(sure.confidence * 0.9 * 0.8)
