"""benchmarks/speed.py: what it times, and the numbers it makes of that."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import spacy
import torch
from peers import System, padded, peers, sorted_batches
from spacy.tokens import Doc
from spacy.training import Example
from speed import bars, benchmark, compare, main, time_in_turn
from systems import beside, deal, subwords, subwords_read
from tokenizers import Tokenizer
from transformers import BertModel
from typer import Typer
from typer.testing import CliRunner

from spacy_dossier.errors import DossierError
from spacy_dossier.process.engine import usable_cores
from spacy_dossier.process.options import RunOptions
from spacy_dossier.process.run import Progress, RunInputs, local_run

app = Typer(pretty_exceptions_enable=False)
app.command()(main)


@pytest.fixture(scope="module")
def pipeline(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer and a crf_ner with random weights."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-dossier.TransformerModel.v1", "name": str(tiny_encoder), "window": 40}
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    nlp.add_pipe("crf_ner", config={"model": {"@architectures": "spacy-dossier.CRFTagger.v1", "tok2vec": listener}})
    doc = Doc(nlp.vocab, words=["Anna", "sang"], ents=["B-PER", "O"])
    nlp.initialize(lambda: [Example(nlp.make_doc("Anna sang"), doc)])
    folder = tmp_path_factory.mktemp("benchmark") / "pipeline"
    nlp.config["paths"]["encoder"] = str(tiny_encoder)
    nlp.to_disk(folder)
    config = (folder / "config.cfg").read_text()
    name = f'name = "{tiny_encoder}"'
    assert config.count(name) == 1
    (folder / "config.cfg").write_text(config.replace(name, "name = ${paths.encoder}"))  # as in configs/default.cfg
    return folder


@pytest.fixture()
def texts(sentences: list[str], tmp_path: Path) -> Path:
    """A folder with five texts, one of them twice, and what cannot be read."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, sentence in enumerate([*sentences, sentences[0]]):
        (folder / f"{number}.txt").write_text(" ".join([sentence] * 4), encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    (folder / "empty.txt").write_text(" \n")
    return folder


SECONDS = {
    "ours": [1.0, 2.0, 4.0],
    "ours_bf16": [0.5, 1.0, 1.0],
    "spacy_baseline": [2.0, 5.0, 6.0],
    "huggingface_1": [4.0, 4.0, 4.0],
    "huggingface_8": [3.0, 3.0, 3.0],
    "edsnlp": [4.0, 4.0, 4.0],
    "edsnlp_bf16": [1.0, 1.0, 2.0],
    "bare_encoder": [0.5, 1.5, 2.0],
}


def test_systems_run_in_turn_and_the_first_round_warms_up() -> None:
    """Forwards in one round and backwards in the next, and the warming round is not among the seconds."""
    order: list[str] = []
    clock: Iterator[float] = iter(range(100))

    def system(name: str) -> System:
        def run() -> float:
            order.append(name)
            return float(next(clock))

        return System(name, name, run)

    reported: list[tuple[str, float]] = []
    seconds = time_in_turn([system("a"), system("b")], 2, lambda name, taken: reported.append((name, taken)))
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert seconds == {"a": [2.0, 5.0], "b": [3.0, 4.0]}
    assert reported == list(zip(order, map(float, range(6)), strict=True))


def test_rates_are_medians_and_ratios_pair_the_rounds() -> None:
    """1,200 words; the ratio is the median of the rounds' ratios, not the ratio of the medians."""
    result = compare(SECONDS, 1200)
    assert result["words_per_second"] == {
        "ours": 600.0,
        "ours_bf16": 1200.0,
        "spacy_baseline": 240.0,
        "huggingface_1": 300.0,
        "huggingface_8": 400.0,
        "edsnlp": 300.0,
        "edsnlp_bf16": 1200.0,
        "bare_encoder": 800.0,
    }
    assert result["ratios"] == {
        "spacy_baseline": 2.0,
        "huggingface": 1.5,
        "edsnlp": 0.5,
        "bare_encoder": 0.5,
    }
    assert result["ratios_by_runtime"]["ours"] == result["ratios"]
    assert result["ratios_by_runtime"]["ours_bf16"] == {
        "spacy_baseline": 5.0,
        "huggingface": 3.0,
        "edsnlp": 2.0,
        "bare_encoder": 1.5,
    }


def test_the_picture_has_a_bar_for_each_system_as_long_as_its_rate() -> None:
    result = {"words": 1200, "rounds": 3, "systems": {name: f"<{name}>" for name in SECONDS}, **compare(SECONDS, 1200)}
    root = ElementTree.fromstring(bars(result))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.findall(f"{space}rect")[1:]]
    written = [text.text for text in root.findall(f"{space}text")][1:]
    assert written[::2] == [f"<{name}>" for name in sorted(SECONDS, key=lambda n: -result["words_per_second"][n])]
    assert written[1::2] == ["1,200", "1,200", "800", "600", "400", "300", "300", "240"]
    assert widths == pytest.approx([400 * rate / 1200 for rate in (1200, 1200, 800, 600, 400, 300, 300, 240)], abs=0.1)


