"""Which document ended the process it was in."""

import pytest

from spacy_dossier.process.crashes import MOST_BLAMELESS, Crashes, Order


def test_a_shard_is_tried_again_before_it_is_suspected() -> None:
    """One end may have a cause outside; after the second the documents go one by one."""
    crashes = Crashes()
    assert crashes.order(3) == Order()
    assert crashes.ended(3)
    assert crashes.order(3) == Order()
    assert crashes.ended(3)
    assert crashes.order(3) == Order(careful=True)
    assert crashes.order(4) == Order()


@pytest.mark.parametrize("stage", ["read", "pipeline", "record"])
def test_the_document_in_hand_is_quarantined_with_its_stage(stage: str) -> None:
    """Wherever the process ends, it is the document that was announced last, and no other."""
    crashes = Crashes()
    crashes.ended(0)
    crashes.ended(0)
    for document in ("a", "b"):
        crashes.reached(0, document, stage)
    assert crashes.ended(0)
    assert crashes.order(0) == Order(careful=True, quarantined={"b": stage})
    crashes.reached(0, "c", stage)
    assert crashes.ended(0)
    assert crashes.order(0).quarantined == {"b": stage, "c": stage}


def test_no_document_is_blamed_between_the_stages() -> None:
    """When the last one has been left, an end is nobody's; when that goes on, there is no point in it."""
    crashes = Crashes()
    crashes.ended(0)
    crashes.ended(0)
    crashes.reached(0, "a", "pipeline")
    crashes.reached(0, None, "pipeline")
    hopes = [crashes.ended(0) for _ in range(MOST_BLAMELESS)]
    assert crashes.order(0).quarantined == {}
    assert hopes[0] and not hopes[-1]


def test_any_number_of_documents_may_be_guilty() -> None:
    """Ends with somebody to blame never make a shard hopeless."""
    crashes = Crashes()
    crashes.ended(0)
    crashes.ended(0)
    for number in range(40):
        crashes.reached(0, str(number), "pipeline")
        assert crashes.ended(0)
    assert len(crashes.order(0).quarantined) == 40


def test_what_is_done_is_forgotten() -> None:
    """A shard that comes again later begins anew."""
    crashes = Crashes()
    crashes.ended(0)
    crashes.ended(0)
    crashes.done(0)
    assert crashes.order(0) == Order()
