"""Sentences out of a column file, one at a time; rows that break the layout are named, never guessed."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ...errors import DossierError
from .layout import (
    DELIMITERS,
    DOCSTART,
    DOCUMENTS,
    MARKUP,
    MARKUP_ID,
    SENTENCE_END,
    WORD_ID,
    Layout,
    document_mark,
    unquote,
)
from .lines import unfold
from .schemes import MISSING, OUTSIDE, Scheme, brackets_to_iob2, find_scheme, split_tag
from .tags import PLAIN

TEXT_LINE = re.compile(r"#\s*text\s*=\s*(\S.*)?")
SENTENCE_COMMENT = re.compile(r"#\s*(?:sent_id|text|newpar|id)\b")
BAD_BYTE = re.compile("[\udc80-\udcff]")
LINER2_HEAD = "\0"  # the first line of a file, which names its columns
LINER2_MARK = re.compile(r"-DOCSTART (?:CONFIG FEATURES.*|FILE (.*))")


@dataclass(slots=True)
class Sentence:
    """One sentence of a column file.

    line (int): Line of its first row, counted from 1.
    tokens (Sequence[str]): Its tokens.
    tags (Sequence[str]): Their entity tags; bracket columns as IOB2.
    columns (list[tuple[str, ...]]): All columns.
    mark (str | None): Id of the document it begins, which may be empty; `None` within a document.
    text (str | None): The sentence as it was written, where a `# text` comment gives it.
    ranges (list[tuple[int, int, str, str]]): Multi-word tokens: first token, token after the last, form, flags.
    source (list[str]): Its lines, with the comments and marks before it.
    places (list[int]): Where in `source` the row of each token stands.
    """

    line: int
    tokens: Sequence[str]
    tags: Sequence[str]
    columns: list[tuple[str, ...]]
    mark: str | None
    text: str | None
    ranges: list[tuple[int, int, str, str]]
    source: list[str]
    places: list[int]


@dataclass(frozen=True)
class Problem:
    """A row that cannot be read; its sentence is left out.

    line (int): Its line, counted from 1.
    row (str): The row.
    expected (str): What should stand there.
    """

    line: int
    row: str
    expected: str

    def error(self, file: str) -> DossierError:
        """RETURNS (DossierError): The problem as an error."""
        return DossierError(f"expected {self.expected}", file=file, line=self.line, value=self.row)


@dataclass
class Survey:
    """What a first pass over a file found.

    scheme (Scheme): The tagging scheme.
    pairs (Counter[tuple[str, str]]): Counts of neighbouring tags; edges of sentences are `O`.
    marked (bool): Whether the file marks documents.
    """

    scheme: Scheme
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    marked: bool = False


def survey(sentences: Iterable[Sentence | Problem], *, bare: bool = False) -> Survey:
    """Read a file through once to learn its scheme and whether it marks documents.

    sentences (Iterable[Sentence | Problem]): What `read_sentences` gives.
    bare (bool): Whether tags are labels without a prefix.
    RETURNS (Survey): What was found.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    marked = False
    for sentence in sentences:
        if isinstance(sentence, Sentence):
            marked = marked or sentence.mark is not None
            pairs.update(zip((OUTSIDE, *sentence.tags), (*sentence.tags, OUTSIDE), strict=True))
    return Survey(find_scheme(pairs, bare=bare), pairs, marked)


