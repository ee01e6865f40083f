"""Formats that are no column files: what they are called, and what to do about them."""

import re
from collections.abc import Sequence

from ....errors import DossierError

LINES = 60  # of a file, that tell its format
BIOC = re.compile(r"<!DOCTYPE collection|<collection>[\s\S]{0,2000}<passage>")
HTML = re.compile(r"<!DOCTYPE html|<html[\s>]", re.IGNORECASE)
LFS = re.compile(r"\Aversion https://git-lfs")
OPENNLP = re.compile(r"<START(?::\w+)?> .* <END>")
MUC = re.compile(r"<(?:ENAMEX|TIMEX|NUMEX)\b")
PUBTATOR = re.compile(r"^\d+\|t\|", re.MULTILINE)
I2B2 = re.compile(r'^c="[^"\n]*" \d+:\d+ \d+:\d+\|\|t="', re.MULTILINE)
XML = re.compile(r"\A\s*<(?:\?xml|[\w:]+(?:\s[^<>]*)?>\s*<)")
JSON = re.compile(r'\A\s*[\[{]\s*(?:\Z|["\[{])')
AS_COLUMNS = "Write it as columns, one token a line."
AS_EXPORTED = "Export it as one of the formats that dossier convert --formats lists."
# The first that is found in the first lines names the format.
FOREIGN: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (BIOC, "BioC XML", AS_EXPORTED),
    (HTML, "an HTML page", "Save the file itself, not the page that shows it."),
    (LFS, "a pointer of Git LFS", "Fetch the file itself with git lfs pull."),
    (OPENNLP, "OpenNLP", AS_COLUMNS),
    (MUC, "MUC (SGML)", AS_COLUMNS),
    (PUBTATOR, "PubTator", AS_COLUMNS),
    (I2B2, "i2b2 concepts", AS_COLUMNS),
    (XML, "XML", AS_EXPORTED),
    (JSON, "JSON in a form that is not known", "A row holds a list of tokens and a list of as many tags."),
)


def check_foreign(lines: Sequence[str], file: str) -> None:
    """RAISES (DossierError): If the first lines of a file are of a known format that is no column file."""
    head = "".join(line[:2000] for line in lines[:LINES])
    for pattern, name, remedy in FOREIGN:
        if pattern.search(head):
            raise DossierError(f"{name}, no column file", file=file, remedy=remedy)
