"""What an annotation format is."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ....text.files import write_file
from ...source import TextFile
from ..document import Annotated, Unread

LONGEST = 200  # bytes of a file's name; file systems take 255, with the suffix and a number
# What comes of JSON in which something is missing, or is of another kind than it should be.
MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class AnnotationFormat(ABC):
    """A format of an annotation tool.

    name (str): What reports, `--format` and `--to` call it.
    about (str): What it is, in a line.
    example (str): What such a file looks like.
    links (bool): Whether it holds relations.
    partial (bool): Whether it can say of tokens that their entities were not annotated.
    folder (bool): Whether it is written as a folder of files, one a text, not as one file.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    example: ClassVar[str]
    links: ClassVar[bool] = False
    partial: ClassVar[bool] = False
    folder: ClassVar[bool] = False

    @abstractmethod
    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether a file with these first characters is of this format."""

    @abstractmethod
    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """Read a file.

        file (TextFile): The file.
        YIELDS (Annotated | Unread): Its texts, and what is left out.
        RAISES (DossierError): If the file is broken as a whole.
        """

    @abstractmethod
    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write texts.

        texts (Iterable[Annotated]): The texts.
        output (Path): The file, or the folder, to write.
        """


class JsonLines(AnnotationFormat):
    """A format with a JSON object a line, or one array of them."""

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether the first object has the keys of this format."""
        first = first_object(file, head)
        return first is not None and self.fits(first)

    @abstractmethod
    def fits(self, row: dict[str, Any]) -> bool:
        """RETURNS (bool): Whether a row has the keys of this format."""

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The texts."""
        for number, line in enumerate(file.lines(), 1):
            if line.strip():
                yield self._read_line(number, line)

    def _read_line(self, number: int, line: str) -> Annotated | Unread:
        try:
            row = json.loads(line.lstrip("\ufeff"))
        except ValueError as error:
            return Unread(number, f"not JSON: {error}")
        if not isinstance(row, dict):
            return Unread(number, "expected a JSON object")
        try:
            return self.of_row(number, row)
        except MISSHAPEN as error:
            return Unread(number, f"not as {self.name} writes it ({type(error).__name__}: {str(error)[:60]})")

    @abstractmethod
    def of_row(self, number: int, row: dict[str, Any]) -> Annotated | Unread:
        """RETURNS (Annotated | Unread): The text of a row."""

    @abstractmethod
    def to_row(self, text: Annotated) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): A text as a row."""

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write a row for each text."""
        write_file(output, "".join(json.dumps(self.to_row(text), ensure_ascii=False) + "\n" for text in texts))


def first_object(file: TextFile, head: str) -> dict[str, Any] | None:
    """RETURNS (dict[str, Any] | None): The first object of JSON lines or of an array; `None` if there is none."""
    if not head.lstrip("\ufeff").lstrip().startswith(("{", "[")):
        return None
    for line in file.lines():
        if line.strip():
            try:
                row = json.loads(line.lstrip("\ufeff"))
            except ValueError:
                return None
            return row if isinstance(row, dict) else None
    return None


def file_names(texts: Sequence[Annotated]) -> list[str]:
    """RETURNS (list[str]): A name of a file for each text, by its id as far as that can be one."""
    names: list[str] = []
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for number, text in enumerate(texts, 1):
        name = base = file_name(text.id) or f"doc{number}"
        while name.casefold() in taken:  # some file systems do not tell letters by their case
            next_number[base] = next_number.get(base, 1) + 1
            name = f"{base}-{next_number[base]}"
        taken.add(name.casefold())
        names.append(name)
    return names


def file_name(id: str) -> str:
    """RETURNS (str): An id as far as it can name a file; empty where nothing of it can."""
    name = "".join(char if char.isalnum() or char in "-_." else "_" for char in id).strip(".")
    # Ids that differ at their ends only, as paths do, are told by these.
    return name if len(name.encode()) <= LONGEST else name[-LONGEST // 4 :]
