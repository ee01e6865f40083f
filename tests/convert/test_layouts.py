"""Every layout is found from the rows, or named by the user."""

from pathlib import Path

import pytest
from spacy.tokens import Doc

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions, read_docs
from spacy_dossier.errors import DossierError

ANNA = [("Anna Berg", "PER"), ("Oslo", "LOC")]


def read(tmp_path: Path, text: str | bytes, **options: object) -> list[Doc]:
    path = tmp_path / "file.conll"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_docs(path, **({"sentences_per_doc": 0} | options)))


def ents(docs: list[Doc]) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for doc in docs for ent in doc.ents]


def words(docs: list[Doc]) -> list[list[str]]:
    return [[token.text for token in doc] for doc in docs]


def sents(docs: list[Doc]) -> list[str]:
    return [sent.text for doc in docs for sent in doc.sents]


LAYOUTS = {
    "two columns, spaces": "Anna B-PER\nBerg I-PER\nlives O\nin O\nOslo B-LOC\n. O\n",
    "two columns, TAB": "Anna\tB-PER\nBerg\tI-PER\nlives\tO\nin\tO\nOslo\tB-LOC\n.\tO\n",
    "tag before the token": "B-PER\tAnna\nI-PER\tBerg\nO\tlives\nO\tin\nB-LOC\tOslo\nO\t.\n",
    "three columns": "Anna NNP B-PER\nBerg NNP I-PER\nlives VBZ O\nin IN O\nOslo NNP B-LOC\n. . O\n",
    "chunks before the tag": "Anna NNP B-NP B-PER\nBerg NNP I-NP I-PER\nlives VBZ B-VP O\nin IN B-PP O\n"
    "Oslo NNP B-NP B-LOC\n. . O O\n",
    "chunks after the tag": "Anna B-PER NNP B-NP\nBerg I-PER NNP I-NP\nlives O VBZ B-VP\nin O IN B-PP\n"
    "Oslo B-LOC NNP B-NP\n. O . O\n",
    "lemma, part of speech, chunk": "Anna Anna NE I-NC I-PER\nBerg Berg NE I-NC I-PER\nlives live V I-VC O\n"
    "in in PREP I-PC O\nOslo Oslo NE I-NC I-LOC\n. . $. O O\n",
    "index and CoNLL-U comments": "# sent_id = 1\n# text = Anna Berg lives in Oslo.\n1\tAnna\tB-PER\t-\t-\n"
    "2\tBerg\tI-PER\t-\tkim\n3\tlives\tO\t-\t-\n4\tin\tO\t-\t-\n5\tOslo\tB-LOC\t-\tkim\n6\t.\tO\t-\t-\n",
    "index from 0": "0 Anna B-PER\n1 Berg I-PER\n2 lives O\n3 in O\n4 Oslo B-LOC\n5 . O\n",
    "offsets": "Anna\t0\t4\tB-PER\nBerg\t5\t9\tI-PER\nlives\t10\t15\tO\nin\t16\t18\tO\nOslo\t19\t23\tB-LOC\n"
    ".\t23\t24\tO\n",
    "file name and offsets": "Anna note7 0 4 B-PER\nBerg note7 5 9 I-PER\nlives note7 10 15 O\nin note7 16 18 O\n"
    "Oslo note7 19 23 B-LOC\n. note7 23 24 O\n",
    "MultiCoNER": "# id 3fa2\tdomain=en\nAnna _ _ B-PER\nBerg _ _ I-PER\nlives _ _ O\nin _ _ O\nOslo _ _ B-LOC\n"
    ". _ _ O\n",
    "MultiCoNER, all spaces": "# id 3fa2 domain=en\nAnna _ _ B-PER\nBerg _ _ I-PER\nlives _ _ O\nin _ _ O\n"
    "Oslo _ _ B-LOC\n. _ _ O\n",
    "WikiANN": "en:Anna\tB-PER\nen:Berg\tI-PER\nen:lives\tO\nen:in\tO\nen:Oslo\tB-LOC\nen:.\tO\n",
    "GermEval": "#\thttp://example.org/a\t[2010-01-02]\t\n1\tAnna\tB-PER\tO\n2\tBerg\tI-PER\tB-LOC\n3\tlives\tO\tO\n"
    "4\tin\tO\tO\n5\tOslo\tB-LOC\tO\n6\t.\tO\tO\n",
    "header": "TOKEN\tPOS\tNER\nAnna\tNNP\tB-PER\nBerg\tNNP\tI-PER\nlives\tVBZ\tO\nin\tIN\tO\nOslo\tNNP\tB-LOC\n"
    ".\t.\tO\n",
    "HIPE": "TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tNE-FINE-LIT\tNEL-LIT\tMISC\n# hipe2022:document_id = d1\n"
    "Anna\tB-PER\tO\tB-PER.ind\tQ1\t_\nBerg\tI-PER\tO\tI-PER.ind\tQ1\t_\nlives\tO\tO\tO\t_\t_\nin\tO\tO\tO\t_\t_\n"
    "Oslo\tB-LOC\tB-ORG\tB-LOC.adm\tQ2\tNoSpaceAfter\n.\tO\tO\tO\t_\tEndOfSentence\n",
    "CoNLL-U Plus": "# global.columns = ID FORM UPOS CONLL:NER MISC\n1\tAnna\tPROPN\tB-PER\t_\n"
    "2\tBerg\tPROPN\tI-PER\t_\n"
    "3\tlives\tVERB\tO\t_\n4\tin\tADP\tO\t_\n5\tOslo\tPROPN\tB-LOC\tSpaceAfter=No\n6\t.\tPUNCT\tO\t_\n",
    "CoNLL-U, name": "1\tAnna\tAnna\tPROPN\t_\t_\t3\tnsubj\t_\tname=B-PER\n"
    "2\tBerg\tBerg\tPROPN\t_\t_\t1\tflat\t_\tname=I-PER\n"
    "3\tlives\tlive\tVERB\t_\t_\t0\troot\t_\tname=O\n4\tin\tin\tADP\t_\t_\t5\tcase\t_\tname=O\n"
    "5\tOslo\tOslo\tPROPN\t_\t_\t3\tobl\t_\tSpaceAfter=No|name=B-LOC\n6\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\tname=O\n",
    "CoNLL-U, NER on entities only": "1\tAnna\tAnna\tPROPN\t_\t_\t3\tnsubj\t_\tNER=B-PER\n"
    "2\tBerg\tBerg\tPROPN\t_\t_\t1\tflat\t_\tNER=I-PER|Gloss=mountain\n3\tlives\tlive\tVERB\t_\t_\t0\troot\t_\t_\n"
    "4\tin\tin\tADP\t_\t_\t5\tcase\t_\t_\n5\tOslo\tOslo\tPROPN\t_\t_\t3\tobl\t_\tSpaceAfter=No|NER=B-LOC\n"
    "6\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_\n",
    "CoNLL-2012": "#begin document (nw/a/00/a_0001); part 000\n"
    "nw/a/00/a_0001   0   0   Anna  NNP  (TOP(S(NP*  -  -  -  -  (PER*  (ARG0*  (1\n"
    "nw/a/00/a_0001   0   1   Berg  NNP  *)  -  -  -  -  *)  *)  1)\n"
    "nw/a/00/a_0001   0   2   lives  VBZ  (VP*  live  01  1  -  *  (V*)  -\n"
    "nw/a/00/a_0001   0   3   in  IN  (PP*  -  -  -  -  *  (ARGM-LOC*  -\n"
    "nw/a/00/a_0001   0   4   Oslo  NNP  (NP*)))  -  -  -  -  (LOC)  *)  -\n"
    "nw/a/00/a_0001   0   5   .  .  *))  -  -  -  -  *  *  -\n\n#end document\n",
    "Few-NERD": "Anna\tPER\nBerg\tPER\nlives\tO\nin\tO\nOslo\tLOC\n.\tO\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_same_sentence_in_every_layout(tmp_path: Path, layout: str, ending: str) -> None:
    """Tokens, entities, sentence and restored text agree whatever the layout and the line ends."""
    docs = read(tmp_path, LAYOUTS[layout].replace("\n", ending))
    assert words(docs) == [["Anna", "Berg", "lives", "in", "Oslo", "."]]
    assert ents(docs) == ANNA
    assert sents(docs) == ["Anna Berg lives in Oslo."]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_final_newline_may_be_missing(tmp_path: Path, layout: str) -> None:
    """The last row counts even where nothing ends it."""
    assert ents(read(tmp_path, LAYOUTS[layout].rstrip("\n"))) == ANNA


@pytest.mark.parametrize("break_", ["\n", "\t\n", " \n", " \t \n", "\r\n", "\n\n\n"])
def test_lines_of_white_space_end_a_sentence(tmp_path: Path, break_: str) -> None:
    """A sentence break may hold white space."""
    row = "Anna\tB-PER\n"
    assert sents(read(tmp_path, f"{row}{break_}{row}")) == ["Anna", "Anna"]


@pytest.mark.parametrize("mark", ["-DOCSTART-\tO", "-DOCSTART- -X- -X- O", "-DOCSTART-", "-DOCSTART- (1 EU)"])
@pytest.mark.parametrize("blank", ["", "\n"])
def test_docstart_begins_a_document_and_is_no_token(tmp_path: Path, mark: str, blank: str) -> None:
    """Any number of columns, with or without an empty line after it."""
    docs = read(tmp_path, f"{mark}\n{blank}Anna\tB-PER\n.\tO\n{mark}\n{blank}Oslo\tB-LOC\n\nhere\tO\n")
    assert words(docs) == [["Anna", "."], ["Oslo", "here"]]
    assert sents(docs) == ["Anna.", "Oslo", "here"]
    assert docs[0].user_data.get("id") == ("1 EU" if "EU" in mark else None)


def test_rows_before_the_first_mark_are_a_document(tmp_path: Path) -> None:
    """Some files end their documents with the mark."""
    assert words(read(tmp_path, "Anna I-PER\n. O\n\n-DOCSTART- O\n\nOslo I-LOC\n\n-DOCSTART- O\n")) == [
        ["Anna", "."],
        ["Oslo"],
    ]


def test_medline_marks_name_documents(tmp_path: Path) -> None:
    """JNLPBA marks its abstracts in lines of one column."""
    docs = read(tmp_path, "###MEDLINE:95369245\n\nIL-2\tB-DNA\ngene\tI-DNA\n\n###MEDLINE:95333264\n\nNF\tB-protein\n")
    assert [doc.user_data["id"] for doc in docs] == ["95369245", "95333264"]
    assert ents(docs) == [("IL-2 gene", "DNA"), ("NF", "protein")]


def test_newdoc_comments_name_documents(tmp_path: Path) -> None:
    """`# newdoc` begins a document; its id is kept."""
    row = "1\tOslo\tB-LOC\t-\t-\n"
    docs = read(
        tmp_path, f"# newdoc id = a-1\n# sent_id = 1\n{row}\n# newdoc\n# sent_id = 2\n{row}\n# sent_id = 3\n{row}\n"
    )
    assert [doc.user_data.get("id") for doc in docs] == ["a-1", None]
    assert [len(list(doc.sents)) for doc in docs] == [1, 2]


def test_parts_of_conll_2012_are_documents(tmp_path: Path) -> None:
    """Sentences may differ in the number of columns, and a part is a document."""
    first = LAYOUTS["CoNLL-2012"]
    second = first.replace("part 000", "part 001").replace("  (ARG0*", "").replace("  *)  1)", "  1)")
    second = (
        second.replace("  (V*)", "")
        .replace("  (ARGM-LOC*", "")
        .replace("(LOC)  *)", "(LOC)")
        .replace("*  *  -\n", "*  -\n")
    )
    docs = read(tmp_path, first + second)
    assert [doc.user_data["id"] for doc in docs] == ["nw/a/00/a_0001 part 000", "nw/a/00/a_0001 part 001"]
    assert ents(docs) == ANNA + ANNA
    assert [token.tag_ for token in docs[0]] == ["NNP", "NNP", "VBZ", "IN", "NNP", "."]


def test_two_columns_have_no_comments(tmp_path: Path) -> None:
    """`#` begins tokens in a plain file, whatever follows it."""
    docs = read(tmp_path, "#oslo\tB-LOC\n#\tO\n1\tO\n\n# O\n".replace("# O", "#\tO"))
    assert words(docs) == [["#oslo", "#", "1", "#"]]
    assert words(read(tmp_path, "# O\nfan O\n\n#oslo B-LOC\n")) == [["#", "fan", "#oslo"]]


def test_a_hash_without_a_tag_is_a_bad_row_in_two_columns(tmp_path: Path) -> None:
    """What could pass for a comment is a missing tag there."""
    path = tmp_path / "a.tsv"
    path.write_text("Oslo\tB-LOC\n\n#fjord\nOslo\tB-LOC\n\nhere\tO\n")
    columns = ColumnFile(path, ColumnOptions())
    assert words(list(columns.docs())) == [["Oslo"], ["here"]]
    assert columns.report.problems == [{"line": 3, "row": "#fjord", "expected": "2 columns, not 1"}]


def test_tokens_that_begin_with_a_hash_stand_beside_comments(tmp_path: Path) -> None:
    """In a file with comments a row is still a row."""
    docs = read(tmp_path, "# sent_id = 1\n1\t#\tO\t-\t-\n2\t#oslo\tB-LOC\t-\t-\n\n# sent_id = 2\n1\tx\tO\t-\t-\n")
    assert words(docs) == [["#", "#oslo", "x"]]


def test_columns_can_be_named_by_number_or_name(tmp_path: Path) -> None:
    """The user's word goes over what the rows look like."""
    text = "TOKEN\tNE-COARSE-LIT\tNE-FINE-LIT\nAnna\tB-pers\tB-pers.ind\nruns\tO\tO\n"
    assert ents(read(tmp_path, text)) == [("Anna", "pers")]
    for column in ("3", "-1", "NE-FINE-LIT", "ne-fine-lit"):
        assert ents(read(tmp_path, text, tag_column=column)) == [("Anna", "pers.ind")]
    with pytest.raises(DossierError, match=r"no such column, found 'NER'.*NE-FINE-LIT"):
        read(tmp_path, text, tag_column="NER")
    text = "a Anna O\nb Oslo B-LOC\n"
    assert words(read(tmp_path, text, token_column="2")) == [["Anna", "Oslo"]]


def test_any_key_of_misc_can_be_named(tmp_path: Path) -> None:
    """A CoNLL-U file may carry two annotations; the user chooses."""
    row = "1\tOslo\tOslo\tPROPN\t_\t_\t0\troot\t_\tone=B-LOC|two=B-GPE_LOC\n2\tx\tx\tX\t_\t_\t1\tdep\t_\tone=O|two=O\n"
    assert ents(read(tmp_path, row)) == [("Oslo", "LOC")]
    assert ents(read(tmp_path, row, tag_column="two")) == [("Oslo", "GPE_LOC")]


def test_conllu_without_entities_leaves_them_missing(tmp_path: Path) -> None:
    """A treebank trains the sentence splitter; its tokens are not said to be outside entities."""
    row = "1\tOslo\tOslo\tPROPN\tNNP\tNumber=Sing\t0\troot\t_\t_\n2\tx\tx\tX\t_\t_\t1\tdep\t_\t_\n"
    (doc,) = read(tmp_path, row)
    assert not doc.has_annotation("ENT_IOB")
    assert (doc[0].pos_, doc[0].tag_, doc[0].lemma_, str(doc[0].morph)) == ("PROPN", "NNP", "Oslo", "Number=Sing")


def test_multiword_tokens_and_empty_nodes(tmp_path: Path) -> None:
    """Words are the tokens; a range gives the spaces, an empty node gives nothing."""
    cells = "\t_\tX\t_\t_\t0\tdep\t_\t"
    text = (
        f"1\tvi{cells}name=O\n2-3\tdoslo\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n2\td{cells}name=O\n"
        f"3\toslo{cells}name=B-LOC\n3.1\tgone{cells}_\n4\t.{cells}name=O\n"
    )
    (doc,) = read(tmp_path, text)
    assert doc.text == "vi doslo."
    assert ents([doc]) == [("oslo", "LOC")]


def test_germeval_inner_layer_on_request(tmp_path: Path) -> None:
    """The inner tags become a span group."""
    (doc,) = read(tmp_path, LAYOUTS["GermEval"], nested=True)
    assert [(span.text, span.label_) for span in doc.spans["nested"]] == [("Berg", "LOC")]
    assert "nested" not in read(tmp_path, LAYOUTS["GermEval"])[0].spans
    with pytest.raises(DossierError, match="second layer"):
        read(tmp_path, LAYOUTS["two columns, TAB"], nested=True)


def test_a_file_without_tags_is_refused(tmp_path: Path) -> None:
    """The error shows a row and says what to do."""
    with pytest.raises(DossierError, match=r"no column holds entity tags, found 'Anna met'.*--tag-column"):
        read(tmp_path, "Anna met\nher aunt\nin Oslo\nlast night\n")
    with pytest.raises(DossierError, match="no rows"):
        read(tmp_path, "")


def test_tokens_quoted_as_csv(tmp_path: Path) -> None:
    """A CSV writer's quotation marks are no part of the tokens; those of the text are."""
    text = 'Oslo\tB-LOC\n","\tO\n","\tO\n","\tO\n""""\tO\n"1,000"\tO\n'
    assert words(read(tmp_path, text)) == [["Oslo", ",", ",", ",", '"', "1,000"]]
    for row in ('"\tO\n', "a,b\tO\n", '"x\tO\n'):
        token = row.split("\t")[0]
        assert words(read(tmp_path, text + row)) == [["Oslo", '","', '","', '","', '""""', '"1,000"', token]]


def test_white_space_and_invisible_tokens_stay(tmp_path: Path) -> None:
    """Zero-width, soft-hyphen, no-break and inner spaces are part of tokens."""
    tokens = ["\u200b", "\ufeff", "\u00ad", "a b", "\u00a0", "x\u2028y", "\u3000z"]
    docs = read(tmp_path, "".join(f"{token}\tO\n" for token in ["Oslo", *tokens]).replace("Oslo\tO", "Oslo\tB-LOC"))
    assert words(docs) == [["Oslo", *tokens]]
    docs = read(tmp_path, "Oslo B-LOC\n\u200b O\n10\u00a0000 O\n")
    assert words(docs) == [["Oslo", "\u200b", "10\u00a0000"]]


def test_documents_in_columns_between_flags(tmp_path: Path) -> None:
    """HIPE files part sentences by flags and documents by comments, without empty lines."""
    body = LAYOUTS["HIPE"]
    docs = read(tmp_path, body + body.split("\n", 1)[1].replace("d1", "d2") + body.split("\n", 2)[2])
    assert [doc.user_data["id"] for doc in docs] == ["d1", "d2"]
    assert [len(list(doc.sents)) for doc in docs] == [1, 2]
    assert docs[0].text == "Anna Berg lives in Oslo."
