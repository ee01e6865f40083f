"""Hugging Face `datasets`: Arrow and Parquet files, folders of them, and JSON lines whose tags are numbers."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pyarrow import ArrowException, ipc, parquet

from ...errors import DossierError
from ...text.files import open_whole, write_file
from ..source import make_folder
from .document import Annotated
from .formats.base import MISSHAPEN

INFO, STATE = "dataset_info.json", "state.json"
TABLES = (".arrow", ".parquet")
METADATA = b"huggingface"  # key of the features in the schema of an Arrow or Parquet file
NAME = "data.jsonl"


def is_dataset(path: Path) -> bool:
    """RETURNS (bool): Whether a path is a folder that `save_to_disk` made, or an Arrow or Parquet file."""
    if path.is_dir():
        return (path / INFO).is_file() and bool(data_files(path))
    return path.suffix.lower() in TABLES


def data_files(folder: Path) -> list[Path]:
    """RETURNS (list[Path]): The files of a saved split that hold its rows, in order."""
    state = folder / STATE
    if state.is_file():
        return [folder / file["filename"] for file in json.loads(state.read_text(encoding="utf8"))["_data_files"]]
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
                    file.write(json.dumps(_with_names(row, features), ensure_ascii=False, default=str) + "\n")
    except (ArrowException, OSError, *MISSHAPEN) as error:
        raise DossierError(f"no data set: {type(error).__name__}: {str(error)[:60]}", file=name) from None
    return target


def _rows(path: Path, named: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """YIELDS (tuple[dict[str, Any], dict[str, Any]]): Each row and the features of its columns."""
    if path.suffix.lower() == ".jsonl":
        for line in path.read_text(encoding="utf8").splitlines():
            yield json.loads(line), named
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
            named[column] = [names[n] if isinstance(n, int) and 0 <= n < len(names) else n for n in value]
    return named


def _names(feature: Any) -> list[str]:
    """RETURNS (list[str]): The names of a list of classes, in any version of the notation; empty for other columns."""
    inner = feature[0] if isinstance(feature, list) and feature else feature
    inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
    return inner.get("names", []) if isinstance(inner, dict) else []


def write_dataset(texts: Iterable[Annotated], output: Path) -> None:
    """Write a folder with a row a sentence: `data.jsonl`, and the names of the tags in `dataset_info.json`.

    texts (Iterable[Annotated]): The texts; each needs its tokens.
    output (Path): The folder.
    """
    make_folder(output)
    rows = [row for text in texts for row in _sentences(text)]
    labels = sorted({tag[2:] for row in rows for tag in row["ner_tags"] if tag != "O"})
    names = ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
    numbers = {tag: number for number, tag in enumerate(names)}
    string = {"dtype": "string", "_type": "Value"}
    flag = {"dtype": "bool", "_type": "Value"}
    features = {
        "document": string,
        "tokens": {"feature": string, "_type": "List"},
        "space_after": {"feature": flag, "_type": "List"},
        "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"},
    }
    with open_whole(output / NAME) as file:
        for row in rows:
            tagged = {**row, "ner_tags": [numbers[tag] for tag in row["ner_tags"]]}
            file.write((json.dumps(tagged, ensure_ascii=False) + "\n").encode())
    write_file(output / INFO, json.dumps({"features": features}, ensure_ascii=False, indent=1) + "\n")


def _sentences(text: Annotated) -> Iterator[dict[str, Any]]:
    """YIELDS (dict[str, Any]): Document, tokens, spaces and tags of each sentence."""
    starts = text.sentences or [0]
    for start, end in zip(starts, [*starts[1:], len(text.text)], strict=True):
        inside = [place for place in text.tokens if start <= place[0] < end]
        tags = ["O"] * len(inside)
        for mark in text.marks:
            covered = [i for i, (first, last) in enumerate(inside) if mark.start <= first and last <= mark.end]
            for i in covered:
                tags[i] = f"{'B' if i == covered[0] else 'I'}-{mark.label}"
        yield {
            "document": text.id,
            "tokens": [text.text[first:last] for first, last in inside],
            "space_after": [text.text[last : last + 1].isspace() or last == len(text.text) for _, last in inside],
            "ner_tags": tags,
        }
