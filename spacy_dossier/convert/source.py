"""Input files: which ones are meant, which encoding they are in, and their lines exactly as they stand."""

import glob
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import DossierError
from ..text.encoding import guess_encoding
from ..text.words import word_set
from .unpack import COMPRESSED, is_compressed, unpack

STDIN = "-"
ARRAY = re.compile(r'\s*\[\s*(?:\{\s*["}]|\])')
CHUNK = 1 << 20  # bytes read at a time while an encoding is looked for
SAMPLE = 1 << 18  # bytes of non-ASCII lines that decide about a legacy encoding

# In a folder, files that are certainly no column files and no pairs are passed over.
OTHER_SUFFIXES = word_set(
    """.spacy .md .rst .py .sh .pl .zip .tgz .tar .pdf .html .htm .xml .yml .yaml .cfg .toml .png .jpg
    .bib .log .pyc .docx .ini .pkl .bin .safetensors"""
)

# A byte-order mark decides. UTF-32 LE begins with the mark of UTF-16 LE, so it comes first.
MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

# What files that are not UTF-8 are written in, by language; the first that decodes and reads as text is taken.
LEGACY = {
    "ar": ["cp1256", "iso8859_6"],
    "be": ["cp1251", "koi8_u"],
    "bg": ["cp1251", "iso8859_5", "koi8_r"],
    "cs": ["cp1250", "iso8859_2"],
    "el": ["cp1253", "iso8859_7"],
    "et": ["cp1257", "iso8859_15"],
    "fa": ["cp1256"],
    "he": ["cp1255", "iso8859_8"],
    "hr": ["cp1250", "iso8859_2"],
    "hu": ["cp1250", "iso8859_2"],
    "ja": ["shift_jis", "euc_jp", "iso2022_jp"],
    "ko": ["cp949", "euc_kr"],
    "lt": ["cp1257", "iso8859_13"],
    "lv": ["cp1257", "iso8859_13"],
    "mk": ["cp1251", "iso8859_5"],
    "pl": ["iso8859_2", "cp1250"],
    "ro": ["cp1250", "iso8859_2"],
    "ru": ["cp1251", "koi8_r", "iso8859_5", "cp866"],
    "sk": ["cp1250", "iso8859_2"],
    "sl": ["cp1250", "iso8859_2"],
    "sr": ["cp1251", "cp1250"],
    "th": ["tis_620", "cp874"],
    "tr": ["cp1254", "iso8859_9"],
    "uk": ["cp1251", "koi8_u", "iso8859_5"],
    "ur": ["cp1256"],
    "vi": ["cp1258"],
    "zh": ["gb18030", "big5"],
}
WESTERN = ["cp1252", "latin_1"]
# The most frequent characters of Chinese and Japanese, and of words in the Cyrillic script.
FREQUENT = frozenset("的一是在不了有和人這这中大為为上個个國国我以要他時时來来們们のにはをたがでてとしるいんоеаинтсрв")