class _Builder:
    """Collects the rows of a sentence and checks them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.known: set[str] = {OUTSIDE}
        self.mark: str | None = None
        self.kept: list[str] = []  # marks and headings, which outlive a sentence that is left out
        self.start()

    def start(self) -> None:
        self.rows: list[list[str]] = []
        self.places: list[int] = []
        self.source: list[str] = []
        self.text: str | None = None
        self.ranges: list[tuple[int, int, str, str]] = []
        self.problem: Problem | None = None
        self.line = 0

    def finish(self) -> Sentence | Problem | None:
        """End the sentence. RETURNS (Sentence | Problem | None): It, what is wrong with it, or nothing if empty."""
        if not self.rows and self.problem is None:
            return None
        result = self.problem or self._build()
        if isinstance(result, Sentence):
            self.mark, self.kept = None, []
            self.start()
        else:
            self.start()
            self.source = list(self.kept)
        return result

    def _build(self) -> Sentence | Problem:
        layout = self.layout
        columns = list(zip(*self.rows, strict=True))
        tokens: Sequence[str] = columns[layout.token]
        if layout.quoted and layout.delimiter not in DELIMITERS:
            tokens = [unquote(token) for token in tokens]
        if layout.prefix:
            tokens = [token.removeprefix(layout.prefix) for token in tokens]
        if layout.digits:
            tokens = [token[:1] for token in tokens]
        if "" in tokens:
            return self._problem(tokens.index(""), "a token")
        joined = "".join(tokens)
        if not joined.isascii() and BAD_BYTE.search(joined):
            i = next(i for i, token in enumerate(tokens) if BAD_BYTE.search(token))
            return self._problem(i, "text in the encoding of the file (see --encoding)")
        tags: Sequence[str] = self._tags(columns)
        unknown = set(tags) - self.known
        for tag in sorted(unknown, key=tags.index):
            try:
                split_tag(tag, bare=layout.bare)
            except ValueError:
                i = tags.index(tag)
                if layout.brackets:
                    return self._problem(i, "matching brackets in the tag column")
                return self._problem(i, f"an entity tag in column {(layout.tag or 0) + 1}")
            self.known.add(tag)
        return Sentence(self.line, tokens, tags, columns, self.mark, self.text, self.ranges, self.source, self.places)

    def _tags(self, columns: list[tuple[str, ...]]) -> Sequence[str]:
        layout = self.layout
        if layout.tag is None:
            return ("_",) * len(self.rows)
        cells = columns[layout.tag]
        if layout.key:
            return [value_of(layout.key, cell, layout.key_default) for cell in cells]
        if layout.brackets:
            try:
                return brackets_to_iob2(cells)
            except ValueError:
                return cells
        if layout.label is not None:
            pairs = zip(cells, columns[layout.label], strict=True)
            cells = tuple(f"{a}-{b}" if a != layout.form.outside and a not in MISSING else a for a, b in pairs)
        if layout.form != PLAIN:
            return layout.form.read(cells)
        if any(cell not in self.known for cell in set(cells)):
            return [cell.strip() for cell in cells]
        return cells

    def _problem(self, i: int, expected: str) -> Problem:
        row = self.source[self.places[i]].rstrip("\r\n")
        return Problem(self.line + self.places[i] - self.places[0], row, expected)


def value_of(key: str, cell: str, default: str) -> str:
    """RETURNS (str): The value of a key among `key=value` pairs joined by `|`."""
    for part in cell.split("|"):
        name, _, value = part.partition("=")
        if name == key:
            return value
    return default


def read_sentences(lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
    """Read a column file sentence by sentence.

    lines (Iterable[str]): Its lines, with their ends.
    layout (Layout): Its layout.
    YIELDS (Sentence | Problem): A sentence, or the first row that spoils one. Lines after the last sentence come as
        a `Sentence` without tokens, so that the file can be written back.
    """
    if layout.line:
        yield from _read_lines(lines, layout)
        return
    builder = _Builder(layout)
    split, width, index, token = layout.splits, layout.width, layout.index, layout.token
    least = max(token, layout.tag or 0) + 1
    header = list(layout.names) if layout.header else None
    table, blank = layout.delimiter in DELIMITERS, layout.blank
    parts = _Parts(layout) if layout.restarts or layout.sentence is not None or layout.document is not None else None
    for number, line in enumerate(lines, 1):
        if not line.strip() or (table and not line.strip(blank)):
            if builder.rows or builder.problem:
                builder.source.append(line)
                if (done := builder.finish()) is not None:
                    yield done
            else:
                builder.source.append(line)
            continue
        columns = split(line)
        first = line[0]
        if first == "#" and not _is_row(columns, layout):
            mark = document_mark(line)
            begins = layout.comments and (line.startswith("#end document") or SENTENCE_COMMENT.match(line))
            if (mark is not None or begins) and (done := builder.finish()) is not None:
                yield done
            if mark is not None:
                builder.mark = mark
                builder.kept.append(line)
                builder.source.append(line)
                continue
            if layout.comments:
                if match := TEXT_LINE.match(line):
                    builder.text = (match[1] or "").rstrip("\r\n")
                if number == 1 or line.startswith("#end document"):
                    builder.kept.append(line)
                builder.source.append(line)
                continue
        elif DOCSTART in line and (first == "-" or columns[min(token, len(columns) - 1)].startswith(DOCSTART)):
            if (mark := _docstart(line, columns[min(token, len(columns) - 1)])) is not None:
                if (done := builder.finish()) is not None:
                    yield done
                if mark != LINER2_HEAD:
                    builder.mark = mark
                builder.kept.append(line)
                builder.source.append(line)
                continue
        elif first == "<" and (match := MARKUP.fullmatch(line)) and not _is_row(columns, layout):
            if match[2] != "g" and (done := builder.finish()) is not None:
                yield done
            if match[2].lower() in DOCUMENTS and not match[1]:
                name = MARKUP_ID.search(line)
                builder.mark = name[1] if name else ""
                builder.kept.append(line)
            builder.source.append(line)
            continue
        elif first == "E" and columns == [SENTENCE_END] and least > 1:
            builder.source.append(line)
            if (done := builder.finish()) is not None:
                yield done
            continue
        elif header is not None and columns == header:
            builder.kept.append(line)
            builder.source.append(line)
            continue
        if width is not None and len(columns) > width and not any(columns[width:]):
            del columns[width:]
        expected = width if width is not None else len(builder.rows[0]) if builder.rows else len(columns)
        if parts is not None and len(columns) >= expected:
            begins, mark = parts.read(columns)
            if begins and (done := builder.finish()) is not None:
                yield done
            if mark is not None:
                builder.mark = mark
        if not builder.line:
            builder.line = number
        if len(columns) != expected or len(columns) < least:
            if builder.problem is None:
                what = (
                    f"{max(expected, least)} columns"
                    if expected == width
                    else f"{expected} columns as in the row before"
                )
                builder.problem = Problem(number, line.rstrip("\r\n"), f"{what}, not {len(columns)}")
        elif index is not None and not columns[index].isdecimal():
            if builder.problem is None:
                builder.problem = _special_row(columns, number, line, builder)
        else:
            builder.places.append(len(builder.source))
            builder.rows.append(columns)
        builder.source.append(line)
        if layout.ends and "EndOfSentence" in line and (done := builder.finish()) is not None:
            yield done
    if (done := builder.finish()) is not None:
        yield done
    if builder.source:
        yield Sentence(0, (), (), [], None, None, [], builder.source, [])


class _Parts:
    """Where sentences and documents begin in a file whose columns say so, not its empty lines."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.last: dict[int, str] = {}
        self.first = ""  # number of the first token of a sentence

    def read(self, columns: list[str]) -> tuple[bool, str | None]:
        """RETURNS (tuple[bool, str | None]): Whether a sentence begins, and the id of the document that begins."""
        layout = self.layout
        mark = (
            columns[layout.document]
            if layout.document is not None and self._changed(layout.document, columns)
            else None
        )
        begins = mark is not None
        if layout.sentence is not None:
            begins |= self._changed(layout.sentence, columns)
        elif layout.restarts and layout.index is not None:
            self.first = self.first or columns[layout.index]
            begins |= columns[layout.index] == self.first
        return begins, mark

    def _changed(self, column: int, columns: list[str]) -> bool:
        cell = columns[column]
        changed = bool(cell) and cell != self.last.get(column)
        if cell:
            self.last[column] = cell
        return changed


