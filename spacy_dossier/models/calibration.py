"""The map from raw to calibrated confidence, as a component applies it; `evaluate.calibration` fits it.

All maps are special cases of beta calibration (Kull, Silva Filho & Flach 2017)

    logit(q) = a · ln(p) − b · ln(1 − p) + c,    a, b > 0
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

EPSILON = 1e-6  # confidences are kept this far from 0 and 1: float32 marginals reach them


@dataclass(frozen=True)
class Calibration:
    """A monotone map from raw to calibrated confidence.

    method (str): Name of the family: identity, temperature, logistic or beta.
    a, b, c (float): Its parameters; `a` and `b` are positive.
    """

    method: str = "identity"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def apply(self, confidences: np.ndarray) -> np.ndarray:
        """Map confidences.

        confidences (ndarray): Probabilities of any shape.
        RETURNS (ndarray): Calibrated probabilities of the same shape, float64.
        """
        p = np.asarray(confidences, dtype=float)
        if self.method == "identity":
            return p
        log_p, log_q = log_odds_parts(p)
        return sigmoid(self.a * log_p - self.b * log_q + self.c)

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): The map as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Calibration":
        """Read what `to_dict` gave."""
        return cls(str(data["method"]), float(data["a"]), float(data["b"]), float(data["c"]))


def log_odds_parts(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    return np.log(clipped), np.log1p(-clipped)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))
