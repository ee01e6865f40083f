"""`dossier evaluate`: what it measures, what it writes, and what it says of corpora that are not as one hopes."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.evaluate.corpus import predict_by_sentence, predict_gold_tokens, predict_raw_text, read_docs
from spacy_dossier.evaluate.evaluate import evaluate
from spacy_dossier.evaluate.page import render

from .pipelines import make_doc, ruler

TEXT = "Ada of Oslo met Bo . Oslo-based Acme hired Cy ."
GOLD = [("Ada", "PER"), ("Oslo", "LOC"), ("Bo", "PER"), ("Oslo-based", "MISC"), ("Acme", "ORG"), ("Cy", "PER")]
PATTERNS = {"Ada": "PER", "Oslo": "LOC", "Bo": "ORG", "Acme": "ORG", "met": "PER"}


def corpus(copies: int = 4) -> list[Doc]:
    """Documents of two sentences with six entities."""
    return [make_doc(TEXT, GOLD, starts=[6]) for _ in range(copies)]


def confident(nlp: Language) -> Language:
    """Give the pipeline confidences."""
    nlp.add_pipe("test_confidence")
    nlp.get_pipe("test_confidence").cfg["table"] = {"Ada": 0.9, "Bo": 0.95}
    return nlp


@pytest.fixture(scope="module")
def scores() -> dict[str, Any]:
    """The scores of a pipeline with confidences on four documents."""
    return evaluate(
        confident(ruler(PATTERNS)), corpus(), train=[make_doc("Ada and Bo", [("Ada", "PER"), ("Bo", "PER")])]
    )


def test_single_sentences_are_joined_to_score_the_splitter() -> None:
    """spaCy's `sentencizer` sees no boundary in a new line, so of four sentences two are one; what may be two sentences
    inside one, "He said . No more !", counts as either.
    """
    nlp = ruler({"Ada": "PER"})
    nlp.add_pipe("sentencizer")
    texts = ["Ada left .", "Bo came back ; Cy too .", "so it ended", "He said . No more !"] * 5
    docs = [make_doc(text, [("Ada", "PER")] if "Ada" in text else [], starts=[]) for text in texts]
    for doc in docs:
        for token in doc:
            token.is_sent_start = token.i == 0
    scores = evaluate(nlp, docs)
    assert scores["sents"]["gold_tokens"]["support"] == 20
    assert scores["sents"]["gold_tokens"]["recall"] == 1 / 2
    assert any("texts of 10 of them" in note for note in scores["notes"])


def test_numbers_by_hand(scores: dict[str, Any]) -> None:
    """Of six entities three are found right, one has a wrong label, two are missed and one is made up."""
    micro = scores["entities"]["gold_tokens"]["micro"]
    assert (micro["correct"], micro["predicted"], micro["support"]) == (12, 20, 24)
    assert micro["precision"] == 12 / 20
    assert micro["recall"] == 12 / 24
    assert scores["entities"]["errors"] == {
        "correct": 12, "type": 4, "boundary": 0, "type_and_boundary": 0, "missed": 8, "spurious": 4,
    }  # fmt: skip
    assert scores["tokens"]["micro"]["f1"] == pytest.approx(7 / 11)
    assert scores["tokens"]["labels"]["B-LOC"]["precision"] == 1.0
    assert scores["corpus"]["entities_by_label"] == {"LOC": 4, "MISC": 4, "ORG": 4, "PER": 12}


def test_keys_of_the_contract(scores: dict[str, Any]) -> None:
    """The keys that scripts read are there, each with its support."""
    entities, tokens = scores["entities"], scores["tokens"]
    for run in ("gold_tokens", "raw_text", "by_sentence"):
        for part in ("micro", "macro", "weighted", "exact", "partial", "type"):
            assert {"precision", "recall", "f1", "support"} <= set(entities[run][part])
        for row in entities[run]["labels"].values():
            assert {"precision", "recall", "f1", "support", "interval"} <= set(row)
    assert {"f1", "support"} <= set(tokens["micro"]) & set(tokens["macro"]) & set(tokens["labels"]["B-PER"])
    assert {"ece", "mce", "brier", "bins", "reliability", "thresholds", "support"} <= set(scores["calibration"])
    assert scores["calibration"]["bins"] == 15
    assert scores["speed"]["raw_text"]["words_per_second"] > 0
    json.dumps(scores, allow_nan=False)


def test_confidences_are_measured(scores: dict[str, Any]) -> None:
    """Confidences are those of the predicted entities: here 0.9 right, 0.95 wrong, and 0.5 two of three right."""
    rows = [row for row in scores["calibration"]["reliability"] if row["count"]]
    assert [(round(row["confidence"], 6), row["count"]) for row in rows] == [(0.5, 12), (0.9, 4), (0.95, 4)]
    assert [row["precision"] for row in rows] == [2 / 3, 1.0, 0.0]
    assert scores["calibration"]["ece"] == pytest.approx((12 * (2 / 3 - 0.5) + 4 * 0.1 + 4 * 0.95) / 20)


def test_surface_forms_need_the_training_corpus(scores: dict[str, Any]) -> None:
    """Seen and unseen forms are scored with a training corpus, and left out without."""
    forms = scores["entities"]["surface_forms"]
    assert (forms["in_training"], forms["seen"]["micro"]["support"], forms["unseen"]["micro"]["support"]) == (2, 8, 16)
    assert "surface_forms" not in evaluate(ruler(PATTERNS), corpus(1))["entities"]


def test_raw_text_is_compared_by_characters() -> None:
    """Where the tokenizer cuts otherwise than the corpus, only offsets decide."""
    doc = make_doc("Oslo-based Acme", [("Oslo-based", "MISC"), ("Acme", "ORG")])
    nlp = ruler({"Oslo": "LOC", "Acme": "ORG"})
    gold, raw = (run(nlp, [doc]).predictions[0].entities for run in (predict_gold_tokens, predict_raw_text))
    assert [entity.key for entity in gold] == [(11, 15, "ORG")]
    assert [entity.key for entity in raw] == [(0, 4, "LOC"), (11, 15, "ORG")]


def test_sentences_are_documents_of_their_own() -> None:
    """Sentence by sentence the pipeline sees nothing else, and offsets are still those of the document."""
    seen = []
    nlp = ruler(PATTERNS)

    @Language.component("test_spy")
    def spy(doc: Doc) -> Doc:
        seen.append(doc.text.strip())
        return doc

    nlp.add_pipe("test_spy")
    run = predict_by_sentence(nlp, corpus(2))
    assert seen == ["Ada of Oslo met Bo .", "Oslo-based Acme hired Cy ."] * 2
    assert [entity.key for entity in run.predictions[1].entities][-1] == (32, 36, "ORG")


def test_texts_longer_than_the_limit_are_evaluated() -> None:
    """spaCy's max_length does not stop an evaluation, and is as before afterwards."""
    nlp = ruler(PATTERNS)
    nlp.max_length = 10
    assert len(predict_raw_text(nlp, corpus(1)).predictions[0].entities) > 0
    assert nlp.max_length == 10


