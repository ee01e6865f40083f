"""The text of a field: lists of sentences, marks that corpora put into it, words for nothing."""

from typing import Any

from ...text.words import word_set

# Marks that public corpora put between documents and lines (Multi-News), and between the sentences of a summary (the
# CNN/DailyMail of BertSum). An article may quote with the last one, as HTML does.
BETWEEN_DOCUMENTS = "|||||"
BETWEEN_LINES = "NEWLINE_CHAR"
BETWEEN_SENTENCES = "<q>"
AROUND_SENTENCES = (("<S>", "</S>"), ("<t>", "</t>"))  # arXiv and PubMed; CNN/DailyMail of OpenNMT
# What programs write for nothing: pandas, Python, SQL, MySQL, spreadsheets.
NOTHING = word_set(r"nan none null nil \N n/a #n/a na <na> undefined") | {"\\n"}
# Names of fields in which a list holds several summaries, not the sentences of one: SciTLDR, XL-Sum, WCEP …
ALTERNATIVES = word_set("target targets tldr tldrs reference references ref_summaries summaries highlights_list")


def is_nothing(text: str) -> bool:
    """RETURNS (bool): Whether a text is empty, or a word that programs write for nothing."""
    return not text.strip() or text.strip().lower() in NOTHING


def alternatives(name: str, value: Any) -> list[Any]:
    """RETURNS (list[Any]): The summaries of one text that a field holds: several by its name, or the one value."""
    several = name.lower() in ALTERNATIVES and isinstance(value, (list, tuple)) and value
    return list(value) if several else [value]


def text_of(value: Any, side: str) -> str | None:
    """RETURNS (str | None): A field as text; lists become lines, and so do marks of corpora. Empty for null."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        return None
    for opening, closing in AROUND_SENTENCES:
        if value.lstrip().startswith(opening):
            value = _unwrap(value, opening, closing)
    if BETWEEN_DOCUMENTS in value:
        value = _replace_mark(value, BETWEEN_DOCUMENTS, "\n\n", None).strip("\n")
    value = _replace_mark(value, BETWEEN_LINES, "\n", " ")
    # HTML closes its quotations, the mark of a summary stands alone.
    if side == "summary" and "</q>" not in value:
        value = _replace_mark(value, BETWEEN_SENTENCES, "\n", " ")
    return value


def _replace_mark(text: str, mark: str, by: str, blanks: str | None) -> str:
    """RETURNS (str): Text with something else in the place of a mark and the blanks (None: any) around it."""
    first, *rest = text.split(mark)
    if not rest:
        return text
    *inner, last = rest
    return by.join((first.rstrip(blanks), *(part.strip(blanks) for part in inner), last.lstrip(blanks)))


def _unwrap(text: str, opening: str, closing: str) -> str:
    """RETURNS (str): A line for each sentence between two marks; the text itself if something stands outside them."""
    *sentences, rest = (part.strip() for part in text.split(closing))
    if rest or not all(sentence.startswith(opening) for sentence in sentences):
        return text
    return "\n".join(sentence.removeprefix(opening).strip() for sentence in sentences)