@dataclass(frozen=True)
class TextFile:
    """A text file that can be read line by line more than once.

    path (Path): Where its bytes are.
    name (str): What messages and reports call it; `-` for standard input.
    encoding (str): A Python codec.
    mark (bytes): Its byte-order mark, or nothing.
    newline (str): `"\\n"`, or `"\\r"` in a file from a classic Macintosh.
    array (bool): Whether it is one JSON array of objects, which are read as a line each.
    """

    path: Path
    name: str
    encoding: str
    mark: bytes = b""
    newline: str = "\n"
    array: bool = False

    def lines(self) -> Iterator[str]:
        """Read the lines with their ends. Only the newline ends a line: U+0085, U+2028 and form feeds are text.

        Bytes that the encoding does not have become lone surrogates, so that the row they stand in can be named.
        RAISES (DossierError): If a JSON array is broken.
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
            if self.mark:
                file_.read(1)
            yield from file_

    def read(self) -> str:
        """RETURNS (str): The whole text, without its byte-order mark."""
        text = self.path.read_bytes()[len(self.mark) :].decode(self.encoding, errors="surrogateescape")
        return text.replace("\r\n", "\n").replace("\r", "\n")


def has_bad_bytes(text: str) -> bool:
    """RETURNS (bool): Whether the text holds bytes that could not be decoded."""
    return not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text)


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
            head = file_.read(CHUNK)
    except OSError as error:
        raise DossierError(error.strerror or "cannot be read", file=name) from None
    mark, found = next(((mark, codec) for mark, codec in MARKS if head.startswith(mark)), (b"", None))
    if encoding is not None:
        try:
            "".encode(encoding)
        except LookupError:
            raise DossierError("unknown encoding", value=encoding, remedy="Name a Python codec, as utf-8.") from None
        codec = encoding.lower().replace("_", "-")
        codec = {"utf-8-sig": "utf-8", "utf-16": found or "utf-16-le", "utf-32": found or "utf-32-le"}.get(codec, codec)
        mark = mark if found == codec else b""
    else:
        codec = found or detect_encoding(path, head, name, lang)
    text = head[len(mark) :].decode(codec, errors="replace")
    newline = "\r" if "\r" in text and "\n" not in text else "\n"
    return TextFile(path, name, codec, mark, newline, ARRAY.match(text) is not None)


def detect_encoding(path: Path, head: bytes, name: str, lang: str) -> str:
    """Find the encoding of a file without a byte-order mark.

    UTF-8 if the file is valid UTF-8 or nearly (single bad bytes are the business of the row they stand in); else
    what files of the language are usually written in, if that reads as text; else what chardet says.

    path (Path): The file.
    head (bytes): Its first bytes.
    name (str): What messages call it.
    lang (str): The language of the text.
    RETURNS (str): A Python codec.
    """
    zeros = head[:4096].count(0)
    if zeros:
        even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
        if zeros < len(head[:4096]) / 8 or min(even, odd) > max(even, odd) / 4:
            raise DossierError("not a text file: it holds zero bytes", file=name)
        return "utf-16-le" if odd > even else "utf-16-be"
    if b"\x1b$" in head and head.isascii():
        return "iso2022_jp"
    valid, sample = True, bytearray()
    with path.open("rb") as file_:
        # Lines are never cut by this loop, so a multi-byte sequence is not either.
        while block := file_.readlines(CHUNK):
            data = b"".join(block)
            if data.isascii():
                continue
            if valid:
                try:
                    data.decode("utf-8")
                except UnicodeDecodeError:
                    valid = False
            if len(sample) < SAMPLE:
                sample += b"".join(line for line in block if not line.isascii())[:SAMPLE]
            elif not valid:
                break
    if valid:
        return "utf-8"
    loose = bytes(sample).decode("utf-8", errors="replace")
    bad = loose.count("\ufffd")
    if sum(not char.isascii() for char in loose) - bad > 10 * bad:
        return "utf-8"
    return _legacy_encoding(bytes(sample), lang)


def _legacy_encoding(sample: bytes, lang: str) -> str:
    if lang in LEGACY:
        likely = [codec for codec in LEGACY[lang] if _decodes(sample, codec)]
        if likely:
            return max(likely, key=lambda codec: _plausibility(sample.decode(codec)))
    # In the Latin script accented letters stand beside plain ones; elsewhere words are made of high bytes.
    words = [word for word in sample.split() if not word.isascii()]
    high = sum(byte >= 0xC0 for word in words for byte in word)
    if 2 * high <= sum(len(word) for word in words):
        return next(codec for codec in WESTERN if _decodes(sample, codec))
    return guess_encoding(b"\n".join(words))


def _plausibility(text: str) -> float:
    """Score a decoding: words are letters, capitals begin them, and frequent signs are frequent."""
    foreign = [char for char in text if not char.isascii()]
    letters = sum(char.isalpha() and not "\uff61" <= char <= "\uff9f" for char in foreign)  # no half-width kana
    pairs = [(a, b) for a, b in pairwise(text) if a.isalpha() and b.isalpha() and not b.isascii()]
    cased = sum(not (b.isupper() and a.islower()) for a, b in pairs)
    frequent = sum(char in FREQUENT for char in foreign)
    return (letters + frequent) / (len(foreign) or 1) + cased / (len(pairs) or 1)


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return False
    # C1 control characters are what a wrong ISO 8859 guess leaves.
    return not any("\x80" <= char <= "\x9f" for char in text)


@dataclass(frozen=True)
class Input:
    """One file to read: its path, its name in reports, and where its output belongs below the output folder."""

    path: Path
    name: str
    target: Path


def find_inputs(arguments: Iterable[str], *, ignore: Collection[str] = ()) -> list[Input]:
    """Resolve files, folders and globs to files, and give each an output path of its own.

    Files found in a folder keep their place below it. Inputs whose names differ in the suffix only, as `eng.train`
    and `eng.testa`, keep the suffix in the output's name.

    arguments (Iterable[str]): Files, folders, globs, or `-` for standard input.
    ignore (Collection[str]): Suffixes of files that are passed over in a folder, beside the usual ones.
    RETURNS (list[Input]): The files in the order of the arguments.
    RAISES (DossierError): If nothing is there, or two inputs would write the same output.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            found[Path(STDIN)] = (STDIN, Path("stdin"))
        elif path.is_dir():
            inside = [file_ for file_ in sorted(path.rglob("*")) if _is_candidate(file_, path, ignore)]
            if not inside:
                raise DossierError("the folder holds no file to read", file=path)
            found.update((file_, (file_.as_posix(), file_.relative_to(path))) for file_ in inside)
        elif path.is_file():
            found[path] = (argument, Path(path.name))
        else:
            matches = [Path(match) for match in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207
            matches = [match for match in matches if match.is_file()]
            if not matches:
                raise DossierError("no such file or folder", file=argument)
            found.update((match, (match.as_posix(), Path(match.name))) for match in matches)
    places = {
        path: place.with_suffix("") if place.suffix.lower() in COMPRESSED else place
        for path, (_, place) in found.items()
    }
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
        inputs.append(Input(path, name, target))
    return inputs


def is_output_dir(argument: str) -> bool:
    """RETURNS (bool): Whether an argument can only be meant as an output folder: nothing to read is there."""
    path = Path(argument)
    if argument == STDIN or glob.has_magic(argument):
        return False
    if path.is_dir():
        return not any(_is_candidate(file_, path, (".json", ".jsonl", ".parquet")) for file_ in path.rglob("*"))
    return not path.exists() and not path.suffix


def _is_candidate(path: Path, root: Path, ignore: Collection[str]) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.relative_to(root).parts)
    readme = path.stem.lower() in ("readme", "license", "licence", "changelog")
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return path.is_file() and not hidden and not readme and name.suffix.lower() not in {*OTHER_SUFFIXES, *ignore}


@contextmanager
def spooled(source: Input) -> Iterator[Path]:
    """Give a path that can be read more than once: of standard input or a compressed file, a temporary copy.

    RAISES (DossierError): If a compressed file is broken or holds more than one file.
    """
    if source.name != STDIN and not is_compressed(source.path):
        yield source.path
        return
    with tempfile.TemporaryDirectory() as folder:
        path = source.path
        if source.name == STDIN:
            path = Path(folder) / "stdin"
            with path.open("wb") as file_:
                shutil.copyfileobj(sys.stdin.buffer, file_)
        yield unpack(path, Path(folder), source.name) if is_compressed(path) else path
