"""Which files hold classified texts, and how: tables, folders a class each, or twin files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import DossierError
from ..source import STDIN, Input, find_inputs, place_inputs
from ..unpack import COMPRESSED

TABLES = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"))
# The files of Goo et al. 2018: a text a line, its slot tags, its intent.
TEXTS, SLOTS, LABELS = "seq.in", "seq.out", "label"


@dataclass(frozen=True)
class Source:
    """One part of a corpus, which becomes one `.spacy` file.

    kind (str): "table", "twins" or "folders".
    input (Input): Where it is, what it is called, and where its output belongs.
    """

    kind: str
    input: Input


def find_sources(arguments: Iterable[str]) -> list[Source]:
    """Resolve files, folders and globs to parts of a corpus.

    A folder is one of twin files (`seq.in`, `label` and, for slots, `seq.out`); or one of tables, at any depth, which
    keep their place below it; or it holds a folder of text files for each class; or one of these for each part, as
    `train` and `test`.

    RAISES (DossierError): If nothing is there, a folder may be meant both ways, or two inputs would write the same
        output.
    """
    found: list[Source] = []
    for argument in arguments:
        path = Path(argument)
        found.extend(_in_folder(path) if argument != STDIN and path.is_dir() else _tables([argument]))
    targets = [source.input.target for source in found]
    for target in targets:
        if targets.count(target) > 1:
            raise DossierError(
                f"two inputs would be written to {target}", remedy="Convert them into different folders."
            )
    return found


def _tables(arguments: list[str]) -> list[Source]:
    return [Source("table", input) for input in find_inputs(arguments)]


def _in_folder(folder: Path) -> list[Source]:
    if _is_twins(folder):
        return [_part("twins", folder, Path(folder.resolve().name))]
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith((".", "__"))]
    twins = [path for path in inside if _is_twins(path)]
    if twins:
        return [_part("twins", path, Path(path.name)) for path in twins]
    tables = [path for path in sorted(folder.rglob("*")) if _is_table(path) and not _is_hidden(path, folder)]
    texts = [path for path in (*inside, *(below for path in inside for below in path.iterdir())) if _is_of_texts(path)]
    if tables and len(texts) > 1:
        raise DossierError(
            f"tables ({tables[0].name}) beside folders of text files ({texts[0].name}, {texts[1].name})",
            file=folder,
            remedy="Name the tables, or move them elsewhere.",
        )
    if tables:
        placed = {path: (path.as_posix(), path.relative_to(folder)) for path in tables}
        return [Source("table", input) for input in place_inputs(placed, set())]
    if inside and all(_is_class(path) for path in inside):
        return [_part("folders", folder, Path(folder.resolve().name))]
    parts = [path for path in inside if any(_is_class(below) for below in path.iterdir())]
    if not parts:
        raise DossierError(
            "no classified texts in the folder",
            file=folder,
            remedy="Give CSV, TSV, JSONL or Parquet files, a folder of text files for each class, "
            f"or {TEXTS} and {LABELS} beside each other",
        )
    return [_part("folders", path, Path(path.name)) for path in parts]


def _part(kind: str, path: Path, place: Path) -> Source:
    return Source(kind, Input(path, path.as_posix(), place.with_name(f"{place.name}.spacy")))


def _is_twins(folder: Path) -> bool:
    return (folder / TEXTS).is_file() and (folder / LABELS).is_file()


def _is_table(path: Path) -> bool:
    packed = path.suffix.lower() in COMPRESSED
    return path.is_file() and (path.with_suffix("") if packed else path).suffix.lower() in TABLES


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(root).parts)


def _is_of_texts(path: Path) -> bool:
    """Whether this is a folder of text files and of nothing else, as a class is."""
    return _is_class(path) and all(
        file_.suffix.lower() in ("", ".txt") for file_ in path.iterdir() if not file_.name.startswith(".")
    )


def _is_class(path: Path) -> bool:
    """Whether this is a folder of files and of nothing else."""
    if not path.is_dir() or path.name.startswith("."):
        return False
    inside = [file_ for file_ in path.iterdir() if not file_.name.startswith(".")]
    return bool(inside) and all(file_.is_file() for file_ in inside)
