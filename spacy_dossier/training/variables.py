"""`spacy-dossier.resolve_optimizer.v1`: lets a trained pipeline be trained on."""

from collections.abc import Callable

from spacy.language import Language


def create_resolve_optimizer() -> Callable[[Language], Language]:
    """Put values in the place of variables in [training.optimizer]; for [initialize.before_init].

    `spacy train` does so by itself. `nlp.create_optimizer`, which `nlp.resume_training`, `nlp.rehearse`, `nlp.update`
    without an optimizer and `spacy debug data` call, does not, and so cannot read `total_steps = ${training.max_steps}`.
    """

    def resolve_optimizer(nlp: Language) -> Language:
        config = nlp.config
        if "optimizer" in config.get("training", {}):
            config["training"]["optimizer"] = config.interpolate()["training"]["optimizer"]
            nlp.config = config
        return nlp

    return resolve_optimizer
