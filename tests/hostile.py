"""Inputs that a careless expression goes over again and again."""

import signal
from collections.abc import Callable
from typing import Any

SECONDS = 20.0  # a hundred times what the slowest takes here; what is quadratic takes many minutes


def ends(function: Callable[..., Any], *arguments: Any) -> Any:
    """RETURNS (Any): What the function returns. RAISES (TimeoutError): It seems never to end."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"not done within {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
