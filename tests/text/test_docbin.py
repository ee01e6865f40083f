"""`.spacy` files are read as spaCy reads them, at a fraction of the cost."""

from pathlib import Path

import catalogue
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_dossier.errors import DossierError
from spacy_dossier.text.docbin import read_docbin


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Twenty documents with user data of several kinds, spans and classes."""
    nlp = spacy.blank("en")
    docs = []
    for number in range(20):
        doc = nlp.make_doc(f"Document {number} of Anna Kovacs.")
        doc.user_data = {
            "id": f"d{number}" * number,
            ("._.", "risk", None, None): number / 3,
            ("._.", "places", 0, 8): [[1, 2], ("a", None)],
        }
        doc.cats = {"letter": 1.0}
        doc.spans["people"] = [doc[3:5]]
        docs.append(doc)
    file = tmp_path / "docs.spacy"
    DocBin(docs=[*docs, Doc(nlp.vocab)], store_user_data=True).to_disk(file)
    return file


def test_all_that_spacy_reads_is_read(path: Path) -> None:
    expected = list(DocBin().from_disk(path).get_docs(Vocab()))
    found = list(read_docbin(path, Vocab()))
    assert [doc.to_json() for doc in found] == [doc.to_json() for doc in expected]
    assert [doc.user_data for doc in found] == [doc.user_data for doc in expected]
    assert found[-1].user_data == {} and len(found) == 21


def test_user_data_may_not_be_there(tmp_path: Path) -> None:
    file = tmp_path / "bare.spacy"
    DocBin(docs=[spacy.blank("en").make_doc("Two of them."), spacy.blank("en").make_doc("Yes.")]).to_disk(file)
    assert [(doc.text, doc.user_data) for doc in read_docbin(file, Vocab())] == [("Two of them.", {}), ("Yes.", {})]


def test_installed_packages_are_not_searched_for_every_document(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def searches(documents: int) -> int:
        docbin = DocBin(store_user_data=True)
        nlp = spacy.blank("en")
        for number in range(documents):
            doc = nlp.make_doc("Text.")
            doc.user_data["id"] = number
            docbin.add(doc)
        docbin.to_disk(path)
        seen = []
        get_all = catalogue.Registry.get_all
        monkeypatch.setattr(catalogue.Registry, "get_all", lambda self: seen.append(1) or get_all(self))
        assert [doc.user_data["id"] for doc in read_docbin(path, Vocab())] == list(range(documents))
        monkeypatch.undo()
        return len(seen)

    assert searches(50) == searches(2)


def test_data_that_claims_more_than_it_holds_is_refused(path: Path) -> None:
    docbin = DocBin().from_disk(path)
    docbin.user_data[5] = b"\xdd\x7f\xff\xff\xff"  # an array of two thousand million
    docbin.store_user_data = True
    docbin.to_disk(path)
    with pytest.raises(DossierError, match=r"not a \.spacy file"):
        list(read_docbin(path, Vocab()))
