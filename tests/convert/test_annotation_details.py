"""Exports of annotation tools as they come: other line ends, encodings, kinds of numbers, and names of files."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.annotations.document import Annotated
from spacy_dossier.convert.annotations.formats.base import file_names
from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert, join_into
from spacy_dossier.errors import DossierError

from .test_annotations import docs_of, ents, read

BRAT_TEXT = "Ärger in Köln.\r\nAnna\r\nBerg left\r\n"


def brat(folder: Path, text: bytes, spans: list[tuple[str, str]], **options: Any) -> tuple[list[Any], Any]:
    """Write a text and its spans, both in the encoding that is named, and read them."""
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(text)
    lines = [f"T{i}\t{label} {place}\n" for i, (label, place) in enumerate(spans, 1)]
    (folder / "a.ann").write_bytes("".join(lines).encode(options.get("encoding", "utf-8")))
    (report,) = convert([str(folder / "a.ann")], folder / "out", ColumnOptions(**options)).values()
    return docs_of(Path(report.outputs[0])), report


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp850", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_brat_keeps_the_text_as_it_is(tmp_path: Path, encoding: str, end: str) -> None:
    """Offsets count each character of a line's end; the text is in the encoding that is named."""
    text = BRAT_TEXT.replace("\r\n", end)
    places = [("LOC", "Köln"), ("PER", f"Anna{end}Berg")]
    spans = []
    for label, words in places:
        start = text.index(words)
        spans.append((label, f"{start} {start + len(words)}\t{' '.join(words.split())}"))
    named = {} if encoding.startswith("utf") else {"encoding": encoding}
    docs, report = brat(tmp_path / "in", text.encode(encoding), spans, lang="de", **named)
    assert [doc.text for doc in docs] == [text]
    assert (ents(docs), report.unread) == ([(words, label) for label, words in places], 0)


def test_brat_finds_offsets_that_were_counted_before_line_ends_changed(tmp_path: Path) -> None:
    """A version control that writes CRLF; the texts of the spans say so."""
    text = BRAT_TEXT.replace("\r\n", "\n")
    start = text.index("Anna")
    docs, report = brat(tmp_path / "in", BRAT_TEXT.encode(), [("PER", f"{start} {start + 9}\tAnna Berg")])
    assert ([doc.text for doc in docs], ents(docs), report.unread) == ([text], [("Anna\nBerg", "PER")], 0)


def test_brat_parts_a_span_at_the_end_of_a_line(tmp_path: Path) -> None:
    """Which is no discontinuous one; with words between its parts it is."""
    docs, report = brat(
        tmp_path / "in", b"Anna\nBerg or Li left", [("PER", "0 4;5 9\tAnna Berg"), ("PER", "0 4;13 15\tAnna Li")]
    )
    assert (ents(docs), report.unread) == ([("Anna\nBerg", "PER")], 1)


def test_each_file_has_a_name_of_its_own() -> None:
    """Whatever the ids, also where letters are not told by their case, and long ones by their ends."""
    ids = [
        "a",
        "a",
        "a-2",
        "a-3",
        "A",
        "a/b",
        "a_b",
        "",
        "",
        "doc9",
        "..",
        "x" * 400 + "1",
        "x" * 400 + "2",
        "長" * 300,
    ]
    names = file_names([Annotated(id) for id in ids])
    assert len({name.casefold() for name in names}) == len(ids)
    assert all(name and len(name.encode()) <= 240 and "/" not in name for name in names)
    assert names[0] == "a"


def test_many_files_of_one_name_take_no_longer_each() -> None:
    """Counted by the comparisons that names make."""
    names = file_names([Annotated("same")] * 20_000)
    assert len(set(names)) == 20_000


ODD_NUMBERS = [(0, 4), (0.0, 4.0), ("0", "4")]