def test_sentence_splitting_is_scored() -> None:
    """Sentences are compared by their first and last character that is not white space."""
    nlp = ruler(PATTERNS)
    nlp.add_pipe("sentencizer")
    found = evaluate(nlp, corpus(3))["sents"]
    assert found["gold_tokens"]["f1"] == found["raw_text"]["f1"] == 1.0
    assert found["gold_tokens"]["support"] == 6
    merged = [make_doc(TEXT, GOLD, starts=[6, 2])]
    row = evaluate(nlp, merged)["sents"]["gold_tokens"]
    assert (row["precision"], row["recall"]) == (1 / 2, 1 / 3)


def test_pipeline_without_sentences_or_confidences_has_no_such_scores() -> None:
    """What a pipeline does not give is absent, and said to be."""
    scores = evaluate(ruler(PATTERNS), corpus(2))
    assert "sents" not in scores
    assert "calibration" not in scores
    assert any("no confidences" in note for note in scores["notes"])
    assert "Reliability" not in render(scores)


def test_corpus_without_sentences_is_not_scored_by_sentence() -> None:
    """Without sentence boundaries there is no run sentence by sentence, and a note says so."""
    scores = evaluate(ruler(PATTERNS), [make_doc(TEXT, GOLD)])
    assert "by_sentence" not in scores["entities"]
    assert any("sentence boundaries" in note for note in scores["notes"])


