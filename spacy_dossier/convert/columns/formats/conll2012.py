"""CoNLL-2012 (OntoNotes): entities in brackets, as many columns as a sentence has verbs."""

from collections.abc import Iterator
from dataclasses import replace

from spacy.tokens import Doc

from ..detect.roles import Family
from ..detect.sample import Head, Sample
from ..layout import Layout
from ..schemes import is_bracket
from ..writing import Counts, or_missing, tagged_sentences
from .rows import RowFormat

ENTITIES = 10  # the column of the named entities in the shared task's documentation


class Conll2012(RowFormat):
    """Rows of the shared task."""

    name = "conll2012"
    about = "CoNLL-2012, OntoNotes: twelve columns or more, entities in brackets"
    example = (
        "#begin document (nw/a); part 000\n"
        "nw/a 0 0 Anna NNP (S(NP*) - - - - (PERSON) * -\nnw/a 0 1 left VBD (VP*)) leave 01 1 - * (V*) -\n"
        "\n#end document\n"
    )
    commented = True
    least = 5  # up to the part of speech
    family = Family(token=3, bracket_tag=ENTITIES, brackets=True)

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether rows differ in width, or the column of the entities holds brackets."""
        columns = head.sample.columns
        return bool(columns) and (
            head.sample.width is None or (len(columns) > ENTITIES and all(map(is_bracket, columns[ENTITIES])))
        )

    def layout(self, sample: Sample) -> Layout:
        """RETURNS (Layout): The layout; only the rows of one sentence agree in width."""
        return replace(super().layout(sample), width=None)

    def annotated(self, sample: Sample, layout: Layout) -> Layout:
        """RETURNS (Layout): The layout with part of speech and lemma."""
        return layout if layout.names else replace(layout, xpos=4, lemma=6 if len(sample.columns) > 11 else None)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends; entities are in brackets whatever the scheme."""
        id_ = str(doc.user_data.get("id", "")) or "document"
        name, _, part = id_.rpartition(" part ")
        name, number = (name, part) if name and part.isdecimal() else (id_, "000")
        yield f"#begin document ({name}); part {number}\n"
        for sentence, tags in tagged_sentences(doc, "brackets", counts, spaces=True):
            for i, (token, tag) in enumerate(zip(sentence, tags, strict=True)):
                cells = map(or_missing, (token.tag_, "*", token.lemma_))
                pos, parse, lemma = (cell if cell != "_" else "-" for cell in cells)
                row = (name, str(int(number)), str(i), token.text, pos, parse, lemma, "-", "-", "-", tag, "-")
                yield " ".join(row) + "\n"
            yield "\n"
        yield "#end document\n"
