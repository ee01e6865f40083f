"""Entity scores agree with seqeval and nervaluate, and every error has one name."""

import pytest
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_dossier.evaluate.corpus import PredictedDoc, ScoredEntity
from spacy_dossier.evaluate.entities import (
    KINDS,
    Pair,
    by_surface,
    confusion,
    error_kinds,
    lenient,
    matches,
    pair,
    strict_counts,
    surface_forms,
)
from spacy_dossier.evaluate.metrics import table

from .conftest import Sample
from .pipelines import make_doc


def predicted(doc: Doc, *entities: tuple[str, str]) -> Pair:
    """Pair a document with predictions given by their text and label."""
    found = []
    for text, label in entities:
        start = doc.text.index(text)
        found.append(ScoredEntity(start, start + len(text), label))
    return pair(doc, PredictedDoc(found, None))


def test_strict_scores_equal_seqeval(sample: Sample) -> None:
    """Micro, macro, weighted and per-label scores are those of seqeval in strict IOB2 mode, to 1e-12."""
    report = classification_report(
        sample.gold_tags, sample.predicted_tags, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
    )
    ours = table(strict_counts(sample.pairs))
    rows = {f"{name} avg": ours[name] for name in ("micro", "macro", "weighted")} | ours["labels"]
    assert set(rows) == set(report)
    assert {"DATE", "LAW"} <= set(rows)
    for name, row in rows.items():
        for measure, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert row[measure] == pytest.approx(report[name][theirs], abs=1e-12, rel=0)
        assert row["support"] == report[name]["support"]


def test_strict_scores_equal_spacy(sample: Sample) -> None:
    """Micro scores are spaCy's own ents_p, ents_r and ents_f."""
    examples = []
    for one, spans in zip(sample.pairs, sample.predicted_spans, strict=True):
        guess = Doc(one.doc.vocab, words=[token.text for token in one.doc])
        guess.set_ents([Span(guess, *span) for span in spans])
        examples.append(Example(guess, one.doc))
    theirs = get_ner_prf(examples)
    ours = table(strict_counts(sample.pairs))["micro"]
    assert [ours["precision"], ours["recall"], ours["f1"]] == pytest.approx(
        [theirs["ents_p"], theirs["ents_r"], theirs["ents_f"]], abs=1e-12
    )


def test_lenient_scores_equal_nervaluate_on_whole_documents(sample: Sample) -> None:
    """Handing nervaluate small groups of overlapping entities gives the counts of whole documents at once."""

    def given(spans: list[tuple[int, int, str]]) -> list[dict]:
        return [{"label": label, "start": start, "end": end - 1} for start, end, label in spans]

    theirs = Evaluator(
        [given(spans) for spans in sample.gold_spans],
        [given(spans) for spans in sample.predicted_spans],
        tags=["DATE", "LAW", "LOC", "ORG", "PER"],
        loader="dict",
    ).evaluate()
    ours = lenient(sample.pairs)
    for name, key in (("exact", "exact"), ("partial", "partial"), ("type", "ent_type")):
        whole = {"": theirs["overall"][key]} | {label: by[key] for label, by in theirs["entities"].items()}
        for label, result in whole.items():
            row = ours[name] if not label else ours[name]["labels"][label]
            for count in ("correct", "incorrect", "partial", "missed", "spurious"):
                assert row[count] == getattr(result, count), (name, label, count)
            assert row["f1"] == pytest.approx(result.f1, abs=1e-12)


def test_every_entity_is_in_one_match(sample: Sample) -> None:
    """Matches account for each annotated entity and each prediction once, and `correct` is the strict count."""
    for one in sample.pairs:
        found = matches(one)
        assert sorted(match.gold for match in found if match.gold) == one.gold
        assert sorted(match.predicted for match in found if match.predicted) == one.predicted
    found = [match for one in sample.pairs for match in matches(one)]
    kinds = error_kinds(found)
    assert kinds["correct"] == strict_counts(sample.pairs).correct.sum()
    assert sum(kinds.values()) == len(found)
    grid = confusion(found)
    assert sum(map(sum, grid["matrix"])) == len(found)
    assert sum(row[-1] for row in grid["matrix"]) == kinds["missed"]
    assert sum(grid["matrix"][-1]) == kinds["spurious"]