@pytest.mark.filterwarnings("ignore")
def test_the_command_times_every_system(
    pipeline: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder is the one that the pipeline began with; duplicates and what cannot be read are left out and told. A
    peer runs in processes of the interpreter that is named for it."""
    monkeypatch.chdir(tmp_path)
    python = Path("python")  # speaks for an environment with EDS-NLP: reads the texts, is ready, answers
    python.write_text(
        f"#!/bin/sh\necho $2 >> {tmp_path}/asked\nread texts\necho 0\nwhile read line; do echo 9999; done\n"
    )
    python.chmod(0o755)
    chosen = ["--peer", "edsnlp_bf16", "--environment", "edsnlp=./python"]
    arguments = [str(pipeline), str(texts), "-o", "out", "--rounds", "1", "--runtime", "torch", *chosen]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Left out 3, the first " in done.output
    result = json.loads(Path("out", "benchmark.json").read_text())
    assert result["documents"] == 5
    assert result["words"] == sum(len((texts / f"{n}.txt").read_text("utf-8").split()) for n in range(5))
    names = {"ours", "edsnlp_bf16"}
    assert set(result["words_per_second"]) == set(result["seconds"]) == set(result["systems"]) == names
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in result["seconds"].values())
    assert set(result["ratios"]) == {"edsnlp"}
    assert result["versions"]["spacy"] == spacy.__version__
    picture = Path("out", "benchmark.svg").read_text()
    assert all(f"{rate:,.0f}" in picture for rate in result["words_per_second"].values())
    # To count sub-words once, and then in two rounds, of which one warms up
    assert Path("asked").read_text().split() == ["edsnlp_bf16"] * (1 + 2 * min(usable_cores(), 5))


@pytest.mark.filterwarnings("ignore")
def test_the_sub_words_that_a_process_reads_are_counted(
    pipeline: Path, tiny_encoder: Path, sentences: list[str]
) -> None:
    """By the count of a tokenizer that neither pads nor cuts."""
    read = subwords_read("entities_torch", sys.executable, str(tiny_encoder), str(pipeline), sentences)
    assert read == subwords(str(tiny_encoder), sentences)


def test_a_system_that_reads_less_is_refused(pipeline: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nread texts\necho 0\nread line\necho 3\n")
    python.chmod(0o755)
    with pytest.raises(DossierError, match=r"flair reads 3 of the \d+ sub-words"):
        beside(str(tiny_encoder), str(pipeline), ["Anna sang in the old hall of Lisbon."], {"flair": str(python)})
    python.write_text("#!/bin/sh\nread texts\nexit 3\n")
    with pytest.raises(DossierError, match=r"flair does not run \(.* ended with 3"):
        beside(str(tiny_encoder), str(pipeline), ["Anna sang."], {"flair": str(python)})


def test_texts_are_dealt_out_by_their_words() -> None:
    texts = ["a b c d e f", "a b c", "a b c d", "a"]
    assert deal(texts, 2) == [["a b c d e f", "a"], ["a b c d", "a b c"]]
    assert deal(["a", "b"], 3) == [["a"], ["b"]]


def test_nothing_is_read_before_all_workers_are_warm(pipeline: Path, sentences: list[str], tmp_path: Path) -> None:
    """A text that changes when the first worker has loaded is processed as it is then."""
    for number, sentence in enumerate(sentences[:2]):
        (tmp_path / f"{number}.txt").write_text(sentence, encoding="utf-8")

    def report(progress: Progress) -> None:
        if progress.loaded is not None and not progress.words:
            (tmp_path / "0.txt").write_text("Later.", encoding="utf-8")
            (tmp_path / "1.txt").write_text("Later still.", encoding="utf-8")

    inputs = RunInputs([tmp_path / "0.txt", tmp_path / "1.txt"])
    options = RunOptions(workers=2, shard_size=1)
    run = local_run(inputs, tmp_path / "out", pipeline, options, report, warm=True)
    for _ in run.shards():
        pass
    records = [json.loads(line) for path in sorted((tmp_path / "out").glob("*.jsonl")) for line in path.open()]
    assert [record["n_chars"] for record in records] == [len("Later."), len("Later still.")]
    assert 0 < run.progress.seconds_loading < run.summary.seconds


@pytest.mark.filterwarnings("ignore")
def test_peers_neither_pad_nor_cut_as_the_tokenizer_asks(
    tiny_encoder: Path, sentences: list[str], tmp_path: Path
) -> None:
    """The default encoder's tokenizer.json pads every text to 128 sub-words and cuts it there."""
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=48)
    tokenizer.save(str(folder / "tokenizer.json"))
    plain = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    plain.no_truncation()
    plain.no_padding()

    short = sentences[0]
    length = len(plain.encode(short, add_special_tokens=False).ids)
    assert 16 < length < 48
    assert set(read_by_peers(folder, short).values()) == {(length + 2, length + 2)}

    text = " ".join(sentences[:3] * 4)
    length = len(plain.encode(text, add_special_tokens=False).ids)
    read = read_by_peers(folder, text)
    n_windows = -(-length // 62)
    assert read["bare_encoder"][1] == length + 2 * n_windows
    n_windows = -(-(length - 16) // (62 - 16))  # they overlap by 16
    assert read["huggingface_1"][1] == length + 2 * n_windows + 16 * (n_windows - 1)
    assert read["huggingface_1"][0] == 64 * n_windows


def read_by_peers(encoder: Path, text: str) -> dict[str, tuple[int, int]]:
    """RETURNS (dict[str, tuple[int, int]]): Sub-words that each peer's encoder reads, with and without padding."""
    read: dict[str, tuple[int, int]] = {}
    forward = BertModel.forward
    for system in peers(str(encoder), [text]):
        masks: list[torch.Tensor] = []

        def spy(self: BertModel, *args: Any, masks: list[torch.Tensor] = masks, **inputs: Any) -> Any:
            masks.append(inputs["attention_mask"])
            return forward(self, *args, **inputs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BertModel, "forward", spy)
            system.run()
        read[system.name] = sum(mask.numel() for mask in masks), int(sum(mask.sum() for mask in masks))
    return read


def test_batches_of_the_bare_encoder_fill_the_budget() -> None:
    windows = [[1] * length for length in (3, 9, 4, 8, 2)]
    batches = list(sorted_batches(windows, 18))
    assert [list(map(len, batch)) for batch in batches] == [[9, 8], [4, 3, 2]]
    ids, mask = padded(batches[1], 7)
    assert ids.tolist() == [[1, 1, 1, 1], [1, 1, 1, 7], [1, 1, 7, 7]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--runtime": "tpu"}, "unknown runtime"),
        ({"-e": "nowhere/at/all"}, "the encoder does not load"),
        ({"PIPELINE": "blank"}, "no component `transformer`"),
        ({"--peer": "flair"}, "no environment for it"),
        ({"--environment": "stanza=python"}, "no such environment"),
        ({"INPUT": "broken.parquet"}, "no texts to time"),
        ({"INPUT": "other.csv"}, "no column or field 'text'"),
    ],
)
def test_what_is_wrong_is_one_line(
    change: dict[str, str], message: str, pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spacy.blank("en").to_disk("blank")
    Path("broken.parquet").write_bytes(b"PAR1 and no more")
    Path("other.csv").write_text("title,body\na,b\n")
    Path("text.txt").write_text("Anna sang.")
    chosen = {"PIPELINE": str(pipeline), "INPUT": "text.txt", "--runtime": "torch"} | change
    options = [
        part
        for name in ("--runtime", "-e", "--peer", "--environment")
        if name in chosen
        for part in (name, chosen[name])
    ]
    done = CliRunner().invoke(app, [chosen["PIPELINE"], chosen["INPUT"], "-o", "out", *options])
    assert done.exit_code == 1
    last = done.output.strip().splitlines()[-1]
    assert last.startswith("Error: ") and message in last
    assert "Traceback" not in done.output
    assert not Path("out").exists()


def test_texts_that_are_there_twice_are_refused(pipeline: Path) -> None:
    with pytest.raises(DossierError, match="twice"):
        benchmark(str(pipeline), ["Anna sang.", "Anna sang."])
