"""The table of readers."""

import subprocess
import sys

from spacy_dossier.read.readers import READERS, find_reader


def test_every_entry_leads_to_a_function() -> None:
    """No name in the table is misspelled, and an unknown type has no reader."""
    assert all(callable(find_reader(media_type)) for media_type in READERS)
    assert find_reader("application/x-nothing") is None


def test_readers_are_imported_when_needed() -> None:
    """The table alone loads none of them."""
    code = (
        "import sys; from spacy_dossier.read.readers import READERS\n"
        "modules = {'spacy_dossier.read.' + place.partition(':')[0] for place in READERS.values()}\n"
        "print(sorted(modules & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
