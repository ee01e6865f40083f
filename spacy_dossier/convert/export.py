"""Documents out: `.spacy` files and processed records, as column files or for annotation tools."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import DossierError
from ..pipeline.extensions import (
    entity_confidences,
    get_confidence,
    get_relations,
    prune_relations,
    set_confidence,
    set_missed,
    set_relations,
)
from ..text.docbin import read_docbin
from .annotations.docs import NESTED, annotated_of, make_doc
from .annotations.document import Annotated, Link
from .annotations.formats.base import MISSHAPEN
from .annotations.formats.registry import ANNOTATION_FORMATS
from .annotations.hf import write_dataset
from .columns.export import AUTO, SOURCE, export_docs
from .columns.formats.registry import FORMATS
from .columns.writing import Counts
from .language import blank
from .rows import BadRow, is_parquet, json_rows, parquet_rows
from .source import make_folder, open_text

HF = "hf"
NAMES = (AUTO, SOURCE, *FORMATS, *ANNOTATION_FORMATS, HF)


def export(
    corpora: Iterable[Path],
    output: Path,
    *,
    format: str = AUTO,
    scheme: str = AUTO,
    lang: str = "en",
    least: float = 0.0,
) -> Counts:
    """Write documents in another format.

    corpora (Iterable[Path]): `.spacy` files, or records of `dossier process` with their texts: JSONL, Parquet, or the
        folder of a run; several go into one output.
    output (Path): The file to write, or the folder where the format has a file for each text.
    format (str): `source` for the rows the documents came from, or the name of a column format, an annotation tool or
        `hf`; `auto` is `source` if every document has its rows, else `tsv`.
    scheme (str): Of column formats; see `columns.export.export_docs`.
    lang (str): The language whose tokenizer finds the tokens of records.
    least (float): Entities of less confidence become missing annotation; relations of less are left out.
    RETURNS (Counts): What was written.
    RAISES (DossierError): If the documents cannot be written in this format; with `least`, if they have entities and no
        confidences.
    """
    nlp = blank(lang)
    docs = [doc for path in corpora for doc in load_docs(path, nlp)]
    if least:
        leave_unsure_out(docs, least)
    return export_loaded(docs, output, format=format, scheme=scheme)


def leave_unsure_out(docs: list[Doc], least: float) -> None:
    """Make entities of less confidence missing annotation, and leave relations of less confidence or of such out.

    RAISES (DossierError): `least` is none; the documents have entities, and none has a confidence.
    """
    if not 0 <= least <= 1:
        raise DossierError("the least confidence is 0 at least and 1 at most", value=least)
    confidences = [entity_confidences(doc) for doc in docs]
    if any(confidences) and all(each is None for of_doc in confidences for each in of_doc):
        raise DossierError(
            "no entity has a confidence", value=f"--least {least:g}", remedy="Give records of a pipeline that tells it"
        )
    for doc, of_doc in zip(docs, confidences, strict=True):
        unsure = [ent for ent, each in zip(doc.ents, of_doc, strict=True) if each is not None and each < least]
        doc.set_ents([], missing=unsure, default="unmodified")
        inside = {i for ent in unsure for i in range(ent.start, ent.end)}
        if NESTED in doc.spans:
            doc.spans[NESTED] = [span for span in doc.spans[NESTED] if inside.isdisjoint(range(span.start, span.end))]
        sure = [r for r in get_relations(doc) if r.confidence is None or r.confidence >= least]
        set_relations(doc, sure)
        prune_relations(doc)


def export_loaded(docs: list[Doc], output: Path, *, format: str = AUTO, scheme: str = AUTO) -> Counts:
    """Write documents that are at hand; see `export`.

    RAISES (DossierError): If the documents cannot be written in this format.
    """
    if format not in NAMES:
        raise DossierError("unknown format", value=format, remedy="dossier convert --formats lists them.")
    if format != HF and format not in ANNOTATION_FORMATS:
        return export_docs(docs, output, format=format, scheme=scheme)
    make_folder(output.parent)
    writer = ANNOTATION_FORMATS.get(format)
    is_folder = writer is None or writer.folder
    if output.exists() and output.is_dir() != is_folder:
        raise DossierError(f"{format} is written as a {'folder' if is_folder else 'file'}", file=output)
    if writer is None:
        counts = write_dataset(docs, output)
        counts.unrelated = sum(len(get_relations(doc)) for doc in docs)
        return counts
    texts = [annotated_of(doc) for doc in docs]
    writer.write(texts, output)
    sents = sum(max(1, len(text.sentences)) for text in texts)
    counts = Counts(len(texts), sents, sum(map(len, docs)), sum(len(text.marks) for text in texts))
    counts.relations = sum(len(text.links) for text in texts) if writer.links else 0
    counts.unrelated = sum(len(get_relations(doc)) for doc in docs) - counts.relations
    counts.unsaid = 0 if writer.partial else sum(token.ent_iob == 0 for doc in docs for token in doc)
    return counts


def load_docs(path: Path, nlp: Language) -> Iterator[Doc]:
    """Read documents.

    path (Path): A `.spacy` file, records, or a folder with records.
    nlp (Language): A pipeline whose tokenizer finds the tokens of records.
    YIELDS (Doc): The documents; those of records with their confidences.
    RAISES (DossierError): If it is neither, or records are without their texts.
    """
    if path.is_dir():
        files = sorted((*path.glob("records-*.jsonl"), *path.glob("records-*.parquet")))
        if not files:
            raise DossierError("no records in this folder", file=path)
        for file in files:
            yield from load_docs(file, nlp)
    elif path.suffix.lower() in (".jsonl", ".parquet"):
        rows = parquet_rows(path, str(path)) if is_parquet(path) else json_rows(open_text(path))
        for row in rows:
            if isinstance(row, BadRow):
                raise DossierError(row.problem, file=path, line=row.row)
            yield _doc_of(nlp, row.fields, path, row.number)
    else:
        yield from read_docbin(path, nlp.vocab)


def _doc_of(nlp: Language, record: dict[str, Any], file: Path, number: int) -> Doc:
    """RETURNS (Doc): The document of a record."""
    text, entities = record.get("text"), record.get("entities")
    if not isinstance(text, str) or entities is None:
        raise DossierError(
            "no record with its text",
            file=file,
            line=number,
            value=json.dumps(record, default=str),
            remedy="Process --with-text.",
        )
    found = Annotated(str(record.get("id", "")), text)
    try:
        for ent in entities:
            if not found.mark(ent["start"], ent["end"], ent["label"], ent.get("text")):
                raise ValueError(found.unread[0])
        for relation in record.get("relations") or []:
            ends = (found.marks[relation["head"]], found.marks[relation["tail"]])
            score = relation.get("confidence")
            found.links.append(Link(*ends, relation["label"], None if score is None else float(score)))
        # Entities that the tokenizer of another pipeline would cut are widened: a record has no tokens.
        doc = make_doc(nlp, found, mode="expand").doc
        ents = set(doc.ents)  # put together from its tokens at every call
        for mark, ent in zip(found.marks, entities, strict=True):
            span = doc.char_span(mark.start, mark.end, mark.label, alignment_mode="expand")
            # Of two in one token the first is the entity.
            if span in ents and get_confidence(span) is None and ent.get("confidence") is not None:
                set_confidence(doc, span.start_char, span.end_char, mark.label, float(ent["confidence"]))
        missed = _missed(record)
    except MISSHAPEN as error:
        why = f"not as dossier process writes it ({type(error).__name__}: {str(error)[:60]})"
        raise DossierError(why, file=file, line=number) from None
    if missed is not None:
        set_missed(doc, 0, len(text), missed)
    return doc


def _missed(record: dict[str, Any]) -> dict[str, float] | None:
    """RETURNS (dict[str, float] | None): What is expected to be missed, by label; `None` if the record does not say."""
    extensions = record.get("extensions") or {}
    if isinstance(extensions, str):  # as in Parquet
        extensions = json.loads(extensions)
    value = extensions.get("expected_missed")
    sections: list[Any] = value if isinstance(value, list) else [value]  # of a text in several sections a list
    if None in sections:
        return None
    labels: set[str] = {label for counts in sections for label in counts}
    return {label: sum(float(counts.get(label, 0)) for counts in sections) for label in labels}
