"""`partial_senter`: learns from documents with sentence boundaries, and nothing from those without."""

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_dossier.pipeline.senter import after_empty_lines

SENTENCES = ["The ferry left early .", "Nobody waved .", "A dog barked at the gulls ."]


@pytest.fixture()
def nlp() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("partial_senter")
    return nlp


def example(nlp: Language, *, annotated: bool = True) -> Example:
    words = [word for sentence in SENTENCES for word in sentence.split()]
    starts = [i == 0 for sentence in SENTENCES for i, _ in enumerate(sentence.split())]
    reference = Doc(nlp.vocab, words=words, sent_starts=starts if annotated else None)
    return Example(Doc(nlp.vocab, words=words), reference)


def test_the_gradient_is_spacys_per_sentence(nlp: Language) -> None:
    spacy_own = spacy.blank("en").add_pipe("senter")
    eg = example(nlp)
    scores = [np.random.default_rng(0).dirichlet([1, 1], len(eg.predicted)).astype("f")]
    _, (found,) = nlp.get_pipe("partial_senter").get_loss([eg], scores)
    _, (expected,) = spacy_own.get_loss([eg], scores)
    np.testing.assert_allclose(found * len(SENTENCES), expected, atol=1e-6)


def test_documents_without_boundaries_teach_nothing(nlp: Language) -> None:
    bare = example(nlp, annotated=False)
    scores = [np.full((len(bare.predicted), 2), 0.5, dtype="f")]
    loss, (gradient,) = nlp.get_pipe("partial_senter").get_loss([bare], scores)
    assert loss == 0
    assert not gradient.any()


def test_it_learns_beside_documents_without_boundaries(nlp: Language) -> None:
    """With as many of them again three times over, spaCy's own learns that no sentence begins anywhere."""
    examples = [example(nlp), *(example(nlp, annotated=False) for _ in range(3))]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update([Example(eg.predicted.copy(), eg.reference) for eg in examples], sgd=optimizer)
    doc = nlp(Doc(nlp.vocab, words=[token.text for token in examples[0].reference]))
    assert [sent.text.strip() for sent in doc.sents] == SENTENCES


def test_it_comes_back_from_disk(nlp: Language, tmp_path) -> None:
    examples = [example(nlp)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path)
    words = [token.text for token in examples[0].reference]
    again = spacy.load(tmp_path)
    assert [s.text for s in again(Doc(again.vocab, words=words)).sents] == [
        s.text for s in nlp(Doc(nlp.vocab, words=words)).sents
    ]


def test_an_empty_line_ends_a_sentence(nlp: Language) -> None:
    """Whatever the model says, and only an empty line: white space belongs to the sentence before it."""
    words = ["Harbour", "news", "\n\n", "Nobody", "\n", "waved", "\r\n\r\n", "\t", "End", "\n\n\n"]
    doc = Doc(nlp.vocab, words=words, spaces=[False] * len(words))
    nlp.initialize(lambda: [example(nlp)])
    found = list(after_empty_lines(doc))
    assert [words[i] for i in found] == ["Nobody"]
    assert [nlp.get_pipe("partial_senter").predict([doc])[0][i] for i in found] == [1]
    assert len(after_empty_lines(Doc(nlp.vocab))) == 0
