"""Texts that every office format must give back as they were written, and packages made by hand."""

import itertools
import struct

from spacy_dossier.read.document import Document

from .samples import package

# One line each: signs of markup, scripts, combining marks, emoji, spaces and hyphens that do not break, ligatures.
TEXTS = [
    "Harding & Sons met AT&T and said \"1 < 2\" > 'x' to O'Brien &amp; Co.",
    "Zoë Núñez, Ødegård, Škoda, Łódź, Ελλάδα, Москва, שלום עולם, مرحبا بالعالم",
    "東京で会議があります。 서울 हिन्दी ภาษาไทย தமிழ் ქართული አማርኛ",
    "e\u0301 a\u030a \u1e69 ş̌ and 👩\u200d👩\u200d👧 😊 🇳🇴 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
    "10\u00a0am, Lars\u2011Erik, 5\u202f000\u00a0kr, thin\u2009space, a\u2060b, “quoted” – dash — … €",
    "ﬁne eﬀort ﬂow, ½ x² H₂O № ™ ǆ ẞ",
]
DRAWN = "http://schemas.openxmlformats.org/drawingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def kinds(document: Document) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    return [(block.kind, block.text) for block in document.blocks]


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def rels(*targets: str) -> str:
    """Relations `rId1`, `rId2` … to "kind:target"."""
    entries = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{target.partition(":")[0]}" '
        f'Target="{target.partition(":")[2]}"/>'
        for number, target in enumerate(targets, start=1)
    )
    return (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{entries}</Relationships>"
    )


def types(**suffixes: str) -> str:
    entries = "".join(f'<Default Extension="{suffix}" ContentType="{kind}"/>' for suffix, kind in suffixes.items())
    return f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{entries}</Types>'


def ooxml(main: str, members: dict[str, str | bytes], **suffixes: str) -> bytes:
    """An OOXML package whose main part is `main`."""
    return package({"[Content_Types].xml": types(**suffixes), "_rels/.rels": rels(f"officeDocument:{main}"), **members})


def compound(members: dict[str, bytes]) -> bytes:
    """A compound file (MS-CFB) of small streams by path: every stream in the mini stream, one FAT sector."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    paths = sorted({"/".join(path.split("/")[:depth]) for path in members for depth in range(1, path.count("/") + 2)})
    numbers = {path: number for number, path in enumerate(paths, start=1)}
    mini, mini_fat, entries = b"", [], []
    children: dict[str, list[int]] = {}
    for path in paths:
        children.setdefault(path.rpartition("/")[0], []).append(numbers[path])
    after = {a: b for siblings in children.values() for a, b in itertools.pairwise(siblings)}
    for path in paths:
        data = members.get(path)
        first = len(mini_fat) if data else end
        if data:
            count = -(-len(data) // 64)
            mini += data.ljust(count * 64, b"\0")
            mini_fat += [*range(first + 1, first + count), end]
        name = (path.rpartition("/")[2] + "\0").encode("utf-16-le")
        child = children.get(path, [free])[0]
        entry = name.ljust(64, b"\0") + struct.pack("<HBB", len(name), 1 if data is None else 2, 1)
        entry += struct.pack("<III", free, after.get(numbers[path], free), child) + bytes(36)
        entries.append(entry + struct.pack("<IQ", first, len(data or b"")))
    parts = [b"".join(entries), struct.pack(f"<{len(mini_fat)}I", *mini_fat), mini]
    name = "Root Entry\0".encode("utf-16-le")
    sizes = [-(-(len(parts[0]) + 128) // 512), -(-len(parts[1]) // 512), -(-len(mini) // 512)]
    starts = [1, 1 + sizes[0], 1 + sizes[0] + sizes[1]]  # sector 0 is the FAT
    root = name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name), 5, 1, free, free, children[""][0]) + bytes(36)
    parts[0] = root + struct.pack("<IQ", starts[2], len(mini)) + parts[0]
    fat = [0xFFFFFFFD]
    for start, size in zip(starts, sizes, strict=True):
        fat += [*range(start + 1, start + size), end][:size]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIIII", 0, 1, starts[0], 0, 4096, starts[1], sizes[1], end, 0, 0)
    header += struct.pack("<108I", *[free] * 108)
    sectors = [struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")]
    sectors += [part.ljust(size * 512, b"\0") for part, size in zip(parts, sizes, strict=True)]
    return header + b"".join(sectors)
