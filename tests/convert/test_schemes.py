"""Tagging schemes are found from the file and decoded as conlleval does."""

from collections import Counter
from pathlib import Path

import pytest

from spacy_dossier.convert.columns.convert import ColumnFile, ColumnOptions
from spacy_dossier.convert.columns.schemes import (
    brackets_to_iob2,
    entities_to_tags,
    find_scheme,
    split_tag,
    tags_to_entities,
)
from spacy_dossier.errors import DossierError


def columns_of(tmp_path: Path, *sentences: str, **options: object) -> ColumnFile:
    """A file with one sentence an argument; its tags are parted by spaces."""
    path = tmp_path / "a.tsv"
    path.write_text("\n".join("".join(f"w{i}\t{tag}\n" for i, tag in enumerate(s.split())) for s in sentences))
    return ColumnFile(path, ColumnOptions(**({"sentences_per_doc": 0} | options)))  # type: ignore[arg-type]


def spans(columns: ColumnFile) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for doc in columns.docs() for ent in doc.ents]


SAME = [(0, 2, "A-b_c"), (2, 3, "A-b_c"), (4, 7, "D")]
WRITTEN = {
    "iob1": "I-A-b_c I-A-b_c B-A-b_c O I-D I-D I-D",
    "iob2": "B-A-b_c I-A-b_c B-A-b_c O B-D I-D I-D",
    "bioes": "B-A-b_c E-A-b_c S-A-b_c O B-D I-D E-D",
    "biluo": "B-A-b_c L-A-b_c U-A-b_c O B-D I-D L-D",
    "bmewo": "B-A-b_c E-A-b_c W-A-b_c O B-D M-D E-D",
    "bmes": "B-A-b_c E-A-b_c S-A-b_c O B-D M-D E-D",
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_schemes_say_the_same(tmp_path: Path, scheme: str) -> None:
    """One set of entities in every scheme; labels are split at the first hyphen only."""
    columns = columns_of(tmp_path, WRITTEN[scheme])
    assert columns.report.scheme == scheme
    assert spans(columns) == SAME
    assert (columns.report.orphans, columns.report.unclosed) == (0, 0)
    assert entities_to_tags(SAME, 7, scheme) == WRITTEN[scheme].split()


def test_io_joins_neighbours(tmp_path: Path) -> None:
    """IO has no way to part two neighbours with one label; a change of label parts them."""
    columns = columns_of(tmp_path, "I-A I-A I-B O", "I-A")
    assert columns.report.scheme == "io"
    assert spans(columns) == [(0, 2, "A"), (2, 3, "B"), (4, 5, "A")]
    assert columns.report.orphans == 0


def test_b_after_o_opens_an_entity_in_iob1(tmp_path: Path) -> None:
    """The CoNLL-2003 training data does so twice; it stays IOB1."""
    columns = columns_of(tmp_path, "I-A O", "I-A I-A", "I-A B-A", "O B-A I-A O")
    assert columns.report.scheme == "iob1"
    assert spans(columns) == [(0, 1, "A"), (2, 4, "A"), (4, 5, "A"), (5, 6, "A"), (7, 9, "A")]
    assert columns.report.orphans == 0


def test_an_orphan_opens_an_entity_and_is_counted(tmp_path: Path) -> None:
    """In IOB2 an inner tag without a beginning is an error of the data; it is kept, counted and placed."""
    columns = columns_of(tmp_path, "B-A I-A O", "B-A O", "O I-A I-A", "B-A I-B")
    assert columns.report.scheme == "iob2"
    assert spans(columns) == [(0, 2, "A"), (3, 4, "A"), (6, 8, "A"), (8, 9, "A"), (9, 10, "B")]
    assert columns.report.orphans == 2
    assert [v["line"] for v in columns.report.violations] == [9, 13]


def test_strict_refuses_an_orphan(tmp_path: Path) -> None:
    """With `--strict` the first one stops the conversion, with file and line."""
    columns = columns_of(tmp_path, "B-A I-A O", "O I-A", strict=True)
    with pytest.raises(
        DossierError, match=r"a\.tsv:6: expected a tag that begins an entity \(iob2\), found 'w1\\tI-A'"
    ):
        list(columns.docs())


@pytest.mark.parametrize("sentence", ["B-A I-A O", "B-A", "I-A E-A", "B-A B-A E-A", "E-A", "B-A E-B"])
def test_bioes_violations(tmp_path: Path, sentence: str) -> None:
    """Entities that nothing begins or ends are counted; `--strict` refuses them."""
    good = ["S-A", "B-A I-A E-A", "S-B O B-B E-B"]
    columns = columns_of(tmp_path, *good, sentence)
    list(columns.docs())
    assert columns.report.scheme == "bioes"
    assert columns.report.orphans + columns.report.unclosed > 0
    with pytest.raises(DossierError, match=r"\(bioes\)"):
        list(columns_of(tmp_path, *good, sentence, strict=True).docs())


def test_a_label_may_have_a_scheme_of_its_own(tmp_path: Path) -> None:
    """Dates tagged IO beside names tagged IOB2 are no orphans."""
    columns = columns_of(tmp_path, "B-PER I-PER O I-DATE I-DATE", "I-DATE O B-PER", "B-PER B-PER O I-DATE")
    assert (columns.report.scheme, columns.report.scheme_by_label) == ("iob2", {"DATE": "io"})
    assert spans(columns)[1] == (3, 5, "DATE")
    assert columns.report.orphans == 0


def test_missing_annotation_stays_missing(tmp_path: Path) -> None:
    """`-` and `_` are not `O`: the model must not learn that nothing is there."""
    columns = columns_of(tmp_path, "B-A I-A - O _ B-A _")
    (doc,) = columns.docs()
    assert [token.ent_iob_ for token in doc] == ["B", "I", "", "O", "", "B", ""]
    assert columns.report.missing == 3
    (doc,) = columns_of(tmp_path, "- -", "-").docs()
    assert not doc.has_annotation("ENT_IOB")


def test_an_inner_tag_after_missing_annotation_is_an_orphan(tmp_path: Path) -> None:
    """Nobody knows what the token before it is."""
    columns = columns_of(tmp_path, "B-A I-A", "B-A _ I-A", "B-A")
    assert spans(columns) == [(0, 2, "A"), (2, 3, "A"), (4, 5, "A"), (5, 6, "A")]
    assert columns.report.orphans == 1


@pytest.mark.parametrize("tag", ["B-", "X-A", "b", "PER", "O-A"])
def test_what_is_no_tag_spoils_its_sentence(tmp_path: Path, tag: str) -> None:
    """The row is named and the sentence left out, not read as `O`."""
    many = ["B-A I-A O"] * 20
    columns = columns_of(tmp_path, *many, f"B-A {tag}", "B-A")
    assert len(spans(columns)) == 21
    (problem,) = columns.report.problems
    assert problem == {"line": 82, "row": f"w1\t{tag}", "expected": "an entity tag in column 2"}


def test_brackets() -> None:
    """The outermost bracket is the entity; brackets that do not match are an error."""
    assert brackets_to_iob2(["(A*", "*)", "*", "(B)", "-"]) == ["B-A", "I-A", "O", "B-B", "-"]
    assert brackets_to_iob2(["(A(B*", "*)", "*)"]) == ["B-A", "I-A", "I-A"]
    for cells in (["(A*"], ["*)"], ["(A*", "(B)"]):
        with pytest.raises(ValueError):
            brackets_to_iob2(cells)


def test_split_tag() -> None:
    """Prefix and label; labels keep their hyphens."""
    assert split_tag("B-creative-work") == ("B", "creative-work")
    assert split_tag("I-GPE_LOC") == ("I", "GPE_LOC")
    assert split_tag("person-actor", bare=True) == ("I", "person-actor")
    assert split_tag("B_PER_x") == ("B", "PER_x")
    with pytest.raises(ValueError):
        split_tag("person-actor")


def test_decode_agrees_with_seqeval() -> None:
    """An independent reader of the same tags finds the same entities."""
    from seqeval.metrics.sequence_labeling import get_entities

    tags = ["B-A", "I-A", "I-B", "O", "I-A", "B-A", "B-B", "I-B", "I-A", "O", "I-B", "I-B"]
    assert tags_to_entities(tags) == [(start, end + 1, label) for label, start, end in get_entities(tags)]


def test_no_tags_at_all() -> None:
    """A file of `O` alone has a scheme too."""
    assert find_scheme(Counter({("O", "O"): 5})).name == "iob2"
