"""The report's files: what is on the pages, what is escaped, how they are written."""

import gc
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.errors import DossierError
from spacy_dossier.process.record import (
    Failure,
    Findings,
    FoundEntity,
    FoundSentence,
    PipelineInfo,
    Record,
    Relation,
    make_record,
)
from spacy_dossier.process.sinks import ParquetSink
from spacy_dossier.read.document import Block, lay_out
from spacy_dossier.report import pages as report_pages
from spacy_dossier.report.index import slug
from spacy_dossier.report.write import write_report
from spacy_dossier.text.lock import Lock

PIPELINE = PipelineInfo(name="en_dossier", version="1.2.3")
LETTER = (
    "Mara Lindqvist left Uppsala in May. The Harbour Board had asked her to survey the mole.\n\n"
    "In Visby she met Tomas Ek. He worked for the Harbour Board too, and knew Uppsala well."
)


def annotate(
    name: str,
    text: str,
    entities: Sequence[tuple[str, str, float | None]] = (),
    summary: Sequence[str] = (),
    *,
    with_text: bool = True,
    **values: Any,
) -> Record:
    """A record: each (text, label, confidence) is an entity wherever it stands, each sentence is in the summary."""
    spans = sorted((m.start(), m.end(), y, c) for x, y, c in entities for m in re.finditer(re.escape(x), text))
    sentences = [(text.index(s), text.index(s) + len(s), 0.8) for s in summary]
    findings = Findings(len(text.split()), [FoundEntity(*s) for s in spans], [FoundSentence(*s) for s in sentences])
    defaults: dict[str, Any] = {
        "root": "inbox",
        "source": name,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "media_type": "text/plain",
        "pipeline": PIPELINE,
    }
    return make_record(id=name, text=text, findings=findings, with_text=with_text, **(defaults | values))


def letter(name: str = "letters/mara.txt", **values: Any) -> Record:
    entities = [
        ("Mara Lindqvist", "PER", 0.98),
        ("Tomas Ek", "PER", 0.75),
        ("Uppsala", "LOC", 0.91),
        ("Visby", "LOC", None),
        ("Harbour Board", "ORG", 0.55),
    ]
    return annotate(name, LETTER, entities, ["In Visby she met Tomas Ek."], **values)


