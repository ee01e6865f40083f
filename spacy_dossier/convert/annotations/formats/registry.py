"""All annotation formats, in the order in which they are tried."""

from ...source import TextFile
from .base import AnnotationFormat
from .brat import Brat
from .docbin import SpacyDocBin
from .doccano import Doccano
from .label_studio import LabelStudio
from .prodigy import Prodigy
from .spacy_json import SpacyJson
from .webanno import WebAnno
from .xmi import Xmi

ORDER: tuple[AnnotationFormat, ...] = (
    SpacyDocBin(),
    WebAnno(),
    Xmi(),
    Brat(),
    LabelStudio(),
    Prodigy(),
    SpacyJson(),
    Doccano(),
)
ANNOTATION_FORMATS: dict[str, AnnotationFormat] = {format.name: format for format in ORDER}
HEAD = 100_000  # characters that tell a format


def sniff_annotation(file: TextFile) -> AnnotationFormat | None:
    """RETURNS (AnnotationFormat | None): The format of an annotation tool that a file is of, if it is."""
    with file.path.open(encoding=file.encoding, errors="replace") as stream:
        head = stream.read(HEAD)
    return next((format for format in ORDER if format.sniff(file, head)), None)
