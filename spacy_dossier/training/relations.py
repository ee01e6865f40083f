"""Relations of a document in a copy of it that has other tokens."""

from collections.abc import Iterator, Sequence

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..pipeline.extensions import get_relations, set_relations

Place = tuple[int, int]  # of a token in the copy: the first token that stands for it, and the one after the last


def move_relations(doc: Doc, copy: Doc, places: Sequence[Place]) -> None:
    """Give a copy of a document its relations.

    doc (Doc): The document.
    copy (Doc): The copy, with its entities.
    places (Sequence[Place]): Where each token of the document is in the copy.
    """

    def moved(span: Span) -> Span:
        return copy[places[span.start][0] : places[span.end - 1][1]]

    if relations := get_relations(doc):
        set_relations(copy, [r._replace(head=moved(r.head), tail=moved(r.tail)) for r in relations])


def with_user_data(augmented: Iterator[Example], reference: Doc) -> Iterator[Example]:
    """Give examples of spaCy's augmenters, which drop it, what the reference says of itself.

    augmented (Iterator[Example]): What an augmenter made of an example.
    reference (Doc): The reference of that example.
    YIELDS (Example): The same; one that has other tokens stays as it is, without relations.
    """
    for example in augmented:
        made = example.reference
        if made is not reference and not made.user_data and len(made) == len(reference):
            made.user_data.update({key: value for key, value in reference.user_data.items() if isinstance(key, str)})
            move_relations(reference, made, [(i, i + 1) for i in range(len(made))])
        yield example
