"""Classified texts out of files."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DossierError
from ...text.surrogates import has_surrogates
from ..columns.schemes import is_tag
from ..rows import BadRow, Row, is_json, is_parquet, json_rows, parquet_rows, table_rows
from ..source import open_text, spooled
from .sources import LABELS, SLOTS, TABLES, TEXTS, Source

# Where no column is named, names that public corpora use for it, in this order.
TEXT_NAMES = "text sentence content document review utterance query question message comment tweet body title input"
LABEL_NAMES = """label labels class category categories intent sentiment target topic label_text coarse_label
    class_label output stars rating"""
YES = frozenset(("1", "1.0", "true", "yes", "y"))
NO = frozenset(("", "0", "0.0", "false", "no", "n"))


@dataclass(frozen=True)
class ClassOptions:
    """How classified texts are read. See `dossier classes --help`.

    label_columns (Sequence[str]): One column with the class, or several, each of a class and with a yes or a no.
    separator (str | None): What parts the classes of a text with several.
    """

    lang: str = "en"
    encoding: str | None = None
    text_column: str | None = None
    label_columns: Sequence[str] = ()
    separator: str | None = None
    header: bool = True
    strict: bool = False


@dataclass(frozen=True)
class ClassifiedText:
    """One text.

    labels (tuple[str, ...]): Its classes.
    several (bool): Whether it could have any number of them.
    name, number (str, int): The file it stands in and its line or row, counted from 1.
    tags (tuple[str, ...] | None): The slot tag of each word; None where slots are not annotated.
    """

    text: str
    labels: tuple[str, ...]
    several: bool
    name: str
    number: int
    tags: tuple[str, ...] | None = None


Item = ClassifiedText | BadRow


def is_nothing(value: Any) -> bool:
    """RETURNS (bool): Whether a cell is empty: null, or NaN, which is no number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


