"""brat: a text file and, beside it, a file of annotations."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ....errors import DossierError
from ....text.files import write_file
from ...source import TextFile, make_folder, open_text
from ..document import Annotated, Mark, Unread, verified
from .base import AnnotationFormat, file_names

LINE = re.compile(r"T\d+\t(?P<label>\S+) (?P<spans>\d+ \d+(?:;\d+ \d+)*)\t(?P<text>.*)")
KINDS = {"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "normalizations"}


class Brat(AnnotationFormat):
    """Standoff annotations; of each text two files."""

    name = "brat"
    about = "brat: NAME.ann beside NAME.txt"
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
        found = Annotated(file.path.stem, open_text(twin).read())
        others: Counter[str] = Counter()
        for line in file.lines():
            line = line.rstrip("\r\n")
            if line.startswith("T"):
                _take(found, line)
            elif line and line[0] in KINDS:
                others[KINDS[line[0]]] += 1
        found.unread.extend(f"{n} {kind}" for kind, n in others.items())
        yield found

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write two files for each text; scores are notes."""
        make_folder(output)
        texts = list(texts)
        for name, text in zip(file_names(texts), texts, strict=True):
            lines = []
            for i, mark in enumerate(text.marks, 1):
                if " " in mark.label or "\t" in mark.label:
                    raise DossierError("brat cannot hold a space in a label", value=mark.label)
                quoted = " ".join(text.text[mark.start : mark.end].split())
                lines.append(f"T{i}\t{mark.label} {mark.start} {mark.end}\t{quoted}\n")
                if mark.score is not None:
                    lines.append(f"#{i}\tAnnotatorNotes T{i}\tconfidence {mark.score:.4f}\n")
            write_file(output / f"{name}.txt", text.text)
            write_file(output / f"{name}.ann", "".join(lines))


def _take(found: Annotated, line: str) -> None:
    match = LINE.fullmatch(line)
    if match is None:
        found.unread.append(f"no annotation: {line[:40]}")
        return
    spans = match["spans"].split(";")
    if len(spans) > 1:
        found.unread.append(f"a discontinuous span: {match['label']} {match['spans']}")
        return
    start, end = map(int, spans[0].split())
    place = verified(found.text, start, end, match["text"])
    if place is None:
        found.unread.append(f"{match['label']} {start} {end}: the text there is not {match['text'][:40]!r}")
    else:
        found.marks.append(Mark(*place, match["label"]))
