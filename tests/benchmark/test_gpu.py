"""benchmarks/gpu.py on the CPU: what it measures, and what it makes of that."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import spacy
from gpu import Busy, Report, Row, main, read_texts
from peers import CPU_PEERS
from spacy.tokens import DocBin
from typer import Typer
from typer.testing import CliRunner

from spacy_dossier.devices import Card

app = Typer(pretty_exceptions_enable=False)
app.command()(main)

CARD = Card(0, "A card", 80 << 30, 78 << 30, True)


@pytest.fixture
def corpus(tmp_path: Path, sentences: list[str]) -> Path:
    """A few annotated sentences."""
    nlp, docs = spacy.blank("en"), DocBin()
    for text in sentences[:4]:
        doc = nlp(text)
        doc[0].is_sent_start = True
        for token in doc[1:]:
            token.is_sent_start = False
        doc.set_ents([doc.char_span(0, 4, label="PER", alignment_mode="expand")])
        docs.add(doc)
    docs.to_disk(tmp_path / "train.spacy")
    return tmp_path / "train.spacy"


@pytest.fixture
def texts(tmp_path: Path, sentences: list[str]) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": " ".join([text] * 4)}) + "\n" for text in sentences))
    return path


@pytest.mark.filterwarnings("ignore")
def test_everything_is_measured_and_kept(
    texts: Path, corpus: Path, tiny_encoder: Path, root: Path, tmp_path: Path
) -> None:
    """From an encoder without weights: a pipeline is trained, and texts go through it and its peers."""
    encoder = tmp_path / "bare"
    shutil.copytree(tiny_encoder, encoder, ignore=shutil.ignore_patterns("*.safetensors"))
    arguments = [str(texts), "-o", str(tmp_path / "out"), "-e", str(encoder), "--train", str(corpus), "--device", "cpu"]
    config = (root / "configs" / "default.cfg").read_text().replace("window = 126", "window = 40")
    (tmp_path / "small.cfg").write_text(config)
    more = [
        "--steps",
        "4",
        "--rounds",
        "1",
        "--documents",
        "8",
        "--workers",
        "1,2",
        "--config",
        str(tmp_path / "small.cfg"),
    ]
    done = CliRunner().invoke(app, [*arguments, *more])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out" / "gpu.json").read_text())
    measured = [(row["part"], row["label"]) for row in found["rows"]]
    assert measured[:4] == [
        ("train", "training"),
        ("process", "dossier process, 1 process"),
        ("process", "dossier process, 2 processes"),
        ("pipe", "nlp.pipe, one process"),
    ]
    assert [part for part, _ in measured[4:]] == ["peers"] * len(CPU_PEERS)
    assert all(row["words_per_second"] > 0 and row["note"] in ("", "small.cfg, 4 steps") for row in found["rows"])
    assert found["card"] is None and found["rows"][0]["busy"] is None
    best = {name: max(r["words_per_second"] for r in found["rows"] if name in r["label"]) for name in ("nlp", "spaCy")}
    assert found["ratios"]["pipe"]["spaCy"] == pytest.approx(best["nlp"] / best["spaCy"], rel=0.02)
    assert "has no weights" in done.output
    table = (tmp_path / "out" / "gpu.md").read_text()
    assert all(f"| {label} |" in table for _, label in measured) and table in done.output


@pytest.mark.filterwarnings("ignore")
def test_a_part_that_fails_does_not_cost_the_others(texts: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """It is told, and the exit code says so."""
    arguments = [str(texts), "-o", str(tmp_path / "out"), "-e", str(tiny_encoder), "--device", "cpu", "--rounds", "1"]
    done = CliRunner().invoke(app, [*arguments, "--only", "pipe,peers", "--words", "10"])
    assert done.exit_code == 1
    assert "Error: pipe: DossierError: no pipeline" in done.output
    rows = json.loads((tmp_path / "out" / "gpu.json").read_text())["rows"]
    assert {row["part"] for row in rows} == {"peers"} and rows[0]["words"] >= 10


def test_copies_are_told_apart(texts: Path) -> None:
    """For `dossier process` computes each text once."""
    found = read_texts(texts, 13)
    assert len(set(found)) == 13
    assert found[5].startswith("Copy 1.\n\n") and found[5].endswith(found[0])
    assert read_texts(texts, 2) == found[:2]
    assert read_texts(texts, None) == found[:5]


def test_the_ratios_are_of_the_best(tmp_path: Path) -> None:
    report = Report(tmp_path, "cuda:0", CARD)
    for part, label, rate in (
        ("process", "dossier process, 1 process", 100),
        ("process", "dossier process, 4 processes", 300),
        ("peers", "spaCy, transformer and ner", 100),
        ("peers", "spaCy, transformer and ner, mixed precision", 150),
        ("peers", "Hugging Face, batches of 16", 60),
        ("peers", "bare encoder, bfloat16", 900),
    ):
        report.add(Row(part, label, rate, 1.0, 51.0, 2000))
    assert report.ratios() == {"process": {"spaCy": 2.0, "Hugging Face": 5.0}}
    assert "| dossier process, 4 processes | 300 | 1.00 | 51 % | 2,000 MB |  |" in report.table()
    assert "The whole job: 2.0 times spaCy." in report.table()


def test_the_busy_share_is_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the program, which says what a real one does."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f"#!{sys.executable}\nimport time\n"
        "for line in ('0, 1000', '[N/A], [N/A]', '50, 3000', '100, 2000'): print(line, flush=True)\ntime.sleep(60)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with Busy(CARD).watch() as busy:
        while len(busy.shares) < 3:
            pass
    row = busy.row("pipe", "label", 10, 1.0)
    assert (row.busy, row.memory) == (50.0, 3000)
