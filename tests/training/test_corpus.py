"""One training corpus out of several files."""

import zlib
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_dossier.errors import DossierError
from spacy_dossier.training.augment import create_entity_replacement
from spacy_dossier.training.corpus import build_corpus


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture
def files(nlp: Language, tmp_path: Path) -> list[Path]:
    """Entities in the one, with tokens of its own; nothing but words in the other."""
    with_entities = DocBin(store_user_data=True)
    for i in range(20):
        doc = Doc(nlp.vocab, words=["Anna", "isn't", "in", "Lisbon-Sul", str(i)], spaces=[True] * 4 + [False])
        doc.ents = [Span(doc, 0, 1, label="PER")]
        doc.user_data["entity_labels"] = ["PER"]
        with_entities.add(doc)
    without = DocBin(docs=[nlp.make_doc("Nobody knows.")])
    paths = [tmp_path / "a.spacy", tmp_path / "b.spacy"]
    with_entities.to_disk(paths[0])
    without.to_disk(paths[1])
    return paths


def named(paths: Any) -> dict[str, Any]:
    return {str(i): path for i, path in enumerate(paths)}


def read(nlp: Language, *, paths: Any, **settings: Any) -> list[Example]:
    return list(build_corpus(named(paths), **settings)(nlp))


def test_documents_of_all_files_are_read_in_order(nlp: Language, files: list[Path]) -> None:
    """A folder stands for the files in it, and an empty path for none."""
    for paths in ([*files, None, ""], [files[0].parent]):
        examples = read(nlp, paths=paths)
        assert [eg.text for eg in examples] == [*(f"Anna isn't in Lisbon-Sul {i}" for i in range(20)), "Nobody knows."]
        assert [eg.reference.has_annotation("ENT_IOB") for eg in examples] == [True] * 20 + [False]
        assert list(examples[0].reference.user_data["entity_labels"]) == ["PER"]
        assert not any(eg.predicted.ents for eg in examples)