def _docstart(line: str, token: str) -> str | None:
    """RETURNS (str | None): Id of the document that a line with `-DOCSTART-` begins; `None` if it begins none."""
    if match := LINER2_MARK.fullmatch(line.rstrip()):
        return match[1] if match[1] is not None else LINER2_HEAD
    if not line.startswith(f"{DOCSTART}-") and token != f"{DOCSTART}-":
        return None
    rest = line[len(DOCSTART) + 1 :].strip()
    return rest[1:-1] if rest.startswith("(") and rest.endswith(")") else ""


def _read_lines(lines: Iterable[str], layout: Layout) -> Iterator[Sentence | Problem]:
    """Read a file in which each line is a sentence."""
    builder = _Builder(layout)
    for number, line in enumerate(lines, 1):
        builder.source.append(line)
        if line.startswith(f"{DOCSTART}-"):
            builder.mark = ""
            builder.kept.append(line)
        elif number == 1 and layout.header:
            builder.kept.append(line)
        elif line.strip():
            builder.line = number
            try:
                builder.rows = unfold(line, layout)
            except ValueError as error:
                builder.problem = Problem(number, line.rstrip("\r\n")[:200], str(error))
            builder.places = [len(builder.source) - 1] * len(builder.rows)
            if (done := builder.finish()) is not None:
                yield done
    if builder.source:
        yield Sentence(0, (), (), [], None, None, [], builder.source, [])


def _is_row(columns: list[str], layout: Layout) -> bool:
    """Whether a line that begins with `#` is a row of this layout."""
    if len(columns) != layout.width and not (
        layout.width is None and len(columns) > max(layout.token, layout.tag or 0)
    ):
        return False
    if layout.index is not None and not WORD_ID.fullmatch(columns[layout.index]):
        return False
    if layout.tag is None or layout.key or layout.brackets:
        return True
    try:
        split_tag(layout.form.read([columns[layout.tag].strip()])[0], bare=layout.bare)
    except ValueError:
        return False
    return True


def _special_row(columns: list[str], number: int, line: str, builder: _Builder) -> Problem | None:
    """Take a row without a token of its own: a multi-word token (`3-4`) or an empty node (`8.1`) of CoNLL-U."""
    layout = builder.layout
    match = WORD_ID.fullmatch(columns[layout.index or 0])
    if match is None:
        return Problem(number, line.rstrip("\r\n"), f"the number of the token in column {(layout.index or 0) + 1}")
    if match[2] == "-":
        start = len(builder.rows)
        length = int(match[3]) - int(match[1]) + 1
        flags = columns[layout.misc] if layout.misc is not None else ""
        builder.ranges.append((start, start + length, columns[layout.token], flags))
    return None
