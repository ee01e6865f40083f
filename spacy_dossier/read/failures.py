"""What may be wrong with a document: a small number of words that a table of failures can be counted by."""

from __future__ import annotations

import errno
from typing import Literal, get_args

from ..errors import DossierError

FailureKind = Literal[
    "NotFound",
    "NoPermission",
    "NotAFile",
    "DiskError",
    "Changed",
    "Empty",
    "EmptyArchive",
    "NoText",
    "NoUnicode",
    "Unsupported",
    "PasswordProtected",
    "Corrupt",
    "BadRow",
    "TooLarge",
    "ArchiveTooDeep",
    "OcrFailed",
    "Timeout",
    "OutOfMemory",
    "Killed",
    "Crash",
    "PipelineError",
    "BadOffsets",
    "RecordError",
]
MEANINGS: dict[FailureKind, str] = {
    "NotFound": "It was listed and is not there.",
    "NoPermission": "It may not be read.",
    "NotAFile": "A pipe, a socket or a device.",
    "DiskError": "The system could not read it.",
    "Changed": "Rows that were planned are no longer in their table.",
    "Empty": "A file without bytes, or a table without rows.",
    "EmptyArchive": "An archive without files.",
    "NoText": "It was read, and there is no text in it: a scan, a drawing.",
    "NoUnicode": "A PDF whose fonts do not say which characters their glyphs are.",
    "Unsupported": "Of a format that nothing here reads, or of none; or its characters are in no known encoding.",
    "PasswordProtected": "It needs a password.",
    "Corrupt": "It is broken: the rules of its own format do not hold.",
    "BadRow": "A row of a table without a text, or that cannot be parsed.",
    "TooLarge": "It unpacks to more than is read, or a row is longer.",
    "ArchiveTooDeep": "Archives in archives, more levels than are read.",
    "OcrFailed": "Tesseract could not read a page.",
    "Timeout": "Reading it, or the pipeline, took longer than the limit.",
    "OutOfMemory": "Reading it, or the pipeline, took more memory than there is for it.",
    "Killed": "The process that read it was ended from outside, twice, as the system does when memory runs out.",
    "Crash": "It ends the process it is in, each time.",
    "PipelineError": "A component of the pipeline raised an exception.",
    "BadOffsets": "A component of the pipeline set offsets that lie outside the text.",
    "RecordError": "What was found cannot be written in a format that was asked for.",
}
KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
# What may be otherwise when the same bytes are read again: the next run does.
PASSING: frozenset[FailureKind] = frozenset(("NotFound", "NoPermission", "DiskError", "Changed", "Killed"))
# What the system says when it is the machine that has run out of something, and no file is to blame.
EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN}


class MachineFault(DossierError):
    """The machine has run out of something. It would be so for any document, so that none is to blame.

    reason (str): What the system says.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        remedy = "No document is to blame and nothing done is lost: the same command goes on"
        super().__init__(f"reading cannot go on: {reason}", remedy=remedy)


def of_system(error: OSError) -> tuple[FailureKind, str]:
    """RETURNS (tuple): Kind and message of what the system says. RAISES (MachineFault): It is no fault of it."""
    reason = error.strerror or str(error)
    if error.errno in EXHAUSTED:
        raise MachineFault(f"{reason} ({error.filename})" if error.filename else reason) from None
    if not error.errno:
        return ("NotAFile", reason)  # said by `read_file`, not by the system
    if error.errno == errno.ENOMEM:
        return ("OutOfMemory", "reading it takes more memory than the limit allows")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ("NotFound", reason)
    return ("NoPermission" if isinstance(error, PermissionError) else "DiskError", reason)


def broken(error: Exception) -> tuple[FailureKind, str]:
    """Tell what an exception says of a file, in which libraries raise what they like.

    RETURNS (tuple): Kind and message; no name of a type, which says nothing to those who read tables of failures.
    RAISES (MachineFault): It is not the file.
    """
    if isinstance(error, MemoryError):
        return ("OutOfMemory", "reading it takes more memory than the limit allows")
    if isinstance(error, RecursionError):
        return ("Corrupt", "nested too deep")
    if isinstance(error, OSError) and error.errno:
        return of_system(error)
    if isinstance(error, LookupError):
        return ("Corrupt", f"it lacks a part: {error}" if str(error) else "it lacks a part")
    return ("Corrupt", str(error) or "it breaks the rules of its format")
