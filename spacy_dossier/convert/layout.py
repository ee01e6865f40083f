"""The layout of a column file: what is in which column, and how a line falls into columns."""

import re
from collections.abc import Callable
from dataclasses import dataclass

DOCSTART = "-DOCSTART-"
FORMATS = ("auto", "columns", "conllu", "conllup", "conll2012", "uner", "germeval")
SPACES = re.compile(r"[ \t]+")
WORD_ID = re.compile(r"(\d+)(?:([-.])(\d+))?")
QUOTED = re.compile(r'"(?=.*(?:,|""))(?:[^"]|"")*"')
DOCUMENT_MARKS = (
    re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(?P<id>.*?))?\s*$"),
    re.compile(r"#begin document \(?(?P<id>.*?)\)?;?\s*(?P<part>part \d+)?\s*$"),
    re.compile(r"#{2,}\s*MEDLINE:\s*(?P<id>\S+)\s*$"),
    re.compile(r"#\s*(?:[\w.-]+:)?(?:document_?id|doc_?id)\s*=\s*(?P<id>.*?)\s*$"),
)


@dataclass(frozen=True)
class Layout:
    """Where things are in a row. Columns are counted from 0; `None` where a file has no such column.

    format (str): One of `FORMATS` but `auto`; `columns` for a plain file.
    delimiter (str): TAB, or a space for runs of spaces and TABs.
    width (int | None): Columns of each row; `None` if only the rows of one sentence agree, as in CoNLL-2012.
    token (int): The token.
    tag (int | None): The entity tag, or the column that holds `key`; `None` in a file without entities.
    key (str): Key of the entity tag among `key=value` pairs, as in a CoNLL-U MISC column.
    key_default (str): What a row without the key means.
    nested (int | None): The tag of the second layer.
    index (int | None): Number of the token in its sentence.
    start (int | None): Character offset of the token.
    lemma, upos, xpos, feats (int | None): Linguistic annotation.
    misc (int | None): Flags and `key=value` pairs joined by `|`, `SpaceAfter=No` among them.
    ends (bool): Whether an `EndOfSentence` flag, not an empty line, ends a sentence.
    names (tuple[str, ...]): Names of the columns, where the file gives them.
    header (bool): Whether the first row holds the names.
    comments (bool): Whether lines that begin with `#` and are no rows are comments.
    prefix (str): What stands before each token and is no part of it, as `en:` in WikiANN.
    quoted (bool): Whether tokens with commas or quotation marks are quoted as in CSV, as `","` is.
    brackets (bool): Whether entities are written as `(PERSON*`, `*`, `*)`.
    bare (bool): Whether tags are labels without a prefix, as in Few-NERD.
    """

    format: str = "columns"
    delimiter: str = "\t"
    width: int | None = None
    token: int = 0
    tag: int | None = None
    key: str = ""
    key_default: str = "O"
    nested: int | None = None
    index: int | None = None
    start: int | None = None
    lemma: int | None = None
    upos: int | None = None
    xpos: int | None = None
    feats: int | None = None
    misc: int | None = None
    ends: bool = False
    names: tuple[str, ...] = ()
    header: bool = False
    comments: bool = False
    prefix: str = ""
    quoted: bool = False
    brackets: bool = False
    bare: bool = False

    @property
    def splits(self) -> Callable[[str], list[str]]:
        """RETURNS (Callable[[str], list[str]]): Splits a line into its columns."""
        return split_tabs if self.delimiter == "\t" else split_spaces


def split_tabs(line: str) -> list[str]:
    """Split at each TAB: columns may be empty and may hold spaces."""
    return line.rstrip("\r\n").split("\t")


def split_spaces(line: str) -> list[str]:
    """Split at runs of spaces and TABs only: a no-break or ideographic space is part of a token."""
    return line.split() if line.isascii() else SPACES.split(line.strip(" \t\r\n"))


def unquote(cell: str) -> str:
    """RETURNS (str): A cell without the quotation marks of CSV."""
    return cell[1:-1].replace('""', '"') if QUOTED.fullmatch(cell) else cell


def document_mark(line: str) -> str | None:
    """RETURNS (str | None): The id of the document that begins at this comment, which may be empty; else `None`."""
    for pattern in DOCUMENT_MARKS:
        if match := pattern.match(line):
            groups = match.groupdict()
            return " ".join(filter(None, (groups.get("id"), groups.get("part"))))
    return None