@pytest.mark.parametrize(("start", "end"), ODD_NUMBERS)
def test_offsets_may_be_any_numbers_of_json(tmp_path: Path, start: Any, end: Any) -> None:
    """In each tool's rows."""
    span = {"start": start, "end": end, "label": "PER"}
    rows: dict[str, Any] = {
        "prodigy": {"text": "Anna left", "spans": [span]},
        "doccano": {"text": "Anna left", "label": [[start, end, "PER"]]},
        "spacy": {"text": "Anna left", "ents": [span]},
        "studio": {
            "data": {"text": "Anna left"},
            "annotations": [{"result": [{"type": "labels", "value": {"start": start, "end": end, "labels": ["PER"]}}]}],
        },
    }
    for name, row in rows.items():
        assert ents(read(tmp_path / f"{name}.jsonl", json.dumps(row) + "\n")[0]) == [("Anna", "PER")], name


BAD_SPANS = [(0, 4, 5), (0, 4, ""), (0, 4, None), (0, 99, "PER"), (-4, 4, "PER"), (4, 0, "PER"), ([0], 4, "PER")]


@pytest.mark.parametrize(("start", "end", "label"), [*BAD_SPANS, (True, 4, "PER"), ("x", 4, "PER"), (0.5, 4, "PER")])
def test_what_is_no_span_is_listed(tmp_path: Path, start: Any, end: Any, label: Any) -> None:
    """The rest of the text is kept."""
    bad, good = {"start": start, "end": end, "label": label}, {"start": 5, "end": 9, "label": "X"}
    rows: dict[str, Any] = {
        "prodigy": {"text": "Anna left", "spans": [bad, good]},
        "spacy": {"text": "Anna left", "ents": [bad, good]},
        "studio": {
            "data": {"text": "Anna left"},
            "annotations": [
                {"result": [{"type": "labels", "value": {**one, "labels": [one["label"]]}} for one in (bad, good)]}
            ],
        },
    }
    for name, row in rows.items():
        docs, report = read(tmp_path / f"{name}.jsonl", json.dumps(row) + "\n")
        assert (ents(docs), report.unread) == ([("left", "X")], 1), name


def test_a_label_by_itself_is_no_list_of_letters(tmp_path: Path) -> None:
    """Label Studio's value with one label in place of a list."""
    value = {"start": 0, "end": 4, "labels": "PER"}
    row = {"data": {"text": "Anna left"}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}
    assert ents(read(tmp_path / "a.json", json.dumps([row]))[0]) == [("Anna", "PER")]


def test_halves_of_characters_are_left_out_wherever_they_stand(tmp_path: Path) -> None:
    """In a text, an id, a label, or in what cannot be read."""
    rows = [
        '{"id": 1, "text": "A \\ud800 left", "label": []}',
        '{"id": "\\ud800", "text": "Anna left", "label": []}',
        '{"id": 3, "text": "Anna left", "label": [[0, 4, "P\\ud800"]]}',
        '{"id": 4, "text": "Anna left", "label": [[0, 99, "P\\ud800"], [0, 4, "PER"]]}',
    ]
    docs, report = read(tmp_path / "a.jsonl", "\n".join(rows) + "\n")
    assert (ents(docs), report.skipped, report.unread) == ([("Anna", "PER")], 3, 1)
    json.dumps(report.as_dict(), ensure_ascii=False).encode()


