"""Sentences out of the lines of a column file, one at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ...text.sentences import CLOSERS, TERMINATORS
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
    context: Callable[[str, Layout], tuple[str | None, str | None]],
) -> Iterator[Sentence | Problem]:
    """Read a file in which each line is a sentence.

    lines (Iterable[str]): Its lines, with their ends.
    layout (Layout): Its layout.
    unfold (Callable): Parts a line into the columns of each token; raises ValueError with what was expected.
    is_header (Callable): Whether a first line names the columns.
    context (Callable): Its document, and the sentence as it was written, of a line that can be read.
    YIELDS (Sentence | Problem): As `read_rows` does.
    """
    builder = SentenceBuilder(layout)
    last: str | None = None
    for number, line in enumerate(lines, 1):
        if is_docstart(line):
            builder.take(number, line, [], DOCUMENT)
        elif number == 1 and layout.header and is_header(line, layout):
            builder.take(number, line, [], HEADER)
        elif not line.strip():
            builder.take(number, line, [], BLANK)
        else:
            builder.take_sentence(number, line, unfold)
            if builder.problem is None:
                document, builder.text = context(line, layout)
                if document != last:
                    builder.mark = last = document
            if (done := builder.finish()) is not None:
                yield done
    yield from filter(None, (builder.rest(),))


class Parts:
    """Where sentences and documents begin in a file whose columns say so, not its empty lines."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.last: dict[int, str] = {}
        self.first = ""  # number of the first token of a sentence
        self.stopped = False  # whether a mark stands before that ends a sentence

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
        elif layout.ruled:
            begins |= self._follows_stop(columns)
        return replace(mark, before=True, document=document) if begins else mark

    def _follows_stop(self, columns: list[str]) -> bool:
        """Whether a sentence begins after a mark that ends one and stands outside entities."""
        token = columns[self.layout.token]
        begins = self.stopped and token not in CLOSERS and token not in TERMINATORS
        outside = self.layout.tag is None or self.layout.form.read([columns[self.layout.tag]])[0] == OUTSIDE
        self.stopped = (token in TERMINATORS and outside) or (self.stopped and token in CLOSERS)
        return begins

    def _changed(self, column: int, columns: list[str]) -> bool:
        cell = columns[column]
        changed = bool(cell) and cell != self.last.get(column)
        if cell:
            self.last[column] = cell
        return changed


def find_parts(layout: Layout) -> Parts | None:
    """RETURNS (Parts | None): What looks for beginnings in the columns; `None` where none tells."""
    told = layout.restarts or layout.ruled or layout.sentence is not None or layout.document is not None
    return Parts(layout) if told else None


@dataclass
class Survey:
    """What a first pass over a file found.

    scheme (Scheme): The tagging scheme.
    marked (bool): Whether the file marks documents.
    mark (str): How the first mark of a document begins.
    relations (tuple[str, ...]): Labels of the relations.
    """

    scheme: Scheme
    marked: bool = False
    mark: str = ""
    relations: tuple[str, ...] = ()


def survey(sentences: Iterable[Sentence | Problem], *, bare: bool = False) -> Survey:
    """Read a file through once to learn its scheme and whether it marks documents.

    sentences (Iterable[Sentence | Problem]): What a format reads.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (Survey): What was found.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    marked, mark = False, ""
    relations: set[str] = set()
    for sentence in sentences:
        if isinstance(sentence, Sentence):
            if sentence.mark is not None and not marked:
                before = (line.split() for line in sentence.source[: sentence.places[0]])
                marked, mark = True, next((" ".join(words[: 1 + (words[0] == "#")]) for words in before if words), "")
            relations.update(related.label for related in sentence.relations)
            pairs.update(zip((OUTSIDE, *sentence.tags), (*sentence.tags, OUTSIDE), strict=True))
    return Survey(find_scheme(pairs, bare=bare), marked, mark, tuple(sorted(relations)))