def test_own_ner_of_spacy_is_evaluated() -> None:
    """Any pipeline that sets doc.ents will do, spaCy's transition parser too."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("PER")
    nlp.initialize()
    scores = evaluate(nlp, corpus(2))
    assert scores["entities"]["gold_tokens"]["micro"]["support"] == 12
    assert any("No component knows the label ORG" in note for note in scores["notes"])


def test_corpus_without_entity_annotation_is_a_clear_error() -> None:
    """Scores of nothing are not zero: they are refused."""
    with pytest.raises(DossierError, match="no document of the corpus has entities or classes annotated"):
        evaluate(ruler(PATTERNS), [Doc(make_doc("x").vocab, words=["Ada"])])


def test_partial_annotation_is_left_out_and_told() -> None:
    """Tokens without annotation are not scored, and the notes count them."""
    doc = make_doc("Ada met Bo")
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[2:3]], default="outside")
    scores = evaluate(ruler({"Ada": "PER", "Bo": "PER"}), [doc, make_doc("Ada", [("Ada", "PER")])])
    assert scores["entities"]["gold_tokens"]["micro"]["f1"] == 1.0
    assert scores["entities"]["gold_tokens"]["ignored"] == 1
    assert scores["tokens"]["micro"]["support"] == 3
    assert any("1 of 4 tokens have no entity annotation" in note for note in scores["notes"])


def test_odd_documents_do_no_harm() -> None:
    """Empty documents, white space, one token, and documents without an entity are evaluated with the others."""
    vocab = make_doc("x").vocab
    blank = Doc(vocab, words=[" ", "\n"], spaces=[False, False])
    blank.set_ents([], default="outside")
    docs = [Doc(vocab), blank, make_doc("Ada", [("Ada", "PER")]), make_doc("nobody here")]
    nlp = confident(ruler(PATTERNS))
    nlp.add_pipe("sentencizer")
    scores = evaluate(nlp, docs)
    assert scores["entities"]["raw_text"]["micro"]["f1"] == 1.0
    assert scores["corpus"]["documents"] == 3
    render(scores)


def test_entity_across_sentences_is_told() -> None:
    """An entity that no sentence holds can only be missed sentence by sentence."""
    doc = make_doc("Bank of St . Gallen said", [("Bank of St . Gallen", "ORG")], starts=[4])
    nlp = ruler({"Bank of St . Gallen": "ORG"})
    scores = evaluate(nlp, [doc])
    assert scores["entities"]["gold_tokens"]["micro"]["f1"] == 1.0
    assert scores["entities"]["by_sentence"]["micro"]["f1"] == 0.0
    assert any("1 annotated entities cross" in note for note in scores["notes"])


def test_scores_do_not_depend_on_the_order_of_documents() -> None:
    """Points are sums over documents."""
    docs = [*corpus(2), make_doc("Bo left Oslo", [("Bo", "PER"), ("Oslo", "LOC")], starts=[2])]
    one, other = (evaluate(ruler(PATTERNS), part) for part in (docs, docs[::-1]))
    for measure in ("precision", "recall", "f1"):
        assert one["entities"]["raw_text"]["macro"][measure] == other["entities"]["raw_text"]["macro"][measure]


class Page(HTMLParser):
    """Collects the tags and what they point to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in ("meta", "br", "line", "rect", "circle", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle", "polyline"):
            assert self.open.pop() == tag


def test_page_escapes_everything_and_needs_no_network() -> None:
    """Markup in texts, labels, names and paths is shown, never run; nothing is loaded from anywhere."""
    bad = "<script>alert(1)</script>"
    doc = make_doc(f"Ada met {bad} & co", [("Ada", "A<b>"), (bad, "<img/onerror=x>")])
    nlp = ruler({"Ada": "B<i>", "met": "</style>"})
    nlp.meta["name"] = "x<u>"
    scores = evaluate(nlp, [doc, doc])
    scores["corpus"]["path"] = "<i>.spacy"
    html = render(scores)
    page = Page(html)
    assert page.open == []
    assert page.tags.count("script") == 1
    assert not {"img", "i", "u", "b"} & {tag for tag in page.tags if tag in ("img", "u")}
    assert "alert(1)" in html and bad not in html
    assert all(link.startswith("#") for link in page.links)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html)


