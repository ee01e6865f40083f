"""The extension attributes `Span._.confidence`, `Doc._.expected_missed` and `Doc._.relations`, and how a name is
registered that may be taken.

Both are kept where spaCy keeps span attributes, keyed by the characters of a span, so that `Span.as_doc`,
`Doc.from_docs`, `to_bytes` and DocBin carry them along. The confidence, the probability that a span with its label is
an entity, is kept under the label, so that a relabelled span or one made by somebody else has none. A relation is kept
at its head, with the distance to its tail. What is expected to be missed is kept at the stretch of text
it is missed in.
"""

import warnings
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, NamedTuple

from spacy.tokens import Doc, Span

STORE = "entity_confidence"
MISSED = "entities_missed"
LEAST = 1e-3  # entities of a label missed in a stretch; fewer are not kept, which is most labels of most stretches
RELATIONS = "entity_relations"
RELATION_LABELS = "relation_labels"  # in `user_data`: the labels that a corpus annotates


class Relation(NamedTuple):
    """A relation between two entities: what the head has or does to the tail.

    head, tail (Span): The entities, in the Doc that has the relation.
    label (str): The kind of relation.
    confidence (float | None): The probability that it is right, in [0, 1]; None for an annotated one.
    """

    head: Span
    tail: Span
    label: str
    confidence: float | None = None


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


def get_missed(doc: Doc) -> dict[str, float] | None:
    """How many entities of each label a recogniser expects to have missed: by what it knows, the number of entities
    that are annotated by others and are none of `doc.ents`, another span or label of one of these included.

    RETURNS (dict[str, float] | None): By label; None where no recogniser with confidences has been over the document.
    """
    size = len(doc.text)
    kept = [
        counts
        for key, counts in doc.user_data.items()
        if isinstance(key, tuple) and key[:2] == ("._.", MISSED) and key[2] >= 0 and key[3] <= size
    ]
    labels = sorted({label for counts in kept for label in counts})
    return {label: sum(counts.get(label, 0.0) for counts in kept) for label in labels} if kept else None


def set_missed(doc: Doc, start_char: int, end_char: int, counts: dict[str, float]) -> None:
    """Keep what is missed between two characters, beside what other recognisers miss there of other labels."""
    kept = doc.user_data.setdefault(("._.", MISSED, start_char, end_char), {})
    for label, count in counts.items():
        kept.pop(label, None)
        if count >= LEAST:
            kept[label] = count


def clear_confidences(doc: Doc) -> None:
    """Forget how sure a recogniser was: of the entities it found, and that it found all."""
    ours = (("._.", STORE), ("._.", MISSED))
    for key in [key for key in doc.user_data if isinstance(key, tuple) and key[:2] in ours]:
        del doc.user_data[key]


def get_relations(doc: Doc) -> list[Relation]:
    """RETURNS (list[Relation]): By head, then tail. One whose tail lies outside of the Doc, a part of a longer one, is
    left out.
    """
    found = []
    for key, kept in doc.user_data.items():
        if not (isinstance(key, tuple) and key[:2] == ("._.", RELATIONS)):
            continue
        start = key[2]
        head = doc.char_span(start, key[3])
        for (first, after), label, confidence in kept:
            tail = doc.char_span(start + first, start + after) if start + first >= 0 else None
            if head is not None and tail is not None:
                found.append(Relation(_entity_at(head), _entity_at(tail), label, confidence))
    return sorted(found, key=lambda r: (r.head.start, r.head.end, r.tail.start, r.tail.end, r.label))


def _entity_at(span: Span) -> Span:
    """RETURNS (Span): With the label of the entity that lies there."""
    return Span(span.doc, span.start, span.end, label=span.doc[span.start].ent_type)


def set_relations(doc: Doc, relations: Iterable[Relation]) -> None:
    """Keep these and no others."""
    for key in [key for key in doc.user_data if isinstance(key, tuple) and key[:2] == ("._.", RELATIONS)]:
        del doc.user_data[key]
    for head, tail, label, confidence in relations:
        start = head.start_char
        place = [tail.start_char - start, tail.end_char - start]
        kept = doc.user_data.setdefault(("._.", RELATIONS, start, head.end_char), [])
        kept.append([place, label, confidence])


def prune_relations(doc: Doc) -> None:
    """Forget the relations whose head or tail is no entity."""
    entities = {(ent.start, ent.end) for ent in doc.ents}
    relations = get_relations(doc)
    set_relations(doc, [r for r in relations if {(r.head.start, r.head.end), (r.tail.start, r.tail.end)} <= entities])


def register_relations() -> None:
    register(Doc, "relations", getter=get_relations)
    register_store(RELATIONS)


def register_confidence() -> None:
    register(Span, "confidence", getter=get_confidence)
    register(Doc, "expected_missed", getter=get_missed)
    register_store(STORE)
    register_store(MISSED)


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
