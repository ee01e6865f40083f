"""Exports of annotation tools as they come: other line ends, encodings, kinds of numbers, and names of files."""

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_dossier.convert.annotations.document import Annotated
from spacy_dossier.convert.annotations.formats.base import file_names
from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.files import convert

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
    from spacy_dossier.errors import DossierError

    with pytest.raises(DossierError):
        read(tmp_path / "a.json", value, format="spacy-json")
