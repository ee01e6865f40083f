"""Changes to a PDF before it is read, which PDFium's text needs and its drawing does not.

PDFium gives the text of layers that are switched off, and the codes of letters whose names it does not know in place of
the letters. Both are rare; a file that has neither is never opened here.
"""

from __future__ import annotations

import io
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, ContentStream, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

logging.getLogger("pypdf").setLevel(logging.ERROR)  # of faults that PDFium takes in its stride
LONGEST_STREAM = 1 << 26  # bytes of a stream of objects that are looked through
SHOWS = frozenset(
    (b"Tj", b"TJ", b"Do", b"sh", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"INLINE IMAGE")
)
NEXT_LINE = frozenset((b"'", b'"'))
LETTERS = re.compile(r"[A-Za-z](?:_[A-Za-z])+(?=\.|\Z)|uni(?:[0-9A-F]{4})+(?=\.|\Z)")  # f_f_i, uni00660066
NUMBERED = re.compile(r"(?:[gGcC]|cid|glyph|index|char)[-_.]?(\d+)")  # g17: says nothing


def has_layers(data: bytes) -> bool:
    """RETURNS (bool): A PDF has layers, which may be switched off."""
    return any(b"/OCProperties" in piece for piece in objects(data))


def objects(data: bytes) -> Iterator[bytes]:
    """Give a PDF's bytes, then the streams in which others of its objects are packed."""
    yield data
    for match in re.finditer(rb"/ObjStm\b", data):
        start = re.compile(rb"stream\r?\n").search(data, match.end(), match.end() + 2000)
        if start:
            try:
                packed = memoryview(data)[start.end() : start.end() + LONGEST_STREAM]
                yield zlib.decompressobj().decompress(packed, LONGEST_STREAM)
            except zlib.error:  # packed in another way, or encrypted
                continue


def without_hidden_layers(data: bytes) -> bytes:
    """RETURNS (bytes): A PDF without what its layers hide; the same bytes where they hide nothing."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    layers = Layers(writer.root_object)
    if not layers.off:
        return data
    seen: set[int] = set()
    for page in writer.pages:
        contents = page.get_contents()
        if contents is not None:
            shown = layers.shown(contents, page, writer, seen)
            page[NameObject("/Contents")] = writer._add_object(shown)
    return written(writer)


class Layers:
    """Which layers of a document are switched off.

    root (DictionaryObject): Its catalogue.
    """

    def __init__(self, root: DictionaryObject) -> None:
        properties = get(root, "/OCProperties", {})
        default = get(properties, "/D", {})
        every = {r.idnum for r in get(properties, "/OCGs", []) if hasattr(r, "idnum")}
        on = {r.idnum for r in get(default, "/ON", []) if hasattr(r, "idnum")}
        self.off = {r.idnum for r in get(default, "/OFF", []) if hasattr(r, "idnum")}
        if get(default, "/BaseState", "/ON") == "/OFF":
            self.off |= every - on

    def hides(self, group: Any) -> bool:
        """RETURNS (bool): A group of layers, or a reference to one layer, is not shown. ISO 32000-1, 8.11.2."""
        if getattr(group, "idnum", None) in self.off:
            return True
        group = group.get_object() if group is not None else {}
        if get(group, "/Type", "") != "/OCMD":
            return False
        if "/VE" in group:
            return not self.holds(group["/VE"])
        members = group.raw_get("/OCGs") if "/OCGs" in group else ArrayObject()
        members = (
            members if not hasattr(members, "idnum") or isinstance(members.get_object(), ArrayObject) else [members]
        )
        hidden = [self.hides(member) for member in getattr(members, "get_object", lambda: members)()]
        policy = get(group, "/P", "/AnyOn")
        rule: dict[str, Callable[[list[bool]], bool]] = {
            "/AllOn": any,
            "/AnyOff": lambda h: not any(h),
            "/AllOff": lambda h: not all(h),
        }
        return bool(hidden) and rule.get(policy, all)(hidden)

    def holds(self, expression: Any) -> bool:
        """RETURNS (bool): A visibility expression holds."""
        if not isinstance(expression.get_object(), ArrayObject):
            return not self.hides(expression)
        operator, *operands = expression.get_object()
        values = [self.holds(operand) for operand in operands]
        return not values[0] if operator == "/Not" else (any(values) if operator == "/Or" else all(values))

    def shown(self, contents: Any, owner: DictionaryObject, writer: PdfWriter, seen: set[int]) -> DecodedStreamObject:
        """RETURNS (DecodedStreamObject): What a page or form draws, without what is hidden."""
        resources = get(owner, "/Resources", {})
        groups, forms = get(resources, "/Properties", {}), get(resources, "/XObject", {})
        stream = ContentStream(contents, writer)
        kept, hidden = [], [False]
        for operands, operator in stream.operations:
            if operator in (b"BDC", b"BMC"):
                named = operator == b"BDC" and operands[0] == "/OC" and operands[1] in groups
                hidden.append(hidden[-1] or (named and self.hides(groups.raw_get(operands[1]))))
            elif operator == b"EMC" and len(hidden) > 1:
                hidden.pop()
            if (
                operator == b"Do"
                and operands[0] in forms
                and self.hidden_form(forms.raw_get(operands[0]), writer, seen)
            ):
                continue
            if not hidden[-1] or operator not in SHOWS:
                kept.append((operands, operator))
            elif operator in NEXT_LINE:
                kept.append(([], b"T*"))
        stream.operations = kept
        made = DecodedStreamObject()
        made.set_data(stream.get_data())
        return made

    def hidden_form(self, reference: Any, writer: PdfWriter, seen: set[int]) -> bool:
        """RETURNS (bool): A form object is not shown at all; what is hidden inside of one is taken out."""
        form = reference.get_object()
        if "/OC" in form and self.hides(form.raw_get("/OC")):
            return True
        if get(form, "/Subtype", "") == "/Form" and id(form) not in seen:
            seen.add(id(form))
            form.set_data(self.shown(form, form, writer, seen).get_data())
        return False


def get(dictionary: Any, key: str, default: Any) -> Any:
    """RETURNS: A value of a PDF's dictionary, whether it stands there or elsewhere."""
    value = dictionary.get(key) if hasattr(dictionary, "get") else None
    return default if value is None else value.get_object() if hasattr(value, "get_object") else value


