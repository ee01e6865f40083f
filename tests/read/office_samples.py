"""Texts that every office format must give back as they were written, and packages made by hand."""

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
