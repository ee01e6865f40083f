"""What annotation tools say of a text: spans of characters with labels."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """A span of characters with its label; the score is how sure a pipeline was of it."""

    start: int
    end: int
    label: str
    score: float | None = None


class Link(NamedTuple):
    """A relation between two marked spans; the score is how sure a pipeline was of it."""

    head: Mark
    tail: Mark
    label: str
    score: float | None = None


@dataclass
class Annotated:
    """A text and what is marked in it.

    id (str): Its id; empty where the file gives none.
    text (str): The text.
    marks (list[Mark]): Its entities.
    tokens (list[tuple[int, int]]): Where tokens begin and end, if the file says so; else the tokenizer finds them.
    sentences (list[int]): Where sentences begin, if the file says so.
    links (list[Link]): Relations between its entities.
    relation_labels (list[str] | None): Those that were looked for; `None` where no relations are annotated.
    missing (list[tuple[int, int]]): Stretches in which entities were not annotated, in order and apart.
    unread (list[str]): What the file holds of this text and could not be read.
    """

    id: str = ""
    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    tokens: list[tuple[int, int]] = field(default_factory=list)
    sentences: list[int] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    relation_labels: list[str] | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Whether nobody annotated any of it."""
        if self.marks or not self.missing:
            return False
        starts, ends = zip(*self.missing, strict=True)
        gaps = zip((0, *ends), (*starts, len(self.text)), strict=True)
        return not any(self.text[start:end].strip() for start, end in gaps)

    def mark(self, start: Any, end: Any, label: Any, said: Any = None) -> bool:
        """Mark a span; what is none is unread.

        start, end (Any): Where it begins and ends, in code points or in UTF-16 code units.
        label (Any): Its label.
        said (Any): What the file says stands there; `None` if it does not.
        RETURNS (bool): Whether it is a span of the text, with a label.
        """
        first, after = whole_number(start), whole_number(end)
        place = None if first is None or after is None else verified(self.text, first, after, said)
        if place is not None and isinstance(label, str) and label.strip():
            self.marks.append(Mark(*place, label.strip()))
            return True
        named = f"{label!s:.40} {start!s:.40} {end!s:.40}"
        if said is None:
            self.unread.append(f"{named} is no labelled span of the text")
        else:
            self.unread.append(f"{named}: the text there is not {str(said)[:40]!r}")
        return False

    def link(self, head: Mark | None, tail: Mark | None, label: Any, shown: Any) -> None:
        """Relate two marked spans; what is no relation is unread.

        head, tail (Mark | None): Its ends; `None` where the file names none that is marked.
        label (Any): What it is called.
        shown (Any): It, as the file has it.
        """
        if head is None or tail is None:
            why = f"its {'head' if head is None else 'tail'} is no marked span"
        elif head == tail:
            why = "it leads from a span to itself"
        elif not isinstance(label, str) or not label.strip():
            why = "it has no label"
        elif (link := Link(head, tail, label.strip())) in self.links:
            why = "it is there twice"
        else:
            self.links.append(link)
            return
        self.unread.append(f"a relation, {str(shown)[:80]}: {why}")

    def check(self) -> None:
        """Take tokens and sentences out that do not stand in order in the text; they are unread."""
        last = 0
        for start, end in self.tokens:
            if not (is_whole(start) and is_whole(end) and last <= start <= end <= len(self.text)):
                self.unread.append(f"its tokens, of which one is at {start!s:.20} to {end!s:.20}")
                self.tokens = []
                break
            last = end
        inside = [start for start in self.sentences if is_whole(start) and 0 <= start <= len(self.text)]
        if len(inside) < len(self.sentences):
            self.unread.append(f"{len(self.sentences) - len(inside)} beginnings of sentences that are not in the text")
        self.sentences = sorted(inside)


@dataclass(frozen=True)
class Unread:
    """A text that is left out: where it stands, from 1, and why."""

    place: int
    why: str


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def whole_number(value: Any) -> int | None:
    """RETURNS (int | None): A number as any JSON has it: 4, 4.0 or "4"; `None` if it is none."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if is_whole(value) else None


def utf16_to_points(text: str, offsets: tuple[int, int]) -> tuple[int, int]:
    """Offsets as Java and JavaScript count them, where a character beyond U+FFFF is two.

    text (str): The text.
    offsets (tuple[int, int]): Begin and end in UTF-16 code units.
    RETURNS (tuple[int, int]): The same in code points.
    """
    data = text.encode("utf-16-le", "surrogatepass")
    start, end = (len(data[: 2 * offset].decode("utf-16-le", "replace")) for offset in offsets)
    return start, end


def points_to_utf16(text: str, offset: int) -> int:
    """RETURNS (int): An offset in code points as one in UTF-16 code units."""
    return offset + sum(char > "\uffff" for char in text[:offset])


def verified(text: str, start: int, end: int, said: Any) -> tuple[int, int] | None:
    """Compare a span with what the file says stands there.

    text (str): The text.
    start, end (int): The span, in code points or in UTF-16 code units.
    said (Any): What the file says; `None` if it does not.
    RETURNS (tuple[int, int] | None): The span in code points; `None` if something else stands there.
    """
    if not 0 <= start < end:
        return None
    if said is None:
        return (start, end) if end <= len(text) else None
    for span in ((start, end), utf16_to_points(text, (start, end))):
        if text[slice(*span)].split() == str(said).split():
            return span
    return None
