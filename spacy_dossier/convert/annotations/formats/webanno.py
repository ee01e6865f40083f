"""INCEpTION and WebAnno: TSV 3, a token a row with the layers of annotation in columns."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ....errors import DossierError
from ....text.files import write_file
from ...source import TextFile, make_folder
from ..document import Annotated, Mark, Unread, points_to_utf16
from .base import AnnotationFormat, file_names

HEAD = "#FORMAT=WebAnno TSV 3"
SPAN_LAYER, TEXT = "#T_SP=", "#Text="
ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
TOKEN = re.compile(r"\d+-\d+(?:\.\d+)?\t(?P<start>\d+)-(?P<end>\d+)\t")
NUMBERED = re.compile(r"(?P<value>.*)\[(?P<number>\d+)\]", re.DOTALL)
STACK = re.compile(r"(?<!\\)\|")
ESCAPED = re.compile(r"\\(->|.)")
TO_ESCAPE = re.compile(r"[\\\[\]|_;*]|->")
FEATURES = ("value", "label", "entity")  # which feature is the label, where a layer has several
NOTHING, NO_VALUE = "_", "*"


@dataclass
class _Open:
    """What is being read of a file: rows give tokens in order, and spans by their number."""

    found: Annotated
    places: list[tuple[int, int]] = field(default_factory=list)  # of tokens, in UTF-16 code units
    spans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


class WebAnno(AnnotationFormat):
    """The text is put together from its sentences; `[n]` behind a label numbers the span."""

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
        state = _Open(Annotated(file.path.stem))
        layers: list[list[str]] = []
        for number, line in enumerate(file.lines(), 1):
            line = line.rstrip("\r\n")
            if line.startswith("#T_"):
                layers.append([line[:6], *line[6:].split("|")])
            elif line.startswith(TEXT):
                _begin_sentence(state)
            elif match := TOKEN.match(line):
                if column is None:
                    column = _label_column(layers, file.name)
                cells = line.split("\t")
                if len(cells) <= max(column, 2):
                    raise DossierError("a row without the column of its layer", file=file.name, line=number, value=line)
                self._take(state, line, (int(match["start"]), int(match["end"])), cells[2], cells[column])
        if state.found.sentences[-1:] == [-1]:  # a sentence without a token
            state.found.sentences.pop()
        text = state.found.text
        for (label, _), (start, end) in state.spans.items():
            first, last = _points(state, start), _points(state, end)
            if first < last:
                state.found.marks.append(Mark(first, last, label))
            else:
                state.found.unread.append(f"{label} {start} {end} is no span of the text")
        state.found.marks.sort(key=lambda mark: (mark.start, mark.end))
        if text:
            yield state.found

    def _take(self, state: _Open, line: str, place: tuple[int, int], token: str, cell: str) -> None:
        if "." not in line.split("\t", 1)[0]:
            _add_token(state, place, _unescape(token))
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


def _begin_sentence(state: _Open) -> None:
    """Remember that a sentence begins; its place is that of its first token."""
    if state.found.sentences[-1:] != [-1]:
        state.found.sentences.append(-1)


def _add_token(state: _Open, place: tuple[int, int], token: str) -> None:
    """Add a token to the text: what stands before it are spaces, and line feeds before a sentence."""
    found = state.found
    last = state.places[-1][1] if state.places else 0
    if found.sentences and found.sentences[-1] == -1:
        found.text += "\n" * (place[0] - last)
        found.sentences[-1] = len(found.text)
    else:
        found.text += " " * (place[0] - last)
    found.tokens.append((len(found.text), len(found.text) + len(token)))
    state.places.append(place)
    found.text += token


def _points(state: _Open, offset: int) -> int:
    """RETURNS (int): An offset of the file, in UTF-16 code units, as one in code points of the text."""
    for (start, end), (first, last) in zip(state.places, state.found.tokens, strict=True):
        if start <= offset <= end:
            token = state.found.text[first:last]
            return first + len(token.encode("utf-16-le")[: 2 * (offset - start)].decode("utf-16-le", "ignore"))
    return len(state.found.text)


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def _escape(text: str) -> str:
    return TO_ESCAPE.sub(lambda match: "\\" + match[0], text).replace("\t", "\\t").replace("\n", "\\n")


def _written(text: Annotated) -> str:
    """RETURNS (str): A text as WebAnno TSV 3.2."""
    lines = [f"{HEAD}.2\n{SPAN_LAYER}{ENTITY}|value\n\n"]
    starts = text.sentences or [0]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(text.text)], strict=True), 1):
        lines.append(f"\n{TEXT}{_escape(text.text[start:end].rstrip())}\n")
        inside = [place for place in text.tokens if start <= place[0] < end]
        for i, (first, last) in enumerate(inside, 1):
            cells = []
            for n, mark in enumerate(text.marks, 1):
                if mark.start < last and first < mark.end:
                    alone = sum(mark.start < b and a < mark.end for a, b in text.tokens) == 1
                    cells.append(_escape(mark.label) + ("" if alone else f"[{n}]"))
            place = f"{points_to_utf16(text.text, first)}-{points_to_utf16(text.text, last)}"
            token = _escape(text.text[first:last])
            lines.append(f"{number}-{i}\t{place}\t{token}\t{'|'.join(cells) or NOTHING}\t\n")
    return "".join(lines)
