"""Tables of texts."""

import contextlib
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.tables.rows import NoTextField, has_text, read_rows
from spacy_dossier.read.tables.scan import Cursor

from ..hostile import ends


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(path: str, field: str = "text") -> list[tuple[str, Any]]:
    return [(row.text, row.meta) if row.error is None else ("", row.error[0]) for row in read_rows(path, field)]


def test_jsonl(tmp_path: Path) -> None:
    """Other fields pass through; broken rows are errors of their own; surrogates cannot hurt."""
    first = '\ufeff{"text": "a", "n": 1, "tags": ["x"], "f": 0.5}\n\nbroken\n'
    rows = first + '{"n": 2}\n[1]\n{"text": "\\ud83d and \\ud83d\\ude00"}'
    assert read(write(tmp_path / "a.jsonl", rows)) == [
        ("a", {"n": 1, "tags": ["x"], "f": 0.5}),
        ("", "BadRow"),
        ("", "BadRow"),
        ("", "BadRow"),
        ("� and 😀", {}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv(tmp_path: Path, encoding: str) -> None:
    """Quoted line breaks, any delimiter, any encoding."""
    table = 'id;text;"note; more"\r\n1;"Zwei\r\nZeilen “groß”";x\r\n2;\'s ist schön;\r\n'
    assert read(write(tmp_path / "a.csv", table.encode(encoding))) == [
        ("Zwei\r\nZeilen “groß”", {"id": "1", "note; more": "x"}),
        ("'s ist schön", {"id": "2", "note; more": ""}),
    ]


def test_tsv_with_long_cells_and_short_rows(tmp_path: Path) -> None:
    """No cell is too long; a row that ends early has no text."""
    table = "n\ttext\n1\t" + "word " * 100_000 + "\n2\n"
    found = read(write(tmp_path / "a.tsv", table))
    assert len(found[0][0]) == 500_000
    assert found[1] == ("", "BadRow")


def test_parquet(tmp_path: Path) -> None:
    """Columns pass through as JSON can hold them; a null text is an error of its row."""
    import datetime
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "body": ["a", None],
            "day": [datetime.date(2025, 4, 1)] * 2,
            "price": [decimal.Decimal("1.50")] * 2,
            "x": [float("nan")] * 2,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    found = read(str(tmp_path / "a.parquet"), "body")
    assert found == [("a", {"day": "2025-04-01", "price": "1.50", "x": None}), ("", "BadRow")]
    json.dumps(found)


def test_docbin(tmp_path: Path) -> None:
    """The texts of a .spacy file."""
    import spacy
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    DocBin(docs=[nlp("Anna Keller met Tom."), nlp("Again.")]).to_disk(tmp_path / "a.spacy")
    assert [row[0] for row in read(str(tmp_path / "a.spacy"))] == ["Anna Keller met Tom.", "Again."]
    with pytest.raises(ValueError, match=r"not a \.spacy file"):
        read(write(tmp_path / "b.spacy", b"nothing of the kind"))


def test_missing_column(tmp_path: Path) -> None:
    """A file the user named must have the column; one in a folder is then a document."""
    for name, content in (("a.csv", "k,v\n1,2\n"), ("a.jsonl", '{"k": 1}\n')):
        path = write(tmp_path / name, content)
        assert not has_text(path, "text", named=False)
        with pytest.raises(NoTextField):
            has_text(path, "text", named=True)
    with pytest.raises(NoTextField):
        read(write(tmp_path / "b.csv", "k,v\n"))
    assert has_text(write(tmp_path / "c.csv", "k,text\n"), "text", named=True)
    assert has_text(write(tmp_path / "b.jsonl", 'oops\n{"text": "a"}\n'), "text", named=True)


def test_cursor_reads_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going forward it does not begin again; going back it does; past the end there is nothing."""
    from spacy_dossier.read.tables import scan

    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"text": str(n)}) + "\n" for n in range(10)))
    opened = []
    original = scan.read_rows
    monkeypatch.setattr(scan, "read_rows", lambda *a: opened.append(a) or original(*a))
    cursor = Cursor()
    assert [[r.text for r in cursor.read(path, "text", first, 2).rows] for first in (0, 2, 6, 9, 20)] == [
        ["0", "1"],
        ["2", "3"],
        ["6", "7"],
        ["9"],
        [],
    ]
    assert len(opened) == 1
    assert cursor.read(path, "text", 1, 1).rows[0].text == "1"
    assert len(opened) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_jsonl_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """What other systems write as JSON lines."""
    rows = '{"text": "Grüße aus Köln, Anna"}\n{"text": "Schöne Straße \u2028 hier"}\n'
    found = read(write(tmp_path / "a.jsonl", rows.encode(encoding, "ignore")))
    assert found[0][0] == "Grüße aus Köln, Anna"
    assert len(found) == 2


def test_csv_of_dos_with_spaces_and_zeros(tmp_path: Path) -> None:
    """Old encodings, names of columns with spaces around them, a stray zero."""
    table = "id, text\n1,Grüße aus München über Köln\n2,Schöne Fü\0ße\n"
    assert read(write(tmp_path / "a.csv", table.replace("\0", "").encode("cp850")))[0] == (
        "Grüße aus München über Köln",
        {"id": "1"},
    )
    zeros = f"text\n{'plain line' * 20}\nTo\0m\n"
    assert read(write(tmp_path / "b.csv", zeros))[1][0] == "Tom"


def test_broken_parquet_is_a_failure_not_a_text(tmp_path: Path) -> None:
    """Binary tables that do not open are nothing else either."""
    path = write(tmp_path / "a.parquet", b"PAR1 nothing")
    assert has_text(path, "text", named=False)
    with pytest.raises(ValueError, match="Parquet"):
        read(path)


def test_parquet_of_bytes(tmp_path: Path) -> None:
    """Some writers do not mark strings as such."""
    pq.write_table(pa.table({"text": [b"caf\xc3\xa9"]}), tmp_path / "a.parquet")
    assert read(str(tmp_path / "a.parquet")) == [("café", {})]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "euc_jp"])
def test_letters_late_in_a_long_table(tmp_path: Path, encoding: str) -> None:
    """The head of a file does not decide alone: 400 KB of ASCII come before the first other letter."""
    late = "昨日の夜、アンナはロンドンに着いた。" if encoding == "euc_jp" else "Grüße aus Köln und schöne Straße."
    plain, lines = ["plain row"] * 40_000, "".join
    csv = lines(f"{text}\n" for text in ["text", *plain, late])
    assert read(write(tmp_path / "a.csv", csv.encode(encoding)))[-1] == (late, {})
    jsonl = lines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in [*plain, late])
    assert read(write(tmp_path / "a.jsonl", jsonl.encode(encoding)))[-1] == (late, {})


def test_a_row_that_cannot_be_decoded_says_so(tmp_path: Path) -> None:
    """No U+FFFD in place of a letter; the rows beside it are read; a U+FFFD that the file has is text."""
    good = "Grüße \ufffd"
    rows = f"{good}\n".encode() * 20 + b"Gr\xfc\xdfe\n"
    assert read(write(tmp_path / "a.csv", b"text\n" + rows)) == [(good, {})] * 20 + [("", "BadRow")]
    lines = b"".join(b'{"text": "' + row + b'"}\n' for row in rows.splitlines())
    assert read(write(tmp_path / "a.jsonl", lines)) == [(good, {})] * 20 + [("", "BadRow")]


def test_rows_of_csv_are_strict(tmp_path: Path) -> None:
    """A row with another number of fields and one with an open quote fail, and cost their neighbours nothing."""
    extra = "id,text\n1,The mayor, Irma\n2,Second\n3\n"
    assert read(write(tmp_path / "a.csv", extra)) == [("", "BadRow"), ("Second", {"id": "2"}), ("", "BadRow")]
    rows = [f'{n},"Row {n}, and ""more"""' for n in range(30)]
    rows[4] = '4,"Open quote'
    rows[9] = '9,"Two\nlines"'
    found = read(write(tmp_path / "b.csv", "\n".join(["id,text", *rows])))
    assert found[4] == ("", "BadRow")
    assert found[3] == ('Row 3, and "more"', {"id": "3"})
    assert found[5:9] == [(f'Row {n}, and "more"', {"id": str(n)}) for n in range(5, 9)]
    assert found[9] == ("Two\nlines", {"id": "9"})
    assert len(found) == 30


def test_quotes_as_they_stand(tmp_path: Path) -> None:
    """Tables whose writer knows no quotes, or a backslash before them, or no second column."""
    tsv = 'id\ttext\n1\t"Quiet" said Pia\n2\t"Open quote only, said Nils\n3\tRow three\n4\t5" pipe\n'
    texts = ['"Quiet" said Pia', '"Open quote only, said Nils', "Row three", '5" pipe']
    assert [row[0] for row in read(write(tmp_path / "a.tsv", tsv))] == texts
    escaped = 'id,text\n1,"He said \\"no\\" to Nils, and \\"yes\\" to Pia"\n2,plain\n'
    assert [row[0] for row in read(write(tmp_path / "a.csv", escaped))] == [
        'He said "no" to Nils, and "yes" to Pia',
        "plain",
    ]
    assert read(write(tmp_path / "b.csv", "text\nOne, two\nThree\n")) == [("One, two", {}), ("Three", {})]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;\n\r\t'), min_size=1), min_size=1
    )
)
@settings(deadline=None)
def test_what_python_writes_is_read(texts: list[str]) -> None:
    """Quoted commas, quotes and line breaks come back from the csv module's own output."""
    import csv
    import io

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text"])
    writer.writerows([str(number), text] for number, text in enumerate(texts))
    found = [row.text for row in read_rows("a.csv", "text", buffer.getvalue().encode())]
    assert found == texts


