"""`dossier report`: pages to read and search from the records of a run."""

from pathlib import Path
from typing import Annotated

import typer


def report_cli(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that `dossier process … -o OUT` wrote.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for the pages; a report in it is replaced.", show_default="OUT/report"
        ),
    ] = None,
) -> None:
    """Write pages to read and search: an overview, the entities across documents, each document with its marks."""
    from ..report.write import write_report
    from .console import progress, stderr

    with progress("Report", unit="documents") as advance:
        written = write_report(out, output, advance=advance)
    typer.echo(written.path)
    if written.without_text:
        stderr.print(
            f"{written.without_text:,} of {written.documents:,} documents are shown without their text, which is "
            "neither in the records nor to be read again: run `dossier process` with --with-text.",
            markup=False,
        )
