"""`dossier process`: a folder of documents in, records out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..devices import CHOICES

if TYPE_CHECKING:
    from ..process.options import RunOptions
    from ..process.run import Progress, Run, RunInputs

INTERRUPTED = 130  # the shell's code for an end by Ctrl-C


InputsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT…", help="Files, folders and globs; - reads a text from standard input."),
]
OutputOption = Annotated[
    str, typer.Option("--output", "-o", help="Folder for the records; - writes them to standard output.")
]
PipelineOption = Annotated[str, typer.Option("--pipeline", "-p", help="An installed pipeline or its folder.")]
FormatOption = Annotated[
    list[str] | None,
    typer.Option("--format", "-f", help="jsonl, parquet, docbin or csv (entities); give it again for more than one."),
]
SentencesOption = Annotated[int | None, typer.Option(help="Sentences a summary has at most.")]
WordsOption = Annotated[int | None, typer.Option(help="Words a summary has at most.")]
MinConfidenceOption = Annotated[float, typer.Option(help="Leave out entities with a lower confidence.")]
ExtensionOption = Annotated[
    list[str] | None,
    typer.Option(help="Extension attribute of the Doc to put into the records, as _.risk; repeatable."),
]
WithTextOption = Annotated[bool, typer.Option("--with-text", help="Put the extracted text into the records.")]
WithBlocksOption = Annotated[
    bool, typer.Option("--with-blocks", help="Put the places of headings, paragraphs, tables … into the records.")
]
AttachmentsOption = Annotated[bool, typer.Option("--attachments", help="Read the attachments of mails too.")]
WholePageOption = Annotated[
    bool, typer.Option("--whole-page", help="Read all of a web page, with menus and comments, not its main text.")
]
RepliesOption = Annotated[
    bool, typer.Option("--replies", help="Take what a mail quotes of the one it answers for its text too.")
]
OcrOption = Annotated[bool, typer.Option("--ocr", help="Read scanned pages of PDFs; needs Tesseract.")]
OcrLanguagesOption = Annotated[
    str, typer.Option(help="Languages of scanned pages by Tesseract's names, joined by +: eng+deu.")
]
TextFieldOption = Annotated[
    str, typer.Option(help="Column or field that holds the text of JSONL, CSV, TSV and Parquet.")
]
IncludeOption = Annotated[list[str] | None, typer.Option(help="Glob of files to take from folders; repeatable.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="Glob of files and folders to leave; repeatable.")]
HiddenOption = Annotated[bool, typer.Option("--hidden", help="Take files and folders whose name begins with a dot.")]
FollowLinksOption = Annotated[
    bool, typer.Option("--follow-links", help="Read links to files and enter links to folders.")
]
FilesFromOption = Annotated[
    str | None,
    typer.Option(help="File with a list of inputs, one a line or ended by NUL; - is standard input."),
]
LimitOption = Annotated[int | None, typer.Option(help="Stop after so many files and rows.")]
ShardSizeOption = Annotated[
    int | None, typer.Option(help="Files or rows in an output file; 128 files or 1024 rows by default.")
]
DeviceOption = Annotated[str, typer.Option(help=f"{CHOICES}.")]
RuntimeOption = Annotated[
    str | None,
    typer.Option(
        help="What the encoder runs in: auto, torch (float32), bf16, onnx or int8; by default what the pipeline says."
    ),
]
WorkersOption = Annotated[int, typer.Option(help="Processes that hold the pipeline; 0 for as many as measured best.")]
TimeLimitOption = Annotated[float, typer.Option(help="Seconds the reading of one file may take.")]
PipelineLimitOption = Annotated[
    float, typer.Option(help="Seconds that 100,000 characters may take in the pipeline, and each further as many.")
]
MemoryLimitOption = Annotated[int, typer.Option(help="Megabytes the reading of one file may take.")]
EngineOption = Annotated[str, typer.Option(help="local, or ray: the same on a Ray cluster (it needs the extra `ray`).")]
RayAddressOption = Annotated[
    str | None, typer.Option(help="Address of the cluster; without it one is started on this machine.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")]


def process_cli(
    inputs: InputsArgument = None,
    output: OutputOption = "records",
    pipeline: PipelineOption = "en_dossier",
    format: FormatOption = None,
    sentences: SentencesOption = None,
    words: WordsOption = None,
    min_confidence: MinConfidenceOption = 0.0,
    extension: ExtensionOption = None,
    with_text: WithTextOption = False,
    with_blocks: WithBlocksOption = False,
    attachments: AttachmentsOption = False,
    whole_page: WholePageOption = False,
    replies: RepliesOption = False,
    ocr: OcrOption = False,
    ocr_languages: OcrLanguagesOption = "eng",
    text_field: TextFieldOption = "text",
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    hidden: HiddenOption = False,
    follow_links: FollowLinksOption = False,
    files_from: FilesFromOption = None,
    limit: LimitOption = None,
    shard_size: ShardSizeOption = None,
    device: DeviceOption = "auto",
    runtime: RuntimeOption = None,
    workers: WorkersOption = 0,
    time_limit: TimeLimitOption = 60.0,
    memory_limit: MemoryLimitOption = 2000,
    pipeline_limit: PipelineLimitOption = 600.0,
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Process documents of any kind: entities and a summary of each, as records.

    Exit code 0: all done; 2: finished, with failures; 1: usage, pipeline or disk. Run again after an interruption, the
    same command goes on.
    """
    from ..process.discover import Rules
    from ..process.options import RunOptions

    options = RunOptions(
        formats=tuple(format or ["jsonl"]),
        sentences=sentences,
        words=words,
        min_confidence=min_confidence,
        extensions=tuple(name.removeprefix("_.") for name in extension or ()),
        with_text=with_text,
        with_blocks=with_blocks,
        attachments=attachments,
        whole_page=whole_page,
        replies=replies,
        ocr=ocr_languages if ocr else None,
        text_field=text_field,
        rules=Rules(tuple(include or ()), tuple(exclude or ()), hidden, follow_links),
        limit=limit,
        shard_size=shard_size,
        device=device,
        runtime=runtime,
        workers=workers,
        time_limit=time_limit,
        memory_limit=memory_limit,
        pipeline_limit=pipeline_limit,
    )
    entries, text = gather(inputs or [], files_from)
    if dry_run:
        show_plan(entries, text, options.checked(), output, pipeline)
    else:
        process(entries, text, output, pipeline, options, engine, ray_address)