def test_nested_rows_fail_alone(tmp_path: Path) -> None:
    """Lists in lists as deep as they come; the rows beside them are read."""
    rows = ['{"text": "one"}']
    rows += ['{"text": "deep", "x": ' + "[" * depth + "]" * depth + "}" for depth in (90, 300, 950, 100_000)]
    path = write(tmp_path / "a.jsonl", "\n".join([*rows, '{"text": "two"}']))
    assert [(text, meta if text == "" else "") for text, meta in read(path)] == [
        ("one", ""),
        ("deep", ""),
        *[("", "BadRow")] * 3,
        ("two", ""),
    ]


def test_compressed_tables_are_read_as_a_stream(tmp_path: Path) -> None:
    """Rows as without gzip; a file that is cut, and a line without end, are broken as a whole."""
    import gzip

    packed = gzip.compress(b'{"text": "one"}\n{"text": "two"}\n')
    assert [row[0] for row in read(write(tmp_path / "a.jsonl.gz", packed))] == ["one", "two"]
    with pytest.raises(ValueError, match="compression"):
        read(write(tmp_path / "b.jsonl.gz", packed[:-12]))
    with pytest.raises(Unreadable, match="a line of more than"):
        read(write(tmp_path / "c.jsonl.gz", gzip.compress(b"0" * 300_000_000, 1)))


