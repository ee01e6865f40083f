"""The engine: what it writes, what it keeps, what it does again."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_dossier import process_documents
from spacy_dossier.cli.process import closing_line
from spacy_dossier.errors import DossierError
from spacy_dossier.process.discover import Rules
from spacy_dossier.process.ledger import Ledger
from spacy_dossier.process.local.engine import LocalEngine
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import Run, RunInputs, local_run
from spacy_dossier.process.shard import DocumentCounts, Outcome
from spacy_dossier.text.lock import Lock

from ..toy import failures, make_text, records, tree


def run(inputs: Any, output: Path, pipeline: str, **options: Any) -> Run:
    entries = inputs if isinstance(inputs, list) else [inputs]
    done = local_run(RunInputs(entries), output, pipeline, RunOptions(**options))
    for _ in done.shards():
        pass
    return done


def test_every_document_becomes_a_record_or_a_failure(inline: str, folder: Path, tmp_path: Path) -> None:
    """Files and rows all end in the output, in input order, with offsets that quote the text."""
    summary = run(folder, tmp_path / "out", inline, with_text=True).summary
    found = records(tmp_path / "out")
    assert len(found) == 12 + 4 + 1 + 8
    assert [r["source"] for r in failures(tmp_path / "out")] == [str(folder / "broken.pdf")]
    assert (summary.counts.records, summary.counts.failures) == (25, 1)
    ids = [r["id"] for r in found]
    assert ids[0] == str(folder / "doc00.txt")
    assert str(folder / "rows.jsonl#3") in ids
    assert len(set(ids)) == len(ids)
    for record in found:
        for quoted in record["entities"] + record["summary_sentences"]:
            assert record["text"][quoted["start"] : quoted["end"]] == quoted["text"]
        assert record["n_chars"] == len(record["text"])
        assert record["summary_sentences"][0]["score"] == 0.3333
    ent = next(e for r in found for e in r["entities"] if e["text"] == "Anna Keller")
    assert (ent["label"], ent["confidence"]) == ("PERSON", 0.1432)
    assert next(r for r in found if r["id"].endswith("#3"))["meta"] == {"n": 102}
    assert found[0]["pipeline"] == {"name": "en_toy", "version": "1.2.3"}


def test_second_run_does_nothing_and_changes_nothing(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]]
) -> None:
    """The same command on a finished output processes no document and leaves the bytes."""
    run(folder, tmp_path / "out", inline)
    before, computed = tree(tmp_path / "out"), len(toy_log())
    run(folder, tmp_path / "out", inline)
    assert tree(tmp_path / "out") == before
    assert len(toy_log()) == computed


def test_what_the_encoder_computes_in_is_said(inline: str, tmp_path: Path, tiny_encoder: Path) -> None:
    """In run.json and the closing line; of a pipeline without one nothing is."""
    nlp = spacy.blank("en")
    nlp.add_pipe("dossier_transformer", config={"model": {"name": str(tiny_encoder), "window": 20}})
    nlp.add_pipe("vector_cleaner")
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(make_text(1))
    for pipeline, said in ((str(tmp_path / "pipeline"), "float32"), (inline, None)):
        output = tmp_path / ("with" if said else "without")
        options = RunOptions(runtime="torch")
        done = local_run(RunInputs([tmp_path / "in"]), output, pipeline, options)
        assert list(done.shards()) == [0]
        encoder = json.loads((output / "run.json").read_text())["this_run"]["encoder"]
        assert (encoder or "").partition(",")[0] == (said or "")
        assert (f"encoder in {encoder}" in closing_line(done, "out")) is bool(said)


def test_only_what_changed_is_processed_again(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]]
) -> None:
    """A changed, a new and a removed file: only the two new texts go through the pipeline."""
    run(folder, tmp_path / "out", inline, shard_size=4)
    computed = len(toy_log())
    (folder / "doc05.txt").write_text("Tom Brandt bought Northwind. Nobody knew.\n")
    (folder / "aaa.txt").write_text("Anna Keller left London for good.\n")
    (folder / "doc09.txt").unlink()
    run(folder, tmp_path / "out", inline, shard_size=4)
    assert sorted(toy_log()[computed:]) == [
        "Anna Keller left London for good.",
        "Tom Brandt bought Northwind. Nobody knew.",
    ]
    run(folder, tmp_path / "fresh", inline, shard_size=4)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_files_of_shards_that_are_no_more_are_removed(inline: str, folder: Path, tmp_path: Path) -> None:
    """With fewer inputs there are fewer files, and a stranger's file stays."""
    run(folder, tmp_path / "out", inline, shard_size=4)
    (tmp_path / "out" / "records-notes.jsonl").write_text("mine\n")
    assert (tmp_path / "out" / "records-00004.jsonl").exists()
    run(folder / "sub", tmp_path / "out", inline, shard_size=4)
    assert sorted(p.name for p in (tmp_path / "out").glob("records-*")) == [
        "records-00000.jsonl",
        "records-00001.jsonl",
        "records-notes.jsonl",
    ]


