"""Jupyter notebooks → blocks: what is written, the code, and what it printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from ..document import Block, Document, Unreadable
from ..plain import decode_text
from .markdown import markdown_blocks
from .walker import code_blocks, entitle

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours of a terminal


def joined(lines: Any) -> Any:
    """RETURNS (Any): A text that may be cut into its lines, whole."""
    return "".join(map(str, lines)) if isinstance(lines, list) else lines


Text = Annotated[str, BeforeValidator(joined)]


class Output(BaseModel):
    output_type: str = ""
    text: Text = ""
    data: dict[str, Any] = {}
    ename: str = ""
    evalue: str = ""


class Cell(BaseModel):
    cell_type: str
    source: Text = Field(default="", validation_alias=AliasChoices("source", "input"))
    level: int = 1
    outputs: list[Output] = []


class Sheet(BaseModel):
    cells: list[Cell]


class Notebook(BaseModel):
    """Of format 4, or with the worksheets of format 3."""

    cells: list[Cell] = []
    worksheets: list[Sheet] = []


def read_ipynb(data: bytes, name: str) -> Document:
    """Read a notebook. RAISES (Unreadable): It is none."""
    try:
        notebook = Notebook.model_validate_json(decode_text(data))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise Unreadable("Corrupt", f"no notebook: {' '.join((place, fault['msg'])).strip()}") from None
    cells = [*notebook.cells, *(cell for sheet in notebook.worksheets for cell in sheet.cells)]
    blocks = [block for cell in cells for block in cell_blocks(cell)]
    for block in blocks:
        if block.kind == "title":  # of a cell; the notebook may have several
            block.kind, block.level = "heading", 1
    return Document(entitle(blocks))


def cell_blocks(cell: Cell) -> Iterator[Block]:
    if cell.cell_type in ("markdown", "html"):
        yield from markdown_blocks(cell.source)
    elif cell.cell_type == "heading":
        yield Block("heading", " ".join(cell.source.split()), cell.level)
    else:
        yield from code_blocks(cell.source)
    for output in cell.outputs:
        yield from code_blocks(ANSI.sub("", printed(output)))


def printed(output: Output) -> str:
    """RETURNS (str): What a cell printed, as plain text; "" for pictures and other media."""
    if output.output_type in ("error", "pyerr"):
        return f"{output.ename}: {output.evalue}"
    return output.text or str(joined(output.data.get("text/plain", "")))
