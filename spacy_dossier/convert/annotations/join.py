"""Answers of annotators into a corpus: each text by its id, or by itself where there is none."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from spacy.language import Language
from spacy.tokens import Doc

from .docs import align, make_doc
from .document import Annotated, Mark
from .formats.base import file_name


@dataclass
class JoinReport:
    """What became of a corpus.

    kept, replaced, added (int): Texts without an answer, with one, and answers that the corpus did not have.
    inside (list[str]): Spans that begin or end inside a token, each with the nearest span of tokens.
    conflicts (list[str]): Texts with answers that differ, of which the last counts, and answers under an id whose text
        is another, which do not count.
    """

    kept: int = 0
    replaced: int = 0
    added: int = 0
    inside: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def join(
    docs: Iterable[Doc], answers: Iterable[tuple[str, Annotated]], nlp: Language, *, mode: str = "strict"
) -> tuple[list[Doc], JoinReport]:
    """Put answers into a corpus; the tokens, sentences and all else of its documents stay. A text that nobody annotated
    is no answer.

    docs (Iterable[Doc]): The corpus.
    answers (Iterable[tuple[str, Annotated]]): Names of files and the texts in them, the later the more they count.
    nlp (Language): A pipeline whose tokenizer finds the tokens of texts that the corpus has not.
    mode (str): See `make_doc`.
    RETURNS (tuple[list[Doc], JoinReport]): The corpus, and what became of it.
    """
    report, corpus = JoinReport(), list(docs)
    places: dict[str, list[int]] = {}
    for i, doc in enumerate(corpus):
        places.setdefault(doc.text, []).append(i)
    ids = {str(doc.user_data["id"]) for doc in corpus if doc.user_data.get("id")}
    last: dict[tuple[str, str], tuple[str, Annotated]] = {}
    for name, answer in answers:
        if answer.silent:
            continue
        if answer.id in ids and not _found(corpus, places, answer):
            report.conflicts.append(f"{answer.id} in {name}: its text is not that of the corpus; left out")
            continue
        key = (answer.id, answer.text)
        if key in last and _said(last[key][1]) != _said(answer):
            what = answer.id or repr(answer.text[:40])
            report.conflicts.append(f"{what}: {last[key][0]} and {name} differ; {name} counts")
        last[key] = (name, answer)
    replaced: set[int] = set()
    for name, answer in last.values():
        found = _found(corpus, places, answer)
        replaced.update(found)
        report.added += not found
        for aligned in [align(corpus[i], answer, mode=mode) for i in found] or [make_doc(nlp, answer, mode=mode)]:
            for mark, nearest in aligned.inside:
                words = answer.text[mark.start : mark.end]
                report.inside.append(f"{mark.label} {words!r}, the nearest tokens {nearest!r}: {answer.id} in {name}")
            if not found:
                corpus.append(aligned.doc)
    report.replaced = len(replaced)
    report.kept = len(corpus) - report.replaced - report.added
    return corpus, report


def _found(corpus: list[Doc], places: dict[str, list[int]], answer: Annotated) -> list[int]:
    """RETURNS (list[int]): The documents with the text and id of an answer, which may be the id as it names a file;
    with its text, if either has no id.
    """
    ids = {i: str(corpus[i].user_data.get("id") or answer.id) for i in places.get(answer.text, [])}
    return [i for i, id in ids.items() if not answer.id or answer.id in (id, file_name(id))]


def _said(text: Annotated) -> tuple[set[Mark], list[tuple[int, int]]]:
    """RETURNS (tuple): What is marked, without scores, and where nothing is said."""
    return {Mark(*mark[:3]) for mark in text.marks}, text.missing
