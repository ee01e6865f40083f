"""Relations between the entities of a sentence, as a format reads them off its rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from spacy.tokens import Span as DocSpan

from ...pipeline.extensions import get_relations
from .sentence import Problem, Related, Sentence, Span
from .writing import Counts


class RelationRow(NamedTuple):
    """A relation as it stands in a file.

    head, tail (Span | None): Its entities; `None` where there is none.
    label (object): What it is called; a text that is not empty, where it can be read.
    token (int): The token whose row it stands in.
    shown (str): It, for messages.
    """

    head: Span | None
    tail: Span | None
    label: object
    token: int
    shown: str


def checked(sentence: Sentence, rows: Iterable[RelationRow]) -> Iterator[Related | Problem]:
    """Tell relations from what is none.

    sentence (Sentence): The sentence.
    rows (Iterable[RelationRow]): What its rows say.
    YIELDS (Related | Problem): A relation, or why something is left out.
    """
    seen: set[Related] = set()
    for head, tail, label, token, shown in rows:
        expected = ""
        if not isinstance(label, str) or not label.strip():
            expected = "the name of a relation"
        elif head is None or tail is None:
            expected = f"entities at both ends of the relation, not at its {'head' if head is None else 'tail'}"
        elif head == tail:
            expected = "two entities, not a relation of one with itself"
        elif (related := Related(head, tail, label)) in seen:
            expected = "each relation once"
        else:
            seen.add(related)
            yield related
            continue
        yield Problem(sentence.line_of(token), shown, expected)


def numbered(entities: Sequence[Span | None], number: object) -> Span | None:
    """RETURNS (Span | None): The entity with a number, from 0; `None` if there is none."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(entities):
        return None
    return entities[number]


def related_within(sentence: DocSpan, counts: Counts) -> list[Related]:
    """RETURNS (list[Related]): The relations between entities of a sentence of a Doc, which are counted as written."""
    start, end = sentence.start, sentence.end
    entities = {(ent.start, ent.end) for ent in sentence.ents}
    found = [
        Related((r.head.start - start, r.head.end - start), (r.tail.start - start, r.tail.end - start), r.label)
        for r in get_relations(sentence.doc)
        if {(r.head.start, r.head.end), (r.tail.start, r.tail.end)} <= entities
        and all(start <= span.start and span.end <= end for span in (r.head, r.tail))
    ]
    counts.relations += len(found)
    return found
