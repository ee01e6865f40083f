"""Finding the layout of a column file from its first rows."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ..errors import DossierError
from .layout import DOCSTART, FORMATS, QUOTED, WORD_ID, Layout, document_mark, split_spaces, split_tabs
from .schemes import MISSING, PREFIXED, is_bracket, is_tag
from .source import word_set

SAMPLE_LINES = 20_000  # lines a layout is found from
CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
UPOS = word_set("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _")

# Base phrases of the CoNLL-2000 and CoNLL-2003 data (English and German), clauses of LST20: chunks, not entities.
CHUNKS = word_set("NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NAC NC VC PC CLS QP WHNP NX")

TOKEN_NAMES = ("form", "token", "word", "tokens", "words", "text")
TAG_NAMES = ("ner", "ne", "ner_tag", "ner_tags", "ne-coarse-lit", "entity", "iob", "bio", "tag", "label", "labels")
ROLE_NAMES = {
    "index": ("id", "index"),
    "lemma": ("lemma",),
    "upos": ("upos", "cpostag"),
    "xpos": ("xpos", "pos", "postag", "pos_tag"),
    "feats": ("feats",),
    "misc": ("misc",),
    "start": ("start", "begin", "start_offset"),
}
INTEGER = re.compile(r"-?\d+")
COLUMNS_LINE = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
KEY_VALUE = re.compile(r"#+\s*[\w.:-]+\s*=(\s|$)|#+ (?:id|newdoc|newpar|sent_id)\b")


def find_layout(
    lines: Iterable[str],
    *,
    format: str = "auto",
    token_column: str | None = None,
    tag_column: str | None = None,
    nested_column: str | None = None,
    file: str = "",
) -> Layout:
    """Find the layout of a file.

    lines (Iterable[str]): Its first lines.
    format (str): One of `FORMATS`; `auto` looks at the lines.
    token_column, tag_column, nested_column (str | None): The number of a column, counted from 1, or from the right
        as -1; its name; or a key of the MISC column.
    file (str): What messages call the file.
    RETURNS (Layout): The layout.
    RAISES (DossierError): If no column can hold the tokens or the tags, or a named column is not there.
    """
    if format not in FORMATS:
        raise DossierError("unknown format", value=format, remedy=f"Choose one of {', '.join(FORMATS)}.")
    sample = Sample(lines)
    if not sample.rows:
        raise DossierError("no rows", file=file, remedy="A column file has one token a line.")
    layout = sample.layout(format)
    token = sample.find(token_column, file) if token_column else None
    tag, key = (None, "")
    if tag_column:
        tag, key = sample.find_tag(tag_column, layout, file)
    layout = sample.with_columns(layout, token, tag, key, file)
    if nested_column:
        layout = replace(layout, nested=sample.find(nested_column, file))
    return layout


class Sample:
    """The first rows of a file, by sentence and by column."""

    def __init__(self, lines: Iterable[str]) -> None:
        texts = [line for line, _ in zip(lines, range(SAMPLE_LINES), strict=False)]
        body = [line for line in texts if line.strip() and not line.startswith(DOCSTART)]
        plain = [line for line in body if not line.startswith("#")] or body
        self.delimiter = "\t" if 2 * sum("\t" in line.strip() for line in plain) > len(plain) else " "
        split = split_tabs if self.delimiter == "\t" else split_spaces
        widths = Counter(len(split(line)) for line in plain)
        self.width: int | None = max(widths, key=lambda width: (widths[width], width), default=0)
        begins_document = any(line.startswith("#begin document") for line in texts)
        starred = sum("*" in split(line) for line in plain)
        if begins_document or (len(widths) > 1 and 10 * starred >= 9 * len(plain)):
            self.width = None  # columns of predicates and arguments: as many as the sentence has verbs
        self.names: tuple[str, ...] = ()
        self.header = False
        self.marked = False  # whether comments of a known kind occur
        self.hashes = 0  # lines that begin with # and cannot be rows
        self.sentences: list[list[list[str]]] = [[]]
        for line in texts:
            columns = split(line)
            fits = len(columns) == self.width or (self.width is None and len(columns) > 2)
            if not line.strip() or line.startswith(DOCSTART):
                self.sentences.append([])
            elif match := COLUMNS_LINE.match(line):
                self.names, self.marked = tuple(match[1].split()), True
            elif line.startswith("#") and (not fits or document_mark(line) is not None or KEY_VALUE.match(line)):
                self.marked |= document_mark(line) is not None or KEY_VALUE.match(line) is not None
                self.hashes += 1
            elif not any(self.sentences) and not self.names and _is_header(columns):
                self.names, self.header = tuple(columns), True
            elif fits:
                self.sentences[-1].append(columns)
        self.sentences = [sentence for sentence in self.sentences if sentence]
        self.rows = [row for sentence in self.sentences for row in sentence]
        # GermEval's comments have as many columns as its rows; only the index column tells them apart.
        odd = [row for row in self.rows if row[0].startswith("#") and not WORD_ID.fullmatch(row[0])]
        if odd and self._is_index([[r for r in s if not r[0].startswith("#")] for s in self.sentences], 0):
            self.sentences = [[r for r in s if not r[0].startswith("#")] for s in self.sentences]
            self.rows = [row for sentence in self.sentences for row in sentence]
            self.hashes += len(odd)
            self.marked = True
        self.columns = [list(column) for column in zip(*self.rows, strict=False)]

    @staticmethod
    def _is_index(sentences: list[list[list[str]]], column: int) -> bool:
        firsts = [s[0][column] for s in sentences if s]
        ids = [WORD_ID.fullmatch(row[column]) for s in sentences for row in s]
        starts = sum(re.fullmatch(r"[01](?:[-.]\d+)?", first) is not None for first in firsts)
        grows = all(len(s) < 2 or s[0][column] != s[-1][column] for s in sentences)
        return bool(ids) and 10 * sum(map(bool, ids)) >= 9 * len(ids) and grows and starts * 10 >= 9 * len(firsts)

    def layout(self, format: str) -> Layout:
        """RETURNS (Layout): The family of the file; columns that carry a known name are set."""
        names, columns = self.names, self.columns
        if format == "auto":
            if names and not self.header:
                format = "conllup"
            elif len(columns) == 10 and self.delimiter == "\t" and self._is_index(self.sentences, 0):
                format = "conllu"
            elif self.width is None or (len(columns) > 10 and all(map(is_bracket, columns[10]))):
                format = "conll2012"
            elif self._is_index(self.sentences, 0) and len(columns) > 2 and self.marked:
                format = "uner" if len(columns) == 5 else "germeval" if len(columns) == 4 else "columns"
            else:
                format = "columns"
        if format == "conllu":
            names = CONLLU
        roles: dict[str, int] = {}
        lower = [name.lower().split(":")[-1] if format == "conllup" else name.lower() for name in names]
        for role, known in ROLE_NAMES.items():
            found = [lower.index(name) for name in known if name in lower]
            if found:
                roles[role] = found[0]
        comments = self.marked or format in ("conllu", "conllup", "uner", "conll2012")
        comments |= self.hashes > 0 and self.hashes * 3 >= len(self.sentences) and len(columns) > 2
        layout = Layout(
            format,
            self.delimiter,
            None if format == "conll2012" else self.width,
            names=names,
            header=self.header,
            comments=comments,
            **roles,  # type: ignore[arg-type]
        )
        if layout.index is None:
            index = next((i for i in range(min(3, len(columns) - 1)) if self._is_index(self.sentences, i)), None)
            layout = replace(layout, index=index if len(columns) > 2 else None)
        return layout

    def find(self, column: str, file: str) -> int:
        """RETURNS (int): The column with this number (from 1, or from the right as -1) or name."""
        number = int(column) if INTEGER.fullmatch(column) else None
        if number is not None and number != 0 and -len(self.columns) <= number <= len(self.columns):
            return number - 1 if number > 0 else len(self.columns) + number
        lower = [name.lower() for name in self.names]
        if column.lower() in lower:
            return lower.index(column.lower())
        there = f"1 to {len(self.columns)}" + (f", {', '.join(self.names)}" if self.names else "")
        raise DossierError("no such column", file=file, value=column, remedy=f"The columns are {there}.")

    def find_tag(self, column: str, layout: Layout, file: str) -> tuple[int, str]:
        """RETURNS (tuple[int, str]): The tag column, and the key in it if `column` is one of a MISC column."""
        if layout.misc is not None and column.lower() not in map(str.lower, layout.names):
            fields = (field for cell in self.columns[layout.misc] for field in cell.split("|"))
            if any(field.startswith(f"{column}=") for field in fields):
                return layout.misc, column
        if layout.format == "conllu":
            self.names = self.names or CONLLU
        return self.find(column, file), ""

    def with_columns(self, layout: Layout, token: int | None, tag: int | None, key: str, file: str) -> Layout:
        """Complete a layout by what the columns hold.

        token, tag (int | None): Columns the user has named.
        key (str): A key of the MISC column that the user has named.
        RETURNS (Layout): The layout.
        """
        columns = self.columns
        if layout.misc is None:
            flags = ("SpaceAfter=No", "NoSpaceAfter", "EndOfSentence")
            found = [i for i, column in enumerate(columns) if any(flag in v for v in column for flag in flags)]
            layout = replace(layout, misc=found[-1] if found and len(columns) > 2 else None)
        if layout.misc is not None:
            ends = any("EndOfSentence" in value.split("|") for value in columns[layout.misc])
            layout = replace(layout, ends=ends)
        by_name = {"conllu": 1, "conll2012": 3}.get(layout.format)
        if token is None:
            lower = [name.lower() for name in layout.names]
            token = next((lower.index(name) for name in TOKEN_NAMES if name in lower), by_name)
        nested: list[int] = []
        if tag is None:
            tag, key, nested = self._find_tag(layout, token)
        if token is None:
            token = next((i for i in range(len(columns)) if i not in (layout.index, tag) and self._is_text(i)), None)
        if token is None or token == tag:
            row = self.rows[0]
            raise DossierError(
                "no column holds tokens", file=file, value=" ".join(row), remedy="Name it with --token-column."
            )
        if tag is None and layout.format not in ("conllu", "conllup"):
            row = self.rows[0]
            raise DossierError(
                "no column holds entity tags", file=file, value=" ".join(row), remedy="Name it with --tag-column."
            )
        layout = replace(layout, token=token, tag=tag, key=key, nested=nested[0] if nested else None)
        if key:
            values = [_value_of(key, row[layout.tag or 0]) for row in self.rows]
            layout = replace(layout, key_default="_" if "O" in values else "O")
        elif tag is not None:
            tags = {value.strip() for value in columns[tag]}
            brackets = all(map(is_bracket, tags)) and (
                layout.format == "conll2012" or any(value.startswith("(") for value in tags)
            )
            bare = not brackets and not any(PREFIXED.fullmatch(value) for value in tags)
            bare = bare and any(value != "O" and value not in MISSING for value in tags)
            layout = replace(layout, brackets=brackets, bare=bare)
        layout = replace(layout, prefix=self._language_prefix(token), quoted=self._is_quoted(token))
        if layout.format in ("columns", "conll2012", "germeval", "uner") and not layout.names:
            layout = self._linguistic(layout)
        return layout

    def _find_tag(self, layout: Layout, token: int | None) -> tuple[int | None, str, list[int]]:
        """RETURNS (tuple[int | None, str, list[int]]): The tag column, its key, and columns of further layers."""
        columns = self.columns
        lower = [name.lower().split(":")[-1] for name in layout.names]
        full = [name.lower() for name in layout.names]
        taken = {layout.index, token, layout.misc}
        for names in (lower, full):
            named = next((names.index(name) for name in TAG_NAMES if name in names), None)
            if named is not None and layout.format != "conllu":
                return named, "", [i for i in self._tag_columns({*taken, named}) if i > named]
        if layout.misc is not None and (key := _tag_key(columns[layout.misc])):
            return layout.misc, key, []
        found = self._tag_columns(taken)
        entities = [i for i in found if not _is_chunk(columns[i])]
        if entities:
            return entities[0], "", entities[1:]
        bracketed = [
            i
            for i, column in enumerate(columns)
            if i not in taken and any("*" in value for value in column) and all(map(is_bracket, column))
        ]
        if layout.format == "conll2012" and 10 in bracketed:
            return 10, "", []
        for i in bracketed:
            labels = {label for value in columns[i] for label in re.findall(r"\(([^()*]+)", value)}
            if labels and not any(re.fullmatch(r"V|(?:[RC]-)?A(?:RG)?[\dM].*", label) for label in labels):
                return i, "", []
        outside = [i for i, column in enumerate(columns) if i not in taken and set(column) <= {"O", *MISSING}]
        outside = [i for i in outside if "O" in columns[i]] or (outside if layout.format == "columns" else [])
        if outside:
            return outside[-1], "", []
        bare = [i for i, c in enumerate(columns) if i not in taken and "O" in c and len(set(c)) <= max(8, len(c) / 10)]
        if bare:
            return bare[-1], "", []
        return (found[0], "", []) if found else (None, "", [])

    def _tag_columns(self, taken: set[int | None]) -> list[int]:
        """RETURNS (list[int]): Columns in which at least 95 of 100 values are tags and one or more begin an entity."""
        found = []
        for i, column in enumerate(self.columns):
            if i in taken:
                continue
            counts = Counter(value.strip() for value in column)
            tags = sum(n for value, n in counts.items() if is_tag(value))
            if 100 * tags >= 95 * len(column) and any(PREFIXED.fullmatch(value) for value in counts):
                found.append(i)
        return found

    def _is_text(self, i: int) -> bool:
        """Whether a column can be the tokens: not one value all through each sentence, not numbers all through."""
        column = self.columns[i]
        if all(INTEGER.fullmatch(value) for value in column):
            return len(self.columns) == 2
        longer = [sentence for sentence in self.sentences if len(sentence) > 2]
        return not longer or any(len({row[i] for row in sentence}) > 1 for sentence in longer)

    def _is_quoted(self, token: int) -> bool:
        """Whether a CSV writer has been at the tokens: no comma or quotation mark is bare, and quoted commas recur."""
        cells = self.columns[token]
        marked = [cell for cell in cells if "," in cell or '"' in cell]
        return self.delimiter == "\t" and cells.count('","') > 2 and all(map(QUOTED.fullmatch, marked))

    def _language_prefix(self, token: int) -> str:
        column = self.columns[token]
        match = re.match(r"[a-z]{2,3}(?:-[a-z-]+)?:", column[0])
        whole = match is not None and len(column) > 1 and all(v.startswith(match[0]) and v != match[0] for v in column)
        return match[0] if match is not None and whole else ""

    def _linguistic(self, layout: Layout) -> Layout:
        """Find part of speech, lemma and offsets in the unnamed columns between token and tag."""
        columns, token, tag = self.columns, layout.token, layout.tag
        if layout.format == "conll2012":
            return replace(layout, xpos=4, lemma=6 if len(columns) > 11 else None)
        for i in range(token + 1, tag if tag is not None else token + 1):
            column = columns[i]
            values = set(column)
            if len(values) < 2 and len(column) > 20:
                continue
            if all(value.isdecimal() for value in column):
                if layout.start is None and self._is_offset(i, token):
                    layout = replace(layout, start=i)
            elif all(map(is_tag, values)) or all(map(is_bracket, values)):
                continue
            elif layout.lemma is None and _is_lemma(columns[token], column):
                layout = replace(layout, lemma=i)
            elif layout.xpos is None and layout.upos is None and _is_pos(columns[token], column):
                layout = replace(layout, **{"upos" if values <= UPOS else "xpos": i})  # type: ignore[arg-type]
        return layout

    def _is_offset(self, i: int, token: int) -> bool:
        pairs = [pair for sentence in self.sentences for pair in pairwise(sentence)]
        good = sum(int(a[i]) + len(a[token]) <= int(b[i]) <= int(a[i]) + len(a[token]) + 8 for a, b in pairs)
        return 10 * good >= 9 * len(pairs)


def _is_header(columns: Sequence[str]) -> bool:
    lower = [column.lower().strip() for column in columns]
    names = {*TAG_NAMES, *(name for known in ROLE_NAMES.values() for name in known), "chunk"}
    named = any(name in TOKEN_NAMES for name in lower)
    return len(columns) > 1 and named and sum(n in names or n.startswith(("ne-", "ner", "tag")) for n in lower) > 0


def _is_chunk(column: Iterable[str]) -> bool:
    labels = Counter(match[2] for value in column if (match := PREFIXED.fullmatch(value)))
    return 10 * sum(n for label, n in labels.items() if label in CHUNKS) >= 8 * sum(labels.values())


def _is_lemma(tokens: Sequence[str], column: Sequence[str]) -> bool:
    words = [(t.lower(), value.lower()) for t, value in zip(tokens, column, strict=True) if len(t) > 3 and t.isalpha()]
    return len(words) > 1 and 2 * sum(a[:2] == b[:2] for a, b in words) > len(words)


def _is_pos(tokens: Sequence[str], column: Sequence[str]) -> bool:
    values = set(column)
    return len(values) <= min(250, max(3, len(set(tokens)))) and not all(value in MISSING for value in values)


def _value_of(key: str, field: str) -> str | None:
    for part in field.split("|"):
        name, equals, value = part.partition("=")
        if equals and name == key:
            return value
    return None


def _tag_key(column: Iterable[str]) -> str:
    """RETURNS (str): The key whose values are entity tags, in a column of `key=value` pairs."""
    good: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for field in column:
        for part in field.split("|"):
            key, equals, value = part.partition("=")
            if equals:
                seen[key] += 1
                good[key] += is_tag(value) and value not in MISSING
    keys = [key for key in good if good[key] and 100 * good[key] >= 95 * seen[key]]
    # SpaceAfter=No and the like are no tags: `No` is none. The most frequent key wins, then the first.
    return max(keys, key=lambda key: good[key], default="")
