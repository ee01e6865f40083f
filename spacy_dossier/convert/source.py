"""Input files: which ones are meant, which encoding they are in, and their lines exactly as they stand."""

import codecs
import glob
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..errors import DossierError
from ..text.encoding import MARKS, TWO_BYTES, Undecodable, file_blocks, find_encoding
from ..text.words import word_set
from .unpack import COMPRESSED, is_compressed, unpack

STDIN = "-"
DATASET = "dataset_info.json"
ARRAY = re.compile(r'\s*\[\s*(?:\{\s*["}]|\])')
HEAD = 1 << 20  # bytes that tell line ends and arrays
LONE_RETURN = re.compile(r"\r(?!\r*\n|\r*\Z)")  # neither before a line feed nor at the end
# Share of lines that are UTF-8 by their bytes, from which a file is of two encodings: letters of one byte beyond ASCII
# hardly ever come in such pairs.
MIXED = 0.1
BETWEEN_CELLS = re.compile(r"[\t ,;|]")

# In a folder, files that are certainly no column files and no pairs are passed over.
OTHER_SUFFIXES = word_set(
    """.spacy .md .rst .py .sh .pl .zip .tgz .tar .pdf .html .htm .xml .yml .yaml .cfg .toml .png .jpg
    .bib .log .pyc .docx .ini .pkl .bin .safetensors"""
)


