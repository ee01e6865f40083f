"""Hugging Face `datasets`: Arrow and Parquet files, folders of them, and JSON lines whose tags are numbers."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import ArrowException, ipc, parquet
from spacy.tokens import Doc, Token

from ...errors import DossierError
from ...text.files import open_whole, write_file
from ..columns.schemes import MISSING_TAG
from ..columns.writing import Counts, annotation, make_tags
from ..source import make_folder, open_text
from .docs import NESTED
from .formats.base import MISSHAPEN

INFO, STATE = "dataset_info.json", "state.json"
TABLES = (".arrow", ".parquet")
METADATA = b"huggingface"  # key of the features in the schema of an Arrow or Parquet file
NAME = "data-00000-of-00001.arrow"
UNKNOWN = (-1, -100)  # a class that is not known: to ClassLabel, to the losses of PyTorch
SCHEMA = pyarrow.schema(
    {
        "document": pyarrow.string(),
        "tokens": pyarrow.list_(pyarrow.string()),
        "space_after": pyarrow.list_(pyarrow.bool_()),
        "ner_tags": pyarrow.list_(pyarrow.int64()),
    }
)


def is_dataset(path: Path) -> bool:
    """RETURNS (bool): Whether a path is a folder that `save_to_disk` made, or an Arrow or Parquet file."""
    if path.is_dir():
        return (path / INFO).is_file() and bool(data_files(path))
    return path.suffix.lower() in TABLES


def data_files(folder: Path) -> list[Path]:
    """Find the files of a saved split that hold its rows.

    RETURNS (list[Path]): The files, in order.
    RAISES (DossierError): If the list of them is broken, or names one that is not in the folder.
    """
    state = folder / STATE
    if state.is_file():
        try:
            names = [str(file["filename"]) for file in json.loads(state.read_text(encoding="utf8"))["_data_files"]]
        except (OSError, *MISSHAPEN):
            raise DossierError("no list of data files that can be read", file=state) from None
        for name in names:
            if name in ("", "..") or Path(name).name != name:
                raise DossierError("a data file that is not in the folder", file=state, value=name)
        return [folder / name for name in names]
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (*TABLES, ".jsonl"))


def unpack_dataset(path: Path, folder: Path, name: str) -> Path:
    """Write the rows of a data set as JSON lines, tags by their names.

    path (Path): The data set.
    folder (Path): Where the copy goes.
    name (str): What messages call the data set.
    RETURNS (Path): The copy.
    RAISES (DossierError): If it cannot be read.
    """
    target = folder / f"{path.stem}.jsonl"
    info = path / INFO if path.is_dir() else path.with_name(INFO)
    try:
        named = json.loads(info.read_text(encoding="utf8")).get("features") or {} if info.is_file() else {}
        with target.open("w", encoding="utf8") as file:
            for source in data_files(path) if path.is_dir() else [path]:
                for row, features in _rows(source, named):
                    file.write(json.dumps(_with_names(row, features), default=str) + "\n")
    except (ArrowException, OSError, *MISSHAPEN) as error:
        raise DossierError(f"no data set: {type(error).__name__}: {str(error)[:60]}", file=name) from None
    return target


def _rows(path: Path, named: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """YIELDS (tuple[dict[str, Any], dict[str, Any]]): Each row and the features of its columns."""
    if path.suffix.lower() == ".jsonl":
        for line in open_text(path).lines():
            if line.strip():
                yield json.loads(line.lstrip("\ufeff")), named
        return
    if path.suffix.lower() == ".parquet":
        table = parquet.ParquetFile(path)
        schema, batches = table.schema_arrow, table.iter_batches(batch_size=256)
    else:
        with path.open("rb") as stream:
            magic = stream.read(6)
        reader = ipc.open_file(path) if magic == b"ARROW1" else ipc.open_stream(path)
        schema = reader.schema
        batches = (
            (reader.get_batch(i) for i in range(reader.num_record_batches)) if magic == b"ARROW1" else iter(reader)
        )
    metadata = json.loads((schema.metadata or {}).get(METADATA, b"{}"))
    features = metadata.get("info", {}).get("features") or named
    for batch in batches:
        for row in batch.to_pylist():
            yield row, features


def _with_names(row: dict[str, Any], features: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): A row whose numbers of classes are their names."""
    named = dict(row)
    for column, feature in features.items():
        names, value = _names(feature), row.get(column)
        if names and isinstance(value, list):
            tags = dict(enumerate(names)) | dict.fromkeys(UNKNOWN, MISSING_TAG)
            named[column] = [tags.get(n, n) if isinstance(n, int) else n for n in value]
    return named


def _names(feature: Any) -> list[str]:
    """RETURNS (list[str]): The names of a list of classes, in any version of the notation; empty for other columns."""
    inner = feature[0] if isinstance(feature, list) and feature else feature
    inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
    return inner.get("names", []) if isinstance(inner, dict) else []


def write_dataset(docs: Iterable[Doc], output: Path) -> Counts:
    """Write a folder as `Dataset.save_to_disk` does, with a row a sentence, the names of the tags in its features.

    Tokens of white space have no place in it: `space_after` says where white space is. Tags of tokens that nobody has
    annotated are -1, as for any class that is not known.

    docs (Iterable[Doc]): The documents.
    output (Path): The folder.
    RETURNS (Counts): What was written.
    """
    make_folder(output)
    counts = Counts()
    rows = [row for doc in docs for row in _sentences(doc, counts)]
    labels = sorted({tag[2:] for row in rows for tag in row["ner_tags"] if tag[1:2] == "-"})
    names = ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
    numbers = {MISSING_TAG: UNKNOWN[0], **{tag: number for number, tag in enumerate(names)}}
    string = {"dtype": "string", "_type": "Value"}
    flag = {"dtype": "bool", "_type": "Value"}
    features = {
        "document": string,
        "tokens": {"feature": string, "_type": "Sequence"},  # which all versions of datasets know
        "space_after": {"feature": flag, "_type": "Sequence"},
        "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    tagged = [{**row, "ner_tags": [numbers[tag] for tag in row["ner_tags"]]} for row in rows]
    table = pyarrow.Table.from_pylist(
        tagged, schema=SCHEMA.with_metadata({METADATA: _json({"info": {"features": features}})})
    )
    with open_whole(output / NAME) as file, ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    write_file(output / INFO, _json(info))
    fingerprint = hashlib.sha256((output / NAME).read_bytes()).hexdigest()[:16]
    state: dict[str, Any] = {
        "_data_files": [{"filename": NAME}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    write_file(output / STATE, _json(state))
    return counts


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _sentences(doc: Doc, counts: Counts) -> Iterator[dict[str, Any]]:
    """YIELDS (dict[str, Any]): Document, tokens, spaces and tags of each sentence."""
    counts.docs += 1
    counts.nested += len(doc.spans.get(NESTED, ()))
    sentences = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]]
    for sentence in sentences:
        words = [token for token in sentence if not token.is_space]
        if not words:
            continue
        entities, missing = annotation(doc, sentence.start, sentence.end, counts)
        tags = make_tags(entities, missing, len(sentence), "iob2", counts)
        yield {
            "document": str(doc.user_data.get("id") or ""),
            "tokens": [token.text for token in words],
            "space_after": [_white_space_follows(token) for token in words],
            "ner_tags": [tags[token.i - sentence.start] for token in words],
        }


def _white_space_follows(token: Token) -> bool:
    return bool(token.whitespace_) or token.i + 1 == len(token.doc) or token.nbor().is_space
