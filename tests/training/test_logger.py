"""What a training says at its end."""

import io

import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_dossier.training.logger import create_console_logger


def test_labels_with_few_entities_are_named_at_the_end() -> None:
    """With their number; nothing where there are enough."""
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner")
    many = [Doc(nlp.vocab, words=["Anna", "left"], ents=["B-PER", "O"]) for _ in range(60)]
    few = [Doc(nlp.vocab, words=["Lagos", "slept"], ents=["B-LOC", "O"]) for _ in range(3)]
    for docs, said in ((many, ""), (many + few, "63 entities, fewer than 50 of these labels: LOC 3.")):
        nlp.initialize(lambda docs=docs: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
        out = io.StringIO()
        config = {"score_weights": {}, "eval_frequency": 1}
        nlp.config["training"].update(config)
        _, finalize = create_console_logger()(nlp, out, io.StringIO())
        finalize()
        assert ("Note: the training data of 'crf_ner'" in out.getvalue()) == bool(said)
        assert said in out.getvalue()
