"""Sentences out of the lines of a column file, one at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from .layout import Layout
from .marks import BLANK, HEADER, Classifier, Mark, is_docstart
from .schemes import OUTSIDE, Scheme, find_scheme
from .sentence import Problem, Sentence, SentenceBuilder

DOCUMENT = Mark(document="", kept=True)


def read_rows(lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
    """Read a file with a token a line.

    lines (Iterable[str]): Its lines, with their ends.
    layout (Layout): Its layout.
    YIELDS (Sentence | Problem): A sentence, or the first row that spoils one. Lines after the last sentence come as
        a `Sentence` without tokens, so that the file can be written back.
    """
    builder, classify, parts = SentenceBuilder(layout), Classifier(layout), find_parts(layout)
    for number, line in enumerate(lines, 1):
        columns, mark = classify(line, number)
        if parts is not None and mark.row and len(columns) >= builder.width(columns):
            mark = parts.mark(columns, mark)
        if mark.before and (done := builder.finish()) is not None:
            yield done
        builder.take(number, line, columns, mark)
        if mark.after and (done := builder.finish()) is not None:
            yield done
    yield from filter(None, (builder.finish(), builder.rest()))


def read_lines(
    lines: Iterable[str],
    layout: Layout,
    unfold: Callable[[str, Layout], list[list[str]]],
    is_header: Callable[[str, Layout], bool],
) -> Iterator[Sentence | Problem]:
    """Read a file in which each line is a sentence.

    lines (Iterable[str]): Its lines, with their ends.
    layout (Layout): Its layout.
    unfold (Callable): Parts a line into the columns of each token; raises ValueError with what was expected.
    is_header (Callable): Whether a first line names the columns.
    YIELDS (Sentence | Problem): As `read_rows` does.
    """
    builder = SentenceBuilder(layout)
    for number, line in enumerate(lines, 1):
        if is_docstart(line):
            builder.take(number, line, [], DOCUMENT)
        elif number == 1 and layout.header and is_header(line, layout):
            builder.take(number, line, [], HEADER)
        elif not line.strip():
            builder.take(number, line, [], BLANK)
        else:
            builder.take_sentence(number, line, unfold)
            if (done := builder.finish()) is not None:
                yield done
    yield from filter(None, (builder.rest(),))


class Parts:
    """Where sentences and documents begin in a file whose columns say so, not its empty lines."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.last: dict[int, str] = {}
        self.first = ""  # number of the first token of a sentence

    def mark(self, columns: list[str], mark: Mark) -> Mark:
        """RETURNS (Mark): What a row says, with the sentence and document that begin at it."""
        layout = self.layout
        begins = layout.document is not None and self._changed(layout.document, columns)
        document = columns[layout.document or 0] if begins else None
        if layout.sentence is not None:
            begins |= self._changed(layout.sentence, columns)
        elif layout.restarts and layout.index is not None:
            self.first = self.first or columns[layout.index]
            begins |= columns[layout.index] == self.first
        return replace(mark, before=True, document=document) if begins else mark

    def _changed(self, column: int, columns: list[str]) -> bool:
        cell = columns[column]
        changed = bool(cell) and cell != self.last.get(column)
        if cell:
            self.last[column] = cell
        return changed


def find_parts(layout: Layout) -> Parts | None:
    """RETURNS (Parts | None): What looks for beginnings in the columns; `None` where none tells."""
    told = layout.restarts or layout.sentence is not None or layout.document is not None
    return Parts(layout) if told else None


@dataclass
class Survey:
    """What a first pass over a file found.

    scheme (Scheme): The tagging scheme.
    marked (bool): Whether the file marks documents.
    """

    scheme: Scheme
    marked: bool = False


def survey(sentences: Iterable[Sentence | Problem], *, bare: bool = False) -> Survey:
    """Read a file through once to learn its scheme and whether it marks documents.

    sentences (Iterable[Sentence | Problem]): What a format reads.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (Survey): What was found.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    marked = False
    for sentence in sentences:
        if isinstance(sentence, Sentence):
            marked = marked or sentence.mark is not None
            pairs.update(zip((OUTSIDE, *sentence.tags), (*sentence.tags, OUTSIDE), strict=True))
    return Survey(find_scheme(pairs, bare=bare), marked)
