"""Office packages: the members of a zip archive, the XML in them, and how they refer to one another."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from lxml import etree

from ..archive import Budget
from ..document import Unreadable

Element = Any  # lxml's element; lxml has no types of its own

# An element with its text takes some 250 bytes; a novel of 300 pages has half a million tags as docx.
MAX_TAGS = 6_000_000
# Nesting is bounded by libxml2 (256 levels) and so are entities and text nodes, as long as huge_tree is off.
OOXML = "application/vnd.openxmlformats-officedocument."
ROOTS = {  # media types by the root of a package's main part
    "document": f"{OOXML}wordprocessingml.document",
    "workbook": f"{OOXML}spreadsheetml.sheet",
    "presentation": f"{OOXML}presentationml.presentation",
}
PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)
# ISO 29500 Strict writes the same elements under other names; they are read under those of Transitional.
STRICT = re.compile(rb"""((?:xmlns(?::[\w.-]+)?|Type)\s*=\s*["'])http://purl\.oclc\.org/ooxml/(\w+)/""")
TRANSITIONAL = rb"\1http://schemas.openxmlformats.org/\2/2006/"


def parse_xml(data: bytes) -> Element:
    """RETURNS (Element): The root. RAISES (Unreadable): Not well-formed, too large, or it declares entities."""
    if data.count(b"<") > MAX_TAGS:
        raise Unreadable("TooLarge", f"holds more than {MAX_TAGS:,} tags")
    try:
        root = etree.fromstring(STRICT.sub(TRANSITIONAL, data), PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:  # ValueError: no bytes at all
        raise Unreadable("Corrupt", f"broken XML: {' '.join(str(error).split())}") from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise Unreadable("Corrupt", "its XML declares entities, which no office program writes")
    return root


@dataclass
class Relation:
    """What a part of a package refers to.

    kind (str): Last word of the relation's type, such as "footnotes".
    part (str): Name of the member.
    """

    kind: str
    part: str


class Package:
    """A zip archive of an office document, in memory.

    data (bytes): The file.
    RAISES (Unreadable): No zip archive, encrypted, or larger than an honest document.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable("Corrupt", f"no zip archive: {error}") from None
        members = self.archive.infolist()
        size = sum(member.file_size for member in members)
        if size > Budget.MAX_BYTES or len(members) > Budget.MAX_MEMBERS:
            raise Unreadable("TooLarge", f"unpacks to {size:,} bytes in {len(members):,} files")
        if any(member.flag_bits & 1 for member in members):
            raise Unreadable("PasswordProtected", "the document is protected by a password")
        self.known_relations: dict[str, dict[str, Relation]] = {}
        self.names = {member.filename.replace("\\", "/").lstrip("/").lower(): member for member in members}

    def __contains__(self, part: str) -> bool:
        return part.lower() in self.names

    def read(self, part: str) -> bytes:
        """RETURNS (bytes): A member, unpacked. RAISES (Unreadable): It is missing or broken."""
        member = self.names.get(part.lower())
        if member is None:
            raise Unreadable("Corrupt", f"its part {part} is missing")
        try:
            return self.archive.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise Unreadable("Corrupt", f"its part {part} does not unpack: {error}") from None

    def xml(self, part: str) -> Element:
        """RETURNS (Element): Root of a member. RAISES (Unreadable): It is missing or broken."""
        return parse_xml(self.read(part))

    def relations(self, part: str) -> dict[str, Relation]:
        """RETURNS (dict[str, Relation]): By their ids, what a part refers to inside the package; "" is the package."""
        if part in self.known_relations:
            return self.known_relations[part]
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        found = self.known_relations[part] = {}
        if rels not in self:
            return found
        for relation in self.xml(rels).iterchildren("{*}Relationship"):
            target = relation.get("Target", "").replace("\\", "/")
            if relation.get("TargetMode") == "External" or not target:
                continue
            places = [posixpath.normpath(posixpath.join("/", folder, t)).lstrip("/") for t in (target, unquote(target))]
            place = next((place for place in places if place in self), places[0])
            found[relation.get("Id", "")] = Relation(relation.get("Type", "").rpartition("/")[2], place)
        return found

    def related(self, part: str, kind: str) -> str | None:
        """RETURNS (str | None): The first member of a kind that a part refers to."""
        return next((r.part for r in self.relations(part).values() if r.kind == kind and r.part in self), None)

    @cached_property
    def main(self) -> str:
        """Name of the main part. RAISES (Unreadable): There is none."""
        part = self.related("", "officeDocument")
        if part is None:
            raise Unreadable("Corrupt", "the package names no document in it")
        return part

    @cached_property
    def media_types(self) -> dict[str, str]:
        """Media types by name of part ("/word/a.htm") and by suffix ("htm"), in small letters."""
        types = self.xml("[Content_Types].xml")
        return {
            (entry.get("PartName") or entry.get("Extension", "")).lower(): entry.get("ContentType", "").lower()
            for entry in types.iterchildren("*")
        }

    def media_type(self, part: str) -> str:
        """RETURNS (str): The media type that the package gives a part, or ""."""
        named = self.media_types.get(f"/{part.lower()}")
        return named or self.media_types.get(posixpath.splitext(part.lower())[1].lstrip("."), "")


def find_office_type(data: bytes) -> str | None:
    """RETURNS (str | None): The media type of an OOXML package, whatever its parts are called; None for others."""
    try:
        package = Package(data)
        return ROOTS.get(etree.QName(package.xml(package.main)).localname)
    except Unreadable:
        return None