def test_ids_that_several_texts_have_lose_none(tmp_path: Path) -> None:
    """As in exports of two projects in one file; it is said."""
    rows = [{"id": 1, "text": text, "label": []} for text in ("Anna left", "Ola left", "Anna left")]
    docs, report = read(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert ([doc.text for doc in docs], report.repeated, report.shared_ids) == (["Anna left", "Ola left"], 1, 1)
    assert any("ids stand for several texts" in warning for warning in report.warnings("en", outside=None))


@pytest.mark.parametrize("value", ["3", '"ents text"', '[1, "ents", "text"]', '{"ents": 1, "text": 5}', "[]"])
def test_broken_json_is_one_line(tmp_path: Path, value: str) -> None:
    """A number, a string, a list of anything: no traceback."""
    with pytest.raises(DossierError):
        read(tmp_path / "a.json", value, format="spacy-json")


def layered(path: Path) -> Doc:
    """A document with nested entities, one over the end of a sentence, white space, and a token nobody looked at."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["University", "of", "Oslo", "\n", "Anna", "Berg", "left", "?"])
    for token in doc:
        token.is_sent_start = token.i in (0, 5)
    doc.set_ents([Span(doc, 0, 3, "ORG"), Span(doc, 4, 6, "PER")], missing=[doc[7:8]], default="outside")
    doc.spans["nested"] = [Span(doc, 2, 3, "LOC"), Span(doc, 0, 1, "NOUN"), Span(doc, 1, 3, "X")]
    doc.user_data["id"] = "d"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    return doc


def test_hugging_face_has_one_layer_and_ends_entities_with_sentences(tmp_path: Path) -> None:
    """What it cannot hold is counted and said, and spoils no other tag."""
    layered(tmp_path / "a.spacy")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "a.spacy"), str(tmp_path / "hf"), "--to", "hf"])
    assert result.exit_code == 0
    assert "3 entities overlap another" in result.output and "1 entities cross the end of a sentence" in result.output
    ((_, report),) = convert([str(tmp_path / "hf")], tmp_path / "back", ColumnOptions(sentences_per_doc=0)).items()
    (doc,) = docs_of(Path(report.outputs[0]))
    assert ents([doc]) == [("University of Oslo", "ORG"), ("Anna", "PER"), ("Berg", "PER")]
    assert [token.ent_iob_ for token in doc] == ["B", "I", "I", "B", "B", "O", ""]


@pytest.mark.parametrize("format", ["conll", "conllu", "germeval"])
def test_entities_that_a_column_cannot_hold_are_said(tmp_path: Path, format: str) -> None:
    """One layer, or two."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["University", "of", "Oslo"], sent_starts=[True, False, False])
    doc.ents = [Span(doc, 0, 3, "ORG")]
    doc.spans["nested"] = [Span(doc, 2, 3, "LOC"), Span(doc, 1, 3, "X")]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    counts = export([tmp_path / "a.spacy"], tmp_path / "a.txt", format=format)
    assert counts.nested == (1 if format == "germeval" else 2)


def saved_set(folder: Path, rows: list[str], state: str | None = None) -> Path:
    folder.mkdir(parents=True)
    names = {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"}
    (folder / "dataset_info.json").write_text(json.dumps({"features": {"ner_tags": names}}))
    (folder / "data.jsonl").write_text("\n".join(rows) + "\n", encoding="utf8")
    if state is not None:
        (folder / "state.json").write_text(state)
    return folder


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x1e", "\x0c", "\x0b"])
def test_rows_of_json_end_with_line_feeds_only(tmp_path: Path, mark: str) -> None:
    """Other marks are characters of a token."""
    row = json.dumps({"tokens": [f"An{mark}na", "left"], "ner_tags": [1, 0]}, ensure_ascii=False)
    (report,) = convert([str(saved_set(tmp_path / "set", [row, "", row]))], tmp_path / "out", ColumnOptions()).values()
    assert [ent.text for doc in docs_of(Path(report.outputs[0])) for ent in doc.ents] == [f"An{mark}na"] * 2


@pytest.mark.parametrize(
    "state",
    [
        "{",
        "[]",
        "{}",
        '{"_data_files": 3}',
        '{"_data_files": [{"filename": "../secret.jsonl"}]}',
        '{"_data_files": [{"filename": "/etc/passwd"}]}',
        '{"_data_files": [{"filename": ".."}]}',
        '{"_data_files": [{"filename": "gone.arrow"}]}',
    ],
)
def test_a_saved_set_reads_its_own_files_only(tmp_path: Path, state: str) -> None:
    """A list of files that is broken, or leads out of the folder, is one line."""
    (tmp_path / "secret.jsonl").write_text('{"tokens": ["secret"], "ner_tags": [0]}\n')
    folder = saved_set(tmp_path / "set", ['{"tokens": ["Anna"], "ner_tags": [1]}'], state)
    result = CliRunner().invoke(app, ["convert", str(folder), str(tmp_path / "out")])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert len(result.output.splitlines()) == 1 or "secret" not in result.output.replace("secret.jsonl", "")
    assert not list((tmp_path / "out").glob("*.spacy"))


def test_a_saved_set_does_not_hide_other_files_of_a_folder(tmp_path: Path) -> None:
    """Both are read."""
    saved_set(tmp_path / "in" / "set", ['{"tokens": ["Anna", "left"], "ner_tags": [1, 0]}'])
    (tmp_path / "in" / "b.conll").write_text("Ola B-PER\nleft O\n\n")
    assert len(convert([str(tmp_path / "in")], tmp_path / "out", ColumnOptions())) == 2


def test_halves_of_characters_in_wrapped_json_are_reported(tmp_path: Path) -> None:
    """An array over several lines: the row is left out, and no file is half written."""
    rows = [
        {"tokens": ["An\ud800na", "left"], "tags": ["B-PER", "O"]},
        {"tokens": ["Ola", "left"], "tags": ["B-PER", "O"]},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"data": rows}, indent=1))
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "a.json"), str(tmp_path / "out")])
    assert (result.exit_code, type(result.exception)) == (3, SystemExit), result.output
    assert ents(docs_of(tmp_path / "out" / "a.spacy")) == [("Ola", "PER")]


