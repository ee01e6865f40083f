"""The classes of a document, as the report counts and shows them."""

from ..process.record import Record
from .pages import percent

GIVEN = 0.5  # a class with this score is given where a document can have several, as spaCy's threshold has it
TO_ONE = 0.02  # how far scores of classes that exclude each other may be from a sum of one: they are rounded
LISTED = 5  # classes on a document's page


def classes_of(record: Record) -> list[str]:
    """RETURNS (list[str]): The class with the highest score where scores add up to one, so that classes exclude each
    other; else those with a score of one half, the highest first."""
    ranked = sorted(record.cats, key=lambda label: -record.cats[label])
    if ranked and abs(sum(record.cats.values()) - 1) < TO_ONE:
        return ranked[:1]
    return [label for label in ranked if record.cats[label] >= GIVEN]


def class_facts(record: Record) -> str:
    """RETURNS (str): The likeliest classes with their scores, in a line."""
    ranked = sorted(record.cats.items(), key=lambda item: -item[1])
    more = ", …" if len(ranked) > LISTED else ""
    return ", ".join(f"{label} {percent(score)}" for label, score in ranked[:LISTED]) + more