def test_texts_of_many_lines_stay_whole(tmp_path: Path) -> None:
    """A few texts of many lines, some of which have as many commas as the header, are a row each."""
    texts = [f"Letter {n}\n" + "".join(f'line {i}, she said "yes"\n' for i in range(40)) for n in range(5)]
    table = tmp_path / "letters.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("text", "n"), *((text, n) for n, text in enumerate(texts))])
    rows = list(read_rows(str(table), "text"))
    assert [(row.text, row.error) for row in rows] == [(text, None) for text in texts]


LETTER = '"Line one{0}\nLine two{0}\nLine three{0}"\n'


@pytest.mark.parametrize("broken", [0, 3])
@pytest.mark.parametrize(("header", "before", "within"), [("text", "", "."), ("id,text", "1,", ", and more")])
def test_cells_of_many_lines_are_no_rows_of_their_own(header: str, before: str, within: str, broken: int) -> None:
    """Lines within quotes that would do as rows too; some rows with a quote too many change nothing for the others."""
    stray = f'{before}"Stray "quote{within}"\n' * broken
    table = f"{header}\n{stray}{(before + LETTER.format(within)) * 20}"
    found = list(read_rows("x.csv", "text", table.encode()))
    assert [row.text for row in found if row.error is None] == [LETTER.format(within).strip().strip('"')] * 20
    assert sum(row.error is not None for row in found) == broken