def test_what_is_left_out_of_answers_is_said(tmp_path: Path) -> None:
    """--join reports what it could not read, as convert does, and exits with 3; --strict stops."""
    doc = spacy.blank("en")("Annabel left Oslo.")
    doc.user_data["id"] = "1"
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "c.spacy")
    answers = {
        "unread": '{"id": "1", "text": "Annabel left Oslo.", "label": [[0, 99, "PER"]]}',
        "skipped": '{"id": "1", "text": "Annabel left Oslo.", "label": []}\n{"id": "2", "text": 3, "label": []}',
        "inside": '{"id": "1", "text": "Annabel left Oslo.", "label": [[0, 4, "PER"]]}',
        "fine": '{"id": "1", "text": "Annabel left Oslo.", "label": [[0, 7, "PER"]]}',
    }
    for name, rows in answers.items():
        (tmp_path / f"{name}.jsonl").write_text(rows + "\n")
        report = tmp_path / f"{name}.json"
        command = [
            "convert",
            str(tmp_path / f"{name}.jsonl"),
            str(tmp_path / "out"),
            "--join",
            str(tmp_path / "c.spacy"),
        ]
        result = CliRunner().invoke(app, [*command, "--report", str(report)])
        assert result.exit_code == (0 if name == "fine" else 3), result.output
        assert CliRunner().invoke(app, [*command, "--strict"]).exit_code == (0 if name == "fine" else 1), name
        (found,) = json.loads(report.read_text()).values()
        assert (found["unread"], found["skipped"]) == (int(name == "unread"), int(name == "skipped"))
        assert name != "inside" or "nearest tokens 'Annabel'" in result.output


@pytest.mark.parametrize(
    "record",
    [
        {"entities": [{"start": 0, "end": 4}]},
        {"entities": [{"start": 0, "end": 99, "label": "PER"}]},
        {"entities": [{"start": 0, "end": 4, "label": "PER", "confidence": "high"}]},
        {"entities": [3]},
        {"entities": {"a": 1}},
        {"entities": [], "extensions": {"expected_missed": 3}},
        {"entities": [], "extensions": "{"},
    ],
)
def test_a_malformed_record_is_one_line(tmp_path: Path, record: dict[str, Any]) -> None:
    """With its line."""
    path = tmp_path / "records-0001.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "Anna left", **record}) + "\n")
    result = CliRunner().invoke(app, ["export", str(path), str(tmp_path / "out.jsonl"), "--to", "prodigy"])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "records-0001.jsonl:1" in result.output and len(result.output.strip().splitlines()) == 1


