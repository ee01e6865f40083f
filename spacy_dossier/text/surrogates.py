"""Halves of surrogate pairs, which Python's strings may hold and no UTF-8 file can."""

from __future__ import annotations


def has_surrogates(text: str) -> bool:
    """RETURNS (bool): Whether a text holds any, such as bytes that could not be decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def clean(text: str) -> str:
    """RETURNS (str): The text with U+FFFD for each half that has no other."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if has_surrogates(text) else text