def process(
    entries: list[str],
    text: str | None,
    output: str,
    pipeline: str,
    options: "RunOptions",
    engine: str = "local",
    ray_address: str | None = None,
) -> None:
    """Run, with progress on stderr, and exit with the run's code.

    entries (list[str]), text (str | None): As `RunInputs`.
    output (str): Folder, or URL for the Ray engine; - for standard output.
    engine (str): local or ray.
    RAISES (DossierError): Options that do not go together, and as `Run.shards`.
    """
    import tempfile
    from functools import partial

    from ..errors import DossierError
    from ..process.run import RunInputs, local_run
    from .console import stderr

    if engine not in ("local", "ray"):
        raise DossierError("unknown engine", value=engine, remedy="Choose local or ray")
    if ray_address and engine != "ray":
        raise DossierError("--ray-address needs --engine ray", value=ray_address)
    inputs = RunInputs(entries, text)
    notice = partial(stderr.print, markup=False)
    if output != "-":
        run = (
            ray_run(inputs, output, pipeline, options, ray_address, notice)
            if engine == "ray"
            else local_run(inputs, Path(output), pipeline, options, notice=notice)
        )
        with following(run):
            for _ in run.shards():
                pass
        stderr.print(closing_line(run, output), markup=False)
    elif engine == "ray":
        raise DossierError("the Ray engine writes to a folder or an object store", remedy="Give one with -o")
    elif options.formats != ("jsonl",):
        found = ", ".join(options.formats)
        raise DossierError("standard output takes JSONL only", value=found, remedy="Give a folder with -o")
    else:
        with tempfile.TemporaryDirectory(prefix="dossier-") as folder:
            run = local_run(inputs, Path(folder), pipeline, options, notice=notice)
            with following(run):
                print_records(run)
    if run.summary.counts.failures:
        raise typer.Exit(2)


