"""Which shard comes next."""

import random

from hypothesis import given
from hypothesis import strategies as st

from spacy_dossier.process.ledger import Pending
from spacy_dossier.process.local.schedule import Schedule


def test_the_lowest_comes_first_unless_it_waits_for_one_in_hand() -> None:
    """A shard with copies of an earlier one's documents comes when that one is committed; others go before it."""
    schedule = Schedule([Pending(0, 1, []), Pending(1, 1, [0]), Pending(2, 1, []), Pending(5, 1, [3])])
    assert [schedule.take(), schedule.take(), schedule.take(), schedule.take()] == [0, 2, 5, None]
    schedule.commit(2)
    assert schedule.take() is None
    schedule.commit(0)
    assert schedule.take() == 1
    schedule.put_back([5, 1])
    assert (schedule.take(), schedule.take()) == (1, 5)
    assert not schedule.is_done
    schedule.commit(1)
    schedule.commit(5)
    assert schedule.is_done


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 4))
def test_all_are_done_whatever_waits_for_what(seed: int, size: int, workers: int) -> None:
    """Whatever order they end in, whichever has to be done again: each comes after those it needs, none is left."""
    chance = random.Random(seed)
    after = [[earlier for earlier in range(number) if chance.random() < 0.3] for number in range(size)]
    schedule = Schedule(Pending(number, 1, needed) for number, needed in enumerate(after))
    in_hand: list[int] = []
    committed: list[int] = []
    while not schedule.is_done:
        shard = schedule.take() if len(in_hand) < workers else None
        if shard is not None:
            assert set(after[shard]) <= set(committed)
            in_hand.append(shard)
            continue
        assert in_hand, "nothing can go on"
        one = in_hand.pop(chance.randrange(len(in_hand)))
        if chance.random() < 0.25:
            schedule.put_back([one])
        else:
            schedule.commit(one)
            committed.append(one)
    assert sorted(committed) == list(range(size))
