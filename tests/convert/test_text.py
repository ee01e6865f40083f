"""Text as the model will read it: encodings and white space."""

from pathlib import Path

import pytest

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions, read_docs
from spacy_dossier.convert.columns.spacing import Spacer, spaces_from_offsets, spaces_from_text

ROWS = "İstanbul'da B-LOC\nüç O\nşey O\n\nçok O\ngüzel O\n"


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.conll"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1254", "iso8859-9"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_found(tmp_path: Path, encoding: str, ending: str) -> None:
    """Byte-order marks and line ends leave no trace in the tokens."""
    path = write(tmp_path, ROWS.replace("\n", ending).encode(encoding))
    (doc,) = read_docs(path, lang="tr", sentences_per_doc=0)
    assert [token.text for token in doc] == ["İstanbul'da", "üç", "şey", "çok", "güzel"]
    assert [len(sent) for sent in doc.sents] == [3, 2]


@pytest.mark.parametrize(
    ("lang", "encoding", "text"),
    [
        ("es", "latin-1", "El O\nseñor O\nMuñoz B-PER\nhabló O\nen O\nMálaga B-LOC\n. O\n"),
        ("de", "cp1252", "Größe O\nfür O\nMünchen B-LOC\n„ O\nübrig O\n“ O\n"),
        ("en", "latin-1", "Señor O\nPeña B-PER\nwas O\nhere O\n"),
        ("ru", "cp1251", "Сегодня O\nв O\nМоскве B-LOC\nхорошая O\nпогода O\n, O\nсказал O\nПётр B-PER\n. O\n" * 5),
        ("ru", "koi8-r", "Сегодня O\nв O\nМоскве B-LOC\nхорошая O\nпогода O\n, O\nсказал O\nПётр B-PER\n. O\n" * 5),
        ("pl", "iso8859-2", "Łódź B-LOC\nżółć O\nśnieg O\nwąż O\n"),
        ("el", "cp1253", "Η O\nΑθήνα B-LOC\nείναι O\nμεγάλη O\n. O\n" * 3),
        ("zh", "gb18030", "他 O\n在 O\n北京 B-LOC\n工作 O\n。 O\n" * 3),
        ("ja", "shift_jis", "彼 O\nは O\n東京 B-LOC\nに O\nいる O\n。 O\n" * 3),
        ("ar", "cp1256", "زار O\nالرئيس O\nالقاهرة B-LOC\nأمس O\n. O\n" * 3),
    ],
)
def test_legacy_encodings_by_language(tmp_path: Path, lang: str, encoding: str, text: str) -> None:
    """What is not UTF-8 is read as files of the language are written."""
    columns = ColumnFile(write(tmp_path, text.encode(encoding)), ColumnOptions(lang=lang, sentences_per_doc=0))
    assert [token.text for doc in columns.docs() for token in doc] == text.split()[::2]


def test_single_bad_bytes_spoil_their_sentence_only(tmp_path: Path) -> None:
    """A UTF-8 file with one broken row is not read as something else."""
    good = "Málaga B-LOC\nestá O\naquí O\n\n" * 5
    path = write(tmp_path, good.encode() + b"M\xe1laga B-LOC\n\n" + good.encode())
    columns = ColumnFile(path, ColumnOptions(sentences_per_doc=0))
    (doc,) = columns.docs()
    assert {token.text for token in doc} == {"Málaga", "está", "aquí"}
    (problem,) = columns.report.problems
    assert (problem["line"], "encoding" in problem["expected"]) == (21, True)


def restored(lang: str, text: str) -> str:
    tokens = text.split(" ")
    return "".join(t + " " * s for t, s in zip(tokens, Spacer(lang)(tokens), strict=True)).rstrip(" ")


