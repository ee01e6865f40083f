"""Tables of words."""


def word_set(text: str) -> frozenset[str]:
    """RETURNS (frozenset[str]): The words of a text, for tables that are easier to read without quotes."""
    return frozenset(text.split())
