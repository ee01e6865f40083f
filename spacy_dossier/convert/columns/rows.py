"""Rows of the first lines of a column file, before anything is known about their columns."""

import re
from collections import Counter
from collections.abc import Sequence

from .evidence import is_header, is_index
from .layout import DELIMITERS, DOCSTART, MARKUP, SENTENCE_END, WORD_ID, Layout, document_mark, splitter
from .lines import find_lines, unfold
from .tags import find_form, find_outside

COLUMNS_LINE = re.compile(r"#\s*global\.columns\s*=\s*(\S.*)?")
KEY_VALUE = re.compile(r"#+\s*[\w.:-]+\s*=(\s|$)|#+ (?:id|newdoc|newpar|sent_id)\b")


class Rows:
    """Rows of a file, by sentence and by column.

    texts (Sequence[str]): Lines of the file.
    outside (str | None): What stands for tokens outside entities, when the user knows it.
    file (str): What messages call the file.
    """

    def __init__(self, texts: Sequence[str], outside: str | None = None, file: str = "") -> None:
        self.outside = outside
        self.names: tuple[str, ...] = ()
        self.header = False
        self.marked = False  # whether comments of a known kind occur
        self.hashes = 0  # lines that begin with # and cannot be rows
        self.parted = False  # whether anything stands between sentences
        self.quoted = False
        self.width: int | None = None
        self.line = find_lines(texts, file)
        if self.line is not None:
            self.delimiter, self.width, self.names = self.line.delimiter, self.line.width, self.line.names
            self.parted = True
            self.sentences = self._unfold(texts, self.line)
        else:
            self.sentences = self._read(texts)
            self._drop_comments()
        self.rows = [row for sentence in self.sentences for row in sentence]
        self.columns = [list(column) for column in zip(*self.rows, strict=False)]

    @staticmethod
    def _unfold(texts: Sequence[str], layout: Layout) -> list[list[list[str]]]:
        sentences = []
        for line in texts:
            try:
                sentences.append(unfold(line, layout) if line.strip() else [])
            except ValueError:  # a bad line is named when the file is read
                continue
        return [sentence for sentence in sentences if sentence]

    def _read(self, texts: Sequence[str]) -> list[list[list[str]]]:
        body = [line for line in texts if line.strip() and not line.startswith(DOCSTART)]
        plain = [line for line in body if not line.startswith("#") and not MARKUP.fullmatch(line)] or body
        self.delimiter, self.quoted = self._find_delimiter(plain)
        split = splitter(self.delimiter, quoted=self.quoted)
        widths = Counter(len(split(line)) for line in plain)
        self.width = max(widths, key=lambda width: (widths[width], width), default=0)
        begins_document = any(line.startswith("#begin document") for line in texts)
        starred = sum("*" in split(line) for line in plain)
        if begins_document or (len(widths) > 1 and 10 * starred >= 9 * len(plain)):
            self.width = None  # columns of predicates and arguments: as many as the sentence has verbs
        blank = Layout(delimiter=self.delimiter).blank
        sentences: list[list[list[str]]] = [[]]
        for line in texts:
            columns = split(line)
            fits = len(columns) == self.width or (self.width is None and len(columns) > 2)
            if not line.strip() or not line.strip(blank) or line.startswith(DOCSTART) or columns == [SENTENCE_END]:
                self.parted |= bool(sentences[-1])
                sentences.append([])
            elif match := COLUMNS_LINE.match(line):
                self.names, self.marked = tuple((match[1] or "").split()), True
            elif line.startswith("#") and (not fits or document_mark(line) is not None or KEY_VALUE.match(line)):
                self.marked |= document_mark(line) is not None or KEY_VALUE.match(line) is not None
                self.hashes += 1
            elif not any(sentences) and not self.names and is_header(columns):
                self.names, self.header = tuple(columns), True
            elif fits:
                sentences[-1].append(columns)
            else:
                self.parted |= line.startswith("<")
        return [sentence for sentence in sentences if sentence]

    def _find_delimiter(self, lines: Sequence[str]) -> tuple[str, bool]:
        """RETURNS (tuple[str, bool]): The delimiter, and whether cells are quoted as in CSV."""
        tabs = 2 * sum("\t" in line.strip() for line in lines) > len(lines)
        for delimiter in f"\t{DELIMITERS} " if tabs else DELIMITERS:
            if not lines or 20 * sum(delimiter in line for line in lines) < 10 * len(lines):
                continue
            for quoted in (True, False) if delimiter in DELIMITERS else (False,):
                rows = [splitter(delimiter, quoted=quoted)(line) for line in lines]
                width = Counter(map(len, rows)).most_common(1)[0][0]
                rows = [row for row in rows if len(row) == width]
                if width < 2 or (delimiter != "\t" and 20 * len(rows) < 19 * len(lines)):
                    continue
                columns = [Counter(cell.strip() for cell in column) for column in zip(*rows, strict=True)]
                if any(find_form(c, self.outside) or self._mostly_outside(c) for c in columns):
                    return delimiter, quoted
        return ("\t" if tabs else " "), False

    def _mostly_outside(self, counts: Counter[str]) -> bool:
        return 2 * counts[find_outside(counts, self.outside)] > counts.total()

    def _drop_comments(self) -> None:
        """Drop comments that have as many columns as rows: GermEval's, and those that begin each sentence of KLUE."""
        odd = [row for s in self.sentences for row in s if row[0].startswith("#") and not WORD_ID.fullmatch(row[0])]
        rest = [[row for row in s if not row[0].startswith("#")] for s in self.sentences]
        first = sum(re.match(r"#+\s", s[0][0]) is not None for s in self.sentences)
        headed = len(self.sentences) > 2 and 10 * first >= 9 * len(self.sentences)
        if odd and (headed or is_index(rest, 0)):
            self.hashes += len(odd)
            self.sentences = [sentence for sentence in rest if sentence]
            self.marked = True
