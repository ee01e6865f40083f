"""What public reports of wrong conversions came from: read right, or refused with the option that decides."""

import json
import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_dossier.cli.app import app
from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.columns.formats.registry import FORMATS
from spacy_dossier.convert.docbin import DocBinWriter
from spacy_dossier.convert.export import export
from spacy_dossier.errors import DossierError

SENTENCES = [
    [("Anna", "B-PER"), ("Berg", "I-PER"), ("lives", "O"), ("in", "O"), ("Oslo", "B-LOC"), (".", "O")],
    [("Kim", "B-PER"), ("met", "O"), ("Ola", "B-PER"), ("Li", "I-PER"), ("at", "O"), ("Nord", "B-ORG"), (".", "O")],
] * 3
TEXT = " ".join(["Anna Berg lives in Oslo. Kim met Ola Li at Nord."] * 3)
ENTS = [("Anna Berg", "PER"), ("Oslo", "LOC"), ("Kim", "PER"), ("Ola Li", "PER"), ("Nord", "ORG")] * 3


def table(row: str = "{token}\t{tag}", end: str = "\n", between: str = "\n") -> str:
    """A row for each token: {token}, {tag}, {label}, {chunk}, {role}, {n}, {s}."""
    lines = []
    for s, sentence in enumerate(SENTENCES):
        for n, (token, tag) in enumerate(sentence):
            values = {"label": "O" if tag == "O" else tag[2:], "chunk": f"{'BI'[n % 2]}-VGF", "s": s, "n": n + 1}
            lines.append(row.format(token=token, tag=tag, role=f"B-ARG{n % 3}", **values) + end)
        lines.append(between)
    return "".join(lines)


def read(tmp_path: Path, text: str | bytes, **options: object) -> tuple[ColumnFile, list[Doc]]:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    columns = ColumnFile(path, ColumnOptions(sentences_per_doc=0, **options))  # type: ignore[arg-type]
    docs = list(columns.docs())
    assert columns.report.skipped == 0
    return columns, docs


def ents(docs: list[Doc]) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for doc in docs for ent in doc.ents]


