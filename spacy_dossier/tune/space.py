"""A YAML file that says which settings to search, as a typed model → Optuna's distributions."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import srsly
from confection import Config
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from spacy.util import dot_to_object

from ..errors import DossierError


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FloatRange(Strict):
    type: Literal["float"]
    low: float
    high: float
    log: bool = False

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


class IntRange(Strict):
    type: Literal["int"]
    low: int
    high: int
    log: bool = False

    def distribution(self) -> BaseDistribution:
        return IntDistribution(self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high


class Choices(Strict):
    type: Literal["choice"]
    choices: list[bool | int | float | str | None] = Field(min_length=1)

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.choices)

    def holds(self, value: Any) -> bool:
        return value in self.choices


class Space(Strict):
    """The settings to search, by their dotted paths in the config."""

    parameters: dict[str, FloatRange | IntRange | Choices] = Field(min_length=1)

    def distributions(self) -> dict[str, BaseDistribution]:
        return {name: parameter.distribution() for name, parameter in self.parameters.items()}

    def settings_of(self, config: Config) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): What a config has for the settings to search, where that is in the space."""
        own = {name: dot_to_object(config, name) for name in self.parameters}
        return {name: value for name, value in own.items() if self.parameters[name].holds(value)}


def read_space(path: Path, config: Config) -> Space:
    """Read which settings to search.

    config (Config): That they are settings of.
    RAISES (DossierError): The file is none, a range is none, or the config has no such setting.
    """
    try:
        space = Space.model_validate(srsly.read_yaml(path))
        space.distributions()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DossierError(f"{place or 'the file'}: {first['msg']}", file=path, remedy=REMEDY) from None
    except (OSError, ValueError) as error:
        raise DossierError(f"no space to search ({' '.join(str(error).split())})", file=path, remedy=REMEDY) from None
    paths = list(dotted(config))
    for name in space.parameters:
        if name not in paths:
            near = get_close_matches(name, paths, n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Name a setting by its dotted path"
            raise DossierError("the config has no such setting", file=path, value=name, remedy=remedy)
    return space


REMEDY = "Give `parameters:`, each with `type: float`, `low:` and `high:`, or `type: choice` and `choices:`"


def dotted(section: dict[str, Any], prefix: str = "") -> list[str]:
    """RETURNS (list[str]): The dotted paths of all values."""
    found: list[str] = []
    for name, value in section.items():
        found += dotted(value, f"{prefix}{name}.") if isinstance(value, dict) and value else [f"{prefix}{name}"]
    return found
