"""The one exception that users of this package meet."""

from pathlib import Path

MOST_SHOWN = 60  # characters of a value that a message shows


def shortened(text: str) -> str:
    """RETURNS (str): A text cut to `MOST_SHOWN` characters."""
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


class DossierError(Exception):
    """A problem the user can solve: what is wrong, where, with which value, and what to do.

    message (str): What is wrong, without a final full stop.
    file (Path | str | None): The file the problem is in.
    line (int | None): Its line, counted from 1.
    value (object): The offending value, quoted in the message.
    remedy (str | None): What the user can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.value = value
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        where = "" if self.file is None else str(self.file)
        if self.line is not None:
            where += f":{self.line}"
        text = f"{where}: {self.message}" if where else self.message
        if self.value is not None:
            text += f", found {shortened(repr(self.value))}"
        if self.remedy:
            text += f". {self.remedy}"
        return " ".join(text.split("\n"))
