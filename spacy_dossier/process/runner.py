"""What every engine does with the documents of a shard: the pipeline over their texts, records, the shard's files."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import DossierError
from ..pipeline.summarizer.budget import SummaryBudget
from ..read.extract import one_line
from ..read.failures import FailureKind
from .crashes import Order
from .options import Job
from .reading import ShardDocument
from .record import BadOffsets, Findings, PipelineInfo, make_record
from .shard import DocumentCounts, FileFacts, Outcome
from .sinks import Sink, file_facts, make_sinks

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from .faults import DocFailure

SAY_SECONDS = 0.5  # how often a runner says how far it is


class Listener(Protocol):
    """Is told how far a runner is."""

    def loaded(self, encoder: str | None) -> None:
        """The pipeline is there. encoder (str | None): What its encoder computes in."""

    def words(self, count: int) -> None:
        """So many more words went through the pipeline."""

    def reached(self, document: str | None, stage: str) -> None:
        """In a careful shard: what comes next, by id and stage; None when no document is in hand."""


class Runner:
    """Holds the pipeline and does shards.

    job (Job): The pipeline and the options.
    listener (Listener): Told how far it is.
    """

    def __init__(self, job: Job, listener: Listener) -> None:
        self.job = job
        self.space = job.space
        self.listener = listener
        self.info = PipelineInfo(name=job.pipeline.name, version=job.pipeline.version)
        self.pipeline: Language | None = None

    @property
    def nlp(self) -> Language:
        """The pipeline, loaded when it is first needed. RAISES (DossierError): It does not load."""
        if self.pipeline is None:
            from .infer import describe_encoders, load

            try:
                nlp = load(self.job.pipeline.load, self.job.device, self.job.options.runtime)
                encoder = describe_encoders(nlp)
            except Exception as error:  # broken packages raise anything
                reason = one_line(f"{type(error).__name__}: {error}")
                raise DossierError(f"the pipeline does not load ({reason})", value=self.job.pipeline.load) from None
            self.pipeline = nlp
            self.listener.loaded(encoder)
        return self.pipeline

    def warm_up(self) -> None:
        """Load the pipeline and run a first text through it."""
        self.nlp("What is set up at the first text is set up now.")

    def do(
        self,
        number: int,
        order: Order,
        documents: Sequence[ShardDocument],
        look_up: Callable[[bytes], Findings | None],
        write: Callable[[str, bytes], None],
    ) -> tuple[Outcome, dict[bytes, Findings]]:
        """Do a shard.

        documents (Sequence[ShardDocument]): All its documents. Those that become no record get their failure.
        look_up (Callable): Finds what was computed before, by key.
        write (Callable): Called with the name and the bytes of each file.
        RETURNS (tuple): The outcome, and the findings that were computed for it, by key.
        """
        found: dict[bytes, Findings] = {}
        todo: dict[bytes, list[ShardDocument]] = {}
        for document in self.readable(documents, order):
            if document.key not in found and document.key not in todo and (known := look_up(document.key)):
                found[document.key] = known
            if document.key not in found:
                todo.setdefault(document.key, []).append(document)
        fresh = self.compute(list(todo.values()), order)
        outputs, counts = self.write(number, order, documents, {**found, **fresh}, write)
        counts.computed = len(todo)
        counts.tokens_computed = sum(findings.n_tokens for findings in fresh.values())
        failures = [document.failure.to_json() for document in documents if document.failure is not None]
        settled = not any(document.passing for document in documents)
        return Outcome(outputs, counts, failures, settled), fresh

    def readable(self, documents: Iterable[ShardDocument], order: Order) -> list[ShardDocument]:
        """RETURNS (list[ShardDocument]): Those with a text, which get the key of their findings; others fail."""
        documents = list(documents)
        for document in documents:
            if document.read.error:
                document.fail(document.read.stage, *document.read.error)
            else:
                document.key = hashlib.sha256(f"{self.space}\0".encode() + document.read.text.encode()).digest()
        fatal = {d.key for d in documents if d.failure is None and order.quarantined.get(d.id) == "pipeline"}
        late = {d.key for d in documents if d.failure is None and d.id in order.late}
        for document in documents:
            if document.failure is not None:
                continue
            if document.key in fatal:  # the text would end the process for each document that has it
                message = f"longer in the pipeline than {self.job.options.pipeline_limit:g} s for 100,000 characters"
                if document.key in late:
                    document.fail("pipeline", "Timeout", message)
                else:
                    document.fail("pipeline", "Crash", "the process ended while it was in the pipeline")
            elif document.id in order.quarantined:
                document.fail(order.quarantined[document.id], "Crash", "the process ended while it was made a record")
        return [document for document in documents if document.failure is None]

    def compute(self, todo: Sequence[list[ShardDocument]], order: Order) -> dict[bytes, Findings]:
        """Run the pipeline over texts; where it raises, the documents of the text are failures.

        todo (Sequence[list[ShardDocument]]): The documents of each text.
        """
        fresh: dict[bytes, Findings] = {}
        if not todo:
            return fresh
        nlp = self.nlp  # before a document is announced: a pipeline that ends the process on loading is none's fault
        batches = [[twins] for twins in todo] if order.careful else [todo]
        said, words = time.monotonic(), 0
        for batch in batches:
            if order.careful:
                self.listener.reached(batch[0][0].id, "pipeline")
            for twins, result in self.analyze(nlp, batch):
                if isinstance(result, Findings):
                    fresh[twins[0].key] = result
                    words += result.n_tokens
                else:
                    for document in twins:
                        document.fail("pipeline", result.kind, result.message)
                        document.passing |= result.is_memory
                if time.monotonic() - said > SAY_SECONDS:
                    self.listener.words(words)
                    said, words = time.monotonic(), 0
        self.listener.words(words)
        if order.careful:
            self.listener.reached(None, "pipeline")
        return fresh

    def analyze(
        self, nlp: Language, batch: Sequence[list[ShardDocument]]
    ) -> Iterable[tuple[list[ShardDocument], Findings | DocFailure]]:
        from .infer import analyze
        from .sections import Wanted

        kept: dict[int, list[str]] = {}

        def keep(index: int, docs: Sequence[Doc]) -> None:
            kept[index] = [base64.b64encode(doc.to_bytes(exclude=["tensor"])).decode() for doc in docs]

        options = self.job.options
        results = analyze(
            nlp,
            [twins[0].read.text for twins in batch],
            Wanted(SummaryBudget(options.sentences, options.words), options.extensions, options.pipeline_limit),
            gpu=self.job.device != "cpu",
            keep=keep if "docbin" in options.formats else None,
        )
        for index, result in results:
            if isinstance(result, Findings):
                result.docs = kept.pop(index, [])
            yield batch[index], result

    def write(
        self,
        number: int,
        order: Order,
        documents: Sequence[ShardDocument],
        found: dict[bytes, Findings],
        write: Callable[[str, bytes], None],
    ) -> tuple[dict[str, FileFacts], DocumentCounts]:
        """Make the records and write the shard's files. What fails for a document's sake costs that document alone."""
        sinks = make_sinks(self.job.options.formats, lambda: self.nlp)
        counts = DocumentCounts(documents=len(documents))
        for document in documents:
            if document.failure is not None:
                continue
            if order.careful:
                self.listener.reached(document.id, "record")
            self.add(document, found[document.key], sinks, counts)
        if order.careful:
            self.listener.reached(None, "record")
        counts.failures = sum(document.failure is not None for document in documents)
        outputs = {}
        for sink in sinks:
            if sink.optional and not any(sink.rows):
                continue
            name, data = sink.file_name(number), sink.to_bytes()
            write(name, data)
            outputs[name] = file_facts(data)
        return outputs, counts

    def add(self, document: ShardDocument, findings: Findings, sinks: Sequence[Sink], counts: DocumentCounts) -> None:
        """Put a document's record into all sinks, or into none and make it a failure."""
        stage = "record"
        read = document.read
        try:
            record = make_record(
                id=document.id,
                root=document.root,
                source=document.source,
                text=read.text,
                sha256=read.sha256,
                media_type=read.media_type,
                findings=findings,
                pipeline=self.info,
                pages=read.pages,
                blocks=read.blocks,
                meta=read.meta,
                min_confidence=self.job.options.min_confidence,
                with_text=self.job.options.with_text,
                with_blocks=self.job.options.with_blocks,
            )
            stage = "sink"
            rows = [sink.prepare(record, findings.docs) for sink in sinks]
        except Exception as error:  # what a pipeline or a file's author put into it, no library is sure to take
            kind: FailureKind = "BadOffsets" if isinstance(error, BadOffsets) else "RecordError"
            document.fail(stage, kind, str(error) or type(error).__name__)
            return
        for sink, row in zip(sinks, rows, strict=True):
            sink.add(row)
        counts.records += 1
        counts.tokens += record.n_tokens
        counts.characters += record.n_chars
        counts.unrelated += findings.unrelated
