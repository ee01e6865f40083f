"""Bytes → text."""

import contextlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.text.encoding import Undecodable, decode, find_encoding

from ..hostile import ends

RUSSIAN = "Анна Келлер приехала в Лондон вчера вечером и сразу позвонила своему старому другу, который живёт у реки. "
TEXTS = {
    "cp1251": RUSSIAN,
    "koi8_r": RUSSIAN,
    "cp866": RUSSIAN,
    "mac_cyrillic": RUSSIAN,
    "cp1253": "Η Άννα έφτασε χθες το βράδυ στο Λονδίνο και τηλεφώνησε αμέσως στον παλιό της φίλο που μένει δίπλα. ",
    "cp1255": "אנה הגיעה אתמול בערב ללונדון והתקשרה מיד לחבר הוותיק שלה שגר ליד הנהר הגדול בעיר. ",
    "cp1256": "وصلت آنا إلى لندن مساء أمس واتصلت على الفور بصديقها القديم الذي يعيش بالقرب من النهر الكبير. ",
    "shift_jis": "昨日の夜、アンナはロンドンに着いて、川の近くに住んでいる古い友人にすぐに電話をかけました。",
    "euc_jp": "昨日の夜、アンナはロンドンに着いて、川の近くに住んでいる古い友人にすぐに電話をかけました。",
    "gb18030": "昨天晚上安娜到了伦敦，马上给住在河边的老朋友打了电话，他们谈了很长时间。",
    "big5": "昨天晚上安娜到了倫敦，馬上給住在河邊的老朋友打了電話，他們談了很長時間。",
    "euc_kr": "어제 저녁 안나는 런던에 도착하여 강가에 사는 오랜 친구에게 바로 전화를 걸었습니다. ",
    "cp1252": "“Où est Anna?” – elle déjeune au café près de l’hôtel, où François l’a vue à midi. ",
    "cp1250": "Včera večer přijela Anna do Londýna a hned zavolala svému starému příteli, který žije u řeky. ",
    "iso8859_2": "Wczoraj Anna przyjechała do Łodzi i zaraz zadzwoniła do przyjaciół, którzy żyją nad Wisłą. ",
    "cp1254": "Anna dün akşam Londra’ya geldi ve ırmağın yanında yaşayan eski arkadaşını hemen aradı, şaşırdı. ",
    "utf-8": "Grüße aus Łódź, 東京 and Αθήνα. ",
    "utf-16-le": "Plain English text without any mark. ",
    "utf-16-be": "Plain English text without any mark. ",
}


@pytest.mark.parametrize("encoding", list(TEXTS))
def test_encodings_are_told_by_their_text(encoding: str) -> None:
    """A few sentences suffice, without any declaration."""
    text = TEXTS[encoding] * 4
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_decide(encoding: str) -> None:
    """The mark is not part of the text."""
    assert decode("Straße\r\nÅ".encode(encoding)).text == "Straße\nÅ"


def test_declarations_count_in_markup_only() -> None:
    """<meta charset> and the XML declaration are believed where markup is expected, unless they cannot be true."""
    html = '<meta charset="koi8-r"><p>Анна</p>'.encode("koi8-r")
    assert "Анна" in decode(html, declared=True).text
    assert decode("<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode(), declared=True).text.endswith("<a>é</a>")
    assert decode('<meta charset="us-ascii"><p>“é”'.encode("cp1252"), declared=True).text.endswith("“é”")


def test_curly_quotes_in_a_long_english_text() -> None:
    """Rare high bytes that are punctuation mean cp1252, whatever statistics say."""
    text = "It was late. “Come in,” said the host — and he’d not say more.\n" * 300
    assert decode(text.encode("cp1252")).text == text


def test_binary_is_refused() -> None:
    """What is no text does not become nonsense."""
    with pytest.raises(Undecodable):
        decode(bytes(range(256)) * 8)
    with pytest.raises(Undecodable):
        decode(b"\x01\x02\x03\x04abc" * 50 + b"\xff")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_utf8_survives(text: str) -> None:
    """Any text in UTF-8 comes back, but for a mark at its start."""
    assert decode(text.encode()).text == text.removeprefix("\ufeff")


@pytest.mark.realdata
def test_fifty_encodings(shared_data: Path) -> None:
    """Every file of chardet's collection reads as its folder's name says."""
    import re

    names = {"MacCyrillic": "mac_cyrillic", "Johab": "johab", "iso-2022-kr": "iso2022_kr"}
    base = shared_data / "documents" / "encodings_chardet"
    wrong = []
    for path in sorted(p for p in base.rglob("*") if p.is_file()):
        folder = path.relative_to(base).parts[0]
        encoding = names.get(folder, re.sub(r"-[a-z]{5,}$", "", folder))
        truth = path.read_bytes().decode(encoding, "replace")
        letters = [c for c in truth if ord(c) > 127 and c.isalpha()]
        found = [c for c in decode(path.read_bytes()).text if ord(c) > 127 and c.isalpha()]
        if sum(a == b for a, b in zip(letters, found, strict=False)) < 0.97 * len(letters):
            wrong.append(str(path.relative_to(base)))
    assert wrong == []


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp850", "Die Größe der Straße übersteigt die Länge, und schöne Grüße für die Ämter folgen später. "),
        ("cp437", "Höjden på dörren är för låg, så vi måste bygga en högre öppning innan våren kommer. "),
        ("mac_roman", "La qualité de l'été dépend du soleil; à l'été dernier, la récolte était très élevée. "),
        ("cp852", "Wczoraj Anna przyjechała do Łodzi i zaraz zadzwoniła do przyjaciół, którzy żyją nad Wisłą. "),
        ("cp1250", "Începutul anului aduce întotdeauna schimbări în viaţa oraşului, iar oamenii aşteaptă veşti bune. "),
        ("cp1257", "Jaunikis pirmąją vestuvinę naktį iškeitė į areštinės gultą, o šeima liko namuose. "),
        ("cp737", "Η Άννα έφτασε χθες το βράδυ στο Λονδίνο και τηλεφώνησε αμέσως στον παλιό της φίλο. "),
        ("cp862", "אנה הגיעה אתמול בערב ללונדון והתקשרה מיד לחבר הוותיק שלה שגר ליד הנהר הגדול בעיר. "),
        ("iso8859_6", "وصلت إلى لندن مساء أمس واتصلت على الفور بصديقها القديم الذي يعيش بالقرب من النهر الكبير. "),
        ("utf-7", "Grüße aus München, wo Anna heute früh über die Brücke ging. "),
        ("utf-32-le", "Анна Келлер приехала в Лондон вчера вечером. "),
        ("cp500", "Dear Anna, the meeting in London is on Monday, and the report will be there by then. "),
    ],
)
def test_encodings_of_other_systems(encoding: str, text: str) -> None:
    """DOS, Macintosh, mainframes and the small scripts of Windows, told without any declaration."""
    assert decode((text * 4).encode(encoding)).text == text * 4


