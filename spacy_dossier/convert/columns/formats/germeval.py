"""GermEval 2014: number, token, tag, tag of the inner layer."""

from collections.abc import Iterator

from spacy.tokens import Doc
from spacy.util import filter_spans

from ..detect.evidence import is_index
from ..detect.sample import Head
from ..schemes import entities_to_tags
from ..writing import Counts, tagged_sentences
from .rows import RowFormat


class GermEval(RowFormat):
    """Four columns, with an inner layer of entities."""

    name = "germeval"
    about = "GermEval 2014: number, token, tag, tag of the inner layer; # and the source before a sentence"
    example = "#\thttp://example.org\t[2010-01-02]\t\n1\tAnna\tB-PER\tO\n2\tleft\tO\tO\n"

    two_layers = True

    def sniff(self, head: Head) -> bool:
        """RETURNS (bool): Whether there are four columns under comments, the first of which numbers the tokens."""
        sample = head.sample
        return len(sample.columns) == 4 and sample.marked and is_index(sample.sentences, 0)

    def write(self, doc: Doc, scheme: str, counts: Counts) -> Iterator[str]:
        """YIELDS (str): Lines, with their ends; documents have no marks."""
        overlapping = list(doc.spans.get("nested", ()))
        inner = sorted(filter_spans(overlapping))
        counts.nested += len(overlapping) - len(inner)
        nested = entities_to_tags([(span.start, span.end, span.label_) for span in inner], len(doc), scheme)
        for sentence, tags in tagged_sentences(doc, scheme, counts, spaces=False):
            yield f"#\t{doc.user_data.get('id', '')}\t\t\n"
            for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
                yield f"{i}\t{token.text}\t{tag}\t{nested[token.i]}\n"
            yield "\n"
