"""Average the weights of trained pipelines that go on from the same one ("model soups", Wortsman et al. 2022)."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from thinc.api import Model

from ..errors import DossierError
from ..models.encoder import EncoderShim
from ..models.modules import ModuleShim, floats_of
from ..text.files import whole_folder
from .calibrate import check_output
from .classes.stored import is_current
from .corpus import load_pipeline

# Least cosine of the weights of a layer. Trainings that go on from the same one have 0.96 and more in all layers, those
# that begin with other random weights 0.05.
LEAST_COSINE = 0.9


class Weights(NamedTuple):
    """An array of a component."""

    component: str
    key: tuple[int, str]  # as optimizers have it: the id of the node or shim, and the name there
    array: NDArray[np.float32]
    is_learnt: bool  # not counted in training


def average(pipelines: Sequence[str | Path], output: Path) -> dict[str, float]:
    """Write a pipeline with the mean of the weights of others; all else is of the first.

    Where one training goes on from another, each ends at another place of the same basin, and their mean is often
    better than both. Trainings that began apart have no such mean.

    pipelines (Sequence[str | Path]): Two or more trained pipelines that are not calibrated.
    output (Path): Folder of the new one.
    RETURNS (dict[str, float]): For each component the least cosine of the weights of a layer with those of the first
        pipeline.
    RAISES (DossierError): The pipelines are not alike, the same, calibrated, or do not go on from the same one.
    """
    if len(pipelines) < 2:
        raise DossierError("a mean takes two pipelines or more", value=" ".join(map(str, pipelines)))
    first = _load(pipelines[0], output)
    own = list(_weights(first, pipelines[0]))
    sums = [weights.array.astype("float64") for weights in own]
    least: dict[str, float] = {}
    for path in pipelines[1:]:
        other = _load(path, output)
        _check_alike(first, other, path)
        theirs = list(_weights(other, path))
        if [weights.array.shape for weights in own] != [weights.array.shape for weights in theirs]:
            raise DossierError(f"the weights have other shapes than in {pipelines[0]}", file=path)
        if all(np.array_equal(a.array, b.array) for a, b in zip(own, theirs, strict=True) if a.is_learnt):
            raise DossierError(f"the weights are the same as in {pipelines[0]}", file=path)
        cosines = _cosines(own, theirs)
        if apart := [name for name, cosine in cosines.items() if cosine < LEAST_COSINE]:
            raise DossierError(
                f"{', '.join(apart)}: the weights have too little in common with those of {pipelines[0]}",
                file=path,
                remedy="Average trainings of which one goes on from the other, as with configs/further.cfg.",
            )
        least = {name: min(cosine, least.get(name, 1.0)) for name, cosine in cosines.items()}
        for total, weights in zip(sums, theirs, strict=True):
            total += weights.array
    means = {
        weights.key: np.asarray(total / len(pipelines), dtype="float32")
        for weights, total in zip(own, sums, strict=True)
    }
    first.meta["performance"] = {}
    with whole_folder(output) as made, contextlib.ExitStack() as stack:
        for _, model in _models(first):
            stack.enter_context(model.use_params(means))
        first.to_disk(made)
    return least


def _load(path: str | Path, output: Path) -> Language:
    """RAISES (DossierError): The pipeline lies where the mean goes, or is calibrated."""
    nlp = load_pipeline(path)
    if nlp.path is not None and nlp.path.resolve() == output.resolve():
        raise DossierError("the output is one of the pipelines", file=output, remedy="Choose another folder.")
    check_output(nlp, output)
    for name, pipe in nlp.components:
        cfg = getattr(pipe, "cfg", None) or {}
        held = cfg.get("calibration") is not None or cfg.get("threshold_for_precision") is not None
        if is_current(pipe) if isinstance(pipe, TextCategorizer) else held:
            raise DossierError(
                f"{name!r} is calibrated, which would not hold for the mean",
                file=path,
                remedy="Give pipelines that are not, and calibrate the mean.",
            )
    return nlp


def _check_alike(first: Language, other: Language, path: str | Path) -> None:
    """RAISES (DossierError): They differ in their components, or in what the rows of their weights stand for."""
    if first.component_names != other.component_names or first.pipe_factories != other.pipe_factories:
        names = ", ".join(other.component_names)
        raise DossierError("other components than in the first pipeline", file=path, value=names)
    for (name, ours), (_, theirs) in zip(first.components, other.components, strict=True):
        if _rows(ours) != _rows(theirs):
            raise DossierError(f"other labels than in the first pipeline, at {name!r}", file=path)


def _rows(pipe: Any) -> list[Any]:
    """RETURNS (list): What is numbered: labels, in spaCy's parsers and lemmatizers beside actions and trees, and the
    types of what relations hold between."""
    names = [getattr(pipe, name, None) for name in ("labels", "move_names", "label_data")]
    return [*names, (getattr(pipe, "cfg", None) or {}).get("types")]


def _models(nlp: Language) -> Iterator[tuple[str, Model[Any, Any]]]:
    """YIELDS (tuple[str, Model]): Those of all components, disabled ones too."""
    for name, pipe in nlp.components:
        if isinstance(model := getattr(pipe, "model", None), Model):
            yield name, model


def _weights(nlp: Language, path: str | Path) -> Iterator[Weights]:
    """In an order that is the same for two pipelines of the same components.

    RAISES (DossierError): There are none yet, or they cannot be replaced.
    """
    for component, model in _models(nlp):
        for node in model.walk():
            for name in node.param_names:
                if node.has_param(name):
                    yield Weights(component, (node.id, name), node.ops.to_numpy(node.get_param(name)), True)
            for shim in node.shims:
                if isinstance(shim, EncoderShim) and shim.base is not None:
                    raise DossierError(f"{component!r} was trained with LoRA, of which no mean is known", file=path)
                if not isinstance(shim, EncoderShim | ModuleShim) or shim._model is None:
                    raise DossierError(f"{component!r} has no weights that could be averaged", file=path)
                learnt = dict(shim._model.named_parameters())
                for name, tensor in floats_of(shim._model).items():
                    yield Weights(component, (shim.id, name), tensor.detach().cpu().numpy(), name in learnt)


def _cosines(ours: Sequence[Weights], theirs: Sequence[Weights]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The least of a layer, by component. A PyTorch module counts as one layer."""
    layers: dict[tuple[str, int], NDArray[np.float64]] = defaultdict(lambda: np.zeros(3))
    for a, b in zip(ours, theirs, strict=True):
        if a.is_learnt:
            pairs = ((a.array, b.array), (a.array, a.array), (b.array, b.array))
            layers[a.component, a.key[0]] += [np.vdot(x.astype("float64"), y) for x, y in pairs]
    least: dict[str, float] = {}
    for (component, _), (product, *squares) in layers.items():
        length = float(np.sqrt(squares[0] * squares[1]))
        least[component] = min(float(product) / length if length else 1.0, least.get(component, 1.0))
    return least
