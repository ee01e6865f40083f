"""Tokenizers of languages."""

import spacy
from spacy.language import Language

from ..errors import DossierError
from ..text.tokenizer import bound_tokenizer


def blank(lang: str) -> Language:
    """RETURNS (Language): A pipeline with the tokenizer of a language, whose time is bounded (`bound_tokenizer`).

    RAISES (DossierError): If there is none.
    """
    try:
        nlp = spacy.blank(lang)
    except ImportError as error:  # the tokenizers of some languages are packages of their own
        message = str(error).split("\n")[0]
        raise DossierError(f"no tokenizer for the language: {message}", value=lang) from None
    bound_tokenizer(nlp)
    return nlp