def test_a_sample_that_ends_within_a_cell() -> None:
    """Cells of more lines than the sample that tells how quotes are written."""
    text = "Well, yes.\n" * 700
    found = list(read_rows("x.csv", "text", ("id,text\n" + f'1,"{text}"\n' * 3).encode()))
    assert [row.text for row in found] == [text] * 3


@pytest.mark.parametrize("line", ["Well, yes.\n", 'He said ""yes"", and went.\n'])
def test_long_cells_stay_whole(line: str) -> None:
    """A quote that ends thousands of lines on; the row after it is right."""
    table = f'id,text\n0,first\n1,"{line * 5000}"\n2,short\n'
    found = list(read_rows("x.csv", "text", table.encode()))
    assert [row.text for row in found] == ["first", line.replace('""', '"') * 5000, "short"]


def test_quotes_without_end_cost_a_row_and_little_time() -> None:
    """Lines in which a quote is open, whether they are read alone or behind the others."""
    rows = "".join(f"{n},row\n" for n in range(5000))
    found = list(read_rows("x.csv", "text", f'id,text\n{rows}7,"open\n{rows}'.encode()))
    assert sum(row.error is not None for row in found) == 1
    assert len(found) == 10_001
    assert len(list(read_rows("x.csv", "text", ("text,a\n" + rows + '",a","\n' * 4_000).encode()))) > 5000


def test_cursor_recovers_from_a_failed_read(tmp_path: Path) -> None:
    """A file that is away for a moment is read when it is back."""
    path = tmp_path / "a.jsonl"
    cursor = Cursor()
    with pytest.raises(OSError, match=r"a\.jsonl"):
        cursor.read(str(path), "text", 0, 1)
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    assert [row.text for row in cursor.read(str(path), "text", 0, 1).rows] == ["one"]
    assert [row.text for row in cursor.read(str(path), "text", 1, 1).rows] == ["two"]


def test_tables_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files of much are one failure, found before all of it is in memory."""
    import tracemalloc
    import zlib

    from spacy_dossier.read.archive import Budget

    monkeypatch.setattr(Budget, "MAX_BYTES", 1_000_000)
    path = write(tmp_path / "a.spacy", zlib.compress(bytes(50_000_000)))
    has_text(path, "text", named=False)
    tracemalloc.start()
    with pytest.raises(Unreadable, match="unpacks to more than 1,000,000 bytes"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    cut = write(tmp_path / "b.spacy", zlib.compress(b"short")[:-5])
    with pytest.raises(ValueError, match=r"not a \.spacy file"):
        read(cut)
    pq.write_table(pa.table({"text": [str(n) * 2000 for n in range(1000)]}), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(Unreadable, match="row group 0 unpacks to"):
        read(str(tmp_path / "a.parquet"))


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl"])
@pytest.mark.parametrize(
    "unit",
    [
        *('"', '""', '","', '"\n', '",\n', ',"\n', '\\"', '\\"\n', "\r", '"\r', "\n"),
        *(",", "\t", ";|", "[", '{"text":"', "\0", "é\n"),
    ],
)
def test_hostile_tables_come_to_an_end(name: str, unit: str) -> None:
    """No rule of quotes goes over the same lines again and again."""
    data = ("text,n\n" + unit * (200_000 // len(unit))).encode()

    def read_all() -> None:
        with contextlib.suppress(NoTextField, ValueError):
            for _ in read_rows(name, "text", data):
                pass

    ends(read_all)