@pytest.mark.parametrize(
    "text",
    [
        "The café was closed.",
        "“No.”",
        "Price: €50",
        "10 – 20",
        "It’s so",
        "Où est Anna – elle déjeune",
        "Köln",
        "Grüße aus Köln",
    ],
)
def test_short_western_texts(text: str) -> None:
    """One foreign character is little to go by: it is what is usual."""
    assert decode(text.encode("cp1252")).text == text


def test_utf8_goes_before_a_false_declaration() -> None:
    """A page or mail in UTF-8 that says otherwise is UTF-8; a declaration that fits is believed."""
    assert decode("Grüße".encode(), label="iso-8859-1").text == "Grüße"
    assert decode('<meta charset="windows-1252">Łódź'.encode(), declared=True).text.endswith("Łódź")
    assert decode("Łódź".encode("iso8859_2"), label="iso-8859-2").text == "Łódź"
    assert decode(b"a\\u0041", label="unicode_escape").text == "a\\u0041"


def test_utf8_that_is_nearly_whole() -> None:
    """A file cut inside a character, one bad byte, halves of a surrogate pair: the rest is read as it was meant."""
    text = "Zażółć gęślą jaźń. " * 10
    assert decode(text.encode() + b"\xc5").text == text + "\ufffd"
    assert decode(text.encode() + b"\xff.").text == text + "\ufffd."
    assert decode(b"\xed\xa0\xbd\xed\xb8\x80 and \xed\xa0\x80").text == "\U0001f600 and \ufffd"


def test_zeros_and_control_sequences_in_a_text() -> None:
    """Files filled up with zeros, odd lengths of UTF-16, colours of a terminal and the end mark of DOS stay text."""
    assert decode("Größe.\n".encode() * 30 + bytes(500)).text == "Größe.\n" * 30
    assert decode(b"one\0two three").text == "one two three"
    assert decode("Anna".encode("utf-16-le") + b"\0").text == "Anna\ufffd"
    assert decode("Schöne Grüße aus München, alles läuft gut.\r\n\x1a".encode("cp437")).text.startswith(
        "Schöne Grüße aus"
    )
    assert decode(b"bold \x0e on \x0f off").text == "bold \x0e on \x0f off"


def test_foreign_letters_late_in_a_long_file() -> None:
    """A guess looks where there is something to go by."""
    polish = "Zażółć gęślą jaźń, proszę państwa. Łódź jest piękna.\n" * 20
    assert decode(b"plain line\n" * 60_000 + polish.encode("cp1250")).text.endswith(polish)


SHORT = {
    "Malmö by Bjørn Ødegård.": ("cp1252", "latin-1", "mac_roman", "cp850"),
    "El señor Núñez vivió en Cádiz y Málaga.": ("cp1252", "latin-1", "mac_roman", "cp850"),
    "Hélène a déjeuné près de la forêt, à Besançon.": ("cp1252", "mac_roman", "cp850"),
    "Grüße aus Köln, schöne Straße, für Jürgen Groß.": ("cp1252", "mac_roman", "cp850"),
    "Åsa åkte till Göteborg för att träffa sin bror.": ("cp1252", "mac_roman", "cp850"),
    "La qualità è più alta, perché così sarà.": ("cp1252", "mac_roman", "cp850"),
    "São Paulo: João Gonçalves não quis comentar a decisão.": ("cp1252", "mac_roman"),
    "Patiënten uit België en Brazilië zijn geëvacueerd.": ("cp1252", "mac_roman", "cp850"),
    "Wczoraj Anna przyjechała do Łodzi, do przyjaciół.": ("cp1250", "iso8859_2"),
}


