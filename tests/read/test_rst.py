"""reStructuredText → blocks."""

import re

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.markup.rst import read_rst

from .test_walker import SIGNS


def read(source: str) -> list[tuple]:
    blocks = read_rst(source.encode(), "x.rst").blocks
    return [(b.kind, b.level, b.text) if b.level else (b.kind, b.text) for b in blocks]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(("before", "kind"), [("", "paragraph"), ("- ", "list_item"), ("    ", "quotation")])
def test_signs_come_out_as_written(sign: str, before: str, kind: str) -> None:
    """In every kind of block; code too."""
    escaped = re.sub(r"([*`|_<>\"'\[\]:+.-])", r"\\\1", sign)
    assert [(k, t) for k, *_, t in read(f"x\n\n{before}{escaped}\n")][1:] == [(kind, sign)]
    assert read(f"::\n\n  {sign}\n    x")[-1] == ("code", f"{sign}\n  x")


def test_blocks() -> None:
    """Titles, lists, tables, verse, notes; comments and pictures are not read."""
    source = """====
Quay
====

Intro *para* with ``code`` and a note [1]_
wrapped, H\\ :sub:`2`\\ O.

.. a comment

One
---

- item a

  - nested

term
  definition

+---+---+
| a | b |
+---+---+

| verse one
| verse two

.. figure:: x.png

   Caption by Pia.

.. [1] A note by Nils.
"""
    assert read(source) == [
        ("title", "Quay"),
        ("paragraph", "Intro para with code and a note wrapped, H2O."),
        ("heading", 1, "One"),
        ("list_item", 1, "item a"),
        ("list_item", 2, "nested"),
        ("list_item", 1, "term"),
        ("list_item", 1, "definition"),
        ("table", "a\tb"),
        ("paragraph", "verse one\nverse two"),
        ("caption", "Caption by Pia."),
        ("footnote", "A note by Nils."),
    ]


def test_sphinx() -> None:
    """Its roles show their text, its directives what lies in them; lists of files show nothing."""
    source = """See :ref:`the bridge <x>` and :func:`~a.b`.

.. versionadded:: 1.0
   New by Pia.

.. toctree::
   :maxdepth: 2

   file
"""
    assert read(source) == [
        ("paragraph", "See the bridge and a.b."),
        ("paragraph", "1.0 New by Pia."),
    ]


def test_nothing_is_fetched(tmp_path, capfd) -> None:
    """No other file is read, nothing is printed; what is not known stays as it is written."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words")
    include = f".. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n.. csv-table::\n   :file: {secret}\n"
    source = f"{include}\n.. odd:: x\n\n   By Greta.\n"
    found = read(source)
    assert "secret words" not in str(found)
    assert ("code", "By Greta.") in found
    assert capfd.readouterr() == ("", "")


def test_nested_without_end() -> None:
    """Is refused in one line."""
    with pytest.raises(Unreadable, match="nested too deep"):
        read("".join("  " * depth + "- a\n\n" for depth in range(300)))
