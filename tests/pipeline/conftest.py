"""A whole pipeline on a tiny encoder, as configs/default.cfg makes it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import fix_random_seed

from .summaries import PAIRS, reference

TEXT = (
    "Anna Kovacs flew to Lisbon and signed for Nordwind AG.\n\nThe harbour of Rotterdam was closed on Monday. "
    "Nobody in Lagos knows Mr. Okafor.\n\nThree ships waited outside. Zoë paid for a café in São Paulo."
)


def whole_examples(nlp: Language) -> list[Example]:
    """Entities and sentences of a text, and two articles with summaries."""
    found = {"Anna Kovacs": "PER", "Lisbon": "LOC", "Nordwind AG": "ORG"}
    doc = nlp.make_doc(TEXT)
    doc.set_ents(
        [doc.char_span(TEXT.index(name), TEXT.index(name) + len(name), label) for name, label in found.items()]
    )
    for token in doc:
        token.is_sent_start = token.i == 0 or doc[token.i - 1].is_space or doc[token.i - 1].text == "."
    pairs = [Example(nlp.make_doc(text), reference(nlp, text, summary)) for text, summary in PAIRS]
    return [Example(nlp.make_doc(TEXT), doc), *pairs]


@pytest.fixture(scope="session")
def make_whole(root: Path, tiny_encoder: Path) -> Callable[[], Language]:
    """Makes the pipeline of configs/default.cfg on a tiny encoder, and trains it for some steps."""

    def make() -> Language:
        fix_random_seed(0)
        # In float32, in which a document's results do not depend on its neighbours in a batch.
        model = {"window": 40, "runtime": "torch"}
        given = {f"components.transformer.model.{name}": value for name, value in model.items()}
        given["paths.encoder"] = str(tiny_encoder)
        nlp = load_model_from_config(load_config(root / "configs" / "default.cfg", overrides=given), auto_fill=True)
        examples = whole_examples(nlp)
        optimizer = nlp.initialize(lambda: examples)
        optimizer.learn_rate = 0.01
        for _ in range(15):
            nlp.update(examples, sgd=optimizer)
        return nlp

    return make


@pytest.fixture(scope="session")
def whole_folder(make_whole: Callable[[], Language], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained pipeline on disk."""
    folder = tmp_path_factory.mktemp("whole") / "pipeline"
    make_whole().to_disk(folder)
    return folder


@pytest.fixture
def whole(whole_folder: Path) -> Language:
    """The trained pipeline, loaded anew: a test may change it."""
    return spacy.load(whole_folder)