def save(out: Path, records: Sequence[Record], failures: Sequence[Failure] = (), *, shard: int = 100) -> Path:
    """Write records as the bulk engine does."""
    out.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(records), shard):
        path = out / f"records-{start // shard:05d}.jsonl"
        path.write_text("".join(r.to_json() + "\n" for r in records[start : start + shard]), encoding="utf-8")
    (out / "failures.jsonl").write_text("".join(f.to_json() + "\n" for f in failures), encoding="utf-8")
    run = {
        "status": "complete",
        "pipeline": {"name": "en_dossier", "version": "1.2.3"},
        "options": {"sentences": 3, "rules": {"hidden": False}},
        "this_run": {"seconds": 125.0, "words_per_second": 4321},
        "outputs": ["records-00000.jsonl"],
    }
    (out / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return out


def place_of(report: Path, record_id: str) -> Path:
    name = slug(record_id)
    return report / "docs" / name[:2] / f"{name[2:]}.html"


def page_of(report: Path, record_id: str) -> str:
    return place_of(report, record_id).read_text(encoding="utf-8")


def rows(report: Path, name: str) -> list[list[Any]]:
    """The rows of a list, out of the scripts that hold them."""
    found: list[list[Any]] = []
    for number in range(len(list((report / "data").glob(f"{name}-*.js")))):
        script = (report / "data" / f"{name}-{number}.js").read_text(encoding="ascii")
        match = re.fullmatch(r'dossierShard\("([a-z]+-\d+)",(.*)\);\n', script)
        assert match and match[1] == f"{name}-{number}"
        found += json.loads(match[2])
    return found


class Page(HTMLParser):
    """Elements and attributes of a page; checks that what is opened is closed."""

    VOID = frozenset(("meta", "link", "input"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID and tag != "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_overview_counts(tmp_path: Path) -> None:
    """The overview has documents, failures, labels, frequent entities, formats, kinds of failure and throughput."""
    failures = [Failure(source=f"scan-{n}.pdf", stage="extract", error="NoText", message="empty") for n in range(3)]
    out = save(
        tmp_path / "night", [letter("a.txt"), letter("b.txt"), letter("c.pdf", media_type="application/pdf")], failures
    )
    written = write_report(out)
    assert (written.documents, written.failures, written.without_text) == (3, 3, 0)
    assert written.path == (out / "report" / "index.html").resolve()
    text = " ".join(" ".join(Page(written.path.read_text(encoding="utf-8")).words).split())
    for wanted in (
        "3 documents, 21 mentions of 5 entities",
        "Failures 3",
        "Words a second 4,321",
        "Time of the last run 2 min 5 s",
        "Harbour Board ORG 6 3",
        "NoText extract 3",
        "Text 2 PDF 1",
        "LOC 9 ORG 6 PER 6",
        "options · rules · hidden no",
    ):
        assert wanted in text, wanted
    assert "has not finished" not in text


def test_classes_are_counted_shown_and_filtered_by(tmp_path: Path) -> None:
    """One class where they exclude each other, else each from one half on; none of a run without classes."""
    scores = {
        "a": {"news": 0.4, "letter": 0.35, "<b>": 0.25},
        "b": {"letter": 0.997, "news": 0.003, "<b>": 0.0},
        "c": {"news": 0.9, "letter": 0.8, "<b>": 0.1},
        "d": {"news": 0.2, "letter": 0.3, "<b>": 0.1},
    }
    records = [annotate(name, "Text.").model_copy(update={"cats": cats}) for name, cats in scores.items()]
    written = write_report(save(tmp_path / "out", records))
    report = written.path.parent
    assert [row[7] for row in rows(report, "documents")] == [[0], [1], [0, 1], []]
    overview = " ".join(" ".join(Page(written.path.read_text(encoding="utf-8")).words).split())
    assert "Documents by class Class Documents news 2 letter 2" in overview
    listed = (report / "documents.html").read_text(encoding="utf-8")
    page = Page(listed)
    (table,) = [attrs for tag, attrs in page.tags if tag == "table"]
    assert json.loads(table["data-classes"] or "") == ["news", "letter"]
    assert "All classes news (2) letter (2)" in " ".join(" ".join(page.words).split())
    assert "Class: letter 99%, news 0%, <b> 0%" in " ".join(" ".join(Page(page_of(report, "b")).words).split())
    without = write_report(save(tmp_path / "other", [annotate("a", "Text.")])).path.parent
    assert "data-classes" not in (without / "documents.html").read_text(encoding="utf-8")
    assert "class" not in " ".join(Page((without / "index.html").read_text(encoding="utf-8")).words)


def test_entities_across_documents(tmp_path: Path) -> None:
    """An entity's row says how often and where it was found; its places follow one another in their list."""
    records = [
        annotate("a", "Visby and Visby", [("Visby", "LOC", 0.5)]),
        annotate("b", "Visby, New\n York", [("Visby", "LOC", 0.8), ("New\n York", "LOC", 0.9)]),
        annotate("c", "New York", [("New York", "LOC", None)]),
        annotate("d", "Visby", [("Visby", "ORG", 0.9)]),
    ]
    report = write_report(save(tmp_path / "out", records)).path.parent
    assert rows(report, "entities") == [
        ["Visby", 0, 3, 2, 0.6, 0, 0, 0],
        ["New York", 0, 2, 2, 0.9, 2, 0, 0],
        ["Visby", 1, 1, 1, 0.9, 4, 0, 0],
    ]
    assert rows(report, "places") == [
        [slug("a"), "a", 2, 0.5, 1],
        [slug("b"), "b", 1, 0.8, 1],
        [slug("b"), "b", 1, 0.9, 1],
        [slug("c"), "c", 1, None, 1],
        [slug("d"), "d", 1, 0.9, 1],
    ]


def test_document_page(tmp_path: Path) -> None:
    """Entities are marked by label and confidence, and the summary's sentences too; neighbours are linked."""
    report = write_report(save(tmp_path / "out", [letter("a.txt"), letter("sub/b.txt"), letter("c.txt")])).path.parent
    text = page_of(report, "sub/b.txt")
    page = Page(text)
    marks = [attrs for tag, attrs in page.tags if tag == "span" and str(attrs.get("id", "")).startswith("m")]
    assert [(a["class"], a.get("title")) for a in marks[:3]] == [
        ("e l2 c3", "confidence 98%"),
        ("e l0 c3", "confidence 91%"),
        ("e l1 c1", "confidence 55%"),
    ]
    assert [a["class"] for a in marks[3:5]] == ["e l0 c0", "e l2 c2"]
    assert ("mark", {"class": "s", "id": "s1", "data-n": "1", "tabindex": "-1"}) in page.tags
    body = "".join(page.words)
    assert "In Visby she met Tomas Ek. He worked" in body
    for name in ("a.txt", "c.txt"):
        assert f"../../docs/{slug(name)[:2]}/{slug(name)[2:]}.html" in text


def test_one_record_is_held_at_a_time(tmp_path: Path) -> None:
    """One of a large document takes gigabytes: the first reading leaves none, and the one beside it is not read."""
    out = save(tmp_path / "out", [letter(f"{name}.txt") for name in "abcd"])
    held = []
    write_report(out, advance=lambda *_, **__: held.append(sum(type(each) is Record for each in gc.get_objects())))
    assert len(held) > 4 and max(held) == 1


def test_pages_of_a_paged_document_are_shown(tmp_path: Path) -> None:
    """Entities and summary sentences of a PDF carry their page."""
    record = letter("a.pdf", pages=[(0, 1), (LETTER.index("In Visby"), 2)])
    text = page_of(write_report(save(tmp_path / "out", [record])).path.parent, "a.pdf")
    assert 'title="confidence 75%, page 2"' in text and "pages 1, 2" in text and "<span>page 2</span>" in text


HOSTILE = (
    '<script>document.title="owned"</script><img src=x onerror="owned()">&amp;\u2028"\'`${owned()}</title></textarea>'
)


def hostile(out: Path) -> Path:
    """A run in which everything a document controls is script."""
    record = annotate(
        f"{HOSTILE}/../{HOSTILE}.html",
        f"Before. {HOSTILE} After. javascript:owned()",
        [(HOSTILE, f"L{HOSTILE}", 0.9)],
        [f"{HOSTILE} After."],
        media_type=f"text/{HOSTILE}",
        meta={HOSTILE: HOSTILE, "n": [HOSTILE]},
        pipeline=PipelineInfo(name=HOSTILE, version=HOSTILE),
    )
    textless = record.model_copy(update={"id": f"{HOSTILE}#2", "text": None})
    failure = Failure(source=f"{HOSTILE}.pdf", stage=HOSTILE, error=HOSTILE, message=HOSTILE)
    save(out, [record, textless], [failure])
    run = {"status": HOSTILE, "inputs": [HOSTILE], "options": {HOSTILE: HOSTILE}}
    (out / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return out


def test_nothing_of_a_document_is_markup(tmp_path: Path) -> None:
    """Script in texts, names, labels, columns and messages comes out as text, in pages and in data."""
    report = write_report(hostile(tmp_path / "out")).path.parent
    pages = list(report.rglob("*.html"))
    assert len(pages) == 6
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        assert sum(tag == "script" for tag, _ in page.tags) == 1
        for tag, attrs in page.tags:
            assert tag != "img" and not any(name.startswith("on") or name == "style" for name in attrs)
            assert not (attrs.get("href") or "").startswith(("javascript:", "data:", "http", "//", "/"))
        policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy and "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert HOSTILE in "".join(Page(page_of(report, f"{HOSTILE}/../{HOSTILE}.html")).words)
    for path in (report / "data").iterdir():
        data = path.read_text(encoding="ascii")
        assert not set("<>&") & set(data) and "\u2028" not in data
    assert rows(report, "documents")[0][1] == f"{HOSTILE}/../{HOSTILE}.html"


def test_file_names_are_hashes(tmp_path: Path) -> None:
    """No file of the report takes its name from a document, so none can leave the folder or be a device."""
    names = ["../../etc/passwd", "CON", "a" * 5000, "line\nbreak", "ü", "bad \\xff byte"]
    report = write_report(save(tmp_path / "out", [annotate(n, "Visby") for n in names])).path.parent
    pages = [p.relative_to(report).as_posix() for p in report.glob("docs/*/*")]
    assert len(pages) == len(names)
    assert all(re.fullmatch(r"docs/[0-9a-f]{2}/[0-9a-f]{22}\.html", p) for p in pages)
    assert {p.name for p in report.iterdir()} == {
        *("assets", "data", "docs"),
        *("index.html", "documents.html", "entities.html", "failures.html"),
    }


def test_text_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without text in the record, the page shows the source's, as long as the source is as it was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox").mkdir()
    for name in ("same.txt", "changed.txt"):
        (tmp_path / "inbox" / name).write_text(LETTER, encoding="utf-8")
    records = [letter(n, with_text=False) for n in ("same.txt", "changed.txt", "gone.txt")]
    (tmp_path / "inbox" / "changed.txt").write_text(LETTER.replace("May", "Jun"), encoding="utf-8")
    written = write_report(save(tmp_path / "out", records))
    assert written.without_text == 2
    report = written.path.parent
    assert 'id="m0"' in page_of(report, "same.txt")
    for name, why in (("changed.txt", "has changed"), ("gone.txt", "was not found")):
        page = page_of(report, name)
        assert 'id="m0"' not in page and why in page and "--with-text" in page
        assert "Harbour Board" in page and "In Visby she met Tomas Ek." in page


def test_blocks_of_a_record_are_shown(tmp_path: Path) -> None:
    """A record with its text and its blocks shows headings and replies as what they are, without its source."""
    text, blocks, _ = lay_out([Block("heading", "Visby", level=1), Block("reply", "old"), Block("paragraph", "Rain.")])
    record = annotate("a.eml", text, blocks=blocks, with_blocks=True)
    report = write_report(save(tmp_path / "out", [record])).path.parent
    page = place_of(report, "a.eml").read_text(encoding="utf-8")
    assert '<h3 dir="auto">Visby</h3>' in page and "<summary>Quoted reply</summary>" in page


def test_text_is_read_again_as_the_run_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options that decide what is text."""
    monkeypatch.chdir(tmp_path)
    head = "From: a@example.org\nTo: b@example.org\nDate: Mon, 2 Mar 2026 09:00:00 +0000\nSubject: x\n\n"
    mail = head + "New words.\n\n> Old words.\n"
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.eml").write_text(mail)
    record = annotate("a.eml", "New words.\n\nOld words.", with_text=False)
    record = record.model_copy(update={"sha256": hashlib.sha256(mail.encode()).hexdigest()})
    out = save(tmp_path / "out", [record])
    assert write_report(out).without_text == 1
    run = json.loads((out / "run.json").read_text())
    run["options"]["replies"] = True
    (out / "run.json").write_text(json.dumps(run))
    assert write_report(out).without_text == 0


def test_text_that_disagrees_is_not_shown(tmp_path: Path) -> None:
    """Offsets that do not lead to the quoted words mark nothing."""
    record = letter("a.txt").model_copy(update={"text": "X" + LETTER[:-1]})
    written = write_report(save(tmp_path / "out", [record]))
    assert written.without_text == 1
    assert "does not agree" in page_of(written.path.parent, "a.txt")


def test_parquet_gives_the_same_report(tmp_path: Path) -> None:
    """Records in Parquet are read as those in JSONL."""
    records = [letter("a.txt", meta={"year": 1923, "tags": ["x"]}), letter("b.txt", with_text=False)]
    one = write_report(save(tmp_path / "one" / "out", records)).path.parent
    other = save(tmp_path / "two" / "out", records)
    (other / "records-00000.jsonl").unlink()
    sink = ParquetSink()
    for record in records:
        sink.add(sink.prepare(record, []))
    (other / "records-00000.parquet").write_bytes(sink.to_bytes())
    two = write_report(other).path.parent
    assert contents(one) == contents(two)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_second_run_replaces_the_first(tmp_path: Path) -> None:
    """The same records give the same bytes; other records leave nothing of the old report behind."""
    out = save(tmp_path / "out", [letter("a.txt"), letter("b.txt")])
    report = write_report(out).path.parent
    first = contents(report)
    assert contents(write_report(out).path.parent) == first
    save(out, [letter("c.txt")])
    write_report(out)
    assert len(list(report.glob("docs/*/*"))) == 1
    assert {p.name for p in out.iterdir()} == {"records-00000.jsonl", "failures.jsonl", "run.json", "report"}


def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    """What is in the way and is no report stays, and so does the old report when the records are bad."""
    out = save(tmp_path / "out", [letter("a.txt")])
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "index.html").write_text("mine")
    for target in (precious, out, precious / "index.html"):
        with pytest.raises(DossierError, match="not a report"):
            write_report(out, target)
    assert (precious / "index.html").read_text() == "mine"
    report = write_report(out).path.parent
    before = contents(report)
    with (out / "records-00000.jsonl").open("a") as file:
        file.write('{"id": 3}\n')
    with pytest.raises(DossierError, match=r"records-00000\.jsonl:2: not a record"):
        write_report(out)
    assert contents(report) == before and not list(out.glob(".report*"))


def test_what_a_killed_report_left_is_removed(tmp_path: Path) -> None:
    """Half a report under its temporary name does not stop the next one."""
    out = save(tmp_path / "out", [letter("a.txt")])
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = out / f".report.{ended.pid}-{'0' * 32}.new"
    (left / "docs").mkdir(parents=True)
    sqlite3.connect(left / "index.sqlite").execute("CREATE TABLE document (x)").connection.close()
    write_report(out)
    assert not list(out.glob(".report*"))


def test_no_report_while_a_run_writes(tmp_path: Path) -> None:
    """A run under way holds its folder; the report waits its turn."""
    out = save(tmp_path / "out", [letter("a.txt")])
    (out / ".dossier").mkdir()
    with Lock(out / ".dossier" / "lock"), pytest.raises(DossierError, match="another run"):
        write_report(out)
    write_report(out)


def test_unfinished_and_empty_runs(tmp_path: Path) -> None:
    """A run that was interrupted is marked as such; one in which everything failed has a report too."""
    out = save(tmp_path / "out", [letter("a.txt")])
    (out / "run.json").unlink()
    assert "has not finished" in write_report(out).path.read_text(encoding="utf-8")
    failed = save(tmp_path / "failed", [], [Failure(source="x", stage="read", error="Corrupt", message="broken")])
    report = write_report(failed).path.parent
    assert rows(report, "failures") == [["x", 0, "broken"]] and rows(report, "documents") == []
    empty = save(tmp_path / "empty", [annotate("a.txt", "", [])])
    assert "This document has no summary." in page_of(write_report(empty).path.parent, "a.txt")


def test_two_records_of_one_id_are_refused(tmp_path: Path) -> None:
    """An id stands for one page; a second record of it would hide the first."""
    with pytest.raises(DossierError, match="same id"):
        write_report(save(tmp_path / "out", [letter("a.txt"), letter("a.txt")]))


def test_command_line(tmp_path: Path) -> None:
    """`dossier report OUT -o FOLDER` prints the first page; a folder without records is one line and exit code 1."""
    out = save(tmp_path / "out", [letter("a.txt", with_text=False)])
    result = CliRunner().invoke(app, ["report", str(out), "-o", str(tmp_path / "pages")])
    assert result.exit_code == 0
    assert str(tmp_path / "pages" / "index.html") in result.output and "1 of 1 documents" in result.output
    for place, message in ((tmp_path / "absent", "no such folder"), (tmp_path / "pages", "no records-")):
        result = CliRunner().invoke(app, ["report", str(place)])
        assert result.exit_code == 1 and message in result.output and len(result.output.strip().splitlines()) == 1


def test_memory_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six times the records take no more memory: rows go to shards and to disk as they come."""
    monkeypatch.setattr(report_pages, "SHARD", 10)

    def peak(name: str, n: int) -> int:
        records = [annotate(f"{i}.txt", f"Number{i} in Visby", [(f"Number{i}", "X", 0.5)]) for i in range(n)]
        out = save(tmp_path / name, records)
        del records
        write_report(out, tmp_path / "warm")  # templates and tables of the interpreter
        tracemalloc.start()
        write_report(out)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = peak("small", 20), peak("large", 120)
    assert large < 1.25 * small


def with_relations(record: Record, *relations: tuple[int, str, int, float | None]) -> Record:
    found = [Relation(head=head, label=label, tail=tail, confidence=c) for head, label, tail, c in relations]
    return record.model_copy(update={"relations": found})


def test_relations_of_an_entity_and_of_a_document(tmp_path: Path) -> None:
    """Each entity has those it is head or tail of, with the sentence; a document's lead to their heads."""
    one = letter()
    number = {entity.text: i for i, entity in reversed(list(enumerate(one.entities)))}
    last = max(i for i, entity in enumerate(one.entities) if entity.text == "Harbour Board")
    facts = [
        (number["Tomas Ek"], "works_for", last, 0.9),
        (number["Mara Lindqvist"], "left", number["Uppsala"], None),
    ]
    report = write_report(save(tmp_path / "out", [with_relations(one, *facts), letter("b.txt")])).path.parent
    entities = rows(report, "entities")
    kinds = [name for name, *_ in entities]
    of = {name: rows(report, "facts")[first : first + n] for name, *_, first, n in entities}
    assert {name: len(found) for name, found in of.items()} == {
        "Tomas Ek": 1,
        "Harbour Board": 1,
        "Mara Lindqvist": 1,
        "Uppsala": 1,
        "Visby": 0,
    }
    (is_head, label, other, name, _, where, id, part, mention, confidence, sentence) = of["Tomas Ek"][0]
    assert (bool(is_head), label, kinds[other], name) == (True, "works_for", "Harbour Board", "Harbour Board")
    assert (where, id, part, confidence) == (slug("letters/mara.txt"), "letters/mara.txt", 1, 0.9)
    assert sentence == LETTER.partition("\n\n")[2]
    assert not of["Harbour Board"][0][0] and of["Uppsala"][0][-1] == "Mara Lindqvist left Uppsala in May."
    page = page_of(report, "letters/mara.txt")
    assert f'<a href="#m{mention}"><bdi>Tomas Ek</bdi></a> <em><bdi>works_for</bdi></em> <bdi>Harbour Board' in page
    assert f'id="m{mention}"' in page and "Relations" not in page_of(report, "b.txt")
    assert "Most frequent relations" in (report / "index.html").read_text()


def test_relations_are_escaped(tmp_path: Path) -> None:
    """Their labels too."""
    record = annotate("a.txt", f"{HOSTILE} Berg", [(HOSTILE, "X", 0.9), ("Berg", "PER", 0.9)])
    report = write_report(save(tmp_path / "out", [with_relations(record, (0, HOSTILE, 1, 0.5))])).path.parent
    for text in (
        page_of(report, "a.txt"),
        (report / "index.html").read_text(),
        (report / "data/facts-0.js").read_text(),
    ):
        assert "Berg" in text and HOSTILE not in text


def test_relations_in_parts_of_a_long_text(tmp_path: Path) -> None:
    """Each is on the page of the part its head is in."""
    far = "word " * 70_000
    text = f"Anna Berg knows Tomas Ek.\n\n{far}\n\nKarl Ek knows Rosa Lund."
    names = ("Anna Berg", "Tomas Ek", "Karl Ek", "Rosa Lund")
    record = annotate("a.txt", text, [(name, "PER", 0.9) for name in names])
    record = with_relations(record, (0, "knows", 1, 0.5), (2, "knows", 3, 0.5))
    report = write_report(save(tmp_path / "out", [record])).path.parent
    found = {(fact[3], fact[7]): fact[10] for fact in rows(report, "facts") if fact[0]}
    assert found["Tomas Ek", 1] == "Anna Berg knows Tomas Ek."
    (part,) = [part for name, part in found if name == "Rosa Lund"]
    assert part > 1 and found["Rosa Lund", part] == "Karl Ek knows Rosa Lund."
