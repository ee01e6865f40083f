"""Files and what chance makes of them. A seed and a number give the same bytes on every machine."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

LARGEST = 200_000  # bytes of a file that is mutated: larger ones say no more and take longer
# What parsers have stumbled over: markers of encodings, marks of formats, numbers that are too large, depth, endings.
FRAGMENTS = (
    *(b"<![foo[bar]]>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&#x110000;", b"&a;", b"]]>", b"<", b"\\u{d800}"),
    *(b"\\bin99999 ", b"* * *", b"0 0 R", b"PK\x03\x04", b"B-", b"I-", b"S-X"),
    *(b"\x00", b"\x00" * 300, b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x81", b"\x9d", b"\xed\xa0\x80"),
    *(b"\r", b"\r\n", b"\n\n", b'"', b"'", b"\t", b"\t\t", b",", b";", b"=", b"-", b"#", b"\\"),
    *(b"99999999999999999999", b"-1", b"1e999", b"NaN"),
    *(b"[" * 300, b"(" * 300, b"{" * 300, b"<a>" * 300, b"'s" * 300),
)


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """RETURNS (bytes): A file with one to four changes. others (list[bytes]): Files to take parts from."""
    if data.startswith(b"PK\x03\x04") and rng.random() < 0.6 and (inner := mutate_member(data, others, rng)):
        return inner
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 2, 8, 64, 1024)))
        match rng.randrange(8):
            case 0:  # other bytes
                changed[start:end] = rng.randbytes(end - start)
            case 1:  # a bit
                if start < len(changed):
                    changed[start] ^= 1 << rng.randrange(8)
            case 2:  # gone
                del changed[start:end]
            case 3:  # twice, or many times
                changed[end:end] = changed[start:end] * rng.choice((1, 1, 3, 50))
            case 4:  # cut off
                del changed[start:]
            case 5:  # zeros
                changed[start:end] = bytes(end - start)
            case 6:  # of another file
                other = rng.choice(others)
                cut = rng.randrange(len(other) + 1)
                changed[start:end] = other[cut : cut + rng.choice((8, 256, 4096))]
            case 7:
                changed[start:start] = rng.choice(FRAGMENTS)
    return bytes(changed)


def mutate_member(data: bytes, others: list[bytes], rng: random.Random) -> bytes | None:
    """RETURNS (bytes | None): A package with a mutated member, so that the change comes behind the compression."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = [(info, package.read(info)) for info in package.infolist()]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return None  # it is one of the broken ones
    if not members:
        return None
    chosen = rng.randrange(len(members))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for number, (info, content) in enumerate(members):
            fresh = zipfile.ZipInfo(info.filename)  # no date of today in it
            package.writestr(fresh, mutate(content, others, rng) if number == chosen else content)
    return out.getvalue()


def mutants(files: list[Path], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """YIELDS (tuple[str, bytes]): So many names and contents; a name ends as that of the file it was made of."""
    contents = [file.read_bytes() for file in files]
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        chosen = rng.randrange(len(files))
        suffix = "".join(files[chosen].suffixes[-2:])
        yield f"{number:05}{suffix}", mutate(contents[chosen], contents, rng)


def write_mutants(files: list[Path], count: int, seed: int, folder: Path) -> None:
    """Write mutants of files into a folder."""
    folder.mkdir(parents=True)
    for name, data in mutants(files, count, seed):
        (folder / name).write_bytes(data)


def small_files(folder: Path) -> list[Path]:
    """RETURNS (list[Path]): The files below a folder that are neither empty nor large, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and 0 < path.stat().st_size <= LARGEST)


def make_tables(folder: Path) -> list[Path]:
    """RETURNS (list[Path]): A table of each kind, written into a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import spacy
    from spacy.tokens import DocBin

    folder.mkdir(parents=True)
    texts = [
        f"Anna Keller met Tom Brandt of Acme Corp in Paris, “again”, {n} times; nobody knew.\nSo it was."
        for n in range(40)
    ]
    rows = [{"text": text, "n": n, "tags": ["a", {"b": None}]} for n, text in enumerate(texts)]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "b.jsonl").write_bytes(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-16")
    )
    for name, delimiter in (("a.csv", ","), ("b.csv", ";"), ("a.tsv", "\t")):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([("text", "n"), *((row["text"], row["n"]) for row in rows)])
    for name, compression in (("a.parquet", "none"), ("b.parquet", "snappy"), ("c.parquet", "zstd")):
        pq.write_table(pa.table({"text": texts, "n": list(range(40))}), folder / name, compression=compression)
    nlp = spacy.blank("en")
    DocBin(store_user_data=True, docs=list(nlp.pipe(texts))).to_disk(folder / "a.spacy")
    DocBin(attrs=["ORTH", "LEMMA", "ENT_IOB", "ENT_TYPE"], docs=list(nlp.pipe(texts[:5]))).to_disk(folder / "b.spacy")
    return small_files(folder)


def make_columns(folder: Path) -> list[Path]:
    """RETURNS (list[Path]): The example of each column format, five times over, written into a folder."""
    from spacy_dossier.convert.columns.formats.registry import ORDER

    folder.mkdir(parents=True)
    for layout in ORDER:
        (folder / f"{layout.name}.conll").write_text((layout.example.rstrip("\n") + "\n\n") * 5, encoding="utf-8")
        (folder / f"{layout.name}.latin.conllup").write_bytes(
            ((layout.example.rstrip("\n") + "\n\n") * 5).replace("e", "é").encode("cp1252", "replace")
        )
    return small_files(folder)
