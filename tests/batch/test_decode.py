"""Bytes → text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.batch.decode import Undecodable, decode

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
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_decide(encoding: str) -> None:
    """The mark is not part of the text."""
    assert decode("Straße\r\nÅ".encode(encoding)) == "Straße\nÅ"


def test_declarations_count_in_markup_only() -> None:
    """<meta charset> and the XML declaration are believed where markup is expected, unless they cannot be true."""
    html = '<meta charset="koi8-r"><p>Анна</p>'.encode("koi8-r")
    assert "Анна" in decode(html, declared=True)
    assert decode("<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode(), declared=True).endswith("<a>é</a>")
    assert decode('<meta charset="us-ascii"><p>“é”'.encode("cp1252"), declared=True).endswith("“é”")


def test_curly_quotes_in_a_long_english_text() -> None:
    """Rare high bytes that are punctuation mean cp1252, whatever statistics say."""
    text = "It was late. “Come in,” said the host — and he’d not say more.\n" * 300
    assert decode(text.encode("cp1252")) == text


def test_binary_is_refused() -> None:
    """What is no text does not become nonsense."""
    with pytest.raises(Undecodable):
        decode(bytes(range(256)) * 8)
    with pytest.raises(Undecodable):
        decode(b"\x01\x02\x03\x04abc" * 50 + b"\xff")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_utf8_survives(text: str) -> None:
    """Any text in UTF-8 comes back, but for a mark at its start."""
    assert decode(text.encode()) == text.removeprefix("\ufeff")


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
        found = [c for c in decode(path.read_bytes()) if ord(c) > 127 and c.isalpha()]
        if sum(a == b for a, b in zip(letters, found, strict=False)) < 0.97 * len(letters):
            wrong.append(str(path.relative_to(base)))
    assert wrong == []
