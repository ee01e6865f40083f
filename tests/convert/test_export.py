"""Documents go back to column files, in their own layout or another, and nothing is lost on the way."""

import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.columns.convert import ColumnOptions, read_docs
from spacy_dossier.convert.columns.formats.registry import FORMATS
from spacy_dossier.convert.columns.schemes import SCHEMES, entities_to_tags, tags_to_entities
from spacy_dossier.convert.docbin import DocBinWriter
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.extensions import Relation, clear_confidences, set_confidence, set_relations
from tests.convert.test_layouts import LAYOUTS as EXAMPLES

LABELS = ["PER", "creative-work", "GPE_LOC"]
# Letters, marks that other layouts give a meaning, and characters that careless readers split or strip at.
ALPHABET = string.ascii_letters + "#.,-_*()\"'/|=:éßİ中ก\u200b\ufeff\u00ad\u00a0\u2028\u0085"
tokens = st.text(ALPHABET, min_size=1, max_size=6)


def not_a_mark(words: list[str]) -> bool:
    return not any(word in ("-DOCSTART-", '","') or word.isspace() for word in words)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Tokens and entities that do not overlap, neighbours with one label among them."""
    words = draw(st.lists(tokens, min_size=1, max_size=6).filter(not_a_mark))
    entities, place = [], 0
    while place < len(words):
        length = draw(st.integers(0, len(words) - place))
        if length:
            entities.append((place, place + length, draw(st.sampled_from(LABELS))))
        place += max(length, 1)
    return words, entities


UNMARKED = ("germeval", "json")  # formats without marks of documents
documents = st.lists(st.lists(sentences(), min_size=1, max_size=3), min_size=1, max_size=3)


def make_doc(parts: list[tuple[list[str], list[tuple[int, int, str]]]], vocab: Vocab) -> Doc:
    words = [word for part, _ in parts for word in part]
    starts = [i == 0 for part, _ in parts for i in range(len(part))]
    doc = Doc(vocab, words=words, sent_starts=starts)
    offset, spans = 0, []
    for part, entities in parts:
        spans += [Span(doc, offset + start, offset + end, label) for start, end, label in entities]
        offset += len(part)
    doc.set_ents(spans)
    return doc


def content(docs: list[Doc]) -> list[object]:
    return [
        ([t.text for t in doc], [t.is_sent_start for t in doc], [(e.start, e.end, e.label_) for e in doc.ents])
        for doc in docs
    ]


def join_neighbours(entities: list[tuple[int, int, str]], starts: list[bool]) -> list[tuple[int, int, str]]:
    """What is left of entities in IO: neighbours with one label in one sentence are one."""
    joined: list[tuple[int, int, str]] = []
    for start, end, label in entities:
        if joined and joined[-1][1] == start and joined[-1][2] == label and not starts[start]:
            joined[-1] = (joined[-1][0], end, label)
        else:
            joined.append((start, end, label))
    return joined


@pytest.mark.parametrize("layout", FORMATS)
def test_random_documents_survive_every_scheme_and_layout(
    layout: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Documents, sentences, tokens and entities come back; IO joins neighbours, as it must."""
    folder = tmp_path_factory.mktemp("export")

    @settings(max_examples=16, deadline=None, suppress_health_check=list(HealthCheck))
    @given(documents, st.sampled_from([name for name in SCHEMES if name not in ("brackets", "bare")]))
    def check(parts: list, scheme: str) -> None:
        vocab = Vocab()
        docs = [make_doc(part, vocab) for part in parts]
        # A layout is found from rows, so there must be some that show it.
        docs.insert(0, make_doc([(["Anna", "Berg", "met", "Oslo"], [(0, 2, "PER"), (3, 4, "GPE_LOC")])] * 4, vocab))
        if layout == "conll2012":  # parts of one document in this layout would all be called the same
            for number, doc in enumerate(docs):
                doc.user_data["id"] = f"doc{number}"
        with DocBinWriter(folder / "a.spacy", vocab) as writer:
            for doc in docs:
                writer.add(doc)
        try:
            export([folder / "a.spacy"], folder / "a.txt", format=layout, scheme=scheme)
        except DossierError as error:  # it has been read, and would be read as something else
            assert "read back" in error.message
            return
        form = layout if layout in UNMARKED else "auto"
        back = list(read_docs(folder / "a.txt", format=form, sentences_per_doc=0))
        wanted = content(docs)
        if scheme == "io" and layout != "conll2012":
            wanted = [(words, starts, join_neighbours(ents, starts)) for words, starts, ents in wanted]
        if layout in UNMARKED:
            found, flat = content(back)[0], ([], [], [])
            for words, starts, ents in wanted:
                flat[2].extend((len(flat[0]) + start, len(flat[0]) + end, label) for start, end, label in ents)
                flat[0].extend(words)
                flat[1].extend(starts)
            assert found == flat
        else:
            assert content(back) == wanted

    check()


