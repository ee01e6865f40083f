"""Exports of annotation tools: read, verified, and written so that they are read back the same."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.annotations.convert import AnnotationReport
from spacy_dossier.convert.annotations.formats.registry import ANNOTATION_FORMATS
from spacy_dossier.convert.columns.convert import ColumnOptions
from spacy_dossier.convert.docbin import DocBinWriter
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError
from spacy_dossier.pipeline.extensions import get_confidence, set_confidence

TEXTS = {
    "a": ("Anna Berg lives in Oslo. She 😀 met Ola-Kim.", [("Anna Berg", "PER"), ("Oslo", "LOC"), ("Ola-Kim", "PER")]),
    "b": ("Nord|Kraft_AS [1] of Tromsø: 5\u00a0% — “gone”.", [("Nord|Kraft_AS", "ORG"), ("Tromsø", "GPE_LOC")]),
    "c": ("Nothing here.", []),
}


def corpus(tmp_path: Path, *, scored: bool = False) -> Path:
    nlp = spacy.blank("en")
    with DocBinWriter(tmp_path / "in.spacy", nlp.vocab) as writer:
        for id, (text, ents) in TEXTS.items():
            words = [word for word, _ in ents]
            doc = nlp(text)
            spans = []
            for word, label in ents:
                start = text.index(word)
                span = doc.char_span(start, start + len(word), label=label, alignment_mode="expand")
                spans.append(span)
                if scored:
                    set_confidence(doc, span.start_char, span.end_char, label, 0.75)
            assert [span.text for span in spans] == words
            doc.set_ents(spans, default="outside")
            for token in doc:
                token.is_sent_start = token.i == 0 or doc[token.i - 1].text == "."
            doc.user_data["id"] = id
            writer.add(doc)
    return tmp_path / "in.spacy"


def docs_of(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def content(docs: list[Doc]) -> list[tuple[Any, ...]]:
    return sorted(
        (doc.user_data["id"], doc.text, [(e.start_char, e.end_char, e.label_) for e in doc.ents]) for doc in docs
    )


def read(path: Path, text: str, **options: Any) -> tuple[list[Doc], AnnotationReport]:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf8")
    alignment = options.pop("alignment", "strict")
    (report,) = convert([str(path)], path.parent / "out", ColumnOptions(**options), alignment=alignment).values()
    assert isinstance(report, AnnotationReport)
    return docs_of(Path(report.outputs[0])), report


def ents(docs: list[Doc]) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for doc in docs for ent in doc.ents]


@pytest.mark.parametrize("format", [*ANNOTATION_FORMATS, "hf"])
def test_there_and_back(tmp_path: Path, format: str) -> None:
    """Texts, ids and entities are the same, and convert finds the format by itself."""
    source = corpus(tmp_path)
    suffix = {"spacy": ".spacy", "doccano": ".jsonl", "prodigy": ".jsonl"}.get(format, ".json")
    folder = format == "hf" or ANNOTATION_FORMATS[format].folder
    output = tmp_path / ("out" if folder else f"out{suffix}")
    export([source], output, format=format)
    reports = convert([str(output)], tmp_path / "back", ColumnOptions(sentences_per_doc=0))
    found = [doc for report in reports.values() for path in report.outputs for doc in docs_of(Path(path))]
    if format in ("hf", "webanno"):  # which keep no white space at ends of sentences
        assert [(id, ents) for id, _, ents in content(found)] == [
            (id, ents) for id, _, ents in content(docs_of(source))
        ]
    else:
        assert content(found) == content(docs_of(source))
    assert all(report.format in (format, "json") for report in reports.values())


@pytest.mark.parametrize("format", ["label-studio", "prodigy", "doccano", "brat"])
def test_confidences_are_scores(tmp_path: Path, format: str) -> None:
    """So that predictions are corrected; Label Studio has them as predictions, which are no annotation."""
    output = tmp_path / "out.json"
    export([corpus(tmp_path, scored=True)], output, format=format)
    text = output.read_text() if output.is_file() else "".join(path.read_text() for path in output.glob("*.ann"))
    assert text.count("0.75") >= 5
    if format == "label-studio":
        tasks = json.loads(text)
        assert "predictions" in tasks[0] and "annotations" not in tasks[0]
        with pytest.raises(DossierError, match="not annotated yet"):
            convert([str(output)], tmp_path / "back", ColumnOptions()) if tasks.pop() else None
            read(tmp_path / "p.json", json.dumps(tasks))


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("to", ["prodigy", "conll", "label-studio"])
def test_records_are_exported(tmp_path: Path, folder: bool, to: str) -> None:
    """With their confidences; records without a text are refused."""
    text = "Anna Berg lives in Oslo."
    entities = [
        {"text": "Anna Berg", "label": "PER", "start": 0, "end": 9, "confidence": 0.5},
        {"text": "Oslo", "label": "LOC", "start": 19, "end": 23, "confidence": 0.75},
    ]
    path = tmp_path / "records-0001.jsonl"
    path.write_text(json.dumps({"id": "d1", "text": text, "entities": entities}) + "\n")
    arguments = ["export", str(tmp_path if folder else path), str(tmp_path / "out.x"), "--to", to]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    written = (tmp_path / "out.x").read_text()
    assert ("0.5" in written and "0.75" in written) or to == "conll"
    assert "Anna Berg" in written or "Anna B-PER" in written
    path.write_text(json.dumps({"id": "d1", "entities": entities}) + "\n")
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, "--with-text" in result.output) == (1, True)


def test_spans_inside_tokens_are_listed_and_not_moved(tmp_path: Path) -> None:
    """With the nearest span of tokens; --alignment moves them, and says so."""
    row = {"id": 1, "text": "Annabel left Oslo-Bergen.", "label": [[0, 4, "PER"], [13, 17, "LOC"], [18, 24, "LOC"]]}
    docs, report = read(tmp_path / "a.jsonl", json.dumps(row))
    assert (ents(docs), report.inside) == ([("Oslo", "LOC"), ("Bergen", "LOC")], 1)
    (problem,) = report.problems
    assert (problem["row"], "the nearest 'Annabel'" in problem["expected"]) == ("Anna", True)
    docs, report = read(tmp_path / "a.jsonl", json.dumps(row), alignment="expand")
    assert (ents(docs)[0], report.inside) == (("Annabel", "PER"), 1)
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "a.jsonl"), str(tmp_path / "o")])
    assert result.exit_code == 3 and "inside a token" in result.output
    with pytest.raises(DossierError, match="unknown alignment"):
        read(tmp_path / "a.jsonl", json.dumps(row), alignment="near")


def test_overlapping_spans_are_kept_beside_the_entities(tmp_path: Path) -> None:
    """The longest is the entity."""
    row = {"text": "University of Oslo", "label": [[0, 18, "ORG"], [14, 18, "LOC"]]}
    docs, report = read(tmp_path / "a.jsonl", json.dumps(row))
    assert (ents(docs), report.overlapping) == ([("University of Oslo", "ORG")], 1)
    assert [span.label_ for span in docs[0].spans["nested"]] == ["LOC"]


DOCCANO = [
    {"id": 1, "text": "Anna left", "label": [[0, 4, "PER"]]},
    {"id": 1, "text": "Anna left", "labels": [[0, 4, "PER"]]},
    {
        "id": 1,
        "text": "Anna left",
        "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 4}],
        "relations": [],
        "Comments": [],
    },
    {"id": 1, "data": "Anna left", "label": [[0, 4, "PER"]]},
]


@pytest.mark.parametrize("row", DOCCANO)
def test_doccano(tmp_path: Path, row: dict[str, Any]) -> None:
    """Each of its forms; relations are counted, numbers for labels refused."""
    assert ents(read(tmp_path / "a.jsonl", json.dumps(row) + "\n")[0]) == [("Anna", "PER")]
    if "relations" in row:
        related = row | {"relations": [{"id": 1, "from_id": 1, "to_id": 1, "type": "X"}]}
        assert read(tmp_path / "a.jsonl", json.dumps(related) + "\n")[1].unread == 1


def test_label_studio(tmp_path: Path) -> None:
    """Offsets of JavaScript, verified; the last annotation counts, cancelled ones do not; the short form."""

    def task(id: int, *results: list[tuple[int, int, str, str]], cancelled: bool = False) -> dict[str, Any]:
        values = [[{"start": s, "end": e, "text": t, "labels": [la]} for s, e, t, la in result] for result in results]
        return {
            "id": id,
            "data": {"text": "😀 Anna met Ola."},
            "annotations": [
                {"was_cancelled": cancelled, "result": [{"type": "labels", "value": v} for v in value]}
                for value in values
            ],
        }

    tasks = [
        task(1, [(3, 7, "Anna", "PER")]),  # UTF-16
        task(2, [(2, 6, "Anna", "PER")]),  # code points
        task(3, [(3, 7, "Anna", "LOC")], [(12, 15, "Ola", "PER")]),
        task(4, [(3, 7, "Anna", "PER")], cancelled=True),
        task(5, [(5, 9, "Anna", "PER")]),  # nowhere
    ]
    docs, report = read(tmp_path / "a.json", json.dumps(tasks, indent=1))
    assert ents(docs) == [("Anna", "PER"), ("Anna", "PER"), ("Ola", "PER")]
    assert (report.skipped, report.unread) == (1, 1)
    short = [{"id": 1, "text": "Anna met.", "label": [{"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}]}]
    assert ents(read(tmp_path / "b.json", json.dumps(short))[0]) == [("Anna", "PER")]


def test_prodigy(tmp_path: Path) -> None:
    """Only accepted answers; tokens are those of the file."""
    tokens = [
        {"text": t, "start": s, "end": s + len(t), "id": i} for i, (t, s) in enumerate([("Anna", 0), ("-Berg", 4)])
    ]
    rows = [
        {"text": "Anna-Berg", "tokens": tokens, "spans": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"},
        {"text": "Ola", "spans": [], "answer": "reject"},
        {"text": "Kim", "spans": [], "answer": "ignore"},
    ]
    docs, report = read(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert ([token.text for token in docs[0]], ents(docs)) == (["Anna", "-Berg"], [("Anna", "PER")])
    assert (len(docs), report.skipped) == (1, 2)


def test_brat(tmp_path: Path) -> None:
    """The text stands beside; discontinuous spans and relations are listed; in a folder the text is no stray file."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Anna Berg\nlives in Oslo or Bergen town.")
    lines = [
        "T1\tPER 0 9\tAnna Berg",
        "T2\tLOC 19 23;34 38\tOslo town",
        "R1\tlives Arg1:T1 Arg2:T2",
        "T3\tLOC 19 23\tOsla",
    ]
    (tmp_path / "in" / "a.ann").write_text("\n".join(lines) + "\n")
    ((name, report),) = convert([str(tmp_path / "in")], tmp_path / "out", ColumnOptions()).items()
    assert name.endswith("a.ann") and isinstance(report, AnnotationReport)
    assert ents(docs_of(Path(report.outputs[0]))) == [("Anna Berg", "PER")]
    assert report.unread == 3
    assert any("discontinuous" in problem["expected"] for problem in report.problems)
    (tmp_path / "in" / "a.txt").unlink()
    with pytest.raises(DossierError, match="the text is not beside it"):
        convert([str(tmp_path / "in" / "a.ann")], tmp_path / "out", ColumnOptions())


