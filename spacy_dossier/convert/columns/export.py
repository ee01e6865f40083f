"""Column files out of `.spacy` files: in the layout the documents came from, or in another."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from ...errors import DossierError
from ...text.files import open_whole
from .documents import LAYOUT_KEY, TEMPLATE_KEY, layout_of
from .layout import Layout
from .lines import refold
from .reader import Sentence, read_sentences
from .schemes import SCHEMES, decode, encode, split_tag

Entity = tuple[int, int, str]
MISSING_TAG = "_"
UNWRITABLE = re.compile(r"[\r\n\t]")


@dataclass
class ExportReport:
    """What was written: documents, sentences, tokens, entities; and entities that the form could not hold.

    cut (int): Entities that crossed the end of a sentence and were cut there.
    merged (int): Entities that IO or bare labels cannot part from the one before.
    """

    docs: int = 0
    sents: int = 0
    tokens: int = 0
    ents: int = 0
    cut: int = 0
    merged: int = 0


def export(corpora: Iterable[Path], output: Path, *, layout: str = "auto", scheme: str = "auto") -> ExportReport:
    """Write documents as a column file.

    corpora (Iterable[Path]): `.spacy` files; several, as shards are, go into one output.
    output (Path): The file to write.
    layout (str): `source` for the rows the documents came from, or one of `LAYOUTS`; `auto` is `source` if every
        document has its rows, else `tsv`.
    scheme (str): One of `schemes.SCHEMES`; `auto` is the scheme of the rows, else `iob2`. In the `source` layout,
        `auto` leaves the tags of a sentence as they are if its entities are those that the tags say.
    RETURNS (ExportReport): What was written.
    RAISES (DossierError): If the documents cannot be written in this layout.
    """
    if layout not in ("auto", "source", *LAYOUTS):
        raise DossierError("unknown layout", value=layout, remedy=f"Choose auto, source, {', '.join(LAYOUTS)}.")
    if scheme not in ("auto", *SCHEMES):
        raise DossierError("unknown scheme", value=scheme, remedy=f"Choose auto, {', '.join(SCHEMES)}.")
    bins = [_load(path) for path in corpora]
    docs = [doc for bin_ in bins for doc in bin_.get_docs(Vocab())]
    if layout == "auto":
        layout = "source" if docs and all(TEMPLATE_KEY in doc.user_data for doc in docs) else "tsv"
    report = ExportReport(docs=len(docs))
    encoding, mark = "utf-8", b""
    if layout == "source":
        templates = [doc.user_data.get(LAYOUT_KEY) for doc in docs]
        if not all(templates):
            raise DossierError("no rows are kept beside the documents", remedy=f"Choose {', '.join(LAYOUTS)}.")
        forms = {(template["encoding"], template["mark"]) for template in templates if template}
        if len(forms) == 1:
            ((encoding, hexed),) = forms
            mark = bytes.fromhex(hexed)
        pieces: Iterator[str] = (_source_doc(doc, scheme, report) for doc in docs)
    else:
        writer = LAYOUTS[layout]
        pieces = (piece for doc in docs for piece in writer(doc, "iob2" if scheme == "auto" else scheme, report))
    output.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(output) as file_:
        file_.write(mark)
        for piece in pieces:
            file_.write(piece.encode(encoding, "surrogateescape"))
    return report


def _load(path: Path) -> DocBin:
    try:
        return DocBin().from_disk(path)
    except (OSError, ValueError) as error:
        message = getattr(error, "strerror", None) or "not a .spacy file"
        raise DossierError(message, file=path) from None


def _source_doc(doc: Doc, scheme: str, report: ExportReport) -> str:
    """Write a document into the rows it came from."""
    template = doc.user_data[LAYOUT_KEY]
    layout = layout_of(template)
    text = doc.user_data[TEMPLATE_KEY].decode(template["encoding"], "surrogateescape")
    rows = io.StringIO(text, newline=template["newline"])
    written = scheme if scheme != "auto" else template["scheme"]
    if layout.form.codes:
        written = "iob2"  # codes say where entities begin
    pieces: list[str] = []
    start = 0
    for sentence in read_sentences(rows, layout):
        assert isinstance(sentence, Sentence)  # what could not be read is not in the template
        end = start + len(sentence.tokens)
        if [token.text for token in doc[start:end]] != list(sentence.tokens):
            raise DossierError(
                "the tokens of a document are not those of its rows",
                value=doc[start:end].text[:60],
                remedy=f"Choose another --layout: {', '.join(LAYOUTS)}.",
            )
        if sentence.tokens and layout.tag is not None:
            entities, missing = _annotation(doc, start, end, report)
            report.sents += 1
            if scheme != "auto" or not _says(sentence, layout, entities, missing):
                _retag(sentence, layout, _tags(entities, missing, end - start, written, report))
        pieces += sentence.source
        start = end
    if start != len(doc):
        raise DossierError("a document has more tokens than its rows", value=doc[start:].text[:60])
    return "".join(pieces)


def _annotation(doc: Doc, start: int, end: int, report: ExportReport) -> tuple[list[Entity], set[int]]:
    """RETURNS (tuple[list[Entity], set[int]]): Entities and unannotated tokens of a sentence."""
    entities: list[Entity] = []
    missing: set[int] = set()
    for i, token in enumerate(doc[start:end]):
        iob = token.ent_iob_
        if iob == "B" or (iob == "I" and not entities) or (iob == "I" and entities[-1][1] != i):
            report.cut += iob == "I"
            entities.append((i, i + 1, token.ent_type_))
        elif iob == "I":
            entities[-1] = (entities[-1][0], i + 1, entities[-1][2])
        elif iob == "":
            missing.add(i)
    report.tokens += end - start
    report.ents += len(entities)
    return entities, missing


def _says(sentence: Sentence, layout: Layout, entities: list[Entity], missing: set[int]) -> bool:
    tags = list(sentence.tags)
    said = {i for i, tag in enumerate(tags) if split_tag(tag, bare=layout.bare) == ("", "")}
    return decode(tags, bare=layout.bare) == entities and said == missing


def _tags(entities: list[Entity], missing: set[int], length: int, scheme: str, report: ExportReport) -> list[str]:
    tags = encode(entities, length, scheme)
    if scheme in ("io", "bare"):
        report.merged += sum(a[1] == b[0] and a[2] == b[2] for a, b in pairwise(entities))
    for i in missing:
        tags[i] = "-" if scheme == "brackets" else MISSING_TAG
    return tags


def _retag(sentence: Sentence, layout: Layout, tags: list[str]) -> None:
    """Put other tags into the rows of a sentence, leaving everything else as it is."""
    column = layout.tag or 0
    if layout.label is not None:
        labels = [tag[2:] or layout.label_outside for tag in tags]
        tags = [tag[:1] for tag in tags]
        for place, label in zip(sentence.places, labels, strict=True):
            sentence.source[place] = _put(sentence.source[place], layout, layout.label, label)
    tags = layout.form.write(tags)
    if layout.line:
        place = sentence.places[0]
        sentence.source[place] = refold(sentence.source[place], layout, column, tags)
        return
    for place, tag in zip(sentence.places, tags, strict=True):
        sentence.source[place] = _put(sentence.source[place], layout, column, tag)


def _put(line: str, layout: Layout, column: int, cell: str) -> str:
    """RETURNS (str): A row with another cell in a column."""
    body = line.rstrip("\r\n")
    # Cells between TABs or commas may be empty, cells between spaces may not.
    end = re.escape(layout.delimiter)
    field = rf"(?:(?<={end})|^)[^{end}]*" if layout.delimiter != " " else r"[^ \t]+"
    if layout.quoted and layout.delimiter != "\t":
        field = rf'(?:(?<={end})|^)(?:"(?:[^"]|"")*"(?={end}|$)|[^{end}]*)'
    start, stop = [match.span() for match in re.finditer(field, body)][column]
    if layout.key and column == layout.tag:
        fields = [] if body[start:stop] == "_" else body[start:stop].split("|")
        kept = [part for part in fields if part.partition("=")[0] != layout.key]
        where = next((i for i, part in enumerate(fields) if part.partition("=")[0] == layout.key), len(kept))
        kept.insert(where, f"{layout.key}={cell}")
        cell = "|".join(kept)
    return body[:start] + cell + body[stop:] + line[len(body) :]


def _sentences(doc: Doc, scheme: str, report: ExportReport, *, spaces: bool) -> Iterator[tuple[Span, list[str]]]:
    """YIELDS (tuple[Span, list[str]]): Each sentence and its tags."""
    sentences = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]] if len(doc) else []
    for sentence in sentences:
        for token in sentence:
            bad = UNWRITABLE.search(token.text) or (spaces and re.search(r"^[ \t]*$|[ \t]", token.text))
            if bad:
                raise DossierError(
                    "a token holds white space that the layout cannot hold",
                    value=token.text,
                    remedy="Choose a layout with TABs, as --layout tsv." if spaces else None,
                )
        entities, missing = _annotation(doc, sentence.start, sentence.end, report)
        report.sents += 1
        yield sentence, _tags(entities, missing, len(sentence), scheme, report)


def _plain(
    row: Callable[[Any, str], list[str]], delimiter: str, docstart: str
) -> Callable[[Doc, str, ExportReport], Iterator[str]]:
    """A layout with one row a token and `-DOCSTART-` before each document."""

    def write(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
        id_ = doc.user_data.get("id", "")
        yield f"-DOCSTART- ({id_})\n\n" if id_ else docstart
        for sentence, tags in _sentences(doc, scheme, report, spaces=delimiter == " "):
            for token, tag in zip(sentence, tags, strict=True):
                yield delimiter.join(row(token, tag)) + "\n"
            yield "\n"

    return write


def _or_missing(value: str) -> str:
    return re.sub(r"\s", "_", value) or "_"


def _conllu(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
    yield f"# newdoc id = {doc.user_data['id']}\n" if doc.user_data.get("id") else "# newdoc\n"
    for number, (sentence, tags) in enumerate(_sentences(doc, scheme, report, spaces=False), 1):
        yield f"# sent_id = {doc.user_data.get('id', 'doc')}-{number}\n# text = {sentence.text}\n"
        for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
            misc = f"name={tag}" + ("" if token.whitespace_ else "|SpaceAfter=No")
            cells = (token.lemma_, token.pos_, token.tag_, str(token.morph))
            yield "\t".join((str(i), token.text, *map(_or_missing, cells), "_", "_", "_", misc)) + "\n"
        yield "\n"


def _conllup(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
    yield "# global.columns = ID FORM LEMMA UPOS XPOS MISC NER\n"
    yield f"# newdoc id = {doc.user_data['id']}\n" if doc.user_data.get("id") else "# newdoc\n"
    for sentence, tags in _sentences(doc, scheme, report, spaces=False):
        for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
            misc = "_" if token.whitespace_ else "SpaceAfter=No"
            cells = map(_or_missing, (token.lemma_, token.pos_, token.tag_))
            yield "\t".join((str(i), token.text, *cells, misc, tag)) + "\n"
        yield "\n"


def _uner(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
    yield f"# newdoc id = {doc.user_data['id']}\n" if doc.user_data.get("id") else "# newdoc\n"
    for number, (sentence, tags) in enumerate(_sentences(doc, scheme, report, spaces=False), 1):
        yield f"# sent_id = {doc.user_data.get('id', 'doc')}-{number}\n# text = {sentence.text}\n"
        for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
            yield f"{i}\t{token.text}\t{tag}\t-\t-\n"
        yield "\n"


def _germeval(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
    inner = [(span.start, span.end, span.label_) for span in doc.spans["nested"]] if "nested" in doc.spans else []
    nested = encode(inner, len(doc), scheme)
    for sentence, tags in _sentences(doc, scheme, report, spaces=False):
        yield f"#\t{doc.user_data.get('id', '')}\t\t\n"
        for i, (token, tag) in enumerate(zip(sentence, tags, strict=True), 1):
            yield f"{i}\t{token.text}\t{tag}\t{nested[token.i]}\n"
        yield "\n"


def _conll2012(doc: Doc, scheme: str, report: ExportReport) -> Iterator[str]:
    """One row a token as in the CoNLL-2012 shared task; entities are bracketed whatever the scheme."""
    id_ = str(doc.user_data.get("id", "")) or "document"
    name, _, part = id_.rpartition(" part ")
    name, number = (name, part) if name and part.isdecimal() else (id_, "000")
    yield f"#begin document ({name}); part {number}\n"
    for sentence, tags in _sentences(doc, "brackets", report, spaces=True):
        for i, (token, tag) in enumerate(zip(sentence, tags, strict=True)):
            cells = map(_or_missing, (token.tag_, "*", token.lemma_))
            pos, parse, lemma = (cell if cell != "_" else "-" for cell in cells)
            row = (name, str(int(number)), str(i), token.text, pos, parse, lemma, "-", "-", "-", tag, "-")
            yield " ".join(row) + "\n"
        yield "\n"
    yield "#end document\n"


LAYOUTS: dict[str, Callable[[Doc, str, ExportReport], Iterator[str]]] = {
    "tsv": _plain(lambda token, tag: [token.text, tag], "\t", "-DOCSTART-\tO\n\n"),
    "conll": _plain(lambda token, tag: [token.text, tag], " ", "-DOCSTART- O\n\n"),
    "conll2002": _plain(lambda t, tag: [t.text, _or_missing(t.tag_), tag], " ", "-DOCSTART- -DOCSTART- O\n\n"),
    "conll2003": _plain(lambda t, tag: [t.text, _or_missing(t.tag_), "_", tag], " ", "-DOCSTART- -X- -X- O\n\n"),
    "offsets": _plain(lambda t, tag: [t.text, str(t.idx), str(t.idx + len(t)), tag], "\t", "-DOCSTART-\t0\t0\tO\n\n"),
    "conllu": _conllu,
    "conllup": _conllup,
    "uner": _uner,
    "germeval": _germeval,
    "conll2012": _conll2012,
}