def ray_run(
    inputs: "RunInputs",
    output: str,
    pipeline: str,
    options: "RunOptions",
    address: str | None,
    notice: Callable[[str], None],
) -> "Run":
    """RETURNS (Run): A run on a Ray cluster. RAISES (DossierError): As `local_run`."""
    from ..process.options import find_pipeline
    from ..process.ray.engine import RayEngine
    from ..process.run import Run

    found, checked = find_pipeline(pipeline), options.checked()
    return Run(inputs, found, checked, RayEngine(output, found, checked, address=address, notice=notice))


def gather(inputs: list[str], files_from: str | None) -> tuple[list[str], str | None]:
    """RETURNS (tuple): Paths and globs, and the text on standard input if it was asked for.

    RAISES (DossierError): There is neither, or they cannot be read.
    """
    import sys

    from ..errors import DossierError
    from ..process.discover import read_list
    from ..text.encoding import Undecodable, decode

    entries = [entry for entry in inputs if entry != "-"]
    text = None
    if "-" in inputs:
        if files_from == "-":
            raise DossierError(
                "standard input cannot be both a text and a list", remedy="Give one of - and --files-from -"
            )
        try:
            text = decode(sys.stdin.buffer.read()).text
        except Undecodable as error:
            raise DossierError(f"standard input is no text: {error}", remedy="Give the file itself") from None
    if files_from == "-":
        entries += read_list(sys.stdin.buffer.read())
    elif files_from is not None:
        try:
            entries += read_list(Path(files_from).read_bytes())
        except OSError as error:
            raise DossierError(f"the list cannot be read: {error.strerror}", file=files_from) from None
    if not entries and text is None:
        raise DossierError("nothing to process", remedy="Give files, folders or globs, - for a text, or --files-from")
    return entries, text


@contextmanager
def following(run: "Run") -> Iterator[None]:
    """Show the progress of a run; an interruption by Ctrl-C or SIGTERM is one line and a code of its own."""
    import signal

    from .console import progress, stderr

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    with progress("Processing") as advance:
        shown = 0

        def report(state: "Progress") -> None:
            nonlocal shown
            advance(state.done - shown, note=note(state))
            shown = state.done

        run.report = report
        try:
            yield
        except KeyboardInterrupt:
            stderr.print("dossier: interrupted; the same command goes on", markup=False)
            raise typer.Exit(INTERRUPTED) from None


def print_records(run: "Run") -> None:
    """Write the records of a run to standard output, as they are made."""
    import sys

    from ..process.run import lines

    for line in lines(run):
        sys.stdout.buffer.write(line.encode())
    sys.stdout.flush()


def note(state: "Progress") -> str:
    """RETURNS (str): What stands beside the count: words a second, failures, time left."""
    rate = state.words / state.seconds if state.seconds else 0
    parts = [f"of {state.total:,}", f"{rate:,.0f} words/s"]
    if state.failures:
        parts.append(f"{state.failures:,} failed")
    if state.done < state.total and state.seconds_left is not None:
        minutes, seconds = divmod(round(state.seconds_left), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    return ", ".join(parts)


def closing_line(run: "Run", output: str) -> str:
    """RETURNS (str): What stands in the output now, and what was left."""
    counts, links = run.summary.counts, run.progress.links_left
    parts = [f"{counts.records:,} records, {counts.tokens:,} words in {output}"]
    if counts.failures:
        parts.append(f"{counts.failures:,} failures in failures.jsonl")
    if counts.unrelated:
        parts.append(f"{counts.unrelated:,} relations left out, since their head or tail is no entity")
    if links:
        parts.append(f"{links:,} {'link' if links == 1 else 'links'} not followed (--follow-links reads them)")
    if run.engine.encoder:
        parts.append(f"encoder in {run.engine.encoder}")
    return ", ".join(parts)


def show_plan(entries: list[str], text: str | None, options: "RunOptions", output: str, pipeline: str) -> None:
    """List the sources, to standard output, and write nothing."""
    from itertools import islice

    from ..process.discover import discover
    from ..process.options import find_pipeline

    find_pipeline(pipeline)
    if text is not None:
        typer.echo("-")
    skip = None if output == "-" else Path(output)
    for source in islice(discover(entries, options.rules, skip=skip), options.limit):
        reason = "a link, not followed" if source.is_left else source.error and ": ".join(source.error)
        typer.echo(f"{source.id}\t{reason}" if reason else source.id)