WEBANNO = """#FORMAT=WebAnno TSV 3.2
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value


#Text=😀 Anna Berg lives in Oslo.
1-1\t0-2\t😀\t_\t_\t_\t
1-2\t3-7\tAnna\tNNP\t*[1]\tPER[1]\t
1-3\t8-12\tBerg\tNNP\t*[1]\tPER[1]\t
1-4\t13-18\tlives\t_\t_\t_\t
1-5\t19-21\tin\t_\t_\t_\t
1-6\t22-26\tOslo\t_\t*\tLOC\t
1-6.1\t22-24\tOs\t_\t*\tFIRST\t
1-7\t26-27\t.\t_\t_\t_\t

#Text=Kim met Ola Li and Bo.
2-1\t28-31\tKim\t_\t*\tPER\t
2-2\t32-35\tmet\t_\t_\t_\t
2-3\t36-39\tOla\t_\t*[2]|*[3]\tPER[2]|TEAM[3]\t
2-4\t40-42\tLi\t_\t*[2]|*[3]\tPER[2]|TEAM[3]\t
2-5\t43-46\tand\t_\t*[3]\tTEAM[3]\t
2-6\t47-49\tBo\t_\t*[3]|*\tTEAM[3]|PER\t
2-7\t49-50\t.\t_\t_\t_\t
"""


