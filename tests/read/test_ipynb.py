"""Notebooks → blocks."""

import json

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.markup.ipynb import read_ipynb

from .test_walker import SIGNS


def read(*cells: dict) -> list[tuple]:
    blocks = read_ipynb(json.dumps({"cells": cells, "nbformat": 4}).encode(), "x.ipynb").blocks
    return [(block.kind, block.text) for block in blocks]


def test_cells_in_order() -> None:
    """What is written, the code, what it printed; no pictures."""
    outputs = [
        {"output_type": "stream", "text": ["a\n", "b\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no quay", "traceback": ["\x1b[31mx\x1b[0m"]},
    ]
    found = read(
        {"cell_type": "markdown", "source": ["# Quay\n", "\n", "By **Pia**."]},
        {"cell_type": "code", "source": "print('a')\n\nprint('b')", "outputs": outputs},
        {"cell_type": "raw", "source": "as it stands"},
    )
    assert found == [
        ("title", "Quay"),
        ("paragraph", "By Pia."),
        ("code", "print('a')"),
        ("code", "print('b')"),
        ("code", "a\nb"),
        ("code", "<Figure>"),
        ("code", "ValueError: no quay"),
        ("code", "as it stands"),
    ]


@pytest.mark.parametrize("sign", SIGNS)
def test_signs_come_out_as_written(sign: str) -> None:
    """In code and in what it prints."""
    cell = {"cell_type": "code", "source": sign, "outputs": [{"output_type": "stream", "text": sign}]}
    assert read(cell) == [("code", sign), ("code", sign)]


def test_notebook_of_format_3() -> None:
    """With worksheets and heading cells."""
    sheet = {"cells": [{"cell_type": "heading", "level": 2, "source": "Quay"}, {"cell_type": "code", "input": "1"}]}
    blocks = read_ipynb(json.dumps({"worksheets": [sheet], "nbformat": 3}).encode(), "x.ipynb").blocks
    assert [(b.kind, b.level, b.text) for b in blocks] == [("heading", 2, "Quay"), ("code", None, "1")]


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"[1]", b'{"cells": 3}', b'{"cells": [{"source": 1}]}', b"x"])
def test_what_is_no_notebook(data: bytes) -> None:
    """Is said to be none."""
    with pytest.raises(Unreadable, match="no notebook"):
        read_ipynb(data, "x.ipynb")
