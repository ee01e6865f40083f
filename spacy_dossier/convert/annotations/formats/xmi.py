"""UIMA CAS XMI, as INCEpTION and DKPro write it, by way of dkpro-cassis."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ....errors import DossierError
from ...source import TextFile, make_folder
from ..document import Annotated, Unread
from .base import AnnotationFormat, file_names

ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
SEGMENTS = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."
TYPE_SYSTEM = "TypeSystem.xml"
FEATURES = ("value", "label", "identifier")


class Xmi(AnnotationFormat):
    """A text a file; the types stand in a file beside it, else those of DKPro Core are taken."""

    name = "xmi"
    about = "UIMA CAS XMI (INCEpTION, DKPro): NAME.xmi beside TypeSystem.xml"
    example = '<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" …><type3:NamedEntity begin="0" end="9" value="PER"/>…\n'
    folder = True

    def sniff(self, file: TextFile, head: str) -> bool:
        """RETURNS (bool): Whether the first element is that of XMI."""
        return "<xmi:XMI" in head[:2000]

    def read(self, file: TextFile) -> Iterator[Annotated | Unread]:
        """YIELDS (Annotated | Unread): The text."""
        import cassis

        beside = file.path.with_name(TYPE_SYSTEM)
        try:
            if beside.is_file():
                with beside.open("rb") as stream:
                    types = cassis.load_typesystem(stream)
            else:
                types = cassis.load_dkpro_core_typesystem()
            with file.path.open("rb") as stream, warnings.catch_warnings(record=True) as unknown:
                warnings.simplefilter("always")
                cas = cassis.load_cas_from_xmi(stream, typesystem=types, lenient=True)
        except Exception as error:  # lxml's, cassis' own, and what a broken file makes of either
            raise DossierError(
                f"no CAS that can be read: {str(error)[:80]}", file=file.name, remedy=f"Put {TYPE_SYSTEM} beside it."
            ) from None
        found = Annotated(file.path.stem, cas.sofa_string or "")
        found.unread.extend(str(warning.message)[:100] for warning in unknown)  # types that the file beside lacks
        for span in _select(cas, ENTITY):
            label = next((value for name in FEATURES if (value := getattr(span, name, None))), "NamedEntity")
            found.mark(span.begin, span.end, label)
        found.marks.sort(key=lambda mark: (mark.start, mark.end))
        found.tokens = [(token.begin, token.end) for token in _select(cas, f"{SEGMENTS}Token")]
        found.sentences = [sentence.begin for sentence in _select(cas, f"{SEGMENTS}Sentence")]
        yield found

    def write(self, texts: Iterable[Annotated], output: Path) -> None:
        """Write a file for each text, and the types once."""
        import cassis

        make_folder(output)
        texts = list(texts)
        types = cassis.load_dkpro_core_typesystem()
        types.to_xml(output / TYPE_SYSTEM)
        kinds = {name: types.get_type(name) for name in (ENTITY, f"{SEGMENTS}Token", f"{SEGMENTS}Sentence")}
        entity, token, sentence = kinds.values()
        for name, text in zip(file_names(texts), texts, strict=True):
            cas = cassis.Cas(typesystem=types)
            cas.sofa_string, cas.sofa_mime = text.text, "text/plain"
            ends = [*text.sentences[1:], len(text.text)]
            cas.add_all([sentence(begin=begin, end=end) for begin, end in zip(text.sentences, ends, strict=False)])
            cas.add_all([token(begin=begin, end=end) for begin, end in text.tokens])
            cas.add_all([entity(begin=mark.start, end=mark.end, value=mark.label) for mark in text.marks])
            cas.to_xmi(output / f"{name}.xmi")


def _select(cas: Any, type_name: str) -> list[Any]:
    """RETURNS (list[Any]): The annotations of a type, of which there may be none."""
    return list(cas.select(type_name)) if cas.typesystem.contains_type(type_name) else []
