"""The loop of docs/annotate.md: process, select, correct, join."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.docbin import DocBinWriter

GOLD = {
    f"d{i}": (
        f"{name} Berg saw {place} {i} and left for reason number {i}{i} with w{i} x{i} y{i}.",
        f"{name} Berg",
        place,
    )
    for i, (name, place) in enumerate([("Anna", "Oslo"), ("Kim", "Bergen"), ("Ola", "Molde"), ("Eva", "Narvik")] * 3)
}


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def records(folder: Path) -> None:
    """What a run wrote: each place wrong, the less sure the later the document."""
    folder.mkdir()
    rows = []
    for i, (id, (text, person, place)) in enumerate(GOLD.items()):
        start = text.index(place)
        rows.append(
            {
                "id": id,
                "text": text,
                "entities": [
                    {"text": person, "label": "PER", "start": 0, "end": len(person), "confidence": 0.99},
                    {
                        "text": place,
                        "label": "ORG",
                        "start": start,
                        "end": start + len(place),
                        "confidence": 0.9 - i / 20,
                    },
                ],
            }
        )
    rows.append(rows[-1] | {"id": "twin"})
    (folder / "records-0001.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def corrected(line: str) -> str:
    """An annotator who knows: places are LOC."""
    task = json.loads(line)
    for span in task["spans"]:
        span["label"] = {"ORG": "LOC"}.get(span["label"], span["label"])
    return json.dumps({**task, "answer": "accept"}) + "\n"


def corpus(path: Path) -> None:
    nlp = spacy.blank("en")
    path.parent.mkdir(parents=True, exist_ok=True)
    with DocBinWriter(path, nlp.vocab) as writer:
        for id in ("d11", "d0"):
            doc = nlp(GOLD[id][0])
            doc.user_data["id"] = id
            doc.ents = []
            for token in doc:
                token.is_sent_start = token.i == 0
            writer.add(doc)


def docs_of(path: Path) -> dict[str, Doc]:
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return {doc.user_data["id"]: doc for doc in docs}


def test_the_loop(tmp_path: Path) -> None:
    """The least sure texts are chosen, and corrections reach the corpus by the ids of their texts."""
    records(tmp_path / "run")
    corpus(tmp_path / "corpus" / "train.spacy")
    code, output = run("select", tmp_path / "run", tmp_path / "tasks.jsonl", "-n", 3, "--to", "prodigy")
    assert code == 0, output
    tasks = (tmp_path / "tasks.jsonl").read_text().splitlines()
    assert [json.loads(task)["meta"]["id"] for task in tasks] == ["d11", "d10", "d9"]
    assert "1 near duplicates" in output
    assert json.loads(tasks[0])["spans"][1]["score"] == pytest.approx(0.35)
    (tmp_path / "answers.jsonl").write_text("".join(map(corrected, tasks)))
    code, output = run(
        "convert", tmp_path / "answers.jsonl", tmp_path / "new", "--join", tmp_path / "corpus" / "train.spacy"
    )
    assert (code, "1 texts replaced, 2 added, 1 kept" in output) == (0, True), output
    docs = docs_of(tmp_path / "new" / "train.spacy")
    assert list(docs) == ["d11", "d0", "d10", "d9"]
    for id in ("d9", "d10", "d11"):
        assert [(ent.text, ent.label_) for ent in docs[id].ents] == [(GOLD[id][1], "PER"), (GOLD[id][2], "LOC")]
    assert docs["d11"].has_annotation("SENT_START") and not docs["d0"].ents


def test_conflicts_are_listed_and_the_later_answer_counts(tmp_path: Path) -> None:
    """Two annotators who differ; and an answer to a text that is not that of the corpus."""
    corpus(tmp_path / "train.spacy")
    text = GOLD["d0"][0]
    for name, label, said in (("one", "PER", text), ("two", "LOC", text), ("three", "LOC", text + " Ah.")):
        row = {"id": "d0", "text": said, "label": [[0, 9, label]]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    files = [tmp_path / f"{name}.jsonl" for name in ("one", "two", "three")]
    code, output = run("convert", *files, tmp_path / "new", "--join", tmp_path / "train.spacy")
    assert code == 3
    assert "two.jsonl counts" in output and "its text is not that of the corpus" in output
    assert [(ent.text, ent.label_) for ent in docs_of(tmp_path / "new" / "train.spacy")["d0"].ents] == [
        ("Anna Berg", "LOC")
    ]


def test_rare_labels_get_their_share(tmp_path: Path) -> None:
    """With --by-label the best of each label comes in turn."""
    folder = tmp_path / "run"
    folder.mkdir()
    rows = [
        {
            "id": f"{label}{i}",
            "text": f"Ann{i} w{i} x{i} y{i} z{i}",
            "entities": [{"text": f"Ann{i}", "label": label, "start": 0, "end": 3 + len(str(i)), "confidence": sure}],
        }
        for i, (label, sure) in enumerate([("PER", 0.1), ("PER", 0.2), ("PER", 0.3), ("RARE", 0.8)])
    ]
    (folder / "records-0001.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for more, expected in ((["--by-label"], ["PER0", "RARE3"]), ([], ["PER0", "PER1"])):
        assert run("select", folder, tmp_path / "out.jsonl", "-n", 2, *more)[0] == 0
        tasks = (tmp_path / "out.jsonl").read_text().splitlines()
        assert [json.loads(task)["meta"]["id"] for task in tasks] == expected


def select_from(folder: Path, texts: dict[str, str], missed: dict[str, object], *options: object) -> tuple[str, str]:
    """RETURNS (tuple[str, str]): Ids of what is chosen from records without entities, and what is said."""
    folder.mkdir(parents=True)
    rows = []
    for id, text in texts.items():
        extensions = {"expected_missed": missed[id]} if id in missed else {}
        rows.append({"id": id, "text": text, "entities": [], "extensions": extensions})
    (folder / "records-0001.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, output = run("select", folder, folder / "out.jsonl", *options)
    assert code == 0, output
    tasks = (folder / "out.jsonl").read_text().splitlines()
    return " ".join(json.loads(task)["meta"]["id"] for task in tasks), output


def test_missed_entities_are_errors_too(tmp_path: Path) -> None:
    """Those that the recogniser expects to have missed; of a text in sections the sum, and by label."""
    texts = {"a": "one two", "b": "three four", "c": "five six seven eight nine", "d": "ten"}
    missed = {"a": {"PER": 0.2}, "b": {"PER": 0.1, "LOC": 0.05}, "c": [{"PER": 0.1}, {"PER": 0.2}, {}]}
    ids, said = select_from(tmp_path / "1", texts, missed, "-n", 9)
    assert ids == "c a b"
    assert "0.7 errors expected" in said and "1 texts do not say what may be missed" in said
    assert select_from(tmp_path / "2", texts, missed, "-n", 2, "--by-label")[0] == "b c"
    assert select_from(tmp_path / "3", texts, missed, "-n", 4, "--words")[0] == "a b"  # 0.1 and 0.075 to a word, c 0.06


def test_a_run_says_what_may_be_missed(tmp_path: Path) -> None:
    """From the pipeline by a record, and from a Doc in a .spacy file, to the choice."""
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner").add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "a.txt").write_text("Anna Berg left Oslo.")
    code, output = run(
        "process", tmp_path / "a.txt", "-o", tmp_path / "run", "-p", tmp_path / "pipeline", "--with-text",
        "--extension", "_.expected_missed", "--workers", 1,
    )  # fmt: skip
    assert code == 0, output
    code, output = run("select", tmp_path / "run", tmp_path / "records.jsonl")
    assert code == 0 and "do not say" not in output, output
    DocBin(docs=[nlp("Anna Berg left Oslo.")], store_user_data=True).to_disk(tmp_path / "a.spacy")
    code, again = run("select", tmp_path / "a.spacy", tmp_path / "docs.jsonl")
    assert code == 0 and again.split(", ")[1] == output.split(", ")[1] and "do not say" not in again, again


def test_the_page_names_these_commands() -> None:
    """docs/annotate.md is what the test above does."""
    page = (Path(__file__).parents[2] / "docs" / "annotate.md").read_text(encoding="utf8")
    for part in ("dossier select run/ tasks.jsonl -n 100 --to prodigy", "--join corpus/train.spacy", "--with-text"):
        assert part in page
