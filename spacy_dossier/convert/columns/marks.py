"""Lines of a column file that are no rows: ends of sentences, comments, and marks of documents."""

import re
from dataclasses import dataclass

from ..rows import EXCEL_DELIMITER
from .layout import WORD_ID, Layout
from .schemes import split_tag

DOCSTART = "-DOCSTART"  # Liner2 goes on with a space and the name of a file, all others with a hyphen
DOCSTART_TOKENS = ("-DOCSTART-", "DOCSTART")  # in any case: copies in lower case, and those that lost the hyphens
MAX_FILLER = 3  # characters of what stands beside it: -X-, O, a number
BYTE_ORDER_MARK = "\ufeff"
LINER2_MARK = re.compile(r"-DOCSTART (?:CONFIG FEATURES.*|FILE (?P<id>.*))")  # the first names the columns
SENTENCE_END = "EOS"  # what MeCab and CaboCha write
MARKUP = re.compile(r"<(/?)(\w+)(?:\s[^<>]*)?/?>\s*")
MARKUP_ID = re.compile(r"""\s(?:id|name|title)=["']?([^"'<>]*)""")
DOCUMENTS = frozenset(("doc", "document", "text", "article", "file", "headline"))  # the last in Finnish FiNER data
END_FLAG = "EndOfSentence"  # in the MISC column of HIPE files
GLUE = "g"  # `<g/>` of Sketch Engine: no space here; it ends no sentence
TEXT_COMMENT = re.compile(r"#\s*text\s*=\s*(\S.*)?")
SENTENCE_COMMENT = re.compile(r"#\s*(?:sent_id|text|newpar|id)\b")
BEGIN_DOCUMENT = "#begin document "  # (nw/wsj/00/wsj_0001); part 000
END_DOCUMENT = "#end document"
DOCUMENT_COMMENTS = (
    re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(?P<id>\S.*)?)?"),
    re.compile(r"#{2,}\s*MEDLINE:\s*(?P<id>\S+)"),
    re.compile(r"#doc(?:\s+(?P<id>\S.*))?"),
    re.compile(r"#\s*(?:[\w.-]+:)?(?:document_?id|doc_?id)\s*=\s*(?P<id>\S.*)?"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a line says beside its columns.

    row (bool): Whether it is the row of a token.
    before, after (bool): Whether a sentence ends before it; with it.
    document (str | None): The id, which may be empty, of the document that begins.
    kept (bool): Whether the line outlives a sentence that is left out.
    text (str | None): The sentence as it was written.
    """

    row: bool = False
    before: bool = False
    after: bool = False
    document: str | None = None
    kept: bool = False
    text: str | None = None


ROW, LAST_ROW = Mark(row=True), Mark(row=True, after=True)
BLANK, NO_END = Mark(after=True), Mark()
HEADER = Mark(kept=True)


class Classifier:
    """Tells rows from other lines.

    layout (Layout): The layout of the file.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.blank, self.split = layout.blank, layout.splits
        self.least = max(layout.token, layout.tag or 0) + 1  # columns that a row must have
        self.header = [name for name in layout.names if name] if layout.header else None
        self.begins = True  # whether a sentence may begin at the next line
        self.blanks = 0  # empty lines up to here

    def __call__(self, line: str, number: int) -> tuple[list[str], Mark]:
        """Read a line.

        line (str): The line, with its end.
        number (int): Its number, from 1.
        RETURNS (tuple[list[str], Mark]): Its columns and what it says.
        """
        if not line.strip(self.blank) or line.isspace():
            self.blanks += 1
            if self.layout.sentence is not None or (self.layout.doubled and self.blanks == 1):
                return [], NO_END
            self.begins = True
            return [], BLANK
        self.blanks = 0
        line = without_mark(line, begins=self.begins)
        columns = self.split(line)
        mark = self._mark(line, columns, number)
        self.begins = mark is not None
        if mark is not None:
            return columns, mark
        width = self.layout.width
        if width is not None and len(columns) > width and not any(columns[width:]):
            del columns[width:]
        return columns, LAST_ROW if self.layout.ends and END_FLAG in line else ROW

    def _mark(self, line: str, columns: list[str], number: int) -> Mark | None:
        first = line[0]
        if number == 1 and EXCEL_DELIMITER.fullmatch(line):
            return HEADER
        if first == "#" and not self.is_row(columns):
            return self._comment(line, number)
        if "docstart" in line.lower():
            return self._docstart(line, columns)
        if first == "<" and (match := MARKUP.fullmatch(line)) and not self.is_row(columns):
            return self._markup(line, match)
        if first == "E" and columns == [SENTENCE_END] and self.least > 1:
            return BLANK
        if self.header and columns[-1] == self.header[-1] and [name for name in columns if name] == self.header:
            return HEADER
        return None

    def is_row(self, columns: list[str]) -> bool:
        """RETURNS (bool): Whether what looks like a comment or markup is a row: `#` begins tokens too."""
        layout = self.layout
        if len(columns) != layout.width and not (layout.width is None and len(columns) >= self.least):
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

    def _comment(self, line: str, number: int) -> Mark | None:
        if (document := document_mark(line)) is not None:
            return Mark(before=True, document=document, kept=True)
        if not self.layout.comments:
            return None  # a row without its tag
        ends = line.startswith(END_DOCUMENT)
        match = TEXT_COMMENT.match(line)
        text = (match[1] or "").rstrip("\r\n") if match else None
        begins = SENTENCE_COMMENT.match(line) is not None
        return Mark(before=ends or begins, kept=ends or number == 1, text=text)

    def _docstart(self, line: str, columns: list[str]) -> Mark | None:
        """RETURNS (Mark | None): What a line with `-DOCSTART` says; `None` where it is part of a longer token."""
        if match := LINER2_MARK.fullmatch(line.rstrip()):
            return Mark(before=True, document=match["id"], kept=True)
        token = columns[min(self.layout.token, len(columns) - 1)].upper()
        alone = all(len(cell) <= MAX_FILLER or cell.upper() in DOCSTART_TOKENS for cell in columns)
        marked = f"{DOCSTART}-" in (line[: len(DOCSTART) + 1].upper(), token)
        if not marked and not (token in DOCSTART_TOKENS and alone):
            return None
        rest = line[len(DOCSTART) + 1 :].strip()
        named = rest.startswith("(") and rest.endswith(")")
        return Mark(before=True, document=rest[1:-1] if named else "", kept=True)

    def _markup(self, line: str, match: re.Match[str]) -> Mark:
        begins = match[2].lower() in DOCUMENTS and not match[1]
        id_ = MARKUP_ID.search(line) if begins else None
        return Mark(before=match[2] != GLUE, document=(id_[1] if id_ else "") if begins else None, kept=begins)


def is_docstart(line: str) -> bool:
    """RETURNS (bool): Whether a line begins as the mark of a document does, in any case."""
    return line[: len(DOCSTART)].upper() == DOCSTART


def without_mark(line: str, *, begins: bool) -> str:
    """Drop a byte-order mark that stands in a file because files were joined.

    line (str): A line.
    begins (bool): Whether a sentence may begin at it: a mark inside one, or alone in its cell, is a token.
    RETURNS (str): The line without the mark.
    """
    return line[1:] if begins and line[0] == BYTE_ORDER_MARK and line[1:2].strip() else line


def document_mark(line: str) -> str | None:
    """RETURNS (str | None): The id of the document that begins at this comment, which may be empty; else `None`."""
    if line.startswith(BEGIN_DOCUMENT):
        name = line.removeprefix(BEGIN_DOCUMENT).strip()
        before, found, number = name.rpartition("part ")
        part = f"part {number}" if found and number.isdecimal() else ""
        name = (before if part else name).rstrip().removesuffix(";").removesuffix(")").removeprefix("(")
        return f"{name} {part}".strip()
    line = line.rstrip()
    matches = (pattern.fullmatch(line) for pattern in DOCUMENT_COMMENTS)
    return next(((match["id"] or "") for match in matches if match), None)
