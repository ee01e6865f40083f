"""Column files out of `.spacy` files: in the layout the documents came from, or in another."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from spacy.tokens import Doc, Span

from ...errors import DossierError
from ...pipeline.extensions import get_relations
from ...text.files import open_whole
from ..annotations.docs import NESTED
from ..source import make_folder
from .documents import LAYOUT_KEY, TEMPLATE_KEY, layout_of
from .formats.registry import FORMATS
from .layout import Layout
from .read_back import check_read_back
from .relations import related_within
from .schemes import SCHEMES, split_tag, tags_to_entities
from .sentence import Related, Sentence
from .writing import Counts, Entity, annotation, make_tags

AUTO, SOURCE, IOB2 = "auto", "source", "iob2"


def export_docs(docs: list[Doc], output: Path, *, format: str = AUTO, scheme: str = AUTO) -> Counts:
    """Write documents as a column file.

    docs (list[Doc]): The documents.
    output (Path): The file to write.
    format (str): `source` for the rows the documents came from, or the name of a format; `auto` is `source` if every
        document has its rows, else `tsv`.
    scheme (str): One of `schemes.SCHEMES`; `auto` is the scheme of the rows, else `iob2`. In the format `source`,
        `auto` leaves the tags of a sentence as they are if its entities are those that the tags say.
    RETURNS (Counts): What was written.
    RAISES (DossierError): If the documents cannot be written in this format, or would be read back as others.
    """
    if format not in (AUTO, SOURCE, *FORMATS):
        raise DossierError("unknown format", value=format, remedy=f"Choose auto, source, {', '.join(FORMATS)}.")
    if scheme not in (AUTO, *SCHEMES):
        raise DossierError("unknown scheme", value=scheme, remedy=f"Choose auto, {', '.join(SCHEMES)}.")
    if format == AUTO:
        format = SOURCE if docs and all(TEMPLATE_KEY in doc.user_data for doc in docs) else "tsv"
    counts = Counts(docs=len(docs))
    encoding, mark = _encoding(docs) if format == SOURCE else ("utf-8", b"")
    if output.is_dir():
        raise DossierError("a folder", file=output, remedy="Name the file to write.")
    make_folder(output.parent)
    with open_whole(output) as file:
        file.write(mark)
        for piece in _pieces(docs, format, scheme, counts):
            file.write(piece.encode(encoding, "surrogateescape"))
        if format != SOURCE and counts.tokens:
            file.flush()
            check_read_back(Path(file.name), docs, format, IOB2 if scheme == AUTO else scheme)
    counts.unrelated = sum(len(get_relations(doc)) for doc in docs) - counts.relations
    return counts


def _encoding(docs: Iterable[Doc]) -> tuple[str, bytes]:
    """RETURNS (tuple[str, bytes]): Encoding and byte-order mark of the rows; UTF-8 if they differ.

    RAISES (DossierError): If a document has no rows.
    """
    templates = [doc.user_data.get(LAYOUT_KEY) for doc in docs]
    if not all(templates):
        raise DossierError("no rows are kept beside the documents", remedy=f"Choose {', '.join(FORMATS)}.")
    forms = {(template["encoding"], template["mark"]) for template in templates if template}
    encoding, mark = forms.pop() if len(forms) == 1 else ("utf-8", "")
    return encoding, bytes.fromhex(mark)


def _pieces(docs: Iterable[Doc], format: str, scheme: str, counts: Counts) -> Iterator[str]:
    for doc in docs:
        if format == SOURCE:
            yield _source_doc(doc, scheme, counts)
        else:
            if not FORMATS[format].two_layers:
                counts.nested += len(doc.spans.get(NESTED, ()))
            yield from FORMATS[format].write(doc, IOB2 if scheme == AUTO else scheme, counts)


def _source_doc(doc: Doc, scheme: str, counts: Counts) -> str:
    """Write a document into the rows it came from."""
    template = doc.user_data[LAYOUT_KEY]
    layout = layout_of(template)
    text = doc.user_data[TEMPLATE_KEY].decode(template["encoding"], "surrogateescape")
    rows = io.StringIO(text, newline=template["newline"])
    written = scheme if scheme != AUTO else template["scheme"]
    if layout.form.codes:
        written = IOB2  # codes say where entities begin
    pieces: list[str] = []
    start = 0
    for sentence in FORMATS[layout.format].read(rows, layout):
        assert isinstance(sentence, Sentence)  # what could not be read is not in the template
        end = start + len(sentence.tokens)
        if [token.text for token in doc[start:end]] != list(sentence.tokens):
            raise DossierError(
                "the tokens of a document are not those of its rows",
                value=doc[start:end].text[:60],
                remedy=f"Choose another --format: {', '.join(FORMATS)}.",
            )
        if sentence.tokens and layout.tag is not None:
            entities, missing = annotation(doc, start, end, counts)
            changed = not _says(sentence, layout, entities, missing)
            if scheme != AUTO or changed:
                _retag(sentence, layout, make_tags(entities, missing, end - start, written, counts))
                _check_rows(sentence, layout, doc[start:end])
            if layout.has_relations:
                _relate(sentence, layout, doc[start:end], entities, counts, anew=changed)
        pieces += sentence.source
        start = end
    if start != len(doc):
        raise DossierError("a document has more tokens than its rows", value=doc[start:].text[:60])
    return "".join(pieces)


def _relate(
    sentence: Sentence, layout: Layout, span: Span, entities: list[Entity], counts: Counts, *, anew: bool
) -> None:
    """Put the relations of a sentence into its rows, where they say others or entities changed (`anew`)."""
    format = FORMATS[layout.format]
    relations = related_within(span, counts)
    if anew or {found for found in format.relations(sentence, layout) if isinstance(found, Related)} != set(relations):
        format.relate(sentence, layout, entities, relations)


def _check_rows(sentence: Sentence, layout: Layout, span: Span) -> None:
    """RAISES (DossierError): If a sentence with other tags would be read as something else."""
    lines = [sentence.source[place] for place in dict.fromkeys(sentence.places)]
    back = next(iter(FORMATS[layout.format].read(iter(lines), replace(layout, header=False))), None)
    if not isinstance(back, Sentence) or list(back.tokens) != list(sentence.tokens):
        labels = ", ".join(dict.fromkeys(ent.label_ for ent in span.ents))
        raise DossierError(
            "the rows cannot hold a label of this sentence", value=labels, remedy="Choose another --format."
        )


def _says(sentence: Sentence, layout: Layout, entities: list[Entity], missing: set[int]) -> bool:
    """Whether the tags of a sentence say these entities and unannotated tokens."""
    tags = list(sentence.tags)
    said = {i for i, tag in enumerate(tags) if split_tag(tag, bare=layout.bare) == ("", "")}
    return tags_to_entities(tags, bare=layout.bare) == entities and said == missing


def _retag(sentence: Sentence, layout: Layout, tags: list[str]) -> None:
    """Put other tags into the rows of a sentence, leaving everything else as it is."""
    put = FORMATS[layout.format].put
    if layout.label is not None:
        put(sentence, layout, layout.label, [tag[2:] or layout.label_outside for tag in tags])
        tags = [tag[:1] for tag in tags]
    put(sentence, layout, layout.tag or 0, layout.form.write(tags))
