"""The formats of Universal Dependencies and its kin: CoNLL-U, CoNLL-U Plus, Universal NER."""

from collections.abc import Iterator

from spacy.tokens import Doc

from ..detect.evidence import is_index
from ..detect.roles import named_roles
from ..detect.sample import Head, Sample
from ..writing import Counts, new_document, or_missing, tagged_sentences
from .rows import RowFormat


class ConllUPlus(RowFormat):
    """Any columns, named in the first line."""

    name = "conllup"
    about = "CoNLL-U Plus: any columns, named by # global.columns"
    example = "# global.columns = ID FORM UPOS NER\n1\tAnna\tPROPN\tB-PER\n2\tleft\tVERB\tO\n"
    commented = True
    tagless = True
    states_spaces = True

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether a comment names the columns."""
        return bool(head.sample.names) and not head.sample.header

    def roles(self, sample: Sample) -> dict[str, int]:
        """RETURNS (dict[str, int]): Columns by their role; names may have a name space, as `CONLL:NER`."""
        return named_roles([name.lower().split(":")[-1] for name in sample.names[: len(sample.columns)]])

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends."""
        yield "# global.columns = ID FORM LEMMA UPOS XPOS MISC NER\n" + new_document(doc)
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=False):
            for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
                misc = "_" if token.whitespace_ else "SpaceAfter=No"
                cells = map(or_missing, (token.lemma_, token.pos_, token.tag_))
                yield "\t".join((str(i), token.text, *cells, misc, tag)) + "\n"
            yield "\n"


class ConllU(RowFormat):
    """Ten columns, the tag in the last."""

    name = "conllu"
    about = "CoNLL-U: ten columns with TABs, the tag behind any key of MISC"
    example = "1\tAnna\tAnna\tPROPN\t_\t_\t2\tnsubj\t_\tname=B-PER\n2\tleft\tleave\tVERB\t_\t_\t0\troot\t_\tname=O\n"
    columns = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
    fixed = True
    commented = True
    tagless = True
    states_spaces = True

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are ten columns, the first of which numbers the tokens."""
        sample = head.sample
        return len(sample.columns) == 10 and sample.delimiter == "\t" and is_index(sample.sentences, 0)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends."""
        yield new_document(doc)
        for number, (sentence, tags) in enumerate(tagged_sentences(doc, scheme, counts, spaces=False), 1):
            yield f"# sent_id = {doc.user_data.get('id', 'doc')}-{number}\n# text = {sentence.text}\n"
            for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
                misc = f"name={tag}" + ("" if token.whitespace_ else "|SpaceAfter=No")
                cells = map(or_missing, (token.lemma_, token.pos_, token.tag_, str(token.morph)))
                yield "\t".join((str(i), token.text, *cells, "_", "_", "_", misc)) + "\n"
            yield "\n"


class UniversalNer(RowFormat):
    """Five columns: number, token, tag, and two for the annotators."""

    name = "uner"
    about = "Universal NER: number, token, tag, -, annotator; comments as in CoNLL-U"
    example = "# sent_id = 1\n# text = Anna left\n1\tAnna\tB-PER\t-\tkim\n2\tleft\tO\t-\t-\n"
    commented = True

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are five columns under comments, the first of which numbers the tokens."""
        sample = head.sample
        return len(sample.columns) == 5 and sample.marked and is_index(sample.sentences, 0)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends."""
        yield new_document(doc)
        for number, (sentence, tags) in enumerate(tagged_sentences(doc, scheme, counts, spaces=False), 1):
            yield f"# sent_id = {doc.user_data.get('id', 'doc')}-{number}\n# text = {sentence.text}\n"
            for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
                yield f"{i}\t{token.text}\t{tag}\t-\t-\n"
            yield "\n"