WEBANNO_HEAD = "#FORMAT=WebAnno TSV 3.2\n#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value\n\n"


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        (["#Text=Anna\u00a0Berg", "1-1\t0-4\tAnna\tPER[1]\t", "1-2\t5-9\tBerg\tPER[1]\t"], "Anna\u00a0Berg"),
        (["#Text=  Anna\\tBerg ", "1-1\t2-6\tAnna\tPER[1]\t", "1-2\t7-11\tBerg\tPER[1]\t"], "  Anna\tBerg "),
        (["#Text=\U0001f600 Anna", "#Text=Bo", "1-1\t3-7\tAnna\tP[1]\t", "1-2\t8-10\tBo\tP[1]\t"], "\U0001f600 Anna\nBo"),  # noqa: E501
        (["#Text=of another", "1-1\t0-4\tAnna\tPER[1]\t", "1-2\t5-9\tBerg\tPER[1]\t"], "Anna Berg"),
        (["1-1\t0-4\tAnna\tPER[1]\t", "1-2\t5-9\tBerg\tPER[1]\t"], "Anna Berg"),
    ],
)  # fmt: skip
def test_webanno_keeps_the_text_of_its_sentences(tmp_path: Path, sentences: list[str], text: str) -> None:
    """No-break spaces, tabs, several lines; where it says something else, the tokens count."""
    docs, report = read(tmp_path / "a.tsv", WEBANNO_HEAD + "\n" + "\n".join(sentences) + "\n")
    assert ([doc.text for doc in docs], report.unread) == ([text], 0)
    assert [ent.text.split()[0] for doc in docs for ent in doc.ents] == ["Anna"]
    assert [ent.end_char for ent in docs[0].ents] == [len(text.rstrip())]


@pytest.mark.parametrize("format", ["webanno", "xmi", "spacy-json", "brat"])
def test_any_text_comes_back(tmp_path: Path, format: str) -> None:
    """Carriage returns, tabs, characters beyond U+FFFF, reserved ones, spans beside each other."""
    nlp = spacy.blank("en")
    doc = nlp("A\U0001f600_[1]\tb|c;\r\nd\\e *  f->g\u2028h")
    doc.set_ents([Span(doc, 0, 2, "X_Y"), Span(doc, 2, 3, "Z[1]"), Span(doc, len(doc) - 1, len(doc), "X|Y")])
    for token in doc:
        token.is_sent_start = token.i == 0
    doc.user_data["id"] = "a"
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    output = tmp_path / ("a.json" if format == "spacy-json" else "a")
    export([tmp_path / "a.spacy"], output, format=format)
    (report,) = convert([str(output)], tmp_path / "b", ColumnOptions()).values()
    (back,) = docs_of(Path(report.outputs[0]))
    assert (back.text, ents([back])) == (doc.text, ents([doc]))


def test_spacy_reads_its_json(tmp_path: Path) -> None:
    """`Doc.from_json` gives text, tokens, entities, and those that overlap as a span group."""
    doc = layered(tmp_path / "a.spacy")
    export([tmp_path / "a.spacy"], tmp_path / "a.json", format="spacy-json")
    (row,) = json.loads((tmp_path / "a.json").read_text(encoding="utf8"))
    back = Doc(spacy.blank("en").vocab).from_json(row, validate=True)
    assert (back.text, [str(token) for token in back if not token.is_space]) == (doc.text, doc.text.split())
    assert ents([back]) == ents([doc])
    assert {(span.text, span.label_) for span in back.spans["nested"]} == {
        ("Oslo", "LOC"),
        ("University", "NOUN"),
        ("of Oslo", "X"),
    }
    (report,) = convert([str(tmp_path / "a.json")], tmp_path / "b", ColumnOptions()).values()
    assert len(docs_of(Path(report.outputs[0]))[0].spans["nested"]) == 3


