"""What a column format is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from spacy.tokens import Doc

from ..detect.roles import Family
from ..detect.sample import Head, Sample
from ..layout import Layout
from ..sentence import Problem, Related, Sentence
from ..writing import Counts, Entity


class Format(ABC):
    """A column format.

    name (str): What reports, `--format` call it.
    about (str): What it is, in a line.
    example (str): A few lines of such a file.
    family (Family): What the columns of all its files have in common.
    tagless (bool): Whether a file without entity tags is worth reading.
    rows (bool): Whether a line is a token.
    two_layers (bool): Whether it holds entities that overlap others, as `doc.spans["nested"]`.
    states_spaces (bool): Whether a MISC column without `SpaceAfter=No` says that spaces are everywhere.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    example: ClassVar[str]
    family: ClassVar[Family] = Family()
    tagless: ClassVar[bool] = False
    states_spaces: ClassVar[bool] = False
    rows: ClassVar[bool] = False
    two_layers: ClassVar[bool] = False

    @abstractmethod
    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether the first lines of a file look like this format, and like none before it."""

    @abstractmethod
    def look(self, head: Head, *, forced: bool = False) -> tuple[Sample, Layout]:
        """Part the first lines of a file into rows.

        head (Head): The lines.
        forced (bool): Whether the user has named the format.
        RETURNS (tuple[Sample, Layout]): The rows, and what the format and the names of columns say of them; the rest
            is looked for in the columns.
        RAISES (DossierError): If the lines do not hold what the format demands.
        """

    def annotated(self, sample: Sample, layout: Layout) -> Layout:
        """RETURNS (Layout): The layout with the columns of linguistic annotation that have no names."""
        return layout

    @abstractmethod
    def read(self, lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
        """Read a file.

        lines (Iterable[str]): Its lines, with their ends.
        layout (Layout): Its layout.
        YIELDS (Sentence | Problem): A sentence, or the first row that spoils one; last, as a sentence without tokens,
            the lines that follow.
        """

    def relations(self, sentence: Sentence, layout: Layout) -> Iterator[Related | Problem]:
        """Read the relations of a sentence, where the layout says that there are such.

        YIELDS (Related | Problem): A relation, or why something of the sentence is left out.
        """
        yield from ()

    def relate(
        self, sentence: Sentence, layout: Layout, entities: Sequence[Entity], relations: Sequence[Related]
    ) -> None:
        """Put other relations into the rows of a sentence, where the layout says that there are such.

        sentence (Sentence): The sentence, its rows with their final tags.
        entities (Sequence[Entity]): Its entities.
        relations (Sequence[Related]): Relations between these.
        """
        raise NotImplementedError

    @abstractmethod
    def put(self, sentence: Sentence, layout: Layout, column: int, cells: Sequence[str]) -> None:
        """Put other cells into a column of a sentence's rows, leaving everything else as it is."""

    @abstractmethod
    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """Write a document anew.

        doc (Doc): The document.
        scheme (str): The scheme of its tags.
        counts (Counts): What was written, counted on the way.
        YIELDS (str): Lines, with their ends.
        RAISES (DossierError): If the format cannot hold the document.
        """
