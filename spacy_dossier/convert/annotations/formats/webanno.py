"""INCEpTION and WebAnno: TSV 3, a token a row with the layers of annotation in columns."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from ....errors import DossierError
from ....text.files import write_file
from ...source import TextFile, make_folder
from ..document import Annotated, Unread
from .base import AnnotationFormat, file_names

HEAD = "#FORMAT=WebAnno TSV 3"
SPAN_LAYER, TEXT = "#T_SP=", "#Text="
ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
TOKEN = re.compile(r"\d+-\d+(?:\.\d+)?\t(?P<start>\d+)-(?P<end>\d+)\t")
NUMBERED = re.compile(r"(?P<value>.*)\[(?P<number>\d+)\]", re.DOTALL)
STACK = re.compile(r"(?<!\\)\|")
ESCAPED = re.compile(r"\\(->|.)")
TO_ESCAPE = re.compile(r"[\\\[\]|_;*]|->")
CONTROLS = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})
FEATURES = ("value", "label", "entity")  # which feature is the label, where a layer has several
NOTHING, NO_VALUE = "_", "*"


@dataclass
class _Sentence:
    """A sentence of a file: its text, line by line, and its tokens, each with its place in UTF-16 code units."""

    lines: list[str] = field(default_factory=list)
    tokens: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass
class _Open:
    """What is being read of a file: sentences in order, and spans by their label and number."""

    sentences: list[_Sentence] = field(default_factory=list)
    spans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


class WebAnno(AnnotationFormat):
    """The text is put together from its sentences, line feeds in between; `[n]` behind a label numbers the span."""

    name = "webanno"
    about = "INCEpTION, WebAnno: TSV 3"
    example = (
        f"{HEAD}.2\n{SPAN_LAYER}{ENTITY}|value\n\n\n{TEXT}Anna Berg left\n"
        "1-1\t0-4\tAnna\tPER[1]\t\n1-2\t5-9\tBerg\tPER[1]\t\n1-3\t10-14\tleft\t_\t\n"
    )
    folder = True

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether the first line says so."""
        return head.lstrip("\ufeff").startswith(HEAD)

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The text.

        RAISES (DossierError): If there are several layers of spans, none of them of named entities.
        """
        column: int | None = None
        state = _Open()
        layers: list[list[str]] = []
        for number, line in enumerate(file.lines(), 1):
            line = line.rstrip("\r\n")
            if line.startswith("#T_"):
                layers.append([line[:6], *line[6:].split("|")])
            elif line.startswith(TEXT):
                if not state.sentences or state.sentences[-1].tokens:
                    state.sentences.append(_Sentence())
                state.sentences[-1].lines.append(_unescape(line.removeprefix(TEXT)))
            elif match := TOKEN.match(line):
                if column is None:
                    column = _label_column(layers, file.name)
                cells = line.split("\t")
                if len(cells) <= max(column, 2):
                    raise DossierError("a row without the column of its layer", file=file.name, line=number, value=line)
                self._take(state, line, (int(match["start"]), int(match["end"])), cells[2], cells[column])
        found, places = _put_together(file.path.stem, state.sentences)
        starts = [start for start, _ in places]
        for (label, _), (start, end) in state.spans.items():
            found.mark(_point(found, places, starts, start), _point(found, places, starts, end), label)
        found.marks.sort(key=lambda mark: (mark.start, mark.end))
        if found.text:
            yield found

    def _take(self, state: _Open, line: str, place: tuple[int, int], token: str, cell: str) -> None:
        if "." not in line.split("\t", 1)[0]:
            if not state.sentences:
                state.sentences.append(_Sentence())
            state.sentences[-1].tokens.append((*place, _unescape(token)))
        if cell in (NOTHING, ""):
            return
        for i, value in enumerate(STACK.split(cell)):
            numbered = NUMBERED.fullmatch(value)
            label = _unescape(numbered["value"] if numbered else value)
            label = "NamedEntity" if label == NO_VALUE else label
            key = (label, numbered["number"] if numbered else f"{place}{i}")
            start, end = state.spans.get(key, place)
            state.spans[key] = (min(start, place[0]), max(end, place[1]))

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write a file for each text."""
        make_folder(output)
        texts = list(texts)
        for name, text in zip(file_names(texts), texts, strict=True):
            write_file(output / f"{name}.tsv", _written(text))


