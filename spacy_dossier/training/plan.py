"""`spacy-dossier.plan_training.v1`: as many steps as the corpus needs; for [initialize.before_init]."""

import math
from collections.abc import Callable
from typing import Any

from spacy.language import Language
from spacy.util import dot_to_object, registry

from ..errors import DossierError

EVALUATIONS = 8  # of a planned training
PATIENCE = 3  # evaluations without a better score, after which training ends


def create_plan_training(epochs: float = 4.0, least_steps: int = 280) -> Callable[[Language], Language]:
    """Put numbers in the place of zeros and variables in [training].

    Where `max_steps` is 0, it becomes the batches of so many epochs of the training corpus, and `patience`, where that is
    0 too, the steps of PATIENCE evaluations. With `max_epochs` it becomes the batches of those, and `patience` stays: a
    learning rate that ends at `total_steps = ${training.max_steps}` would else be 0 once it is warm. An `eval_frequency`
    of 0 becomes such that there are EVALUATIONS. Then the variables of [training.optimizer] get their values:
    `nlp.create_optimizer`, which `nlp.resume_training`, `nlp.rehearse`, `nlp.update` without an optimizer and `spacy
    debug data` call, cannot read them otherwise.

    epochs (float): Passes over the training corpus.
    least_steps (int): Steps of a small corpus, or of one that cannot be read, as where `nlp.initialize` is given
        examples made by hand.
    RAISES (DossierError): A number that plans nothing; or there is nothing to plan by, as `max_epochs = -1` streams the
        corpus, which may have no end.
    """
    if not epochs > 0 or least_steps < 1:
        raise DossierError(
            "a plan of training needs epochs above 0 and one step at least", value=f"{epochs}, {least_steps}"
        )

    def plan_training(nlp: Language) -> Language:
        config = nlp.config
        training = config.get("training", {})
        endless, given = not training.get("max_steps", 1), training.get("max_epochs", 0)
        if endless and given < 0:
            raise DossierError(
                "a corpus that is streamed (max_epochs = -1) has no length to plan the steps by",
                remedy="Set training.max_steps",
            )
        planned = endless and not given
        if planned:
            training["max_steps"] = max(least_steps, math.ceil(epochs * batches_of_an_epoch(nlp)))
        elif endless:
            training["max_steps"] = given * batches_of_an_epoch(nlp) or least_steps
        if not training.get("eval_frequency", 1):
            training["eval_frequency"] = max(1, math.ceil(training["max_steps"] / EVALUATIONS))
        if planned and not training.get("patience", 1):
            training["patience"] = PATIENCE * training["eval_frequency"]
        if "optimizer" in training:
            training["optimizer"] = config.interpolate()["training"]["optimizer"]
        nlp.config = config
        return nlp

    return plan_training


def batches_of_an_epoch(nlp: Language) -> int:
    """RETURNS (int): Batches of one pass over the training corpus, as the config reads and divides it; 0 where it
    cannot be read."""
    config: dict[str, Any] = nlp.config.interpolate()
    parts = registry.resolve({"corpora": config["corpora"], "batcher": config["training"]["batcher"]})
    corpus = dot_to_object(parts, config["training"]["train_corpus"])
    try:
        return sum(1 for _ in parts["batcher"](corpus(nlp)))
    except DossierError:
        return 0
