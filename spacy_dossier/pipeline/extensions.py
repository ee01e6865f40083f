"""The extension attributes of Doc and Span: `Span._.confidence`, and how a name is registered that may be taken.

The confidence, the probability that a span with its label is an entity, is kept where spaCy keeps span attributes,
keyed by the characters of the span, so that `Span.as_doc`, `Doc.from_docs`, `to_bytes` and DocBin carry it along; but
under the label, so that a relabelled span or one made by somebody else has none.
"""

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

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


def entity_confidences(doc: Doc) -> list[float | None]:
    """The confidence of each entity of a finished document, from whatever pipeline it comes.

    Where one entity has a confidence of ours, only ours count: numbers of two origins do not compare. In any other
    document those of a foreign `_.confidence` do, where they are probabilities; the name may mean something else there.

    RETURNS (list[float | None]): In [0, 1]; one for each of `doc.ents`.
    """
    ours = [get_confidence(ent) for ent in doc.ents]
    if any(value is not None for value in ours) or not Span.has_extension("confidence"):
        return ours
    return [_as_probability(ent._.confidence) for ent in doc.ents]


def _as_probability(value: object) -> float | None:
    if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= 1:
        return float(value)
    return None


def clear_confidences(doc: Doc) -> None:
    for key in [key for key in doc.user_data if isinstance(key, tuple) and key[:2] == ("._.", STORE)]:
        del doc.user_data[key]


def register_confidence() -> None:
    register(Span, "confidence", getter=get_confidence)
    register_store(STORE)


def register_store(name: str) -> None:
    """Register what results are kept under: `Doc.from_docs` and `Span.as_doc` carry registered attributes only."""
    if not Span.has_extension(name):
        Span.set_extension(name, default=None)


def register(kind: type[Doc] | type[Span], name: str, **behaviour: Callable) -> None:
    """Register an extension attribute. One of that name that is somebody else's is left as it is, with a warning.

    kind (type): Doc or Span.
    name (str): The attribute.
    behaviour (Callable): Its `getter` or its `method`.
    """
    if not kind.has_extension(name):
        kind.set_extension(name, **behaviour)
        return
    (ours,) = behaviour.values()
    taken: tuple[Any, ...] = kind.get_extension(name)
    if ours in taken:
        return
    owner = next((part.__module__ for part in taken if callable(part)), f"default {taken[0]!r}")
    warnings.warn(
        f"{kind.__name__}._.{name} is registered already, by other code ({owner}), and stays that; spacy-dossier's is "
        f"{ours.__module__}.{ours.__name__}",
        stacklevel=3,
    )