def test_webanno(tmp_path: Path) -> None:
    """Numbered spans, several on one token, part of a token, offsets of Java, the layer of named entities."""
    docs, report = read(tmp_path / "a.tsv", WEBANNO)
    assert docs[0].text == "😀 Anna Berg lives in Oslo.\nKim met Ola Li and Bo."
    assert ents(docs) == [("Anna Berg", "PER"), ("Oslo", "LOC"), ("Kim", "PER"), ("Ola Li and Bo", "TEAM")]
    assert [(span.text, span.label_) for span in docs[0].spans["nested"]] == [("Ola Li", "PER"), ("Bo", "PER")]
    assert (report.inside, len(list(docs[0].sents))) == (1, 2)
    two = WEBANNO.replace("ner.type.NamedEntity", "x.Custom")
    with pytest.raises(DossierError, match="several layers of spans"):
        read(tmp_path / "b.tsv", two)


def test_spacy_json(tmp_path: Path) -> None:
    """`Doc.to_json`, version 2, and lists of texts with their entities."""
    nlp = spacy.blank("en")
    doc = nlp("Anna Berg left.")
    doc.ents = [doc.char_span(0, 9, label="PER")]
    words = [{"id": i, "orth": token.text, "ner": "O"} for i, token in enumerate(doc)]
    words[0]["ner"], words[1]["ner"] = "B-PER", "L-PER"
    old = [{"id": 0, "paragraphs": [{"raw": doc.text, "sentences": [{"tokens": words}]}]}]
    for value in (doc.to_json(), [doc.to_json()], old, [[doc.text, {"entities": [[0, 9, "PER"]]}]]):
        docs, _ = read(tmp_path / "a.json", json.dumps(value))
        assert (docs[0].text, ents(docs)) == (doc.text, [("Anna Berg", "PER")])


