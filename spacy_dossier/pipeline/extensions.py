"""`Span._.confidence`: the probability that a span with its label is an entity.

It is kept where spaCy keeps span attributes, keyed by the characters of the span, so that `Span.as_doc`,
`Doc.from_docs`, `to_bytes` and DocBin carry it along; but under the label, so that a relabelled span or one made by
somebody else has none.
"""

from spacy.tokens import Doc, Span

STORE = "entity_confidence"


def _key(start_char: int, end_char: int) -> tuple[str, str, int, int]:
    return ("._.", STORE, start_char, end_char)


def get_confidence(span: Span) -> float | None:
    """RETURNS (float | None): In [0, 1]; None for a span that no recogniser with confidences has set."""
    by_label = span.doc.user_data.get(_key(span.start_char, span.end_char), {})
    return by_label.get(span.label_)


def set_confidence(doc: Doc, start_char: int, end_char: int, label: str, confidence: float) -> None:
    doc.user_data[_key(start_char, end_char)] = {label: confidence}


def clear_confidences(doc: Doc) -> None:
    for key in [key for key in doc.user_data if isinstance(key, tuple) and key[:2] == ("._.", STORE)]:
        del doc.user_data[key]


def register_confidence() -> None:
    """Register the extension attributes, once."""
    if not Span.has_extension("confidence"):
        Span.set_extension("confidence", getter=get_confidence)
    if not Span.has_extension(STORE):
        # `Doc.from_docs` and `Span.as_doc` carry only attributes that are registered.
        Span.set_extension(STORE, default=None)