def _label_column(layers: list[list[str]], file: str) -> int:
    """RETURNS (int): The column of the label: of named entities, or of the only layer of spans."""
    spans: dict[str, tuple[int, list[str]]] = {}
    column = 3
    for kind, name, *features in layers:
        if kind == SPAN_LAYER:
            spans[name.rpartition(".")[2]] = (column, features)
        # A relation has one more column, which names its head; a chain has two features.
        column += max(1, len(features)) + (kind == "#T_RL=")
    if not spans:
        raise DossierError("no layer of spans", file=file, remedy="Export a file with annotated entities.")
    if "NamedEntity" not in spans and len(spans) > 1:
        raise DossierError(
            "several layers of spans, none of named entities", file=file, value=", ".join(spans), remedy="Export one."
        )
    column, features = spans.get("NamedEntity") or next(iter(spans.values()))
    wanted = next((features.index(name) for name in FEATURES if name in features), 0)
    return column + wanted


def _put_together(id: str, sentences: list[_Sentence]) -> tuple[Annotated, list[tuple[int, int]]]:
    """RETURNS (tuple): The text with its tokens and sentences; places of the tokens by the file, in UTF-16 units."""
    found, places, pieces = Annotated(id), list[tuple[int, int]](), list[str]()
    size, reached = 0, 0  # code points of the pieces, code units of the file
    for sentence in sentences:
        if not sentence.tokens:
            continue
        begin, text, firsts = _text_of(sentence)
        gap = max(0, begin - reached)
        pieces += ["\n" * gap, text]
        size += gap
        found.sentences.append(size)
        for (start, end, token), first in zip(sentence.tokens, firsts, strict=True):
            found.tokens.append((size + first, size + first + len(token)))
            places.append((start, end))
        size += len(text)
        reached = max(end, begin + len(_utf16(text)) // 2)
    found.text = "".join(pieces)
    return found, places


def _text_of(sentence: _Sentence) -> tuple[int, str, list[int]]:
    """Find the text of a sentence: what the file says it is if the tokens are in it at their places, else the tokens
    with spaces in between.

    RETURNS (tuple[int, str, list[int]]): Where it begins, in UTF-16 code units; the text; where in it tokens begin.
    """
    said, origin = "\n".join(sentence.lines), sentence.tokens[0][0]
    begin = origin - len(_utf16(said.partition(sentence.tokens[0][2])[0])) // 2
    data = _utf16(said)
    if all(data[2 * (start - begin) : 2 * (end - begin)] == _utf16(token) for start, end, token in sentence.tokens):
        units = [0, *accumulate(1 + (char > "\uffff") for char in said)]  # before each character
        return begin, said, [bisect_left(units, start - begin) for start, _, _ in sentence.tokens]
    text, firsts, reached = "", list[int](), origin
    for start, end, token in sentence.tokens:
        text += " " * (start - reached)
        firsts.append(len(text))
        text += token
        reached = end
    return origin, text, firsts


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _point(found: Annotated, places: list[tuple[int, int]], starts: list[int], offset: int) -> int | None:
    """RETURNS (int | None): An offset of the file as one in code points of the text; `None` outside of tokens."""
    at = bisect_right(starts, offset) - 1
    if at < 0 or offset > places[at][1]:
        return None
    first, last = found.tokens[at]
    token = _utf16(found.text[first:last])
    return first + len(token[: 2 * (offset - starts[at])].decode("utf-16-le", "ignore"))


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def _escape(text: str) -> str:
    return TO_ESCAPE.sub(lambda match: "\\" + match[0], text).translate(CONTROLS)


def _written(text: Annotated) -> str:
    """RETURNS (str): A text as WebAnno TSV 3.2."""
    lines = [f"{HEAD}.2\n{SPAN_LAYER}{ENTITY}|value\n\n"]
    first_of, after_of = [first for first, _ in text.tokens], [last for _, last in text.tokens]
    cells: list[list[str]] = [[] for _ in text.tokens]
    for n, mark in enumerate(text.marks, 1):
        covered = range(bisect_right(after_of, mark.start), bisect_left(first_of, mark.end))
        for i in covered:
            cells[i].append(_escape(mark.label) + ("" if len(covered) == 1 else f"[{n}]"))
    units = [0, *accumulate(1 + (char > "\uffff") for char in text.text)]
    starts = text.sentences or [0]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(text.text)], strict=True), 1):
        lines.append(f"\n{TEXT}{_escape(text.text[start:end].rstrip())}\n")
        inside = range(bisect_left(first_of, start), bisect_left(first_of, end))
        for i, token in enumerate(inside, 1):
            first, last = text.tokens[token]
            cell = "|".join(cells[token]) or NOTHING
            words = _escape(text.text[first:last])
            lines.append(f"{number}-{i}\t{units[first]}-{units[last]}\t{words}\t{cell}\t\n")
    return "".join(lines)