def test_tokens_are_the_annotated_ones_or_those_of_the_pipeline(nlp: Language, files: list[Path]) -> None:
    """With "both", one or the other, anew in each epoch."""
    gold, text = ["Anna", "isn't", "in", "Lisbon-Sul", "0"], ["Anna", "is", "n't", "in", "Lisbon", "-", "Sul", "0"]
    words = {
        tokens: [t.text for t in read(nlp, paths=files, tokens=tokens)[0].predicted] for tokens in ("gold", "text")
    }
    assert words == {"gold": gold, "text": text}
    corpus = build_corpus(named(files[:1]), tokens="both", seed=1)
    epochs = [[len(eg.predicted) == 5 for eg in corpus(nlp)] for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert all(0 < sum(epoch) < 20 for epoch in epochs)


def test_a_shuffled_corpus_is_mixed_anew_in_each_epoch_and_repeatable(nlp: Language, files: list[Path]) -> None:
    """By its seed."""

    def epochs(seed: int) -> list[list[str]]:
        corpus = build_corpus(named(files), shuffle=True, seed=seed)
        return [[eg.text for eg in corpus(nlp)] for _ in range(2)]

    first, second = epochs(0)
    assert first != second and sorted(first) == sorted(second)
    assert epochs(0) == [first, second] and epochs(1) != [first, second]


def test_the_reader_is_found_by_its_name() -> None:
    """In a config."""
    assert spacy.registry.readers.get("spacy-dossier.Corpus.v1") is build_corpus


@pytest.mark.parametrize("paths", [[], [None, ""]])
def test_no_corpus_at_all_is_a_clear_error(paths: list[Any]) -> None:
    """Not an empty training."""
    with pytest.raises(DossierError, match="no training corpus"):
        build_corpus(named(paths))


def test_a_missing_file_and_an_empty_folder_are_clear_errors(nlp: Language, tmp_path: Path) -> None:
    """With their name, once they are read: a config can be checked before its corpora are made."""
    for path in (tmp_path / "no.spacy", tmp_path):
        reader = build_corpus({"train": path})
        with pytest.raises(DossierError, match="no such corpus") as caught:
            next(reader(nlp))
        assert str(path) in str(caught.value)


def test_a_corpus_without_a_word_is_a_clear_error(nlp: Language, tmp_path: Path) -> None:
    """Empty documents among others are read as they are."""
    empty, word = Doc(nlp.vocab), Doc(nlp.vocab, words=["word"])
    DocBin(docs=[empty, word, empty]).to_disk(tmp_path / "some.spacy")
    assert [len(eg.predicted) for eg in read(nlp, paths=[tmp_path / "some.spacy"])] == [0, 1, 0]
    DocBin(docs=[empty] * 3).to_disk(tmp_path / "none.spacy")
    with pytest.raises(DossierError, match=r"none\.spacy: no document of the corpus has a word"):
        read(nlp, paths=[tmp_path / "none.spacy"])


def test_an_unknown_kind_of_tokens_is_a_clear_error(files: list[Path]) -> None:
    """With the kinds there are."""
    with pytest.raises(DossierError, match="gold, text, both"):
        build_corpus(named(files), tokens="mine")


@pytest.mark.parametrize(
    "content", [b"", b"Anna PER\n", zlib.compress(b"\x80"), zlib.compress(b"\x01"), zlib.compress(b"x" * 99)]
)
def test_a_file_that_is_no_docbin_is_a_clear_error(nlp: Language, tmp_path: Path, content: bytes) -> None:
    """Whatever is in it instead."""
    path = tmp_path / "a.spacy"
    path.write_bytes(content)
    with pytest.raises(DossierError, match=r"not a \.spacy file"):
        read(nlp, paths=[path])


def test_documents_are_laid_out_by_share(nlp: Language, tmp_path: Path) -> None:
    """Only with the pipeline's own tokens, only where sentences are annotated, anew in each epoch."""
    words = "Anna Kovacs left Lisbon . Nobody waved . It rained .".split() * 20
    spaces = [word != "." for word in words]
    starts = [i == 0 or words[i - 1] == "." for i in range(len(words))]
    whole = Doc(nlp.vocab, words=words, spaces=[True] * len(words), sent_starts=starts)
    bare = Doc(nlp.vocab, words=words, spaces=spaces)
    DocBin(docs=[whole, bare]).to_disk(tmp_path / "a.spacy")

    def texts(tokens: str, share: float, seed: int = 0) -> list[list[str]]:
        corpus = build_corpus({"a": tmp_path / "a.spacy"}, tokens=tokens, layouts=share, seed=seed)
        epochs = [list(corpus(nlp)) for _ in range(2)]
        assert all(eg.predicted.text == eg.reference.text for epoch in epochs for eg in epoch)
        return [[eg.text for eg in epoch] for epoch in epochs]

    for tokens, share in (("text", 0.0), ("gold", 1.0)):
        assert texts(tokens, share) == [[whole.text, bare.text]] * 2
    first, second = texts("text", 1.0)
    assert first[1] == second[1] == bare.text
    assert first[0] != second[0] and "\n" in first[0] + second[0]
    assert texts("text", 1.0) == [first, second]


def test_what_several_files_say_of_a_text_is_one_example(nlp: Language, tmp_path: Path) -> None:
    """Classes and span groups join what was there; repeated texts of one file, and other tokens, stay apart."""
    texts = ["It rained.", "It rained.", "Nobody came.", "He isn't here."]
    first, second, third = DocBin(store_user_data=True), DocBin(store_user_data=True), DocBin(store_user_data=True)
    for text in texts[1:]:
        doc = nlp(text)
        doc.spans["sentences"] = [doc[:]]
        doc.user_data["id"] = text
        first.add(doc)
    for text in texts:
        doc = Doc(nlp.vocab, words=text.split(" "), spaces=[True] * text.count(" ") + [False])
        if "isn't" not in text:
            doc = nlp(text)
        doc.cats = {"wet": float("rain" in text), "dry": float("rain" not in text)}
        doc.user_data.update(id="other", summary_reference="Rain.")
        second.add(doc)
    annotated = nlp("Nobody came.")
    annotated.set_ents([], default="outside")
    third.add(annotated)
    paths = [tmp_path / f"{i}.spacy" for i in range(3)]
    for path, docs in zip(paths, (first, second, third), strict=True):
        docs.to_disk(path)
    found = [eg.reference for eg in read(nlp, paths=paths)]
    assert [(doc.text, doc.cats.get("wet"), "sentences" in doc.spans) for doc in found] == [
        ("It rained.", 1.0, True),
        ("Nobody came.", 0.0, True),
        ("He isn't here.", None, True),
        ("It rained.", 1.0, False),
        ("He isn't here.", 0.0, False),
        ("Nobody came.", None, False),
    ]
    assert (found[0].user_data["id"], found[0].user_data["summary_reference"]) == ("It rained.", "Rain.")
    assert [span.text for span in found[0].spans["sentences"]] == ["It rained."]
    assert found[-1].has_annotation("ENT_IOB")


def test_two_summaries_of_a_text_are_two_examples(nlp: Language, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.spacy" for i in range(2)]
    for path, summary in zip(paths, ("Rain.", "Weather."), strict=True):
        doc = nlp("It rained.")
        doc.user_data.update(id=path.stem, summary_reference=summary)
        DocBin(docs=[doc], store_user_data=True).to_disk(path)
    found = [eg.reference.user_data["summary_reference"] for eg in read(nlp, paths=paths)]
    assert found == ["Rain.", "Weather."]


def test_classes_survive_layout_and_replaced_entities(nlp: Language, tmp_path: Path) -> None:
    """Other words and white space are of the same class."""
    doc = Doc(nlp.vocab, words=["Anna", "came", "."], ents=["B-PER", "O", "O"], sent_starts=[True, False, False])
    doc.cats = {"visit": 1.0, "letter": 0.0}
    path = tmp_path / "a.spacy"
    DocBin(docs=[doc, doc]).to_disk(path)
    replaced = create_entity_replacement(level=1.0)
    for settings in ({"tokens": "text", "layouts": 1.0}, {"augmenter": replaced}):
        for example in read(nlp, paths=[path], **settings):
            assert example.reference.cats == {"visit": 1.0, "letter": 0.0}


def test_parsed_documents_of_one_sentence_are_read(nlp: Language, tmp_path: Path) -> None:
    """Such as another pipeline has annotated: their sentence starts follow from the parse."""
    doc = Doc(nlp.vocab, words=["I", "see", "it"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "dobj"])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "parsed.spacy")
    examples = read(nlp, paths=[tmp_path / "parsed.spacy"], joined=1.0)
    assert [eg.reference.has_annotation("SENT_START") for eg in examples] == [False, True]
