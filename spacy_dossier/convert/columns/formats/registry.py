"""All column formats, in the order in which they are tried."""

from ....errors import DossierError
from ..detect.sample import Head
from .base import Format
from .conll2012 import Conll2012
from .germeval import GermEval
from .inline import Inline
from .json_lists import JsonLists
from .multihead import MultiHead
from .parallel import Parallel
from .plain import Conll, Conll2002, Conll2003, Csv, Offsets, Tsv
from .universal import ConllU, ConllUPlus, UniversalNer

# The special before the general: the last three take what has their delimiter.
ORDER: tuple[Format, ...] = (
    JsonLists(),
    Parallel(),
    Inline(),
    ConllUPlus(),
    ConllU(),
    Conll2012(),
    MultiHead(),
    UniversalNer(),
    GermEval(),
    Conll2003(),
    Conll2002(),
    Offsets(),
    Csv(),
    Conll(),
    Tsv(),
)
FORMATS: dict[str, Format] = {format.name: format for format in ORDER}
AUTO = "auto"


def check_format(name: str) -> None:
    """RAISES (DossierError): If there is no such format."""
    if name != AUTO and name not in FORMATS:
        raise DossierError("unknown format", value=name, remedy=f"Choose one of {AUTO}, {', '.join(FORMATS)}.")


def sniff_format(head: Head) -> Format:
    """RETURNS (Format): The first format that the first lines of a file look like."""
    return next(format for format in ORDER if format.sniff(head))