class SourceReader:
    """Reads one part of a corpus, more than once if need be.

    columns (dict[str, str]): Which columns were read, once a row has been.
    encoding (str): Of the last file that was opened.
    """

    def __init__(self, source: Source, options: ClassOptions) -> None:
        self.source, self.options = source, options
        self.name = source.input.name
        self.columns: dict[str, str] = {}
        self.encoding = ""

    def read(self) -> Iterator[Item]:
        """YIELDS (ClassifiedText | BadRow): What the part holds, in its order.

        RAISES (DossierError): It cannot be read at all, or has no such column.
        """
        kinds = {"table": self._table, "twins": self._twins, "folders": self._folders}
        for item in kinds[self.source.kind]():
            if isinstance(item, ClassifiedText) and has_surrogates(item.text + "".join(item.labels)):
                yield BadRow(item.number, "bytes that are not in the encoding of the file, or halves of characters")
            else:
                yield item

    def _open(self, path: Path, name: str) -> Any:
        file = open_text(path, name=name, encoding=self.options.encoding, lang=self.options.lang)
        self.encoding = file.encoding
        return file

    # Tables

    def _table(self) -> Iterator[Item]:
        with spooled(self.source.input) as path:
            for row in self._rows(path):
                if isinstance(row, BadRow):
                    yield row
                    continue
                if not self.columns:
                    self._find_columns(row.fields)
                yield self._from_row(row)

    def _rows(self, path: Path) -> Iterator[Row | BadRow]:
        if is_parquet(path):
            self.encoding = "parquet"
            yield from parquet_rows(path, self.name)
            return
        file, suffix = self._open(path, self.name), path.suffix.lower()
        if suffix in (".jsonl", ".ndjson", ".json") or is_json(file):
            yield from json_rows(file)
        elif suffix in TABLES:
            yield from table_rows(file, suffix, header=self.options.header)
        else:
            raise DossierError("not a file of classified texts", file=self.name, remedy="Give CSV, TSV, JSONL, Parquet")

    def _find_columns(self, fields: dict[str, Any]) -> None:
        options = self.options
        known = {name.strip().lower().replace(" ", "_"): name for name in reversed(fields)}
        wanted = [column for column in (options.text_column, *options.label_columns) if column is not None]
        missing = next((column for column in wanted if column not in fields), None)
        if missing is not None:
            raise DossierError("no such column", file=self.name, value=missing, remedy=f"There are {', '.join(fields)}")
        taken = {"text": options.text_column, **{column: column for column in options.label_columns}}
        asked = (("text", TEXT_NAMES),) if options.label_columns else (("text", TEXT_NAMES), ("label", LABEL_NAMES))
        for role, names in asked:
            free = (known[name] for name in names.split() if name in known and known[name] not in wanted)
            taken[role] = taken.get(role) or next(free, None)
            if taken[role] is None:
                raise DossierError(
                    f"no column that is known to hold the {role}",
                    file=self.name,
                    remedy=f"There are {', '.join(map(repr, fields))}: name one with --{role}-column, or say "
                    "--no-header if these are no names",
                )
            wanted.append(str(taken[role]))
        self.columns = {role: column for role, column in taken.items() if column is not None}

    def _from_row(self, row: Row) -> Item:
        text = row.fields.get(self.columns["text"])
        if text is not None and not isinstance(text, str):
            return BadRow(row.number, f"no text in the column {self.columns['text']}")
        labels = self._flags(row.fields) if len(self.options.label_columns) > 1 else self._labels(row.fields)
        if isinstance(labels, str):
            return BadRow(row.number, labels)
        return ClassifiedText(text or "", *labels, self.name, row.number)

    def _labels(self, fields: dict[str, Any]) -> tuple[tuple[str, ...], bool] | str:
        """RETURNS (tuple | str): The classes in the one column of labels and whether they may be several; or what is
        wrong with it."""
        column = (*self.options.label_columns, self.columns.get("label"))[0]
        value = fields.get(str(column))
        if isinstance(value, (list, tuple)):
            if any(isinstance(part, (list, tuple, dict)) for part in value):
                return f"no classes in the column {column}"
            named = dict.fromkeys(str(part).strip() for part in value if not is_nothing(part))
            return tuple(part for part in named if part), True
        if isinstance(value, dict):
            return f"no class in the column {column}"
        return self._split("" if is_nothing(value) else str(value))

    def _split(self, label: str) -> tuple[tuple[str, ...], bool]:
        parts = [label] if self.options.separator is None else label.split(self.options.separator)
        named = dict.fromkeys(part.strip() for part in parts)
        return tuple(part for part in named if part), self.options.separator is not None

    def _flags(self, fields: dict[str, Any]) -> tuple[tuple[str, ...], bool] | str:
        """RETURNS (tuple | str): The columns that say yes, or what is wrong with them."""
        labels = []
        for column in self.options.label_columns:
            value = "" if is_nothing(fields.get(column)) else str(fields[column]).strip().lower()
            if value not in YES | NO:
                return f"expected 0 or 1 in the column {column}, not {value!r}"
            if value in YES:
                labels.append(column)
        return tuple(labels), True

    # Twin files

    def _twins(self) -> Iterator[Item]:
        folder = self.source.input.path
        names = [name for name in (TEXTS, LABELS, SLOTS) if (folder / name).is_file()]
        lines = [self._open(folder / name, str(folder / name)).read().removesuffix("\n").split("\n") for name in names]
        for name, column in zip(names, lines, strict=True):
            if len(column) != len(lines[0]):
                raise DossierError(
                    f"{len(column)} lines, but {TEXTS} has {len(lines[0])}",
                    file=folder / name,
                    remedy="They go line by line.",
                )
        self.columns = {"text": TEXTS, "label": LABELS, **({"slots": SLOTS} if SLOTS in names else {})}
        for number, (text, label, *slots) in enumerate(zip(*lines, strict=True), 1):
            words = text.split()
            tags = tuple(slots[0].split()) if slots else None
            if tags is not None and len(tags) != len(words):
                yield BadRow(number, f"{len(words)} words, but {len(tags)} slot tags")
            elif tags is not None and not all(map(is_tag, tags)):
                yield BadRow(number, f"not a slot tag: {next(tag for tag in tags if not is_tag(tag))!r}")
            else:
                yield ClassifiedText(" ".join(words), *self._split(label), self.name, number, tags)

    # Folders

    def _folders(self) -> Iterator[Item]:
        self.columns = {"text": "file", "label": "folder"}
        root = self.source.input.path
        files = (path for path in sorted(root.glob("*/*")) if path.is_file())
        shown = (path for path in files if not any(part.startswith(".") for part in path.relative_to(root).parts))
        for number, path in enumerate(shown, 1):
            text = self._open(path, path.as_posix()).read()
            yield ClassifiedText(text, *self._split(path.parent.name), path.as_posix(), number)
