"""One made-up corpus in the layouts that public corpora are handed out in; each is read without an option."""

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span

from spacy_dossier.convert import unpack
from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.docbin import DocBinWriter
from spacy_dossier.convert.export import export
from spacy_dossier.convert.files import convert
from spacy_dossier.errors import DossierError

Sentence = list[tuple[str, str]]


def sentence(text: str) -> Sentence:
    """RETURNS (Sentence): Tokens and tags of a text in which tags stand after a tilde."""
    return [(word.partition("~")[0], word.partition("~")[2] or "O") for word in text.split()]


DOCUMENTS = [
    [
        sentence("Anna~B-PER Berg~I-PER lives in Oslo~B-LOC ."),
        sentence("She left Nord~B-ORG Kraft~I-ORG AS~I-ORG , the # 1 of Norway~B-LOC Sweden~B-LOC ."),
    ],
    [
        sentence('" Rain , rain ! "'),
        sentence("In 1/2 an hour , 3 of 40 - 50 fans - all from Bergen~B-LOC - met Kim~B-PER ."),
        sentence("Yes"),
    ],
    [
        sentence('Prime Minister Ola~B-PER Li~I-PER said : " no comment " on 23 May 2013 .'),
        sentence("# oslo_fan~B-PER @kim~B-PER wrote http://a.no/b_c ."),
    ],
]
SENTENCES = [sentence for document in DOCUMENTS for sentence in document]
Row = Callable[[int, str, str], str]


def rows(row: Row, *, before: str = "", after: str = "\n", tags: Callable[[Sentence], list[str]] | None = None) -> str:
    """RETURNS (str): A row for each token (its place, itself, its tag), with marks before documents."""
    text = ""
    for document in DOCUMENTS:
        text += before
        for sent in document:
            cells = tags(sent) if tags else [tag for _, tag in sent]
            text += "".join(row(i, sent[i][0], tag) + "\n" for i, tag in enumerate(cells)) + after
    return text


def numbered(row: str) -> str:
    """RETURNS (str): Rows without empty lines, from a format with `n`, `i`, `token` and `tag`."""
    return "".join(
        row.format(n=n, i=i, token=token, tag=tag)
        for n, sent in enumerate(SENTENCES, 1)
        for i, (token, tag) in enumerate(sent, 1)
    )


def iob1(sent: Sentence) -> list[str]:
    before = ["O", *(tag for _, tag in sent)]
    return [
        tag if tag[0] != "B" or last[1:] == tag[1:] else f"I{tag[1:]}"
        for last, (_, tag) in zip(before, sent, strict=False)
    ]


def bare(outside: str) -> Callable[[Sentence], list[str]]:
    return lambda sent: [tag[2:] or outside for _, tag in sent]


def spelled(spell: Callable[[str, str], str], outside: str = "O") -> str:
    return rows(lambda i, token, tag: f"{token}\t{spell(tag[0], tag[2:]) if tag != 'O' else outside}")


def quote(cell: str, delimiter: str = ",") -> str:
    return '"' + cell.replace('"', '""') + '"' if delimiter in cell or '"' in cell else cell


def kaggle(delimiter: str = ",", *, everywhere: bool = False) -> str:
    text = delimiter.join(("Sentence #", "Word", "POS", "Tag")) + "\n"
    for n, sent in enumerate(SENTENCES, 1):
        for i, (token, tag) in enumerate(sent):
            name = f"Sentence: {n}" if everywhere or i == 0 else ""
            text += delimiter.join((name, quote(token, delimiter), "NN", tag)) + "\n"
    return text


def inline(join: Callable[[str, str], str], tags: Callable[[Sentence], list[str]] | None = None) -> str:
    lines = [
        " ".join(
            join(token, tag) for (token, _), tag in zip(sent, tags(sent) if tags else [t for _, t in sent], strict=True)
        )
        for sent in SENTENCES
    ]
    return "\n".join(lines) + "\n"


def json_lines(**fields: Callable[[Sentence], object]) -> str:
    return "".join(json.dumps({name: make(sent) for name, make in fields.items()}) + "\n" for sent in SENTENCES)


def words_of(sent: Sentence) -> list[str]:
    return [token for token, _ in sent]


def tags_of(sent: Sentence) -> list[str]:
    return [tag for _, tag in sent]


def parseme(sent: Sentence) -> list[str]:
    cells, number = [], 0
    for _, tag in sent:
        number += tag[0] == "B"
        cells.append("*" if tag == "O" else f"{number}:{tag[2:]}" if tag[0] == "B" else str(number))
    return cells