@settings(max_examples=60, deadline=None)
@given(sentences(), st.sampled_from(["iob1", "iob2", "bioes", "biluo", "bmewo", "bmes"]))
def test_encode_and_decode_are_inverse(sentence: tuple, scheme: str) -> None:
    """Whatever the entities, tags say exactly them."""
    words, entities = sentence
    assert tags_to_entities(entities_to_tags(entities, len(words), scheme)) == entities


def corpus(tmp_path: Path, text: str | bytes, **options: object) -> Path:
    path = tmp_path / "in.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    convert([str(path)], tmp_path, ColumnOptions(**options))  # type: ignore[arg-type]
    return tmp_path / "in.spacy"


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unchanged_documents_are_written_byte_for_byte(tmp_path: Path, example: str, encoding: str) -> None:
    """Comments, other columns, line ends, byte-order mark and a missing newline come back."""
    text = EXAMPLES[example]
    data = (text + "\n\t\n" + text.replace("\n", "\r\n").rstrip("\r\n")).encode(encoding)
    export([corpus(tmp_path, data)], tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == data


def test_odd_but_valid_tags_stay(tmp_path: Path) -> None:
    """IOB1 with a needless `B-` is left as it is, unless a scheme is asked for."""
    text = "a I-X\n\nb B-X\nc I-X\n\nd I-X\n\ne I-X\nf B-X\n"
    path = corpus(tmp_path, text)
    export([path], tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == text
    export([path], tmp_path / "out.txt", scheme="iob1")
    assert (tmp_path / "out.txt").read_text() == text.replace("b B-X", "b I-X")


def test_predictions_go_into_the_rows(tmp_path: Path) -> None:
    """Other entities change their tags and nothing else, in a column and in a MISC field."""
    for example in ("chunks before the tag", "CoNLL-U, name", "GermEval", "CoNLL-2012"):
        text = EXAMPLES[example]
        (doc,) = list(read_docs(_write(tmp_path / "in.txt", text)))
        doc.ents = [Span(doc, 4, 6, "ORG")]
        with DocBinWriter(tmp_path / "a.spacy", doc.vocab) as writer:
            writer.add(doc)
        export([tmp_path / "a.spacy"], tmp_path / "out.txt")
        (back,) = list(read_docs(tmp_path / "out.txt"))
        assert [(ent.text, ent.label_) for ent in back.ents] == [("Oslo.", "ORG")]
        changed = [
            i
            for i, (a, b) in enumerate(
                zip(text.split("\n"), (tmp_path / "out.txt").read_text().split("\n"), strict=True)
            )
            if a != b
        ]
        assert len(changed) == 4
        assert re.sub(r"[BI]-\w+|O|\(?\w*\*?\)?", "", text) == re.sub(
            r"[BI]-\w+|O|\(?\w*\*?\)?", "", (tmp_path / "out.txt").read_text()
        )


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_missing_annotation_and_nested_entities_survive(tmp_path: Path) -> None:
    """What was not annotated is not written as O; the inner layer is written."""
    vocab = Vocab()
    doc = Doc(vocab, words=["a", "b", "c"], ents=["B-X", "", "O"], sent_starts=[1, -1, -1])
    doc.spans["nested"] = [Span(doc, 1, 3, "Y")]
    with DocBinWriter(tmp_path / "a.spacy", vocab) as writer:
        writer.add(doc)
    export([tmp_path / "a.spacy"], tmp_path / "out.tsv", format="germeval")
    (back,) = read_docs(tmp_path / "out.tsv", format="germeval", nested=True)
    assert [token.ent_iob_ for token in back] == ["B", "", "O"]
    assert [(span.start, span.end, span.label_) for span in back.spans["nested"]] == [(1, 3, "Y")]


def test_entities_of_less_confidence_become_missing_annotation(tmp_path: Path) -> None:
    """In the formats that can say so; relations of less go, and of such entities; without confidences refused."""
    doc = Doc(
        Vocab(), words=["Anna", "left", "Oslo", "."], ents=["B-PER", "O", "B-LOC", "O"], sent_starts=[1, -1, -1, -1]
    )
    for ent, confidence in zip(doc.ents, (0.9, 0.8), strict=True):
        set_confidence(doc, ent.start_char, ent.end_char, ent.label_, confidence)
    set_relations(doc, [Relation(doc.ents[0], doc.ents[1], "Live_In", 0.7)])
    path = tmp_path / "a.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    for least, tags, relations in (
        (0.0, "BOBO", 1),
        (0.7, "BOBO", 1),
        (0.8, "BOBO", 0),
        (0.85, "BO-O", 0),
        (0.95, "-O-O", 0),
    ):
        counts = export([path], tmp_path / "b.spacy", format="spacy", least=least)
        (back,) = DocBin().from_disk(tmp_path / "b.spacy").get_docs(Vocab())
        assert "".join(token.ent_iob_ or "-" for token in back) == tags
        assert (counts.ents, counts.relations) == (tags.count("B"), relations)
        export([path], tmp_path / "b.conll", format="conll", least=least)
        (back,) = read_docs(tmp_path / "b.conll")
        assert "".join(token.ent_iob_ or "-" for token in back) == tags
    doc.spans["nested"] = [Span(doc, 2, 3, "GPE")]
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    export([path], tmp_path / "b.spacy", format="spacy", least=0.85)
    (back,) = DocBin().from_disk(tmp_path / "b.spacy").get_docs(Vocab())
    assert [ent.text for ent in back.ents] == ["Anna"]
    assert export([path], tmp_path / "b.jsonl", format="doccano", least=0.85).unsaid == 1
    clear_confidences(doc)
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    with pytest.raises(DossierError, match=r"no entity has a confidence, found '?--least 0.5"):
        export([path], tmp_path / "c.spacy", format="spacy", least=0.5)
    with pytest.raises(DossierError, match="0 at least and 1 at most"):
        export([path], tmp_path / "c.spacy", format="spacy", least=float("nan"))


def test_a_record_with_other_tokens_keeps_its_confidences(tmp_path: Path) -> None:
    """An entity inside a token of the tokenizer is widened to it, with its confidence; of two the first counts."""
    ents = [("PER", 0, 4, 0.95), ("CUR", 10, 13, 0.05), ("NUM", 13, 16, 0.99)]
    keys = ("label", "start", "end", "confidence")
    record = {
        "id": "1",
        "text": "Anna paid EUR100 to Bob.",
        "entities": [dict(zip(keys, ent, strict=True)) for ent in ents],
    }
    (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    for least, found in ((0.0, ["Anna", "EUR100"]), (0.5, ["Anna"])):
        export([tmp_path / "records.jsonl"], tmp_path / "a.spacy", format="spacy", least=least)
        (doc,) = DocBin().from_disk(tmp_path / "a.spacy").get_docs(Vocab())
        assert [ent.text for ent in doc.ents] == found


def test_what_was_not_annotated_stays_so_in_spacy_files(tmp_path: Path) -> None:
    """Tokens without annotation, white space among them, and whole documents without any."""
    vocab = Vocab()
    docs = [
        Doc(vocab, words=["a", "b", "\n", "c", "d"], ents=["", "B-X", "", "", "O"]),
        Doc(vocab, words=["a", "b"]),
        Doc(vocab, words=["a", "b"], ents=["O", "O"]),
    ]
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    export([tmp_path / "a.spacy"], tmp_path / "b.spacy", format="spacy")
    found = DocBin().from_disk(tmp_path / "b.spacy").get_docs(Vocab())
    assert [[t.ent_iob_ for t in doc if t.text.strip()] for doc in found] == [["", "B", "", "O"], ["", ""], ["O", "O"]]


def test_what_a_layout_cannot_hold_is_refused_or_counted(tmp_path: Path) -> None:
    """A space in a token needs TABs; an entity over a sentence end is cut; unknown names list the known ones."""
    vocab = Vocab()
    doc = Doc(vocab, words=["a b", "c"], ents=["B-X", "I-X"], sent_starts=[1, 1])
    with DocBinWriter(tmp_path / "a.spacy", vocab) as writer:
        writer.add(doc)
    with pytest.raises(DossierError, match=r"format cannot hold, found 'a b'.*tsv"):
        export([tmp_path / "a.spacy"], tmp_path / "out.txt", format="conll")
    assert not (tmp_path / "out.txt").exists()
    assert export([tmp_path / "a.spacy"], tmp_path / "out.txt", format="tsv").cut == 1
    with pytest.raises(DossierError, match=r"no rows are kept.*tsv"):
        export([tmp_path / "a.spacy"], tmp_path / "out.txt", format="source")
    with pytest.raises(DossierError, match="unknown format"):
        export([tmp_path / "a.spacy"], tmp_path / "out.txt", format="x")
    with pytest.raises(DossierError, match="unknown scheme"):
        export([tmp_path / "a.spacy"], tmp_path / "out.txt", scheme="x")
    with pytest.raises(DossierError, match=r"not a \.spacy file"):
        export([_write(tmp_path / "b.spacy", "x")], tmp_path / "out.txt")


def test_command(tmp_path: Path) -> None:
    """`dossier export` says what it wrote."""
    path = corpus(tmp_path, EXAMPLES["three columns"])
    result = CliRunner().invoke(
        app, ["export", str(path), str(tmp_path / "out.tsv"), "--format", "tsv", "--scheme", "bioes"]
    )
    assert (result.exit_code, "1 documents, 1 sentences, 6 tokens, 2 entities" in result.stdout) == (0, True)
    assert "Oslo\tS-LOC\n" in (tmp_path / "out.tsv").read_text()
