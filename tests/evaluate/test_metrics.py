"""Bootstrap intervals over documents."""

import numpy as np

from spacy_dossier.evaluate.entities import strict_counts
from spacy_dossier.evaluate.metrics import Counts, averages, difference, interval, resample, table

from .conftest import Sample


def test_interval_equals_a_plain_loop(sample: Sample) -> None:
    """The vectorised interval is what a loop over resampled documents with the same draws gives."""
    counts = strict_counts(sample.pairs)
    n = len(counts.correct)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(2000):
        chosen = np.repeat(np.arange(n), rng.multinomial(n, np.full(n, 1 / n)))
        sums = (counts.correct[chosen].sum(0), counts.predicted[chosen].sum(0), counts.gold[chosen].sum(0))
        drawn.append(averages(*sums)["macro"][2])
    assert table(counts)["macro"]["interval"]["f1"] == interval(np.array(drawn))


def test_interval_holds_the_score_and_narrows_with_more_documents(sample: Sample) -> None:
    """Four times the documents give an interval of about half the width."""
    counts = strict_counts(sample.pairs)
    four = Counts(counts.labels, *(np.tile(part, (4, 1)) for part in (counts.correct, counts.predicted, counts.gold)))
    widths = []
    for one in (counts, four):
        row = table(one)["micro"]
        ends = row["interval"]["f1"]
        assert ends["low"] < row["f1"] < ends["high"]
        widths.append(ends["high"] - ends["low"])
    assert 0.4 < widths[1] / widths[0] < 0.6


def test_resampling_is_the_same_in_pieces() -> None:
    """Many documents are drawn in pieces; sums keep the expected total."""
    sums = resample(np.ones((5000, 1)), resamples=1000)
    assert sums.shape == (1000, 1)
    assert (sums == 5000).all()


def test_difference_of_a_run_with_itself_is_nothing(sample: Sample) -> None:
    """Intervals of differences are paired, so that equal runs differ by exactly zero."""
    counts = strict_counts(sample.pairs)
    assert difference(counts, counts)["f1"] == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_one_document_has_no_interval(sample: Sample) -> None:
    """There is nothing to resample in a corpus of one document."""
    assert "interval" not in table(strict_counts(sample.pairs[:1]))["micro"]


def test_nothing_to_count_gives_zero() -> None:
    """A corpus without entities and predictions has scores of zero and no error."""
    nothing = np.zeros((3, 0), dtype=np.int64)
    scores = table(Counts([], nothing, nothing, nothing))
    assert scores["micro"]["f1"] == scores["macro"]["f1"] == 0.0
    assert scores["micro"]["support"] == 0