PARTED = {
    "columns with -DOCSTART-": rows(lambda i, t, g: f"{t} NN O {g}", before="-DOCSTART- -X- O O\n\n", tags=iob1),
    "German, five columns": rows(
        lambda i, t, g: f"{t} <unknown> NN I-NC {g}", before="-DOCSTART- -X- -X- -X- O\n\n", tags=iob1
    ),
    "tag before the token": rows(lambda i, t, g: f"{g}\t{t}"),
    "index without comments": rows(lambda i, t, g: f"{i}\t{t}\t{g}"),
    "ids of tokens": rows(lambda i, t, g: f"1.{i}.7-{i + 4}\t{t}\tNcm\t{g}"),
    "TAB and spaces": rows(lambda i, t, g: f"{t}\tNN {g}"),
    "comments of as many columns": rows(lambda i, t, g: ("## text-1\t<x:PER>\n" if i == 0 else "") + f"{t}\t{g}"),
    "one comment beside an index": "#\thttp://a.no/wiki/A\t[2009-10-17]\n"
    + rows(lambda i, t, g: f"{i + 1}\t{t}\t{g}\tO"),
    "names in an unknown language": "palabra\tetiqueta\n" + rows(lambda i, t, g: f"{t}\t{g}"),
    "markup between sentences": "".join(
        f'<doc id="d{n}">\n'
        + "".join("<s>\n" + "".join(f"{t}\tNN\t{g}\n" for t, g in s) + "</s>\n" for s in d)
        + "</doc>\n"
        for n, d in enumerate(DOCUMENTS)
    ),
    "Liner2": "-DOCSTART CONFIG FEATURES orth base\n"
    + rows(lambda i, t, g: f"{t}\tx\tsubst:sg\t{g}{'#B-ADJ' if t == 'Kraft' else ''}", before="-DOCSTART FILE 1.xml\n"),
    "EOS": rows(lambda i, t, g: f"{t}\t{g}", after="EOS\n"),
    "prefix and label apart": rows(lambda i, t, g: f"{i + 1}\t{t}\tNN\t{g[0]}\t{g[2:] or '_'}"),
    "label and prefix apart": rows(lambda i, t, g: f"{t}\t{g[2:] or 'O'}\t{g[0]}"),
    "layers in one cell": rows(lambda i, t, g: f"{t}\t{g}{'|B-FAC' if t == 'Kraft' else ''}"),
    "numbered entities": "# global.columns = ID FORM UPOS RONEC:CLASS\n"
    + rows(lambda i, t, g: f"{i + 1}\t{t}\tX\t{g}", tags=parseme),
    "0 outside": rows(lambda i, t, g: f"{t}\t{'0' if g == 'O' else g}", tags=iob1),
    "PER-B": spelled(lambda prefix, label: f"{label}-{prefix}"),
    "PER_B": spelled(lambda prefix, label: f"{label}_{prefix}"),
    "B_PER": spelled(lambda prefix, label: f"{prefix}_{label}"),
    "B:PER": spelled(lambda prefix, label: f"{prefix}:{label}"),
    "B.PER": spelled(lambda prefix, label: f"{prefix}.{label}"),
    "PER/B, OTHER": spelled(lambda prefix, label: f"{label}/{prefix}", "OTHER"),
    "b-PER, o": spelled(lambda prefix, label: f"{prefix.lower()}-{label}", "o"),
    "commas, sentence named once": kaggle(),
    "commas, sentence named everywhere": kaggle(everywhere=True),
    "semicolons": kaggle(";"),
    "TABs, quoted": kaggle("\t"),
    "commas, empty lines": "token,label\n" + rows(lambda i, t, g: f"{quote(t)},{g}"),
    "commas, empty rows, no names": rows(lambda i, t, g: f"{quote(t)},{g}", after=",\n"),
    "commas, all quoted": rows(lambda i, t, g: f'"{t.replace(chr(34), chr(34) * 2)}","{g}"'),
    "bars": rows(lambda i, t, g: f"{t}|{g.replace('-', '_')}"),
    "documents and sentences in columns": "doc_id,sent_id,token,label\n"
    + "".join(f"d{n},{k},{quote(t)},{g}\n" for n, d in enumerate(DOCUMENTS) for k, s in enumerate(d) for t, g in s),
    "numbers of sentences first": numbered("{n}\t{token}\t{tag}\n"),
    "numbers of sentences last": numbered("{token}\t{tag}\t{n}\n"),
    "numbers of sentences and tokens": numbered("{n}\t{i}\t{token}\t{tag}\n"),
    "numbers of tokens start again": numbered("{i}\t{token}\t{tag}\n"),
    "token/TAG": inline(lambda token, tag: f"{token}/{tag}"),
    "token|POS|TAG": inline(lambda token, tag: f"{token}|NN|{tag}", iob1),
    "token_TAG, DOCSTART": "-DOCSTART-\n" + inline(lambda token, tag: f"{token}_{tag}"),
    "two cells": "".join(f"news\t{' '.join(tags_of(s))}\t{' '.join(words_of(s))}\n" for s in SENTENCES),
    "JSON lines": json_lines(id=lambda s: "1", tokens=words_of, ner_tags=tags_of),
    "JSON lines with more lists": json_lines(
        ids=lambda s: list(range(len(s))), words=words_of, pos=lambda s: ["N"] * len(s), ner=tags_of
    ),
}
MARKED = {
    *("columns with -DOCSTART-", "German, five columns", "markup between sentences", "Liner2"),
    "documents and sentences in columns",
}
LABELS_ALONE = {
    "0": rows(lambda i, t, g: f"{t}\t{g}", tags=bare("0")),
    "OTHER": rows(lambda i, t, g: f"{t}\t{g}", tags=bare("OTHER")),
    "token/LABEL": inline(lambda token, tag: f"{token}/{tag}", bare("O")),
    "JSON": json_lines(tokens=words_of, labels=bare("O")),
}


