"""Records of a run → a folder of static pages, to be opened from the disk without network."""

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DossierError
from ..text.files import whole_folder
from ..text.lock import Lock
from .classes import classes_of
from .document import neighbour, write_document
from .figures import facts, histogram, histogram_text, tiles
from .index import Index, Totals, group
from .pages import Pages, Shards, document_row, media_name, plural
from .read import Texts, read_failures, read_records, read_run, record_files

GENERATOR = "spacy-dossier report"
TOP = 15  # entities on the overview
TOP_FACTS = 8  # relations on the overview


@dataclass(frozen=True)
class Written:
    """A report that was written.

    path (Path): Its first page.
    documents, failures (int): What it shows.
    without_text (int): Documents whose text was neither in the record nor to be read again.
    """

    path: Path
    documents: int
    failures: int
    without_text: int


def write_report(out: Path, folder: Path | None = None, *, advance: Callable[..., None] | None = None) -> Written:
    """Write the report of a run.

    The records are read twice, one at a time: once to count, once to write the page of each. What grows with them is
    kept in a scratch file on disk. The report is written beside its place and put there at the end; one that was there
    before is replaced.

    out (Path): The folder `dossier process` wrote.
    folder (Path | None): Where the report goes; `out/report` by default.
    advance (Callable | None): Called as `advance(steps, note=…)`, a step a document.
    RETURNS (Written): What was written.
    RAISES (DossierError): No records; a row that is no record; a folder in the way that is no report.
    """
    target = (out / "report" if folder is None else folder).resolve()
    check_target(target)
    state = out / ".dossier"  # there a run holds its lock, so that no record changes while the report is written
    locked = state.is_dir() and os.access(state, os.W_OK)
    with Lock(state / "lock") if locked else contextlib.nullcontext():
        files = record_files(out)
        try:
            with whole_folder(target) as made:
                documents, failures, without_text = _write(out, files, made, advance or (lambda *args, **kwargs: None))
        except OSError as error:
            raise DossierError(
                f"the report cannot be written: {error.strerror}", file=error.filename or target
            ) from None
        except sqlite3.OperationalError as error:
            raise DossierError(f"the report cannot be written: {error}", file=target) from None
    return Written(target / "index.html", documents, failures, without_text)