def test_command_writes_scores_and_page(tmp_path: Path) -> None:
    """The command prints tables and writes scores.json, without the corpus' text, and a page."""
    nlp = confident(ruler(PATTERNS))
    nlp.get_pipe("test_confidence").cfg["threshold_for_precision"] = {"precision": 0.97, "threshold": 0.9}
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=corpus()).to_disk(tmp_path / "test.spacy")
    command = ["evaluate", tmp_path / "model", tmp_path / "test.spacy", "-o", tmp_path / "a" / "b"]
    command += ["--train", tmp_path / "test.spacy"]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 0, result.output
    assert "B-PER" in result.output and "ECE" in result.output
    written = json.loads((tmp_path / "a" / "b" / "scores.json").read_text(encoding="utf-8"))
    assert "hired" not in json.dumps(written)
    assert written["corpus"]["path"] == str(tmp_path / "test.spacy")
    assert written["calibration"]["chosen_threshold"]["precision"] == 0.5
    assert "hired" in (tmp_path / "a" / "b" / "index.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["index.html", "scores.json"]


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    """A missing corpus, one that is no corpus, an empty one and a missing pipeline each give one line and exit 1."""
    ruler(PATTERNS).to_disk(tmp_path / "model")
    (tmp_path / "text.spacy").write_text("no corpus", encoding="utf-8")
    DocBin().to_disk(tmp_path / "empty.spacy")
    DocBin(docs=corpus(1)).to_disk(tmp_path / "good.spacy")
    for model, name in (("model", "none"), ("model", "text"), ("model", "empty"), ("absent", "good")):
        command = ["evaluate", tmp_path / model, tmp_path / f"{name}.spacy", "-o", tmp_path / "out"]
        result = CliRunner().invoke(app, list(map(str, command)))
        assert result.exit_code == 1
        assert result.output.count("\n") == 1 and result.output.startswith("dossier: "), result.output
    assert not (tmp_path / "out").exists()


def test_folder_of_corpora_is_read_in_order(tmp_path: Path) -> None:
    """A folder stands for all its .spacy files."""
    for name, text in (("b", "second"), ("a", "first")):
        DocBin(docs=[make_doc(text)]).to_disk(tmp_path / f"{name}.spacy")
    assert [doc.text for doc in read_docs(tmp_path)] == ["first", "second"]


def test_summaries_are_shown_beside_their_baselines(scores: dict[str, Any]) -> None:
    """Systems and paired differences each have a row on the page."""
    ours = {"rouge1": 0.4123, "rouge2": 0.2, "rougeL": 0.3, "words": 61.5, "entity_coverage": None}
    ends = {name: {"difference": 0.0312, "low": 0.0161, "high": 0.0466} for name in ("rouge1", "rouge2", "rougeL")}
    part = {"pairs": 300, "sentences": 3, "method": {}, "ours": ours, "lead3": ours, "ours_vs_lead3": ends}
    html = render({**scores, "summaries": part})
    for shown in ("300 documents", "LEAD-3", "0.4123", "61.5", "Pipeline less LEAD-3", "+0.0312 (+0.016 to +0.047)"):
        assert shown in html
    assert "Summaries" not in render(scores)
