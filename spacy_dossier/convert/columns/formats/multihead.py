"""Multi-head selection (Bekoulis et al. 2018, multihead_joint_entity_relation_extraction): relations in columns."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from spacy.tokens import Doc

from ..detect.sample import Head, Sample
from ..layout import Layout
from ..relations import RelationRow, checked, related_within
from ..schemes import tags_to_entities
from ..sentence import Problem, Related, Sentence, Span
from ..writing import Counts, Entity, tagged_sentences
from .rows import RowFormat

LIST = re.compile(r"\[.*\]")
LABELS, HEADS = 3, 4  # columns
NONE = "N"  # what stands for no relation, whose head is the token itself


class MultiHead(RowFormat):
    """Number, token, tag, and at the last token of an entity its relations and the last tokens of their tails."""

    name = "multihead"
    about = "CoNLL04: number, token, tag, list of relations, list of the tokens they lead to; #doc and an id"
    example = (
        "#doc 7\n0\tAnna\tB-PER\t['N']\t[0]\n1\tBerg\tI-PER\t['lives_in']\t[4]\n2\tlives\tO\t['N']\t[2]\n"
        "3\tin\tO\t['N']\t[3]\n4\tOslo\tB-LOC\t['N']\t[4]\n"
    )
    columns = ("index", "token", "tag", "relations", "heads")
    fixed = True
    commented = True
    delimiters = "\t"

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are five columns, the first of which numbers the tokens, two lists the last."""
        sample = head.sample
        # Nothing but the numbers parts the sentences, of which the last may be one token.
        if len(sample.columns) != len(self.columns) or not all(cell.isdecimal() for cell in sample.columns[0]):
            return False
        return all(map(LIST.fullmatch, (*sample.columns[LABELS], *sample.columns[HEADS])))

    def layout(self, sample: Sample) -> Layout:
        """RETURNS (Layout): The columns by their names, and that there are relations."""
        layout = super().layout(sample)
        return replace(layout, links=LABELS, restarts=True)

    def relations(self, sentence: Sentence, layout: Layout) -> Iterator[Related | Problem]:
        """YIELDS (Related | Problem): Each relation between two entities, which it has by their last tokens."""
        entities = {end - 1: (start, end) for start, end, _ in tags_to_entities(sentence.tags, bare=layout.bare)}
        tokens = {number: i for i, number in enumerate(sentence.columns[0])}
        rows: list[RelationRow] = []
        for i, (labels, heads) in enumerate(zip(sentence.columns[LABELS], sentence.columns[HEADS], strict=True)):
            found = _lists(labels, heads)
            if found is None:
                yield Problem(sentence.line_of(i), sentence.row_of(i), "a list of relations and one of as many tokens")
            for label, number in found or ():
                if label != NONE:
                    tail: Span | None = entities.get(tokens.get(str(number), -1))
                    rows.append(RelationRow(entities.get(i), tail, label, i, sentence.row_of(i)))
        yield from checked(sentence, rows)

    def relate(
        self, sentence: Sentence, layout: Layout, entities: Sequence[Entity], relations: Sequence[Related]
    ) -> None:
        """Put other relations into the rows of a sentence."""
        numbers = sentence.columns[0]
        cells = _cells(relations, len(sentence.tokens), numbers)
        for column, values in zip((LABELS, HEADS), zip(*cells, strict=True), strict=True):
            self.put(sentence, layout, column, values)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends."""
        yield f"#doc {doc.user_data.get('id', '')}".strip() + "\n"
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=False):
            numbers = [str(i) for i in range(len(sentence))]
            relations = related_within(sentence, counts)
            cells = _cells(relations, len(sentence), numbers)
            for number, token, tag, both in zip(numbers, sentence, tags, cells, strict=True):
                yield "\t".join((number, token.text, tag, *both)) + "\n"


def _lists(labels: str, heads: str) -> list[tuple[str, int]] | None:
    """RETURNS (list[tuple[str, int]] | None): Each relation with its token; `None` if the cells hold no such lists."""
    try:
        names, numbers = ast.literal_eval(labels), ast.literal_eval(heads)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(names, list) or not isinstance(numbers, list) or len(names) != len(numbers):
        return None
    if not all(isinstance(name, str) for name in names) or not all(isinstance(number, int) for number in numbers):
        return None
    return list(zip(names, numbers, strict=True))


def _cells(relations: Sequence[Related], length: int, numbers: Sequence[str]) -> list[tuple[str, str]]:
    """RETURNS (list[tuple[str, str]]): The two cells of each token."""
    found: list[list[tuple[str, int]]] = [[] for _ in range(length)]
    for head, tail, label in relations:
        found[head[1] - 1].append((label, int(numbers[tail[1] - 1])))
    return [
        (repr([label for label, _ in own] or [NONE]), repr([number for _, number in own] or [int(numbers[i])]))
        for i, own in enumerate(found)
    ]