def check_target(target: Path) -> None:
    """RAISES (DossierError): Something is in the way that is no report and would be lost."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    index = target / "index.html"
    head = index.read_text(encoding="utf-8", errors="replace")[:2000] if index.is_file() else ""
    if f'content="{GENERATOR}"' not in head:
        raise DossierError("exists and is not a report", file=target, remedy="Remove it, or choose another with -o")


def _write(out: Path, files: list[Path], folder: Path, advance: Callable[..., None]) -> tuple[int, int, int]:
    index = Index(folder / "index.sqlite")
    try:
        _count(index, files, advance)
        index.rank()
        totals = index.totals
        pages = Pages(folder, GENERATOR, ", ".join(totals.pipelines), totals.labels.most_common())
        without_text = _write_documents(out, files, folder, index, pages, advance)
        different = _write_entities(folder, index, pages)
        failures, kinds = _write_failures(out, folder)
        _write_lists(pages, totals, different, failures, kinds)
        _write_overview(out, pages, index, different, failures, kinds)
    finally:
        index.close()
    (folder / "index.sqlite").unlink()
    return totals.documents, failures, without_text


def _count(index: Index, files: list[Path], advance: Callable[..., None]) -> None:
    for record in read_records(files):
        index.add(record, group(record.entities), classes_of(record))
        advance(0, note=f"{index.totals.documents:,} counted")


def _write_entities(folder: Path, index: Index, pages: Pages) -> int:
    """Write the entities, and the documents and relations of each. RETURNS (int): How many entities."""
    first = 0
    facts = index.facts()
    fact = next(facts, None)
    with Shards(folder, "entities") as shards, Shards(folder, "facts") as of_entities:
        for entity in index.entities():
            first_fact = of_entities.count
            while fact is not None and fact.entity == entity.number:
                of_entities.add([*fact[1:5], pages.kinds[fact.kind], *fact[6:]])
                fact = next(facts, None)
            confidence = None if entity.confidence is None else round(entity.confidence, 4)
            kind = pages.kinds[entity.label]
            row = [entity.name, kind, entity.mentions, entity.documents, confidence, first]
            shards.add([*row, first_fact, of_entities.count - first_fact])
            first += entity.documents
    with Shards(folder, "places") as places:
        for place in index.places():
            places.add(list(place))
    return shards.count


def _write_failures(out: Path, folder: Path) -> tuple[int, list[tuple[tuple[str, str], int]]]:
    """RETURNS (tuple): How many failures, and how many of each stage and error, the most frequent first."""
    counter = Counter((failure.stage, failure.error) for failure in read_failures(out))
    kinds = {kind: number for number, (kind, _) in enumerate(counter.most_common())}
    with Shards(folder, "failures") as shards:
        for failure in read_failures(out):
            shards.add([failure.source, kinds[failure.stage, failure.error], failure.message])
    return shards.count, counter.most_common()


def _write_documents(
    out: Path, files: list[Path], folder: Path, index: Index, pages: Pages, advance: Callable[..., None]
) -> int:
    """RETURNS (int): How many documents are shown without their text."""
    types = {media_type: kind for kind, (media_type, _) in enumerate(index.totals.media_types.most_common())}
    classes = {label: kind for kind, (label, _) in enumerate(index.totals.classes.most_common())}
    without_text = 0
    with Shards(folder, "documents") as shards, Texts(read_run(out).get("options", {})) as texts:
        for number, record in enumerate(read_records(files)):
            given = [classes[label] for label in classes_of(record)]
            shards.add([*document_row(record, pages.kinds, types), given])
            source = texts.find(record)
            without_text += source.text is None
            before, after = index.document(number - 1), index.document(number + 1)
            try:
                write_document(pages, record, source, index, number, before=neighbour(before), after=neighbour(after))
            except FileExistsError:
                raise DossierError(
                    "two records have the same id",
                    file=files[0].parent,
                    value=record.id,
                    remedy="Run `dossier process` again",
                ) from None
            advance(1)
    return without_text


def _write_lists(
    pages: Pages, totals: Totals, different: int, failures: int, kinds: list[tuple[tuple[str, str], int]]
) -> None:
    types = totals.media_types.most_common()
    pages.write(
        "documents",
        title="Documents",
        rows=totals.documents,
        types=types,
        type_names=[media_name(media_type) for media_type, _ in types],
        classes=totals.classes.most_common(),
    )
    pages.write(
        "entities",
        title="Entities",
        rows=different,
        label_names=[label for label, _ in pages.labels],
    )
    pages.write("failures", title="Failures", rows=failures, failures=kinds, kind_names=[kind for kind, _ in kinds])


def _write_overview(
    out: Path, pages: Pages, index: Index, different: int, failures: int, kinds: list[tuple[tuple[str, str], int]]
) -> None:
    totals = index.totals
    run = read_run(out)
    known = sum(totals.confidences)
    top = list(index.entities(TOP))
    pages.write(
        "index",
        title=out.resolve().name,
        lead=f"{plural(totals.documents, 'document')}, {plural(totals.entities, 'mention')} of "
        f"{different:,} {'entity' if different == 1 else 'entities'}",
        unfinished=run.get("status") != "complete",
        tiles=tiles(totals, different, failures, run),
        top=top,
        top_facts=index.top_facts(TOP_FACTS),
        relations=totals.relations,
        different=different,
        histogram=histogram(totals.confidences) if known else [],
        histogram_text=histogram_text(totals.confidences) if known else "",
        types=totals.media_types.most_common(),
        classes=totals.classes.most_common(),
        failures=kinds,
        facts=facts(run),
    )