def has_named_letters(data: bytes) -> bool:
    """RETURNS (bool): Fonts of a PDF give names to their signs."""
    return any(b"/Differences" in piece for piece in objects(data))


def with_named_letters(data: bytes) -> bytes:
    """Say in a PDF which letters the names of its fonts' signs mean.

    f_f_i are three letters; g17 at place 40 is none that anybody knows, and is said to be U+FFFD.

    RETURNS (bytes): The PDF; the same bytes where no font has such names.
    """
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    changed = False
    for font in fonts(writer):
        letters = named_letters(font)
        if letters and "/ToUnicode" not in font:
            stream = DecodedStreamObject()
            stream.set_data(to_unicode(letters))
            font[NameObject("/ToUnicode")] = writer._add_object(stream)
            changed = True
    return written(writer) if changed else data


def fonts(writer: PdfWriter) -> list[DictionaryObject]:
    """RETURNS (list[DictionaryObject]): The fonts of a document's pages and of the forms on them."""
    found: dict[int, DictionaryObject] = {}
    owners, seen = list(writer.pages), set[int]()
    while owners:
        resources = get(owners.pop(), "/Resources", {})
        for font in get(resources, "/Font", {}).values():
            found[id(font.get_object())] = font.get_object()
        for form in get(resources, "/XObject", {}).values():
            if id(form.get_object()) not in seen:
                seen.add(id(form.get_object()))
                owners.append(form.get_object())
    return list(found.values())


def named_letters(font: DictionaryObject) -> dict[int, str]:
    """RETURNS (dict[int, str]): Letters by their code, where a font names them in a way that PDFium does not know."""
    letters: dict[int, str] = {}
    code = 0
    for entry in get(get(font, "/Encoding", {}), "/Differences", []):
        if isinstance(entry, NumberObject):
            code = int(entry)
            continue
        name = str(entry)[1:]
        if match := LETTERS.match(name):
            parts = match.group().split("_") if "_" in name else re.findall("[0-9A-F]{4}", name)
            letters[code] = "".join(p if len(p) == 1 else chr(int(p, 16)) for p in parts)
        elif (number := NUMBERED.fullmatch(name)) and int(number.group(1)) != code:
            letters[code] = "\ufffd"
        code += 1
    return letters


def to_unicode(letters: dict[int, str]) -> bytes:
    """RETURNS (bytes): A table of letters by code as a PDF has it. ISO 32000-1, 9.10.3."""
    rows = "".join(f"<{c:02X}> <{t.encode('utf-16-be').hex().upper()}>\n" for c, t in letters.items() if c < 256)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Letters def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <FF> endcodespacerange\n{rows.count('<') // 2} beginbfchar\n{rows}endbfchar\n"
        "endcmap end end"
    ).encode()


def written(writer: PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
