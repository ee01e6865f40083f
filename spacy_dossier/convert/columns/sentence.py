"""One sentence of a column file, put together from its rows; a row that breaks the layout is named, never guessed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from ...errors import DossierError
from .detect.evidence import key_value
from .layout import DELIMITERS, WORD_ID, Layout, unquote
from .marks import Mark
from .schemes import MISSING, OUTSIDE, brackets_to_iob2, split_tag
from .tags import PLAIN, bare_cell

SURROGATE = re.compile("[\ud800-\udfff]")  # a byte that could not be decoded, or half a pair that JSON names
Span = tuple[int, int]  # a first token, and the one after the last
Columns = Sequence[Sequence[str]]  # (columns, tokens)


class Related(NamedTuple):
    """A relation between two entities of a sentence, and what it is called."""

    head: Span
    tail: Span
    label: str


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
    widened (int): Entities that begin or end inside a multi-word token, and were widened to it.
    relations (list[Related]): Relations between its entities.
    unrelated (list[Problem]): What is left out of it: relations without entities, entities over others.
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
    widened: int = 0
    relations: list[Related] = field(default_factory=list)
    unrelated: list["Problem"] = field(default_factory=list)

    def line_of(self, i: int) -> int:
        """RETURNS (int): The line, counted from 1, of the row of a token."""
        return self.line + self.places[i] - self.places[0]

    def row_of(self, i: int) -> str:
        """RETURNS (str): The row of a token, without its line end."""
        return self.source[self.places[i]].rstrip("\r\n")


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


def printable(row: str) -> str:
    """RETURNS (str): A row without its line end, with bytes that could not be decoded as escapes."""
    return row.rstrip("\r\n").encode("utf-8", "backslashreplace").decode()


def token_reader(layout: Layout) -> Callable[[Columns], Sequence[str]]:
    """RETURNS (Callable[[Columns], Sequence[str]]): Reads the tokens of a sentence off its columns."""
    column = layout.token
    if layout.wrapped:
        return lambda columns: columns[column]
    if layout.delimiter == "\t" and not layout.prefix and not layout.digits and not layout.quoted:
        return lambda columns: _padded(columns[column])
    if layout.quoted and layout.delimiter not in DELIMITERS:
        return lambda columns: [unquote(token) for token in columns[column]]
    if layout.prefix:
        return lambda columns: [token.removeprefix(layout.prefix) for token in columns[column]]
    if layout.digits:
        return lambda columns: [token[:1] for token in columns[column]]
    return lambda columns: columns[column]


def _padded(cells: Sequence[str]) -> Sequence[str]:
    """RETURNS (Sequence[str]): Cells without the spaces around them; one that is nothing else stays as it is."""
    if not any(cell[:1] == " " or cell[-1:] == " " for cell in cells):
        return cells
    return [cell.strip(" ") or cell for cell in cells]


def tag_reader(layout: Layout) -> Callable[[Columns], Sequence[str]]:
    """RETURNS (Callable[[Columns], Sequence[str]]): Reads the tags of a sentence off its columns."""
    column, key, label = layout.tag, layout.key, layout.label
    if column is None:
        return lambda columns: ("_",) * len(columns[0])
    if key:
        default = layout.key_default
        return lambda columns: [default if (tag := key_value(key, cell)) is None else tag for cell in columns[column]]
    if layout.brackets:
        return lambda columns: _bracketed(columns[column])
    if label is not None:
        outside = (layout.form.outside, *MISSING)
        return lambda columns: layout.form.read(
            [
                prefix if prefix in outside else f"{prefix}-{name}"
                for prefix, name in zip(columns[column], columns[label], strict=True)
            ]
        )
    if layout.form != PLAIN:
        return lambda columns: layout.form.read(columns[column])
    return lambda columns: _stripped(columns[column])


def _bracketed(cells: Sequence[str]) -> Sequence[str]:
    try:
        return brackets_to_iob2(cells)
    except ValueError:
        return cells  # which are no tags, and are named as such


def _stripped(cells: Sequence[str]) -> Sequence[str]:
    return cells if all(cell == bare_cell(cell) for cell in set(cells)) else [bare_cell(cell) for cell in cells]


def _parted(sentence: Sentence) -> Sentence:
    """RETURNS (Sentence): The sentence with each multi-word token parted among its words: its text is as written."""
    tokens = list(sentence.tokens)
    for start, end, form, _ in sentence.ranges:
        tokens[start:end] = part_form(form, tokens[start:end])
    sentence.tokens = tokens
    return sentence


def part_form(form: str, words: Sequence[str]) -> list[str]:
    """Part what is written among the words it stands for: `negli` is `ne` (in) and `gli`.

    form (str): What is written.
    words (Sequence[str]): The words.
    RETURNS (list[str]): As many pieces of the form, the last ones as long as they agree with their words; the words
        themselves if the form has fewer characters.
    """
    if len(form) < len(words):
        return list(words)
    pieces: list[str] = []
    for i in range(len(words) - 1, 0, -1):
        ends = zip(reversed(form), reversed(words[i]), strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))
        cut = len(form) - min(max(same, 1), len(form) - i)
        pieces.insert(0, form[cut:])
        form = form[:cut]
    return [form, *pieces]


def _merged(sentence: Sentence, layout: Layout) -> Sentence:
    """RETURNS (Sentence): The sentence with the words of each multi-word token as one, tagged as the first entity."""
    tokens, tags, columns = list(sentence.tokens), list(sentence.tags), [list(column) for column in sentence.columns]
    dropped: set[int] = set()
    for start, end, form, flags in sentence.ranges:
        inside = [tag for tag in tags[start:end] if tag != OUTSIDE]
        sentence.widened += bool(inside) and len({tag[2:] for tag in tags[start:end]}) > 1
        tokens[start], tags[start] = form, inside[0] if inside else OUTSIDE
        if layout.misc is not None:
            columns[layout.misc][start] = flags
        dropped.update(range(start + 1, end))
    kept = [i for i in range(len(tokens)) if i not in dropped]
    sentence.tokens, sentence.tags = [tokens[i] for i in kept], [tags[i] for i in kept]
    sentence.columns = [tuple(column[i] for i in kept) for column in columns]
    sentence.places, sentence.ranges = [sentence.places[i] for i in kept], []
    return sentence


class SentenceBuilder:
    """Collects the rows of a sentence and checks them.

    layout (Layout): The layout of the file.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.read_tokens, self.read_tags = token_reader(layout), tag_reader(layout)
        self.least = max(layout.token, layout.tag or 0) + 1  # columns that a row must have
        self.known: set[str] = {OUTSIDE}
        self.mark: str | None = None
        self.kept: list[str] = []  # marks and headings, which outlive a sentence that is left out
        self.start()

    def start(self) -> None:
        """Begin a sentence."""
        self.rows: list[list[str]] = []
        self.places: list[int] = []
        self.source: list[str] = []
        self.text: str | None = None
        self.ranges: list[tuple[int, int, str, str]] = []
        self.problem: Problem | None = None
        self.line = 0

    def take(self, number: int, line: str, columns: list[str], mark: Mark) -> None:
        """Take a line.

        number (int): Its number, from 1.
        line (str): The line.
        columns (list[str]): What it falls into.
        mark (Mark): What it says.
        """
        if mark.document is not None:
            self.mark = mark.document
        if mark.row:
            self._add(number, line, columns)
        elif mark.kept:
            self.kept.append(line)
        if mark.text is not None:
            self.text = mark.text
        self.source.append(line)

    def width(self, columns: list[str]) -> int:
        """RETURNS (int): How many columns a row must have."""
        if self.layout.width is not None:
            return self.layout.width
        return len(self.rows[0]) if self.rows else len(columns)

    def _add(self, number: int, line: str, columns: list[str]) -> None:
        layout = self.layout
        self.line = self.line or number
        width = self.width(columns)
        if len(columns) != width or len(columns) < self.least:
            before = " as in the row before" if layout.width is None and self.rows else ""
            what = f"{max(width, self.least)} columns{before}"
            self._spoil(number, line, f"{what}, not {len(columns)}")
        elif layout.index is not None and not columns[layout.index].isdecimal():
            self._add_special(number, line, columns)
        else:
            self.places.append(len(self.source))
            self.rows.append(columns)

    def _spoil(self, number: int, line: str, expected: str) -> None:
        if self.problem is None:
            self.problem = Problem(number, printable(line), expected)

    def _add_special(self, number: int, line: str, columns: list[str]) -> None:
        """Take a row without a token of its own: a multi-word token (`3-4`) or an empty node (`8.1`) of CoNLL-U."""
        layout = self.layout
        match = WORD_ID.fullmatch(columns[layout.index or 0])
        if match is None:
            self._spoil(number, line, f"the number of the token in column {(layout.index or 0) + 1}")
        elif match[2] == "-" and self.problem is None:
            start = len(self.rows)
            length = int(match[3]) - int(match[1]) + 1
            flags = columns[layout.misc] if layout.misc is not None else ""
            if length < 1:
                self._spoil(number, line, "the numbers of the first and the last token")
            self.ranges.append((start, start + length, columns[layout.token], flags))

    def take_sentence(self, number: int, line: str, unfold: Callable[[str, Layout], list[list[str]]]) -> None:
        """Take a line that is a sentence.

        number (int): Its number, from 1.
        line (str): The line.
        unfold (Callable): Parts it into the columns of each token; raises ValueError with what was expected.
        """
        self.line = number
        try:
            self.rows = unfold(line, self.layout)
        except ValueError as error:
            self.problem = Problem(number, printable(line)[:200], str(error))
        self.source.append(line)
        self.places = [len(self.source) - 1] * len(self.rows)

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

    def rest(self) -> Sentence | None:
        """RETURNS (Sentence | None): The lines after the last sentence as one without tokens, if there are any."""
        return Sentence(0, (), (), [], None, None, [], self.source, []) if self.source else None

    def _build(self) -> Sentence | Problem:
        columns = list(zip(*self.rows, strict=True))
        tokens, tags = self.read_tokens(columns), self.read_tags(columns)
        if "" in tokens:
            return self._problem(tokens.index(""), "a token")
        layout = self.layout
        annotation = (layout.xpos, layout.upos, layout.lemma, layout.feats, layout.nested)
        for cells in (tokens, tags, *(columns[column] for column in annotation if column is not None)):
            joined = "".join(cells)
            if not joined.isascii() and SURROGATE.search(joined):
                bad = next(i for i, cell in enumerate(cells) if SURROGATE.search(cell))
                expected = "text in the encoding of the file (see --encoding), without halves of characters"
                return self._problem(bad, expected)
        # What is no tag spoils the sentence; what is one need not be looked at again.
        for tag in sorted(set(tags) - self.known, key=tags.index):
            if not self._is_tag(tag):
                column = f"an entity tag in column {(self.layout.tag or 0) + 1}"
                expected = "matching brackets in the tag column" if self.layout.brackets else column
                return self._problem(tags.index(tag), expected)
            self.known.add(tag)
        sentence = Sentence(
            self.line, tokens, tags, columns, self.mark, self.text, self.ranges, self.source, self.places
        )
        if not self.ranges:
            return sentence
        for start, end, _, _ in self.ranges:
            if end > len(tokens):
                return self._problem(min(start, len(tokens) - 1), "as many words as the numbers of their token say")
        return _merged(sentence, self.layout) if self.layout.merged else _parted(sentence)

    def _is_tag(self, tag: str) -> bool:
        try:
            split_tag(tag, bare=self.layout.bare)
        except ValueError:
            return False
        return True

    def _problem(self, i: int, expected: str) -> Problem:
        row = self.source[self.places[i]]
        return Problem(self.line + self.places[i] - self.places[0], printable(row), expected)
