"""Finding the layout of a column file from its rows."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from ...errors import DossierError
from ...text.words import word_set
from .evidence import (
    ROLE_NAMES,
    TAG_NAMES,
    TOKEN_NAMES,
    is_chunk,
    is_index,
    is_lemma,
    is_pos,
    is_sentence_number,
    key_value,
    tag_key,
)
from .layout import FORMATS, QUOTED, Layout
from .rows import Rows
from .schemes import MISSING, OUTSIDE, is_bracket, is_tag
from .tags import INTEGER, PLAIN, TagForm, are_numbers, find_form, find_outside, number_error

SAMPLE_LINES = 20_000  # lines a layout is found from
KEPT_LINES = 1_000  # of the first ones, that stand before later lines where the first hold no entity
CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
UPOS = word_set("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _")


def find_layout(
    lines: Iterable[str],
    *,
    format: str = "auto",
    token_column: str | None = None,
    tag_column: str | None = None,
    nested_column: str | None = None,
    outside: str | None = None,
    file: str = "",
) -> Layout:
    """Find the layout of a file.

    lines (Iterable[str]): Its lines. The first decide, or as many as it takes until one holds an entity.
    format (str): One of `FORMATS`; `auto` looks at the lines.
    token_column, tag_column, nested_column (str | None): The number of a column, counted from 1, or from the right
        as -1; its name; or a key of the MISC column.
    outside (str | None): What stands for tokens outside entities.
    file (str): What messages call the file.
    RETURNS (Layout): The layout.
    RAISES (DossierError): If no column can hold the tokens or the tags, or a named column is not there.
    """
    if format not in FORMATS:
        raise DossierError("unknown format", value=format, remedy=f"Choose one of {', '.join(FORMATS)}.")

    def look(texts: Sequence[str]) -> tuple[Sample, Layout | None]:
        sample = Sample(texts, outside, file)
        if not sample.rows:
            raise DossierError("no rows", file=file, remedy="A column file has one token a line.")
        layout = sample.layout(format)
        token = sample.find(token_column, file) if token_column else None
        tag, key = sample.find_tag(tag_column, layout, file) if tag_column else (None, "")
        return sample, sample.with_columns(layout, token, tag, key)

    lines = iter(lines)
    first = list(islice(lines, SAMPLE_LINES))
    sample, layout = look(first)
    while not sample.has_entities(layout) and (more := list(islice(lines, SAMPLE_LINES))):
        later, found = look(first[:KEPT_LINES] + more)
        if later.has_entities(found):
            sample, layout = later, found
    row = " ".join(sample.rows[0])
    if layout is None:
        raise DossierError("no column holds tokens", file=file, value=row, remedy="Name it with --token-column.")
    if layout.tag is None and layout.format not in ("conllu", "conllup"):
        free = [column for i, column in enumerate(sample.columns) if i not in (layout.index, layout.start)]
        if any(are_numbers(Counter(column)) for column in free):
            raise number_error(file, row)
        raise DossierError("no column holds entity tags", file=file, value=row, remedy="Name it with --tag-column.")
    if layout.bare and not tag_column and (inner := sample.inner_label(layout)):
        raise DossierError(
            "tags of an unknown form: one of them never begins an entity",
            file=file,
            value=inner,
            remedy="Write tags as B-PER and I-PER, or name the column with --tag-column if they are labels.",
        )
    return replace(layout, nested=sample.find(nested_column, file)) if nested_column else layout


class Sample(Rows):
    """Rows of a file, and what their columns can be."""

    def layout(self, format: str) -> Layout:
        """RETURNS (Layout): The family of the file; columns that carry a known name are set."""
        names, columns = self.names, self.columns
        if self.line is not None:
            return self.line
        if format == "auto":
            if names and not self.header:
                format = "conllup"
            elif len(columns) == 10 and self.delimiter == "\t" and is_index(self.sentences, 0):
                format = "conllu"
            elif self.width is None or (len(columns) > 10 and all(map(is_bracket, columns[10]))):
                format = "conll2012"
            elif is_index(self.sentences, 0) and len(columns) > 2 and self.marked:
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
        comments |= self.hashes > 0 and len(columns) > 2 and is_index(self.sentences, 0)
        layout = Layout(
            format,
            self.delimiter,
            None if format == "conll2012" else self.width,
            quoted=self.quoted,
            names=names,
            header=self.header,
            comments=comments,
            **roles,  # type: ignore[arg-type]
        )
        if layout.index is None:
            index = next((i for i in range(min(3, len(columns) - 1)) if is_index(self.sentences, i)), None)
            layout = replace(layout, index=index if len(columns) > 2 else None)
        return layout if self.parted else self._parted_by_numbers(layout)

    def _parted_by_numbers(self, layout: Layout) -> Layout:
        """RETURNS (Layout): The layout of a file without empty lines, in which a column may part the sentences."""
        columns = self.columns
        if layout.sentence is None and len(columns) > 2:
            found = next((i for i, column in enumerate(columns) if is_sentence_number(column)), None)
            layout = replace(layout, sentence=found)
        if layout.index == layout.sentence:
            layout = replace(layout, index=None)
        if layout.sentence is None and layout.index is not None and not layout.ends:
            numbers = columns[layout.index]
            layout = replace(layout, restarts=numbers.count(numbers[0]) > 1)
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

    def has_entities(self, layout: Layout | None) -> bool:
        """RETURNS (bool): Whether the tag column holds a tag of an entity."""
        if layout is None or layout.tag is None:
            return False
        outside = {*MISSING, "*", layout.form.outside, OUTSIDE}
        return bool(layout.key) or not outside.issuperset(cell.strip() for cell in self.columns[layout.tag])

    def inner_label(self, layout: Layout) -> str:
        """RETURNS (str): A label that comes after one other label only, as `IN_PER` does; empty if none does."""
        before: dict[str, Counter[str]] = {}
        for sentence in self.sentences:
            cells = layout.form.read([row[layout.tag or 0] for row in sentence])
            for last, label in pairwise((OUTSIDE, *cells)):
                if label not in (OUTSIDE, last):
                    before.setdefault(label, Counter())[last] += 1
        inner = [v for v, c in before.items() if len(c) == 1 and c.total() > 2 and not {OUTSIDE, *MISSING} & c.keys()]
        return inner[0] if inner else ""

    def with_columns(self, layout: Layout, token: int | None, tag: int | None, key: str) -> Layout | None:
        """Complete a layout by what the columns hold.

        token, tag (int | None): Columns the user has named.
        key (str): A key of the MISC column that the user has named.
        RETURNS (Layout | None): The layout; `None` if no column can hold the tokens.
        """
        columns = self.columns
        if layout.misc is None:
            flags = ("SpaceAfter=No", "NoSpaceAfter", "EndOfSentence")
            found = [i for i, column in enumerate(columns) if any(flag in v for v in column for flag in flags)]
            layout = replace(layout, misc=found[-1] if found and len(columns) > 2 else None)
        if layout.misc is not None:
            ends = any("EndOfSentence" in value.split("|") for value in columns[layout.misc])
            layout = replace(layout, ends=ends, restarts=layout.restarts and not ends)
        by_name = {"conllu": 1, "conll2012": 3}.get(layout.format)
        if token is None:
            lower = [name.lower() for name in layout.names]
            token = next((lower.index(name) for name in TOKEN_NAMES if name in lower), by_name)
        nested: list[int] = []
        if tag is None:
            tag, key, nested = self._find_tag(layout, token)
        label = self._label_column(tag, token) if tag is not None and not key else None
        if token is None:
            taken = (layout.index, layout.sentence, tag, label)
            texts = [i for i in range(len(columns)) if i not in taken and self._is_text(i)]
            # Ids of tokens come before them.
            token = next((i for i in texts if not self._is_id(i)), texts[0] if texts else None)
        if token is None or token == tag:
            return None
        layout = replace(layout, token=token, tag=tag, key=key, label=label, nested=nested[0] if nested else None)
        if key:
            values = [key_value(key, row[layout.tag or 0]) for row in self.rows]
            layout = replace(layout, key_default="_" if "O" in values else "O")
        elif tag is not None:
            layout = self._spelled(layout, columns[tag])
            if not self.header and self.line is None and self._begins_with_names(layout):
                layout = replace(layout, header=True, names=tuple(self.rows[0]))
        layout = replace(
            layout,
            prefix=self._language_prefix(token),
            quoted=layout.quoted or self._is_quoted(token),
            digits=self._has_digits(token),
        )
        if layout.format in ("columns", "conll2012", "germeval", "uner") and not layout.names:
            layout = self._linguistic(layout)
        return layout

    def _spelled(self, layout: Layout, column: Sequence[str]) -> Layout:
        """RETURNS (Layout): The layout with what its tags look like."""
        counts = Counter(value.strip() for value in column)
        outside = find_outside(counts, self.outside)
        if layout.label is not None:
            cells = [row[layout.label] for row in self.rows if row[layout.tag or 0].strip() == outside]
            return replace(layout, form=TagForm(outside), label_outside=cells[0] if cells else "_")
        starts = any(value.startswith("(") for value in counts)
        if all(map(is_bracket, counts)) and (layout.format == "conll2012" or starts):
            return replace(layout, brackets=True)
        if (form := find_form(counts, self.outside)) is not None:
            return replace(layout, form=form)
        bare = any(value != outside and value not in MISSING for value in counts)
        plain = TagForm(outside)
        bare = bare and not (any(map(plain.matches, counts)) and plain.is_believed(counts))
        return replace(layout, bare=bare, form=TagForm(outside))

    def _begins_with_names(self, layout: Layout) -> bool:
        """Whether the first row alone has a word where the others have tags: it names the columns."""
        cells = layout.form.read([row[layout.tag or 0] for row in self.rows])
        if layout.bare or layout.brackets or not re.fullmatch(r"[^\W\d]{2,}", cells[0]):
            return False
        return len(cells) > 2 and not is_tag(cells[0]) and all(map(is_tag, cells[1:]))

    def _label_column(self, tag: int, token: int | None) -> int | None:
        """RETURNS (int | None): The column beside a column of bare prefixes that holds their labels."""
        column = self.columns[tag]
        form = find_form(Counter(column), self.outside)
        if form is None or not form.unlabelled:
            return None
        for i in (tag + 1, tag - 1):
            if i == token or not 0 <= i < len(self.columns):
                continue
            inside = {row[i] for row in self.rows if row[tag] != form.outside}
            outside = {row[i] for row in self.rows if row[tag] == form.outside}
            within = [(a, b) for s in self.sentences for a, b in pairwise(s) if b[tag] == "I"]
            if len(outside) == 1 and not inside & outside and all(a[i] == b[i] for a, b in within):
                return i
        return None

    def _find_tag(self, layout: Layout, token: int | None) -> tuple[int | None, str, list[int]]:
        """RETURNS (tuple[int | None, str, list[int]]): The tag column, its key, and columns of further layers."""
        columns = self.columns
        lower = [name.lower().split(":")[-1] for name in layout.names]
        full = [name.lower() for name in layout.names]
        taken = {layout.index, token, layout.misc}
        for names in (lower, full) if layout.format != "conllu" else ():
            named = [names.index(name) for name in TAG_NAMES if name in names]
            named = [i for i in named if not all(map(INTEGER.fullmatch, columns[i]))]
            if named:  # a column named `tag` may hold parts of speech
                first = next((i for i in named if find_form(Counter(columns[i]), self.outside)), named[0])
                return first, "", [i for i in self._tag_columns({*taken, first}) if i > first]
        if layout.misc is not None and (key := tag_key(columns[layout.misc])):
            return layout.misc, key, []
        taken |= {layout.sentence, layout.document}
        found = self._tag_columns(taken)
        entities = [i for i, form in found.items() if not is_chunk(form.read(columns[i]))]
        usual = [i for i in entities if found[i] == PLAIN] or entities
        if usual:
            return usual[0], "", usual[1:]
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
        bare = [i for i in range(len(columns)) if i not in taken and self._is_bare(i)]
        if bare:
            return bare[-1], "", []
        return (next(iter(found)), "", []) if found else (None, "", [])

    def _tag_columns(self, taken: set[int | None]) -> dict[int, TagForm]:
        """RETURNS (dict[int, TagForm]): Columns that hold entity tags, and how these are spelled."""
        found = {}
        for i, column in enumerate(self.columns):
            if i not in taken:
                form = find_form(Counter(value.strip() for value in column), self.outside)
                if form is not None:
                    found[i] = form
        return found

    def _is_bare(self, i: int) -> bool:
        """Whether a column can hold labels without prefixes: few, and one that says outside."""
        counts = Counter(self.columns[i])
        outside = find_outside(counts, self.outside)
        if outside not in counts or len(counts) > max(8, counts.total() / 10) or all(map(INTEGER.fullmatch, counts)):
            return False
        return outside in (OUTSIDE, self.outside) or counts.most_common(1)[0][0] == outside

    def _is_text(self, i: int) -> bool:
        """Whether a column can be the tokens: not one value all through each sentence, not numbers all through."""
        column = self.columns[i]
        if all(INTEGER.fullmatch(value) for value in column):
            return len(self.columns) == 2
        longer = [sentence for sentence in self.sentences if len(sentence) > 2]
        return not longer or any(len({row[i] for row in sentence}) > 1 for sentence in longer)

    def _is_id(self, i: int) -> bool:
        """Whether all cells hold a digit, as those of no text do."""
        return all(re.search(r"\d", cell) for cell in self.columns[i])

    def _is_quoted(self, token: int) -> bool:
        """Whether a CSV writer has been at the tokens: no quotation mark, or comma beside quoted ones, is bare."""
        cells = self.columns[token]
        quotes = [cell for cell in cells if '"' in cell]
        commas = [cell for cell in cells if "," in cell] if any("," in cell for cell in quotes) else []
        quoted = all(map(QUOTED.fullmatch, (*quotes, *commas)))
        return self.delimiter == "\t" and quoted and (cells.count('","') > 2 or '""""' in cells)

    def _has_digits(self, token: int) -> bool:
        """Whether a digit follows each character, most of which are Chinese."""
        cells = self.columns[token]
        wide = sum(not cell.isascii() for cell in cells)
        return 2 * wide > len(cells) and all(len(cell) == 2 and cell[1] in "0123456789" for cell in cells)

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
            elif all(map(is_tag, values)) or all(map(is_bracket, values)) or i in (layout.label, layout.sentence):
                continue
            elif layout.lemma is None and is_lemma(columns[token], column):
                layout = replace(layout, lemma=i)
            elif layout.xpos is None and layout.upos is None and is_pos(columns[token], column):
                layout = replace(layout, **{"upos" if values <= UPOS else "xpos": i})  # type: ignore[arg-type]
        return layout

    def _is_offset(self, i: int, token: int) -> bool:
        pairs = [pair for sentence in self.sentences for pair in pairwise(sentence)]
        good = sum(int(a[i]) + len(a[token]) <= int(b[i]) <= int(a[i]) + len(a[token]) + 8 for a, b in pairs)
        return 10 * good >= 9 * len(pairs)