@pytest.mark.parametrize("kind", ["arrow", "parquet", "jsonl"])
def test_numbers_of_classes_have_names(tmp_path: Path, kind: str) -> None:
    """A data set of Hugging Face says what its numbers mean."""
    import pyarrow
    from pyarrow import ipc, parquet

    rows = {"tokens": [["Anna", "left", "."], ["Oslo", "is", "big"]], "ner_tags": [[1, 0, 0], [2, 0, 0]]}
    names = {"feature": {"names": ["O", "B-PER", "B-LOC"], "_type": "ClassLabel"}, "_type": "Sequence"}
    features = {"tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}, "ner_tags": names}
    table = pyarrow.table(rows)
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    source = folder
    if kind == "arrow":
        with ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as writer:
            writer.write_table(table)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    elif kind == "parquet":
        metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        source = tmp_path / "a.parquet"
        parquet.write_table(table.replace_schema_metadata(metadata), source)
    else:
        (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    (report,) = convert([str(source)], tmp_path / "out", ColumnOptions()).values()
    assert ents(docs_of(Path(report.outputs[0]))) == [("Anna", "PER"), ("Oslo", "LOC")]


def test_a_later_version_of_a_text_counts(tmp_path: Path) -> None:
    """Of rows with one id the last; it is said."""
    rows = [{"id": 7, "text": "Anna left", "label": []}, {"id": 7, "text": "Anna left", "label": [[0, 4, "PER"]]}]
    docs, report = read(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert (ents(docs), len(docs), report.repeated) == ([("Anna", "PER")], 1, 1)


@pytest.mark.parametrize("format", ANNOTATION_FORMATS)
def test_listed(format: str) -> None:
    """`--formats` names them beside the column formats."""
    assert f"{format}: " in CliRunner().invoke(app, ["convert", "--formats"]).stdout


def test_confidence_survives_a_record(tmp_path: Path) -> None:
    """A record exported as a DocBin and read again keeps what is no score of ours out."""
    path = corpus(tmp_path, scored=True)
    (first, *_) = docs_of(path)
    assert [get_confidence(ent) for ent in first.ents] == [0.75] * 3


def test_spacy_json_of_a_text_without_sentences(tmp_path: Path) -> None:
    """As records have none, and pairs."""
    doc = spacy.blank("en")("Anna Berg left. Oslo slept.")
    doc.set_ents([doc.char_span(0, 9, "PER")])
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    export([tmp_path / "a.spacy"], tmp_path / "a.json", format="spacy-json")
    (row,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (row["sents"], row["ents"]) == ([], [{"start": 0, "end": 9, "label": "PER"}])
