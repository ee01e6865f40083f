"""Target of the `spacy_cli` entry point: adds `dossier` to spaCy's own commands.

spaCy loads this module at every `python -m spacy …`, so it imports nothing beyond the light Typer app.
"""

from spacy.cli._util import app as spacy_app

from .app import app

spacy_app.add_typer(app, name="dossier")