@pytest.mark.parametrize("tokens", [[[0, 4], [3, 9]], [[0, 99]], [[None, 4]], [[4, 0]], [["a", "b"]], [[-1, 4]]])
def test_tokens_that_stand_in_no_order_are_said(tmp_path: Path, tokens: list[list[Any]]) -> None:
    """The rules of the language find tokens in their place."""
    placed = [{"start": start, "end": end} for start, end in tokens]
    row = {"text": "Anna left", "tokens": placed, "spans": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"}
    docs, report = read(tmp_path / "a.jsonl", json.dumps(row) + "\n")
    assert (ents(docs), report.unread, report.own_tokens) == ([("Anna", "PER")], 1, False)


def test_xmi_that_marks_what_is_not_there(tmp_path: Path) -> None:
    """An annotation beyond the text is listed."""
    layered(tmp_path / "a.spacy")
    export([tmp_path / "a.spacy"], tmp_path / "x", format="xmi")
    (path,) = (tmp_path / "x").glob("*.xmi")
    path.write_text(path.read_text().replace('end="30"', 'end="300"').replace('end="29"', 'end="300"'))
    (report,) = convert([str(path)], tmp_path / "b", ColumnOptions()).values()
    assert report.left
    assert len(docs_of(Path(report.outputs[0]))) == 1


@pytest.mark.parametrize("format", ["webanno", "hf"])
def test_a_long_text_is_written_in_time_that_grows_with_it(tmp_path: Path, format: str) -> None:
    """Ten times as long takes no more than some twenty times as long."""
    seconds = []
    for n in (300, 3_000):
        nlp = spacy.blank("xx")
        doc = Doc(nlp.vocab, words=["Anna", "left"] * n, sent_starts=[True, False] * n)
        doc.set_ents([Span(doc, 2 * i, 2 * i + 1, "PER") for i in range(n)])
        DocBin(docs=[doc]).to_disk(tmp_path / f"{n}.spacy")
        start = time.process_time()
        export([tmp_path / f"{n}.spacy"], tmp_path / f"{n}", format=format)
        convert([str(tmp_path / f"{n}")], tmp_path / "b", ColumnOptions())
        seconds.append(time.process_time() - start)
    assert seconds[1] < 25 * seconds[0]


@pytest.mark.parametrize("format", ["brat", "xmi"])
def test_answers_from_files_find_their_texts(tmp_path: Path, format: str) -> None:
    """A file is named after the id of its text, which as a path cannot be its name as it is."""
    doc = spacy.blank("en")("Anna left Oslo.")
    doc.user_data["id"] = "a folder/one.txt"
    doc.set_ents([doc.char_span(0, 4, "PER")], default="outside")
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "c.spacy")
    export([tmp_path / "c.spacy"], tmp_path / "tasks", format=format)
    found, _ = join_into(tmp_path / "c.spacy", [str(tmp_path / "tasks")], tmp_path / "out.spacy", ColumnOptions())
    assert (found.replaced, found.added, found.kept, found.conflicts) == (1, 0, 0, [])


def test_what_an_answer_leaves_unannotated_stays_so(tmp_path: Path) -> None:
    """It is not outside of entities, and none of the corpus is cut for it; what nobody annotated is no answer."""
    vocab = spacy.blank("en").vocab
    words = ["New", "York", "City", "Council", "met"]
    given = {
        "corpus": ["B-ORG", "I-ORG", "I-ORG", "I-ORG", "O"],
        "nothing": [""] * 5,
        "part": ["", "", "O", "O", "O"],
        "other": ["B-LOC", "I-LOC", "", "O", "O"],
    }
    for name, tags in given.items():
        DocBin(docs=[Doc(vocab, words=words, ents=tags)]).to_disk(tmp_path / f"{name}.spacy")
    for answers, found in ((["nothing"], "BIIIO"), (["part"], "--OOO"), (["part", "other"], "BI-OO")):
        inputs = [str(tmp_path / f"{name}.spacy") for name in answers]
        report, _ = join_into(tmp_path / "corpus.spacy", inputs, tmp_path / "out.spacy", ColumnOptions())
        (doc,) = docs_of(tmp_path / "out.spacy")
        assert "".join(token.ent_iob_ or "-" for token in doc) == found
        assert (len(report.conflicts), report.kept) == (len(answers) - 1, answers == ["nothing"])
