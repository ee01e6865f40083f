"""Blocks of a document and the text they make."""

from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.read.document import KINDS, OUTSIDE, Block, lay_out

blocks = st.lists(
    st.builds(
        Block,
        st.sampled_from(KINDS),
        st.text("ab \té\n", min_size=1).map(str.strip),
        st.none() | st.integers(1, 3),
        st.integers(1, 4).map(lambda page: [(0, page)]),
    )
)


@given(blocks)
def test_places_quote_the_blocks(given: list[Block]) -> None:
    """Each block inside the text stands where it says, in order, parted by an empty line; the others keep theirs."""
    text, placed, _ = lay_out(given)
    kept = [block for block in given if block.text]
    assert [place.kind for place in placed] == [block.kind for block in kept]
    inside = []
    for block, place in zip(kept, placed, strict=True):
        if block.kind in OUTSIDE:
            assert (place.text, place.start, place.end) == (block.text, None, None)
        else:
            assert text[place.start : place.end] == block.text
            inside.append(block.text)
    assert text == "\n\n".join(inside)


def test_pages_begin_where_a_block_says() -> None:
    """A paragraph that runs over a page's end begins the next page inside it."""
    text, _, pages = lay_out(
        [
            Block("page_header", "Report", pages=[(0, 1)]),
            Block("paragraph", "One two", pages=[(0, 1), (4, 2)]),
            Block("paragraph", "three", pages=[(0, 2)]),
        ]
    )
    assert [(text[start : start + 3], page) for start, page in pages] == [("One", 1), ("two", 2)]
