"""Average the weights of trained pipelines that go on from the same one ("model soups", Wortsman et al. 2022, 3.1)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language

from ..errors import DossierError
from ..models.encoder import EncoderShim
from ..models.modules import ModuleShim, floats_of
from ..text.files import whole_folder
from .calibrate import check_output
from .corpus import load_pipeline

# Least cosine of the weights of a component. Trainings that go on from the same one have 0.98 and more, those of the
# same seed on other data 0.93, those that begin with other random weights 0.05.
LEAST_COSINE = 0.5
CALIBRATED = ("calibration", "threshold_for_precision", "threshold_by_label")  # in the `cfg` of a component

Weights = dict[tuple[int, str], NDArray[np.float64]]  # by the keys of optimizers: a node's id, a parameter's name


def average(pipelines: Sequence[str | Path], output: Path) -> dict[str, float]:
    """Write a pipeline with the mean of the weights of others; all else is of the first.

    Where one training goes on from another, each ends at another place of the same basin, and the mean is often better
    than both. Trainings that began apart have no such mean.

    pipelines (Sequence[str | Path]): Folders of two or more trained pipelines that are not calibrated.
    output (Path): Folder of the new one.
    RETURNS (dict[str, float]): For each component with weights the least cosine of the first one's with another's.
    RAISES (DossierError): The pipelines are not alike, calibrated, or no trainings that go on from the same one.
    """
    if len(pipelines) < 2:
        raise DossierError("a mean takes two pipelines or more", value=str(*pipelines))
    first = _load(pipelines[0], output)
    own = {name: _weights(pipe) for name, pipe in first.pipeline}
    sums = {name: {key: array.copy() for key, array in weights.items()} for name, weights in own.items()}
    cosines = {name: 1.0 for name, weights in own.items() if weights}
    for path in pipelines[1:]:
        other = _load(path, output)
        _check_alike(first, other, path)
        for name, pipe in other.pipeline:
            arrays = list(_weights(pipe).values())
            if [array.shape for array in arrays] != [array.shape for array in own[name].values()]:
                raise DossierError(f"{name!r} has weights of other shapes than in {pipelines[0]}", file=path)
            if arrays:
                cosines[name] = min(cosines[name], _cosine(list(own[name].values()), arrays))
            for total, array in zip(sums[name].values(), arrays, strict=True):
                total += array
        if apart := [name for name, cosine in cosines.items() if cosine < LEAST_COSINE]:
            raise DossierError(
                f"{', '.join(apart)}: the weights have nothing in common with those of {pipelines[0]}",
                file=path,
                remedy="Average trainings that go on from the same one (`source` in the config).",
            )
    means = {
        key: np.asarray(total / len(pipelines), dtype="float32")
        for weights in sums.values()
        for key, total in weights.items()
    }
    first.meta["performance"] = {}
    with whole_folder(output) as made, first.use_params(means):
        first.to_disk(made)
    return cosines


def _load(path: str | Path, output: Path) -> Language:
    """RAISES (DossierError): The pipeline lies where the mean goes, or is calibrated."""
    nlp = load_pipeline(path)
    check_output(nlp, output)
    for name, pipe in nlp.pipeline:
        cfg = getattr(pipe, "cfg", None) or {}
        if any(cfg.get(key) is not None for key in CALIBRATED):
            raise DossierError(
                f"{name!r} is calibrated, which would not hold for the mean",
                file=path,
                remedy="Give the pipelines as `spacy train` wrote them, and calibrate the mean.",
            )
    return nlp


def _check_alike(first: Language, other: Language, path: str | Path) -> None:
    """RAISES (DossierError): They differ in their components or labels."""
    for what, ours, theirs in (
        ("components", first.pipe_factories, other.pipe_factories),
        ("labels", first.pipe_labels, other.pipe_labels),
    ):
        if ours != theirs:
            name = next(name for name in [*ours, *theirs] if ours.get(name) != theirs.get(name))
            raise DossierError(f"other {what} than in the first pipeline, at {name!r}", file=path)


def _weights(pipe: Any) -> Weights:
    """RETURNS (dict): The weights of a component, in an order that is the same for two of the same config.

    RAISES (DossierError): Some cannot be replaced.
    """
    model = getattr(pipe, "model", None)
    return {} if model is None or model is True else dict(_parameters(pipe.name, model))


def _parameters(component: str, model: Any) -> Iterator[tuple[tuple[int, str], NDArray[np.float64]]]:
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name):
                yield (node.id, name), node.ops.to_numpy(node.get_param(name)).astype("float64")
        for shim in node.shims:
            if isinstance(shim, EncoderShim) and shim.base is not None:
                raise DossierError(
                    f"{component!r} was trained with LoRA: a mean of its matrices is not that of products"
                )
            if not isinstance(shim, EncoderShim | ModuleShim):
                raise DossierError(f"the weights of {component!r} cannot be replaced", value=type(shim).__name__)
            for name, tensor in floats_of(shim._model).items():
                yield (shim.id, name), tensor.detach().cpu().double().numpy()


def _cosine(ours: Sequence[NDArray[np.float64]], theirs: Sequence[NDArray[np.float64]]) -> float:
    product = sum(float(np.vdot(a, b)) for a, b in zip(ours, theirs, strict=True))
    squares = [sum(float(np.vdot(a, a)) for a in arrays) for arrays in (ours, theirs)]
    length = float(np.sqrt(squares[0] * squares[1]))
    return product / length if length else 1.0