@dataclass(frozen=True)
class TextFile:
    """A text file that can be read line by line more than once.

    path (Path): Where its bytes are.
    name (str): What messages and reports call it; `-` for standard input.
    encoding (str): A Python codec.
    mark (bytes): Its byte-order mark, or nothing.
    newline (str): `"\\n"`, or an empty string where carriage returns end lines too, as on a classic Macintosh.
    array (bool): Whether it is one JSON array of objects, which are read as a line each.
    asked (str | None): The encoding that the user named.
    lang (str): The language by which encodings are told apart.
    """

    path: Path
    name: str
    encoding: str
    mark: bytes = b""
    newline: str = "\n"
    array: bool = False
    asked: str | None = None
    lang: str = "en"

    def beside(self, path: Path) -> "TextFile":
        """RETURNS (TextFile): Another file, opened as this one was. RAISES (DossierError): As `open_text`."""
        return open_text(path, encoding=self.asked, lang=self.lang)

    def lines(self) -> Iterator[str]:
        """Read the lines with their ends. Only the newline ends a line: U+0085, U+2028 and form feeds are text.

        Lone carriage returns end lines where `newline` says so. Bytes that the encoding does not have become lone
        surrogates, so that the row they stand in can be named.
        RAISES (DossierError): If a JSON array is broken, or in an encoding of several bytes what is after one that is
            missing.
        """
        if self.array:
            try:
                rows = json.loads(self.read())
            except ValueError as error:
                raise DossierError(f"not JSON: {error}", file=self.name) from None
            yield from (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            return
        with self.path.open(encoding=self.encoding, errors="surrogateescape", newline=self.newline) as file_:
            file_.seek(0)
            try:
                if self.mark:
                    file_.read(1)
                yield from file_
            except UnicodeDecodeError as error:
                raise self._undecodable(error) from None

    def read_exactly(self) -> str:
        """RETURNS (str): The whole text, without its byte-order mark. RAISES (DossierError): As `lines`."""
        try:
            return self.path.read_bytes()[len(self.mark) :].decode(self.encoding, errors="surrogateescape")
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None

    def read(self) -> str:
        """RETURNS (str): The same, all of its lines ended by a line feed."""
        return unified(self.read_exactly())

    def _undecodable(self, error: UnicodeDecodeError) -> DossierError:
        remedy = "Say its --encoding, or mend it."
        return DossierError(
            f"its text is not {self.encoding} all through: {error.reason}", file=self.name, remedy=remedy
        )


def unified(text: str) -> str:
    """RETURNS (str): A text whose lines all end with a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def make_folder(folder: Path) -> None:
    """Make a folder for outputs.

    RAISES (DossierError): If that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise DossierError("a file, not a folder", file=folder, remedy="Name the output folder last.") from None
    except OSError as error:
        raise DossierError(error.strerror or "cannot be made", file=folder) from None


def open_text(path: Path, *, name: str | None = None, encoding: str | None = None, lang: str = "en") -> TextFile:
    """Find out how a file is encoded.

    path (Path): The file.
    name (str | None): What to call it, if not by its path.
    encoding (str | None): The encoding, when the user knows it.
    lang (str): The language of the text, which tells legacy encodings apart.
    RETURNS (TextFile): The file, ready to be read.
    RAISES (DossierError): If the encoding is unknown to Python or the file is not text.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file_:
            head = file_.read(HEAD)
    except OSError as error:
        raise DossierError(error.strerror or "cannot be read", file=name) from None
    codec, mark = _named(encoding, head) if encoding is not None else _found(path, name, lang)
    text = head[len(mark) :].decode(codec, errors="replace")
    newline = "" if _returns_end_lines(text) else "\n"
    return TextFile(path, name, codec, mark, newline, ARRAY.match(text) is not None, encoding, lang)


def _returns_end_lines(text: str) -> bool:
    """Whether lone carriage returns end lines: all line ends or most, or those between pieces of as many cells."""
    returns = len(LONE_RETURN.findall(text))
    if not returns or returns >= text.count("\n"):
        return bool(returns)
    joined = [line.rstrip("\r").split("\r") for line in text.split("\n") if LONE_RETURN.search(line)]
    widths = [{len(BETWEEN_CELLS.split(piece)) for piece in pieces if piece.strip()} for pieces in joined]
    return all(len(width) <= 1 and width != {1} for width in widths)


def _named(encoding: str, head: bytes) -> tuple[str, bytes]:
    """RETURNS (tuple[str, bytes]): The codec that the user means, and its byte-order mark if it is there."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise DossierError("unknown encoding", value=encoding, remedy="Name a Python codec, as utf-8.") from None
    mark, marked = next(((mark, codec) for mark, codec in MARKS if head.startswith(mark)), (b"", None))
    codec = {"utf-8-sig": "utf-8", "utf-16": marked or "utf-16-le", "utf-32": marked or "utf-32-le"}.get(codec, codec)
    return codec, mark if marked == codec else b""


def _found(path: Path, name: str, lang: str) -> tuple[str, bytes]:
    """RETURNS (tuple[str, bytes]): The codec of a file, and its byte-order mark."""
    try:
        found = find_encoding(file_blocks(path), lang=lang)
    except Undecodable as error:
        raise DossierError(f"not a text file: {error}", file=name) from None
    if not found.codec.startswith("utf") and found.codec not in TWO_BYTES and (line := _in_two_encodings(path)):
        raise DossierError(
            "some lines are UTF-8, others are not",
            file=name,
            line=line,
            remedy=f"Write it in one encoding, or say --encoding {found.codec} to read all of it so.",
        )
    return found


def _in_two_encodings(path: Path) -> int:
    """RETURNS (int): The first line that is not UTF-8, of a file in which `MIXED` of those that tell are; else 0."""
    first, utf8, others = 0, 0, 0
    with path.open("rb") as file_:
        for number, line in enumerate(file_, 1):
            if line.isascii():
                continue
            if is_utf8(line):
                utf8 += 1
            else:
                others, first = others + 1, first or number
    return first if utf8 >= MIXED * (utf8 + others) else 0


def is_utf8(data: bytes) -> bool:
    """RETURNS (bool): Whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class Input:
    """One file to read.

    path (Path): Where it is.
    name (str): What reports call it.
    target (Path): Where its output belongs below the output folder.
    from_folder (bool): Whether it was found in a folder, not named.
    """

    path: Path
    name: str
    target: Path
    from_folder: bool = False


def find_inputs(arguments: Iterable[str]) -> list[Input]:
    """Resolve files, folders and globs to files, and give each an output path of its own.

    Files found in a folder keep their place below it. Inputs whose names differ in the suffix only, as `eng.train`
    and `eng.testa`, keep the suffix in the output's name.

    arguments (Iterable[str]): Files, folders, globs, or `-` for standard input.
    RETURNS (list[Input]): The files in the order of the arguments.
    RAISES (DossierError): If nothing is there, or two inputs would write the same output.
    """
    found: dict[Path, tuple[str, Path]] = {}
    named: set[Path] = set()
    for argument in arguments:
        files = _resolve(argument)
        found.update(files)
        if not Path(argument).is_dir():
            named.update(files)
    return place_inputs(found, named)


def place_inputs(found: dict[Path, tuple[str, Path]], named: set[Path]) -> list[Input]:
    """Give each file an output path of its own; see `find_inputs`.

    found (dict[Path, tuple[str, Path]]): Files, with their names and their places in the output.
    named (set[Path]): Those that the user has named, and that were not found in a folder.
    RETURNS (list[Input]): The files in this order.
    RAISES (DossierError): If two would write the same output.
    """
    places = {path: _without_packing(place) for path, (_, place) in found.items()}
    stems = Counter(place.with_suffix("") for place in places.values())
    inputs: list[Input] = []
    taken: dict[Path, str] = {}
    for path, (name, _) in found.items():
        place = places[path]
        stem = place.with_suffix("")
        base = place if stems[stem] > 1 else stem
        target = base.with_name(f"{base.name}.spacy")
        if target in taken:
            raise DossierError(
                f"{taken[target]} and {name} would both be written to {target}",
                remedy="Convert them into different folders.",
            )
        taken[target] = name
        inputs.append(Input(path, name, target, path not in named))
    return inputs


def _resolve(argument: str) -> dict[Path, tuple[str, Path]]:
    """RETURNS (dict[Path, tuple[str, Path]]): The files that are meant, with their names and places in the output."""
    path = Path(argument)
    if argument == STDIN:
        return {path: (STDIN, Path("stdin"))}
    if path.is_dir():
        sets = sorted(info.parent for info in path.rglob(DATASET))  # as Hugging Face saves them
        within = set(sets)
        inside = [file_ for file_ in sorted(path.rglob("*")) if _is_candidate(file_, path)]
        inside = [file_ for file_ in inside if within.isdisjoint(file_.parents)]
        if not sets and not inside:
            raise DossierError("the folder holds no file to read", file=path)
        found = {each: (each.as_posix(), Path(each.name)) for each in sets}
        return found | {file_: (file_.as_posix(), file_.relative_to(path)) for file_ in inside}
    if path.is_file():
        return {path: (argument, Path(path.name))}
    if is_stream(path):
        return {path: (argument, Path("stdin"))}
    matches = [Path(match) for match in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207
    files = [match for match in matches if match.is_file()]
    if not files:
        raise DossierError("no such file or folder", file=argument)
    return {match: (match.as_posix(), Path(match.name)) for match in files}


def _without_packing(place: Path) -> Path:
    return place.with_suffix("") if place.suffix.lower() in COMPRESSED else place


def is_output_dir(argument: str) -> bool:
    """RETURNS (bool): Whether an argument can only be meant as an output folder: nothing to read is there."""
    path = Path(argument)
    if argument == STDIN or glob.has_magic(argument):
        return False
    if path.is_dir():
        return not (path / DATASET).is_file() and not any(_is_candidate(file_, path) for file_ in path.rglob("*"))
    return not path.exists() and not path.suffix


def _is_candidate(path: Path, root: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.relative_to(root).parts)
    readme = path.stem.lower() in ("readme", "license", "licence", "changelog")
    name = _without_packing(path)
    if path.suffix == ".txt" and path.with_suffix(".ann").is_file():
        return False  # the text of a file of brat
    return path.is_file() and not hidden and not readme and name.suffix.lower() not in OTHER_SUFFIXES


def is_stream(path: Path) -> bool:
    """RETURNS (bool): Whether a path is that of a pipe or a device, which can be read once."""
    return path.is_fifo() or path.is_char_device()


@contextmanager
def spooled(source: Input) -> Iterator[Path]:
    """Give a path that can be read more than once: of a stream or a compressed file, a temporary copy.

    RAISES (DossierError): If a compressed file is broken or holds more than one file.
    """
    stream = source.name == STDIN or is_stream(source.path)
    if not stream and not is_compressed(source.path):
        yield source.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = source.path
        if stream:
            path = Path(folder) / "stdin"
            with (
                path.open("wb") as file_,
                nullcontext(sys.stdin.buffer) if source.name == STDIN else source.path.open("rb") as given,
            ):
                shutil.copyfileobj(given, file_)
        yield unpack(path, Path(folder), source.name) if is_compressed(path) else path
