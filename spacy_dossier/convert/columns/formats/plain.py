"""Plain files: columns parted by spaces, TABs or commas, without numbers of tokens that mean anything."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from spacy.tokens import Doc, Token

from ..detect.evidence import is_chunk
from ..detect.roles import Family
from ..detect.sample import Head
from ..layout import DELIMITERS
from ..tags import find_form
from ..writing import Counts, or_missing, tagged_sentences
from .rows import RowFormat


class Plain(RowFormat):
    """Columns that are found by what they hold, unless the first row names them.

    docstart (tuple[str, ...]): The row that begins a document.
    """

    family = Family(unannotated=True)
    docstart: ClassVar[tuple[str, ...]] = ("-DOCSTART-", "O")

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether the delimiter is that of the format."""
        return head.sample.delimiter in self.delimiters

    @abstractmethod
    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""

    def join(self, cells: Sequence[str]) -> str:
        """RETURNS (str): Cells as a row."""
        return self.delimiters[0].join(cells) + "\n"

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends."""
        yield self.join(self.docstart) + "\n"
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=self.delimiters == " "):
            for token, tag in zip(sentence, tags, strict=True):
                yield self.join(self.row(token, tag))
            yield "\n"


class Conll2003(Plain):
    """Token, part of speech, chunk, tag."""

    name = "conll2003"
    about = "CoNLL-2003: token, part of speech, chunk, tag; spaces"
    example = "-DOCSTART- -X- -X- O\n\nAnna NNP B-NP B-PER\nleft VBD B-VP O\n"
    delimiters = " "
    columns = ("TOKEN", "POS", "CHUNK", "NER")
    docstart = ("-DOCSTART-", "-X-", "-X-", "O")

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are four columns, chunks in the third and other tags in the fourth."""
        columns = head.sample.columns
        if head.sample.delimiter != " " or len(columns) != 4:
            return False
        chunks, tags = (find_form(Counter(column), head.outside) for column in columns[2:])
        if chunks is None or tags is None:
            return False
        return is_chunk(chunks.read(columns[2])) and not is_chunk(tags.read(columns[3]))

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, or_missing(token.tag_), "_", tag


class Conll2002(Plain):
    """Token, part of speech, tag."""

    name = "conll2002"
    about = "CoNLL-2002: token, part of speech, tag; spaces"
    example = "-DOCSTART- -DOCSTART- O\n\nAnna N B-PER\nleft V O\n"
    delimiters = " "
    columns = ("TOKEN", "POS", "NER")
    docstart = ("-DOCSTART-", "-DOCSTART-", "O")

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are three columns, and tags in the third."""
        columns = head.sample.columns
        tagged = len(columns) == 3 and find_form(Counter(columns[2]), head.outside) is not None
        return head.sample.delimiter == " " and tagged and find_form(Counter(columns[1]), head.outside) is None

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, or_missing(token.tag_), tag


class Offsets(Plain):
    """Token, its first character, the one after its last, tag."""

    name = "offsets"
    about = "token, begin, end, tag; TABs: offsets of characters give the spaces"
    example = "-DOCSTART-\t0\t0\tO\n\nAnna\t0\t4\tB-PER\nleft\t5\t9\tO\n"
    delimiters = "\t"
    columns = ("TOKEN", "START", "END", "NER")
    docstart = ("-DOCSTART-", "0", "0", "O")

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are four columns, and numbers in the second and third."""
        columns = head.sample.columns
        numbers = len(columns) == 4 and all(cell.isdecimal() for column in columns[1:3] for cell in column)
        return numbers and head.sample.delimiter == "\t"

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, str(token.idx), str(token.idx + len(token)), tag


class Csv(Plain):
    """Cells parted by commas, semicolons or bars, in quotation marks where they hold these."""

    name = "csv"
    about = "columns with commas, semicolons or bars, cells quoted where need be; names in the first row as a rule"
    example = "sentence,token,label\n1,Anna,B-PER\n1,left,O\n"
    delimiters = DELIMITERS

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, tag

    def join(self, cells: Sequence[str]) -> str:
        """RETURNS (str): Cells as a row, quoted where need be."""
        quoted = ('"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell for cell in cells)
        return ",".join(quoted) + "\n"


class Conll(Plain):
    """Cells parted by spaces."""

    name = "conll"
    about = "columns with spaces, the tag anywhere"
    example = "-DOCSTART- O\n\nAnna B-PER\nleft O\n"
    delimiters = " "

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, tag


class Tsv(Plain):
    """Cells parted by TABs."""

    name = "tsv"
    about = "columns with TABs, the tag anywhere"
    example = "-DOCSTART-\tO\n\nAnna\tB-PER\nleft\tO\n"
    delimiters = "\t"

    def row(self, token: Token, tag: str) -> Sequence[str]:
        """RETURNS (Sequence[str]): The cells of a token."""
        return token.text, tag
