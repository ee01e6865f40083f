"""brat: a text file and, beside it, a file of annotations."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ....errors import DossierError
from ....text.files import write_file
from ...source import TextFile, make_folder, unified
from ..document import Annotated, Mark, Unread
from .base import AnnotationFormat, file_names

WHITE_SPACE = re.compile(r"\s")
NUMBER = re.compile(r"\d+")
LINE = re.compile(r"T\d+\t(?P<label>\S+) (?P<spans>\d+ \d+(?:;\d+ \d+)*)\t(?P<text>.*)")
RELATION = re.compile(r"R\d+\t(?P<label>\S+) \S+?:(?P<head>T\d+) \S+?:(?P<tail>T\d+)\s*")
KINDS = {"*": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "normalizations"}


class Brat(AnnotationFormat):
    """Standoff annotations; of each text two files."""

    name = "brat"
    about = "brat: NAME.ann beside NAME.txt"
    links = True
    example = "T1\tPER 0 9\tAnna Berg\n"
    folder = True

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether this is a file of annotations, by its name or its first line."""
        return file.path.suffix.lower() == ".ann" or LINE.fullmatch(head.split("\n")[0].rstrip("\r")) is not None

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The text."""
        twin = file.path.with_suffix(".txt")
        if not twin.is_file():
            raise DossierError("the text is not beside it", file=file.name, remedy=f"Put {twin.name} into its folder.")
        text = file.beside(twin).read_exactly()
        lines = [line.rstrip("\r\n") for line in file.lines()]
        found = _annotated(file.path.stem, text, lines)
        if found.unread and "\r" in text:  # line ends may have been changed since offsets were counted
            found = min(found, _annotated(file.path.stem, unified(text), lines), key=lambda one: len(one.unread))
        others = Counter(KINDS[line[0]] for line in lines if line and line[0] in KINDS)
        found.unread.extend(f"{n} {kind}" for kind, n in others.items())
        yield found

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write two files for each text; scores are notes."""
        make_folder(output)
        texts = list(texts)
        for name, text in zip(file_names(texts), texts, strict=True):
            lines = []
            for label in (*(mark.label for mark in text.marks), *(link.label for link in text.links)):
                if WHITE_SPACE.search(label):
                    raise DossierError("brat cannot hold a space in a label", value=label)
            for i, mark in enumerate(text.marks, 1):
                quoted = WHITE_SPACE.sub(" ", text.text[mark.start : mark.end])
                lines.append(f"T{i}\t{mark.label} {mark.start} {mark.end}\t{quoted}\n")
                if mark.score is not None:
                    lines.append(f"#{i}\tAnnotatorNotes T{i}\tconfidence {mark.score:.4f}\n")
            numbers = {mark: i for i, mark in enumerate(text.marks, 1)}
            for i, (head, tail, label, score) in enumerate(text.links, 1):
                lines.append(f"R{i}\t{label} Arg1:T{numbers[head]} Arg2:T{numbers[tail]}\n")
                if score is not None:
                    lines.append(f"#{len(numbers) + i}\tAnnotatorNotes R{i}\tconfidence {score:.4f}\n")
            write_file(output / f"{name}.txt", text.text)
            write_file(output / f"{name}.ann", "".join(lines))


def _annotated(id: str, text: str, lines: list[str]) -> Annotated:
    """RETURNS (Annotated): A text with the spans of these lines."""
    found = Annotated(id, text)
    marks: dict[str, Mark] = {}
    for line in lines:
        if line.startswith("T") and _take(found, line):
            marks[line.partition("\t")[0]] = found.marks[-1]
    for line in lines:
        if line.startswith("R"):
            match = RELATION.fullmatch(line)
            ends = [marks.get(match[name]) for name in ("head", "tail")] if match else [None, None]
            found.link(ends[0], ends[1], match and match["label"], line)
    return found


def _take(found: Annotated, line: str) -> bool:
    """RETURNS (bool): Whether a line marks a span of the text."""
    match = LINE.fullmatch(line)
    if match is None:
        found.unread.append(f"no annotation: {line[:40]}")
        return False
    numbers = [int(number) for number in NUMBER.findall(match["spans"])]
    gaps = [found.text[end:start] for end, start in zip(numbers[1:-1:2], numbers[2::2], strict=True)]
    if any(not gap.isspace() for gap in gaps):  # brat parts a span at the ends of lines
        found.unread.append(f"a discontinuous span: {match['label']} {match['spans'][:60]}")
        return False
    return found.mark(numbers[0], numbers[-1], match["label"], match["text"])
