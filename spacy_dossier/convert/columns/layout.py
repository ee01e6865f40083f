"""The layout of a column file: what is in which column, and how a line falls into columns."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .tags import PLAIN, TagForm

SPACES = re.compile(r"[ \t]+")
WORD_ID = re.compile(r"(\d+)(?:([-.])(\d+))?")
QUOTED = re.compile(r'"(?=.*(?:,|""))(?:[^"]|"")*"')
DELIMITERS = ",;|"  # of CSV files; what may stand within quotation marks


@dataclass(frozen=True)
class Layout:
    """Where things are in a row. Columns are counted from 0; `None` where a file has no such column.

    format (str): The name of a format.
    delimiter (str): TAB; a space for runs of spaces and TABs; comma, semicolon or bar.
    width (int | None): Columns of each row; `None` if only the rows of one sentence agree, as in CoNLL-2012.
    token (int): The token.
    tag (int | None): The entity tag, or the column that holds `key`; `None` in a file without entities.
    form (TagForm): How tags are spelled.
    label (int | None): The label, where the tag column holds the prefix alone.
    label_outside (str): What the label column holds outside entities.
    key (str): Key of the entity tag among `key=value` pairs, as in a CoNLL-U MISC column.
    key_default (str): What a row without the key means.
    nested (int | None): The tag of the second layer.
    index (int | None): Number of the token in its sentence.
    restarts (bool): Whether the number, not an empty line, tells where a sentence begins.
    sentence (int | None): The number or name of the sentence; another one begins a sentence, an empty cell does not.
    document (int | None): The name of the document, in the same way.
    start (int | None): Character offset of the token.
    lemma, upos, xpos, feats (int | None): Linguistic annotation.
    misc (int | None): Flags and `key=value` pairs joined by `|`, `SpaceAfter=No` among them.
    ends (bool): Whether an `EndOfSentence` flag, not an empty line, ends a sentence.
    doubled (bool): Whether an empty line stands after each row, so that two or more end a sentence.
    ruled (bool): Whether nothing parts the sentences, so that full stops do.
    names (tuple[str, ...]): Names of the columns, where the file gives them.
    header (bool): Whether the first row holds the names.
    comments (bool): Whether lines that begin with `#` and are no rows are comments.
    prefix (str): What stands before each token and is no part of it, as `en:` in WikiANN.
    spaced (bool): Whether tokens of white space are all the spaces there are, as in KLUE.
    quoted (bool): Whether cells with delimiters or quotation marks are quoted as in CSV, as `","` is.
    wrapped (bool): Whether all cells but numbers are in quotation marks, as R writes them between TABs.
    digits (bool): Whether a digit follows each token of one character and is no part of it, as in the Weibo corpus.
    cells (tuple[int, ...]): Where a line is a sentence, which of its cells are columns.
    text_key, document_key (str): Names in a JSON object of the sentence as it was written, and of its document.
    relations (str): What a JSON object calls its list of relations.
    spans (str): What it calls its list of entities, where no list of tags says them.
    links (int | None): The list of relations of an entity; beside it stand the tokens that they lead to.
    further (tuple[int, ...]): Other columns that hold tags, which are not read.
    merged (bool): Whether the words of a multi-word token of CoNLL-U are read as the one token they are written as.
    brackets (bool): Whether entities are written as `(PERSON*`, `*`, `*)`.
    bare (bool): Whether tags are labels without a prefix, as in Few-NERD.
    """

    format: str = "tsv"
    delimiter: str = "\t"
    width: int | None = None
    token: int = 0
    tag: int | None = None
    form: TagForm = PLAIN
    label: int | None = None
    label_outside: str = "_"
    key: str = ""
    key_default: str = "O"
    nested: int | None = None
    index: int | None = None
    restarts: bool = False
    sentence: int | None = None
    document: int | None = None
    start: int | None = None
    lemma: int | None = None
    upos: int | None = None
    xpos: int | None = None
    feats: int | None = None
    misc: int | None = None
    ends: bool = False
    doubled: bool = False
    ruled: bool = False
    names: tuple[str, ...] = ()
    header: bool = False
    comments: bool = False
    prefix: str = ""
    spaced: bool = False
    quoted: bool = False
    wrapped: bool = False
    digits: bool = False
    cells: tuple[int, ...] = ()
    text_key: str = ""
    document_key: str = ""
    relations: str = ""
    spans: str = ""
    links: int | None = None
    further: tuple[int, ...] = ()
    merged: bool = False
    brackets: bool = False
    bare: bool = False

    @property
    def has_relations(self) -> bool:
        """RETURNS (bool): Whether the file holds relations."""
        return bool(self.relations) or self.links is not None

    @property
    def splits(self) -> Callable[[str], list[str]]:
        """RETURNS (Callable[[str], list[str]]): Splits a line into its columns."""
        return split_wrapped if self.wrapped else splitter(self.delimiter, quoted=self.quoted)

    @property
    def blank(self) -> str:
        """RETURNS (str): Characters of lines that end a sentence: a table may keep its delimiters there."""
        return " \t\r\n\x0b\x0c" + (self.delimiter + '"' if self.delimiter in DELIMITERS else "")


def splitter(delimiter: str, *, quoted: bool) -> Callable[[str], list[str]]:
    """RETURNS (Callable[[str], list[str]]): Splits a line at a delimiter of `Layout`."""
    if delimiter == "\t":
        return split_tabs
    if delimiter == " ":
        return split_spaces
    return partial(split_table, delimiter=delimiter, quoted=quoted)


def split_table(line: str, delimiter: str, quoted: bool) -> list[str]:
    """Split at each delimiter, but not within quotation marks if cells can be quoted."""
    line = line.rstrip("\r\n")
    return next(csv.reader([line], delimiter=delimiter)) if quoted and '"' in line else line.split(delimiter)


def split_tabs(line: str) -> list[str]:
    """Split at each TAB: columns may be empty and may hold spaces."""
    return line.rstrip("\r\n").split("\t")


def split_wrapped(line: str) -> list[str]:
    """Split at each TAB, and take the quotation marks off each cell; `\\"` and `""` are one in it."""
    return [
        cell[1:-1].replace('\\"', '"').replace('""', '"') if is_wrapped(cell) else cell for cell in split_tabs(line)
    ]


def is_wrapped(cell: str) -> bool:
    """RETURNS (bool): Whether a cell is in quotation marks."""
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def split_spaces(line: str) -> list[str]:
    """Split at runs of spaces and TABs only: a no-break or ideographic space is part of a token."""
    return line.split() if line.isascii() else SPACES.split(line.strip(" \t\r\n"))


def unquote(cell: str) -> str:
    """RETURNS (str): A cell without the quotation marks of CSV."""
    return cell[1:-1].replace('""', '"') if QUOTED.fullmatch(cell) else cell