@pytest.mark.parametrize(("text", "encoding"), [(text, name) for text, names in SHORT.items() for name in names])
def test_one_line_of_western_europe(text: str, encoding: str) -> None:
    """Windows, Macintosh or DOS: the letters that look like words win."""
    assert decode(text.encode(encoding)).text == text


def test_what_is_lost_is_counted() -> None:
    """U+FFFD that the file has is text; one that stands for bad bytes is a loss."""
    assert decode("Gr\ufffd\u00fc\u00dfe ".encode() * 10).lost == 0
    assert decode("Grüße ".encode() * 10 + b"\xff.").lost == 1
    assert decode("Grüße ".encode() * 10 + b"\xc3").lost == 1
    assert decode("Größe".encode("cp1252")).lost == 0


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1250", "euc_jp"])
def test_streams_are_told_like_whole_files(size: int, encoding: str) -> None:
    """However the bytes are cut into blocks, and however late the first that is not ASCII."""
    text = "昨日の夜、アンナはロンドンに着いた。" if encoding == "euc_jp" else "Zażółć gęślą jaźń, proszę państwa."
    data = "\n".join(["plain line"] * (20_000 if size > 100 else 20) + [text] * 5).encode(encoding)
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    codec, mark = find_encoding(blocks)
    assert data[len(mark) :].decode(codec).endswith(text)
    assert find_encoding([data]) == (codec, mark)


def test_a_known_language_decides() -> None:
    """A single letter is enough where it is known which languages it may be of."""
    assert decode("ő".encode("cp1250"), lang="hu").text == "ő"
    assert decode("è".encode("cp1252"), lang="it").text == "è"
    assert decode("На".encode("cp1251"), lang="ru").text == "На"


def test_a_line_without_end_is_sampled_in_bounded_memory() -> None:
    """A stream of one line and many lines of text: what is kept does not grow."""
    from spacy_dossier.text.encoding import SAMPLE, Evidence

    seen = Evidence()
    for _ in range(50):
        seen.add("Grüße ".encode("cp1252") * 20_000)
    for _ in range(50):
        seen.add("Grüße\n".encode("cp1252") * 20_000)
    seen.finish()
    assert seen.kept + len(seen.rest) + len(seen.head) < 6 * SAMPLE


@pytest.mark.parametrize(
    "data",
    [
        b"<!--" * 50_000 + b"\xe9",
        b"charset" + b" " * 200_000 + b"\xe9",
        b"<?xml " * 40_000 + b"\xe9",
        b"\x1b[" + b"0;" * 100_000 + b"\xe9",
        "“„".encode("cp1252") * 100_000,
        b"+a" * 100_000 + b"\xe9",
        "à".encode("cp1252") * 200_000,
        ("a" + "é" * 10).encode("cp1252") * 20_000,
    ],
)
def test_hostile_bytes_come_to_an_end(data: bytes) -> None:
    """No expression goes over the same bytes again and again."""
    with contextlib.suppress(Undecodable):
        ends(partial(decode, declared=True), data)


WESTERN_TEXTS = {
    "es": "El señor Muñoz habló en Málaga con la señorita Íñigo.",
    "de": "Größe für München, Straße und Äpfel",
    "fr": "L'été où le garçon naïf a mangé à Noël, ça va.",
    "pt": "São João não está à mão; coração",
    "sv": "Åsa går på älgjakt på ön",
    "it": "Perché la città è più bella",
}


@pytest.mark.parametrize("codec", ["cp1252", "mac-roman", "cp850"])
@pytest.mark.parametrize("lang", WESTERN_TEXTS)
def test_a_word_a_line_of_a_known_western_language(lang: str, codec: str) -> None:
    """Letters that other alphabets have at the same places are not thought of."""
    for repeats in (1, 20):
        text = "\n".join(WESTERN_TEXTS[lang].split() * repeats)
        assert text.encode(codec).decode(find_encoding([text.encode(codec)], lang=lang).codec) == text


def test_ascii_that_could_be_an_escape_is_ascii() -> None:
    """A plus before letters is no UTF-7 by itself; what is ASCII is UTF-8 too."""
    assert find_encoding([b"1 +AB O\n2 ~{ O\nOslo B-LOC\n" * 50]).codec == "utf-8"


@pytest.mark.parametrize("codec", ["cp1252", "mac-roman"])
@pytest.mark.parametrize("rows", ["It O\n’s O\nIf B-X\n", "“ O\nIt O\n’s O\n” O\n", "Anna B-X\n’s O\ncafé O\n"])
def test_marks_that_are_tokens_of_their_own(rows: str, codec: str) -> None:
    """In a column file clitics and quotation marks stand alone. Other encodings of Windows have the same marks."""
    data = rows.encode(codec) * 5
    assert data.decode(find_encoding([data]).codec) == rows * 5