@pytest.mark.parametrize(
    ("lang", "tokens", "text"),
    [
        ("en", 'He said : " I do n\'t know . "', 'He said: "I don\'t know."'),
        ("en", "( Paris , France ) - 5 % of $ 3.50 !", "(Paris, France) - 5% of $3.50!"),
        ("en", "the boys ' school , John 's dog and Mary ’s cat", "the boys' school, John's dog and Mary’s cat"),
        ("en", "`` Yes , '' she said .", "``Yes,'' she said."),
        ("en", 'It is over , " he said .', 'It is over," he said.'),
        ("en", "and / or -LRB- see below -RRB- ...", "and/or -LRB-see below-RRB-..."),
        ("de", "Er sagte : „ Ja , 5 % “ .", "Er sagte: „Ja, 5 %“."),
        ("fr", "L' homme dit : « Qu' est -ce ? »", "L'homme dit : « Qu'est-ce ? »"),
        ("fr", "Que dit -il , a -t-il dit .", "Que dit-il, a-t-il dit."),
        ("pt", "Deve lembrar -se disso .", "Deve lembrar-se disso."),
        ("en", "a two - year - old girl ( 30 - 40 kg )", "a two-year-old girl (30-40 kg)"),
        ("de", "Die U - Bahn , Haupt - und Neben - Eingang", "Die U-Bahn, Haupt- und Neben-Eingang"),
        ("hi", "कभी - कभी वह घर जाता है ।", "कभी-कभी वह घर जाता है।"),
        ("it", "L' uomo dell' anno , no ?", "L'uomo dell'anno, no?"),
        ("es", "¿ Qué ? ¡ No !", "¿Qué? ¡No!"),
        ("sv", "” Ja ” , sa han .", "”Ja”, sa han."),
        ("ar", "هل هذا صحيح ؟ نعم ، هو .", "هل هذا صحيح؟ نعم، هو."),
        ("zh", "他 在 北京 用 iPhone 工作 。", "他在北京用iPhone工作。"),
        ("th", "ผม ไป กรุงเทพ", "ผมไปกรุงเทพ"),
        ("ko", "그는 서울 에 , 갔다 .", "그는 서울 에, 갔다."),
        ("hi", "वह दिल्ली गया ।", "वह दिल्ली गया।"),
    ],
)
def test_spaces_are_restored_as_the_language_writes_them(lang: str, tokens: str, text: str) -> None:
    """Punctuation clings to its side."""
    assert restored(lang, tokens) == text


def test_what_the_file_says_comes_first(tmp_path: Path) -> None:
    """`SpaceAfter=No`, `# text` and offsets go over the rules, with either --spacing."""
    row = "1\tOslo\t_\tX\t_\t_\t0\troot\t_\tname=B-LOC{}\n2\t!\t_\tX\t_\t_\t1\tdep\t_\tname=O\n"
    for spacing in ("restore", "keep"):
        (doc,) = read_docs(write(tmp_path, row.format("").encode()), spacing=spacing)
        assert doc.text == "Oslo !"
        (doc,) = read_docs(write(tmp_path, row.format("|SpaceAfter=No").encode()), spacing=spacing)
        assert doc.text == "Oslo!"
        (doc,) = read_docs(write(tmp_path, ("# text = Oslo!\n" + row.format("")).encode()), spacing=spacing)
        assert doc.text == "Oslo!"
    (doc,) = read_docs(write(tmp_path, b"Oslo B-LOC\n! O\n"), spacing="keep")
    assert doc.text == "Oslo !"


def test_spaces_from_text_and_offsets() -> None:
    """Text that is not these tokens, and offsets that run backwards, are not believed."""
    assert spaces_from_text(["a", "b", "c"], "a bc") == [True, False, True]
    assert spaces_from_text(["a", "b"], "a c") is None
    assert spaces_from_text(["a", "b"], "a b c") is None
    assert spaces_from_offsets(["ab", "c", "d"], ["7", "9", "11"]) == [False, True, True]
    assert spaces_from_offsets(["ab", "c"], ["7", "8"]) is None


@pytest.mark.realdata
def test_restored_spaces_agree_with_the_original_text(shared_data: Path) -> None:
    """On a corpus that records its spaces, at least 98 of 100 are restored from the tokens alone."""
    columns = ColumnFile(shared_data / "ner" / "norne" / "no_bokmaal-ud-dev.conllu", ColumnOptions(lang="nb"))
    spacer = Spacer("nb")
    right = total = 0
    for sentence in columns.sentences():
        if len(sentence.tokens) > 1:
            gold = ["SpaceAfter=No" not in cell for cell in sentence.columns[9]]
            right += sum(a == b for a, b in zip(gold[:-1], spacer(sentence.tokens)[:-1], strict=True))
            total += len(gold) - 1
    assert right / total > 0.98
