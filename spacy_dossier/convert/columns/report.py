"""What was read from a column file, as data and as lines for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..report import Report, labels_in_line, relations_in_line
from .spacing import BY_RULE, UNRELIABLE

LONG = 1000  # tokens of a sentence that is worth a word


@dataclass
class ColumnReport(Report):
    """What was read from one file, and what was found out about it.

    docs (int): Documents that the file marks; 0 if it marks none.
    sents, tokens, ents (int): Sentences, tokens and entities.
    labels (dict[str, int]): Entities by label, the most frequent first.
    written (int): Docs written.
    missing (int): Tokens without annotation.
    orphans (int): Inner tags that opened an entity.
    unclosed (int): Entities without the end that their scheme marks.
    widened (int): Entities that were widened to a multi-word token, inside which they begin or end.
    longest (int): Tokens of the longest sentence.
    skipped (int): Sentences left out.
    relations (dict[str, int] | None): Relations by label, the most frequent first; `None` where the file has none.
    unrelated (int): Relations, and entities over others, that were left out.
    guessed (bool): Whether the encoding is a guess.
    delimiter (str): What parts the columns, in words.
    names (list[str]): Names of the columns, where the file gives them.
    further (list[int]): Columns, from 1, that hold tags too and are not read.
    spaces (dict[str, int]): Sentences by what said where their spaces are.
    sentence_ends, document_mark (str): What parts sentences and documents, where it is not empty lines.
    error (str): Why the file, one of a folder, was left out as a whole.
    violations (list[dict]): Line, row and kind of tags that break the scheme.
    problems (list[dict]): Line, row and what was expected instead, one for each sentence left out.
    """

    docs: int = 0
    sents: int = 0
    tokens: int = 0
    ents: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    written: int = 0
    missing: int = 0
    orphans: int = 0
    unclosed: int = 0
    widened: int = 0
    longest: int = 0
    skipped: int = 0
    relations: dict[str, int] | None = None
    unrelated: int = 0
    format: str = ""
    scheme: str = ""
    scheme_by_label: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    guessed: bool = False
    delimiter: str = ""
    names: list[str] = field(default_factory=list)
    further: list[int] = field(default_factory=list)
    spaces: dict[str, int] = field(default_factory=dict)
    sentence_ends: str = ""
    document_mark: str = ""
    error: str = ""
    columns: dict[str, int | str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)

    unit = "sentences"

    @property
    def left(self) -> int:
        """RETURNS (int): What is left out of documents."""
        return self.unrelated

    def line(self) -> str:
        """RETURNS (str): What was found out and what was read, in one line."""
        encoding = f"{self.encoding} (a guess)" if self.guessed else self.encoding
        how = f"{self.format} ({self.delimiter})" if self.delimiter else self.format
        marked = f"{self.docs:,} documents" if self.docs else f"no document marks, {self.written:,} groups"
        by = f" by {self.document_mark}" if self.document_mark else ""
        ends = f" by {self.sentence_ends}" if self.sentence_ends else ""
        return (
            f"{how}, {encoding}: {self._columns()}; spaces {self._spaces()}; {marked}{by}, "
            f"{self.sents:,} sentences{ends}, {self.tokens:,} tokens, {self.ents:,} entities"
            + labels_in_line(self.labels)
            + ("" if self.relations is None else relations_in_line(self.relations))
        )

    def _columns(self) -> str:
        tokens, tag = self.columns["token"], self.columns.get("tag")
        if tag is None:
            return f"tokens in column {self._column(tokens)}, no tags"
        more = [
            self.scheme,
            *(f"{name} {self.columns[name]!r}" for name in ("key", "form", "outside") if name in self.columns),
        ]
        if self.further:
            more.append(f"tags too in {', '.join(map(self._column, self.further))}")
        return f"tokens in column {self._column(tokens)}, tags in {self._column(tag)} ({'; '.join(more)})"

    def _column(self, number: int | str) -> str:
        """RETURNS (str): The number of a column, with its name."""
        place = int(number) - 1
        return f"{number} {self.names[place]!r}" if place < len(self.names) and self.names[place] else str(number)

    def _spaces(self) -> str:
        total = sum(self.spaces.values())
        return ", ".join(name if n == total else f"{name} ({n:,})" for name, n in self.spaces.items())

    def warnings(self, lang: str, *, outside: str | None) -> Iterator[str]:
        """Say what may be wrong.

        lang (str): The language that spaces were restored in.
        outside (str | None): What the user says stands outside entities.
        YIELDS (str): A line, to stand behind the name of the file.
        """
        if self.guessed:
            yield f": {self.encoding} is a guess; if letters are wrong, say --lang or --encoding"
        if BY_RULE in self.spaces and lang in UNRELIABLE:
            yield f": spaces restored by rule are unreliable in {lang}: {UNRELIABLE[lang]:.0%} of sentences are exact"
        if self.orphans:
            yield f": {self.orphans:,} inner tags without a beginning opened an entity"
        if self.unclosed:
            yield f": {self.unclosed:,} entities lack the tag that ends them"
        if self.widened:
            yield f": {self.widened:,} entities were widened to the multi-word token they begin or end in"
        if self.unrelated:
            yield f": {self.unrelated:,} relations or entities left out"
        if self.longest > LONG:
            yield f": the longest sentence has {self.longest:,} tokens; are ends of sentences missing?"
        if self.tokens and "tag" not in self.columns:
            yield ": no column holds entity tags, so none are annotated (see --tag-column)"
        elif self.missing:
            remedy = "" if outside else "; if that means outside, say so with --outside"
            yield f": {self.missing:,} tokens are marked as not annotated{remedy}"
