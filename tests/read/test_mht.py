"""Saved web pages → their main text."""

import quopri

from spacy_dossier.read.extract import ReadOptions, extract_bytes

HEAD = """From: <Saved by Blink>
Subject: Quay
MIME-Version: 1.0
Content-Type: multipart/related; type="text/html"; boundary="b"

--b
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

"""


def test_page_in_its_archive() -> None:
    """The page is read as one, in its own encoding; styles and pictures are not."""
    page = (
        "<html><title>Quay</title><body><nav><a href=/>Home</a></nav><h1>The quay</h1><p>Malmö = by Bjørn.</p></body>"
    )
    body = quopri.encodestring(page.encode("latin-1")).decode("ascii")
    data = f"{HEAD}{body}\n--b\nContent-Type: text/css\n\np {{}}\n--b--\n".encode()
    for name in ("page.mhtml", "page"):
        (found,) = extract_bytes(data, name)
        assert found.error is None
        assert found.text == "The quay\n\nMalmö = by Bjørn."
        assert found.meta == {"title": "Quay"}
    (whole,) = extract_bytes(data, "page.mht", ReadOptions(whole_page=True))
    assert whole.text == "Home\n\nThe quay\n\nMalmö = by Bjørn."
