"""The Typer app behind `dossier …` and `python -m spacy dossier …`.

Importing it must stay cheap: the subcommand modules import Typer only, and load spaCy and torch when they run.
"""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import DossierError
from .calibrate import calibrate_cli
from .classes import classes_cli
from .convert import convert_cli
from .evaluate import evaluate_cli
from .export import export_cli
from .graph import graph_cli
from .info import info_cli
from .pairs import pairs_cli
from .process import process_cli
from .report import report_cli
from .select import select_cli
from .tune import CONTEXT as TUNE_CONTEXT
from .tune import tune_cli

UsageError: Any = typer.BadParameter.__base__  # Typer has a click of its own, or uses the one installed


class DossierGroup(TyperGroup):
    """Turns a `DossierError` or a mistake in the command line into one line on stderr and exit code 1.

    Click's own code for such a mistake is 2, which here says that a run finished with failures.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = bool(args)
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            if not given:
                raise  # which shows the help
            raise self.mistake(error) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DossierError as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(f"dossier: {error}", err=True)
            raise typer.Exit(1) from None
        except UsageError as error:
            raise self.mistake(error) from None

    def mistake(self, error: Any) -> typer.Exit:
        message = " ".join(error.format_message().split()).removesuffix(".")
        command = error.ctx.command_path if error.ctx else "dossier"
        typer.echo(f"dossier: {message}. See {command} --help", err=True)
        return typer.Exit(1)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


app = typer.Typer(
    name="dossier",
    cls=DossierGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a folder of documents to the entities and the summary of each.",
)


def print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"spacy-dossier {version('spacy-dossier')}, Python {sys.version.split()[0]}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """From a folder of documents to the entities and the summary of each."""


# Commands stand in the order a user meets them.
app.command("convert")(convert_cli)
app.command("export")(export_cli)
app.command("pairs")(pairs_cli)
app.command("select")(select_cli)
app.command("classes")(classes_cli)
app.command("tune", context_settings=TUNE_CONTEXT)(tune_cli)
app.command("calibrate")(calibrate_cli)
app.command("evaluate")(evaluate_cli)
app.command("process")(process_cli)
app.command("report")(report_cli)
app.command("graph")(graph_cli)
app.command("info")(info_cli)
