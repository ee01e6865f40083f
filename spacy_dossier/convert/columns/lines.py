"""Files with one sentence a line: `token|POS|TAG token|POS|TAG`, tags and tokens in two cells, or JSON lines."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import DossierError
from .layout import DOCSTART, Layout, split_spaces, split_tabs, splitter
from .schemes import is_tag
from .tags import are_numbers, find_form, find_outside, number_error

SEPARATORS = ("|", "/", "_", "\\", "###", "@@")
ENOUGH = 1000  # lines that tell
TOKENS_REMEDY = "A row holds a list of tokens and a list of as many tags."


def find_lines(texts: Sequence[str], file: str = "") -> Layout | None:
    """Find out whether each line of a file is a sentence.

    texts (Sequence[str]): Its first lines.
    file (str): What messages call it.
    RETURNS (Layout | None): How a line falls into tokens; `None` if a line is a token.
    RAISES (DossierError): If the lines are JSON that holds no lists of tokens and tags.
    """
    lines = [line for line in texts if line.strip() and not line.startswith(DOCSTART)][:ENOUGH]
    if not lines:
        return None
    if lines[0].lstrip().startswith('{"'):
        return _find_json(lines, file)
    return _find_parallel(lines) or _find_inline(lines)


def unfold(line: str, layout: Layout) -> list[list[str]]:
    """Part a line into the rows of its sentence.

    line (str): The line.
    layout (Layout): A layout with `line` set.
    RETURNS (list[list[str]]): The columns of each token.
    RAISES (ValueError): If the line does not fall into columns; the message says what was expected.
    """
    if layout.line == "inline":
        rows = [cell.rsplit(layout.delimiter, (layout.width or 2) - 1) for cell in split_spaces(line)]
        if any(len(row) != layout.width for row in rows):
            raise ValueError(f"{layout.width} parts joined by {layout.delimiter!r} in each token")
        return rows
    columns: list[Any]
    if layout.line == "parallel":
        cells = splitter(layout.delimiter, quoted=layout.delimiter == ",")(line)
        columns = [_pieces(cells[i]) if i < len(cells) else [] for i in layout.cells]
    else:
        try:
            found = json.loads(line)
        except ValueError:
            raise ValueError("a JSON object") from None
        columns = [found.get(name) if isinstance(found, dict) else None for name in layout.names]
        if not all(map(_is_strings, columns)):
            raise ValueError(f"lists of strings named {' and '.join(layout.names)}")
    if len({len(column) for column in columns}) != 1:
        raise ValueError("as many tags as tokens")
    return [list(row) for row in zip(*columns, strict=True)]


def refold(line: str, layout: Layout, column: int, cells: Sequence[str]) -> str:
    """Put other cells into one column of a line, leaving everything else as it is.

    RETURNS (str): The line.
    RAISES (DossierError): If the line is one of a CSV file.
    """
    if layout.line == "inline":
        new = iter(cells)

        def put(match: re.Match[str]) -> str:
            parts = match[0].rsplit(layout.delimiter, (layout.width or 2) - 1)
            parts[column] = next(new)
            return layout.delimiter.join(parts)

        return re.sub(r"[^ \t\r\n]+", put, line)
    end = line[len(line.rstrip("\r\n")) :]
    if layout.line == "parallel" and layout.delimiter == ",":
        raise DossierError("other entities cannot be written into a CSV row", remedy="Choose another --layout.")
    if layout.line == "parallel":
        parts = split_tabs(line)
        parts[layout.cells[column]] = " ".join(cells)
        return "\t".join(parts) + end
    return json.dumps({**json.loads(line), layout.names[column]: list(cells)}, ensure_ascii=False) + end


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _find_json(lines: Sequence[str], file: str) -> Layout:
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    names = [name for name in rows[0] if isinstance(rows[0][name], list)] if rows else []

    def most(good: Iterable[bool]) -> bool:
        return 5 * sum(good) >= 4 * len(rows)

    def as_long(a: str, b: str) -> bool:
        return most(isinstance(row.get(b), list) and len(row[b]) == len(row.get(a) or ()) for row in rows)

    lists = [name for name in names if most(_is_strings(row.get(name)) for row in rows)]
    columns = max(([b for b in lists if as_long(a, b)] for a in lists), key=len, default=[])
    numbered = [
        name
        for name in names
        if lists and as_long(lists[0], name) and all(isinstance(value, int) for value in rows[0][name])
    ]
    if len(columns) < 2:
        if numbered:
            named = next((name for name in numbered if "ner" in name or "label" in name or "ent" in name), numbered[0])
            raise number_error(file, f"{named}: {rows[0][named][:10]}", "Write their names in their place.")
        there = ", ".join(rows[0]) if rows else lines[0][:60].rstrip()
        raise DossierError("JSON without lists of tokens and tags", file=file, value=there, remedy=TOKENS_REMEDY)
    return Layout("json", line="json", width=len(columns), names=tuple(columns))


def _find_parallel(lines: Sequence[str]) -> Layout | None:
    """Find two cells with as many pieces in each line, of which one holds tags."""
    for delimiter in ("\t", ","):
        split = splitter(delimiter, quoted=delimiter == ",")
        rows = [split(line) for line in lines]
        width = Counter(map(len, rows)).most_common(1)[0][0]
        if width < 2 or 10 * sum(len(row) == width for row in rows) < 9 * len(lines):
            continue
        head, *_ = rows
        pieces = [[_pieces(cell) for cell in row] for row in rows if len(row) == width]
        for i in range(width):
            counts = Counter(piece for row in pieces for piece in row[i])
            if counts.total() < 2 * len(pieces) or find_form(counts) is None:
                continue
            same = [j for j in range(width) if 10 * sum(len(r[i]) == len(r[j]) for r in pieces) >= 9 * len(pieces)]
            if len(same) > 1:
                header = len(head) == width and not all(map(is_tag, _pieces(head[i])))
                return Layout("parallel", delimiter, len(same), line="parallel", cells=tuple(same), header=header)
    return None


def _pieces(cell: str) -> list[str]:
    """RETURNS (list[str]): Pieces of a cell as `O O B-PER` or `['O', 'O', 'B-PER']`."""
    if cell.startswith("['") or cell.startswith('["'):
        try:
            return [str(piece) for piece in ast.literal_eval(cell)]
        except (ValueError, SyntaxError):
            return []
    return split_spaces(cell)


def _find_inline(lines: Sequence[str]) -> Layout | None:
    """Find the separator that each piece of each line holds, with a tag last."""
    pieces = [piece for line in lines for piece in split_spaces(line)]
    if len(pieces) < 3 * len(lines) and len(pieces) < 2 * len(lines) + 2:
        return None
    for separator in SEPARATORS:
        parts = Counter(piece.count(separator) + 1 for piece in pieces)
        width = max(parts, key=lambda n: (parts[n], -n))
        if width < 2 or 100 * sum(n for size, n in parts.items() if size >= width) < 95 * len(pieces):
            continue
        last = Counter(piece.rsplit(separator, 1)[-1] for piece in pieces)
        # Labels without a prefix are few, and most tokens have none.
        bare = 2 * last[find_outside(last)] > last.total() and len(last) <= max(8, last.total() / 10)
        if find_form(last) is not None or (bare and not are_numbers(last)):
            return Layout("inline", separator, width, line="inline")
    return None
