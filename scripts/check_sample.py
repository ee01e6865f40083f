"""Check that the sample corpus is what its README says: well-formed, the same in both forms, and split cleanly."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from spacy_dossier.errors import DossierError

SPLITS = ("train", "dev", "test")
KINDS = ("news", "report", "minutes", "ticket", "letter")
LABELS = ("PER", "ORG", "LOC", "MISC")
COLUMNS = ("documents", "sentences", "tokens", *LABELS)
MIN_DOCUMENTS = 100
MIN_TOKENS = 25_000
# Shorter sentences ("Decision: refused.") may recur by chance without giving anything away.
LONG_SENTENCE = 25
SPACE = re.compile(r"\s*")


class Token(NamedTuple):
    line: int  # in the column file, from 1
    form: str
    tag: str


class Pair(NamedTuple):
    line: int  # in the JSONL file, from 1
    id: str
    label: str
    text: str
    summary: str


Sentence = list[Token]
Document = list[Sentence]


def read_columns(path: Path) -> list[Document]:
    """Read a column file (token TAB tag, IOB2) and check its tags.

    path (Path): The file. A document opens with `-DOCSTART-`; an empty line ends a sentence.
    RETURNS (list[Document]): Its documents, as sentences of tokens.
    RAISES (DossierError): A line has not two columns, or a tag is not IOB2 with the four labels.
    """
    documents: list[Document] = []
    sentence: Sentence = []
    for line, row in enumerate(_lines(path), start=1):
        if not row:
            sentence = []
            continue
        form, tab, tag = row.partition("\t")
        if not tab or not form or form.split() != [form]:
            raise DossierError("a line must be a token, a tab and a tag", file=path, line=line, value=row)
        if form == "-DOCSTART-":
            documents.append([])
            sentence = []
            continue
        if not documents:
            raise DossierError("the file must begin with -DOCSTART-", file=path, line=line, value=row)
        _check_tag(tag, sentence[-1].tag if sentence else "O", path, line)
        if not sentence:
            documents[-1].append(sentence)
        sentence.append(Token(line, form, tag))
    return documents


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise DossierError("the sample corpus lacks this file", file=path) from None
    except UnicodeDecodeError as error:
        raise DossierError(f"not UTF-8 at byte {error.start:,}", file=path) from None


def _check_tag(tag: str, previous: str, path: Path, line: int) -> None:
    prefix, _, label = tag.partition("-")
    if tag != "O" and (prefix not in ("B", "I") or label not in LABELS):
        raise DossierError(
            f"a tag must be O, B- or I- with one of {', '.join(LABELS)}", file=path, line=line, value=tag
        )
    if prefix == "I" and previous not in (f"B-{label}", f"I-{label}"):
        raise DossierError(f"{tag} must follow B-{label} or I-{label}", file=path, line=line, value=previous)


def read_pairs(path: Path) -> list[Pair]:
    """Read a JSONL file of documents and their summaries.

    path (Path): The file; each line an object with the strings `id`, `label`, `text` and `summary`.
    RETURNS (list[Pair]): Its rows.
    RAISES (DossierError): A line is not such an object, or a summary quotes a line of its text.
    """
    pairs = []
    for line, row in enumerate(_lines(path), start=1):
        try:
            value = json.loads(row)
        except json.JSONDecodeError as error:
            raise DossierError(f"not JSON: {error.msg}", file=path, line=line, value=row[:40]) from None
        if not isinstance(value, dict) or sorted(value) != ["id", "label", "summary", "text"]:
            raise DossierError("a line must be an object with id, label, text and summary", file=path, line=line)
        for key, string in value.items():
            if not isinstance(string, str) or not string or string != string.strip():
                raise DossierError(f"{key} must be a string without outer white space", file=path, line=line)
        pair = Pair(line, **value)
        if pair.id.partition("-")[0] not in KINDS:
            raise DossierError(f"an id must begin with one of {', '.join(KINDS)}", file=path, line=line, value=pair.id)
        if pair.label != pair.id.partition("-")[0]:
            raise DossierError("the label must be what the id begins with", file=path, line=line, value=pair.label)
        pairs.append(pair)
    return pairs


def sentence_texts(document: Document, pair: Pair, path: Path) -> list[str]:
    """Find the sentences of the column file in the text of the pair.

    document (Document): The document in the column file.
    pair (Pair): The same document in the JSONL file.
    path (Path): The column file, for the message.
    RETURNS (list[str]): The text of each sentence.
    RAISES (DossierError): The tokens are not the text's, or sentence and line breaks disagree.
    """
    text, end = pair.text, 0
    found: list[str] = []
    for sentence in document:
        first = _skip_space(text, end)
        if first == end and found:
            raise DossierError("a sentence begins within a word of the text", file=path, line=sentence[0].line)
        for token in sentence:
            start = _skip_space(text, end)
            if not text.startswith(token.form, start):
                raise DossierError(
                    f"the text of {pair.id} has {text[start : start + 20]!r} here",
                    file=path,
                    line=token.line,
                    value=token.form,
                )
            if start > first and "\n" in text[end:start]:
                raise DossierError(
                    f"the text of {pair.id} has a line break within this sentence",
                    file=path,
                    line=token.line,
                    value=token.form,
                )
            end = start + len(token.form)
        found.append(text[first:end])
    if text[end:].strip():
        raise DossierError(
            f"the text of {pair.id} goes on after its last token",
            file=path,
            line=document[-1][-1].line if document else None,
            value=text[end : end + 20],
        )
    return found


def _skip_space(text: str, offset: int) -> int:
    match = SPACE.match(text, offset)
    return match.end() if match else offset


def check_sample(folder: Path) -> dict[str, Counter[str]]:
    """Check the sample corpus.

    folder (Path): The folder with ner/{train,dev,test}.iob and pairs/{train,dev,test}.jsonl.
    RETURNS (dict[str, Counter[str]]): For each split, each kind of text, and all: numbers of documents, sentences,
        tokens and entities by label.
    RAISES (DossierError): The first problem found, with its file and line.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*SPLITS, *KINDS, "all")}
    seen: dict[str, str] = {}
    for split in SPLITS:
        columns, jsonl = folder / "ner" / f"{split}.iob", folder / "pairs" / f"{split}.jsonl"
        documents, pairs = read_columns(columns), read_pairs(jsonl)
        if len(documents) != len(pairs):
            raise DossierError(
                f"{jsonl.name} has {len(pairs)} documents, and this file must have the same in the same order",
                file=columns,
                value=len(documents),
            )
        for document, pair in zip(documents, pairs, strict=True):
            texts = sentence_texts(document, pair, columns)
            _note("id", pair.id, jsonl, pair.line, seen)
            _note("text", pair.text, jsonl, pair.line, seen)
            for sentence, text in zip(document, texts, strict=True):
                if len(text) <= LONG_SENTENCE:
                    continue
                _note("sentence", text, columns, sentence[0].line, seen)
                if text in pair.summary:
                    raise DossierError("the summary quotes its text", file=jsonl, line=pair.line, value=text)
            for name in (split, pair.id.partition("-")[0], "all"):
                counts[name].update(_count(document))
    for column, least in (("documents", MIN_DOCUMENTS), ("tokens", MIN_TOKENS)):
        if counts["all"][column] < least:
            raise DossierError(
                f"the sample corpus must have {least} {column} or more", file=folder, value=counts["all"][column]
            )
    return counts


def _note(what: str, value: str, file: Path, line: int, seen: dict[str, str]) -> None:
    if value in seen:
        raise DossierError(f"{what} used before, at {seen[value]}", file=file, line=line, value=value[:60])
    seen[value] = f"{file}:{line}"


def _count(document: Document) -> Counter[str]:
    tokens = [token for sentence in document for token in sentence]
    labels = Counter(token.tag[2:] for token in tokens if token.tag.startswith("B-"))
    return Counter(documents=1, sentences=len(document), tokens=len(tokens)) + labels


def table(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """Lay the counts out as a Markdown table.

    counts (dict[str, Counter[str]]): What `check_sample` returns.
    YIELDS (str): The lines of the table.
    """
    rows = [["", *COLUMNS]] + [[name, *(f"{count[column]:,}" for column in COLUMNS)] for name, count in counts.items()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|"


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the sample corpus.")],
    output: Annotated[Path | None, typer.Option(help="Also write the counts to this JSON file.")] = None,
) -> None:
    """Check the sample corpus and print how much it holds."""
    try:
        counts = check_sample(folder)
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    for line in table(counts):
        typer.echo(line)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
