"""Formats with a sentence a line."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from spacy.tokens import Doc

from ....errors import DossierError
from ..detect.roles import Family
from ..detect.sample import Head, Sample
from ..layout import Layout
from ..marks import DOCSTART
from ..reader import read_lines
from ..sentence import Problem, Sentence
from ..writing import Counts, tagged_sentences
from .base import Format


class LineFormat(Format):
    """A format with a sentence a line."""

    family: ClassVar[Family] = Family(headed=False)

    @abstractmethod
    def find(self, head: Head) -> Layout | None:
        """RETURNS (Layout | None): How a line falls into columns; `None` if it does not."""

    @abstractmethod
    def unfold(self, line: str, layout: Layout) -> list[list[str]]:
        """Part a line into the rows of its sentence.

        line (str): The line.
        layout (Layout): What `find` found.
        RETURNS (list[list[str]]): The columns of each token.
        RAISES (ValueError): If the line does not fall into columns; the message says what was expected.
        """

    def context(self, line: str, layout: Layout) -> tuple[str | None, str | None]:
        """RETURNS (tuple[str | None, str | None]): The document of a sentence, and the sentence as it was written."""
        return None, None

    @abstractmethod
    def refold(self, line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
        """RETURNS (str): A line with other cells in a column."""

    @abstractmethod
    def fold(self, tokens: Sequence[str], tags: Sequence[str]) -> str:
        """RETURNS (str): A sentence as a line."""

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether the lines fall into columns."""
        return self.find(head) is not None

    def look(self, head: Head, *, forced: bool = False) -> tuple[Sample, Layout]:
        """RETURNS (tuple[Sample, Layout]): The rows that the lines unfold to, and how they do."""
        layout = self.find(head)
        if layout is None:
            raise DossierError(f"not in the format {self.name}", file=head.file, value="".join(head.lines[:1])[:80])
        sentences = []
        for line in head.texts:
            try:
                sentences.append(self.unfold(line, layout) if line.strip() else [])
            except ValueError:  # a bad line is named when the file is read
                continue
        sentences = [rows for rows in sentences if rows]
        if not sentences:
            raise DossierError("no rows", file=head.file, remedy="A column file has one token a line.")
        names, width = layout.names, layout.width
        return Sample(sentences, layout.delimiter, width=width, names=names, outside=head.outside), layout

    def is_header(self, line: str, layout: Layout) -> bool:
        """RETURNS (bool): Whether a first line names the columns; rows of a later document have no such line."""
        return False

    def read(self, lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
        """YIELDS (Sentence | Problem): The sentence of each line, or what is wrong with it."""
        return read_lines(lines, layout, self.unfold, self.is_header, self.context)

    def put(self, sentence: Sentence, layout: Layout, column: int, cells: Sequence[str]) -> None:
        """Put other cells into a column of a sentence."""
        place = sentence.places[0]
        sentence.source[place] = self.refold(sentence.source[place], layout, column, cells)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): A mark of the document, then a line for each sentence."""
        yield f"{DOCSTART}-\n"
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=True):
            yield self.fold([token.text for token in sentence], tags) + "\n"