def test_identical_documents_are_computed_once(inline: str, tmp_path: Path, toy_log: Callable[[], list[str]]) -> None:
    """Copies in one shard and across shards cost one pass, and each has its record."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(30):
        (base / f"{number:02}.txt").write_text(make_text(number % 3))
    run(base, tmp_path / "out", inline, shard_size=4)
    assert len(toy_log()) == 3
    found = records(tmp_path / "out")
    assert len(found) == 30
    assert all(r["entities"] == found[i % 3]["entities"] for i, r in enumerate(found))


def test_lost_or_changed_output_is_written_again(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]]
) -> None:
    """A rerun verifies the files; what is repaired comes from the ledger."""
    run(folder, tmp_path / "out", inline, shard_size=5)
    before, computed = tree(tmp_path / "out"), len(toy_log())
    (tmp_path / "out" / "records-00001.jsonl").unlink()
    with (tmp_path / "out" / "records-00002.jsonl").open("a") as file:
        file.write("garbage\n")
    run(folder, tmp_path / "out", inline, shard_size=5)
    assert tree(tmp_path / "out") == before
    assert len(toy_log()) == computed


def test_record_options_need_no_second_pass(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]]
) -> None:
    """Another format, texts or a confidence limit rewrite records without running the pipeline."""
    run(folder, tmp_path / "out", inline)
    computed = len(toy_log())
    run(folder, tmp_path / "out", inline, with_text=True, min_confidence=0.5, formats=("jsonl", "parquet", "csv"))
    assert len(toy_log()) == computed
    assert all(e["confidence"] >= 0.5 for r in records(tmp_path / "out") for e in r["entities"])
    assert all(r["text"] for r in records(tmp_path / "out"))


def test_another_pipeline_processes_everything_again(
    inline: str, folder: Path, tmp_path: Path, toy_log: Callable[[], list[str]], toy: str
) -> None:
    """A changed file of the pipeline changes its hash, and every document goes through again."""
    import importlib.util

    run(folder, tmp_path / "out", inline)
    computed = len(toy_log())
    spec = importlib.util.find_spec(toy)
    assert spec is not None and spec.origin is not None
    marker = Path(spec.origin).parent / "data" / "marker.txt"
    marker.write_text("another version")
    try:
        run(folder, tmp_path / "out", inline)
    finally:
        marker.unlink()
    assert len(toy_log()) == 2 * computed


def test_second_run_on_one_output_is_refused(inline: str, folder: Path, tmp_path: Path) -> None:
    """The lock names the folder, and goes with its holder."""
    state = tmp_path / "out" / ".dossier"
    state.mkdir(parents=True)
    with Lock(state / "lock"), pytest.raises(DossierError, match="another run is writing"):
        run(folder, tmp_path / "out", inline)
    run(folder, tmp_path / "out", inline)


def test_document_the_pipeline_raises_on_is_a_failure(inline: str, tmp_path: Path) -> None:
    """The documents of its batch go through; the failure says what was raised."""
    base = tmp_path / "in"
    base.mkdir()
    for number in range(9):
        wish = {2: "PLEASE RAISE\n", 5: "PLEASE EXIT\n", 7: "PLEASE RAISE\n"}.get(number, "")
        (base / f"{number}.txt").write_text(make_text(number) + wish)
    run(base, tmp_path / "out", inline)
    assert len(records(tmp_path / "out")) == 6
    assert [(Path(f["source"]).name, f["stage"], f["error"]) for f in failures(tmp_path / "out")] == [
        ("2.txt", "pipeline", "PipelineError"),
        ("5.txt", "pipeline", "PipelineError"),
        ("7.txt", "pipeline", "PipelineError"),
    ]


def test_output_inside_the_input_is_not_read(inline: str, folder: Path) -> None:
    """Processing a folder into itself does not process its own records."""
    for _ in range(2):
        run(folder, folder / "records", inline)
        assert len(records(folder / "records")) == 25


def test_vanishing_and_changing_files(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that goes between plan and reading fails; one that changes is read as it is; the next run settles both."""
    original = LocalEngine.work

    def disturbed(self: LocalEngine, *args: Any) -> Any:
        (folder / "doc01.txt").unlink()
        (folder / "doc02.txt").write_text("Paris grew.\n")
        (folder / "rows.jsonl").write_text(json.dumps({"text": "London shrank.", "n": 1}) + "\n")
        return original(self, *args)

    monkeypatch.setattr(LocalEngine, "work", disturbed)
    run(folder, tmp_path / "out", inline, with_text=True)
    monkeypatch.undo()
    failed = {Path(f["source"]).name: f["error"] for f in failures(tmp_path / "out")}
    assert failed["doc01.txt"] == "NotFound"
    assert failed["rows.jsonl#2"] == "Changed"
    assert next(r for r in records(tmp_path / "out") if r["source"] == "doc02.txt")["text"] == "Paris grew."