@pytest.mark.parametrize(
    "text",
    [
        table(end="\r", between="\r")[:-1] + "\n",  # as a Macintosh wrote it, and a line feed at the end
        table(end="\r", between="\r") + table(end="\n"),
        table(end="\r", between="\r") + table(end="\r\n", between="\r\n"),
        table(end="\r\n", between="\r\n") + table(end="\n") * 3 + table(end="\r", between="\r"),
    ],
)
def test_line_ends_of_all_kinds_in_one_file(tmp_path: Path, text: str) -> None:
    """A carriage return, a line feed and both end a line, and export gives the bytes back."""
    columns, docs = read(tmp_path, text)
    assert ents(docs) == ENTS * (len(ents(docs)) // len(ENTS)) and ents(docs)
    assert columns.report.sents == 6 * (len(ents(docs)) // len(ENTS))
    with DocBinWriter(tmp_path / "a.spacy", docs[0].vocab) as writer:
        for doc in docs:
            writer.add(doc)
    export([tmp_path / "a.spacy"], tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_bytes() == text.encode()


def test_a_carriage_return_in_a_cell_spoils_its_sentence_only(tmp_path: Path) -> None:
    """It does not become part of a label."""
    path = tmp_path / "a.tsv"
    path.write_bytes((table() + "to\rken\tB-PER\n\nOslo\tB-L\rOC\n\n" + table()).encode())
    columns = ColumnFile(path, ColumnOptions())
    list(columns.docs())
    assert set(columns.report.labels) == {"PER", "LOC", "ORG"}


@pytest.mark.parametrize(
    "row",
    [
        "{token} NNP {chunk} {tag}",  # chunks of Hindi before the entities
        "{token}\tNNP\t{role}\t{tag}",
        "{token}\t{tag}\t{role}",
        "{token} NNP I-np {tag}",
    ],
)
@pytest.mark.parametrize("lower", [False, True])
def test_entities_are_found_among_several_columns_of_tags(tmp_path: Path, row: str, lower: bool) -> None:
    """Chunks and roles are none, in any case; the column and the others are on the line."""
    text = table(row).lower() if lower else table(row)
    columns, docs = read(tmp_path, text)
    expected = [(a.lower(), b.lower()) for a, b in ENTS] if lower else ENTS
    assert ents(docs) == expected
    number = row.replace("\t", " ").split().index("{tag}") + 1
    assert f"tags in {number} (" in columns.report.line() and "tags too in " in columns.report.line()
    assert "(per 9, loc 3, org 3)" in columns.report.line().lower()


@pytest.mark.parametrize("row", ["{token}\tNNP\t{chunk}", "{token}\tNNP\tI-NP", "{token}\t{role}"])
def test_chunks_and_roles_alone_are_refused(tmp_path: Path, row: str) -> None:
    """--tag-column reads them all the same."""
    with pytest.raises(DossierError, match=r"no entities as it seems.*--tag-column"):
        read(tmp_path, table(row))
    assert ents(read(tmp_path, table(row), tag_column="-1")[1])


@pytest.mark.parametrize(("lang", "tokens"), [("ko", "서 울 은   크 다 ."), ("en", "O s l o   i s   b i g .")])
def test_tokens_of_white_space_are_all_the_spaces(tmp_path: Path, lang: str, tokens: str) -> None:
    """The text is the tokens, one after the other."""
    cells = [token or " " for token in tokens.replace("   ", "  ").split(" ")]
    cells = [cell for i, cell in enumerate(cells) if not (cell == " " and i and cells[i - 1] == " ")]
    rows = "".join(f"{cell}\t{'B-LC' if i == 0 else 'O'}\n" for i, cell in enumerate(cells)) + "\n"
    columns, (doc,) = read(tmp_path, rows * 2, lang=lang)
    assert doc.text == " ".join(["".join(cells)] * 2)
    assert "spaces as tokens" in columns.report.line()


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ("{token}\t{label}[1]", {"tag_column": "2", "outside": "O[1]"}),
        ("{token}\t{label}-1)", {"tag_column": "2", "outside": "O-1)"}),
    ],
)
def test_what_is_no_tag_is_no_label_though_the_column_is_named(tmp_path: Path, row: str, options: dict) -> None:
    """Numbered spans and unknown prefixes are refused; --bare says that they are labels."""
    with pytest.raises(DossierError, match=r"unknown form.*--bare"):
        read(tmp_path, table(row), **options)
    assert ents(read(tmp_path, table(row), bare=True, **options)[1])


def test_a_column_without_outside_is_no_column_of_labels(tmp_path: Path) -> None:
    """Parts of speech, named by mistake, do not make each token an entity."""
    with pytest.raises(DossierError, match=r"says outside.*--outside.*--bare"):
        read(tmp_path, table("{token}\tX\t{tag}"), tag_column="2")


@pytest.mark.parametrize("word", ["[WORD]", "_", "<unk>"])
def test_words_that_are_not_in_the_file_are_no_tokens(tmp_path: Path, word: str) -> None:
    """Corpora whose text has to be filled in first."""
    with pytest.raises(DossierError, match=r"the words are not in the file.*--token-column"):
        read(tmp_path, table(word + "\t{tag}"))


@pytest.mark.parametrize(
    "row", ["{tag}\tw[0]={token}\tpos[0]=NNP\tw[1]=x{n}", "{tag}\tpos[0]=NNP\tw[-1]=x{n}\tw[0]={token}"]
)
def test_features_are_no_tokens(tmp_path: Path, row: str) -> None:
    """Of the features that CRFsuite learns from, the word itself is read, without its key."""
    _, docs = read(tmp_path, table(row))
    assert (ents(docs), docs[0].text) == (ENTS, TEXT)
    with pytest.raises(DossierError, match="no column holds tokens"):
        read(tmp_path, table("{tag}\tlower()={token}\tw[-1]=x{n}"))


def test_what_json_says_of_spaces_and_documents(tmp_path: Path) -> None:
    """Lists of booleans, the text itself, and the name of the document."""
    words, labels = ["See", "(", "me", ")", "-", "bye", "."], ["O", "O", "B-P", "O", "O", "O", "O"]
    flags = [False, False, False, False, False, False, True]
    rows = [
        {"document": 7, "tokens": words, "trailing_whitespace": flags, "labels": labels},
        {"document": 8, "tokens": words, "trailing_whitespace": flags, "labels": labels},
    ]
    columns, docs = read(tmp_path, json.dumps(rows))
    assert [(doc.text, doc.user_data["id"]) for doc in docs] == [("See(me)-bye.", "7"), ("See(me)-bye.", "8")]
    assert "spaces as flags say; 2 documents by document" in columns.report.line()
    rows = [{"text": "See (me)-bye .", "tokens": words, "ner_tags": labels}]
    assert read(tmp_path, json.dumps(rows))[1][0].text == "See (me)-bye ."


def test_tokens_of_json_are_the_list_with_most_words(tmp_path: Path) -> None:
    """Parts of speech come first where keys are sorted."""
    row = {
        "a_pos": ["NNP", "VBZ", "IN", "NNP"],
        "sent_words": ["Oslo", "is", "in", "Norway"],
        "tags": ["B-L", "O", "O", "B-L"],
    }
    _, docs = read(tmp_path, (json.dumps(row, sort_keys=True) + "\n") * 3)
    assert docs[0][:4].text == "Oslo is in Norway"
    row["a_pos"] = ["NNP", "VBZ", "IN", "NNQ"]
    with pytest.raises(DossierError, match="--token-column"):
        read(tmp_path, json.dumps(row) + "\n")


@pytest.mark.parametrize("prefix", ["simple:", "zh-min-nan:", "be-x-old:", "en:"])
def test_a_prefix_that_all_tokens_share(tmp_path: Path, prefix: str) -> None:
    """The language of WikiANN is no part of the token."""
    _, docs = read(tmp_path, table(prefix + "{token}\t{tag}"))
    assert docs[0].text == TEXT


@pytest.mark.parametrize(("first", "end"), [("Word,Acutal", "\r\n"), ("word,Klasse", "\n")])
def test_a_header_of_a_known_name_above_labels(tmp_path: Path, first: str, end: str) -> None:
    """Its label never comes again."""
    columns, docs = read(tmp_path, f"\ufeff{first}{end}" + table("{token},{label}", end, end))
    assert (ents(docs), columns.report.labels) == (ENTS, {"PER": 9, "LOC": 3, "ORG": 3})


def test_a_header_of_unknown_names_is_refused(tmp_path: Path) -> None:
    """--header and --no-header decide."""
    text = "Wort,Klasse\n" + table("{token},{label}")
    with pytest.raises(DossierError, match="--header or --no-header"):
        read(tmp_path, text)
    assert ents(read(tmp_path, text, header=True)[1]) == ENTS
    assert ents(read(tmp_path, text, header=False)[1]) == [("Wort", "Klasse"), *ENTS]


def test_a_file_that_parts_no_sentences(tmp_path: Path) -> None:
    """Full stops do, in bounded memory, outside entities."""
    columns, docs = read(tmp_path, table(between="") * 20)
    assert (columns.report.sents, len(list(docs[0].sents))) == (120, 120)
    assert "120 sentences by rule" in columns.report.line()
    stop = "Nord\tB-ORG\n.\tI-ORG\nAS\tI-ORG\n"
    columns, docs = read(tmp_path, (stop + table(between="")) * 20)
    assert (columns.report.sents, ents(docs)[0]) == (120, ("Nord. AS", "ORG"))


@pytest.mark.parametrize("row", ["{token}\t{tag}", "{token},{label}", "{s}\t{token}\t{tag}"])
def test_an_empty_line_after_each_row(tmp_path: Path, row: str) -> None:
    """It ends no sentence; several do, and so does a column that numbers them."""
    between = "" if "{s}" in row else "\n\n"
    columns, docs = read(tmp_path, table(row, end="\n\n", between=between))
    assert (columns.report.sents, ents(docs)) == (6, ENTS)


def test_a_column_of_sentences_goes_over_a_stray_empty_line(tmp_path: Path) -> None:
    """One empty line does not make two sentences of a file."""
    text = table("{s}\t{token}\t{tag}", between="")
    lines = text.splitlines(keepends=True)
    columns, docs = read(tmp_path, "".join([*lines[:9], "\n", *lines[9:]]))
    assert (columns.report.sents, ents(docs)) == (6, ENTS)


@pytest.mark.parametrize("row", ["{token} \t{tag}", " {token}\t{tag}", "{token}  \t{tag} "])
def test_spaces_around_tokens(tmp_path: Path, row: str) -> None:
    """They are no part of them."""
    _, docs = read(tmp_path, table(row))
    assert (docs[0].text, ents(docs)) == (TEXT, ENTS)


@pytest.mark.parametrize("piece", ["##{}", "\u2581{}", "\u0120{}", "{}@@"])
def test_pieces_of_words_are_refused(tmp_path: Path, piece: str) -> None:
    """Or read as they are, if the column is named."""
    rows = "".join(f"{piece.format(f'a{chr(97 + i)}')}\tO\nword{i}\tB-X\nxx\tO\n\n" for i in range(20))
    with pytest.raises(DossierError, match=r"pieces of words.*--token-column"):
        read(tmp_path, rows)
    assert len(read(tmp_path, rows, token_column="1")[1][0]) == 60


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    """With the options that decide."""
    text = "It O\nÕs O\nNord B-ORG\n. O\n\n" * 5
    columns, _ = read(tmp_path, text.encode("cp1252"))
    (warning,) = columns.report.warnings("en", outside=None)
    assert "--lang or --encoding" in warning
    columns, _ = read(tmp_path, text.encode("cp1252"), encoding="cp1252")
    assert list(columns.report.warnings("en", outside=None)) == []


@pytest.mark.parametrize(("lang", "said"), [("ar", True), ("ko", True), ("th", True), ("en", False)])
def test_unreliable_spaces_are_said(tmp_path: Path, lang: str, said: bool) -> None:
    """Where tokens do not tell them."""
    columns, _ = read(tmp_path, table(), lang=lang)
    assert any("unreliable" in warning for warning in columns.report.warnings(lang, outside=None)) is said


CONLLU = """# text = {text}
1	Va	andare	VERB	_	_	0	root	_	NE=O
2-3	{form}	_	_	_	_	_	_	_	_
2	{a}	_	ADP	_	_	4	case	_	NE={tags[0]}
3	{b}	_	DET	_	_	4	det	_	NE={tags[1]}
4	Stati	_	PROPN	_	_	1	obl	_	NE={tags[2]}|SpaceAfter=No
5	.	_	PUNCT	_	_	1	punct	_	NE=O

"""


@pytest.mark.parametrize(
    ("form", "a", "b", "pieces"),
    [
        ("negli", "in", "gli", ["ne", "gli"]),
        ("du", "de", "le", ["d", "u"]),
        ("zum", "zu", "dem", ["zu", "m"]),
        ("aux", "à", "les", ["au", "x"]),
    ],
)
def test_multi_word_tokens_keep_the_text(tmp_path: Path, form: str, a: str, b: str, pieces: list[str]) -> None:
    """As words, which part what is written; or as one token, as spaCy's converter has it."""
    text = f"Va {form} Stati."
    rows = CONLLU.format(text=text, form=form, a=a, b=b, tags=["O", "O", "B-GPE"])
    for source in (rows, rows.split("\n", 1)[1]):
        _, (doc,) = read(tmp_path, source)
        assert (doc.text, [token.text for token in doc][1:3]) == (text, pieces)
        _, (doc,) = read(tmp_path, source, merge_subtokens=True)
        assert (doc.text, [token.text for token in doc]) == (text, ["Va", form, "Stati", "."])
        assert ents([doc]) == [("Stati", "GPE")]
    columns, (doc,) = read(
        tmp_path, CONLLU.format(text=text, form=form, a=a, b=b, tags=["O", "B-GPE", "I-GPE"]), merge_subtokens=True
    )
    assert (ents([doc]), columns.report.widened) == ([(f"{form} Stati", "GPE")], 1)


@pytest.mark.parametrize("row", ["{token},{cell}", '"{token}","{cell}"'])
@pytest.mark.parametrize("empty", ["", "nan"])
def test_an_empty_cell_outside(tmp_path: Path, row: str, empty: str) -> None:
    """Spreadsheets and pandas write it so."""
    text = "token,label\n" + "".join(
        "".join(row.format(token=t, cell=empty if tag == "O" else tag) + "\n" for t, tag in s) + "\n" for s in SENTENCES
    )
    columns, docs = read(tmp_path, text)
    assert ents(docs) == ENTS
    assert f"outside {empty!r}" in columns.report.line()
    assert ents(read(tmp_path, text, outside=empty)[1]) == ENTS


@pytest.mark.parametrize("names", ["", '"token"\t"label"\n', '"x"\t"token"\t"label"\n'])
def test_all_cells_in_quotation_marks(tmp_path: Path, names: str) -> None:
    """As R writes a table, with its own way to write a quotation mark, with names of rows or without."""
    row = '"{n}"\t"{token}"\t"{tag}"' if "x" in names else '"{token}"\t"{tag}"'
    text = names + table(row, between="") + row.format(n=1, token='\\"', tag="O") + "\n"
    _, docs = read(tmp_path, text)
    assert ents(docs) == ENTS
    assert docs[0][-1].text == '"'


def test_a_first_line_for_excel(tmp_path: Path) -> None:
    """`sep=;` says what parts the columns, and is no row."""
    _, docs = read(tmp_path, "sep=;\ntoken;label\n" + table("{token};{tag}"))
    assert ents(docs) == ENTS


def test_the_delimiter_can_be_said(tmp_path: Path) -> None:
    """Where it is not found."""
    text = "token,label\n" + "".join(f"w{i},{label}\n" for i, label in enumerate(["a", "O", "b", "a", "b", "O"] * 3))
    for delimiter in (",", "comma"):
        _, docs = read(tmp_path, text, delimiter=delimiter, tag_column="label")
        assert len(docs[0].ents) == 12
    with pytest.raises(DossierError, match="unknown delimiter, found 'xy'"):
        read(tmp_path, text, delimiter="xy")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<collection><source>x</source><document><id>0</id><passage><offset>0</offset>" + "x" * 20_000, "BioC XML"),
        ("<!DOCTYPE html>\n<html>\n", "an HTML page"),
        ("<START:person> Anna Berg <END> lives in Oslo .\n", "OpenNLP"),
        ("123|t|A title\n123|a|An abstract\n", "PubTator"),
        ('c="anna berg" 1:0 1:1||t="person"\n', "i2b2"),
        ("<DOC><ENAMEX TYPE='PERSON'>Anna</ENAMEX></DOC>\n", "MUC"),
        ('{\n "a": 1\n}\n', "JSON"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, text: str, name: str) -> None:
    """In one short line, and no option is recommended that leads nowhere."""
    with pytest.raises(DossierError, match=name) as error:
        read(tmp_path, text)
    assert "--tag-column" not in str(error.value)
    assert len(str(error.value)) - len(str(tmp_path)) <= 200


def test_errors_are_short(tmp_path: Path) -> None:
    """Whatever a row holds."""
    with pytest.raises(DossierError) as error:
        read(tmp_path, "word " * 5000 + "\n")
    assert len(str(error.value)) - len(str(tmp_path)) <= 200


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_stray_file_in_a_folder_is_left_out_and_said(tmp_path: Path) -> None:
    """The others are converted, JSON lines too; a file that is named must be readable."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in {"a.tsv": table(), "labels.txt": "PER\nLOC\n", "empty.txt": "", "z.tsv": table()}.items():
        (folder / name).write_text(text)
    (folder / "m.jsonl").write_text('{"tokens": ["Kim", "ran"], "tags": ["B-PER", "O"]}\n')
    code, output = run("convert", folder, tmp_path / "out")
    assert code == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.spacy", "m.spacy", "z.spacy"}
    assert Counter(line.endswith("(left out)") for line in output.splitlines())[True] == 2
    assert run("convert", folder / "a.tsv", folder / "labels.txt", tmp_path / "out2")[0] == 1
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "labels.txt").write_text("PER\nLOC\n")
    assert run("convert", tmp_path / "bad", tmp_path / "out3")[0] == 1


def test_pipes_are_read(tmp_path: Path) -> None:
    """As `<(…)` of the shell gives them."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(table(),))
    writer.start()
    code, output = run("convert", fifo, tmp_path / "out")
    writer.join()
    assert code == 0 and "15 entities" in output
    assert (tmp_path / "out" / "stdin.spacy").is_file()


NASTY = ["unit title", "a\tb", "a|b", "a=b", "a/b", "(a)", "a*", "#a", "O", "-", "_", "B-x", "a\nb", "a,b", 'a"b', "é"]


@pytest.mark.parametrize("label", NASTY)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("scheme", ["iob2", "bare"])
def test_export_writes_nothing_that_is_read_back_otherwise(
    tmp_path: Path, label: str, format: str, scheme: str
) -> None:
    """A label that the format cannot hold is an error; what is written is read back as it was."""
    vocab = Vocab()
    words = ["The", "Journal", "of", "Rain", "said", "so", "."] * 3
    doc = Doc(vocab, words=words, sent_starts=[i % 7 == 0 for i in range(21)])
    doc.set_ents([doc.char_span(doc[1].idx, doc[3].idx + 4, label=label)])
    with DocBinWriter(tmp_path / "a.spacy", vocab) as writer:
        writer.add(doc)
    try:
        export([tmp_path / "a.spacy"], tmp_path / "out.txt", format=format, scheme=scheme)
    except DossierError:
        assert not (tmp_path / "out.txt").exists()
        return
    columns = ColumnFile(tmp_path / "out.txt", ColumnOptions(format=format, bare=scheme == "bare", tag_column=None))
    found = [ent for doc in columns.docs() for ent in doc.ents]
    assert [(" ".join(token.text for token in ent), ent.label_) for ent in found] == [("Journal of Rain", label)]


@pytest.mark.parametrize("row", ["{token}\t{p}--{l}", "{token}\t{p}__{l}", "{token}\tS-{l}-{p}", "{token}\t{w}-{l}"])
def test_what_is_left_of_another_spelling_is_no_label(tmp_path: Path, row: str) -> None:
    """Two hyphens, a second scheme in the label, full-width letters."""
    text = ""
    for token, tag in (pair for sentence in SENTENCES for pair in [*sentence, ("", "")]):
        if not token:
            text += "\n"
        elif tag == "O":
            text += f"{token}\tO\n"
        else:
            wide = {"B": "\uff22", "I": "\uff29"}[tag[0]]
            text += row.format(token=token, p=tag[0], l=tag[2:], w=wide) + "\n"
    for options in ({}, {"tag_column": "2"}):
        with pytest.raises(DossierError, match="tags of an unknown form"):
            read(tmp_path, text, **options)


def test_two_encodings_in_one_file(tmp_path: Path) -> None:
    """Neither is guessed for both; the user may say one."""
    text = "El O\nseñor O\nMuñoz B-PER\nhabló O\n\n" * 5
    data = text.encode() + text.encode("latin-1")
    with pytest.raises(DossierError, match=r"a\.txt:27: some lines are UTF-8, others are not.*--encoding"):
        read(tmp_path, data, lang="es")
    assert read(tmp_path, data, lang="es", encoding="latin-1")[1]