@pytest.mark.parametrize(
    ("guess", "kind"),
    [
        (("Lake Victoria", "LOC"), "correct"),
        (("Lake Victoria", "ORG"), "type"),
        (("Victoria", "LOC"), "boundary"),
        (("Victoria", "PER"), "type_and_boundary"),
        (("wind", "PER"), "spurious"),
        (None, "missed"),
    ],
)
def test_kinds_of_error(guess: tuple[str, str] | None, kind: str) -> None:
    """Each kind of error is named as such."""
    doc = make_doc("On Lake Victoria the wind fell .", [("Lake Victoria", "LOC")])
    kinds = error_kinds(matches(predicted(doc, *([guess] if guess else []))))
    expected = {"missed", "spurious"} if kind == "spurious" else {kind}
    assert {name for name, number in kinds.items() if number} == expected
    assert set(kinds) == set(KINDS)


def test_best_overlap_is_matched_first() -> None:
    """Of two predictions within one entity the one with its label is its match, and the other is spurious."""
    doc = make_doc("the Bank of Upper Volta said", [("Bank of Upper Volta", "ORG")])
    found = matches(predicted(doc, ("Bank", "ORG"), ("Upper Volta", "LOC")))
    assert [(match.kind, match.predicted.label if match.predicted else None) for match in found] == [
        ("boundary", "ORG"),
        ("spurious", "LOC"),
    ]


def test_unaligned_prediction_counts_as_wrong() -> None:
    """A prediction of raw text whose end lies inside an annotated token is a boundary error, not a match."""
    doc = make_doc("in Oslo-based hands", [("Oslo-based", "MISC")])
    one = predicted(doc, ("Oslo", "MISC"))
    counts = table(strict_counts([one]))["micro"]
    assert (counts["correct"], counts["predicted"], counts["support"]) == (0, 1, 1)
    assert error_kinds(matches(one))["boundary"] == 1


def test_predictions_over_missing_annotation_are_left_out() -> None:
    """A prediction that touches a token without annotation is neither right nor wrong, as for spaCy's scorer."""
    doc = make_doc("Ada met Bo in Chad")
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[2:3]], default="outside")
    one = predicted(doc, ("Ada", "PER"), ("Bo in", "LOC"), ("Chad", "LOC"))
    assert [doc.text[entity.start : entity.end] for entity in one.predicted] == ["Ada", "Chad"]
    assert one.ignored == 1
    guess = Doc(doc.vocab, words=[token.text for token in doc])
    guess.set_ents([Span(guess, 0, 1, "PER"), Span(guess, 2, 4, "LOC"), Span(guess, 4, 5, "LOC")])
    theirs = get_ner_prf([Example(guess, doc)])
    assert table(strict_counts([one]))["micro"]["precision"] == theirs["ents_p"]


def test_document_without_annotation_scores_nothing() -> None:
    """Of a document whose annotation is missing altogether no prediction counts."""
    doc = Doc(make_doc("x").vocab, words=["Ada", "met", "Bo"])
    one = predicted(doc, ("Ada", "PER"))
    assert (one.gold, one.predicted, one.ignored) == ([], [], 1)


def test_seen_and_unseen_forms_add_up() -> None:
    """Forms of the training corpus are told by their text, white space aside; both parts sum to the whole."""
    train = [make_doc("Rio de Janeiro and Ada", [("Rio de Janeiro", "LOC"), ("Ada", "PER")])]
    doc = make_doc("Ada left Rio de Janeiro for Natal", [("Ada", "PER"), ("Rio de Janeiro", "LOC"), ("Natal", "LOC")])
    one = predicted(doc, ("Ada", "ORG"), ("Rio de Janeiro", "LOC"), ("Natal", "LOC"))
    split = {
        name: table(strict_counts(part))["micro"] for name, part in by_surface([one], surface_forms(train)).items()
    }
    assert (split["seen"]["correct"], split["seen"]["support"], split["seen"]["predicted"]) == (1, 2, 2)
    assert (split["unseen"]["correct"], split["unseen"]["support"], split["unseen"]["predicted"]) == (1, 1, 1)