def test_rerun_after_vanishing_files_is_clean(inline: str, folder: Path, tmp_path: Path) -> None:
    """A file that is no longer there is no longer a failure."""
    link = folder / "gone.txt"
    link.symlink_to(folder / "nowhere.txt")
    run(folder, tmp_path / "out", inline, rules=Rules(follow_links=True))
    assert "gone.txt" in {Path(f["source"]).name for f in failures(tmp_path / "out")}
    link.unlink()
    run(folder, tmp_path / "out", inline)
    assert [Path(f["source"]).name for f in failures(tmp_path / "out")] == ["broken.pdf"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing but `finally` sees it, and those here only remove unfinished files."""


@pytest.mark.parametrize("formats", [("jsonl",), ("jsonl", "parquet", "docbin", "csv")])
def test_end_at_any_write_leaves_a_run_that_goes_on(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: tuple[str, ...]
) -> None:
    """Stopped at each fsync, rename and commit in turn, the run goes on to the same bytes, nothing lost or twice."""
    run(folder, tmp_path / "whole", inline, shard_size=6, formats=formats)
    whole = tree(tmp_path / "whole")
    left = [0]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            result = function(*args, **kwargs)
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Ledger, "commit", counted(Ledger.commit))
        stops = 0
        stopped = True
        step = 1
        while stopped:
            output = tmp_path / f"out{step}"
            stopped = False
            for left[0] in (step, step, 10**9):  # stopped there, stopped there again, and then left alone
                try:
                    run(folder, output, inline, shard_size=6, formats=formats)
                except Killed:
                    stops += 1
                    stopped = True
            assert tree(output) == whole, f"stopped after {step} steps"
            step += 7 if len(formats) == 1 else 23
    assert stops >= 8


def test_generator_yields_records_in_input_order(inline: str, folder: Path) -> None:
    """`from spacy_dossier import process_documents` needs no output folder and gives typed records."""
    failed: list[Any] = []
    found = list(process_documents(folder, inline, shard_size=3, exclude=["*.jsonl"], on_failure=failed.append))
    assert [r.source for r in found[:3]] == ["doc00.txt", "doc01.txt", "doc02.txt"]
    assert found[0].entities[0].label
    assert [f.error for f in failed] == ["Corrupt"]


def test_generator_takes_a_loaded_pipeline(inline: str, folder: Path) -> None:
    """A Language object works as well as a name."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    found = list(process_documents([folder / "doc00.txt"], nlp))
    assert (found[0].entities, found[0].summary, found[0].n_tokens) == (
        [],
        "",
        len(nlp((folder / "doc00.txt").read_text().strip())),
    )


def test_left_generator_keeps_what_is_done(inline: str, folder: Path, tmp_path: Path) -> None:
    """Leaving the loop early releases the lock; the next call goes on and gives everything."""
    stream = process_documents(folder, inline, output=tmp_path / "out", shard_size=3)
    next(stream)
    stream.close()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"
    assert len(list(process_documents(folder, inline, output=tmp_path / "out", shard_size=3))) == 25


def test_limit_takes_the_first(inline: str, folder: Path, tmp_path: Path) -> None:
    """--limit counts files and rows in input order."""
    run([folder / "rows.jsonl", folder / "doc00.txt"], tmp_path / "out", inline, limit=3)
    assert [r["id"] for r in records(tmp_path / "out")] == [f"{folder}/rows.jsonl#{n}" for n in (1, 2, 3)]


def test_broken_ledger_is_one_clear_error(inline: str, folder: Path, tmp_path: Path) -> None:
    """A ledger that is no database is named, with the remedy."""
    state = tmp_path / "out" / ".dossier"
    state.mkdir(parents=True)
    (state / "ledger.sqlite").write_bytes(b"not a database at all, and long enough to look like one" * 20)
    with pytest.raises(DossierError, match="ledger cannot be opened"):
        run(folder, tmp_path / "out", inline)


def test_ledger_outlives_a_killed_plan(
    inline: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that is cut off is rolled back: the earlier one stands."""
    run(folder, tmp_path / "out", inline)
    (folder / "zzz.txt").write_text("Paris.\n")

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("spacy_dossier.process.plan.Planner.rows", broken)
        with pytest.raises(Killed):
            run(folder, tmp_path / "out", inline)
    database = sqlite3.connect(tmp_path / "out" / ".dossier" / "ledger.sqlite")
    assert database.execute("SELECT count(*) FROM shards WHERE outputs IS NOT NULL").fetchone() == (1,)
    run(folder, tmp_path / "out", inline)
    assert len(records(tmp_path / "out")) == 26


def test_docbin_holds_long_documents_whole(inline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of several sections is one Doc, with its confidences and the summary of the whole."""
    from spacy.tokens import DocBin

    base = tmp_path / "in"
    base.mkdir()
    text = "\n\n".join(make_text(n, 60).strip() for n in range(280))
    assert len(text) > 110_000
    (base / "long.txt").write_text(text)
    (base / "short.txt").write_text(make_text(3))
    run(base, tmp_path / "out", inline, formats=("docbin", "jsonl"))
    long, short = DocBin().from_disk(tmp_path / "out" / "docs-00000.spacy").get_docs(spacy.blank("en").vocab)
    (record, _) = records(tmp_path / "out")
    assert (long.text, long.user_data["id"], short.user_data["id"]) == (text, record["id"], str(base / "short.txt"))
    assert [(e.start_char, e.label_) for e in long.ents] == [(e["start"], e["label"]) for e in record["entities"]]
    assert [s.text for s in long.spans["summary"]] == [s["text"] for s in record["summary_sentences"]]


def test_unwritable_names_inside_archives(inline: str, tmp_path: Path) -> None:
    """A member's name that is no UTF-8 is written all the same."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", encoding="utf-8", errors="surrogateescape") as tar:
        info = tarfile.TarInfo("caf\udce9.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"Paris"))
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    run(tmp_path / "a.tar", tmp_path / "out", inline)
    (record,) = records(tmp_path / "out")
    assert record["id"] == f"{tmp_path}/a.tar!caf\ufffd.txt"


def test_links_are_not_followed_unless_asked(inline: str, folder: Path, tmp_path: Path) -> None:
    """What lies outside the input stays there; how many links were left is told."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("Anna Keller, password 1234.")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "all").symlink_to(outside)
    done = run(folder, tmp_path / "out", inline, with_text=True)
    assert not any("1234" in r["text"] for r in records(tmp_path / "out"))
    assert len(failures(tmp_path / "out")) == 1
    assert done.progress.links_left == 2
    assert json.loads((tmp_path / "out" / "run.json").read_text())["links_left"] == 2
    run(folder, tmp_path / "out", inline, with_text=True, rules=Rules(follow_links=True))
    assert sum("1234" in r["text"] for r in records(tmp_path / "out")) == 2


def test_rules_choose_files(inline: str, folder: Path, tmp_path: Path) -> None:
    """Include and exclude globs reach the engine."""
    run(folder, tmp_path / "out", inline, rules=Rules(include=("*.md", "doc0*"), exclude=("sub/*13*",)))
    assert {Path(r["source"]).name for r in records(tmp_path / "out")} == {
        *(f"doc0{n}.txt" for n in range(10)),
        *("doc12.md", "doc14.md", "doc15.md"),
    }


def test_interrupted_right_after_a_commit(tmp_path: Path) -> None:
    """Ctrl-C between a commit and the return from it is an interruption, not an error of the ledger."""

    class Interrupted:
        def __init__(self, db: Any) -> None:
            self.db = db

        def execute(self, statement: str, *values: Any) -> Any:
            done = self.db.execute(statement, *values)
            if statement == "COMMIT":
                raise KeyboardInterrupt
            return done

        def __getattr__(self, name: str) -> Any:
            return getattr(self.db, name)

    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.db = Interrupted(ledger.db)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            ledger.commit(0, Outcome({}, DocumentCounts(), []), [])