def opened(path: Path, content: str | bytes, **options: object) -> tuple[ColumnFile, list[Doc]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    columns = ColumnFile(path, ColumnOptions(**options))  # type: ignore[arg-type]
    return columns, list(columns.docs())


def entities(docs: list[Doc]) -> list[tuple[str, list[str]]]:
    return [(ent.label_, [token.text for token in ent]) for doc in docs for ent in doc.ents]


def expected(*, merged: bool = False, label: str = "") -> list[tuple[str, list[str]]]:
    """RETURNS (list[tuple[str, list[str]]]): The entities; `merged` if neighbours with one label are one."""
    found: list[tuple[str, list[str]]] = []
    for sent in SENTENCES:
        last = "O"
        for token, tag in sent:
            if tag[0] == "B" and not (merged and last[1:] == tag[1:]):
                found.append((label or tag[2:], [token]))
            elif tag != "O":
                found[-1][1].append(token)
            last = tag
    return found


def sentences(docs: list[Doc]) -> list[list[str]]:
    return [[token.text for token in sent] for doc in docs for sent in doc.sents]


def there_and_back(docs: list[Doc], folder: Path) -> bytes:
    with DocBinWriter(folder / "back.spacy", docs[0].vocab) as writer:
        for doc in docs:
            writer.add(doc)
    export([folder / "back.spacy"], folder / "back.txt", format="source")
    return (folder / "back.txt").read_bytes()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("name", PARTED)
def test_read_written_back_and_written_anew(tmp_path: Path, name: str, ending: str) -> None:
    """Documents, sentences, tokens and entities are right; rows come back as they were, and hold other entities."""
    content = PARTED[name].replace("\n", ending)
    columns, docs = opened(tmp_path / "a.txt", content)
    assert sentences(docs) == [words_of(sent) for sent in SENTENCES]
    assert entities(docs) == expected()
    assert (columns.report.skipped, columns.report.missing) == (0, 0)
    assert columns.report.docs == (len(DOCUMENTS) if name in MARKED else columns.report.docs and 1)
    assert there_and_back(docs, tmp_path) == content.encode()
    for doc in docs:
        doc.ents = [Span(doc, sent.start, min(sent.start + 2, sent.end), "PER") for sent in doc.sents]
    changed = entities(docs)
    assert entities(opened(tmp_path / "b.txt", there_and_back(docs, tmp_path))[1]) == changed


@pytest.mark.parametrize("name", LABELS_ALONE)
def test_labels_without_prefixes(tmp_path: Path, name: str) -> None:
    """What stands outside entities is the most frequent word of those usual for it."""
    _, docs = opened(tmp_path / "a.txt", LABELS_ALONE[name])
    assert entities(docs) == expected(merged=True)
    assert there_and_back(docs, tmp_path) == LABELS_ALONE[name].encode()


@pytest.mark.parametrize("often", [1, 30])
@pytest.mark.parametrize(
    ("one", "other"), [("B-cell", "T-cell"), ("E-mail", "post"), ("S-Bahn", "bus"), ("b_cell", "x")]
)
def test_labels_that_look_like_tags(tmp_path: Path, one: str, other: str, often: int) -> None:
    """Labels alone, some of which begin as a prefix does: no sentence is lost, no label cut short."""
    text = f"An\tO\nold\t{one}\nthing\t{one}\nand\tO\nnew\t{other}\nones\t{other}\n.\tO\n\n" + "x\tO\n\n" * 40 * often
    columns, docs = opened(tmp_path / "a.tsv", text * 3)
    assert entities(docs) == [(one, ["old", "thing"]), (other, ["new", "ones"])] * 3
    assert columns.report.skipped == 0
    assert there_and_back(docs, tmp_path) == (text * 3).encode()


def test_prefixes_without_labels(tmp_path: Path) -> None:
    """`B`, `I` and `O` alone are one kind of entity, not two labels."""
    _, docs = opened(tmp_path / "a.tsv", rows(lambda i, t, g: f"{t}\t{g[0]}"))
    assert entities(docs) == expected(label="ENTITY")


def test_what_stands_outside_can_be_said(tmp_path: Path) -> None:
    """A hyphen means that nobody looked, unless the user says that it means outside."""
    text = rows(lambda i, t, g: f"{i + 1}\t{t}\t{'-' if g == 'O' else f'{g[2:]}_{g[0]}'}")
    columns, docs = opened(tmp_path / "a.txt", text)
    assert entities(docs) == expected()
    assert columns.report.missing == sum(tag == "O" for sent in SENTENCES for _, tag in sent)
    columns, docs = opened(tmp_path / "a.txt", text, outside="-")
    assert entities(docs) == expected()
    assert columns.report.missing == 0
    assert there_and_back(docs, tmp_path) == text.encode()


def test_characters_with_the_number_of_their_place(tmp_path: Path) -> None:
    """Weibo's digits are no part of the characters."""
    text = "在0\tO\n北0\tB-LOC\n京1\tI-LOC\n。0\tO\n\n" * 3
    _, docs = opened(tmp_path / "a.txt", text)
    assert sentences(docs) == [["在", "北", "京", "。"]] * 3
    assert there_and_back(docs, tmp_path) == text.encode()


@pytest.mark.parametrize("row", ["{token} O {tag}", "{token}\tNN\t{suffix}", "{token},{tag}"])
def test_entities_may_begin_late(tmp_path: Path, row: str) -> None:
    """The layout is looked for until a line holds an entity."""

    def write(token: str, tag: str) -> str:
        suffix = "O" if tag == "O" else f"{tag[2:]}-{tag[0]}"
        return row.format(token=quote(token) if "," in row else token, tag=tag, suffix=suffix) + "\n"

    late = "".join("".join(write(*pair) for pair in sent) + "\n" for sent in SENTENCES)
    _, docs = opened(tmp_path / "a.txt", (write("x", "O") + "\n") * 11_000 + late)
    assert entities(docs) == expected()


def test_a_json_array(tmp_path: Path) -> None:
    """An array is read as its objects; it has no rows to be written back into."""
    rows_ = [{"tokens": words_of(sent), "ner_tags": tags_of(sent)} for sent in SENTENCES]
    _, docs = opened(tmp_path / "a.json", json.dumps(rows_, indent=1))
    assert entities(docs) == expected()
    assert "template" not in docs[0].user_data


@pytest.mark.parametrize("header", ["Sentence #,Sentence,POS,Tag\n", ""])
def test_lists_in_a_table(tmp_path: Path, header: str) -> None:
    """Cells that hold the tokens and the tags of a sentence."""
    text = header + "".join(
        f'Sentence: {n},{quote(" ".join(words_of(s)) + " ,")[:-3] + chr(34)},"{["N"] * len(s)}","{tags_of(s)}"\n'
        for n, s in enumerate(SENTENCES)
    )
    columns, docs = opened(tmp_path / "a.csv", text)
    assert entities(docs) == expected()
    assert columns.report.skipped == 0
    assert there_and_back(docs, tmp_path) == text.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (rows(lambda i, t, g: f"{t}\t{0 if g == 'O' else len(g)}"), "the tags are numbers"),
        (json_lines(tokens=words_of, ner_tags=lambda s: [0] * len(s)), "the tags are numbers.*ner_tags"),
        ("tokens,ner_tags\n" + rows(lambda i, t, g: f"{quote(t)},{0 if g == 'O' else 1}"), "the tags are numbers"),
        ('{"text": "Anna runs", "entities": [[0, 4, "PER"]]}\n', "JSON without lists of tokens and tags"),
        ("T1\tPER 0 9\tAnna Berg\nT2\tLOC 19 23\tOslo\n", "no column holds entity tags"),
        (
            rows(lambda i, t, g: f"{t}\t{'O' if g == 'O' else {'B': 'BEG', 'I': 'IN'}[g[0]] + g[1:]}") * 3,
            "tags of an unknown form.*IN-",
        ),
        ("Anna lives in Oslo .\nShe is well .\n", "no column holds entity tags"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """One line says what was found."""
    with pytest.raises(DossierError, match=message) as error:
        opened(tmp_path / "a.txt", content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("joint", ["–", "=", "", "~"])
@pytest.mark.parametrize("options", [{}, {"tag_column": "2"}])
def test_prefixes_spelled_in_unknown_ways(tmp_path: Path, joint: str, options: dict[str, str]) -> None:
    """They are refused, not taken for labels, in a small file and with the column named too."""
    text = rows(lambda i, t, g: f"{t}\t{g.replace('-', joint)}")
    with pytest.raises(DossierError, match="tags of an unknown form, found 'I"):
        opened(tmp_path / "a.txt", text, **options)


def test_a_line_that_does_not_fall_into_tokens(tmp_path: Path) -> None:
    """Only its sentence is lost, and its line is named."""
    columns, _ = opened(tmp_path / "a.txt", PARTED["token/TAG"] + "Anna B-PER\n")
    assert [problem["line"] for problem in columns.report.problems] == [len(SENTENCES) + 1]
    text = PARTED["JSON lines"] + '{"tokens": ["a"], "ner_tags": []}\n{"tokens": \n'
    columns, docs = opened(tmp_path / "a.txt", text)
    assert [p["expected"] for p in columns.report.problems] == ["as many tags as tokens", "a JSON object"]
    assert entities(docs) == expected()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    """They are read as what they hold; the output has the name without either suffix."""
    data = PARTED["PER-B"].encode()
    path = tmp_path / "in" / f"train.tsv{suffix}"
    path.parent.mkdir()
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/train.tsv", data)
    else:
        path.write_bytes({".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix](data))
    (report,) = convert(
        [str(path.parent) if suffix != ".zip" else str(path)], tmp_path / "out", ColumnOptions(sentences_per_doc=0)
    ).values()
    assert report.ents == len(expected())
    assert len(list(DocBin().from_disk(tmp_path / "out" / "train.spacy").tokens)) == 1


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
def test_what_unpacks_without_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """A file of a few hundred bytes does not fill the disk."""
    monkeypatch.setattr(unpack, "ALWAYS_ALLOWED", 1 << 20)
    data = b"x\tO\n" * (1 << 21)
    path = tmp_path / f"a.tsv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.tsv", data)
    else:
        path.write_bytes({".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix](data))
    with pytest.raises(DossierError, match=rf"a\.tsv\{suffix}: unpacks to more than \d+ MB"):
        convert([str(path)], tmp_path / "out", ColumnOptions())


def test_archives_and_broken_files(tmp_path: Path) -> None:
    """Several files in one are refused, and so is half a file."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.tsv", "x")
        archive.writestr("b.tsv", "x")
    with pytest.raises(DossierError, match=r"a\.zip: an archive of 2 files"):
        convert([str(tmp_path / "a.zip")], tmp_path / "out", ColumnOptions())
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"x\tO\n" * 100)[:-12])
    with pytest.raises(DossierError, match=r"b\.tsv\.gz: cannot be unpacked"):
        convert([str(tmp_path / "b.tsv.gz")], tmp_path / "out", ColumnOptions())


@pytest.mark.parametrize("name", ["conll", "iob", "conllu"])
def test_the_same_as_spacys_converter(tmp_path: Path, name: str) -> None:
    """On layouts that it reads, tokens and entities are the same."""
    from spacy.training.converters import conll_ner_to_docs, conllu_to_docs, iob_to_docs

    text, reader = {
        "conll": (rows(lambda i, t, g: f"{t} NN {g}"), conll_ner_to_docs),
        "iob": (PARTED["token|POS|TAG"], iob_to_docs),
        "conllu": (
            rows(lambda i, t, g: f"{i + 1}\t{t}\t{t}\tX\tNN\t_\t{min(i, 1)}\tdep\t_\tname={g}"),
            conllu_to_docs,
        ),
    }[name]
    theirs = list(reader(text, no_print=True))
    _, ours = opened(tmp_path / "a.txt", text)
    assert [t.text for doc in theirs for t in doc] == [t.text for doc in ours for t in doc]
    assert entities(theirs) == entities(ours)
