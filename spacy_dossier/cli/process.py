"""`dossier process`: a folder of documents in, records out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..process.run import Progress, Run

INTERRUPTED = 130  # the shell's code for an end by Ctrl-C


def process_cli(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT…", help="Files, folders and globs; - reads a text from standard input."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the records; - writes them to standard output.")
    ] = "records",
    pipeline: Annotated[
        str, typer.Option("--pipeline", "-p", help="An installed pipeline or its folder.")
    ] = "en_dossier",
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format", "-f", help="jsonl, parquet, docbin or csv (entities); give it again for more than one."
        ),
    ] = None,
    sentences: Annotated[int | None, typer.Option(help="Sentences a summary has at most.")] = None,
    words: Annotated[int | None, typer.Option(help="Words a summary has at most.")] = None,
    min_confidence: Annotated[float, typer.Option(help="Leave out entities with a lower confidence.")] = 0.0,
    with_text: Annotated[bool, typer.Option("--with-text", help="Put the extracted text into the records.")] = False,
    attachments: Annotated[bool, typer.Option("--attachments", help="Read the attachments of mails too.")] = False,
    text_field: Annotated[
        str, typer.Option(help="Column or field that holds the text of JSONL, CSV, TSV and Parquet.")
    ] = "text",
    include: Annotated[list[str] | None, typer.Option(help="Glob of files to take from folders; repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Glob of files and folders to leave; repeatable.")] = None,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Take files and folders whose name begins with a dot.")
    ] = False,
    follow_links: Annotated[bool, typer.Option("--follow-links", help="Enter links to folders.")] = False,
    files_from: Annotated[
        str | None,
        typer.Option(help="File with a list of inputs, one a line or ended by NUL; - is standard input."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Stop after so many files and rows.")] = None,
    shard_size: Annotated[
        int | None, typer.Option(help="Files or rows in an output file; 128 files or 1024 rows by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that hold the pipeline; 0 for as many as measured best.")] = 0,
    time_limit: Annotated[float, typer.Option(help="Seconds the reading of one file may take.")] = 60.0,
    memory_limit: Annotated[int, typer.Option(help="Megabytes the reading of one file may take.")] = 2000,
    engine: Annotated[
        str, typer.Option(help="local, or ray: the same on a Ray cluster (it needs the extra `ray`).")
    ] = "local",
    ray_address: Annotated[
        str | None, typer.Option(help="Address of the cluster; without it one is started on this machine.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
) -> None:
    """Process documents of any kind: entities and a summary of each, as records.

    Exit code 0: all done; 2: finished, with failures; 1: usage, pipeline or disk. Run again after an interruption, the
    same command goes on.
    """
    import tempfile
    from functools import partial

    from ..errors import DossierError
    from ..process.discover import Rules
    from ..process.options import Options
    from ..process.run import Run
    from .console import stderr

    if engine not in ("local", "ray"):
        raise DossierError("unknown engine", value=engine, remedy="Choose local or ray")
    if ray_address and engine != "ray":
        raise DossierError("--ray-address needs --engine ray", value=ray_address)
    entries, text = gather(inputs or [], files_from)
    if not entries and text is None:
        raise DossierError("nothing to process", remedy="Give files, folders or globs, - for a text, or --files-from")
    streaming = output == "-"
    if streaming and format and format != ["jsonl"]:
        raise DossierError("standard output takes JSONL only", value=", ".join(format), remedy="Give a folder with -o")
    options = Options(
        formats=tuple(format or ["jsonl"]),
        sentences=sentences,
        words=words,
        min_confidence=min_confidence,
        with_text=with_text,
        attachments=attachments,
        text_field=text_field,
        rules=Rules(tuple(include or ()), tuple(exclude or ()), hidden, follow_links),
        limit=limit,
        shard_size=shard_size,
        device=device,
        workers=workers,
        time_limit=time_limit,
        memory_limit=memory_limit,
    )
    if dry_run:
        return show_plan(entries, text, options, None if streaming else Path(output), pipeline)
    run: Run
    if engine == "ray":
        from ..process.ray.engine import RayRun

        if streaming:
            raise DossierError("the Ray engine writes to a folder or an object store", remedy="Give one with -o")
        warn = partial(stderr.print, markup=False)
        run = RayRun(entries, output, pipeline, options, text=text, address=ray_address, notice=warn)
    elif streaming:
        with tempfile.TemporaryDirectory(prefix="dossier-") as folder:
            return work(Run(entries, Path(folder), pipeline, options, text=text), streaming=True)
    else:
        run = Run(entries, Path(output), pipeline, options, text=text)
    work(run, streaming=False, after=lambda: stderr.print(closing_line(run.summary.counts, output), markup=False))


def gather(inputs: list[str], files_from: str | None) -> tuple[list[str], str | None]:
    """RETURNS (tuple): Paths and globs, and the text on standard input if it was asked for."""
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
    return entries, text


def work(run: "Run", *, streaming: bool, after: "object" = None) -> None:
    """Run, with progress on stderr, and exit with the run's code."""
    import signal
    import sys

    from ..process.run import lines
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
            if streaming:
                for line in lines(run):
                    sys.stdout.buffer.write(line.encode())
                sys.stdout.flush()
            else:
                for _ in run.shards():
                    pass
        except KeyboardInterrupt:
            stderr.print("dossier: interrupted; the same command goes on", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if callable(after):
        after()
    if run.summary.failures:
        raise typer.Exit(2)


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


def closing_line(counts: dict[str, int], output: str) -> str:
    failed = f", {counts['failures']:,} failures in failures.jsonl" if counts["failures"] else ""
    return f"{counts['records']:,} records, {counts['tokens']:,} words in {output}{failed}"


def show_plan(entries: list[str], text: str | None, options: object, output: Path | None, pipeline: str) -> None:
    """List the sources, to standard output, and write nothing."""
    from itertools import islice

    from ..process.discover import discover
    from ..process.options import Options, find_pipeline

    assert isinstance(options, Options)
    options.check()
    find_pipeline(pipeline)
    if text is not None:
        typer.echo("-")
    for source in islice(discover(entries, options.rules, skip=output), options.limit):
        typer.echo(f"{source.id}\t{source.error[0]}: {source.error[1]}" if source.error else source.id)
